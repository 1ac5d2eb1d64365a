//! Export of an issuer's events: range after range, each event a line, and after each range its digest.

use std::collections::VecDeque;

use lychgate_domain::time::Timestamp;
use lychgate_engine::Cursor;
use lychgate_store::StoreError;
use lychgate_store::digests::RangeDigest;
use lychgate_store::events::RawEvent;

use super::seal::SealReason;
use super::{Events, IssuerLog, PAGE, line};
use crate::ground::error::Error;
use crate::state::CallContext;

/// `None` is no condition.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ExportRequest {
    /// From the range on in which something happened at this instant or later.
    pub(crate) from: Option<Timestamp>,
    /// Up to the range that ends at this instant or later.
    pub(crate) before: Option<Timestamp>,
    /// Continues from here, in place of `from`.
    pub(crate) position: Option<ExportPosition>,
}

/// Between two lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExportPosition {
    /// The number of the next digest.
    pub(crate) number: u64,
    /// The last event of its range that was exported; `None` at the range's beginning.
    pub(crate) after: Option<Cursor>,
}

/// A line without its line feed, and the position after it.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) next: ExportPosition,
}

/// An export under way.
#[derive(Debug)]
pub(crate) struct Export {
    call: CallContext,
    at: ExportPosition,
    range: Option<RangeDigest>,
    /// The number of the newest digest when the export began.
    last: u64,
    kept_from: u64,
    before: Option<Timestamp>,
}

impl Export {
    /// Seals every event until now, and begins. An export that neither continues another nor ends at a time before has a digest
    /// of now as its last line.
    pub(crate) async fn begin(call: CallContext, request: ExportRequest) -> Result<Self, Error> {
        let (events, log) = (Events(&call.state), IssuerLog::of(&call));
        let ends_now = request.position.is_none() && request.before.is_none();
        let chain = events
            .seal(log, if ends_now { SealReason::ExportUntilNow } else { SealReason::Export })
            .await?
            .ok_or_else(|| Error::Fault(anyhow::anyhow!("there is no digest although one was made")))?;
        let (last, kept_from, before) = (chain.newest.number, chain.kept_from, request.before);
        let at = match (request.position, request.from) {
            (Some(position), _) => events.of_this_history(position, call.now).await?,
            (None, None) => ExportPosition { number: 1, after: None },
            (None, Some(from)) => {
                ExportPosition { number: events.first_since(log, from, last, call.now).await?, after: None }
            }
        };
        Ok(Self { call, at, range: None, last, kept_from, before })
    }
}

impl Events<'_> {
    /// Refuses a position within a range of another history of the log: the rest of the range could not be found, and the
    /// export would have a gap. Numbers of ranges are the same in every history.
    async fn of_this_history(&self, position: ExportPosition, now: Timestamp) -> Result<ExportPosition, Error> {
        let Some(after) = position.after else { return Ok(position) };
        let oldest = self.0.store.oldest_event(now).await?;
        if after.incarnation == oldest.incarnation { Ok(position) } else { Err(Error::CursorLost(oldest)) }
    }

    /// The first range with an event at `from` or later; the newest if there is none.
    async fn first_since(
        &self,
        log: IssuerLog<'_>,
        from: Timestamp,
        newest: u64,
        now: Timestamp,
    ) -> Result<u64, Error> {
        let (mut low, mut high) = (1, newest);
        while low < high {
            let middle = low + (high - low) / 2;
            let found = self.0.store.range_digests(log.url(), middle, 1, now).await?.pop();
            match found {
                Some(range) if range.newest_at < from => low = middle + 1,
                Some(_) | None => high = middle,
            }
        }
        Ok(low)
    }
}

impl Export {
    /// The next lines; none at the end. Fails when the process ends: the lines so far must not pass for the whole export.
    pub(crate) async fn next(&mut self) -> Result<VecDeque<Line>, Error> {
        loop {
            if self.call.state.is_ending() {
                return Err(Error::StoreUnavailable(anyhow::anyhow!(
                    "the control plane is shutting down; the export is incomplete"
                )));
            }
            if self.at.number > self.last {
                return Ok(VecDeque::new());
            }
            let range = match self.range.take() {
                Some(range) => range,
                None => match self.load().await? {
                    Some(range) => range,
                    // The digest is missing: the next one shows that.
                    None => {
                        self.at = ExportPosition { number: self.at.number + 1, after: None };
                        continue;
                    }
                },
            };
            let lines = self.lines(&range).await?;
            if !lines.is_empty() {
                return Ok(lines);
            }
        }
    }

    async fn load(&self) -> Result<Option<RangeDigest>, Error> {
        let (store, now) = (self.call.store(), self.call.state.clock.now());
        let found = store.range_digests(&self.call.issuer().url, self.at.number, 1, now).await?.pop();
        Ok(found.filter(|range| range.number == self.at.number))
    }

    /// The next events of the range; at its end, its digest.
    async fn lines(&mut self, range: &RangeDigest) -> Result<VecDeque<Line>, Error> {
        let number = range.number;
        let from = self.at.after.unwrap_or(range.begin);
        let is_kept = number >= self.kept_from;
        let found = if is_kept && from.is_before(&range.end) { self.stretch(from, range).await? } else { None };
        let url = self.call.issuer().url.as_str().to_owned();
        let (mut lines, mut passed) = (VecDeque::new(), None);
        for entry in found.into_iter().flatten() {
            if range.end.is_before(&entry.cursor) {
                break;
            }
            passed = Some(entry.cursor);
            let next = ExportPosition { number, after: passed };
            match &entry.event {
                Some((issuer, event)) if *issuer == url => {
                    lines.push_back(Line { text: line::of_event(issuer, event), next });
                }
                Some(_) => {}
                None => lines.push_back(Line { text: line::of_damage(), next }),
            }
        }
        if let Some(passed) = passed {
            self.at.after = Some(passed);
            self.range = Some(range.clone());
            return Ok(lines);
        }
        self.at = ExportPosition { number: number + 1, after: None };
        if self.before.is_some_and(|before| range.newest_at >= before) {
            self.last = number;
        }
        lines.push_back(Line { text: line::of_digest(&range.jws), next: self.at });
        Ok(lines)
    }

    /// `None` if the range belongs to another history of the log: its events are gone.
    async fn stretch(&self, from: Cursor, range: &RangeDigest) -> Result<Option<Vec<RawEvent>>, Error> {
        let store = self.call.store();
        match store.raw_events(from, PAGE).await {
            Ok(found) => Ok(Some(found.entries)),
            Err(StoreError::CursorLost { oldest }) if oldest.incarnation != from.incarnation => Ok(None),
            // A range may begin with events of other issuers, which are deleted.
            Err(StoreError::CursorLost { oldest }) if range.count == 0 || oldest.is_before(&range.end) => {
                let found = if oldest.is_before(&range.end) {
                    store.raw_events(oldest, PAGE).await?.entries
                } else {
                    Vec::new()
                };
                Ok(Some(found))
            }
            Err(error @ StoreError::CursorLost { .. }) => {
                // Either the range was deleted in order while it was read, which a new export will show, or its events
                // were taken away, which this one shows.
                let (url, now) = (&self.call.issuer().url, self.call.state.clock.now());
                let chain = store.digest_chain(url, now).await?;
                let is_forgotten = chain.is_some_and(|chain| chain.value.kept_from > range.number);
                if is_forgotten { Err(error.into()) } else { Ok(None) }
            }
            Err(error) => Err(error.into()),
        }
    }
}
