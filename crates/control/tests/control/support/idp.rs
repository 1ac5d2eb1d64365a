//! A small OpenID Connect provider that counts calls and can be told to stall or fail.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use lychgate_api::v1;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::flow::{parameters, query};
use super::{Breakpoints, TIMEOUT};

pub(crate) const CLIENT_ID: &str = "lychgate";
pub(crate) const CLIENT_SECRET: &str = "upstream-client-secret";

/// How the revocation endpoint behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RevocationBehavior {
    /// The metadata announces no revocation endpoint.
    Unsupported,
    Revoke,
    /// Every token but this one.
    RevokeAllBut(String),
    Fail,
    /// It does not answer until its behavior changes.
    Stall,
}

/// What the token endpoint does with a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RefreshBehavior {
    /// It gives new tokens, and forgets the refresh token at once.
    Rotate,
    /// It gives a new access token only.
    Keep,
    /// It answers with this status and body, and the refresh token stays good.
    Answer(u16, String),
    /// It forgets the refresh token, and answers with this status and body.
    RotateAndAnswer(u16, String),
}

/// What the userinfo endpoint answers to a good access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UserinfoBehavior {
    /// Its person, and the claims that ID tokens have.
    Correct,
    /// This status and body.
    Answer(u16, String),
}

/// Ends with the test's runtime.
#[derive(Clone, Debug)]
pub(crate) struct Idp {
    pub(crate) issuer: String,
    /// A breakpoint before and after each request.
    pub(crate) breakpoints: Breakpoints,
    state: Arc<Provider>,
}

#[derive(Debug)]
struct Provider {
    issuer: String,
    key: EncodingKey,
    jwks: Value,
    codes: Mutex<HashMap<String, Login>>,
    made: AtomicUsize,
    /// Number of calls of the token endpoint.
    calls: watch::Sender<usize>,
    stalled: watch::Sender<bool>,
    refreshes_stalled: watch::Sender<bool>,
    /// Person and refresh token, in the order of issue.
    refresh_tokens: Mutex<Vec<(String, String)>>,
    refreshing: Mutex<RefreshBehavior>,
    /// The refresh tokens that are good, with the person.
    good: Mutex<HashMap<String, String>>,
    /// Requests with a good refresh token, and all with one.
    refreshes: Mutex<(usize, usize)>,
    /// `expires_in` of every token response; none for 0.
    lifetime: AtomicUsize,
    behavior: watch::Sender<RevocationBehavior>,
    /// Tokens that reached the revocation endpoint, and whether each was revoked.
    revocations: watch::Sender<Vec<(String, bool)>>,
    /// Claims that each ID token has besides.
    claims: Mutex<Map<String, Value>>,
    /// Whether a refresh gives an ID token, too.
    id_token_at_refresh: AtomicBool,
    /// The access tokens that are good, with the person.
    access_tokens: Mutex<HashMap<String, String>>,
    userinfo: Mutex<UserinfoBehavior>,
    userinfo_requests: AtomicUsize,
    /// Secrets that must appear in no store and no log.
    secrets: Mutex<Vec<String>>,
}

#[derive(Debug)]
struct Login {
    person: String,
    nonce: String,
    challenge: String,
    redirect_uri: String,
}

