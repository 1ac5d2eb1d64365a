//! Documents that strangers name: client metadata, and the key sets that it names. Fetched when they are needed, kept as
//! long as their servers say, within bounds of our own.
//!
//! - An error is never kept, and neither is a document that is not acceptable: what works again works at once
//!   (draft-ietf-oauth-client-id-metadata-document-01 §4.3).
//! - Who only now asks for something joins whoever asked before: one flight for each URL, that goes on when they have gone.
//! - A good document that cannot be had again serves for a day more. Not when its owner says that there is none (404, 410),
//!   or has published one that is not acceptable: that is an answer.
//! - What people consented to, what was served before and what nobody knows have budgets of their own, and what people
//!   consented to has a shelf of its own: a million made-up URLs neither delay nor displace it.
//!
//! It knows nothing of what is in a document: the [`Judge`] does. It must never wait: what is too much now is refused, and
//! [`DocumentError::Busy`] says until when.

mod budget;
mod freshness;
mod json;
mod shelves;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use lychgate_domain::time::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use url::Url;

pub use json::{judge, key_set, parse_document};

use crate::ground::outbound::{Class, Fetched, Outbound, OutboundError, Validators};
use budget::{Budgets, Lane};
use shelves::{Entry, Shelves};

/// Past its freshness, so long a good document serves while it cannot be had again.
pub const STALE_IF_ERROR: Duration = Duration::from_secs(24 * 3600);
/// Meanwhile it is asked for no more often than this.
const PAUSE: Duration = Duration::from_secs(30);

/// Decides whether a document is acceptable. The error is for the log: it holds nothing that the document says.
pub type Judge = fn(Kind, &Url, &Value) -> Result<(), &'static str>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    ClientMetadata,
    KeySet,
}

impl Kind {
    fn max_bytes(self) -> usize {
        match self {
            // As the draft recommends (§6.6).
            Kind::ClientMetadata => 5 * 1024,
            Kind::KeySet => 64 * 1024,
        }
    }
}

/// What the caller knows of who is asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientTrust {
    /// There is a live consent to this client.
    Consented,
    Stranger,
}

/// A document, as it was good when it was last looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub value: Value,
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
    /// When its server last said that this is it.
    pub fetched_at: Timestamp,
    pub fresh_until: Timestamp,
}

