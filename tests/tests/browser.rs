//! The pages in a real Chromium: what a person can see and do, which policies the browser enforces, and which
//! attacks it does not stop. The client is the TypeScript SDK, so the flow ends at a real loopback callback.

#![expect(clippy::expect_used, reason = "a test ends where an expectation fails")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use e2e::browser::{Browser, Find, Hop, Place, Tab, Window};
use e2e::clients::{McpClient, Outcome};
use e2e::dev::{Dev, Ready};
use e2e::person;
use serde_json::Value;

#[tokio::test]
async fn approving_leads_through_the_upstream_to_the_client() -> Result<()> {
    let (dev, browser) = start().await?;
    let client = client(&dev, "Pelican Notes").await?;
    let tab = browser.person("ada");

    let page = person::read_consent_page(&tab, client.authorize.as_str()).await?;
    tab.screenshot(&picture("consent.png")).await?;
    tab.click(Find::Selector { selector: "summary" }).await?;
    let text = tab.text().await?;
    let redirect_uri = query_value(client.authorize.as_str(), "redirect_uri");
    for said in ["Pelican Notes", "An app on this computer", "See who you are", &*dev.ready().mcp_url, &*redirect_uri] {
        assert!(text.contains(said), "the page does not say {said:?}:\n{text}");
    }
    let accessible = tab.accessible().await?;
    let heading = accessible.lines().find(|line| line.contains("[level=1]")).expect("a heading");
    assert!(
        heading.contains("An app on this computer")
            && heading.contains("Demo MCP server")
            && !heading.contains("Pelican"),
        "{heading}"
    );

    let login = person::approve(&tab).await?;
    assert!(login.url.starts_with(&dev.ready().upstream_issuer), "{login:?}");
    let end = person::sign_in_at_the_demo_provider(&tab, "Ada").await?;
    assert!(end.url.starts_with(&redirect_uri), "{end:?}");
    assert_eq!(query_value(&end.url, "iss"), dev.ready().issuer);
    client.session().await?;

    let hops = tab.hops().await?;
    assert_eq!(
        ours(&hops, dev.ready()),
        [
            ("GET", "/authorize".to_owned(), Some(303)),
            ("GET", "/consent".to_owned(), Some(200)),
            ("POST", "/consent".to_owned(), Some(303)),
            ("GET", "/callback/demo".to_owned(), Some(303)),
        ]
    );
    for hop in hops.iter().filter(|hop| is_ours(hop, dev.ready())) {
        assert_dressed(hop);
    }
    assert_eq!(page.status, Some(200));
    assert_nothing_was_blocked(&tab).await?;
    dev.stop().await
}

/// Requirements: B11.
#[tokio::test]
async fn cookies_are_bound_to_the_host_and_the_flow_leaves_none_of_its_own() -> Result<()> {
    let (dev, browser) = start().await?;
    let client = client(&dev, "Pelican Notes").await?;
    let tab = browser.person("ada");

    person::read_consent_page(&tab, client.authorize.as_str()).await?;
    let with_page = host_cookies(&browser, "ada").await?;
    assert_eq!(with_page.len(), 1, "the browser's own: {with_page:?}");
    person::approve(&tab).await?;
    let under_way = host_cookies(&browser, "ada").await?;
    assert_eq!(under_way.len(), 2, "and the flow's: {under_way:?}");
    person::sign_in_at_the_demo_provider(&tab, "Ada").await?;
    client.session().await?;
    let mut left = host_cookies(&browser, "ada").await?;
    left.retain(|name| !name.starts_with("__Host-lychgate-session-"));
    assert_eq!(left, with_page, "besides who was here");
    dev.stop().await
}

