//! Events, as they lie in the log.

use lychgate_domain::consent::ConsentScreen;
use lychgate_domain::event::{Address, ApprovedOn, Event, EventKind, EventTarget, OperatorReason};
use lychgate_domain::id::{AuthorizationId, ClientId, EventId, GrantId};
use lychgate_domain::issuer::IssuerUrl;
use lychgate_domain::keys::KeyId;
use lychgate_domain::keys::rotation::{KeyFamily, RotationUrgency};
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use prost::Message as _;

use crate::proto::{self, event::Kind};

#[expect(clippy::too_many_lines, reason = "one arm for each kind of event")]
pub(crate) fn encode_event(issuer: &IssuerUrl, event: &Event) -> Vec<u8> {
    let about = event.about.as_ref();
    let record = proto::Event {
        event_id: event.id.bytes().to_vec(),
        at: event.at.millis(),
        issuer: issuer.as_str().to_owned(),
        subject: about.map(|about| about.subject.as_str().to_owned()).unwrap_or_default(),
        client_id: about.map(|about| about.client_id.as_str().to_owned()).unwrap_or_default(),
        resource: about.map(|about| about.resource.clone()).unwrap_or_default(),
        authorization_id: about
            .and_then(|about| about.authorization_id)
            .map(|id| id.bytes().to_vec())
            .unwrap_or_default(),
        principal: event.principal.clone(),
        request_id: event.request_id.clone(),
        kind: Some(match &event.kind {
            EventKind::ConsentApproved { requested, scopes, how } => Kind::ConsentApproved(proto::ConsentApproved {
                scopes: scopes.clone(),
                requested: if requested == scopes { String::new() } else { requested.clone() },
                method: encode_how(*how).into(),
            }),
            EventKind::ConsentDenied { requested } => {
                Kind::ConsentDenied(proto::ConsentDenied { requested: requested.clone() })
            }
            EventKind::LoginQuestioned { requested } => {
                Kind::LoginQuestioned(proto::LoginQuestioned { requested: requested.clone() })
            }
            EventKind::LoginRefused => Kind::LoginRefused(proto::LoginRefused {}),
            EventKind::EntryRefused => Kind::EntryRefused(proto::EntryRefused {}),
            EventKind::GrantIssued { grant_id, scopes } => {
                Kind::GrantIssued(proto::GrantIssued { grant_id: grant_id.bytes().to_vec(), scopes: scopes.clone() })
            }
            EventKind::CodeReplayed { grant_id } => {
                Kind::CodeReplayed(proto::CodeReplayed { grant_id: grant_id.bytes().to_vec() })
            }
            EventKind::RefreshTokenReplayed { grant_id } => {
                Kind::RefreshTokenReplayed(proto::RefreshTokenReplayed { grant_id: grant_id.bytes().to_vec() })
            }
            EventKind::GrantSuperseded { grant_id } => {
                Kind::GrantSuperseded(proto::GrantSuperseded { grant_id: grant_id.bytes().to_vec() })
            }
            EventKind::GrantReturned { grant_id } => {
                Kind::GrantReturned(proto::GrantReturned { grant_id: grant_id.bytes().to_vec() })
            }
            EventKind::KeysRotated { keys, urgency } => Kind::KeysRotated(proto::KeysRotated {
                keys: keys
                    .iter()
                    .map(|(family, id)| proto::RotatedKey { purpose: family.label().to_owned(), key_id: id.0 })
                    .collect(),
                compromised: *urgency == RotationUrgency::Compromised,
            }),
            EventKind::ConsentRevoked { reason } => {
                Kind::ConsentRevoked(proto::ConsentRevoked { reason: reason.as_ref().map(text).unwrap_or_default() })
            }
            EventKind::GrantRevoked { grant_id, reason } => {
                Kind::GrantRevoked(proto::GrantRevoked { grant_id: grant_id.bytes().to_vec(), reason: text(reason) })
            }
            EventKind::ClientRevoked { client_id, reason } => Kind::ClientRevoked(proto::ClientRevoked {
                client_id: client_id.as_str().to_owned(),
                reason: text(reason),
            }),
            EventKind::SubjectRevoked { subject, reason } => Kind::SubjectRevoked(proto::SubjectRevoked {
                subject: subject.as_str().to_owned(),
                reason: text(reason),
            }),
            EventKind::IssuerRevoked { reason } => Kind::IssuerRevoked(proto::IssuerRevoked { reason: text(reason) }),
            EventKind::ClientDisabled { client_id, reason } => Kind::ClientDisabled(proto::ClientDisabled {
                client_id: client_id.as_str().to_owned(),
                reason: text(reason),
            }),
            EventKind::ClientEnabled { client_id, reason } => Kind::ClientEnabled(proto::ClientEnabled {
                client_id: client_id.as_str().to_owned(),
                reason: text(reason),
            }),
            EventKind::ConnectionRejected => Kind::ConnectionRefused(proto::ConnectionRefused {}),
            EventKind::ConnectionEnded { subject, reason } => Kind::ConnectionTerminated(proto::ConnectionTerminated {
                subject: subject.as_str().to_owned(),
                reason: reason.as_ref().map(text).unwrap_or_default(),
            }),
            EventKind::UpstreamTokenGiven { grant_id } => {
                Kind::UpstreamTokenGiven(proto::UpstreamTokenGiven { grant_id: grant_id.bytes().to_vec() })
            }
            EventKind::ConfigurationChanged { digest } => {
                Kind::ConfigurationChanged(proto::ConfigurationChanged { digest: digest.to_vec() })
            }
        }),
        address: event.address.as_ref().map(|address| address.as_str().to_owned()).unwrap_or_default(),
    };
    record.encode_to_vec()
}

