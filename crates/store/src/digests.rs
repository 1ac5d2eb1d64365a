//! Each issuer's chain of signed digests of its events, one link per range of the log. No link is ever deleted.
//!
//! The control plane makes and signs a digest; its content is opaque here. A commit appends it and expects the chain
//! unchanged, so no two links have the same number and no event is in two ranges.

use lychgate_domain::issuer::IssuerUrl;
use lychgate_domain::keys::KeyId;
use lychgate_domain::time::Timestamp;
use prost::Message as _;

use crate::record::Record;
use crate::{Commit, Store, StoreError, Versioned, batch, decode, key, proto, store_error};
use lychgate_engine::{Cursor, Expectation, Incarnation, KeyRange, Limit, Space};

/// One link of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeDigest {
    /// The link's number, from 1 and without gaps.
    pub number: u64,
    /// The signed digest, in JWS compact serialization.
    pub jws: String,
    /// The start of the range: events after it. Only the issuer's own events count.
    pub begin: Cursor,
    /// The end of the range: events up to it.
    pub end: Cursor,
    /// The number of events in the range.
    pub count: u64,
    /// The time of the newest event up to `end`; the epoch if there is none.
    pub newest_at: Timestamp,
}

/// The state of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestChain {
    /// The newest link.
    pub newest: RangeDigest,
    /// The number of the first link with events that are kept. A digest states that those before it were deleted.
    pub kept_from: u64,
    /// The newest signing key that a digest has announced.
    pub announced: Option<KeyId>,
}

impl Store {
    /// Reads the chain; `None` if it has no link.
    pub async fn digest_chain(
        &self,
        issuer: &IssuerUrl,
        now: Timestamp,
    ) -> Result<Option<Versioned<DigestChain>>, StoreError> {
        self.record(key::digest_chain(issuer), now).await
    }

    /// Appends the next link. Conflicts if another node has appended one since `read`.
    pub async fn extend_chain(
        &self,
        issuer: &IssuerUrl,
        read: Option<&Versioned<DigestChain>>,
        chain: &DigestChain,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let unchanged = read.map_or(Expectation::Absent, |read| Expectation::Version(read.version));
        let link = key::range_digest(issuer, chain.newest.number);
        let batch = batch(now).put(key::digest_chain(issuer), unchanged, chain.encode_record(), None).put(
            link,
            Expectation::Absent,
            chain.newest.encode_record(),
            None,
        );
        self.commit(batch).await
    }

    /// Reads at most `limit` links in order, from `number` on.
    pub async fn range_digests(
        &self,
        issuer: &IssuerUrl,
        number: u64,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<RangeDigest>, StoreError> {
        let whole = KeyRange::prefix(&issuer.digest());
        let range = KeyRange { from: key::range_digest(issuer, number).bytes, to: whole.to };
        let limit = Limit { results: limit, rows: limit };
        let page = self.engine.scan(Space::Digests, range, now, limit).await.map_err(store_error)?;
        let link = |entry| {
            let found: Option<Versioned<RangeDigest>> = decode(Some(entry))?;
            found.map(|found| found.value).ok_or(StoreError::Corrupt { kind: RangeDigest::KIND })
        };
        page.entries.into_iter().map(|(_, entry)| link(entry)).collect()
    }
}

impl Record for RangeDigest {
    const KIND: &'static str = "digest";

    fn encode_record(&self) -> Vec<u8> {
        encode_link(self).encode_to_vec()
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        decode_link(proto::RangeDigest::decode(bytes).ok()?)
    }
}

impl Record for DigestChain {
    const KIND: &'static str = "chain of digests";

    fn encode_record(&self) -> Vec<u8> {
        proto::DigestChain {
            newest: Some(encode_link(&self.newest)),
            kept_from: self.kept_from,
            announced_key: self.announced.map(|key| key.0),
        }
        .encode_to_vec()
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        let chain = proto::DigestChain::decode(bytes).ok()?;
        Some(Self {
            newest: decode_link(chain.newest?)?,
            kept_from: chain.kept_from,
            announced: chain.announced_key.map(KeyId),
        })
    }
}

fn encode_link(link: &RangeDigest) -> proto::RangeDigest {
    proto::RangeDigest {
        number: link.number,
        jws: link.jws.clone(),
        begin: Some(encode_position(link.begin)),
        end: Some(encode_position(link.end)),
        count: link.count,
        newest_at: link.newest_at.millis(),
    }
}

fn decode_link(link: proto::RangeDigest) -> Option<RangeDigest> {
    Some(RangeDigest {
        number: link.number,
        jws: link.jws,
        begin: decode_place(link.begin?)?,
        end: decode_place(link.end?)?,
        count: link.count,
        newest_at: Timestamp::from_millis(link.newest_at),
    })
}

fn encode_position(Cursor { incarnation, position }: Cursor) -> proto::LogPosition {
    proto::LogPosition { incarnation: incarnation.0.to_vec(), position: position.to_be_bytes().to_vec() }
}

fn decode_place(place: proto::LogPosition) -> Option<Cursor> {
    let incarnation = Incarnation(place.incarnation.try_into().ok()?);
    Some(Cursor { incarnation, position: u128::from_be_bytes(place.position.try_into().ok()?) })
}
