//! The page of connected apps: sign-in, session and forms with which a person sees and revokes their consents, and ends the
//! connection to their account at the upstream.
//!
//! The browser carries all of it, sealed or under a MAC, with names and labels of its own: no cookie, `state` or form
//! of an authorization is valid here, nor the other way round. The page shows and changes consents of the session's
//! subject only.
//!
//! No record is stored, so "once" is as strong as its parts: the answer to the callback deletes the sign-in cookie,
//! which lives for minutes, and the upstream accepts its code once (RFC 6749 §4.1.2). A callback repeated in the same
//! browser can at best sign the same person in again. A session copied out of a browser survives the sign-out there,
//! for at most [`IDLE`] without use and [`LONGEST`] in all.

use std::time::Duration;

use crate::Refusal;
use crate::browser::cookie::{Cookies, PREFIX, SetCookie};
use crate::browser::session::Person;
use crate::codec::{Reader, Writer};
use crate::consent::{Consent, ConsentStatus};
use crate::entropy::{Entropy, random};
use crate::id::{self, AccountLoginId, Attempt, ClientId};
use crate::issuer::{Issuer, IssuerUrl, UpstreamTokenPolicy};
use crate::keys::{KeyId, Keys, Purpose, short_digest};
use crate::subject::Subject;
use crate::time::Timestamp;
use crate::upstream::connection::{Connection, ConnectionState};
use crate::upstream::login::LoginSecrets;
use crate::upstream::tokens::UpstreamTokens;

/// A session ends after this time without use: people leave pages open.
pub const IDLE: Duration = Duration::from_secs(15 * 60);
/// A session ends after this time even if it is used.
pub const LONGEST: Duration = Duration::from_secs(8 * 60 * 60);
/// The page lists a revoked consent for this long.
const LISTED_AFTER_REVOCATION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// For how long the page confirms a revocation.
const CONFIRMED_AFTER_REVOCATION: Duration = Duration::from_secs(120);

/// With the person's name and address.
const FORMAT: u8 = 2;
/// Of earlier releases, with the subject alone.
const SUBJECT_FORMAT: u8 = 1;
const SESSION: &[u8] = b"account session";
const LOGIN: &str = "account login";
const FORM: &[u8] = b"account form";

/// A sign-in under way in a browser, as its cookie carries it. A browser has at most one; a later one replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLogin {
    id: AccountLoginId,
    expires_at: Timestamp,
}

impl AccountLogin {
    /// Begins a sign-in that is valid for the issuer's login lifetime.
    pub fn begin(issuer: &Issuer, entropy: &dyn Entropy, now: Timestamp) -> Self {
        Self { id: AccountLoginId::from_bytes(random(entropy)), expires_at: now + issuer.lifetimes.login }
    }

    /// `state`, PKCE verifier and nonce of the request to the upstream. The callback derives the same from the `state`
    /// ([`crate::upstream::login::returned`]).
    pub fn secrets(&self, keys: &Keys) -> LoginSecrets {
        LoginSecrets::for_account(keys.active(Purpose::Login), self.id)
    }

    /// The cookie of this sign-in.
    pub fn set(&self, issuer: &Issuer, keys: &Keys) -> SetCookie {
        let (key, expires) = (keys.active(Purpose::Cookie), self.expires_at.millis().to_be_bytes());
        let tag = key.mac(LOGIN, &[self.id.bytes(), &expires]);
        let value = [key.id.bytes().as_slice(), &expires, self.id.bytes(), &tag].concat();
        SetCookie { name: login_name(issuer), value: id::encode(&value), max_age: Some(issuer.lifetimes.login) }
    }

    /// Deletes the cookie. Every answer to the callback sends it, also a refusal.
    pub fn delete(issuer: &Issuer) -> SetCookie {
        SetCookie::delete(login_name(issuer))
    }

    /// Checks that this browser began the login `id`, and not too long ago. Without it, an attacker's link would sign a
    /// person in as the attacker (RFC 9700 §4.7).
    ///
    /// Refuses with [`Refusal::StateCookieMissing`] or [`Refusal::LoginExpired`].
    pub fn came_back(
        cookies: &Cookies,
        issuer: &Issuer,
        keys: &Keys,
        id: AccountLoginId,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let login = Self::parse(cookies, issuer, keys).filter(|login| login.id == id);
        let login = login.ok_or(Refusal::StateCookieMissing)?;
        if now.is_until(login.expires_at, issuer.lifetimes.login) { Ok(()) } else { Err(Refusal::LoginExpired) }
    }

