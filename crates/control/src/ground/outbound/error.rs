//! Errors of outbound requests: exact ones for the log, coarse classes for a page.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use http::StatusCode;

use super::resolve::ResolveError;

/// An error for the log. Except for a status code, it contains nothing that the other side sent.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("only https is fetched")]
    NotHttps,
    #[error("the URL cannot be requested")]
    Unusable,
    #[error("port {0} is not allowed")]
    Port(u16),
    #[error("{address} is not a public address: {block}")]
    SpecialUse { address: IpAddr, block: &'static str },
    #[error("the name leads to {address}, which is not a public address: {block}")]
    LeadsToSpecialUse { address: IpAddr, block: &'static str },
    #[error("the name cannot be resolved")]
    Unresolved(#[source] anyhow::Error),
    #[error("the name does not exist")]
    NoSuchName,
    #[error("the name has no address")]
    NoAddress,
    #[error("too many requests are under way; try again in {retry_after:?}")]
    Busy { retry_after: Duration },
    #[error("the connection failed")]
    Connect(#[source] io::Error),
    #[error("the TLS handshake failed")]
    Tls(#[source] io::Error),
    #[error("the answer is not HTTP, or breaks off")]
    Http(#[source] hyper::Error),
    #[error("it took longer than {0:?}")]
    Timeout(Duration),
    #[error("it answers {0}")]
    Status(StatusCode),
    #[error("the answer is compressed although that was not requested")]
    Encoded,
    #[error("the answer is not JSON by its content type")]
    MediaType,
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
}

/// The class of an error: as much as a page may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// This URL is never fetched, as the URL itself shows.
    Refused,
    /// No answer, or not in time, or not now: worth another try.
    Unreachable,
    /// The host's name leads to no public address: it does not exist, or it exists only in an internal network. One class
    /// for both, so that pages do not reveal which names exist there.
    NoHost,
    /// The owner says that the document is gone (404, 410).
    Gone,
    /// The answer is not a usable document.
    Invalid,
}

impl From<ResolveError> for OutboundError {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::NoSuchName => OutboundError::NoSuchName,
            ResolveError::Failed(cause) => OutboundError::Unresolved(cause),
        }
    }
}

impl OutboundError {
    pub fn class(&self) -> Class {
        match self {
            OutboundError::NotHttps
            | OutboundError::Unusable
            | OutboundError::Port(_)
            | OutboundError::SpecialUse { .. } => Class::Refused,
            OutboundError::LeadsToSpecialUse { .. } | OutboundError::NoSuchName | OutboundError::NoAddress => {
                Class::NoHost
            }
            OutboundError::Unresolved(_)
            | OutboundError::Busy { .. }
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

    /// The same error for a host that is a name.
    pub(super) fn of_a_name(self) -> Self {
        match self {
            OutboundError::SpecialUse { address, block } => OutboundError::LeadsToSpecialUse { address, block },
            other => other,
        }
    }
}
