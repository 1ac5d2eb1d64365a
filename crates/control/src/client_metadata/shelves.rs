//! What is kept: two shelves of bounded size, each of which gives up what was not asked for longest.

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderMap;
use lychgate_domain::time::Timestamp;
use serde_json::Value;

use super::{Age, ClientTrust, Document, Key, STALE_IF_ERROR, freshness};
use crate::ground::outbound::Validators;

/// Of one document in memory: JSON unfolds to a hundred times its size.
const MAX_WEIGHT: usize = 512 * 1024;

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) document: Arc<Document>,
    pub(super) validators: Option<Validators>,
    /// Until then it serves unasked.
    retry_at: Timestamp,
    weight: usize,
}

impl Entry {
    /// `None` for what weighs too much.
    pub(super) fn new(document: Document, validators: Option<Validators>) -> Option<Self> {
        // Besides the value: URL, validators, the maps' own.
        let weight = weigh(&document.value) + 2048;
        let document = Arc::new(document);
        (weight <= MAX_WEIGHT).then_some(Self { document, validators, retry_at: Timestamp::EPOCH, weight })
    }

    /// After its server said that nothing has changed (RFC 9111 §4.3.4).
    pub(super) fn renewed(&self, headers: &HeaderMap, now: Timestamp) -> Self {
        let fresh_until = now + freshness::lifetime(headers, now);
        let document = Document { fetched_at: now, fresh_until, ..(*self.document).clone() };
        let validators = Validators::of(headers).or_else(|| self.validators.clone());
        Self { document: Arc::new(document), validators, retry_at: Timestamp::EPOCH, weight: self.weight }
    }

    /// After a failure: its server is left alone for a while.
    pub(super) fn paused(self, until: Timestamp) -> Self {
        Self { retry_at: until, ..self }
    }

    /// Whether nobody need be asked.
    pub(super) fn serves(&self, age: Age, now: Timestamp) -> bool {
        let young = match age {
            Age::Fresh => now < self.document.fresh_until,
            Age::AtMost(age) => now.since(self.document.fetched_at) < age,
        };
        young || (now < self.retry_at && self.serves_after_failure(now))
    }

    pub(super) fn serves_after_failure(&self, now: Timestamp) -> bool {
        now < self.document.fresh_until + STALE_IF_ERROR
    }
}

#[derive(Debug)]
pub(super) struct Shelves {
    consented: Shelf,
    strangers: Shelf,
}

impl Default for Shelves {
    fn default() -> Self {
        Self { consented: Shelf::new(32 * 1024 * 1024, 4096), strangers: Shelf::new(8 * 1024 * 1024, 1024) }
    }
}

impl Shelves {
    /// What is kept under `key`, which from now on stands where `standing` has a right to it.
    pub(super) fn find(&mut self, key: &Key, trust: ClientTrust) -> Option<&Entry> {
        if trust == ClientTrust::Consented
            && let Some(entry) = self.strangers.remove(key)
        {
            self.consented.put(key.clone(), entry);
        }
        match self.consented.find(key) {
            Some(entry) => Some(entry),
            None => self.strangers.find(key),
        }
    }

    /// A stranger's flight does not take a document off the shelf where it stands.
    pub(super) fn put(&mut self, key: Key, trust: ClientTrust, entry: Entry) {
        if trust == ClientTrust::Consented || self.consented.entries.contains_key(&key) {
            self.strangers.remove(&key);
            self.consented.put(key, entry);
        } else {
            self.strangers.put(key, entry);
        }
    }

    pub(super) fn remove(&mut self, key: &Key) {
        self.consented.remove(key);
        self.strangers.remove(key);
    }
}

#[derive(Debug)]
struct Shelf {
    entries: HashMap<Key, (Entry, u64)>,
    weight: usize,
    uses: u64,
    max_weight: usize,
    max_entries: usize,
}

