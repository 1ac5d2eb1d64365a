//! Grants.

use lychgate_domain::client::AuthenticationMethod;
use lychgate_domain::flow::Issuance;
use lychgate_domain::id::{AuthorizationId, ClientId, GrantId};
use lychgate_domain::keys::KeyId;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use lychgate_domain::token::{EndedBy, Grant, GrantPhase};
use prost::Message as _;

use super::{Record, decode_attempt, decode_counters, decode_scopes, decode_sealed, encode_counters, encode_sealed};
use crate::proto;

impl Record for Grant {
    const KIND: &'static str = "grant";

    fn encode_record(&self) -> Vec<u8> {
        let record = proto::Grant {
            grant_id: self.id.bytes().to_vec(),
            authorization_id: self.authorization_id.bytes().to_vec(),
            subject: self.subject.as_str().to_owned(),
            client_id: self.client_id.as_str().to_owned(),
            resource: self.resource.clone(),
            scopes: self.scopes.to_string(),
            consent_epoch: self.consent_epoch,
            counters: Some(encode_counters(&self.counters)),
            client_method: self.client_method.as_str().to_owned(),
            secret: self.secret.to_vec(),
            current: Some(proto::Issuance {
                generation: self.current.generation,
                key: self.current.key.0,
                attempt: self.current.attempt.bytes().to_vec(),
                at: self.current.at.millis(),
                scopes: self.current.scopes.to_string(),
            }),
            previous_key: self.previous_key.map(|key| key.0),
            created_at: self.created_at.millis(),
            idle_end: self.idle_end.millis(),
            end: self.end.millis(),
            ended: match self.phase {
                GrantPhase::Live => None,
                GrantPhase::Ended { at, why } => Some(proto::GrantEnd {
                    at: at.millis(),
                    reason: match why {
                        EndedBy::CodeReplay => proto::GrantEndReason::CodeReplay,
                        EndedBy::RefreshTokenReplay => proto::GrantEndReason::RefreshTokenReplay,
                        EndedBy::Client => proto::GrantEndReason::Client,
                        EndedBy::Operator => proto::GrantEndReason::Operator,
                        EndedBy::EntryRules => proto::GrantEndReason::EntryRules,
                    }
                    .into(),
                }),
            },
            upstream_tokens: self.upstream_tokens.as_ref().map(encode_sealed),
        };
        record.encode_to_vec()
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        let record = proto::Grant::decode(bytes).ok()?;
        let current = record.current?;
        Some(Self {
            id: GrantId::from_bytes(record.grant_id.try_into().ok()?),
            authorization_id: AuthorizationId::from_bytes(record.authorization_id.try_into().ok()?),
            subject: Subject::from_record(record.subject),
            client_id: ClientId::parse(&record.client_id)?,
            resource: record.resource,
            scopes: decode_scopes(&record.scopes)?,
            consent_epoch: record.consent_epoch,
            counters: decode_counters(record.counters)?,
            client_method: AuthenticationMethod::parse(&record.client_method)?,
            secret: record.secret.try_into().ok()?,
            current: Issuance {
                generation: current.generation,
                key: KeyId(current.key),
                attempt: decode_attempt(current.attempt)?,
                at: Timestamp::from_millis(current.at),
                scopes: decode_scopes(&current.scopes)?,
            },
            previous_key: record.previous_key.map(KeyId),
            created_at: Timestamp::from_millis(record.created_at),
            idle_end: Timestamp::from_millis(record.idle_end),
            end: Timestamp::from_millis(record.end),
            phase: match record.ended {
                None => GrantPhase::Live,
                Some(end) => GrantPhase::Ended {
                    at: Timestamp::from_millis(end.at),
                    why: match end.reason() {
                        proto::GrantEndReason::CodeReplay => EndedBy::CodeReplay,
                        proto::GrantEndReason::RefreshTokenReplay => EndedBy::RefreshTokenReplay,
                        proto::GrantEndReason::Client => EndedBy::Client,
                        proto::GrantEndReason::Operator => EndedBy::Operator,
                        proto::GrantEndReason::EntryRules => EndedBy::EntryRules,
                        proto::GrantEndReason::Unspecified => return None,
                    },
                },
            },
            upstream_tokens: decode_sealed(record.upstream_tokens),
        })
    }
}
