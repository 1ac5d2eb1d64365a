//! One authorization, step by step. Requests are values: a test can change one field, or send a request twice.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lychgate_api::v1;
use lychgate_engine::random;
use lychgate_engine_suite::TestEntropy;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;
use url::Url;

use super::{ApiClient, Failure, ISSUER, Idp, RESOURCE};

/// A new idempotency key (`attempt` on the wire): 16 random bytes.
pub(crate) fn attempt() -> Vec<u8> {
    random::<16>(&TestEntropy).to_vec()
}

/// An MCP client.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) redirect_uri: String,
    pub(crate) verifier: String,
}

impl App {
    pub(crate) fn new(id: &str, redirect_uri: &str) -> Self {
        let verifier = URL_SAFE_NO_PAD.encode(random::<32>(&TestEntropy));
        Self { id: id.to_owned(), redirect_uri: redirect_uri.to_owned(), verifier }
    }

    /// The client that every issuer of these tests configures.
    pub(crate) fn configured() -> Self {
        Self::new("app", "https://app.example/cb")
    }

    pub(crate) async fn registered(edge: &ApiClient) -> Self {
        let client = edge.register(Self::registration("none")).await.expect("it may register");
        Self::new(&client.client_id, "http://127.0.0.1:7777/cb")
    }

    pub(crate) fn metadata(method: &str) -> v1::ClientMetadata {
        v1::ClientMetadata {
            redirect_uris: vec!["http://127.0.0.1/cb".to_owned()],
            client_name: Some("Some Program".to_owned()),
            grant_types: vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
            token_endpoint_auth_method: Some(method.to_owned()),
            ..Default::default()
        }
    }

    /// An update of a registered client that changes its authentication method.
    pub(crate) fn update(client: &v1::ClientInformation, method: &str) -> v1::UpdateRequest {
        v1::UpdateRequest {
            issuer_id: ISSUER.to_owned(),
            attempt: attempt(),
            client_id: client.client_id.clone(),
            registration_access_token: client.registration_access_token().to_owned(),
            metadata: Some(Self::metadata(method)),
            body_client_id: Some(client.client_id.clone()),
            body_client_secret: client.client_secret.clone(),
        }
    }

    pub(crate) fn registration(method: &str) -> v1::RegisterRequest {
        let metadata = Self::metadata(method);
        let (issuer_id, attempt) = (ISSUER.to_owned(), attempt());
        v1::RegisterRequest { issuer_id, attempt, metadata: Some(metadata), initial_access_token: None }
    }
}

/// A cookie jar.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser(pub(crate) BTreeMap<String, String>);

impl Browser {
    pub(crate) fn cookies(&self) -> Vec<v1::Cookie> {
        self.0.iter().map(|(name, value)| v1::Cookie { name: name.clone(), value: value.clone() }).collect()
    }

    pub(crate) fn keep(&mut self, next: &v1::Next) {
        for cookie in &next.set_cookies {
            match cookie.max_age_seconds {
                Some(0) => drop(self.0.remove(&cookie.name)),
                Some(_) | None => drop(self.0.insert(cookie.name.clone(), cookie.value.clone())),
            }
        }
    }
}

/// One person at one browser, authorizing one client.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) issuer_id: String,
    pub(crate) app: App,
    pub(crate) browser: Browser,
    pub(crate) person: String,
    pub(crate) scope: String,
    pub(crate) state: String,
}

impl Flow {
    pub(crate) fn new(app: App) -> Self {
        Self::at(ISSUER, app)
    }

    pub(crate) fn at(issuer_id: &str, app: App) -> Self {
        Self {
            issuer_id: issuer_id.to_owned(),
            app,
            browser: Browser::default(),
            person: "alice".to_owned(),
            scope: "read".to_owned(),
            state: "the app's own".to_owned(),
        }
    }

