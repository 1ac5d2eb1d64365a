//! Events, as they lie in the log.

use lychgate_domain::event::{Event, EventKind};
use lychgate_domain::issuer::IssuerUrl;
use lychgate_domain::keyring::Urgency;
use prost::Message as _;

use crate::proto::{self, event::Kind};

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
            EventKind::ConsentApproved { scopes } => {
                Kind::ConsentApproved(proto::ConsentApproved { scopes: scopes.clone() })
            }
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
                compromised: *urgency == Urgency::Compromised,
            }),
            EventKind::ConsentRevoked => Kind::ConsentRevoked(proto::ConsentRevoked {}),
        }),
    };
    record.encode_to_vec()
}