    fn parse(cookies: &Cookies, issuer: &Issuer, keys: &Keys) -> Option<Self> {
        let bytes: [u8; 60] = id::decode(cookies.single(&login_name(issuer))?)?;
        let (key, rest) = bytes.split_first_chunk::<4>()?;
        let (expires, rest) = rest.split_first_chunk::<8>()?;
        let (id, tag) = rest.split_first_chunk::<16>()?;
        let key = keys.find(Purpose::Cookie, KeyId::from_bytes(*key))?;
        let expires_at = Timestamp::from_millis(u64::from_be_bytes(*expires));
        key.verify(LOGIN, &[id, expires], tag).then(|| Self { id: AccountLoginId::from_bytes(*id), expires_at })
    }
}

/// The session of a person on the page of connected apps. It authorizes no client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSession {
    id: [u8; 16],
    person: Person,
    begun_at: Timestamp,
}

impl AccountSession {
    /// A new session for each sign-in, so that an attacker cannot plant one (session fixation).
    pub fn begin(person: Person, entropy: &dyn Entropy, now: Timestamp) -> Self {
        Self { id: random(entropy), person, begun_at: now }
    }

    /// The session in `cookies`. Refuses with [`Refusal::AccountSessionMissing`] if there is none or it has ended.
    pub fn of(cookies: &Cookies, issuer: &Issuer, keys: &Keys, now: Timestamp) -> Result<Self, Refusal> {
        let unsealed = Self::unseal(cookies, issuer, keys).ok_or(Refusal::AccountSessionMissing)?;
        let (session, used_at) = unsealed;
        let is_used = now.age_of_record(used_at).is_below(IDLE);
        let is_young = now.age_of_record(session.begun_at).is_below(LONGEST);
        if is_used && is_young { Ok(session) } else { Err(Refusal::AccountSessionMissing) }
    }

    /// The only subject with consents that this session may see or change.
    pub fn subject(&self) -> &Subject {
        &self.person.subject
    }

    /// The person who signed in. A session of an earlier release has the subject alone.
    pub fn person(&self) -> &Person {
        &self.person
    }

    /// The cookie of the session, last used `now`. It is sealed: subject, name and address at the upstream must not show
    /// in cookie jars and logs.
    pub fn set(&self, issuer: &Issuer, keys: &Keys, entropy: &dyn Entropy, now: Timestamp) -> SetCookie {
        let key = keys.active(Purpose::Cookie);
        let writer = Writer::default()
            .bytes(&self.id)
            .bytes(&self.begun_at.millis().to_be_bytes())
            .bytes(&now.millis().to_be_bytes());
        let plaintext = self.person.write(writer).finish();
        let sealed = key.seal(&[SESSION, &[FORMAT]], random(entropy), &plaintext);
        let value = [&[FORMAT], key.id.bytes().as_slice(), &sealed].concat();
        SetCookie { name: session_name(issuer), value: id::encode(&value), max_age: Some(IDLE) }
    }

    /// Deletes the cookie, when the person signs out.
    pub fn delete(issuer: &Issuer) -> SetCookie {
        SetCookie::delete(session_name(issuer))
    }

    /// A form token that names what a button revokes. It is sealed for this session: in another session, even of the
    /// same person, it does not open, so a form made elsewhere cannot be submitted here. It names no subject, because a
    /// session has only one.
    pub fn form_token(&self, revocation: &AccountRevocation, keys: &Keys, entropy: &dyn Entropy) -> String {
        let key = keys.active(Purpose::Form);
        let plaintext = match revocation {
            AccountRevocation::All => Writer::default().bytes(&[0]),
            AccountRevocation::One { client_id, resource } => {
                Writer::default().bytes(&[1]).text(client_id.as_str()).text(resource)
            }
            AccountRevocation::Connection => Writer::default().bytes(&[2]),
        };
        let sealed = key.seal(&[FORM, &self.id], random(entropy), &plaintext.finish());
        id::encode(&[key.id.bytes().as_slice(), &sealed].concat())
    }

