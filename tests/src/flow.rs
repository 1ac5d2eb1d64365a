//! The successful authorization, step by step. Each step is a value: a test takes the steps it needs and changes
//! exactly one thing in one of them.
//!
//! ```text
//! Gate ─register→ App ─request→ AuthorizationRequest ─open→ Consent ─approve→ SentUpstream ─sign_in→ Callback
//!                                                                                   Tokens ←send─ TokenRequest ←finish─┘
//! ```
//! This module knows the issuer's URL only, not the number of processes behind it.

mod stage;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use crate::http::{self, Jar, Page, Visit};

pub use stage::{RESOURCE, Stage, THREE_SCOPES};

/// The redirect URI of the test clients. No process listens there: tests read the redirect and do not follow it.
pub const LOOPBACK: &str = "http://127.0.0.1/callback";
pub const WEB: &str = "https://app.example/callback";

const MAX_HOPS: usize = 8;

/// An authorization server, from a client's point of view.
#[derive(Clone, Debug)]
pub struct Gate {
    issuer: String,
    resource: String,
    http: reqwest::Client,
}

/// A client with the data that it knows about itself.
#[derive(Clone, Debug)]
pub struct App {
    pub gate: Gate,
    pub client_id: String,
    pub redirect_uri: String,
}

/// A valid request for `/authorize`, and the verifier of its PKCE challenge.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    pub app: App,
    pub parameters: Vec<(String, String)>,
    pub verifier: String,
}

/// The consent page, open in a browser.
#[derive(Clone, Debug)]
pub struct Consent {
    pub request: AuthorizationRequest,
    pub page: Page,
}

/// The response to an approval: a redirect to the upstream, not yet followed.
#[derive(Clone, Debug)]
pub struct SentUpstream {
    pub request: AuthorizationRequest,
    pub page: Page,
}

/// The callback URL that the upstream redirects to, not yet opened.
#[derive(Clone, Debug)]
pub struct Callback {
    pub request: AuthorizationRequest,
    pub url: Url,
}

/// The authorization response in the redirect URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub uri: Url,
}

/// A valid request for `/token`.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    pub app: App,
    pub form: Vec<(String, String)>,
    pub headers: Vec<(&'static str, String)>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Tokens {
    pub access_token: String,
    pub refresh_token: String,
    pub token_type: String,
    pub expires_in: u64,
    pub scope: String,
}

impl Gate {
    /// `resource` is the resource that the clients request.
    pub fn new(issuer: &str, resource: &str) -> Result<Self> {
        Ok(Self { issuer: issuer.to_owned(), resource: resource.to_owned(), http: http::client()? })
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The URL of an endpoint, by its path below the issuer.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// An HTTP client for requests of programs.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// A document, fetched as programs fetch it.
    pub async fn get(&self, path: &str) -> Result<Page> {
        Page::of(self.http.get(self.url(path))).await
    }

    pub async fn register(&self, metadata: &Value) -> Result<Page> {
        Page::of(self.http.post(self.url("/register")).json(metadata)).await
    }

    /// Registers a client; it will use the first of its redirect URIs.
    pub async fn app(&self, redirect_uris: &[&str]) -> Result<App> {
        let metadata = json!({
            "client_name": "An app",
            "redirect_uris": redirect_uris,
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        });
        let page = self.register(&metadata).await?;
        ensure!(page.status == 201, "not registered: {}", page.summary());
        let client_id = page.json()?["client_id"].as_str().context("no client_id")?.to_owned();
        Ok(App { gate: self.clone(), client_id, redirect_uri: redirect_uris[0].to_owned() })
    }

    /// A client from the operator's configuration.
    pub fn configured(&self, client_id: &str, redirect_uri: &str) -> App {
        App { gate: self.clone(), client_id: client_id.to_owned(), redirect_uri: redirect_uri.to_owned() }
    }
}

impl App {
    pub fn request(&self) -> AuthorizationRequest {
        // 64 characters, RFC 7636 §4.1.
        let verifier = unique_word() + &unique_word();
        let parameters = [
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("state", &unique_word()),
            ("code_challenge", &challenge(&verifier)),
            ("code_challenge_method", "S256"),
            ("resource", &self.gate.resource),
        ];
        AuthorizationRequest { app: self.clone(), parameters: owned(&parameters), verifier }
    }

    /// Completes the flow in a new browser.
    pub async fn tokens(&self) -> Result<Tokens> {
        self.request().tokens(&mut Jar::new()?).await
    }

    pub fn refresh(&self, refresh_token: &str) -> TokenRequest {
        self.token_request(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
            ("client_id", &self.client_id),
            ("resource", &self.gate.resource),
        ])
    }

    pub fn token_request(&self, form: &[(&str, &str)]) -> TokenRequest {
        TokenRequest { app: self.clone(), form: owned(form), headers: Vec::new() }
    }
}

