//! The token endpoint's answers to requests that it must refuse. No check sends a code or token that could be valid.

use anyhow::Result;
use reqwest::RequestBuilder;
use serde_json::json;
use url::Url;

use crate::client::Client;
use crate::fetch::Answer;
use crate::report::or_absent;
use crate::rules::Rule;
use crate::scan::{Scan, nonce};
use crate::server::Server;

pub(super) async fn check(scan: &mut Scan<'_>, server: &Server) -> Result<()> {
    let Some(endpoint) = server.endpoint("token_endpoint") else { return Ok(()) };
    forms_by_post(scan, &endpoint).await;
    errors_for_programs(scan, &endpoint).await?;
    unknown_grant(scan, &endpoint).await?;
    unknown_client(scan, &endpoint).await
}

/// Judges the answers to a client that the server knows.
pub(super) async fn check_with(scan: &mut Scan<'_>, server: &Server, client: &Client) {
    let Some(endpoint) = server.endpoint("token_endpoint") else { return };
    let mut known = vec![("client_id", client.id.as_str())];
    known.extend(client.secret.as_deref().map(|secret| ("client_secret", secret)));
    let with = |more: &[(&'static str, &'static str)]| [known.as_slice(), more].concat();

    let password = with(&[("grant_type", "password"), ("username", "a"), ("password", "b")]);
    let request = scan.fetch.post(&endpoint).form(&password);
    if let Some((answer, error)) = refused(scan, Rule::R4, request).await {
        let holds = ["unsupported_grant_type", "unauthorized_client"].contains(&error.as_str());
        scan.report.judge(Rule::R4, holds, format_args!("grant_type=password: {answer} {error}"));
    }
    let repeated = with(&[("grant_type", "authorization_code"), ("code", "a"), ("code", "b"), ("code_verifier", "c")]);
    let request = scan.fetch.post(&endpoint).form(&repeated);
    if let Some((answer, error)) = refused(scan, Rule::R7, request).await {
        scan.report.judge(Rule::R7, error == "invalid_request", format_args!("code twice: {answer} {error}"));
    }
    if let Some(secret) = &client.secret {
        let form = with(&[("grant_type", "authorization_code"), ("code", "a"), ("code_verifier", "b")]);
        let request = scan.fetch.post(&endpoint).basic_auth(&client.id, Some(secret)).form(&form);
        if let Some((answer, error)) = refused(scan, Rule::R13, request).await {
            // RFC 6749 §2.3: any other error means that the server picked one of the two and went on.
            let holds = ["invalid_request", "invalid_client"].contains(&error.as_str());
            scan.report.judge(Rule::R13, holds, format_args!("the secret by header and form: {answer} {error}"));
            does_not_repeat(scan, &answer, secret);
        }
    }
}

async fn forms_by_post(scan: &mut Scan<'_>, endpoint: &Url) {
    let get = scan.fetch.get(endpoint);
    if let Some(answer) = scan.send(&[Rule::R12], get).await {
        scan.report.judge(Rule::R12, answer.is_refusal(), &answer);
    }
    let body = json!({ "grant_type": "authorization_code", "code": "a", "client_id": "lychgate-check" });
    let request = scan.fetch.post(endpoint).json(&body);
    let Some(answer) = scan.send(&[Rule::R12], request).await else { return };
    no_page(scan, "a JSON body", &answer);
    let error = answer.text("error").unwrap_or_default();
    let evidence = format!("a JSON body: {answer} {error}");
    match error.as_str() {
        _ if answer.status >= 500 => scan.report.violated(Rule::A22, evidence),
        // The server read the JSON as a form. This is harmless, but no client can rely on it.
        "invalid_client" | "invalid_grant" | "unsupported_grant_type" => scan.report.warns(Rule::R12, evidence),
        _ => scan.report.judge(Rule::R12, answer.is_refusal(), evidence),
    }
}

/// Judges that errors are JSON also for requests that a framework refuses before the endpoint sees them, and for an `Accept`
/// header of a browser: a client that gets a page cannot tell what is wrong.
async fn errors_for_programs(scan: &mut Scan<'_>, endpoint: &Url) -> Result<()> {
    let id = format!("lychgate-check-{}", nonce()?);
    let form = [("grant_type", "authorization_code"), ("code", "a"), ("code_verifier", "b"), ("client_id", &id)];
    let as_browser = scan.fetch.post(endpoint).header("accept", "text/html,*/*;q=0.1").form(&form);
    let _judged = refused(scan, Rule::A22, as_browser).await;
    let type_of_form = "application/x-www-form-urlencoded";
    let bodies = [
        ("no body", None, ""),
        ("a form that is not UTF-8", Some(type_of_form), "grant_type=%ff%fe&client_id=%"),
        ("another content type", Some("text/plain"), "grant_type=authorization_code"),
    ];
    for (what, content_type, body) in bodies {
        let request = scan.fetch.post(endpoint).body(body);
        let request = match content_type {
            Some(content_type) => request.header("content-type", content_type),
            None => request,
        };
        let Some(answer) = scan.send(&[Rule::A22], request).await else { return Ok(()) };
        no_page(scan, what, &answer);
    }
    Ok(())
}

