//! A small authorization server and MCP server, correct except for one flaw of the test's choice.
//!
//! It grants nothing: its consent page has no button.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use url::{Url, form_urlencoded};

use crate::flaw::Flaw;

const PAGE: [(&str, &str); 4] = [
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("referrer-policy", "same-origin"),
    ("cache-control", "no-store"),
    ("content-type", "text/html; charset=utf-8"),
];

#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) issuer: String,
    flaw: Option<Flaw>,
    received: Arc<Mutex<Received>>,
    foreign_token: Arc<NamedTempFile>,
}

#[derive(Debug, Default)]
struct Received {
    clients: BTreeMap<String, Value>,
    requests: Vec<String>,
}

type Pairs = Vec<(String, String)>;

impl Server {
    pub(crate) async fn start(flaw: Option<Flaw>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let issuer = format!("http://{}", listener.local_addr().expect("an address"));
        let foreign_token = Arc::new(NamedTempFile::new().expect("a file"));
        let server = Self { issuer, flaw, received: Arc::default(), foreign_token };
        std::fs::write(server.foreign_token.path(), foreign_token_of(&server)).expect("a file");
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    pub(crate) fn resource(&self) -> String {
        format!("{}/mcp", self.issuer)
    }

    /// A file with a token of this issuer for another resource.
    pub(crate) fn foreign_token_file(&self) -> String {
        self.foreign_token.path().display().to_string()
    }

    /// `METHOD PATH` of each request, in order.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen().requests.clone()
    }

    pub(crate) fn clients(&self) -> usize {
        self.seen().clients.len()
    }

    fn seen(&self) -> MutexGuard<'_, Received> {
        self.received.lock().expect("no handler panics")
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn client(&self, id: &str) -> Option<Value> {
        self.seen().clients.get(id).cloned()
    }

    /// The issuer as the metadata name it in answer to a request with these headers.
    fn issuer_for(&self, headers: &HeaderMap, resource: bool) -> String {
        let named = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (flaw, of_resource) = (self.flaw, Some(Flaw::ResourceMetadataFollowsHost));
        match (flaw, named("host"), named("x-forwarded-host"), named("x-forwarded-proto"), named("forwarded")) {
            (Some(Flaw::MetadataFollowsHost), Some(host), ..) if !resource => format!("http://{host}"),
            (flaw, Some(host), ..) if resource && flaw == of_resource => format!("http://{host}"),
            (Some(Flaw::MetadataFollowsForwardedHost), _, Some(host), ..) => format!("https://{host}"),
            (Some(Flaw::MetadataFollowsForwardedProto), _, _, Some(_), _) => self.issuer.replace("http://", "other://"),
            (Some(Flaw::MetadataFollowsForwarded), _, _, _, Some(forwarded)) => format!("https://{forwarded}"),
            _ => self.issuer.clone(),
        }
    }

