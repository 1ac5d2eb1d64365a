//! A person's answers to one page, in every order, over HTTP: Back, two tabs, a double submit. The last answer counts
//! until its login is claimed, a No is a No, and after a code a No can only take back.

use anyhow::{Result, ensure};
use e2e::flow::{Answer, App, Consent, LOOPBACK, SentUpstream, Stage, THREE_SCOPES, Tokens};
use e2e::http::{Jar, Page};

use crate::assert_refused;

const ALL: &[&str] = &["notes:write", "notes:delete"];
const LESS: &[&str] = &[];

async fn start() -> Result<(Stage, App, Jar)> {
    let stage = Stage::start_with_resources(THREE_SCOPES).await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    Ok((stage, app, Jar::new()?))
}

/// Presses Approve with these boxes ticked.
async fn approve(consent: &Consent, jar: &mut Jar, ticked: &[&str]) -> Result<SentUpstream> {
    let form = ticked.iter().fold(consent.form("approve")?, |form, scope| form.and_field("chosen_scope", scope));
    let page = jar.send(form).await?;
    ensure!(page.status == 303, "the approval was not accepted: {}", page.summary());
    Ok(SentUpstream { request: consent.request.clone(), page })
}

async fn tokens(sent: &SentUpstream, jar: &mut Jar) -> Result<Tokens> {
    let code = sent.sign_in(jar).await?.finish(jar).await?.code()?;
    sent.request.redemption(&code).tokens().await
}

/// The page that Back, a second tab or a reload gets.
async fn reopened(consent: &Consent, jar: &mut Jar) -> Result<Page> {
    jar.open(&consent.page.url).await
}

#[track_caller]
fn assert_declined(page: &Page, denial: &Answer) {
    assert_refused(page, 409, "ALREADY_DECIDED");
    assert!(page.body.contains("You declined this"), "{}", page.summary());
    assert_eq!(page.return_link().expect("a link").as_ref(), Some(&denial.uri), "the client hears the same, once");
}

/// Everything ticked, Back, untick two, Approve, sign in; and the reverse.
///
/// Requirements: B8, E3.
#[tokio::test]
async fn the_token_carries_what_was_approved_last() -> Result<()> {
    for (first, second, scope) in [(ALL, LESS, "notes:read"), (LESS, ALL, "notes:delete notes:read notes:write")] {
        let (stage, app, mut jar) = start().await?;
        let consent = app.request().open(&mut jar).await?;
        let earlier = approve(&consent, &mut jar, first).await?;
        let back = reopened(&consent, &mut jar).await?;
        assert_eq!(ticked(&back), first, "the page shows what was decided");
        let last = approve(&consent, &mut jar, second).await?;
        assert_eq!(ticked(&reopened(&consent, &mut jar).await?), second);

        let callback = earlier.sign_in(&mut jar).await?;
        assert_refused(&callback.visit(&mut jar).await?, 409, "LOGIN_REPLACED");
        assert_eq!(stage.upstream.asked().exchanges.len(), 0, "the earlier login leads to nothing");
        let mut granted: Vec<_> = tokens(&last, &mut jar).await?.scope.split(' ').map(str::to_owned).collect();
        granted.sort();
        assert_eq!(granted.join(" "), scope);
        let late = callback.visit(&mut jar).await?;
        assert!(late.status >= 400 && !late.redirects() && !late.body.contains("lgc_"), "{}", late.summary());
        assert_eq!(stage.upstream.asked().exchanges.len(), 1);
        stage.stop().await?;
    }
    Ok(())
}

