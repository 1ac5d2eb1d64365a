//! The MCP server: its challenge (RFC 6750) and its protected resource metadata (RFC 9728).

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use url::Url;

use super::forged_tokens::{self, ForeignToken};
use super::ping::ping;
use super::{cors, metadata};
use crate::fetch::Answer;
use crate::report::or_absent;
use crate::rules::Rule;
use crate::scan::{NOWHERE, NamedUrl, Scan};
use crate::server::{Server, first_scope};

pub(super) const RULES: &[Rule] =
    &[Rule::C1, Rule::C2, Rule::C3, Rule::C4, Rule::C7, Rule::C11, Rule::C12, Rule::A23, Rule::R25, Rule::L11];

/// A token that no server issued.
const INVALID_TOKEN: &str = "lychgate-check";

/// Judges the MCP server. A scope that a client may request for it, if one is advertised.
pub(super) async fn check(
    scan: &mut Scan<'_>,
    server: &Server,
    resource: &NamedUrl,
    foreign: Option<&ForeignToken>,
) -> anyhow::Result<Option<String>> {
    let ask = ping(scan, &resource.url);
    let challenge = challenge(scan, resource, ask).await;
    tokens(scan, resource, challenge.as_ref()).await;
    if challenge.is_some() {
        forged_tokens::check(scan, server, resource, foreign).await?;
    } else {
        scan.report.unknown(&[Rule::L11, Rule::L12], "a call without a token was not challenged; see C11");
    }
    let headers = "authorization,content-type,mcp-protocol-version";
    cors::preflight(scan, Rule::C12, &resource.url, &Method::POST, headers).await;
    Ok(documents(scan, server, resource, challenge.as_ref()).await.or_else(|| server.first_scope()))
}

type Parameters = BTreeMap<String, String>;

async fn challenge(scan: &mut Scan<'_>, resource: &NamedUrl, request: RequestBuilder) -> Option<Parameters> {
    let answer = scan.send(&[Rule::C11, Rule::C4, Rule::C12], request).await?;
    readable(scan, &answer);
    let header = answer.header("www-authenticate").unwrap_or_default();
    let evidence = format!("{answer}, WWW-Authenticate: {header}");
    let parameters = header.strip_prefix("Bearer ").and_then(parse).filter(|_| header.is_ascii());
    let report = &mut scan.report;
    let Some(parameters) = parameters.filter(|_| answer.status == 401) else {
        report.violated(Rule::C11, evidence);
        return None;
    };
    // Some SDKs refuse metadata at another origin.
    let at = parameters.get("resource_metadata").and_then(|url| Url::parse(url).ok());
    let same_origin = at.is_some_and(|url| url.origin() == resource.url.origin());
    report.judge(Rule::C11, same_origin, &evidence);
    report.judge(Rule::C4, parameters.contains_key("scope"), &evidence);
    report.judge(Rule::R25, !parameters.contains_key("error"), &evidence);
    Some(parameters)
}

/// Judges whether a client in a web page can read the challenge (Fetch §3.2.3). Without it, it cannot find the issuer.
fn readable(scan: &mut Scan<'_>, answer: &Answer) {
    let origin = answer.header("access-control-allow-origin");
    let allowed = origin.as_deref().is_some_and(|origin| origin == "*" || origin == NOWHERE);
    let exposed = answer.header("access-control-expose-headers").unwrap_or_default().to_ascii_lowercase();
    let challenge = exposed.split(',').map(str::trim).any(|name| name == "www-authenticate" || name == "*");
    scan.report.judge(
        Rule::C12,
        allowed && challenge,
        format_args!("{answer}, allows {} to read {exposed:?}", or_absent(origin)),
    );
}

/// Parses `name="value"` pairs separated by commas, strictly: the parsers of SDKs understand no more than this.
fn parse(mut rest: &str) -> Option<Parameters> {
    let mut parameters = Parameters::new();
    loop {
        let (name, after) = rest.trim_start().split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return None;
        }
        parameters.insert(name.to_ascii_lowercase(), value.to_owned());
        match after.trim_start().strip_prefix(',') {
            Some(more) => rest = more,
            None => return after.trim().is_empty().then_some(parameters),
        }
    }
}

