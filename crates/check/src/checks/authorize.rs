//! The authorization endpoint's treatment of requests from unknown clients.

use anyhow::Result;
use url::Url;

use crate::authorization::{Reaction, Request, ask};
use crate::report::or_absent;
use crate::rules::Rule;
use crate::scan::{NOWHERE, Scan, nonce};
use crate::server::Server;

pub(super) async fn check(scan: &mut Scan<'_>, server: &Server) -> Result<()> {
    let Some(endpoint) = server.endpoint("authorization_endpoint") else { return Ok(()) };
    let redirect_uri = format!("{NOWHERE}/callback");
    let unknown = Request::new(endpoint.clone(), &format!("lychgate-check-{}", nonce()?), &redirect_uri)?;
    unknown_client(scan, "an unknown client", &unknown).await;
    unknown_client(scan, "no parameter at all", &Request::without_parameters(endpoint.clone())).await;
    markup(scan, &unknown).await?;
    other_origins(scan, &endpoint).await;
    Ok(())
}

/// RFC 6749 §4.1.2.1: the redirect URI of an unknown client is not verified, so a redirect there is an open redirect.
async fn unknown_client(scan: &mut Scan<'_>, what: &str, request: &Request) {
    let Some(outcome) = ask(scan, &[Rule::R1, Rule::B35], request, 0).await else { return };
    let report = &mut scan.report;
    let evidence = format!("{what}: {}", outcome.answer());
    match outcome {
        Reaction::Refused(_) => {
            report.holds(Rule::R1, &evidence);
            report.holds(Rule::B35, &evidence);
        }
        Reaction::ErrorResponse(..) | Reaction::Granted(_) | Reaction::Outside(..) => {
            report.violated(Rule::R1, evidence)
        }
        Reaction::Page(_) | Reaction::Inside(_) => {
            report.holds(Rule::R1, format_args!("{evidence}, no redirect to the client"));
            report.violated(Rule::B35, evidence);
        }
        Reaction::Broken(_) => report.skipped(Rule::B35, evidence),
    }
}

/// Error pages like to name the client id, and an attacker chooses it.
async fn markup(scan: &mut Scan<'_>, unknown: &Request) -> Result<()> {
    let marked = format!("{}<3\"", nonce()?);
    let Some(outcome) = ask(scan, &[Rule::L2], &unknown.with("client_id", &marked), 0).await else { return Ok(()) };
    let answer = outcome.answer();
    let escaped = !answer.is_html() || !answer.body.contains(&marked);
    scan.report.judge(Rule::L2, escaped, format_args!("{answer}, asked with `<` and `\"` in client_id"));
    Ok(())
}

/// A script of another site that can read a page can take a form token from it.
async fn other_origins(scan: &mut Scan<'_>, endpoint: &Url) {
    let preflight = scan.fetch.options(endpoint).header("access-control-request-method", "GET");
    for request in [preflight, scan.fetch.get(endpoint)] {
        let Some(answer) = scan.send(&[Rule::R8], request.header("origin", NOWHERE)).await else { return };
        let allowed = answer.header("access-control-allow-origin");
        scan.report.judge(
            Rule::R8,
            allowed.is_none(),
            format_args!("{answer}, Access-Control-Allow-Origin: {}", or_absent(allowed.as_ref())),
        );
    }
}
