//! The authorization endpoint's treatment of a client that it knows: each check changes one thing in a correct request.

use url::Url;

use super::consent_page;
use crate::authorization::{Reaction, Request, ask, parameter};
use crate::client::Client;
use crate::fetch::{response_error, response_parameters};
use crate::rules::Rule;
use crate::scan::{NOWHERE, Scan};
use crate::server::Server;

pub(super) const RULES: &[Rule] = &[
    Rule::A10,
    Rule::A11,
    Rule::A26,
    Rule::B1,
    Rule::B5,
    Rule::B6,
    Rule::B7,
    Rule::E6,
    Rule::E7,
    Rule::L9,
    Rule::R3,
    Rule::R5,
    Rule::R7,
    Rule::R11,
    Rule::R42,
];

/// A scope that no server has.
const UNKNOWN_SCOPE: &str = "lychgate-check:unknown";

/// Judges what depends on the client's redirect URI. False if the server refuses `good` itself, which these checks alter.
pub(super) async fn check(scan: &mut Scan<'_>, server: &Server, client: &Client, good: &Request) -> bool {
    if !consent_page::check(scan, client, good).await {
        scan.report.unknown(RULES, "the request that these checks alter is itself refused; see B1");
        return false;
    }
    if let Ok(registered) = Url::parse(&client.redirect_uri) {
        redirect_uris(scan, client, good, &registered).await;
    }
    early_error(scan, server, client, good).await;
    true
}

/// Judges what is the same for every client.
pub(super) async fn check_parameters(scan: &mut Scan<'_>, good: &Request) {
    let without_pkce = good.without("code_challenge").without("code_challenge_method");
    must_refuse(scan, Rule::A26, "no code_challenge", &without_pkce).await;
    must_refuse(scan, Rule::R5, "code_challenge_method=plain", &good.with("code_challenge_method", "plain")).await;
    must_refuse(scan, Rule::R7, "state twice", &good.and("state", "another")).await;
    let resource = format!("{NOWHERE}/mcp");
    must_refuse(scan, Rule::R42, "an unknown resource", &good.with("resource", &resource)).await;
    unknown_scope(scan, good).await;
    must_accept(scan, Rule::E6, "no scope", &good.without("scope")).await;
    let scope = format!("{} offline_access", good.value("scope"));
    let added =
        good.with("scope", scope.trim()).with("prompt", "consent").with("ui_locales", "en").with("lychgate", "1");
    must_accept(scan, Rule::E7, "scope offline_access, prompt=consent, ui_locales, an unknown parameter", &added).await;
}

/// RFC 9700 §2.1: byte for byte, except for the port of a loopback URI (RFC 8252 §7.3).
async fn redirect_uris(scan: &mut Scan<'_>, client: &Client, good: &Request, registered: &Url) {
    if client.is_loopback() {
        let (scheme, host, path) = (registered.scheme(), registered.host_str().unwrap_or_default(), registered.path());
        let other_port = good.with("redirect_uri", &format!("{scheme}://{host}:49152{path}"));
        must_accept(scan, Rule::R3, "another port", &other_port).await;
    }
    for other in similar(registered, client.is_loopback()) {
        let Some(outcome) = ask(scan, &[Rule::A10], &good.with("redirect_uri", &other), 3).await else { return };
        let evidence = format!("{other}: {}", outcome.answer());
        match outcome {
            Reaction::Refused(_) => scan.report.holds(Rule::A10, evidence),
            Reaction::Broken(_) => scan.report.skipped(Rule::A10, evidence),
            Reaction::Page(_)
            | Reaction::ErrorResponse(..)
            | Reaction::Granted(_)
            | Reaction::Inside(_)
            | Reaction::Outside(..) => scan.report.violated(Rule::A10, evidence),
        }
    }
}

/// URIs that a careless comparison takes for `registered`.
fn similar(registered: &Url, loopback: bool) -> Vec<String> {
    let (scheme, host) = (registered.scheme(), registered.host_str().unwrap_or_default());
    let (path, port) = (registered.path(), registered.port().map(|port| format!(":{port}")).unwrap_or_default());
    if loopback {
        let other = if host == "localhost" { "127.0.0.1" } else { "localhost" };
        return vec![format!("{scheme}://{other}{port}{path}"), format!("{scheme}://{host}{port}{path}/other")];
    }
    vec![
        format!("{scheme}://{host}{port}{path}/"),
        format!("{scheme}://{host}{port}{path}?a=b"),
        format!("{scheme}://{host}{port}{path}#a"),
        format!("{scheme}://{host}{port}/%2e{path}"),
        format!("{scheme}://{host}:8443{path}"),
        format!("{scheme}://user@{host}{port}{path}"),
        format!("{scheme}://{host}{port}{}", path.to_ascii_uppercase()),
        format!("{scheme}://{host}.lychgate-check.invalid{port}{path}"),
    ]
}

