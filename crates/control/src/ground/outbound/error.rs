//! Why nothing was fetched: exactly, for the log, and coarsely, for a page.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use http::StatusCode;

/// For the log. Nothing in it was said by the other side, but for a status code.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("only https is fetched")]
    NotHttps,
    #[error("the URL cannot be asked for")]
    Unusable,
    #[error("port {0} is not allowed")]
    Port(u16),
    #[error("{address} is not a public address: {block}")]
    SpecialUse { address: IpAddr, block: &'static str },
    #[error("the name leads to {address}, which is not a public address: {block}")]
    LeadsToSpecialUse { address: IpAddr, block: &'static str },
    #[error("the name cannot be resolved")]
    Unresolved(#[source] anyhow::Error),
    #[error("the name has no address")]
    NoAddress,
    #[error("it cannot be connected to")]
    Connect(#[source] io::Error),
    #[error("there is no TLS that could be trusted")]
    Tls(#[source] io::Error),
    #[error("the answer is not HTTP, or breaks off")]
    Http(#[source] hyper::Error),
    #[error("it took longer than {0:?}")]
    Timeout(Duration),
    #[error("it answers {0}")]
    Status(StatusCode),
    #[error("the answer is encoded although that was not asked for")]
    Encoded,
    #[error("the answer is not JSON by its content type")]
    MediaType,
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
}

/// What a page may say, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// This URL is never fetched, as anybody can tell from the URL.
    Refused,
    /// Nobody answered, or not in time, or not now: worth another try. Also said of a name that leads inside, so that
    /// pages tell nobody which names exist there.
    Unreachable,
    /// There is nothing (404, 410), and the owner says so.
    Gone,
    /// It answers, but not with a document that could be used.
    Invalid,
}

impl OutboundError {
    pub fn class(&self) -> Class {
        match self {
            OutboundError::NotHttps
            | OutboundError::Unusable
            | OutboundError::Port(_)
            | OutboundError::SpecialUse { .. } => Class::Refused,
            OutboundError::LeadsToSpecialUse { .. }
            | OutboundError::Unresolved(_)
            | OutboundError::NoAddress
            | OutboundError::Connect(_)
            | OutboundError::Tls(_)
            | OutboundError::Http(_)
            | OutboundError::Timeout(_) => Class::Unreachable,
            OutboundError::Status(StatusCode::NOT_FOUND | StatusCode::GONE) => Class::Gone,
            OutboundError::Status(status) if status.is_server_error() => Class::Unreachable,
            OutboundError::Status(StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS) => Class::Unreachable,
            OutboundError::Status(_)
            | OutboundError::Encoded
            | OutboundError::MediaType
            | OutboundError::TooLarge(_) => Class::Invalid,
        }
    }

    /// As it is said of a host that is a name.
    pub(super) fn of_a_name(self) -> Self {
        match self {
            OutboundError::SpecialUse { address, block } => OutboundError::LeadsToSpecialUse { address, block },
            other => other,
        }
    }
}
