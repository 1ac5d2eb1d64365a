//! Parses and validates the authorization request.

use super::Provider;
use super::answer::{OAuthError, ReturnAddress};
use super::memory::Scopes;
use super::params::Params;

/// Supported scopes; others are ignored (OpenID Connect Core §3.1.2.1).
pub(super) const SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// A valid authorization request.
pub(super) struct AuthorizationRequest {
    pub(super) client_id: String,
    pub(super) return_to: ReturnAddress,
    pub(super) scopes: Scopes,
    pub(super) nonce: Option<String>,
    pub(super) code_challenge: Option<String>,
    pub(super) prompt: Prompt,
    pub(super) max_age_seconds: Option<u64>,
}

/// The `prompt` parameter (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Prompt {
    /// Show no page; return an error if one is needed.
    None,
    /// Show the pages that are needed, and the given ones in any case.
    Pages { login: bool, consent: bool },
}

/// A refused request.
pub(super) enum Rejected {
    /// Shown as a page: without a valid client and redirect URI there is no redirect (RFC 6749 §4.1.2.1).
    Here(&'static str),
    /// Returned to the client as an OAuth error.
    AtClient(ReturnAddress, OAuthError),
}

impl AuthorizationRequest {
    pub(super) fn parse(provider: &Provider, query: &str) -> Result<Self, Rejected> {
        let params =
            Params::parse(query.as_bytes()).map_err(|_| Rejected::Here("A parameter of the request is repeated."))?;
        let client = params
            .value("client_id")
            .and_then(|id| provider.client(id))
            .ok_or(Rejected::Here("This client is unknown here."))?;
        let redirect_uri = params
            .value("redirect_uri")
            // Clients in tests choose their port when they start, which can be after the provider.
            .filter(|uri| provider.fault_injection || client.has_redirect_uri(uri))
            .ok_or(Rejected::Here("The address to return to is not one of this client's."))?;
        let return_to = ReturnAddress { redirect_uri: redirect_uri.to_owned(), state: params.owned("state") };
        let options = read(&params).map_err(|error| Rejected::AtClient(return_to.clone(), error))?;
        Ok(Self {
            client_id: client.id.clone(),
            return_to,
            scopes: options.scopes,
            nonce: params.owned("nonce"),
            code_challenge: options.code_challenge,
            prompt: options.prompt,
            max_age_seconds: options.max_age_seconds,
        })
    }
}

/// The parameters that are validated last: their errors are returned to the client.
struct Options {
    scopes: Scopes,
    code_challenge: Option<String>,
    prompt: Prompt,
    max_age_seconds: Option<u64>,
}

fn read(params: &Params) -> Result<Options, OAuthError> {
    if params.value("request").is_some() {
        return Err(OAuthError::new("request_not_supported", "request objects are not supported"));
    }
    if params.value("request_uri").is_some() {
        return Err(OAuthError::new("request_uri_not_supported", "request objects are not supported"));
    }
    match params.value("response_type") {
        Some("code") => {}
        Some(_) => return Err(OAuthError::new("unsupported_response_type", "response_type must be code")),
        None => return Err(OAuthError::invalid_request("response_type is missing")),
    }
    if params.value("response_mode").is_some_and(|mode| mode != "query") {
        return Err(OAuthError::invalid_request("response_mode must be query"));
    }
    let scopes = params.value("scope").unwrap_or_default().split(' ');
    Ok(Options {
        scopes: scopes.filter(|scope| SCOPES.contains(scope)).map(str::to_owned).collect(),
        code_challenge: code_challenge(params)?,
        prompt: prompt(params.value("prompt").unwrap_or_default())?,
        max_age_seconds: max_age_seconds(params)?,
    })
}

/// Accepts S256 only. With `plain`, which a missing method means (RFC 7636 §4.3), the request itself reveals the verifier.
fn code_challenge(params: &Params) -> Result<Option<String>, OAuthError> {
    match (params.owned("code_challenge"), params.value("code_challenge_method")) {
        (None, None) => Ok(None),
        (Some(challenge), Some("S256")) => Ok(Some(challenge)),
        (Some(_), _) => Err(OAuthError::invalid_request("code_challenge_method must be S256")),
        (None, Some(_)) => Err(OAuthError::invalid_request("code_challenge is missing")),
    }
}

fn prompt(value: &str) -> Result<Prompt, OAuthError> {
    let (mut none, mut login, mut consent) = (false, false, false);
    for word in value.split(' ').filter(|word| !word.is_empty()) {
        match word {
            "none" => none = true,
            // The login page lists the accounts.
            "login" | "select_account" => login = true,
            "consent" => consent = true,
            _ => return Err(OAuthError::invalid_request("prompt has an unknown value")),
        }
    }
    match none {
        true if login || consent => Err(OAuthError::invalid_request("prompt=none excludes all others")),
        true => Ok(Prompt::None),
        false => Ok(Prompt::Pages { login, consent }),
    }
}

fn max_age_seconds(params: &Params) -> Result<Option<u64>, OAuthError> {
    params
        .value("max_age")
        .map(|seconds| seconds.parse().map_err(|_| OAuthError::invalid_request("max_age must be a number of seconds")))
        .transpose()
}
