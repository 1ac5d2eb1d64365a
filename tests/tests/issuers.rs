//! Several issuers on one host and port: clients find each by every well-known name, and none accepts what another
//! issued.

use anyhow::{Context, Result};
use e2e::flow::{App, Gate, LOOPBACK};
use e2e::http::{Jar, Page, Visit};
use e2e::resource_server::ResourceServer;
use e2e::system::{CONFIGURED_CLIENT, Issuer, Plan, System};

const ROOT: Issuer = Issuer { id: "root", path: "", resource: "https://mail.example.com/mcp", scope: "mail:read" };
const TENANT: Issuer =
    Issuer { id: "tenant", path: "/t", resource: "https://files.example.com/mcp", scope: "files:read" };

const SERVER: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

/// Requirements: A3, A4.
#[tokio::test]
async fn every_alias_of_the_metadata_is_served_for_each_issuer() -> Result<()> {
    let system = system().await?;
    let aliases = [
        ("root", vec![SERVER.to_owned(), OPENID.to_owned()]),
        ("tenant", vec![format!("{SERVER}/t"), format!("{OPENID}/t"), format!("/t{OPENID}"), format!("/t{SERVER}")]),
    ];
    for (id, paths) in aliases {
        let gate = system.gate(id)?;
        let mut documents = Vec::new();
        for path in paths {
            let page = fetch(&system, &gate, &path).await?;
            assert_eq!(page.status, 200, "{}", page.summary());
            assert!(!page.redirects() && page.header("content-type") == Some("application/json"), "{path}");
            let document = page.json()?;
            // RFC 8414 §3.3: byte for byte.
            assert_eq!(document["issuer"], gate.issuer(), "{path}");
            for (endpoint, below) in [
                ("authorization_endpoint", "/authorize"),
                ("token_endpoint", "/token"),
                ("registration_endpoint", "/register"),
                ("jwks_uri", "/jwks.json"),
            ] {
                assert_eq!(document[endpoint], format!("{}{below}", gate.issuer()), "{path}");
            }
            documents.push(page.body);
        }
        assert!(documents.windows(2).all(|pair| pair[0] == pair[1]), "{id}: not the same everywhere");
    }
    Ok(())
}

/// SDKs try the next well-known form after a 404, stop at a 5xx, and follow no redirect.
///
/// Requirements: A3.
#[tokio::test]
async fn an_unknown_issuer_is_404() -> Result<()> {
    let system = system().await?;
    let gate = system.gate("root")?;
    for path in [
        format!("{SERVER}/u"),
        format!("{OPENID}/u"),
        format!("/u{OPENID}"),
        format!("{SERVER}/T"),
        format!("{SERVER}/t/u"),
        format!("{SERVER}//t"),
        format!("{SERVER}/%74"),
        format!("/t{SERVER}/t"),
        format!("/t/t{OPENID}"),
        "/.well-known/oauth-protected-resource/other".to_owned(),
        "/.well-known/".to_owned(),
        "/u/authorize".to_owned(),
        "/callback/u".to_owned(),
        "/callback/t".to_owned(),
        "/t/callback/tenant".to_owned(),
    ] {
        let page = fetch(&system, &gate, &path).await?;
        assert_eq!(page.status, 404, "{}", page.summary());
        assert!(!page.redirects(), "{path}");
    }
    Ok(())
}

/// Requirements: B36.
#[tokio::test]
async fn each_issuer_asks_its_own_upstream_and_has_its_own_callback() -> Result<()> {
    let system = system().await?;
    for id in ["root", "tenant"] {
        let tokens = system.gate(id)?.app(&[LOOPBACK]).await?.tokens().await?;
        assert!(!tokens.refresh_token.is_empty());
        let asked = system.upstream(id)?.asked();
        assert_eq!((asked.authorizations.len(), asked.exchanges.len()), (1, 1), "{id}");
        let callback = format!("{}/callback/{id}", system.origin());
        assert_eq!(asked.authorizations[0].get("redirect_uri"), Some(&callback));
        assert_eq!(asked.exchanges[0].get("redirect_uri"), Some(&callback));
    }
    Ok(())
}

/// Requirements: B32.
#[tokio::test]
async fn flows_at_both_issuers_run_side_by_side_in_one_browser() -> Result<()> {
    let system = system().await?;
    let (root, tenant) = (system.gate("root")?, system.gate("tenant")?);
    let (root_app, tenant_app) = (root.app(&[LOOPBACK]).await?, tenant.app(&[LOOPBACK]).await?);
    let mut jar = Jar::new()?;
    let root_consent = root_app.request().open(&mut jar).await?;
    let tenant_consent = tenant_app.request().open(&mut jar).await?;
    assert_eq!(ours(&jar), 2, "a cookie for each issuer, none for both: {:?}", jar.cookies());
    let root_upstream = root_consent.approve(&mut jar).await?;
    let tenant_upstream = tenant_consent.approve(&mut jar).await?;
    let tenant_callback = tenant_upstream.sign_in(&mut jar).await?;
    let root_callback = root_upstream.sign_in(&mut jar).await?;
    let root_code = root_callback.finish(&mut jar).await?;
    let tenant_code = tenant_callback.finish(&mut jar).await?;
    assert_eq!(root_code.parameter("iss").as_deref(), Some(root.issuer()));
    assert_eq!(tenant_code.parameter("iss").as_deref(), Some(tenant.issuer()));
    let root_tokens = root_consent.request.redemption(&root_code.code()?).tokens().await?;
    let tenant_tokens = tenant_consent.request.redemption(&tenant_code.code()?).tokens().await?;
    assert_eq!((root_tokens.scope.as_str(), tenant_tokens.scope.as_str()), (ROOT.scope, TENANT.scope));

    // A17: each token is valid at its own resource only.
    let (root_server, tenant_server) = (ResourceServer::new(&root).await?, ResourceServer::new(&tenant).await?);
    root_server.verify(&root_tokens.access_token)?;
    tenant_server.verify(&tenant_tokens.access_token)?;
    root_server.verify(&tenant_tokens.access_token).expect_err("another issuer's token");
    tenant_server.verify(&root_tokens.access_token).expect_err("another issuer's token");
    Ok(())
}

