//! Redirect targets: a response goes to exactly the registered URI, or nowhere.

use anyhow::Result;
use e2e::flow::{LOOPBACK, Stage, WEB};
use e2e::http::Jar;

use crate::assert_refused;

/// Requirements: A10, B14, B35, R1.
#[tokio::test]
async fn a_changed_web_redirect_uri_is_a_page_and_never_a_redirect() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[WEB]).await?;
    app.request().open(&mut Jar::new()?).await?;
    for changed in [
        "https://APP.example/callback",
        "https://app.example/Callback",
        "https://app.example/callback/",
        "https://app.example/callback?",
        "https://app.example/callback?x=1",
        "https://app.example/callback#",
        "https://app.example/callback#x",
        "https://app.example:443/callback",
        "https://app.example:8443/callback",
        "https://user@app.example/callback",
        "https://app.example@attacker.example/callback",
        "https://app.example/%63allback",
        "https://app.example/./callback",
        "https://app.example/x/../callback",
        "https://app.example/x/%2e%2e/callback",
        "https://app.example//callback",
        "https://app.example\\callback",
        "https://app.example./callback",
        "https://app.example.attacker.example/callback",
        "https://sub.app.example/callback",
        "https://attacker.example/callback",
        "https://attacker.example/https://app.example/callback",
        "http://app.example/callback",
        "HTTPS://app.example/callback",
        "//app.example/callback",
        " https://app.example/callback",
        "https://app.example/callback\n",
        "https://app.example/callback\0",
        "https://app.exampl\u{e9}/callback",
        "javascript:alert(1)",
        "data:text/html,x",
    ] {
        let page = app.request().with("redirect_uri", changed).send(&mut Jar::new()?).await?;
        assert_eq!(page.reason(), Some("REDIRECT_URI_UNREGISTERED"), "{changed:?}: {}", page.summary());
        assert_refused(&page, 400, "REDIRECT_URI_UNREGISTERED");
        assert_eq!(page.return_link()?, None, "{changed:?}: not even a link");
        assert!(!page.body.contains("attacker.example"), "{changed:?} is shown");
    }
    stage.stop().await
}

/// The redirect URI is the request of a client that needs no page. If it could be registered, or were answered after its port
/// was substituted, Deny would lead there from our own origin.
///
/// Requirements: A10, B31.
#[tokio::test]
async fn deny_at_a_hostile_client_begins_no_request_of_another() -> Result<()> {
    let config = "[prompt]\nmode = \"silent\"\nsilent_clients = [\"web\"]\n\
                  [[clients]]\nid = \"web\"\nname = \"Trusted\"\nredirect_uris = [\"https://app.example/callback\"]\n";
    let stage = Stage::start(config).await?;
    let trusted = stage.gate.configured("web", WEB);
    let mut jar = Jar::new()?;
    trusted.request().tokens(&mut jar).await?;
    let exchanges = stage.upstream.asked().exchanges.len();

    let request = trusted.request().without("state").url();
    let (_, after_scheme) = request.split_once("://").expect("a URL");
    let (authority, path) = after_scheme.split_once('/').expect("a path");
    let port = authority.rsplit(':').next().expect("a port");
    for own in [
        request.clone(),
        format!("HTTP://{authority}/{path}"),
        format!("http://localhost:{port}/{path}"),
        format!("http://LOCALHOST:{port}/{path}"),
        format!("http://[::1]:{port}/{path}"),
        format!("http://127.1:{port}/{path}"),
        format!("http://0x7f.0.0.1:{port}/{path}"),
        format!("http://127.0.0.1.:{port}/{path}"),
        format!("http://%31%32%37.0.0.1:{port}/{path}"),
        format!("http://me@{authority}/{path}"),
        format!("http:{authority}/{path}"),
        format!("http:///{authority}/{path}"),
        format!("http://{authority}/x/../{path}"),
        format!("http:\\\\{authority}/{path}"),
        format!("https://{authority}/{path}"),
        format!("https://app.localhost:{port}/{path}"),
    ] {
        let metadata = serde_json::json!({ "redirect_uris": [WEB, own], "client_name": "Prizes" });
        let page = stage.gate.register(&metadata).await?;
        assert_eq!((page.status, page.error().as_str()), (400, "invalid_redirect_uri"), "{own}: {}", page.summary());
    }

    let mut hostile = stage.gate.app(&[&format!("http://127.0.0.1/{path}")]).await?;
    hostile.redirect_uri = format!("http://127.0.0.1:{port}/{path}");
    let page = hostile.request().send(&mut jar).await?;
    assert_refused(&page, 400, "REDIRECT_URI_FORBIDDEN");
    assert_eq!(page.return_link()?, None);
    hostile.redirect_uri = format!("http://127.0.0.1:1/{path}");
    let denied = hostile.request().open(&mut jar).await?.deny(&mut jar).await?;
    assert!(denied.uri.as_str().starts_with(&hostile.redirect_uri), "another port is answered: {}", denied.uri);
    assert_eq!(stage.upstream.asked().exchanges.len(), exchanges, "no further code came of it");
    stage.stop().await
}

