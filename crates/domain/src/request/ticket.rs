//! Tickets: a checked and sealed request that the browser carries from `/authorize` to the decision. No record is
//! written before a person decides, so a stranger's GET costs no disk, and any node can take the next step.

use crate::Refusal;
use crate::client::redirect_uri::RedirectUri;
use crate::codec::{Reader, Writer};
use crate::entropy::{Entropy, random};
use crate::id::{self, AuthorizationId, BrowserId, ClientId, TicketId};
use crate::issuer::Issuer;
use crate::keys::{Key, KeyId, Keys, Purpose};
use crate::request::pkce::CodeChallenge;
use crate::request::{AuthorizationRequest, WantedScreen};
use crate::scope::Scopes;
use crate::time::Timestamp;

/// The content of a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The id.
    pub id: TicketId,
    /// The time of `/authorize`.
    pub issued_at: Timestamp,
    /// The checked request.
    pub request: AuthorizationRequest,
    account: WantedAccount,
    key: KeyId,
}

/// The account at the upstream that a ticket's login is for. It is sealed: no parameter of a request sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedAccount {
    /// Any: the upstream may take the account that it knows.
    Any,
    /// Another than the one that was named: the person said "not me", so the upstream is asked to let the person choose.
    Another,
}

/// The longest sealed ticket. Base64url adds a third, and a URL with it stays below 6 KB.
const MAX_BYTES: usize = 4096;
/// Longer scopes are packed ([`Resource::pack`](crate::issuer::Resource::pack)), so that a ticket holds all scopes of a
/// resource, whatever client id and redirect URI are registered, and a `state` of 512 bytes.
const MAX_SCOPES: usize = 256;
const SEAL: &[u8] = b"ticket";

