//! Clients with a metadata document (CIMD), fetched over real TLS.

use std::fs;
use std::net::TcpListener;

use anyhow::{Context, Result};
use e2e::flow::{App, Gate, LOOPBACK, WEB};
use e2e::http::{Jar, Page};
use e2e::site::{ASSERTION_TYPE, ClientKey, Site, SiteResponse};
use e2e::system::logged::Logged;
use e2e::system::{MAIN, Plan, System};
use serde_json::{Value, json};

use crate::assert_error;

const DOCUMENT: &str = "/client.json";

/// Lychgate with these issuer settings, and a site that it may fetch from.
async fn start(issuer_settings: &str) -> Result<(Site, System, Gate)> {
    let site = Site::start().await?;
    let system = System::start(plan(&site, issuer_settings)).await?;
    let gate = system.gate(MAIN.id)?;
    Ok((site, system, gate))
}

fn plan(site: &Site, issuer_settings: &str) -> Plan {
    let issuer_settings = issuer_settings.to_owned();
    Plan { edges: 1, control_tables: site.outbound(), issuer_settings, ..Plan::default() }
}

/// The page for a request with this client id.
async fn page_of(gate: &Gate, id: &str) -> Result<Page> {
    let mut jar = Jar::new()?;
    let page = gate.configured(id, LOOPBACK).request().send(&mut jar).await?;
    if page.redirects() { jar.follow(&page).await } else { Ok(page) }
}

/// A refusal that does not navigate and sets no cookie.
#[track_caller]
fn assert_no_page(page: &Page, status: u16, reason: &str, why: &str) {
    assert_eq!((page.status, page.reason()), (status, Some(reason)), "{why}: {}", page.summary());
    assert!(!page.redirects() && page.set_cookies().is_empty(), "{why}: {}", page.summary());
}

/// Requirements: A7, D2, D7, D10, D11, D13.
#[tokio::test]
async fn a_client_is_what_its_document_says() -> Result<()> {
    let (site, _system, gate) = start("").await?;
    let metadata = gate.get("/.well-known/oauth-authorization-server").await?.json()?;
    assert_eq!(metadata["client_id_metadata_document_supported"], true, "A7");
    let app = gate.configured(&site.publish(DOCUMENT, &json!({})), LOOPBACK);
    let mut jar = Jar::new()?;
    let consent = app.request().open(&mut jar).await?;
    let website = site.url("").replace("https://", "");
    let (name, port) = website.split_once(':').context("a port")?;
    let vouches = format!("says that <bdi dir=\"ltr\" class=\"host\"><b>{name}</b>:{port}</bdi> made it");
    for shown in ["A documented app", &vouches] {
        assert!(consent.page.body.contains(shown), "D11: no {shown:?} in\n{}", consent.page.body);
    }
    let callback = consent.approve(&mut jar).await?.sign_in(&mut jar).await?;
    let code = callback.finish(&mut jar).await?.code()?;
    let tokens = consent.request.redemption(&code).tokens().await?;
    assert_eq!(tokens.claims()?["client_id"], *app.client_id);
    app.refresh(&tokens.refresh_token).tokens().await?;
    assert_eq!(site.asked(DOCUMENT), 1, "D7: every step looks, and what is fresh serves");
    let head = site.heads().join("").to_ascii_lowercase();
    for secret in ["cookie:", "authorization:", "referer:", "x-forwarded"] {
        assert!(!head.contains(secret), "D10: {head}");
    }
    assert!(!gate.app(&[LOOPBACK]).await?.client_id.contains("://"), "D13");
    Ok(())
}

