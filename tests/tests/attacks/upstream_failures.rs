//! An upstream that lies, fails or refuses: the person sees what happened, the client gets the right error, and no
//! token is issued. The upstream receives its code at most once.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use e2e::flow::{self, App, LOOPBACK, Stage, WEB};
use e2e::http::{Jar, Page};
use e2e::system::logged::Logged;
use e2e::system::{MAIN, Plan, files};
use e2e::upstream::{Answer, Endpoint, Lie, Upstream};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{LOGIN, assert_refused};

/// The person who signs in at the lying upstream. No record may name her.
const MALLORY: &str = "mallory";

/// Requirements: B36, R45.
#[tokio::test]
async fn a_lying_id_token_is_refused() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    app.tokens().await?;
    stage.upstream.sign_in_as(MALLORY);
    for lie in [
        Lie::Issuer,
        Lie::NoIssuer,
        Lie::Claim("iss", json!(format!("{}/", stage.upstream.issuer()))),
        Lie::Claim("iss", json!([stage.upstream.issuer()])),
        Lie::Audience,
        Lie::NoAudience,
        Lie::Claim("aud", json!([])),
        Lie::Claim("aud", json!({ "lychgate-at-upstream": true })),
        Lie::SecondAudienceWithoutAzp,
        Lie::AuthorizedParty,
        Lie::Claim("azp", json!("")),
        Lie::Claim("azp", json!(["lychgate-at-upstream"])),
        Lie::Nonce,
        Lie::NoNonce,
        Lie::Claim("nonce", json!("")),
        Lie::Claim("nonce", json!(null)),
        Lie::Expired,
        Lie::NoExpiry,
        Lie::Claim("exp", json!("4102444800")),
        Lie::Claim("exp", json!(-1)),
        Lie::IssuedLater,
        Lie::NoIssuedAt,
        Lie::NoSubject,
        Lie::EmptySubject,
        Lie::Unsigned,
        Lie::Hs256,
        Lie::Hs256WithPublicKey,
        Lie::OtherKey,
        Lie::UnknownKey,
        Lie::NoIdToken,
        Lie::Member(Endpoint::Token, "id_token", json!("")),
        Lie::Member(Endpoint::Token, "id_token", json!("a.b.c")),
        Lie::Member(Endpoint::Token, "id_token", json!({ "sub": MALLORY })),
    ] {
        fails(&stage.upstream, &app, lie, Failure::UNTRUSTED, ONE_EXCHANGE).await?;
    }
    assert_unknown(&stage, MALLORY)?;
    stage.upstream.be_honest();
    app.tokens().await?;
    assert_known(&stage, MALLORY)?;
    stage.stop().await
}

/// Requirements: B36.
#[tokio::test]
async fn a_callback_must_come_from_the_configured_upstream() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    app.tokens().await?;
    stage.upstream.sign_in_as(MALLORY);
    let with_a_slash = json!(format!("{}/", stage.upstream.issuer()));
    for lie in [
        Lie::CallbackWithoutIss,
        Lie::CallbackOfAnother,
        Lie::Member(Endpoint::Authorize, "iss", with_a_slash),
        Lie::Member(Endpoint::Authorize, "iss", json!("")),
    ] {
        fails(&stage.upstream, &app, lie, Failure::UNTRUSTED, NO_CALL).await?;
    }
    assert_unknown(&stage, MALLORY)?;
    stage.stop().await
}

/// A stranger can write such a callback, so it is no failure of the upstream, and the login can still end well.
///
/// Requirements: B36.
#[tokio::test]
async fn a_callback_without_one_code_is_a_bad_request_and_claims_nothing() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let callback = app.request().callback(&mut jar).await?;
    for (code, reason) in [(None, "PARAMETER_MISSING"), (Some(""), "PARAMETER_MISSING")] {
        let page = callback.clone().with("code", code).visit(&mut jar.clone()).await?;
        assert_refused(&page, 400, reason);
    }
    assert_eq!(stage.upstream.asked().exchanges.len(), 0);
    callback.finish(&mut jar).await?.code()?;
    stage.stop().await
}

