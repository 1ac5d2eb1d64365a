//! Fetches and caches documents that clients name: client metadata, and the key sets that it refers to.
//!
//! - Errors and unacceptable documents are not cached: a repaired document works at once
//!   (draft-ietf-oauth-client-id-metadata-document-01 §4.3).
//! - Requests for one URL share one fetch, which continues if the first requester leaves.
//! - If a document cannot be fetched again, the cached one serves for a day more; but not if its owner deleted it (404,
//!   410) or published an unacceptable one.
//! - Documents of consented clients, cached documents of strangers, unknown URLs and the look-ups of their hosts have
//!   separate quotas, and consented documents a cache of their own: a million made-up URLs neither delay nor displace
//!   them, and a million made-up hosts do not delay unknown URLs.
//!
//! The [`Judge`] decides what is acceptable. Nothing here waits for a quota: an excessive request fails at once with
//! [`DocumentError::Busy`], which says when to try again.

mod cache;
mod freshness;
mod json;
mod quota;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use lychgate_process::telemetry::strangers::cut;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use url::Url;

pub use json::{judge, key_set, parse_document};

use crate::ground::outbound::{Class, Fetched, Outbound, OutboundError, Validators};
use cache::{DocumentCache, Entry};
use quota::{QuotaClass, Quotas};

/// How long a stale document serves while it cannot be fetched again.
pub const STALE_IF_ERROR: Duration = Duration::from_secs(24 * 3600);
/// The pause between attempts meanwhile.
const PAUSE: Duration = Duration::from_secs(30);

/// Decides whether a document is acceptable. The error is for the log and contains nothing of the document.
pub type Judge = fn(Kind, &Url, &Value) -> Result<(), &'static str>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    ClientMetadata,
    KeySet,
}

impl Kind {
    fn max_bytes(self) -> usize {
        match self {
            // The draft's recommendation (§6.6).
            Kind::ClientMetadata => 5 * 1024,
            Kind::KeySet => 64 * 1024,
        }
    }
}

/// How far a client is trusted with outbound requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientTrust {
    /// A person who is known to the identity provider has signed in for this client: [`ClientTrust::by`].
    Consented,
    Stranger,
}

impl ClientTrust {
    /// The trust in a client that `subject` has signed in for, as the request proves: by a login, a code or a refresh
    /// token. An approval without a login proves nothing: any browser can press the button.
    pub(crate) fn by(_subject: &Subject) -> Self {
        ClientTrust::Consented
    }
}

/// An acceptable document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub value: Value,
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
    /// When its server last delivered or confirmed it.
    pub fetched_at: Timestamp,
    /// The time for which it is fresh from `fetched_at` on.
    pub lifetime: Duration,
}

