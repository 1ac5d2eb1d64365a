//! Connections to people's accounts at the upstream.

use lychgate_domain::id::AuthorizationId;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use lychgate_domain::upstream::connection::{Connection, ConnectionState, Lease};
use prost::Message as _;

use super::{Record, decode_attempt, decode_sealed, encode_sealed};
use crate::proto::{self, connection::State};

impl Record for Connection {
    const KIND: &'static str = "connection";

    fn encode_record(&self) -> Vec<u8> {
        let state = match self.state {
            ConnectionState::Live => State::Live(proto::ConnectionLive {}),
            ConnectionState::Refreshing(Lease { attempt, until, after_unknown }) => {
                State::Refreshing(proto::ConnectionLease {
                    attempt: attempt.bytes().to_vec(),
                    until: until.millis(),
                    after_unknown,
                })
            }
            ConnectionState::Uncertain => State::Uncertain(proto::ConnectionUncertain {}),
            ConnectionState::Rejected { at } => State::Rejected(proto::ConnectionRejected { at: at.millis() }),
            ConnectionState::Ended { at } => State::Ended(proto::ConnectionEnded { at: at.millis() }),
        };
        let record = proto::Connection {
            subject: self.subject.as_str().to_owned(),
            generation: self.generation,
            tokens: self.tokens.as_ref().map(encode_sealed),
            obtained_at: self.obtained_at.millis(),
            signed_in_at: self.signed_in_at.millis(),
            authorization_ids: self.logins.iter().map(|id| id.bytes().to_vec()).collect(),
            state: Some(state),
            retry_at: self.retry_at.map(Timestamp::millis),
            given_to: self.given_to.iter().map(|digest| digest.to_vec()).collect(),
        };
        record.encode_to_vec()
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        let record = proto::Connection::decode(bytes).ok()?;
        let login = |id: Vec<u8>| Some(AuthorizationId::from_bytes(id.try_into().ok()?));
        Some(Self {
            subject: Subject::from_record(record.subject),
            generation: record.generation,
            tokens: decode_sealed(record.tokens),
            obtained_at: Timestamp::from_millis(record.obtained_at),
            signed_in_at: Timestamp::from_millis(record.signed_in_at),
            logins: record.authorization_ids.into_iter().map(login).collect::<Option<_>>()?,
            state: match record.state? {
                State::Live(proto::ConnectionLive {}) => ConnectionState::Live,
                State::Refreshing(lease) => ConnectionState::Refreshing(Lease {
                    attempt: decode_attempt(lease.attempt)?,
                    until: Timestamp::from_millis(lease.until),
                    after_unknown: lease.after_unknown,
                }),
                State::Uncertain(proto::ConnectionUncertain {}) => ConnectionState::Uncertain,
                State::Rejected(rejected) => ConnectionState::Rejected { at: Timestamp::from_millis(rejected.at) },
                State::Ended(ended) => ConnectionState::Ended { at: Timestamp::from_millis(ended.at) },
            },
            retry_at: record.retry_at.map(Timestamp::from_millis),
            given_to: record.given_to.into_iter().map(|digest| digest.try_into().ok()).collect::<Option<_>>()?,
        })
    }
}