    /// Opens a form token of this session. Refuses with [`Refusal::FormTokenInvalid`].
    pub fn revocation(&self, form_token: &str, keys: &Keys) -> Result<AccountRevocation, Refusal> {
        let open = || {
            let bytes = id::decode_vec(form_token)?;
            let (key, sealed) = bytes.split_first_chunk::<4>()?;
            let key = keys.find(Purpose::Form, KeyId::from_bytes(*key))?;
            let plaintext = key.open(&[FORM, &self.id], sealed)?;
            let mut reader = Reader::new(&plaintext);
            let revocation = match reader.array()? {
                [0] => AccountRevocation::All,
                [1] => AccountRevocation::One {
                    client_id: ClientId::parse(reader.text()?)?,
                    resource: reader.text()?.to_owned(),
                },
                [2] => AccountRevocation::Connection,
                _ => return None,
            };
            reader.end().map(|()| revocation)
        };
        open().ok_or(Refusal::FormTokenInvalid)
    }

    fn unseal(cookies: &Cookies, issuer: &Issuer, keys: &Keys) -> Option<(Self, Timestamp)> {
        let bytes = id::decode_vec(cookies.single(&session_name(issuer))?)?;
        let (&[format], rest) = bytes.split_first_chunk::<1>()?;
        let (key, sealed) = rest.split_first_chunk::<4>()?;
        let key = keys.find(Purpose::Cookie, KeyId::from_bytes(*key))?;
        let plaintext = key.open(&[SESSION, &[format]], sealed)?;
        let mut reader = Reader::new(&plaintext);
        let id = reader.array()?;
        let begun_at = Timestamp::from_millis(u64::from_be_bytes(reader.array()?));
        let used_at = Timestamp::from_millis(u64::from_be_bytes(reader.array()?));
        let person = match format {
            FORMAT => Person::read(&mut reader)?,
            SUBJECT_FORMAT => Person::new(Subject::from_record(reader.text()?.to_owned()), None, None),
            _ => return None,
        };
        reader.end()?;
        Some((Self { id, person, begun_at }, used_at))
    }
}

/// The target of one form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountRevocation {
    /// Every consent of the person. The connection ends with the last grant.
    All,
    /// The connection to the person's account at the upstream. Consents and grants stay.
    Connection,
    /// One consent.
    One {
        /// The client.
        client_id: ClientId,
        /// Canonical URI of the resource.
        resource: String,
    },
}

/// Checks by the browser's headers that a form is of our own page. Stricter than on the consent page: the form that
/// begins a session has no token, since there is nothing yet to bind one to, so a request without both headers is
/// refused. Browsers send one of them with every POST (Fetch §3.2).
///
/// Refuses with [`Refusal::CrossSite`].
pub fn same_origin(sec_fetch_site: Option<&str>, origin: Option<&str>, issuer: &IssuerUrl) -> Result<(), Refusal> {
    match (sec_fetch_site, origin) {
        (Some("same-origin"), _) => Ok(()),
        (None, Some(origin)) if origin == issuer.origin() => Ok(()),
        (Some(_) | None, _) => Err(Refusal::CrossSite),
    }
}

/// A revocation that the page of connected apps lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecentRevocation {
    /// Its time.
    pub at: Timestamp,
    /// The person revoked it a moment ago, and the page confirms that.
    pub just_now: bool,
}

impl RecentRevocation {
    fn new(at: Timestamp, now: Timestamp) -> Self {
        Self { at, just_now: now.age_of_record(at).is_within(CONFIRMED_AFTER_REVOCATION) }
    }
}

/// A consent's revocation, if it is recent enough to be listed.
pub fn revoked_lately(consent: &Consent, now: Timestamp) -> Option<RecentRevocation> {
    let ConsentStatus::Revoked { at } = consent.status else { return None };
    now.age_of_record(at).is_within(LISTED_AFTER_REVOCATION).then(|| RecentRevocation::new(at, now))
}

