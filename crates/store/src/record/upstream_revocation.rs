//! What the upstream is yet to be told.

use lychgate_domain::id::{ClientId, EventId, GrantId};
use lychgate_domain::revocation::{RevocationTarget, ScanPosition, UpstreamRevocation};
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use prost::Message as _;

use super::{Record, decode_sealed, encode_sealed};
use crate::proto::{self, UpstreamRevocationWalk as Walk, upstream_revocation::What};

impl Record for UpstreamRevocation {
    const KIND: &'static str = "upstream revocation";

    fn encode_record(&self) -> Vec<u8> {
        let what = match &self.what {
            RevocationTarget::Consent { subject, client_id, resource, epoch, grants } => {
                What::Consent(proto::ConsentTakenBack {
                    subject: subject.as_str().to_owned(),
                    client_id: client_id.as_str().to_owned(),
                    resource: resource.clone(),
                    epoch: *epoch,
                    grant_ids: grants.iter().map(|id| id.bytes().to_vec()).collect(),
                })
            }
            RevocationTarget::Grant(id) => What::Grant(id.bytes().to_vec()),
            RevocationTarget::Superseded { grant_id, subject, tokens } => What::Superseded(proto::GrantTakenBack {
                grant_id: grant_id.bytes().to_vec(),
                subject: subject.as_str().to_owned(),
                upstream_tokens: Some(encode_sealed(tokens)),
            }),
            RevocationTarget::Client { client_id, counter } => {
                What::Client(proto::ClientTakenBack { client_id: client_id.as_str().to_owned(), counter: *counter })
            }
            RevocationTarget::Subject { subject, counter } => {
                What::Subject(proto::SubjectTakenBack { subject: subject.as_str().to_owned(), counter: *counter })
            }
            RevocationTarget::Issuer { counter } => What::Issuer(proto::IssuerTakenBack { counter: *counter }),
        };
        let (walk, from) = match &self.place {
            ScanPosition::Grants { from } => (Walk::Grants, from),
            ScanPosition::Codes { from } => (Walk::Codes, from),
        };
        let record = proto::UpstreamRevocation {
            event_id: self.id.bytes().to_vec(),
            at: self.at.millis(),
            what: Some(what),
            place: Some(proto::UpstreamRevocationPlace { walk: walk.into(), from: from.clone() }),
            round: self.round,
            left_out: self.left_out,
            told: self.told,
            failures: self.failures,
            failing_since: self.failing_since.map(Timestamp::millis),
            not_before: self.not_before.millis(),
        };
        record.encode_to_vec()
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        let record = proto::UpstreamRevocation::decode(bytes).ok()?;
        let grant_id = |bytes: Vec<u8>| Some(GrantId::from_bytes(bytes.try_into().ok()?));
        let what = match record.what? {
            What::Consent(consent) => RevocationTarget::Consent {
                subject: Subject::from_record(consent.subject),
                client_id: ClientId::parse(&consent.client_id)?,
                resource: consent.resource,
                epoch: consent.epoch,
                grants: consent.grant_ids.into_iter().map(grant_id).collect::<Option<_>>()?,
            },
            What::Grant(id) => RevocationTarget::Grant(grant_id(id)?),
            What::Superseded(grant) => RevocationTarget::Superseded {
                grant_id: grant_id(grant.grant_id)?,
                subject: Subject::from_record(grant.subject),
                tokens: decode_sealed(grant.upstream_tokens)?,
            },
            What::Client(client) => {
                RevocationTarget::Client { client_id: ClientId::parse(&client.client_id)?, counter: client.counter }
            }
            What::Subject(subject) => {
                RevocationTarget::Subject { subject: Subject::from_record(subject.subject), counter: subject.counter }
            }
            What::Issuer(issuer) => RevocationTarget::Issuer { counter: issuer.counter },
        };
        let place = record.place?;
        Some(Self {
            id: EventId::from_bytes(record.event_id.try_into().ok()?),
            at: Timestamp::from_millis(record.at),
            what,
            place: match place.walk() {
                Walk::Grants => ScanPosition::Grants { from: place.from },
                Walk::Codes => ScanPosition::Codes { from: place.from },
                Walk::Unspecified => return None,
            },
            round: record.round,
            left_out: record.left_out,
            told: record.told,
            failures: record.failures,
            failing_since: record.failing_since.map(Timestamp::from_millis),
            not_before: Timestamp::from_millis(record.not_before),
        })
    }
}
