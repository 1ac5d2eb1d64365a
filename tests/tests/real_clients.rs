//! The official SDKs complete the flow: discovery, registration, consent in a real browser, tools, refresh. They
//! make their own HTTP requests, so a pass here is what their users experience.

use anyhow::{Context, Result, ensure};
use e2e::browser::{Browser, Tab};
use e2e::clients::{Identity, Introspector, McpClient, Outcome, Provider, ProviderEvent, Sdk, Session, oidc_client_ts};
use e2e::dev::Dev;
use e2e::flow::LOOPBACK;
use e2e::http::Jar;
use e2e::person;
use e2e::site::Site;
use e2e::system::ports::Claim;
use e2e::system::service::Service;
use e2e::system::{Issuer, MAIN, Plan, System, digest, resource_server};
use serde_json::{Value, json};

/// Requirements: A1, A8.
#[tokio::test]
async fn the_python_sdk_gets_through() -> Result<()> {
    let dev = Dev::start("").await?;
    let client = McpClient::python(&dev.ready().mcp_url, "Python SDK").await?;
    let browser = Browser::launch().await?;
    let tab = browser.person("ada");
    consent(&tab, &client, "Python SDK").await?;
    person::approve(&tab).await?;
    person::sign_in_at_the_demo_provider(&tab, "Ada").await?;
    assert_all_facts(&client.session().await?, &dev.ready().issuer)?;
    dev.stop().await
}

/// Requirements: A1, A6.
#[tokio::test]
async fn the_typescript_sdk_gets_through() -> Result<()> {
    let dev = Dev::start("").await?;
    let client = McpClient::typescript(&dev.ready().mcp_url, "TypeScript SDK").await?;
    let browser = Browser::launch().await?;
    let tab = browser.person("ada");
    consent(&tab, &client, "TypeScript SDK").await?;
    person::approve(&tab).await?;
    person::sign_in_at_the_demo_provider(&tab, "Ada").await?;
    assert_all_facts(&client.session().await?, &dev.ready().issuer)?;
    dev.stop().await
}

#[tokio::test]
async fn both_sdks_understand_a_denial() -> Result<()> {
    let dev = Dev::start("").await?;
    let mcp_url = &dev.ready().mcp_url;
    let browser = Browser::launch().await?;
    for (context, client) in [
        ("python", McpClient::python(mcp_url, "Refused").await?),
        ("ts", McpClient::typescript(mcp_url, "Refused").await?),
    ] {
        let tab = browser.person(context);
        consent(&tab, &client, "Refused").await?;
        person::deny(&tab).await?;
        match client.outcome().await? {
            Outcome::Failed(failure) => assert_eq!(failure.error, "access_denied", "{failure:?}"),
            Outcome::Connected(session) => panic!("connected after a denial: {session:?}"),
        }
        let hops = tab.hops().await?;
        assert!(hops.iter().all(|hop| !hop.at.starts_with(&dev.ready().upstream_issuer)), "sent upstream: {hops:?}");
    }
    dev.stop().await
}

/// The real provider remembers session and grant and shows the second client's person no page. Our page is the only
/// protection of the person's account, and appears for each client.
///
/// Requirements: B3.
#[tokio::test]
async fn a_real_provider_that_remembers_is_involved_only_after_our_page() -> Result<()> {
    let (mut provider, dev) = dev_behind_oidc_provider().await?;
    let mcp_url = &dev.ready().mcp_url;
    let browser = Browser::launch().await?;
    let tab = browser.person("ada");

    let first = McpClient::typescript(mcp_url, "First").await?;
    consent(&tab, &first, "First").await?;
    assert_eq!(asked(&mut provider).await?, Vec::<String>::new(), "opening a page does not involve the upstream");
    person::approve(&tab).await?;
    person::sign_in_at_oidc_provider(&tab, "ada").await?;
    let first = first.session().await?;
    assert_all_facts(&first, &dev.ready().issuer)?;
    assert_eq!(asked(&mut provider).await?, ["login", "consent"]);

    let second = McpClient::python(mcp_url, "Second").await?;
    consent(&tab, &second, "Second").await?;
    assert_eq!(authorizations(&mut provider).await?, 1, "our page came first");
    person::approve(&tab).await?;
    let second = second.session().await?;
    assert_all_facts(&second, &dev.ready().issuer)?;
    assert_eq!(asked(&mut provider).await?, ["login", "consent"], "the provider asked again, so it does not remember");
    assert_ne!(first.client_id, second.client_id);
    assert_eq!(who(&first.whoami)?["sub"], who(&second.whoami)?["sub"]);
    dev.stop().await
}

