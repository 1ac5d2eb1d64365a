//! An OAuth 2.0 provider that behaves like GitHub: errors with status 200, a form unless JSON is requested, tokens
//! without expiry, a number as id. Tests can replace its answers.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{delete, get, post};
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_util::stream;
use lychgate_api::v1::Parameter;
use lychgate_control::config::TokenEndpointAuth;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::interval;

use crate::control::support::{TIMEOUT, query};

pub(crate) const CLIENT_ID: &str = "Iv1.lychgate";
pub(crate) const CLIENT_SECRET: &str = "hub-client-secret";

/// The default userinfo document.
pub(crate) const OCTOCAT: &str =
    r#"{"login":"octocat","id":583231,"node_id":"MDQ6","email":null,"name":"The Octocat","plan":{"id":7}}"#;

const DRIP: Duration = Duration::from_millis(100);

/// Ends with the test's runtime.
#[derive(Clone, Debug)]
pub(crate) struct Oauth2Provider {
    pub(crate) url: String,
    provider: Arc<Provider>,
}

#[derive(Debug)]
struct Provider {
    auth: TokenEndpointAuth,
    userinfo_accept: &'static str,
    codes: Mutex<HashMap<String, Login>>,
    made: AtomicUsize,
    token_calls: AtomicUsize,
    userinfo_calls: AtomicUsize,
    token_answer: Mutex<Answer>,
    userinfo_answer: Mutex<Answer>,
    /// Revoked tokens, and the API that revoked each.
    revoked_tokens: watch::Sender<Vec<(&'static str, String)>>,
}

#[derive(Debug)]
struct Login {
    challenge: String,
    redirect_uri: String,
}

/// The answer of an endpoint.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The correct answer.
    Correct,
    /// A fixed status and body.
    Says(u16, String),
    /// A redirect to the correct answer.
    Moved,
    /// This text, then blanks without end.
    Endless(String),
    /// The same at one blank every tenth of a second.
    Dripping(String),
    Silence,
}

impl Oauth2Provider {
    pub(crate) async fn start(auth: TokenEndpointAuth, userinfo_accept: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let provider = Arc::new(Provider {
            auth,
            userinfo_accept,
            codes: Mutex::default(),
            made: AtomicUsize::new(0),
            token_calls: AtomicUsize::new(0),
            userinfo_calls: AtomicUsize::new(0),
            token_answer: Mutex::new(Answer::Correct),
            userinfo_answer: Mutex::new(Answer::Correct),
            revoked_tokens: watch::Sender::default(),
        });
        let router = Router::new()
            .route("/login/oauth/access_token", post(token))
            .route("/api/v3/user", get(userinfo))
            .route("/oauth/revoke", post(revoke))
            .route(&format!("/api/v3/applications/{CLIENT_ID}/token"), delete(delete_token))
            .route("/moved/login/oauth/access_token", post(true_token))
            .route("/moved/api/v3/user", get(true_userinfo))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, provider }
    }

    /// Signs in at `login_url` and returns the callback's parameters.
    pub(crate) fn sign_in(&self, login_url: &str) -> Vec<Parameter> {
        assert!(login_url.starts_with(&format!("{}/login/oauth/authorize?", self.url)), "{login_url}");
        let asked = query(login_url);
        let code = format!("code-{}", self.provider.made.fetch_add(1, Ordering::Relaxed));
        let login = Login { challenge: asked["code_challenge"].clone(), redirect_uri: asked["redirect_uri"].clone() };
        self.provider.codes.lock().expect("unpoisoned").insert(code.clone(), login);
        vec![parameter("code", &code), parameter("state", &asked["state"])]
    }

    pub(crate) fn token_answers(&self, answer: Answer) {
        *self.provider.token_answer.lock().expect("unpoisoned") = answer;
    }

    pub(crate) fn userinfo_answers(&self, answer: Answer) {
        *self.provider.userinfo_answer.lock().expect("unpoisoned") = answer;
    }

    /// Waits for a revoked token; returns the API that revoked it.
    pub(crate) async fn revoked_tokens(&self) -> (&'static str, String) {
        let mut revoked_tokens = self.provider.revoked_tokens.subscribe();
        let first = revoked_tokens.wait_for(|tokens| !tokens.is_empty());
        let first =
            tokio::time::timeout(TIMEOUT, first).await.expect("a token is revoked").expect("the provider lives");
        first[0].clone()
    }

    /// Numbers of calls of the token endpoint and of the userinfo endpoint.
    pub(crate) fn calls(&self) -> (usize, usize) {
        (self.provider.token_calls.load(Ordering::Relaxed), self.provider.userinfo_calls.load(Ordering::Relaxed))
    }
}

pub(crate) fn parameter(name: &str, value: &str) -> Parameter {
    Parameter { name: name.to_owned(), value: value.to_owned() }
}

type Fields = HashMap<String, String>;