/// For an unacceptable URL no name is resolved and nothing is fetched.
///
/// Requirements: D1.
#[tokio::test]
async fn only_a_url_in_normal_form_is_a_client_id() -> Result<()> {
    let (site, _system, gate) = start("").await?;
    let good = site.publish(DOCUMENT, &json!({}));
    let origin = good.strip_suffix(DOCUMENT).context("an origin")?;
    let port = site.port();
    for bad in [
        origin.to_owned(),
        format!("{origin}/"),
        format!("{good}#fragment"),
        format!("{good}?query"),
        format!("{origin}/./client.json"),
        format!("{origin}/a/../client.json"),
        format!("{origin}/a/%2e%2E/client.json"),
        format!("https://user@localhost:{port}{DOCUMENT}"),
        format!("https://user:password@localhost:{port}{DOCUMENT}"),
        format!("https://LOCALHOST:{port}{DOCUMENT}"),
        format!("https://localhost.:{port}{DOCUMENT}"),
        format!("https://2130706433:{port}{DOCUMENT}"),
        format!("https://0x7f.1:{port}{DOCUMENT}"),
        format!("https://[::ffff:127.0.0.1]:{port}{DOCUMENT}"),
    ] {
        assert_no_page(&page_of(&gate, &bad).await?, 400, "METADATA_URL_INVALID", &bad);
    }
    for other in [good.replace("https://", "http://"), format!("https://localhost:{port}\\@evil.example{DOCUMENT}")] {
        assert_no_page(&page_of(&gate, &other).await?, 400, "CLIENT_UNKNOWN", &other);
    }
    assert_eq!(site.heads(), Vec::<String>::new());
    gate.configured(&good, LOOPBACK).tokens().await?;
    Ok(())
}

const INVALID: (u16, &str) = (400, "METADATA_DOCUMENT_INVALID");
const UNAVAILABLE: (u16, &str) = (503, "METADATA_DOCUMENT_UNAVAILABLE");

/// Each is the valid response with one thing changed.
///
/// Requirements: D3, D7, D10, D19.
#[tokio::test]
async fn a_response_that_is_no_document_is_refused() -> Result<()> {
    let (site, system, gate) = start("").await?;
    let good = site.publish(DOCUMENT, &json!({}));
    let moved = |path: &str| SiteResponse { headers: format!("location: {good}\r\n"), ..whole(&site, path) };
    let described = |path: &str, headers: &str| SiteResponse { headers: headers.to_owned(), ..whole(&site, path) };
    let said = |path: &str, body: &str| SiteResponse { body: body.to_owned(), ..whole(&site, path) };
    let gzip = "content-type: application/json\r\ncontent-encoding: gzip\r\n";
    for (path, shown, refused) in [
        ("/301", moved("/301").with_status("301 Moved Permanently"), INVALID),
        ("/302", moved("/302").with_status("302 Found"), INVALID),
        ("/204", whole(&site, "/204").with_status("204 No Content"), INVALID),
        ("/206", whole(&site, "/206").with_status("206 Partial Content"), INVALID),
        ("/404", whole(&site, "/404").with_status("404 Not Found"), INVALID),
        ("/500", whole(&site, "/500").with_status("500 Internal Server Error"), UNAVAILABLE),
        ("/html", described("/html", "content-type: text/html\r\n"), INVALID),
        ("/gzip", described("/gzip", gzip), INVALID),
        ("/half", said("/half", "{"), INVALID),
        ("/array", said("/array", "[]"), INVALID),
        ("/large", with(&site, "/large", "client_uri", json!("x".repeat(6 * 1024))), INVALID),
    ] {
        site.show(path, shown);
        assert_no_page(&page_of(&gate, &site.url(path)).await?, refused.0, refused.1, path);
    }
    assert_eq!(site.asked(DOCUMENT), 0, "D3: no redirect was followed");
    assert!(system.upstream(MAIN.id)?.asked().authorizations.is_empty());
    // D7: a repaired document works at once, because errors are not cached.
    for path in ["/500", "/404", "/half"] {
        site.show(path, whole(&site, path));
        gate.configured(&site.url(path), LOOPBACK).request().open(&mut Jar::new()?).await.context(path)?;
    }
    Ok(())
}

