//! Who may enter, with real processes: a person who is not admitted reads why, gives the app nothing, and can go on with another
//! account or back to the app.

use anyhow::{Context, Result, ensure};
use e2e::browser::{Browser, Find};
use e2e::clients::{McpClient, Outcome};
use e2e::dev::{Dev, binary};
use e2e::flow::{AuthorizationRequest, Consent, LOOPBACK, Stage};
use e2e::http::{Jar, Visit};
use e2e::person;
use e2e::upstream::Lie;
use serde_json::{Value, json};
use tokio::process::Command;

const OF_EXAMPLE: &str = "[entry]\nemail_domains = [\"example.com\"]\nclaims = { groups = [\"staff\"] }\n";
const SESSION: &str = "__Host-lychgate-session-";

/// The ID token is of this member of the staff.
fn staff(address: &str, is_verified: Value) -> Lie {
    Lie::Claims(vec![
        ("email", json!(address)),
        ("email_verified", is_verified),
        ("groups", json!(["guests", "staff"])),
    ])
}

/// Requirements: B36, B37.
#[tokio::test]
async fn only_admitted_people_get_a_code_and_another_account_may_answer_the_same_request() -> Result<()> {
    let stage = Stage::start(OF_EXAMPLE).await?;
    let app = stage.gate.app(&[LOOPBACK]).await?;
    stage.upstream.lie(staff("ada@EXAMPLE.com", json!(true)));
    app.request().tokens(&mut Jar::new()?).await.context("an admitted person")?;

    stage.upstream.sign_in_as("bo");
    for lie in [
        staff("bo@elsewhere.example", json!(true)),
        staff("bo@mail.example.com", json!(true)),
        staff("bo@example.com", json!(false)),
        staff("bo@example.com", json!("perhaps")),
        staff("bo@example.com@elsewhere.example", json!(true)),
        Lie::Claims(vec![
            ("email", json!("bo@example.com")),
            ("email_verified", json!(true)),
            ("groups", json!("Staff")),
        ]),
        Lie::Claims(vec![]),
    ] {
        let said = format!("{lie:?}");
        stage.upstream.lie(lie);
        let (request, mut jar) = (app.request(), Jar::new()?);
        let page = request.callback(&mut jar).await?.visit(&mut jar).await?;
        assert_eq!((page.status, page.reason()), (403, Some("ACCOUNT_NOT_ALLOWED")), "{said}: {}", page.summary());
        assert!(!page.redirects() && jar.cookie(SESSION).is_none(), "{said}: {:?}", jar.cookies());
        let back = page.return_link()?.context("a way back")?;
        assert!(back.as_str().starts_with(LOOPBACK), "{back}");
        assert_error(&request, &back);
    }

    stage.upstream.lie(staff("bo@elsewhere.example", json!(true)));
    let (request, mut jar) = (app.request(), Jar::new()?);
    let page = request.callback(&mut jar).await?.visit(&mut jar).await?;
    for said in ["bo@elsewhere.example", "Test provider", "only certain accounts"] {
        assert!(page.body.contains(said), "{said}: {}", page.body);
    }
    let another = page.another_account_link()?.context("a link to another account")?;
    let page = jar.send(Visit::link(another.as_str(), &page.url)?).await?;
    ensure!(page.status == 200 && page.hidden("form_token").is_ok(), "no consent page: {}", page.summary());
    assert!(!page.body.contains("bo@"), "no person is signed in: {}", page.body);
    stage.upstream.sign_in_as("ada");
    stage.upstream.lie(staff("ada@example.com", json!(true)));
    let upstream = Consent { request: request.clone(), page }.approve(&mut jar).await?;
    ensure!(upstream.page.location()?.query_pairs().any(|pair| pair == ("prompt".into(), "select_account".into())));
    // The provider remembers Bo in this browser, and lists its accounts nevertheless.
    let accounts = jar.follow(&upstream.page).await?;
    let question = jar.press(&accounts, ("login", "ada")).await?;
    let back = if question.redirects() { question } else { jar.press(&question, ("decision", "allow")).await? };
    let page = jar.follow(&back).await?;
    let code = page.location()?.query_pairs().find_map(|(name, value)| (name == "code").then(|| value.into_owned()));
    let claims = request.redemption(&code.context("a code")?).tokens().await?.claims()?;
    assert!(claims["sub"].as_str().is_some_and(|sub| sub.ends_with("1001")), "{claims}");

    let bo = listed(&stage, &["events", "list", "--all", "--subject", "idp|bo"]).await?;
    let kinds: Vec<_> = bo.iter().map(|event| event["kind"].as_str().unwrap_or_default()).collect();
    assert_eq!(kinds, ["entry.refused"; 8], "{bo:?}");
    assert!(bo.iter().all(|event| event["clientId"] == json!(app.client_id)), "{bo:?}");
    let grants = listed(&stage, &["grants", "list", "--client", &app.client_id]).await?;
    assert_eq!(grants.len(), 2, "of the admitted person only: {grants:?}");
    assert!(listed(&stage, &["consents", "list", "--subject", "idp|bo"]).await?.is_empty());
    stage.stop().await
}

