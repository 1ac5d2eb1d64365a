//! The session cookie: the person who signed in last at a browser, so that a page can say "as X".
//!
//! A session shortens the consent page and names a person on it. It never replaces a login: a code is given only to a
//! person who has just signed in upstream. The person's name and address are kept in this cookie and in that of the
//! account page, and nowhere else.

use std::fmt;
use std::time::Duration;

use crate::browser::cookie::{Cookies, PREFIX, SetCookie};
use crate::codec::{Reader, Writer};
use crate::display::displayable;
use crate::entropy::{Entropy, random};
use crate::id::{self, BrowserId};
use crate::issuer::Issuer;
use crate::keys::{KeyId, Keys, Purpose};
use crate::subject::Subject;
use crate::time::Timestamp;

const FORMAT: u8 = 1;
/// The longest cookie value that is opened, in characters; the largest that is made fits.
const MAX_CHARS: usize = 3072;
const MAX_NAME: usize = 64;
const MAX_EMAIL: usize = 128;

/// A subject, with the name and address that the upstream gave.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// The person's identity.
    pub subject: Subject,
    /// Displayable, at most 64 characters. People choose it themselves, so a page never shows it alone.
    pub name: Option<String>,
    email: Option<String>,
}

impl Person {
    /// Makes name and address displayable; unusable ones are left out.
    pub fn new(subject: Subject, name: Option<&str>, email: Option<&str>) -> Self {
        let shown = |text: Option<&str>, max| text.and_then(|text| displayable(text, max));
        Self { subject, name: shown(name, MAX_NAME), email: shown(email, MAX_EMAIL) }
    }

    /// As a sealed cookie holds the person; [`Person::read`] reads it.
    pub(crate) fn write(&self, writer: Writer) -> Writer {
        writer
            .text(self.subject.as_str())
            .text(self.name.as_deref().unwrap_or_default())
            .text(self.email.as_deref().unwrap_or_default())
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (subject, name, email) = (reader.text()?, reader.text()?, reader.text()?);
        Some(Self::new(Subject::from_record(subject.to_owned()), Some(name), Some(email)))
    }

    /// Tells people of the same name apart: the e-mail address that the upstream gave, or else the stable id.
    pub fn account(&self) -> &str {
        self.email.as_deref().unwrap_or(self.subject.stable_id())
    }
}

/// Names and addresses stay out of logs.
impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Person({}, ..)", self.subject)
    }
}

/// A session that is valid now. Only [`Cookies::session`] makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The person who signed in last.
    pub person: Person,
}

impl Cookies {
    /// The browser's session; `None` if it has none of this issuer, or an ended one.
    pub fn session(&self, issuer: &Issuer, keys: &Keys, now: Timestamp) -> Option<Session> {
        let text = self.single(&name(issuer)).filter(|text| text.len() <= MAX_CHARS)?;
        let bytes = id::decode_vec(text)?;
        let (key, sealed) = bytes.split_first_chunk::<4>()?;
        let key = keys.find(Purpose::Cookie, KeyId::from_bytes(*key))?;
        let open = |browser: &BrowserId| key.open(&context(&issuer.url.digest(), browser), sealed);
        let plaintext = self.browsers(issuer, keys).iter().find_map(open)?;
        let mut reader = Reader::new(&plaintext);
        let [format] = reader.array()?;
        let expires_at = Timestamp::from_millis(u64::from_be_bytes(reader.array()?));
        let person = Person::read(&mut reader)?;
        reader.end()?;
        let lives = now < expires_at && now.is_until(expires_at, issuer.lifetimes.session);
        (format == FORMAT && lives).then_some(Session { person })
    }
}

/// The session of a person in a browser, to be set as a cookie.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    /// The person who has just signed in.
    pub person: &'a Person,
    /// The id of the browser.
    pub browser: BrowserId,
}

impl NewSession<'_> {
    /// A new session cookie for every callback, so that one planted before the login is worthless (session fixation). It is
    /// sealed for the browser's own id and ends with it: stolen alone, it opens in no other browser.
    pub fn set(&self, issuer: &Issuer, keys: &Keys, entropy: &dyn Entropy, now: Timestamp) -> SetCookie {
        let Self { person, browser } = *self;
        // The session has a context of its own under the cookies' keys: it is replaced together with the cookie it belongs
        // to, also in an emergency, and opens as nothing else.
        let key = keys.active(Purpose::Cookie);
        let writer = Writer::default().bytes(&[FORMAT]).bytes(&(now + issuer.lifetimes.session).millis().to_be_bytes());
        let plaintext = person.write(writer).finish();
        let sealed = key.seal(&context(&issuer.url.digest(), &browser), random(entropy), &plaintext);
        let value = id::encode(&[key.id.bytes().as_slice(), &sealed].concat());
        SetCookie { name: name(issuer), value, max_age: Some(issuer.lifetimes.session) }
    }
}

