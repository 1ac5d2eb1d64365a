//! Hostile strings through real processes: in a page, a redirect, a header or a log line they stay text.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use e2e::flow::{Gate, LOOPBACK};
use e2e::http::{Jar, Page};
use e2e::system::logged::Logged;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Each tries to break out of its context.
const HOSTILE: [&str; 20] = [
    "\"'><script>alert(1)</script><b x=\"",
    "x\r\nSet-Cookie: __Host-lychgate-browser-x=y\r\n\r\n<html>",
    "x\n2026-01-01T00:00:00.000000Z  INFO lychgate_control: forged",
    "x\n{\"timestamp\":\"2026-01-01T00:00:00.000000Z\",\"level\":\"INFO\",\"message\":\"forged\"}",
    "\u{1b}[2K\u{1b}[1Aoverwritten",
    "before\0after",
    "\u{202E}gpj.exe\u{2066}\u{2069}",
    "zero\u{200B}width\u{FEFF}joined\u{200D}",
    "line\u{2028}and\u{2029}page\u{85}",
    "𝕬🦀\u{1F468}\u{200D}\u{1F469}\u{10FFFD}",
    "%zz%",
    "%00%0d%0aX-Injected: y",
    "../../../../etc/passwd",
    "..%2f..%2f\\..\\",
    "{{this}}{{{title}}}{{> layout}}{{#each client}}",
    "&lt;i&gt;&amp;quot;",
    "'; DROP TABLE grants; --",
    "\",\"admin\":true,\"x\":\"",
    "javascript:alert(document.domain)//",
    "&code=lgc_forged&iss=https://attacker.example#fragment",
];

