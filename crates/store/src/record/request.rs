//! Operators' requests that were carried out.

use lychgate_domain::time::Timestamp;
use prost::Message as _;

use super::Record;
use crate::proto;

/// A request that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperatorRequest {
    /// A digest of all its parameters.
    pub digest: [u8; 32],
    /// The time it was carried out.
    pub at: Timestamp,
}

impl Record for OperatorRequest {
    const KIND: &'static str = "operator request";

    fn encode_record(&self) -> Vec<u8> {
        proto::OperatorRequest { digest: self.digest.to_vec(), at: self.at.millis() }.encode_to_vec()
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        let record = proto::OperatorRequest::decode(bytes).ok()?;
        Some(Self { digest: record.digest.try_into().ok()?, at: Timestamp::from_millis(record.at) })
    }
}
