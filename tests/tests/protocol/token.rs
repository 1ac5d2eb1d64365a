//! `/token`: requests and responses.

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use e2e::flow::{App, LOOPBACK, RESOURCE, Stage, TokenRequest};
use e2e::http::{Jar, Page};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{assert_error, assert_no_null_or_fraction};

/// Requirements: A13, A16, R16, R17, R44.
#[tokio::test]
async fn the_tokens_are_what_a_resource_server_can_verify() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let request = app.request();
    let page = request.redemption(&request.code(&mut Jar::new()?).await?).send().await?;
    assert_eq!((page.status, page.header("content-type")), (200, Some("application/json")));
    assert_eq!((page.header("cache-control"), page.header("pragma")), (Some("no-store"), Some("no-cache")), "r16");
    let body = page.json()?;
    assert_no_null_or_fraction(&body);
    assert_eq!((&body["token_type"], &body["scope"]), (&json!("Bearer"), &json!("notes:read")), "r17");
    let lifetime = body["expires_in"].as_i64().context("expires_in")?;
    assert!((1..=3600).contains(&lifetime), "a13");

    let token = body["access_token"].as_str().context("access_token")?;
    let claims = verified(&stage, token).await?;
    assert_no_null_or_fraction(&claims);
    for (name, value) in [
        ("iss", json!(stage.gate.issuer())),
        ("aud", json!(RESOURCE)),
        ("sub", json!("idp|ada")),
        ("client_id", json!(app.client_id)),
        ("scope", json!("notes:read")),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert_eq!(claims["exp"].as_i64().context("exp")? - claims["iat"].as_i64().context("iat")?, lifetime);

    // The refreshed token has the same claims and another id.
    let refreshed = app.refresh(body["refresh_token"].as_str().context("refresh_token")?).tokens().await?;
    let next = verified(&stage, &refreshed.access_token).await?;
    assert_eq!((&next["aud"], &next["sub"]), (&claims["aud"], &claims["sub"]));
    assert_ne!(next["jti"], claims["jti"]);
    stage.stop().await
}

/// Requirements: R4, R7, R12, R16.
#[tokio::test]
async fn the_endpoint_takes_forms_of_two_grant_types_by_post() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let tokens = app.tokens().await?;
    let good = app.refresh(&tokens.refresh_token);
    let url = stage.gate.url("/token");
    for (request, error) in [
        (good.clone().with("grant_type", "password"), "unsupported_grant_type"),
        (good.clone().with("grant_type", "client_credentials"), "unsupported_grant_type"),
        (good.clone().with("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), "unsupported_grant_type"),
        (good.clone().without("grant_type"), "invalid_request"),
        (good.clone().with("grant_type", ""), "invalid_request"),
        (good.clone().and("grant_type", "refresh_token"), "invalid_request"),
        (good.clone().and("client_id", &app.client_id), "invalid_request"),
        (good.clone().and("refresh_token", &tokens.refresh_token), "invalid_request"),
        (good.clone().and("scope", "").and("scope", ""), "invalid_request"),
    ] {
        let page = request.send().await?;
        assert_eq!(page.error(), error, "{:?}: {}", request.form, page.summary());
        assert_error(&page, 400, error);
    }
    let http = stage.gate.http();
    let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(&good.form).finish();
    let as_json: Value = good.form.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    for request in [
        http.post(&url).json(&as_json),
        http.post(&url).header("content-type", "text/plain").body(encoded.clone()),
        http.post(&url).body(encoded.clone()),
        // R12: parameters in the query are ignored; every log would contain them.
        http.post(format!("{url}?{encoded}")).form(&[("client_id", &app.client_id)]),
        http.post(&url).header("content-type", "application/x-www-form-urlencoded").body("grant_type=%ff"),
    ] {
        assert_error(&Page::of(request).await?, 400, "invalid_request");
    }
    for method in [reqwest::Method::GET, reqwest::Method::HEAD, reqwest::Method::PUT] {
        let page = Page::of(http.request(method, format!("{url}?{encoded}"))).await?;
        assert_eq!((page.status, page.header("allow")), (405, Some("POST")), "r12");
        assert_eq!(page.header("cache-control"), Some("no-store"));
    }
    // The failed requests did not consume the token. Unknown and empty parameters are ignored.
    good.and("unheard_of", "1").and("scope", "").tokens().await?;
    stage.stop().await
}

/// A public client identifies itself by its client id, by one method.
///
/// Requirements: A22, R13, R14.
#[tokio::test]
async fn client_authentication_is_one_method_and_fails_as_it_was_tried() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let other = stage.gate.app(&[LOOPBACK]).await?;
    let tokens = app.tokens().await?;
    let good = app.refresh(&tokens.refresh_token);
    let basic = |credentials: &str| format!("Basic {}", BASE64_STANDARD.encode(credentials));
    let by_header = |credentials: &str| good.clone().without("client_id").header("authorization", basic(credentials));
    let id = &app.client_id;

    for (what, request, status, error, challenged) in [
        ("a secret it does not have", good.clone().and("client_secret", "s"), 401, "invalid_client", false),
        ("the same by Basic", by_header(&format!("{id}:s")), 401, "invalid_client", true),
        ("an unknown client by Basic", by_header("client-unknown:"), 401, "invalid_client", true),
        ("an unreadable header", good.clone().header("authorization", "Basic !!"), 401, "invalid_client", true),
        ("an unknown client", good.clone().with("client_id", "client-unknown"), 401, "invalid_client", false),
        ("nobody", good.clone().without("client_id"), 401, "invalid_client", false),
        (
            "two methods",
            good.clone().and("client_secret", "s").header("authorization", basic(&format!("{id}:s"))),
            400,
            "invalid_request",
            false,
        ),
        (
            "two clients",
            good.clone().with("client_id", &other.client_id).header("authorization", basic(&format!("{id}:"))),
            400,
            "invalid_request",
            false,
        ),
    ] {
        let page = request.send().await?;
        assert_eq!((page.status, page.error().as_str()), (status, error), "{what}: {}", page.body);
        assert_error(&page, status, error);
        let challenge = page.header("www-authenticate").unwrap_or_default();
        assert_eq!(challenge.starts_with("Basic realm="), challenged, "{what}: {challenge:?}");
    }
    // The client id alone may stand in the header, in either encoding, and beside the same id in the form.
    let first = by_header(&format!("{id}:")).tokens().await?;
    let encoded: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    let again = app.refresh(&first.refresh_token).header("authorization", basic(&format!("{encoded}:")));
    let second = again.tokens().await?;
    // Other authentication schemes are ignored.
    app.refresh(&second.refresh_token).header("authorization", "Bearer something").tokens().await?;
    stage.stop().await
}