#[tokio::test]
async fn denying_reaches_the_client_but_not_the_upstream_and_is_final() -> Result<()> {
    let (dev, browser) = start().await?;
    let client = client(&dev, "Pelican Notes").await?;
    let tab = browser.person("ada");

    person::read_consent_page(&tab, client.authorize.as_str()).await?;
    let end = person::deny(&tab).await?;
    assert_eq!(query_value(&end.url, "error"), "access_denied");
    assert_eq!(query_value(&end.url, "iss"), dev.ready().issuer);
    match client.outcome().await? {
        Outcome::Failed(failure) => assert_eq!(failure.error, "access_denied"),
        Outcome::Connected(session) => panic!("connected after a denial: {session:?}"),
    }

    let refused = tab.back().await?;
    assert_refused(&tab, &refused, 409, "ALREADY_DECIDED").await?;
    assert_eq!((buttons(&tab, "Allow").await?, buttons(&tab, "Deny").await?), (0, 0), "nothing is left to answer");
    assert_never_upstream(&tab, dev.ready()).await?;
    dev.stop().await
}

#[tokio::test]
async fn the_keyboard_is_enough() -> Result<()> {
    let (dev, browser) = start().await?;
    let client = client(&dev, "Pelican Notes").await?;
    let tab = browser.person("ada");

    person::read_consent_page(&tab, client.authorize.as_str()).await?;
    for stop in ["Your connected apps", "Deny", "Allow"] {
        tab.press("Tab").await?;
        let focus = tab.focus().await?;
        assert_eq!(focus.name.as_deref(), Some(stop), "{focus:?}");
        assert!(focus.visible, "nothing shows that {stop} has the focus");
    }
    let login = tab.press_to_follow("Enter").await?;
    assert!(login.url.starts_with(&dev.ready().upstream_issuer), "{login:?}");
    person::sign_in_at_the_demo_provider(&tab, "Bo").await?;
    client.session().await?;
    dev.stop().await
}

#[tokio::test]
async fn a_small_window_without_scripts_is_enough() -> Result<()> {
    let (dev, browser) = start().await?;
    let client = client(&dev, &"Unbreakable".repeat(11)).await?;
    browser.new_context("phone", Window { width: 320, height: 568, javascript: false }).await?;
    let tab = browser.person("phone");

    person::read_consent_page(&tab, client.authorize.as_str()).await?;
    tab.screenshot(&picture("consent-320.png")).await?;
    assert_fits(&tab).await?;
    person::approve(&tab).await?;
    person::sign_in_at_the_demo_provider(&tab, "Cleo").await?;
    client.session().await?;

    let failure = tab.open(&format!("{}/consent?ticket=no-such-ticket", dev.ready().issuer)).await?;
    assert_refused(&tab, &failure, 400, "TICKET_INVALID").await?;
    tab.screenshot(&picture("error-320.png")).await?;
    assert_fits(&tab).await?;
    dev.stop().await
}

/// A header may be sent and have no effect: the test puts a script and a foreign image into the page and sees both
/// blocked, while the form still leads through every redirect under the same policy (Chromium applies `form-action`
/// to the whole chain).
///
/// Requirements: R22.
#[tokio::test]
async fn the_content_security_policy_is_in_force() -> Result<()> {
    let (dev, browser) = start().await?;
    let client = client(&dev, "Pelican Notes").await?;
    let tab = browser.person("ada");

    person::read_consent_page(&tab, client.authorize.as_str()).await?;
    tab.eval(
        "const script = document.createElement('script');
         script.textContent = 'window.injected = true';
         document.body.append(script);",
    )
    .await?;
    let image = tab
        .eval(
            "new Promise((resolve) => {
                 const image = new Image();
                 image.onload = () => resolve('loaded');
                 image.onerror = () => resolve('stopped');
                 image.src = 'http://attacker.test/pixel.png';
             })",
        )
        .await?;
    assert_eq!(image, "stopped");
    assert_eq!(tab.eval("window.injected ?? 'stopped'").await?, "stopped");
    assert_eq!(blocked(&tab).await?.len(), 2, "{:?}", tab.problems().await?);
    assert_eq!(tab.eval("document.styleSheets.length").await?, 1, "our own style is let through");

    person::approve(&tab).await?;
    person::sign_in_at_the_demo_provider(&tab, "Ada").await?;
    client.session().await?;
    dev.stop().await
}

