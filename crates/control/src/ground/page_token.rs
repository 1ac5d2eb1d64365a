//! Page tokens (AIP-158): the position in a list, sealed so that no caller can read or forge it.
//!
//! A token is bound to one method, one filter and one caller: a caller cannot continue a list that it may not begin.

use lychgate_domain::Refusal;
use lychgate_domain::entropy::{Entropy, random};
use lychgate_domain::id::{decode_vec, encode};
use lychgate_domain::keys::{KeyId, Keys, Purpose};

use super::principal::Principal;

/// The list that a token belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List<'a> {
    pub method: &'static str,
    /// A digest of the request's filter.
    pub filter: [u8; 32],
    pub principal: &'a Principal,
}

/// The page of a list that a caller asks for.
#[derive(Clone, Debug)]
pub(crate) struct PageRequest {
    pub size: usize,
    /// Empty for the first page.
    pub token: String,
}

impl List<'_> {
    /// The token of the next page; empty at the end.
    pub(crate) fn next_token(&self, next: Option<Vec<u8>>, keys: &Keys, entropy: &dyn Entropy) -> String {
        next.map(|position| self.seal(&position, keys, entropy)).unwrap_or_default()
    }

    pub(crate) fn seal(&self, position: &[u8], keys: &Keys, entropy: &dyn Entropy) -> String {
        let key = keys.active(Purpose::Ticket);
        encode(&[key.id.bytes().as_slice(), &key.seal(&self.context(), random(entropy), position)].concat())
    }

    /// The position; `None` for an empty token, which is the beginning.
    pub(crate) fn open(&self, token: &str, keys: &Keys) -> Result<Option<Vec<u8>>, Refusal> {
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

    /// Distinguishes page tokens from tickets, which the same key seals.
    fn context(&self) -> [&[u8]; 4] {
        [b"page token", self.method.as_bytes(), &self.filter, self.principal.name.as_bytes()]
    }
}
