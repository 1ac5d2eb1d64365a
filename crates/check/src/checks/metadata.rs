//! The server's metadata (RFC 8414, OpenID Connect Discovery) at every URL where clients look, and its key set.

use serde_json::{Map, Value};
use url::Url;

use crate::client::is_loopback;
use crate::fetch::{Answer, NoAnswer};
use crate::report::{Outcome, or_absent};
use crate::rules::Rule;
use crate::scan::{NOWHERE, NamedUrl, Scan};
use crate::server::{Server, has_null_or_fraction};

/// The metadata members with the URLs that clients call.
const ENDPOINTS: [&str; 7] = [
    "authorization_endpoint",
    "token_endpoint",
    "registration_endpoint",
    "jwks_uri",
    "revocation_endpoint",
    "introspection_endpoint",
    "userinfo_endpoint",
];

/// The private and symmetric members of a key (RFC 7518 §6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Judges every document that it finds. An error means that there is none to go by.
pub(super) async fn check(scan: &mut Scan<'_>, issuer: &NamedUrl) -> Result<Server, Outcome> {
    let mut found: Vec<(Url, Map<String, Value>)> = Vec::new();
    let mut answered = false;
    for url in metadata_urls(&issuer.url) {
        // With the headers of a client in a web page, so that CORS can be judged too.
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
        location(scan, &answer);
        if let Some(document) = document(&answer) {
            cross_origin(scan, &answer);
            content_type(scan, &answer);
            found.push((url, document));
        }
    }
    unknown_issuer(scan, &issuer.url).await;
    let Some((at, document)) = found.first().cloned() else {
        scan.report.violated(Rule::A2, "no well-known URL has a JSON object with an issuer or a token endpoint");
        return Err(Outcome::NotAnAuthorizationServer);
    };
    scan.report.holds(Rule::A2, format_args!("{}: 200", at.path()));
    agreement(scan, &found);
    let server = Server { issuer: issuer.text.clone(), metadata_url: at, document };
    members(scan, &server);
    advertised(scan, &server);
    implicit(scan, &server);
    let followed = [&["issuer"], ENDPOINTS.as_slice()].concat();
    unmoved_by_headers(scan, &server.metadata_url, &server.document, &followed).await;
    Ok(server)
}

/// The URLs that MCP clients try: well-known before the issuer's path (RFC 8414 §3.1) and after it (OpenID Connect Discovery §4).
fn metadata_urls(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let mut paths = vec![
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        paths.push(format!("{path}/.well-known/openid-configuration"));
    }
    paths.into_iter().map(|path| with_path(issuer, &path)).collect()
}

fn with_path(issuer: &Url, path: &str) -> Url {
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

fn location(scan: &mut Scan<'_>, answer: &Answer) {
    match answer.status {
        300..400 | 500.. => scan.report.violated(Rule::A3, format_args!("{answer}; clients stop there")),
        200 if document(answer).is_none() => scan.report.violated(Rule::A3, format_args!("{answer}, but no metadata")),
        200 => scan.report.holds(Rule::A3, answer),
        _ => scan.report.warns(Rule::A3, format_args!("{answer}; some clients look there first")),
    }
}

/// Judges the answer about an issuer that does not exist: clients stop at 5xx and try the next URL at 404.
async fn unknown_issuer(scan: &mut Scan<'_>, issuer: &Url) {
    let path = issuer.path().trim_end_matches('/');
    let url =
        with_path(issuer, &format!("/.well-known/oauth-authorization-server{path}/lychgate-check-no-such-issuer"));
    let request = scan.fetch.get(&url);
    let Some(answer) = scan.send(&[], request).await else { return };
    match answer.status {
        300..400 | 500.. => scan.report.violated(Rule::A3, format_args!("{answer}; it should be 404")),
        400..500 => scan.report.holds(Rule::A3, answer),
        _ => scan.report.warns(Rule::A3, format_args!("{answer}; it should be 404")),
    }
}

fn cross_origin(scan: &mut Scan<'_>, answer: &Answer) {
    let allowed = answer.header("access-control-allow-origin");
    let holds = allowed.as_deref().is_some_and(|origin| origin == "*" || origin == NOWHERE);
    scan.report.judge(Rule::R26, holds, format_args!("{answer}, Access-Control-Allow-Origin: {}", or_absent(allowed)));
}

fn content_type(scan: &mut Scan<'_>, answer: &Answer) {
    let kind = answer.media_type();
    scan.report.judge(Rule::R41, kind == "application/json", format_args!("{answer}, Content-Type: {kind:?}"));
}

/// One document may lack a member that another has, but they must not contradict each other.
fn agreement(scan: &mut Scan<'_>, found: &[(Url, Map<String, Value>)]) {
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
        report.judge(Rule::R41, holds, format_args!("{member}: {}", or_absent(server.document.get(member))));
    }
    let code = server.lists("response_types_supported", "code");
    report.judge(Rule::R41, code, "response_types_supported, which must list code");
    if Url::parse(issuer).is_ok_and(|url| url.query().is_some() || url.fragment().is_some()) {
        report.violated(Rule::R41, format_args!("issuer has a query or a fragment: {issuer:?}"));
    }
    for (member, value) in &server.document {
        if has_null_or_fraction(value) || value.as_array().is_some_and(Vec::is_empty) {
            report.violated(Rule::R41, format_args!("{member} is or has null, a fraction or an empty list: {value}"));
        }
    }
    let local = is_loopback(&server.metadata_url);
    for member in ENDPOINTS {
        let Some(url) = server.endpoint(member) else { continue };
        let holds = url.scheme() == "https" || (local && is_loopback(&url));
        report.judge(Rule::A14, holds, format_args!("{member}: {url}"));
    }
}