impl Idp {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let issuer = format!("http://{}", listener.local_addr().expect("an address"));
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).expect("a key");
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let state = Arc::new(Provider {
            issuer: issuer.clone(),
            key: EncodingKey::from_ec_der(pkcs8.as_ref()),
            jwks: json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "1", "x": x, "y": y }] }),
            codes: Mutex::default(),
            made: AtomicUsize::new(0),
            calls: watch::Sender::new(0),
            stalled: watch::Sender::new(false),
            refreshes_stalled: watch::Sender::new(false),
            refresh_tokens: Mutex::default(),
            refreshing: Mutex::new(RefreshBehavior::Rotate),
            good: Mutex::default(),
            refreshes: Mutex::default(),
            lifetime: AtomicUsize::new(3600),
            behavior: watch::Sender::new(RevocationBehavior::Revoke),
            revocations: watch::Sender::default(),
            claims: Mutex::default(),
            id_token_at_refresh: AtomicBool::new(false),
            access_tokens: Mutex::default(),
            userinfo: Mutex::new(UserinfoBehavior::Correct),
            userinfo_requests: AtomicUsize::new(0),
            secrets: Mutex::new(vec![CLIENT_SECRET.to_owned()]),
        });
        let breakpoints = Breakpoints::default();
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .route("/revoke", post(revoke))
            .route("/userinfo", get(userinfo))
            .with_state(state.clone())
            .layer(from_fn_with_state(breakpoints.clone(), through));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { issuer, breakpoints, state }
    }

    /// Signs `person` in at `login_url` and returns the callback's parameters.
    pub(crate) fn sign_in(&self, login_url: &str, person: &str) -> Vec<v1::Parameter> {
        assert!(login_url.starts_with(&format!("{}/authorize?", self.issuer)), "{login_url}");
        let asked = query(login_url);
        let code = self.state.make("code");
        let login = Login {
            person: person.to_owned(),
            nonce: asked["nonce"].clone(),
            challenge: asked["code_challenge"].clone(),
            redirect_uri: asked["redirect_uri"].clone(),
        };
        self.state.codes.lock().expect("unpoisoned").insert(code.clone(), login);
        parameters(&[("code", &code), ("state", &asked["state"]), ("iss", &self.issuer)])
    }

    /// From now on, each ID token has these claims besides.
    pub(crate) fn claim(&self, claims: &Value) {
        *self.state.claims.lock().expect("unpoisoned") = claims.as_object().expect("an object").clone();
    }

    /// From now on, a refresh gives an ID token, or gives none.
    pub(crate) fn give_id_token_at_refresh(&self, gives: bool) {
        self.state.id_token_at_refresh.store(gives, Ordering::Relaxed);
    }

    pub(crate) fn set_userinfo_behavior(&self, behavior: UserinfoBehavior) {
        *self.state.userinfo.lock().expect("unpoisoned") = behavior;
    }

    /// Number of requests to the userinfo endpoint.
    pub(crate) fn userinfo_requests(&self) -> usize {
        self.state.userinfo_requests.load(Ordering::Relaxed)
    }

    /// Rejects every access token from now on that was given before.
    pub(crate) fn forget_access_tokens(&self) {
        self.state.access_tokens.lock().expect("unpoisoned").clear();
    }

    /// Makes the token endpoint stall until it is released.
    pub(crate) fn stall(&self) {
        self.state.stalled.send_replace(true);
    }

    /// Makes refreshes at the token endpoint stall until they are released; codes are redeemed.
    pub(crate) fn stall_refreshes(&self) {
        self.state.refreshes_stalled.send_replace(true);
    }

    pub(crate) fn release(&self) {
        self.state.stalled.send_replace(false);
        self.state.refreshes_stalled.send_replace(false);
    }

    /// Number of calls of the token endpoint.
    pub(crate) fn calls(&self) -> usize {
        *self.state.calls.borrow()
    }

    /// Waits until the token endpoint was called `times` times.
    pub(crate) async fn wait_for_calls(&self, times: usize) {
        let mut calls = self.state.calls.subscribe();
        let called = calls.wait_for(|calls| *calls >= times);
        tokio::time::timeout(TIMEOUT, called).await.expect("the token endpoint is called").expect("the provider lives");
    }

    pub(crate) fn set_revocation_behavior(&self, behavior: RevocationBehavior) {
        self.state.behavior.send_replace(behavior);
    }

    pub(crate) fn set_refresh_behavior(&self, behavior: RefreshBehavior) {
        *self.state.refreshing.lock().expect("unpoisoned") = behavior;
    }

    /// Sets the lifetime of later access tokens, in seconds; 0 leaves `expires_in` out.
    pub(crate) fn set_token_lifetime(&self, seconds: usize) {
        self.state.lifetime.store(seconds, Ordering::Relaxed);
    }

    /// Number of refreshes with a good refresh token, and with any.
    pub(crate) fn refreshes(&self) -> (usize, usize) {
        *self.state.refreshes.lock().expect("unpoisoned")
    }

    /// Number of refresh tokens of `person` that are good.
    pub(crate) fn good_refresh_tokens_of(&self, person: &str) -> usize {
        self.state.good.lock().expect("unpoisoned").values().filter(|whose| *whose == person).count()
    }

    /// The refresh tokens of `person`, oldest first.
    pub(crate) fn refresh_tokens_of(&self, person: &str) -> Vec<String> {
        let given = self.state.refresh_tokens.lock().expect("unpoisoned");
        given.iter().filter(|(whose, _)| whose == person).map(|(_, token)| token.clone()).collect()
    }

    /// The token of each revocation request, in order.
    pub(crate) fn revocation_requests(&self) -> Vec<String> {
        self.state.revocations.borrow().iter().map(|(token, _)| token.clone()).collect()
    }

    /// Revoked tokens, sorted.
    pub(crate) fn revoked_tokens(&self) -> Vec<String> {
        let all = self.state.revocations.borrow();
        let mut taken: Vec<_> = all.iter().filter(|(_, taken)| *taken).map(|(token, _)| token.clone()).collect();
        taken.sort();
        taken
    }

    /// Waits for `times` revocation requests.
    pub(crate) async fn wait_for_revocation_requests(&self, times: usize) {
        let mut revocations = self.state.revocations.subscribe();
        let asked = revocations.wait_for(|revocations| revocations.len() >= times);
        tokio::time::timeout(TIMEOUT, asked).await.expect("tokens are revoked upstream").expect("the provider lives");
    }

    /// Every code and token that it has issued, and its client's secret.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.state.secrets.lock().expect("unpoisoned").clone()
    }
}

