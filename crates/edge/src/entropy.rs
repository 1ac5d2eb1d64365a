//! The edge's only randomness: request ids and idempotency keys. Neither decides anything.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lychgate_api::channel::RequestId;

/// The idempotency key of one HTTP request, called `attempt` on the wire: the control plane treats two messages with the
/// same key as one. It never comes from a client, which could otherwise pass a replay off as a repetition.
pub(crate) fn idempotency_key() -> Vec<u8> {
    random_bytes().to_vec()
}

/// A fresh request id. It never comes from a client, so that a client cannot choose its name in our logs.
#[expect(clippy::expect_used, reason = "16 bytes are 22 characters of base64url, which are a valid id")]
pub(crate) fn request_id() -> RequestId {
    RequestId::parse(&URL_SAFE_NO_PAD.encode(random_bytes())).expect("22 characters of base64url are an id")
}

#[expect(clippy::disallowed_methods, reason = "the edge has no rules for which a test would fix the randomness")]
#[expect(clippy::expect_used, reason = "an operating system that runs a server provides random bytes")]
fn random_bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system provides random bytes");
    bytes
}
