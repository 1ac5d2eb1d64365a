//! Metadata documents of real clients, and the flows of those clients.

use anyhow::{Context, Result};
use e2e::flow::{App, Gate, TokenRequest};
use e2e::http::Jar;
use e2e::site::{ASSERTION_TYPE, ClientKey, Site, SiteResponse};
use e2e::system::{MAIN, Plan, System};
use serde_json::{Value, json};

use crate::assert_error;

async fn start() -> Result<(Site, System, Gate)> {
    let site = Site::start().await?;
    let system = System::start(Plan { edges: 1, control_tables: site.outbound(), ..Plan::default() }).await?;
    let gate = system.gate(MAIN.id)?;
    Ok((site, system, gate))
}

/// Two loopback URIs without a port, unsupported grant types, no `application_type`; each flow uses a random port,
/// and several processes share one refresh token.
///
/// Requirements: D6, D16.
#[tokio::test]
async fn claude_codes_document_and_its_random_ports() -> Result<()> {
    let (site, _system, gate) = start().await?;
    let id = site.publish(
        "/oauth/claude-code-client-metadata",
        &json!({
            "client_name": "Claude Code",
            "client_uri": "https://claude.ai",
            "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
            "grant_types": [
                "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer",
                "urn:ietf:params:oauth:grant-type:device_code"
            ],
        }),
    );
    for uri in ["http://localhost:54545/callback", "http://127.0.0.1:3118/callback"] {
        let app = gate.configured(&id, uri);
        let request = app.request().with("scope", "profile:read offline_access").with("prompt", "consent");
        let tokens = request.tokens(&mut Jar::new()?).await.context(uri)?;
        assert_eq!(tokens.scope, "profile:read");
        let (one, other) = (app.refresh(&tokens.refresh_token), app.refresh(&tokens.refresh_token));
        assert_eq!(one.tokens().await?.refresh_token, other.tokens().await?.refresh_token, "they race");
    }
    Ok(())
}

const DOCUMENT: &str = "/oauth/client-metadata.json";
const KEYS: &str = "/oauth/jwks.json";
const REDIRECT: &str = "https://chatgpt.com/connector/oauth/callback";

/// Declares `private_key_jwt` and lists `none` beside it, signs with RS256, sends `resource` twice, expects `iss`.
fn chatgpt(site: &Site, methods: &Value) -> Result<(String, ClientKey)> {
    let key = ClientKey::new("chatgpt-1")?;
    site.show(KEYS, SiteResponse::json(&key.set(), 60));
    let id = site.publish(
        DOCUMENT,
        &json!({
            "client_name": "ChatGPT",
            "client_uri": "https://chatgpt.com",
            "redirect_uris": [REDIRECT],
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_methods_supported": methods,
            "token_endpoint_auth_signing_alg": "RS256",
            "jwks_uri": site.url(KEYS),
        }),
    );
    Ok((id, key))
}

fn signed(request: &TokenRequest, assertion: &str) -> TokenRequest {
    request.clone().and("client_assertion_type", ASSERTION_TYPE).and("client_assertion", assertion)
}

/// A token request that is complete except for client authentication.
async fn redemption(app: &App) -> Result<TokenRequest> {
    let resource = app.gate.resource().to_owned();
    let (request, mut jar) = (app.request().and("resource", &resource), Jar::new()?);
    let answer = request.callback(&mut jar).await?.finish(&mut jar).await?;
    assert_eq!(answer.parameter("iss").as_deref(), Some(app.gate.issuer()), "it demands exactly one");
    Ok(request.redemption(&answer.code()?).and("resource", &resource))
}

/// Requirements: D9, D15.
#[tokio::test]
async fn chatgpts_document_completes_signed_and_unsigned() -> Result<()> {
    let (site, _system, gate) = start().await?;
    let (id, key) = chatgpt(&site, &json!(["private_key_jwt", "none"]))?;
    let app = gate.configured(&id, REDIRECT);
    let fresh = || key.assertion(&id, gate.issuer());

    let tokens = signed(&redemption(&app).await?, &fresh()?).tokens().await.context("signed")?;
    let refresh = app.refresh(&tokens.refresh_token).and("resource", gate.resource());
    assert_error(&refresh.send().await?, 400, "invalid_grant");
    signed(&refresh, &fresh()?).without("client_id").tokens().await.context("client_id may be left out")?;
    assert_eq!((site.asked(DOCUMENT), site.asked(KEYS)), (1, 1), "D9: keys are kept like documents");

    let tokens = redemption(&app).await?.tokens().await.context("unsigned")?;
    app.refresh(&tokens.refresh_token).and("resource", gate.resource()).tokens().await?;
    Ok(())
}

/// Each is the signed request with one thing changed; none consumes the code.
///
/// Requirements: D15, R45.
#[tokio::test]
async fn a_signature_counts_once_and_for_its_own_client_only() -> Result<()> {
    let (site, _system, gate) = start().await?;
    let (id, key) = chatgpt(&site, &json!(["private_key_jwt"]))?;
    let app = gate.configured(&id, REDIRECT);
    let redemption = redemption(&app).await?;
    let with = |name: &str, value: Value| {
        let mut claims = ClientKey::claims(&id, gate.issuer());
        claims[name] = value;
        key.sign(&claims)
    };
    let good = key.assertion(&id, gate.issuer())?;
    let payload = good.split('.').nth(1).context("a payload")?;
    for (why, request) in [
        ("unsigned, which this document does not offer", redemption.clone()),
        (
            "another key under the same kid",
            signed(&redemption, &ClientKey::new("chatgpt-1")?.assertion(&id, gate.issuer())?),
        ),
        ("alg none", signed(&redemption, &format!("eyJhbGciOiJub25lIn0.{payload}."))),
        ("for the token endpoint", signed(&redemption, &with("aud", json!(gate.url("/token")))?)),
        ("for another issuer", signed(&redemption, &with("aud", json!("https://other.example"))?)),
        ("run out", signed(&redemption, &with("exp", json!(1))?)),
        ("without an id", signed(&redemption, &with("jti", Value::Null)?)),
        ("by another issuer", signed(&redemption, &with("iss", json!("https://other.example"))?)),
        ("of another type", signed(&redemption, &good).with("client_assertion_type", "urn:example:saml")),
    ] {
        let page = request.send().await?;
        assert_eq!((page.status, page.error().as_str()), (401, "invalid_client"), "{why}: {}", page.summary());
    }
    let both = signed(&redemption, &good).and("client_secret", "s").send().await?;
    assert_error(&both, 400, "invalid_request");

    let once = key.assertion(&id, gate.issuer())?;
    let tokens = signed(&redemption, &once).tokens().await?;
    let again = signed(&app.refresh(&tokens.refresh_token), &once).send().await?;
    assert_error(&again, 401, "invalid_client");
    signed(&app.refresh(&tokens.refresh_token), &key.assertion(&id, gate.issuer())?).tokens().await?;
    Ok(())
}
