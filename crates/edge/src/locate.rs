//! Whose request is it? Finds the issuer by the request's path and turns every alias into one path, so that the router
//! lists each endpoint once.
//!
//! An issuer without a path answers at `/authorize`; one with the path `/t` has everything under it, and its well-known
//! documents at every place that clients look (A3). `Host` chooses between issuers that differ in nothing else, and
//! neither it nor any forwarded header ever reaches an output (RFC 9700 §4.13).

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{HOST, STRICT_TRANSPORT_SECURITY};
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::Response;
use lychgate_api::Reason;

use crate::client_address::{self, Prefix};
use crate::control::Asking;
use crate::failure::Failure;
use crate::issuers::{Directory, Issuer};
use crate::metadata::ResourceDocument;
use crate::observe;
use crate::router::App;

/// What every issuer has below its path. Where a path could be read in two ways, the issuer with the longer path has it,
/// so the shorter ending stands first.
const ENDPOINTS: [&str; 14] = [
    "/authorize",
    "/consent",
    "/token",
    "/revoke",
    "/introspect",
    "/verify",
    "/register",
    "/jwks.json",
    "/account",
    "/account/sign-in",
    "/account/revoke",
    "/account/sign-out",
    SERVER_METADATA,
    OPENID_CONFIGURATION,
];

const SERVER_METADATA: &str = "/.well-known/oauth-authorization-server";
const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
const RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource";
const CALLBACK: &str = "/callback/";
const REGISTRATION: &str = "/register/";

/// This host only, not its subdomains: they may be somebody else's.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What the path says about the issuer.
#[derive(Clone, Debug)]
pub(crate) enum Located {
    At(Arc<Issuer>),
    Unknown,
    /// The control plane has not been heard yet: nobody can say whose path this is.
    NotReady,
}

impl Located {
    pub(crate) fn issuer(&self) -> Option<&Arc<Issuer>> {
        match self {
            Located::At(issuer) => Some(issuer),
            Located::Unknown | Located::NotReady => None,
        }
    }

    fn found(issuer: Option<&Arc<Issuer>>) -> Self {
        issuer.map_or(Located::Unknown, |issuer| Located::At(Arc::clone(issuer)))
    }
}

/// Layer around the whole router: the path is rewritten before anything is routed by it.
pub(crate) async fn locate(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let Found { located, rewritten, resource } = match app.issuers.current() {
        Some(directory) => find(&directory, path, authority(&request)),
        None => Found { rewritten: of_any_issuer(path).map(Cow::Borrowed), ..Found::of(Located::NotReady) },
    };
    let is_https = located.issuer().is_some_and(|issuer| issuer.is_https);
    let rewritten = rewritten.filter(|rewritten| *rewritten != path);
    if let Some(uri) = rewritten.and_then(|path| with_path(request.uri(), &path)) {
        *request.uri_mut() = uri;
    }
    request.extensions_mut().insert(located);
    if let Some(resource) = resource {
        request.extensions_mut().insert(resource);
    }
    let mut response = next.run(request).await;
    if is_https {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}

/// What a path comes to.
struct Found {
    located: Located,
    /// The path that the router knows, if it is another one.
    rewritten: Option<Cow<'static, str>>,
    /// The resource whose metadata is asked for.
    resource: Option<ResourceDocument>,
}

impl Found {
    fn of(located: Located) -> Self {
        Self { located, rewritten: None, resource: None }
    }

    fn at(issuer: Option<&Arc<Issuer>>, path: impl Into<Cow<'static, str>>) -> Self {
        Self { rewritten: Some(path.into()), ..Self::of(Located::found(issuer)) }
    }
}

fn find(directory: &Directory, path: &str, authority: Option<&str>) -> Found {
    // The upstream knows one callback per issuer, at the origin; the id says which.
    if let Some(id) = path.strip_prefix(CALLBACK) {
        return Found::of(Located::found(directory.by_id(id)));
    }
    // Of no issuer, but of a resource: asked for at its own host, which passes it on, or at ours (RFC 9728 §3.1).
    if let Some(resource_path) = path.strip_prefix(RESOURCE_METADATA) {
        let resource = directory.resource(resource_path.trim_end_matches('/'), authority).cloned();
        let rewritten = resource.is_some().then_some(Cow::Borrowed(RESOURCE_METADATA));
        return Found { rewritten, resource, ..Found::of(Located::Unknown) };
    }
    for document in [SERVER_METADATA, OPENID_CONFIGURATION] {
        if let Some(issuer_path) = path.strip_prefix(document) {
            let issuer_path = issuer_path.strip_suffix('/').unwrap_or(issuer_path);
            return Found::at(directory.by_path(issuer_path, authority), document);
        }
    }
    for endpoint in ENDPOINTS {
        if let Some(issuer) = path.strip_suffix(endpoint).and_then(|path| directory.by_path(path, authority)) {
            return Found::at(Some(issuer), endpoint);
        }
    }
    if let Some((issuer_path, client_id)) = path.rsplit_once(REGISTRATION)
        && let Some(issuer) = directory.by_path(issuer_path, authority)
    {
        return Found::at(Some(issuer), format!("{REGISTRATION}{client_id}"));
    }
    Found::of(Located::Unknown)
}

/// As long as no issuer is known: what the path would be for some issuer, so that it says 503 in its own manner.
fn of_any_issuer(path: &str) -> Option<&'static str> {
    if path.starts_with(RESOURCE_METADATA) {
        return Some(RESOURCE_METADATA);
    }
    let below_any = |endpoint: &&str| path.ends_with(*endpoint);
    let document = [SERVER_METADATA, OPENID_CONFIGURATION].into_iter().find(|document| path.starts_with(document));
    document.or_else(|| ENDPOINTS.into_iter().filter(below_any).max_by_key(|endpoint| endpoint.len()))
}