impl Ticket {
    /// Makes a ticket and its text: base64url of format (1 byte), key id (4), nonce (24) and the sealed request.
    /// Refuses with [`Refusal::RequestTooLarge`].
    pub fn issue(
        request: AuthorizationRequest,
        issuer: &Issuer,
        keys: &Keys,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<(Self, String), Refusal> {
        let (key, id) = (keys.active(Purpose::Ticket), TicketId::from_bytes(random(entropy)));
        let ticket = Self { id, issued_at: now, request, account: WantedAccount::Any, key: key.id };
        let text = ticket.seal(issuer, key, |_| random(entropy))?;
        Ok((ticket, text))
    }

    /// The text of this ticket for a person who says on its page that another person is named there: the same decision, on
    /// the full page, with a choice of account at the upstream. The same ticket always has the same text.
    ///
    /// Refuses with [`Refusal::TicketInvalid`] or [`Refusal::RequestTooLarge`].
    pub fn for_another_account(self, issuer: &Issuer, keys: &Keys) -> Result<String, Refusal> {
        let key = keys.find(Purpose::Ticket, self.key).ok_or(Refusal::TicketInvalid)?;
        let request = AuthorizationRequest { screen: WantedScreen::Full, ..self.request };
        let ticket = Self { request, account: WantedAccount::Another, ..self };
        ticket.seal(issuer, key, |plaintext| derived_nonce(key, plaintext))
    }

    /// The text of a new ticket for the request of the authorization `ended`, which a person ended `at` this time because
    /// another person had signed in: a decision of its own, with a choice of account. As long as the key is active, it is a
    /// function of its arguments, so that every repetition of that answer leads to one decision.
    ///
    /// Refuses with [`Refusal::RequestTooLarge`].
    pub fn start_over(
        ended: AuthorizationId,
        at: Timestamp,
        request: AuthorizationRequest,
        issuer: &Issuer,
        keys: &Keys,
    ) -> Result<String, Refusal> {
        let key = keys.active(Purpose::Ticket);
        let mut id = [0; 16];
        id.copy_from_slice(&key.mac("ticket to start over", &[ended.bytes()])[..16]);
        let (id, account) = (TicketId::from_bytes(id), WantedAccount::Any);
        Self { id, issued_at: at, request, account, key: key.id }.for_another_account(issuer, keys)
    }

    /// The account that the login is for.
    pub fn account(&self) -> WantedAccount {
        self.account
    }

    /// `nonce` is made from the plaintext.
    fn seal(&self, issuer: &Issuer, key: &Key, nonce: impl FnOnce(&[u8]) -> [u8; 24]) -> Result<String, Refusal> {
        let packed = self.packed_scopes(issuer);
        let scopes = if packed.is_some() { ScopesForm::Packed } else { ScopesForm::Text };
        let format = Format { screen: self.request.screen, account: self.account, scopes }.byte();
        let plaintext = self.encode(packed.as_deref());
        let sealed = key.seal(&[SEAL, &[format]], nonce(&plaintext), &plaintext);
        let bytes = [&[format], key.id.bytes().as_slice(), &sealed].concat();
        if bytes.len() > MAX_BYTES {
            return Err(Refusal::RequestTooLarge("state or redirect_uri"));
        }
        Ok(id::encode(&bytes))
    }

    /// Opens a ticket of any age: one that is decided leads to its decision, which is kept longer. Refuses with
    /// [`Refusal::TicketInvalid`] or [`Refusal::RedirectUriForbidden`].
    pub fn open(text: &str, issuer: &Issuer, keys: &Keys) -> Result<Self, Refusal> {
        let ticket = Self::unseal(text, issuer, keys).ok_or(Refusal::TicketInvalid)?;
        issuer.may_answer_at(&ticket.request.redirect_uri)?;
        Ok(ticket)
    }

    /// Refuses a ticket that can no longer be approved with [`Refusal::TicketExpired`].
    pub fn in_time(&self, issuer: &Issuer, now: Timestamp) -> Result<(), Refusal> {
        let is_in_time = now.age_of_record(self.issued_at).is_within(issuer.lifetimes.ticket);
        if is_in_time { Ok(()) } else { Err(Refusal::TicketExpired) }
    }

    /// The id of the decision that this ticket leads to in `browser`. Another browser makes another decision, so that
    /// an attacker can neither decide for a person by handing them a ticket, nor by opening theirs (RFC 9700 §4.7.1).
    pub fn authorization_id(
        &self,
        issuer: &Issuer,
        keys: &Keys,
        browser: BrowserId,
    ) -> Result<AuthorizationId, Refusal> {
        let key = keys.find(Purpose::Ticket, self.key).ok_or(Refusal::TicketInvalid)?;
        let rest = key.mac("authorization", &[&issuer.url.digest(), self.id.bytes(), browser.bytes()]);
        Ok(AuthorizationId::new(self.issued_at, &rest))
    }

    fn unseal(text: &str, issuer: &Issuer, keys: &Keys) -> Option<Self> {
        if text.len() > MAX_BYTES * 4 / 3 + 4 {
            return None;
        }
        let bytes = id::decode_vec(text)?;
        let (&[format], rest) = bytes.split_first_chunk::<1>()?;
        let (key, sealed) = rest.split_first_chunk::<4>()?;
        let parsed = Format::parse(format)?;
        let key = keys.find(Purpose::Ticket, KeyId::from_bytes(*key))?;
        Self::decode(&key.open(&[SEAL, &[format]], sealed)?, parsed, issuer, key.id)
    }

    /// The scopes in their packed form, in base64url, if their text is long.
    fn packed_scopes(&self, issuer: &Issuer) -> Option<String> {
        let AuthorizationRequest { resource, scopes, .. } = &self.request;
        if scopes.to_string().len() <= MAX_SCOPES {
            return None;
        }
        Some(id::encode(&issuer.resource_by_uri(resource)?.pack(scopes)?))
    }

    fn encode(&self, packed_scopes: Option<&str>) -> Vec<u8> {
        let request = &self.request;
        let writer = Writer::default()
            .bytes(self.id.bytes())
            .bytes(&self.issued_at.millis().to_be_bytes())
            .text(request.client_id.as_str())
            .text(request.redirect_uri.as_str())
            .bytes(&request.code_challenge.0)
            .text(&request.resource);
        let writer = match packed_scopes {
            Some(packed) => writer.text(packed),
            None => writer.text(&request.scopes.to_string()),
        };
        let writer = writer.bytes(&[u8::from(request.state.is_some())]);
        writer.text(request.state.as_deref().unwrap_or_default()).finish()
    }

    fn decode(bytes: &[u8], format: Format, issuer: &Issuer, key: KeyId) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let id = TicketId::from_bytes(reader.array()?);
        let issued_at = Timestamp::from_millis(u64::from_be_bytes(reader.array()?));
        let client_id = ClientId::parse(reader.text()?)?;
        let redirect_uri = RedirectUri::from_record(reader.text()?.to_owned());
        let code_challenge = CodeChallenge(reader.array()?);
        let resource = reader.text()?.to_owned();
        let scopes = match format.scopes {
            ScopesForm::Text => Scopes::parse(reader.text()?).ok()?,
            ScopesForm::Packed => issuer.resource_by_uri(&resource)?.unpack(&id::decode_vec(reader.text()?)?)?,
        };
        let request = AuthorizationRequest {
            client_id,
            redirect_uri,
            code_challenge,
            resource,
            scopes,
            state: {
                let [present] = reader.array()?;
                let state = reader.text()?;
                (present == 1).then(|| state.to_owned())
            },
            screen: format.screen,
        };
        reader.end()?;
        Some(Self { id, issued_at, request, account: format.account, key })
    }
}