/// Each is the valid document with one thing changed. None becomes a client of another kind (D19).
///
/// Requirements: D4, D5, D7, D19.
#[tokio::test]
async fn an_unacceptable_document_is_refused() -> Result<()> {
    let (site, system, gate) = start("").await?;
    for (path, name, value) in [
        ("/other", "client_id", json!(site.publish(DOCUMENT, &json!({})))),
        ("/case", "client_id", json!(site.url("/CASE"))),
        ("/slash", "client_id", json!(site.url("/slash/"))),
        ("/escaped", "client_id", json!(site.url("/%65scaped"))),
        ("/nobody", "client_id", Value::Null),
        ("/nameless", "client_name", Value::Null),
        ("/nowhere", "redirect_uris", json!([])),
        ("/harmful", "redirect_uris", json!(["javascript:alert(1)"])),
        ("/number", "redirect_uris", json!(7)),
        ("/secret", "client_secret", json!("s")),
        ("/expiry", "client_secret_expires_at", json!(0)),
        ("/basic", "token_endpoint_auth_method", json!("client_secret_basic")),
        ("/keyless", "token_endpoint_auth_method", json!("private_key_jwt")),
    ] {
        site.show(path, with(&site, path, name, value));
        assert_no_page(&page_of(&gate, &site.url(path)).await?, INVALID.0, INVALID.1, path);
    }
    assert!(system.upstream(MAIN.id)?.asked().authorizations.is_empty());
    for path in ["/other", "/nameless"] {
        site.show(path, whole(&site, path));
        gate.configured(&site.url(path), LOOPBACK).request().open(&mut Jar::new()?).await.context(path)?;
    }
    Ok(())
}

/// The valid document of `path`.
fn whole(site: &Site, path: &str) -> SiteResponse {
    with(site, path, "client_id", json!(site.url(path)))
}

/// The valid document with another value of one member.
fn with(site: &Site, path: &str, name: &str, value: Value) -> SiteResponse {
    let mut members = json!({ "client_id": site.url(path) });
    members[name] = value;
    SiteResponse::json(&document(&members), 60)
}

/// A complete document with `members` added or replaced.
fn document(members: &Value) -> Value {
    let mut document = json!({
        "client_name": "A documented app",
        "redirect_uris": [LOOPBACK, WEB],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
    });
    for (name, value) in members.as_object().into_iter().flatten() {
        document[name] = value.clone();
    }
    document
}

/// Requirements: D6.
#[tokio::test]
async fn the_redirect_uri_is_one_of_the_documents() -> Result<()> {
    let (site, _system, gate) = start("").await?;
    let id = site.publish(DOCUMENT, &json!({ "redirect_uris": ["http://localhost/callback", LOOPBACK] }));
    for good in ["http://localhost:51234/callback", "http://127.0.0.1:51234/callback"] {
        gate.configured(&id, good).tokens().await.context(good)?;
    }
    for bad in [WEB, "http://127.0.0.1:51234/other", "http://[::1]:51234/callback", "https://localhost/callback"] {
        let page = gate.configured(&id, bad).request().send(&mut Jar::new()?).await?;
        assert_no_page(&page, 400, "REDIRECT_URI_UNREGISTERED", bad);
    }
    Ok(())
}

