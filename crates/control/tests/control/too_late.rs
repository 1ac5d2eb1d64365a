//! A person who comes too late gets a link back to the client, if the client is still to be answered there and has had no
//! answer.

use std::time::Duration;

use lychgate_api::error_metadata::{RETURN_LABEL, RETURN_URI};
use lychgate_api::v1::{self, Decision};
use lychgate_control::config::{Config, PromptConfig, Role};

use crate::support::{
    ApiClient, App, Environment, Failure, Flow, OPERATOR_TOKEN, Operator, TICK, again, disable_request, location,
    principal, query,
};

const TICKET: Duration = Duration::from_secs(900);
const LOGIN: Duration = Duration::from_secs(600);

/// Asserts that the error leads back to the client of `flow`, with the error of a person who did not agree.
#[track_caller]
fn assert_leads_back(failure: &Failure, reason: &str, flow: &Flow) {
    assert_eq!(failure.reason, reason);
    let uri = &failure.metadata[RETURN_URI];
    let (answer, host) = (query(uri), &failure.metadata[RETURN_LABEL]);
    assert!(uri.starts_with(&flow.app.redirect_uri) && flow.app.redirect_uri.contains(host), "{uri} {host}");
    assert_eq!((answer["error"].as_str(), &answer["state"]), ("access_denied", &flow.state));
    assert_eq!(answer["iss"], "http://127.0.0.1:7440");
    assert!(!answer.contains_key("code"), "{uri}");
}

#[track_caller]
fn assert_leads_nowhere(failure: &Failure, reason: &str) {
    assert_eq!(failure.reason, reason);
    assert!(!failure.metadata.contains_key(RETURN_URI), "{failure:?}");
}

/// Each call with a ticket, one moment after its time.
async fn expired(edge: &ApiClient, flow: &Flow, page: &v1::ConsentPage) -> Vec<Failure> {
    vec![
        edge.show(flow.show(&page.ticket)).await.unwrap_err(),
        edge.decide(flow.decide(page, Decision::Approve)).await.unwrap_err(),
        edge.decide(flow.decide(page, Decision::Deny)).await.unwrap_err(),
        edge.decide(flow.decide(page, Decision::NotMe)).await.unwrap_err(),
        // A stranger with the ticket learns no more than its own page would say.
        edge.show(Flow::new(flow.app.clone()).show(&page.ticket)).await.unwrap_err(),
    ]
}

/// Requirements: A6, R11.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_page_leads_back_to_the_client() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    for app in [App::configured(), App::registered(&edge).await] {
        let mut flow = Flow::new(app);
        let page = flow.consent_page(&edge).await;
        let counts = env.record_counts().await;
        env.advance(TICKET);
        edge.show(flow.show(&page.ticket)).await.expect("it is in time");
        env.advance(TICK);
        for failure in expired(&edge, &flow, &page).await {
            assert_leads_back(&failure, "TICKET_EXPIRED", &flow);
        }
        assert_eq!(env.record_counts().await, counts, "nothing is decided");
    }
}

/// Requirements: A10, B33.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_page_leads_to_no_client_that_is_not_to_be_answered() {
    type Change = fn(&mut Config);
    let changes: [(&str, Change, &str); 4] = [
        ("not configured any more", |config| config.issuers[0].clients.clear(), "TICKET_EXPIRED"),
        (
            "another redirect URI",
            |config| config.issuers[0].clients[0].redirect_uris = vec!["https://app.example/other".to_owned()],
            "TICKET_EXPIRED",
        ),
        (
            "a host that the operator does not list any more",
            |config| config.issuers[0].redirect_hosts = Some(vec!["other.example".to_owned()]),
            "TICKET_EXPIRED",
        ),
        (
            "an origin of this deployment",
            |config| {
                let mut other = config.issuers[0].clone();
                (other.id, other.url) = ("other".to_owned(), "http://127.0.0.1:7777".to_owned());
                other.resources.iter_mut().for_each(|resource| resource.uri.push_str("/other"));
                config.issuers.push(other);
            },
            "REDIRECT_URI_FORBIDDEN",
        ),
    ];
    for (what, change, reason) in changes {
        let env = Environment::new().await;
        let control = env.start().await;
        let edge = control.edge();
        let app = match what {
            "a host that the operator does not list any more" => registered_on_the_web(&edge).await,
            "an origin of this deployment" => App::registered(&edge).await,
            _ => App::configured(),
        };
        let mut flow = Flow::new(app);
        let page = flow.consent_page(&edge).await;
        control.stop().await;
        let mut config = env.config.clone();
        change(&mut config);
        let control = env.start_with(config).await;
        env.advance(TICKET + TICK);
        for failure in expired(&control.edge(), &flow, &page).await {
            println!("{what}");
            assert_leads_nowhere(&failure, reason);
        }
    }
}