    fn metadata(&self, headers: &HeaderMap) -> Value {
        let issuer = self.issuer_for(headers, false);
        let at = |path: &str| format!("{issuer}{path}");
        let mut document = json!({
            "issuer": issuer,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "registration_endpoint": at("/register"),
            "revocation_endpoint": at("/revoke"),
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "jwks_uri": at("/jwks.json"),
            "scopes_supported": ["openid", "notes:read"],
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "client_id_metadata_document_supported": true,
        });
        let (member, value) = match self.flaw {
            Some(Flaw::IssuerDiffers) => ("issuer", json!(at("/"))),
            Some(Flaw::NoS256) => ("code_challenge_methods_supported", json!(["plain2"])),
            Some(Flaw::PlainAdvertised) => ("code_challenge_methods_supported", json!(["S256", "plain"])),
            Some(Flaw::IssNotAdvertised) => ("authorization_response_iss_parameter_supported", json!(false)),
            Some(Flaw::NoMetadataDocuments) => ("client_id_metadata_document_supported", json!(false)),
            Some(Flaw::PlainHttp) => ("userinfo_endpoint", json!("http://as.example/userinfo")),
            Some(Flaw::NullInMetadata) => ("op_policy_uri", Value::Null),
            Some(Flaw::FractionInMetadata) => ("max_age", json!(1.5)),
            Some(Flaw::EmptyListInMetadata) => ("ui_locales_supported", json!([])),
            Some(Flaw::TokenEndpointAt(origin)) => ("token_endpoint", json!(format!("{origin}/token"))),
            Some(Flaw::NoCodeAdvertised) => ("response_types_supported", json!(["id_token"])),
            Some(Flaw::ImplicitAdvertised) => ("response_types_supported", json!(["code", "token"])),
            Some(Flaw::HybridAdvertised) => ("response_types_supported", json!(["code", "code id_token token"])),
            Some(Flaw::ImplicitGrantAdvertised) => {
                ("grant_types_supported", json!(["authorization_code", "refresh_token", "implicit"]))
            }
            Some(Flaw::PasswordAdvertised) => ("grant_types_supported", json!(["authorization_code", "password"])),
            Some(Flaw::NoRegistration) => return without(document, "registration_endpoint"),
            Some(Flaw::NoRevocation) => return without(document, "revocation_endpoint"),
            Some(Flaw::GrantTypesUnsaid) => return without(document, "grant_types_supported"),
            _ => return document,
        };
        document[member] = value;
        document
    }
}

async fn answer(State(server): State<Server>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 64 * 1024).await.expect("a small body");
    let path = parts.uri.path().to_owned();
    server.seen().requests.push(format!("{} {path}", parts.method));
    let query = pairs(parts.uri.query().unwrap_or_default().as_bytes());
    let for_people = ["/authorize", "/consent"].contains(&path.as_str());
    let mut response = if parts.method == Method::OPTIONS {
        let challenged = path == "/mcp" && server.has(Flaw::PreflightChallenged);
        if challenged { StatusCode::UNAUTHORIZED } else { StatusCode::NO_CONTENT }.into_response()
    } else {
        match path.as_str() {
            "/authorize" => authorize(&server, &query),
            "/consent" => consent(&server, &query),
            "/token" => token(&server, &parts.method, &parts.headers, &body),
            "/register" => register(&server, &body),
            "/revoke" => revoke(&server, &body),
            "/callback" => callback(&server, &query),
            "/jwks.json" => keys(&server),
            "/mcp" => mcp(&server, &parts.headers, &query),
            _ if path.starts_with("/register/") => manage(&server, &parts.method, &path, &parts.headers),
            _ => document(&server, &path, &parts.headers),
        }
    };
    let silent = match path.as_str() {
        "/token" => server.has(Flaw::NoCorsAtToken),
        "/mcp" => server.has(Flaw::ChallengeUnreadable) && parts.method != Method::OPTIONS,
        path => path.starts_with("/.well-known/") && server.has(Flaw::NoCorsAtMetadata),
    };
    if parts.headers.contains_key(ORIGIN) && !silent && (!for_people || server.has(Flaw::CorsAtAuthorize)) {
        set(&mut response, "access-control-allow-origin", "*");
        set(&mut response, "access-control-allow-headers", "authorization, content-type, mcp-protocol-version");
        set(&mut response, "access-control-expose-headers", "mcp-session-id, WWW-Authenticate");
    }
    match server.flaw {
        // `*` does not cover Authorization (Fetch §3.2.2).
        Some(Flaw::PreflightWithoutAuthorization) if path == "/mcp" => {
            set(&mut response, "access-control-allow-headers", "*")
        }
        Some(Flaw::ChallengeNotExposed) => set(&mut response, "access-control-expose-headers", "mcp-session-id"),
        _ => {}
    }
    response
}