/// Each has one internal address. A server listens there on a permitted port and must receive no connection.
///
/// Requirements: D8, D9.
#[tokio::test]
async fn no_internal_address_is_connected_to() -> Result<()> {
    let (site, _system, gate) = start("").await?;
    let neighbour = TcpListener::bind(("127.0.0.2", site.port()))?;
    neighbour.set_nonblocking(true)?;
    for host in [
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.2",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.0.1",
        "[::ffff:7f00:2]",
        "[64:ff9b::7f00:2]",
        "[2002:7f00:2::]",
        "[fd00::1]",
        "[fe80::1]",
    ] {
        let page = page_of(&gate, &format!("https://{host}:{}/client.json", site.port())).await?;
        assert_no_page(&page, 400, "METADATA_DOCUMENT_INVALID", host);
        for told in ["private", "loopback", "refused", "timed out"] {
            assert!(!page.body.to_lowercase().contains(told), "{host}: the page is a scanner: {}", page.body);
        }
    }
    let elsewhere = page_of(&gate, "https://localhost:22/client.json").await?;
    assert_no_page(&elsewhere, 400, "METADATA_DOCUMENT_INVALID", "a port that is not permitted");
    // D9: the same holds for the address of keys.
    let keys = format!("https://127.0.0.2:{}/jwks.json", site.port());
    let members = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": keys });
    let app = gate.configured(&site.publish(DOCUMENT, &members), LOOPBACK);
    let request = app.request();
    let code = request.code(&mut Jar::new()?).await?;
    let key = ClientKey::new("key")?;
    let assertion = key.assertion(&app.client_id, gate.issuer())?;
    let signed =
        request.redemption(&code).and("client_assertion_type", ASSERTION_TYPE).and("client_assertion", &assertion);
    assert_error(&signed.send().await?, 401, "invalid_client");
    let none = neighbour.accept().expect_err("no connection arrives");
    assert_eq!(none.kind(), std::io::ErrorKind::WouldBlock);
    Ok(())
}

/// Requirements: A20.
#[tokio::test]
async fn documents_come_from_where_the_operator_trusts() -> Result<()> {
    let allowed = "metadata_documents = { mode = \"allow-list\", hosts = [\"claude.ai\"] }";
    let off = "metadata_documents = { mode = \"off\" }";
    for (settings, reason, announced) in [(allowed, "METADATA_HOST_FORBIDDEN", true), (off, "CLIENT_UNKNOWN", false)] {
        let (site, _system, gate) = start(settings).await?;
        let id = site.publish(DOCUMENT, &json!({}));
        assert_no_page(&page_of(&gate, &id).await?, 400, reason, settings);
        assert_eq!(site.heads(), Vec::<String>::new(), "{settings}: nothing is fetched");
        let metadata = gate.get("/.well-known/oauth-authorization-server").await?.json()?;
        assert_eq!(metadata["client_id_metadata_document_supported"], announced, "{settings}");
    }
    let (site, _system, gate) =
        start("metadata_documents = { mode = \"allow-list\", hosts = [\"localhost\"] }").await?;
    gate.configured(&site.publish(DOCUMENT, &json!({})), LOOPBACK).tokens().await?;
    Ok(())
}

/// Some sites refuse requests from data centres; the operator's pinned copy replaces the document.
///
/// Requirements: D14.
#[tokio::test]
async fn a_pinned_document_replaces_one_that_cannot_be_fetched() -> Result<()> {
    let site = Site::start().await?;
    let id = site.url(DOCUMENT);
    let own = document(&json!({ "client_id": id }));
    site.show(DOCUMENT, SiteResponse::json(&own, 60).with_status("403 Forbidden"));
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("pinned.json");
    fs::write(&file, own.to_string())?;
    let system = System::start(plan(&site, &format!("metadata_documents = {{ pinned = [{file:?}] }}"))).await?;
    system.gate(MAIN.id)?.configured(&id, LOOPBACK).tokens().await?;
    assert_eq!(site.asked(DOCUMENT), 0);
    let bare = System::start(plan(&site, "")).await?;
    assert_no_page(&page_of(&bare.gate(MAIN.id)?, &id).await?, 400, "METADATA_DOCUMENT_INVALID", "not pinned");
    Ok(())
}

