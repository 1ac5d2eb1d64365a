//! Events as JSON lines: the form in which they are exported, and of which digests are made.
//!
//! Canonical (RFC 8785): members in the order of their names, no white space, only objects, arrays, strings and
//! `true`; absent members are left out. Members may be added, never changed, and a stored event always gives the same line:
//! otherwise its digest would no longer match.

use lychgate_domain::event::{Event, EventKind};
use lychgate_domain::id::encode;
use lychgate_domain::keys::rotation::RotationUrgency;
use lychgate_domain::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::ground::protobuf_time::timestamp;
use crate::keys::signing::kid;

/// Without the line feed.
pub(super) fn of_event(issuer: &str, event: &Event) -> String {
    let (subject, client_id) = event.concerns();
    let (grant_id, scopes, reason) = event.kind.details();
    let mut members = Map::new();
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    };
    let text = |text: &str| (!text.is_empty()).then(|| Value::from(text));
    let words = |text: &str| (!text.is_empty()).then(|| text.split_ascii_whitespace().collect::<Value>());
    add("type", text("event"));
    add("event_id", text(&event.id.to_string()));
    add("time", text(&rfc3339(event.at)));
    add("issuer", text(issuer));
    add("kind", text(event.kind.name()));
    add("principal", text(&event.principal));
    add("call_id", text(&event.request_id));
    add("address", event.address.as_ref().and_then(|address| text(address.as_str())));
    add("subject", subject.and_then(|subject| text(subject.as_str())));
    add("client_id", client_id.and_then(|id| text(id.as_str())));
    add("resource", event.about.as_ref().and_then(|about| text(&about.resource)));
    let authorization_id = event.about.as_ref().and_then(|about| about.authorization_id);
    add("authorization_id", authorization_id.and_then(|id| text(&id.to_string())));
    add("grant_id", grant_id.and_then(|id| text(&id.to_string())));
    add("scopes", words(scopes));
    add("requested_scopes", words(event.kind.requested()));
    add("reason", reason.and_then(|reason| text(reason.as_str())));
    match &event.kind {
        EventKind::ConsentApproved { how, .. } => add("how", how.and_then(|how| text(how.as_str()))),
        EventKind::KeysRotated { keys, urgency } => {
            let key = |(family, id): &(lychgate_domain::keys::rotation::KeyFamily, _)| json!({ "key_id": kid(*id), "purpose": family.label() });
            add("keys", Some(keys.iter().map(key).collect()));
            add("compromised", (*urgency == RotationUrgency::Compromised).then_some(Value::Bool(true)));
        }
        EventKind::ConfigurationChanged { digest } => add("configuration", text(&encode(digest))),
        EventKind::ConsentDenied { .. }
        | EventKind::LoginQuestioned { .. }
        | EventKind::LoginRefused
        | EventKind::EntryRefused
        | EventKind::GrantIssued { .. }
        | EventKind::CodeReplayed { .. }
        | EventKind::RefreshTokenReplayed { .. }
        | EventKind::GrantSuperseded { .. }
        | EventKind::GrantReturned { .. }
        | EventKind::ConsentRevoked { .. }
        | EventKind::GrantRevoked { .. }
        | EventKind::ClientRevoked { .. }
        | EventKind::SubjectRevoked { .. }
        | EventKind::IssuerRevoked { .. }
        | EventKind::ClientDisabled { .. }
        | EventKind::ClientEnabled { .. }
        | EventKind::ConnectionRejected
        | EventKind::ConnectionEnded { .. }
        | EventKind::UpstreamTokenGiven { .. } => {}
    }
    canonical(members)
}

/// The line in place of a damaged entry: it matches no digest.
pub(super) fn of_damage() -> String {
    canonical(Map::from_iter([("type".to_owned(), Value::from("damaged"))]))
}

pub(super) fn of_digest(jws: &str) -> String {
    canonical(Map::from_iter([("type".to_owned(), Value::from("digest")), ("jws".to_owned(), Value::from(jws))]))
}

/// Sorts the members, in case the map does not.
pub(super) fn canonical(members: Map<String, Value>) -> String {
    let mut sorted: Vec<_> = members.into_iter().collect();
    sorted.sort_by(|(one, _), (next, _)| one.cmp(next));
    Value::Object(sorted.into_iter().collect()).to_string()
}

/// To the millisecond, always with three digits, UTC.
pub(super) fn rfc3339(at: Timestamp) -> String {
    let seconds = timestamp(at).to_string();
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), at.millis() % 1000)
}

#[cfg(test)]
#[path = "line/tests.rs"]
mod tests;
