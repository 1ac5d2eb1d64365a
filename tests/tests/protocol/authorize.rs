//! `/authorize` and the authorization response.

use anyhow::{Context, Result};
use e2e::flow::{Answer, AuthorizationRequest, LOOPBACK, Stage, WEB};
use e2e::http::{Jar, Page, Visit};

use crate::{assert_answers, assert_error};

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Each is the valid request with one thing changed.
///
/// Requirements: A6, A16, A26, R4, R5, R7, R42, R47.
#[tokio::test]
async fn every_check_has_its_own_error() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let good = || app.request();
    good().open(&mut jar).await?;
    let long = "x".repeat(7000);
    for (request, error) in [
        (good().without("response_type"), "invalid_request"),
        (good().with("response_type", "token"), "unsupported_response_type"),
        (good().with("response_type", "id_token"), "unsupported_response_type"),
        (good().with("response_type", "code token"), "unsupported_response_type"),
        (good().with("response_mode", "form_post"), "invalid_request"),
        (good().with("response_mode", "fragment"), "invalid_request"),
        (good().without("code_challenge"), "invalid_request"),
        (good().with("code_challenge", ""), "invalid_request"),
        (good().without("code_challenge_method"), "invalid_request"),
        (good().with("code_challenge_method", "plain"), "invalid_request"),
        (good().with("code_challenge_method", "s256"), "invalid_request"),
        (good().with("code_challenge", &CHALLENGE[1..]), "invalid_request"),
        (good().with("code_challenge", &format!("{CHALLENGE}=")), "invalid_request"),
        (good().with("resource", "https://other.example/mcp"), "invalid_target"),
        (good().with("resource", "notes"), "invalid_target"),
        (good().with("resource", "https://notes.example/mcp#x"), "invalid_target"),
        (good().and("resource", "https://other.example/mcp"), "invalid_target"),
        (good().with("scope", "admin"), "invalid_scope"),
        (good().with("scope", "notes:read admin"), "invalid_scope"),
        (good().with("scope", "\"notes:read\""), "invalid_scope"),
        (good().with("scope", "*"), "invalid_scope"),
        (good().with("prompt", "none"), "interaction_required"),
        (good().with("prompt", "login none"), "interaction_required"),
        (good().with("request", "eyJ.e30."), "request_not_supported"),
        (good().with("request_uri", "https://attacker.example/ro"), "request_uri_not_supported"),
        (good().and("scope", "notes:read").and("scope", "notes:read"), "invalid_request"),
        (good().and("response_type", "code"), "invalid_request"),
        (good().and("code_challenge_method", "S256"), "invalid_request"),
        (good().with("state", &long), "invalid_request"),
    ] {
        let answer =
            Answer::of(&request.send(&mut jar).await?).with_context(|| format!("{error}: {}", request.url()))?;
        assert!(answer.uri.as_str().starts_with(LOOPBACK), "{}", answer.uri);
        assert_answers(&answer, error, request.parameter("state"), stage.gate.issuer());
    }
    // With two `state` parameters neither can be trusted to be the client's.
    let twice = good().and("state", "other");
    assert_answers(&Answer::of(&twice.send(&mut jar).await?)?, "invalid_request", None, stage.gate.issuer());
    assert_eq!(stage.upstream.asked().authorizations.len(), 0);
    stage.stop().await
}