/// The same client id exists at both issuers: only the issuer differs.
#[tokio::test]
async fn a_code_and_a_refresh_token_work_at_their_own_issuer_only() -> Result<()> {
    let system = system().await?;
    for (own, other) in [("root", "tenant"), ("tenant", "root")] {
        let (app, stranger) = (configured(&system, own)?, configured(&system, other)?);
        let request = app.request();
        let code = request.code(&mut Jar::new()?).await?;
        let mut elsewhere = request.redemption(&code).without("resource");
        elsewhere.app = stranger.clone();
        invalid_grant(&elsewhere.send().await?);
        // The attempts consumed nothing: the code still works at its issuer.
        let tokens = request.redemption(&code).tokens().await?;

        invalid_grant(&stranger.refresh(&tokens.refresh_token).without("resource").send().await?);
        let rotated = app.refresh(&tokens.refresh_token).tokens().await?;
        assert_ne!(rotated.refresh_token, tokens.refresh_token);
    }
    Ok(())
}

#[tokio::test]
async fn a_client_of_one_issuer_is_unknown_to_the_other() -> Result<()> {
    let system = system().await?;
    let app = system.gate("root")?.app(&[LOOPBACK]).await?;
    app.request().open(&mut Jar::new()?).await?;
    let stranger = App { gate: system.gate("tenant")?, ..app };
    let page = stranger.request().send(&mut Jar::new()?).await?;
    assert_eq!((page.status, page.reason()), (400, Some("CLIENT_UNKNOWN")), "{}", page.summary());
    let token = stranger.refresh("lgr_any").send().await?;
    assert_eq!((token.status, token.error().as_str()), (401, "invalid_client"), "{}", token.summary());
    Ok(())
}

/// The browser brings a ticket, a form and a callback to the other issuer.
#[tokio::test]
async fn no_step_of_one_issuer_works_at_the_other() -> Result<()> {
    let system = system().await?;
    for (own, other) in [("root", "tenant"), ("tenant", "root")] {
        let (own, other) = (system.gate(own)?, system.gate(other)?);
        let (app, stranger) =
            (own.configured(CONFIGURED_CLIENT, LOOPBACK), other.configured(CONFIGURED_CLIENT, LOOPBACK));
        let mut jar = Jar::new()?;
        let consent = app.request().open(&mut jar).await?;
        let others = stranger.request().open(&mut jar).await?;

        let ticket = consent.page.url.query().context("a ticket")?;
        let shown = jar.open(other.url(&format!("/consent?{ticket}"))).await?;
        assert_eq!(shown.reason(), Some("TICKET_INVALID"), "{}", shown.summary());
        let fields = consent.page.hidden_fields();
        let approve =
            Visit::form(other.url("/consent").parse()?, &others.page.url, fields).field("decision", "approve");
        let posted = jar.send(approve).await?;
        assert_eq!(posted.reason(), Some("TICKET_INVALID"), "{}", posted.summary());
        // The issuer's own ticket with the other's form token.
        let form_token = consent.page.hidden("form_token")?;
        let mixed = jar.send(others.form("approve")?.field("form_token", &form_token)).await?;
        assert_eq!((mixed.status, mixed.reason()), (403, Some("FORM_TOKEN_INVALID")), "{}", mixed.summary());

        let callback = consent.approve(&mut jar).await?.sign_in(&mut jar).await?;
        let mut elsewhere = callback.clone();
        elsewhere.url.set_path(&format!("/callback/{}", id_of(&other)));
        let landed = elsewhere.visit(&mut jar).await?;
        assert_eq!((landed.status, landed.reason()), (400, Some("STATE_INVALID")), "{}", landed.summary());
        callback.finish(&mut jar).await?.code()?;
    }
    for id in ["root", "tenant"] {
        let asked = system.upstream(id)?.asked();
        assert_eq!((asked.authorizations.len(), asked.exchanges.len()), (1, 1), "{id}");
    }
    Ok(())
}

async fn system() -> Result<System> {
    System::start(Plan { edges: 2, issuers: vec![ROOT, TENANT], ..Plan::default() }).await
}

fn configured(system: &System, id: &str) -> Result<App> {
    Ok(system.gate(id)?.configured(CONFIGURED_CLIENT, LOOPBACK))
}

async fn fetch(system: &System, gate: &Gate, path: &str) -> Result<Page> {
    Page::of(gate.http().get(format!("{}{path}", system.origin()))).await
}

fn id_of(gate: &Gate) -> &'static str {
    if gate.issuer().ends_with(TENANT.path) { TENANT.id } else { ROOT.id }
}

/// The number of Lychgate's cookies in a browser.
fn ours(jar: &Jar) -> usize {
    jar.cookies().iter().filter(|cookie| cookie.name.starts_with(lychgate_api::COOKIE_PREFIX)).count()
}

#[track_caller]
fn invalid_grant(page: &Page) {
    assert_eq!((page.status, page.error().as_str()), (400, "invalid_grant"), "{}", page.summary());
}