impl Shelf {
    fn new(max_weight: usize, max_entries: usize) -> Self {
        Self { entries: HashMap::new(), weight: 0, uses: 0, max_weight, max_entries }
    }

    fn find(&mut self, key: &Key) -> Option<&Entry> {
        self.uses += 1;
        let (entry, used) = self.entries.get_mut(key)?;
        *used = self.uses;
        Some(entry)
    }

    fn put(&mut self, key: Key, entry: Entry) {
        self.remove(&key);
        self.uses += 1;
        self.weight += entry.weight;
        self.entries.insert(key, (entry, self.uses));
        while self.weight > self.max_weight || self.entries.len() > self.max_entries {
            // A walk of a few thousand, after a fetch: nobody waits for it.
            let Some(oldest) = self.entries.iter().min_by_key(|(_, (_, used))| *used) else { break };
            let oldest = oldest.0.clone();
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, key: &Key) -> Option<Entry> {
        let (entry, _) = self.entries.remove(key)?;
        self.weight -= entry.weight;
        Some(entry)
    }
}

/// About what a value occupies. An object's smallest node has room for eleven members.
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
    use super::*;
    use crate::client_metadata::Kind;
    use serde_json::json;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn key(n: usize) -> Key {
        (Kind::ClientMetadata, format!("https://app.example/{n}"))
    }

    fn entry(value: Value) -> Option<Entry> {
        Entry::new(Document { value, digest: [0; 32], fetched_at: NOW, fresh_until: NOW }, None)
    }

    fn small() -> Entry {
        entry(json!({})).unwrap()
    }

    #[test]
    fn a_shelf_gives_up_what_was_not_asked_for_longest() {
        let mut shelf = Shelf::new(usize::MAX, 3);
        (0..3).for_each(|n| shelf.put(key(n), small()));
        shelf.find(&key(0));
        shelf.put(key(3), small());
        let kept = |shelf: &Shelf| (0..5).filter(|n| shelf.entries.contains_key(&key(*n))).collect::<Vec<_>>();
        assert_eq!(kept(&shelf), [0, 2, 3]);
        shelf.max_weight = shelf.weight;
        shelf.put(key(4), entry(json!("x".repeat(small().weight))).unwrap());
        assert_eq!(kept(&shelf), [3, 4]);
        shelf.put(key(4), small());
        assert_eq!(shelf.weight, 2 * small().weight);
        shelf.remove(&key(3));
        shelf.remove(&key(4));
        assert_eq!(shelf.weight, 0);
    }

    /// Requirements: D7.
    #[test]
    fn strangers_do_not_displace_what_somebody_consented_to() {
        let mut shelves = Shelves::default();
        shelves.put(key(0), ClientTrust::Consented, small());
        // One that was a stranger's first.
        shelves.put(key(1), ClientTrust::Stranger, small());
        assert!(shelves.find(&key(1), ClientTrust::Consented).is_some());
        shelves.put(key(2), ClientTrust::Stranger, small());
        (10..2000).for_each(|n| shelves.put(key(n), ClientTrust::Stranger, small()));
        // Asked for and fetched by strangers, too.
        shelves.put(key(0), ClientTrust::Stranger, entry(json!({"renewed": 1})).unwrap());
        (2000..4000).for_each(|n| shelves.put(key(n), ClientTrust::Stranger, small()));
        assert_eq!(shelves.find(&key(0), ClientTrust::Stranger).unwrap().document.value, json!({"renewed": 1}));
        let kept = |n: usize, shelves: &mut Shelves| shelves.find(&key(n), ClientTrust::Stranger).is_some();
        assert_eq!([0, 1, 2].map(|n| kept(n, &mut shelves)), [true, true, false]);
        assert_eq!((shelves.consented.entries.len(), shelves.strangers.entries.len()), (2, 1024));
    }

    #[test]
    fn what_unfolds_to_much_is_not_kept() {
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
