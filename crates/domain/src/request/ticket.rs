//! Tickets: a checked and sealed request that the browser carries from `/authorize` to the decision. No record is
//! written before a person decides, so a stranger's GET costs no disk, and any node can take the next step.

use crate::Refusal;
use crate::client::redirect_uri::RedirectUri;
use crate::codec::{Reader, Writer};
use crate::entropy::{Entropy, random};
use crate::id::{self, AuthorizationId, BrowserId, ClientId, TicketId};
use crate::issuer::Issuer;
use crate::keys::{KeyId, Keys, Purpose};
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
    key: KeyId,
}

const FORMAT: u8 = 1;
/// The format of a ticket with a request for the full screen.
const FORMAT_WHOLE_PAGE: u8 = 2;
/// The longest sealed ticket. Base64url adds a third, and a URL with it stays below 6 KB.
const MAX_BYTES: usize = 4096;
const SEAL: &[u8] = b"ticket";

impl Ticket {
    /// Makes a ticket and its text: base64url of format (1 byte), key id (4), nonce (24) and the sealed request.
    /// Refuses with [`Refusal::RequestTooLarge`].
    pub fn issue(
        request: AuthorizationRequest,
        keys: &Keys,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<(Self, String), Refusal> {
        let key = keys.active(Purpose::Ticket);
        let ticket = Self { id: TicketId::from_bytes(random(entropy)), issued_at: now, request, key: key.id };
        let format = match ticket.request.screen {
            WantedScreen::Any => FORMAT,
            WantedScreen::Full => FORMAT_WHOLE_PAGE,
        };
        let sealed = key.seal(&[SEAL, &[format]], random(entropy), &ticket.encode());
        let bytes = [&[format], key.id.bytes().as_slice(), &sealed].concat();
        if bytes.len() > MAX_BYTES {
            return Err(Refusal::RequestTooLarge("state or redirect_uri"));
        }
        Ok((ticket, id::encode(&bytes)))
    }

    /// Opens a ticket of this issuer. Refuses with [`Refusal::TicketInvalid`] or [`Refusal::TicketExpired`].
    pub fn open(text: &str, issuer: &Issuer, keys: &Keys, now: Timestamp) -> Result<Self, Refusal> {
        let ticket = Self::open_late(text, keys)?;
        ticket.in_time(issuer, now)?;
        Ok(ticket)
    }

    /// Opens a ticket of any age: one that is decided leads to its decision, which is kept longer. Refuses with
    /// [`Refusal::TicketInvalid`].
    pub fn open_late(text: &str, keys: &Keys) -> Result<Self, Refusal> {
        Self::unseal(text, keys).ok_or(Refusal::TicketInvalid)
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

    fn unseal(text: &str, keys: &Keys) -> Option<Self> {
        if text.len() > MAX_BYTES * 4 / 3 + 4 {
            return None;
        }
        let bytes = id::decode_vec(text)?;
        let (&[format], rest) = bytes.split_first_chunk::<1>()?;
        let (key, sealed) = rest.split_first_chunk::<4>()?;
        let screen = match format {
            FORMAT => WantedScreen::Any,
            FORMAT_WHOLE_PAGE => WantedScreen::Full,
            _ => return None,
        };
        let key = keys.find(Purpose::Ticket, KeyId::from_bytes(*key))?;
        Self::decode(&key.open(&[SEAL, &[format]], sealed)?, screen, key.id)
    }

    fn encode(&self) -> Vec<u8> {
        let request = &self.request;
        let writer = Writer::default()
            .bytes(self.id.bytes())
            .bytes(&self.issued_at.millis().to_be_bytes())
            .text(request.client_id.as_str())
            .text(request.redirect_uri.as_str())
            .bytes(&request.code_challenge.0)
            .text(&request.resource)
            .text(&request.scopes.to_string())
            .bytes(&[u8::from(request.state.is_some())]);
        writer.text(request.state.as_deref().unwrap_or_default()).finish()
    }

    fn decode(bytes: &[u8], screen: WantedScreen, key: KeyId) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let id = TicketId::from_bytes(reader.array()?);
        let issued_at = Timestamp::from_millis(u64::from_be_bytes(reader.array()?));
        let request = AuthorizationRequest {
            client_id: ClientId::parse(reader.text()?)?,
            redirect_uri: RedirectUri::from_record(reader.text()?.to_owned()),
            code_challenge: CodeChallenge(reader.array()?),
            resource: reader.text()?.to_owned(),
            scopes: Scopes::parse(reader.text()?).ok()?,
            state: {
                let [present] = reader.array()?;
                let state = reader.text()?;
                (present == 1).then(|| state.to_owned())
            },
            screen,
        };
        reader.end()?;
        Some(Self { id, issued_at, request, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::tests::Counting;
    use crate::issuer::tests::issuer;
    use crate::keys::tests::keys;
    use crate::request::tests::request;
    use proptest::prelude::*;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn issue(request: AuthorizationRequest) -> Result<(Ticket, String), Refusal> {
        Ticket::issue(request, &keys("https://gate.example", 1), &Counting::default(), NOW)
    }

    fn open(text: &str, now: Timestamp) -> Result<Ticket, Refusal> {
        Ticket::open(text, &issuer(), &keys("https://gate.example", 1), now)
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

    #[test]
    fn a_ticket_of_another_issuer_is_refused() {
        let (_, text) = issue(request()).unwrap();
        let opened = Ticket::open(&text, &issuer(), &keys("https://other.example", 1), NOW);
        assert_eq!(opened, Err(Refusal::TicketInvalid));
    }

    #[test]
    fn a_request_that_makes_the_url_too_long_is_refused() {
        let long = |bytes: usize| AuthorizationRequest { state: Some("s".repeat(bytes)), ..request() };
        assert!(issue(long(3500)).is_ok_and(|(_, text)| text.len() < 6000));
        assert_eq!(issue(long(4096)).unwrap_err(), Refusal::RequestTooLarge("state or redirect_uri"));
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
