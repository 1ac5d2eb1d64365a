//! Sealing: a signed digest of the next range of an issuer's events.

use lychgate_domain::event::Retention;
use lychgate_domain::id::{EventId, encode};
use lychgate_domain::keys::KeyId;
use lychgate_domain::time::Timestamp;
use lychgate_engine::Cursor;
use lychgate_store::StoreError;
use lychgate_store::digests::{DigestChain, RangeDigest};
use lychgate_store::events::RawEvent;
use serde_json::{Map, json};
use sha2::{Digest as _, Sha256};

use super::{Events, IssuerLog, PAGE, line};
use crate::ground::commit::{Commit, Contended, until_committed};
use crate::ground::error::Error;
use crate::keys::jwk::jwk_json;

/// `typ` of a digest (RFC 7515 §4.1.9): no access token has it.
pub(super) const DIGEST_TYPE: &str = "lychgate-digest+jws";

/// Why a range may be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SealReason {
    /// Enough events, or old enough ones, have gathered.
    Due,
    /// An export continues, or covers a time span: it wants every event up to now.
    Export,
    /// An export ends now. Its last digest is made now even if it covers no event: it proves that nothing happened.
    ExportUntilNow,
    /// The ranges before this one are to be deleted, and a digest must announce it first.
    Deleting { kept_from: u64 },
}

/// The ranges that one call seals, at most.
const MAX_RANGES: usize = 128;

/// The result of sealing one range.
enum Sealed {
    /// There was no reason to: the chain, as it is.
    Nothing(Option<DigestChain>),
    /// A range of the largest size; there may be more events.
    WholeRange,
    /// A range up to the end of the log.
    LastRange,
}

/// An issuer's events that no digest covers yet, up to the size of a range.
struct Pending {
    hash: Sha256,
    count: u64,
    first: Option<EventId>,
    last: Option<EventId>,
    oldest_at: Timestamp,
    newest_at: Timestamp,
    /// Before the first of them; without one, as far as the log was read.
    begin: Cursor,
    end: Cursor,
    /// When they were read.
    now: Timestamp,
}