#[tokio::test]
async fn a_reloaded_callback_does_not_spend_the_upstream_code_again() -> Result<()> {
    let (mut provider, dev) = dev_behind_oidc_provider().await?;
    let client = McpClient::typescript(&dev.ready().mcp_url, "TypeScript SDK").await?;
    let browser = Browser::launch().await?;
    let tab = browser.person("ada");
    consent(&tab, &client, "TypeScript SDK").await?;
    person::approve(&tab).await?;
    person::sign_in_at_oidc_provider(&tab, "ada").await?;
    client.session().await?;
    assert_eq!(provider.redemptions().await?, 1);

    let hops = tab.hops().await?;
    let callback =
        hops.iter().find(|hop| hop.at == dev.ready().upstream_redirect_uri).expect("the callback was visited");
    let again = tab.open(&callback.url).await?;
    let status = again.status.unwrap_or_default();
    assert!((400..500).contains(&status), "{again:?}");
    assert_eq!(provider.redemptions().await?, 1);
    dev.stop().await
}

/// Both SDKs prefer their document to a registration if the metadata permit it (A7).
///
/// Requirements: A7, D2, D6.
#[tokio::test]
async fn both_sdks_use_a_metadata_document() -> Result<()> {
    let site = Site::start().await?;
    let stage = Stage::start(&site.outbound(), "").await?;
    for (sdk, path) in [(Sdk::TypeScript, "/typescript.json"), (Sdk::Python, "/python.json")] {
        let id = site.publish(path, &json!({ "client_name": "A documented SDK" }));
        let client = McpClient::start(sdk, &stage.mcp_url, "Another name", Identity::Document(&id)).await?;
        allow(&client, "A documented SDK").await?;
        let session = client.session().await?;
        assert_all_facts(&session, &stage.issuer)?;
        assert_eq!(session.client_id, id, "{sdk:?}");
    }
    let registrations = stage.system.balancer().log().iter().filter(|sent| sent.path == "/register").count();
    assert_eq!(registrations, 0);
    Ok(())
}

const STATIC_CLIENT: &str = "static-app";
const STATIC_SECRET: &str = "the-secret_of-a-static-client-0123456789";

/// The TypeScript SDK sends Basic credentials unencoded, the Python SDK form-encodes them.
///
/// Requirements: A1, A9, R13, R14.
#[tokio::test]
async fn both_sdks_authenticate_with_a_secret() -> Result<()> {
    let configured = format!(
        "[[issuers.clients]]\nid = \"{STATIC_CLIENT}\"\nname = \"A static app\"\nredirect_uris = [\"{LOOPBACK}\"]\n\
         secret_sha256 = \"{}\"\n",
        digest(STATIC_SECRET)
    );
    let stage = Stage::start("", &configured).await?;
    let known = |method| Identity::Configured { id: STATIC_CLIENT, secret: STATIC_SECRET, method };
    for sdk in [Sdk::TypeScript, Sdk::Python] {
        for (identity, name) in [
            (Identity::Registers("client_secret_basic"), "Registered"),
            (Identity::Registers("client_secret_post"), "Registered"),
            (known("client_secret_basic"), "A static app"),
        ] {
            let client = McpClient::start(sdk, &stage.mcp_url, "Registered", identity).await?;
            allow(&client, name).await?;
            let session = client.session().await?;
            assert_all_facts(&session, &stage.issuer)?;
            let is_known = matches!(identity, Identity::Configured { .. });
            assert_eq!(session.client_id == STATIC_CLIENT, is_known, "{sdk:?} {identity:?}");
        }
    }
    Ok(())
}

