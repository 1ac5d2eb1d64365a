//! The demo provider over real sockets, with a test clock.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use lychgate_demo::clock::Clock;
use lychgate_demo::provider::{Config, Provider};
use lychgate_process::config;
use reqwest::StatusCode;
use serde_json::json;
use tempfile::TempDir;

use crate::demo_provider::{Browser, CALLBACK, Demo, Page, TestClock, granted, param, redemption, refused, settings};

#[tokio::test]
async fn client_learns_about_the_person_who_allows_it() {
    let provider = Demo::start().await;
    let discovery = provider.json("/.well-known/openid-configuration").await;
    assert_eq!(discovery["issuer"], provider.issuer);
    assert_eq!(discovery["authorization_response_iss_parameter_supported"], true);
    assert_eq!(discovery["code_challenge_methods_supported"], json!(["S256"]));

    let mut browser = provider.browser();
    let login = browser.open(&provider.authorize(&[])).await;
    assert!(login.body.contains("Demo identity provider — made-up users, do not use in production"), "{}", login.body);
    let consent = browser.submit(&login, "login", "ada").await;
    assert!(consent.body.contains("Ada Example"), "{}", consent.body);
    let returned = browser.submit(&consent, "decision", "allow").await.returned();
    assert!(returned.as_str().starts_with(&format!("{CALLBACK}&code=")), "{returned}");
    assert_eq!(param(&returned, "state").as_deref(), Some("a state"));
    assert_eq!(param(&returned, "iss"), Some(provider.issuer.clone()));

    let tokens = granted(provider.redeem(&param(&returned, "code").unwrap(), &[]).await).await;
    let claims = provider.id_token(&tokens).await;
    assert_eq!(claims["sub"], "1001");
    assert_eq!(claims["nonce"], "a nonce");
    assert_eq!(claims["auth_time"], provider.clock.now());
    assert_eq!(claims["preferred_username"], "ada");
    let person = json!({
        "sub": "1001", "name": "Ada Example", "preferred_username": "ada",
        "email": "ada@example.com", "email_verified": true,
    });
    assert_eq!(granted(provider.userinfo(&tokens).await).await, person);

    let refreshed = granted(provider.refresh(&tokens).await).await;
    assert_eq!(provider.id_token(&refreshed).await["sub"], "1001");
    assert_ne!(refreshed["refresh_token"], tokens["refresh_token"]);
}

#[tokio::test]
async fn remembered_consent_skips_the_pages() {
    let provider = Demo::start().await;
    let mut browser = provider.signed_in("ada").await;

    let returned = browser.open(&provider.authorize(&[])).await.returned();
    assert!(param(&returned, "code").is_some(), "{returned}");

    let other_client = browser.open(&provider.authorize(&[("client_id", "other")])).await;
    assert!(other_client.is_consent_page(), "consent is for one client");
    let wider = browser.open(&provider.authorize(&[("scope", "openid profile email offline_access")])).await;
    assert!(wider.is_consent_page(), "consent is for what was shown");
    let login = browser.open(&provider.authorize(&[("prompt", "login")])).await;
    assert!(browser.submit(&login, "login", "bo").await.is_consent_page(), "consent is one person's");
    let login = provider.browser().open(&provider.authorize(&[])).await;
    assert!(login.is_login_page(), "consent is in one browser");
}

#[tokio::test]
async fn every_request_asks_if_consents_are_not_remembered() {
    let provider = Demo::with("remember_consent = false").await;
    let mut browser = provider.signed_in("ada").await;
    assert!(browser.open(&provider.authorize(&[])).await.is_consent_page());
}

#[tokio::test]
async fn denial_is_returned_and_not_remembered() {
    let provider = Demo::start().await;
    let mut browser = provider.browser();
    let login = browser.open(&provider.authorize(&[])).await;
    let consent = browser.submit(&login, "login", "ada").await;
    let returned = browser.submit(&consent, "decision", "deny").await.returned();
    assert_eq!(param(&returned, "error").as_deref(), Some("access_denied"));
    assert_eq!(param(&returned, "iss"), Some(provider.issuer.clone()));
    assert!(browser.open(&provider.authorize(&[])).await.is_consent_page());
}