/// Why a document is not available.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DocumentError {
    #[error("it cannot be fetched")]
    Outbound(#[source] Arc<OutboundError>),
    #[error("it is not JSON at line {line} column {column}")]
    NotJson { line: usize, column: usize },
    #[error("it takes too much memory")]
    TooMuch,
    #[error("it is not acceptable: {0}")]
    Unacceptable(&'static str),
    #[error("too many documents are being fetched; try again in {retry_after:?}")]
    Busy { retry_after: Duration },
    #[error("fetching it panicked")]
    Panicked,
}

impl DocumentError {
    /// The class for a page. `Busy` has its own message.
    pub fn class(&self) -> Class {
        match self {
            DocumentError::Outbound(error) => error.class(),
            DocumentError::NotJson { .. } | DocumentError::TooMuch | DocumentError::Unacceptable(_) => Class::Invalid,
            DocumentError::Busy { .. } | DocumentError::Panicked => Class::Unreachable,
        }
    }

    /// True if the owner has withdrawn or replaced the document: then the cached one no longer serves.
    fn is_final(&self) -> bool {
        match self {
            DocumentError::Unacceptable(_) => true,
            DocumentError::Outbound(error) => error.class() == Class::Gone,
            DocumentError::NotJson { .. }
            | DocumentError::TooMuch
            | DocumentError::Busy { .. }
            | DocumentError::Panicked => false,
        }
    }
}

/// The documents of all issuers. Clones share one cache.
#[derive(Clone, Debug)]
pub struct Documents(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    outbound: Outbound,
    judge: Judge,
    state: Mutex<DocumentsState>,
}

#[derive(Debug, Default)]
struct DocumentsState {
    cache: DocumentCache,
    quotas: Quotas,
    /// In-flight fetches.
    fetches: HashMap<Key, watch::Receiver<Option<FetchResult>>>,
}

type Key = (Kind, String);
type FetchResult = Result<Arc<Document>, DocumentError>;

/// One request for a document.
#[derive(Clone, Debug)]
struct Request {
    url: Url,
    kind: Kind,
    trust: ClientTrust,
    now: Timestamp,
}

/// The greatest age of an acceptable cached document.
#[derive(Clone, Copy, Debug)]
enum Freshness {
    /// As its server's headers say.
    AsServed,
    AtMost(Duration),
}

impl Documents {
    pub fn new(outbound: Outbound, judge: Judge) -> Self {
        Self(Arc::new(Inner { outbound, judge, state: Mutex::default() }))
    }

    /// The document at `url`: the cached one while it is fresh, otherwise a fetched one.
    pub async fn get(&self, url: &Url, kind: Kind, trust: ClientTrust, now: Timestamp) -> FetchResult {
        self.look_up(Request { url: url.clone(), kind, trust, now }, Freshness::AsServed).await
    }

    /// The document at `url`, for a caller that misses a key in it: the cached one serves only if it was fetched within
    /// the last minute.
    pub async fn get_recent(&self, url: &Url, kind: Kind, trust: ClientTrust, now: Timestamp) -> FetchResult {
        self.look_up(Request { url: url.clone(), kind, trust, now }, Freshness::AtMost(freshness::MIN)).await
    }

    async fn look_up(&self, request: Request, wanted: Freshness) -> FetchResult {
        let (key, trust, now) = (request.key(), request.trust, request.now);
        let mut fetch = {
            let mut state = self.0.state();
            let cached = state.cache.find(&key, trust).cloned();
            if let Some(entry) = &cached
                && entry.serves(wanted, now)
            {
                return Ok(entry.document.clone());
            }
            match state.fetches.get(&key) {
                Some(fetch) => fetch.clone(),
                None => match self.start_fetch(&mut state, request, cached.clone()) {
                    Ok(fetch) => fetch,
                    Err(retry_after) => {
                        let stale = cached.filter(|entry| entry.serves_after_failure(now));
                        return stale.map(|entry| entry.document).ok_or(DocumentError::Busy { retry_after });
                    }
                },
            }
        };
        let result = fetch.wait_for(Option::is_some).await.ok().and_then(|result| result.clone());
        // A stranger's request may have started the fetch: move the entry to the cache of this request's trust.
        self.0.state().cache.find(&key, trust);
        result.unwrap_or(Err(DocumentError::Panicked))
    }

    /// Starts a fetch in a task of its own: the first requester may leave. Fails with the time to wait if the quota is
    /// used up.
    fn start_fetch(
        &self,
        state: &mut DocumentsState,
        request: Request,
        cached: Option<Entry>,
    ) -> Result<watch::Receiver<Option<FetchResult>>, Duration> {
        let class = match (request.trust, &cached) {
            (ClientTrust::Consented, _) => QuotaClass::Consented,
            (ClientTrust::Stranger, Some(_)) => QuotaClass::Served,
            (ClientTrust::Stranger, None) => QuotaClass::Name,
        };
        let host = request.url.host_str().unwrap_or_default();
        state.quotas.take(class, host, request.now)?;
        let reserved = Reserved { inner: self.0.clone(), class, host: host.to_owned() };
        let (sender, fetch) = watch::channel(None);
        state.fetches.insert(request.key(), fetch.clone());
        let permit = FetchPermit { inner: self.0.clone(), request };
        tokio::spawn(permit.fetch(reserved, cached, sender));
        Ok(fetch)
    }
}

impl Request {
    fn key(&self) -> Key {
        (self.kind, self.url.as_str().to_owned())
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, DocumentsState> {
        // A panic while the lock is held leaves a cache and counters that are still usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches the document.
    async fn fetch(
        &self,
        request: &Request,
        reserved: Reserved,
        cached: Option<&Entry>,
    ) -> Result<Entry, DocumentError> {
        let validators = cached.and_then(|entry| entry.validators.as_ref());
        let admit = || reserved.for_the_fetch(request.now);
        let fetched = self.outbound.get(&request.url, request.kind.max_bytes(), validators, admit).await;
        let fetched = fetched.map_err(|error| match error {
            OutboundError::Busy { retry_after } => DocumentError::Busy { retry_after },
            error => DocumentError::Outbound(Arc::new(error)),
        });
        match (fetched?, cached) {
            (Fetched::Unchanged { headers }, Some(cached)) => Ok(cached.renewed(&headers, request.now)),
            // 304 answers a conditional request only, and this was none.
            (Fetched::Unchanged { .. }, None) => {
                Err(DocumentError::Outbound(Arc::new(OutboundError::Status(StatusCode::NOT_MODIFIED))))
            }
            (Fetched::Whole { headers, body }, _) => self.judged(request, &headers, &body),
        }
    }

    /// The entry of an acceptable document.
    fn judged(&self, request: &Request, headers: &HeaderMap, body: &[u8]) -> Result<Entry, DocumentError> {
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| DocumentError::NotJson { line: error.line(), column: error.column() })?;
        (self.judge)(request.kind, &request.url, &value).map_err(DocumentError::Unacceptable)?;
        let (fetched_at, lifetime) = (request.now, freshness::lifetime(headers, request.now));
        let document = Document { value, digest: Sha256::digest(body).into(), fetched_at, lifetime };
        Entry::new(document, Validators::of(headers)).ok_or(DocumentError::TooMuch)
    }
}

impl DocumentsState {
    /// Caches a fetched document, or decides what a failure means for the cached one.
    fn settle(
        &mut self,
        permit: &FetchPermit,
        fetched: Result<Entry, DocumentError>,
        cached: Option<Entry>,
    ) -> FetchResult {
        let Request { trust, now, .. } = permit.request;
        let entry = match (fetched, cached) {
            (Ok(entry), _) => entry,
            (Err(error), Some(cached)) if !error.is_final() && cached.serves_after_failure(now) => {
                let cause = format!("{:#}", anyhow::Error::new(error));
                tracing::warn!(
                    document.host = %cut(permit.request.url.host_str().unwrap_or_default()),
                    error = %cut(&cause),
                    "cannot refresh a client document; serving the cached one"
                );
                cached.paused(now)
            }
            (Err(error), _) => {
                if error.is_final() {
                    self.cache.remove(&permit.request.key());
                }
                return Err(error);
            }
        };
        let document = entry.document.clone();
        self.cache.put(permit.request.key(), trust, entry);
        Ok(document)
    }
}

/// A share of a quota. Dropping it gives the share back.
#[derive(Debug)]
struct Reserved {
    inner: Arc<Inner>,
    class: QuotaClass,
    host: String,
}

impl Reserved {
    /// The share of a fetch, once the host is known to exist; or how long to wait.
    fn for_the_fetch(self, now: Timestamp) -> Result<Self, Duration> {
        match self.class {
            QuotaClass::Name => {
                self.inner.state().quotas.take(QuotaClass::New, &self.host, now)?;
                let (inner, host) = (self.inner.clone(), self.host.clone());
                Ok(Self { inner, class: QuotaClass::New, host })
            }
            QuotaClass::Consented | QuotaClass::Served | QuotaClass::New => Ok(self),
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.inner.state().quotas.release(self.class, &self.host);
    }
}

/// A running fetch. Dropping it removes the fetch from the table, however it ends: a fetch that stayed in the table would
/// block its URL.
#[derive(Debug)]
struct FetchPermit {
    inner: Arc<Inner>,
    request: Request,
}

impl FetchPermit {
    /// Runs the fetch and sends its result to every request that waits for it.
    async fn fetch(self, reserved: Reserved, cached: Option<Entry>, sender: watch::Sender<Option<FetchResult>>) {
        let fetched = self.inner.fetch(&self.request, reserved, cached.as_ref()).await;
        let result = self.inner.state().settle(&self, fetched, cached);
        drop(self);
        sender.send_replace(Some(result));
    }
}

impl Drop for FetchPermit {
    fn drop(&mut self) {
        self.inner.state().fetches.remove(&self.request.key());
    }
}
