//! The attacks Lychgate is there to stop: each is the successful flow with exactly one thing changed, refused for the one
//! reason it deserves, with nothing left behind.

mod browsers;
mod callbacks;
mod changes;
mod codes;
mod deputy;
mod disconnects;
mod forms;
mod redirects;
mod refreshes;
mod spoofing;
mod upstream_documents;
mod upstream_failures;

use anyhow::{Result, bail};
use e2e::flow::{Answer, LOOPBACK, Stage};
use e2e::http::{Jar, Page};

/// How the names of our two cookies begin.
const BROWSER: &str = "__Host-lychgate-browser-";
const LOGIN: &str = "__Host-lychgate-login-";

/// What every other test here changes one thing of.
///
/// Requirements: A1.
#[tokio::test]
async fn the_unchanged_flow_succeeds() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let tokens = app.request().tokens(&mut Jar::new()?).await?;
    app.refresh(&tokens.refresh_token).tokens().await?;
    assert_eq!(stage.upstream.asked().exchanges.len(), 1);
    stage.stop().await
}

/// A page that says no: with this status, for this reason, and leading nowhere by itself.
#[track_caller]
fn assert_refused(page: &Page, status: u16, reason: &str) {
    assert_eq!((page.status, page.reason()), (status, Some(reason)), "{}", page.summary());
    assert!(!page.redirects(), "{}", page.summary());
    assert!(!page.body.contains("lgc_"), "a code on a page");
    let opens_a_login = |cookie: &&str| cookie.starts_with(LOGIN) && !cookie.ends_with("Max-Age=0");
    assert!(!page.set_cookies().iter().any(opens_a_login), "{:?}", page.set_cookies());
}

/// What a client gets from the token endpoint instead of tokens.
#[track_caller]
fn assert_no_tokens(page: &Page, status: u16, error: &str) {
    assert_eq!((page.status, page.error().as_str()), (status, error), "{}", page.summary());
    assert!(!page.body.contains("token\":"), "{}", page.summary());
}

/// `text` with one bit of its character at `at` changed, still in the alphabet of base64url.
fn altered(text: &str, at: usize) -> String {
    let other = |c: char| if c == 'A' { 'B' } else { 'A' };
    text.char_indices().map(|(n, c)| if n == at { other(c) } else { c }).collect()
}

/// Where every redirect leads from here, up to the first that leaves `ours`.
async fn led_to(jar: &mut Jar, first: Page, ours: &[&str]) -> Result<Led> {
    let mut page = first;
    for _ in 0..16 {
        if !page.redirects() {
            return Ok(Led::ToAPage(page));
        }
        let uri = page.location()?;
        if !ours.iter().any(|origin| uri.as_str().starts_with(*origin)) {
            return Ok(Led::Away(Answer { uri }));
        }
        page = jar.follow(&page).await?;
    }
    bail!("a circle of redirects: {}", page.summary())
}

#[derive(Debug)]
enum Led {
    ToAPage(Page),
    Away(Answer),
}
