//! Lies in an upstream's documents: discovery, keys and userinfo. Each is the one thing changed in a login that
//! succeeds.

use anyhow::{Context, Result, bail};
use e2e::flow::{App, LOOPBACK, Stage, Tokens};
use e2e::http::Jar;
use e2e::system::service::until;
use e2e::upstream::{Answer, Endpoint, Lie};
use serde_json::{Value, json};

use crate::upstream_failures::{AND_USERINFO, BODY_LIMIT, Failure, ONE_EXCHANGE, assert_known, assert_unknown, fails};
use crate::{LOGIN, assert_refused};

/// The login fails before a record is written: the person may press the button again on the same page.
#[tokio::test]
async fn an_upstream_away_at_the_decision_costs_nothing() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let consent = app.request().open(&mut jar).await?;
    let answer = |answer| Lie::Answer(Endpoint::Discovery, answer);
    let says = |name, value: &str| Lie::Member(Endpoint::Discovery, name, json!(value));
    for (lie, failure) in [
        (Lie::DiscoveryDown, Failure::AWAY),
        (answer(Answer::Status(500)), Failure::AWAY),
        (answer(Answer::BreaksOff), Failure::AWAY),
        (answer(Answer::Stalls), Failure::AWAY),
        (answer(Answer::Drips), Failure::AWAY),
        (answer(Answer::Status(404)), Failure::UNTRUSTED),
        (answer(Answer::Redirects), Failure::UNTRUSTED),
        (answer(Answer::NeverEnds), Failure::UNTRUSTED),
        (answer(Answer::Padded(BODY_LIMIT)), Failure::UNTRUSTED),
        (answer(Answer::Body("<html></html>")), Failure::UNTRUSTED),
        (Lie::DiscoveryOfAnother, Failure::UNTRUSTED),
        (says("issuer", &format!("{}/", stage.upstream.issuer())), Failure::UNTRUSTED),
        (Lie::NoMember(Endpoint::Discovery, "issuer"), Failure::UNTRUSTED),
        (Lie::NoMember(Endpoint::Discovery, "token_endpoint"), Failure::UNTRUSTED),
        (says("jwks_uri", "file:///etc/passwd"), Failure::UNTRUSTED),
        (says("token_endpoint", "/token"), Failure::UNTRUSTED),
        (says("authorization_endpoint", "javascript:alert(1)"), Failure::UNTRUSTED),
    ] {
        let before = stage.upstream.asked().discovery;
        stage.upstream.lie(lie.clone());
        // The control plane does not ask again for a moment after a failure.
        let mut answered = None;
        until("it is asked again", async || {
            answered = jar.send(consent.form("approve").expect("a form")).await.ok();
            stage.upstream.asked().discovery > before
        })
        .await?;
        let page = answered.with_context(|| format!("{lie:?}: no answer"))?;
        assert_eq!((page.status, page.reason()), (failure.status, Some(failure.reason)), "{lie:?}: {}", page.summary());
        assert_refused(&page, failure.status, failure.reason);
        assert_eq!(page.header("retry-after").is_some(), failure.status == 503);
        assert!(jar.cookie(LOGIN).is_none() && page.set_cookies().is_empty());
        stage.upstream.release();
    }
    let asked = stage.upstream.asked();
    assert_eq!((asked.authorizations.len(), asked.exchanges.len(), asked.redirected), (0, 0, 0));

    stage.upstream.be_honest();
    let mut presses = jar.clone();
    until("the upstream is asked again", async || {
        let pressed = presses.press(&consent.page, ("decision", "approve")).await;
        pressed.is_ok_and(|page| page.status == 303)
    })
    .await?;
    let code = consent.approve(&mut jar).await?.sign_in(&mut jar).await?.finish(&mut jar).await?.code()?;
    consent.request.redemption(&code).tokens().await?;
    stage.stop().await
}

