//! Tokens of the consent forms, which bind a person's answer to what the page displayed.

use std::num::NonZeroU16;

use subtle::ConstantTimeEq as _;

use crate::Refusal;
use crate::client::Client;
use crate::id::{self, AuthorizationId, BrowserId};
use crate::issuer::{Choice, Effect, Issuer, IssuerUrl, PublishedPolicy, Resource, UpstreamTokenPolicy};
use crate::keys::{Key, KeyId, Keys, Purpose, short_digest};
use crate::request::AuthorizationRequest;
use crate::request::ticket::Ticket;
use crate::subject::Subject;

/// A digest of everything on the page that a person's answer depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Displayed([u8; 16]);

impl Displayed {
    /// The digest of the page for `request` without a named person.
    pub fn new(issuer: &Issuer, client: &Client, request: &AuthorizationRequest, resource: &Resource) -> Self {
        let name = client.name.as_deref().unwrap_or_default();
        let configured = [u8::from(client.is_configured())];
        let mut parts = vec![
            client.id.as_str().as_bytes(),
            name.as_bytes(),
            &configured,
            request.redirect_uri.as_str().as_bytes(),
            resource.uri.as_bytes(),
            resource.name.as_bytes(),
            issuer.upstream_name.as_bytes(),
        ];
        for definition in resource.describe(&request.scopes) {
            parts.extend([definition.scope.as_str().as_bytes(), definition.description.as_bytes()]);
            // Otherwise an answer that left the scope out could approve it.
            if definition.choice == Choice::Optional {
                parts.push(b"optional");
            }
        }
        let this = Self(short_digest("displayed", &parts)).with_marks(resource, request).with_upstream_tokens(resource);
        match &issuer.published_policy {
            Some(policy) => this.under(policy),
            None => this,
        }
    }

    /// With the marks of the scopes: a person who read "3 tools, read only" has not approved more. Pages without marks have
    /// the digest of earlier releases.
    ///
    /// The digest does not cover how a box starts: the answer names the scopes that were ticked.
    fn with_marks(self, resource: &Resource, request: &AuthorizationRequest) -> Self {
        let marks = resource.describe(&request.scopes).map(|definition| {
            let [high, low] = definition.tools.map_or(0, NonZeroU16::get).to_be_bytes();
            [u8::from(definition.effect == Effect::ReadOnly), high, low]
        });
        let marks: Vec<_> = marks.collect();
        if marks.iter().all(|mark| *mark == [0; 3]) {
            return self;
        }
        let parts: Vec<&[u8]> =
            std::iter::once(self.0.as_slice()).chain(marks.iter().map(|mark| mark.as_slice())).collect();
        Self(short_digest("displayed with marks", &parts))
    }

    /// With the sentence that the server gets the person's access token of the upstream.
    fn with_upstream_tokens(self, resource: &Resource) -> Self {
        match resource.upstream_tokens {
            UpstreamTokenPolicy::Withheld => self,
            UpstreamTokenPolicy::Given => Self(short_digest("displayed with upstream tokens", &[&self.0])),
        }
    }

    fn under(self, policy: &PublishedPolicy) -> Self {
        let uri = policy.uri.as_deref().unwrap_or_default();
        let parts = [self.0.as_slice(), policy.version.as_bytes(), uri.as_bytes()];
        Self(short_digest("displayed under", &parts))
    }

    /// The digest for a page that says "as X": the answer depends on the person named.
    pub fn to(self, subject: &Subject, page: NamedScreen) -> Self {
        let page: &[u8] = match page {
            NamedScreen::Full => b"whole",
            NamedScreen::OneClick => b"one button",
        };
        let parts = [self.0.as_slice(), subject.as_str().as_bytes(), page];
        Self(short_digest("displayed to", &parts))
    }
}

/// A page that says "as X". The two say different things, so an approval of one is not valid for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedScreen {
    /// The full page.
    Full,
    /// The page with one button.
    OneClick,
}

/// The token of a consent form: a MAC over ticket, browser and the displayed digest. It is not stored, so every
/// rendering of the page stays valid.
pub fn token(keys: &Keys, ticket: &Ticket, browser: BrowserId, displayed: Displayed) -> String {
    make("form", ticket.id.bytes(), keys, browser, displayed)
}

