//! Authorization server metadata and keys.

use anyhow::{Context, Result};
use e2e::flow::{LOOPBACK, Stage};
use e2e::http::Page;
use reqwest::Method;
use serde_json::Value;

use crate::assert_no_null_or_fraction;

const SERVER: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

/// Requirements: A2, A3, A4, A5, A6, A7, R41.
#[tokio::test]
async fn the_metadata_is_the_same_under_both_names() -> Result<()> {
    let stage = Stage::start("").await?;
    let gate = &stage.gate;
    let (server, openid) = (gate.get(SERVER).await?, gate.get(OPENID).await?);
    assert_eq!(server.body, openid.body);
    for page in [&server, &openid] {
        assert_eq!((page.status, page.header("content-type")), (200, Some("application/json")));
    }
    let document = server.json()?;
    assert_no_null_or_fraction(&document);
    let empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    assert!(!document.as_object().context("an object")?.values().any(empty), "{document}");
    let issuer = gate.issuer();
    assert_eq!(document["issuer"], issuer, "a4: byte for byte");
    for (name, path) in [
        ("authorization_endpoint", "/authorize"),
        ("token_endpoint", "/token"),
        ("registration_endpoint", "/register"),
        ("revocation_endpoint", "/revoke"),
        ("introspection_endpoint", "/introspect"),
        ("jwks_uri", "/jwks.json"),
    ] {
        assert_eq!(document[name], gate.url(path), "{name}");
    }
    assert_eq!(document["client_id_metadata_document_supported"], true, "A7");
    let methods = vec!["none", "client_secret_basic", "client_secret_post", "private_key_jwt"];
    for (name, values) in [
        ("response_types_supported", vec!["code"]),
        ("response_modes_supported", vec!["query"]),
        ("grant_types_supported", vec!["authorization_code", "refresh_token"]),
        ("token_endpoint_auth_methods_supported", methods.clone()),
        ("revocation_endpoint_auth_methods_supported", methods),
        ("introspection_endpoint_auth_methods_supported", vec!["client_secret_basic", "client_secret_post", "Bearer"]),
        ("token_endpoint_auth_signing_alg_values_supported", vec!["RS256", "PS256", "ES256", "EdDSA"]),
        ("code_challenge_methods_supported", vec!["S256"]),
        ("scopes_supported", vec!["notes:read", "notes:write"]),
        ("subject_types_supported", vec!["public"]),
    ] {
        assert_eq!(document[name], Value::from(values), "{name}");
    }
    assert!(document["id_token_signing_alg_values_supported"].is_array(), "an SDK's schema demands it");
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    stage.stop().await
}

/// SDKs try the next well-known form after a 404, give up on a 5xx, and follow no redirect.
///
/// Requirements: A3.
#[tokio::test]
async fn what_is_not_published_is_not_found() -> Result<()> {
    let stage = Stage::start("").await?;
    for path in [
        "/.well-known/oauth-authorization-server/t",
        "/.well-known/openid-configuration/t",
        "/t/.well-known/openid-configuration",
        "/.well-known/oauth-protected-resource/other",
        "/.well-known/security.txt",
        "/nothing",
    ] {
        let page = stage.gate.get(path).await?;
        assert_eq!(page.status, 404, "{path}");
        assert!(!page.redirects(), "{path}");
    }
    stage.stop().await
}

/// A client that finds no metadata uses exactly these paths (2025-03-26 §2.3.3).
///
/// Requirements: A25.
#[tokio::test]
async fn the_default_paths_work() -> Result<()> {
    let stage = Stage::start("").await?;
    // `Flow` uses these paths.
    stage.gate.app(&[LOOPBACK]).await?.tokens().await?;
    stage.stop().await
}

/// Requirements: R44.
#[tokio::test]
async fn the_keys_are_public_and_say_what_they_are_for() -> Result<()> {
    let stage = Stage::start("").await?;
    let page = stage.gate.get("/jwks.json").await?;
    assert_eq!((page.status, page.header("content-type")), (200, Some("application/json")));
    let json = page.json()?;
    let keys = json["keys"].as_array().context("keys")?;
    assert!(!keys.is_empty());
    for key in keys {
        assert_eq!(
            (&key["kty"], &key["crv"], &key["alg"], &key["use"]),
            (&"EC".into(), &"P-256".into(), &"ES256".into(), &"sig".into())
        );
        assert!(key["kid"].is_string() && key.get("d").is_none());
    }
    stage.stop().await
}

/// Requirements: R26.
#[tokio::test]
async fn web_pages_may_call_the_endpoints_for_programs() -> Result<()> {
    let stage = Stage::start("").await?;
    let gate = &stage.gate;
    for (path, method) in [
        (SERVER, "GET"),
        (OPENID, "GET"),
        ("/.well-known/oauth-protected-resource/mcp", "GET"),
        ("/jwks.json", "GET"),
        ("/token", "POST"),
        ("/revoke", "POST"),
        ("/introspect", "POST"),
        ("/register", "POST"),
        ("/register/client-1", "GET"),
        ("/register/client-1", "PUT"),
        ("/register/client-1", "DELETE"),
    ] {
        let preflight = gate
            .http()
            .request(Method::OPTIONS, gate.url(path))
            .header("origin", "https://inspector.example")
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "mcp-protocol-version,content-type,authorization,dpop");
        let page = Page::of(preflight).await?;
        assert!((200..300).contains(&page.status), "{path}: {}", page.summary());
        assert_eq!(page.header("access-control-allow-origin"), Some("*"), "{path}");
        assert_eq!(page.header("access-control-allow-credentials"), None, "{path}");
        let allowed = page.header("access-control-allow-headers").unwrap_or_default().to_ascii_lowercase();
        for header in ["mcp-protocol-version", "content-type", "authorization", "dpop"] {
            assert!(allowed.split(',').any(|name| name.trim() == header), "{path}: {allowed}");
        }
        let methods = page.header("access-control-allow-methods").unwrap_or_default();
        assert!(methods.split(',').any(|name| name.trim() == method), "{path}: {methods}");
    }
    // Errors have the header too, so that a page can read them.
    let request = gate.http().post(gate.url("/token")).header("origin", "https://inspector.example");
    let page = Page::of(request.form(&[("grant_type", "refresh_token")])).await?;
    assert_eq!(page.header("access-control-allow-origin"), Some("*"));
    let exposed = page.header("access-control-expose-headers").unwrap_or_default().to_ascii_lowercase();
    assert!(exposed.contains("www-authenticate") && exposed.contains("dpop-nonce"), "{exposed}");
    stage.stop().await
}

/// Pages for people are not readable across origins.
///
/// Requirements: R8.
#[tokio::test]
async fn no_other_origin_reads_a_persons_pages() -> Result<()> {
    let stage = Stage::start("").await?;
    let gate = &stage.gate;
    let request = gate.app(&[LOOPBACK]).await?.request();
    for (method, url) in [
        (Method::GET, request.url()),
        (Method::OPTIONS, request.url()),
        (Method::GET, gate.url("/consent")),
        (Method::OPTIONS, gate.url("/consent")),
        (Method::GET, gate.url("/callback/demo")),
        (Method::OPTIONS, gate.url("/callback/demo")),
    ] {
        let sent = gate.http().request(method.clone(), &url).header("origin", "https://attacker.example");
        let page = Page::of(sent.header("access-control-request-method", "GET")).await?;
        assert_eq!(page.header("access-control-allow-origin"), None, "{method} {url}");
    }
    stage.stop().await
}