/// Requirements: B36.
#[tokio::test]
async fn a_lying_key_set_is_refused() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    stage.upstream.sign_in_as("mallory");
    let answer = |answer| Lie::Answer(Endpoint::Jwks, answer);
    for (lie, failure) in [
        (answer(Answer::Status(500)), Failure::AWAY),
        (answer(Answer::BreaksOff), Failure::AWAY),
        (answer(Answer::Status(404)), Failure::UNTRUSTED),
        (answer(Answer::Redirects), Failure::UNTRUSTED),
        (answer(Answer::NeverEnds), Failure::UNTRUSTED),
        (answer(Answer::Padded(BODY_LIMIT)), Failure::UNTRUSTED),
        (answer(Answer::Body("<html></html>")), Failure::UNTRUSTED),
        (Lie::NoMember(Endpoint::Jwks, "keys"), Failure::UNTRUSTED),
        (Lie::Member(Endpoint::Jwks, "keys", json!({})), Failure::UNTRUSTED),
        // The last case is a valid key set, which is not fetched again at once.
        (Lie::Member(Endpoint::Jwks, "keys", json!([{ "kty": "later" }, null, {}])), Failure::UNTRUSTED),
    ] {
        let before = stage.upstream.asked().jwks;
        // For a moment after a failure the keys are not fetched again, and logins fail as before.
        let mut row = Ok(());
        until("the keys are asked for again", async || {
            row = fails(&stage.upstream, &app, lie.clone(), failure, ONE_EXCHANGE).await;
            stage.upstream.asked().jwks > before
        })
        .await?;
        row?;
    }
    assert_unknown(&stage, "mallory")?;
    assert_signs_in_at_last(&app, "idp|mallory").await?;
    assert_known(&stage, "mallory")?;
    stage.stop().await
}

/// The upstream replaces its key between two steps of a login: the login succeeds if the old key set was not just
/// fetched. A key that is no longer published is not accepted.
///
/// Requirements: B36.
#[tokio::test]
async fn replacing_the_upstreams_key_in_mid_flow_does_not_fail_the_login() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let callback = app.request().callback(&mut jar).await?;
    stage.upstream.lie(Lie::NextKey);
    callback.finish(&mut jar).await?.code()?;
    assert_eq!(stage.upstream.asked().jwks, 1);

    // The key changes back: the keys are fetched once more, and not by every token with an unknown key id.
    stage.upstream.be_honest();
    assert_signs_in_at_last(&app, "idp|ada").await?;
    assert_eq!(stage.upstream.asked().jwks, 2);

    // A signature of the removed key is refused and does not cause a fetch each time.
    stage.upstream.sign_in_as("mallory");
    for _ in 0..3 {
        fails(&stage.upstream, &app, Lie::UnknownKey, Failure::UNTRUSTED, ONE_EXCHANGE).await?;
    }
    assert!(stage.upstream.asked().jwks <= 3, "{}", stage.upstream.asked().jwks);
    assert_unknown(&stage, "mallory")?;
    stage.stop().await
}

/// OIDC Core §2: the subject of an ID token is a string of at most 255 ASCII characters.
///
/// Requirements: B36.
#[tokio::test]
async fn a_subject_of_an_id_token_is_a_string() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    for sub in ["583231".to_owned(), "auth0|x y/z\"'<b>{}\\".to_owned(), "x".repeat(255)] {
        assert_subject(&stage, &app, Lie::Claim("sub", json!(sub)), &sub).await?;
    }
    let numbers = [json!(583_231), json!(0), json!(-1), json!(1.5), json!(1e300), json!(u64::MAX)];
    for sub in strange_subjects().into_iter().chain(numbers) {
        fails(&stage.upstream, &app, Lie::Claim("sub", sub), Failure::UNTRUSTED, ONE_EXCHANGE).await?;
    }
    assert_unknown(&stage, "mallory")?;
    stage.stop().await
}