/// Requirements: A27.
#[tokio::test]
async fn an_upstream_that_cannot_answer_is_no_reason_to_log_out() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let before = app.tokens().await?;
    stage.upstream.sign_in_as(MALLORY);
    let status = |status| Lie::Answer(Endpoint::Token, Answer::Status(status));
    for (lie, failure) in [
        (Lie::TokenFails, Failure::AWAY),
        (status(503), Failure::AWAY),
        (status(429), Failure::AWAY),
        (Lie::TokenBreaksOff, Failure::AWAY),
        (status(201), Failure::UNTRUSTED),
        (status(404), Failure::UNTRUSTED),
        (Lie::TokenNeverEnds, Failure::UNTRUSTED),
        (Lie::Answer(Endpoint::Token, Answer::Padded(BODY_LIMIT)), Failure::UNTRUSTED),
        (Lie::TokenIsNoJson, Failure::UNTRUSTED),
        (Lie::Answer(Endpoint::Token, Answer::Body("")), Failure::UNTRUSTED),
        (Lie::Answer(Endpoint::Token, Answer::Body("null")), Failure::UNTRUSTED),
        (Lie::NoMember(Endpoint::Token, "access_token"), Failure::UNTRUSTED),
        (Lie::Member(Endpoint::Token, "token_type", json!(5)), Failure::UNTRUSTED),
        (Lie::Member(Endpoint::Token, "token_type", json!("DPoP")), Failure::UNTRUSTED),
        (Lie::Member(Endpoint::Token, "error", json!("invalid_grant")), Failure::UNTRUSTED),
        (Lie::TokenRedirects, Failure::UNTRUSTED),
        (Lie::TokenRefuses, Failure::UNTRUSTED),
    ] {
        fails(&stage.upstream, &app, lie, failure, ONE_EXCHANGE).await?;
    }
    assert_unknown(&stage, MALLORY)?;
    app.refresh(&before.refresh_token).tokens().await?;
    stage.stop().await
}

/// A member that nothing depends on may be absent or of any type, at both kinds of upstream: the login succeeds.
///
/// Requirements: B36.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one deviation for each entry")]
async fn permitted_deviations_of_an_upstream_do_not_fail_the_login() -> Result<()> {
    let token = |name, value| Lie::Member(Endpoint::Token, name, value);
    let of_both = || {
        let mut deviations = vec![
            Lie::NoTokenLifetime,
            Lie::NoMember(Endpoint::Token, "token_type"),
            Lie::NoMember(Endpoint::Token, "refresh_token"),
            Lie::NoMember(Endpoint::Token, "scope"),
            token("token_type", json!("bearer")),
            token("token_type", json!(null)),
            token("error", json!(null)),
            // The content type of the response does not matter.
            Lie::Answer(Endpoint::Token, Answer::ContentType("text/html")),
            Lie::Answer(Endpoint::Token, Answer::Padded(BODY_LIMIT / 2)),
        ];
        let values = [json!(null), json!("3600"), json!(3599.5), json!(-1), json!(""), json!([3600]), json!({})];
        for member in ["expires_in", "refresh_token", "scope", "error_description", "unknown"] {
            deviations.extend(values.iter().map(|value| token(member, value.clone())));
        }
        deviations.push(token("scope", json!(["openid", "profile"])));
        deviations
    };
    let discovery = |name, value| Lie::Member(Endpoint::Discovery, name, value);
    let of_oidc = vec![
        Lie::Claim("aud", json!(["lychgate-at-upstream"])),
        Lie::Claim("azp", json!("lychgate-at-upstream")),
        Lie::Claim("azp", json!(null)),
        Lie::Claim("exp", json!(4_102_444_800.5)),
        Lie::Claim("name", json!(null)),
        Lie::Claim("name", json!(5)),
        Lie::Claim("email", json!(["ada@example"])),
        Lie::Claim("email_verified", json!("true")),
    ];
    let of_oauth2 = vec![
        Lie::Member(Endpoint::Userinfo, "name", json!(null)),
        Lie::Member(Endpoint::Userinfo, "email", json!(5)),
        token("id_token", json!(5)),
        token("id_token", json!(null)),
    ];
    for (stage, deviations) in [(Stage::start("").await?, of_oidc), (Stage::start_oauth2().await?, of_oauth2)] {
        let app = stage.gate.app(&[LOOPBACK]).await?;
        for deviation in of_both().into_iter().chain(deviations) {
            stage.upstream.lie(deviation.clone());
            let tokens = app.tokens().await.with_context(|| format!("{deviation:?}"))?;
            assert_eq!(tokens.claims()?["sub"], "idp|ada");
        }
        stage.stop().await?;
    }
    // Metadata are fetched once, so each deviation has a deployment of its own.
    for deviation in [
        discovery("token_endpoint_auth_methods_supported", json!("client_secret_basic")),
        discovery("token_endpoint_auth_methods_supported", json!(null)),
        discovery("revocation_endpoint", json!(null)),
        discovery("revocation_endpoint_auth_methods_supported", json!("client_secret_basic")),
        discovery("scopes_supported", json!("openid")),
        discovery("authorization_response_iss_parameter_supported", json!("true")),
    ] {
        let stage = Stage::start("").await?;
        stage.upstream.lie(deviation.clone());
        let app = stage.gate.app(&[LOOPBACK]).await?;
        app.tokens().await.with_context(|| format!("{deviation:?}"))?;
        stage.stop().await?;
    }
    Ok(())
}