/// The issuer's URL and the event; `None` if the bytes are damaged or of a kind that this version does not know.
#[expect(clippy::too_many_lines, reason = "one arm for each kind of event")]
pub(crate) fn decode_event(bytes: &[u8]) -> Option<(String, Event)> {
    let record = proto::Event::decode(bytes).ok()?;
    let kind = match record.kind? {
        Kind::ConsentApproved(proto::ConsentApproved { scopes, requested, method }) => {
            let requested = if requested.is_empty() { scopes.clone() } else { requested };
            EventKind::ConsentApproved { requested, scopes, how: decode_how(method)? }
        }
        Kind::ConsentDenied(kind) => EventKind::ConsentDenied { requested: kind.requested },
        Kind::LoginQuestioned(kind) => EventKind::LoginQuestioned { requested: kind.requested },
        Kind::LoginRefused(proto::LoginRefused {}) => EventKind::LoginRefused,
        Kind::EntryRefused(proto::EntryRefused {}) => EventKind::EntryRefused,
        Kind::GrantIssued(kind) => EventKind::GrantIssued { grant_id: grant_id(kind.grant_id)?, scopes: kind.scopes },
        Kind::CodeReplayed(kind) => EventKind::CodeReplayed { grant_id: grant_id(kind.grant_id)? },
        Kind::RefreshTokenReplayed(kind) => EventKind::RefreshTokenReplayed { grant_id: grant_id(kind.grant_id)? },
        Kind::GrantSuperseded(kind) => EventKind::GrantSuperseded { grant_id: grant_id(kind.grant_id)? },
        Kind::GrantReturned(kind) => EventKind::GrantReturned { grant_id: grant_id(kind.grant_id)? },
        Kind::KeysRotated(kind) => EventKind::KeysRotated {
            keys: kind.keys.into_iter().map(rotated_key).collect::<Option<_>>()?,
            urgency: if kind.compromised { RotationUrgency::Compromised } else { RotationUrgency::Planned },
        },
        Kind::ConsentRevoked(kind) if kind.reason.is_empty() => EventKind::ConsentRevoked { reason: None },
        Kind::ConsentRevoked(kind) => EventKind::ConsentRevoked { reason: Some(OperatorReason::parse(&kind.reason)?) },
        Kind::GrantRevoked(kind) => {
            EventKind::GrantRevoked { grant_id: grant_id(kind.grant_id)?, reason: OperatorReason::parse(&kind.reason)? }
        }
        Kind::ClientRevoked(kind) => EventKind::ClientRevoked {
            client_id: ClientId::parse(&kind.client_id)?,
            reason: OperatorReason::parse(&kind.reason)?,
        },
        Kind::SubjectRevoked(kind) => EventKind::SubjectRevoked {
            subject: Subject::from_record(kind.subject),
            reason: OperatorReason::parse(&kind.reason)?,
        },
        Kind::IssuerRevoked(kind) => EventKind::IssuerRevoked { reason: OperatorReason::parse(&kind.reason)? },
        Kind::ClientDisabled(kind) => EventKind::ClientDisabled {
            client_id: ClientId::parse(&kind.client_id)?,
            reason: OperatorReason::parse(&kind.reason)?,
        },
        Kind::ClientEnabled(kind) => EventKind::ClientEnabled {
            client_id: ClientId::parse(&kind.client_id)?,
            reason: OperatorReason::parse(&kind.reason)?,
        },
        Kind::ConnectionRefused(proto::ConnectionRefused {}) => EventKind::ConnectionRejected,
        Kind::ConnectionTerminated(kind) => EventKind::ConnectionEnded {
            subject: Subject::from_record(kind.subject),
            reason: match &*kind.reason {
                "" => None,
                reason => Some(OperatorReason::parse(reason)?),
            },
        },
        Kind::UpstreamTokenGiven(kind) => EventKind::UpstreamTokenGiven { grant_id: grant_id(kind.grant_id)? },
        Kind::ConfigurationChanged(kind) => EventKind::ConfigurationChanged { digest: kind.digest.try_into().ok()? },
    };
    // An event about the whole issuer names no subject.
    let about = if record.subject.is_empty() {
        None
    } else {
        Some(EventTarget {
            subject: Subject::from_record(record.subject),
            client_id: ClientId::parse(&record.client_id)?,
            resource: record.resource,
            authorization_id: match record.authorization_id {
                none if none.is_empty() => None,
                id => Some(AuthorizationId::from_bytes(id.try_into().ok()?)),
            },
        })
    };
    let event = Event {
        id: EventId::from_bytes(record.event_id.try_into().ok()?),
        at: Timestamp::from_millis(record.at),
        kind,
        about,
        principal: record.principal,
        request_id: record.request_id,
        address: (!record.address.is_empty()).then(|| Address::from_record(record.address)),
    };
    Some((record.issuer, event))
}