async fn registered_on_the_web(edge: &ApiClient) -> App {
    let redirect_uris = vec!["https://app.example/cb".to_owned()];
    let metadata = v1::ClientMetadata { redirect_uris, ..App::metadata("none") };
    let request = v1::RegisterRequest { metadata: Some(metadata), ..App::registration("none") };
    App::new(&edge.register(request).await.unwrap().client_id, "https://app.example/cb")
}

/// Requirements: R27.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_page_does_not_lead_to_a_disabled_client() {
    let mut env = Environment::new().await;
    env.config.principals.push(principal("operator", Role::Operator, OPERATOR_TOKEN));
    let control = env.start().await;
    let (edge, operator) = (control.edge(), Operator::new(control.caller(OPERATOR_TOKEN)));
    let mut flow = Flow::new(App::registered(&edge).await);
    let page = flow.consent_page(&edge).await;
    operator.disable_client(disable_request(&flow.app.id, "1")).await.unwrap();
    env.advance(TICKET + TICK);
    for failure in expired(&edge, &flow, &page).await {
        assert_leads_nowhere(&failure, "TICKET_EXPIRED");
    }
}

/// The login cookie ends with the login, and browsers then delete it.
///
/// Requirements: B19, B20.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_took_too_long_leads_back_in_its_own_browser() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let callback = flow.sign_in(&edge, &env.idp).await;
    let mut later = flow.clone();
    later.browser.0.retain(|name, _| !name.contains("-login-"));
    let without_cookie = later.finish_login(callback.parameters.clone());
    let mut stranger = Flow::new(App::configured());
    stranger.consent_page(&edge).await;

    env.advance(LOGIN + TICK);
    let counts = env.record_counts().await;
    let calls = env.idp.calls();
    assert_leads_back(&edge.finish_login(again(&callback)).await.unwrap_err(), "LOGIN_EXPIRED", &flow);
    assert_leads_back(&edge.finish_login(without_cookie).await.unwrap_err(), "STATE_COOKIE_MISSING", &flow);
    for cookies in [Vec::new(), stranger.browser.cookies()] {
        let elsewhere = v1::FinishLoginRequest { cookies, ..again(&callback) };
        assert_leads_nowhere(&edge.finish_login(elsewhere).await.unwrap_err(), "STATE_COOKIE_MISSING");
    }
    assert_eq!((env.record_counts().await, env.idp.calls()), (counts, calls), "the code is not sent");
}

/// A client that has had its answer is not told anything else.
///
/// Requirements: B8.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_with_an_outcome_does_not_lead_back() {
    for confirm_subject in [false, true] {
        let mut env = Environment::new().await;
        env.issuer().prompt = PromptConfig { confirm_subject, ..PromptConfig::default() };
        let control = env.start().await;
        let edge = control.edge();
        let mut flow = Flow::new(App::configured());
        let callback = flow.sign_in(&edge, &env.idp).await;
        let next = edge.finish_login(callback.clone()).await.unwrap();
        flow.browser.keep(&next);
        flow.browser.0.retain(|name, _| !name.contains("-login-"));
        let late = edge.finish_login(flow.finish_login(callback.parameters)).await.unwrap_err();
        if confirm_subject {
            // The question is open, and the client waits.
            assert_leads_back(&late, "STATE_COOKIE_MISSING", &flow);
        } else {
            assert!(location(&next).contains("code="));
            assert_leads_nowhere(&late, "STATE_COOKIE_MISSING");
        }
    }
}
