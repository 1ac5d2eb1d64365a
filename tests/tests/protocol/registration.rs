//! `/register`: open to all; a registration grants nothing.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use e2e::flow::{Gate, LOOPBACK, Stage, WEB};
use e2e::http::{Jar, Page};
use serde_json::{Value, json};

use crate::{assert_error, assert_no_null_or_fraction};

/// Requirements: A8, R16, R31.
#[tokio::test]
async fn the_answer_says_everything_that_was_registered() -> Result<()> {
    let stage = Stage::start("").await?;
    let asked = json!({
        "redirect_uris": [LOOPBACK, WEB],
        "client_name": "An app",
        "client_uri": "https://app.example/",
        "logo_uri": "https://app.example/logo.png",
        "tos_uri": "https://app.example/tos",
        "policy_uri": "https://app.example/policy",
        "contacts": ["ops@app.example"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "scope": "notes:read notes:write",
        "application_type": "native",
        "software_id": "4NRB1-0XZABZI9E6-5SM3R",
        "software_version": "2.2",
    });
    let page = stage.gate.register(&asked).await?;
    assert_eq!((page.status, page.header("content-type")), (201, Some("application/json")), "{}", page.summary());
    assert_eq!((page.header("cache-control"), page.header("pragma")), (Some("no-store"), Some("no-cache")));
    let registered = page.json()?;
    assert_no_null_or_fraction(&registered);
    for (name, value) in asked.as_object().context("an object")? {
        assert_eq!(registered[name], *value, "{name}");
    }
    assert!(registered["client_id"].as_str().is_some_and(|id| !id.is_empty()));
    assert!(registered["client_id_issued_at"].is_i64());
    assert_no_secret(&registered);
    stage.stop().await
}

/// A client that asks for a secret gets one; one that asks for an unsupported method becomes a public client, and
/// the response says so.
///
/// Requirements: R31, R34.
#[tokio::test]
async fn a_client_that_asks_for_a_secret_gets_one() -> Result<()> {
    let stage = Stage::start("").await?;
    for method in ["none", "tls_client_auth", "something_new"] {
        let registered = registered(&stage.gate, json!({ "token_endpoint_auth_method": method })).await?;
        assert_eq!(registered["token_endpoint_auth_method"], "none", "{method}");
        assert_no_secret(&registered);
    }
    let mut secrets = BTreeSet::new();
    for method in ["client_secret_post", "client_secret_basic"] {
        let registered = registered(&stage.gate, json!({ "token_endpoint_auth_method": method })).await?;
        assert_eq!(registered["token_endpoint_auth_method"], method);
        assert_eq!(registered["client_secret_expires_at"], json!(0), "RFC 7591 §3.2.1: it does not expire");
        assert!(secrets.insert(registered["client_secret"].as_str().context("a secret")?.to_owned()));
    }
    let unsaid = registered(&stage.gate, json!({})).await?;
    assert_eq!(unsaid["token_endpoint_auth_method"], "none");
    assert_eq!(unsaid["grant_types"], json!(["authorization_code"]), "RFC 7591 §2: the default");
    assert_eq!(unsaid["response_types"], json!(["code"]));
    stage.stop().await
}

/// Requirements: R31.
#[tokio::test]
async fn unknown_members_and_nulls_are_passed_over() -> Result<()> {
    let stage = Stage::start("").await?;
    let registered = registered(
        &stage.gate,
        json!({
            "client_name": null,
            "contacts": null,
            "scope": null,
            "software_statement": "ignored",
            "dpop_bound_access_tokens": false,
            "x_unheard_of": { "deep": [1.5, null] },
            "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        }),
    )
    .await?;
    assert_no_null_or_fraction(&registered);
    for absent in ["client_name", "contacts", "scope", "software_statement", "x_unheard_of"] {
        assert!(registered.get(absent).is_none(), "{absent}");
    }
    assert_eq!(registered["grant_types"], json!(["authorization_code", "refresh_token"]));
    stage.stop().await
}

/// Requirements: A24.
#[tokio::test]
async fn application_type_is_a_hint_and_never_a_reason() -> Result<()> {
    let stage = Stage::start("").await?;
    for kind in ["native", "web"] {
        for uri in [LOOPBACK, WEB, "cursor://anysphere.cursor-mcp/oauth/callback", "http://localhost:8787/callback"] {
            let asked = json!({ "application_type": kind, "redirect_uris": [uri] });
            let registered = registered(&stage.gate, asked).await?;
            assert_eq!((&registered["application_type"], &registered["redirect_uris"]), (&json!(kind), &json!([uri])));
        }
    }
    stage.stop().await
}

/// Requirements: A10, A14, R32.
#[tokio::test]
async fn a_redirect_uri_that_could_harm_is_refused() -> Result<()> {
    let stage = Stage::start("").await?;
    let own = stage.gate.url("/callback/demo");
    let long = format!("https://app.example/{}", "x".repeat(3000));
    for uri in [
        "",
        "/relative",
        "app.example/cb",
        "http://app.example/cb",
        "http://127.0.0.2/cb",
        "http://0.0.0.0/cb",
        "http://localhost.attacker.example/cb",
        "https://app.example/cb#fragment",
        "https://user@app.example/cb",
        "https://app.example/a/../cb",
        "https://app.example/%2E%2e/cb",
        "https://*.example/cb",
        "https://app.example\\@attacker.example/cb",
        "https://app.example/cb?code=x",
        "https://app.example/cb?iss=x",
        "https://app.ex\u{e4}mple/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "vbscript:x",
        "blob:https://app.example/x",
        "mailto:a@app.example",
        "about:blank",
        "httpx://a/b",
        "unlisted-scheme://callback",
        &own,
        &long,
    ] {
        // One harmful URI refuses the whole registration; an unlisted private scheme does not.
        for uris in [vec![uri], vec![WEB, uri]] {
            if uris.len() == 2 && uri.starts_with("unlisted") {
                continue;
            }
            let page = stage.gate.register(&json!({ "redirect_uris": uris })).await?;
            assert_eq!(page.error(), "invalid_redirect_uri", "{uris:?}: {}", page.summary());
            assert_error(&page, 400, "invalid_redirect_uri");
        }
    }
    for none in [json!({}), json!({ "redirect_uris": [] }), json!({ "redirect_uris": null })] {
        assert_error(&stage.gate.register(&none).await?, 400, "invalid_redirect_uri");
    }
    stage.stop().await
}

/// Requirements: R32, R33.
#[tokio::test]
async fn metadata_that_cannot_work_is_refused_as_json() -> Result<()> {
    let stage = Stage::start("").await?;
    for (what, metadata) in [
        ("an implicit client", json!({ "response_types": ["token"] })),
        ("no code", json!({ "grant_types": ["client_credentials"] })),
        ("only refreshing", json!({ "grant_types": ["refresh_token"] })),
        ("both key members", json!({ "jwks": { "keys": [] }, "jwks_uri": "https://app.example/jwks" })),
        ("a script as logo", json!({ "logo_uri": "javascript:alert(1)" })),
        ("a number as name", json!({ "client_name": 5 })),
        ("a word as list", json!({ "grant_types": "authorization_code" })),
        ("numbers in a list", json!({ "contacts": [5] })),
        ("a list as scope", json!({ "scope": ["notes:read"] })),
    ] {
        let mut asked = json!({ "redirect_uris": [WEB] });
        merge(&mut asked, metadata);
        let page = stage.gate.register(&asked).await?;
        assert_eq!(page.error(), "invalid_client_metadata", "{what}: {}", page.summary());
        assert_error(&page, 400, "invalid_client_metadata");
    }
    let gate = &stage.gate;
    let post = || gate.http().post(gate.url("/register"));
    for (what, request) in [
        ("no JSON", post().header("content-type", "application/json").body("{")),
        ("a list", post().json(&json!([]))),
        ("no content type", post().body(r#"{"redirect_uris":["https://app.example/cb"]}"#)),
        ("a form", post().form(&[("redirect_uris", WEB)])),
        ("text", post().header("content-type", "text/plain").body(r#"{"redirect_uris":["https://app.example/cb"]}"#)),
        ("too large", post().json(&json!({ "redirect_uris": [WEB], "x": "x".repeat(64 * 1024) }))),
    ] {
        let page = Page::of(request.header("accept", "text/html")).await?;
        assert_eq!(page.error(), "invalid_client_metadata", "{what}: {}", page.summary());
        assert_error(&page, 400, "invalid_client_metadata");
    }
    let page = gate.get("/register").await?;
    assert_eq!((page.status, page.header("allow")), (405, Some("POST")));
    stage.stop().await
}

/// Requirements: R31, R35.
#[tokio::test]
async fn a_registration_is_bounded_in_size() -> Result<()> {
    let stage = Stage::start("").await?;
    let many: Vec<_> = (0..21).map(|n| format!("https://app.example/{n}")).collect();
    let page = stage.gate.register(&json!({ "redirect_uris": many })).await?;
    assert_error(&page, 400, "invalid_redirect_uri");
    let twenty = registered(&stage.gate, json!({ "redirect_uris": many[..20] })).await?;
    assert_eq!(twenty["redirect_uris"].as_array().map(Vec::len), Some(20));
    let twice = registered(&stage.gate, json!({ "redirect_uris": [WEB, WEB] })).await?;
    assert_eq!(twice["redirect_uris"], json!([WEB]));
    let name = "x".repeat(5000);
    let long = registered(&stage.gate, json!({ "client_name": name })).await?;
    assert!(long["client_name"].as_str().is_some_and(|name| name.chars().count() <= 128));
    for list in ["contacts", "grant_types", "response_types"] {
        let page = stage.gate.register(&json!({ "redirect_uris": [WEB], list: vec!["x"; 21] })).await?;
        assert_error(&page, 400, "invalid_client_metadata");
    }
    stage.stop().await
}

/// Requirements: D13, R24, R35.
#[tokio::test]
async fn each_registration_is_a_new_client_with_a_generated_id() -> Result<()> {
    let stage = Stage::start("").await?;
    let mut ids = BTreeSet::new();
    let asked = json!({ "client_id": "chosen", "client_secret": "chosen", "client_name": "An app" });
    for _ in 0..8 {
        let registered = registered(&stage.gate, asked.clone()).await?;
        let id = registered["client_id"].as_str().context("client_id")?.to_owned();
        assert_ne!(id, "chosen");
        assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{id}");
        assert_no_secret(&registered);
        assert!(ids.insert(id), "an id was given twice");
    }
    // No client id looks like a subject: subjects begin with the upstream's id and a bar.
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let claims = app.tokens().await?.claims()?;
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!("idp|ada"), &json!(app.client_id)));
    stage.stop().await
}

/// Requirements: B34.
#[tokio::test]
async fn the_upstream_client_id_and_secret_are_not_disclosed() -> Result<()> {
    let stage = Stage::start("").await?;
    let (id, secret) = stage.upstream.client();
    let registration = stage.gate.register(&json!({ "redirect_uris": [LOOPBACK] })).await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let consent = app.request().open(&mut jar).await?;
    let metadata = stage.gate.get("/.well-known/oauth-authorization-server").await?;
    for body in [&registration.body, &consent.page.body, &metadata.body] {
        assert!(!body.contains(id) && !body.contains(secret), "{body}");
    }
    // The browser carries the upstream client id, as for any client; the secret travels between servers only.
    let sent = consent.approve(&mut jar).await?;
    assert!(!sent.page.location()?.as_str().contains(secret));
    stage.stop().await
}

/// Registers `metadata` with a redirect URI.
async fn registered(gate: &Gate, metadata: Value) -> Result<Value> {
    let mut asked = json!({ "redirect_uris": [WEB] });
    merge(&mut asked, metadata);
    let page = gate.register(&asked).await?;
    assert_eq!(page.status, 201, "{asked}: {}", page.summary());
    page.json()
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

fn assert_no_secret(registered: &Value) {
    for name in ["client_secret", "client_secret_expires_at"] {
        assert!(registered.get(name).is_none(), "{name}");
    }
}