impl AuthorizationRequest {
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(n, _)| n != name);
        self
    }

    /// Adds a parameter, also if the request has it already.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn url(&self) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.parameters).finish();
        format!("{}?{query}", self.app.gate.url("/authorize"))
    }

    /// Sends the request to `/authorize` and returns the response.
    pub async fn send(&self, jar: &mut Jar) -> Result<Page> {
        jar.open(self.url()).await
    }

    /// Continues to the consent page.
    pub async fn open(&self, jar: &mut Jar) -> Result<Consent> {
        let redirect = self.send(jar).await?;
        let page = jar.follow(&redirect).await?;
        ensure!(page.status == 200 && page.hidden("form_token").is_ok(), "no consent page: {}", page.summary());
        Ok(Consent { request: self.clone(), page })
    }

    /// Continues to the upstream's redirect to the callback.
    pub async fn callback(&self, jar: &mut Jar) -> Result<Callback> {
        self.open(jar).await?.approve(jar).await?.sign_in(jar).await
    }

    /// Continues to the authorization code.
    pub async fn code(&self, jar: &mut Jar) -> Result<String> {
        self.callback(jar).await?.finish(jar).await?.code()
    }

    pub async fn tokens(&self, jar: &mut Jar) -> Result<Tokens> {
        let code = self.code(jar).await?;
        self.redemption(&code).tokens().await
    }

    /// The token request for a code of this authorization request.
    pub fn redemption(&self, code: &str) -> TokenRequest {
        self.app.token_request(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", &self.app.client_id),
            ("redirect_uri", &self.app.redirect_uri),
            ("code_verifier", &self.verifier),
            ("resource", &self.app.gate.resource),
        ])
    }
}

impl Consent {
    /// The form of this page as a request that a test may alter.
    pub fn form(&self, decision: &str) -> Result<Visit> {
        Visit::button(&self.page, ("decision", decision))
    }

    pub async fn approve(&self, jar: &mut Jar) -> Result<SentUpstream> {
        let page = jar.send(self.form("approve")?).await?;
        page.location().context("the approval was not accepted")?;
        Ok(SentUpstream { request: self.request.clone(), page })
    }

    pub async fn deny(&self, jar: &mut Jar) -> Result<Answer> {
        Answer::of(&jar.send(self.form("deny")?).await?)
    }
}

impl SentUpstream {
    /// The upstream's `state` parameter, which names this flow at the upstream.
    pub fn state(&self) -> Result<String> {
        Answer { uri: self.page.location()? }.parameter("state").context("sent upstream without state")
    }

    /// Follows the upstream's redirects until one leads back to Lychgate.
    pub async fn sign_in(&self, jar: &mut Jar) -> Result<Callback> {
        let mut page = self.page.clone();
        for _ in 0..MAX_HOPS {
            let url = page.location()?;
            if url.path().starts_with("/callback/") {
                return Ok(Callback { request: self.request.clone(), url });
            }
            page = jar.follow(&page).await?;
        }
        bail!("the upstream does not redirect back: {}", page.summary())
    }
}

impl Callback {
    /// Opens the callback as after the upstream's redirect, and returns the response.
    pub async fn visit(&self, jar: &mut Jar) -> Result<Page> {
        jar.open(&self.url).await
    }

    pub async fn finish(&self, jar: &mut Jar) -> Result<Answer> {
        let answer = Answer::of(&self.visit(jar).await?)?;
        ensure!(answer.uri.as_str().starts_with(&self.request.app.redirect_uri), "sent to {}", answer.uri);
        Ok(answer)
    }

    /// Replaces a parameter, or removes it.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        let mut pairs: Vec<(String, String)> = self.url.query_pairs().into_owned().collect();
        pairs.retain(|(n, _)| n != name);
        pairs.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        self.url.query_pairs_mut().clear().extend_pairs(pairs);
        self
    }

    /// The upstream's authorization code.
    pub fn code(&self) -> Result<String> {
        Answer { uri: self.url.clone() }.parameter("code").context("no upstream code")
    }
}

impl Answer {
    /// Reads the authorization response from the redirect to the client.
    pub fn of(page: &Page) -> Result<Self> {
        ensure!(page.status == 303, "no answer for the client: {}", page.summary());
        Ok(Self { uri: page.location()? })
    }

    /// The parameter; `None` also if it appears twice.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut found = self.uri.query_pairs().filter(|(n, _)| n == name);
        let value = found.next()?.1.into_owned();
        found.next().is_none().then_some(value)
    }

    pub fn code(&self) -> Result<String> {
        self.parameter("code").with_context(|| format!("no code in {}", self.uri))
    }

    pub fn error(&self) -> Option<String> {
        self.parameter("error")
    }
}

impl Tokens {
    /// The claims of the access token; the signature is not verified.
    pub fn claims(&self) -> Result<Value> {
        let claims = self.access_token.split('.').nth(1).context("no JWT")?;
        Ok(serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims)?)?)
    }
}

impl TokenRequest {
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.form.retain(|(n, _)| n != name);
        self
    }

    /// Adds a parameter, also if the request has it already.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.form.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sends the request and returns the response.
    pub async fn send(&self) -> Result<Page> {
        let mut request = self.app.gate.http.post(self.app.gate.url("/token")).form(&self.form);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        Page::of(request).await
    }

    pub async fn tokens(&self) -> Result<Tokens> {
        let page = self.send().await?;
        ensure!(page.status == 200, "no tokens: {}", page.summary());
        serde_json::from_value(page.json()?).context("a token response")
    }
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// RFC 7636 §4.2 `S256`.
fn challenge(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// A unique word.
fn unique_word() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(crate::random::<24>())
}