/// The shortest and the longest verifier, with every permitted character.
///
/// Requirements: R5, R6, R38.
#[tokio::test]
async fn verifiers_of_every_length_and_alphabet() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".repeat(2);
    for (verifier, good) in [
        (&all[..43], true),
        (&all[..128], true),
        (&all[..42], false),
        (&all[..129], false),
        ("short", false),
        ("with a space, and long enough to be a verifier", false),
    ] {
        let mut request = app.request();
        verifier.clone_into(&mut request.verifier);
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        let request = request.with("code_challenge", &challenge);
        let code = request.code(&mut Jar::new()?).await?;
        let page = request.redemption(&code).send().await?;
        assert_eq!(page.status == 200, good, "{} characters: {}", verifier.len(), page.summary());
        if !good {
            assert_error(&page, 400, "invalid_grant");
        }
    }
    // The challenge does not work as the verifier, although both were sent over the same connection.
    let request = app.request();
    let code = request.code(&mut Jar::new()?).await?;
    let challenge = request.parameter("code_challenge").context("challenge")?.to_owned();
    assert_error(&request.redemption(&code).with("code_verifier", &challenge).send().await?, 400, "invalid_grant");
    request.redemption(&code).tokens().await?;
    stage.stop().await
}

/// OAuth 2.1 clients omit the redirect URI at the token endpoint; older clients repeat it.
///
/// Requirements: R21.
#[tokio::test]
async fn the_redirect_uri_may_be_left_out_or_be_the_same() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    for change in [
        (|redemption: TokenRequest| redemption.without("redirect_uri")) as fn(TokenRequest) -> TokenRequest,
        |redemption| redemption.with("redirect_uri", ""),
        |redemption| redemption.without("resource"),
        |redemption| redemption.and("resource", RESOURCE),
        |redemption| redemption,
    ] {
        let request = app.request();
        let code = request.code(&mut Jar::new()?).await?;
        assert_eq!(change(request.redemption(&code)).tokens().await?.claims()?["aud"], RESOURCE);
    }
    stage.stop().await
}

