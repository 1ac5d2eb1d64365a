//! An identity provider that a test holds in its hand: it remembers whoever was there before and then shows no page at
//! all, it counts what it is asked, and it lies, stalls and breaks off when told to.
//!
//! The honest one is strict: what it would refuse from any client, it refuses from Lychgate.

mod token;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::extract::{RawQuery, State};
use axum::http::header::{COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The longest anything is waited for. Far more than it ever takes, so that only what hangs runs into it.
const PATIENCE: Duration = Duration::from_secs(30);

const CLIENT_ID: &str = "lychgate-at-upstream";
const CLIENT_SECRET: &str = "upstream-secret-that-nobody-else-may-see";
const SECRET_VARIABLE: &str = "E2E_UPSTREAM_SECRET";
const KEY_ID: &str = "upstream-key";
const SESSION: &str = "upstream_session";

pub type Parameters = BTreeMap<String, String>;

/// A running provider; it ends when this is dropped.
#[derive(Debug)]
pub struct Upstream {
    issuer: String,
    state: watch::Sender<Asked>,
    server: JoinHandle<()>,
}

/// What it does wrong, if it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    // in the ID token
    Issuer,
    Audience,
    SecondAudienceWithoutAzp,
    AuthorizedParty,
    Nonce,
    NoNonce,
    Expired,
    NoExpiry,
    IssuedLater,
    NoSubject,
    EmptySubject,
    Unsigned,
    /// Signed with what both sides know: the client secret.
    Hs256,
    /// Signed with the name of the right key, but not with the key.
    OtherKey,
    NoIdToken,

    // at the token endpoint
    TokenFails,
    TokenRefuses,
    /// Until [`Upstream::release`].
    TokenStalls,
    TokenBreaksOff,
    TokenNeverEnds,
    TokenRedirects,
    TokenIsNoJson,

    // on the way back
    CallbackWithoutIss,
    CallbackOfAnother,
    CallbackWithoutCode,
    CallbackError(&'static str),

    // in discovery
    DiscoveryDown,
    DiscoveryOfAnother,
}

/// Everything it was asked, and how it is told to behave.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The parameters of each authorization request, oldest first.
    pub authorizations: Vec<Parameters>,
    /// How many of them were answered without anybody signing in: the danger of a static client id.
    pub remembered: usize,
    /// The form of each request at the token endpoint, oldest first.
    pub exchanges: Vec<Parameters>,
    /// Requests where nobody should ever be led.
    pub elsewhere: usize,
    pub codes_given: usize,
    lie: Option<Lie>,
    released: bool,
    person: String,
    codes: BTreeMap<String, Code>,
}

#[derive(Clone, Debug)]
struct Code {
    person: String,
    request: Parameters,
    redeemed: bool,
}

#[derive(Clone)]
struct Provider {
    issuer: String,
    key: Key,
    other_key: Key,
    state: watch::Sender<Asked>,
}

#[derive(Clone)]
struct Key {
    private: EncodingKey,
    public: Jwk,
}

impl Asked {
    /// How often this code came to the token endpoint.
    pub fn exchanges_of(&self, code: &str) -> usize {
        self.exchanges.iter().filter(|form| form.get("code").is_some_and(|sent| sent == code)).count()
    }
}

