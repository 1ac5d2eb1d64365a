//! A demo provider in this process, a client of it, and a browser.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use lychgate_demo::clock::{Clock, UnixSeconds};
use lychgate_demo::provider::{Config, Provider};
use lychgate_process::config;
use reqwest::{Response, StatusCode, header};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::net::TcpListener;
use url::Url;

use crate::sockets::{http, listener, serve};

pub(crate) const CALLBACK: &str = "http://127.0.0.1:1/callback/main?kept=1";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A clock that starts at the real time, because ID tokens are verified against it, and advances only on request.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicU64);

impl Default for TestClock {
    fn default() -> Self {
        Self(AtomicU64::new(jsonwebtoken::get_current_timestamp()))
    }
}

impl TestClock {
    pub(crate) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixSeconds {
        self.0.load(Ordering::SeqCst)
    }
}

pub(crate) struct Demo {
    pub(crate) issuer: String,
    /// Its origin. Differs from `issuer` after a restart, which takes another port.
    pub(crate) address: String,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) directory: TempDir,
}

impl Demo {
    pub(crate) async fn start() -> Self {
        Self::with("").await
    }

    pub(crate) async fn with(more: &str) -> Self {
        let (listener, issuer) = listener().await;
        let demo = Self { address: issuer.clone(), issuer, clock: Arc::default(), directory: TempDir::new().unwrap() };
        demo.serve(listener, more);
        demo
    }

    /// A new provider with the same files and issuer.
    pub(crate) async fn restart(self) -> Self {
        let (listener, address) = listener().await;
        let demo = Self { address, ..self };
        demo.serve(listener, "");
        demo
    }

    pub(crate) fn serve(&self, listener: TcpListener, more: &str) {
        let config: Config = config::parse(&settings(&self.directory, &self.issuer, more)).unwrap();
        let provider = Provider::new(config, self.clock.clone()).unwrap();
        serve(listener, provider.router());
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser { origin: self.address.clone(), cookie: None }
    }

    /// A browser in which a user has signed in and allowed the gateway.
    pub(crate) async fn signed_in(&self, login: &str) -> Browser {
        let mut browser = self.browser();
        let page = browser.open(&self.authorize(&[])).await;
        let page = browser.submit(&page, "login", login).await;
        browser.submit(&page, "decision", "allow").await.returned();
        browser
    }

    pub(crate) async fn code(&self) -> String {
        let mut browser = self.signed_in("ada").await;
        param(&browser.open(&self.authorize(&[])).await.returned(), "code").unwrap()
    }

