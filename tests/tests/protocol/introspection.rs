//! `/introspect` (RFC 7662): the answers for resource servers and for all other callers.

use anyhow::{Context, Result};
use e2e::flow::{Gate, LOOPBACK};
use e2e::http::Page;
use e2e::system::{Issuer, MAIN, Plan, System, resource_server};
use serde_json::json;

use crate::assert_error;

const OWN: &str = "token-of-the-mcp-server-itself-0123456789";
const FOREIGN: &str = "token-of-another-mcp-server-0123456789abc";

const OTHER: Issuer = Issuer { id: "other", path: "/other", resource: "https://other.example.com/mcp", ..MAIN };

async fn start() -> Result<(System, Gate)> {
    let own = resource_server("own", OWN, MAIN.resource);
    let control_tables = own + &resource_server("foreign", FOREIGN, OTHER.resource);
    let system =
        System::start(Plan { edges: 1, issuers: vec![MAIN, OTHER], control_tables, ..Plan::default() }).await?;
    let gate = system.gate(MAIN.id)?;
    Ok((system, gate))
}

async fn introspect(gate: &Gate, token: &str, by: Option<&str>) -> Result<Page> {
    let form = [("token", token), ("token_type_hint", "access_token")];
    let request = gate.http().post(gate.url("/introspect")).form(&form);
    Page::of(match by {
        Some(by) => request.bearer_auth(by),
        None => request,
    })
    .await
}

