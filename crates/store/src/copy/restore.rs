//! What a restore does to the copy of a backup before it may be served: a backup lacks the revocations since it was made,
//! and must not undo them.

use std::collections::BTreeMap;

use lychgate_domain::event::{Event, EventKind, OperatorReason};
use lychgate_domain::id::EventId;
use lychgate_domain::issuer::IssuerUrl;
use lychgate_engine::{Expectation, Key, KeyRange, Limit, Space};

use super::log::LogReader;
use super::{CopyError, StoreCopy};
use crate::record::{Counter, Record as _, decode_event, encode_event};
use crate::{Versioned, decode, key};

/// Issuers of one store, at most. One batch has them all.
const MAX_ISSUERS: usize = 50;

/// The issuers of which everything was ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EverythingEnded {
    /// The number of issuers.
    pub issuers: usize,
    /// Their URLs, as far as the event log names them; only these have an event.
    pub urls: Vec<String>,
}

/// The name in the events of a restore.
const PRINCIPAL: &str = "restore";

impl StoreCopy {
    /// Ends, in the target, every consent and grant of every issuer. The events say `reason`, one line of at most 256
    /// characters; `entropy` is for their ids.
    pub async fn end_everything(
        &mut self,
        reason: &str,
        entropy: &dyn lychgate_engine::Entropy,
    ) -> Result<EverythingEnded, CopyError> {
        let reason =
            OperatorReason::parse(reason).ok_or_else(|| self.target.failed("the reason cannot be displayed"))?;
        let counters = self.issuer_counters().await?;
        if counters.len() > MAX_ISSUERS {
            return Err(self.target.failed(format!("it has more than {MAX_ISSUERS} issuers")));
        }
        let urls = self.issuer_urls().await?;
        let (now, mut batch, mut named) = (self.clock.now(), self.batch(), Vec::new());
        for (digest, counter) in &counters {
            let raised = Counter(counter.as_ref().map_or(0, |found| found.value.0) + 1);
            let expected = counter.as_ref().map_or(Expectation::Absent, |found| Expectation::Version(found.version));
            batch = batch.put(key::issuer_counter_of(digest), expected, raised.encode_record(), None);
            if let Some(url) = urls.get(digest) {
                let event = Event {
                    id: EventId::new(now, &lychgate_engine::random(entropy)),
                    at: now,
                    kind: EventKind::IssuerRevoked { reason: reason.clone() },
                    about: None,
                    principal: PRINCIPAL.to_owned(),
                    request_id: PRINCIPAL.to_owned(),
                    address: None,
                };
                batch = batch.event(encode_event(url, &event));
                named.push(url.as_str().to_owned());
            }
        }
        self.commit(batch, self.progress.clone()).await?;
        Ok(EverythingEnded { issuers: counters.len(), urls: named })
    }

    /// The digest of each issuer, by its keyring, and its counter.
    async fn issuer_counters(&self) -> Result<BTreeMap<Vec<u8>, Option<Versioned<Counter>>>, CopyError> {
        let (target, instant) = (&self.target, self.progress.instant);
        let limit = Limit { results: 10 * MAX_ISSUERS, rows: 10 * MAX_ISSUERS };
        let range = KeyRange::prefix(key::KEYRINGS);
        let page = target.engine.scan(Space::Meta, range, instant, limit).await;
        let page = page.map_err(|error| target.failed(error))?;
        let digests = page.entries.into_iter().map(|(key, _)| key.bytes[key::KEYRINGS.len()..].to_vec());
        let digests: Vec<Vec<u8>> = digests.collect();
        let keys: Vec<Key> = digests.iter().map(|digest| key::issuer_counter_of(digest)).collect();
        let snapshot = target.engine.read(&keys, instant).await.map_err(|error| target.failed(error))?;
        let mut counters = BTreeMap::new();
        for (digest, entry) in digests.into_iter().zip(snapshot.entries) {
            counters.insert(digest, decode(entry).map_err(|error| target.failed(error))?);
        }
        Ok(counters)
    }

    /// The URL of each issuer that the event log names, by its digest.
    async fn issuer_urls(&self) -> Result<BTreeMap<Vec<u8>, IssuerUrl>, CopyError> {
        let target = &self.target;
        let mut urls = BTreeMap::new();
        let mut log = LogReader::oldest(&target.engine, self.of_target).await.map_err(|error| target.failed(error))?;
        while let Some(event) = log.next().await.map_err(|error| target.failed(error))? {
            let url = decode_event(&event.value).and_then(|(url, _)| IssuerUrl::parse(&url).ok());
            if let Some(url) = url {
                urls.insert(url.digest().to_vec(), url);
            }
        }
        Ok(urls)
    }
}
