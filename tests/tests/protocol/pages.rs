//! Pages for people, and the headers that protect them.

use anyhow::{Context, Result};
use e2e::flow::{LOOPBACK, Stage, WEB};
use e2e::http::{Jar, Page};
use serde_json::json;

/// Requirements: B9, R22, R52.
#[tokio::test]
async fn every_page_is_protected() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let consent = app.request().open(&mut jar).await?;
    assert_protected(&consent.page, "same-origin");
    let errors = [
        app.request().with("client_id", "nobody").send(&mut jar).await?,
        jar.open(stage.gate.url("/consent?ticket=x")).await?,
        jar.open(stage.gate.url("/callback/demo?state=x")).await?,
        jar.send(consent.form("approve")?.without_field("form_token")).await?,
        jar.open(stage.gate.url("/nothing")).await?,
    ];
    for page in &errors {
        assert_protected(page, "no-referrer");
    }
    stage.stop().await
}

/// Includes every redirect of the flow.
///
/// Requirements: R9, R52.
#[tokio::test]
async fn every_redirect_is_a_303_without_referrer() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let begun = app.request().send(&mut jar).await?;
    let consent = app.request().open(&mut jar).await?;
    let sent = consent.approve(&mut jar).await?;
    let finished = sent.sign_in(&mut jar).await?.visit(&mut jar).await?;
    let refused = app.request().with("scope", "admin").send(&mut jar).await?;
    for page in [&begun, &sent.page, &finished, &refused] {
        assert_eq!(page.status, 303, "{}", page.summary());
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
    }
    stage.stop().await
}

/// Requirements: A18, A19, B5, B6, B7, B38.
#[tokio::test]
async fn the_page_says_who_asks_for_what_and_where_it_goes() -> Result<()> {
    let stage = Stage::start("").await?;
    let mut jar = Jar::new()?;
    let uri = "https://claude.example/api/callback?tenant=7";
    let app = stage.gate.app(&[uri]).await?;
    let page = app.request().with("scope", "notes:read notes:write").open(&mut jar).await?.page;
    for text in [
        "It calls itself",
        "claude.example",
        "https://claude.example/api/callback?tenant",
        "Notes",
        "https://notes.example/mcp",
        "Read your notes",
        "notes:read",
        "Change your notes",
        "notes:write",
        "Test provider",
    ] {
        assert!(page.body.contains(text), "{text:?} is not on the page: {}", page.body);
    }
    let warning = "we cannot see which app is asking";
    assert!(!page.body.contains(warning), "a19: only for this computer");
    let local = stage.gate.app(&[LOOPBACK]).await?.request().open(&mut jar).await?.page;
    assert!(local.body.contains(warning) && local.body.contains("127.0.0.1"), "{}", local.body);
    assert!(!local.body.contains("Change your notes"), "what was not asked for is not there");
    stage.stop().await
}

/// The client's name is untrusted text.
///
/// Requirements: B5.
#[tokio::test]
async fn a_name_cannot_become_markup_or_turn_the_text_around() -> Result<()> {
    let stage = Stage::start("").await?;
    for name in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "Good\u{202e}live\u{202c}\u{200b}\u{2066}App",
        "{{ticket}}",
        "a\nb\tc\0d",
    ] {
        let metadata = json!({ "redirect_uris": [LOOPBACK], "client_name": name });
        let registered = stage.gate.register(&metadata).await?.json()?;
        let client_id = registered["client_id"].as_str().context("client_id")?;
        let app = stage.gate.configured(client_id, LOOPBACK);
        let page = app.request().open(&mut Jar::new()?).await?.page;
        for forbidden in ["<script", "<img", "\u{202e}", "\u{2066}", "\u{200b}", "\0"] {
            assert!(!page.body.contains(forbidden), "{name:?} brings {forbidden:?}");
        }
        let says = |text: &str| page.body.to_lowercase().contains(text);
        assert!(says("nobody has checked") || says("a name that cannot be shown here"), "{}", page.body);
    }
    stage.stop().await
}

/// A configured client is not called unverified.
///
/// Requirements: A9, B38.
#[tokio::test]
async fn a_configured_client_completes_a_flow_and_bears_its_configured_name() -> Result<()> {
    let config = format!("[[clients]]\nid = \"known\"\nname = \"Known app\"\nredirect_uris = [\"{WEB}\"]\n");
    let stage = Stage::start(&config).await?;
    let app = stage.gate.configured("known", WEB);
    let mut jar = Jar::new()?;
    let consent = app.request().open(&mut jar).await?;
    assert!(consent.page.body.contains("Known app") && !consent.page.body.contains("Nobody has checked"));
    let code = consent.approve(&mut jar).await?.sign_in(&mut jar).await?.finish(&mut jar).await?.code()?;
    let tokens = consent.request.redemption(&code).tokens().await?;
    app.refresh(&tokens.refresh_token).tokens().await?;
    stage.stop().await
}

fn assert_protected(page: &Page, referrer_policy: &str) {
    let header = |name| page.header(name).unwrap_or_default();
    let policy = header("content-security-policy");
    for directive in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(directive), "{}: {policy}", page.url);
    }
    // Chromium would apply it to the redirects after the form, to the upstream and to the client.
    assert!(!policy.contains("form-action"), "{policy}");
    assert!(!policy.contains("script-src") && !page.body.contains("<script"), "{policy}");
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("referrer-policy", referrer_policy),
        ("content-type", "text/html; charset=utf-8"),
    ] {
        assert_eq!(header(name), value, "{name} of {}", page.url);
    }
}
