//! What a client asks for at `/authorize`, parsed into something that cannot be wrong.

use super::Provider;
use super::answer::OAuthError;
use super::memory::Scopes;
use super::params::Params;

/// Scopes that mean something here; others are ignored (OpenID Connect Core §3.1.2.1).
pub(super) const SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

pub(super) struct AuthorizationRequest {
    pub(super) client_id: String,
    pub(super) return_to: ReturnAddress,
    pub(super) scopes: Scopes,
    pub(super) nonce: Option<String>,
    pub(super) code_challenge: Option<String>,
    pub(super) prompt: Prompt,
    pub(super) max_age_seconds: Option<u64>,
}

/// Where the answer goes: the client's own address, and what it wants to find there again.
#[derive(Clone)]
pub(super) struct ReturnAddress {
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
}

/// OpenID Connect Core §3.1.2.1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Prompt {
    /// No page at all, or an error.
    None,
    /// The pages that are needed, and these in any case.
    Pages { login: bool, consent: bool },
}

/// Where the person or the client hears of it.
pub(super) enum Rejected {
    /// Nobody knows whose address that is: no redirect (RFC 6749 §4.1.2.1).
    Here(&'static str),
    AtClient(ReturnAddress, OAuthError),
}

impl AuthorizationRequest {
    pub(super) fn parse(provider: &Provider, query: &str) -> Result<Self, Rejected> {
        let params =
            Params::parse(query.as_bytes()).map_err(|_| Rejected::Here("A parameter of the request is repeated."))?;
        let client = params
            .value("client_id")
            .and_then(|id| provider.client(id))
            .ok_or(Rejected::Here("No such client is known here."))?;
        let redirect_uri = params
            .value("redirect_uri")
            // A test's client has its address only once it runs, which may be after its provider.
            .filter(|uri| provider.other_face || client.has_redirect_uri(uri))
            .ok_or(Rejected::Here("The address to return to is not one of this client's."))?;
        let return_to = ReturnAddress { redirect_uri: redirect_uri.to_owned(), state: params.owned("state") };
        let asked = read(&params).map_err(|error| Rejected::AtClient(return_to.clone(), error))?;
        Ok(Self {
            client_id: client.id.clone(),
            return_to,
            scopes: asked.scopes,
            nonce: params.owned("nonce"),
            code_challenge: asked.code_challenge,
            prompt: asked.prompt,
            max_age_seconds: asked.max_age_seconds,
        })
    }
}

/// The part whose errors the client may hear of.
struct Asked {
    scopes: Scopes,
    code_challenge: Option<String>,
    prompt: Prompt,
    max_age_seconds: Option<u64>,
}

fn read(params: &Params) -> Result<Asked, OAuthError> {
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
    Ok(Asked {
        scopes: scopes.filter(|scope| SCOPES.contains(scope)).map(str::to_owned).collect(),
        code_challenge: code_challenge(params)?,
        prompt: prompt(params.value("prompt").unwrap_or_default())?,
        max_age_seconds: max_age_seconds(params)?,
    })
}

/// A challenge with another method, or with none (which means `plain`, RFC 7636 §4.3), shows the verifier to whoever sees
/// the request.
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
            // The login page is where an account is chosen.
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