/// Requirements: E6, E7, R7, R42.
#[tokio::test]
async fn what_real_clients_add_or_leave_out_is_no_error() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let good = || app.request();
    for (request, scope) in [
        (good(), "notes:read"),
        (good().with("scope", ""), "notes:read"),
        (good().with("scope", "offline_access"), "notes:read"),
        (good().with("scope", "notes:write"), "notes:write"),
        (good().with("scope", "notes:write offline_access notes:read notes:read"), "notes:read notes:write"),
        (good().with("prompt", "consent"), "notes:read"),
        (good().with("prompt", "login consent select_account"), "notes:read"),
        (good().with("response_mode", "query"), "notes:read"),
        (good().with("unheard_of", "1").and("unheard_of", "2"), "notes:read"),
        (good().with("nonce", "n").with("max_age", "0").with("login_hint", "ada"), "notes:read"),
        (good().without("resource"), "notes:read"),
        (good().with("resource", ""), "notes:read"),
        (good().with("resource", "HTTPS://NOTES.example/mcp"), "notes:read"),
        (good().with("resource", "https://notes.example/mcp/"), "notes:read"),
        (good().and("resource", e2e::flow::RESOURCE), "notes:read"),
        (good().without("state"), "notes:read"),
    ] {
        let tokens = request.tokens(&mut Jar::new()?).await.with_context(|| request.url())?;
        assert_eq!(tokens.scope, scope, "{}", request.url());
        let claims = tokens.claims()?;
        assert_eq!((&claims["scope"], &claims["aud"]), (&scope.into(), &e2e::flow::RESOURCE.into()));
    }
    stage.stop().await
}

/// On every kind of response, exactly as the client sent it.
///
/// Requirements: A6, R11, R48.
#[tokio::test]
async fn state_and_one_iss_come_back_with_every_answer() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let long = "s".repeat(3000);
    for state in [
        None,
        Some("plain"),
        Some("a b+c%20d&e=f#g"),
        Some("\"quoted\" \\ 'single' <b>"),
        Some("zażółć 漢字 🙂 \u{202e}"),
        Some("{\"json\":[1,2]}"),
        Some("%00%0d%0aSet-Cookie:x=1"),
        Some("\r\nX: y"),
        Some(long.as_str()),
    ] {
        let request = || match state {
            Some(state) => app.request().with("state", state),
            None => app.request().without("state"),
        };
        let mut jar = Jar::new()?;
        let given = request().callback(&mut jar).await?.finish(&mut jar).await?;
        assert!(given.code()?.starts_with("lgc_"));
        let denied = request().open(&mut jar).await?.deny(&mut jar).await?;
        let refused = Answer::of(&request().with("scope", "admin").send(&mut jar).await?)?;
        for answer in [&given, &denied, &refused] {
            assert_eq!(answer.parameter("state").as_deref(), state, "{}", answer.uri);
            assert_eq!(answer.uri.query_pairs().filter(|(name, _)| name == "state").count(), state.iter().count());
            assert_eq!(answer.parameter("iss").as_deref(), Some(stage.gate.issuer()), "exactly one");
        }
        assert_answers(&denied, "access_denied", state, stage.gate.issuer());
        assert_answers(&refused, "invalid_scope", state, stage.gate.issuer());
    }
    stage.stop().await
}

/// The registered URI's own query stays, byte for byte, before the added parameters.
///
/// Requirements: R2.
#[tokio::test]
async fn a_redirect_uris_own_query_is_kept() -> Result<()> {
    let stage = Stage::start("").await?;
    for uri in ["http://127.0.0.1:9/cb?x=%41&y", "http://127.0.0.1:9/cb?", "http://127.0.0.1:9/%7Ecb?a=b+c&"] {
        let app = stage.gate.app(&[uri]).await?;
        let mut jar = Jar::new()?;
        let callback = app.request().callback(&mut jar).await?;
        let page = callback.visit(&mut jar).await?;
        let location = page.header("location").context("Location")?;
        let added = location.strip_prefix(uri).with_context(|| format!("{location} does not begin with {uri}"))?;
        assert!(added.trim_start_matches('&').starts_with("code=lgc_"), "{location}");
    }
    stage.stop().await
}

/// Requirements: R8.
#[tokio::test]
async fn the_authorization_endpoint_takes_a_post_too() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let request = app.request();
    let url = url::Url::parse(&stage.gate.url("/authorize"))?;
    let mut jar = Jar::new()?;
    let begun = jar.send(Visit::form(url.clone(), &url, request.parameters.clone())).await?;
    assert_eq!(begun.status, 303, "r9: never a 307, which would post the form once more");
    let page = jar.follow(&begun).await?;
    assert!(page.hidden("form_token").is_ok(), "{}", page.summary());
    for method in [reqwest::Method::PUT, reqwest::Method::DELETE, reqwest::Method::HEAD] {
        let page = Page::of(stage.gate.http().request(method, request.url())).await?;
        assert_eq!((page.status, page.header("allow")), (405, Some("GET, POST")));
    }
    stage.stop().await
}