/// Userinfo of plain OAuth 2.0 may contain integers, as GitHub's does; all digits are kept.
///
/// Requirements: B36.
#[tokio::test]
async fn a_subject_of_userinfo_is_a_string_or_an_integer() -> Result<()> {
    let stage = Stage::start_oauth2().await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    assert_eq!(app.tokens().await?.claims()?["sub"], "idp|ada");
    let says = |sub: Value| Lie::Member(Endpoint::Userinfo, "sub", sub);
    for (sub, known_as) in [
        (json!("583231"), "583231".to_owned()),
        (json!(583_231), "583231".to_owned()),
        (json!(0), "0".to_owned()),
        (json!(-1), "-1".to_owned()),
        (json!((1_u64 << 53) + 1), "9007199254740993".to_owned()),
        (json!(u64::MAX), u64::MAX.to_string()),
        (json!("x".repeat(255)), "x".repeat(255)),
    ] {
        assert_subject(&stage, &app, says(sub), &known_as).await?;
    }
    stage.upstream.sign_in_as("mallory");
    let floats = [json!(1.5), json!(583_231.0), json!(1e300)];
    for sub in strange_subjects().into_iter().chain(floats) {
        fails(&stage.upstream, &app, says(sub), Failure::UNTRUSTED, AND_USERINFO).await?;
    }
    assert_unknown(&stage, "mallory")?;
    stage.stop().await
}

/// Requirements: B36.
#[tokio::test]
async fn a_failing_userinfo_endpoint_fails_the_login() -> Result<()> {
    let stage = Stage::start_oauth2().await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    app.tokens().await?;
    stage.upstream.sign_in_as("mallory");
    let answer = |answer| Lie::Answer(Endpoint::Userinfo, answer);
    for (lie, failure) in [
        (answer(Answer::Status(500)), Failure::AWAY),
        (answer(Answer::Status(429)), Failure::AWAY),
        (answer(Answer::BreaksOff), Failure::AWAY),
        (answer(Answer::Status(201)), Failure::UNTRUSTED),
        (answer(Answer::Status(401)), Failure::UNTRUSTED),
        (answer(Answer::Redirects), Failure::UNTRUSTED),
        (answer(Answer::NeverEnds), Failure::UNTRUSTED),
        (answer(Answer::Padded(BODY_LIMIT)), Failure::UNTRUSTED),
        (answer(Answer::Body("<html></html>")), Failure::UNTRUSTED),
        (answer(Answer::Body(r#"{"sub":"mallory","sub":"ada"}"#)), Failure::UNTRUSTED),
        (answer(Answer::Body(r#"[{"sub":"mallory"}]"#)), Failure::UNTRUSTED),
        (Lie::NoMember(Endpoint::Userinfo, "sub"), Failure::UNTRUSTED),
    ] {
        fails(&stage.upstream, &app, lie, failure, AND_USERINFO).await?;
    }
    assert_unknown(&stage, "mallory")?;
    stage.upstream.lie(answer(Answer::ContentType("text/html")));
    app.tokens().await?;
    assert_known(&stage, "mallory")?;
    stage.stop().await
}

/// Values that are no subject in any member.
fn strange_subjects() -> Vec<Value> {
    let mut subjects = vec![
        json!(null),
        json!(true),
        json!(false),
        json!([]),
        json!(["mallory"]),
        json!({}),
        json!({ "id": "mallory" }),
    ];
    let texts =
        ["", "mallory\n", "mallory\0", "mallory\u{7f}", "\u{1b}[31mmallory", "m\u{430}llory", "\u{202e}yrollam"];
    subjects.extend(texts.map(Value::from));
    subjects.extend([256, 10_000].map(|length| Value::from("m".repeat(length))));
    subjects
}

async fn assert_subject(stage: &Stage, app: &App, lie: Lie, known_as: &str) -> Result<()> {
    stage.upstream.lie(lie.clone());
    let tokens = app.tokens().await.with_context(|| format!("{lie:?}"))?;
    assert_eq!(tokens.claims()?["sub"], format!("idp|{known_as}"));
    stage.upstream.be_honest();
    Ok(())
}

/// Logins fail at most until just fetched keys may be fetched again.
async fn assert_signs_in_at_last(app: &App, subject: &str) -> Result<()> {
    let mut tokens: Option<Tokens> = None;
    until("the login succeeds", async || {
        tokens = app.tokens().await.ok();
        tokens.is_some()
    })
    .await?;
    let Some(tokens) = tokens else { bail!("no login succeeded") };
    assert_eq!(tokens.claims()?["sub"], subject);
    Ok(())
}