fn text(reason: &OperatorReason) -> String {
    reason.as_str().to_owned()
}

fn encode_how(how: Option<ApprovedOn>) -> proto::ApprovalMethod {
    match how {
        None => proto::ApprovalMethod::Unspecified,
        Some(ApprovedOn::Screen(ConsentScreen::Full)) => proto::ApprovalMethod::FullScreen,
        Some(ApprovedOn::Screen(ConsentScreen::OneClick)) => proto::ApprovalMethod::OneClick,
        Some(ApprovedOn::Screen(ConsentScreen::Skipped)) => proto::ApprovalMethod::Silent,
        Some(ApprovedOn::Confirmation) => proto::ApprovalMethod::Confirmed,
    }
}

fn decode_how(how: i32) -> Option<Option<ApprovedOn>> {
    Some(match proto::ApprovalMethod::try_from(how).ok()? {
        proto::ApprovalMethod::Unspecified => None,
        proto::ApprovalMethod::FullScreen => Some(ApprovedOn::Screen(ConsentScreen::Full)),
        proto::ApprovalMethod::OneClick => Some(ApprovedOn::Screen(ConsentScreen::OneClick)),
        proto::ApprovalMethod::Silent => Some(ApprovedOn::Screen(ConsentScreen::Skipped)),
        proto::ApprovalMethod::Confirmed => Some(ApprovedOn::Confirmation),
    })
}

fn rotated_key(key: proto::RotatedKey) -> Option<(KeyFamily, KeyId)> {
    let family = KeyFamily::all().find(|family| family.label() == key.purpose)?;
    Some((family, KeyId(key.key_id)))
}

fn grant_id(bytes: Vec<u8>) -> Option<GrantId> {
    Some(GrantId::from_bytes(bytes.try_into().ok()?))
}
