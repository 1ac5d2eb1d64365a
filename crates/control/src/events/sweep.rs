//! Forgetting: what is older than it has to be kept leaves the log, whole ranges at a time, after a digest has said so.

use lychgate_domain::time::Timestamp;
use lychgate_engine::Cursor;
use lychgate_store::digests::DigestChain;

use super::seal::Why;
use super::{Of, PAGE};
use crate::ground::error::Error;
use crate::state::Control;

/// Ranges that are looked at, and pages of events that are forgotten, at most, each time.
const RANGES: usize = 256;
const PAGES: usize = 10;

impl Control {
    pub(super) async fn forget_what_is_old(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let before = self.log.retention.forget_before(now);
        let oldest = self.store.oldest_event(now).await?;
        if self.old_up_to(oldest, None, before, 1, 1).await?.is_none() {
            return Ok(());
        }
        let mut bound: Option<Cursor> = None;
        for of in self.each_issuer() {
            let kept = self.kept_from(of, before, now).await?.unwrap_or(oldest);
            if bound.is_none_or(|bound| kept.is_before(&bound)) {
                bound = Some(kept);
            }
        }
        let Some(bound) = bound else { return Ok(()) };
        if let Some(place) = self.old_up_to(oldest, Some(bound), before, PAGE, PAGES).await? {
            self.store.forget_events(place).await?;
            tracing::info!(events.before = %before, "events of before were forgotten");
        }
        Ok(())
    }

    /// The place up to which everything after `from` happened before `before`, and lies before `bound`. Each event is looked
    /// at before it goes, also those of issuers that are configured no more. What is damaged goes with the rest.
    async fn old_up_to(
        &self,
        from: Cursor,
        bound: Option<Cursor>,
        before: Timestamp,
        page: usize,
        pages: usize,
    ) -> Result<Option<Cursor>, Error> {
        let (mut from, mut old) = (from, None);
        for _ in 0..pages {
            let found = self.store.raw_events(from, page).await?;
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

    /// The place before which the issuer has nothing that must be kept. A digest has said so. `None` if nothing of its is
    /// sealed and it is not known that there is nothing.
    async fn kept_from(&self, of: Of<'_>, before: Timestamp, now: Timestamp) -> Result<Option<Cursor>, Error> {
        let read = self.store.digest_chain(of.url(), now).await?.map(|read| read.value);
        let Some(mut chain) = read else { return Ok(self.looked_up_to(of, 0)) };
        if let Some(kept_from) = self.old_ranges(of, &chain, before, now).await? {
            chain = self.seal(of, Why::Forgetting { kept_from }).await?.unwrap_or(chain);
        }
        let kept = self.store.range_digests(of.url(), chain.kept_from, RANGES, now).await?;
        if let Some(range) = kept.iter().find(|range| range.count > 0) {
            return Ok(Some(range.begin));
        }
        // Empty ranges only: then what counts is what no digest covers yet.
        let end = kept.last().map_or(chain.newest.end, |range| range.end);
        Ok(Some(self.looked_up_to(of, chain.newest.number).unwrap_or(end)))
    }

    /// The first range after those that may go. `None` if there is no event in them.
    async fn old_ranges(
        &self,
        of: Of<'_>,
        chain: &DigestChain,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<Option<u64>, Error> {
        let ranges = self.store.range_digests(of.url(), chain.kept_from, RANGES, now).await?;
        let old: Vec<_> = ranges.into_iter().take_while(|range| range.newest_at < before).collect();
        let last = old.iter().rposition(|range| range.count > 0);
        Ok(last.map(|last| old[last].number + 1))
    }

    fn looked_up_to(&self, of: Of<'_>, number: u64) -> Option<Cursor> {
        let looked = self.log.scanned().get(&of.issuer.id).copied();
        looked.filter(|(of_number, _)| *of_number == number).map(|(_, place)| place)
    }
}
