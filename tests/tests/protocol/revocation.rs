//! `/revoke` (RFC 7009), as generic OAuth libraries call it: a client revokes its own tokens.

use anyhow::{Context, Result};
use e2e::flow::{App, LOOPBACK, TokenRequest};
use e2e::http::{Jar, Page};
use e2e::site::{ASSERTION_TYPE, ClientKey, Site, SiteResponse};
use e2e::system::{MAIN, Plan, System};
use reqwest::Method;
use serde_json::json;

use crate::assert_error;
use crate::confidential::{self, Confidential};

/// As oauth4webapi and openid-client send it: token, hint, and client authentication.
fn revocation(app: &App, token: &str, hint: &str) -> TokenRequest {
    app.token_request(&[("token", token), ("token_type_hint", hint), ("client_id", &app.client_id)])
}

async fn revoke(request: &TokenRequest) -> Result<Page> {
    let gate = &request.app.gate;
    let mut post = gate.http().post(gate.url("/revoke")).form(&request.form);
    for (name, value) in &request.headers {
        post = post.header(*name, value);
    }
    Page::of(post).await
}

/// RFC 7009 §2.2: 200; clients ignore the body.
#[track_caller]
fn assert_revoked(page: &Page, why: &str) {
    assert_eq!((page.status, page.body.as_str()), (200, ""), "{why}: {}", page.summary());
    assert_eq!(page.header("cache-control"), Some("no-store"), "{why}");
}

/// Revoking either token ends the grant, with any hint.
///
/// Requirements: R30.
#[tokio::test]
async fn revoking_either_token_ends_the_grant_of_a_public_client() -> Result<()> {
    let (_system, gate) = confidential::start().await?;
    let app = gate.app(&[LOOPBACK]).await?;
    for hint in ["refresh_token", "access_token", "id_token"] {
        for which in ["refresh", "access"] {
            let tokens = app.tokens().await?;
            let token = if which == "refresh" { &tokens.refresh_token } else { &tokens.access_token };
            assert_revoked(&revoke(&revocation(&app, token, hint)).await?, which);
            assert_error(&app.refresh(&tokens.refresh_token).send().await?, 400, "invalid_grant");
            assert_revoked(&revoke(&revocation(&app, token, hint)).await?, "once more");
        }
    }
    Ok(())
}

/// Requirements: R30.
#[tokio::test]
async fn clients_with_secrets_and_keys_authenticate_as_at_the_token_endpoint() -> Result<()> {
    let (_system, gate) = confidential::start().await?;
    for method in ["client_secret_basic", "client_secret_post"] {
        let client = Confidential::registered(&gate, method).await?;
        let request = client.app.request();
        let code = request.code(&mut Jar::new()?).await?;
        let tokens = client.post(request.redemption(&code)).tokens().await?;
        let bare = revocation(&client.app, &tokens.refresh_token, "refresh_token");
        assert_error(&revoke(&bare).await?, 401, "invalid_client");
        let refreshed = client.basic(client.app.refresh(&tokens.refresh_token)).tokens().await.context("it lives")?;
        let bare = revocation(&client.app, &refreshed.refresh_token, "refresh_token");
        let proven = if method == "client_secret_basic" { client.basic(bare) } else { client.post(bare) };
        assert_revoked(&revoke(&proven).await?, method);
        let dead = client.basic(client.app.refresh(&refreshed.refresh_token)).send().await?;
        assert_error(&dead, 400, "invalid_grant");
    }

    let site = Site::start().await?;
    let system = System::start(Plan { edges: 1, control_tables: site.outbound(), ..Plan::default() }).await?;
    let gate = system.gate(MAIN.id)?;
    let key = ClientKey::new("key")?;
    site.show("/jwks.json", SiteResponse::json(&key.set(), 60));
    let members = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": site.url("/jwks.json") });
    let app = gate.configured(&site.publish("/client.json", &members), LOOPBACK);
    let signed = |request: TokenRequest| {
        let assertion = key.assertion(&app.client_id, gate.issuer())?;
        Ok::<_, anyhow::Error>(request.and("client_assertion_type", ASSERTION_TYPE).and("client_assertion", &assertion))
    };
    let request = app.request();
    let tokens = signed(request.redemption(&request.code(&mut Jar::new()?).await?))?.tokens().await?;
    let bare = revocation(&app, &tokens.refresh_token, "refresh_token");
    assert_error(&revoke(&bare).await?, 401, "invalid_client");
    assert_revoked(&revoke(&signed(bare)?).await?, "signed");
    assert_error(&signed(app.refresh(&tokens.refresh_token))?.send().await?, 400, "invalid_grant");
    Ok(())
}

/// Tokens of other clients, unknown tokens, and other text end no grant.
///
/// Requirements: R30.
#[tokio::test]
async fn foreign_tokens_are_refused_and_unknown_ones_count_as_revoked() -> Result<()> {
    let (_system, gate) = confidential::start().await?;
    let (app, other) = (gate.app(&[LOOPBACK]).await?, gate.app(&[LOOPBACK]).await?);
    let tokens = app.tokens().await?;
    for foreign in [&tokens.refresh_token, &tokens.access_token] {
        assert_error(&revoke(&revocation(&other, foreign, "refresh_token")).await?, 400, "invalid_grant");
    }
    let forged = format!("{}A", tokens.refresh_token.get(..tokens.refresh_token.len() - 1).context("a token")?);
    let unsigned = tokens.access_token.rsplit_once('.').context("a JWT")?.0.to_owned() + ".AAAA";
    for unknown in ["unknown", "lgr_AAAA", "a.b.c", &unsigned] {
        assert_revoked(&revoke(&revocation(&app, unknown, "access_token")).await?, unknown);
    }
    if forged != tokens.refresh_token {
        assert_revoked(&revoke(&revocation(&app, &forged, "refresh_token")).await?, "one character is another");
    }
    let code = app.request().code(&mut Jar::new()?).await?;
    assert_error(&revoke(&revocation(&app, &code, "authorization_code")).await?, 400, "unsupported_token_type");
    let bare = revocation(&app, &tokens.refresh_token, "refresh_token");
    assert_error(&revoke(&bare.clone().without("token")).await?, 400, "invalid_request");
    assert_error(&revoke(&bare.clone().and("token", "another")).await?, 400, "invalid_request");
    assert_error(&revoke(&bare.clone().with("client_id", "client-unknown")).await?, 401, "invalid_client");
    let json = json!({ "token": tokens.refresh_token, "client_id": app.client_id });
    assert_error(&Page::of(gate.http().post(gate.url("/revoke")).json(&json)).await?, 400, "invalid_request");
    for method in [Method::GET, Method::PUT] {
        let page = Page::of(gate.http().request(method, gate.url("/revoke")).form(&bare.form)).await?;
        assert_eq!((page.status, page.header("allow")), (405, Some("POST")));
    }
    app.refresh(&tokens.refresh_token).tokens().await.context("nothing of it ended anything")?;
    Ok(())
}
