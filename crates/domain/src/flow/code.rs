//! Authorization codes: `lgc_`, then base64url of the authorization's id (16 bytes) and a MAC (32). The MAC follows
//! from the attempt that issued the code, so that a repeated call gives the same code and the store keeps none.

use crate::id::{self, Attempt, AuthorizationId};
use crate::keys::Key;
use crate::secret::{Secret, kind};

const PREFIX: &str = "lgc_";

/// The code that `attempt` issues for the authorization `id`.
pub fn mint(key: &Key, id: AuthorizationId, attempt: Attempt) -> Secret<kind::Code> {
    let bytes = [id.bytes().as_slice(), &key.mac("code", &[id.bytes(), attempt.bytes()])].concat();
    Secret::new(format!("{PREFIX}{}", id::encode(&bytes)))
}

/// A well-formed code as a client sent it, before any check.
pub struct PresentedCode {
    id: AuthorizationId,
    tag: [u8; 32],
}

impl std::fmt::Debug for PresentedCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PresentedCode({}, ..)", self.id)
    }
}

impl PresentedCode {
    /// `None` unless the text has the form of a code.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 48] = id::decode(text.strip_prefix(PREFIX)?)?;
        let (id, tag) = bytes.split_first_chunk::<16>()?;
        Some(Self { id: AuthorizationId::from_bytes(*id), tag: tag.try_into().ok()? })
    }

    /// The authorization that the code names.
    pub fn authorization_id(&self) -> AuthorizationId {
        self.id
    }

    /// True if `attempt` issued this code.
    pub fn was_minted(&self, key: &Key, attempt: Attempt) -> bool {
        key.verify("code", &[self.id.bytes(), attempt.bytes()], &self.tag)
    }
}
