//! Logins at the upstream: `state`, PKCE verifier and nonce (RFC 9700 §2.1, §4.7), derived from the authorization's id
//! once it is approved.
//!
//! People also sign in to the page of connected apps ([`LoginSecrets::for_account`]), and the upstream returns them to
//! the same address. [`returned`] is the one place that tells the two kinds of login apart: by the form of the `state`
//! and the label of its MAC. A value of one kind is worthless for the other.

use crate::Refusal;
use crate::id::{self, AccountLoginId, AuthorizationId};
use crate::keys::{Key, KeyId, Keys, Purpose};
use crate::secret::{Secret, kind};

/// The secrets of one login.
#[derive(Debug, PartialEq, Eq)]
pub struct LoginSecrets {
    /// Base64url of authorization id (16 bytes), key id (4) and MAC (32). The browser sees it, and only we can make it.
    pub state: String,
    /// The PKCE verifier.
    pub verifier: Secret<kind::UpstreamVerifier>,
    /// The nonce of the ID token.
    pub nonce: Secret<kind::UpstreamNonce>,
}

impl LoginSecrets {
    /// The secrets of the login of the authorization `id`.
    pub fn derive(key: &Key, id: AuthorizationId) -> Self {
        let state = [id.bytes().as_slice(), &key.id.bytes(), &key.mac("state", &[id.bytes()])].concat();
        Self {
            state: id::encode(&state),
            verifier: Secret::new(id::encode(&key.mac("verifier", &[id.bytes()]))),
            nonce: Secret::new(id::encode(&key.mac("nonce", &[id.bytes()]))),
        }
    }

    /// The secrets of a sign-in to the page of connected apps. All labels differ, so that even equal ids share nothing.
    pub fn for_account(key: &Key, id: AccountLoginId) -> Self {
        let state = [id.bytes().as_slice(), &key.id.bytes(), &key.mac("account state", &[id.bytes()])].concat();
        Self {
            state: format!("{ACCOUNT}{}", id::encode(&state)),
            verifier: Secret::new(id::encode(&key.mac("account verifier", &[id.bytes()]))),
            nonce: Secret::new(id::encode(&key.mac("account nonce", &[id.bytes()]))),
        }
    }
}

/// Base64url contains no dot, so no authorization's `state` begins like this.
const ACCOUNT: &str = "account.";

/// The login that a browser returns from.
#[derive(Debug, PartialEq, Eq)]
pub enum ReturnedLogin {
    /// The login of an authorization.
    Authorization(AuthorizationId),
    /// A sign-in to the page of connected apps.
    Account {
        /// Id of the sign-in.
        id: AccountLoginId,
        /// Its secrets.
        secrets: LoginSecrets,
    },
}

/// The login to which a `state` belongs. Refuses with [`Refusal::StateInvalid`].
pub fn returned(state: Option<&str>, keys: &Keys) -> Result<ReturnedLogin, Refusal> {
    let parse = || {
        let state = state?;
        match state.strip_prefix(ACCOUNT) {
            None => {
                let (id, _) = verified(state, "state", keys)?;
                Some(ReturnedLogin::Authorization(AuthorizationId::from_bytes(id)))
            }
            Some(state) => {
                let (id, key) = verified(state, "account state", keys)?;
                let id = AccountLoginId::from_bytes(id);
                Some(ReturnedLogin::Account { id, secrets: LoginSecrets::for_account(key, id) })
            }
        }
    };
    parse().ok_or(Refusal::StateInvalid)
}

/// The id in a `state` with this label, and the key that made it.
fn verified<'a>(state: &str, label: &str, keys: &'a Keys) -> Option<([u8; 16], &'a Key)> {
    let bytes: [u8; 52] = id::decode(state)?;
    let (id, rest) = bytes.split_first_chunk::<16>()?;
    let (key, tag) = rest.split_first_chunk::<4>()?;
    let key = keys.find(Purpose::Login, KeyId::from_bytes(*key))?;
    key.verify(label, &[id], tag).then_some((*id, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::keys;

    /// Requirements: B19.
    #[test]
    fn only_our_own_state_names_a_login() {
        let (ours, theirs) = (keys("https://gate.example", 1), keys("https://other.example", 1));
        let id = AuthorizationId::from_bytes([3; 16]);
        let secrets = LoginSecrets::derive(ours.active(Purpose::Login), id);
        assert_eq!(returned(Some(&secrets.state), &ours), Ok(ReturnedLogin::Authorization(id)));
        assert_eq!(returned(Some(&secrets.state), &theirs), Err(Refusal::StateInvalid));
        for strange in [None, Some(""), Some("x"), Some(ACCOUNT), Some(&secrets.state[1..])] {
            assert_eq!(returned(strange, &ours), Err(Refusal::StateInvalid));
        }
        let mut other = LoginSecrets::derive(ours.active(Purpose::Login), AuthorizationId::from_bytes([4; 16])).state;
        other.replace_range(..20, &secrets.state[..20]);
        assert_eq!(returned(Some(&other), &ours), Err(Refusal::StateInvalid));
    }

    /// With the same id for both kinds, neither `state` can be turned into the other.
    ///
    /// Requirements: B19.
    #[test]
    fn the_two_kinds_of_login_are_never_confused() {
        let keys = keys("https://gate.example", 1);
        let key = keys.active(Purpose::Login);
        let authorization = LoginSecrets::derive(key, AuthorizationId::from_bytes([3; 16]));
        let id = AccountLoginId::from_bytes([3; 16]);
        let account = LoginSecrets::for_account(key, id);
        let expected = ReturnedLogin::Account { id, secrets: LoginSecrets::for_account(key, id) };
        assert_eq!(returned(Some(&account.state), &keys), Ok(expected));
        let undressed = account.state.strip_prefix(ACCOUNT).unwrap();
        let dressed = format!("{ACCOUNT}{}", authorization.state);
        for state in [undressed, &dressed] {
            assert_eq!(returned(Some(state), &keys), Err(Refusal::StateInvalid), "{state}");
        }
        assert!(account.verifier != authorization.verifier && account.nonce != authorization.nonce);
    }

    /// Requirements: B15.
    #[test]
    fn two_logins_share_nothing() {
        let keys = keys("https://gate.example", 1);
        let derive = |n| LoginSecrets::derive(keys.active(Purpose::Login), AuthorizationId::from_bytes([n; 16]));
        let (one, two) = (derive(1), derive(2));
        assert!(one.state != two.state && one.verifier != two.verifier && one.nonce != two.nonce);
        assert_eq!(one.verifier.expose().len(), 43, "RFC 7636 §4.1");
    }
}
