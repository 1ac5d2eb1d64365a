//! The checks of `/authorize`, in order.
//!
//! Client and redirect URI come first: before both are known, no error may be redirected (RFC 6749 §4.1.2.1).

pub mod parameters;
pub mod pkce;
pub mod ticket;

use crate::Refusal;
use crate::client::Client;
use crate::client::redirect_uri::{RedirectKind, RedirectUri};
use crate::id::ClientId;
use crate::issuer::{Issuer, Resource};
use crate::request::parameters::Parameters;
use crate::request::pkce::CodeChallenge;
use crate::scope::Scopes;

/// An authorization request that passed every check when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// The client.
    pub client_id: ClientId,
    /// The redirect URI.
    pub redirect_uri: RedirectUri,
    /// The client's own value, returned byte for byte.
    pub state: Option<String>,
    /// The PKCE challenge.
    pub code_challenge: CodeChallenge,
    /// The canonical URI of the resource.
    pub resource: String,
    /// The requested scopes.
    pub scopes: Scopes,
    /// The screen that the client asks for.
    pub screen: WantedScreen,
}

/// The screen that a client asks for with `prompt` (OIDC Core §3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedScreen {
    /// Any: the issuer's policy decides.
    Any,
    /// The full page, regardless of earlier consents.
    Full,
}

/// The client that the request names. Refuses with [`Refusal::ParameterMissing`] or [`Refusal::ClientUnknown`].
pub fn client_id(parameters: &Parameters) -> Result<ClientId, Refusal> {
    ClientId::parse(parameters.required("client_id")?).ok_or(Refusal::ClientUnknown)
}

/// The redirect URI: one of the client's registered URIs (RFC 9700 §2.1) that the operator permits. It may be left out
/// if the client registered only one.
///
/// Refuses with [`Refusal::RedirectUriUnregistered`], [`Refusal::RedirectUriMissing`] or
/// [`Refusal::RedirectUriForbidden`].
pub fn redirect_uri(parameters: &Parameters, issuer: &Issuer, client: &Client) -> Result<RedirectUri, Refusal> {
    client.enabled()?;
    let uri = match (parameters.single("redirect_uri")?, client.redirect_uris.as_slice()) {
        (Some(requested), registered) => matching(registered, requested).ok_or(Refusal::RedirectUriUnregistered)?,
        (None, [only]) => only.clone(),
        (None, _) => return Err(Refusal::RedirectUriMissing),
    };
    issuer.permits(client, &uri)?;
    Ok(uri)
}

impl AuthorizationRequest {
    /// Checks everything else, in order. A refusal may be returned to the client if [`tell_client`] permits it.
    pub fn check(
        parameters: &Parameters,
        issuer: &Issuer,
        client: &Client,
        redirect_uri: RedirectUri,
    ) -> Result<Self, Refusal> {
        let state = parameters.single("state")?;
        response_type_is_code(parameters)?;
        response_mode_is_query(parameters)?;
        no_request_object(parameters)?;
        let screen = wanted_screen(parameters)?;
        let code_challenge =
            CodeChallenge::parse(parameters.single("code_challenge")?, parameters.single("code_challenge_method")?)?;
        let resource = issuer.resource(parameters.all("resource"))?;
        let scopes = issuer.requested_scopes(resource, parameters.single("scope")?)?;
        Ok(Self {
            client_id: client.id.clone(),
            redirect_uri,
            state: state.map(str::to_owned),
            code_challenge,
            resource: resource.uri.clone(),
            scopes,
            screen,
        })
    }

    /// Checks the request again, minutes later, against the client and the resource as they are now.
    pub fn still_holds<'a>(&self, issuer: &'a Issuer, client: &Client) -> Result<&'a Resource, Refusal> {
        still_registered(issuer, client, &self.redirect_uri)?;
        let resource = issuer.resource_by_uri(&self.resource).ok_or(Refusal::ResourceUnknown)?;
        resource.requested_scopes(Some(&self.scopes.to_string()))?;
        Ok(resource)
    }
}

/// Checks that an approved request can still be answered: client, redirect URI and resource.
pub fn still_offered(
    issuer: &Issuer,
    client: &Client,
    redirect_uri: &RedirectUri,
    resource: &str,
) -> Result<(), Refusal> {
    still_registered(issuer, client, redirect_uri)?;
    issuer.resource_by_uri(resource).map(|_| ()).ok_or(Refusal::ResourceUnknown)
}

