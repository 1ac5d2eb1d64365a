//! The page of connected apps in Chromium: its contents, the effect of a revocation on the app, and its protection
//! from other sites.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use e2e::browser::{Browser, Find, Tab, Window};
use e2e::clients::McpClient;
use e2e::dev::Dev;
use e2e::flow::{App, Gate, LOOPBACK, Tokens};
use e2e::http::Page;
use e2e::person;
use e2e::system::{MAIN, Plan, System, resource_server};

const SERVER: &str = "token-of-the-mcp-server-0123456789abcdef";

/// Uses real clients and the texts of the pages only.
///
/// Requirements: B38, R27.
#[tokio::test]
async fn a_person_finds_their_apps_and_revokes_one() -> Result<()> {
    let (dev, browser) = (Dev::start("").await?, Browser::launch().await?);
    let tab = browser.person("ada");
    for name in ["Pelican Notes", "Heron Mail"] {
        let client = McpClient::typescript(&dev.ready().mcp_url, name).await?;
        person::read_consent_page(&tab, client.authorize.as_str()).await?;
        person::approve(&tab).await?;
        if name == "Pelican Notes" {
            person::sign_in_at_the_demo_provider(&tab, "Ada").await?;
        }
        client.session().await?;
    }

    let account = format!("{}/account", dev.ready().issuer);
    let page = tab.open(&account).await?;
    assert_eq!((page.status, page.title.as_str()), (Some(200), "Your connected apps"));
    tab.screenshot(&picture("account-sign-in.png")).await?;
    // The demo provider remembers the person and shows no login page.
    let page = tab.follow(Find::button("Sign in with")).await?;
    assert_eq!(page.url, account);
    tab.screenshot(&picture("account.png")).await?;
    let text = tab.text().await?;
    for said in ["Pelican Notes", "Heron Mail", "An app on a computer", "See who you are", "Allowed on"] {
        assert!(text.contains(said), "the page does not say {said:?}:\n{text}");
    }
    let accessible = tab.accessible().await?;
    assert!(accessible.contains("Remove An app on a computer") && accessible.contains("Pelican Notes"), "{accessible}");

    let page = tab.follow(Find::button("Pelican Notes")).await?;
    assert_eq!((page.status, page.url.as_str()), (Some(200), account.as_str()));
    tab.screenshot(&picture("account-removed.png")).await?;
    assert_eq!(tab.count(Find::button("Pelican Notes")).await?, 0);
    assert_eq!(tab.count(Find::button("Heron Mail")).await?, 1);
    assert!(tab.text().await?.contains("These apps can do nothing more"), "{}", tab.text().await?);
    let problems = tab.problems().await?;
    assert!(!problems.iter().any(|problem| problem.text.contains("Content Security Policy")), "{problems:?}");
    for cookie in browser.cookies("ada").await?.iter().filter(|cookie| cookie.name.starts_with("__Host-")) {
        assert!(cookie.http_only && cookie.secure && cookie.same_site == "Lax" && cookie.path == "/", "{cookie:?}");
    }

    // Another person sees only their own apps.
    let other = browser.person("bo");
    other.open(&account).await?;
    other.follow(Find::button("Sign in with")).await?;
    person::sign_in_at_the_demo_provider(&other, "Bo").await?;
    let text = other.text().await?;
    assert!(text.contains("No app has access") && !text.contains("Heron"), "{text}");

    let page = tab.follow(Find::button("Sign out")).await?;
    assert_eq!((page.url.as_str(), tab.count(Find::button("Sign in with")).await?), (account.as_str(), 1));
    let session = |name: &str| name.starts_with("__Host-lychgate-account");
    assert!(!browser.cookies("ada").await?.iter().any(|cookie| session(&cookie.name)));
    dev.stop().await
}

/// After the revocation the app's refresh token is refused, and introspection at any edge says that its access
/// token is inactive.
///
/// Requirements: R27.
#[tokio::test]
async fn a_revoked_app_loses_its_tokens_at_once() -> Result<()> {
    let (system, gate) = start(Plan::default()).await?;
    let (app, kept) = (gate.app(&[LOOPBACK]).await?, gate.app(&[LOOPBACK]).await?);
    let (mut tokens, kept_tokens) = (app.tokens().await?, kept.tokens().await?);
    assert!(is_active(&gate, &tokens).await?);
    let browser = Browser::launch().await?;
    let tab = signed_in(&browser, &gate).await?;
    assert_eq!(tab.count(Find::button("Allowed on")).await?, 2);

    // Another site posts the same form: no effect.
    let fields = tab.eval("[...document.forms].map((form) => form.elements[0].value)").await?;
    tokens = attacked(&browser, &gate, fields[0].as_str().expect("a form"), &app, &tokens).await?;

    tab.click(Find::Selector { selector: "summary" }).await?;
    tab.follow(Find::button("Yes, remove all apps")).await?;
    for (app, tokens) in [(&app, &tokens), (&kept, &kept_tokens)] {
        let refused = app.refresh(&tokens.refresh_token).send().await?;
        assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_grant"), "{}", refused.summary());
        assert!(!is_active(&gate, tokens).await?);
    }
    assert_eq!(tab.count(Find::button("Allowed on")).await?, 0);
    // Lychgate keeps none of the upstream's tokens of this sign-in: it asked for an identity only.
    let upstream = system.upstream(MAIN.id)?.asked();
    assert_eq!(upstream.authorizations.last().expect("it was asked")["scope"], "openid profile");
    Ok(())
}

