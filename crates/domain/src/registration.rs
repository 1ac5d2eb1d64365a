//! Client registration (RFC 7591, RFC 7592), and the checks it shares with metadata documents ([`document`]).
//!
//! No claim of a client is trusted: names are made displayable, and every limit bounds what a stranger can store.
//! Metadata that no rule needs is kept only as far as it must be returned.
//!
//! The checks of metadata are in `checked_metadata.rs`, those of the authentication method with its secret or keys in
//! `authentication_method.rs`, and what a client may do with its registration later (RFC 7592) in `management.rs`.

mod authentication_method;
mod checked_metadata;
pub mod document;
mod management;

use crate::Refusal;
use crate::client::jwk::{KeyParameters, PublicJwk};
use crate::client::metadata::ClientMetadata;
use crate::client::secret::{self, SecretDigest};
use crate::client::{Authentication, Client, ClientDescription, ClientKeys, ClientOrigin, ClientStatus};
use crate::id::{Attempt, ClientId};
use crate::issuer::{Issuer, RegistrationPolicy};
use crate::keys::{Keys, short_digest};
use crate::registration::authentication_method::authentication;
use crate::registration::checked_metadata::describe;
use crate::secret::{Secret, kind};
use crate::time::Timestamp;

pub use authentication_method::{is_jwks_uri, secret_again};
pub use management::{is_of, may_manage, replace};

const MAX_URI: usize = 2048;
/// The most bytes of text that one registration holds, besides its scope. What clients register has a few hundred bytes, and
/// a stranger's registration is kept for a day.
const MAX_BYTES: usize = 4096;

/// A registered client, with the secrets that the response contains.
#[derive(Debug)]
pub struct Registered {
    /// The client.
    pub client: Client,
    /// The client secret, if this call made one.
    pub secret: Option<Secret<kind::ClientSecret>>,
    /// `None` for a registration of the first release.
    pub management_token: Option<Secret<kind::RegistrationAccessToken>>,
}

impl Registered {
    /// The response to `attempt`, which registered `client`, again; without secrets if their keys have been deleted.
    pub fn again(client: Client, keys: &Keys, attempt: Attempt) -> Self {
        let management_token = match &client.origin {
            ClientOrigin::Registered { management: Some(digest), .. } => {
                secret::registration_access_token_again(keys, &client.id, attempt, digest)
            }
            ClientOrigin::Registered { management: None, .. } | ClientOrigin::Configured | ClientOrigin::Document => {
                None
            }
        };
        Self { secret: secret_again(&client, keys, attempt), client, management_token }
    }
}

/// Checks that a client may register. `token` is the initial access token, if one was sent (RFC 7591 §3).
///
/// Refuses with [`Refusal::InitialAccessTokenInvalid`] or [`Refusal::RegistrationClosed`].
pub fn may_register(issuer: &Issuer, token: Option<&str>) -> Result<(), Refusal> {
    match (&issuer.policy.registration, token) {
        (RegistrationPolicy::Open, _) => Ok(()),
        (RegistrationPolicy::WithToken(known), Some(token)) if known.iter().any(|digest| digest.is_of(token)) => Ok(()),
        (RegistrationPolicy::WithToken(_), _) => Err(Refusal::InitialAccessTokenInvalid),
        (RegistrationPolicy::Closed, _) => Err(Refusal::RegistrationClosed),
    }
}

/// Registers a client (RFC 7591 §3.1). Every registration is a client of its own: were identical ones merged, the first
/// registrant would control the registrations of all others (R35).
///
/// Refuses with [`Refusal::RegistrationRedirectUriInvalid`] or [`Refusal::RegistrationMetadataInvalid`].
pub fn register(
    asked: ClientMetadata,
    issuer: &Issuer,
    keys: &Keys,
    attempt: Attempt,
    now: Timestamp,
) -> Result<Registered, Refusal> {
    let id = client_id(issuer, attempt);
    let management_token = secret::registration_access_token(keys, &id, attempt);
    let management = Some(SecretDigest::of(management_token.expose()));
    let described = describe(&asked, issuer)?;
    let (authentication, secret) = authentication(&asked, &id, None, keys, attempt)?;
    let origin = ClientOrigin::Registered { at: now, attempt, management };
    let client = bounded(described.client(id, origin, ClientStatus::Enabled, authentication))?;
    Ok(Registered { client, secret, management_token: Some(management_token) })
}