/// The browser id and displayed digest for which `token` was made. Refuses a token of another ticket or browser with
/// [`Refusal::FormTokenInvalid`]: with a token of their own, an attacker could decide in the victim's browser
/// (CVE-2026-27124).
pub fn displayed(
    token: &str,
    keys: &Keys,
    ticket: &Ticket,
    browsers: &[BrowserId],
) -> Result<(BrowserId, Displayed), Refusal> {
    let made_for = |browser| Some((browser, read(token, "form", ticket.id.bytes(), keys, browser)?));
    browsers.iter().copied().find_map(made_for).ok_or(Refusal::FormTokenInvalid)
}

/// The token of the form after the login that asks "Signed in as X. Not you?".
pub fn signed_in_token(keys: &Keys, id: AuthorizationId, browser: BrowserId, displayed: Displayed) -> String {
    make("signed in", id.bytes(), keys, browser, displayed)
}

/// The displayed digest for which that form's token was made. Refuses with [`Refusal::FormTokenInvalid`].
pub fn signed_in_displayed(
    token: &str,
    keys: &Keys,
    id: AuthorizationId,
    browser: BrowserId,
) -> Result<Displayed, Refusal> {
    read(token, "signed in", id.bytes(), keys, browser).ok_or(Refusal::FormTokenInvalid)
}

/// Names what the button of the page of a finished request takes back: the consent, in the epoch that the request's code
/// was issued under. A later consent is not taken back by an old page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakeBack {
    /// The authorization that issued the code.
    pub authorization: AuthorizationId,
    /// The epoch of the consent.
    pub consent_epoch: u64,
}

impl TakeBack {
    fn tag(&self, key: &Key, browser: BrowserId) -> [u8; 32] {
        key.mac("take back", &[self.authorization.bytes(), browser.bytes(), &self.consent_epoch.to_be_bytes()])
    }
}

/// The token of that button: base64url of key id (4 bytes), authorization id (16), epoch (8) and MAC (32). It proves the
/// browser; the session proves the person.
pub fn take_back_token(keys: &Keys, browser: BrowserId, what: TakeBack) -> String {
    let key = keys.active(Purpose::Form);
    let TakeBack { authorization, consent_epoch } = what;
    let (epoch, tag) = (consent_epoch.to_be_bytes(), what.tag(key, browser));
    id::encode(&[key.id.bytes().as_slice(), authorization.bytes(), &epoch, &tag].concat())
}

/// What `token` takes back. Refuses a token of another browser with [`Refusal::FormTokenInvalid`].
pub fn take_back(token: &str, keys: &Keys, browsers: &[BrowserId]) -> Result<TakeBack, Refusal> {
    let read = || {
        let bytes: [u8; 60] = id::decode(token)?;
        let (key, rest) = bytes.split_first_chunk::<4>()?;
        let (authorization, rest) = rest.split_first_chunk::<16>()?;
        let (epoch, tag) = rest.split_first_chunk::<8>()?;
        let key = keys.find(Purpose::Form, KeyId::from_bytes(*key))?;
        let authorization = AuthorizationId::from_bytes(*authorization);
        let what = TakeBack { authorization, consent_epoch: u64::from_be_bytes(*epoch) };
        browsers.iter().any(|browser| what.tag(key, *browser).ct_eq(tag).into()).then_some(what)
    };
    read().ok_or(Refusal::FormTokenInvalid)
}

fn make(form: &str, about: &[u8; 16], keys: &Keys, browser: BrowserId, displayed: Displayed) -> String {
    let key = keys.active(Purpose::Form);
    let tag = key.mac(form, &[about, browser.bytes(), &displayed.0]);
    id::encode(&[key.id.bytes().as_slice(), &displayed.0, &tag].concat())
}

fn read(token: &str, form: &str, about: &[u8; 16], keys: &Keys, browser: BrowserId) -> Option<Displayed> {
    let bytes: [u8; 52] = id::decode(token)?;
    let (key, rest) = bytes.split_first_chunk::<4>()?;
    let (displayed, tag) = rest.split_first_chunk::<16>()?;
    let key = keys.find(Purpose::Form, KeyId::from_bytes(*key))?;
    key.verify(form, &[about, browser.bytes(), displayed], tag).then_some(Displayed(*displayed))
}