/// Approve, Back, Deny: then neither the page, nor a second tab, nor the upstream's page that is still open, gives a code.
///
/// Requirements: B4, B8.
#[tokio::test]
async fn a_no_after_a_yes_is_a_no() -> Result<()> {
    let (stage, app, mut jar) = start().await?;
    let consent = app.request().open(&mut jar).await?;
    let sent = approve(&consent, &mut jar, ALL).await?;
    let second_tab = reopened(&consent, &mut jar).await?;
    let callback = sent.sign_in(&mut jar).await?;

    let denial = consent.deny(&mut jar).await?;
    assert_eq!(denial.error().as_deref(), Some("access_denied"));
    assert_eq!(denial.parameter("state").as_deref(), consent.request.parameter("state"));
    assert_eq!(consent.deny(&mut jar).await?, denial, "a double submit is the same redirect");
    assert_declined(&callback.visit(&mut jar).await?, &denial);
    assert_declined(&reopened(&consent, &mut jar).await?, &denial);
    for ticked in [ALL, LESS] {
        let form = ticked.iter().fold(consent.form("approve")?, |form, scope| form.and_field("chosen_scope", scope));
        assert_declined(&jar.send(form).await?, &denial);
    }
    let tab = Consent { page: second_tab, request: consent.request.clone() };
    assert_declined(&jar.send(tab.form("approve")?).await?, &denial);
    // The sign-in page of the upstream, opened again.
    assert_declined(&sent.sign_in(&mut jar).await?.visit(&mut jar).await?, &denial);
    assert_eq!(stage.upstream.asked().exchanges.len(), 0);

    // Another request of the app is another question.
    app.request().tokens(&mut jar).await?;
    stage.stop().await
}

/// Yes, less, Yes, No, in two tabs that are never loaded again.
///
/// Requirements: B8, B32.
#[tokio::test]
async fn two_tabs_of_one_page_share_one_answer() -> Result<()> {
    let (stage, app, mut jar) = start().await?;
    let one = app.request().open(&mut jar).await?;
    let two = Consent { page: reopened(&one, &mut jar).await?, request: one.request.clone() };
    let mut sent = Vec::new();
    for (tab, ticked) in [(&one, ALL), (&two, LESS), (&one, ALL), (&two, &ALL[..1])] {
        sent.push(approve(tab, &mut jar, ticked).await?);
    }
    let states: std::collections::BTreeSet<_> = sent.iter().map(|sent| sent.state().unwrap()).collect();
    assert_eq!(states.len(), 4, "each answer has a login of its own");
    let last = sent.pop().unwrap();
    for sent in &sent {
        assert_refused(&sent.sign_in(&mut jar).await?.visit(&mut jar).await?, 409, "LOGIN_REPLACED");
    }
    let again = approve(&one, &mut jar, &ALL[..1]).await?;
    assert_eq!(again.page.location()?, last.page.location()?, "the same answer from the other tab");
    let granted = tokens(&last, &mut jar).await?;
    assert!(granted.scope.contains("notes:write") && !granted.scope.contains("notes:delete"), "{}", granted.scope);
    assert_eq!(stage.upstream.asked().exchanges.len(), 1);
    stage.stop().await
}

/// Another browser with the same link decides for itself.
///
/// Requirements: B8, B23.
#[tokio::test]
async fn an_answer_in_another_browser_replaces_nothing() -> Result<()> {
    let (stage, app, mut jar) = start().await?;
    let consent = app.request().open(&mut jar).await?;
    let sent = approve(&consent, &mut jar, ALL).await?;
    let mut attackers = Jar::new()?;
    let theirs = Consent { page: reopened(&consent, &mut attackers).await?, request: consent.request.clone() };
    assert!(!theirs.page.body.contains("your last answer counts"), "it learns nothing of the other browser");
    assert_refused(&attackers.send(consent.form("deny")?).await?, 403, "FORM_TOKEN_INVALID");
    theirs.deny(&mut attackers).await?;
    tokens(&sent, &mut jar).await?;
    stage.stop().await
}

