//! Many flows in one browser: its cookies stay few and small, the newest flows finish, and the dropped ones end on
//! a page that says so.

use anyhow::Result;
use e2e::flow::{Callback, Consent, LOOPBACK, Stage};
use e2e::http::{Jar, Page};
use e2e::system::service::until;
use tokio::task::JoinSet;

const TABS: usize = 20;
/// The number of pending flows per browser.
const KEPT: usize = 8;
/// The size of a Cookie header that proxies accept.
const MAX_COOKIE_HEADER: usize = 4096;

const BROWSER: &str = "__Host-lychgate-browser-";
const LOGIN: &str = "__Host-lychgate-login-";

/// Twenty pages are open and answered one after the other before the upstream redirects any of them back.
///
/// Requirements: B32.
#[tokio::test]
async fn the_eight_newest_of_twenty_tabs_finish_and_the_others_ask_to_start_again() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let mut tabs = Vec::new();
    for _ in 0..TABS {
        tabs.push(open_tab(&app.request(), &mut jar).await?);
    }
    assert_eq!(logins(&jar), 0, "a page alone is no flow");
    let mut sent = Vec::new();
    for (n, tab) in tabs.iter().enumerate() {
        sent.push(tab.approve(&mut jar).await?);
        assert_eq!(logins(&jar), KEPT.min(n + 1));
        assert_small(&jar);
    }
    let mut callbacks = Vec::new();
    for sent in &sent {
        callbacks.push(sent.sign_in(&mut jar).await?);
        assert_small(&jar);
    }

    let (dropped, newest) = callbacks.split_at(TABS - KEPT);
    for callback in dropped {
        let page = callback.visit(&mut jar).await?;
        assert_starts_again(&page);
        assert_eq!(stage.upstream.asked().exchanges_of(&callback.code()?), 0, "the upstream's code was spent");
    }
    finish_all(&stage, newest, &mut jar).await?;
    assert_eq!(stage.upstream.asked().exchanges.len(), KEPT, "no other login reached the upstream");
    // A new flow can start.
    app.request().tokens(&mut jar).await?;
    stage.stop().await
}

/// Twenty concurrent answers cannot see each other's cookies, so each sets one. The header stays small enough, each
/// flow with its cookie finishes, and the next answer drops the surplus.
#[tokio::test]
async fn twenty_concurrent_answers_stay_below_the_header_limit() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let mut tabs = Vec::new();
    for _ in 0..TABS {
        tabs.push(open_tab(&app.request(), &mut jar).await?);
    }
    let mut answers = JoinSet::new();
    for (n, tab) in tabs.into_iter().enumerate() {
        let mut copy = jar.clone();
        answers.spawn(async move { anyhow::Ok((n, tab.approve(&mut copy).await?, copy)) });
    }
    let mut answers = answers.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
    answers.sort_by_key(|(n, ..)| *n);
    let mut sent = Vec::new();
    for (_, answer, copy) in answers {
        copy.cookies().into_iter().for_each(|cookie| jar.plant(cookie));
        sent.push(answer);
    }
    assert_eq!(logins(&jar), TABS);
    assert_small(&jar);
    let mut callbacks = Vec::new();
    for sent in &sent {
        callbacks.push(sent.sign_in(&mut jar).await?);
    }
    let (first, others) = callbacks.split_at(1);
    finish_all(&stage, first, &mut jar).await?;

    // After another answer eight cookies are left: the new one and the seven newest.
    let next = app.request().callback(&mut jar).await?;
    assert_eq!(logins(&jar), KEPT);
    let (dropped, newest) = others.split_at(others.len() - (KEPT - 1));
    for callback in dropped {
        assert_starts_again(&callback.visit(&mut jar).await?);
    }
    finish_all(&stage, newest, &mut jar).await?;
    finish_all(&stage, &[next], &mut jar).await?;
    assert_eq!(stage.upstream.asked().exchanges.len(), 1 + KEPT);
    stage.stop().await
}

#[tokio::test]
async fn twenty_flows_one_after_the_other_all_finish_and_leave_no_cookie_of_their_own() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    for n in 0..TABS {
        app.request().tokens(&mut jar).await?;
        assert_eq!(logins(&jar), 0);
        assert_small(&jar);
        assert_eq!(stage.upstream.asked().exchanges.len(), n + 1);
    }
    stage.stop().await
}

/// Opens a page in a later millisecond than the one before, so that the order of the flows is certain.
async fn open_tab(request: &e2e::flow::AuthorizationRequest, jar: &mut Jar) -> Result<Consent> {
    let begun = std::time::Instant::now();
    let tab = request.open(jar).await?;
    until("a millisecond passes", async || begun.elapsed().as_millis() >= 1).await?;
    Ok(tab)
}

async fn finish_all(stage: &Stage, callbacks: &[Callback], jar: &mut Jar) -> Result<()> {
    for callback in callbacks {
        let code = callback.finish(jar).await?.code()?;
        callback.request.redemption(&code).tokens().await?;
        assert_eq!(stage.upstream.asked().exchanges_of(&callback.code()?), 1);
        assert_small(jar);
    }
    Ok(())
}

#[track_caller]
fn assert_starts_again(page: &Page) {
    assert_eq!((page.status, page.reason()), (403, Some("STATE_COOKIE_MISSING")), "{}", page.summary());
    assert!(page.body.contains("start again from there"), "it says what to do: {}", page.body);
    assert!(!page.redirects() && !page.body.contains("lgc_") && page.set_cookies().is_empty());
}

fn logins(jar: &Jar) -> usize {
    jar.cookies().iter().filter(|cookie| cookie.name.starts_with(LOGIN)).count()
}

/// Checks the size of the Cookie header.
#[track_caller]
fn assert_small(jar: &Jar) {
    let cookies = jar.cookies();
    assert!(cookies.iter().filter(|cookie| cookie.name.starts_with(BROWSER)).count() == 1);
    let ours = cookies.iter().filter(|cookie| cookie.name.starts_with("__Host-"));
    let header: usize = ours.map(|cookie| cookie.name.len() + "=".len() + cookie.value.len() + "; ".len()).sum();
    assert!(header <= MAX_COOKIE_HEADER, "{header} bytes of cookies");
}
