//! An OpenID Connect provider with made-up people, for whoever has no identity provider at hand.
//!
//! It does what large providers do, also where that is dangerous: it remembers what a person allowed a client, so a browser
//! with a session is sent back with a code without having seen a page. Whoever stands behind such a provider with one static
//! client id, and lets strangers in front, has to ask for consent itself; without this danger nothing here would show it.
//!
//! For tests of such clients it has another face (`face`), which lies, stalls and repeats; it is off unless configured.
//!
//! It must never be reachable from another machine (it asks for no password), and it writes nothing but its signing key:
//! sessions, codes and tokens end with the process.

mod answer;
mod config;
mod cookie;
mod face;
mod flow;
mod key;
mod memory;
mod metadata;
mod pages;
mod params;
mod request;
mod revocation;
mod token;
mod userinfo;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use lychgate_process::ConfigError;

use crate::clock::Clock;
use config::Client;
use cookie::SessionCookie;
use key::SigningKey;
use memory::Memory;
use pages::Pages;

pub use config::{ClientConfig, Config, User};

/// A form or a token request is a few hundred bytes.
const BODY_LIMIT: usize = 16 * 1024;

/// One provider: its settings, its key, and what it remembers until the process ends.
pub struct Provider {
    issuer: String,
    clients: Vec<Client>,
    users: Vec<User>,
    remember_consent: bool,
    other_face: bool,
    key: SigningKey,
    form_key: hmac::Key,
    cookie: SessionCookie,
    pages: Pages,
    clock: Arc<dyn Clock>,
    memory: Mutex<Memory>,
}

impl Provider {
    /// Reads the clients' secrets, and reads or creates the signing key.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Result<Arc<Self>, ConfigError> {
        config.check()?;
        let clients = config.clients.iter().enumerate().map(Client::read).collect::<Result<_, _>>()?;
        Ok(Arc::new(Self {
            clients,
            key: SigningKey::open(&config.key_file)?,
            form_key: hmac::Key::new(hmac::HMAC_SHA256, &random_bytes()),
            cookie: SessionCookie::of(&config.issuer),
            pages: Pages::compile(),
            clock,
            memory: Mutex::default(),
            issuer: config.issuer,
            users: config.users,
            remember_consent: config.remember_consent,
            other_face: config.other_face,
        }))
    }

    pub fn router(self: &Arc<Self>) -> Router {
        let honest = Router::new()
            .route("/", get(flow::home))
            .route("/.well-known/openid-configuration", get(metadata::discovery))
            .route("/jwks", get(metadata::jwks))
            .route("/authorize", get(flow::authorize))
            .route("/login", post(flow::login))
            .route("/consent", post(flow::consent))
            .route("/token", post(token::token))
            .route("/revoke", post(revocation::revocation))
            .route("/userinfo", get(userinfo::userinfo).post(userinfo::userinfo))
            .route("/healthz", get(metadata::healthz))
            .layer(DefaultBodyLimit::max(BODY_LIMIT))
            .with_state(Arc::clone(self));
        if self.other_face { face::put_on(honest, Arc::clone(self)) } else { honest }
    }

    fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    fn user(&self, sub: &str) -> Option<&User> {
        self.users.iter().find(|user| user.sub == sub)
    }

    /// Held for a few map operations at a time, never across an await; what they leave behind is whole after each of them.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Provider {
    /// Without keys, secrets and what is remembered.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// What nobody can guess: a session, a code, a token.
fn random_token() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(random_bytes())
}

#[expect(clippy::disallowed_methods, reason = "nothing here is replayed or compared, so no test needs to hold it")]
fn random_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system has random numbers");
    bytes
}