#[tokio::test]
async fn hostile_strings_stay_what_they_are_and_text_logs_keep_one_line_each() -> Result<()> {
    let requests = attacks("text").await?;
    for log in &requests.logs {
        let log = std::str::from_utf8(log)?;
        for line in log.split_terminator('\n') {
            let mut words = line.split_whitespace();
            let (time, level) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            ensure!(is_time(time) && LEVELS.contains(&level), "not a line of ours: {line:?}");
            ensure!(!line.chars().any(hides), "{line:?}");
            ensure!(!line.contains("INFO lychgate_control: forged"), "{line:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn hostile_strings_stay_what_they_are_and_json_logs_keep_one_object_each() -> Result<()> {
    let requests = attacks("json").await?;
    let mut answered = 0;
    for log in &requests.logs {
        for line in std::str::from_utf8(log)?.split_terminator('\n') {
            let object: Map<String, Value> = serde_json::from_str(line).with_context(|| format!("{line:?}"))?;
            ensure!(object["timestamp"].as_str().is_some_and(is_time), "{line:?}");
            ensure!(object["level"].as_str().is_some_and(|level| LEVELS.contains(&level)), "{line:?}");
            ensure!(!object.contains_key("admin") && object.get("message") != Some(&json!("forged")), "{line:?}");
            ensure!(!line.chars().any(char::is_control), "{line:?}");
            answered += usize::from(object.get("message") == Some(&json!("answered")));
        }
    }
    ensure!(answered >= requests.made, "{answered} lines for {} requests", requests.made);
    Ok(())
}

const LEVELS: [&str; 5] = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

struct Attacked {
    logs: [Vec<u8>; 2],
    /// The minimum number of strings that were accepted.
    made: usize,
}

/// Runs all attacks against processes that log in this format.
async fn attacks(format: &str) -> Result<Attacked> {
    let logged = Logged::start(format).await?;
    let gate = logged.system.gate("main")?;
    let mut made = 0;
    for text in HOSTILE.map(str::to_owned).into_iter().chain(["🦀<\"%".repeat(200)]) {
        the_page_escapes(&gate, &text).await.with_context(|| format!("page: {text:?}"))?;
        state_comes_back(&gate, &text).await.with_context(|| format!("state: {text:?}"))?;
        what_is_unknown_is_refused(&gate, &text).await.with_context(|| format!("refusals: {text:?}"))?;
        made += 12;
    }
    redirect_uris_keep_their_bytes(&gate).await?;
    states_keep_their_bytes(&gate).await?;
    the_subject_is_itself(&logged, &gate).await?;
    made += raw_requests_are_answered(&gate).await?;
    let (_, logs) = logged.stop().await?;
    Ok(Attacked { logs, made })
}

/// B5: a name is text on the page, and the rest of the page is unchanged.
async fn the_page_escapes(gate: &Gate, text: &str) -> Result<()> {
    let metadata = json!({ "redirect_uris": [LOOPBACK], "client_name": text, "software_id": "x" });
    let registered = gate.register(&metadata).await?;
    ensure!(registered.status == 201, "{}", registered.summary());
    let client_id = registered.json()?["client_id"].as_str().context("a client id")?.to_owned();
    let consent = gate.configured(&client_id, LOOPBACK).request().open(&mut Jar::new()?).await?;
    let body = &consent.page.body;
    assert_harmless(&consent.page);
    ensure!(body.matches("<form ").count() == 1 && body.matches("<button ").count() == 2, "{body}");
    ensure!(body.matches("<input ").count() == 2 && !body.contains("<b x="), "{body}");
    if text.contains("{{this}}") {
        ensure!(body.contains("{{this}}{{{title}}}{{&gt; layout}}"), "it was interpreted: {body}");
    }
    if text.contains("&lt;") {
        ensure!(body.contains("&amp;lt;i&amp;gt;"), "it was taken for markup: {body}");
    }
    Ok(())
}

/// R11: the client's `state` passes through ticket, record and redirect unchanged.
async fn state_comes_back(gate: &Gate, text: &str) -> Result<()> {
    let mut jar = Jar::new()?;
    let request = gate.app(&[LOOPBACK]).await?.request().with("state", text);
    let page = request.callback(&mut jar).await?.visit(&mut jar).await?;
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let location = page.header("location").context("no redirect")?;
    ensure!(location.starts_with(&format!("{LOOPBACK}?code=lgc_")), "{location}");
    ensure!(location.split(['?', '&']).any(|part| part == format!("state={encoded}")), "{location}");
    let names: Vec<_> = page.location()?.query_pairs().map(|(name, _)| name.into_owned()).collect();
    ensure!(names == ["code", "state", "iss"], "{names:?}");
    // The login cookie is deleted, the session cookie set.
    ensure!(page.location()?.fragment().is_none() && page.set_cookies().len() == 2, "{:?}", page.headers);
    Ok(())
}

/// As a client id, a code, a token, and every other identifier.
async fn what_is_unknown_is_refused(gate: &Gate, text: &str) -> Result<()> {
    let app = gate.app(&[LOOPBACK]).await?;
    for (name, reason) in [("client_id", "CLIENT_UNKNOWN"), ("redirect_uri", "REDIRECT_URI_UNREGISTERED")] {
        let page = app.request().with(name, text).send(&mut Jar::new()?).await?;
        ensure!(page.reason() == Some(reason) && !page.redirects(), "{name}: {}", page.summary());
        assert_harmless(&page);
    }
    for (name, error) in
        [("scope", "invalid_scope"), ("resource", "invalid_target"), ("response_type", "unsupported_response_type")]
    {
        let page = app.request().with(name, text).send(&mut Jar::new()?).await?;
        let location = page.location()?;
        ensure!(location.as_str().starts_with(LOOPBACK), "{location}");
        let answer: BTreeMap<_, _> = location.query_pairs().into_owned().collect();
        ensure!(answer["error"] == error && !answer["error_description"].contains(text), "{name}: {answer:?}");
        assert_harmless(&page);
    }
    let ticket = form_urlencoded::Serializer::new(String::new()).append_pair("ticket", text).finish();
    assert_harmless(&gate.get(&format!("/consent?{ticket}")).await?);
    for form in
        [app.refresh(text), app.refresh("lgr_x").with("client_id", text), app.refresh("x").with("grant_type", text)]
    {
        let page = form.send().await?;
        ensure!((400..=401).contains(&page.status) && !page.body.contains(text), "{}", page.summary());
        assert_harmless(&page);
    }
    Ok(())
}

/// A registered URI comes back byte for byte; others are refused.
async fn redirect_uris_keep_their_bytes(gate: &Gate) -> Result<()> {
    for uri in [
        "https://app.example/%00/%0d%0aX-Injected:%20y",
        "https://app.example/%3Cscript%3E?x=%25zz&y=%E2%80%AE",
        "https://app.example/a';--/$(id)?q=%27or%271%27=%271",
        "https://app.example/cb?a=b&&=&c;d",
        "https://app.example/%2F%2fa..%2f%5c?x=//attacker.example/..",
        "http://localhost:8080/&amp;?&lt;",
    ] {
        let app = gate.app(&[uri]).await?;
        let mut jar = Jar::new()?;
        let consent = app.request().open(&mut jar).await?;
        assert_harmless(&consent.page);
        let page = consent.approve(&mut jar).await?.sign_in(&mut jar).await?.visit(&mut jar).await?;
        let location = page.header("location").context("a redirect")?;
        let added = location.strip_prefix(uri).with_context(|| format!("{uri:?} became {location:?}"))?;
        ensure!(added.trim_start_matches(['?', '&']).starts_with("code=lgc_"), "{location}");
        ensure!(location.matches("&iss=").count() == 1, "{location}");
    }
    for uri in HOSTILE.map(|text| format!("https://app.example/{text}#{text}")).iter().map(String::as_str).chain([
        "https://app.example/../cb",
        "https://app.example/%2e%2E/cb",
        "https://app.example\\@attacker.example/",
        "https://app.example%00.attacker.example/",
        "https://app.example/cb?state={{this}}",
        "https://\u{202E}elpmaxe.ppa/",
    ]) {
        let page = gate.register(&json!({ "redirect_uris": [uri] })).await?;
        ensure!((page.status, page.error().as_str()) == (400, "invalid_redirect_uri"), "{uri:?}: {}", page.summary());
        assert_harmless(&page);
    }
    Ok(())
}

/// Malformed percent escapes stay as they are; a state that is not UTF-8 is refused, because it could not be
/// returned unchanged.
async fn states_keep_their_bytes(gate: &Gate) -> Result<()> {
    let app = gate.app(&[LOOPBACK]).await?;
    for (sent, state) in
        [("%zz%", Some("%zz%")), ("%00", Some("\0")), ("%2e%2E+%2B", Some(".. +")), ("%ff", None), ("%C3", None)]
    {
        let request = app.request().without("state");
        let mut jar = Jar::new()?;
        let page = jar.open(format!("{}&state={sent}", request.url())).await?;
        let Some(state) = state else {
            ensure!(page.reason() == Some("REQUEST_MALFORMED"), "{sent}: {}", page.summary());
            continue;
        };
        let consent = jar.follow(&page).await?;
        let denied = jar.press(&consent, ("decision", "deny")).await?;
        let answer: BTreeMap<_, _> = denied.location()?.query_pairs().into_owned().collect();
        ensure!(answer["state"] == state, "{sent}: {answer:?}");
    }
    Ok(())
}

/// The subject is the upstream's string; tokens and records contain it unchanged.
async fn the_subject_is_itself(logged: &Logged, gate: &Gate) -> Result<()> {
    let app = gate.app(&[LOOPBACK]).await?;
    for subject in HOSTILE.into_iter().filter(|text| text.bytes().all(|byte| matches!(byte, b' '..=b'~'))) {
        logged.system.upstream("main")?.sign_in_as(subject);
        let claims = app.tokens().await?.claims()?;
        ensure!(claims["sub"] == format!("idp-of-main|{subject}"), "{claims}");
    }
    logged.system.upstream("main")?.sign_in_as("ada");
    Ok(())
}

/// Sends bytes that no HTTP library would send. Returns the number of requests that were understood.
async fn raw_requests_are_answered(gate: &Gate) -> Result<usize> {
    let mut requests = Vec::new();
    for path in [
        "/authorize/../../etc/passwd",
        "/%00",
        "/%0d%0aX-Injected:%20y",
        "//attacker.example/%2f..",
        "/callback/%3Cscript%3E",
        "/callback/%E2%80%AE{{this}}",
        "/.well-known/oauth-authorization-server/{{this}}",
        "/token%00",
        "/register/..%2f..%2f",
    ] {
        requests.push(format!("GET {path} HTTP/1.1\r\n").into_bytes());
    }
    for (name, value) in [
        ("User-Agent", &b"\"'><script>alert(1)</script>\xff\xfe"[..]),
        ("X-Request-Id", b"x INFO lychgate_control: forged"),
        ("X-Request-Id", b"{\"admin\":true}"),
        ("X-Forwarded-Host", b"attacker.example"),
        ("X-Forwarded-For", b"{{this}}\t\x80"),
        ("Referer", b"javascript:alert(1)"),
        ("Accept", b"text/html;q=\"<script>\""),
        ("Cookie", b"__Host-lychgate-x=\"; <script>=\xe2\x80\xae"),
        ("Sec-Fetch-Site", b"'; DROP TABLE grants; --"),
        ("Accept-Language", &[b'x'; 8192]),
    ] {
        requests.push([b"GET /consent?ticket=x HTTP/1.1\r\n", name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    let understood = requests.len();
    // These are no HTTP: the connection ends, perhaps with a 400.
    requests.push(b"GET /consent HTTP/1.1\r\nUser-Agent: a\0b\r\n".to_vec());
    requests.push(b"GET /consent HTTP/1.1\r\n2026-01-01T00:00:00Z INFO forged\r\n".to_vec());
    requests.push(b"G\x1b[2KET / HTTP/1.1\r\n".to_vec());
    requests.push(b"\n2026-01-01T00:00:00.000000Z  INFO lychgate_control: forged\n".to_vec());
    for (n, head) in requests.iter().enumerate() {
        let answer = raw(gate, head).await?;
        let text = String::from_utf8_lossy(&answer);
        let said = format!("{} was answered: {text}", String::from_utf8_lossy(head));
        ensure!(!text.contains("<script>") && !text.contains("X-Injected") && !text.contains("forged"), "{said}");
        ensure!(!text.contains("{{this}}") && !text.contains("attacker.example"), "{said}");
        if n < understood {
            ensure!(text.starts_with("HTTP/1.1 40"), "{said}");
            let ids: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("x-request-id: ")).collect();
            ensure!(ids.len() == 1 && ids[0].len() == 22, "{said}");
        } else {
            ensure!(text.is_empty() || text.starts_with("HTTP/1.1 400"), "{said}");
        }
    }
    Ok(understood)
}

/// `head` is the request line, and perhaps a header.
async fn raw(gate: &Gate, head: &[u8]) -> Result<Vec<u8>> {
    let authority = gate.issuer().strip_prefix("http://").context("http")?;
    let mut connection = TcpStream::connect(authority).await?;
    connection
        .write_all(&[head, format!("Host: {authority}\r\nConnection: close\r\n\r\n").as_bytes()].concat())
        .await?;
    let mut answer = Vec::new();
    // The edge may close the connection of a malformed request.
    let _ = connection.read_to_end(&mut answer).await;
    Ok(answer)
}

/// No markup but ours, nothing that hides, and headers that say what they always say.
#[track_caller]
fn assert_harmless(page: &Page) {
    let body = &page.body;
    assert!(!body.contains("<script") && !body.contains("javascript:alert(document.domain)//\""), "{body}");
    assert!(!body.chars().any(|c| hides(c) && c != '\n'), "{body:?}");
    assert!(!page.headers.contains_key("x-injected"), "{:?}", page.headers);
    assert!(page.set_cookies().iter().all(|cookie| !cookie.contains("=y")), "{:?}", page.set_cookies());
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    if page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
        assert!(page.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none'")));
    }
}

/// What would hide or turn what stands beside it.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// `2026-11-23T07:00:00.123456Z`
fn is_time(text: &str) -> bool {
    text.len() == 27 && text.ends_with('Z') && text.as_bytes()[10] == b'T'
}
