//! The failure that a gRPC status stands for, and whether the call may be repeated.

use std::borrow::Cow;
use std::error::Error as _;

use axum::http::header::WWW_AUTHENTICATE;
use lychgate_api::{ERROR_DOMAIN, Reason, error_metadata as metadata};
use tonic::{Code, Status};
use tonic_types::{ErrorInfo, StatusExt};

use super::{Failure, ReturnLink, known};

impl From<&Status> for Failure {
    fn from(status: &Status) -> Self {
        match error_info(status) {
            Some(info) => from_info(info),
            None if is_unreachable(status) => Self::new(Reason::StoreUnavailable),
            None => Self::new(Reason::Fault),
        }
    }
}

fn from_info(mut info: ErrorInfo) -> Failure {
    // The metadata belongs to the reason: with an unknown reason, none of it is used.
    let Some(reason) = known(&info.reason) else { return Failure::new(Reason::Fault) };
    let mut failure = Failure::new(reason);
    let mut take = |key| info.metadata.remove(key).filter(|value| !value.is_empty());
    failure.0.description = take(metadata::DESCRIPTION).map(Cow::Owned);
    let (uri, label) = (take(metadata::RETURN_URI), take(metadata::RETURN_LABEL));
    let challenge = take(metadata::CHALLENGE).and_then(|challenge| challenge.try_into().ok());
    let failure = failure.with_return_link(uri.and_then(|uri| ReturnLink::new(uri, label.unwrap_or_default())));
    match challenge {
        Some(challenge) => failure.with_header(WWW_AUTHENTICATE, challenge),
        None => failure,
    }
}

/// True if the same message may be sent again: the request or its response was lost, or the store was unavailable.
/// Repetition is safe for every RPC of the edge (see the comments in `proto/lychgate/v1`).
pub(crate) fn is_transient(status: &Status) -> bool {
    match error_info(status) {
        Some(info) => Reason::parse(&info.reason) == Some(Reason::StoreUnavailable),
        // A status with a source was made on this side of the wire, by a connection that failed.
        None => status.code() == Code::Unavailable || status.source().is_some(),
    }
}

/// True if the call failed for a passing cause before the control plane itself answered.
pub(crate) fn is_unreachable(status: &Status) -> bool {
    let passes = matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted);
    error_info(status).is_none() && (passes || is_transient(status))
}

fn error_info(status: &Status) -> Option<ErrorInfo> {
    status.get_details_error_info().filter(|info| info.domain == ERROR_DOMAIN)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::ErrorDetails;

    use super::*;

    fn status(code: Code, domain: &str, reason: &str, metadata: &[(&str, &str)]) -> Status {
        let metadata: HashMap<_, _> = metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Status::with_error_details(code, "inner words", ErrorDetails::with_error_info(reason, domain, metadata))
    }

    #[test]
    fn an_unknown_reason_fails_closed() {
        let sent = [("oauth_error", "access_denied"), ("description", "d"), ("return_uri", "https://evil.example")];
        let failure = Failure::from(&status(Code::InvalidArgument, ERROR_DOMAIN, "SOMETHING_NEW", &sent));
        assert_eq!(failure.reason(), Reason::Fault);
        assert!(failure.0.return_link.is_none() && failure.0.description.is_none());
        let failure = Failure::from(&status(Code::InvalidArgument, "other.example", "CODE_INVALID", &sent));
        assert_eq!(failure.reason(), Reason::Fault, "a reason of another domain does not count");
        assert_eq!(Failure::from(&Status::unauthenticated("")).reason(), Reason::Fault);
    }

    #[test]
    fn an_unreachable_control_plane_is_a_temporary_failure() {
        for code in [Code::Unavailable, Code::DeadlineExceeded, Code::Cancelled, Code::ResourceExhausted] {
            let failure = Failure::from(&Status::new(code, ""));
            assert_eq!(failure.reason(), Reason::StoreUnavailable, "{code:?}");
        }
    }

    #[test]
    fn only_lost_calls_and_an_unavailable_store_are_retried() {
        assert!(is_transient(&Status::unavailable("")));
        assert!(is_transient(&status(Code::Unavailable, ERROR_DOMAIN, "STORE_UNAVAILABLE", &[])));
        assert!(!is_transient(&status(Code::Unavailable, ERROR_DOMAIN, "UPSTREAM_UNAVAILABLE", &[])));
        assert!(!is_transient(&status(Code::FailedPrecondition, ERROR_DOMAIN, "CODE_REPLAYED", &[])));
        assert!(!is_transient(&Status::internal("")));
    }

    #[test]
    fn invalid_client_is_401_in_the_api_and_400_in_a_browser() {
        let failure = Failure::from(&status(Code::NotFound, ERROR_DOMAIN, "CLIENT_UNKNOWN", &[]));
        assert_eq!((failure.json_status().as_u16(), failure.status().as_u16()), (401, 400));
    }
}
