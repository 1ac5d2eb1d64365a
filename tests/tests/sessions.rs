//! Sessions over real sockets: which consent pages they shorten, and which not.

use anyhow::{Context, Result};
use e2e::flow::{Answer, App, Callback, Consent, Stage, WEB};
use e2e::http::{Jar, Page, Visit};
use url::Url;

const REMEMBERING: &str = r#"
[prompt]
mode = "remember"
[[clients]]
id = "web"
name = "Pelican Notes"
redirect_uris = ["https://app.example/callback"]
"#;

/// GHSA-6x8h-498w-gv8c: the visit that would get the one-click page, started by another site.
///
/// Requirements: B31.
#[tokio::test]
async fn a_returning_person_gets_one_click_and_a_cross_site_visit_the_full_page() -> Result<()> {
    let (stage, app, mut jar) = returning().await?;
    let button = app.request().open(&mut jar).await?;
    assert!(is_button(&button.page) && button.page.body.contains("Pelican Notes"));

    let request = app.request();
    let bounced = Visit::link(request.url(), &Url::parse("https://attacker.example/")?)?;
    let redirect = jar.send(bounced).await?;
    let page = jar.follow(&redirect).await?;
    assert!(!is_button(&page) && page.body.contains("Use another account"), "{}", page.summary());
    let silent = Visit::redirected(&request.send(&mut jar).await?)?.without_header("sec-fetch-site");
    assert!(!is_button(&jar.send(silent).await?));

    let everything = jar.open(format!("{}&whole_page=1", button.page.url)).await?;
    assert!(!is_button(&everything), "{}", everything.summary());
    let upstream = button.approve(&mut jar).await?;
    upstream.sign_in(&mut jar).await?.finish(&mut jar).await?.code()?;
    stage.stop().await
}

/// A visit that our own origin started, as a redirect of ours to a hostile redirect URI would be.
///
/// Requirements: B31.
#[tokio::test]
async fn a_visit_from_our_own_origin_gets_the_full_page() -> Result<()> {
    for mode in ["mode = \"remember\"", "mode = \"silent\"\nsilent_clients = [\"web\"]"] {
        let (stage, app, mut jar) = returning_with(&REMEMBERING.replace("mode = \"remember\"", mode)).await?;
        let ours = Url::parse(stage.gate.issuer())?;
        let redirect = jar.send(Visit::link(app.request().url(), &ours)?).await?;
        let page = jar.follow(&redirect).await?;
        assert_eq!(page.status, 200, "{}", page.summary());
        assert!(!is_button(&page) && page.body.contains("Use another account"), "{mode}: {}", page.summary());
        let typed = app.request().send(&mut jar).await?;
        let typed = jar.follow(&typed).await?;
        assert!(is_button(&typed) || typed.redirects(), "{mode}, started by the person: {}", typed.summary());
        stage.stop().await?;
    }
    Ok(())
}

/// If another person than expected signs in, a page asks; "Use another account" gives the client no code, and leads back to the
/// consent page of the same request, for another account.
///
/// Requirements: B37.
#[tokio::test]
async fn an_unexpected_person_is_asked_before_a_code_is_issued() -> Result<()> {
    let (stage, app, mut jar) = returning().await?;
    sits_down("bob", &stage, &mut jar);
    for decision in ["not_me", "approve"] {
        let request = app.request();
        let callback = request.callback(&mut jar).await?;
        let question = callback.visit(&mut jar).await?;
        assert_eq!(question.status, 200, "{}", question.summary());
        assert!(question.body.contains("You signed in as") && question.body.contains("bob"));
        let answer = jar.press(&question, ("decision", decision)).await?;
        assert_eq!(answer.status, 303, "{}", answer.summary());
        assert_eq!(jar.cookie("__Host-lychgate-session-").is_some(), decision == "approve");
        if decision == "not_me" {
            let page = jar.follow(&answer).await?;
            assert!(
                page.status == 200 && !is_button(&page) && !page.body.contains("Use another account"),
                "{}",
                page.summary()
            );
            let late = callback.visit(&mut jar).await?;
            assert_eq!((late.status, late.reason()), (403, Some("STATE_COOKIE_MISSING")), "{}", late.summary());

            // The provider knows Bob's session, and lists its accounts nevertheless. Ada is the next person before Bob.
            let consent = Consent { request: request.clone(), page };
            let upstream = consent.approve(&mut jar).await?;
            let asked = Answer { uri: upstream.page.location()? };
            assert_eq!(asked.parameter("prompt").as_deref(), Some("select_account"));
            let accounts = jar.follow(&upstream.page).await?;
            assert!(accounts.status == 200 && !accounts.redirects(), "{}", accounts.summary());
            let question = jar.press(&accounts, ("login", "ada")).await?;
            let back = jar.press(&question, ("decision", "allow")).await?;
            let callback = Callback { request: request.clone(), url: back.location()? };
            let answer = callback.finish(&mut jar).await?;
            assert_eq!(answer.parameter("state").as_deref(), request.parameter("state"));
            let claims = request.redemption(&answer.code()?).tokens().await?.claims()?;
            assert!(claims["sub"].as_str().is_some_and(|sub| sub.ends_with("1001")), "{claims}");
            sits_down("bob", &stage, &mut jar);
        }
    }
    stage.stop().await
}

/// Alice has approved the app in this browser.
async fn returning() -> Result<(Stage, App, Jar)> {
    returning_with(REMEMBERING).await
}

async fn returning_with(config: &str) -> Result<(Stage, App, Jar)> {
    let stage = Stage::start(config).await?;
    let app = stage.gate.configured("web", WEB);
    let mut jar = Jar::new()?;
    sits_down("alice", &stage, &mut jar);
    app.request().tokens(&mut jar).await.context("the first time")?;
    Ok((stage, app, jar))
}

/// The provider forgets the previous person.
fn sits_down(person: &str, stage: &Stage, jar: &mut Jar) {
    jar.forget("lychgate_demo_");
    stage.upstream.sign_in_as(person);
}

fn is_button(page: &Page) -> bool {
    page.body.contains("Continue as") && !page.body.contains("value=\"deny\"")
}
