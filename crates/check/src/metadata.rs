//! What the server says about itself: its metadata (RFC 8414, OpenID Connect Discovery) wherever clients look, and its keys.

use serde_json::{Map, Value};
use url::{Host, Url};

use crate::fetch::{Answer, NoAnswer};
use crate::report::Outcome;
use crate::report::said;
use crate::rules::Rule;
use crate::{NOWHERE, Named, Scan};

/// The members that are URLs to be called.
const ENDPOINTS: [&str; 7] = [
    "authorization_endpoint",
    "token_endpoint",
    "registration_endpoint",
    "jwks_uri",
    "revocation_endpoint",
    "introspection_endpoint",
    "userinfo_endpoint",
];

/// RFC 7518 §6: what only the owner of a key may have.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The server, as it describes itself.
#[derive(Debug)]
pub(crate) struct Server {
    /// As the person named it.
    pub(crate) issuer: String,
    /// Where the document was found.
    pub(crate) at: Url,
    document: Map<String, Value>,
}

impl Server {
    pub(crate) fn endpoint(&self, member: &str) -> Option<Url> {
        Url::parse(self.document.get(member)?.as_str()?).ok()
    }

    pub(crate) fn lists(&self, member: &str, value: &str) -> bool {
        self.strings(member).any(|listed| listed == value)
    }

    pub(crate) fn says(&self, member: &str) -> bool {
        self.document.get(member) == Some(&Value::Bool(true))
    }

    /// One that means something at a resource.
    pub(crate) fn first_scope(&self) -> Option<String> {
        first_scope(self.strings("scopes_supported"))
    }

    fn strings(&self, member: &str) -> impl Iterator<Item = &str> {
        self.document.get(member).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }
}

/// OpenID's own scopes say who somebody is, not what may be done.
pub(crate) fn first_scope<'a>(mut scopes: impl Iterator<Item = &'a str>) -> Option<String> {
    const OPENID: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];
    scopes.find(|scope| !OPENID.contains(scope)).map(str::to_owned)
}

/// Looks everywhere; judges what it finds; an error if there is nothing to go on with.
pub(crate) async fn check(scan: &mut Scan<'_>, issuer: &Named) -> Result<Server, Outcome> {
    let mut found: Vec<(Url, Map<String, Value>)> = Vec::new();
    let mut answered = false;
    for url in places(&issuer.url) {
        // Asked as a program in a web page asks: what comes back is judged for CORS as well.
        let request = scan.fetch.get(&url).header("accept", "application/json").header("origin", NOWHERE);
        let answer = match scan.fetch.send(request).await {
            Ok(answer) => answer,
            Err(NoAnswer::Failed(why)) if !answered => {
                scan.report.violated(Rule::A2, format_args!("{url}: {why}"));
                return Err(Outcome::Unreachable);
            }
            Err(_) => continue,
        };
        answered = true;
        place(scan, &answer);
        if let Some(document) = document(&answer) {
            readable(scan, &answer);
            content_type(scan, &answer);
            found.push((url, document));
        }
    }
    nowhere(scan, &issuer.url).await;
    let Some((at, document)) = found.first().cloned() else {
        scan.report.violated(Rule::A2, "no place has a JSON object with an issuer and endpoints");
        return Err(Outcome::NotAnAuthorizationServer);
    };
    scan.report.holds(Rule::A2, format_args!("{}: 200", at.path()));
    same(scan, &found);
    let server = Server { issuer: issuer.text.clone(), at, document };
    members(scan, &server);
    advertised(scan, &server);
    Ok(server)
}

/// RFC 8414 §3.1, OpenID Connect Discovery §4, and what MCP clients try: inserted before the issuer's path, and after it.
fn places(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let mut paths = vec![
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        paths.push(format!("{path}/.well-known/openid-configuration"));
    }
    paths.into_iter().map(|path| at(issuer, &path)).collect()
}

fn at(issuer: &Url, path: &str) -> Url {
    let mut url = issuer.clone();
    url.set_path(path);
    url.set_query(None);
    url
}

fn document(answer: &Answer) -> Option<Map<String, Value>> {
    match answer.json() {
        Some(Value::Object(document)) if answer.status == 200 => {
            (document.contains_key("issuer") || document.contains_key("token_endpoint")).then_some(document)
        }
        _ => None,
    }
}

fn place(scan: &mut Scan<'_>, answer: &Answer) {
    match answer.status {
        300..400 | 500.. => scan.report.violated(Rule::A3, format_args!("{answer}; clients do not go on from there")),
        200 if document(answer).is_none() => scan.report.violated(Rule::A3, format_args!("{answer}, but no metadata")),
        200 => scan.report.holds(Rule::A3, answer),
        _ => scan.report.warns(Rule::A3, format_args!("{answer}; some clients look there first")),
    }
}

/// Clients stop at 5xx and look further at 404.
async fn nowhere(scan: &mut Scan<'_>, issuer: &Url) {
    let path = issuer.path().trim_end_matches('/');
    let url = at(issuer, &format!("/.well-known/oauth-authorization-server{path}/lychgate-check-no-such-issuer"));
    let request = scan.fetch.get(&url);
    let Some(answer) = scan.send(&[], request).await else { return };
    match answer.status {
        300..400 | 500.. => scan.report.violated(Rule::A3, format_args!("{answer}; it should be 404")),
        400..500 => scan.report.holds(Rule::A3, answer),
        _ => scan.report.warns(Rule::A3, format_args!("{answer}; it should be 404")),
    }
}

