//! Requests of real clients with their peculiarities.

use anyhow::{Context, Result};
use e2e::flow::{App, Gate, LOOPBACK, RESOURCE, Stage};
use e2e::http::{Jar, Page};
use serde_json::{Value, json};

/// FastMCP requests /authorize without cookies before it opens a browser: on 400 it registers a new client, on a
/// redirect or a page it continues, on anything else it fails.
///
/// Requirements: B32, B35.
#[tokio::test]
async fn fastmcps_preflight_gets_the_statuses_it_knows() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let request = app.request();
    for accept in ["*/*", "application/json", "text/html"] {
        let get = |url: String| Page::of(stage.gate.http().get(url).header("accept", accept));
        let good = get(request.url()).await?;
        assert!([200, 302, 303, 307, 308].contains(&good.status), "{accept}: {}", good.summary());
        let unknown = get(request.clone().with("client_id", "client-unknown").url()).await?;
        assert_eq!(unknown.status, 400, "{accept}: {}", unknown.summary());
    }
    // The browser's request follows; the first one has consumed nothing.
    request.tokens(&mut Jar::new()?).await?;
    stage.stop().await
}

/// Cursor registers all three in one request as `web`, and gives up if one is refused.
///
/// Requirements: A24, conflict 2.
#[tokio::test]
async fn cursors_three_redirect_uris_are_registered_together() -> Result<()> {
    let stage = Stage::start("").await?;
    let uris = [
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "https://www.cursor.com/agents/mcp/oauth/callback",
        "http://localhost:8787/callback",
    ];
    let metadata = json!({
        "client_name": "Cursor",
        "redirect_uris": uris,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "web",
    });
    let app = registered(&stage.gate, &metadata, &uris).await?;
    for uri in uris {
        finish(&app, uri).await?;
    }
    // Where the operator has not listed the scheme, the other two are registered.
    let strict = Stage::start("[issuer]\nprivate_scheme_redirect_uris = []\n").await?;
    let app = registered(&strict.gate, &metadata, &uris[1..]).await?;
    finish(&app, uris[1]).await?;
    let refused = App { redirect_uri: uris[0].to_owned(), ..app }.request().send(&mut Jar::new()?).await?;
    assert_eq!((refused.status, refused.reason()), (400, Some("REDIRECT_URI_UNREGISTERED")));
    stage.stop().await?;
    strict.stop().await
}

/// ChatGPT sends `resource` twice and `ui_locales`, and omits `scope` when it reconnects.
///
/// Requirements: E6, R42.
#[tokio::test]
async fn chatgpts_doubled_resource_and_missing_scope() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&["https://chatgpt.com/connector_platform_oauth_redirect"]).await?;
    let first = app
        .request()
        .and("resource", RESOURCE)
        .with("ui_locales", "de-DE")
        .with("scope", "notes:read offline_access")
        .tokens(&mut Jar::new()?)
        .await?;
    let again = app.request().and("resource", RESOURCE).with("ui_locales", "de-DE").tokens(&mut Jar::new()?).await?;
    assert_eq!((first.scope.as_str(), again.scope.as_str()), ("notes:read", "notes:read"));
    app.refresh(&again.refresh_token).and("resource", RESOURCE).tokens().await?;
    stage.stop().await
}

/// VS Code registers four URIs and uses any free port.
///
/// Requirements: R3, conflict 1.
#[tokio::test]
async fn vs_codes_four_redirect_uris_and_a_random_port() -> Result<()> {
    let stage = Stage::start("").await?;
    let uris = [
        "https://insiders.vscode.dev/redirect",
        "https://vscode.dev/redirect",
        "http://127.0.0.1/",
        "http://127.0.0.1:33418/",
    ];
    let metadata = json!({
        "client_name": "Visual Studio Code",
        "redirect_uris": uris,
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
    });
    let app = registered(&stage.gate, &metadata, &uris).await?;
    for uri in [uris[0], uris[1], uris[2], uris[3], "http://127.0.0.1:52143/"] {
        finish(&app, uri).await?;
    }
    stage.stop().await
}