/// Servers of the resource get the provider's token until the person disconnects. The app keeps its grant, the provider is told,
/// and the next login repairs it.
///
/// Requirements: R27, R30.
#[tokio::test]
async fn a_person_disconnects_the_provider_and_keeps_their_apps() -> Result<()> {
    let (system, gate) = start(Plan { upstream_tokens: true, ..Plan::default() }).await?;
    let app = gate.app(&[LOOPBACK]).await?;
    let tokens = app.tokens().await?;
    let given = exchanged(&gate, &tokens).await?;
    let upstream_token = given.json()?["access_token"].clone();
    ensure!(given.status == 200 && upstream_token.is_string(), "{}", given.summary());

    let browser = Browser::launch().await?;
    let tab = signed_in(&browser, &gate).await?;
    tab.screenshot(&picture("account-connection.png")).await?;
    let text = tab.text().await?;
    for said in ["What this service may do at Identity provider of main for you", "openid", "You signed in on"] {
        assert!(text.contains(said), "the page does not say {said:?}:\n{text}");
    }
    let page = tab.follow(Find::button("Disconnect")).await?;
    assert_eq!((page.status, page.url.as_str()), (Some(200), gate.url("/account").as_str()));
    tab.screenshot(&picture("account-disconnected.png")).await?;
    let text = tab.text().await?;
    assert!(text.contains("Disconnected.") && text.contains("Your apps stay allowed."), "{text}");
    assert_eq!((tab.count(Find::button("Disconnect")).await?, tab.count(Find::button("Allowed on")).await?), (0, 1));

    let refused = exchanged(&gate, &tokens).await?;
    assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_grant"), "{}", refused.summary());
    let asked = system.upstream(MAIN.id)?.asked_until(|asked| asked.revocations.len() == 1).await?;
    ensure!(asked.tokens_given.contains(&asked.revocations[0]["token"]), "a token of its own: {asked:?}");
    assert!(is_active(&gate, &tokens).await?);
    app.refresh(&tokens.refresh_token).tokens().await?;
    let tokens = app.tokens().await?;
    let again = exchanged(&gate, &tokens).await?;
    ensure!(again.status == 200 && again.json()?["access_token"] != upstream_token, "{}", again.summary());
    Ok(())
}

/// Requirements: B38.
#[tokio::test]
async fn a_small_window_without_scripts_is_enough() -> Result<()> {
    let (_system, gate) = start(Plan::default()).await?;
    for _ in 0..2 {
        gate.app(&[LOOPBACK]).await?.tokens().await?;
    }
    let browser = Browser::launch().await?;
    browser.new_context("ada", Window { width: 320, height: 568, javascript: false }).await?;
    let tab = signed_in(&browser, &gate).await?;
    tab.screenshot(&picture("account-320.png")).await?;
    let overflow = tab.overflow().await?;
    assert!(overflow.scroll_width <= overflow.client_width && overflow.outside.is_empty(), "{overflow:?}");
    for _ in 0..2 {
        tab.follow(Find::Selector { selector: "#remove-0-0" }).await?;
    }
    assert!(tab.text().await?.contains("No app has access"), "{}", tab.text().await?);
    Ok(())
}

/// Two edges, and a resource server that may introspect its tokens.
async fn start(plan: Plan) -> Result<(System, Gate)> {
    let control_tables = resource_server("server", SERVER, MAIN.resource);
    let system = System::start(Plan { edges: 2, control_tables, ..plan }).await?;
    let gate = system.gate(MAIN.id)?;
    Ok((system, gate))
}

/// The provider of these tests shows no page.
async fn signed_in<'a>(browser: &'a Browser, gate: &Gate) -> Result<Tab<'a>> {
    let tab = browser.person("ada");
    tab.open(&gate.url("/account")).await?;
    let page = tab.follow(Find::button("Sign in with")).await?;
    assert_eq!(page.url, gate.url("/account"));
    Ok(tab)
}

/// Another site posts the form of our page: refused, and the app keeps its access.
async fn attacked(browser: &Browser, gate: &Gate, token: &str, app: &App, tokens: &Tokens) -> Result<Tokens> {
    let page = format!(
        r#"<!doctype html><title>Prizes</title><form method="post" action="{}">
           <input type="hidden" name="form_token" value="{token}"><button>Win a prize</button></form>"#,
        gate.url("/account/revoke")
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let router = Router::new().route("/", get(move || async move { Html(page) }));
    drop(tokio::spawn(axum::serve(listener, router).into_future()));
    let trap = browser.tab("ada", "trap");
    trap.open(&format!("http://attacker.test:{port}/")).await?;
    let refused = trap.follow(Find::button("Win a prize")).await?;
    assert_eq!(refused.status, Some(403), "{refused:?}");
    assert!(trap.text().await?.contains("CROSS_SITE"), "{}", trap.text().await?);
    app.refresh(&tokens.refresh_token).tokens().await
}

async fn is_active(gate: &Gate, tokens: &Tokens) -> Result<bool> {
    let form = [("token", tokens.access_token.as_str())];
    let page = Page::of(gate.http().post(gate.url("/introspect")).bearer_auth(SERVER).form(&form)).await?;
    Ok(page.json()?["active"] == true)
}

/// The exchange of our access token for the provider's, by a server of the resource (RFC 8693).
async fn exchanged(gate: &Gate, tokens: &Tokens) -> Result<Page> {
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", tokens.access_token.as_str()),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
    ];
    Page::of(gate.http().post(gate.url("/token")).bearer_auth(SERVER).form(&form)).await
}

/// The screenshots stay below the target directory for people to look at.
fn picture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}
