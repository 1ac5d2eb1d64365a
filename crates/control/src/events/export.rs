//! The log of one issuer, taken elsewhere: range after range, each event a line, and after each range its digest.

use std::collections::VecDeque;
use std::sync::Arc;

use lychgate_domain::time::Timestamp;
use lychgate_engine::Cursor;
use lychgate_store::StoreError;
use lychgate_store::digests::RangeDigest;
use lychgate_store::events::RawEvent;

use super::seal::Why;
use super::{Of, PAGE, line};
use crate::ground::caller::Caller;
use crate::ground::error::Error;
use crate::state::Control;

/// What is `None` is no condition.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExportAsked {
    /// From the range on in which something happened at this instant or later.
    pub from: Option<Timestamp>,
    /// Up to the range that ends at this instant or later.
    pub before: Option<Timestamp>,
    /// On from here, in place of `from`.
    pub place: Option<Place>,
}

/// Between two lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Of the digest that comes next.
    pub number: u64,
    /// In the range before it; `None` at its beginning.
    pub after: Option<Cursor>,
}

/// Without its line feed, and the place after it.
#[derive(Debug)]
pub struct Line {
    pub text: String,
    pub next: Place,
}

/// An export under way.
#[derive(Debug)]
pub struct Export {
    control: Control,
    caller: Arc<Caller>,
    issuer_id: String,
    at: Place,
    range: Option<RangeDigest>,
    /// What was the newest digest when it began.
    last: u64,
    kept_from: u64,
    before: Option<Timestamp>,
}

impl Control {
    /// Everything that happened until now is in it, and sealed.
    pub async fn export_events(
        &self,
        caller: Arc<Caller>,
        issuer_id: String,
        asked: ExportAsked,
    ) -> Result<Export, Error> {
        let of = self.of(&issuer_id, &caller)?;
        let now = self.clock.now();
        let chain = self
            .seal(of, Why::Export)
            .await?
            .ok_or_else(|| Error::Fault(anyhow::anyhow!("there is no digest although one was made")))?;
        let at = match (asked.place, asked.from) {
            (Some(place), _) => place,
            (None, None) => Place { number: 1, after: None },
            (None, Some(from)) => {
                Place { number: self.first_since(of, from, chain.newest.number, now).await?, after: None }
            }
        };
        let (last, kept_from, before) = (chain.newest.number, chain.kept_from, asked.before);
        Ok(Export { control: self.clone(), caller, issuer_id, at, range: None, last, kept_from, before })
    }

    fn of(&self, issuer_id: &str, caller: &Caller) -> Result<Of<'_>, Error> {
        let issuer = self.issuers.issuer(issuer_id, &caller.principal)?;
        Ok(Of { issuer, key_manager: self.issuers.key_manager(issuer_id, &caller.principal)? })
    }

    /// The first range in which something happened at `from` or later; the newest if there is none.
    async fn first_since(&self, of: Of<'_>, from: Timestamp, newest: u64, now: Timestamp) -> Result<u64, Error> {
        let (mut low, mut high) = (1, newest);
        while low < high {
            let middle = low + (high - low) / 2;
            let found = self.store.range_digests(of.url(), middle, 1, now).await?.pop();
            match found {
                Some(range) if range.newest_at < from => low = middle + 1,
                Some(_) | None => high = middle,
            }
        }
        Ok(low)
    }
}

impl Export {
    /// The next lines; none at the end. An error when the process ends: nobody may take what came so far for all of it.
    pub async fn next(&mut self) -> Result<VecDeque<Line>, Error> {
        loop {
            if self.control.is_ending() {
                return Err(Error::StoreUnavailable(anyhow::anyhow!("the control plane ends; an export is not done")));
            }
            if self.at.number > self.last {
                return Ok(VecDeque::new());
            }
            let range = match self.range.take() {
                Some(range) => range,
                None => match self.load().await? {
                    Some(range) => range,
                    // A digest that is gone: what comes after it shows that.
                    None => {
                        self.at = Place { number: self.at.number + 1, after: None };
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
        let (control, now) = (&self.control, self.control.clock.now());
        let url = &control.of(&self.issuer_id, &self.caller)?.issuer.url;
        let found = control.store.range_digests(url, self.at.number, 1, now).await?.pop();
        Ok(found.filter(|range| range.number == self.at.number))
    }

    /// Events of the range, or at its end its digest.
    async fn lines(&mut self, range: &RangeDigest) -> Result<VecDeque<Line>, Error> {
        let number = range.number;
        let from = self.at.after.unwrap_or(range.begin);
        let is_kept = number >= self.kept_from;
        let found = if is_kept && from.is_before(&range.end) { self.stretch(from, range).await? } else { None };
        let url = self.control.of(&self.issuer_id, &self.caller)?.issuer.url.as_str().to_owned();
        let (mut lines, mut passed) = (VecDeque::new(), None);
        for entry in found.into_iter().flatten() {
            if range.end.is_before(&entry.cursor) {
                break;
            }
            passed = Some(entry.cursor);
            let next = Place { number, after: passed };
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
        self.at = Place { number: number + 1, after: None };
        if self.before.is_some_and(|before| range.newest_at >= before) {
            self.last = number;
        }
        lines.push_back(Line { text: line::of_digest(&range.jws), next: self.at });
        Ok(lines)
    }

    /// `None` if the range is of another history of the log: its events are not there any more.
    async fn stretch(&self, from: Cursor, range: &RangeDigest) -> Result<Option<Vec<RawEvent>>, Error> {
        let store = &self.control.store;
        match store.raw_events(from, PAGE).await {
            Ok(found) => Ok(Some(found.entries)),
            Err(StoreError::CursorLost { oldest }) if oldest.incarnation != from.incarnation => Ok(None),
            // A range may begin with what was never this issuer's, and is forgotten.
            Err(StoreError::CursorLost { oldest }) if range.count == 0 || oldest.is_before(&range.end) => {
                let found = if oldest.is_before(&range.end) {
                    store.raw_events(oldest, PAGE).await?.entries
                } else {
                    Vec::new()
                };
                Ok(Some(found))
            }
            Err(error @ StoreError::CursorLost { .. }) => {
                // Forgotten in good order while it was being read: a new export says so. Otherwise it was taken away, and
                // this one shows that.
                let (of, now) = (self.control.of(&self.issuer_id, &self.caller)?, self.control.clock.now());
                let chain = self.control.store.digest_chain(of.url(), now).await?;
                let is_forgotten = chain.is_some_and(|chain| chain.value.kept_from > range.number);
                if is_forgotten { Err(error.into()) } else { Ok(None) }
            }
            Err(error) => Err(error.into()),
        }
    }
}
