//! A cache of the issuer's public keys, which fetches them again when a token has an unknown `kid`.
//!
//! An attacker can send tokens with any `kid`. Fetches are therefore limited in rate, run one at a time, and never delay tokens
//! with a known key.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use crate::loopback::is_https_or_loopback;

/// Lifetime of the cache: a key that the issuer has removed is accepted for at most this long.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);
/// Timeout of one HTTP request.
const TIMEOUT: Duration = Duration::from_secs(3);
const BYTES_LIMIT: usize = 64 * 1024;

/// The keys of one issuer.
#[derive(Debug)]
pub struct IssuerKeys {
    issuer: String,
    metadata_url: String,
    http: reqwest::Client,
    refetch_after: Duration,
    cache: RwLock<Cache>,
    /// Held during a fetch.
    fetching: tokio::sync::Mutex<()>,
}

pub(super) enum Lookup {
    Found(Arc<VerificationKey>),
    Unknown,
    Unavailable,
}

/// A public key and the one algorithm it is used with (RFC 8725 §3.1).
#[derive(Debug)]
pub(super) struct VerificationKey {
    pub(super) algorithm: Algorithm,
    pub(super) public: DecodingKey,
}

type Keys = HashMap<String, Arc<VerificationKey>>;

#[derive(Debug, Default)]
struct Cache {
    keys: Keys,
    fetched_at: Option<Instant>,
    last_fetch: Option<Fetch>,
}

#[derive(Debug, Clone, Copy)]
struct Fetch {
    at: Instant,
    succeeded: bool,
}

/// Why the keys cannot be fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the request failed")]
    Http(#[from] reqwest::Error),
    #[error("the response has status {0}")]
    Status(http::StatusCode),
    #[error("the response is longer than {BYTES_LIMIT} bytes")]
    TooLong,
    #[error("the response is not the expected JSON")]
    Json(#[from] serde_json::Error),
    #[error("the metadata belong to another issuer")]
    OtherIssuer,
    #[error("jwks_uri is neither https nor on loopback")]
    JwksUri,
}

impl IssuerKeys {
    /// A cache for `issuer`, an https URL (http on loopback) without query and fragment. `refetch_after` is the shortest time
    /// between two fetches. Fails if TLS cannot be set up.
    pub fn of(issuer: &str, url: &Url, refetch_after: Duration) -> reqwest::Result<Self> {
        // Without redirects and proxies from the environment, the keys can only come from the issuer.
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .build()?;
        let (origin, path) = (url.origin().ascii_serialization(), url.path().trim_end_matches('/'));
        Ok(Self {
            issuer: issuer.to_owned(),
            // RFC 8414 §3.1: the well-known part stands between host and path.
            metadata_url: format!("{origin}/.well-known/oauth-authorization-server{path}"),
            http,
            refetch_after,
            cache: RwLock::default(),
            fetching: tokio::sync::Mutex::default(),
        })
    }

    pub(super) async fn find(&self, kid: &str) -> Lookup {
        if let Some(known) = self.cached(kid) {
            return known;
        }
        let _guard = self.fetching.lock().await;
        // Another task may have fetched the key while this one waited.
        if let Some(known) = self.cached(kid) {
            return known;
        }
        let fetched = self.fetch().await;
        let mut cache = self.cache.write().unwrap_or_else(PoisonError::into_inner);
        let at = Instant::now();
        cache.last_fetch = Some(Fetch { at, succeeded: fetched.is_ok() });
        match fetched {
            Ok(keys) => {
                cache.keys = keys;
                cache.fetched_at = Some(at);
                cache.keys.get(kid).map_or(Lookup::Unknown, |key| Lookup::Found(Arc::clone(key)))
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn Error,
                    issuer.url = self.issuer,
                    "cannot fetch the issuer's keys"
                );
                Lookup::Unavailable
            }
        }
    }

    /// The result from the cache. `None` if a fetch is needed.
    fn cached(&self, kid: &str) -> Option<Lookup> {
        let cache = self.cache.read().unwrap_or_else(PoisonError::into_inner);
        let fresh = cache.fetched_at.is_some_and(|at| at.elapsed() < MAX_AGE);
        if let Some(key) = cache.keys.get(kid).filter(|_| fresh) {
            return Some(Lookup::Found(Arc::clone(key)));
        }
        let recent = cache.last_fetch.filter(|last| last.at.elapsed() < self.refetch_after)?;
        Some(if recent.succeeded { Lookup::Unknown } else { Lookup::Unavailable })
    }

    async fn fetch(&self) -> Result<Keys, FetchError> {
        #[derive(Deserialize)]
        struct Metadata {
            issuer: String,
            jwks_uri: String,
        }
        /// Keys stay unparsed here: an unsupported key must not make the set unusable.
        #[derive(Deserialize)]
        struct JwkSet {
            keys: Vec<Value>,
        }
        let metadata: Metadata = self.json(&self.metadata_url).await?;
        // RFC 8414 §3.3: otherwise another issuer's metadata could supply the keys.
        if metadata.issuer != self.issuer {
            return Err(FetchError::OtherIssuer);
        }
        if !Url::parse(&metadata.jwks_uri).is_ok_and(|url| is_https_or_loopback(&url)) {
            return Err(FetchError::JwksUri);
        }
        let set: JwkSet = self.json(&metadata.jwks_uri).await?;
        Ok(set.keys.into_iter().filter_map(usable).collect())
    }

    async fn json<T: DeserializeOwned>(&self, url: &str) -> Result<T, FetchError> {
        let mut response = self.http.get(url).send().await?;
        if response.status() != http::StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > BYTES_LIMIT {
                return Err(FetchError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(serde_json::from_slice(&body)?)
    }
}

/// Parses a key that signs with ES256, EdDSA or RS256. Other keys are ignored.
fn usable(value: Value) -> Option<(String, Arc<VerificationKey>)> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        _ => return None,
    };
    let for_signatures = jwk.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let for_this = jwk.common.key_algorithm.is_none_or(|declared| declared == algorithm.into());
    if !for_signatures || !for_this {
        return None;
    }
    let public = DecodingKey::from_jwk(&jwk).ok()?;
    Some((jwk.common.key_id?, Arc::new(VerificationKey { algorithm, public })))
}
