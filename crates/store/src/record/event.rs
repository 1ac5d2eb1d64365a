//! Events, as they lie in the log.

use lychgate_domain::event::{Event, EventKind};
use lychgate_domain::issuer::IssuerUrl;
use prost::Message as _;

use crate::proto::{self, event::Kind};

pub(crate) fn encode_event(issuer: &IssuerUrl, event: &Event) -> Vec<u8> {
    let record = proto::Event {
        event_id: event.id.bytes().to_vec(),
        at: event.at.millis(),
        issuer: issuer.as_str().to_owned(),
        subject: event.subject.as_str().to_owned(),
        client_id: event.client_id.as_str().to_owned(),
        resource: event.resource.clone(),
        authorization_id: event.authorization_id.bytes().to_vec(),
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
        }),
    };
    record.encode_to_vec()
}