/// A nonce that only this plaintext has under `key`, so that sealing it again gives the same bytes (as in RFC 5297 §1.3.1).
fn derived_nonce(key: &Key, plaintext: &[u8]) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce.copy_from_slice(&key.mac("nonce of a ticket", &[plaintext])[..24]);
    nonce
}

/// The first byte of a ticket: 1, 2 and 5 with the scopes as text, 3, 4 and 6 packed; 2 and 4 for the full screen, 5 and 6
/// for the full screen and another account.
#[derive(Clone, Copy)]
struct Format {
    screen: WantedScreen,
    account: WantedAccount,
    scopes: ScopesForm,
}

/// The form in which a ticket holds scopes.
#[derive(Clone, Copy)]
enum ScopesForm {
    /// Space-separated.
    Text,
    /// As bits, which only the same list of scopes can unpack.
    Packed,
}

impl Format {
    fn byte(self) -> u8 {
        match (self.scopes, self.account, self.screen) {
            (ScopesForm::Text, WantedAccount::Any, WantedScreen::Any) => 1,
            (ScopesForm::Text, WantedAccount::Any, WantedScreen::Full) => 2,
            (ScopesForm::Packed, WantedAccount::Any, WantedScreen::Any) => 3,
            (ScopesForm::Packed, WantedAccount::Any, WantedScreen::Full) => 4,
            (ScopesForm::Text, WantedAccount::Another, WantedScreen::Any | WantedScreen::Full) => 5,
            (ScopesForm::Packed, WantedAccount::Another, WantedScreen::Any | WantedScreen::Full) => 6,
        }
    }

