//! The authentication method of a client, with the secret or the public keys that it needs.

use super::MAX_URI;
use crate::Refusal;
use crate::client::jwk::{MAX_KEYS, PublicJwk};
use crate::client::metadata::ClientMetadata;
use crate::client::secret::{self, SecretDigest};
use crate::client::{Authentication, AuthenticationMethod, Client, ClientKeys, SecretMethod, UnsignedRequests};
use crate::id::{Attempt, ClientId};
use crate::keys::Keys;
use crate::origin::NormalUrl;
use crate::secret::{Secret, kind};

/// The client's authentication, and its secret if that is new. An unsupported method, or none, makes a public client,
/// and the response says so (RFC 7591 §3.2.1: the server may substitute).
pub(super) fn authentication(
    asked: &ClientMetadata,
    id: &ClientId,
    before: Option<&Authentication>,
    keys: &Keys,
    attempt: Attempt,
) -> Result<(Authentication, Option<Secret<kind::ClientSecret>>), Refusal> {
    let client_keys = client_keys(asked)?;
    let method = asked.token_endpoint_auth_method.as_deref().and_then(AuthenticationMethod::parse);
    let registered = match method.unwrap_or(AuthenticationMethod::None) {
        AuthenticationMethod::None => return Ok((Authentication::Public, None)),
        AuthenticationMethod::PrivateKeyJwt => {
            let keys = client_keys.ok_or(Refusal::RegistrationMetadataInvalid(
                "private_key_jwt needs jwks or jwks_uri, with a key for RS256, PS256, ES256 or EdDSA",
            ))?;
            return Ok((Authentication::Keys { keys, unsigned: UnsignedRequests::Refused }, None));
        }
        AuthenticationMethod::ClientSecretBasic => SecretMethod::Basic,
        AuthenticationMethod::ClientSecretPost => SecretMethod::Post,
    };
    if let Some(Authentication::Secret { digest, .. }) = before {
        return Ok((Authentication::Secret { registered, digest: digest.clone() }, None));
    }
    let secret = secret::client_secret(keys, id, attempt);
    Ok((Authentication::Secret { registered, digest: SecretDigest::of(secret.expose()) }, Some(secret)))
}

/// The secret that `attempt` returned, if `client` still has it.
pub fn secret_again(client: &Client, keys: &Keys, attempt: Attempt) -> Option<Secret<kind::ClientSecret>> {
    match &client.authentication {
        Authentication::Secret { digest, .. } => secret::client_secret_again(keys, &client.id, attempt, digest),
        Authentication::Public | Authentication::Keys { .. } => None,
    }
}

/// The client's usable public keys; `None` if there are none.
pub(super) fn client_keys(asked: &ClientMetadata) -> Result<Option<ClientKeys>, Refusal> {
    let invalid = |why| Err(Refusal::RegistrationMetadataInvalid(why));
    match (&asked.jwks, &asked.jwks_uri) {
        // The two exclude each other (RFC 7591 §2).
        (Some(_), Some(_)) => invalid("jwks and jwks_uri exclude each other"),
        (Some(keys), None) if keys.len() > MAX_KEYS => invalid("jwks has at most 20 keys"),
        (Some(keys), None) => {
            let keys: Vec<_> = keys.iter().cloned().filter_map(PublicJwk::parse).collect();
            Ok((!keys.is_empty()).then_some(ClientKeys::ByValue(keys)))
        }
        (None, Some(uri)) => {
            if !is_jwks_uri(uri) {
                return invalid("jwks_uri is an https URL of at most 2048 characters, in its normal form");
            }
            Ok(Some(ClientKeys::ByReference(uri.clone())))
        }
        (None, None) => Ok(None),
    }
}

/// True if client keys may be fetched from `uri`: an https URL in normal form, so that it names one host to every parser.
pub fn is_jwks_uri(uri: &str) -> bool {
    uri.len() <= MAX_URI && NormalUrl::parse(uri).is_ok_and(|url| url.as_url().scheme() == "https")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::jwk::JwkMembers;
    use crate::client::jwk::tests::ec;
    use crate::registration::Registered;
    use crate::registration::tests::{asked, register, registered, with_method};

    /// Requirements: R33.
    #[test]
    fn keys_are_registered_either_by_value_or_by_reference() {
        let with = |jwks: Option<Vec<JwkMembers>>, jwks_uri: Option<&str>| {
            let jwks_uri = jwks_uri.map(str::to_owned);
            register(ClientMetadata { jwks, jwks_uri, ..with_method("private_key_jwt") })
        };
        assert!(with(Some(vec![ec("a")]), None).is_ok() && with(None, Some("https://app.example/jwks")).is_ok());
        for (why, jwks, jwks_uri) in [
            ("both", Some(vec![ec("a")]), Some("https://app.example/jwks")),
            ("neither", None, None),
            ("no key that can be used", Some(vec![JwkMembers::default()]), None),
            ("too many keys", Some(vec![ec("a"); 21]), None),
            ("http", None, Some("http://app.example/jwks")),
            ("upper case", None, Some("https://APP.example/jwks")),
            ("the default port", None, Some("https://app.example:443/jwks")),
            ("user information", None, Some("https://me@app.example/jwks")),
            ("a fragment", None, Some("https://app.example/jwks#x")),
            ("an address in disguise", None, Some("https://0x7f.1/jwks")),
            ("dot segments", None, Some("https://app.example/a/../jwks")),
        ] {
            assert!(matches!(with(jwks, jwks_uri), Err(Refusal::RegistrationMetadataInvalid(_))), "{why}");
        }
    }

    /// Requirements: R31, R34.
    #[test]
    fn an_unsupported_authentication_method_makes_a_public_client() {
        for method in ["client_secret_basic", "client_secret_post"] {
            let Registered { client, secret, .. } = registered(with_method(method)).unwrap();
            assert_eq!(client.authentication.method().as_str(), method);
            let Authentication::Secret { digest, .. } = client.authentication else { panic!("{method}") };
            assert!(digest.is_of(secret.unwrap().expose()));
        }
        for method in ["none", "tls_client_auth", ""] {
            let Registered { client, secret, .. } = registered(with_method(method)).unwrap();
            assert_eq!((client.authentication, secret), (Authentication::Public, None), "{method}");
        }
        assert_eq!(register(asked(&["https://app.example/cb"])).unwrap().authentication, Authentication::Public);
    }
}
