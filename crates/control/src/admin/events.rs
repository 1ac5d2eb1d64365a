//! The audit log, page by page. It is read in the order it was written: an engine keeps it in no other.

use std::time::Duration;

use lychgate_domain::event::Event;
use lychgate_domain::id::ClientId;
use lychgate_domain::keys::digest;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use lychgate_engine::{Cursor, Incarnation};

use super::{PageAsked, Paged};
use crate::ground::caller::Caller;
use crate::ground::error::Error;
use crate::ground::page_token::List;
use crate::state::Control;

/// Events of the store that one page looks at, at most.
const LOOKED_AT: usize = 1000;

/// What is `None` is no condition.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    pub subject: Option<Subject>,
    pub client_id: Option<ClientId>,
    pub kind: Option<String>,
    pub from: Option<Timestamp>,
    pub before: Option<Timestamp>,
}

impl Control {
    pub async fn list_events(
        &self,
        caller: &Caller,
        issuer_id: &str,
        filter: &EventFilter,
        page: &PageAsked,
    ) -> Result<Paged<Event>, Error> {
        let serving = self.issuer(issuer_id, caller).await?;
        let list = List { method: "AdminService/ListEvents", filter: filter.digest(), principal: &caller.principal };
        let from = match list.open(&page.token, serving.keys())? {
            Some(place) => place_of(&place).ok_or(lychgate_domain::Refusal::PageTokenInvalid)?,
            None => self.store.oldest_event(self.clock.now()).await?,
        };
        let found = self.store.events(from, Duration::ZERO, LOOKED_AT).await?;
        let is_end = found.events.len() < LOOKED_AT;
        let (url, mut items) = (serving.issuer.url.as_str(), Vec::new());
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
            || list.seal(&[next.incarnation.0, next.position.to_be_bytes()].concat(), serving.keys(), &*self.entropy);
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

fn place_of(bytes: &[u8]) -> Option<Cursor> {
    let (incarnation, position) = bytes.split_first_chunk()?;
    Some(Cursor { incarnation: Incarnation(*incarnation), position: u128::from_be_bytes(position.try_into().ok()?) })
}