/// The successful post from another site.
///
/// Requirements: B8.
#[tokio::test]
async fn another_site_cannot_press_the_button() -> Result<()> {
    let (dev, browser) = start().await?;
    let client = client(&dev, "Pelican Notes").await?;
    let tab = browser.person("ada");

    person::read_consent_page(&tab, client.authorize.as_str()).await?;
    let fields = tab.eval("Object.fromEntries(new FormData(document.forms[0]))").await?;
    let attacker = serve(attackers_page(dev.ready(), &fields)).await?;
    let trap = browser.tab("ada", "trap");
    trap.open(&format!("http://attacker.test:{}/", attacker.port())).await?;
    let refused = trap.follow(Find::button("Win a prize")).await?;
    assert_refused(&trap, &refused, 403, "CROSS_SITE").await?;
    assert_never_upstream(&trap, dev.ready()).await?;

    // The post decided nothing: the person still can.
    person::approve(&tab).await?;
    person::sign_in_at_the_demo_provider(&tab, "Ada").await?;
    client.session().await?;
    dev.stop().await
}

/// CVE-2026-27124: the attacker approves their own client and makes the victim sign in for it.
///
/// Requirements: B30.
#[tokio::test]
async fn one_browser_cannot_finish_what_another_began() -> Result<()> {
    let (dev, browser) = start().await?;
    let client = client(&dev, "The attacker's").await?;
    let attacker = browser.person("attacker");
    person::read_consent_page(&attacker, client.authorize.as_str()).await?;
    let login = person::approve(&attacker).await?;

    let victim = browser.person("victim");
    victim.open(&login.url).await?;
    let end = person::sign_in_at_the_demo_provider(&victim, "Ada").await?;
    assert_refused(&victim, &end, 403, "STATE_COOKIE_MISSING").await?;
    let redirect_uri = query_value(client.authorize.as_str(), "redirect_uri");
    let hops = victim.hops().await?;
    assert!(hops.iter().all(|hop| !hop.url.starts_with(&redirect_uri)), "the client heard of it: {hops:?}");

    // The same steps in one browser are the successful flow.
    person::sign_in_at_the_demo_provider(&attacker, "Bo").await?;
    client.session().await?;
    dev.stop().await
}

/// The demo provider remembers the person, so only our page stands between a new client and the account.
///
/// Requirements: B31, conflict 3, conflict 4.
#[tokio::test]
async fn every_client_needs_consent_although_the_upstream_remembers_the_person() -> Result<()> {
    let (dev, browser) = start().await?;
    let tab = browser.person("ada");
    let first = client(&dev, "First").await?;
    person::read_consent_page(&tab, first.authorize.as_str()).await?;
    person::approve(&tab).await?;
    person::sign_in_at_the_demo_provider(&tab, "Ada").await?;
    first.session().await?;
    let upstream_visits = tab.hops().await?.iter().filter(|hop| is_upstream(hop, dev.ready())).count();

    let second = client(&dev, "Second").await?;
    person::read_consent_page(&tab, second.authorize.as_str()).await?;
    let now = tab.hops().await?.iter().filter(|hop| is_upstream(hop, dev.ready())).count();
    assert_eq!(now, upstream_visits, "sent upstream before our page was answered");
    // One click completes the flow: the upstream shows no page.
    let end = person::approve(&tab).await?;
    assert!(end.url.starts_with(&query_value(second.authorize.as_str(), "redirect_uri")), "{end:?}");
    second.session().await?;
    dev.stop().await
}