/// The complete answer for an inactive token.
#[track_caller]
fn assert_inactive(page: &Page, why: &str) {
    assert_eq!((page.status, page.body.as_str()), (200, r#"{"active":false}"#), "{why}");
    assert_eq!(page.header("cache-control"), Some("no-store"), "{why}");
}

/// Requirements: R16, R39.
#[tokio::test]
async fn a_resource_server_introspects_its_own_active_token() -> Result<()> {
    let (_system, gate) = start().await?;
    let app = gate.app(&[LOOPBACK]).await?;
    let tokens = app.tokens().await?;
    let page = introspect(&gate, &tokens.access_token, Some(OWN)).await?;
    assert_eq!((page.status, page.header("cache-control")), (200, Some("no-store")), "{}", page.summary());
    let (told, claims) = (page.json()?, tokens.claims()?);
    assert_eq!((&told["active"], &told["token_type"]), (&json!(true), &json!("Bearer")));
    for name in ["iss", "aud", "sub", "client_id", "scope", "exp", "iat", "jti"] {
        assert!(!claims[name].is_null() && told[name] == claims[name], "{name}: {told}");
    }
    // The token is inactive as soon as its grant is revoked, …
    app.refresh(&tokens.refresh_token).tokens().await?;
    let revoked = [("token", tokens.refresh_token.as_str()), ("client_id", &app.client_id)];
    assert_eq!(Page::of(gate.http().post(gate.url("/revoke")).form(&revoked)).await?.status, 200);
    assert_inactive(&introspect(&gate, &tokens.access_token, Some(OWN)).await?, "revoked");
    // … also if its code was replayed (R10).
    let request = app.request();
    let redemption = request.redemption(&request.code(&mut e2e::http::Jar::new()?).await?);
    let tokens = redemption.tokens().await?;
    assert_error(&redemption.send().await?, 400, "invalid_grant");
    assert_inactive(&introspect(&gate, &tokens.access_token, Some(OWN)).await?, "replayed");
    Ok(())
}

/// Each is the valid request with one thing changed.
///
/// Requirements: A17, R39, R45.
#[tokio::test]
async fn an_inactive_token_is_answered_without_a_reason() -> Result<()> {
    let (_system, gate) = start().await?;
    let tokens = gate.app(&[LOOPBACK]).await?.tokens().await?;
    let (unsigned, _) = tokens.access_token.rsplit_once('.').context("a JWT")?;
    for (why, token, by) in [
        ("another resource's server", tokens.access_token.as_str(), FOREIGN),
        ("a refresh token", &tokens.refresh_token, OWN),
        ("without its signature", &format!("{unsigned}."), OWN),
        (
            "alg none",
            &format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{}.", unsigned.split('.').nth(1).context("claims")?),
            OWN,
        ),
        ("no token at all", "a.b.c", OWN),
        ("another one's word", OWN, OWN),
    ] {
        assert_inactive(&introspect(&gate, token, Some(by)).await?, why);
    }
    let page = introspect(&gate, &tokens.access_token, Some(OWN)).await?;
    assert_eq!(page.json()?["active"], true);
    Ok(())
}

/// By the principal's name and token, in the header and in the form (RFC 6749 §2.3.1).
///
/// Requirements: A17, R13, R14, R39.
#[tokio::test]
async fn a_resource_server_introspects_as_an_oauth_client() -> Result<()> {
    let (_system, gate) = start().await?;
    let tokens = gate.app(&[LOOPBACK]).await?.tokens().await?;
    let send = async |id: &str, secret: &str, in_header: bool| {
        let form = [("token", tokens.access_token.as_str()), ("client_id", id), ("client_secret", secret)];
        let request = gate.http().post(gate.url("/introspect"));
        let request =
            if in_header { request.basic_auth(id, Some(secret)).form(&form[..1]) } else { request.form(&form) };
        Page::of(request).await
    };
    for in_header in [true, false] {
        let page = send("own", OWN, in_header).await?;
        assert_eq!((page.status, page.header("cache-control")), (200, Some("no-store")), "{}", page.summary());
        assert_eq!(page.json()?["active"], true);
        assert_inactive(&send("foreign", FOREIGN, in_header).await?, "another resource's server");
        let scheme = if in_header { "Basic" } else { "Bearer" };
        let challenge = format!("{scheme} realm=\"{}\"", gate.issuer());
        for (id, secret) in [("own", "guess"), ("own", FOREIGN), ("foreign", OWN), ("Own", OWN), ("nobody", OWN)] {
            let page = send(id, secret, in_header).await?;
            assert_error(&page, 401, "invalid_client");
            assert_eq!(page.header("www-authenticate"), Some(challenge.as_str()), "{id} {secret}");
        }
    }
    let form = [("token", tokens.access_token.as_str()), ("client_id", "own"), ("client_secret", OWN)];
    let two = gate.http().post(gate.url("/introspect")).form(&form);
    for request in [two.try_clone().context("a request")?.basic_auth("own", Some(OWN)), two.bearer_auth(OWN)] {
        assert_error(&Page::of(request).await?, 400, "invalid_request");
    }
    Ok(())
}

/// Clients and holders of an access token are no resource servers.
///
/// Requirements: R25, R39.
#[tokio::test]
async fn callers_other_than_resource_servers_are_challenged() -> Result<()> {
    let (_system, gate) = start().await?;
    let app = gate.app(&[LOOPBACK]).await?;
    let tokens = app.tokens().await?;
    let realm = format!("Bearer realm=\"{}\"", gate.issuer());
    for (by, challenge) in [
        (None, realm.clone()),
        (Some("guess"), format!("{realm}, error=\"invalid_token\"")),
        (Some(tokens.access_token.as_str()), format!("{realm}, error=\"invalid_token\"")),
    ] {
        let page = introspect(&gate, &tokens.access_token, by).await?;
        assert_eq!((page.status, page.header("www-authenticate")), (401, Some(challenge.as_str())), "{by:?}");
        assert!(!page.body.contains("active"), "{by:?}: {}", page.body);
    }
    // C7: a token in the form or the query does not authenticate either.
    let form = [("token", tokens.access_token.as_str()), ("access_token", OWN), ("client_id", &app.client_id)];
    let url = gate.url(&format!("/introspect?access_token={OWN}"));
    assert_eq!(Page::of(gate.http().post(url).form(&form)).await?.status, 401);
    let nothing = gate.http().post(gate.url("/introspect")).bearer_auth(OWN).form(&[("token_type_hint", "x")]);
    assert_error(&Page::of(nothing).await?, 400, "invalid_request");
    let page = Page::of(gate.http().get(gate.url("/introspect")).bearer_auth(OWN)).await?;
    assert_eq!((page.status, page.header("allow")), (405, Some("POST")));
    Ok(())
}