fn advertised(scan: &mut Scan<'_>, server: &Server) {
    let report = &mut scan.report;
    let methods: Vec<_> = server.strings("code_challenge_methods_supported").collect();
    report.judge(Rule::A5, methods.contains(&"S256"), format_args!("code_challenge_methods_supported: {methods:?}"));
    if methods.contains(&"plain") {
        report.warns(Rule::A5, "plain is advertised too");
    }
    let member = "authorization_response_iss_parameter_supported";
    report.judge(
        Rule::A6,
        server.supports(member),
        format_args!("{member}: {}", or_absent(server.document.get(member))),
    );
    let member = "client_id_metadata_document_supported";
    report.judge(
        Rule::A7,
        server.supports(member),
        format_args!("{member}: {}", or_absent(server.document.get(member))),
    );
    let endpoint = server.document.get("registration_endpoint");
    report.judge(Rule::A8, endpoint.is_some(), format_args!("registration_endpoint: {}", or_absent(endpoint)));
}

/// Judges whether grants are advertised that OAuth 2.1 no longer has. A client that finds them may use them.
fn implicit(scan: &mut Scan<'_>, server: &Server) {
    let report = &mut scan.report;
    let types: Vec<_> = server.strings("response_types_supported").filter(|kind| issues_token(kind)).collect();
    let grants: Vec<_> = server.strings("grant_types_supported").collect();
    if grants.contains(&"password") {
        report.fails(Rule::L8, format_args!("grant_types_supported: {grants:?}"));
    } else if !types.is_empty() || grants.contains(&"implicit") {
        report.warns(Rule::L8, format_args!("response types with a token: {types:?}; grant types: {grants:?}"));
    } else if !server.document.contains_key("grant_types_supported") {
        report.warns(Rule::L8, "no grant_types_supported, which means authorization_code and implicit (RFC 8414 §2)");
    } else {
        report.holds(Rule::L8, format_args!("grant_types_supported: {grants:?}"));
    }
}

/// True for a response type by which the authorization endpoint itself issues an access token.
pub(super) fn issues_token(response_type: &str) -> bool {
    response_type.split(' ').any(|word| word == "token")
}

/// Judges whether headers of a request change `members` of the document at `url`. An attacker who writes such a header could then
/// have a cache give other clients endpoints of the attacker's choice.
pub(super) async fn unmoved_by_headers(
    scan: &mut Scan<'_>,
    url: &Url,
    document: &Map<String, Value>,
    members: &[&str],
) {
    let host = NOWHERE.trim_start_matches("https://");
    let forwarded = format!("for=192.0.2.1;host={host};proto=http");
    let header_sets: [&[(&str, &str)]; 2] = [
        &[("host", host)],
        &[
            ("x-forwarded-host", host),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-port", "1"),
            ("x-forwarded-prefix", "/lychgate-check"),
            ("x-original-host", host),
            ("forwarded", &forwarded),
        ],
    ];
    for headers in header_sets {
        let request = headers.iter().fold(scan.fetch.get(url), |request, (name, value)| request.header(*name, *value));
        let Some(answer) = scan.send(&[Rule::L5], request).await else { return };
        let (name, _) = headers[0];
        let evidence = format!("{answer}, asked with {name}: {host}");
        let other = answer.json().filter(|_| (200..300).contains(&answer.status));
        let changed =
            members.iter().find(|member| other.as_ref().is_some_and(|o| o.get(**member) != document.get(**member)));
        match changed {
            Some(member) => {
                let value = other.as_ref().and_then(|other| other.get(*member));
                scan.report.violated(Rule::L5, format_args!("{evidence}: {member} becomes {}", or_absent(value)));
            }
            None => scan.report.holds(Rule::L5, evidence),
        }
    }
}

/// Judges the key set with which resource servers verify tokens.
pub(super) async fn check_keys(scan: &mut Scan<'_>, server: &Server) {
    let Some(url) = server.endpoint("jwks_uri") else {
        return scan.report.skipped(Rule::R44, "no jwks_uri: tokens are opaque");
    };
    let request = scan.fetch.get(&url).header("origin", NOWHERE);
    let Some(answer) = scan.send(&[Rule::R44], request).await else { return };
    cross_origin(scan, &answer);
    let set = answer.json();
    let Some(keys) = set.as_ref().and_then(|set| set.get("keys")).and_then(Value::as_array) else {
        return scan.report.violated(Rule::R44, format_args!("{answer}, which is no key set"));
    };
    for key in keys {
        let member = |name: &str| key.get(name).and_then(Value::as_str);
        let kid = member("kid");
        // Only the member is named: people paste reports into tickets, where a private key must not be.
        if let Some(private) = PRIVATE.iter().find(|name| key.get(**name).is_some()) {
            scan.report.violated(Rule::R44, format_args!("key {} has the private member {private}", or_absent(kid)));
        }
        if kid.is_none() || member("alg").is_none() {
            scan.report.warns(Rule::R44, format_args!("key {} has no kid or no alg", or_absent(kid)));
        }
    }
    scan.report.judge(Rule::R44, !keys.is_empty(), format_args!("{answer}, {} keys", keys.len()));
}