/// The statement of the page about the connection to the person's account at the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionNotice {
    /// The upstream's tokens are in order, as far as is known. The page offers to end the connection.
    InOrder,
    /// The upstream refuses the tokens, or they have expired: the person has to sign in again.
    SignInNeeded,
    /// The person or an operator ended it.
    Ended(RecentRevocation),
}

/// The statement of the page about `connection`. `tokens` are the opened ones. `None` if the page says nothing: no resource gets
/// upstream tokens, and none are left to revoke.
pub fn connection_notice(
    connection: &Connection,
    tokens: Option<&UpstreamTokens>,
    issuer: &Issuer,
    now: Timestamp,
) -> Option<ConnectionNotice> {
    let is_given = issuer.resources.iter().any(|resource| resource.upstream_tokens == UpstreamTokenPolicy::Given);
    if !is_given && !connection.is_live() {
        return None;
    }
    Some(match connection.state {
        ConnectionState::Live | ConnectionState::Refreshing(_) | ConnectionState::Uncertain => {
            let is_in_order = tokens.is_some_and(|tokens| tokens.are_of_use(now));
            if is_in_order { ConnectionNotice::InOrder } else { ConnectionNotice::SignInNeeded }
        }
        ConnectionState::Rejected { .. } => ConnectionNotice::SignInNeeded,
        ConnectionState::Ended { at } => ConnectionNotice::Ended(RecentRevocation::new(at, now)),
    })
}

/// The attempt of one of the revocations that a request makes. It depends on this consent alone, so that a repeated
/// request, which finds fewer consents left, gives each event the same id as before.
pub fn attempt_for(attempt: Attempt, client_id: &ClientId, resource: &str) -> Attempt {
    Attempt::from_bytes(short_digest(
        "revocation",
        &[attempt.bytes(), client_id.as_str().as_bytes(), resource.as_bytes()],
    ))
}

fn session_name(issuer: &Issuer) -> String {
    format!("{PREFIX}account-{}", id::encode(&issuer.url.digest()))
}

