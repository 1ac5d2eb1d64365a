//! Several issuers in one control plane and on one host share nothing.

use lychgate_api::v1;
use lychgate_engine::Space;

use crate::support::{ApiClient, App, Browser, ControlPlane, Environment, Flow, ISSUER, Refused as _, location, query};

const OTHERS: [(&str, &str); 2] = [("path", "http://127.0.0.1:7440/t"), ("port", "http://127.0.0.1:7441")];

/// One issuer at the root, one at a path of the same origin, one at another port of the same host; all with the same
/// upstream and client.
async fn three_issuers() -> (Environment, ControlPlane) {
    let mut env = Environment::new().await;
    for (id, url) in OTHERS {
        let issuer = env.issuer_at(id, url);
        env.config.issuers.push(issuer);
    }
    let control = env.start().await;
    (env, control)
}

/// Both ways between the first issuer and each of the others.
fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    OTHERS.into_iter().flat_map(|(other, _)| [(ISSUER, other), (other, ISSUER)])
}

/// Redirects a request to another issuer.
trait At {
    fn at(self, issuer_id: &str) -> Self;
}

macro_rules! at {
    ($($request:ident),*) => {$(
        impl At for v1::$request {
            fn at(self, issuer_id: &str) -> Self {
                Self { issuer_id: issuer_id.to_owned(), ..self }
            }
        }
    )*};
}

at!(BeginRequest, ShowRequest, DecideRequest, FinishLoginRequest, ExchangeRequest, RegisterRequest);

#[tokio::test(flavor = "multi_thread")]
async fn each_issuer_completes_a_flow_with_its_own_name_and_keys() {
    let (env, control) = three_issuers().await;
    let edge = control.edge();
    let mut keys = Vec::new();
    for id in [ISSUER, "path", "port"] {
        let mut flow = Flow::at(id, App::configured());
        let callback = flow.sign_in(&edge, &env.idp).await;
        let next = edge.finish_login(callback).await.unwrap();
        let described = edge.describe(id).await.unwrap();
        let issuer = described.issuer.unwrap().issuer;
        assert_eq!(query(location(&next))["iss"], issuer);
        assert_eq!(described.metadata.unwrap().issuer, issuer);
        keys.extend(described.keys.into_iter().map(|key| key.x));
    }
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 3, "each issuer has its own signing key");
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_and_form_tokens_of_one_issuer_are_refused_by_another() {
    let (env, control) = three_issuers().await;
    let edge = control.edge();
    for (one, other) in pairs() {
        let (mut here, mut there) = (Flow::at(one, App::configured()), Flow::at(other, App::configured()));
        let (page, foreign) = (here.consent_page(&edge).await, there.consent_page(&edge).await);
        let decide = here.decide(&page, v1::Decision::Approve);
        assert_eq!(edge.show(here.show(&page.ticket).at(other)).await.reason(), "TICKET_INVALID");
        assert_eq!(edge.decide(decide.clone().at(other)).await.reason(), "TICKET_INVALID");
        let mixed = v1::DecideRequest { form_token: foreign.form_token.clone(), ..decide.clone() };
        assert_eq!(edge.decide(mixed).await.reason(), "FORM_TOKEN_INVALID");
        assert!(env.entries(Space::Authorizations).await.is_empty());
    }
    let mut flow = Flow::new(App::configured());
    let page = flow.consent_page(&edge).await;
    edge.decide(flow.decide(&page, v1::Decision::Approve)).await.unwrap();
}

/// Cookies ignore ports and, with `Path=/`, paths. The names differ per issuer, and a value under another issuer's
/// name is invalid.
///
/// Requirements: B13.
#[tokio::test(flavor = "multi_thread")]
async fn cookies_of_one_issuer_are_ignored_by_another() {
    let (_world, control) = three_issuers().await;
    let edge = control.edge();
    for (one, other) in pairs() {
        let (mut here, mut there) = (Flow::at(one, App::configured()), Flow::at(other, App::configured()));
        let page = here.consent_page(&edge).await;
        there.consent_page(&edge).await;
        let (ours, theirs) = (only(&here.browser), only(&there.browser));
        assert_ne!(ours.0, theirs.0);
        // The right name with the other issuer's value.
        let mut mixed = here.clone();
        mixed.browser = Browser([(ours.0, theirs.1)].into());
        let decide = mixed.decide(&page, v1::Decision::Approve);
        assert_eq!(edge.decide(decide).await.reason(), "BROWSER_COOKIE_MISSING");
        // Side by side they do not interfere.
        here.browser.0.extend(there.browser.0);
        edge.decide(here.decide(&page, v1::Decision::Approve)).await.unwrap();
    }
}

