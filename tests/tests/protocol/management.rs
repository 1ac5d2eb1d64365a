//! Restricted registration, and `/register/{client_id}` (RFC 7592), where the holder of the registration access
//! token manages a client.

use anyhow::{Context, Result};
use e2e::flow::{Gate, LOOPBACK, WEB};
use e2e::http::{Jar, Page};
use e2e::system::{MAIN, Plan, System, digest};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{assert_error, assert_no_null_or_fraction};

const INITIAL: &str = "initial-access-token-0123456789-abcdefghij";

async fn start(issuer_settings: &str) -> Result<(System, Gate)> {
    let issuer_settings = issuer_settings.to_owned();
    let system = System::start(Plan { edges: 1, issuer_settings, ..Plan::default() }).await?;
    let gate = system.gate(MAIN.id)?;
    Ok((system, gate))
}

fn metadata() -> Value {
    json!({
        "client_name": "An app",
        "redirect_uris": [LOOPBACK, WEB],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
    })
}

/// The response to a registration.
struct Registered {
    gate: Gate,
    told: Value,
}

impl Registered {
    async fn of(gate: &Gate, metadata: &Value) -> Result<Self> {
        let page = gate.register(metadata).await?;
        assert_eq!(page.status, 201, "{}", page.summary());
        Ok(Self { gate: gate.clone(), told: page.json()? })
    }

    fn text(&self, name: &str) -> &str {
        self.told[name].as_str().unwrap_or_default()
    }

    /// A request to the registration's URI with this token.
    async fn manage(&self, method: Method, token: Option<&str>, body: Option<&Value>) -> Result<Page> {
        let mut request = self.gate.http().request(method, self.text("registration_client_uri"));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        Page::of(request).await
    }

    fn token(&self) -> Option<&str> {
        self.told["registration_access_token"].as_str()
    }
}

/// Requirements: R16, R37.
#[tokio::test]
async fn a_registration_is_read_replaced_and_deleted() -> Result<()> {
    let (_system, gate) = start("").await?;
    let client = Registered::of(&gate, &metadata()).await?;
    let id = client.text("client_id").to_owned();
    assert_eq!(client.text("registration_client_uri"), gate.url(&format!("/register/{id}")));
    let read = client.manage(Method::GET, client.token(), None).await?;
    assert_eq!((read.status, read.header("cache-control")), (200, Some("no-store")), "{}", read.summary());
    let read = read.json()?;
    assert_no_null_or_fraction(&read);
    for name in ["client_id", "client_name", "redirect_uris", "grant_types", "token_endpoint_auth_method"] {
        assert_eq!(read[name], client.told[name], "{name}");
    }

    // The new metadata replaces the old completely: omitted members are removed.
    let mut next = metadata();
    next["client_id"] = json!(id);
    next["redirect_uris"] = json!([WEB]);
    next.as_object_mut().context("an object")?.remove("client_name");
    let replaced = client.manage(Method::PUT, client.token(), Some(&next)).await?;
    assert_eq!((replaced.status, replaced.header("cache-control")), (200, Some("no-store")), "{}", replaced.summary());
    let replaced = replaced.json()?;
    assert_eq!((&replaced["redirect_uris"], replaced.get("client_name")), (&json!([WEB]), None));
    let token = replaced["registration_access_token"].as_str().or(client.token()).map(str::to_owned);
    let read = client.manage(Method::GET, token.as_deref(), None).await?.json()?;
    assert_eq!(read["redirect_uris"], json!([WEB]));

    let app = gate.configured(&id, WEB);
    let tokens = app.tokens().await?;
    let deleted = client.manage(Method::DELETE, token.as_deref(), None).await?;
    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""), "{}", deleted.summary());
    assert_error(&app.refresh(&tokens.refresh_token).send().await?, 401, "invalid_client");
    let page = app.request().send(&mut Jar::new()?).await?;
    assert_eq!((page.status, page.reason()), (400, Some("CLIENT_UNKNOWN")));
    assert_eq!(client.manage(Method::GET, token.as_deref(), None).await?.status, 401, "RFC 7592 §2.3");
    Ok(())
}

/// Each is a valid request with another token or client; none changes anything.
///
/// Requirements: R25, R37.
#[tokio::test]
async fn another_token_manages_nothing_and_is_challenged() -> Result<()> {
    let (_system, gate) = start("").await?;
    let (client, other) = (Registered::of(&gate, &metadata()).await?, Registered::of(&gate, &metadata()).await?);
    let mut next = metadata();
    next["client_id"] = client.told["client_id"].clone();
    next["redirect_uris"] = json!(["https://attacker.example/cb"]);
    let realm = format!("Bearer realm=\"{}\"", gate.issuer());
    let refused = format!("{realm}, error=\"invalid_token\"");
    let access_token = gate.configured(client.text("client_id"), LOOPBACK).tokens().await?.access_token;
    for (token, challenge) in
        [(None, &realm), (Some("guess"), &refused), (other.token(), &refused), (Some(&access_token), &refused)]
    {
        for (method, body) in [(Method::GET, None), (Method::PUT, Some(&next)), (Method::DELETE, None)] {
            let page = client.manage(method.clone(), token, body).await?;
            let challenged = page.header("www-authenticate");
            assert_eq!((page.status, challenged), (401, Some(challenge.as_str())), "{method} with {token:?}");
        }
    }
    // An unknown client is answered like a wrong token.
    let unknown = gate.http().get(gate.url("/register/client-AAAAAAAAAAAAAAAAAAAAAA"));
    let page = Page::of(unknown.bearer_auth(client.token().context("a token")?)).await?;
    assert_eq!((page.status, page.header("www-authenticate")), (401, Some(refused.as_str())));

    for (why, name, value) in [
        ("another client's id", "client_id", other.told["client_id"].clone()),
        ("a secret it does not have", "client_secret", json!("lgs_guess")),
    ] {
        let mut odd = next.clone();
        odd[name] = value;
        let page = client.manage(Method::PUT, client.token(), Some(&odd)).await?;
        assert_eq!((page.status, page.error().as_str()), (400, "invalid_client_metadata"), "{why}: {}", page.summary());
    }
    let read = client.manage(Method::GET, client.token(), None).await?.json()?;
    assert_eq!(read["redirect_uris"], json!([LOOPBACK, WEB]), "nothing has changed");
    Ok(())
}