/// Judges an error before any page was shown. A redirect to a loopback address tells the client about it. A redirect to a web
/// address makes the server an open redirector: a phisher registers a client and sends a link with the server's name
/// (OAuth 2.1 §7.12.2).
async fn early_error(scan: &mut Scan<'_>, server: &Server, client: &Client, good: &Request) {
    // Characters that a careless encoder changes.
    let state = "lychgate check+%2B/&=\"'~";
    let request = good.with("response_type", "token").with("state", state);
    let Some(outcome) = must_refuse(scan, Rule::R4, "response_type=token", &request).await else { return };
    let report = &mut scan.report;
    match outcome {
        Reaction::ErrorResponse(answer, to) => {
            if !client.is_loopback() {
                report.violated(Rule::A11, &answer);
            }
            let states = response_parameters(&to, "state");
            report.judge(Rule::R11, states == [state], format_args!("{answer}, state: {states:?}"));
            let issuers = response_parameters(&to, "iss");
            let evidence = format!("response_type=token: iss in the answer: {issuers:?}");
            match issuers.as_slice() {
                [only] if *only == server.issuer => report.holds(Rule::A6, evidence),
                // RFC 9207 §2.3: a server that advertises `iss` must send it; clients reject the response otherwise.
                [] if !server.supports("authorization_response_iss_parameter_supported") => {
                    report.warns(Rule::A6, evidence)
                }
                _ => report.fails(Rule::A6, evidence),
            }
        }
        Reaction::Refused(answer) => {
            report.holds(Rule::A11, &answer);
            report.skipped(Rule::R11, format_args!("the error is shown, not sent back: {answer}"));
        }
        Reaction::Page(_)
        | Reaction::Broken(_)
        | Reaction::Granted(_)
        | Reaction::Inside(_)
        | Reaction::Outside(..) => {}
    }
}

/// Judges what becomes of a scope that the server does not know. It may refuse the request or leave the scope out (RFC 6749
/// §3.3). A page that offers it lets a client put words of its own into the server's mouth.
async fn unknown_scope(scan: &mut Scan<'_>, good: &Request) {
    let scope = format!("{} {UNKNOWN_SCOPE}", good.value("scope"));
    let Some(outcome) = ask(scan, &[Rule::L9], &good.with("scope", scope.trim()), 3).await else { return };
    let report = &mut scan.report;
    let evidence = format!("an unknown scope: {}", outcome.answer());
    match outcome {
        Reaction::Refused(_) | Reaction::ErrorResponse(..) => report.holds(Rule::L9, evidence),
        Reaction::Page(answer) if response_error(&answer.url).is_some() => report.holds(Rule::L9, evidence),
        Reaction::Page(answer) if answer.body.contains(UNKNOWN_SCOPE) => {
            report.violated(Rule::L9, format_args!("{evidence}: the page offers it"));
        }
        Reaction::Page(answer) => match consent_page::why_unreadable(&answer.body) {
            Some(why) => report.skipped(Rule::L9, why),
            None => report.holds(Rule::L9, format_args!("{evidence}, a page without it")),
        },
        Reaction::Outside(_, to) if parameter(&to, "scope").is_some_and(|scope| scope.contains(UNKNOWN_SCOPE)) => {
            report.violated(Rule::L9, format_args!("{evidence}: the identity provider is asked for it"));
        }
        Reaction::Outside(..) => report.holds(Rule::L9, format_args!("{evidence}, without the scope")),
        Reaction::Granted(_) | Reaction::Inside(_) | Reaction::Broken(_) => report.skipped(Rule::L9, evidence),
    }
}

/// Judges whether `request`, which has one flaw, is refused, by an error page or by an error response to the client.
async fn must_refuse(scan: &mut Scan<'_>, rule: Rule, what: &str, request: &Request) -> Option<Reaction> {
    let outcome = ask(scan, &[rule], request, 3).await?;
    let evidence = format!("{what}: {}", outcome.answer());
    match &outcome {
        Reaction::Refused(_) | Reaction::ErrorResponse(..) => scan.report.holds(rule, evidence),
        Reaction::Broken(_) => scan.report.skipped(rule, evidence),
        // Some servers have an error page with status 200; its URL names the error.
        Reaction::Page(answer) if response_error(&answer.url).is_some() => scan.report.holds(rule, evidence),
        Reaction::Page(_) | Reaction::Granted(_) | Reaction::Inside(_) | Reaction::Outside(..) => {
            scan.report.violated(rule, format_args!("{evidence}: it goes on"));
        }
    }
    Some(outcome)
}

async fn must_accept(scan: &mut Scan<'_>, rule: Rule, what: &str, request: &Request) {
    let Some(outcome) = ask(scan, &[rule], request, 0).await else { return };
    let accepted = match &outcome {
        Reaction::Page(_) | Reaction::Granted(_) | Reaction::Inside(_) | Reaction::Outside(..) => true,
        Reaction::Refused(_) | Reaction::Broken(_) | Reaction::ErrorResponse(..) => false,
    };
    scan.report.judge(rule, accepted, format_args!("{what}: {}", outcome.answer()));
}