/// Ends the session, for a person who says that it names another.
pub fn delete(issuer: &Issuer) -> SetCookie {
    SetCookie { name: name(issuer), value: String::new(), max_age: Some(Duration::ZERO) }
}

fn name(issuer: &Issuer) -> String {
    format!("{PREFIX}session-{}", id::encode(&issuer.url.digest()))
}

fn context<'a>(issuer: &'a [u8; 16], browser: &'a BrowserId) -> [&'a [u8]; 3] {
    [b"session", issuer, browser.bytes()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::browser::cookie;
    use crate::entropy::tests::Counting;
    use crate::issuer::IssuerUrl;
    use crate::issuer::tests::issuer;
    use crate::keys::tests::keys;
    use crate::subject::UpstreamId;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::EPOCH;
    const ALICE: BrowserId = BrowserId::from_bytes([1; 16]);

    fn person(name: &str) -> Person {
        Person::new(Subject::new(&UpstreamId::parse("idp").unwrap(), "alice").unwrap(), Some(name), None)
    }

    fn k() -> Keys {
        keys("https://gate.example", 1)
    }

    fn minted() -> SetCookie {
        NewSession { person: &person("Alice"), browser: ALICE }.set(&issuer(), &k(), &Counting::default(), NOW)
    }

    fn found(values: &[&SetCookie], browser: BrowserId, now: Timestamp) -> Option<Session> {
        let browser = cookie::set_browser(&issuer(), &k(), browser);
        let sent = values.iter().copied().chain([&browser]);
        let cookies = Cookies(sent.map(|cookie| (cookie.name.clone(), cookie.value.clone())).collect());
        cookies.session(&issuer(), &k(), now)
    }

    /// Requirements: B37.
    #[test]
    fn a_session_names_its_person_until_it_ends() {
        let end = NOW + issuer().lifetimes.session;
        assert_eq!(found(&[&minted()], ALICE, NOW), Some(Session { person: person("Alice") }));
        assert!(found(&[&minted()], ALICE, NOW + (issuer().lifetimes.session - Duration::from_millis(1))).is_some());
        assert_eq!(found(&[&minted()], ALICE, end), None);
        assert!(minted().value.len() < 4096 / 2);
    }

    /// Requirements: B37.
    #[test]
    fn a_session_opens_only_in_its_own_browser_and_if_sent_once() {
        assert_eq!(found(&[&minted()], BrowserId::from_bytes([2; 16]), NOW), None, "stolen");
        assert_eq!(found(&[&minted(), &minted()], ALICE, NOW), None, "sent twice");
        let another = cookie::set_browser(&issuer(), &k(), BrowserId::from_bytes([0; 16]));
        assert!(found(&[&another, &minted()], ALICE, NOW).is_some(), "under any of its ids");
        assert_eq!(found(&[&delete(&issuer())], ALICE, NOW), None);
    }

    #[test]
    fn another_issuers_session_is_refused_even_under_our_name() {
        let mut other = issuer();
        other.url = IssuerUrl::parse("https://gate.example/t").unwrap();
        let theirs = NewSession { person: &person("Alice"), browser: ALICE }.set(
            &other,
            &keys("https://gate.example/t", 1),
            &Counting::default(),
            NOW,
        );
        // A cookie of the other issuer, sealed with our keys.
        let confused =
            NewSession { person: &person("Alice"), browser: ALICE }.set(&other, &k(), &Counting::default(), NOW);
        for cookie in [theirs, confused] {
            assert_eq!(found(&[&cookie], ALICE, NOW), None);
            assert_eq!(found(&[&SetCookie { name: minted().name, ..cookie }], ALICE, NOW), None);
        }
    }

    #[test]
    fn names_and_addresses_from_the_upstream_are_made_displayable() {
        let subject = person("x").subject;
        let long = "\u{202E}long ".repeat(100);
        let shown = Person::new(subject.clone(), Some(&long), Some("a\u{200B}@b.example"));
        assert_eq!((shown.name.unwrap().chars().count(), shown.email.unwrap().as_str()), (64, "a@b.example"));
        let unnamed = Person::new(subject, Some("\u{200B}"), Some(" "));
        assert_eq!((unnamed.account(), unnamed.name.as_deref()), ("alice", None));
    }

    proptest! {
        /// Requirements: B12.
        #[test]
        fn no_byte_of_a_session_can_be_changed(at: prop::sample::Index, to in "[A-Za-z0-9_-]") {
            let mut changed = minted();
            let at = at.index(changed.value.len());
            changed.value.replace_range(at..=at, &to);
            let is_same = changed.value == minted().value;
            prop_assert_eq!(found(&[&changed], ALICE, NOW).is_some(), is_same);
        }
    }
}
