//! A client that disconnects before its response: codes and tokens are neither lost nor issued twice.

use anyhow::{Context, Result};
use e2e::flow::{Gate, LOOPBACK, Stage, TokenRequest};
use e2e::http::Jar;
use e2e::upstream::Lie;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use crate::assert_no_tokens;

/// The browser disconnects while the upstream's response is pending.
#[tokio::test]
async fn a_browser_that_leaves_during_its_callback_finds_its_answer() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let callback = app.request().callback(&mut jar).await?;
    stage.upstream.lie(Lie::TokenStalls);
    let target = format!("{}?{}", callback.url.path(), callback.url.query().unwrap_or_default());
    let mut connection = connect(&callback.url).await?;
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {}\r\n{}\r\nConnection: close\r\n\r\n",
        callback.url.authority(),
        cookie_header(&jar)
    );
    connection.write_all(request.as_bytes()).await?;
    stage.upstream.asked_until(|asked| asked.exchanges.len() == 1).await?;
    drop(connection);
    stage.upstream.release();

    let code = callback.finish(&mut jar).await?.code()?;
    assert_eq!(stage.upstream.asked().exchanges_of(&callback.code()?), 1);
    callback.request.redemption(&code).tokens().await?;
    stage.stop().await
}

/// A client that did not receive its refresh response retries with its old token and gets the same successor.
#[tokio::test]
async fn a_client_that_leaves_during_its_refresh_refreshes_again() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let first = app.tokens().await?;
    let refresh = app.refresh(&first.refresh_token);
    leave_before_reading(&refresh).await?;
    let second = refresh.tokens().await?;
    assert_eq!(refresh.tokens().await?.refresh_token, second.refresh_token);
    app.refresh(&second.refresh_token).tokens().await?;
    stage.stop().await
}

/// A code has no such grace period: a second redemption cannot be told from theft. The grant is revoked, and the
/// person consents again.
#[tokio::test]
async fn a_client_that_leaves_during_its_exchange_starts_again() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let request = app.request();
    let redemption = request.redemption(&request.code(&mut Jar::new()?).await?);
    leave_before_reading(&redemption).await?;
    assert_no_tokens(&redemption.send().await?, 400, "invalid_grant");
    app.tokens().await?;
    stage.stop().await
}

/// The connection ends at each byte of the request, and after the last: nothing is half done. The complete request
/// then gets its one response, and the upstream sees its code once.
#[tokio::test]
async fn a_connection_that_ends_anywhere_in_its_request_leaves_nothing_half_done() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;

    let metadata = serde_json::json!({ "redirect_uris": [LOOPBACK] });
    ends_anywhere(&post("/register", &stage.gate, &[], "application/json", &metadata.to_string())).await?;
    assert_eq!(stage.gate.register(&metadata).await?.status, 201);

    let consent = app.request().open(&mut jar).await?;
    let mut fields = consent.page.hidden_fields();
    fields.push(("decision".to_owned(), "approve".to_owned()));
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
    let cookies = cookie_header(&jar);
    ends_anywhere(&post("/consent", &stage.gate, &[&cookies, "Sec-Fetch-Site: same-origin"], FORM, &form)).await?;
    assert!(stage.upstream.asked().authorizations.is_empty());
    let callback = consent.approve(&mut jar).await?.sign_in(&mut jar).await?;

    let target = format!("{}?{}", callback.url.path(), callback.url.query().unwrap_or_default());
    let head =
        format!("GET {target} HTTP/1.1\r\nHost: {}\r\n{}\r\n\r\n", callback.url.authority(), cookie_header(&jar));
    ends_anywhere(&Raw { url: callback.url.clone(), head, body: String::new() }).await?;
    let code = callback.finish(&mut jar).await?.code()?;
    assert_eq!(stage.upstream.asked().exchanges_of(&callback.code()?), 1);

    // A complete request would have redeemed the code, and a second redemption is a replay.
    let redemption = callback.request.redemption(&code);
    ends_within(&token_request(&redemption)?).await?;
    let tokens = redemption.tokens().await?;

    let refresh = app.refresh(&tokens.refresh_token);
    ends_anywhere(&token_request(&refresh)?).await?;
    let second = refresh.tokens().await?;
    assert_eq!(refresh.tokens().await?.refresh_token, second.refresh_token);
    app.refresh(&second.refresh_token).tokens().await?;
    stage.stop().await
}

const FORM: &str = "application/x-www-form-urlencoded";

/// The bytes of a request.
struct Raw {
    url: Url,
    head: String,
    body: String,
}

fn post(path: &str, gate: &Gate, headers: &[&str], content_type: &str, body: &str) -> Raw {
    let url = Url::parse(&gate.url(path)).expect("an endpoint");
    let mut head = format!("POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {content_type}\r\n", url.authority());
    for header in headers {
        head += &format!("{header}\r\n");
    }
    head += &format!("Content-Length: {}\r\n\r\n", body.len());
    Raw { url, head, body: body.to_owned() }
}

fn token_request(request: &TokenRequest) -> Result<Raw> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.form).finish();
    Ok(post("/token", &request.app.gate, &[], FORM, &body))
}

fn cookie_header(jar: &Jar) -> String {
    let cookies: Vec<_> = jar.cookies().iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
    format!("Cookie: {}", cookies.join("; "))
}

/// The connection ends before the first byte, within the head, between head and body, within the body, and before
/// the last byte.
async fn ends_within(request: &Raw) -> Result<()> {
    let (head, whole) = (request.head.len(), request.head.len() + request.body.len());
    for length in [0, 1, head / 2, head - 1, head, head + request.body.len() / 2, whole - 1] {
        // A request without a body is complete with its head.
        if length < whole {
            ends_after(request, length).await?;
        }
    }
    Ok(())
}

/// The connection also ends after the last byte, before the response is read.
async fn ends_anywhere(request: &Raw) -> Result<()> {
    ends_within(request).await?;
    ends_after(request, request.head.len() + request.body.len()).await
}

async fn ends_after(request: &Raw, length: usize) -> Result<()> {
    let mut connection = connect(&request.url).await?;
    connection.write_all(&[&request.head, &request.body].map(String::as_bytes).concat()[..length]).await?;
    Ok(connection.shutdown().await?)
}

/// Sends the request and disconnects at the first byte of the response.
async fn leave_before_reading(request: &TokenRequest) -> Result<()> {
    let Raw { url, head, body } = token_request(request)?;
    let mut connection = connect(&url).await?;
    connection.write_all(format!("{head}{body}").as_bytes()).await?;
    connection.read_u8().await.context("no answer began")?;
    Ok(())
}

async fn connect(url: &Url) -> Result<TcpStream> {
    let address = url.socket_addrs(|| None)?.first().copied().context("an address")?;
    Ok(TcpStream::connect(address).await?)
}
