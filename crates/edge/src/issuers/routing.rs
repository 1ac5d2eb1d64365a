//! Issuer routing: finds the issuer by the request's path and maps every alias to one path, so that the router lists each
//! endpoint once.
//!
//! An issuer without a path answers at `/authorize`. An issuer with the path `/t` has all endpoints below `/t`, and its
//! well-known documents at every place where clients look (A3). The `Host` header decides only between issuers with equal
//! paths. Neither it nor a forwarded header ever reaches an output (RFC 9700 §4.13).

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::Uri;
use axum::http::uri::PathAndQuery;

use super::{Directory, Issuer, ResourceDocument};

/// Every issuer's endpoints below its path. If a path could belong to two issuers, the one with the longer path has it, so
/// the shorter ending comes first.
const ENDPOINTS: [&str; 15] = [
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
    CHECKUP,
];

const SERVER_METADATA: &str = "/.well-known/oauth-authorization-server";
const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
const RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource";
const CHECKUP: &str = "/.well-known/lychgate-checkup";
const CALLBACK: &str = "/callback/";
const REGISTRATION: &str = "/register/";
/// The page at an issuer's own address, which may end with a slash.
const HOME: &str = "/";

/// The issuer that a request's path names.
#[derive(Clone, Debug)]
pub(crate) enum IssuerRoute {
    Found(Arc<Issuer>),
    Unknown,
    /// The control plane has not described the issuers yet.
    NotReady,
}

impl IssuerRoute {
    pub(crate) fn issuer(&self) -> Option<&Arc<Issuer>> {
        match self {
            IssuerRoute::Found(issuer) => Some(issuer),
            IssuerRoute::Unknown | IssuerRoute::NotReady => None,
        }
    }

    fn of(issuer: Option<&Arc<Issuer>>) -> Self {
        issuer.map_or(IssuerRoute::Unknown, |issuer| IssuerRoute::Found(Arc::clone(issuer)))
    }
}

/// Where a request belongs.
#[derive(Debug)]
pub(crate) struct Routed {
    pub(crate) route: IssuerRoute,
    /// The URI with the path that the router lists, if the request's path is another one.
    pub(crate) uri: Option<Uri>,
    /// The resource, if the request asks for the metadata of one.
    pub(crate) resource: Option<ResourceDocument>,
}

/// Routes a request. Without a directory, the path is mapped as if some issuer had it, so that the 503 has the endpoint's
/// own form.
pub(crate) fn route(directory: Option<&Directory>, uri: &Uri, authority: Option<&str>) -> Routed {
    let path = uri.path();
    let Found { route, path: canonical, resource } = match directory {
        Some(directory) => find(directory, path, authority),
        None => Found { path: canonical_path(path).map(Cow::Borrowed), ..Found::of(IssuerRoute::NotReady) },
    };
    let uri = canonical.filter(|canonical| *canonical != path).and_then(|canonical| with_path(uri, &canonical));
    Routed { route, uri, resource }
}

struct Found {
    route: IssuerRoute,
    /// The path that the router lists.
    path: Option<Cow<'static, str>>,
    resource: Option<ResourceDocument>,
}

impl Found {
    fn of(route: IssuerRoute) -> Self {
        Self { route, path: None, resource: None }
    }

    fn at(issuer: Option<&Arc<Issuer>>, path: impl Into<Cow<'static, str>>) -> Self {
        Self { path: Some(path.into()), ..Self::of(IssuerRoute::of(issuer)) }
    }
}

