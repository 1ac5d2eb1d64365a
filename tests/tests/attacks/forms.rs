//! The consent form: which posts count, and the effect of a second post.

use anyhow::{Context, Result};
use e2e::flow::{Answer, Consent, LOOPBACK, SentUpstream, Stage};
use e2e::http::{Jar, Visit};
use e2e::system::service::until;
use url::Url;

use crate::{BROWSER, altered, assert_refused};

/// Each is the valid post with one thing changed; afterwards the valid one still works.
///
/// Requirements: B8, B12.
#[tokio::test]
async fn a_forged_or_cross_site_post_decides_nothing() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let consent = app.request().open(&mut jar).await?;
    let form = consent.form("approve")?;
    let token = consent.page.hidden("form_token")?;
    let ticket = consent.page.hidden("ticket")?;
    let of_other_ticket = app.request().open(&mut jar).await?.page.hidden("form_token")?;
    let of_other_browser = Jar::new()?.open(&consent.page.url).await?.hidden("form_token")?;
    let browser = jar.cookie(BROWSER).context("the browser cookie")?.clone();
    let pair = format!("{}={}", browser.name, browser.value);
    let flipped = format!("{}={}", browser.name, altered(&browser.value, 20));

    let neighbour = "http://127.0.0.1:9";
    let forged = [
        ("no token", form.clone().without_field("form_token"), 403, "FORM_TOKEN_INVALID"),
        ("another ticket's", form.clone().field("form_token", &of_other_ticket), 403, "FORM_TOKEN_INVALID"),
        ("another browser's", form.clone().field("form_token", &of_other_browser), 403, "FORM_TOKEN_INVALID"),
        ("a flipped bit", form.clone().field("form_token", &altered(&token, 30)), 403, "FORM_TOKEN_INVALID"),
        ("a longer one", form.clone().field("form_token", &format!("{token}A")), 403, "FORM_TOKEN_INVALID"),
        ("no ticket", form.clone().without_field("ticket"), 400, "TICKET_INVALID"),
        ("a flipped ticket", form.clone().field("ticket", &altered(&ticket, 60)), 400, "TICKET_INVALID"),
        ("no decision", form.clone().without_field("decision"), 400, "DECISION_MISSING"),
        ("neither of the two", form.clone().field("decision", "Approve"), 400, "DECISION_MISSING"),
        // The test forces the cookies into the request: it would be refused even with them.
        ("cross-site", form.clone().header("sec-fetch-site", "cross-site")?.cookie_header(&pair), 403, "CROSS_SITE"),
        ("same-site", form.clone().header("sec-fetch-site", "same-site")?, 403, "CROSS_SITE"),
        ("an unknown site", form.clone().header("sec-fetch-site", "same-origin, none")?, 403, "CROSS_SITE"),
        (
            "a foreign origin, in an old browser",
            form.clone().without_header("sec-fetch-site").header("origin", neighbour)?,
            403,
            "CROSS_SITE",
        ),
        ("no cookie", form.clone().cookie_header(""), 403, "BROWSER_COOKIE_MISSING"),
        ("a flipped cookie", form.clone().cookie_header(flipped), 403, "BROWSER_COOKIE_MISSING"),
        ("the cookie twice", form.clone().cookie_header(format!("{pair}; {pair}")), 403, "BROWSER_COOKIE_MISSING"),
    ];
    for (what, visit, status, reason) in forged {
        let page = jar.clone().send(visit).await?;
        assert_eq!((page.status, page.reason()), (status, Some(reason)), "{what}");
        assert_refused(&page, status, reason);
        assert_eq!(stage.upstream.asked().authorizations.len(), 0, "{what}");
    }
    let code = consent.approve(&mut jar).await?.sign_in(&mut jar).await?.finish(&mut jar).await?.code()?;
    consent.request.redemption(&code).tokens().await?;
    stage.stop().await
}

/// Login CSRF: the attacker's page posts a form that the attacker obtained for a ticket of their own.
///
/// Requirements: B8.
#[tokio::test]
async fn an_attackers_page_cannot_answer_for_the_person() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut victim = Jar::new()?;
    let consent = app.request().open(&mut victim).await?;
    let attackers = app.request().open(&mut Jar::new()?).await?;
    let mut fields = attackers.page.hidden_fields();
    fields.push(("decision".to_owned(), "approve".to_owned()));
    let to = Url::parse(&stage.gate.url("/consent"))?;
    for (from, old_browser, reason) in [
        ("https://attacker.example/", false, "CROSS_SITE"),
        ("https://attacker.example/", true, "CROSS_SITE"),
        // A page of another program on the same computer: it shares the host, so the browser sends the
        // cookies.
        ("http://127.0.0.1:9/", false, "CROSS_SITE"),
    ] {
        let mut visit = Visit::form(to.clone(), &Url::parse(from)?, fields.clone());
        if old_browser {
            visit = visit.without_header("sec-fetch-site");
        }
        assert_refused(&victim.send(visit).await?, 403, reason);
    }
    // A browser that sends neither header still needs matching cookie and token.
    let visit = Visit::form(to.clone(), &to, fields).without_header("sec-fetch-site").without_header("origin");
    assert_refused(&victim.send(visit).await?, 403, "FORM_TOKEN_INVALID");
    assert_eq!(stage.upstream.asked().authorizations.len(), 0);
    consent.approve(&mut victim).await?;
    stage.stop().await
}