#[tokio::test]
async fn code_works_once_and_a_replay_ends_its_grant() {
    let provider = Demo::start().await;
    let code = provider.code().await;
    let tokens = granted(provider.redeem(&code, &[]).await).await;
    refused(provider.redeem(&code, &[]).await, 400, "invalid_grant").await;
    refused(provider.userinfo(&tokens).await, 401, "invalid_token").await;
    refused(provider.refresh(&tokens).await, 400, "invalid_grant").await;
}

#[tokio::test]
async fn code_is_bound_to_its_request() {
    let provider = Demo::start().await;
    let code = provider.code().await;
    let other_verifier = "another-verifier-that-is-long-enough-to-be-one";
    for (changed, error) in [
        (("code_verifier", other_verifier), "invalid_grant"),
        (("code_verifier", ""), "invalid_grant"),
        (("redirect_uri", "http://127.0.0.1:1/callback/main"), "invalid_grant"),
        (("redirect_uri", ""), "invalid_grant"),
        (("code", "another"), "invalid_grant"),
        (("grant_type", "password"), "unsupported_grant_type"),
    ] {
        refused(provider.redeem(&code, &[changed]).await, 400, error).await;
    }
    let other_client = provider.token(Some(("other", "other secret")), &redemption(&code)).await;
    refused(other_client, 400, "invalid_grant").await;
    granted(provider.redeem(&code, &[]).await).await;
}

#[tokio::test]
async fn verifier_without_a_challenge_is_refused() {
    let provider = Demo::start().await;
    let mut browser = provider.signed_in("ada").await;
    let url = provider.authorize(&[("code_challenge", ""), ("code_challenge_method", "")]);
    let code = param(&browser.open(&url).await.returned(), "code").unwrap();
    refused(provider.redeem(&code, &[]).await, 400, "invalid_grant").await;
    granted(provider.redeem(&code, &[("code_verifier", "")]).await).await;
}

#[tokio::test]
async fn code_expires() {
    let provider = Demo::start().await;
    let code = provider.code().await;
    provider.clock.advance(60);
    refused(provider.redeem(&code, &[]).await, 400, "invalid_grant").await;
}

#[tokio::test]
async fn client_authenticates_by_header_or_form() {
    let provider = Demo::start().await;
    let code = provider.code().await;
    let body = redemption(&code);
    refused(provider.token(Some(("gateway", "not it")), &body).await, 401, "invalid_client").await;
    refused(provider.token(Some(("nobody", "s3cret+&= é")), &body).await, 401, "invalid_client").await;
    refused(provider.token(None, &body).await, 401, "invalid_client").await;
    let mut posted = body.clone();
    posted.extend([("client_id", "gateway".to_owned()), ("client_secret", "s3cret+&= é".to_owned())]);
    refused(provider.token(Some(("gateway", "s3cret+&= é")), &posted).await, 400, "invalid_request").await;
    granted(provider.token(None, &posted).await).await;
}

#[tokio::test]
async fn refresh_token_works_once_and_a_replay_ends_the_grant() {
    let provider = Demo::start().await;
    let first = granted(provider.redeem(&provider.code().await, &[]).await).await;
    let second = granted(provider.refresh(&first).await).await;
    refused(provider.refresh(&first).await, 400, "invalid_grant").await;
    refused(provider.refresh(&second).await, 400, "invalid_grant").await;
    refused(provider.userinfo(&second).await, 401, "invalid_token").await;
}

