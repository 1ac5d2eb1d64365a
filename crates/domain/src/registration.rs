//! Client registration (RFC 7591, RFC 7592), and the checks it shares with metadata documents ([`document`]).
//!
//! No claim of a client is trusted: names are made displayable, and every limit bounds what a stranger can store.
//! Metadata that no rule needs is kept only as far as it must be returned.

pub mod document;

use url::Url;

use crate::Refusal;
use crate::client::claimed_name;
use crate::client::jwk::{KeyParameters, MAX_KEYS, PublicJwk};
use crate::client::metadata::ClientMetadata;
use crate::client::redirect_uri::{RedirectUri, RedirectUriError};
use crate::client::secret::{self, SecretDigest};
use crate::client::{
    Authentication, AuthenticationMethod, Client, ClientDescription, ClientKeys, ClientOrigin, ClientStatus, GrantType,
    SecretMethod, UnsignedRequests,
};
use crate::display::displayable;
use crate::id::{Attempt, ClientId};
use crate::issuer::{Issuer, MAX_ISSUER_SCOPES, RegistrationPolicy};
use crate::keys::{Keys, short_digest};
use crate::origin::NormalUrl;
use crate::secret::{Secret, kind};
use crate::time::Timestamp;

const MAX_REDIRECT_URIS: usize = 20;
const MAX_LIST: usize = 20;
const MAX_TEXT: usize = 256;
/// All scopes that an issuer may advertise, and `offline_access`.
const MAX_SCOPE: usize = MAX_ISSUER_SCOPES + " offline_access".len();
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

/// Checks that `token` manages `client` (RFC 7592 §2). Refuses with [`Refusal::RegistrationAccessTokenInvalid`].
pub fn may_manage(client: &Client, token: &str) -> Result<(), Refusal> {
    match &client.origin {
        ClientOrigin::Registered { management: Some(digest), .. } if digest.is_of(token) => Ok(()),
        ClientOrigin::Registered { .. } | ClientOrigin::Configured | ClientOrigin::Document => {
            Err(Refusal::RegistrationAccessTokenInvalid)
        }
    }
}

/// Checks that `client_id` and `client_secret` of an update are the client's own, if they were sent (RFC 7592 §2.2).
/// Refuses with [`Refusal::RegistrationMetadataInvalid`].
pub fn is_of(client: &Client, id: Option<&str>, secret: Option<&str>) -> Result<(), Refusal> {
    let id_is = id.is_none_or(|id| id == client.id.as_str());
    let secret_is = match (&client.authentication, secret.filter(|secret| !secret.is_empty())) {
        (_, None) => true,
        (Authentication::Secret { digest, .. }, Some(secret)) => digest.is_of(secret),
        (Authentication::Public | Authentication::Keys { .. }, Some(_)) => false,
    };
    if id_is && secret_is {
        Ok(())
    } else {
        Err(Refusal::RegistrationMetadataInvalid("client_id and client_secret are the client's own, or left out"))
    }
}