/// The libraries send Basic credentials with and without form encoding, so id and secret have characters that it changes.
///
/// Requirements: R14, R39.
#[tokio::test]
async fn real_resource_servers_introspect() -> Result<()> {
    const NAME: &str = "notes + server";
    const SECRET: &str = "s+cr/et=%41&of-the-notes-server-0123456789";
    const OTHER: Issuer = Issuer { id: "other", path: "/other", resource: "https://other.example.com/mcp", ..MAIN };
    const FOREIGN: &str = "token-of-another-mcp-server-0123456789abc";
    let control_tables =
        resource_server(NAME, SECRET, MAIN.resource) + &resource_server("foreign", FOREIGN, OTHER.resource);
    let system =
        System::start(Plan { edges: 1, issuers: vec![MAIN, OTHER], control_tables, ..Plan::default() }).await?;
    let gate = system.gate(MAIN.id)?;
    let tokens = gate.app(&[LOOPBACK]).await?.tokens().await?;
    let (claims, all) = (tokens.claims()?, [tokens.access_token.as_str(), tokens.refresh_token.as_str(), "a.b.c"]);
    for library in Introspector::ALL {
        for method in ["client_secret_basic", "client_secret_post"] {
            let what = format!("{library:?} {method}");
            let answers = library.ask(gate.issuer(), (NAME, SECRET, method), &all).await?;
            let [Ok(active), inactive @ ..] = &answers[..] else { anyhow::bail!("{what}: {answers:?}") };
            for name in ["sub", "client_id", "scope", "aud", "iss", "exp"] {
                assert_eq!(active[name], claims[name], "{what}: {name}");
            }
            let nothing = match library {
                Introspector::FastMcp => Err("refused".to_owned()),
                Introspector::OpenidClient | Introspector::Authlib => Ok(json!({ "active": false })),
            };
            assert_eq!(inactive, [nothing.clone(), nothing.clone()], "{what}");
            let foreign = library.ask(gate.issuer(), ("foreign", FOREIGN, method), &all[..1]).await?;
            assert_eq!(foreign, [nothing], "{what}: another resource's server");
            let wrong = library.ask(gate.issuer(), (NAME, "wrong", method), &all[..1]).await?;
            let error = match library {
                Introspector::FastMcp => "refused",
                Introspector::Authlib => "invalid_client",
                Introspector::OpenidClient if method == "client_secret_basic" => "challenge:basic",
                Introspector::OpenidClient => "challenge:bearer",
            };
            assert_eq!(wrong, [Err(error.to_owned())], "{what}");
        }
    }
    Ok(())
}

/// A page of another origin, with headers that its user configured, signs in with `oidc-client-ts` and calls the MCP server.
/// Chromium enforces CORS.
///
/// Requirements: C12, R26.
#[tokio::test]
async fn a_web_page_with_configured_headers_gets_through() -> Result<()> {
    let stage = Stage::start("", "").await?;
    let browser = Browser::launch().await?;
    let page = format!("<!doctype html><title>A client</title><script>{}</script>", oidc_client_ts()?);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let router = axum::Router::new().route("/", axum::routing::get(move || async move { axum::response::Html(page) }));
    drop(tokio::spawn(async move { axum::serve(listener, router).await }));
    let tab = browser.person("developer");
    tab.open(&origin).await?;

    // Without a token the page reads the challenge, and from it the way to the issuer.
    for token in ["", "not-a-token"] {
        let refused = call_whoami(&tab, &stage.mcp_url, token).await?;
        let challenge = refused["challenge"].as_str().unwrap_or_default();
        assert!(refused["status"] == 401 && challenge.contains("resource_metadata="), "{refused}");
    }

    let app = stage.system.gate(MAIN.id)?.app(&[LOOPBACK]).await?;
    let settings = json!({
        "authority": stage.issuer, "client_id": app.client_id, "redirect_uri": LOOPBACK, "scope": "profile:read",
        "extraQueryParams": { "resource": stage.mcp_url }, "extraTokenParams": { "resource": stage.mcp_url },
        "extraHeaders": { "x-api-key": "1", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
    });
    let begin = format!(
        "(async () => {{ globalThis.client = new oidc.OidcClient({settings});
            return (await client.createSigninRequest({{}})).url; }})()"
    );
    let authorize = tab.eval(&begin).await?;
    let mut jar = Jar::new()?;
    let asked = jar.open(authorize.as_str().context("a URL")?).await?;
    let consent = jar.follow(&asked).await?;
    let mut page = jar.press(&consent, ("decision", "approve")).await?;
    while !page.location()?.as_str().starts_with(LOOPBACK) {
        page = jar.follow(&page).await?;
    }
    let redeem =
        format!("client.processSigninResponse({:?}).then((answer) => answer.access_token)", page.location()?.as_str());
    let token = tab.eval(&redeem).await?;
    let answer = call_whoami(&tab, &stage.mcp_url, token.as_str().context("a token")?).await?;
    let body = answer["body"].as_str().unwrap_or_default();
    assert!(answer["status"] == 200 && body.contains(&app.client_id), "{answer}");
    Ok(())
}

/// Calls the tool from the page, and returns what the page can read of the response.
async fn call_whoami(tab: &Tab<'_>, mcp_url: &str, token: &str) -> Result<Value> {
    let mut headers = json!({
        "content-type": "application/json", "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2025-06-18", "x-api-key": "1",
    });
    if !token.is_empty() {
        headers["authorization"] = json!(format!("Bearer {token}"));
    }
    let call =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "whoami", "arguments": {} } });
    let options = json!({ "method": "POST", "headers": headers, "body": call.to_string() });
    tab.eval(&format!(
        "fetch({mcp_url:?}, {options}).then(async (answer) => ({{ status: answer.status,
            challenge: answer.headers.get('www-authenticate'), body: await answer.text() }}))"
    ))
    .await
}

/// Lychgate as in production, in front of the demo MCP server.
struct Stage {
    issuer: String,
    mcp_url: String,
    system: System,
    _mcp: Service,
    _claim: Claim,
    _directory: tempfile::TempDir,
}