impl Provider {
    fn make(&self, kind: &str) -> String {
        let made = format!("upstream-{kind}-{}", self.made.fetch_add(1, Ordering::Relaxed));
        let made = format!("{made}-{}", URL_SAFE_NO_PAD.encode(Sha256::digest(&made)));
        self.secrets.lock().expect("unpoisoned").push(made.clone());
        made
    }

    /// A code is good once.
    fn redeem(&self, headers: &HeaderMap, form: &HashMap<String, String>) -> Option<Value> {
        let authenticated = is_client(headers);
        let login = self.codes.lock().expect("unpoisoned").remove(form.get("code")?)?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form.get("code_verifier")?));
        if !authenticated || challenge != login.challenge || *form.get("redirect_uri")? != login.redirect_uri {
            return None;
        }
        self.secrets.lock().expect("unpoisoned").push(form["code_verifier"].clone());
        let id_token = self.id_token(&login.person, Some(&login.nonce));
        let refresh_token = self.refresh_token_of(login.person.clone());
        let mut reply = self.tokens(&login.person, Some(refresh_token));
        reply["id_token"] = json!(id_token);
        Some(reply)
    }

    fn id_token(&self, person: &str, nonce: Option<&str>) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some("1".to_owned());
        let mut claims = json!({
            "iss": self.issuer, "aud": CLIENT_ID, "sub": person, "name": person.to_uppercase(), "iat": 0,
            // The provider does not know the test's clock.
            "exp": u32::MAX,
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        for (name, value) in self.claims.lock().expect("unpoisoned").iter() {
            claims[name] = value.clone();
        }
        let id_token = jsonwebtoken::encode(&header, &claims, &self.key).expect("it can sign");
        self.secrets.lock().expect("unpoisoned").push(id_token.clone());
        id_token
    }

    fn refresh_token_of(&self, person: String) -> String {
        let token = self.make("refresh-token");
        self.good.lock().expect("unpoisoned").insert(token.clone(), person.clone());
        self.refresh_tokens.lock().expect("unpoisoned").push((person, token.clone()));
        token
    }

    fn tokens(&self, person: &str, refresh_token: Option<String>) -> Value {
        let access_token = self.make("access-token");
        self.access_tokens.lock().expect("unpoisoned").insert(access_token.clone(), person.to_owned());
        let mut reply = json!({ "access_token": access_token, "token_type": "Bearer" });
        if let Some(token) = refresh_token {
            reply["refresh_token"] = json!(token);
        }
        match self.lifetime.load(Ordering::Relaxed) {
            0 => {}
            seconds => reply["expires_in"] = json!(seconds),
        }
        reply
    }

    fn refreshed(&self, person: &str, refresh_token: Option<String>) -> Value {
        let mut reply = self.tokens(person, refresh_token);
        if self.id_token_at_refresh.load(Ordering::Relaxed) {
            reply["id_token"] = json!(self.id_token(person, None));
        }
        reply
    }

    /// The answer to a refresh (RFC 6749 §6).
    fn refresh(&self, headers: &HeaderMap, token: &str) -> (StatusCode, String) {
        let answer = |status, body: &Value| (status, body.to_string());
        let refused = || answer(StatusCode::BAD_REQUEST, &json!({ "error": "invalid_grant" }));
        let person = self.good.lock().expect("unpoisoned").get(token).cloned();
        {
            let mut refreshes = self.refreshes.lock().expect("unpoisoned");
            refreshes.1 += 1;
            refreshes.0 += usize::from(person.is_some());
        }
        let Some(person) = person.filter(|_| is_client(headers)) else { return refused() };
        let behavior = self.refreshing.lock().expect("unpoisoned").clone();
        let rotate = || {
            self.good.lock().expect("unpoisoned").remove(token);
            self.refresh_token_of(person.clone())
        };
        match behavior {
            RefreshBehavior::Rotate => {
                let next = rotate();
                answer(StatusCode::OK, &self.refreshed(&person, Some(next)))
            }
            RefreshBehavior::Keep => answer(StatusCode::OK, &self.refreshed(&person, None)),
            RefreshBehavior::Answer(status, body) => (StatusCode::from_u16(status).expect("a status"), body),
            RefreshBehavior::RotateAndAnswer(status, body) => {
                rotate();
                (StatusCode::from_u16(status).expect("a status"), body)
            }
        }
    }
}