fn no_page(scan: &mut Scan<'_>, what: &str, answer: &Answer) {
    let evidence = format!("{what}: {answer} {:?}", answer.media_type());
    if answer.is_html() || answer.status >= 500 {
        scan.report.violated(Rule::A22, format_args!("{evidence}, which a client cannot read"));
    } else if answer.text("error").is_none() {
        scan.report.warns(Rule::A22, format_args!("{evidence}, which names no error"));
    } else {
        scan.report.holds(Rule::A22, evidence);
    }
}

async fn unknown_grant(scan: &mut Scan<'_>, endpoint: &Url) -> Result<()> {
    let form = [("grant_type", "urn:lychgate:check"), ("client_id", &format!("lychgate-check-{}", nonce()?))];
    let request = scan.fetch.post(endpoint).form(&form);
    let Some((answer, error)) = refused(scan, Rule::R4, request).await else { return Ok(()) };
    // The request has two flaws; the server may notice either first.
    let holds = ["unsupported_grant_type", "invalid_client", "unauthorized_client"].contains(&error.as_str());
    scan.report.judge(Rule::R4, holds, format_args!("an unknown grant type: {answer} {error}"));
    Ok(())
}

/// A deleted client learns from this answer that it must register again.
async fn unknown_client(scan: &mut Scan<'_>, endpoint: &Url) -> Result<()> {
    let (id, code, secret) = (format!("lychgate-check-{}", nonce()?), nonce()?, nonce()?);
    let form = [("grant_type", "authorization_code"), ("code", &code), ("code_verifier", &secret.repeat(4))];
    let public = scan.fetch.post(endpoint).form(&[form.as_slice(), &[("client_id", &id)]].concat());
    if let Some((answer, error)) = refused(scan, Rule::R13, public).await {
        let evidence = format!("an unknown client: {answer} {error}");
        if error == "invalid_client" && answer.status != 401 {
            scan.report.warns(Rule::R13, format_args!("{evidence}; clients register again at 401"));
        } else {
            scan.report.judge(Rule::R13, error == "invalid_client", evidence);
        }
        does_not_repeat(scan, &answer, &code);
    }
    let basic = scan.fetch.post(endpoint).basic_auth(&id, Some(&secret)).form(&form);
    if let Some((answer, error)) = refused(scan, Rule::R13, basic).await {
        let challenge = answer.header("www-authenticate");
        let holds = error == "invalid_client" && answer.status == 401 && challenge.is_some();
        let evidence =
            format!("an unknown client by Basic: {answer} {error}, WWW-Authenticate: {}", or_absent(challenge));
        scan.report.judge(Rule::R13, holds, evidence);
        does_not_repeat(scan, &answer, &secret);
    }
    Ok(())
}

/// The answer and its error code. None without an answer, and for an answer that is no OAuth error, which violates A22.
async fn refused(scan: &mut Scan<'_>, rule: Rule, request: RequestBuilder) -> Option<(Answer, String)> {
    let answer = scan.send(&[rule], request).await?;
    let report = &mut scan.report;
    if !answer.forbids_storing() {
        report.warns(Rule::R16, format_args!("{answer}, without Cache-Control: no-store"));
    }
    let error = answer.text("error").filter(|error| !error.is_empty() && printable(error));
    let described = answer.text("error_description").is_none_or(|text| printable(&text));
    let right = [400, 401, 429].contains(&answer.status) && answer.media_type() == "application/json" && described;
    match error {
        Some(error) if right => {
            report.holds(Rule::A22, format_args!("{answer} {error}"));
            Some((answer, error))
        }
        _ => {
            let evidence = format!("{answer} {:?}, which is no OAuth error: {}", answer.media_type(), answer.body);
            report.violated(Rule::A22, evidence);
            None
        }
    }
}

/// RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E.
fn printable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
}

/// Judges that `answer` does not repeat `secret`: errors end up in clients' logs and on pages.
fn does_not_repeat(scan: &mut Scan<'_>, answer: &Answer, secret: &str) {
    let repeated = answer.body.contains(secret);
    let in_headers = answer.headers.values().any(|value| String::from_utf8_lossy(value.as_bytes()).contains(secret));
    scan.report.judge(Rule::A15, !repeated && !in_headers, format_args!("{answer}, asked with a secret"));
}
