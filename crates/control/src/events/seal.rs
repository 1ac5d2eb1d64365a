//! Sealing: a signed digest over the next range of an issuer's events.

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

use super::{Of, PAGE, line};
use crate::ground::commit::{Commit, Contended, until_committed};
use crate::ground::error::Error;
use crate::keys::jwk::jwk_json;
use crate::state::Control;

/// `typ` of a digest (RFC 7515 §4.1.9): no access token has it.
pub(super) const DIGEST_TYPE: &str = "lychgate-digest+jws";

/// Why somebody looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It is time to.
    Upkeep,
    /// Somebody wants everything up to now.
    Export,
    /// The ranges before this one are to be forgotten, and a digest has to say so first.
    Forgetting { kept_from: u64 },
}

/// The ranges that one call seals, at most.
const MAX_RANGES: usize = 128;

/// What sealing one range came to.
enum Sealed {
    /// There was no reason to: the chain, as it is.
    Nothing(Option<DigestChain>),
    /// A range of the largest size; there may be more events.
    WholeRange,
    /// A range up to the end of the log.
    LastRange,
}

/// What of an issuer's events no digest covers yet, up to the size of a range.
struct Pending {
    hash: Sha256,
    count: u64,
    first: Option<EventId>,
    last: Option<EventId>,
    oldest_at: Timestamp,
    newest_at: Timestamp,
    /// Before the first of them; without one, as far as was looked.
    begin: Cursor,
    end: Cursor,
}

impl Control {
    pub(super) async fn seal_what_is_due(&self, of: Of<'_>) -> Result<(), Error> {
        self.seal(of, Why::Upkeep).await.map(drop)
    }

    /// Seals as much as there is reason to; then the chain, as it is.
    pub(super) async fn seal(&self, of: Of<'_>, why: Why) -> Result<Option<DigestChain>, Error> {
        let mut why = why;
        for _ in 0..MAX_RANGES {
            match until_committed(|| self.seal_range(of, why)).await? {
                Sealed::Nothing(chain) => return Ok(chain),
                Sealed::WholeRange => {}
                Sealed::LastRange => why = Why::Upkeep,
            }
        }
        match why {
            // The next call seals the rest.
            Why::Upkeep => Ok(self.store.digest_chain(of.url(), self.clock.now()).await?.map(|read| read.value)),
            Why::Export | Why::Forgetting { .. } => Err(Contended.into()),
        }
    }

    /// Seals the next range, if there is reason to.
    async fn seal_range(&self, of: Of<'_>, why: Why) -> Result<Commit<Sealed>, Error> {
        let now = self.clock.now();
        let read = self.store.digest_chain(of.url(), now).await?;
        let chain = read.as_ref().map(|read| &read.value);
        let pending = self.pending(of, chain, now).await?;
        let announced = of.key_manager.known().announced_events.as_ref().map(|(id, _)| *id);
        let is_unsaid = announced.is_some() && announced != chain.and_then(|chain| chain.announced);
        let is_due = match why {
            Why::Upkeep => false,
            Why::Export => pending.count > 0 || chain.is_none(),
            Why::Forgetting { kept_from } => chain.is_some_and(|chain| chain.kept_from < kept_from),
        };
        if !is_due && !is_unsaid && !self.log.retention.is_due(pending.count, pending.oldest_at, now) {
            return Ok(Commit::Done(Sealed::Nothing(read.map(|read| read.value))));
        }
        let is_whole = pending.count == Retention::MAX_RANGE;
        let next = self.link(of, chain, pending, why, now).await?;
        let commit = self.store.extend_chain(of.url(), read.as_ref(), &next, now).await?;
        Ok(commit.with(if is_whole { Sealed::WholeRange } else { Sealed::LastRange }))
    }