fn readable(scan: &mut Scan<'_>, answer: &Answer) {
    let allowed = answer.header("access-control-allow-origin");
    let holds = allowed.as_deref().is_some_and(|origin| origin == "*" || origin == NOWHERE);
    scan.report.judge(Rule::R26, holds, format_args!("{answer}, Access-Control-Allow-Origin: {}", said(allowed)));
}

fn content_type(scan: &mut Scan<'_>, answer: &Answer) {
    let kind = answer.media_type();
    scan.report.judge(Rule::R41, kind == "application/json", format_args!("{answer}, Content-Type: {kind:?}"));
}

/// Two documents may differ in what one has and the other has not, never in what they say.
fn same(scan: &mut Scan<'_>, found: &[(Url, Map<String, Value>)]) {
    let Some(((first, document), others)) = found.split_first() else { return };
    for (url, other) in others {
        if let Some((member, _)) =
            document.iter().find(|(member, value)| other.get(*member).is_some_and(|v| v != *value))
        {
            let evidence = format!("{member} differs between {} and {}", first.path(), url.path());
            scan.report.violated(Rule::A3, evidence);
        }
    }
}

fn members(scan: &mut Scan<'_>, server: &Server) {
    let report = &mut scan.report;
    let issuer = server.document.get("issuer").and_then(Value::as_str).unwrap_or_default();
    report.judge(Rule::A4, issuer == server.issuer, format_args!("issuer: {issuer:?}"));
    for member in ["authorization_endpoint", "token_endpoint"] {
        let endpoint = server.endpoint(member);
        let holds = endpoint.is_some_and(|url| url.fragment().is_none() && url.has_host());
        report.judge(Rule::R41, holds, format_args!("{member}: {}", said(server.document.get(member))));
    }
    let code = server.lists("response_types_supported", "code");
    report.judge(Rule::R41, code, "response_types_supported, which must list code");
    if Url::parse(issuer).is_ok_and(|url| url.query().is_some() || url.fragment().is_some()) {
        report.violated(Rule::R41, format_args!("issuer has a query or a fragment: {issuer:?}"));
    }
    for (member, value) in &server.document {
        if odd(value) || value.as_array().is_some_and(Vec::is_empty) {
            report.violated(Rule::R41, format_args!("{member} is or has null, a fraction or an empty list: {value}"));
        }
    }
    let local = is_loopback(&server.at);
    for member in ENDPOINTS {
        let Some(url) = server.endpoint(member) else { continue };
        let holds = url.scheme() == "https" || (local && is_loopback(&url));
        report.judge(Rule::A14, holds, format_args!("{member}: {url}"));
    }
}

/// A null or a number that is no integer: clients are known to break on both.
pub(crate) fn odd(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Number(number) => number.is_f64(),
        Value::Bool(_) | Value::String(_) => false,
        Value::Array(values) => values.iter().any(odd),
        Value::Object(members) => members.values().any(odd),
    }
}

fn advertised(scan: &mut Scan<'_>, server: &Server) {
    let report = &mut scan.report;
    let methods: Vec<_> = server.strings("code_challenge_methods_supported").collect();
    report.judge(Rule::A5, methods.contains(&"S256"), format_args!("code_challenge_methods_supported: {methods:?}"));
    if methods.contains(&"plain") {
        report.warns(Rule::A5, "plain is advertised, too");
    }
    let member = "authorization_response_iss_parameter_supported";
    report.judge(Rule::A6, server.says(member), format_args!("{member}: {}", said(server.document.get(member))));
    let member = "client_id_metadata_document_supported";
    report.judge(Rule::A7, server.says(member), format_args!("{member}: {}", said(server.document.get(member))));
    let endpoint = server.document.get("registration_endpoint");
    report.judge(Rule::A8, endpoint.is_some(), format_args!("registration_endpoint: {}", said(endpoint)));
}

/// The key set: what a resource server verifies tokens with.
pub(crate) async fn keys(scan: &mut Scan<'_>, server: &Server) {
    let Some(url) = server.endpoint("jwks_uri") else {
        return scan.report.skipped(Rule::R44, "no jwks_uri: tokens are opaque");
    };
    let request = scan.fetch.get(&url).header("origin", NOWHERE);
    let Some(answer) = scan.send(&[Rule::R44], request).await else { return };
    readable(scan, &answer);
    let set = answer.json();
    let Some(keys) = set.as_ref().and_then(|set| set.get("keys")).and_then(Value::as_array) else {
        return scan.report.violated(Rule::R44, format_args!("{answer}, which is no key set"));
    };
    for key in keys {
        let member = |name: &str| key.get(name).and_then(Value::as_str);
        let kid = member("kid");
        // The member's name is evidence enough: a report is pasted into tickets, a private key must not be.
        if let Some(private) = PRIVATE.iter().find(|name| key.get(**name).is_some()) {
            scan.report.violated(Rule::R44, format_args!("key {} has the private member {private}", said(kid)));
        }
        if kid.is_none() || member("alg").is_none() {
            scan.report.warns(Rule::R44, format_args!("key {} has no kid or no alg", said(kid)));
        }
    }
    scan.report.judge(Rule::R44, !keys.is_empty(), format_args!("{answer}, {} keys", keys.len()));
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
