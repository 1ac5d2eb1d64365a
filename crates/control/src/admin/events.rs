//! The audit log, page by page, in the order it was written.

use std::time::Duration;

use lychgate_domain::Refusal;
use lychgate_domain::event::Event;
use lychgate_domain::id::ClientId;
use lychgate_domain::keys::digest;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use lychgate_engine::{Cursor, Incarnation};

use super::{Admin, Paged};
use crate::ground::error::Error;
use crate::ground::page_token::{List, PageRequest};

/// Events of the log that are read for one page, at most.
const READ_AT_ONCE: usize = 1000;

/// `None` is no condition.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventFilter {
    pub(crate) subject: Option<Subject>,
    pub(crate) client_id: Option<ClientId>,
    pub(crate) kind: Option<String>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) before: Option<Timestamp>,
}

impl Admin {
    pub(crate) async fn list_events(&self, filter: &EventFilter, page: &PageRequest) -> Result<Paged<Event>, Error> {
        let (call, principal) = (&self.0, &self.0.caller.principal);
        let list = List { method: "AdminService/ListEvents", filter: filter.digest(), principal };
        let from = match list.open(&page.token, call.keys())? {
            Some(position) => position_of(&position).ok_or(Refusal::PageTokenInvalid)?,
            None => call.store().oldest_event(call.now).await?,
        };
        let found = call.store().events(from, Duration::ZERO, READ_AT_ONCE).await?;
        let is_end = found.events.len() < READ_AT_ONCE;
        let (url, mut items) = (call.issuer().url.as_str(), Vec::new());
        let mut next = found.next;
        let mut rest = found.events.into_iter();
        for logged in rest.by_ref() {
            if logged.issuer == url && filter.meets(&logged.event) {
                items.push(logged.event);
                if items.len() == page.size {
                    next = logged.cursor;
                    break;
                }
            }
        }
        let is_end = is_end && rest.len() == 0;
        let token =
            || list.seal(&[next.incarnation.0, next.position.to_be_bytes()].concat(), call.keys(), call.entropy());
        Ok(Paged { items, next_page_token: if is_end { String::new() } else { token() } })
    }
}

impl EventFilter {
    fn meets(&self, event: &Event) -> bool {
        let (subject, client_id) = event.concerns();
        self.subject.as_ref().is_none_or(|asked| Some(asked) == subject)
            && self.client_id.as_ref().is_none_or(|asked| Some(asked) == client_id)
            && self.kind.as_ref().is_none_or(|asked| asked == event.kind.name())
            && self.from.is_none_or(|from| from <= event.at)
            && self.before.is_none_or(|before| event.at < before)
    }

    fn digest(&self) -> [u8; 32] {
        let time = |at: Option<Timestamp>| at.map(|at| at.millis().to_string()).unwrap_or_default();
        let (from, before) = (time(self.from), time(self.before));
        let subject = self.subject.as_ref().map_or("", Subject::as_str);
        let client = self.client_id.as_ref().map_or("", ClientId::as_str);
        let kind = self.kind.as_deref().unwrap_or_default();
        digest("events", &[subject, client, kind, &from, &before].map(str::as_bytes))
    }
}

fn position_of(bytes: &[u8]) -> Option<Cursor> {
    let (incarnation, position) = bytes.split_first_chunk()?;
    Some(Cursor { incarnation: Incarnation(*incarnation), position: u128::from_be_bytes(position.try_into().ok()?) })
}