/// Requirements: B8, B38, R27.
#[tokio::test]
async fn a_no_after_the_code_says_what_was_allowed_and_takes_it_back() -> Result<()> {
    let (stage, app, mut jar) = start().await?;
    let consent = app.request().open(&mut jar).await?;
    let sent = approve(&consent, &mut jar, &ALL[..1]).await?;
    let granted = tokens(&sent, &mut jar).await?;

    let shown = jar.send(consent.form("deny")?).await?;
    assert_eq!(shown.status, 409, "{}", shown.summary());
    assert!(!shown.redirects() && !shown.body.contains("lgc_"));
    for said in ["You allowed", "Read your notes", "Change your notes", "came too late", "127.0.0.1", "/account"] {
        assert!(shown.body.contains(said), "the page does not say {said:?}: {}", shown.body);
    }
    assert!(!shown.body.contains("Delete your notes"), "it was left out");
    let back = shown.return_link()?.expect("a way back to the app");
    assert!(back.as_str().starts_with(&app.redirect_uri) && !back.as_str().contains("code="), "{back}");
    // Nothing has ended yet: the person has not pressed the button.
    let granted = app.refresh(&granted.refresh_token).tokens().await?;

    // A reload, and another approval, show the same.
    let page = reopened(&consent, &mut jar).await?;
    assert_eq!((page.status, page.hidden_fields()), (200, shown.hidden_fields()));
    assert_eq!(jar.send(consent.form("approve")?).await?.status, 409);
    // The same page without the person's session, or at another site, takes nothing back.
    let press = || e2e::http::Visit::button(&shown, ("decision", "take_back"));
    let mut signed_out = jar.clone();
    signed_out.forget("__Host-lychgate-session-");
    assert_refused(&signed_out.send(press()?).await?, 403, "ACCOUNT_SESSION_MISSING");
    assert_refused(&jar.clone().send(press()?.header("sec-fetch-site", "cross-site")?).await?, 403, "CROSS_SITE");
    let granted = app.refresh(&granted.refresh_token).tokens().await?;

    let done = jar.send(press()?).await?;
    assert_eq!(done.status, 200, "{}", done.summary());
    assert!(done.body.contains("This has ended") && !done.body.contains("take_back"), "{}", done.body);
    assert_eq!(done.return_link()?, Some(back));
    let refused = app.refresh(&granted.refresh_token).send().await?;
    assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_grant"), "{}", refused.summary());
    assert_eq!(jar.send(press()?).await?.body, done.body, "a double submit");
    stage.stop().await
}

/// The code is with the client, which has not redeemed it yet.
///
/// Requirements: B8.
#[tokio::test]
async fn what_is_taken_back_before_the_exchange_gives_no_token() -> Result<()> {
    let (stage, app, mut jar) = start().await?;
    let consent = app.request().open(&mut jar).await?;
    let sent = approve(&consent, &mut jar, ALL).await?;
    let code = sent.sign_in(&mut jar).await?.finish(&mut jar).await?.code()?;
    let shown = jar.send(consent.form("deny")?).await?;
    jar.press(&shown, ("decision", "take_back")).await?;
    crate::assert_no_tokens(&sent.request.redemption(&code).send().await?, 400, "invalid_grant");
    stage.stop().await
}

/// Answers and the callback at the same moment: a code and a No never come together.
///
/// Requirements: B4, B8.
#[tokio::test]
async fn an_answer_and_the_callback_at_once_end_in_one_of_them() -> Result<()> {
    let (stage, app, _) = start().await?;
    for round in 0..6 {
        let mut jar = Jar::new()?;
        let consent = app.request().open(&mut jar).await?;
        let sent = approve(&consent, &mut jar, ALL).await?;
        let callback = sent.sign_in(&mut jar).await?;
        let (mut one, mut two, mut three) = (jar.clone(), jar.clone(), jar.clone());
        let (no, yes) = (consent.form("deny")?, consent.form("approve")?);
        let (came_back, denied, approved) = match round % 2 {
            0 => tokio::try_join!(callback.visit(&mut one), two.send(no), three.send(yes))?,
            _ => {
                let (denied, came_back, approved) =
                    tokio::try_join!(two.send(no), callback.visit(&mut one), three.send(yes))?;
                (came_back, denied, approved)
            }
        };
        let code = came_back.location().ok().and_then(|uri| Answer { uri }.code().ok());
        if denied.status == 303 {
            assert!(code.is_none(), "a code after a No: {}", came_back.summary());
            let late = callback.visit(&mut jar).await?;
            assert_refused(&late, 409, "ALREADY_DECIDED");
        } else {
            assert_eq!(denied.status, 409, "{}", denied.summary());
            let code = code.expect("the code was first");
            let granted = sent.request.redemption(&code).tokens().await?;
            assert!(granted.scope.contains("notes:delete"), "{}: {}", granted.scope, approved.summary());
        }
    }
    stage.stop().await
}

/// The optional scopes whose boxes are ticked, in the order of the page.
fn ticked(page: &Page) -> Vec<&'static str> {
    let boxes = page.body.split("<input type=\"checkbox\"").skip(1).filter_map(|rest| rest.split('>').next());
    let ticked: Vec<_> = boxes.filter(|tag| tag.contains(" checked")).collect();
    ALL.iter().copied().filter(|scope| ticked.iter().any(|tag| tag.contains(scope))).collect()
}