/// Checks that the client may still be answered at `redirect_uri`.
pub fn still_registered(issuer: &Issuer, client: &Client, redirect_uri: &RedirectUri) -> Result<(), Refusal> {
    client.enabled()?;
    matching(&client.redirect_uris, redirect_uri.as_str()).ok_or(Refusal::RedirectUriUnregistered)?;
    issuer.permits(client, redirect_uri)
}

/// True if an error may be redirected before a person has acted. An automatic redirect to a stranger's URI makes the
/// server an open redirector (OAuth 2.1 §7.12.2), except on loopback, where no phisher listens. Other clients' errors
/// are shown on a page with a link.
pub fn tell_client(client: &Client, redirect_uri: &RedirectUri) -> bool {
    client.is_configured() || redirect_uri.kind() == RedirectKind::Loopback
}

fn matching(registered: &[RedirectUri], requested: &str) -> Option<RedirectUri> {
    registered.iter().find_map(|uri| uri.matching(requested))
}

/// Only `code`: no implicit and no hybrid flow (OAuth 2.1 §4.1.1).
fn response_type_is_code(parameters: &Parameters) -> Result<(), Refusal> {
    match parameters.required("response_type")? {
        "code" => Ok(()),
        _ => Err(Refusal::ResponseTypeUnsupported),
    }
}

fn response_mode_is_query(parameters: &Parameters) -> Result<(), Refusal> {
    match parameters.single("response_mode")? {
        None | Some("query") => Ok(()),
        Some(_) => Err(Refusal::ResponseModeUnsupported),
    }
}

/// Refuses request objects; with `request_uri` a stranger could make us fetch any URL (RFC 9101 §5, §10.4).
fn no_request_object(parameters: &Parameters) -> Result<(), Refusal> {
    if parameters.single("request")?.is_some() {
        return Err(Refusal::RequestObjectUnsupported);
    }
    if parameters.single("request_uri")?.is_some() {
        return Err(Refusal::RequestUriUnsupported);
    }
    Ok(())
}