/// Replaced metadata needs a new consent; a page with the old metadata decides nothing.
///
/// Requirements: B14, R37.
#[tokio::test]
async fn replaced_metadata_needs_a_new_consent() -> Result<()> {
    let (system, gate) = start("").await?;
    let client = Registered::of(&gate, &metadata()).await?;
    let app = gate.configured(client.text("client_id"), WEB);
    let mut jar = Jar::new()?;
    let consent = app.request().open(&mut jar).await?;
    let mut next = metadata();
    next["client_id"] = client.told["client_id"].clone();
    next["client_name"] = json!("Another app");
    assert_eq!(client.manage(Method::PUT, client.token(), Some(&next)).await?.status, 200);
    let page = jar.send(consent.form("approve")?).await?;
    assert!(page.status == 200 && page.body.contains("Please look again"), "{}", page.summary());
    assert!(page.body.contains("Another app"), "{}", page.body);

    let asked = app.request().open(&mut jar).await?;
    next["redirect_uris"] = json!(["https://elsewhere.example/cb"]);
    assert_eq!(client.manage(Method::PUT, client.token(), Some(&next)).await?.status, 200);
    let gone = jar.send(asked.form("approve")?).await?;
    assert_eq!((gone.status, gone.reason()), (400, Some("REDIRECT_URI_UNREGISTERED")));
    assert!(system.upstream(MAIN.id)?.asked().authorizations.is_empty());
    Ok(())
}

/// Requirements: R25, R36.
#[tokio::test]
async fn registration_is_as_open_as_the_operator_says() -> Result<()> {
    let with_token = format!(
        "registration = {{ mode = \"initial-access-token\", initial_access_token_sha256 = [\"{}\"] }}",
        digest(INITIAL)
    );
    let (_system, gate) = start(&with_token).await?;
    let register = |token: Option<&str>| {
        let request = gate.http().post(gate.url("/register")).json(&metadata());
        Page::of(match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    };
    let realm = format!("Bearer realm=\"{}\"", gate.issuer());
    for (token, challenge) in [(None, realm.clone()), (Some("guess"), format!("{realm}, error=\"invalid_token\""))] {
        let page = register(token).await?;
        assert_eq!((page.status, page.header("www-authenticate")), (401, Some(challenge.as_str())), "{token:?}");
        assert!(!page.body.contains("client_id"), "{}", page.body);
    }
    let page = register(Some(INITIAL)).await?;
    assert_eq!(page.status, 201, "{}", page.summary());
    gate.configured(page.json()?["client_id"].as_str().context("an id")?, LOOPBACK).tokens().await?;

    let (_system, gate) = start("registration = { mode = \"off\" }").await?;
    let page = gate.register(&metadata()).await?;
    assert_eq!((page.status, page.error().as_str()), (403, "access_denied"), "{}", page.summary());
    let document = gate.get("/.well-known/oauth-authorization-server").await?.json()?;
    assert!(document.get("registration_endpoint").is_none(), "{document}");
    Ok(())
}

/// The policy applies at registration and at /authorize, also to clients registered before it was tightened.
///
/// Requirements: B33.
#[tokio::test]
async fn redirect_uris_are_restricted_to_the_operators_hosts() -> Result<()> {
    let (mut system, gate) = start("").await?;
    let before = Registered::of(&gate, &metadata()).await?;
    let app = gate.configured(before.text("client_id"), WEB);
    let tokens = app.tokens().await?;
    let mut jar = Jar::new()?;
    let asked = app.request().open(&mut jar).await?;
    let mut elsewhere = Jar::new()?;
    let callback = app.request().callback(&mut elsewhere).await?;
    let exchanges = system.upstream(MAIN.id)?.asked().exchanges.len();

    let config = std::fs::read_to_string(system.control_config())?;
    let strict = config.replace("[issuers.upstream]", "redirect_hosts = [\"*.trusted.example\"]\n[issuers.upstream]");
    std::fs::write(system.control_config(), strict)?;
    system.crash_control().await?;
    let refused = gate.register(&metadata()).await?;
    assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_redirect_uri"), "{}", refused.summary());
    for page in [
        app.request().send(&mut jar).await?,
        jar.send(asked.form("approve")?).await?,
        callback.visit(&mut elsewhere).await?,
    ] {
        assert_eq!((page.status, page.reason()), (400, Some("REDIRECT_URI_FORBIDDEN")), "{}", page.summary());
        assert!(!page.redirects(), "{}", page.summary());
    }
    assert_eq!(system.upstream(MAIN.id)?.asked().exchanges.len(), exchanges, "no code was sent upstream");
    app.refresh(&tokens.refresh_token).tokens().await?;
    Ok(())
}
