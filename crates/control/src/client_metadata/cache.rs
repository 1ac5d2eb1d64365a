//! The document cache: one cache for consented clients and one for strangers, each bounded in bytes.
//!
//! Documents of strangers never displace documents of consented clients.

use std::sync::Arc;

use http::HeaderMap;
use lychgate_domain::time::Timestamp;
use quick_cache::unsync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use serde_json::Value;

use super::{ClientTrust, Document, Freshness, Key, PAUSE, STALE_IF_ERROR, freshness};
use crate::ground::outbound::Validators;

/// The greatest size of one document in memory: JSON unfolds to a hundred times its length.
const MAX_WEIGHT: usize = 512 * 1024;
/// The greatest size of all cached documents of consented clients.
const CONSENTED_BYTES: u64 = 32 * 1024 * 1024;
/// The greatest size of all other cached documents.
const STRANGERS_BYTES: u64 = 8 * 1024 * 1024;
/// The share of a full cache that is for entries that were read again. The rest is for new ones: a client's document must
/// outlast a few large documents of others between its first request and its second.
const READ_AGAIN: f64 = 0.5;

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) document: Arc<Document>,
    pub(super) validators: Option<Validators>,
    /// When a fetch failed last: for a moment afterwards it serves without a request.
    failed_at: Option<Timestamp>,
    weight: usize,
}

impl Entry {
    /// `None` if the document is too large.
    pub(super) fn new(document: Document, validators: Option<Validators>) -> Option<Self> {
        // An entry's share besides the value and the URL: validators, the cache's own bookkeeping.
        let weight = weigh(&document.value) + 2048;
        let document = Arc::new(document);
        (weight <= MAX_WEIGHT).then_some(Self { document, validators, failed_at: None, weight })
    }

    /// The entry after its server confirmed the document (RFC 9111 §4.3.4).
    pub(super) fn renewed(&self, headers: &HeaderMap, now: Timestamp) -> Self {
        let lifetime = freshness::lifetime(headers, now);
        let document = Document { fetched_at: now, lifetime, ..(*self.document).clone() };
        let validators = Validators::of(headers).or_else(|| self.validators.clone());
        Self { document: Arc::new(document), validators, failed_at: None, weight: self.weight }
    }

    /// The entry after a failed fetch: its server is left alone for [`PAUSE`].
    pub(super) fn paused(self, now: Timestamp) -> Self {
        Self { failed_at: Some(now), ..self }
    }

    /// True if it serves without a request.
    pub(super) fn serves(&self, wanted: Freshness, now: Timestamp) -> bool {
        let limit = match wanted {
            Freshness::AsServed => self.document.lifetime,
            Freshness::AtMost(age) => age,
        };
        let is_paused = self.failed_at.is_some_and(|failed_at| now.age_of(failed_at).is_below(PAUSE));
        now.age_of(self.document.fetched_at).is_below(limit) || (is_paused && self.serves_after_failure(now))
    }

    pub(super) fn serves_after_failure(&self, now: Timestamp) -> bool {
        now.age_of(self.document.fetched_at).is_below(self.document.lifetime + STALE_IF_ERROR)
    }
}

#[derive(Debug)]
pub(super) struct DocumentCache {
    consented: Cache<Key, Entry, ByWeight>,
    strangers: Cache<Key, Entry, ByWeight>,
}

#[derive(Clone, Debug)]
struct ByWeight;

impl Weighter<Key, Entry> for ByWeight {
    fn weight(&self, (_, url): &Key, entry: &Entry) -> u64 {
        (url.len() + entry.weight) as u64
    }
}

impl Default for DocumentCache {
    fn default() -> Self {
        Self { consented: cache(4096, CONSENTED_BYTES), strangers: cache(1024, STRANGERS_BYTES) }
    }
}

#[expect(clippy::expect_used, reason = "building fails only without a capacity, and both are set here")]
fn cache(estimated_entries: usize, bytes: u64) -> Cache<Key, Entry, ByWeight> {
    let options = OptionsBuilder::new()
        .estimated_items_capacity(estimated_entries)
        .weight_capacity(bytes)
        .hot_allocation(READ_AGAIN)
        .build()
        .expect("both capacities are set");
    Cache::with_options(options, ByWeight, DefaultHashBuilder::default(), DefaultLifecycle::default())
}

impl DocumentCache {
    /// The entry of `key`. A consented request moves a stranger's entry to the cache of consented clients.
    pub(super) fn find(&mut self, key: &Key, trust: ClientTrust) -> Option<&Entry> {
        if trust == ClientTrust::Consented
            && let Some((key, entry)) = self.strangers.remove(key)
        {
            self.consented.insert(key, entry);
        }
        self.consented.get(key).or_else(|| self.strangers.get(key))
    }

    /// Stores an entry. A stranger's fetch leaves a consented client's document in its cache.
    pub(super) fn put(&mut self, key: Key, trust: ClientTrust, entry: Entry) {
        if trust == ClientTrust::Consented || self.consented.contains_key(&key) {
            self.strangers.remove(&key);
            self.consented.insert(key, entry);
        } else {
            self.strangers.insert(key, entry);
        }
    }