/// Checks by the browser's headers that a form is of our own page: `Sec-Fetch-Site` first, then `Origin`. A missing or
/// opaque origin proves nothing either way (privacy settings, sandboxed web views); cookie and token decide then.
///
/// Refuses with [`Refusal::CrossSite`].
pub fn same_site(sec_fetch_site: Option<&str>, origin: Option<&str>, issuer: &IssuerUrl) -> Result<(), Refusal> {
    match (sec_fetch_site, origin) {
        (Some("same-origin" | "none"), _) => Ok(()),
        (Some(_), _) => Err(Refusal::CrossSite),
        (None, None | Some("null")) => Ok(()),
        (None, Some(origin)) if origin == issuer.origin() => Ok(()),
        (None, Some(_)) => Err(Refusal::CrossSite),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::tests::Counting;
    use crate::issuer::tests::issuer;
    use crate::issuer::{OptionalScopes, ScopeDefinition};
    use crate::keys::tests::keys;
    use crate::request::tests::request;
    use crate::scope::Scopes;
    use crate::time::Timestamp;

    fn browser(n: u8) -> BrowserId {
        BrowserId::from_bytes([n; 16])
    }

    /// Requirements: B8.
    #[test]
    fn a_form_token_is_valid_for_one_ticket_in_one_browser() {
        let (keys, entropy, issuer) = (keys("https://gate.example", 1), Counting::default(), issuer());
        let issue = || Ticket::issue(request(), &issuer, &keys, &entropy, Timestamp::EPOCH).unwrap().0;
        let (ticket, other) = (issue(), issue());
        let shown = Displayed::new(&issuer, &issuer.clients[0], &ticket.request, &issuer.resources[0]);
        let token = token(&keys, &ticket, browser(1), shown);
        assert_eq!(displayed(&token, &keys, &ticket, &[browser(2), browser(1)]), Ok((browser(1), shown)));
        assert_eq!(displayed(&token, &keys, &ticket, &[browser(2), browser(3)]), Err(Refusal::FormTokenInvalid));
        assert_eq!(displayed(&token, &keys, &other, &[browser(1)]), Err(Refusal::FormTokenInvalid));
        for strange in ["", "x", &token[1..], &format!("{token}A"), &token.replace(&token[30..31], "*")] {
            assert_eq!(displayed(strange, &keys, &ticket, &[browser(1)]), Err(Refusal::FormTokenInvalid), "{strange}");
        }
    }

    /// Requirements: B8, B23.
    #[test]
    fn a_button_that_takes_back_is_valid_in_one_browser_for_one_consent() {
        let keys = keys("https://gate.example", 1);
        let what = TakeBack { authorization: AuthorizationId::from_bytes([5; 16]), consent_epoch: 7 };
        let token = take_back_token(&keys, browser(1), what);
        assert_eq!(take_back(&token, &keys, &[browser(2), browser(1)]), Ok(what));
        let invalid = Err(Refusal::FormTokenInvalid);
        assert_eq!(take_back(&token, &keys, &[browser(2)]), invalid);
        assert_eq!(take_back(&token, &keys, &[]), invalid);
        for strange in ["", "x", &token[1..], &format!("{token}A")] {
            assert_eq!(take_back(strange, &keys, &[browser(1)]), invalid, "{strange}");
        }
        let bytes = id::decode_vec(&token).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(take_back(&id::encode(&changed), &keys, &[browser(1)]), invalid, "byte {at}");
        }
    }

    /// Everything that the page says of scopes, each changed alone.
    ///
    /// Requirements: B8, E4.
    #[test]
    fn an_answer_is_bound_to_what_the_page_says_of_scopes() {
        type Change = fn(&mut Issuer);
        let request = AuthorizationRequest { scopes: Scopes::parse("read write").unwrap(), ..request() };
        let shown = |change: &Change| {
            let mut issuer = issuer();
            change(&mut issuer);
            Displayed::new(&issuer, &issuer.clients[0], &request, &issuer.resources[0])
        };
        fn scopes(issuer: &mut Issuer) -> &mut [ScopeDefinition] {
            &mut issuer.resources[0].scopes
        }
        let changes: [Change; 9] = [
            |_| {},
            |issuer| scopes(issuer)[0].description.push('!'),
            |issuer| scopes(issuer)[0].choice = Choice::Optional,
            |issuer| scopes(issuer)[0].effect = Effect::ReadOnly,
            |issuer| scopes(issuer)[1].effect = Effect::ReadOnly,
            |issuer| scopes(issuer)[0].tools = NonZeroU16::new(1),
            |issuer| scopes(issuer)[0].tools = NonZeroU16::new(256),
            |issuer| scopes(issuer)[1].tools = NonZeroU16::new(1),
            |issuer| {
                scopes(issuer)[0].tools = NonZeroU16::new(1);
                scopes(issuer)[1].tools = NonZeroU16::new(1);
            },
        ];
        let all: Vec<_> = changes.iter().map(shown).collect();
        for (n, one) in all.iter().enumerate() {
            assert!(all.iter().skip(n + 1).all(|other| other != one), "{n}");
        }
        // The answer says which boxes were ticked, and the page does not show a scope that was not requested.
        let same: [Change; 2] = [
            |issuer| issuer.optional_scopes = OptionalScopes::Unticked,
            |issuer| scopes(issuer)[2].effect = Effect::ReadOnly,
        ];
        assert!(same.iter().all(|change| shown(change) == all[0]));
    }

    /// Requirements: B37.
    #[test]
    fn an_answer_is_bound_to_the_person_named_and_the_kind_of_page() {
        let (issuer, request) = (issuer(), request());
        let shown = Displayed::new(&issuer, &issuer.clients[0], &request, &issuer.resources[0]);
        let [alice, bob] = ["alice", "bob"].map(|id| Subject::new(&issuer.upstream, id).unwrap());
        let all = [
            shown,
            shown.to(&alice, NamedScreen::Full),
            shown.to(&alice, NamedScreen::OneClick),
            shown.to(&bob, NamedScreen::Full),
            shown.to(&bob, NamedScreen::OneClick),
        ];
        for (n, one) in all.iter().enumerate() {
            assert!(all.iter().skip(n + 1).all(|other| other != one), "{n}");
        }
        let (keys, id) = (keys("https://gate.example", 1), AuthorizationId::from_bytes([5; 16]));
        let token = signed_in_token(&keys, id, browser(1), shown);
        assert_eq!(signed_in_displayed(&token, &keys, id, browser(1)), Ok(shown));
        let other = AuthorizationId::from_bytes([6; 16]);
        assert_eq!(signed_in_displayed(&token, &keys, other, browser(1)), Err(Refusal::FormTokenInvalid));
        assert_eq!(signed_in_displayed(&token, &keys, id, browser(2)), Err(Refusal::FormTokenInvalid));
    }

    #[test]
    fn everything_an_answer_depends_on_is_in_the_digest() {
        let (good, request) = (issuer(), request());
        let show = |issuer: &Issuer| Displayed::new(issuer, &issuer.clients[0], &request, &issuer.resources[0]);
        let policy = |version: &str, uri: Option<&str>| {
            Some(PublishedPolicy { version: version.to_owned(), uri: uri.map(str::to_owned) })
        };
        let under = |policy| show(&Issuer { published_policy: policy, ..issuer() });
        let policies = [None, policy("1", None), policy("2", None), policy("1", Some("https://gate.example/p"))];
        for (n, one) in policies.iter().enumerate() {
            for other in &policies[n + 1..] {
                assert_ne!(under(one.clone()), under(other.clone()), "{one:?} {other:?}");
            }
        }
        let changes: [fn(&mut Issuer); 5] = [
            |issuer| issuer.clients[0].name = Some("Other".to_owned()),
            |issuer| issuer.resources[0].name = "Other".to_owned(),
            |issuer| issuer.resources[0].uri = "https://other.example".to_owned(),
            |issuer| issuer.resources[0].scopes[0].description = "other".to_owned(),
            |issuer| issuer.upstream_name = "Other".to_owned(),
        ];
        for change in changes {
            let mut changed = issuer();
            change(&mut changed);
            assert_ne!(show(&changed), show(&good));
        }
    }

    /// Requirements: B8.
    #[test]
    fn a_form_from_another_site_is_refused() {
        let url = issuer().url;
        let ours = Some("https://gate.example");
        for (site, origin, good) in [
            (Some("same-origin"), ours, true),
            (Some("same-origin"), Some("null"), true),
            (Some("none"), None, true),
            (Some("cross-site"), ours, false),
            (Some("same-site"), ours, false),
            (Some("something-new"), ours, false),
            (None, ours, true),
            (None, None, true),
            (None, Some("null"), true),
            (None, Some("https://evil.example"), false),
            (None, Some("https://gate.example.evil.example"), false),
        ] {
            assert_eq!(same_site(site, origin, &url).is_ok(), good, "{site:?} {origin:?}");
        }
    }
}