/// The id follows from the attempt alone, so that a repeated call finds the client it made.
pub fn client_id(issuer: &Issuer, attempt: Attempt) -> ClientId {
    ClientId::derived(&short_digest("client id", &[&issuer.url.digest(), attempt.bytes()]))
}

/// The client, if all its texts together are short enough.
fn bounded(client: Client) -> Result<Client, Refusal> {
    let key = |key: &PublicJwk| {
        key.kid.as_ref().map_or(0, String::len)
            + match &key.parameters {
                KeyParameters::Rsa { n, e } => n.len() + e.len(),
                KeyParameters::Ec { x, y } => x.len() + y.len(),
                KeyParameters::Okp { x } => x.len(),
            }
    };
    let keys = match &client.authentication {
        Authentication::Public | Authentication::Secret { .. } => 0,
        Authentication::Keys { keys: ClientKeys::ByValue(keys), .. } => keys.iter().map(key).sum(),
        Authentication::Keys { keys: ClientKeys::ByReference(uri), .. } => uri.len(),
    };
    let ClientDescription {
        client_uri,
        logo_uri,
        tos_uri,
        policy_uri,
        contacts,
        scope: _,
        application_type,
        software_id,
        software_version,
    } = &client.about;
    let texts = [client_uri, logo_uri, tos_uri, policy_uri, application_type, software_id, software_version];
    let texts = texts.into_iter().chain([&client.name]).flatten().chain(contacts).map(String::len);
    let uris = client.redirect_uris.iter().map(|uri| uri.as_str().len());
    if texts.chain(uris).sum::<usize>() + keys > MAX_BYTES {
        return Err(Refusal::RegistrationMetadataInvalid("a registration has at most 4096 bytes besides its scope"));
    }
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::ClientPolicy;
    use crate::issuer::tests::issuer;
    use crate::keys::tests::keys;

    pub(super) const NOW: Timestamp = Timestamp::EPOCH;

    pub(super) fn asked(redirect_uris: &[&str]) -> ClientMetadata {
        ClientMetadata {
            redirect_uris: redirect_uris.iter().map(|uri| (*uri).to_owned()).collect(),
            ..ClientMetadata::default()
        }
    }

    pub(super) fn attempt(n: u8) -> Attempt {
        Attempt::from_bytes([n; 16])
    }

    pub(super) fn k() -> Keys {
        keys("https://gate.example", 1)
    }

    pub(super) fn registered(asked: ClientMetadata) -> Result<Registered, Refusal> {
        super::register(asked, &issuer(), &k(), attempt(1), NOW)
    }

    pub(super) fn register(asked: ClientMetadata) -> Result<Client, Refusal> {
        registered(asked).map(|registered| registered.client)
    }

    pub(super) fn with_method(method: &str) -> ClientMetadata {
        let token_endpoint_auth_method = Some(method.to_owned());
        ClientMetadata { token_endpoint_auth_method, ..asked(&["https://app.example/cb"]) }
    }

    /// Requirements: R36.
    #[test]
    fn the_registration_policy_decides_which_clients_may_register() {
        let policy = |registration| ClientPolicy { registration, ..issuer().policy };
        let with = |registration| Issuer { policy: policy(registration), ..issuer() };
        assert_eq!(may_register(&with(RegistrationPolicy::Open), None), Ok(()));
        assert_eq!(may_register(&with(RegistrationPolicy::Closed), Some("x")), Err(Refusal::RegistrationClosed));
        let closed = with(RegistrationPolicy::WithToken(vec![SecretDigest::of("right")]));
        assert_eq!(may_register(&closed, Some("right")), Ok(()));
        for token in [None, Some(""), Some("wrong")] {
            assert_eq!(may_register(&closed, token), Err(Refusal::InitialAccessTokenInvalid), "{token:?}");
        }
    }

    /// Requirements: R35.
    #[test]
    fn each_registration_is_a_client_of_its_own() {
        let register =
            |n| super::register(asked(&["https://app.example/cb"]), &issuer(), &k(), attempt(n), NOW).unwrap();
        assert_eq!(register(1).client.id, register(1).client.id);
        assert_ne!(register(1).client.id, register(2).client.id);
    }
}
