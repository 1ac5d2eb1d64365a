//! Every reason, as OAuth JSON and as a page.

use lychgate_api::{Reason, error_metadata};

use crate::support::{header, named_refusal, refusal, running};

const FORM: &str = "grant_type=refresh_token&refresh_token=r";

/// Requirements: A22.
#[tokio::test]
async fn every_reason_is_json_and_a_page() {
    let (edge, fake) = running().await;
    // StoreUnavailable is retried until the deadline and has a test of its own.
    for reason in Reason::ALL.iter().filter(|reason| **reason != Reason::StoreUnavailable) {
        fake.refuse(refusal(*reason, &[("oauth_error", "ignored"), ("description", "A sentence")]));
        let response = edge.post_form("/token", FORM).await;
        let status = if reason.oauth_error() == "invalid_client" { 401 } else { reason.http_status() };
        assert_eq!(response.status().as_u16(), status, "{reason:?}");
        assert_eq!(header(&response, "cache-control"), "no-store", "{reason:?}");
        assert_eq!(header(&response, "retry-after").is_empty(), reason.http_status() != 503, "{reason:?}");
        let body: serde_json::Value = response.json().await.expect("JSON");
        let told = serde_json::json!({ "error": reason.oauth_error(), "error_description": "A sentence" });
        assert_eq!(body, told, "{reason:?}");

        let link = [("return_uri", "https://app.example/cb?error=x"), ("return_label", "Some App")];
        fake.refuse(refusal(*reason, &link));
        let response = edge.get("/authorize").await;
        assert_eq!(response.status().as_u16(), reason.http_status(), "{reason:?}");
        assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8", "{reason:?}");
        assert_eq!(header(&response, "location"), "", "{reason:?}: a page is never a redirect");
        let id = header(&response, "x-request-id").to_owned();
        let html = response.text().await.expect("text");
        for text in [id.as_str(), reason.as_str(), "What you can do", "Return to <bdi dir=\"ltr\">Some App</bdi>"] {
            assert!(html.contains(text), "{reason:?}: {text}");
        }
    }
}

/// The link back to the client has its whole `state`, which may be long. HTTP/2 libraries refuse such headers by default, and the
/// refusal would look like a control plane that is away.
#[tokio::test]
async fn refusal_with_the_longest_metadata_is_told() {
    let (edge, fake) = running().await;
    let uri = "https://app.example/cb?error=invalid_scope&state=";
    let state = "s".repeat(error_metadata::MAX_BYTES - uri.len() - 100);
    let link = format!("{uri}{state}");
    fake.refuse(refusal(Reason::ScopeInvalid, &[("return_uri", link.as_str()), ("return_label", "Some App")]));
    let response = edge.get("/authorize").await;
    assert_eq!(response.status().as_u16(), Reason::ScopeInvalid.http_status());
    assert!(response.text().await.expect("text").contains(&state));
    assert_eq!(fake.calls().len(), 1, "the call is not repeated");
}

#[tokio::test]
async fn unknown_reason_from_the_control_plane_fails_closed() {
    let (edge, fake) = running().await;
    let told = [("oauth_error", "access_denied"), ("description", "trust me"), ("return_uri", "https://evil.example/")];
    fake.refuse(named_refusal("FROM_THE_FUTURE", &told));
    let response = edge.post_form("/token", FORM).await;
    assert_eq!(response.status(), 500);
    let body: serde_json::Value = response.json().await.expect("JSON");
    assert_eq!(body["error"], "server_error");
    assert!(!body.to_string().contains("trust me"));
    fake.refuse(named_refusal("FROM_THE_FUTURE", &told));
    let html = edge.get("/authorize").await.text().await.expect("text");
    assert!(html.contains("Something went wrong") && !html.contains("evil.example"));
    // A call without an answer is a fault, too.
    assert_eq!(edge.get("/authorize").await.status(), 500);
}

#[tokio::test]
async fn browser_endpoint_answers_in_json_if_accept_prefers_it() {
    let (edge, fake) = running().await;
    let cases = [
        ("application/json", true),
        ("application/json, text/html;q=0.5", true),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false),
        ("*/*", false),
    ];
    for (accept, is_json) in cases {
        fake.refuse(refusal(Reason::ClientUnknown, &[("oauth_error", "invalid_client")]));
        let response = edge.send(edge.http.get(edge.url("/authorize")).header("accept", accept)).await;
        let expected = if is_json { "application/json" } else { "text/html; charset=utf-8" };
        assert_eq!(header(&response, "content-type"), expected, "{accept}");
        assert_eq!(header(&response, "vary"), "Accept, Accept-Language", "{accept}");
        assert_eq!(response.status(), 400, "{accept}");
    }
}