/// A redirect to another website than the document's is displayed, or refused by policy.
///
/// Requirements: D16, D18.
#[tokio::test]
async fn another_websites_redirect_is_visible_or_forbidden() -> Result<()> {
    const ELSEWHERE: &str = ", the website that describes this app";
    let (site, _system, gate) = start("").await?;
    let grants = json!(["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"]);
    let id = site.publish(DOCUMENT, &json!({ "grant_types": grants }));
    let web = gate.configured(&id, WEB).request().open(&mut Jar::new()?).await?;
    assert!(web.page.body.contains(ELSEWHERE) && web.page.body.contains("app.example"), "{}", web.page.body);
    let loopback = gate.configured(&id, LOOPBACK).request().open(&mut Jar::new()?).await?;
    assert!(!loopback.page.body.contains(ELSEWHERE), "{}", loopback.page.body);
    gate.configured(&id, LOOPBACK).tokens().await.context("D16: an unsupported grant type")?;

    let (site, _system, gate) = start("metadata_documents = { redirects = \"same-host\" }").await?;
    let id = site.publish(DOCUMENT, &json!({}));
    assert_no_page(&page_of(&gate, &id).await?, 400, "METADATA_DOCUMENT_INVALID", "another website");
    let own = json!({ "redirect_uris": [LOOPBACK, site.url("/callback")] });
    gate.configured(&site.publish("/own.json", &own), LOOPBACK).tokens().await?;
    Ok(())
}

/// A host that does not exist is wrong, not away: no wait helps.
///
/// Requirements: D19.
#[tokio::test]
async fn a_host_that_does_not_exist_is_no_client() -> Result<()> {
    let (site, _system, gate) = start("").await?;
    let id = site.url(DOCUMENT).replace("localhost", "no-such-host.invalid");
    let page = page_of(&gate, &id).await?;
    assert_no_page(&page, 400, "METADATA_DOCUMENT_INVALID", "no host");
    let request = gate.configured(&id, LOOPBACK).request();
    let program = Page::of(gate.http().get(request.url()).header("accept", "application/json")).await?;
    assert_error(&program, 400, "invalid_client");
    let refreshed = App { client_id: id, ..request.app }.refresh("lgr_AAAA").send().await?;
    assert_error(&refreshed, 401, "invalid_client");
    Ok(())
}

/// An unreachable host may come back: 503 instead of an unknown client. Only the log says what failed.
///
/// Requirements: D19.
#[tokio::test]
async fn a_host_that_is_down_is_a_503_and_the_log_says_why() -> Result<()> {
    let site = Site::start().await?;
    let logged = Logged::start_with(plan(&site, ""), "json", "info").await?;
    let gate = logged.system.gate(MAIN.id)?;
    let id = site.url(DOCUMENT);
    drop(site);
    let page = page_of(&gate, &id).await?;
    assert_no_page(&page, 503, "METADATA_DOCUMENT_UNAVAILABLE", "down");
    assert!(page.header("retry-after").is_some(), "{:?}", page.headers);
    assert!(page.body.contains("The app’s website does not answer") || page.body.contains("website does not answer"));

    let request = gate.configured(&id, LOOPBACK).request();
    let program = Page::of(gate.http().get(request.url()).header("accept", "application/json")).await?;
    assert_error(&program, 503, "temporarily_unavailable");
    assert!(program.header("retry-after").is_some());
    let refreshed = App { client_id: id, ..request.app }.refresh("lgr_AAAA").send().await?;
    assert_error(&refreshed, 503, "temporarily_unavailable");
    for coarse in [&page.body, &program.body, &refreshed.body] {
        let said = coarse.split("<footer>").next().unwrap_or_default();
        assert!(!said.to_lowercase().contains("connect"), "{coarse}");
    }

    let (_, [control, _]) = logged.stop().await?;
    let control = String::from_utf8(control)?;
    let exact: Vec<_> = control.lines().filter(|line| line.contains("a client's document cannot be used")).collect();
    assert!(exact.len() >= 3, "{control}");
    assert!(exact.iter().all(|line| line.contains("localhost") && line.contains("onnect")), "{exact:?}");
    Ok(())
}