/// In a real browser, with an MCP client that listens on this computer.
///
/// Requirements: B37.
#[tokio::test]
async fn a_person_goes_on_with_another_account_or_back_to_the_app() -> Result<()> {
    let (dev, browser) = (Dev::start("[entry]\nsubjects = [\"demo-idp|1001\"]\n").await?, Browser::launch().await?);
    let issuer = &dev.ready().issuer;

    let client = McpClient::typescript(&dev.ready().mcp_url, "Pelican Notes").await?;
    let tab = browser.person("ada");
    person::read_consent_page(&tab, client.authorize.as_str()).await?;
    person::approve(&tab).await?;
    let place = person::sign_in_at_the_demo_provider(&tab, "Bo").await?;
    let text = tab.text().await?;
    assert_eq!(place.status, Some(403), "{place:?}\n{text}");
    for said in ["Bo Sample", "bo@example.com", "Demo identity provider", "ACCOUNT_NOT_ALLOWED"] {
        assert!(text.contains(said), "the page does not say {said:?}:\n{text}");
    }
    let cookies = browser.cookies("ada").await?;
    assert!(!cookies.iter().any(|cookie| cookie.name.starts_with(SESSION)), "{cookies:?}");
    let place = tab.follow(Find::Role { role: "link", name: "Use another account" }).await?;
    assert!(place.status == Some(200) && place.url.starts_with(&format!("{issuer}/consent?")), "{place:?}");
    assert!(tab.text().await?.contains("Pelican Notes"));
    person::approve(&tab).await?;
    person::sign_in_at_the_demo_provider(&tab, "Ada").await?;
    client.session().await.context("the same request goes on")?;

    let client = McpClient::typescript(&dev.ready().mcp_url, "Pelican Notes").await?;
    let tab = browser.person("bo");
    person::read_consent_page(&tab, client.authorize.as_str()).await?;
    person::approve(&tab).await?;
    person::sign_in_at_the_demo_provider(&tab, "Bo").await?;
    tab.follow(Find::Role { role: "link", name: "Return to" }).await?;
    match client.outcome().await? {
        Outcome::Failed(failure) => assert_eq!(failure.error, "access_denied"),
        Outcome::Connected(session) => panic!("connected after all: {session:?}"),
    }
    dev.stop().await
}

fn assert_error(request: &AuthorizationRequest, back: &url::Url) {
    let pairs: Vec<(String, String)> = back.query_pairs().into_owned().collect();
    let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!((value("error"), value("state")), (Some("access_denied"), request.parameter("state")), "{back}");
    assert_eq!((value("code"), value("iss")), (None, Some(request.app.gate.issuer())), "{back}");
}

/// The items that a verb of the operator's lists.
async fn listed(stage: &Stage, verb: &[&str]) -> Result<Vec<Value>> {
    let ready = stage.dev().ready();
    let mut command = Command::new(binary("lychgate")?);
    command.args(verb).args(["--json", "--control", &format!("http://{}", ready.control_grpc)]);
    let output = command.env("LYCHGATE_TOKEN", &ready.operator_token).output().await?;
    ensure!(output.status.success(), "{verb:?}: {}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout)?;
    lines.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}