async fn token(State(provider): State<Arc<Provider>>, headers: HeaderMap, Form(form): Form<Fields>) -> Response {
    provider.token_calls.fetch_add(1, Ordering::Relaxed);
    let answer = provider.token_answer.lock().expect("unpoisoned").clone();
    say(answer, "/moved/login/oauth/access_token", || provider.token(&headers, &form)).await
}

async fn true_token(State(provider): State<Arc<Provider>>, headers: HeaderMap, Form(form): Form<Fields>) -> Response {
    provider.token(&headers, &form)
}

async fn userinfo(State(provider): State<Arc<Provider>>, headers: HeaderMap) -> Response {
    provider.userinfo_calls.fetch_add(1, Ordering::Relaxed);
    let answer = provider.userinfo_answer.lock().expect("unpoisoned").clone();
    say(answer, "/moved/api/v3/user", || provider.userinfo(&headers)).await
}

async fn true_userinfo(State(provider): State<Arc<Provider>>, headers: HeaderMap) -> Response {
    provider.userinfo(&headers)
}

/// RFC 7009.
async fn revoke(State(provider): State<Arc<Provider>>, headers: HeaderMap, Form(form): Form<Fields>) -> StatusCode {
    let (Some(token), true) = (form.get("token"), provider.is_client(&headers, &form)) else {
        return StatusCode::UNAUTHORIZED;
    };
    provider.revoked_tokens.send_modify(|tokens| tokens.push(("RFC 7009", token.clone())));
    StatusCode::OK
}

/// GitHub's "Delete an app token": HTTP Basic, regardless of the token endpoint's method, and JSON.
async fn delete_token(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    Json(body): Json<serde_json::Value>,
) -> StatusCode {
    let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}")));
    let is_good = header(&headers, "authorization") == basic
        && header(&headers, "accept") == "application/vnd.github+json"
        && !header(&headers, "user-agent").is_empty();
    let Some(token) = body["access_token"].as_str().filter(|_| is_good) else { return StatusCode::NOT_FOUND };
    provider.revoked_tokens.send_modify(|tokens| tokens.push(("GitHub", token.to_owned())));
    StatusCode::NO_CONTENT
}

async fn say(answer: Answer, moved: &str, truth: impl FnOnce() -> Response) -> Response {
    match answer {
        Answer::Correct => truth(),
        Answer::Says(status, body) => (StatusCode::from_u16(status).expect("a status"), body).into_response(),
        Answer::Moved => Redirect::temporary(moved).into_response(),
        Answer::Endless(beginning) => {
            let blanks = Bytes::from_static(&[b' '; 4096]);
            let chunks = std::iter::once(Bytes::from(beginning)).chain(std::iter::repeat(blanks));
            Body::from_stream(stream::iter(chunks.map(Ok::<_, Infallible>))).into_response()
        }
        Answer::Dripping(beginning) => {
            let drips = stream::unfold((beginning, interval(DRIP)), |(next, mut drips)| async move {
                drips.tick().await;
                Some((Ok::<_, Infallible>(next), (" ".to_owned(), drips)))
            });
            Body::from_stream(drips).into_response()
        }
        Answer::Silence => pending().await,
    }
}

impl Provider {
    fn token(&self, headers: &HeaderMap, form: &Fields) -> Response {
        if header(headers, "accept") != "application/json" {
            return "access_token=gho_form&scope=&token_type=bearer".into_response();
        }
        if !self.is_client(headers, form) {
            return Json(json!({ "error": "incorrect_client_credentials" })).into_response();
        }
        let code = form.get("code").and_then(|code| self.codes.lock().expect("unpoisoned").remove(code));
        let verifier = form.get("code_verifier").map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
        match code {
            Some(Login { challenge, redirect_uri })
                if verifier.as_ref() == Some(&challenge) && form.get("redirect_uri") == Some(&redirect_uri) =>
            {
                Json(json!({ "access_token": "gho_true", "scope": "", "token_type": "bearer" })).into_response()
            }
            _ => Json(json!({ "error": "bad_verification_code" })).into_response(),
        }
    }

    /// True if the client authenticates by the configured method, and by no other.
    fn is_client(&self, headers: &HeaderMap, form: &Fields) -> bool {
        let posted = (form.get("client_id").map(String::as_str), form.get("client_secret").map(String::as_str));
        let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}")));
        match self.auth {
            TokenEndpointAuth::Post => {
                posted == (Some(CLIENT_ID), Some(CLIENT_SECRET)) && header(headers, "authorization").is_empty()
            }
            TokenEndpointAuth::Basic => posted.1.is_none() && header(headers, "authorization") == basic,
        }
    }

    fn userinfo(&self, headers: &HeaderMap) -> Response {
        // GitHub refuses requests without a user agent.
        if header(headers, "user-agent").is_empty() || header(headers, "accept") != self.userinfo_accept {
            return StatusCode::FORBIDDEN.into_response();
        }
        match header(headers, "authorization").strip_prefix("Bearer gho_") {
            Some(_) => OCTOCAT.into_response(),
            None => (StatusCode::UNAUTHORIZED, Json(json!({ "message": "Bad credentials" }))).into_response(),
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
}
