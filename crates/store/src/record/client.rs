//! Registered clients. Configured ones are nowhere but in configuration.

use lychgate_domain::client::{About, Client, GrantType, Origin, Status};
use lychgate_domain::id::{Attempt, ClientId};
use lychgate_domain::redirect_uri::RedirectUri;
use lychgate_domain::time::Timestamp;
use prost::Message as _;

use super::{Record, decode_attempt};
use crate::proto;

impl Record for Client {
    const KIND: &'static str = "client";

    fn encode_record(&self) -> Vec<u8> {
        let (registered_at, attempt) = match self.origin {
            Origin::Registered { at, attempt } => (at, attempt),
            Origin::Configured => (Timestamp::EPOCH, Attempt::from_bytes([0; 16])),
        };
        let about = self.about.clone();
        let record = proto::Client {
            client_id: self.id.as_str().to_owned(),
            status: match self.status {
                Status::Enabled => proto::ClientStatus::Enabled,
                Status::Disabled => proto::ClientStatus::Disabled,
            }
            .into(),
            name: self.name.clone(),
            redirect_uris: self.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect(),
            grant_types: self.grant_types.iter().map(|grant_type| grant_type.as_str().to_owned()).collect(),
            registered_at: registered_at.millis(),
            attempt: attempt.bytes().to_vec(),
            about: Some(proto::ClientAbout {
                client_uri: about.client_uri,
                logo_uri: about.logo_uri,
                tos_uri: about.tos_uri,
                policy_uri: about.policy_uri,
                contacts: about.contacts,
                scope: about.scope,
                application_type: about.application_type,
                software_id: about.software_id,
                software_version: about.software_version,
            }),
        };
        record.encode_to_vec()
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        let record = proto::Client::decode(bytes).ok()?;
        let status = match record.status() {
            proto::ClientStatus::Enabled => Status::Enabled,
            proto::ClientStatus::Disabled => Status::Disabled,
            proto::ClientStatus::Unspecified => return None,
        };
        let about = record.about?;
        Some(Self {
            id: ClientId::parse(&record.client_id)?,
            origin: Origin::Registered {
                at: Timestamp::from_millis(record.registered_at),
                attempt: decode_attempt(record.attempt)?,
            },
            status,
            name: record.name,
            redirect_uris: record.redirect_uris.into_iter().map(RedirectUri::from_record).collect(),
            grant_types: record.grant_types.iter().map(|name| GrantType::parse(name)).collect::<Option<_>>()?,
            about: About {
                client_uri: about.client_uri,
                logo_uri: about.logo_uri,
                tos_uri: about.tos_uri,
                policy_uri: about.policy_uri,
                contacts: about.contacts,
                scope: about.scope,
                application_type: about.application_type,
                software_id: about.software_id,
                software_version: about.software_version,
            },
        })
    }
}