fn only(browser: &Browser) -> (String, String) {
    let [cookie] = browser.0.clone().into_iter().collect::<Vec<_>>().try_into().expect("one cookie");
    cookie
}

/// Requirements: B36.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_one_issuer_is_refused_by_another() {
    let (env, control) = three_issuers().await;
    let edge = control.edge();
    for (one, other) in pairs() {
        let calls = env.idp.calls();
        let callback = Flow::at(one, App::configured()).sign_in(&edge, &env.idp).await;
        assert_eq!(edge.finish_login(callback.clone().at(other)).await.reason(), "STATE_INVALID");
        assert_eq!(env.idp.calls(), calls);
        edge.finish_login(callback).await.unwrap();
    }
}

/// Requirements: A17.
#[tokio::test(flavor = "multi_thread")]
async fn codes_and_refresh_tokens_of_one_issuer_are_refused_by_another() {
    let (env, control) = three_issuers().await;
    let edge = control.edge();
    for (one, other) in pairs() {
        let mut flow = Flow::at(one, App::configured());
        let code = flow.code(&edge, &env.idp).await;
        let grants = env.entries(Space::Grants).await.len();
        assert_eq!(edge.exchange(flow.redeem(&code).at(other)).await.reason(), "CODE_INVALID");
        assert_eq!(env.entries(Space::Grants).await.len(), grants);
        let tokens = edge.exchange(flow.redeem(&code)).await.unwrap();
        let refresh = flow.refresh(tokens.refresh_token());
        assert_eq!(edge.exchange(refresh.clone().at(other)).await.reason(), "REFRESH_TOKEN_INVALID");
        edge.exchange(refresh).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_at_one_issuer_is_unknown_to_another() {
    let (env, control) = three_issuers().await;
    let edge = control.edge();
    for (one, other) in pairs() {
        let registration = App::registration("none").at(one);
        let client = edge.register(registration.clone()).await.unwrap();
        let flow = Flow::at(one, App::new(&client.client_id, "http://127.0.0.1:1/cb"));
        edge.begin(flow.begin()).await.unwrap();
        assert_eq!(edge.begin(flow.begin().at(other)).await.reason(), "CLIENT_UNKNOWN");
        // The same idempotency key at another issuer makes another client.
        assert_ne!(edge.register(registration.at(other)).await.unwrap().client_id, client.client_id);
    }
    assert_eq!(env.entries(Space::Clients).await.len(), 2 * pairs().count());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_issuer_is_refused_by_every_method() {
    let (_world, control) = three_issuers().await;
    let edge = control.edge();
    let mut flow = Flow::new(App::configured());
    let page = flow.consent_page(&edge).await;
    for nowhere in ["nowhere", "", "MAIN", "main/"] {
        assert_eq!(unknown(&edge, &flow, &page, nowhere).await, vec!["ISSUER_UNKNOWN"; 7], "{nowhere:?}");
    }
}

async fn unknown(edge: &ApiClient, flow: &Flow, page: &v1::ConsentPage, issuer: &str) -> Vec<String> {
    vec![
        edge.begin(flow.begin().at(issuer)).await.reason(),
        edge.show(flow.show(&page.ticket).at(issuer)).await.reason(),
        edge.decide(flow.decide(page, v1::Decision::Approve).at(issuer)).await.reason(),
        edge.finish_login(flow.finish_login(Vec::new()).at(issuer)).await.reason(),
        edge.exchange(flow.redeem("lgc_x").at(issuer)).await.reason(),
        edge.register(App::registration("none").at(issuer)).await.reason(),
        edge.describe(issuer).await.reason(),
    ]
}