fn find(directory: &Directory, path: &str, authority: Option<&str>) -> Found {
    // An issuer's callback is registered at the upstream without the issuer's path; its id is part of it.
    if let Some(id) = path.strip_prefix(CALLBACK) {
        return Found::of(IssuerRoute::of(directory.by_id(id)));
    }
    // Resource metadata belongs to no issuer. The request came to our host or through the resource's own (RFC 9728 §3.1).
    if let Some(resource_path) = path.strip_prefix(RESOURCE_METADATA) {
        let resource = directory.resource(resource_path.trim_end_matches('/'), authority).cloned();
        let path = resource.is_some().then_some(Cow::Borrowed(RESOURCE_METADATA));
        return Found { path, resource, ..Found::of(IssuerRoute::Unknown) };
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
    match directory.by_path(path.strip_suffix('/').unwrap_or(path), authority) {
        Some(issuer) => Found::at(Some(issuer), HOME),
        None => Found::of(IssuerRoute::Unknown),
    }
}

/// The path that the router would list, if some issuer had this one.
fn canonical_path(path: &str) -> Option<&'static str> {
    if path.starts_with(RESOURCE_METADATA) {
        return Some(RESOURCE_METADATA);
    }
    let below_any = |endpoint: &&str| path.ends_with(*endpoint);
    let document = [SERVER_METADATA, OPENID_CONFIGURATION].into_iter().find(|document| path.starts_with(document));
    document.or_else(|| ENDPOINTS.into_iter().filter(below_any).max_by_key(|endpoint| endpoint.len()))
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

    fn routed(directory: &Directory, path: &str, authority: Option<&str>) -> (Option<String>, Option<String>) {
        let found = find(directory, path, authority);
        (found.route.issuer().map(|issuer| issuer.id.clone()), found.path.map(Cow::into_owned))
    }

    fn is(id: &str, path: &str) -> (Option<String>, Option<String>) {
        (Some(id.to_owned()), Some(path.to_owned()))
    }

    #[test]
    fn every_alias_is_routed_to_its_issuer() {
        let directory = Directory::of([issuer("root", "https://a.example"), issuer("t", "https://a.example/t")]);
        let find = |path| routed(&directory, path, None);
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
        assert_eq!(find("/.well-known/lychgate-checkup"), is("root", CHECKUP));
        assert_eq!(find("/t/.well-known/lychgate-checkup"), is("t", CHECKUP));
        assert_eq!(find("/callback/t"), (Some("t".to_owned()), None));
        assert_eq!(find("/"), is("root", HOME));
        for path in ["/t", "/t/"] {
            assert_eq!(find(path), is("t", HOME), "{path}");
        }
    }

    /// Requirements: R37.
    #[test]
    fn registration_management_is_routed_to_its_issuer() {
        let directory = Directory::of([issuer("root", "https://a.example"), issuer("t", "https://a.example/t")]);
        let find = |path| routed(&directory, path, None);
        assert_eq!(find("/register/client-x"), is("root", "/register/client-x"));
        assert_eq!(find("/t/register/client-x"), is("t", "/register/client-x"));
        assert_eq!(find("/u/register/client-x"), (None, None));
    }

    /// Requirements: C1, C2, C3, R53.
    #[test]
    fn resource_is_found_by_path_and_among_several_by_host() {
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

    /// Requirements: C1, C2, C3, R53.
    #[test]
    fn without_a_path_the_only_resource_that_can_be_meant_is_found() {
        let [a, b, c] = ["https://a.example/mcp", "https://b.example/mcp", "https://b.example/other"];
        let [here, there] = ["https://gate.example/mcp", "https://gate.example/notes"];
        let gate = |id: &str, url: &str, uris: &[&str]| with_resources(issuer(id, url), uris);
        let (root, tee) = ("https://gate.example", "https://gate.example/t");
        let found = |issuers: Vec<Issuer>, path: &str, host: Option<&str>| {
            let resource = find(&Directory::of(issuers), &format!("{RESOURCE_METADATA}{path}"), host).resource?;
            let json: serde_json::Value = serde_json::from_slice(&resource.0).expect("JSON");
            Some(json["resource"].as_str().expect("a string").to_owned())
        };
        let one_each = || vec![gate("root", root, &[a]), gate("t", tee, &[b])];
        for (why, issuers, host, expected) in [
            ("one resource, any host", vec![gate("root", root, &[a])], None, Some(a)),
            ("one resource, another host", vec![gate("root", root, &[a])], Some("elsewhere.example"), Some(a)),
            ("of an issuer with a path", vec![gate("t", tee, &[a])], Some("gate.example"), Some(a)),
            ("one resource of two issuers", vec![gate("root", root, &[a]), gate("t", tee, &[a])], None, Some(a)),
            ("of the request's host", vec![gate("root", root, &[a, b])], Some("a.example"), Some(a)),
            ("two of the request's host", vec![gate("root", root, &[a, b, c])], Some("b.example"), None),
            ("two beside their issuer", vec![gate("root", root, &[here, there])], Some("gate.example"), None),
            ("two, and no host decides", vec![gate("root", root, &[a, b])], Some("gate.example"), None),
            ("of the issuer without a path", one_each(), Some("gate.example"), Some(a)),
            ("of the issuer without a path, default port", one_each(), Some("GATE.example:443"), Some(a)),
            ("two issuers, and no host decides", one_each(), Some("127.0.0.1:8080"), None),
            (
                "of the issuer at this host",
                vec![gate("root", root, &[a]), gate("other", "https://other.example", &[b])],
                Some("other.example"),
                Some(b),
            ),
            ("none at all", vec![gate("root", root, &[])], Some("gate.example"), None),
        ] {
            assert_eq!(found(issuers, "", host).as_deref(), expected, "{why}");
        }
        assert_eq!(found(vec![gate("root", root, &[a])], "/", None).as_deref(), Some(a));
        assert_eq!(found(vec![gate("root", root, &[a])], "/else", None), None, "another path names another resource");
        let exact = gate("root", root, &[a, "https://c.example"]);
        assert_eq!(found(vec![exact], "", Some("a.example")).as_deref(), Some("https://c.example"));
    }

    #[test]
    fn ambiguous_path_belongs_to_the_issuer_with_the_longer_path() {
        let root = || issuer("root", "https://a.example");
        let one = Directory::of([root()]);
        assert_eq!(routed(&one, "/account/revoke", None), is("root", "/account/revoke"));
        let two = Directory::of([root(), issuer("account", "https://a.example/account")]);
        assert_eq!(routed(&two, "/account/revoke", None), is("account", "/revoke"));
        assert_eq!(routed(&two, "/account/account/revoke", None), is("account", "/account/revoke"));
        assert_eq!(routed(&two, "/account", None), is("root", "/account"));
        assert_eq!(canonical_path("/t/account/revoke"), Some("/account/revoke"));
    }

    #[test]
    fn similar_paths_are_not_routed() {
        let directory = Directory::of([issuer("root", "https://a.example"), issuer("t", "https://a.example/t")]);
        for path in [
            "//",
            "/t//",
            "/T",
            "/u",
            "/T/authorize",
            "/t//authorize",
            "/tt/authorize",
            "/%74/authorize",
            "/t/u/authorize",
            "/t/healthz",
        ] {
            assert_eq!(routed(&directory, path, None), (None, None), "{path}");
        }
        let unknown = (None, Some(OPENID_CONFIGURATION.to_owned()));
        assert_eq!(routed(&directory, "/.well-known/openid-configuration/u", None), unknown);
        assert_eq!(routed(&directory, "/callback/u", None), (None, None));
    }

    #[test]
    fn host_decides_only_between_equal_paths() {
        let directory = Directory::of([
            issuer("a", "https://a.example"),
            issuer("b", "https://b.example:8443"),
            issuer("t", "https://t.example/t"),
        ]);
        let find = |path, host| routed(&directory, path, Some(host)).0;
        for host in ["a.example", "A.example", "a.example:443"] {
            assert_eq!(find("/token", host).as_deref(), Some("a"), "{host}");
        }
        assert_eq!(find("/token", "b.example:8443").as_deref(), Some("b"));
        assert_eq!(find("/token", "b.example"), None);
        assert_eq!(find("/t/token", "anything").as_deref(), Some("t"));
        assert_eq!(routed(&directory, "/token", None).0, None);
    }

    #[test]
    fn query_is_kept_when_the_path_is_rewritten() {
        let uri: Uri = "/t/authorize?a=%2F&b".parse().expect("a URI");
        assert_eq!(with_path(&uri, "/authorize").expect("a URI"), "/authorize?a=%2F&b");
    }
}