impl Upstream {
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let issuer = format!("http://{}", listener.local_addr()?);
        let (state, _) = watch::channel(Asked { person: "ada".to_owned(), ..Asked::default() });
        let provider = Provider {
            issuer: issuer.clone(),
            key: Key::generate()?,
            other_key: Key::generate()?,
            state: state.clone(),
        };
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks.json", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token::exchange))
            .route("/elsewhere", get(elsewhere).post(elsewhere))
            .with_state(provider);
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap_or_default() });
        Ok(Self { issuer, state, server })
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The `[upstream]` table that makes it Lychgate's.
    pub fn config(&self) -> String {
        format!(
            "[upstream]\nkind = \"oidc\"\nid = \"idp\"\nname = \"Test provider\"\nissuer = \"{}\"\n\
             client_id = \"{CLIENT_ID}\"\nclient_secret = {{ env = \"{SECRET_VARIABLE}\" }}\n\
             scopes = [\"openid\", \"profile\"]\n",
            self.issuer
        )
    }

    /// Where the table finds the secret.
    pub fn environment(&self) -> [(&'static str, &'static str); 1] {
        [(SECRET_VARIABLE, CLIENT_SECRET)]
    }

    /// The one client it knows, for a test that is that client itself.
    pub fn client(&self) -> (&'static str, &'static str) {
        (CLIENT_ID, CLIENT_SECRET)
    }

    /// Who signs in next, in a browser that it does not remember.
    pub fn sign_in_as(&self, person: &str) {
        self.state.send_modify(|state| person.clone_into(&mut state.person));
    }

    pub fn lie(&self, lie: Lie) {
        self.state.send_modify(|state| state.lie = Some(lie));
    }

    pub fn be_honest(&self) {
        self.state.send_modify(|state| state.lie = None);
    }

    /// Lets go what [`Lie::TokenStalls`] holds.
    pub fn release(&self) {
        self.state.send_modify(|state| state.released = true);
    }

    /// What it has been asked so far.
    pub fn asked(&self) -> Asked {
        self.state.borrow().clone()
    }

    /// Waits until it has been asked for as much as `enough` demands.
    pub async fn asked_until(&self, enough: impl FnMut(&Asked) -> bool) -> Result<Asked> {
        let mut state = self.state.subscribe();
        let waited = tokio::time::timeout(PATIENCE, state.wait_for(enough)).await;
        Ok(waited.map_err(|_| anyhow!("the upstream was not asked: {:?}", self.asked()))??.clone())
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn discovery(State(provider): State<Provider>) -> Response {
    let Provider { issuer, .. } = &provider;
    let named = match provider.lie() {
        Some(Lie::DiscoveryDown) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(Lie::DiscoveryOfAnother) => "https://another.example",
        _ => issuer,
    };
    let document = json!({
        "issuer": named,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks.json"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    });
    Json(document).into_response()
}

async fn keys(State(provider): State<Provider>) -> Json<Value> {
    Json(json!({ "keys": [provider.key.public] }))
}

/// Whoever has been here before is sent back at once; whoever has not is signed in, and remembered.
async fn authorize(State(provider): State<Provider>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let request = parameters(query.unwrap_or_default().as_bytes());
    let (Some(redirect_uri), true) = (
        request.get("redirect_uri").cloned(),
        request.get("client_id").is_some_and(|id| id == CLIENT_ID)
            && request.get("response_type").is_some_and(|kind| kind == "code"),
    ) else {
        return (StatusCode::BAD_REQUEST, "not a client of ours").into_response();
    };
    let remembered = session(&headers);
    let person = remembered.clone().unwrap_or_else(|| provider.state.borrow().person.clone());
    let code = format!("code-{}", unique_word());
    provider.state.send_modify(|state| {
        state.authorizations.push(request.clone());
        state.remembered += usize::from(remembered.is_some());
    });
    let mut answer: Vec<(&str, &str)> = Vec::new();
    let mut iss = Some(provider.issuer.as_str());
    match provider.lie() {
        Some(Lie::CallbackError(error)) => answer.push(("error", error)),
        Some(Lie::CallbackWithoutCode) => {}
        lie => {
            match lie {
                Some(Lie::CallbackWithoutIss) => iss = None,
                Some(Lie::CallbackOfAnother) => iss = Some("https://another.example"),
                _ => {}
            }
            let given = Code { person: person.clone(), request: request.clone(), redeemed: false };
            provider.state.send_modify(|state| {
                state.codes_given += 1;
                state.codes.insert(code.clone(), given);
            });
            answer.push(("code", &code));
        }
    }
    answer.extend(request.get("state").map(|state| ("state", state.as_str())));
    answer.extend(iss.map(|iss| ("iss", iss)));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(answer).finish();
    let headers = [
        (LOCATION, format!("{redirect_uri}?{query}")),
        (SET_COOKIE, format!("{SESSION}={person}; Path=/; HttpOnly; SameSite=Lax")),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Where a lying token endpoint points to.
async fn elsewhere(State(provider): State<Provider>) -> StatusCode {
    provider.state.send_modify(|state| state.elsewhere += 1);
    StatusCode::OK
}

impl Provider {
    fn lie(&self) -> Option<Lie> {
        self.state.borrow().lie
    }
}

impl Key {
    fn generate() -> Result<Self> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| anyhow!("no key could be made"))?;
        let private = EncodingKey::from_ec_der(pkcs8.as_ref());
        let mut public = Jwk::from_encoding_key(&private, Algorithm::ES256).context("a public key")?;
        public.common.key_id = Some(KEY_ID.to_owned());
        Ok(Self { private, public })
    }
}

fn session(headers: &HeaderMap) -> Option<String> {
    let pairs = headers.get(COOKIE)?.to_str().ok()?.split("; ").filter_map(|pair| pair.split_once('='));
    pairs.filter(|(name, _)| *name == SESSION).map(|(_, value)| value.to_owned()).next()
}

fn parameters(encoded: &[u8]) -> Parameters {
    form_urlencoded::parse(encoded).into_owned().collect()
}

/// RFC 7636 §4.2 `S256`.
pub(crate) fn challenge(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// A word that nobody else has.
pub(crate) fn unique_word() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(crate::random::<24>())
}