fn authority(request: &Request) -> Option<&str> {
    let from_uri = request.uri().authority().map(|authority| authority.as_str());
    from_uri.or_else(|| request.headers().get(HOST)?.to_str().ok())
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let path_and_query: PathAndQuery = match uri.query() {
        Some(query) => format!("{path}?{query}").try_into().ok()?,
        None => path.try_into().ok()?,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query);
    Uri::from_parts(parts).ok()
}

/// What every handler needs to know of where it is: for which issuer it answers, under which id, and whom.
pub(crate) struct At {
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) asking: Asking,
    pub(crate) client: Prefix,
}

impl<S: Send + Sync> FromRequestParts<S> for At {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let id = observe::request_id_of(&parts.extensions);
        let asking = Asking { id, client: client_address::of_request(&parts.extensions) };
        match parts.extensions.get::<Located>() {
            Some(Located::At(issuer)) => {
                Ok(Self { issuer: Arc::clone(issuer), asking, client: Prefix::of_request(&parts.extensions) })
            }
            Some(Located::NotReady) => Err(Failure::new(Reason::StoreUnavailable)),
            Some(Located::Unknown) | None => Err(Failure::new(Reason::IssuerUnknown)),
        }
    }
}

/// Where no route fits: nothing is here, or nobody can say yet.
pub(crate) async fn nowhere(request: Request) -> Failure {
    match request.extensions().get::<Located>() {
        Some(Located::NotReady) => Failure::new(Reason::StoreUnavailable),
        Some(Located::At(_) | Located::Unknown) | None => Failure::not_found(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use lychgate_api::v1;

    use super::*;

    fn issuer(id: &str, url: &str) -> Issuer {
        let parsed = url::Url::parse(url).expect("a URL");
        let port = parsed.port().map(|port| format!(":{port}")).unwrap_or_default();
        Issuer {
            id: id.to_owned(),
            url: url.to_owned(),
            name: id.to_owned(),
            path: parsed.path().trim_end_matches('/').to_owned(),
            authority: format!("{}{port}", parsed.host_str().expect("a host")),
            is_https: parsed.scheme() == "https",
            metadata: Bytes::new(),
            keys: Bytes::new(),
            resources: Vec::new(),
        }
    }

    fn with_resources(issuer: Issuer, uris: &[&str]) -> Issuer {
        let resource = |uri: &&str| v1::ProtectedResource { resource: (*uri).to_owned(), ..Default::default() };
        Issuer { resources: uris.iter().map(resource).collect(), ..issuer }
    }

    fn seen(directory: &Directory, path: &str, authority: Option<&str>) -> (Option<String>, Option<String>) {
        let found = find(directory, path, authority);
        (found.located.issuer().map(|issuer| issuer.id.clone()), found.rewritten.map(Cow::into_owned))
    }

    fn is(id: &str, path: &str) -> (Option<String>, Option<String>) {
        (Some(id.to_owned()), Some(path.to_owned()))
    }

    #[test]
    fn every_alias_leads_to_its_issuer() {
        let directory = Directory::of([issuer("root", "https://a.example"), issuer("t", "https://a.example/t")]);
        let find = |path| seen(&directory, path, None);
        assert_eq!(find("/authorize"), is("root", "/authorize"));
        assert_eq!(find("/t/authorize"), is("t", "/authorize"));
        for path in [
            "/.well-known/oauth-authorization-server/t",
            "/.well-known/oauth-authorization-server/t/",
            "/t/.well-known/oauth-authorization-server",
        ] {
            assert_eq!(find(path), is("t", SERVER_METADATA), "{path}");
        }
        for path in ["/.well-known/openid-configuration/t", "/t/.well-known/openid-configuration"] {
            assert_eq!(find(path), is("t", OPENID_CONFIGURATION), "{path}");
        }
        assert_eq!(find(SERVER_METADATA), is("root", SERVER_METADATA));
        assert_eq!(find("/callback/t"), (Some("t".to_owned()), None));
    }

    /// Requirements: R37.
    #[test]
    fn a_registration_is_managed_below_its_issuer() {
        let directory = Directory::of([issuer("root", "https://a.example"), issuer("t", "https://a.example/t")]);
        let find = |path| seen(&directory, path, None);
        assert_eq!(find("/register/client-x"), is("root", "/register/client-x"));
        assert_eq!(find("/t/register/client-x"), is("t", "/register/client-x"));
        assert_eq!(find("/u/register/client-x"), (None, None));
    }

    /// Requirements: C1, C2, C3, R53.
    #[test]
    fn a_resource_is_known_by_its_path_and_among_several_by_its_host() {
        let [a, b, other] = ["https://a.example/mcp", "https://b.example/mcp", "https://c.example"];
        let directory = Directory::of([
            with_resources(issuer("one", "https://gate.example"), &[a, other]),
            with_resources(issuer("two", "https://gate.example/two"), &[b, a]),
        ]);
        let document = |path: &str, host| {
            let path = format!("{RESOURCE_METADATA}{path}");
            find(&directory, &path, host).resource.map(|ResourceDocument(json)| json)
        };
        let servers_of = |path: &str, host| {
            let json = document(path, host).expect("a document");
            let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
            (json["resource"].clone(), json["authorization_servers"].as_array().expect("a list").len())
        };
        assert_eq!(servers_of("", None), (other.into(), 1));
        assert_eq!(servers_of("/", Some("gate.example")), (other.into(), 1));
        assert_eq!(servers_of("/mcp", Some("a.example")), (a.into(), 2));
        assert_eq!(servers_of("/mcp", Some("B.example")), (b.into(), 1));
        assert_eq!(document("/mcp", Some("gate.example")), None);
        assert_eq!(document("/other", Some("a.example")), None);
    }

    #[test]
    fn a_path_that_two_issuers_could_mean_is_the_longer_ones() {
        let root = || issuer("root", "https://a.example");
        let one = Directory::of([root()]);
        assert_eq!(seen(&one, "/account/revoke", None), is("root", "/account/revoke"));
        let two = Directory::of([root(), issuer("account", "https://a.example/account")]);
        assert_eq!(seen(&two, "/account/revoke", None), is("account", "/revoke"));
        assert_eq!(seen(&two, "/account/account/revoke", None), is("account", "/account/revoke"));
        assert_eq!(seen(&two, "/account", None), is("root", "/account"));
        assert_eq!(of_any_issuer("/t/account/revoke"), Some("/account/revoke"));
    }

    #[test]
    fn what_is_close_is_not_enough() {
        let directory = Directory::of([issuer("root", "https://a.example"), issuer("t", "https://a.example/t")]);
        for path in ["/T/authorize", "/t//authorize", "/tt/authorize", "/%74/authorize", "/t/u/authorize", "/t/healthz"]
        {
            assert_eq!(seen(&directory, path, None), (None, None), "{path}");
        }
        let unknown = (None, Some(OPENID_CONFIGURATION.to_owned()));
        assert_eq!(seen(&directory, "/.well-known/openid-configuration/u", None), unknown);
        assert_eq!(seen(&directory, "/callback/u", None), (None, None));
    }

    #[test]
    fn the_host_chooses_only_between_equal_paths() {
        let directory = Directory::of([
            issuer("a", "https://a.example"),
            issuer("b", "https://b.example:8443"),
            issuer("t", "https://t.example/t"),
        ]);
        let find = |path, host| seen(&directory, path, Some(host)).0;
        for host in ["a.example", "A.example", "a.example:443"] {
            assert_eq!(find("/token", host).as_deref(), Some("a"), "{host}");
        }
        assert_eq!(find("/token", "b.example:8443").as_deref(), Some("b"));
        assert_eq!(find("/token", "b.example"), None);
        assert_eq!(find("/t/token", "anything").as_deref(), Some("t"));
        assert_eq!(seen(&directory, "/token", None).0, None);
    }

    #[test]
    fn the_query_survives() {
        let uri: Uri = "/t/authorize?a=%2F&b".parse().expect("a URI");
        assert_eq!(with_path(&uri, "/authorize").expect("a URI"), "/authorize?a=%2F&b");
    }
}