/// GHSA-6x8h-498w-gv8c in a real browser: after our own redirect Chromium still reports the site that started the
/// navigation, so the request for the page is the right one to check.
///
/// Requirements: B31, conflict 3, conflict 4.
#[tokio::test]
async fn sec_fetch_site_of_chromium_decides_between_one_click_and_full_page() -> Result<()> {
    let (dev, browser) = (Dev::start(REMEMBERING).await?, Browser::launch().await?);
    let tab = browser.person("ada");
    let authorize = authorize(dev.ready());
    person::read_consent_page(&tab, &authorize).await?;
    person::approve(&tab).await?;
    // No server runs at the client's redirect URI.
    tab.follow(Find::button("Ada")).await?;
    tab.follow(Find::button("Allow")).await.map(drop).or_else(is_unreachable)?;

    tab.open(&authorize).await?;
    assert_eq!(consent_site(&tab, dev.ready()).await?, "none");
    tab.screenshot(&picture("remembered.png")).await?;
    assert_eq!((buttons(&tab, "Continue as").await?, buttons(&tab, "Allow").await?), (1, 0));

    let attacker =
        serve(format!(r#"<!doctype html><title>Prizes</title><a href="{}">Win</a>"#, amp(&authorize))).await?;
    let trap = browser.tab("ada", "trap");
    trap.open(&format!("http://attacker.test:{}/", attacker.port())).await?;
    trap.follow(link("Win")).await?;
    assert_eq!(consent_site(&trap, dev.ready()).await?, "cross-site");
    assert_eq!((buttons(&trap, "Continue as").await?, buttons(&trap, "Allow").await?), (0, 1));
    trap.screenshot(&picture("consent-as-ada.png")).await?;
    assert!(trap.text().await?.contains("Use another account"));

    tab.follow(link("Show everything")).await?;
    assert_eq!((buttons(&tab, "Continue as").await?, buttons(&tab, "Allow").await?), (0, 1));
    tab.back().await?;
    tab.follow(Find::button("Continue as")).await.map(drop).or_else(is_unreachable)?;
    let hops = tab.hops().await?;
    let last = hops.last().expect("it went on");
    assert!(last.url.starts_with("https://client.test/callback?") && last.url.contains("code="), "{last:?}");

    tab.open(&authorize).await?;
    tab.follow(Find::button("Use another account")).await?;
    assert_eq!((buttons(&tab, "Use another account").await?, buttons(&tab, "Allow").await?), (0, 1));
    dev.stop().await
}

/// A web client: consents to clients on this computer are never remembered.
const REMEMBERING: &str = r#"
[prompt]
mode = "remember"
[[clients]]
id = "web"
name = "Pelican Notes"
redirect_uris = ["https://client.test/callback"]
"#;

fn authorize(ready: &Ready) -> String {
    let mut url = url::Url::parse(&format!("{}/authorize", ready.issuer)).expect("a URL");
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", "web")
        .append_pair("redirect_uri", "https://client.test/callback")
        .append_pair("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
        .append_pair("code_challenge_method", "S256")
        .append_pair("resource", &ready.mcp_url);
    url.into()
}

fn amp(url: &str) -> String {
    url.replace('&', "&amp;")
}

/// The last redirect leads to a client that does not run.
fn is_unreachable(error: anyhow::Error) -> Result<()> {
    anyhow::ensure!(format!("{error:#}").contains("chrome-error"), "{error:#}");
    Ok(())
}

async fn buttons(tab: &Tab<'_>, name: &str) -> Result<usize> {
    tab.count(Find::button(name)).await
}

fn link(name: &str) -> Find<'_> {
    Find::Role { role: "link", name }
}

/// The `Sec-Fetch-Site` header of the latest request for the page.
async fn consent_site(tab: &Tab<'_>, ready: &Ready) -> Result<String> {
    let hops = tab.hops().await?;
    let asked =
        hops.iter().rfind(|hop| hop.at == format!("{}/consent", ready.issuer)).context("no page was asked for")?;
    Ok(asked.request_headers["sec-fetch-site"].as_str().context("it does not say")?.to_owned())
}

async fn start() -> Result<(Dev, Browser)> {
    Ok((Dev::start("").await?, Browser::launch().await?))
}

async fn client(dev: &Dev, name: &str) -> Result<McpClient> {
    McpClient::typescript(&dev.ready().mcp_url, name).await
}

/// A page like the real one, on the attacker's site.
fn attackers_page(ready: &Ready, fields: &Value) -> String {
    let inputs: String = fields
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            format!(r#"<input type="hidden" name="{name}" value="{}">"#, value.as_str().unwrap_or_default())
        })
        .collect();
    format!(
        r#"<!doctype html><title>Prizes</title><form method="post" action="{}/consent">{inputs}
           <button name="decision" value="approve">Win a prize</button></form>"#,
        ready.issuer
    )
}

/// Serves one page on a free port until the test ends.
async fn serve(page: String) -> Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = Router::new().route("/", get(move || async move { Html(page) }));
    drop(tokio::spawn(axum::serve(listener, router).into_future()));
    Ok(address)
}

