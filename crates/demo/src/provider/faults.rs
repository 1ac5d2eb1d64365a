//! Fault injection for tests of clients: the provider misbehaves as instructed and reports the requests it received.
//!
//! Every fault alters one thing in a response of the honest provider, so a client that accepts it lacks exactly the check for
//! that thing. The rest of the provider does not know about this module.
//!
//! - `PUT /faults` with `{"user": "ada", "faults": [{"claim": ["iss", "https://another.example"]}]}` sets the behaviour from
//!   now on. A browser without a session is signed in as `user`, or as `login_hint` says, and sees no page. [`fault`] lists the
//!   faults.
//! - `GET /faults` returns the recorded requests.
//! - `POST /faults/release` releases the responses that [`Breakage::Stalls`] holds back.
//! - `/redirected/…` serves the honest provider again. A faulty redirect leads there, and a client must not follow it.
//!
//! Never enable this for people: any caller can then choose who is signed in.

mod fault;
mod response;
mod token;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;
use url::form_urlencoded;

use super::key::SigningKey;
use super::request::SCOPES;
use super::{BODY_LIMIT, Provider};
use fault::{Breakage, Endpoint, Fault};

/// Wraps the honest provider's router.
pub(super) fn inject(honest: Router, provider: Arc<Provider>) -> Router {
    let (state, releases, new_key) = (Mutex::default(), watch::Sender::default(), SigningKey::generate());
    let injector = Arc::new(FaultInjector { provider, state, releases, new_key });
    Router::new()
        .route("/faults", get(recorded).put(instruct))
        .route("/faults/release", post(release))
        .with_state(Arc::clone(&injector))
        .nest("/redirected", honest.clone().layer(from_fn_with_state(Arc::clone(&injector), count_redirected)))
        .merge(honest.layer(from_fn_with_state(injector, intercept)))
}

struct FaultInjector {
    provider: Arc<Provider>,
    state: Mutex<InjectorState>,
    releases: watch::Sender<()>,
    /// The successor of the provider's own key.
    new_key: SigningKey,
}

