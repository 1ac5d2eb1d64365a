//! The other face: it lies, stalls and repeats itself when it is told to, and says what it was asked.
//!
//! Every answer is the honest provider's own, bent on its way out: a lie is the truth with exactly one thing changed, and
//! a client that falls for it lacks exactly that check. The rest of the provider knows nothing of it.
//!
//! - `PUT /other-face`, `{"person": "ada", "lies": [{"claim": ["iss", "https://another.example"]}]}`: how it behaves from
//!   now on. Whoever has no session is signed in as `person` (or as `login_hint` says) and shown no page. The lies are
//!   in [`lie`].
//! - `GET /other-face`: everything it was asked.
//! - `POST /other-face/release`: lets go what stalls.
//! - `/elsewhere/…`: the truth again, where a lying redirect leads and nobody may follow.
//!
//! It must never be on without being asked for: with it, whoever reaches the provider says who is signed in.

mod answer;
mod lie;
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
use lie::{Answer, Endpoint, Lie};

pub(super) fn put_on(honest: Router, provider: Arc<Provider>) -> Router {
    let (state, releases, new_key) = (Mutex::default(), watch::Sender::default(), SigningKey::generate());
    let face = Arc::new(Face { provider, state, releases, new_key });
    Router::new()
        .route("/other-face", get(asked).put(tell))
        .route("/other-face/release", post(release))
        .with_state(Arc::clone(&face))
        .nest("/elsewhere", honest.clone().layer(from_fn_with_state(Arc::clone(&face), elsewhere)))
        .merge(honest.layer(from_fn_with_state(face, between)))
}

struct Face {
    provider: Arc<Provider>,
    state: Mutex<Known>,
    releases: watch::Sender<()>,
    /// The one after the provider's own.
    new_key: SigningKey,
}

#[derive(Default)]
struct Known {
    told: Told,
    asked: Asked,
    /// What each code was answered, while [`Lie::SecondAnswer`] is told.
    answers: HashMap<String, Value>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Told {
    person: Option<String>,
    lies: Vec<Lie>,
}

type Parameters = BTreeMap<String, String>;

#[derive(Clone, Default, Serialize)]
struct Asked {
    /// The parameters of each authorization request, oldest first.
    authorizations: Vec<Parameters>,
    /// How many of them came from browsers with a session.
    remembered: usize,
    codes_given: usize,
    /// The form of each request at the token endpoint, oldest first.
    exchanges: Vec<Parameters>,
    /// How many of them brought a code that had come before.
    codes_repeated: usize,
    tokens_given: Vec<String>,
    discovery: usize,
    jwks: usize,
    userinfo: usize,
    /// The form of each request at the revocation endpoint, oldest first.
    revocations: Vec<Parameters>,
    elsewhere: usize,
}

async fn tell(State(face): State<Arc<Face>>, Json(told): Json<Told>) -> StatusCode {
    face.state().told = told;
    StatusCode::NO_CONTENT
}

async fn asked(State(face): State<Arc<Face>>) -> Json<Asked> {
    let mut asked = face.state().asked.clone();
    let codes: Vec<_> = asked.exchanges.iter().filter_map(|form| form.get("code")).collect();
    asked.codes_repeated = codes.len() - codes.iter().collect::<BTreeSet<_>>().len();
    asked.tokens_given = face.provider.memory().tokens().cloned().collect();
    Json(asked)
}

async fn release(State(face): State<Arc<Face>>) -> StatusCode {
    face.releases.send_replace(());
    StatusCode::NO_CONTENT
}

async fn elsewhere(State(face): State<Arc<Face>>, request: Request, next: Next) -> Response {
    face.state().asked.elsewhere += 1;
    next.run(request).await
}

/// Between a request and the honest provider.
async fn between(State(face): State<Arc<Face>>, request: Request, next: Next) -> Response {
    let Some(endpoint) = Endpoint::at(request.uri().path()) else { return next.run(request).await };
    // Before it is counted: whoever waits for the count and then releases means this one too.
    let mut released = face.releases.subscribe();
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let form = parameters(&body);
    let lies = face.note(endpoint, &parts, form.clone());
    if lies.contains(&Lie::Answer(endpoint, Answer::Stalls)) {
        // The sender lives as long as the face.
        released.changed().await.unwrap_or_default();
    }
    match endpoint {
        Endpoint::Authorize => {
            let signed_in = face.sign_in(&mut parts);
            let truth = next.run(Request::from_parts(parts, Body::from(body))).await;
            face.sent_back(truth, &lies, signed_in)
        }
        Endpoint::Token => {
            let headers = parts.headers.clone();
            let truth = match face.second_answer(&lies, &form) {
                Some(again) => Json(again).into_response(),
                None => next.run(Request::from_parts(parts, Body::from(body))).await,
            };
            let bend = |document: &mut Value| face.bend_tokens(document, &lies, &headers, &form);
            answer::bent(truth, endpoint, &lies, bend).await
        }
        Endpoint::Jwks => {
            let truth = next.run(Request::from_parts(parts, Body::from(body))).await;
            let bend = |document: &mut Value| face.bend_keys(document, &lies);
            answer::bent(truth, endpoint, &lies, bend).await
        }
        Endpoint::Discovery | Endpoint::Userinfo | Endpoint::Revocation => {
            let truth = next.run(Request::from_parts(parts, Body::from(body))).await;
            answer::bent(truth, endpoint, &lies, |_| ()).await
        }
    }
}

impl Face {
    /// Counts the request, and says which lies it will be told.
    fn note(&self, endpoint: Endpoint, parts: &Parts, form: Parameters) -> Vec<Lie> {
        let mut known = self.state();
        let asked = &mut known.asked;
        match endpoint {
            Endpoint::Authorize => asked.authorizations.push(query(parts)),
            Endpoint::Token => asked.exchanges.push(form),
            Endpoint::Discovery => asked.discovery += 1,
            Endpoint::Jwks => asked.jwks += 1,
            Endpoint::Userinfo => asked.userinfo += 1,
            Endpoint::Revocation => asked.revocations.push(form),
        }
        known.told.lies.clone()
    }

