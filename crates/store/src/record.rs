//! Encoding of the rules' types as the records on disk.

mod authorization;
mod client;
mod connection;
mod consent;
mod event;
#[cfg(test)]
mod golden;
mod grant;
mod request;
mod upstream_revocation;

use lychgate_domain::consent::Counters;
use lychgate_domain::id::Attempt;
use lychgate_domain::keys::KeyId;
use lychgate_domain::scope::Scopes;
use lychgate_domain::upstream::tokens::SealedTokens;
use prost::Message as _;

pub use client::{ClientRecord, UnregisteredClient};
pub(crate) use event::{decode_event, encode_event};
pub use request::OperatorRequest;

use crate::proto;

/// A type that is stored under one key.
pub(crate) trait Record: Sized {
    const KIND: &'static str;

    fn encode_record(&self) -> Vec<u8>;

    /// Decodes a record; `None` if the bytes are damaged or of a format that this version does not know.
    fn decode_record(bytes: &[u8]) -> Option<Self>;
}

impl Record for proto::StoreMeta {
    const KIND: &'static str = "store";

    fn encode_record(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        proto::StoreMeta::decode(bytes).ok()
    }
}

/// A revocation counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counter(pub(crate) u64);

impl Record for Counter {
    const KIND: &'static str = "counter";

    fn encode_record(&self) -> Vec<u8> {
        proto::Counter { value: self.0 }.encode_to_vec()
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        Some(Self(proto::Counter::decode(bytes).ok()?.value))
    }
}

/// A used client assertion, with the idempotency key of the request that used it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UsedAssertion(pub(crate) Attempt);

impl Record for UsedAssertion {
    const KIND: &'static str = "assertion";

    fn encode_record(&self) -> Vec<u8> {
        proto::UsedAssertion { attempt: self.0.bytes().to_vec() }.encode_to_vec()
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        Some(Self(decode_attempt(proto::UsedAssertion::decode(bytes).ok()?.attempt)?))
    }
}

fn encode_sealed(sealed: &SealedTokens) -> proto::Sealed {
    proto::Sealed { key: sealed.key.0, bytes: sealed.bytes.clone() }
}

fn decode_sealed(sealed: Option<proto::Sealed>) -> Option<SealedTokens> {
    sealed.map(|sealed| SealedTokens { key: KeyId(sealed.key), bytes: sealed.bytes })
}

fn encode_counters(counters: &Counters) -> proto::RevocationCounters {
    proto::RevocationCounters { issuer: counters.issuer, client: counters.client, subject: counters.subject }
}

fn decode_counters(counters: Option<proto::RevocationCounters>) -> Option<Counters> {
    counters.map(|found| Counters { issuer: found.issuer, client: found.client, subject: found.subject })
}

fn decode_attempt(bytes: Vec<u8>) -> Option<Attempt> {
    Some(Attempt::from_bytes(bytes.try_into().ok()?))
}

fn decode_scopes(text: &str) -> Option<Scopes> {
    Scopes::parse(text).ok()
}