#[derive(Default)]
struct InjectorState {
    instructions: Instructions,
    recorded: Recorded,
    /// The response to each redeemed code, while [`Fault::SecondAnswer`] is set.
    answers: HashMap<String, Value>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Instructions {
    user: Option<String>,
    faults: Vec<Fault>,
}

type Parameters = BTreeMap<String, String>;

#[derive(Clone, Default, Serialize)]
struct Recorded {
    /// The parameters of each authorization request, oldest first.
    authorizations: Vec<Parameters>,
    /// Number of authorization requests from browsers with a session.
    remembered: usize,
    codes_given: usize,
    /// The form of each request at the token endpoint, oldest first.
    exchanges: Vec<Parameters>,
    /// Number of exchanges with a code that was sent before.
    codes_repeated: usize,
    tokens_given: Vec<String>,
    discovery: usize,
    jwks: usize,
    userinfo: usize,
    /// The form of each request at the revocation endpoint, oldest first.
    revocations: Vec<Parameters>,
    /// Number of requests below `/redirected`.
    redirected: usize,
}

async fn instruct(State(injector): State<Arc<FaultInjector>>, Json(instructions): Json<Instructions>) -> StatusCode {
    injector.state().instructions = instructions;
    StatusCode::NO_CONTENT
}

async fn recorded(State(injector): State<Arc<FaultInjector>>) -> Json<Recorded> {
    let mut recorded = injector.state().recorded.clone();
    let codes: Vec<_> = recorded.exchanges.iter().filter_map(|form| form.get("code")).collect();
    recorded.codes_repeated = codes.len() - codes.iter().collect::<BTreeSet<_>>().len();
    recorded.tokens_given = injector.provider.memory().tokens().cloned().collect();
    Json(recorded)
}

async fn release(State(injector): State<Arc<FaultInjector>>) -> StatusCode {
    injector.releases.send_replace(());
    StatusCode::NO_CONTENT
}

async fn count_redirected(State(injector): State<Arc<FaultInjector>>, request: Request, next: Next) -> Response {
    injector.state().recorded.redirected += 1;
    next.run(request).await
}

/// Records a request, passes it to the honest provider and alters the response.
async fn intercept(State(injector): State<Arc<FaultInjector>>, request: Request, next: Next) -> Response {
    let Some(endpoint) = Endpoint::at(request.uri().path()) else { return next.run(request).await };
    // Subscribe before recording: a test that waits for the record and then releases must release this request too.
    let mut released = injector.releases.subscribe();
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let form = parameters(&body);
    let faults = injector.record(endpoint, &parts, form.clone());
    if faults.contains(&Fault::Answer(endpoint, Breakage::Stalls)) {
        // The sender lives as long as the injector, so this never fails.
        released.changed().await.unwrap_or_default();
    }
    match endpoint {
        Endpoint::Authorize => {
            let cookie = injector.sign_in(&mut parts);
            let honest = next.run(Request::from_parts(parts, Body::from(body))).await;
            injector.alter_redirect(honest, &faults, cookie)
        }
        Endpoint::Token => {
            let headers = parts.headers.clone();
            let honest = match injector.second_answer(&faults, &form) {
                Some(again) => Json(again).into_response(),
                None => next.run(Request::from_parts(parts, Body::from(body))).await,
            };
            let alter = |document: &mut Value| injector.alter_tokens(document, &faults, &headers, &form);
            response::altered(honest, endpoint, &faults, alter).await
        }
        Endpoint::Jwks => {
            let honest = next.run(Request::from_parts(parts, Body::from(body))).await;
            let alter = |document: &mut Value| injector.alter_keys(document, &faults);
            response::altered(honest, endpoint, &faults, alter).await
        }
        Endpoint::Discovery | Endpoint::Userinfo | Endpoint::Revocation => {
            let honest = next.run(Request::from_parts(parts, Body::from(body))).await;
            response::altered(honest, endpoint, &faults, |_| ()).await
        }
    }
}

impl FaultInjector {
    /// Records the request and returns the faults for its response.
    fn record(&self, endpoint: Endpoint, parts: &Parts, form: Parameters) -> Vec<Fault> {
        let mut state = self.state();
        let recorded = &mut state.recorded;
        match endpoint {
            Endpoint::Authorize => recorded.authorizations.push(query(parts)),
            Endpoint::Token => recorded.exchanges.push(form),
            Endpoint::Discovery => recorded.discovery += 1,
            Endpoint::Jwks => recorded.jwks += 1,
            Endpoint::Userinfo => recorded.userinfo += 1,
            Endpoint::Revocation => recorded.revocations.push(form),
        }
        state.instructions.faults.clone()
    }

    /// Signs in a browser without a session and allows the client every scope, so that no page appears. Returns the cookie for
    /// the browser.
    fn sign_in(&self, parts: &mut Parts) -> Option<HeaderValue> {
        let provider = &self.provider;
        let session = provider.cookie.read(&parts.headers);
        if session.is_some_and(|browser| provider.memory().session(&browser).is_some()) {
            self.state().recorded.remembered += 1;
            return None;
        }
        let mut query = query(parts);
        let user = query.remove("login_hint").or_else(|| self.state().instructions.user.clone())?;
        let mut memory = provider.memory();
        let browser = memory.sign_in("", &user, provider.clock.now());
        let client_id = query.remove("client_id").unwrap_or_default();
        memory.remember_consent(&browser, &client_id, &SCOPES.map(str::to_owned).into());
        let cookie = HeaderValue::try_from(provider.cookie.set(&browser)).ok()?;
        parts.headers.append(header::COOKIE, cookie.clone());
        Some(cookie)
    }

    fn alter_redirect(&self, mut honest: Response, faults: &[Fault], cookie: Option<HeaderValue>) -> Response {
        honest.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
        if let Some(mut url) = response::location(&honest) {
            self.state().recorded.codes_given += usize::from(url.query_pairs().any(|(name, _)| name == "code"));
            fault::alter_query(&mut url, faults);
            if let Ok(url) = HeaderValue::try_from(String::from(url)) {
                honest.headers_mut().insert(header::LOCATION, url);
            }
        }
        honest
    }

    /// Hold the lock for a few operations only, never across an await.
    fn state(&self) -> MutexGuard<'_, InjectorState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn query(parts: &Parts) -> Parameters {
    parameters(parts.uri.query().unwrap_or_default().as_bytes())
}

fn parameters(encoded: &[u8]) -> Parameters {
    form_urlencoded::parse(encoded).into_owned().collect()
}