/// RFC 7009: revoking any token of a grant ends that grant.
#[tokio::test]
async fn revoking_a_token_ends_its_grant_and_no_other() {
    let provider = Demo::start().await;
    let discovery = provider.json("/.well-known/openid-configuration").await;
    assert_eq!(discovery["revocation_endpoint"], format!("{}/revoke", provider.issuer));
    let (gateway, other) = (("gateway", "s3cret+&= é"), ("other", "other secret"));
    for kind in ["access_token", "refresh_token"] {
        let tokens = granted(provider.redeem(&provider.code().await, &[]).await).await;
        let others = granted(provider.redeem(&provider.code().await, &[]).await).await;
        let token = tokens[kind].as_str().unwrap();
        refused(provider.revoke(gateway, &[]).await, 400, "invalid_request").await;
        refused(provider.revoke(("gateway", "wrong"), &[("token", token)]).await, 401, "invalid_client").await;
        refused(provider.revoke(other, &[("token", token)]).await, 400, "invalid_grant").await;
        granted(provider.userinfo(&tokens).await).await;
        // Revoking again, or an unknown token, succeeds.
        for token in [token, token, "unknown"] {
            granted(provider.revoke(gateway, &[("token", token), ("token_type_hint", "anything")]).await).await;
        }
        refused(provider.userinfo(&tokens).await, 401, "invalid_token").await;
        refused(provider.refresh(&tokens).await, 400, "invalid_grant").await;
        granted(provider.userinfo(&others).await).await;
        granted(provider.refresh(&others).await).await;
    }
}

#[tokio::test]
async fn access_token_expires() {
    let provider = Demo::start().await;
    let tokens = granted(provider.redeem(&provider.code().await, &[]).await).await;
    provider.clock.advance(tokens["expires_in"].as_u64().unwrap());
    refused(provider.userinfo(&tokens).await, 401, "invalid_token").await;
}

