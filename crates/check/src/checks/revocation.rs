//! The revocation endpoint (RFC 7009): a client that a person signs out of must be able to give its tokens back.

use anyhow::Result;

use crate::client::Client;
use crate::report::or_absent;
use crate::rules::Rule;
use crate::scan::{Scan, nonce};
use crate::server::Server;

pub(super) fn check(scan: &mut Scan<'_>, server: &Server) {
    let endpoint = server.document.get("revocation_endpoint");
    scan.report.judge(Rule::R30, endpoint.is_some(), format_args!("revocation_endpoint: {}", or_absent(endpoint)));
}

/// Judges the answer about a token that does not exist: 200, because the client wanted it gone (RFC 7009 §2.2).
pub(super) async fn check_with(scan: &mut Scan<'_>, server: &Server, client: &Client) -> Result<()> {
    let Some(endpoint) = server.endpoint("revocation_endpoint") else { return Ok(()) };
    let token = nonce()?;
    let mut form = vec![("token", token.as_str()), ("client_id", client.id.as_str())];
    form.extend(client.secret.as_deref().map(|secret| ("client_secret", secret)));
    let request = scan.fetch.post(&endpoint).form(&form);
    let Some(answer) = scan.send(&[Rule::R30], request).await else { return Ok(()) };
    let error = answer.text("error").unwrap_or_default();
    scan.report.judge(Rule::R30, answer.status == 200, format_args!("an unknown token: {answer} {error}"));
    Ok(())
}
