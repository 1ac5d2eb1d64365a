//! The failure that a gRPC status stands for.

use std::borrow::Cow;

use axum::http::header::WWW_AUTHENTICATE;
use lychgate_api::{Reason, error_metadata as metadata};
use lychgate_pages::ReturnLink;
use tonic::{Code, Status};
use tonic_types::ErrorInfo;

use super::delivery::{Delivery, error_info};
use super::{Failure, known};

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

/// True if the control plane answered that the same message may be sent again. Repetition is safe for every RPC of the edge (see
/// the comments in `proto/lychgate/v1`).
pub(crate) fn invites_repetition(status: &Status) -> bool {
    error_info(status).is_some_and(|info| Reason::parse(&info.reason) == Some(Reason::StoreUnavailable))
}

/// True if the call failed for a passing cause before the control plane itself answered.
pub(crate) fn is_unreachable(status: &Status) -> bool {
    let passes = matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted);
    error_info(status).is_none() && (passes || Delivery::of(status) != Delivery::Answered)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::io;

    use lychgate_api::ERROR_DOMAIN;
    use tonic_types::{ErrorDetails, StatusExt as _};

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
    fn only_an_unavailable_store_invites_repetition() {
        for reason in Reason::ALL {
            let status = status(reason.grpc_code(), ERROR_DOMAIN, reason.as_str(), &[]);
            assert_eq!(invites_repetition(&status), *reason == Reason::StoreUnavailable, "{reason:?}");
            assert_eq!(Delivery::of(&status), Delivery::Answered, "{reason:?}");
        }
    }

    /// The errors of connections are in `tests/edge/repetition.rs`, because only connections make them.
    #[test]
    fn only_an_error_of_a_connection_or_a_proxy_may_be_a_lost_call() {
        for code in (0..=16).map(Code::from) {
            let expected = if code == Code::Unavailable { Delivery::Unknown } else { Delivery::Answered };
            assert_eq!(Delivery::of(&Status::new(code, "")), expected, "{code:?}");
        }
        let caused = |error: Box<dyn std::error::Error + Send + Sync>| Status::from_error(error);
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        for (status, expected) in [
            (caused(Box::new(tonic::ConnectError(Box::new(broken())))), Delivery::NotDelivered),
            (caused(Box::new(broken())), Delivery::Unknown),
            (caused(Box::new(tonic::TimeoutExpired(()))), Delivery::Unknown),
            (caused(Box::new(h2::Error::from(h2::Reason::PROTOCOL_ERROR))), Delivery::Answered),
            (caused(Box::new(h2::Error::from(h2::Reason::REFUSED_STREAM))), Delivery::Answered),
            (caused("something else".into()), Delivery::Answered),
        ] {
            assert_eq!(Delivery::of(&status), expected, "{status:?}");
        }
    }

    #[test]
    fn invalid_client_is_401_in_the_api_and_400_in_a_browser() {
        let failure = Failure::from(&status(Code::NotFound, ERROR_DOMAIN, "CLIENT_UNKNOWN", &[]));
        assert_eq!((failure.json_status().as_u16(), failure.status().as_u16()), (401, 400));
    }
}