fn document(server: &Server, path: &str, headers: &HeaderMap) -> Response {
    let mut metadata = server.metadata(headers);
    if server.has(Flaw::NoMetadata) {
        return StatusCode::NOT_FOUND.into_response();
    }
    match path {
        "/.well-known/oauth-authorization-server" => {
            let mut response = axum::Json(metadata).into_response();
            if server.has(Flaw::MetadataIsText) {
                set(&mut response, "content-type", "text/plain");
            }
            response
        }
        "/.well-known/openid-configuration" => match server.flaw {
            Some(Flaw::OneDocumentOnly) => StatusCode::NOT_FOUND.into_response(),
            Some(Flaw::DiscoveryRedirects) => {
                (StatusCode::FOUND, [("location", "/.well-known/oauth-authorization-server")]).into_response()
            }
            Some(Flaw::DocumentsDiffer) => {
                metadata["token_endpoint"] = json!(format!("{}/other", server.issuer));
                axum::Json(metadata).into_response()
            }
            _ => axum::Json(metadata).into_response(),
        },
        "/.well-known/oauth-protected-resource/mcp" | "/.well-known/oauth-protected-resource" => {
            let missing = server.has(Flaw::NoResourceMetadata)
                || (server.has(Flaw::NoRootResourceMetadata) && !path.ends_with("/mcp"));
            if missing { StatusCode::NOT_FOUND.into_response() } else { resource_metadata(server, headers) }
        }
        _ if server.has(Flaw::UnknownIsAnError) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn resource_metadata(server: &Server, headers: &HeaderMap) -> Response {
    let mut document = json!({
        "resource": format!("{}/mcp", server.issuer_for(headers, true)),
        "authorization_servers": [server.issuer],
        "scopes_supported": ["notes:read"],
    });
    match server.flaw {
        Some(Flaw::OtherIssuerFirst) => document["authorization_servers"] = json!(["https://a.example", server.issuer]),
        Some(Flaw::ResourceDiffers) => document["resource"] = json!(server.resource() + "/"),
        Some(Flaw::OfflineAccessAtResource) => document["scopes_supported"] = json!(["notes:read", "offline_access"]),
        _ => {}
    }
    axum::Json(document).into_response()
}

fn keys(server: &Server) -> Response {
    let mut key = json!({ "kty": "EC", "crv": "P-256", "x": "eA", "y": "eQ", "kid": "1", "alg": "ES256" });
    match server.flaw {
        Some(Flaw::PrivateKey) => key["d"] = json!("the-private-key"),
        Some(Flaw::KeyWithoutId) => drop(key.as_object_mut().expect("an object").remove("kid")),
        _ => {}
    }
    axum::Json(json!({ "keys": [key] })).into_response()
}

fn authorize(server: &Server, query: &Pairs) -> Response {
    let one = |name: &str| value(query, name);
    let redirect_uri = one("redirect_uri").unwrap_or_default();
    let Some(client) = one("client_id").and_then(|id| server.client(&id)) else {
        return stranger(server, &one("client_id").unwrap_or_default(), &redirect_uri);
    };
    if !matches(server, client["redirect_uris"][0].as_str().expect("a URI"), &redirect_uri) {
        return page(server, StatusCode::BAD_REQUEST, "This address is not registered.");
    }
    let repeated = query.iter().any(|(name, _)| query.iter().filter(|(n, _)| n == name).count() > 1);
    let scope = one("scope").unwrap_or_default();
    let pkce = match one("code_challenge") {
        Some(_) => one("code_challenge_method").as_deref() == Some("S256") || server.has(Flaw::PlainAccepted),
        None => server.has(Flaw::PkceOptional),
    };
    if server.has(Flaw::EveryRequestRefused) {
        return page(server, StatusCode::FORBIDDEN, "Not today.");
    }
    let error = if !pkce || (repeated && !server.has(Flaw::RepeatedStateAccepted)) {
        Some("invalid_request")
    } else if one("response_type").as_deref() != Some("code") && !server.has(Flaw::ImplicitAccepted) {
        Some("unsupported_response_type")
    } else if one("resource").is_some_and(|uri| uri != server.resource()) && !server.has(Flaw::AnyResource) {
        Some("invalid_target")
    } else if (scope.is_empty() && server.has(Flaw::ScopeDemanded))
        || (scope.split(' ').any(is_unknown)
            && !matches!(server.flaw, Some(Flaw::AnyScopeOffered | Flaw::UnknownScopeIgnored)))
        || (scope.contains("offline_access") && server.has(Flaw::OfflineAccessRefused))
    {
        Some("invalid_scope")
    } else {
        None
    };
    let state = one("state").unwrap_or_default();
    match error {
        Some(error) if redirect_uri.starts_with("http:") || server.has(Flaw::EarlyErrorsRedirected) => {
            tell(server, &redirect_uri, error, &state)
        }
        Some(error) => page(server, StatusCode::BAD_REQUEST, error),
        None if server.has(Flaw::StraightToProvider) => {
            let to = "https://idp.example/authorize?client_id=the-proxy&response_type=code&state=x&redirect_uri=";
            redirect(&format!("{to}{}/callback", server.issuer))
        }
        None if server.has(Flaw::CodeWithoutAsking) => redirect(&format!("{redirect_uri}?code=a&state={state}")),
        None => {
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
            let mut response = redirect(&format!("/consent?{query}"));
            if server.has(Flaw::Redirects307) {
                *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            }
            response
        }
    }
}

fn stranger(server: &Server, client_id: &str, redirect_uri: &str) -> Response {
    match server.flaw {
        Some(Flaw::UnknownClientRedirected) if !redirect_uri.is_empty() => {
            redirect(&format!("{redirect_uri}?error=unauthorized_client"))
        }
        Some(Flaw::UnknownClientIsFine) => page(server, StatusCode::OK, "Unknown client."),
        Some(Flaw::UnknownClientBreaks) => page(server, StatusCode::INTERNAL_SERVER_ERROR, "panicked at"),
        Some(Flaw::Markup) => page(server, StatusCode::BAD_REQUEST, &format!("Unknown: {client_id}")),
        Some(Flaw::EndlessPage) => endless(page(server, StatusCode::BAD_REQUEST, "")),
        Some(Flaw::StalledPage) => stalled(page(server, StatusCode::BAD_REQUEST, "")),
        _ => page(server, StatusCode::BAD_REQUEST, "Unknown client."),
    }
}

fn matches(server: &Server, registered: &str, requested: &str) -> bool {
    let without_port = |uri: &str| Url::parse(uri).ok().map(|mut url| url.set_port(None).map(|()| String::from(url)));
    let loopback = registered.starts_with("http:") && !server.has(Flaw::NoLoopbackPort);
    registered == requested
        || (loopback && without_port(registered) == without_port(requested))
        || (server.has(Flaw::RedirectUrisByPrefix) && requested.starts_with(registered))
        || server.has(Flaw::AnyRedirectUri)
}

fn tell(server: &Server, redirect_uri: &str, error: &str, state: &str) -> Response {
    let state = if server.has(Flaw::StateAltered) { state.to_lowercase() + "x" } else { state.to_owned() };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("error", error).append_pair("state", &state);
    match server.flaw {
        Some(Flaw::IssMissing) => {}
        Some(Flaw::IssWrong) => drop(query.append_pair("iss", "https://other.example")),
        Some(Flaw::IssTwice) => drop(query.append_pair("iss", &server.issuer).append_pair("iss", &server.issuer)),
        _ => drop(query.append_pair("iss", &server.issuer)),
    }
    let place = if server.has(Flaw::ErrorsInFragment) { '#' } else { '?' };
    redirect(&format!("{redirect_uri}{place}{}", query.finish()))
}

/// Where the identity provider sends people back to. This one has no flows.
fn callback(server: &Server, query: &Pairs) -> Response {
    match (server.flaw, value(query, "code")) {
        (Some(Flaw::CallbackWithoutCodeBreaks), None) => StatusCode::BAD_GATEWAY.into_response(),
        (Some(Flaw::CallbackWithEmptyCodeBreaks), Some(_)) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        (Some(Flaw::CallbackWithoutCodeIsAPage), _) => page(server, StatusCode::OK, "Signed in."),
        (Some(Flaw::CallbackWithoutCodeGivesOne), _) => redirect("https://app.example/callback?code=a"),
        _ => page(server, StatusCode::BAD_REQUEST, "No such flow."),
    }
}

fn is_unknown(scope: &str) -> bool {
    !["", "openid", "notes:read", "offline_access"].contains(&scope)
}

fn consent(server: &Server, query: &Pairs) -> Response {
    let client = value(query, "client_id").and_then(|id| server.client(&id)).unwrap_or_default();
    let name = client["client_name"].as_str().unwrap_or_default();
    let name: String = match server.flaw {
        Some(Flaw::NameTurnsText) => name.to_owned(),
        Some(Flaw::NameTurnsTextByReference) => name.replace('\u{202e}', "&#x202E;").chars().filter(is_plain).collect(),
        _ => name.chars().filter(is_plain).collect(),
    };
    let escaped = name.replace('<', "&lt;");
    let (mut scope, redirect_uri) =
        (value(query, "scope").unwrap_or_default(), value(query, "redirect_uri").unwrap_or_default());
    if server.has(Flaw::UnknownScopeIgnored) {
        scope = scope.split(' ').filter(|scope| !is_unknown(scope)).collect::<Vec<_>>().join(" ");
    }
    let html = match server.flaw {
        Some(Flaw::NameUnescaped) => format!("{name} {scope} {redirect_uri}"),
        Some(Flaw::SignInFirst) => "<input type=\"password\">".to_owned(),
        Some(Flaw::MadeByScript) => "<script src=\"/app.js\"></script>".to_owned(),
        Some(Flaw::NameMissing) => format!("{scope} {redirect_uri}"),
        Some(Flaw::ScopeMissing) => format!("{escaped} {redirect_uri}"),
        Some(Flaw::RedirectUriMissing) => format!("{escaped} {scope}"),
        _ => format!("{escaped} {scope} {redirect_uri}"),
    };
    let mut response = page(server, StatusCode::OK, &html);
    let cookie = match server.flaw {
        Some(Flaw::CookieWithoutPrefix) => "browser=1; Path=/; Secure; HttpOnly; SameSite=Lax",
        Some(Flaw::CookieForScripts) => "__Host-browser=1; Path=/; Secure; SameSite=Lax",
        Some(Flaw::EarlyStateCookie) => "__Host-state=1; Path=/; Secure; HttpOnly; SameSite=Lax",
        _ => "__Host-browser=1; Path=/; Secure; HttpOnly; SameSite=Lax",
    };
    set(&mut response, "set-cookie", cookie);
    response
}

fn is_plain(character: &char) -> bool {
    !matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn token(server: &Server, method: &Method, headers: &HeaderMap, body: &Bytes) -> Response {
    if method != Method::POST {
        let status = if server.has(Flaw::TokensByGet) { StatusCode::OK } else { StatusCode::METHOD_NOT_ALLOWED };
        return status.into_response();
    }
    let html = || {
        let body = axum::response::Html("<h1>no</h1>");
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, [("cache-control", "no-store")], body).into_response()
    };
    let is_malformed = body.windows(3).any(|bytes| bytes == b"%ff");
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match server.flaw {
        Some(Flaw::TokenErrorsAreHtmlForBrowsers) if accepts_html(headers) => return html(),
        Some(Flaw::JsonBodiesGetHtml) if kind == "application/json" => return html(),
        Some(Flaw::MalformedFormsGetHtml) if is_malformed => return html(),
        Some(Flaw::MalformedFormsGetText) if is_malformed => {
            return (StatusCode::BAD_REQUEST, "cannot be read").into_response();
        }
        _ => {}
    }
    if kind != "application/x-www-form-urlencoded" {
        let error = if server.has(Flaw::TokensByJson) { "invalid_grant" } else { "invalid_request" };
        return refuse(server, StatusCode::BAD_REQUEST, error, body);
    }
    let form = pairs(body);
    let one = |name: &str| value(&form, name);
    let repeated = form.iter().any(|(name, _)| form.iter().filter(|(n, _)| n == name).count() > 1);
    let basic = headers.contains_key(AUTHORIZATION);
    let two_methods = basic && one("client_secret").is_some() && !server.has(Flaw::TwoMethodsAccepted);
    let error = if two_methods || (repeated && !server.has(Flaw::RepeatedCodeAccepted)) {
        "invalid_request"
    } else if one("client_id").is_none_or(|id| server.client(&id).is_none()) {
        let code = one("grant_type").as_deref() == Some("authorization_code");
        if code && server.has(Flaw::UnknownClientIsInvalidGrant) { "invalid_grant" } else { "invalid_client" }
    } else if one("grant_type").as_deref() == Some("authorization_code")
        || (one("grant_type").as_deref() == Some("password") && server.has(Flaw::PasswordGrant))
    {
        "invalid_grant"
    } else {
        "unsupported_grant_type"
    };
    let unauthorized = error == "invalid_client";
    let status = if unauthorized { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
    let mut response = refuse(server, status, error, body);
    if basic && unauthorized && !server.has(Flaw::NoBasicChallenge) {
        set(&mut response, "www-authenticate", "Basic realm=\"a\"");
    }
    response
}

fn accepts_html(headers: &HeaderMap) -> bool {
    headers.get("accept").is_some_and(|accept| accept.as_bytes().starts_with(b"text/html"))
}

/// RFC 7009. No token of this server exists, so none has to be ended.
fn revoke(server: &Server, body: &Bytes) -> Response {
    let form = pairs(body);
    let public = value(&form, "client_secret").is_none();
    if value(&form, "client_id").is_none_or(|id| server.client(&id).is_none())
        || (public && server.has(Flaw::OnlySecretsRevoke))
    {
        return (StatusCode::UNAUTHORIZED, axum::Json(json!({ "error": "invalid_client" }))).into_response();
    }
    match server.flaw {
        Some(Flaw::UnknownTokenIsAnError) => {
            (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": "invalid_grant" }))).into_response()
        }
        _ => StatusCode::OK.into_response(),
    }
}

fn refuse(server: &Server, status: StatusCode, error: &str, body: &Bytes) -> Response {
    let description = match server.flaw {
        Some(Flaw::SecretInErrors) => format!("you said {}", String::from_utf8_lossy(body).replace('"', "")),
        _ => "no".to_owned(),
    };
    let mut response = match server.flaw {
        Some(Flaw::EscapeSequences) => {
            (status, "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}1m\u{202e}\r\nA22  holds").into_response()
        }
        Some(Flaw::TokenErrorsAreHtml) => (status, axum::response::Html("<h1>no</h1>")).into_response(),
        Some(Flaw::TokenErrorsAre500) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        _ => (status, axum::Json(json!({ "error": error, "error_description": description }))).into_response(),
    };
    if !server.has(Flaw::TokenErrorsAreStored) {
        set(&mut response, "cache-control", "no-store");
    }
    response
}

fn register(server: &Server, body: &Bytes) -> Response {
    let mut client: Value = serde_json::from_slice(body).expect("JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let uris: Vec<_> = client["redirect_uris"].as_array().into_iter().flatten().map(text).collect();
    if refuses(server, &client, &uris) {
        return (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": "invalid_client_metadata" }))).into_response();
    }
    substitute(server, &mut client, &uris);
    let is_good = |uri: &String| {
        let known = ["https://", "http://127.0.0.1", "http://localhost"].iter().any(|start| uri.starts_with(start));
        (known && !uri.contains(['*', '#'])) || uri == "cursor://anysphere.cursor-mcp/oauth/callback"
    };
    let good = uris.iter().all(is_good);
    if !good && !server.has(Flaw::HarmfulRegistered) {
        let refusal = json!({ "error": "invalid_redirect_uri" });
        return match server.flaw {
            Some(Flaw::RegistrationErrorsAreHtml) => (StatusCode::BAD_REQUEST, "<h1>no</h1>").into_response(),
            _ => (StatusCode::BAD_REQUEST, axum::Json(refusal)).into_response(),
        };
    }
    let secret = client["token_endpoint_auth_method"] == "client_secret_post";
    if secret && server.has(Flaw::SecretsRefused) {
        return (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": "invalid_client_metadata" }))).into_response();
    }
    let made = server.seen().clients.len();
    let id = if server.has(Flaw::OneClientForAll) { "client".to_owned() } else { format!("client-{made}") };
    client["client_id"] = json!(id);
    client["client_id_issued_at"] = json!(1);
    client["registration_client_uri"] = json!(format!("{}/register/{id}", server.issuer));
    client["registration_access_token"] = json!("management");
    if secret || server.has(Flaw::OneSecretForAll) {
        client["client_secret"] = json!(if secret { format!("secret-of-{id}") } else { "secret".to_owned() });
        client["client_secret_expires_at"] = json!(0);
    }
    match server.flaw {
        Some(Flaw::NullInRegistration) => client["logo_uri"] = Value::Null,
        Some(Flaw::FractionInRegistration) => client["client_id_issued_at"] = json!(1.5),
        Some(Flaw::RegistrationIncomplete) => drop(client.as_object_mut().expect("an object").remove("grant_types")),
        Some(Flaw::SecretNeverSaysWhen) => {
            drop(client.as_object_mut().expect("an object").remove("client_secret_expires_at"))
        }
        _ => {}
    }
    server.seen().clients.insert(id, client.clone());
    let status = if server.has(Flaw::RegisteredIs200) { StatusCode::OK } else { StatusCode::CREATED };
    let mut response = (status, axum::Json(client)).into_response();
    if !server.has(Flaw::RegistrationsAreStored) {
        set(&mut response, "cache-control", "no-store");
    }
    response
}

fn refuses(server: &Server, client: &Value, uris: &[String]) -> bool {
    let implicit = client["response_types"] == json!(["token"]);
    match server.flaw {
        Some(Flaw::CursorRefused) => implicit || uris[0].starts_with("cursor:"),
        Some(Flaw::VsCodeRefused) => implicit || uris[0].contains("vscode.dev"),
        Some(Flaw::BidirectionalNameRefused) => {
            let name = client["client_name"].as_str().unwrap_or_default();
            implicit || !name.chars().all(|character| is_plain(&character))
        }
        Some(Flaw::ImplicitRegistered | Flaw::ImplicitReplaced) => false,
        _ => implicit,
    }
}

/// Registers something else than the client asked for.
fn substitute(server: &Server, client: &mut Value, uris: &[String]) {
    match server.flaw {
        Some(Flaw::CursorsSchemeDropped) if uris[0].starts_with("cursor:") => {
            client["redirect_uris"] = json!(uris[1..])
        }
        Some(Flaw::VsCodesLoopbackDropped) if uris[0].contains("vscode.dev") => {
            client["redirect_uris"] = json!(uris[..3])
        }
        Some(Flaw::ImplicitReplaced) => {
            client["response_types"] = json!(["code"]);
            client["grant_types"] = json!(["authorization_code", "refresh_token"]);
        }
        Some(Flaw::ResponseTypesAdded) => client["response_types"] = json!(["code", "id_token"]),
        Some(Flaw::GrantTypeMissing) => client["grant_types"] = json!(["refresh_token"]),
        _ => {}
    }
}

fn manage(server: &Server, method: &Method, path: &str, headers: &HeaderMap) -> Response {
    let id = path.trim_start_matches("/register/");
    let known = headers.get(AUTHORIZATION).is_some_and(|token| token == "Bearer management");
    if !known && !server.has(Flaw::ManagementIsOpen) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match *method {
        Method::GET => axum::Json(server.client(id)).into_response(),
        Method::DELETE if !server.has(Flaw::NothingIsDeleted) => {
            server.seen().clients.remove(id);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

/// A token of this issuer for another resource.
fn foreign_token_of(server: &Server) -> String {
    let encoded = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let claims = json!({ "iss": server.issuer, "aud": "https://other.example/mcp", "exp": 4_000_000_000_u32 });
    format!("{}.{}.c2lnbmVk", encoded(json!({ "alg": "ES256" })), encoded(claims))
}

/// True if the flaw of this server makes it believe the token. No token is one of its own: it has no key.
fn believes(server: &Server, headers: &HeaderMap) -> bool {
    let Some(token) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer ")) else {
        return false;
    };
    let part = |n| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(n)?).ok()?).ok();
    let (Some(header), Some(claims)): (Option<Value>, Option<Value>) = (part(0), part(1)) else { return false };
    let algorithm = header["alg"].as_str().unwrap_or_default();
    let ours = claims["iss"] == server.issuer && claims["exp"].is_u64();
    let audience = claims["aud"] == server.resource();
    match server.flaw {
        Some(Flaw::UnsignedAccepted) => ours && audience && algorithm == "none",
        Some(Flaw::UnsignedOfAnySpellingAccepted) => ours && audience && algorithm == "nOnE",
        Some(Flaw::SignatureIgnored) => ours && audience && algorithm == "ES256",
        Some(Flaw::AudienceIgnored) => ours && token == foreign_token_of(server),
        _ => false,
    }
}

fn mcp(server: &Server, headers: &HeaderMap, query: &Pairs) -> Response {
    if believes(server, headers) {
        // As servers answer a call without a session.
        return StatusCode::BAD_REQUEST.into_response();
    }
    let metadata = format!("{}/.well-known/oauth-protected-resource/mcp", server.issuer);
    let presented = headers.contains_key(AUTHORIZATION) || (server.has(Flaw::QueryIsRead) && !query.is_empty());
    let mut challenge = format!("Bearer resource_metadata=\"{metadata}\"");
    match server.flaw {
        Some(Flaw::ChallengeUnquoted) => challenge = format!("Bearer resource_metadata={metadata}"),
        Some(Flaw::ChallengeElsewhere) => challenge = "Bearer resource_metadata=\"https://a.example/\"".to_owned(),
        _ => {}
    }
    if !server.has(Flaw::ChallengeWithoutScope) {
        challenge += ", scope=\"notes:read\"";
    }
    if (presented && !server.has(Flaw::BadTokenUnnamed)) || server.has(Flaw::ErrorForNoToken) {
        challenge += ", error=\"invalid_token\"";
    }
    (StatusCode::UNAUTHORIZED, [("www-authenticate", challenge)]).into_response()
}

fn page(server: &Server, status: StatusCode, text: &str) -> Response {
    let mut response = (status, PAGE, format!("<!doctype html><p>{text}</p>")).into_response();
    match server.flaw {
        Some(Flaw::Framing) => set(&mut response, "content-security-policy", "default-src 'none'"),
        Some(Flaw::FramedByItself) => set(&mut response, "content-security-policy", "frame-ancestors 'self'"),
        Some(Flaw::NoContentPolicy) => {
            response.headers_mut().remove("content-security-policy");
            set(&mut response, "x-frame-options", "DENY");
        }
        Some(Flaw::UnsafeReferrer) => set(&mut response, "referrer-policy", "unsafe-url"),
        Some(Flaw::NoReferrerPolicy) => drop(response.headers_mut().remove("referrer-policy")),
        Some(Flaw::PagesAreStored) => set(&mut response, "cache-control", "max-age=60"),
        _ => {}
    }
    response
}

fn redirect(to: &str) -> Response {
    (StatusCode::SEE_OTHER, [("location", to), ("cache-control", "no-store")]).into_response()
}

fn endless(page: Response) -> Response {
    let zeros = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[b'a'; 4096])));
    page.map(|_| Body::from_stream(zeros))
}

fn stalled(page: Response) -> Response {
    let begun = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"<p>"))]);
    page.map(|_| Body::from_stream(begun.chain(stream::once(pending()))))
}

fn without(mut document: Value, member: &str) -> Value {
    document.as_object_mut().expect("an object").remove(member);
    document
}

fn set(response: &mut Response, name: &'static str, value: &str) {
    response.headers_mut().insert(name, value.parse().expect("a header value"));
}

fn pairs(encoded: &[u8]) -> Pairs {
    form_urlencoded::parse(encoded).into_owned().collect()
}

fn value(pairs: &Pairs, name: &str) -> Option<String> {
    pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
}