/// Two renders of one page and several tabs do not disturb each other.
///
/// Requirements: B32.
#[tokio::test]
async fn every_render_stays_valid_and_tabs_finish_side_by_side() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let first = app.request().open(&mut jar).await?;
    let again = jar.open(&first.page.url).await?;
    let second = app.request().open(&mut jar).await?;
    assert_eq!(first.page.hidden("form_token")?, again.hidden("form_token")?);
    let sent = [first.approve(&mut jar).await?, second.approve(&mut jar).await?];
    assert_ne!(sent[0].state()?, sent[1].state()?, "b15: every flow has a state of its own");
    for sent in sent {
        let code = sent.sign_in(&mut jar).await?.finish(&mut jar).await?.code()?;
        sent.request.redemption(&code).tokens().await?;
    }
    stage.stop().await
}

/// Requirements: B8.
#[tokio::test]
async fn the_same_decision_again_is_the_same_redirect() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let consent = app.request().open(&mut jar).await?;
    let sent = consent.approve(&mut jar).await?;
    assert_eq!(consent.approve(&mut jar).await?.page.location()?, sent.page.location()?);
    let code = sent.sign_in(&mut jar).await?.finish(&mut jar).await?.code()?;
    let tokens = consent.request.redemption(&code).tokens().await?;

    // The same holds after the flow has ended, but a finished flow issues no second code.
    let again = consent.approve(&mut jar).await?;
    assert_eq!(again.page.location()?, sent.page.location()?);
    let callback = again.sign_in(&mut jar).await?;
    assert_refused(&callback.visit(&mut jar).await?, 400, "ALREADY_FINISHED");
    assert_eq!(stage.upstream.asked().exchanges_of(&callback.code()?), 0);
    app.refresh(&tokens.refresh_token).tokens().await?;

    let denied = app.request().open(&mut jar).await?;
    assert_eq!(denied.deny(&mut jar).await?, denied.deny(&mut jar).await?);
    stage.stop().await
}

/// Requirements: B8.
#[tokio::test]
async fn deny_then_approve_is_refused() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let consent = app.request().open(&mut jar).await?;
    let answer = consent.deny(&mut jar).await?;
    assert_denial(&consent, &answer, stage.gate.issuer());
    let page = jar.send(consent.form("approve")?).await?;
    assert_refused(&page, 409, "ALREADY_DECIDED");
    assert_eq!(stage.upstream.asked().authorizations.len(), 0);
    assert!(jar.cookie("__Host-lychgate-login-").is_none());
    stage.stop().await
}

/// Requirements: B8.
#[tokio::test]
async fn approve_then_deny_is_denied() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let consent = app.request().open(&mut jar).await?;
    let sent = consent.approve(&mut jar).await?;
    let answer = consent.deny(&mut jar).await?;
    assert_denial(&consent, &answer, stage.gate.issuer());
    let callback = sent.sign_in(&mut jar).await?;
    assert_refused(&callback.visit(&mut jar).await?, 409, "ALREADY_DECIDED");
    assert_eq!(stage.upstream.asked().exchanges.len(), 0);
    stage.stop().await
}

/// Concurrent opposite decisions: a denial is among them, so it is recorded, and each response before it led nowhere.
///
/// Requirements: B8.
#[tokio::test]
async fn opposite_decisions_at_once_leave_one() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let consent = app.request().open(&mut jar).await?;
    let posts = (0..16).map(|n| {
        let (mut jar, form) = (jar.clone(), consent.form(if n % 2 == 0 { "approve" } else { "deny" }));
        async move { anyhow::Ok((n % 2 == 0, jar.send(form?).await?)) }
    });
    let pages = futures_util::future::try_join_all(posts).await?;
    let (approvals, denials): (Vec<_>, Vec<_>) = pages.into_iter().partition(|(is_approval, _)| *is_approval);
    let denials: std::collections::BTreeSet<_> = denials.iter().map(|(_, page)| page.location().unwrap()).collect();
    assert_eq!(denials.len(), 1, "{denials:?}");
    for (_, page) in approvals {
        if page.status == 303 {
            let sent = SentUpstream { request: consent.request.clone(), page };
            let callback = sent.sign_in(&mut jar).await?;
            // This browser was not told of the login by the response that the other copy of its cookies got.
            assert_refused(&callback.visit(&mut jar).await?, 403, "STATE_COOKIE_MISSING");
        } else {
            assert_refused(&page, 409, "ALREADY_DECIDED");
        }
    }
    assert_refused(&jar.send(consent.form("approve")?).await?, 409, "ALREADY_DECIDED");
    assert_eq!(stage.upstream.asked().exchanges.len(), 0);
    stage.stop().await
}

/// Requirements: B24.
#[tokio::test]
async fn a_page_expires() -> Result<()> {
    let stage = Stage::start("[lifetimes]\nticket_seconds = 4\n").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let consent = app.request().open(&mut jar).await?;
    let mut reader = jar.clone();
    until("the page expires", async || {
        reader.open(&consent.page.url).await.is_ok_and(|page| page.reason() == Some("TICKET_EXPIRED"))
    })
    .await?;
    assert_refused(&jar.send(consent.form("approve")?).await?, 400, "TICKET_EXPIRED");
    assert_eq!(stage.upstream.asked().authorizations.len(), 0);
    stage.stop().await
}

fn assert_denial(consent: &Consent, answer: &Answer, issuer: &str) {
    assert_eq!(answer.error().as_deref(), Some("access_denied"));
    assert_eq!(answer.parameter("state").as_deref(), consent.request.parameter("state"));
    assert_eq!(answer.parameter("iss").as_deref(), Some(issuer));
}
