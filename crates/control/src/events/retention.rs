//! Retention: old events are deleted, whole ranges at a time, after a digest has announced it.

use lychgate_domain::time::Timestamp;
use lychgate_engine::Cursor;
use lychgate_store::digests::DigestChain;

use super::seal::SealReason;
use super::{Events, IssuerLog, PAGE};
use crate::ground::error::Error;

/// Ranges that are read at once, and pages of events that are deleted, at most, in one call.
const RANGES: usize = 256;
const PAGES: usize = 10;

/// The part of the log that is searched for old events.
#[derive(Clone, Copy)]
struct Scan {
    from: Cursor,
    bound: Option<Cursor>,
    /// Events from before this time are old.
    before: Timestamp,
}

impl Events<'_> {
    pub(super) async fn delete_old(&self) -> Result<(), Error> {
        let now = self.0.clock.now();
        let before = self.0.log.retention.forget_before(now);
        let oldest = self.0.store.oldest_event(now).await?;
        if self.old_up_to(Scan { from: oldest, bound: None, before }, 1, 1).await?.is_none() {
            return Ok(());
        }
        let mut bound: Option<Cursor> = None;
        for log in self.each_issuer() {
            let kept = self.kept_from(log, before, now).await?.unwrap_or(oldest);
            if bound.is_none_or(|bound| kept.is_before(&bound)) {
                bound = Some(kept);
            }
        }
        let Some(bound) = bound else { return Ok(()) };
        if let Some(cursor) = self.old_up_to(Scan { from: oldest, bound: Some(bound), before }, PAGE, PAGES).await? {
            self.0.store.forget_events(cursor).await?;
            tracing::info!(events.before = %before, "old events deleted");
        }
        Ok(())
    }

    /// The cursor up to which every event after `from` happened before `before`, and lies before `bound`. Each event is read
    /// before it is deleted, also those of issuers that are no longer configured. Damaged entries go with the rest.
    async fn old_up_to(&self, scan: Scan, page: usize, pages: usize) -> Result<Option<Cursor>, Error> {
        let Scan { from, bound, before } = scan;
        let (mut from, mut old) = (from, None);
        for _ in 0..pages {
            let found = self.0.store.raw_events(from, page).await?;
            let is_end = found.entries.len() < page;
            for entry in found.entries {
                let is_old = entry.event.is_none_or(|(_, event)| event.at < before);
                if !is_old || bound.is_some_and(|bound| bound.is_before(&entry.cursor)) {
                    return Ok(old);
                }
                old = Some(entry.cursor);
            }
            if is_end {
                break;
            }
            from = found.next;
        }
        Ok(old)
    }

    /// The cursor before which no event of the issuer must be kept, as a digest has announced. `None` if the issuer has no
    /// digest and its events have not been scanned.
    async fn kept_from(&self, log: IssuerLog<'_>, before: Timestamp, now: Timestamp) -> Result<Option<Cursor>, Error> {
        let read = self.0.store.digest_chain(log.url(), now).await?.map(|read| read.value);
        let Some(mut chain) = read else { return Ok(self.scanned_up_to(log, 0)) };
        if let Some(kept_from) = self.old_ranges(log, &chain, before, now).await? {
            chain = self.seal(log, SealReason::Deleting { kept_from }).await?.unwrap_or(chain);
        }
        // A quiet issuer that is often exported has many empty ranges.
        let mut number = chain.kept_from;
        loop {
            let kept = self.0.store.range_digests(log.url(), number, RANGES, now).await?;
            if let Some(range) = kept.iter().find(|range| range.count > 0) {
                return Ok(Some(range.begin));
            }
            match kept.last() {
                Some(last) if kept.len() == RANGES => number = last.number + 1,
                Some(_) | None => break,
            }
        }
        // All ranges are empty: the events that no digest covers yet decide.
        Ok(Some(self.scanned_up_to(log, chain.newest.number).unwrap_or(chain.newest.end)))
    }

    /// The first range after those that may be deleted. `None` if they contain no event.
    async fn old_ranges(
        &self,
        log: IssuerLog<'_>,
        chain: &DigestChain,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<Option<u64>, Error> {
        let mut number = chain.kept_from;
        loop {
            let ranges = self.0.store.range_digests(log.url(), number, RANGES, now).await?;
            let old = ranges.iter().take_while(|range| range.newest_at < before);
            let kept_from = old.filter(|range| range.count > 0).last().map(|range| range.number + 1);
            match ranges.last() {
                // Ranges that are all empty delete nothing, and may hide an old event behind them.
                Some(last) if kept_from.is_none() && ranges.len() == RANGES && last.newest_at < before => {
                    number = last.number + 1;
                }
                Some(_) | None => return Ok(kept_from),
            }
        }
    }

    fn scanned_up_to(&self, log: IssuerLog<'_>, number: u64) -> Option<Cursor> {
        let scanned = self.0.log.scanned().get(&log.issuer.id).copied();
        scanned.filter(|(of_number, _)| *of_number == number).map(|(_, cursor)| cursor)
    }
}