/// The log names the member that could not be used, and never its value.
///
/// Requirements: B36.
#[tokio::test]
async fn the_log_names_the_member_that_failed_a_login() -> Result<()> {
    let logged = Logged::start_with(Plan::default(), "text", "info").await?;
    let upstream = logged.system.upstream(MAIN.id)?;
    for (lie, expected) in [
        (Lie::Claim("sub", json!(583_231)), "the ID token: the member sub is a number, not a string"),
        (Lie::Claim("exp", json!("secret-value")), "the ID token: the member exp is a string, not a number"),
        (Lie::NoIdToken, "the token response: the member id_token is missing"),
        (
            Lie::Member(Endpoint::Token, "access_token", json!(["secret-value"])),
            "the token response: the member access_token is a list, not a string",
        ),
        (
            Lie::Member(Endpoint::Token, "token_type", json!({ "secret-value": 1 })),
            "the token response: the member token_type is an object, not a string",
        ),
    ] {
        let app = logged.system.gate(MAIN.id)?.app(&[LOOPBACK]).await?;
        fails(upstream, &app, lie, Failure::UNTRUSTED, ONE_EXCHANGE).await?;
        let log = String::from_utf8_lossy(&logged.logs()?[0]).into_owned();
        assert!(log.contains(expected), "{expected}: {log}");
        assert!(!log.contains("secret-value") && !log.contains("583231"), "{log}");
    }
    logged.stop().await?;
    Ok(())
}

/// A slow upstream counts as unavailable before clients time out.
///
/// Requirements: A27.
#[tokio::test]
async fn a_slow_upstream_is_given_up() -> Result<()> {
    for answer in [Answer::Stalls, Answer::Drips] {
        let (oidc, keys, oauth2) = tokio::try_join!(Stage::start(""), Stage::start(""), Stage::start_oauth2())?;
        let slow = async |stage: &Stage, endpoint, calls| {
            let app = stage.gate.app(&[LOOPBACK]).await?;
            stage.upstream.sign_in_as(MALLORY);
            fails(&stage.upstream, &app, Lie::Answer(endpoint, answer), Failure::AWAY, calls).await
        };
        let all = async {
            tokio::try_join!(
                slow(&oidc, Endpoint::Token, ONE_EXCHANGE),
                slow(&keys, Endpoint::Jwks, ONE_EXCHANGE),
                slow(&oauth2, Endpoint::Userinfo, AND_USERINFO),
            )
        };
        timeout(PATIENCE, all).await.with_context(|| format!("{answer:?} is waited for"))??;
        for stage in [oidc, keys, oauth2] {
            stage.upstream.release();
            assert_unknown(&stage, MALLORY)?;
            stage.stop().await?;
        }
    }
    Ok(())
}

