//! An OpenID Connect provider with made-up users, for trials without an identity provider.
//!
//! It behaves like large providers, even where that is dangerous: it remembers that a person allowed a client, and redirects a
//! browser with a session back with a code and without a page. A gateway that uses one static client id for many clients must
//! therefore ask for consent itself; this provider makes the danger visible.
//!
//! For tests of clients, fault injection (`faults`) makes it misbehave. It is off by default.
//!
//! The provider asks for no password, so it must never be reachable from another machine. It stores only its signing key:
//! sessions, codes and tokens end with the process.

mod answer;
mod config;
mod cookie;
mod faults;
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

/// Largest body of a request. A form or a token request has a few hundred bytes.
const BODY_LIMIT: usize = 16 * 1024;

/// An OpenID Connect provider: its settings, its key and its sessions, codes and tokens.
pub struct Provider {
    issuer: String,
    clients: Vec<Client>,
    users: Vec<User>,
    remember_consent: bool,
    fault_injection: bool,
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
            fault_injection: config.fault_injection,
        }))
    }

    /// The router of all endpoints.
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
        if self.fault_injection { faults::inject(honest, Arc::clone(self)) } else { honest }
    }

    fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    fn user(&self, sub: &str) -> Option<&User> {
        self.users.iter().find(|user| user.sub == sub)
    }

    /// Hold the lock for a few map operations only, never across an await. Poisoning is ignored: each operation leaves the maps
    /// consistent.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Provider {
    /// Omits keys, secrets, sessions and tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// A random session id, code or token with 256 bits of entropy.
fn random_token() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(random_bytes())
}

#[expect(clippy::disallowed_methods, reason = "no test needs to control this randomness")]
#[expect(clippy::expect_used, reason = "a provider without random numbers must not run")]
fn random_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system has random numbers");
    bytes
}