/// `none` cannot be honoured; with any other prompt, known or not, the person sees the full page (OIDC Core §3.1.2.1).
fn wanted_screen(parameters: &Parameters) -> Result<WantedScreen, Refusal> {
    match parameters.single("prompt")? {
        Some(prompt) if prompt.split(' ').any(|word| word == "none") => Err(Refusal::InteractionRequired),
        Some(_) => Ok(WantedScreen::Full),
        None => Ok(WantedScreen::Any),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::client::ClientStatus;
    use crate::issuer::tests::issuer;
    use crate::request::pkce::challenge_of;

    pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    /// A complete and valid request of the configured client.
    fn good() -> Vec<(String, String)> {
        [
            ("response_type", "code"),
            ("client_id", "configured"),
            ("redirect_uri", "https://app.example/cb"),
            ("code_challenge", &challenge_of(VERIFIER)),
            ("code_challenge_method", "S256"),
            ("state", "s\"t ä/te"),
            ("resource", "https://mcp.example/mcp"),
            ("scope", "read"),
            ("ui_locales", "de"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    pub(crate) fn request() -> AuthorizationRequest {
        check(good()).unwrap()
    }

    fn check(parameters: Vec<(String, String)>) -> Result<AuthorizationRequest, Refusal> {
        let issuer = issuer();
        let parameters = Parameters::new(parameters)?;
        let client = issuer.configured_client(&client_id(&parameters)?).ok_or(Refusal::ClientUnknown)?;
        let redirect_uri = redirect_uri(&parameters, &issuer, client)?;
        AuthorizationRequest::check(&parameters, &issuer, client, redirect_uri)
    }

    /// The valid request with one parameter replaced or removed.
    fn with(name: &str, value: Option<&str>) -> Vec<(String, String)> {
        let mut parameters = good();
        parameters.retain(|(n, _)| n != name);
        parameters.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        parameters
    }

    #[test]
    fn a_valid_request_passes() {
        let request = request();
        assert_eq!(request.state.as_deref(), Some("s\"t ä/te"));
        assert_eq!(request.scopes.to_string(), "read");
    }

    #[test]
    fn each_check_refuses_for_its_own_reason() {
        for (name, value, refusal) in [
            ("client_id", None, Refusal::ParameterMissing("client_id")),
            ("client_id", Some(""), Refusal::ParameterMissing("client_id")),
            ("client_id", Some("unknown"), Refusal::ClientUnknown),
            ("client_id", Some("a b"), Refusal::ClientUnknown),
            ("redirect_uri", Some("https://evil.example/cb"), Refusal::RedirectUriUnregistered),
            ("response_type", None, Refusal::ParameterMissing("response_type")),
            ("response_type", Some("token"), Refusal::ResponseTypeUnsupported),
            ("response_type", Some("code id_token"), Refusal::ResponseTypeUnsupported),
            ("response_mode", Some("fragment"), Refusal::ResponseModeUnsupported),
            ("request", Some("e30."), Refusal::RequestObjectUnsupported),
            ("request_uri", Some("https://evil.example/r"), Refusal::RequestUriUnsupported),
            ("prompt", Some("login none"), Refusal::InteractionRequired),
            ("code_challenge", None, Refusal::PkceRequired),
            ("code_challenge_method", None, Refusal::PkceMethodUnsupported),
            ("code_challenge", Some("short"), Refusal::PkceChallengeMalformed),
            ("resource", Some("https://other.example/mcp"), Refusal::ResourceUnknown),
            ("scope", Some("root"), Refusal::ScopeInvalid),
        ] {
            assert_eq!(check(with(name, value)), Err(refusal), "{name}={value:?}");
        }
    }

    /// Requirements: A11.
    #[test]
    fn an_early_error_is_redirected_only_to_configured_clients_and_loopback() {
        let configured = issuer().clients[0].clone();
        let origin = crate::client::ClientOrigin::Registered {
            at: crate::time::Timestamp::EPOCH,
            attempt: crate::id::Attempt::from_bytes([1; 16]),
            management: None,
        };
        let registered = Client { origin, ..configured.clone() };
        let uri = |text: &str| RedirectUri::parse(text, &["cursor://x/cb".to_owned()]).unwrap();
        assert!(tell_client(&configured, &uri("https://app.example/cb")));
        assert!(tell_client(&registered, &uri("http://127.0.0.1:9/cb")));
        assert!(!tell_client(&registered, &uri("https://app.example/cb")));
        assert!(!tell_client(&registered, &uri("cursor://x/cb")));
    }

    /// Requirements: R7.
    #[test]
    fn only_resource_and_unknown_parameters_may_be_repeated() {
        for name in
            ["client_id", "redirect_uri", "response_type", "code_challenge", "code_challenge_method", "state", "scope"]
        {
            let mut parameters = good();
            let again = parameters.iter().find(|(n, _)| n == name).unwrap().clone();
            parameters.push(again);
            assert!(matches!(check(parameters), Err(Refusal::ParameterRepeated(n)) if n == name), "{name}");
        }
        for (name, value) in [("resource", "https://mcp.example/mcp"), ("ui_locales", "en"), ("foo", "1")] {
            let mut parameters = good();
            parameters.push((name.to_owned(), value.to_owned()));
            assert!(check(parameters).is_ok(), "{name}");
        }
    }

    #[test]
    fn optional_parameters_may_be_missing_or_empty() {
        for name in ["redirect_uri", "state", "resource", "scope"] {
            assert!(check(with(name, None)).is_ok(), "{name}");
            assert!(check(with(name, Some(""))).is_ok(), "empty {name}");
        }
        for (name, value) in [("prompt", "consent"), ("response_mode", "query")] {
            assert!(check(with(name, Some(value))).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_request_fails_once_its_client_or_resource_has_changed() {
        let (request, good) = (request(), issuer());
        let client = &good.clients[0];
        assert!(request.still_holds(&good, client).is_ok());
        let disabled = Client { status: ClientStatus::Disabled, ..client.clone() };
        assert_eq!(request.still_holds(&good, &disabled), Err(Refusal::ClientDisabled));
        let moved =
            Client { redirect_uris: vec![RedirectUri::parse("https://app.example/2", &[]).unwrap()], ..client.clone() };
        assert_eq!(request.still_holds(&good, &moved), Err(Refusal::RedirectUriUnregistered));
        let mut narrowed = issuer();
        narrowed.resources[0].scopes.retain(|definition| definition.scope.as_str() != "read");
        assert_eq!(request.still_holds(&narrowed, client), Err(Refusal::ScopeInvalid));
        let mut gone = issuer();
        gone.resources.clear();
        assert_eq!(request.still_holds(&gone, client), Err(Refusal::ResourceUnknown));
    }
}