/// The upstream would answer a repeated code with another person; the code is sent once, so the first answer
/// counts.
#[tokio::test]
async fn an_upstream_code_is_redeemed_once_and_the_first_answer_counts() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    stage.upstream.lie(Lie::SecondAnswer);
    let mut jar = Jar::new()?;
    let callback = app.request().callback(&mut jar).await?;
    let visits = (0..4).map(|_| {
        let (mut jar, callback) = (jar.clone(), callback.clone());
        tokio::spawn(async move { callback.finish(&mut jar).await })
    });
    let mut answers = Vec::new();
    for visit in visits.collect::<Vec<_>>() {
        answers.push(visit.await??);
    }
    answers.push(callback.finish(&mut jar.clone()).await?);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let tokens = callback.request.redemption(&answers[0].code()?).tokens().await?;
    assert_eq!(tokens.claims()?["sub"], "idp|ada");
    let asked = stage.upstream.asked();
    assert_eq!((asked.exchanges.len(), asked.codes_repeated), (1, 0));

    // The lie would have worked.
    let (id, secret) = stage.upstream.client();
    let again = [("grant_type", "authorization_code"), ("code", &callback.code()?)];
    let request = stage.gate.http().post(format!("{}/token", stage.upstream.issuer()));
    let second = Page::of(request.basic_auth(id, Some(secret)).form(&again)).await?.json()?;
    let claims = second["id_token"].as_str().and_then(|token| token.split('.').nth(1)).context("an ID token")?;
    let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims)?)?;
    assert_eq!(claims["sub"], "somebody-else");
    assert_unknown(&stage, "somebody-else")?;
    stage.stop().await
}

/// OIDC Core §3.1.2.6: error responses of the upstream.
///
/// Requirements: A27.
#[tokio::test]
async fn the_upstreams_own_errors_are_told_apart() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    for error in ["temporarily_unavailable", "server_error"] {
        fails(&stage.upstream, &app, Lie::CallbackError(error), Failure::AWAY, NO_CALL).await?;
    }
    for error in ["invalid_scope", "unauthorized_client", "something_new", "<script>alert(1)</script>"] {
        fails(&stage.upstream, &app, Lie::CallbackError(error), Failure::UNTRUSTED, NO_CALL).await?;
    }
    for words in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "javascript:alert(1)",
        "{{alert(1)}}",
        "alert(1)\r\nLocation: https://another.example",
        "\u{1b}[31malert(1)\u{202e}\0",
    ] {
        let lie = Lie::CallbackErrorSaying("invalid_scope", words);
        fails(&stage.upstream, &app, lie, Failure::UNTRUSTED, NO_CALL).await?;
    }
    // A person who cancels at the upstream has acted: the client gets the error at once.
    for error in ["access_denied", "login_required", "consent_required"] {
        stage.upstream.lie(Lie::CallbackError(error));
        let mut jar = Jar::new()?;
        let callback = app.request().callback(&mut jar).await?;
        let answer = flow::Answer::of(&callback.visit(&mut jar).await?)?;
        assert_error(&answer, &callback.request.app, callback.request.parameter("state"), "access_denied");
        assert!(jar.cookie(LOGIN).is_none());
        assert_refused(&callback.visit(&mut jar).await?, 403, "STATE_COOKIE_MISSING");
    }
    assert_eq!(stage.upstream.asked().exchanges.len(), 0);
    stage.stop().await
}

/// An error callback needs the browser's cookie like a code does; otherwise a link could end another person's flow.
///
/// Requirements: B18.
#[tokio::test]
async fn a_forged_error_callback_ends_nothing() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let callback = app.request().callback(&mut jar).await?;
    let forged = callback.clone().with("code", None).with("error", Some("access_denied"));
    assert_refused(&forged.visit(&mut Jar::new()?).await?, 403, "STATE_COOKIE_MISSING");
    callback.finish(&mut jar).await?.code()?;
    stage.stop().await
}

/// A denial does not involve the upstream.
#[tokio::test]
async fn denying_works_while_the_upstream_is_unavailable() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[WEB]).await?;
    let mut jar = Jar::new()?;
    let consent = app.request().open(&mut jar).await?;
    stage.upstream.lie(Lie::DiscoveryDown);
    assert_refused(&jar.send(consent.form("approve")?).await?, 503, "UPSTREAM_UNAVAILABLE");
    assert_eq!(consent.deny(&mut jar).await?.error().as_deref(), Some("access_denied"));
    stage.stop().await
}

