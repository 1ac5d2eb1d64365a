//! Access tokens that the MCP server must refuse: forged ones that say everything right, and a real one for another resource.
//!
//! A server that decodes a token without verifying it lets in every caller who can write JSON.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::ping::ping;
use crate::fetch::Answer;
use crate::rules::Rule;
use crate::scan::{NamedUrl, Scan, nonce};
use crate::server::Server;

/// The life of a forged token: as long as that of a usual one.
const LIFE: Duration = Duration::from_secs(300);

/// An access token that the issuer gave a client for another resource.
#[derive(Debug, Clone)]
pub(crate) struct ForeignToken(String);

impl ForeignToken {
    /// Reads the file of the command line.
    pub(crate) fn read(path: &str) -> Result<Self, String> {
        let text = fs::read_to_string(Path::new(path)).map_err(|error| format!("{path} cannot be read: {error}"))?;
        let token = text.trim();
        let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if is_token { Ok(Self(token.to_owned())) } else { Err(format!("{path} holds no access token")) }
    }

    /// Why an answer to this token says nothing about the audience. An opaque token cannot be judged here.
    fn unfit(&self, resource: &NamedUrl, now: u64) -> Option<&'static str> {
        let claims = claims(&self.0)?;
        let audiences = match &claims["aud"] {
            Value::Array(several) => several.as_slice(),
            one => std::slice::from_ref(one),
        };
        if audiences.iter().any(|audience| audience == &resource.text) {
            return Some("the token of --foreign-token-file is for this resource");
        }
        (claims["exp"].as_u64()? <= now).then_some("the token of --foreign-token-file has expired")
    }
}

/// Judges the answers of an MCP server that demands a token.
pub(super) async fn check(
    scan: &mut Scan<'_>,
    server: &Server,
    resource: &NamedUrl,
    foreign: Option<&ForeignToken>,
) -> anyhow::Result<()> {
    let now = now();
    // Libraries that compare `alg` with "none" byte for byte let the other spelling pass (RFC 8725 §3.1).
    for algorithm in ["none", "nOnE", "ES256"] {
        let token = forged(server, resource, algorithm, now)?;
        present(scan, Rule::L11, resource, (&format!("alg {algorithm}"), &token)).await;
    }
    match foreign.map(|token| (token, token.unfit(resource, now))) {
        Some((_, Some(why))) => scan.report.skipped(Rule::L12, why),
        Some((token, None)) => present(scan, Rule::L12, resource, ("a token for another resource", &token.0)).await,
        None => {}
    }
    Ok(())
}

/// Sends a token that must be refused as RFC 6750 §3.1 says. Any answer but 401 is one to a caller who was let in: a server
/// without a session may answer a ping with 400.
async fn present(scan: &mut Scan<'_>, rule: Rule, resource: &NamedUrl, (what, token): (&str, &str)) {
    let request = ping(scan, &resource.url).bearer_auth(token);
    if let Some(answer) = scan.send(&[rule], request).await {
        scan.report.judge(rule, is_refused(&answer), format_args!("{what}: {answer}"));
    }
}

fn is_refused(answer: &Answer) -> bool {
    answer.status == 401
}

/// A token with the claims of a real one, and an empty or invented signature.
fn forged(server: &Server, resource: &NamedUrl, algorithm: &str, now: u64) -> anyhow::Result<String> {
    let subject = format!("lychgate-check-{}", nonce()?);
    let header = json!({ "alg": algorithm, "typ": "at+jwt" });
    let claims = json!({
        "iss": server.issuer, "aud": resource.text, "sub": subject, "client_id": subject, "jti": subject,
        "scope": server.first_scope(), "iat": now, "exp": now + LIFE.as_secs(),
    });
    let signature = if algorithm.eq_ignore_ascii_case("none") { "" } else { &encoded(&[7; 64]) };
    Ok([&encoded(header.to_string().as_bytes()), &encoded(claims.to_string().as_bytes()), signature].join("."))
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The claims of a JWT, unverified.
fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

#[expect(clippy::disallowed_methods, reason = "no verdict depends on the time")]
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &Value) -> ForeignToken {
        ForeignToken(format!("e30.{}.c2ln", encoded(claims.to_string().as_bytes())))
    }

    #[test]
    fn only_a_live_token_of_another_audience_tells_something() {
        let resource = NamedUrl::parse("https://mcp.example/mcp").unwrap();
        let unfit = |claims: Value| token(&claims).unfit(&resource, 10);
        let other = "https://other.example";
        assert_eq!(unfit(json!({ "aud": other, "exp": 11 })), None);
        assert_eq!(unfit(json!({ "aud": [other], "exp": 11 })), None);
        assert!(unfit(json!({ "aud": other, "exp": 10 })).unwrap().contains("expired"));
        for aud in [json!("https://mcp.example/mcp"), json!([other, "https://mcp.example/mcp"])] {
            assert!(unfit(json!({ "aud": aud, "exp": 11 })).unwrap().contains("for this resource"));
        }
        assert_eq!(ForeignToken("opaque".to_owned()).unfit(&resource, 10), None);
    }
}
