//! Limits of a real edge: a flood is stopped, and other clients are not affected.
//!
//! All requests come from one address; where the edge trusts the proxy, a header names the client's address. The
//! buckets are small and refill so slowly (half a minute) that the tests need not be fast.

#![expect(clippy::expect_used, reason = "a test ends where an expectation fails")]

use anyhow::Result;
use e2e::flow::{App, Gate, LOOPBACK};
use e2e::http::{Jar, Page};
use e2e::system::{CONFIGURED_CLIENT, MAIN, Plan, System, resource_server};
use serde_json::json;

const FORWARDED_FOR: &str = "x-forwarded-for";
const BEHIND_US: &str = "trusted_proxies = [\"127.0.0.1\"]";

async fn start(settings: &str) -> Result<System> {
    System::start(Plan { edges: 1, edge_settings: settings.to_owned(), ..Plan::default() }).await
}

async fn register_from(gate: &Gate, address: &str) -> Result<Page> {
    let metadata = json!({ "redirect_uris": [LOOPBACK], "token_endpoint_auth_method": "none" });
    Page::of(gate.http().post(gate.url("/register")).header(FORWARDED_FOR, address).json(&metadata)).await
}

fn assert_stopped(page: &Page) {
    assert_eq!((page.status, page.error().as_str()), (429, "temporarily_unavailable"), "{}", page.summary());
    let seconds: u64 = page.header("retry-after").and_then(|value| value.parse().ok()).expect("whole seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
}

/// Requirements: R35.
#[tokio::test]
async fn a_registration_flood_does_not_affect_refreshes_and_known_browsers() -> Result<()> {
    let system = start(&format!("{BEHIND_US}\nlimits.registrations.prefix_per_minute = 2")).await?;
    let gate = system.gate(MAIN.id)?;
    let app = gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let tokens = app.request().tokens(&mut jar).await?;

    let mut flood = Vec::new();
    for n in 0..20 {
        flood.push(register_from(&gate, &format!("127.0.0.{n}")).await?);
    }
    let stopped: Vec<_> = flood.iter().filter(|page| page.status != 201).collect();
    assert!(stopped.len() >= 15, "{} of {} were stopped", stopped.len(), flood.len());
    stopped.into_iter().for_each(assert_stopped);

    let refreshed = app.refresh(&tokens.refresh_token).tokens().await?;
    app.refresh(&refreshed.refresh_token).tokens().await?;
    app.request().tokens(&mut jar).await?;
    assert_eq!(register_from(&gate, "203.0.113.1").await?.status, 201, "another prefix");
    Ok(())
}

/// The flood above with one thing changed: no proxy is trusted.
///
/// Requirements: R52.
#[tokio::test]
async fn a_flood_under_forged_addresses_is_one_flood() -> Result<()> {
    let system = start("limits.registrations.prefix_per_minute = 2").await?;
    let gate = system.gate(MAIN.id)?;
    let mut stopped = 0;
    for n in 0..20 {
        let page = register_from(&gate, &format!("203.0.{n}.1")).await?;
        if page.status != 201 {
            assert_stopped(&page);
            stopped += 1;
        }
    }
    assert!(stopped >= 15, "{stopped} of 20 were stopped");
    Ok(())
}

/// The client is public: it has no secret, and its requests carry none.
///
/// Requirements: R15.
#[tokio::test]
async fn guessing_a_secret_is_stopped_and_the_client_works_from_every_network() -> Result<()> {
    let system = start(&format!("{BEHIND_US}\nlimits.failed_authentications.prefix_per_minute = 2")).await?;
    let gate = system.gate(MAIN.id)?;
    let app: App = gate.configured(CONFIGURED_CLIENT, LOOPBACK);
    let tokens = app.tokens().await?;

    let guess = |secret: &str| app.refresh(&tokens.refresh_token).and("client_secret", secret);
    let mut guesses = Vec::new();
    for n in 0..20 {
        guesses.push(guess(&format!("guess-{n}")).header(FORWARDED_FOR, "203.0.113.1").send().await?);
    }
    assert_eq!((guesses[0].status, guesses[0].error().as_str()), (401, "invalid_client"));
    let stopped: Vec<_> = guesses.iter().filter(|page| page.status != 401).collect();
    assert!(stopped.len() >= 15, "{} of {} were stopped", stopped.len(), guesses.len());
    stopped.into_iter().for_each(assert_stopped);

    // The same client works from this network and from another one, and so does another client from this one.
    let tokens = app.refresh(&tokens.refresh_token).header(FORWARDED_FOR, "203.0.113.1").tokens().await?;
    app.refresh(&tokens.refresh_token).tokens().await?;
    let other = gate.app(&[LOOPBACK]).await?;
    let tokens = other.tokens().await?;
    other.refresh(&tokens.refresh_token).header(FORWARDED_FOR, "203.0.113.1").tokens().await?;
    Ok(())
}

/// A confidential client, and a resource server with a token, at each endpoint that takes it: the right secret still works, from
/// the attacker's network, too.
///
/// Requirements: R15.
#[tokio::test]
async fn guessing_client_secrets_and_resource_server_tokens_is_stopped() -> Result<()> {
    const TOKEN: &str = "token-of-the-mcp-server-itself-0123456789";
    let system = System::start(Plan {
        edges: 1,
        edge_settings: format!("{BEHIND_US}\nlimits.failed_authentications.prefix_per_minute = 2"),
        control_tables: resource_server("server", TOKEN, MAIN.resource),
        ..Plan::default()
    })
    .await?;
    let gate = system.gate(MAIN.id)?;
    let metadata = json!({ "redirect_uris": [LOOPBACK], "token_endpoint_auth_method": "client_secret_post" });
    let registered = gate.register(&metadata).await?.json()?;
    let text = |name: &str| registered[name].as_str().unwrap_or_default().to_owned();
    let (id, secret) = (text("client_id"), text("client_secret"));
    let revoke = async |secret: &str, from: &str| {
        let form = [("token", "unknown"), ("client_id", &id), ("client_secret", secret)];
        Page::of(gate.http().post(gate.url("/revoke")).header(FORWARDED_FOR, from).form(&form)).await
    };
    let introspect = async |token: &str, from: &str| {
        let request = gate.http().post(gate.url("/introspect")).header(FORWARDED_FOR, from).bearer_auth(token);
        Page::of(request.form(&[("token", "unknown")])).await
    };
    let exchange = async |token: &str, from: &str| {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", "unknown"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ];
        let request = gate.http().post(gate.url("/token")).header(FORWARDED_FOR, from).bearer_auth(token);
        Page::of(request.form(&form)).await
    };
    let verify = async |token: &str, from: &str| {
        let url = gate.url(&format!("/verify?resource={}&upstream_token=authorization", MAIN.resource));
        let request = gate.http().get(url).header(FORWARDED_FOR, from).bearer_auth("unknown");
        Page::of(request.header("x-lychgate-proxy-authorization", format!("Bearer {token}"))).await
    };
    let (mut secrets, mut tokens, mut exchanges, mut verifications) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for n in 0..20 {
        secrets.push(revoke(&format!("guess-{n}"), "203.0.113.1").await?);
        tokens.push(introspect(&format!("guess-{n}"), "203.0.113.1").await?);
        // A token that was wrong at one endpoint is known at the others.
        exchanges.push(exchange(&format!("another-guess-{n}"), "203.0.115.1").await?);
        verifications.push(verify(&format!("third-guess-{n}"), "203.0.116.1").await?);
    }
    for guesses in [secrets, tokens, exchanges, verifications] {
        assert_eq!(guesses[0].status, 401, "{}", guesses[0].summary());
        let stopped: Vec<_> = guesses.iter().filter(|page| page.status != 401).collect();
        assert!(stopped.len() >= 15, "{} of {} were stopped", stopped.len(), guesses.len());
        stopped.into_iter().for_each(assert_stopped);
    }
    for from in ["203.0.113.1", "203.0.114.1"] {
        assert_eq!(revoke(&secret, from).await?.status, 200, "{from}");
        assert_eq!(introspect(TOKEN, from).await?.status, 200, "{from}");
    }
    for from in ["203.0.115.1", "203.0.116.1"] {
        // The resource server's own token is good, and the client's is unknown.
        let page = exchange(TOKEN, from).await?;
        assert_eq!((page.status, page.error().as_str()), (400, "invalid_request"), "{from}: {}", page.summary());
        let page = verify(TOKEN, from).await?;
        assert_eq!((page.status, page.error().as_str()), (401, "invalid_token"), "{from}: {}", page.summary());
    }
    Ok(())
}

/// A registration's own token lets its client write, but not without end.
///
/// Requirements: R35, R37.
#[tokio::test]
async fn a_flood_of_updates_is_stopped() -> Result<()> {
    let system = start("limits.managements.prefix_per_minute = 2").await?;
    let gate = system.gate(MAIN.id)?;
    let metadata = json!({ "redirect_uris": [LOOPBACK], "token_endpoint_auth_method": "none" });
    let registered = gate.register(&metadata).await?.json()?;
    let text = |name: &str| registered[name].as_str().unwrap_or_default().to_owned();
    let (url, token) = (text("registration_client_uri"), text("registration_access_token"));
    let mut pages = Vec::new();
    for n in 0..20 {
        let metadata = json!({ "redirect_uris": [LOOPBACK], "client_name": format!("App {n}") });
        pages.push(Page::of(gate.http().put(&url).bearer_auth(&token).json(&metadata)).await?);
    }
    let stopped: Vec<_> = pages.iter().filter(|page| page.status != 200).collect();
    assert!(stopped.len() >= 15, "{} of {} were stopped", stopped.len(), pages.len());
    stopped.into_iter().for_each(assert_stopped);
    let deleted = Page::of(gate.http().delete(&url).bearer_auth(&token)).await?;
    assert_stopped(&deleted);
    Ok(())
}
