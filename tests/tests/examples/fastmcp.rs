//! An MCP server on FastMCP that verifies our tokens offline, and a real MCP client that uses it.

use anyhow::{Result, ensure};
use e2e::clients::{Identity, McpClient, Sdk, interpreter};
use e2e::examples;
use e2e::flow::LOOPBACK;
use e2e::http::{self, Jar, Page};
use e2e::system::ports::Claim;
use e2e::system::service::Service;
use e2e::system::{Issuer, MAIN, Plan, System};
use serde_json::{Value, json};
use tokio::process::Command;

const OTHER: &str = "https://other.example.com/mcp";

/// Requirements: C12.
#[tokio::test]
async fn a_fastmcp_server_is_protected_by_our_keys_and_a_real_client_gets_through() -> Result<()> {
    let claim = Claim::choose()?;
    let origin = format!("http://{}", claim.address());
    let mcp_url = format!("{origin}/mcp");
    let issuer_tables = format!(
        "[[issuers.resources]]\nuri = \"{OTHER}\"\nname = \"Another\"\n\
         scopes = [{{ name = \"notes:read\", description = \"Read\", default = true }}]\n"
    );
    // A plan consists of constants, and this URL is known only now; the leak lasts as long as the test.
    let issuer = Issuer { resource: mcp_url.clone().leak(), ..MAIN };
    let system = System::start(Plan { edges: 1, issuers: vec![issuer], issuer_tables, ..Plan::default() }).await?;
    let gate = system.gate(MAIN.id)?;

    let mut server = Command::new(interpreter());
    server.arg(examples::path("fastmcp_server.py"));
    server.env("LYCHGATE_ISSUER", gate.issuer()).env("MCP_SERVER", &origin);
    server.env("PORT", claim.address().port().to_string());
    let mut server = Service::of("fastmcp_server.py", &mut server)?;
    let metadata = format!("{origin}/.well-known/oauth-protected-resource/mcp");
    server.answers_at(&metadata).await?;
    let metadata = Page::of(http::client()?.get(&metadata)).await?.json()?;
    assert_eq!((&metadata["resource"], &metadata["scopes_supported"]), (&json!(mcp_url), &json!(["notes:read"])));

    // Without a token for this server its tools cannot be called.
    let app = gate.app(&[LOOPBACK]).await?;
    let tokens = async |resource: &str, scope: &str| {
        let request = app.request().with("resource", resource).with("scope", scope);
        let code = request.code(&mut Jar::new()?).await?;
        request.redemption(&code).with("resource", resource).tokens().await
    };
    let good = tokens(&mcp_url, "notes:read").await?.access_token;
    let elsewhere = tokens(OTHER, "notes:read").await?.access_token;
    let unscoped = tokens(&mcp_url, "profile:read").await?.access_token;
    for (why, token, status, error) in [
        ("nothing", None, 401, None),
        ("another resource's token (C6)", Some(&elsewhere), 401, Some("invalid_token")),
        ("no token", Some(&"a.b.c".to_owned()), 401, Some("invalid_token")),
        ("a token without the scope", Some(&unscoped), 403, Some("insufficient_scope")),
    ] {
        let page = call_whoami(&mcp_url, token.map(String::as_str)).await?;
        assert_eq!(page.status, status, "{why}: {}", page.summary());
        assert_challenged(&page, &origin, error, why);
        assert_readable_by_pages(&page, why);
    }
    for method in ["POST", "GET", "DELETE"] {
        examples::assert_preflight_passes(&mcp_url, method).await?;
    }
    let page = call_whoami(&mcp_url, Some(&good)).await?;
    assert_eq!(page.status, 200, "each failed for its own reason: {}", page.summary());
    assert_readable_by_pages(&page, "a good token");

    lead_a_real_client_through(&mcp_url, gate.issuer()).await
}

/// The SDK alone goes through 401, metadata, registration, login, tools and refresh.
async fn lead_a_real_client_through(mcp_url: &str, issuer: &str) -> Result<()> {
    let client = McpClient::start(Sdk::Python, mcp_url, "Through FastMCP", Identity::Registers("none")).await?;
    let mut jar = Jar::new()?;
    let asked = jar.open(client.authorize.as_str()).await?;
    let consent = jar.follow(&asked).await?;
    ensure!(consent.body.contains("Read your notes"), "the page does not say what for:\n{}", consent.body);
    let mut page = jar.press(&consent, ("decision", "approve")).await?;
    while page.redirects() {
        page = jar.follow(&page).await?;
    }
    let session = client.session().await?;
    assert_eq!(session.issuer, issuer);
    assert_eq!(session.tools, ["whoami"]);
    let (before, after): (Value, Value) =
        (serde_json::from_str(&session.whoami)?, serde_json::from_str(&session.whoami_after_refresh)?);
    assert_eq!(before, after);
    assert_eq!(before["client_id"], session.client_id);
    assert_eq!(before["scope"], "notes:read");
    assert!(session.access_token_changed && session.refresh_token_rotated);
    Ok(())
}

/// Calls a tool as a client does.
async fn call_whoami(mcp_url: &str, token: Option<&str>) -> Result<Page> {
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "e2e", "version": "1" },
        },
    });
    let request = http::client()?.post(mcp_url).header("accept", "application/json, text/event-stream").json(&call);
    let request = request.header("origin", "https://page.example");
    Page::of(token.into_iter().fold(request, |request, token| request.bearer_auth(token))).await
}

/// A page of another origin reads the response, with its challenge.
#[track_caller]
fn assert_readable_by_pages(page: &Page, why: &str) {
    assert_eq!(page.header("access-control-allow-origin"), Some("*"), "{why}");
    let exposed = page.header("access-control-expose-headers").unwrap_or_default().to_lowercase();
    assert!(exposed.contains("www-authenticate"), "{why}: {exposed}");
}

/// The challenge names the server's metadata, and `error` if there is one.
#[track_caller]
fn assert_challenged(page: &Page, origin: &str, error: Option<&str>, why: &str) {
    let challenge = page.header("www-authenticate").unwrap_or_default();
    let metadata = format!("resource_metadata=\"{origin}/.well-known/oauth-protected-resource/mcp\"");
    assert!(challenge.starts_with("Bearer ") && challenge.contains(&metadata), "{why}: {challenge}");
    let says = |error: &str| challenge.contains(&format!("error=\"{error}\""));
    assert!(error.is_none_or(says), "{why}: {challenge}");
}