/// Why there is no document.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DocumentError {
    #[error("it cannot be fetched")]
    Outbound(#[source] Arc<OutboundError>),
    #[error("it is not JSON at line {line} column {column}")]
    NotJson { line: usize, column: usize },
    #[error("it has too many parts")]
    TooMuch,
    #[error("it is not acceptable: {0}")]
    Unacceptable(&'static str),
    #[error("too many documents are being asked for; the next may be in {retry_after:?}")]
    Busy { retry_after: Duration },
    #[error("fetching it panicked")]
    Panicked,
}

impl DocumentError {
    /// What a page may say. `Busy` has words of its own.
    pub fn class(&self) -> Class {
        match self {
            DocumentError::Outbound(error) => error.class(),
            DocumentError::NotJson { .. } | DocumentError::TooMuch | DocumentError::Unacceptable(_) => Class::Invalid,
            DocumentError::Busy { .. } | DocumentError::Panicked => Class::Unreachable,
        }
    }

    /// Whether the owner has spoken: then what he said before is no longer so.
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

/// All documents of all issuers. Clones are the same.
#[derive(Clone, Debug)]
pub struct Documents(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    outbound: Outbound,
    judge: Judge,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    shelves: Shelves,
    budgets: Budgets,
    flights: HashMap<Key, watch::Receiver<Option<Landed>>>,
}

type Key = (Kind, String);
type Landed = Result<Arc<Document>, DocumentError>;

/// How old a document may be.
#[derive(Clone, Copy, Debug)]
enum Age {
    /// As its server said.
    Fresh,
    AtMost(Duration),
}

impl Documents {
    pub fn new(outbound: Outbound, judge: Judge) -> Self {
        Self(Arc::new(Inner { outbound, judge, state: Mutex::default() }))
    }

    /// The document at `url`: what is kept of it while that is fresh, otherwise what is there now.
    pub async fn get(&self, url: &Url, kind: Kind, trust: ClientTrust, now: Timestamp) -> Landed {
        self.look_up(url, kind, trust, Age::Fresh, now).await
    }

    /// The same, for who misses something in the document, as a key: what is kept serves only if it was fetched within the
    /// last minute.
    pub async fn look_again(&self, url: &Url, kind: Kind, trust: ClientTrust, now: Timestamp) -> Landed {
        self.look_up(url, kind, trust, Age::AtMost(freshness::MIN), now).await
    }

    async fn look_up(&self, url: &Url, kind: Kind, trust: ClientTrust, age: Age, now: Timestamp) -> Landed {
        let key = (kind, url.as_str().to_owned());
        let mut flight = {
            let mut state = self.0.state();
            let held = state.shelves.find(&key, trust).cloned();
            if let Some(entry) = &held
                && entry.serves(age, now)
            {
                return Ok(entry.document.clone());
            }
            match state.flights.get(&key) {
                Some(flight) => flight.clone(),
                None => {
                    let lane = match (trust, &held) {
                        (ClientTrust::Consented, _) => Lane::Consented,
                        (ClientTrust::Stranger, Some(_)) => Lane::Served,
                        (ClientTrust::Stranger, None) => Lane::New,
                    };
                    let host = url.host_str().unwrap_or_default().to_owned();
                    if let Err(retry_after) = state.budgets.take(lane, &host, now) {
                        let stale = held.filter(|entry| entry.serves_after_failure(now));
                        return stale.map(|entry| entry.document).ok_or(DocumentError::Busy { retry_after });
                    }
                    let ticket = Ticket { inner: self.0.clone(), key: key.clone(), lane, host };
                    let (landed, flight) = watch::channel(None);
                    state.flights.insert(key.clone(), flight.clone());
                    tokio::spawn(fly(ticket, url.clone(), trust, held, landed, now));
                    flight
                }
            }
        };
        let landed = flight.wait_for(Option::is_some).await.ok().and_then(|landed| landed.clone());
        // Whoever flew may have been a stranger.
        self.0.state().shelves.find(&key, trust);
        landed.unwrap_or(Err(DocumentError::Panicked))
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the state")
    }

    /// What is there now.
    async fn fetch(&self, url: &Url, kind: Kind, held: Option<&Entry>, now: Timestamp) -> Result<Entry, DocumentError> {
        let validators = held.and_then(|entry| entry.validators.as_ref());
        let fetched = self.outbound.get(url, kind.max_bytes(), validators).await;
        match (fetched.map_err(|error| DocumentError::Outbound(Arc::new(error)))?, held) {
            (Fetched::Unchanged { headers }, Some(held)) => Ok(held.renewed(&headers, now)),
            // It says so to whoever has told it what there was before, and to nobody else.
            (Fetched::Unchanged { .. }, None) => {
                Err(DocumentError::Outbound(Arc::new(OutboundError::Status(StatusCode::NOT_MODIFIED))))
            }
            (Fetched::Whole { headers, body }, _) => self.judged(url, kind, &headers, &body, now),
        }
    }

    fn judged(
        &self,
        url: &Url,
        kind: Kind,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Entry, DocumentError> {
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| DocumentError::NotJson { line: error.line(), column: error.column() })?;
        (self.judge)(kind, url, &value).map_err(DocumentError::Unacceptable)?;
        let fresh_until = now + freshness::lifetime(headers, now);
        let document = Document { value, digest: Sha256::digest(body).into(), fetched_at: now, fresh_until };
        Entry::new(document, Validators::of(headers)).ok_or(DocumentError::TooMuch)
    }
}

/// One flight, from which everybody who waits for it has the same answer. In a task of its own: the first to ask may be the
/// first to go.
async fn fly(
    ticket: Ticket,
    url: Url,
    trust: ClientTrust,
    held: Option<Entry>,
    landed: watch::Sender<Option<Landed>>,
    now: Timestamp,
) {
    let fetched = ticket.inner.fetch(&url, ticket.key.0, held.as_ref(), now).await;
    let result = ticket.inner.state().settle(&ticket, trust, fetched, held, now);
    drop(ticket);
    landed.send_replace(Some(result));
}

impl State {
    /// Puts away what was fetched, or decides what its absence means for what was `held`.
    fn settle(
        &mut self,
        ticket: &Ticket,
        trust: ClientTrust,
        fetched: Result<Entry, DocumentError>,
        held: Option<Entry>,
        now: Timestamp,
    ) -> Landed {
        let entry = match (fetched, held) {
            (Ok(entry), _) => entry,
            (Err(error), Some(held)) if !error.is_final() && held.serves_after_failure(now) => {
                let cause = anyhow::Error::new(error);
                tracing::warn!(document.host = ticket.host, error = format!("{cause:#}"), "a kept document serves on");
                held.paused(now + PAUSE)
            }
            (Err(error), _) => {
                if error.is_final() {
                    self.shelves.remove(&ticket.key);
                }
                return Err(error);
            }
        };
        let document = entry.document.clone();
        self.shelves.put(ticket.key.clone(), trust, entry);
        Ok(document)
    }
}

/// The right to fetch. Given back however the flight ends: a flight that nobody takes off the board would never end.
#[derive(Debug)]
struct Ticket {
    inner: Arc<Inner>,
    key: Key,
    lane: Lane,
    host: String,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.inner.state();
        state.flights.remove(&self.key);
        state.budgets.give_back(self.lane, &self.host);
    }
}
