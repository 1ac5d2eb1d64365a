//! Page tokens: where a list goes on, sealed, so that no caller reads or makes up a place (AIP-158).
//!
//! A token is good for one method, one filter and one caller, so that nobody goes on where another may not begin.

use lychgate_domain::Refusal;
use lychgate_domain::entropy::{Entropy, random};
use lychgate_domain::id::{decode_vec, encode};
use lychgate_domain::keys::{KeyId, Keys, Purpose};

use super::principal::Principal;

/// What a token is good for.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    pub method: &'static str,
    /// Everything that says which items are meant.
    pub filter: [u8; 32],
    pub principal: &'a Principal,
}

impl List<'_> {
    pub fn seal(&self, place: &[u8], keys: &Keys, entropy: &dyn Entropy) -> String {
        let key = keys.active(Purpose::Ticket);
        encode(&[key.id.bytes().as_slice(), &key.seal(&self.context(), random(entropy), place)].concat())
    }

    /// The place; `None` for an empty token, which is the beginning.
    pub fn open(&self, token: &str, keys: &Keys) -> Result<Option<Vec<u8>>, Refusal> {
        if token.is_empty() {
            return Ok(None);
        }
        let open = || {
            let bytes = decode_vec(token)?;
            let (key, sealed) = bytes.split_first_chunk::<4>()?;
            let key = keys.find(Purpose::Ticket, KeyId::from_bytes(*key))?;
            Some(key.open(&self.context(), sealed)?.to_vec())
        };
        open().map(Some).ok_or(Refusal::PageTokenInvalid)
    }

    /// No ticket is sealed for this, and so none opens as a page token, nor the other way round.
    fn context(&self) -> [&[u8]; 4] {
        [b"page token", self.method.as_bytes(), &self.filter, self.principal.name.as_bytes()]
    }
}