#[tokio::test]
async fn restart_keeps_only_the_signing_key() {
    let provider = Demo::start().await;
    let mut browser = provider.signed_in("ada").await;
    let keys = provider.json("/jwks").await;
    let mode = fs::metadata(provider.directory.path().join("key.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let restarted = provider.restart().await;
    assert_eq!(restarted.json("/jwks").await, keys);
    assert!(browser.open(&restarted.authorize(&[])).await.is_login_page());
}

#[tokio::test]
async fn prompt_and_max_age_are_honoured() {
    let provider = Demo::start().await;
    let error = |page: Page| param(&page.returned(), "error");
    let none = provider.authorize(&[("prompt", "none")]);
    assert_eq!(error(provider.browser().open(&none).await).as_deref(), Some("login_required"));

    let mut browser = provider.signed_in("ada").await;
    let none_for_other = provider.authorize(&[("prompt", "none"), ("client_id", "other")]);
    assert_eq!(error(browser.open(&none_for_other).await).as_deref(), Some("consent_required"));
    assert!(param(&browser.open(&none).await.returned(), "code").is_some());
    assert!(browser.open(&provider.authorize(&[("prompt", "consent")])).await.is_consent_page());
    let both = provider.authorize(&[("prompt", "none login")]);
    assert_eq!(error(browser.open(&both).await).as_deref(), Some("invalid_request"));

    provider.clock.advance(100);
    assert!(param(&browser.open(&provider.authorize(&[("max_age", "100")])).await.returned(), "code").is_some());
    let login = browser.open(&provider.authorize(&[("max_age", "99")])).await;
    assert!(login.is_login_page());
    let returned = browser.submit(&login, "login", "ada").await.returned();
    let tokens = granted(provider.redeem(&param(&returned, "code").unwrap(), &[]).await).await;
    assert_eq!(provider.id_token(&tokens).await["auth_time"], provider.clock.now());

    let login = browser.open(&provider.authorize(&[("prompt", "login"), ("max_age", "0")])).await;
    assert!(login.is_login_page());
    assert!(param(&browser.submit(&login, "login", "ada").await.returned(), "code").is_some());
}

#[tokio::test]
async fn form_is_accepted_only_where_it_was_shown() {
    let provider = Demo::start().await;
    let mut victim = provider.browser();
    let mut attacker = provider.browser();
    let victims = victim.open(&provider.authorize(&[])).await;
    let attackers = attacker.open(&provider.authorize(&[])).await;

    let forged = Page { form_token: attackers.form_token.clone(), ..victims.clone() };
    assert_eq!(victim.submit(&forged, "login", "ada").await.status, StatusCode::BAD_REQUEST);
    let elsewhere = Page { action: victims.action.replace("nonce", "other"), ..victims.clone() };
    assert_eq!(victim.submit(&elsewhere, "login", "ada").await.status, StatusCode::BAD_REQUEST);
    let as_consent = Page { action: victims.action.replace("/login", "/consent"), ..victims.clone() };
    assert_eq!(victim.submit(&as_consent, "decision", "allow").await.status, StatusCode::BAD_REQUEST);
    let mut without_cookie = provider.browser();
    assert_eq!(without_cookie.submit(&victims, "login", "ada").await.status, StatusCode::BAD_REQUEST);
    assert!(victim.submit(&victims, "login", "ada").await.is_consent_page());
}

#[tokio::test]
async fn login_starts_a_session_with_a_new_id() {
    let provider = Demo::start().await;
    let mut browser = provider.browser();
    let login = browser.open(&provider.authorize(&[])).await;
    let before = Browser { cookie: browser.cookie.clone(), ..provider.browser() };
    let consent = browser.submit(&login, "login", "ada").await;
    browser.submit(&consent, "decision", "allow").await.returned();
    let mut planted = before;
    assert!(planted.open(&provider.authorize(&[])).await.is_login_page());
}

#[tokio::test]
async fn invalid_client_or_redirect_uri_is_not_redirected_to() {
    let provider = Demo::start().await;
    for changed in [
        ("client_id", "nobody"),
        ("redirect_uri", "http://127.0.0.1:1/callback"),
        ("redirect_uri", "HTTP://127.0.0.1:1/callback/main?kept=1"),
        ("redirect_uri", ""),
    ] {
        let page = provider.browser().open(&provider.authorize(&[changed])).await;
        assert_eq!((page.status, page.location), (StatusCode::BAD_REQUEST, None), "{changed:?}");
    }
    let repeated = format!("{}&state=2", provider.authorize(&[]));
    assert_eq!(provider.browser().open(&repeated).await.status, StatusCode::BAD_REQUEST);

    for (changed, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("response_mode", "fragment"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("prompt", "never"), "invalid_request"),
        (("max_age", "soon"), "invalid_request"),
        (("request", "e30."), "request_not_supported"),
        (("request_uri", "https://example.com/"), "request_uri_not_supported"),
    ] {
        let returned = provider.browser().open(&provider.authorize(&[changed])).await.returned();
        assert_eq!(param(&returned, "error").as_deref(), Some(error), "{changed:?}");
        assert_eq!(param(&returned, "iss"), Some(provider.issuer.clone()));
    }
}

#[tokio::test]
async fn it_refuses_to_start_on_a_public_address() {
    for (changed, key) in [
        (("listen = \"127.0.0.1:0\"", "listen = \"0.0.0.0:0\""), "listen"),
        (("issuer = \"http://127.0.0.1:1\"", "issuer = \"http://example.com\""), "issuer"),
        (("issuer = \"http://127.0.0.1:1\"", "issuer = \"http://127.0.0.1:1/\""), "issuer"),
        (("id = \"other\"", "id = \"gateway\""), "clients[1].id"),
    ] {
        let directory = TempDir::new().unwrap();
        let text = settings(&directory, "http://127.0.0.1:1", "").replace(changed.0, changed.1);
        let config: Config = config::parse(&text).unwrap();
        let error = Provider::new(config, Arc::new(TestClock::default())).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{key}: ")), "{error}");
    }
}

#[test]
fn example_configuration_parses() {
    config::parse::<Config>(include_str!("../../provider.example.toml")).unwrap();
}
