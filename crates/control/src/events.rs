//! The event log: new events are sealed ([`seal`]), old ones are deleted ([`retention`]), and an issuer's events can be
//! exported with the proof that none is missing ([`export`]).
//!
//! Each issuer has a chain of signed digests. A digest covers the next range of the issuer's events, as the lines that
//! [`mod@line`] makes of them, and the digest before it; it says from which range on events are kept. The lines, the chain and
//! the public keys together prove which events were deleted in order and which were taken away.
//!
//! An event is never changed, and never deleted before a digest has announced it.

mod export;
mod line;
mod retention;
mod seal;

use lychgate_domain::issuer::{Issuer, IssuerUrl};
use lychgate_domain::time::Timestamp;
use lychgate_engine::Cursor;
use lychgate_store::StoreError;

use crate::ground::error::Error;
use crate::keys::keyring::KeyManager;
use crate::state::{CallContext, State};
use seal::SealReason;

pub(crate) use export::{Export, ExportPosition, ExportRequest, Line};

/// Entries of the log that are read at once, at most.
const PAGE: usize = 1000;

/// The events of one issuer, and the keys that sign their digests.
#[derive(Clone, Copy)]
struct IssuerLog<'a> {
    issuer: &'a Issuer,
    key_manager: &'a KeyManager,
}

impl<'a> IssuerLog<'a> {
    fn of(call: &'a CallContext) -> Self {
        Self { issuer: call.issuer(), key_manager: &call.serving.key_manager }
    }

    fn url(&self) -> &IssuerUrl {
        &self.issuer.url
    }
}

/// The event log of this process's store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Events<'a>(pub(crate) &'a State);

impl Events<'_> {
    /// Seals and deletes what is due. Every node does it: of two at once one commits, and the other sees its result.
    pub(crate) async fn maintain(&self) -> Result<(), Error> {
        for log in self.each_issuer() {
            self.seal(log, SealReason::Due).await?;
        }
        self.delete_old().await
    }

    fn each_issuer(&self) -> impl Iterator<Item = IssuerLog<'_>> {
        self.0.issuers.each().map(|(issuer, key_manager)| IssuerLog { issuer, key_manager })
    }

    /// Where the feed begins: before the oldest event that the feed still shows, or at the end of the log.
    pub(crate) async fn feed_begin(&self) -> Result<Cursor, Error> {
        let State { store, clock, log, .. } = self.0;
        let now = clock.now();
        let from = log.retention.feed_from(now);
        let mut begin = store.oldest_event(now).await?;
        for log in self.each_issuer() {
            if let Some(end) = self.sealed_before(log, from, now).await?
                && begin.is_before(&end)
            {
                begin = end;
            }
        }
        loop {
            let found = store.raw_events(begin, PAGE).await?;
            if found.entries.is_empty() {
                return Ok(found.next);
            }
            for entry in found.entries {
                if entry.event.is_some_and(|(_, event)| event.at >= from) {
                    return Ok(begin);
                }
                begin = entry.cursor;
            }
        }
    }

    /// Whether the feed still shows the next event after `cursor`; also if there is none yet.
    pub(crate) async fn is_in_feed(&self, cursor: Cursor) -> Result<bool, Error> {
        let State { store, clock, log, .. } = self.0;
        let from = log.retention.feed_from(clock.now());
        match store.raw_events(cursor, 1).await {
            Ok(found) => {
                Ok(found.entries.into_iter().all(|entry| entry.event.is_none_or(|(_, event)| event.at >= from)))
            }
            Err(StoreError::CursorLost { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The end of the last range in which no event of the issuer happened at `from` or later.
    async fn sealed_before(
        &self,
        log: IssuerLog<'_>,
        from: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Cursor>, Error> {
        let store = &self.0.store;
        let Some(chain) = store.digest_chain(log.url(), now).await? else { return Ok(None) };
        let (mut low, mut high) = (chain.value.kept_from, chain.value.newest.number + 1);
        let mut end = None;
        while low < high {
            let middle = low + (high - low) / 2;
            let found = store.range_digests(log.url(), middle, 1, now).await?.pop();
            match found.filter(|found| found.newest_at < from) {
                Some(older) => (low, end) = (middle + 1, Some(older.end)),
                None => high = middle,
            }
        }
        Ok(end)
    }
}