    /// Reads on from where the chain has got to, or from where it is known that nothing lay before.
    async fn pending(&self, of: Of<'_>, chain: Option<&DigestChain>, now: Timestamp) -> Result<Pending, Error> {
        let number = chain.map_or(0, |chain| chain.newest.number);
        let looked = self.log.scanned().get(&of.issuer.id).copied();
        let mut from = match (looked.filter(|(of_number, _)| *of_number == number), chain) {
            (Some((_, looked)), _) => looked,
            (None, Some(chain)) => chain.newest.end,
            (None, None) => self.store.oldest_event(now).await?,
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
        };
        loop {
            let found = match self.store.raw_events(from, PAGE).await {
                Err(StoreError::CursorLost { oldest }) => {
                    // In the same history, others' events that lay there are forgotten by now.
                    if !from.is_before(&oldest) {
                        tracing::error!(
                            issuer.id = %of.issuer.id,
                            "the event log is not the one whose digests are kept; they go on with what there is"
                        );
                    }
                    self.log.scanned().insert(of.issuer.id.clone(), (number, oldest));
                    (pending.begin, pending.end) = (oldest, oldest);
                    self.store.raw_events(oldest, PAGE).await?
                }
                found => found?,
            };
            let is_end = found.entries.len() < PAGE;
            for entry in found.entries {
                pending.take(of.url().as_str(), &entry);
                if pending.count == Retention::MAX_RANGE {
                    break;
                }
            }
            if is_end || pending.count == Retention::MAX_RANGE {
                break;
            }
            from = found.next;
        }
        self.log.scanned().insert(of.issuer.id.clone(), (number, pending.begin));
        Ok(pending)
    }

    async fn link(
        &self,
        of: Of<'_>,
        chain: Option<&DigestChain>,
        pending: Pending,
        why: Why,
        now: Timestamp,
    ) -> Result<DigestChain, Error> {
        let keys = of.key_manager.keys(now).await;
        let number = chain.map_or(1, |chain| chain.newest.number + 1);
        let kept_from = match (why, chain) {
            (Why::Forgetting { kept_from }, _) => kept_from,
            (Why::Upkeep | Why::Export, Some(chain)) => chain.kept_from,
            (Why::Upkeep | Why::Export, None) => 1,
        };
        let mut says = Map::new();
        says.insert("iss".to_owned(), json!(of.url().as_str()));
        says.insert("number".to_owned(), json!(number));
        says.insert("time".to_owned(), json!(line::rfc3339(now)));
        says.insert("count".to_owned(), json!(pending.count));
        says.insert("hash".to_owned(), json!(encode(&pending.hash.finalize())));
        says.insert("kept_from".to_owned(), json!(kept_from));
        if let Some(chain) = chain {
            says.insert("previous".to_owned(), json!(encode(&Sha256::digest(&chain.newest.jws))));
        }
        for (name, id) in [("first", pending.first), ("last", pending.last)] {
            if let Some(id) = id {
                says.insert(name.to_owned(), json!(id.to_string()));
            }
        }
        let mut announced: Option<KeyId> = chain.and_then(|chain| chain.announced);
        if let Some((id, jwk)) = keys.announced_events.as_ref().filter(|(id, _)| Some(*id) != announced) {
            says.insert("next_key".to_owned(), jwk_json(jwk));
            announced = Some(*id);
        }
        let payload = line::canonical(says);
        let jws = keys.events.sign_as(DIGEST_TYPE, payload.as_bytes()).map_err(Error::Fault)?;
        let begin = chain.map_or(pending.begin, |chain| chain.newest.end);
        let newest = RangeDigest {
            number,
            jws,
            // Where the history of the log was broken, a range begins anew.
            begin: if begin.incarnation == pending.end.incarnation { begin } else { pending.begin },
            end: pending.end,
            count: pending.count,
            newest_at: pending.newest_at,
        };
        tracing::info!(issuer.id = %of.issuer.id, digest.number = number, digest.count = pending.count, "events sealed");
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
            // What is damaged is nobody's, and no digest says that it was as it is.
            Some(_) | None => {}
        }
        self.end = entry.cursor;
        if self.count == 0 {
            self.begin = entry.cursor;
        }
    }
}