async fn tokens(scan: &mut Scan<'_>, resource: &NamedUrl, bare: Option<&Parameters>) {
    let request = ping(scan, &resource.url).bearer_auth(INVALID_TOKEN);
    if let Some(answer) = scan.send(&[Rule::R25], request).await {
        let evidence = format!("a bad token: {answer}");
        match error(&answer) {
            None if answer.status == 401 => scan.report.skipped(Rule::R25, format_args!("{evidence}; see C11")),
            error => {
                let named = error.as_deref() == Some("invalid_token");
                scan.report.judge(Rule::R25, answer.status == 401 && named, evidence);
            }
        }
    }
    let mut url = resource.url.clone();
    url.query_pairs_mut().append_pair("access_token", INVALID_TOKEN);
    let request = ping(scan, &url);
    let Some(answer) = scan.send(&[Rule::C7], request).await else { return };
    // `invalid_token` shows that the server read the query, unless it also answers so without a token.
    let read =
        error(&answer).as_deref() == Some("invalid_token") && bare.is_some_and(|bare| !bare.contains_key("error"));
    scan.report.judge(Rule::C7, answer.status == 401 && !read, format_args!("?access_token=: {answer}"));
}

/// The challenge's error, empty if it names none. None without a readable challenge.
fn error(answer: &Answer) -> Option<String> {
    let header = answer.header("www-authenticate")?;
    Some(header.strip_prefix("Bearer ").and_then(parse)?.remove("error").unwrap_or_default())
}

/// Judges the metadata. Clients look at the challenge's URL, then at the path-inserted one, then at the root (RFC 9728 §3.1).
async fn documents(
    scan: &mut Scan<'_>,
    server: &Server,
    resource: &NamedUrl,
    challenge: Option<&Parameters>,
) -> Option<String> {
    let root = "/.well-known/oauth-protected-resource";
    let path = resource.url.path().trim_end_matches('/');
    let at = |path: &str| resource.url.join(path).ok();
    let mut places: Vec<Url> =
        challenge.and_then(|parameters| Url::parse(parameters.get("resource_metadata")?).ok()).into_iter().collect();
    for place in [at(&format!("{root}{path}")), at(root)].into_iter().flatten() {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    let mut scope = None;
    let mut found = false;
    for place in places {
        let request = scan.fetch.get(&place);
        let Some(answer) = scan.send(&[Rule::C2], request).await else { continue };
        let document = answer.json().filter(|document| answer.status == 200 && document.get("resource").is_some());
        let Some(document) = document else {
            scan.report.warns(Rule::C2, format_args!("{answer}, no metadata"));
            continue;
        };
        if !found {
            let members = document.as_object().cloned().unwrap_or_default();
            metadata::unmoved_by_headers(scan, &place, &members, &["resource", "authorization_servers"]).await;
        }
        found = true;
        scan.report.holds(Rule::C2, &answer);
        scope = scope.or(judge(scan, server, resource, &answer, &document));
    }
    if !found {
        scan.report.violated(Rule::C2, "at neither well-known URL, and not at the challenge's");
    }
    scope
}

fn judge(
    scan: &mut Scan<'_>,
    server: &Server,
    resource: &NamedUrl,
    answer: &Answer,
    document: &Value,
) -> Option<String> {
    let report = &mut scan.report;
    let named = document["resource"].as_str().unwrap_or_default();
    report.judge(Rule::C3, named == resource.text, format_args!("{answer}, resource: {named:?}"));
    let strings = |member: &str| document[member].as_array().into_iter().flatten().filter_map(Value::as_str);
    // Clients use the first only.
    let first = strings("authorization_servers").next();
    report.judge(
        Rule::C1,
        first == Some(&server.issuer),
        format_args!("{answer}, first of authorization_servers: {}", or_absent(first)),
    );
    let offline = strings("scopes_supported").any(|scope| scope == "offline_access");
    report.judge(Rule::A23, !offline, format_args!("{answer}, scopes_supported"));
    first_scope(strings("scopes_supported"))
}