/// Method, path and status of every navigation to our own origin.
fn ours<'a>(hops: &'a [Hop], ready: &Ready) -> Vec<(&'a str, String, Option<u16>)> {
    let ours = hops.iter().filter(|hop| is_ours(hop, ready));
    ours.map(|hop| (&*hop.method, hop.at[ready.issuer.len()..].to_owned(), hop.status)).collect()
}

fn is_ours(hop: &Hop, ready: &Ready) -> bool {
    hop.at.starts_with(&format!("{}/", ready.issuer))
}

fn is_upstream(hop: &Hop, ready: &Ready) -> bool {
    hop.at.starts_with(&format!("{}/", ready.upstream_issuer))
}

/// The headers of every page and redirect of ours.
fn assert_dressed(hop: &Hop) {
    let header = |name: &str| hop.response_headers.get(name).and_then(Value::as_str).unwrap_or_default();
    assert_eq!(header("cache-control"), "no-store", "{hop:?}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{hop:?}");
    if hop.status == Some(200) {
        assert_eq!(header("referrer-policy"), "same-origin", "{hop:?}");
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("form-action"), "Chromium would stop the redirects after the form: {policy}");
    } else {
        assert_eq!(header("referrer-policy"), "no-referrer", "{hop:?}");
    }
}

async fn assert_refused(tab: &Tab<'_>, place: &Place, status: u16, reason: &str) -> Result<()> {
    let text = tab.text().await?;
    assert_eq!(place.status, Some(status), "{place:?}\n{text}");
    assert!(text.contains(reason), "not {reason}:\n{text}");
    Ok(())
}

async fn assert_never_upstream(tab: &Tab<'_>, ready: &Ready) -> Result<()> {
    let hops = tab.hops().await?;
    assert!(hops.iter().all(|hop| !is_upstream(hop, ready)), "sent upstream: {hops:?}");
    Ok(())
}

async fn assert_nothing_was_blocked(tab: &Tab<'_>) -> Result<()> {
    let blocked = blocked(tab).await?;
    assert!(blocked.is_empty(), "{blocked:?}");
    Ok(())
}

/// The violations of a content security policy in this tab.
async fn blocked(tab: &Tab<'_>) -> Result<Vec<String>> {
    let problems = tab.problems().await?.into_iter();
    Ok(problems.map(|problem| problem.text).filter(|text| text.contains("Content Security Policy")).collect())
}

async fn assert_fits(tab: &Tab<'_>) -> Result<()> {
    let overflow = tab.overflow().await?;
    assert!(overflow.scroll_width <= overflow.client_width && overflow.outside.is_empty(), "{overflow:?}");
    Ok(())
}

/// The names of our cookies; checks the attributes of each.
async fn host_cookies(browser: &Browser, context: &str) -> Result<Vec<String>> {
    let cookies = browser.cookies(context).await?.into_iter();
    let ours: Vec<_> = cookies.filter(|cookie| cookie.name.starts_with("__Host-")).collect();
    for cookie in &ours {
        assert!(cookie.http_only && cookie.secure && cookie.same_site == "Lax" && cookie.path == "/", "{cookie:?}");
    }
    Ok(ours.into_iter().map(|cookie| cookie.name).collect())
}

fn query_value(url: &str, name: &str) -> String {
    let url = url::Url::parse(url).with_context(|| url.to_owned()).expect("a URL");
    let value = url.query_pairs().find_map(|(key, value)| (key == name).then(|| value.into_owned()));
    value.unwrap_or_default()
}

/// The screenshots stay below the target directory for people to look at.
fn picture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}