    fn parse(byte: u8) -> Option<Self> {
        let of = |scopes, account, screen| Some(Self { screen, account, scopes });
        match byte {
            1 => of(ScopesForm::Text, WantedAccount::Any, WantedScreen::Any),
            2 => of(ScopesForm::Text, WantedAccount::Any, WantedScreen::Full),
            3 => of(ScopesForm::Packed, WantedAccount::Any, WantedScreen::Any),
            4 => of(ScopesForm::Packed, WantedAccount::Any, WantedScreen::Full),
            5 => of(ScopesForm::Text, WantedAccount::Another, WantedScreen::Full),
            6 => of(ScopesForm::Packed, WantedAccount::Another, WantedScreen::Full),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::tests::Counting;
    use crate::issuer::tests::issuer;
    use crate::issuer::{
        MAX_RESOURCE_SCOPES, MAX_RESOURCE_URI, MAX_SCOPES as MAX_SCOPES_OF_A_RESOURCE, Resource, ScopeDefinition,
        length_in_a_query,
    };
    use crate::keys::tests::keys;
    use crate::request::tests::request;
    use crate::scope::Scope;
    use proptest::prelude::*;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn issue(request: AuthorizationRequest) -> Result<(Ticket, String), Refusal> {
        issue_at(request, &issuer())
    }

    fn issue_at(request: AuthorizationRequest, issuer: &Issuer) -> Result<(Ticket, String), Refusal> {
        Ticket::issue(request, issuer, &keys("https://gate.example", 1), &Counting::default(), NOW)
    }

    fn open(text: &str, now: Timestamp) -> Result<Ticket, Refusal> {
        let ticket = Ticket::open(text, &issuer(), &keys("https://gate.example", 1))?;
        ticket.in_time(&issuer(), now)?;
        Ok(ticket)
    }

    #[test]
    fn a_ticket_opens_unchanged_until_it_expires() {
        let (ticket, text) = issue(request()).unwrap();
        let end = NOW + issuer().lifetimes.ticket;
        assert_eq!(open(&text, end), Ok(ticket));
        assert_eq!(open(&text, end + Duration::from_millis(1)), Err(Refusal::TicketExpired));
    }

    /// Requirements: B31.
    #[test]
    fn a_ticket_keeps_the_request_for_the_full_page() {
        let (ticket, text) = issue(AuthorizationRequest { screen: WantedScreen::Full, ..request() }).unwrap();
        assert_eq!(open(&text, NOW), Ok(ticket));
        let as_if_not = text.replacen("Ag", "AQ", 1);
        assert_ne!(as_if_not, text, "the format is the first byte");
        assert_eq!(open(&as_if_not, NOW), Err(Refusal::TicketInvalid));
    }

    /// "Not me" on the page keeps the decision; "not me" after a login makes another one.
    ///
    /// Requirements: B37.
    #[test]
    fn a_ticket_for_another_account_is_the_same_request() {
        let (issuer, keys) = (issuer(), keys("https://gate.example", 1));
        let browser = BrowserId::from_bytes([7; 16]);
        let decision = |ticket: &Ticket| ticket.authorization_id(&issuer, &keys, browser).unwrap();
        let (ticket, text) = issue(request()).unwrap();
        assert_eq!(ticket.account(), WantedAccount::Any);
        let other = ticket.clone().for_another_account(&issuer, &keys).unwrap();
        assert_eq!(ticket.clone().for_another_account(&issuer, &keys).unwrap(), other, "the same again");
        let opened = open(&other, NOW).unwrap();
        let asked = AuthorizationRequest { screen: WantedScreen::Full, ..request() };
        assert_eq!((opened.account(), &opened.request), (WantedAccount::Another, &asked));
        assert_eq!((decision(&opened), opened.issued_at), (decision(&ticket), ticket.issued_at));
        assert_eq!(opened.for_another_account(&issuer, &keys).unwrap(), other, "pressed again on its page");
        assert_eq!(other.len(), text.len());

        let (ended, at) = (decision(&ticket), NOW + Duration::from_secs(60));
        let start_over = |ended, at| Ticket::start_over(ended, at, request(), &issuer, &keys).unwrap();
        let again = start_over(ended, at);
        assert_eq!(start_over(ended, at), again, "the same again");
        let opened = open(&again, at + issuer.lifetimes.ticket).unwrap();
        assert_eq!((opened.account(), &opened.request), (WantedAccount::Another, &asked));
        assert_eq!(open(&again, at + issuer.lifetimes.ticket + Duration::from_millis(1)), Err(Refusal::TicketExpired));
        assert_ne!(decision(&opened), ended);
        let next = open(&start_over(decision(&opened), at), at).unwrap();
        assert!(decision(&next) != decision(&opened) && next.id != opened.id, "each login that is ended has its own");
        // A nonce belongs to one plaintext.
        let nonce = |text: &str| id::decode_vec(text).unwrap()[5..29].to_vec();
        let later = start_over(ended, at + Duration::from_millis(1));
        assert!(nonce(&later) != nonce(&again) && nonce(&other) != nonce(&again));
    }

    /// Requirements: B37.
    #[test]
    fn no_format_of_a_ticket_can_be_changed_to_another() {
        let (issuer, keys) = (issuer(), keys("https://gate.example", 1));
        let (ticket, text) = issue(request()).unwrap();
        for text in [text, ticket.for_another_account(&issuer, &keys).unwrap()] {
            let bytes = id::decode_vec(&text).unwrap();
            for format in (0..=7).filter(|format| *format != bytes[0]) {
                let changed = id::encode(&[&[format], &bytes[1..]].concat());
                assert_eq!(open(&changed, NOW), Err(Refusal::TicketInvalid), "{format}");
            }
        }
    }

    #[test]
    fn a_ticket_of_another_issuer_is_refused() {
        let (_, text) = issue(request()).unwrap();
        let opened = Ticket::open(&text, &issuer(), &keys("https://other.example", 1));
        assert_eq!(opened, Err(Refusal::TicketInvalid));
    }

    #[test]
    fn a_request_that_makes_the_url_too_long_is_refused() {
        let long = |bytes: usize| AuthorizationRequest { state: Some("s".repeat(bytes)), ..request() };
        assert!(issue(long(3500)).is_ok_and(|(_, text)| text.len() < 6000));
        assert_eq!(issue(long(4096)).unwrap_err(), Refusal::RequestTooLarge("state or redirect_uri"));
    }

    /// The largest request that a configuration and a registration permit, with room for `state`.
    ///
    /// Requirements: E1.
    #[test]
    fn a_ticket_holds_all_scopes_of_the_largest_resource() {
        let definition = issuer().resources[0].scopes[0].clone();
        for (count, width) in [(1, 128), (2, 127), (15, 128), (70, 8), (MAX_SCOPES_OF_A_RESOURCE, 9)] {
            let name = |n: usize| Scope::parse(&format!("{n:0width$}")).unwrap();
            let resource = Resource {
                uri: format!("https://mcp.example/{}", "r".repeat(MAX_RESOURCE_URI - 20)),
                scopes: (0..count).map(|n| ScopeDefinition { scope: name(n), ..definition.clone() }).collect(),
                ..issuer().resources[0].clone()
            };
            assert!(length_in_a_query(&resource.all_scopes()) <= MAX_RESOURCE_SCOPES, "{count} {width}");
            let (uri, scopes) = (resource.uri.clone(), resource.all_scopes());
            assert_eq!(uri.len(), MAX_RESOURCE_URI);
            let issuer = Issuer { resources: vec![resource], ..issuer() };
            let redirect_uri = format!("https://app.example/{}", "x".repeat(2048 - 20));
            for screen in [WantedScreen::Any, WantedScreen::Full] {
                let request = AuthorizationRequest {
                    client_id: ClientId::parse(&"c".repeat(512)).unwrap(),
                    redirect_uri: RedirectUri::parse(&redirect_uri, &[]).unwrap(),
                    resource: uri.clone(),
                    scopes: scopes.clone(),
                    state: Some("s".repeat(512)),
                    screen,
                    ..request()
                };
                let (ticket, text) = issue_at(request, &issuer).unwrap();
                let opened = |issuer: &Issuer| Ticket::open(&text, issuer, &keys("https://gate.example", 1));
                assert_eq!(opened(&issuer), Ok(ticket.clone()), "{count} {width}");
                let other = ticket.for_another_account(&issuer, &keys("https://gate.example", 1)).unwrap();
                assert_eq!(other.len(), text.len());
                let mut changed = issuer.clone();
                changed.resources[0].scopes.reverse();
                let is_packed = scopes.to_string().len() > MAX_SCOPES;
                let reordered = count > 1 && is_packed;
                assert_eq!(opened(&changed).is_err(), reordered, "bits of another list are not read");
            }
        }
    }

    /// Requirements: A10, B33.
    #[test]
    fn a_ticket_of_an_unacceptable_redirect_uri_is_refused() {
        for stored in ["https://GATE.example/authorize", "https://app.example:443/cb", "http://localhost:8080/cb"] {
            let redirect_uri = RedirectUri::from_record(stored.to_owned());
            let (_, text) = issue(AuthorizationRequest { redirect_uri, ..request() }).unwrap();
            assert_eq!(open(&text, NOW), Err(Refusal::RedirectUriForbidden), "{stored}");
        }
    }

    #[test]
    fn another_browser_makes_another_authorization_id() {
        let (ticket, _) = issue(request()).unwrap();
        let id = |browser| {
            let browser = BrowserId::from_bytes([browser; 16]);
            ticket.authorization_id(&issuer(), &keys("https://gate.example", 1), browser).unwrap()
        };
        assert_eq!(id(1), id(1));
        assert_ne!(id(1), id(2));
    }

    proptest! {
        #[test]
        fn no_bit_of_a_ticket_can_be_changed(at: prop::sample::Index, bit in 0u8..6) {
            let (_, text) = issue(request()).unwrap();
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let mut bytes = text.into_bytes();
            let at = at.index(bytes.len());
            let value = alphabet.iter().position(|c| *c == bytes[at]).unwrap();
            bytes[at] = alphabet[value ^ (1 << bit)];
            prop_assert_eq!(open(&String::from_utf8(bytes).unwrap(), NOW), Err(Refusal::TicketInvalid));
        }

        #[test]
        fn any_other_text_is_refused_as_an_invalid_ticket(text in any::<String>()) {
            prop_assert_eq!(open(&text, NOW), Err(Refusal::TicketInvalid));
        }
    }
}