/// Requirements: R3, conflict 1.
#[tokio::test]
async fn of_a_loopback_redirect_uri_only_the_port_may_change() -> Result<()> {
    let stage = Stage::start("").await?;
    for (registered, good) in [
        ("http://127.0.0.1/callback", "http://127.0.0.1:49152/callback"),
        ("http://127.0.0.1:33418/callback", "http://127.0.0.1:5/callback"),
        ("http://127.0.0.1:33418/callback", "http://127.0.0.1/callback"),
        ("http://localhost/callback", "http://localhost:65535/callback"),
        ("http://[::1]/callback", "http://[::1]:8080/callback"),
    ] {
        let mut app = stage.gate.app(&[registered]).await?;
        app.redirect_uri = good.to_owned();
        let mut jar = Jar::new()?;
        let request = app.request();
        let answer = request.callback(&mut jar).await?.finish(&mut jar).await?;
        assert!(answer.uri.as_str().starts_with(good), "{}", answer.uri);
        let code = answer.code()?;
        // The token endpoint compares the redirect URI byte for byte.
        let other_port = request.redemption(&code).with("redirect_uri", &good.replace("/callback", "/callback?"));
        assert_eq!(other_port.send().await?.error(), "invalid_grant");
        request.redemption(&code).tokens().await?;
    }
    let app = stage.gate.app(&[LOOPBACK]).await?;
    for changed in [
        "http://127.0.0.1:49152/Callback",
        "http://127.0.0.1:49152/callback/",
        "http://127.0.0.1:49152/callback?x",
        "http://127.0.0.1:49152/callback#x",
        "http://127.0.0.1:49152/x/../callback",
        "http://127.0.0.1:49152/%63allback",
        "http://user@127.0.0.1:49152/callback",
        "http://127.0.0.1:49152@attacker.example/callback",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:/callback",
        "http://localhost:49152/callback",
        "http://[::1]:49152/callback",
        "http://127.0.0.2:49152/callback",
        "http://127.1:49152/callback",
        "http://2130706433:49152/callback",
        "http://0.0.0.0:49152/callback",
        "http://127.0.0.1.attacker.example/callback",
        "https://127.0.0.1:49152/callback",
    ] {
        let page = app.request().with("redirect_uri", changed).send(&mut Jar::new()?).await?;
        assert_eq!(page.reason(), Some("REDIRECT_URI_UNREGISTERED"), "{changed:?}: {}", page.summary());
        assert_refused(&page, 400, "REDIRECT_URI_UNREGISTERED");
    }
    stage.stop().await
}

/// Requirements: A11, B35, R1, R2.
#[tokio::test]
async fn an_unknown_client_or_redirect_uri_is_never_redirected_to() -> Result<()> {
    let stage = Stage::start("").await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    let two = stage.gate.app(&[LOOPBACK, WEB]).await?;
    let jar = &mut Jar::new()?;
    for (request, reason) in [
        (app.request().with("client_id", "client-unknown"), "CLIENT_UNKNOWN"),
        (app.request().with("client_id", "https://attacker.example"), "METADATA_URL_INVALID"),
        // The control plane connects to no internal address for a stranger.
        (app.request().with("client_id", "https://127.0.0.1/client.json"), "METADATA_DOCUMENT_INVALID"),
        (app.request().with("client_id", ""), "PARAMETER_MISSING"),
        (app.request().without("client_id"), "PARAMETER_MISSING"),
        (app.request().and("client_id", &app.client_id), "PARAMETER_REPEATED"),
        (app.request().and("redirect_uri", LOOPBACK), "PARAMETER_REPEATED"),
        (two.request().without("redirect_uri"), "REDIRECT_URI_MISSING"),
        (two.request().with("redirect_uri", ""), "REDIRECT_URI_MISSING"),
    ] {
        let page = request.send(jar).await?;
        assert_eq!(page.reason(), Some(reason), "{}", request.url());
        assert_refused(&page, 400, reason);
        assert_eq!(page.return_link()?, None);
    }
    // `redirect_uri` may be omitted if exactly one is registered.
    let request = app.request().without("redirect_uri");
    let code = request.code(jar).await?;
    request.redemption(&code).without("redirect_uri").tokens().await?;
    stage.stop().await
}

/// No automatic redirect to a self-registered URI before a person has acted: it would be an open redirector for
/// phishing links.
///
/// Requirements: A11, R52, conflict 8.
#[tokio::test]
async fn early_errors_are_redirected_only_to_configured_clients_and_loopback() -> Result<()> {
    let config = "[[clients]]\nid = \"known\"\nname = \"Known\"\nredirect_uris = [\"https://known.example/cb\"]\n";
    let stage = Stage::start(config).await?;
    let jar = &mut Jar::new()?;

    let stranger = stage.gate.app(&[WEB]).await?.request().with("scope", "admin");
    let page = stranger.send(jar).await?;
    assert_refused(&page, 400, "SCOPE_INVALID");
    let link = page.return_link()?.map(|uri| e2e::flow::Answer { uri }).expect("a link, for the person to choose");
    assert!(link.uri.as_str().starts_with(WEB));

    let on_this_computer = stage.gate.app(&[LOOPBACK]).await?.request().with("scope", "admin");
    let known = stage.gate.configured("known", "https://known.example/cb").request().with("scope", "admin");
    for (request, answer) in [(&stranger, link)].into_iter().chain([
        (&on_this_computer, e2e::flow::Answer::of(&on_this_computer.send(jar).await?)?),
        (&known, e2e::flow::Answer::of(&known.send(jar).await?)?),
    ]) {
        assert!(answer.uri.as_str().starts_with(&request.app.redirect_uri), "{}", answer.uri);
        assert_eq!(answer.error().as_deref(), Some("invalid_scope"));
        assert_eq!(answer.parameter("state").as_deref(), request.parameter("state"));
        assert_eq!(answer.parameter("iss").as_deref(), Some(stage.gate.issuer()));
    }
    stage.stop().await
}