    pub(crate) fn begin(&self) -> v1::BeginRequest {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&self.app.verifier));
        let parameters = parameters(&[
            ("response_type", "code"),
            ("client_id", &self.app.id),
            ("redirect_uri", &self.app.redirect_uri),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("state", &self.state),
            ("resource", RESOURCE),
            ("scope", &self.scope),
        ]);
        v1::BeginRequest { issuer_id: self.issuer_id.clone(), parameters }
    }

    pub(crate) fn show(&self, ticket: &str) -> v1::ShowRequest {
        let (issuer_id, cookies) = (self.issuer_id.clone(), self.browser.cookies());
        v1::ShowRequest {
            issuer_id,
            ticket: ticket.to_owned(),
            cookies,
            sec_fetch_site: Some("none".to_owned()),
            attempt: attempt(),
            full_screen: false,
            sec_purpose: None,
            scope_preset: 0,
        }
    }

    /// Begins the authorization and returns the consent page.
    pub(crate) async fn consent_page(&mut self, edge: &ApiClient) -> v1::ConsentPage {
        let ticket = self.ticket(edge).await;
        let next = edge.show(self.show(&ticket)).await.expect("a good ticket");
        self.browser.keep(&next);
        page(next)
    }

    pub(crate) async fn ticket(&self, edge: &ApiClient) -> String {
        let next = edge.begin(self.begin()).await.expect("a good request");
        query(location(&next))["ticket"].clone()
    }

    pub(crate) fn decide(&self, page: &v1::ConsentPage, decision: v1::Decision) -> v1::DecideRequest {
        v1::DecideRequest {
            issuer_id: self.issuer_id.clone(),
            attempt: attempt(),
            ticket: page.ticket.clone(),
            form_token: page.form_token.clone(),
            decision: decision.into(),
            cookies: self.browser.cookies(),
            sec_fetch_site: Some("same-origin".to_owned()),
            origin: None,
            chosen_scopes: Vec::new(),
        }
    }

    /// Approves, and returns the upstream's authorization URL.
    pub(crate) async fn approve(&mut self, edge: &ApiClient) -> String {
        let page = self.consent_page(edge).await;
        let next = edge.decide(self.decide(&page, v1::Decision::Approve)).await.expect("a good answer");
        self.browser.keep(&next);
        location(&next).to_owned()
    }

    /// Follows the redirect `next` to the upstream, signs in there, and returns the callback.
    pub(crate) fn log_in(&mut self, next: &v1::Next, idp: &Idp) -> v1::FinishLoginRequest {
        self.browser.keep(next);
        self.finish_login(idp.sign_in(location(next), &self.person))
    }

    pub(crate) fn finish_login(&self, callback: Vec<v1::Parameter>) -> v1::FinishLoginRequest {
        let (issuer_id, cookies) = (self.issuer_id.clone(), self.browser.cookies());
        v1::FinishLoginRequest { issuer_id, attempt: attempt(), parameters: callback, cookies }
    }

    /// Approves and signs in; returns the callback, which is not sent yet.
    pub(crate) async fn sign_in(&mut self, edge: &ApiClient, idp: &Idp) -> v1::FinishLoginRequest {
        let login = self.approve(edge).await;
        self.finish_login(idp.sign_in(&login, &self.person))
    }

    pub(crate) async fn code(&mut self, edge: &ApiClient, idp: &Idp) -> String {
        let callback = self.sign_in(edge, idp).await;
        let next = edge.finish_login(callback).await.expect("a good callback");
        self.browser.keep(&next);
        code_in(&next)
    }

    pub(crate) fn redeem(&self, code: &str) -> v1::ExchangeRequest {
        self.exchange(v1::exchange_request::Grant::AuthorizationCode(v1::AuthorizationCodeGrant {
            code: code.to_owned(),
            redirect_uri: Some(self.app.redirect_uri.clone()),
            code_verifier: Some(self.app.verifier.clone()),
        }))
    }

    pub(crate) fn refresh(&self, refresh_token: &str) -> v1::ExchangeRequest {
        let refresh_token = refresh_token.to_owned();
        self.exchange(v1::exchange_request::Grant::RefreshToken(v1::RefreshTokenGrant { refresh_token }))
    }

    pub(crate) fn revoke(&self, token: &str) -> v1::RevokeRequest {
        let (issuer_id, token) = (self.issuer_id.clone(), token.to_owned());
        v1::RevokeRequest { issuer_id, attempt: attempt(), client: Some(self.client()), token }
    }

    fn client(&self) -> v1::ClientCredentials {
        v1::ClientCredentials { client_id: Some(self.app.id.clone()), ..Default::default() }
    }

    fn exchange(&self, grant: v1::exchange_request::Grant) -> v1::ExchangeRequest {
        v1::ExchangeRequest {
            issuer_id: self.issuer_id.clone(),
            attempt: attempt(),
            client: Some(self.client()),
            grant: Some(grant),
            resources: Vec::new(),
            scope: None,
        }
    }

    /// Runs the whole flow.
    pub(crate) async fn tokens(&mut self, edge: &ApiClient, idp: &Idp) -> v1::ExchangeResponse {
        let code = self.code(edge, idp).await;
        edge.exchange(self.redeem(&code)).await.expect("a good code")
    }
}

#[track_caller]
pub(crate) fn location(next: &v1::Next) -> &str {
    match &next.step {
        Some(v1::next::Step::Redirect(redirect)) => &redirect.location,
        other => panic!("expected a redirect: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn page(next: v1::Next) -> v1::ConsentPage {
    match next.step {
        Some(v1::next::Step::ConsentPage(page)) => page,
        other => panic!("expected the consent page: {other:?}"),
    }
}

/// The code that a redirect carries to the client.
#[track_caller]
pub(crate) fn code_in(next: &v1::Next) -> String {
    query(location(next))["code"].clone()
}

/// The same callback under another idempotency key.
pub(crate) fn again(callback: &v1::FinishLoginRequest) -> v1::FinishLoginRequest {
    v1::FinishLoginRequest { attempt: attempt(), ..callback.clone() }
}

/// Sends a callback in a task of its own.
pub(crate) fn spawn_login(
    edge: &ApiClient,
    callback: &v1::FinishLoginRequest,
) -> JoinHandle<Result<v1::Next, Failure>> {
    let (edge, callback) = (edge.clone(), callback.clone());
    tokio::spawn(async move { edge.finish_login(callback).await })
}

#[track_caller]
pub(crate) fn query(url: &str) -> HashMap<String, String> {
    Url::parse(url).expect("a URL").query_pairs().into_owned().collect()
}

pub(crate) fn parameters(pairs: &[(&str, &str)]) -> Vec<v1::Parameter> {
    pairs.iter().map(|(name, value)| v1::Parameter { name: (*name).to_owned(), value: (*value).to_owned() }).collect()
}