/// Replaces the client's metadata (RFC 7592 §2.2). The client keeps its secret as long as it authenticates with one; a
/// newly made secret is returned once.
pub fn replace(
    client: Client,
    asked: ClientMetadata,
    issuer: &Issuer,
    keys: &Keys,
    attempt: Attempt,
) -> Result<Registered, Refusal> {
    let described = describe(&asked, issuer)?;
    // For a repeated call: it has already made the secret.
    let again = secret_again(&client, keys, attempt);
    let (authentication, secret) = authentication(&asked, &client.id, Some(&client.authentication), keys, attempt)?;
    let replaced = bounded(described.client(client.id, client.origin, client.status, authentication))?;
    Ok(Registered { client: replaced, secret: secret.or(again), management_token: None })
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

/// The secret that `attempt` returned, if `client` still has it.
pub fn secret_again(client: &Client, keys: &Keys, attempt: Attempt) -> Option<Secret<kind::ClientSecret>> {
    match &client.authentication {
        Authentication::Secret { digest, .. } => secret::client_secret_again(keys, &client.id, attempt, digest),
        Authentication::Public | Authentication::Keys { .. } => None,
    }
}

/// Checked metadata: all of a client but its id, origin, status and authentication.
#[derive(Debug)]
pub(crate) struct Described {
    name: Option<String>,
    redirect_uris: Vec<RedirectUri>,
    grant_types: Vec<GrantType>,
    about: ClientDescription,
}

impl Described {
    pub(crate) fn client(
        self,
        id: ClientId,
        origin: ClientOrigin,
        status: ClientStatus,
        authentication: Authentication,
    ) -> Client {
        let Self { name, redirect_uris, grant_types, about } = self;
        Client { id, origin, status, name, redirect_uris, grant_types, authentication, about }
    }
}

pub(crate) fn describe(asked: &ClientMetadata, issuer: &Issuer) -> Result<Described, Refusal> {
    let invalid = Refusal::RegistrationMetadataInvalid;
    if asked.redirect_uris.is_empty() {
        return Err(Refusal::RegistrationRedirectUriInvalid("register at least one redirect URI"));
    }
    if asked.redirect_uris.len() > MAX_REDIRECT_URIS {
        return Err(Refusal::RegistrationRedirectUriInvalid("register at most 20 redirect URIs"));
    }
    if asked.grant_types.len() > MAX_LIST
        || asked.response_types.len() > MAX_LIST
        || asked.about.contacts.len() > MAX_LIST
    {
        return Err(invalid("a list has at most 20 members"));
    }
    let redirect_uris = acceptable(&asked.redirect_uris, issuer)?;
    if !asked.response_types.is_empty() && !asked.response_types.iter().any(|response_type| response_type == "code") {
        return Err(invalid("response_types must include code"));
    }
    // Unknown grant types are ignored: clients list those of other servers, too (D16).
    let mut grant_types: Vec<_> = asked.grant_types.iter().filter_map(|name| GrantType::parse(name)).collect();
    if asked.grant_types.is_empty() {
        grant_types.push(GrantType::AuthorizationCode);
    }
    if !grant_types.contains(&GrantType::AuthorizationCode) {
        return Err(invalid("grant_types must include authorization_code"));
    }
    grant_types.sort_by_key(|grant_type| *grant_type as u8);
    grant_types.dedup();
    let name = asked.client_name.as_deref().and_then(claimed_name::recorded);
    Ok(Described { name, redirect_uris, grant_types, about: about(asked.about.clone())? })
}

/// The client's authentication, and its secret if that is new. An unsupported method, or none, makes a public client,
/// and the response says so (RFC 7591 §3.2.1: the server may substitute).
fn authentication(
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

/// The client's usable public keys; `None` if there are none.
pub(crate) fn client_keys(asked: &ClientMetadata) -> Result<Option<ClientKeys>, Refusal> {
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

/// The id follows from the attempt alone, so that a repeated call finds the client it made.
pub fn client_id(issuer: &Issuer, attempt: Attempt) -> ClientId {
    ClientId::derived(&short_digest("client id", &[&issuer.url.digest(), attempt.bytes()]))
}

/// The acceptable redirect URIs. One with an unlisted private scheme is ignored if others remain: Cursor registers
/// three at once and must not fail because of one.
fn acceptable(asked: &[String], issuer: &Issuer) -> Result<Vec<RedirectUri>, Refusal> {
    let mut redirect_uris: Vec<RedirectUri> = Vec::new();
    let mut passed_over = None;
    for text in asked {
        match RedirectUri::parse(text, &issuer.policy.private_scheme_redirect_uris) {
            Ok(uri) if !issuer.policy.redirect_hosts.permit(&uri) => {
                return Err(Refusal::RegistrationRedirectUriInvalid("the operator does not permit this redirect URI"));
            }
            Ok(uri) if issuer.own_origins.include(&uri) => {
                return Err(Refusal::RegistrationRedirectUriInvalid("a redirect URI must not lead to this server"));
            }
            Ok(uri) if redirect_uris.contains(&uri) => {}
            Ok(uri) => redirect_uris.push(uri),
            Err(RedirectUriError::UnlistedScheme) => passed_over = Some(RedirectUriError::UnlistedScheme),
            Err(dangerous) => return Err(dangerous.into()),
        }
    }
    match passed_over {
        Some(unlisted) if redirect_uris.is_empty() => Err(unlisted.into()),
        _ => Ok(redirect_uris),
    }
}

fn about(asked: ClientDescription) -> Result<ClientDescription, Refusal> {
    let text = |text: Option<String>, max: usize| match text {
        Some(text) if text.len() > max => {
            Err(Refusal::RegistrationMetadataInvalid("a text of the metadata is too long"))
        }
        text => Ok(text.and_then(|text| displayable(&text, max))),
    };
    Ok(ClientDescription {
        client_uri: web_uri(asked.client_uri)?,
        logo_uri: web_uri(asked.logo_uri)?,
        tos_uri: web_uri(asked.tos_uri)?,
        policy_uri: web_uri(asked.policy_uri)?,
        contacts: asked
            .contacts
            .into_iter()
            .filter_map(|contact| text(Some(contact), MAX_TEXT).transpose())
            .collect::<Result<_, _>>()?,
        scope: text(asked.scope, MAX_SCOPE)?,
        // Only a hint: Cursor says `web` with cursor:// URIs (A24).
        application_type: asked.application_type.filter(|kind| kind == "native" || kind == "web"),
        software_id: text(asked.software_id, MAX_TEXT)?,
        software_version: text(asked.software_version, MAX_TEXT)?,
    })
}

/// Accepts http and https only: a page that shows another scheme could execute it. An empty URI counts as none.
fn web_uri(uri: Option<String>) -> Result<Option<String>, Refusal> {
    let Some(uri) = uri.filter(|uri| !uri.is_empty()) else { return Ok(None) };
    let web = Url::parse(&uri).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    let plain = uri.len() <= MAX_URI && uri.bytes().all(|byte| matches!(byte, 0x21..=0x7E));
    if web && plain {
        Ok(Some(uri))
    } else {
        Err(Refusal::RegistrationMetadataInvalid(
            "client_uri, logo_uri, tos_uri and policy_uri must be http or https URLs",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::jwk::JwkMembers;
    use crate::client::jwk::tests::ec;
    use crate::client::metadata::ClientMetadata;
    use crate::issuer::tests::issuer;
    use crate::issuer::{ClientPolicy, HostPatterns};
    use crate::keys::tests::keys;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn asked(redirect_uris: &[&str]) -> ClientMetadata {
        ClientMetadata {
            redirect_uris: redirect_uris.iter().map(|uri| (*uri).to_owned()).collect(),
            ..ClientMetadata::default()
        }
    }

    fn attempt(n: u8) -> Attempt {
        Attempt::from_bytes([n; 16])
    }

    fn k() -> Keys {
        keys("https://gate.example", 1)
    }

    fn registered(asked: ClientMetadata) -> Result<Registered, Refusal> {
        super::register(asked, &issuer(), &k(), attempt(1), NOW)
    }

    fn register(asked: ClientMetadata) -> Result<Client, Refusal> {
        registered(asked).map(|registered| registered.client)
    }

    fn with_method(method: &str) -> ClientMetadata {
        let token_endpoint_auth_method = Some(method.to_owned());
        ClientMetadata { token_endpoint_auth_method, ..asked(&["https://app.example/cb"]) }
    }

    /// Requirements: R31.
    #[test]
    fn unknown_grant_types_are_ignored() {
        let mut registration = asked(&["https://app.example/cb"]);
        registration.grant_types =
            ["refresh_token", "device_code", "authorization_code", "authorization_code"].map(str::to_owned).to_vec();
        let client = register(registration).unwrap();
        assert_eq!(client.grant_types, [GrantType::AuthorizationCode, GrantType::RefreshToken]);
    }

    /// Requirements: R33.
    #[test]
    fn unusable_grant_and_response_types_are_refused() {
        let mut registration = asked(&["https://app.example/cb"]);
        registration.grant_types = vec!["client_credentials".to_owned()];
        assert!(matches!(register(registration), Err(Refusal::RegistrationMetadataInvalid(_))));
        let mut registration = asked(&["https://app.example/cb"]);
        registration.response_types = vec!["token".to_owned()];
        assert!(matches!(register(registration), Err(Refusal::RegistrationMetadataInvalid(_))));
    }

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

    /// Requirements: R37.
    #[test]
    fn a_registration_access_token_manages_only_its_own_client() {
        let (one, token) = {
            let Registered { client, management_token, .. } = registered(with_method("none")).unwrap();
            (client, management_token.unwrap())
        };
        let other = super::register(with_method("none"), &issuer(), &k(), attempt(2), NOW).unwrap().client;
        assert_eq!(may_manage(&one, token.expose()), Ok(()));
        for (client, token) in
            [(&other, token.expose()), (&one, ""), (&one, "lgm_"), (&issuer().clients[0], token.expose())]
        {
            assert_eq!(may_manage(client, token), Err(Refusal::RegistrationAccessTokenInvalid));
        }
    }

    /// Requirements: R37.
    #[test]
    fn a_replaced_registration_keeps_its_id_and_the_secret_it_uses() {
        let Registered { client, secret, .. } = registered(with_method("client_secret_basic")).unwrap();
        let replace =
            |client: &Client, asked| super::replace(client.clone(), asked, &issuer(), &k(), attempt(7)).unwrap();
        let again = replace(&client, with_method("client_secret_post"));
        assert_eq!((&again.client.id, &again.client.origin, again.secret), (&client.id, &client.origin, None));
        assert_eq!(secret_again(&again.client, &k(), attempt(1)), secret);
        let public = replace(&client, with_method("none")).client;
        assert_eq!(public.authentication, Authentication::Public);
        let anew = replace(&public, with_method("client_secret_basic"));
        assert!(anew.secret.is_some() && anew.secret != secret);
        assert_eq!(
            replace(&anew.client, with_method("client_secret_basic")).secret,
            anew.secret,
            "the same call again"
        );
        let stated = |id, secret| is_of(&client, id, secret);
        let secret = secret.unwrap();
        assert_eq!(stated(Some(client.id.as_str()), Some(secret.expose())), Ok(()));
        assert_eq!(stated(None, None), Ok(()));
        assert!(stated(Some("other"), None).is_err() && stated(None, Some("guess")).is_err());
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

    /// Requirements: B33.
    #[test]
    fn a_redirect_uri_on_an_unlisted_host_is_refused() {
        let redirect_hosts = HostPatterns::parse(&["app.example", "*.trusted.example"].map(str::to_owned)).unwrap();
        let issuer = Issuer { policy: ClientPolicy { redirect_hosts, ..issuer().policy }, ..issuer() };
        let register = |uri| super::register(asked(&[uri]), &issuer, &k(), attempt(1), NOW);
        for good in ["https://app.example/cb", "https://a.trusted.example:8443/cb", "http://127.0.0.1/cb"] {
            assert!(register(good).is_ok(), "{good}");
        }
        for bad in ["https://evil.example/cb", "https://trusted.example/cb", "https://sub.app.example/cb"] {
            assert!(matches!(register(bad), Err(Refusal::RegistrationRedirectUriInvalid(_))), "{bad}");
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

    /// Requirements: conflict 2.
    #[test]
    fn an_unlisted_private_scheme_is_ignored_only_beside_other_redirect_uris() {
        let all = ["zed://oauth", "https://www.cursor.com/agents/mcp/oauth/callback", "http://localhost:8787/callback"];
        let client = register(asked(&all)).unwrap();
        assert_eq!(client.redirect_uris.iter().map(RedirectUri::as_str).collect::<Vec<_>>(), &all[1..]);
        assert!(matches!(register(asked(&all[..1])), Err(Refusal::RegistrationRedirectUriInvalid(_))));
        assert!(matches!(register(asked(&["javascript:x", all[1]])), Err(Refusal::RegistrationRedirectUriInvalid(_))));
    }

    /// Requirements: A10, B31.
    #[test]
    fn a_redirect_uri_on_an_own_origin_is_refused() {
        for own in [
            "https://gate.example/callback/demo",
            "https://gate.example",
            "https://GATE.example/authorize",
            "https://gate.example:443/authorize",
            "https://gate.example./authorize",
            "https://other.example/authorize",
            "https://other.example/t/authorize?client_id=trusted",
            "http://127.0.0.1:8080/authorize",
            "http://localhost:8080/authorize",
            "https://app.localhost:8080/authorize",
        ] {
            let refused = register(asked(&["https://app.example/cb", own]));
            assert!(matches!(refused, Err(Refusal::RegistrationRedirectUriInvalid(_))), "{own}");
        }
    }

    /// Requirements: R31.
    #[test]
    fn metadata_beyond_the_limits_is_refused_or_cut() {
        let many: Vec<String> = (0..21).map(|n| format!("https://app.example/{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(register(asked(&many)).is_err());
        assert!(register(asked(&many[..20])).is_ok());
        assert!(register(asked(&[])).is_err());
        let mut registration = asked(&["https://app.example/cb"]);
        registration.client_name = Some("x".repeat(10_000));
        assert_eq!(register(registration).unwrap().name.unwrap().len(), 128);
        for (length, is_good) in [(MAX_ISSUER_SCOPES + " offline_access".len(), true), (MAX_ISSUER_SCOPES + 16, false)]
        {
            let mut registration = asked(&["https://app.example/cb"]);
            registration.about.scope = Some("s".repeat(length));
            assert_eq!(register(registration).is_ok(), is_good, "{length}");
        }
        let mut registration = asked(&["https://app.example/cb"]);
        registration.about.logo_uri = Some("javascript:alert(1)".to_owned());
        assert!(matches!(register(registration), Err(Refusal::RegistrationMetadataInvalid(_))));
    }
}