/// Claude Code registers without a port, uses a random one, and its processes refresh concurrently.
///
/// Requirements: A12, R3.
#[tokio::test]
async fn claude_codes_random_ports_and_its_racing_refreshes() -> Result<()> {
    let stage = Stage::start("").await?;
    let uris = ["http://localhost/callback", "http://127.0.0.1/callback"];
    let metadata = json!({
        "client_name": "Claude Code",
        "redirect_uris": uris,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    let app = registered(&stage.gate, &metadata, &uris).await?;
    for uri in ["http://localhost:54545/callback", "http://127.0.0.1:61234/callback", "http://localhost:3118/callback"]
    {
        let app = App { redirect_uri: uri.to_owned(), ..app.clone() };
        let request = app.request().with("scope", "notes:read offline_access").with("prompt", "consent");
        let tokens = request.tokens(&mut Jar::new()?).await?;
        let refresh = app.refresh(&tokens.refresh_token);
        let (one, other) = tokio::try_join!(refresh.tokens(), refresh.tokens())?;
        assert_eq!(one.refresh_token, other.refresh_token);
    }
    stage.stop().await
}

/// Claude.ai registers twice concurrently and asks for a secret. A 401 for an unknown client makes it register
/// again; a 400 for a dead token makes it ask the person again.
///
/// Requirements: R34, R35.
#[tokio::test]
async fn claude_ais_parallel_registrations_and_its_two_ways_back() -> Result<()> {
    let stage = Stage::start("").await?;
    let uris = ["https://claude.ai/api/mcp/auth_callback"];
    let metadata = json!({
        "client_name": "Claude",
        "redirect_uris": uris,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_post",
        "scope": "notes:read",
    });
    let register = async || {
        let page = stage.gate.register(&metadata).await?;
        let secret = page.json()?["client_secret"].as_str().context("a secret")?.to_owned();
        Ok::<_, anyhow::Error>((app_of(&stage.gate, &page, &uris)?, secret))
    };
    let ((one, secret), (other, others)) = tokio::try_join!(register(), register())?;
    assert!(one.client_id != other.client_id && secret != others);
    let request = one.request();
    let code = request.code(&mut Jar::new()?).await?;
    let wrong = request.redemption(&code).with("client_secret", &others).send().await?;
    assert_eq!((wrong.status, wrong.error().as_str()), (401, "invalid_client"));
    let tokens = request.redemption(&code).with("client_secret", &secret).tokens().await?;
    let refresh = |token: &str| one.refresh(token).with("client_secret", &secret);
    let gone = refresh(&tokens.refresh_token).with("client_id", "client-AAAAAAAAAAAAAAAAAAAAAA").send().await?;
    assert_eq!((gone.status, gone.error().as_str()), (401, "invalid_client"));
    let dead = refresh("lgr_dead").send().await?;
    assert_eq!((dead.status, dead.error().as_str()), (400, "invalid_grant"));
    refresh(&tokens.refresh_token).tokens().await?;
    stage.stop().await
}

async fn registered(gate: &Gate, metadata: &Value, uris: &[&str]) -> Result<App> {
    app_of(gate, &gate.register(metadata).await?, uris)
}

fn app_of(gate: &Gate, page: &Page, uris: &[&str]) -> Result<App> {
    assert_eq!(page.status, 201, "{}", page.summary());
    let registered = page.json()?;
    assert_eq!(registered["redirect_uris"], json!(uris));
    Ok(gate.configured(registered["client_id"].as_str().context("client_id")?, uris[0]))
}

async fn finish(app: &App, uri: &str) -> Result<()> {
    App { redirect_uri: uri.to_owned(), ..app.clone() }.tokens().await.with_context(|| uri.to_owned())?;
    Ok(())
}
