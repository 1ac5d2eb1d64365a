//! Redirect URIs and what their hosts are: at no step is a client answered at one of our own origins, and a program on the
//! person's computer is never taken for a website.

use lychgate_api::v1::{self, Decision, RedirectKind, next::Step};
use lychgate_control::config::{PromptConfig, PromptMode, RedirectsConfig};
use serde_json::json;

use crate::support::{
    ApiClient, App, Environment, Failure, Flow, ISSUER, Refused as _, again, attempt, location, page,
};

/// Where an issuer comes to be later: the port on which [`App::registered`] listens.
const LATER: &str = "http://localhost:7777/t";

async fn register(edge: &ApiClient, redirect_uri: &str) -> Result<v1::ClientInformation, Failure> {
    let metadata = v1::ClientMetadata { redirect_uris: vec![redirect_uri.to_owned()], ..App::metadata("none") };
    edge.register(v1::RegisterRequest { metadata: Some(metadata), ..App::registration("none") }).await
}

/// Requirements: A10, B31.
#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_an_own_origin_can_be_registered() {
    let mut env = Environment::new().await;
    let other = env.issuer_at("other", "http://localhost:7450/t");
    env.config.issuers.push(other);
    let control = env.start().await;
    let edge = control.edge();
    let counts = env.record_counts().await;
    for own in [
        "http://127.0.0.1:7440/authorize?client_id=app",
        "http://127.0.0.1:7440",
        "HTTP://127.0.0.1:7440/authorize",
        "http://localhost:7440/authorize",
        "http://LOCALHOST:7440/authorize",
        "http://localhost.:7440/authorize",
        "http://[::1]:7440/authorize",
        "http://127.1:7440/authorize",
        "http://0x7f.1:7440/authorize",
        "http://%6cocalhost:7440/authorize",
        "http://me@127.0.0.1:7440/authorize",
        "http://127.0.0.1:7440/../authorize",
        "http://127.0.0.1:7440\\@app.example/",
        "https://localhost:7440/authorize",
        "https://app.localhost:7440/authorize",
        "https://127.9.9.9:7440/authorize",
        "https://[::ffff:7f00:1]:7440/authorize",
        "http://localhost:7450/t/authorize?client_id=app",
        "http://127.0.0.1:7450/",
        "https://localhost:7450/authorize",
    ] {
        let refused = register(&edge, own).await.reason();
        assert_eq!(refused, "REGISTRATION_REDIRECT_URI_INVALID", "{own}");
    }
    assert_eq!(env.record_counts().await, counts);
    register(&edge, "http://127.0.0.1:7441/cb").await.expect("another port");
}

/// A registration without a port is answered on the port that a request names, so the port is judged then.
///
/// Requirements: A10, B31.
#[tokio::test(flavor = "multi_thread")]
async fn a_substituted_loopback_port_leads_to_no_own_origin() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::registered(&edge).await);
    flow.app.redirect_uri = "http://127.0.0.1:7440/cb".to_owned();
    assert_eq!(edge.begin(flow.begin()).await.reason(), "REDIRECT_URI_FORBIDDEN");
    flow.app.redirect_uri = "http://127.0.0.1:7441/cb".to_owned();
    edge.begin(flow.begin()).await.expect("another port");
}

/// Clients that a release without these rules registered.
///
/// Requirements: A10, B31, B33.
#[tokio::test(flavor = "multi_thread")]
async fn a_stored_redirect_uri_in_another_spelling_is_refused() {
    for stored in [
        "https://APP.example/cb",
        "https://app.example:443/cb",
        "https://app.example./cb",
        "https://0x7f.1/cb",
        "http://LOCALHOST:7440/authorize",
        "https://LOCALHOST:7440/authorize",
        "https://localhost:7440/authorize",
        "com.example.app:/cb",
    ] {
        let env = Environment::new().await;
        let control = env.start().await;
        let edge = control.edge();
        let mut flow = Flow::new(App::registered(&edge).await);
        env.register_unchecked(stored).await;
        flow.app.redirect_uri = stored.to_owned();
        assert_eq!(edge.begin(flow.begin()).await.reason(), "REDIRECT_URI_FORBIDDEN", "{stored}");
    }
}

/// Each step of a flow that began before an issuer came to be at the client's redirect URI. The guard is asked at every
/// step, so it does not matter how far the flow has got.
///
/// Requirements: A10, B31, B33.
#[tokio::test(flavor = "multi_thread")]
async fn an_own_origin_gets_no_answer_at_any_step() {
    let env = Environment::new().await;
    let before = env.start().await;
    let mut config = env.config.clone();
    config.issuers.push(env.issuer_at("later", LATER));
    let after = env.start_with(config).await;
    let (edge, later) = (before.edge(), after.edge());
    let flow = Flow::new(App::registered(&edge).await);
    let forbidden = "REDIRECT_URI_FORBIDDEN";
    assert_eq!(later.begin(flow.begin()).await.reason(), forbidden);

    let ticket = flow.ticket(&edge).await;
    assert_eq!(later.show(flow.show(&ticket)).await.reason(), forbidden);

    for decision in [Decision::Approve, Decision::Deny] {
        let mut flow = flow.clone();
        let page = flow.consent_page(&edge).await;
        let counts = env.record_counts().await;
        assert_eq!(later.decide(flow.decide(&page, decision)).await.reason(), forbidden);
        assert_eq!(env.record_counts().await, counts, "nothing is decided");
        edge.decide(flow.decide(&page, decision)).await.expect("nothing was decided");
        let counts = env.record_counts().await;
        assert_eq!(later.decide(flow.decide(&page, decision)).await.reason(), forbidden, "the same answer again");
        assert_eq!(env.record_counts().await, counts);
    }

    let mut flow = flow.clone();
    let callback = flow.sign_in(&edge, &env.idp).await;
    let counts = env.record_counts().await;
    assert_eq!(later.finish_login(again(&callback)).await.reason(), forbidden);
    assert_eq!(env.record_counts().await, counts, "the login is not claimed");
    let next = edge.finish_login(callback.clone()).await.expect("the upstream's code was not spent");
    let code = crate::support::code_in(&next);
    assert_eq!(later.finish_login(again(&callback)).await.reason(), forbidden, "the same answer again");

    let counts = env.record_counts().await;
    assert_eq!(later.exchange(flow.redeem(&code)).await.reason(), "CODE_INVALID");
    assert_eq!(env.record_counts().await, counts, "the code is not spent");
    edge.exchange(flow.redeem(&code)).await.expect("the code is good where it may be sent");
}