    pub(super) fn remove(&mut self, key: &Key) {
        self.consented.remove(key);
        self.strangers.remove(key);
    }
}

/// The approximate size of a value in memory. An object's smallest node has room for eleven members.
fn weigh(value: &Value) -> usize {
    let slot = size_of::<Value>();
    slot + match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(elements) => elements.iter().map(weigh).sum(),
        Value::Object(members) => {
            let nodes = members.len().div_ceil(5) * 11 * (slot + size_of::<String>());
            nodes + members.iter().map(|(name, member)| name.len() + weigh(member)).sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::client_metadata::Kind;
    use serde_json::json;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn key(n: usize) -> Key {
        (Kind::ClientMetadata, format!("https://app.example/{n}"))
    }

    fn entry(value: Value) -> Option<Entry> {
        Entry::new(Document { value, digest: [0; 32], fetched_at: NOW, lifetime: Duration::ZERO }, None)
    }

    fn small() -> Entry {
        entry(json!({})).unwrap()
    }

    #[test]
    fn a_cache_is_bounded_in_bytes_and_keeps_entries_in_use() {
        let mut cache = DocumentCache::default();
        cache.put(key(0), ClientTrust::Stranger, small());
        for n in 1..20_000 {
            assert!(cache.find(&key(0), ClientTrust::Stranger).is_some(), "{n}: an entry in use is not evicted");
            cache.put(key(n), ClientTrust::Stranger, small());
            assert!(cache.strangers.weight() <= STRANGERS_BYTES, "{n}");
        }
        assert!(cache.strangers.weight() > STRANGERS_BYTES / 2, "the capacity is used");
        let large = || entry(json!("x".repeat(MAX_WEIGHT / 2))).unwrap();
        for n in 0..100 {
            cache.put(key(n), ClientTrust::Stranger, large());
            assert!(cache.strangers.weight() <= STRANGERS_BYTES, "{n}: entries of any size count");
        }
        let mut cache = DocumentCache::default();
        cache.put(key(4), ClientTrust::Stranger, large());
        cache.put(key(4), ClientTrust::Stranger, small());
        let weight = (key(4).1.len() + small().weight) as u64;
        assert_eq!(cache.strangers.weight(), weight, "a replaced entry counts once");
        cache.remove(&key(4));
        assert_eq!(cache.strangers.weight(), 0);
    }

    /// Requirements: D7.
    #[test]
    fn strangers_do_not_displace_documents_of_consented_clients() {
        let mut cache = DocumentCache::default();
        cache.put(key(0), ClientTrust::Consented, small());
        // A stranger's document; its client gets a consent later.
        cache.put(key(1), ClientTrust::Stranger, small());
        assert!(cache.find(&key(1), ClientTrust::Consented).is_some());
        cache.put(key(2), ClientTrust::Stranger, small());
        (10..10_000).for_each(|n| cache.put(key(n), ClientTrust::Stranger, small()));
        // A stranger fetches a consented client's document.
        cache.put(key(0), ClientTrust::Stranger, entry(json!({"renewed": 1})).unwrap());
        (10_000..20_000).for_each(|n| cache.put(key(n), ClientTrust::Stranger, small()));
        assert_eq!(cache.find(&key(0), ClientTrust::Stranger).unwrap().document.value, json!({"renewed": 1}));
        let mut is_cached = |n: usize| cache.find(&key(n), ClientTrust::Stranger).is_some();
        assert_eq!([0, 1].map(&mut is_cached), [true, true]);
        let strangers = (2..20_000).filter(|n| is_cached(*n)).count();
        assert!((1..5_000).contains(&strangers), "{strangers}: most of the strangers' documents are evicted");
        assert_eq!(cache.consented.len(), 2);
        assert!(cache.strangers.weight() <= STRANGERS_BYTES);
    }

    /// A client's document is fetched for its first page and is needed again a moment later.
    ///
    /// Requirements: D7.
    #[test]
    fn a_new_document_outlasts_large_documents_of_others() {
        let mut cache = DocumentCache::default();
        (1..20_000).for_each(|n| cache.put(key(n), ClientTrust::Stranger, small()));
        cache.put(key(0), ClientTrust::Stranger, small());
        let largest = || entry(json!("x".repeat(MAX_WEIGHT - 4096))).unwrap();
        (20_000..20_006).for_each(|n| cache.put(key(n), ClientTrust::Stranger, largest()));
        assert!(cache.find(&key(0), ClientTrust::Stranger).is_some());
    }

    #[test]
    fn a_document_that_unfolds_too_much_is_not_cached() {
        let unfolds = |element: &str, bytes: usize| {
            let elements = vec![element; bytes / (element.len() + 1)].join(",");
            entry(serde_json::from_str(&format!("[{elements}]")).unwrap())
        };
        assert!(unfolds(r#"{"":0}"#, 64 * 1024).is_none());
        assert!(unfolds("0", 64 * 1024).is_none());
        assert!(unfolds(r#"{"":0}"#, 5 * 1024).is_some());
        assert!(unfolds("0", 5 * 1024).is_some());
        assert!(entry(json!("x".repeat(64 * 1024))).is_some());
    }
}
