//! Refresh tokens: `lgr_`, then base64url of grant id (16 bytes), generation (4) and MAC (32). The fixed form lets
//! scanners find leaked tokens, and a rotation changes one record.

use crate::id::{self, GrantId};
use crate::keys::Key;
use crate::secret::{Secret, kind};

const PREFIX: &str = "lgr_";

/// The refresh token of one generation of the grant `id`.
pub fn mint(key: &Key, id: GrantId, generation: u32, grant_secret: &[u8; 32]) -> Secret<kind::RefreshToken> {
    let generation = generation.to_be_bytes();
    let tag = key.mac("refresh token", &[id.bytes(), &generation, grant_secret]);
    Secret::new(format!("{PREFIX}{}", id::encode(&[id.bytes().as_slice(), &generation, &tag].concat())))
}

/// A well-formed refresh token as a client sent it, before any check.
pub struct PresentedRefreshToken {
    id: GrantId,
    generation: u32,
    tag: [u8; 32],
}

impl std::fmt::Debug for PresentedRefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PresentedRefreshToken({}, generation {}, ..)", self.id, self.generation)
    }
}

impl PresentedRefreshToken {
    /// `None` unless the text has the form of a refresh token.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 52] = id::decode(text.strip_prefix(PREFIX)?)?;
        let (id, rest) = bytes.split_first_chunk::<16>()?;
        let (generation, tag) = rest.split_first_chunk::<4>()?;
        Some(Self {
            id: GrantId::from_bytes(*id),
            generation: u32::from_be_bytes(*generation),
            tag: tag.try_into().ok()?,
        })
    }

    /// The grant that the token names.
    pub fn grant_id(&self) -> GrantId {
        self.id
    }

    /// The generation that the token names.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// True if `key` made this token for the grant with this secret.
    pub fn was_minted(&self, key: &Key, grant_secret: &[u8; 32]) -> bool {
        key.verify("refresh token", &[self.id.bytes(), &self.generation.to_be_bytes(), grant_secret], &self.tag)
    }
}
