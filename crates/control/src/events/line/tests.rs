//! Lines as they were ever written, and the catalogue in `docs/events.md` held against the code.

use std::collections::{BTreeMap, BTreeSet};

use lychgate_domain::consent::ConsentScreen;
use lychgate_domain::event::{Address, ApprovedOn, EventCaller, EventName, EventTarget, OperatorReason};
use lychgate_domain::id::{Attempt, AuthorizationId, ClientId, GrantId};
use lychgate_domain::keys::KeyId;
use lychgate_domain::keys::rotation::KeyFamily;
use lychgate_domain::subject::Subject;

use super::*;

const ISSUER: &str = "https://gate.example";

/// One of each kind, with every member it can have. A new kind does not compile until it has one.
fn sample_kind(name: EventName) -> EventKind {
    let (grant_id, client_id) = (GrantId::from_bytes([5; 16]), ClientId::parse("app").unwrap());
    let subject = Subject::from_record("idp|alice".to_owned());
    let reason = OperatorReason::parse("ticket 4711").unwrap();
    let requested = "read write".to_owned();
    match name {
        EventName::ConsentApproved => EventKind::ConsentApproved {
            requested,
            scopes: "read".to_owned(),
            how: Some(ApprovedOn::Screen(ConsentScreen::Full)),
        },
        EventName::ConsentDenied => EventKind::ConsentDenied { requested },
        EventName::ConsentRevoked => EventKind::ConsentRevoked { reason: Some(reason) },
        EventName::LoginQuestioned => EventKind::LoginQuestioned { requested },
        EventName::LoginRefused => EventKind::LoginRefused,
        EventName::EntryRefused => EventKind::EntryRefused,
        EventName::GrantIssued => EventKind::GrantIssued { grant_id, scopes: "read".to_owned() },
        EventName::GrantSuperseded => EventKind::GrantSuperseded { grant_id },
        EventName::GrantReturned => EventKind::GrantReturned { grant_id },
        EventName::GrantRevoked => EventKind::GrantRevoked { grant_id, reason },
        EventName::CodeReplayed => EventKind::CodeReplayed { grant_id },
        EventName::RefreshTokenReplayed => EventKind::RefreshTokenReplayed { grant_id },
        EventName::ClientRevoked => EventKind::ClientRevoked { client_id, reason },
        EventName::ClientDisabled => EventKind::ClientDisabled { client_id, reason },
        EventName::ClientEnabled => EventKind::ClientEnabled { client_id, reason },
        EventName::SubjectRevoked => EventKind::SubjectRevoked { subject, reason },
        EventName::IssuerRevoked => EventKind::IssuerRevoked { reason },
        EventName::KeysRotated => EventKind::KeysRotated {
            keys: vec![(KeyFamily::Signing, KeyId(0xAB))],
            urgency: RotationUrgency::Compromised,
        },
        EventName::ConnectionRejected => EventKind::ConnectionRejected,
        EventName::ConnectionEnded => EventKind::ConnectionEnded { subject, reason: Some(reason) },
        EventName::UpstreamTokenGiven => EventKind::UpstreamTokenGiven { grant_id },
        EventName::ConfigurationChanged => EventKind::ConfigurationChanged { digest: [6; 32] },
    }
}

fn sample(name: EventName) -> Event {
    let of_one_consent = !matches!(
        name,
        EventName::ClientRevoked
            | EventName::ClientDisabled
            | EventName::ClientEnabled
            | EventName::SubjectRevoked
            | EventName::IssuerRevoked
            | EventName::KeysRotated
            | EventName::ConnectionEnded
            | EventName::ConfigurationChanged
    );
    let about = of_one_consent.then(|| EventTarget {
        subject: Subject::from_record("idp|alice".to_owned()),
        client_id: ClientId::parse("app").unwrap(),
        resource: "https://mcp.example/mcp".to_owned(),
        authorization_id: (name != EventName::ConsentRevoked).then(|| AuthorizationId::from_bytes([7; 16])),
    });
    let caller = EventCaller {
        principal: "edge".to_owned(),
        request_id: "r".to_owned(),
        address: Some(Address::from_record("203.0.113.0/24".to_owned())),
    };
    let (attempt, at) = (Attempt::from_bytes([8; 16]), Timestamp::from_millis(1_750_000_000_007));
    let event = Event::new(sample_kind(name), about, &caller, attempt, at);
    assert_eq!(event.kind.called(), name);
    event
}

/// Operators have digests of these bytes on disk.
#[test]
fn lines_are_what_they_ever_were() {
    let written: Vec<_> = EventName::ALL.iter().map(|name| of_event(ISSUER, &sample(*name))).collect();
    let bare = Event { address: None, ..sample(EventName::ConsentApproved) };
    let kind = EventKind::ConsentApproved { requested: String::new(), scopes: String::new(), how: None };
    let bare = of_event(ISSUER, &Event { kind, ..bare });
    let text = written
        .into_iter()
        .chain([bare, of_damage(), of_digest("a.b.c")])
        .fold(String::new(), |text, line| text + &line + "\n");
    assert_eq!(text, include_str!("golden.jsonl"));
}

#[test]
fn strange_characters_stand_in_a_line_as_rfc_8785_has_them() {
    let subject = Subject::from_record("idp|\"\\\n\u{1}\u{7f}é\u{2028}😀/".to_owned());
    let kind = EventKind::SubjectRevoked { subject, reason: OperatorReason::parse("é").unwrap() };
    let line = of_event(ISSUER, &Event { kind, ..sample(EventName::SubjectRevoked) });
    assert!(line.contains("\"subject\":\"idp|\\\"\\\\\\n\\u0001\u{7f}é\u{2028}😀/\""), "{line}");
    assert_eq!(line.lines().count(), 1);
}

/// Every kind and every member is in `docs/events.md`, and nothing else is.
#[test]
fn the_catalogue_is_what_the_code_does() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/events.md")).unwrap();
    let rows = |header: &str| -> Vec<Vec<String>> {
        let (_, rest) = text.split_once(header).unwrap_or_else(|| panic!("there is a table {header}"));
        let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
        rows.map(|row| {
            row.replace("\\|", "\u{a6}").trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
    };
    let members = rows("| member | in | is |");
    let common: BTreeSet<_> =
        members.iter().filter(|row| row[1].starts_with("all")).map(|row| names(&row[0])[0].clone()).collect();
    let others: BTreeSet<_> =
        members.iter().filter(|row| row[1] == "some").map(|row| names(&row[0])[0].clone()).collect();
    assert_eq!(members.len(), common.len() + others.len(), "a member is in all or in some");

    let documented: BTreeMap<_, BTreeSet<_>> = rows("| kind | when | who causes it | members |")
        .into_iter()
        .map(|row| (names(&row[0])[0].clone(), names(&row[3]).into_iter().collect()))
        .collect();
    let mut written = BTreeMap::new();
    for name in EventName::ALL {
        let line: Map<String, Value> = serde_json::from_str(&of_event(ISSUER, &sample(*name))).unwrap();
        let all: BTreeSet<_> = line.keys().cloned().collect();
        assert!(all.is_superset(&common), "{name:?} lacks {:?}", common.difference(&all));
        written.insert(name.as_str().to_owned(), all.difference(&common).cloned().collect::<BTreeSet<_>>());
    }
    assert_eq!(documented, written);
    assert_eq!(others, written.into_values().flatten().collect());
}

/// The texts in backquotes.
fn names(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