    /// A valid authorization request with `changes`.
    pub(crate) fn authorize(&self, changes: &[(&str, &str)]) -> String {
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let mut params = vec![
            ("response_type", "code"),
            ("client_id", "gateway"),
            ("redirect_uri", CALLBACK),
            ("scope", "openid profile email unheard-of"),
            ("state", "a state"),
            ("nonce", "a nonce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        params.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        params.extend(changes);
        Url::parse_with_params(&format!("{}/authorize", self.address), params).unwrap().into()
    }

    /// Redeems `code` with a valid request with `changes`.
    pub(crate) async fn redeem(&self, code: &str, changes: &[(&'static str, &str)]) -> Response {
        let mut body = redemption(code);
        body.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        body.extend(changes.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self.token(Some(("gateway", "s3cret+&= é")), &body).await
    }

    pub(crate) async fn refresh(&self, tokens: &Value) -> Response {
        let token = tokens["refresh_token"].as_str().unwrap().to_owned();
        let body = [("grant_type", "refresh_token".to_owned()), ("refresh_token", token)];
        self.token(Some(("gateway", "s3cret+&= é")), &body).await
    }

    pub(crate) async fn token(&self, basic: Option<(&str, &str)>, body: &[(&str, String)]) -> Response {
        let request = http().post(format!("{}/token", self.address)).form(body);
        match basic {
            Some(client) => authenticated(request, client),
            None => request,
        }
        .send()
        .await
        .unwrap()
    }

    pub(crate) async fn revoke(&self, client: (&str, &str), body: &[(&str, &str)]) -> Response {
        let request = http().post(format!("{}/revoke", self.address)).form(body);
        authenticated(request, client).send().await.unwrap()
    }

    pub(crate) async fn userinfo(&self, tokens: &Value) -> Response {
        let token = tokens["access_token"].as_str().unwrap();
        http().get(format!("{}/userinfo", self.address)).bearer_auth(token).send().await.unwrap()
    }

    pub(crate) async fn id_token(&self, tokens: &Value) -> Value {
        let keys: JwkSet = serde_json::from_value(self.json("/jwks").await).unwrap();
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&["gateway"]);
        let key = DecodingKey::from_jwk(&keys.keys[0]).unwrap();
        let token = decode::<Value>(tokens["id_token"].as_str().unwrap(), &key, &validation).unwrap();
        assert_eq!(token.header.kid, keys.keys[0].common.key_id);
        token.claims
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        http().get(format!("{}{path}", self.address)).send().await.unwrap().json().await.unwrap()
    }
}

/// Basic authentication with form-encoded id and secret (RFC 6749 §2.3.1).
fn authenticated(request: reqwest::RequestBuilder, (id, secret): (&str, &str)) -> reqwest::RequestBuilder {
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    request.basic_auth(encoded(id), Some(encoded(secret)))
}

pub(crate) fn settings(directory: &TempDir, issuer: &str, more: &str) -> String {
    let secret = |name: &str, value: &str| {
        let path = directory.path().join(name);
        fs::write(&path, value).unwrap();
        format!("{{ file = {path:?} }}")
    };
    format!(
        "listen = \"127.0.0.1:0\"\nissuer = \"{issuer}\"\nkey_file = {key:?}\n{more}\n\
         [[clients]]\nid = \"gateway\"\nsecret = {gateway}\nredirect_uris = [\"{CALLBACK}\"]\n\
         [[clients]]\nid = \"other\"\nsecret = {other}\nredirect_uris = [\"{CALLBACK}\"]\n",
        key = directory.path().join("key.pem"),
        gateway = secret("gateway", "s3cret+&= é\n"),
        other = secret("other", "other secret"),
    )
}

pub(crate) fn redemption(code: &str) -> Vec<(&'static str, String)> {
    vec![
        ("grant_type", "authorization_code".to_owned()),
        ("code", code.to_owned()),
        ("redirect_uri", CALLBACK.to_owned()),
        ("code_verifier", VERIFIER.to_owned()),
    ]
}

pub(crate) async fn granted(response: Response) -> Value {
    let (status, cache) = (response.status(), response.headers().get(header::CACHE_CONTROL).cloned());
    let body: Value = response.json().await.unwrap();
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(cache.unwrap(), "no-store");
    body
}

pub(crate) async fn refused(response: Response, status: u16, error: &str) {
    let (was, challenge) = (response.status(), response.headers().contains_key(header::WWW_AUTHENTICATE));
    let body: Value = response.json().await.unwrap();
    assert_eq!((was.as_u16(), body["error"].as_str().unwrap()), (status, error), "{body}");
    assert_eq!(challenge, status == 401);
}

pub(crate) fn param(url: &Url, name: &str) -> Option<String> {
    let mut values = url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let value = values.next();
    assert!(values.next().is_none(), "{name} is repeated");
    value
}

pub(crate) struct Browser {
    pub(crate) origin: String,
    pub(crate) cookie: Option<String>,
}

#[derive(Clone)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) location: Option<String>,
    pub(crate) body: String,
    pub(crate) action: String,
    pub(crate) form_token: String,
}

impl Page {
    pub(crate) fn returned(&self) -> Url {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        Url::parse(self.location.as_deref().unwrap()).unwrap()
    }

    pub(crate) fn is_login_page(&self) -> bool {
        self.status == StatusCode::OK && self.action.starts_with("/login?")
    }

    pub(crate) fn is_consent_page(&self) -> bool {
        self.status == StatusCode::OK && self.action.starts_with("/consent?")
    }
}

impl Browser {
    pub(crate) async fn open(&mut self, url: &str) -> Page {
        self.send(http().get(url)).await
    }

    /// Presses the button `name` with `value`.
    pub(crate) async fn submit(&mut self, page: &Page, name: &str, value: &str) -> Page {
        let url = format!("{}{}", self.origin, page.action);
        self.send(http().post(url).form(&[("form_token", page.form_token.as_str()), (name, value)])).await
    }

    pub(crate) async fn send(&mut self, request: reqwest::RequestBuilder) -> Page {
        let request = match &self.cookie {
            Some(cookie) => request.header(header::COOKIE, cookie),
            None => request,
        };
        let response = request.send().await.unwrap();
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        if let Some(cookie) = header(header::SET_COOKIE) {
            let (pair, attributes) = cookie.split_once(';').unwrap();
            assert_eq!(attributes, " Path=/; HttpOnly; SameSite=Lax");
            self.cookie = Some(pair.to_owned());
        }
        let (status, location) = (response.status(), header(header::LOCATION));
        let body = response.text().await.unwrap();
        let (action, form_token) = (attribute(&body, "action=\""), attribute(&body, "name=\"form_token\" value=\""));
        Page { status, location, body, action, form_token }
    }
}

/// The unescaped text between `before` and the next quote; empty if `before` is missing.
pub(crate) fn attribute(html: &str, before: &str) -> String {
    let value = html.split_once(before).and_then(|(_, rest)| rest.split_once('"')).map_or("", |(value, _)| value);
    value.replace("&#x3D;", "=").replace("&amp;", "&")
}
