//! A client that is gone before its answer: what was acquired for it is not lost, and not acquired twice.

use anyhow::{Context, Result};
use e2e::flow::{LOOPBACK, Stage, TokenRequest};
use e2e::http::Jar;
use e2e::upstream::Lie;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use crate::assert_no_tokens;

/// The browser's connection breaks while the upstream is still being asked.
#[tokio::test]
async fn a_browser_that_leaves_during_its_callback_finds_its_answer() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let mut jar = Jar::new()?;
    let callback = app.request().callback(&mut jar).await?;
    stage.upstream.lie(Lie::TokenStalls);
    let cookies: Vec<_> = jar.cookies().iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
    let target = format!("{}?{}", callback.url.path(), callback.url.query().unwrap_or_default());
    let mut connection = connect(&callback.url).await?;
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nConnection: close\r\n\r\n",
        callback.url.authority(),
        cookies.join("; ")
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

/// A client that never read the tokens of its refresh has the old token still, and it is good for the same successor.
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

/// With a code there is no such grace: it was redeemed, and to ask again cannot be told from theft. Nothing is left over
/// that could be used, and the person allows it again.
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

/// Sends it, sees the first byte of an answer arrive, and is gone.
async fn leave_before_reading(request: &TokenRequest) -> Result<()> {
    let url = Url::parse(&request.app.gate.url("/token"))?;
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.form).finish();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        url.path(),
        url.authority(),
        body.len()
    );
    let mut connection = connect(&url).await?;
    connection.write_all(format!("{head}{body}").as_bytes()).await?;
    connection.read_u8().await.context("no answer began")?;
    Ok(())
}

async fn connect(url: &Url) -> Result<TcpStream> {
    let address = url.socket_addrs(|| None)?.first().copied().context("an address")?;
    Ok(TcpStream::connect(address).await?)
}