/// The number of bytes read of one response.
pub(crate) const BODY_LIMIT: usize = 256 * 1024;
/// The deadline for a flow that waits five seconds for the upstream, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) reason: &'static str,
    oauth_error: &'static str,
}

impl Failure {
    pub(crate) const UNTRUSTED: Self = Self { status: 502, reason: "UPSTREAM_INVALID", oauth_error: "server_error" };
    pub(crate) const AWAY: Self =
        Self { status: 503, reason: "UPSTREAM_UNAVAILABLE", oauth_error: "temporarily_unavailable" };
}

/// Requests at the upstream's token endpoint, at its userinfo endpoint, and its redirects.
type Calls = [usize; 3];
pub(crate) const NO_CALL: Calls = [0, 0, 0];
pub(crate) const ONE_EXCHANGE: Calls = [1, 0, 0];
pub(crate) const AND_USERINFO: Calls = [1, 1, 0];

/// Runs a flow that is honest up to `lie`; the upstream gets exactly the `expected` calls.
pub(crate) async fn fails(upstream: &Upstream, app: &App, lie: Lie, failure: Failure, expected: Calls) -> Result<()> {
    let mut jar = Jar::new()?;
    let before = calls(upstream);
    upstream.lie(lie.clone());
    let callback = app.request().callback(&mut jar).await?;
    let kept = jar.clone();
    let page = callback.visit(&mut jar).await?;
    ensure!((page.status, page.reason()) == (failure.status, Some(failure.reason)), "{lie:?}: {}", page.summary());
    assert_refused(&page, failure.status, failure.reason);
    assert!(!page.body.contains("alert(1)"), "{lie:?}: what the upstream says in words is shown");
    assert!(jar.cookie(LOGIN).is_none(), "{lie:?}: the flow has ended");
    let link = flow::Answer { uri: page.return_link()?.with_context(|| format!("{lie:?}: no way back"))? };
    assert_error(&link, app, callback.request.parameter("state"), failure.oauth_error);

    // A reload fails too, with or without the cookie, even after the upstream has become honest.
    upstream.be_honest();
    assert_refused(&callback.visit(&mut jar).await?, 403, "STATE_COOKIE_MISSING");
    let again = callback.visit(&mut kept.clone()).await?;
    ensure!((again.status, again.reason()) == (failure.status, Some(failure.reason)), "{lie:?}: {}", again.summary());
    let after = calls(upstream);
    let made = std::array::from_fn(|n| after[n] - before[n]);
    ensure!(made == expected, "{lie:?}: {made:?} calls of token, userinfo and elsewhere");
    Ok(())
}

/// No consent, grant or event names this person.
#[track_caller]
pub(crate) fn assert_unknown(stage: &Stage, person: &str) -> Result<()> {
    assert!(!is_kept(stage, person)?, "{person} is on record");
    Ok(())
}

/// Proves that [`assert_unknown`] can fail.
#[track_caller]
pub(crate) fn assert_known(stage: &Stage, person: &str) -> Result<()> {
    assert!(is_kept(stage, person)?, "{person} is not on record");
    Ok(())
}

fn is_kept(stage: &Stage, person: &str) -> Result<bool> {
    let subject = format!("idp|{person}");
    let kept = files(&stage.dev().ready().data_dir)?;
    Ok(kept.iter().any(|(_, content)| content.windows(subject.len()).any(|window| window == subject.as_bytes())))
}

fn calls(upstream: &Upstream) -> Calls {
    let asked = upstream.asked();
    [asked.exchanges.len(), asked.userinfo, asked.redirected]
}

fn assert_error(answer: &flow::Answer, app: &App, state: Option<&str>, error: &str) {
    assert!(answer.uri.as_str().starts_with(&app.redirect_uri), "{}", answer.uri);
    assert_eq!(answer.error().as_deref(), Some(error));
    assert_eq!(answer.parameter("state").as_deref(), state);
    assert_eq!(answer.parameter("iss").as_deref(), Some(app.gate.issuer()));
    assert_eq!(answer.parameter("code"), None);
}
