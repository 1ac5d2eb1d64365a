//! `lychgate check` as a program: its exit codes, and what it prints of a hostile server's bytes.

#![expect(clippy::expect_used, reason = "a test that panics has failed")]

use std::process::Output;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;

/// Escape sequences of terminals with seven and eight bits, line breaks, and characters that turn the direction of text.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}1m\u{202e}\u{2066}\u{85}\u{2028}\r\nA2   holds\u{0}";

#[tokio::test]
async fn wrong_arguments_end_with_2() {
    for arguments in [
        &[][..],
        &["not a url"],
        &["ftp://as.example"],
        &["https://user@as.example"],
        &["https://as.example/#fragment"],
        &["https://as.example", "--timeout", "0"],
        &["https://as.example", "--client-id", "a"],
        &["https://as.example", "--redirect-uri", "https://app.example/cb"],
        &["https://as.example", "--register", "--client-id", "a", "--redirect-uri", "https://app.example/cb"],
        &["https://as.example", "--resource", "mcp.example"],
        &["https://as.example", "--unheard-of"],
    ] {
        let output = check(arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[tokio::test]
async fn unreachable_server_and_other_servers_end_with_3() {
    // The listener is dropped before the check: nothing listens at the port.
    let closed =
        format!("http://{}", TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("it"));
    let empty = serve(|_| StatusCode::NOT_FOUND.into_response()).await;
    let pages = serve(|_| "<!doctype html><title>A shop</title>".into_response()).await;
    let other = serve(|_| axum::Json(json!({ "title": "some other API" })).into_response()).await;
    for (issuer, outcome) in [
        (&closed, "unreachable"),
        (&empty, "not_an_authorization_server"),
        (&pages, "not_an_authorization_server"),
        (&other, "not_an_authorization_server"),
    ] {
        let output = check(&[issuer, "--json"]).await;
        assert_eq!(output.status.code(), Some(3), "{issuer} {outcome}");
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(report["outcome"], outcome);
        let table = check(&[issuer]).await;
        assert_eq!(table.status.code(), Some(3));
        assert!(table.stdout.starts_with(b"ID   RESULT"), "{table:?}");
    }
}

/// The server chooses every byte of its answers. None of them may reach the terminal as anything but visible text.
#[tokio::test]
async fn hostile_bytes_are_escaped() {
    let issuer = serve(hostile).await;
    let resource = format!("{issuer}/mcp");
    for options in [&[][..], &["-v"], &["--json"], &["--register"], &["--register", "--resource", &resource, "-v"]] {
        let output = check(&[&[issuer.as_str()], options].concat()).await;
        assert_eq!(output.status.code(), Some(1), "{options:?}");
        let shown = [output.stdout, output.stderr].concat();
        let shown = String::from_utf8(shown).expect("UTF-8");
        assert!(shown.contains("u{1b}[2J"), "the server's bytes are evidence here: {shown}");
        let mut forbidden = shown.chars().filter(|c| !matches!(c, ' '..='~' | '\n' | '§'));
        assert_eq!(forbidden.next(), None, "{options:?}: {shown}");
        assert!(!shown.lines().any(|line| line.starts_with(r"A2   holds\u{0}")), "{shown}");
    }
}

/// Metadata with hostile members, and hostile text in every body and header.
fn hostile(request: Request) -> Response {
    let host = request.headers()["host"].to_str().expect("a host").to_owned();
    let at = |path: &str| format!("http://{host}{path}");
    let path = request.uri().path().to_owned();
    let mut response = if path.starts_with("/.well-known/oauth-authorization-server") {
        axum::Json(json!({
            "issuer": HOSTILE,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "registration_endpoint": at("/register"),
            "revocation_endpoint": at(&format!("/{HOSTILE}")),
            "jwks_uri": at("/jwks.json"),
            "scopes_supported": [HOSTILE],
            HOSTILE: null,
        }))
        .into_response()
    } else if path == "/jwks.json" {
        axum::Json(json!({ "keys": [{ "kid": HOSTILE, "d": HOSTILE }] })).into_response()
    } else if path == "/register" {
        let client =
            json!({ "client_id": HOSTILE, "client_secret": HOSTILE, "redirect_uris": [HOSTILE], HOSTILE: 1.5 });
        (StatusCode::CREATED, axum::Json(client)).into_response()
    } else if path.starts_with("/.well-known/oauth-protected-resource") {
        axum::Json(json!({ "resource": HOSTILE, "authorization_servers": [HOSTILE] })).into_response()
    } else {
        (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": HOSTILE, "error_description": HOSTILE }))).into_response()
    };
    // Header values carry every byte but line breaks and NUL.
    let hostile = HeaderValue::from_bytes(b"\t\xc2\x9b1m\xe2\x80\xae\x9b\xff evil").expect("a header value");
    for name in ["www-authenticate", "content-security-policy", "referrer-policy", "set-cookie", "cache-control"] {
        response.headers_mut().insert(name, hostile.clone());
    }
    response
}

/// A server on a free port until the test ends. Returns its URL.
async fn serve(answer: fn(Request) -> Response) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new().fallback(async move |request: Request| answer(request));
    drop(tokio::spawn(async move { axum::serve(listener, router).await }));
    url
}

async fn check(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lychgate"));
    command.arg("check").args(arguments).kill_on_drop(true).output().await.expect("it runs")
}
