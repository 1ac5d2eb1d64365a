//! The attacks that Lychgate prevents. Each is the successful flow with exactly one thing changed; it must be
//! refused for its precise reason and leave nothing behind.

#![expect(clippy::expect_used, reason = "a test ends where an expectation fails")]

mod answers;
mod browsers;
mod callbacks;
mod changes;
mod codes;
mod deputy;
mod disconnects;
mod forms;
mod long_refusals;
mod redirects;
mod refreshes;
mod spoofing;
mod upstream_documents;
mod upstream_failures;

use anyhow::{Result, bail};
use e2e::flow::{Answer, LOOPBACK, Stage};
use e2e::http::{Jar, Page};

/// The prefixes of the names of our two cookies.
const BROWSER: &str = "__Host-lychgate-browser-";
const LOGIN: &str = "__Host-lychgate-login-";

/// The flow that the other tests change.
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

/// The page has this status and reason and does not navigate.
#[track_caller]
fn assert_refused(page: &Page, status: u16, reason: &str) {
    assert_eq!((page.status, page.reason()), (status, Some(reason)), "{}", page.summary());
    assert!(!page.redirects(), "{}", page.summary());
    assert!(!page.body.contains("lgc_"), "a code on a page");
    let opens_a_login = |cookie: &&str| cookie.starts_with(LOGIN) && !cookie.ends_with("Max-Age=0");
    assert!(!page.set_cookies().iter().any(opens_a_login), "{:?}", page.set_cookies());
}

/// The token endpoint answers with this error and without tokens.
#[track_caller]
fn assert_no_tokens(page: &Page, status: u16, error: &str) {
    assert_eq!((page.status, page.error().as_str()), (status, error), "{}", page.summary());
    assert!(!page.body.contains("token\":"), "{}", page.summary());
}

/// `text` with one bit of its character at `at` changed, still in the base64url alphabet.
fn altered(text: &str, at: usize) -> String {
    let other = |c: char| if c == 'A' { 'B' } else { 'A' };
    text.char_indices().map(|(n, c)| if n == at { other(c) } else { c }).collect()
}

/// Follows redirects from here up to the first that leaves `ours`.
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
