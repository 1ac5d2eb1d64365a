//! Confidential clients, registered or configured, at every endpoint that authenticates clients.

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use e2e::flow::{App, Gate, LOOPBACK, TokenRequest};
use e2e::http::{Jar, Page};
use e2e::system::{MAIN, Plan, System, digest};
use serde_json::json;

const STATIC_CLIENT: &str = "static-app";
/// With characters that form encoding changes: an operator may choose any secret.
const STATIC_SECRET: &str = "a secret: 100% + more";

pub(crate) struct Confidential {
    pub(crate) app: App,
    pub(crate) secret: String,
}

impl Confidential {
    /// A client registered for `method`.
    pub(crate) async fn registered(gate: &Gate, method: &str) -> Result<Self> {
        let metadata = json!({
            "redirect_uris": [LOOPBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": method,
        });
        let page = gate.register(&metadata).await?;
        let registered = page.json()?;
        let text = |name: &str| Ok::<_, anyhow::Error>(registered[name].as_str().context(page.summary())?.to_owned());
        Ok(Self { app: gate.configured(&text("client_id")?, LOOPBACK), secret: text("client_secret")? })
    }

    /// Sends id and secret unencoded, as the TypeScript SDK does.
    pub(crate) fn basic(&self, request: TokenRequest) -> TokenRequest {
        self.header(request, &self.app.client_id, &self.secret)
    }

    /// Form-encodes id and secret first (RFC 6749 §2.3.1), as the Python SDK does.
    fn basic_encoded(&self, request: TokenRequest) -> TokenRequest {
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        self.header(request, &encoded(&self.app.client_id), &encoded(&self.secret))
    }

    pub(crate) fn post(&self, request: TokenRequest) -> TokenRequest {
        request.and("client_secret", &self.secret)
    }

    fn header(&self, request: TokenRequest, id: &str, secret: &str) -> TokenRequest {
        let credentials = BASE64_STANDARD.encode(format!("{id}:{secret}"));
        request.without("client_id").header("authorization", format!("Basic {credentials}"))
    }
}

pub(crate) async fn start() -> Result<(System, Gate)> {
    let client = format!(
        "[[issuers.clients]]\nid = \"{STATIC_CLIENT}\"\nname = \"A static app\"\nredirect_uris = [\"{LOOPBACK}\"]\n\
         secret_sha256 = \"{}\"\n",
        digest(STATIC_SECRET)
    );
    let system = System::start(Plan { edges: 1, issuer_tables: client, ..Plan::default() }).await?;
    let gate = system.gate(MAIN.id)?;
    Ok((system, gate))
}

/// Requirements: A1, A9, R13, R14.
#[tokio::test]
async fn secrets_are_understood_in_every_spelling() -> Result<()> {
    let (_system, gate) = start().await?;
    let configured =
        || Confidential { app: gate.configured(STATIC_CLIENT, LOOPBACK), secret: STATIC_SECRET.to_owned() };
    let clients = [
        Confidential::registered(&gate, "client_secret_basic").await?,
        Confidential::registered(&gate, "client_secret_post").await?,
        configured(),
    ];
    for client in clients {
        let request = client.app.request();
        let redemption = request.redemption(&request.code(&mut Jar::new()?).await?);
        let tokens = client.basic_encoded(redemption).tokens().await.context("encoded Basic")?;
        let tokens = client.post(client.app.refresh(&tokens.refresh_token)).tokens().await.context("post")?;
        if client.app.client_id != STATIC_CLIENT {
            // Unencoded values work too: our ids and secrets contain no character that the encoding
            // changes.
            client.basic(client.app.refresh(&tokens.refresh_token)).tokens().await.context("raw Basic")?;
        }
    }
    Ok(())
}

/// Each is a valid request with one thing changed; none consumes its code or token.
///
/// Requirements: R13, R14, R25.
#[tokio::test]
async fn a_wrong_secret_is_a_failed_authentication_and_nothing_else() -> Result<()> {
    let (_system, gate) = start().await?;
    let client = Confidential::registered(&gate, "client_secret_basic").await?;
    let other = Confidential::registered(&gate, "client_secret_basic").await?;
    let request = client.app.request();
    let redemption = request.redemption(&request.code(&mut Jar::new()?).await?);
    let wrong = |secret: &str| Confidential { app: client.app.clone(), secret: secret.to_owned() };
    let short = wrong(client.secret.get(..client.secret.len() - 1).context("a secret")?);
    let anothers = wrong(&other.secret);
    for (why, request, challenged) in [
        ("no secret", redemption.clone(), false),
        ("half of it", short.post(redemption.clone()), false),
        ("half of it by Basic", short.basic(redemption.clone()), true),
        ("another client's", anothers.post(redemption.clone()), false),
        ("another client's by Basic", anothers.basic(redemption.clone()), true),
        ("an empty one by Basic", wrong("").basic(redemption.clone()), true),
    ] {
        let page = request.send().await?;
        assert_eq!((page.status, page.error().as_str()), (401, "invalid_client"), "{why}: {}", page.summary());
        let challenge = page.header("www-authenticate").map(|header| header.starts_with("Basic realm="));
        assert_eq!(challenge, challenged.then_some(true), "{why}");
        assert_eq!(page.header("cache-control"), Some("no-store"), "{why}");
    }
    let both = client.basic(client.post(redemption.clone())).send().await?;
    assert_eq!((both.status, both.error().as_str()), (400, "invalid_request"), "{}", both.summary());
    let tokens = client.basic(redemption).tokens().await?;

    // R20: a client that authenticates as itself cannot use another client's token.
    let stolen = client.app.refresh(&tokens.refresh_token).with("client_id", &other.app.client_id);
    let page: Page = other.post(stolen).send().await?;
    assert_eq!((page.status, page.error().as_str()), (400, "invalid_grant"), "{}", page.summary());
    client.post(client.app.refresh(&tokens.refresh_token)).tokens().await?;
    Ok(())
}
