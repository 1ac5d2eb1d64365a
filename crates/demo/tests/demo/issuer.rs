//! An authorization server with metadata and keys only, controlled by the test.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use http::StatusCode;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::sockets::{listener, serve};

pub(crate) struct Issuer {
    pub(crate) url: String,
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) url: String,
    pub(crate) state: Mutex<(Mode, TestKey)>,
    pub(crate) fetches: AtomicUsize,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    Up,
    Down,
    OtherIssuer,
    Redirecting,
    Endless,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let (listener, url) = listener().await;
        let state = Mutex::new((Mode::Up, TestKey::es256("key-1")));
        let shared = Arc::new(Shared { url: url.clone(), state, fetches: AtomicUsize::new(0) });
        let router = Router::new()
            .route("/.well-known/oauth-authorization-server", get(metadata))
            .route("/keys", get(keys))
            .with_state(Arc::clone(&shared));
        serve(listener, router);
        Self { url, shared }
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.shared.state.lock().unwrap().0 = mode;
    }

    pub(crate) fn publish(&self, key: TestKey) {
        self.shared.state.lock().unwrap().1 = key;
    }

    pub(crate) fn rotate(&self, kid: &str) {
        self.publish(TestKey::es256(kid));
    }

    pub(crate) fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::SeqCst)
    }

    pub(crate) fn public(&self) -> Value {
        self.shared.state.lock().unwrap().1.public.clone()
    }

    pub(crate) fn kid(&self) -> String {
        self.public()["kid"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self) -> Header {
        let kid = self.kid();
        self.shared.state.lock().unwrap().1.header(&kid)
    }

    pub(crate) fn sign(&self, header: &Header, claims: &Value) -> String {
        self.shared.state.lock().unwrap().1.sign(header, claims)
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign(&self.header(), claims)
    }
}

pub(crate) async fn metadata(State(shared): State<Arc<Shared>>) -> Response {
    let jwks_uri = format!("{}/keys", shared.url);
    match shared.state.lock().unwrap().0 {
        Mode::Down => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Mode::OtherIssuer => Json(json!({ "issuer": "http://127.0.0.1:1", "jwks_uri": jwks_uri })).into_response(),
        Mode::Up | Mode::Redirecting | Mode::Endless => {
            Json(json!({ "issuer": shared.url, "jwks_uri": jwks_uri })).into_response()
        }
    }
}

pub(crate) async fn keys(State(shared): State<Arc<Shared>>) -> Response {
    shared.fetches.fetch_add(1, Ordering::SeqCst);
    let state = shared.state.lock().unwrap();
    // A key of an unknown type must not affect the valid one.
    let set = json!({ "keys": [{ "kty": "later", "kid": "x" }, state.1.public] });
    match state.0 {
        Mode::Redirecting => Redirect::temporary("/keys").into_response(),
        Mode::Endless => Json(json!({ "keys": [], "padding": "x".repeat(100_000) })).into_response(),
        Mode::Up | Mode::Down | Mode::OtherIssuer => Json(set).into_response(),
    }
}

pub(crate) struct TestKey {
    pub(crate) algorithm: Algorithm,
    pub(crate) private: EncodingKey,
    pub(crate) public: Value,
}

impl TestKey {
    pub(crate) fn es256(kid: &str) -> Self {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let private = EncodingKey::from_ec_der(pkcs8.as_ref());
        let public = public_of(&private, Algorithm::ES256);
        Self::new(Algorithm::ES256, private, public, kid)
    }

    pub(crate) fn ed25519(kid: &str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let x = BASE64_URL_SAFE_NO_PAD.encode(pair.public_key());
        let public = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
        Self::new(Algorithm::EdDSA, EncodingKey::from_ed_der(pkcs8.as_ref()), public, kid)
    }

    pub(crate) fn rsa(kid: &str) -> Self {
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let base64 = BASE64_STANDARD.encode(pkcs8.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n");
        let private = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        let public = public_of(&private, Algorithm::RS256);
        Self::new(Algorithm::RS256, private, public, kid)
    }

    fn new(algorithm: Algorithm, private: EncodingKey, mut public: Value, kid: &str) -> Self {
        public["kid"] = json!(kid);
        Self { algorithm, private, public }
    }

    pub(crate) fn header(&self, kid: &str) -> Header {
        Header { typ: Some("at+jwt".to_owned()), kid: Some(kid.to_owned()), ..Header::new(self.algorithm) }
    }

    pub(crate) fn sign(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &self.private).unwrap()
    }
}

fn public_of(private: &EncodingKey, algorithm: Algorithm) -> Value {
    serde_json::to_value(Jwk::from_encoding_key(private, algorithm).unwrap()).unwrap()
}