/// Requirements: A10, B33, B37.
#[tokio::test(flavor = "multi_thread")]
async fn an_own_origin_gets_no_answer_after_a_confirmation() {
    let mut env = Environment::new().await;
    env.issuer().prompt.confirm_subject = true;
    let before = env.start().await;
    let mut config = env.config.clone();
    config.issuers.push(env.issuer_at("later", LATER));
    let after = env.start_with(config).await;
    let (edge, later) = (before.edge(), after.edge());
    let mut flow = Flow::new(App::registered(&edge).await);
    let callback = flow.sign_in(&edge, &env.idp).await;
    let next = edge.finish_login(callback).await.unwrap();
    flow.browser.keep(&next);
    let Some(Step::SignedInPage(asked)) = next.step else { panic!("expected the question") };
    for decision in [Decision::Approve, Decision::NotMe] {
        let confirmation = v1::ConfirmLoginRequest {
            issuer_id: ISSUER.to_owned(),
            attempt: attempt(),
            state: asked.state.clone(),
            form_token: asked.page.as_ref().unwrap().form_token.clone(),
            decision: decision.into(),
            cookies: flow.browser.cookies(),
            sec_fetch_site: Some("same-origin".to_owned()),
            origin: None,
        };
        let counts = env.record_counts().await;
        assert_eq!(later.confirm_login(confirmation.clone()).await.reason(), "REDIRECT_URI_FORBIDDEN");
        assert_eq!(env.record_counts().await, counts, "no code, no consent");
    }
}

/// `https` on the person's own computer: the page warns of the program, and nothing is remembered for it.
///
/// Requirements: B7, B31, R40.
#[tokio::test(flavor = "multi_thread")]
async fn https_on_this_computer_is_a_program_and_not_remembered() {
    for uri in [
        "https://localhost:8443/cb",
        "https://[::1]/cb",
        "https://app.localhost/",
        "https://127.0.0.1/cb",
        "https://127.9.9.9:8443/cb",
        "https://0.0.0.0/cb",
        "https://[::]/cb",
        "https://[::ffff:7f00:1]:8443/cb",
        "https://localhost.localdomain/cb",
    ] {
        let mut env = Environment::new().await;
        env.issuer().prompt = PromptConfig { mode: PromptMode::Remember, ..PromptConfig::default() };
        let control = env.start().await;
        let edge = control.edge();
        let client = register(&edge, uri).await.unwrap_or_else(|refused| panic!("{uri}: {refused:?}"));
        let mut flow = Flow::new(App::new(&client.client_id, uri));
        let redirect = flow.consent_page(&edge).await.redirect.unwrap();
        assert_eq!(redirect.kind(), RedirectKind::Loopback, "{uri}");
        flow.tokens(&edge, &env.idp).await;
        let shown = page(edge.show(flow.show(&flow.ticket(&edge).await)).await.unwrap());
        assert_eq!(
            shown.person.map(|person| person.account).as_deref(),
            Some("alice"),
            "{uri}: known, and asked in full"
        );
    }
}

/// The page and the policy agree about a document and a redirect on one host and port, for every port.
///
/// Requirements: D18.
#[tokio::test(flavor = "multi_thread")]
async fn a_documents_website_is_its_host_and_port() {
    for (id, redirect_uri, is_elsewhere) in [
        ("https://app.example/client.json", "https://app.example/cb", false),
        ("https://app.example:8443/client.json", "https://app.example:8443/cb", false),
        ("https://[2001:db8::1]:8443/client.json", "https://[2001:db8::1]:8443/cb", false),
        ("https://app.example:8443/client.json", "https://app.example/cb", true),
        ("https://app.example/client.json", "https://app.example:8443/cb", true),
        ("https://app.example/client.json", "https://other.example/cb", true),
    ] {
        let mut env = Environment::new().await;
        let document = json!({ "client_id": id, "client_name": "App", "redirect_uris": [redirect_uri] });
        let file = env.file("client.json", document.to_string().as_bytes());
        env.issuer().metadata_documents.pinned = vec![file];
        let control = env.start().await;
        let page = Flow::new(App::new(id, redirect_uri)).consent_page(&control.edge()).await;
        let website = id.strip_prefix("https://").and_then(|rest| rest.strip_suffix("/client.json"));
        assert_eq!(page.client.map(|client| client.metadata_host).as_deref(), website);
        assert_eq!(page.redirect.map(|redirect| redirect.differs_from_metadata_host), Some(is_elsewhere), "{id}");

        env.issuer().metadata_documents.redirects = RedirectsConfig::SameHost;
        let strict = env.start().await;
        let begun = strict.edge().begin(Flow::new(App::new(id, redirect_uri)).begin()).await;
        if is_elsewhere {
            assert_eq!(begun.reason(), "METADATA_DOCUMENT_INVALID", "{id} {redirect_uri}");
        } else {
            assert!(location(&begun.unwrap()).contains("/consent?"), "{id} {redirect_uri}");
        }
    }
}
