//! What one login at the upstream is done with: `state`, PKCE verifier and nonce (RFC 9700 §2.1, §4.7). All three follow
//! from the authorization's id, and exist only once it was approved.

use crate::Refusal;
use crate::id::{self, AuthorizationId};
use crate::keys::{Key, KeyId, Keys, Purpose};
use crate::secret::{Secret, kind};

/// The three, for one login.
#[derive(Debug)]
pub struct LoginSecrets {
    /// Base64url of authorization id (16 bytes), key id (4) and MAC (32). Not a secret from the browser, but nobody
    /// else can make it.
    pub state: String,
    pub verifier: Secret<kind::UpstreamVerifier>,
    pub nonce: Secret<kind::UpstreamNonce>,
}

impl LoginSecrets {
    pub fn derive(key: &Key, id: AuthorizationId) -> Self {
        let state = [id.bytes().as_slice(), &key.id.bytes(), &key.mac("state", &[id.bytes()])].concat();
        Self {
            state: id::encode(&state),
            verifier: Secret::new(id::encode(&key.mac("verifier", &[id.bytes()]))),
            nonce: Secret::new(id::encode(&key.mac("nonce", &[id.bytes()]))),
        }
    }
}

/// Whose login a `state` belongs to, if it is one of ours.
pub fn authorization_id(state: Option<&str>, keys: &Keys) -> Result<AuthorizationId, Refusal> {
    let parse = || {
        let bytes: [u8; 52] = id::decode(state?)?;
        let (id, rest) = bytes.split_first_chunk::<16>()?;
        let (key, tag) = rest.split_first_chunk::<4>()?;
        let key = keys.find(Purpose::Login, KeyId::from_bytes(*key))?;
        key.verify("state", &[id], tag).then(|| AuthorizationId::from_bytes(*id))
    };
    parse().ok_or(Refusal::StateInvalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::keys;

    #[test]
    fn b19_only_a_state_of_ours_names_a_login() {
        let (ours, theirs) = (keys("https://gate.example", 1), keys("https://other.example", 1));
        let id = AuthorizationId::from_bytes([3; 16]);
        let secrets = LoginSecrets::derive(ours.active(Purpose::Login), id);
        assert_eq!(authorization_id(Some(&secrets.state), &ours), Ok(id));
        assert_eq!(authorization_id(Some(&secrets.state), &theirs), Err(Refusal::StateInvalid));
        for strange in [None, Some(""), Some("x"), Some(&secrets.state[1..])] {
            assert_eq!(authorization_id(strange, &ours), Err(Refusal::StateInvalid));
        }
        let mut other = LoginSecrets::derive(ours.active(Purpose::Login), AuthorizationId::from_bytes([4; 16])).state;
        other.replace_range(..20, &secrets.state[..20]);
        assert_eq!(authorization_id(Some(&other), &ours), Err(Refusal::StateInvalid));
    }

    #[test]
    fn b15_two_logins_share_nothing() {
        let keys = keys("https://gate.example", 1);
        let derive = |n| LoginSecrets::derive(keys.active(Purpose::Login), AuthorizationId::from_bytes([n; 16]));
        let (one, two) = (derive(1), derive(2));
        assert!(one.state != two.state && one.verifier != two.verifier && one.nonce != two.nonce);
        assert_eq!(one.verifier.expose().len(), 43, "RFC 7636 §4.1");
    }
}
