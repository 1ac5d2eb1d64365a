//! Pending revocations at the upstream, and tokens that wait for the end of a person's last grant.

use lychgate_domain::id::{AuthorizationId, ClientId, EventId, GrantId};
use lychgate_domain::revocation::{DeferredTokens, RevocationTarget, ScanPosition, UpstreamRevocation};
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use lychgate_domain::upstream::connection::connection_id;
use lychgate_domain::upstream::tokens::SealedFor;
use prost::Message as _;

use super::{Record, decode_sealed, encode_sealed};
use crate::proto::{
    self, UpstreamRevocationPhase as Phase, deferred_upstream_tokens, grant_revocation_target,
    upstream_revocation::Target,
};

impl Record for UpstreamRevocation {
    const KIND: &'static str = "upstream revocation";

    fn encode_record(&self) -> Vec<u8> {
        let target = match &self.what {
            RevocationTarget::Consent { subject, client_id, resource, epoch, grants } => {
                Target::Consent(proto::ConsentRevocationTarget {
                    subject: subject.as_str().to_owned(),
                    client_id: client_id.as_str().to_owned(),
                    resource: resource.clone(),
                    epoch: *epoch,
                    grant_ids: grants.iter().map(|id| id.bytes().to_vec()).collect(),
                })
            }
            RevocationTarget::Grant(id) => Target::Grant(id.bytes().to_vec()),
            RevocationTarget::Superseded { holder, subject, tokens } => {
                use grant_revocation_target::Holder;
                Target::Superseded(proto::GrantRevocationTarget {
                    holder: match holder {
                        SealedFor::Grant(id) => Some(Holder::GrantId(id.bytes().to_vec())),
                        SealedFor::Connection(_) => Some(Holder::Connection(true)),
                        // A code's tokens are not superseded: they go to the grant.
                        SealedFor::Authorization(_) => None,
                    },
                    subject: subject.as_str().to_owned(),
                    upstream_tokens: Some(encode_sealed(tokens)),
                })
            }
            RevocationTarget::Client { client_id, counter } => Target::Client(proto::ClientRevocationTarget {
                client_id: client_id.as_str().to_owned(),
                counter: *counter,
            }),
            RevocationTarget::Subject { subject, counter } => Target::Subject(proto::SubjectRevocationTarget {
                subject: subject.as_str().to_owned(),
                counter: *counter,
            }),
            RevocationTarget::Issuer { counter } => Target::Issuer(proto::IssuerRevocationTarget { counter: *counter }),
        };
        let (phase, from) = match &self.place {
            ScanPosition::Grants { from } => (Phase::Grants, from),
            ScanPosition::Codes { from } => (Phase::Codes, from),
        };
        let record = proto::UpstreamRevocation {
            event_id: self.id.bytes().to_vec(),
            at: self.at.millis(),
            target: Some(target),
            position: Some(proto::UpstreamRevocationPosition { phase: phase.into(), from: from.clone() }),
            passes: self.passes,
            skipped_any: self.skipped_any,
            revoked_count: self.revoked_count,
            failures: self.failures,
            failing_since: self.failing_since.map(Timestamp::millis),
            not_before: self.not_before.millis(),
        };
        record.encode_to_vec()
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        let record = proto::UpstreamRevocation::decode(bytes).ok()?;
        let grant_id = |bytes: Vec<u8>| Some(GrantId::from_bytes(bytes.try_into().ok()?));
        let what = match record.target? {
            Target::Consent(consent) => RevocationTarget::Consent {
                subject: Subject::from_record(consent.subject),
                client_id: ClientId::parse(&consent.client_id)?,
                resource: consent.resource,
                epoch: consent.epoch,
                grants: consent.grant_ids.into_iter().map(grant_id).collect::<Option<_>>()?,
            },
            Target::Grant(id) => RevocationTarget::Grant(grant_id(id)?),
            Target::Superseded(superseded) => {
                let subject = Subject::from_record(superseded.subject);
                RevocationTarget::Superseded {
                    holder: match superseded.holder? {
                        grant_revocation_target::Holder::GrantId(id) => SealedFor::Grant(grant_id(id)?),
                        grant_revocation_target::Holder::Connection(_) => {
                            SealedFor::Connection(connection_id(&subject))
                        }
                    },
                    subject,
                    tokens: decode_sealed(superseded.upstream_tokens)?,
                }
            }
            Target::Client(client) => {
                RevocationTarget::Client { client_id: ClientId::parse(&client.client_id)?, counter: client.counter }
            }
            Target::Subject(subject) => {
                RevocationTarget::Subject { subject: Subject::from_record(subject.subject), counter: subject.counter }
            }
            Target::Issuer(issuer) => RevocationTarget::Issuer { counter: issuer.counter },
        };
        let position = record.position?;
        Some(Self {
            id: EventId::from_bytes(record.event_id.try_into().ok()?),
            at: Timestamp::from_millis(record.at),
            what,
            place: match position.phase() {
                Phase::Grants => ScanPosition::Grants { from: position.from },
                Phase::Codes => ScanPosition::Codes { from: position.from },
                Phase::Unspecified => return None,
            },
            passes: record.passes,
            skipped_any: record.skipped_any,
            revoked_count: record.revoked_count,
            failures: record.failures,
            failing_since: record.failing_since.map(Timestamp::from_millis),
            not_before: Timestamp::from_millis(record.not_before),
        })
    }
}

impl Record for DeferredTokens {
    const KIND: &'static str = "deferred upstream tokens";

    fn encode_record(&self) -> Vec<u8> {
        use deferred_upstream_tokens::Holder;
        let holder = match self.sealed_for {
            SealedFor::Grant(id) => Holder::GrantId(id.bytes().to_vec()),
            SealedFor::Authorization(id) => Holder::AuthorizationId(id.bytes().to_vec()),
            SealedFor::Connection(_) => Holder::Connection(true),
        };
        let record = proto::DeferredUpstreamTokens {
            event_id: self.revocation.bytes().to_vec(),
            subject: self.subject.as_str().to_owned(),
            holder: Some(holder),
            upstream_tokens: Some(encode_sealed(&self.tokens)),
        };
        record.encode_to_vec()
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        use deferred_upstream_tokens::Holder;
        let record = proto::DeferredUpstreamTokens::decode(bytes).ok()?;
        let subject = Subject::from_record(record.subject);
        let sealed_for = match record.holder? {
            Holder::GrantId(id) => SealedFor::Grant(GrantId::from_bytes(id.try_into().ok()?)),
            Holder::AuthorizationId(id) => SealedFor::Authorization(AuthorizationId::from_bytes(id.try_into().ok()?)),
            Holder::Connection(_) => SealedFor::Connection(connection_id(&subject)),
        };
        Some(Self {
            revocation: EventId::from_bytes(record.event_id.try_into().ok()?),
            subject,
            sealed_for,
            tokens: decode_sealed(record.upstream_tokens)?,
        })
    }
}
