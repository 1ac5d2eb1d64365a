//! The edge's only randomness: names for things, never a decision.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lychgate_api::channel::RequestId;

/// Names one HTTP request towards the control plane, which may then receive it any number of times. Never taken from a
/// client: whoever could choose it could pass a replay off as a repetition.
pub(crate) fn attempt() -> Vec<u8> {
    fresh().to_vec()
}

/// Always our own: strangers do not choose under which id our logs know them.
pub(crate) fn request_id() -> RequestId {
    RequestId::parse(&URL_SAFE_NO_PAD.encode(fresh())).expect("22 characters of base64url are an id")
}

#[expect(clippy::disallowed_methods, reason = "the edge has no rules that a test would have to hold still")]
fn fresh() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("an operating system that runs a server gives random bytes");
    bytes
}
