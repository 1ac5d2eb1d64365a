//! Where programs call, programs in web pages must be able to call, too (CORS).

use reqwest::Method;
use url::Url;

use crate::metadata::Server;
use crate::report::said;
use crate::rules::Rule;
use crate::{NOWHERE, Scan};

/// Asks as a browser asks before it sends what the SDKs send.
pub(crate) async fn check(scan: &mut Scan<'_>, server: &Server) {
    preflight(scan, &server.at, &Method::GET, "mcp-protocol-version").await;
    if let Some(url) = server.endpoint("token_endpoint") {
        preflight(scan, &url, &Method::POST, "authorization,content-type").await;
    }
    if let Some(url) = server.endpoint("registration_endpoint") {
        preflight(scan, &url, &Method::POST, "content-type").await;
    }
}

async fn preflight(scan: &mut Scan<'_>, url: &Url, method: &Method, headers: &str) {
    let request = scan.fetch.options(url).header("origin", NOWHERE);
    let request = request
        .header("access-control-request-method", method.as_str())
        .header("access-control-request-headers", headers);
    let Some(answer) = scan.send(&[Rule::R26], request).await else { return };
    let origin = answer.header("access-control-allow-origin");
    let origin_holds = origin.as_deref().is_some_and(|origin| origin == "*" || origin == NOWHERE);
    let allowed = answer.header("access-control-allow-headers").unwrap_or_default().to_ascii_lowercase();
    let allows = |header: &str| {
        let mut names = allowed.split(',').map(str::trim);
        // `*` never covers Authorization (Fetch §3.2.2).
        names.any(|name| name == header || (name == "*" && header != "authorization"))
    };
    let holds = origin_holds && headers.split(',').all(allows);
    scan.report.judge(Rule::R26, holds, format_args!("{answer}, allows {} to send {allowed:?}", said(origin)));
}