    /// Signs in whoever has no session, and allows the client everything: the pages are not what is tested. What the
    /// browser has to be told then.
    fn sign_in(&self, parts: &mut Parts) -> Option<HeaderValue> {
        let provider = &self.provider;
        let session = provider.cookie.read(&parts.headers);
        if session.is_some_and(|browser| provider.memory().session(&browser).is_some()) {
            self.state().asked.remembered += 1;
            return None;
        }
        let mut query = query(parts);
        let person = query.remove("login_hint").or_else(|| self.state().told.person.clone())?;
        let mut memory = provider.memory();
        let browser = memory.sign_in("", &person, provider.clock.now());
        let client_id = query.remove("client_id").unwrap_or_default();
        memory.remember_consent(&browser, &client_id, &SCOPES.map(str::to_owned).into());
        let cookie = HeaderValue::try_from(provider.cookie.set(&browser)).ok()?;
        parts.headers.append(header::COOKIE, cookie.clone());
        Some(cookie)
    }

    fn sent_back(&self, mut truth: Response, lies: &[Lie], signed_in: Option<HeaderValue>) -> Response {
        truth.headers_mut().extend(signed_in.map(|cookie| (header::SET_COOKIE, cookie)));
        if let Some(mut url) = answer::location(&truth) {
            self.state().asked.codes_given += usize::from(url.query_pairs().any(|(name, _)| name == "code"));
            lie::bend_query(&mut url, lies);
            if let Ok(url) = HeaderValue::try_from(String::from(url)) {
                truth.headers_mut().insert(header::LOCATION, url);
            }
        }
        truth
    }

    /// Held for a few operations, never across an await.
    fn state(&self) -> MutexGuard<'_, Known> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn query(parts: &Parts) -> Parameters {
    parameters(parts.uri.query().unwrap_or_default().as_bytes())
}

fn parameters(encoded: &[u8]) -> Parameters {
    form_urlencoded::parse(encoded).into_owned().collect()
}