/// A refresh may request fewer scopes, and a later one all of them again.
///
/// Requirements: A16, E2, R17, R18.
#[tokio::test]
async fn scopes_shrink_for_one_refresh_and_the_resource_stays() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let first = app.request().with("scope", "notes:read notes:write").tokens(&mut Jar::new()?).await?;
    assert_eq!(first.scope, "notes:read notes:write");
    let narrow = app.refresh(&first.refresh_token).and("scope", "notes:write").tokens().await?;
    assert_eq!((narrow.scope.as_str(), &narrow.claims()?["scope"]), ("notes:write", &json!("notes:write")));
    let wide = app.refresh(&narrow.refresh_token).without("resource").tokens().await?;
    assert_eq!(wide.scope, "notes:read notes:write");
    assert_eq!(wide.claims()?["aud"], RESOURCE);
    let with_offline = app.refresh(&wide.refresh_token).and("scope", "notes:read offline_access").tokens().await?;
    assert_eq!(with_offline.scope, "notes:read");
    stage.stop().await
}

/// The registration, and no scope, decides if a client gets refresh tokens.
///
/// Requirements: A23.
#[tokio::test]
async fn a_refresh_token_follows_from_the_registration() -> Result<()> {
    let stage = Stage::start("").await?;
    let refreshing = stage.gate.app(&[LOOPBACK]).await?;
    let tokens = refreshing.tokens().await?;
    let plain = registered(&stage, json!({ "grant_types": ["authorization_code"] })).await?;
    let request = plain.request().with("scope", "notes:read offline_access");
    let page = request.redemption(&request.code(&mut Jar::new()?).await?).send().await?;
    assert_eq!(page.status, 200);
    assert!(page.json()?.get("refresh_token").is_none(), "{}", page.body);
    assert_error(&plain.refresh(&tokens.refresh_token).send().await?, 400, "unauthorized_client");
    refreshing.refresh(&tokens.refresh_token).tokens().await?;
    stage.stop().await
}

/// With two resources, a request names one, and the token is for it.
///
/// Requirements: A16, R42.
#[tokio::test]
async fn one_token_is_for_one_resource() -> Result<()> {
    let resource = |name: &str, uri: &str| {
        let scope =
            format!("[[resources.scopes]]\nname = \"{name}:read\"\ndescription = \"Read {name}\"\ndefault = true\n");
        format!("[[resources]]\nuri = \"{uri}\"\nname = \"{name}\"\n{scope}")
    };
    let mail = "https://mail.example/mcp";
    let config = format!("{}{}", resource("notes", RESOURCE), resource("mail", mail));
    let stage = Stage::start_with_resources(&config).await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    for (request, scope) in [(app.request(), "notes:read"), (app.request().with("resource", mail), "mail:read")] {
        let code = request.code(&mut jar).await?;
        let other = if scope == "mail:read" { RESOURCE } else { mail };
        let asked = request.parameter("resource").context("resource")?;
        let redemption = request.redemption(&code).with("resource", asked);
        assert_error(&redemption.clone().with("resource", other).send().await?, 400, "invalid_target");
        let tokens = redemption.tokens().await?;
        assert_eq!((&tokens.claims()?["aud"], tokens.scope.as_str()), (&json!(asked), scope));
        let refresh = app.refresh(&tokens.refresh_token).with("resource", asked);
        assert_error(&refresh.clone().with("resource", other).send().await?, 400, "invalid_target");
        assert_error(&refresh.clone().and("resource", other).send().await?, 400, "invalid_target");
        assert_eq!(refresh.without("resource").tokens().await?.claims()?["aud"], *asked);
    }
    for request in [
        app.request().without("resource"),
        app.request().and("resource", mail),
        app.request().with("scope", "mail:read"),
    ] {
        let answer = e2e::flow::Answer::of(&request.send(&mut jar).await?)?;
        let error = if request.parameter("scope").is_some() { "invalid_scope" } else { "invalid_target" };
        crate::assert_answers(&answer, error, request.parameter("state"), stage.gate.issuer());
    }
    stage.stop().await
}

async fn registered(stage: &Stage, mut metadata: Value) -> Result<App> {
    metadata["redirect_uris"] = json!([LOOPBACK]);
    let registered = stage.gate.register(&metadata).await?.json()?;
    Ok(stage.gate.configured(registered["client_id"].as_str().context("client_id")?, LOOPBACK))
}

/// Verifies by the published keys, as a resource server does (RFC 9068 §4).
async fn verified(stage: &Stage, token: &str) -> Result<Value> {
    let header = jsonwebtoken::decode_header(token)?;
    assert_eq!((header.typ.as_deref(), header.alg), (Some("at+jwt"), Algorithm::ES256));
    let keys: JwkSet = serde_json::from_str(&stage.gate.get("/jwks.json").await?.body)?;
    let key = keys.find(header.kid.as_deref().context("kid")?).context("a published key")?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[RESOURCE]);
    validation.set_issuer(&[stage.gate.issuer()]);
    validation.set_required_spec_claims(&["iss", "aud", "sub", "exp", "iat", "jti", "client_id"]);
    Ok(jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(key)?, &validation)?.claims)
}