fn login_name(issuer: &Issuer) -> String {
    format!("{PREFIX}account-login-{}", id::encode(&issuer.url.digest()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::tests::Counting;
    use crate::id::AuthorizationId;
    use crate::issuer::tests::issuer;
    use crate::keys::tests::keys;
    use crate::secret::Secret;
    use crate::subject::UpstreamId;
    use crate::upstream::connection::NewLogin;
    use crate::upstream::tokens::SealedTokens;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::EPOCH;
    const TICK: Duration = Duration::from_millis(1);

    fn ours() -> Keys {
        keys("https://gate.example", 1)
    }

    fn session(entropy: &Counting) -> AccountSession {
        let subject = Subject::new(&UpstreamId::parse("idp").unwrap(), "alice").unwrap();
        AccountSession::begin(Person::new(subject, Some("Alice"), Some("a@b.example")), entropy, NOW)
    }

    fn sent(cookies: &[&SetCookie]) -> Cookies {
        Cookies(cookies.iter().map(|cookie| (cookie.name.clone(), cookie.value.clone())).collect())
    }

    fn one() -> AccountRevocation {
        AccountRevocation::One {
            client_id: ClientId::parse("app").unwrap(),
            resource: "https://mcp.example/mcp".to_owned(),
        }
    }

    #[test]
    fn a_session_ends_without_use_and_also_with_use_after_eight_hours() {
        let (issuer, keys, entropy) = (issuer(), ours(), Counting::default());
        let session = session(&entropy);
        let used = |at| sent(&[&session.set(&issuer, &keys, &entropy, at)]);
        let found = |used_at, now| AccountSession::of(&used(used_at), &issuer, &keys, now);
        assert_eq!(found(NOW, NOW + (IDLE - TICK)), Ok(session.clone()));
        assert_eq!(found(NOW, NOW + IDLE), Err(Refusal::AccountSessionMissing));
        let late = NOW + (LONGEST - TICK);
        assert_eq!(found(late, late), Ok(session.clone()));
        assert_eq!(found(late, late + TICK), Err(Refusal::AccountSessionMissing));
    }

    #[test]
    fn a_session_of_another_issuer_or_sent_twice_is_refused() {
        let (issuer, keys, entropy) = (issuer(), ours(), Counting::default());
        let cookie = session(&entropy).set(&issuer, &keys, &entropy, NOW);
        let decoded = id::decode_vec(&cookie.value).unwrap();
        for secret in ["alice", "Alice", "a@b.example"] {
            let is_seen = decoded.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!cookie.value.contains(secret) && !is_seen, "{secret}");
        }
        let found = AccountSession::of(&sent(&[&cookie]), &issuer, &keys, NOW).unwrap();
        assert_eq!((found.person().name.as_deref(), found.person().account()), (Some("Alice"), "a@b.example"));
        let missing = Err(Refusal::AccountSessionMissing);
        assert_eq!(AccountSession::of(&sent(&[&cookie, &cookie]), &issuer, &keys, NOW), missing);
        assert_eq!(AccountSession::of(&sent(&[]), &issuer, &keys, NOW), missing);
        let theirs = crate::keys::tests::keys("https://gate.example/t", 1);
        assert_eq!(AccountSession::of(&sent(&[&cookie]), &issuer, &theirs, NOW), missing);
    }

    /// Requirements: B19, B20.
    #[test]
    fn a_sign_in_completes_only_in_its_own_browser_and_in_time() {
        let (issuer, keys, entropy) = (issuer(), ours(), Counting::default());
        let login = AccountLogin::begin(&issuer, &entropy, NOW);
        let (other, end) = (AccountLogin::begin(&issuer, &entropy, NOW), NOW + issuer.lifetimes.login);
        let cookie = login.set(&issuer, &keys);
        let came_back =
            |cookies: &[&SetCookie], id, now| AccountLogin::came_back(&sent(cookies), &issuer, &keys, id, now);
        assert_eq!(came_back(&[&cookie], login.id, end), Ok(()));
        assert_eq!(came_back(&[&cookie], login.id, end + TICK), Err(Refusal::LoginExpired));
        for cookies in [vec![], vec![&cookie, &cookie], vec![&other.set(&issuer, &keys)]] {
            assert_eq!(came_back(&cookies, login.id, NOW), Err(Refusal::StateCookieMissing));
        }
    }

    /// Requirements: B8, B23.
    #[test]
    fn a_form_token_opens_only_in_its_own_session() {
        let (keys, entropy) = (ours(), Counting::default());
        let (here, elsewhere) = (session(&entropy), session(&entropy));
        for revocation in [one(), AccountRevocation::All, AccountRevocation::Connection] {
            let token = here.form_token(&revocation, &keys, &entropy);
            assert_eq!(here.revocation(&token, &keys), Ok(revocation));
            for (session, token) in [(&elsewhere, token.as_str()), (&here, &token[1..]), (&here, "")] {
                assert_eq!(session.revocation(token, &keys), Err(Refusal::FormTokenInvalid));
            }
        }
    }

    /// A byte that no version has written, and a known one with more behind it.
    #[test]
    fn a_form_token_of_an_unknown_kind_is_refused() {
        let (keys, entropy) = (ours(), Counting::default());
        let session = session(&entropy);
        let key = keys.active(Purpose::Form);
        for (plaintext, is_known) in [(&[0][..], true), (&[2], true), (&[2, 0], false), (&[3], false), (&[], false)] {
            let sealed = key.seal(&[FORM, &session.id], random(&entropy), plaintext);
            let token = id::encode(&[key.id.bytes().as_slice(), &sealed].concat());
            assert_eq!(session.revocation(&token, &keys).is_ok(), is_known, "{plaintext:?}");
        }
    }

    #[test]
    fn the_page_says_of_a_connection_whether_it_can_be_used() {
        let subject = Subject::new(&UpstreamId::parse("idp").unwrap(), "alice").unwrap();
        let keys = ours();
        let tokens = |lifetime: u64, refreshable: bool| UpstreamTokens {
            access_token: Secret::new("at"),
            refresh_token: refreshable.then(|| Secret::new("rt")),
            expires_at: Some(NOW + Duration::from_secs(lifetime)),
            scopes: String::new(),
            claims: None,
        };
        let sealed = SealedTokens { key: keys.active(Purpose::UpstreamTokens).id, bytes: Vec::new() };
        let login = NewLogin { authorization: AuthorizationId::from_bytes([1; 16]), tokens: sealed, at: NOW };
        let live = Connection::after_login(None, &subject, login);
        let uncertain = Connection { state: ConnectionState::Uncertain, ..live.clone() };
        let refreshing = live.clone().lease(Attempt::from_bytes([1; 16]), NOW);
        let (rejected, ended) = (live.clone().reject(NOW), live.clone().end(NOW).unwrap());
        assert_eq!((rejected.clone().end(NOW), ended.clone().end(NOW)), (None, None), "nothing is left to end");
        let (in_order, sign_in) = (ConnectionNotice::InOrder, ConnectionNotice::SignInNeeded);
        let (later, moment) = (NOW + Duration::from_secs(60), NOW + CONFIRMED_AFTER_REVOCATION + TICK);
        let ended_at = |just_now| ConnectionNotice::Ended(RecentRevocation { at: NOW, just_now });
        for (connection, tokens, now, without, given) in [
            (&live, Some(tokens(1, true)), later, Some(in_order), Some(in_order)),
            (&live, Some(tokens(61, false)), later, Some(in_order), Some(in_order)),
            (&live, Some(tokens(60, false)), later, Some(sign_in), Some(sign_in)),
            (&live, None, later, Some(sign_in), Some(sign_in)),
            (&uncertain, Some(tokens(1, true)), later, Some(in_order), Some(in_order)),
            (&refreshing, Some(tokens(1, true)), later, Some(in_order), Some(in_order)),
            (&rejected, None, later, None, Some(sign_in)),
            (&ended, None, later, None, Some(ended_at(true))),
            (&ended, None, moment, None, Some(ended_at(false))),
        ] {
            for (policy, expected) in [(UpstreamTokenPolicy::Withheld, without), (UpstreamTokenPolicy::Given, given)] {
                let mut issuer = issuer();
                issuer.resources[0].upstream_tokens = policy;
                let found = connection_notice(connection, tokens.as_ref(), &issuer, now);
                assert_eq!(found, expected, "{:?} {now} {policy:?}", connection.state);
            }
        }
    }

    /// Requirements: B8.
    #[test]
    fn only_a_same_origin_form_is_accepted() {
        let (url, ours) = (issuer().url, Some("https://gate.example"));
        for (site, origin, good) in [
            (Some("same-origin"), ours, true),
            (Some("same-origin"), None, true),
            (None, ours, true),
            (Some("none"), None, false),
            (Some("same-site"), ours, false),
            (Some("cross-site"), ours, false),
            (None, None, false),
            (None, Some("null"), false),
            (None, Some("https://gate.example.evil.example"), false),
        ] {
            assert_eq!(same_origin(site, origin, &url).is_ok(), good, "{site:?} {origin:?}");
        }
    }

    proptest! {
        /// Requirements: B12.
        #[test]
        fn no_byte_of_a_cookie_or_form_can_be_changed(at: prop::sample::Index, to in "[A-Za-z0-9_-]") {
            let (issuer, keys, entropy) = (issuer(), ours(), Counting::default());
            let session = session(&entropy);
            let change = |text: &str| {
                let at = at.index(text.len());
                let mut changed = text.to_owned();
                changed.replace_range(at..=at, &to);
                changed
            };
            let cookie = session.set(&issuer, &keys, &entropy, NOW);
            let changed = SetCookie { value: change(&cookie.value), ..cookie.clone() };
            let found = AccountSession::of(&sent(&[&changed]), &issuer, &keys, NOW);
            prop_assert_eq!(found.is_ok(), changed == cookie);
            let login = AccountLogin::begin(&issuer, &entropy, NOW);
            let cookie = login.set(&issuer, &keys);
            let changed = SetCookie { value: change(&cookie.value), ..cookie.clone() };
            let found = AccountLogin::came_back(&sent(&[&changed]), &issuer, &keys, login.id, NOW);
            prop_assert_eq!(found.is_ok(), changed == cookie);
            let token = session.form_token(&one(), &keys, &entropy);
            let changed = change(&token);
            prop_assert_eq!(session.revocation(&changed, &keys).is_ok(), changed == token);
        }
    }
}
