//! Consents.

use lychgate_domain::client::claimed_name;
use lychgate_domain::consent::{Consent, ConsentScreen, ConsentStatus, Counters};
use lychgate_domain::id::{ClientId, GrantId};
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use prost::Message as _;

use super::{Record, decode_counters, decode_scopes, encode_counters};
use crate::proto;

impl Record for Consent {
    const KIND: &'static str = "consent";

    fn encode_record(&self) -> Vec<u8> {
        let record = proto::Consent {
            subject: self.subject.as_str().to_owned(),
            client_id: self.client_id.as_str().to_owned(),
            resource: self.resource.clone(),
            scopes: self.scopes.to_string(),
            redirect_uris: self.redirect_uris.clone(),
            metadata_digest: self.metadata_digest.to_vec(),
            client_name: self.client_name.clone(),
            created_at: self.created_at.millis(),
            approved_at: self.approved_at.millis(),
            expires_at: self.expires_at.millis(),
            method: match self.how {
                ConsentScreen::Full => proto::ConsentMethod::FullScreen,
                ConsentScreen::OneClick => proto::ConsentMethod::OneClick,
                ConsentScreen::Skipped => proto::ConsentMethod::Silent,
            }
            .into(),
            epoch: self.epoch,
            revoked_at: match self.status {
                ConsentStatus::Live => None,
                ConsentStatus::Revoked { at } => Some(at.millis()),
            },
            grants: self
                .grants
                .iter()
                .map(|(id, end)| proto::ConsentGrant { grant_id: id.bytes().to_vec(), end: end.millis() })
                .collect(),
            policy_version: self.policy_version.clone(),
            upstream_tokens: self.upstream_tokens,
            counters: (self.counters != Counters::default()).then(|| encode_counters(&self.counters)),
        };
        record.encode_to_vec()
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        let record = proto::Consent::decode(bytes).ok()?;
        let how = match record.method() {
            proto::ConsentMethod::FullScreen => ConsentScreen::Full,
            proto::ConsentMethod::OneClick => ConsentScreen::OneClick,
            proto::ConsentMethod::Silent => ConsentScreen::Skipped,
            proto::ConsentMethod::Unspecified => return None,
        };
        let grant = |grant: proto::ConsentGrant| {
            Some((GrantId::from_bytes(grant.grant_id.try_into().ok()?), Timestamp::from_millis(grant.end)))
        };
        Some(Self {
            subject: Subject::from_record(record.subject),
            client_id: ClientId::parse(&record.client_id)?,
            resource: record.resource,
            scopes: decode_scopes(&record.scopes)?,
            redirect_uris: record.redirect_uris,
            metadata_digest: record.metadata_digest.try_into().ok()?,
            client_name: record.client_name.as_deref().and_then(claimed_name::recorded),
            created_at: Timestamp::from_millis(record.created_at),
            approved_at: Timestamp::from_millis(record.approved_at),
            expires_at: Timestamp::from_millis(record.expires_at),
            how,
            policy_version: record.policy_version,
            upstream_tokens: record.upstream_tokens,
            epoch: record.epoch,
            status: match record.revoked_at {
                None => ConsentStatus::Live,
                Some(at) => ConsentStatus::Revoked { at: Timestamp::from_millis(at) },
            },
            grants: record.grants.into_iter().map(grant).collect::<Option<_>>()?,
            counters: decode_counters(record.counters).unwrap_or_default(),
        })
    }
}
