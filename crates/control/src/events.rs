//! The event log's upkeep: what has gathered is sealed ([`seal`]), what has grown old is forgotten ([`sweep`]), and all that
//! is kept can be taken elsewhere with the proof that it is whole ([`export`]).
//!
//! Each issuer has a chain of signed digests. A digest is about the next range of that issuer's events, as the lines that
//! [`mod@line`] makes of them, and about the digest before it; it says from which range on events are kept. So whoever has the
//! lines, the chain and the public keys can tell what was taken away from what was never there, and needs nobody's word.
//!
//! It never changes an event, and forgets none before a digest has said that it will.

mod export;
mod line;
mod seal;
mod sweep;

use lychgate_domain::issuer::{Issuer, IssuerUrl};
use lychgate_domain::time::Timestamp;
use lychgate_engine::Cursor;

use crate::ground::error::Error;
use crate::keys::keyring::KeyManager;
use crate::state::Control;

pub use export::{Export, ExportAsked, Line, Place};

/// Entries of the log that are read together, at most.
const PAGE: usize = 1000;

/// One issuer and its keys.
#[derive(Clone, Copy)]
struct Of<'a> {
    issuer: &'a Issuer,
    key_manager: &'a KeyManager,
}

impl Of<'_> {
    fn url(&self) -> &IssuerUrl {
        &self.issuer.url
    }
}

impl Control {
    /// What is due now. Every node does it; of two at once one succeeds, and the other sees what it did.
    pub(crate) async fn tend_events(&self) -> Result<(), Error> {
        for of in self.each_issuer() {
            self.seal_what_is_due(of).await?;
        }
        self.forget_what_is_old().await
    }

    fn each_issuer(&self) -> impl Iterator<Item = Of<'_>> {
        self.issuers.each().map(|(issuer, key_manager)| Of { issuer, key_manager })
    }

    /// Where the feed begins: before the oldest event that is news, or at the end of the log.
    pub(crate) async fn feed_begin(&self) -> Result<Cursor, Error> {
        let now = self.clock.now();
        let from = self.log.retention.feed_from(now);
        let mut begin = self.store.oldest_event(now).await?;
        for of in self.each_issuer() {
            if let Some(end) = self.sealed_before(of, from, now).await?
                && begin.is_before(&end)
            {
                begin = end;
            }
        }
        loop {
            let found = self.store.raw_events(begin, PAGE).await?;
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

    /// Whether the next event after `cursor` is still news. That there is none is news, too.
    pub(crate) async fn is_in_feed(&self, cursor: Cursor) -> Result<bool, Error> {
        let from = self.log.retention.feed_from(self.clock.now());
        match self.store.raw_events(cursor, 1).await {
            Ok(found) => {
                Ok(found.entries.into_iter().all(|entry| entry.event.is_none_or(|(_, event)| event.at >= from)))
            }
            Err(lychgate_store::StoreError::CursorLost { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The end of the last of the issuer's ranges in which nothing happened at `from` or later.
    async fn sealed_before(&self, of: Of<'_>, from: Timestamp, now: Timestamp) -> Result<Option<Cursor>, Error> {
        let Some(chain) = self.store.digest_chain(of.url(), now).await? else { return Ok(None) };
        let (mut low, mut high) = (chain.value.kept_from, chain.value.newest.number + 1);
        let mut end = None;
        while low < high {
            let middle = low + (high - low) / 2;
            let found = self.store.range_digests(of.url(), middle, 1, now).await?.pop();
            match found.filter(|found| found.newest_at < from) {
                Some(older) => (low, end) = (middle + 1, Some(older.end)),
                None => high = middle,
            }
        }
        Ok(end)
    }
}
