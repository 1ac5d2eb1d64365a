//! Revocations in the copy of a backup, before it may be served: a backup lacks those since it was made, and a restore must
//! not undo them.
//!
//! Everything here is a counter that is raised: of an issuer, a client or a person. What was minted under the lower counter
//! has ended: codes, grants and consents.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use lychgate_domain::event::{Event, EventKind, OperatorReason};
use lychgate_domain::id::{ClientId, EventId};
use lychgate_domain::issuer::IssuerUrl;
use lychgate_domain::subject::Subject;
use lychgate_engine::{Entropy, Expectation, Key, KeyRange, Limit, Space};

use super::log::LogReader;
use super::{CopyError, StoreCopy};
use crate::digests::DigestChain;
use crate::record::{Counter, Record as _, decode_event, encode_event};
use crate::{Versioned, decode, key};

/// Counters that are raised in one commit, each with its event.
const AT_ONCE: usize = 60;

/// The largest number of issuers of a store.
const MAX_ISSUERS: usize = 1000;

/// The name in the events of a restore.
const PRINCIPAL: &str = "restore";

/// An issuer in the backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoredIssuer {
    digest: Vec<u8>,
    url: Option<IssuerUrl>,
    /// The number and the compact form of the newest digest of its events.
    pub newest_digest: Option<(u64, String)>,
    /// The ids of its events.
    pub event_ids: HashSet<String>,
}

impl RestoredIssuer {
    /// The issuer's URL; `None` if the log has no event of it.
    pub fn url(&self) -> Option<&str> {
        self.url.as_ref().map(IssuerUrl::as_str)
    }
}

/// One end, of an issuer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndedAgain {
    /// Everything.
    Issuer,
    /// Everything of the client with this id.
    Client(String),
    /// Everything of this person.
    Subject(String),
}

/// A counter to raise, and its event.
type Raise = (Key, Option<(IssuerUrl, EventKind)>);

impl StoreCopy {
    /// The issuers in the target, in the order of their digests.
    pub async fn issuers(&self) -> Result<Vec<RestoredIssuer>, CopyError> {
        let (target, instant) = (&self.target, self.progress.instant);
        let limit = Limit { results: MAX_ISSUERS, rows: MAX_ISSUERS };
        let page = target.engine.scan(Space::Meta, KeyRange::prefix(key::KEYRINGS), instant, limit).await;
        let page = page.map_err(|error| target.failed(error))?;
        if page.next.is_some() {
            return Err(target.failed(format!("it has more than {MAX_ISSUERS} issuers")));
        }
        let digests = page.entries.into_iter().map(|(key, _)| key.bytes[key::KEYRINGS.len()..].to_vec());
        let mut issuers: BTreeMap<Vec<u8>, RestoredIssuer> = BTreeMap::new();
        for digest in digests {
            let chain = key::digest_chain_of(&digest);
            let read = target.engine.read(&[chain], instant).await.map_err(|error| target.failed(error))?;
            let chain: Option<Versioned<DigestChain>> =
                decode(read.entries.into_iter().next().flatten()).map_err(|error| target.failed(error))?;
            let newest_digest = chain.map(|chain| (chain.value.newest.number, chain.value.newest.jws));
            let issuer = RestoredIssuer { digest: digest.clone(), url: None, newest_digest, event_ids: HashSet::new() };
            issuers.insert(digest, issuer);
        }
        let mut log = LogReader::oldest(&target.engine, self.of_target).await.map_err(|error| target.failed(error))?;
        while let Some(event) = log.next().await.map_err(|error| target.failed(error))? {
            let Some((url, event)) = decode_event(&event.value) else { continue };
            let Ok(url) = IssuerUrl::parse(&url) else { continue };
            if let Some(issuer) = issuers.get_mut(url.digest().as_slice()) {
                issuer.event_ids.insert(event.id.to_string());
                issuer.url = Some(url);
            }
        }
        Ok(issuers.into_values().collect())
    }

    /// Ends, in the target, codes, grants and consents of `issuer`. Each has an event with `reason`, one line of at most 256
    /// characters, if the URL of the issuer is known. `entropy` is for the ids of the events.
    pub async fn end_again(
        &mut self,
        issuer: &RestoredIssuer,
        ended: &BTreeSet<EndedAgain>,
        reason: &str,
        entropy: &dyn Entropy,
    ) -> Result<(), CopyError> {
        let reason =
            OperatorReason::parse(reason).ok_or_else(|| self.target.failed("the reason cannot be displayed"))?;
        let raises = ended.iter().map(|ended| self.raise(issuer, ended, &reason));
        let raises = raises.collect::<Result<Vec<Raise>, CopyError>>()?;
        for part in raises.chunks(AT_ONCE) {
            self.raise_all(part, entropy).await?;
        }
        Ok(())
    }

    fn raise(&self, issuer: &RestoredIssuer, ended: &EndedAgain, reason: &OperatorReason) -> Result<Raise, CopyError> {
        let digest = issuer.digest.as_slice();
        let reason = reason.clone();
        let (key, kind) = match ended {
            EndedAgain::Issuer => (key::issuer_counter_of(digest), EventKind::IssuerRevoked { reason }),
            EndedAgain::Client(id) => {
                let id = ClientId::parse(id).ok_or_else(|| self.target.failed(format!("{id:?} is no client id")))?;
                (key::client_counter_of(digest, &id), EventKind::ClientRevoked { client_id: id, reason })
            }
            EndedAgain::Subject(subject) => {
                let subject = Subject::from_record(subject.clone());
                (key::subject_counter_of(digest, &subject), EventKind::SubjectRevoked { subject, reason })
            }
        };
        Ok((key, issuer.url.clone().map(|url| (url, kind))))
    }

    async fn raise_all(&mut self, raises: &[Raise], entropy: &dyn Entropy) -> Result<(), CopyError> {
        let keys: Vec<Key> = raises.iter().map(|(key, _)| key.clone()).collect();
        let (target, now) = (&self.target, self.clock.now());
        let read = target.engine.read(&keys, self.progress.instant).await.map_err(|error| target.failed(error))?;
        let mut batch = self.batch();
        for ((key, event), entry) in raises.iter().zip(read.entries) {
            let counter: Option<Versioned<Counter>> = decode(entry).map_err(|error| target.failed(error))?;
            let expected = counter.as_ref().map_or(Expectation::Absent, |found| Expectation::Version(found.version));
            let raised = Counter(counter.map_or(0, |found| found.value.0) + 1);
            batch = batch.put(key.clone(), expected, raised.encode_record(), None);
            if let Some((url, kind)) = event {
                let event = Event {
                    id: EventId::new(now, &lychgate_engine::random(entropy)),
                    at: now,
                    kind: kind.clone(),
                    about: None,
                    principal: PRINCIPAL.to_owned(),
                    request_id: PRINCIPAL.to_owned(),
                    address: None,
                };
                batch = batch.event(encode_event(url, &event));
            }
        }
        self.commit(batch, self.progress.clone()).await
    }
}