fn is_client(headers: &HeaderMap) -> bool {
    let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}")));
    headers.get("authorization").is_some_and(|header| header.as_bytes() == basic.as_bytes())
}

async fn through(State(breakpoints): State<Breakpoints>, request: Request, next: Next) -> Response {
    breakpoints.pass().await;
    let response = next.run(request).await;
    breakpoints.pass().await;
    response
}

async fn metadata(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let issuer = &provider.issuer;
    let mut metadata = json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/jwks"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "authorization_response_iss_parameter_supported": true,
    });
    if *provider.behavior.borrow() != RevocationBehavior::Unsupported {
        metadata["revocation_endpoint"] = json!(format!("{issuer}/revoke"));
    }
    Json(metadata)
}

/// RFC 7009 §2.1: revoking a token twice, or an unknown one, succeeds.
async fn revoke(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> StatusCode {
    let token = form.get("token").cloned().unwrap_or_default();
    if !is_client(&headers) || form.get("token_type_hint").is_none_or(|hint| hint != "refresh_token") {
        return StatusCode::BAD_REQUEST;
    }
    provider.good.lock().expect("unpoisoned").remove(&token);
    let mut behavior = provider.behavior.subscribe();
    let refused = match &*behavior.borrow() {
        RevocationBehavior::Fail => true,
        RevocationBehavior::RevokeAllBut(kept) => *kept == token,
        RevocationBehavior::Revoke | RevocationBehavior::Unsupported | RevocationBehavior::Stall => false,
    };
    let stalls = *behavior.borrow() == RevocationBehavior::Stall;
    let mut nth = 0;
    provider.revocations.send_modify(|revocations| {
        nth = revocations.len();
        revocations.push((token, !refused && !stalls));
    });
    if refused {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    if stalls {
        behavior.wait_for(|behavior| *behavior != RevocationBehavior::Stall).await.expect("the provider lives");
        provider.revocations.send_modify(|revocations| revocations[nth].1 = true);
    }
    StatusCode::OK
}

/// OIDC Core §5.3.
async fn userinfo(State(provider): State<Arc<Provider>>, headers: HeaderMap) -> (StatusCode, String) {
    provider.userinfo_requests.fetch_add(1, Ordering::Relaxed);
    let header = headers.get("authorization").and_then(|header| header.to_str().ok()).unwrap_or_default();
    let token = header.strip_prefix("Bearer ").unwrap_or_default();
    let Some(person) = provider.access_tokens.lock().expect("unpoisoned").get(token).cloned() else {
        return (StatusCode::UNAUTHORIZED, String::new());
    };
    match provider.userinfo.lock().expect("unpoisoned").clone() {
        UserinfoBehavior::Answer(status, body) => (StatusCode::from_u16(status).expect("a status"), body),
        UserinfoBehavior::Correct => {
            let mut document = provider.claims.lock().expect("unpoisoned").clone();
            document.insert("sub".to_owned(), json!(person));
            (StatusCode::OK, Value::Object(document).to_string())
        }
    }
}

async fn jwks(State(provider): State<Arc<Provider>>) -> Json<Value> {
    Json(provider.jwks.clone())
}

async fn token(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> (StatusCode, String) {
    let mut stalled = provider.stalled.subscribe();
    provider.calls.send_modify(|calls| *calls += 1);
    stalled.wait_for(|stalled| !stalled).await.expect("the provider lives");
    if form.get("grant_type").is_some_and(|grant_type| grant_type == "refresh_token") {
        let mut stalled = provider.refreshes_stalled.subscribe();
        stalled.wait_for(|stalled| !stalled).await.expect("the provider lives");
        return provider.refresh(&headers, form.get("refresh_token").map_or("", String::as_str));
    }
    match provider.redeem(&headers, &form) {
        Some(tokens) => (StatusCode::OK, tokens.to_string()),
        None => (StatusCode::BAD_REQUEST, json!({ "error": "invalid_grant" }).to_string()),
    }
}
