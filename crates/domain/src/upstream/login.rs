//! Logins at the upstream: `state`, PKCE verifier and nonce (RFC 9700 §2.1, §4.7), derived from the authorization's id
//! and the number of the answer that approved it. Another answer has another login, so an upstream code that was issued
//! for the one is refused for the other.
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
    /// Base64url of [`LoginId`] (16 or 20 bytes), key id (4) and MAC (32). The browser sees it, and only we can make it.
    pub state: String,
    /// The PKCE verifier.
    pub verifier: Secret<kind::UpstreamVerifier>,
    /// The nonce of the ID token.
    pub nonce: Secret<kind::UpstreamNonce>,
}

/// Names the login of one answer to a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginId {
    /// The ticket in this browser.
    pub authorization: AuthorizationId,
    /// The number of the answer ([`Decided::answer`](crate::consent::Decided::answer)).
    pub answer: u32,
}

impl LoginId {
    /// The authorization's id; for every answer after the first, its number in 4 bytes follows.
    fn bytes(self) -> Vec<u8> {
        let number = (self.answer > 0).then(|| self.answer.to_be_bytes());
        [self.authorization.bytes().as_slice(), number.as_ref().map_or(&[], |number| number.as_slice())].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (id, number) = bytes.split_first_chunk::<16>()?;
        let authorization = AuthorizationId::from_bytes(*id);
        let answer = match number {
            [] => 0,
            number => u32::from_be_bytes(number.try_into().ok()?),
        };
        let login = Self { authorization, answer };
        // One spelling for each login.
        (login.bytes() == bytes).then_some(login)
    }
}

impl LoginSecrets {
    /// The secrets of the login `id`.
    pub fn derive(key: &Key, id: LoginId) -> Self {
        let id = id.bytes();
        let state = [id.as_slice(), &key.id.bytes(), &key.mac("state", &[&id])].concat();
        Self {
            state: id::encode(&state),
            verifier: Secret::new(id::encode(&key.mac("verifier", &[&id]))),
            nonce: Secret::new(id::encode(&key.mac("nonce", &[&id]))),
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

/// Bytes of the longest `state`.
const MAX_STATE: usize = 16 + 4 + 4 + 32;

/// Base64url contains no dot, so no authorization's `state` begins like this.
const ACCOUNT: &str = "account.";

/// The login that a browser returns from.
#[derive(Debug, PartialEq, Eq)]
pub enum ReturnedLogin {
    /// The login of an authorization.
    Authorization(LoginId),
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
                Some(ReturnedLogin::Authorization(LoginId::from_bytes(&id)?))
            }
            Some(state) => {
                let (id, key) = verified(state, "account state", keys)?;
                let id = AccountLoginId::from_bytes(id.try_into().ok()?);
                Some(ReturnedLogin::Account { id, secrets: LoginSecrets::for_account(key, id) })
            }
        }
    };
    parse().ok_or(Refusal::StateInvalid)
}

/// The bytes of the id in a `state` with this label, and the key that made it.
fn verified<'a>(state: &str, label: &str, keys: &'a Keys) -> Option<(Vec<u8>, &'a Key)> {
    let mut id = id::decode_vec(state).filter(|bytes| bytes.len() <= MAX_STATE)?;
    let (rest, tag) = id.split_last_chunk::<32>()?;
    let (id_length, key) = (rest.len().checked_sub(4)?, rest.last_chunk::<4>()?);
    let key = keys.find(Purpose::Login, KeyId::from_bytes(*key))?;
    let is_ours = key.verify(label, &[&rest[..id_length]], tag);
    id.truncate(id_length);
    is_ours.then_some((id, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::keys;

    fn login(id: u8, answer: u32) -> LoginId {
        LoginId { authorization: AuthorizationId::from_bytes([id; 16]), answer }
    }

    /// Requirements: B19.
    #[test]
    fn only_our_own_state_names_a_login() {
        let (ours, theirs) = (keys("https://gate.example", 1), keys("https://other.example", 1));
        let id = login(3, 0);
        let secrets = LoginSecrets::derive(ours.active(Purpose::Login), id);
        assert_eq!(returned(Some(&secrets.state), &ours), Ok(ReturnedLogin::Authorization(id)));
        for later in [1, 2, u32::MAX] {
            let state = LoginSecrets::derive(ours.active(Purpose::Login), login(3, later)).state;
            assert_eq!(returned(Some(&state), &ours), Ok(ReturnedLogin::Authorization(login(3, later))));
        }
        assert_eq!(returned(Some(&secrets.state), &theirs), Err(Refusal::StateInvalid));
        for strange in [None, Some(""), Some("x"), Some(ACCOUNT), Some(&secrets.state[1..])] {
            assert_eq!(returned(strange, &ours), Err(Refusal::StateInvalid));
        }
        let mut other = LoginSecrets::derive(ours.active(Purpose::Login), login(4, 0)).state;
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
        let authorization = LoginSecrets::derive(key, login(3, 0));
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
        let derive = |id| LoginSecrets::derive(keys.active(Purpose::Login), id);
        let logins = [login(1, 0), login(2, 0), login(1, 1), login(1, 2), login(2, 1)];
        for (n, one) in logins.into_iter().enumerate() {
            let one = derive(one);
            assert_eq!(one.verifier.expose().len(), 43, "RFC 7636 §4.1");
            for two in logins.into_iter().skip(n + 1).map(derive) {
                assert!(one.state != two.state && one.verifier != two.verifier && one.nonce != two.nonce);
            }
        }
    }

    /// The number of the answer cannot be added to a `state`, taken from it or changed in it.
    ///
    /// Requirements: B19.
    #[test]
    fn the_state_of_one_answer_never_becomes_that_of_another() {
        let keys = keys("https://gate.example", 1);
        let bytes = |answer| {
            let state = LoginSecrets::derive(keys.active(Purpose::Login), login(3, answer)).state;
            id::decode_vec(&state).unwrap()
        };
        let (first, second) = (bytes(0), bytes(1));
        let mut numbered = first.clone();
        numbered.splice(16..16, 1u32.to_be_bytes());
        let mut zero = first.clone();
        zero.splice(16..16, 0u32.to_be_bytes());
        let mut unnumbered = second.clone();
        unnumbered.drain(16..20);
        let mut third = second.clone();
        third[19] = 2;
        for forged in [numbered, zero, unnumbered, third, [second.as_slice(), &[0]].concat()] {
            assert_eq!(returned(Some(&id::encode(&forged)), &keys), Err(Refusal::StateInvalid), "{forged:?}");
        }
        // Even with a MAC of ours, a first answer is not spelt with a number.
        let key = keys.active(Purpose::Login);
        let id = [[3; 16].as_slice(), &[0; 4]].concat();
        let state = id::encode(&[id.as_slice(), &key.id.bytes(), &key.mac("state", &[&id])].concat());
        assert_eq!(returned(Some(&state), &keys), Err(Refusal::StateInvalid));
    }
}