impl Stage {
    /// With these additional tables of the control plane and of its issuer.
    async fn start(control_tables: &str, issuer_tables: &str) -> Result<Self> {
        let (claim, directory) = (Claim::choose()?, tempfile::tempdir()?);
        let mcp_url = format!("http://{}/mcp", claim.address());
        // A plan consists of constants, and this URL is known only now; the leak lasts as long as the test.
        let issuer = Issuer { resource: mcp_url.clone().leak(), ..MAIN };
        let (control_tables, issuer_tables) = (control_tables.to_owned(), issuer_tables.to_owned());
        let plan = Plan { issuers: vec![issuer], control_tables, issuer_tables, ..Plan::default() };
        let system = System::start(plan).await?;
        let issuer = system.gate(MAIN.id)?.issuer().to_owned();
        let config = directory.path().join("mcp.toml");
        let listen = claim.address();
        std::fs::write(&config, format!("listen = \"{listen}\"\nresource = \"{mcp_url}\"\nissuer = \"{issuer}\"\n"))?;
        let mut mcp = Service::start("lychgate-demo-mcp", &config)?;
        mcp.answers_at(&format!("http://{listen}/healthz")).await?;
        Ok(Self { issuer, mcp_url, system, _mcp: mcp, _claim: claim, _directory: directory })
    }
}

/// Acts as the person, one request at a time: checks that the page names `name`, approves, signs in, and returns to
/// the client.
async fn allow(client: &McpClient, name: &str) -> Result<()> {
    let mut jar = Jar::new()?;
    let asked = jar.open(client.authorize.as_str()).await?;
    let consent = jar.follow(&asked).await?;
    ensure!(consent.body.contains(name), "the page does not name {name:?}:\n{}", consent.body);
    let mut page = jar.press(&consent, ("decision", "approve")).await?;
    for _ in 0..8 {
        if !page.redirects() {
            break;
        }
        page = jar.follow(&page).await?;
    }
    ensure!(page.body.contains("The client has its answer."), "{}", page.summary());
    Ok(())
}

async fn dev_behind_oidc_provider() -> Result<(Provider, Dev)> {
    let mut provider = Provider::start().await?;
    let config = format!(
        r#"
        [upstream]
        kind = "oidc"
        id = "oidc-provider"
        name = "oidc-provider"
        issuer = "{}"
        client_id = "{}"
        client_secret = {{ env = "UPSTREAM_SECRET" }}
        "#,
        provider.issuer,
        Provider::CLIENT_ID
    );
    let dev = Dev::start_with(&config, &[("UPSTREAM_SECRET", Provider::CLIENT_SECRET)]).await?;
    provider.allow_redirect(&dev.ready().upstream_redirect_uri).await?;
    Ok((provider, dev))
}

/// Opens the client's authorization URL and checks that the page names the client.
async fn consent(tab: &Tab<'_>, client: &McpClient, name: &str) -> Result<()> {
    person::read_consent_page(tab, client.authorize.as_str()).await?;
    let text = tab.text().await?;
    ensure!(text.contains(name), "the page does not name {name:?}:\n{text}");
    Ok(())
}

fn assert_all_facts(session: &Session, issuer: &str) -> Result<()> {
    assert_eq!(session.issuer, issuer);
    assert_eq!(session.iss.as_deref(), Some(issuer));
    assert!(session.forged_iss_refused);
    assert!(session.tools.iter().any(|tool| tool == "whoami"), "{session:?}");
    let (before, after) = (who(&session.whoami)?, who(&session.whoami_after_refresh)?);
    assert_eq!(before["client_id"], session.client_id.as_str());
    assert_eq!(before["sub"], after["sub"]);
    assert_eq!(before["grant_id"], after["grant_id"]);
    assert_eq!(session.token_responses, 2, "one for the code, one for the refresh");
    assert!(session.access_token_changed);
    assert!(session.refresh_token_rotated);
    Ok(())
}

/// The result of `whoami`.
fn who(text: &str) -> Result<Value> {
    Ok(serde_json::from_str(text)?)
}

/// The pages that the provider has shown so far.
async fn asked(provider: &mut Provider) -> Result<Vec<String>> {
    let prompt = |event: &ProviderEvent| match event {
        ProviderEvent::Prompt { prompt } => Some(prompt.clone()),
        _ => None,
    };
    Ok(provider.log().await?.iter().filter_map(prompt).collect())
}

/// The number of codes that the provider has issued so far.
async fn authorizations(provider: &mut Provider) -> Result<usize> {
    Ok(provider.log().await?.iter().filter(|event| **event == ProviderEvent::Authorization).count())
}