/// Cookies needed at the callback are set with the approval, not before.
///
/// Requirements: B10, B11, B16, B17, B21.
#[tokio::test]
async fn cookies_come_when_they_must_and_as_they_must() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let request = app.request();
    let mut jar = Jar::new()?;
    let begun = request.send(&mut jar).await?;
    assert_eq!(begun.set_cookies(), Vec::<&str>::new(), "b16: /authorize sets none");
    let shown = jar.follow(&begun).await?;
    let on_consent: Vec<String> = shown.set_cookies().iter().map(|cookie| (*cookie).to_owned()).collect();
    assert_eq!(on_consent.len(), 1, "b21: {on_consent:?}");
    assert!(on_consent[0].starts_with("__Host-lychgate-browser-"));
    let consent = e2e::flow::Consent { request, page: shown };
    let again = jar.open(&consent.page.url).await?;
    assert_eq!(again.set_cookies(), Vec::<&str>::new(), "a browser that has it keeps it");
    let sent = consent.approve(&mut jar).await?;
    let on_approval = sent.page.set_cookies();
    assert_eq!(on_approval.len(), 1, "b17: {on_approval:?}");
    assert!(on_approval[0].starts_with("__Host-lychgate-login-"));
    assert!(sent.page.location()?.as_str().starts_with(stage.upstream.issuer()), "on the redirect upstream itself");
    let callback = sent.sign_in(&mut jar).await?;
    let finished = callback.visit(&mut jar).await?;
    let at_the_end = finished.set_cookies();
    assert!(at_the_end.len() == 2 && at_the_end[0].ends_with("; Max-Age=0"), "{at_the_end:?}");
    assert!(at_the_end[1].starts_with("__Host-lychgate-session-"), "b37: minted at the callback: {at_the_end:?}");
    for cookie in on_consent.iter().map(String::as_str).chain(on_approval).chain(at_the_end) {
        let mut attributes = cookie.split("; ").skip(1).collect::<Vec<_>>();
        attributes.retain(|attribute| !attribute.starts_with("Max-Age="));
        assert_eq!(attributes, ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"], "{cookie}");
    }
    // A denial sets no login cookie.
    let denied = app.request().open(&mut jar).await?;
    let page = jar.send(denied.form("deny")?).await?;
    assert_eq!(page.set_cookies(), Vec::<&str>::new());
    stage.stop().await
}

/// A GET writes nothing and consumes nothing.
///
/// Requirements: B32.
#[tokio::test]
async fn a_get_of_authorize_is_idempotent() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let request = app.request();
    for _ in 0..3 {
        request.open(&mut Jar::new()?).await?;
    }
    let mut jar = Jar::new()?;
    request.tokens(&mut jar).await?;
    request.tokens(&mut jar).await?;
    stage.stop().await
}

/// JSON for a client that accepts JSON, a page for all others.
///
/// Requirements: B35, R1.
#[tokio::test]
async fn an_error_is_json_for_clients_that_accept_json() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[WEB]).await?;
    for (request, error) in [
        (app.request().with("client_id", "client-unknown"), "invalid_client"),
        (app.request().with("redirect_uri", "https://attacker.example/"), "invalid_request"),
        (app.request().with("scope", "admin"), "invalid_scope"),
    ] {
        assert_error(&asked(&request, "application/json").await?, 400, error);
        for accept in ["*/*", "text/html", "text/html,application/json;q=0.9"] {
            let page = asked(&request, accept).await?;
            assert_eq!((page.status, page.header("content-type")), (400, Some("text/html; charset=utf-8")), "{accept}");
            assert!(!page.redirects());
        }
    }
    stage.stop().await
}

async fn asked(request: &AuthorizationRequest, accept: &str) -> Result<Page> {
    Page::of(request.app.gate.http().get(request.url()).header("accept", accept)).await
}
