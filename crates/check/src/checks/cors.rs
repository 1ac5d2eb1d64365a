//! CORS: MCP clients that run in a web page must be able to call every endpoint that programs call.

use reqwest::Method;
use url::Url;

use crate::report::or_absent;
use crate::rules::Rule;
use crate::scan::{NOWHERE, Scan};
use crate::server::Server;

/// Sends the preflight requests of a browser in which the MCP SDKs run.
pub(super) async fn check(scan: &mut Scan<'_>, server: &Server) {
    preflight(scan, Rule::R26, &server.metadata_url, &Method::GET, "mcp-protocol-version").await;
    if let Some(url) = server.endpoint("token_endpoint") {
        preflight(scan, Rule::R26, &url, &Method::POST, "authorization,content-type").await;
    }
    if let Some(url) = server.endpoint("registration_endpoint") {
        preflight(scan, Rule::R26, &url, &Method::POST, "content-type").await;
    }
}

/// Judges by `rule` whether a page of another origin may send a request with these headers. A preflight never has a token.
pub(super) async fn preflight(scan: &mut Scan<'_>, rule: Rule, url: &Url, method: &Method, headers: &str) {
    let request = scan.fetch.options(url).header("origin", NOWHERE);
    let request = request
        .header("access-control-request-method", method.as_str())
        .header("access-control-request-headers", headers);
    let Some(answer) = scan.send(&[rule], request).await else { return };
    let origin = answer.header("access-control-allow-origin");
    let origin_holds = origin.as_deref().is_some_and(|origin| origin == "*" || origin == NOWHERE);
    let allowed = answer.header("access-control-allow-headers").unwrap_or_default().to_ascii_lowercase();
    let allows = |header: &str| {
        let mut names = allowed.split(',').map(str::trim);
        // `*` never covers Authorization (Fetch §3.2.2).
        names.any(|name| name == header || (name == "*" && header != "authorization"))
    };
    // A status that is not 2xx fails the preflight (Fetch §4.8).
    let holds = (200..300).contains(&answer.status) && origin_holds && headers.split(',').all(allows);
    scan.report.judge(rule, holds, format_args!("{answer}, allows {} to send {allowed:?}", or_absent(origin)));
}