impl Events<'_> {
    /// Seals as many ranges as there is reason to. Returns the chain as it is then.
    pub(super) async fn seal(&self, log: IssuerLog<'_>, reason: SealReason) -> Result<Option<DigestChain>, Error> {
        let mut reason = reason;
        for _ in 0..MAX_RANGES {
            match until_committed(|| self.seal_range(log, reason)).await? {
                Sealed::Nothing(chain) => return Ok(chain),
                Sealed::WholeRange => {}
                Sealed::LastRange => reason = SealReason::Due,
            }
        }
        match reason {
            // The next call seals the rest.
            SealReason::Due => {
                Ok(self.0.store.digest_chain(log.url(), self.0.clock.now()).await?.map(|read| read.value))
            }
            SealReason::Export | SealReason::ExportUntilNow | SealReason::Deleting { .. } => Err(Contended.into()),
        }
    }

    /// Seals the next range, if there is reason to.
    async fn seal_range(&self, log: IssuerLog<'_>, reason: SealReason) -> Result<Commit<Sealed>, Error> {
        let now = self.0.clock.now();
        let read = self.0.store.digest_chain(log.url(), now).await?;
        let chain = read.as_ref().map(|read| &read.value);
        let pending = self.pending(log, chain, now).await?;
        let announced = log.key_manager.known().announced_events.as_ref().map(|(id, _)| *id);
        let is_unannounced = announced.is_some() && announced != chain.and_then(|chain| chain.announced);
        let is_due = match reason {
            SealReason::Due => false,
            SealReason::Export => pending.count > 0 || chain.is_none(),
            SealReason::ExportUntilNow => true,
            SealReason::Deleting { kept_from } => chain.is_some_and(|chain| chain.kept_from < kept_from),
        };
        if !is_due && !is_unannounced && !self.0.log.retention.is_due(pending.count, pending.oldest_at, now) {
            return Ok(Commit::Done(Sealed::Nothing(read.map(|read| read.value))));
        }
        let is_whole = pending.count == Retention::MAX_RANGE;
        let next = self.link(log, chain, pending, reason).await?;
        let commit = self.0.store.extend_chain(log.url(), read.as_ref(), &next, now).await?;
        Ok(commit.with(if is_whole { Sealed::WholeRange } else { Sealed::LastRange }))
    }

    /// Reads on from the end of the chain, or from where an earlier scan has got to.
    async fn pending(&self, log: IssuerLog<'_>, chain: Option<&DigestChain>, now: Timestamp) -> Result<Pending, Error> {
        let number = chain.map_or(0, |chain| chain.newest.number);
        let scanned = self.0.log.scanned().get(&log.issuer.id).copied();
        let mut from = match (scanned.filter(|(of_number, _)| *of_number == number), chain) {
            (Some((_, scanned)), _) => scanned,
            (None, Some(chain)) => chain.newest.end,
            (None, None) => self.0.store.oldest_event(now).await?,
        };
        let newest_at = chain.map_or(Timestamp::EPOCH, |chain| chain.newest.newest_at);
        let mut pending = Pending {
            hash: Sha256::new(),
            count: 0,
            first: None,
            last: None,
            oldest_at: now,
            newest_at,
            begin: from,
            end: from,
            now,
        };
        loop {
            let found = match self.0.store.raw_events(from, PAGE).await {
                Err(StoreError::CursorLost { oldest }) => {
                    // Within one history, the events there were those of other issuers, and are deleted.
                    if !from.is_before(&oldest) {
                        tracing::error!(
                            issuer.id = %log.issuer.id,
                            "the event log is not the one that the digests were made of; sealing continues with the events there are"
                        );
                    }
                    self.0.log.scanned().insert(log.issuer.id.clone(), (number, oldest));
                    (pending.begin, pending.end) = (oldest, oldest);
                    self.0.store.raw_events(oldest, PAGE).await?
                }
                found => found?,
            };
            let is_end = found.entries.len() < PAGE;
            for entry in found.entries {
                pending.take(log.url().as_str(), &entry);
                if pending.count == Retention::MAX_RANGE {
                    break;
                }
            }
            if is_end || pending.count == Retention::MAX_RANGE {
                break;
            }
            from = found.next;
        }
        self.0.log.scanned().insert(log.issuer.id.clone(), (number, pending.begin));
        Ok(pending)
    }

    /// The chain with the next digest, signed.
    async fn link(
        &self,
        log: IssuerLog<'_>,
        chain: Option<&DigestChain>,
        pending: Pending,
        reason: SealReason,
    ) -> Result<DigestChain, Error> {
        let now = pending.now;
        let keys = log.key_manager.keys(now).await;
        let number = chain.map_or(1, |chain| chain.newest.number + 1);
        let kept_from = match (reason, chain) {
            (SealReason::Deleting { kept_from }, _) => kept_from,
            (_, Some(chain)) => chain.kept_from,
            (_, None) => 1,
        };
        let mut claims = Map::new();
        claims.insert("iss".to_owned(), json!(log.url().as_str()));
        claims.insert("number".to_owned(), json!(number));
        claims.insert("time".to_owned(), json!(line::rfc3339(now)));
        claims.insert("count".to_owned(), json!(pending.count));
        claims.insert("hash".to_owned(), json!(encode(&pending.hash.finalize())));
        claims.insert("kept_from".to_owned(), json!(kept_from));
        if let Some(chain) = chain {
            claims.insert("previous".to_owned(), json!(encode(&Sha256::digest(&chain.newest.jws))));
        }
        for (name, id) in [("first", pending.first), ("last", pending.last)] {
            if let Some(id) = id {
                claims.insert(name.to_owned(), json!(id.to_string()));
            }
        }
        let mut announced: Option<KeyId> = chain.and_then(|chain| chain.announced);
        if let Some((id, jwk)) = keys.announced_events.as_ref().filter(|(id, _)| Some(*id) != announced) {
            claims.insert("next_key".to_owned(), jwk_json(jwk));
            announced = Some(*id);
        }
        let payload = line::canonical(claims);
        let jws = keys.events.sign_as(DIGEST_TYPE, payload.as_bytes()).map_err(Error::Fault)?;
        let begin = chain.map_or(pending.begin, |chain| chain.newest.end);
        let newest = RangeDigest {
            number,
            jws,
            // After a break in the log's history, a range begins anew.
            begin: if begin.incarnation == pending.end.incarnation { begin } else { pending.begin },
            end: pending.end,
            count: pending.count,
            newest_at: pending.newest_at,
        };
        tracing::info!(issuer.id = %log.issuer.id, digest.number = number, digest.count = pending.count, "events sealed");
        Ok(DigestChain { newest, kept_from, announced })
    }
}

impl Pending {
    fn take(&mut self, issuer: &str, entry: &RawEvent) {
        match &entry.event {
            Some((of, event)) if of == issuer => {
                self.hash.update(line::of_event(issuer, event));
                self.hash.update(b"\n");
                if self.count == 0 {
                    (self.first, self.oldest_at) = (Some(event.id), event.at);
                }
                self.count += 1;
                self.last = Some(event.id);
                self.oldest_at = self.oldest_at.min(event.at);
                self.newest_at = self.newest_at.max(event.at);
            }
            // A damaged entry belongs to no issuer, and no digest covers it.
            Some(_) | None => {}
        }
        self.end = entry.cursor;
        if self.count == 0 {
            self.begin = entry.cursor;
        }
    }
}
