//! Decides by the type of its error if a failed call has reached the control plane.
//!
//! A transport reports a limit of its own, a broken answer and a lost connection alike, as an error of the call. Only some of them
//! mean that nothing was delivered. A call that was delivered and is sent again costs the control plane its work again, which a
//! stranger could cause by a request whose answer does not arrive.

use std::error::Error;
use std::io;

use h2::Reason;
use lychgate_api::ERROR_DOMAIN;
use tonic::{Code, ConnectError, Status, TimeoutExpired};
use tonic_types::{ErrorInfo, StatusExt};

/// The fate of a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// The control plane has certainly not begun it.
    NotDelivered,
    /// The connection, or a proxy's, ended before an answer. The control plane may have completed the call.
    Unknown,
    /// It was answered, by an error of the control plane or by an answer that cannot be read.
    Answered,
}

impl Delivery {
    pub(crate) fn of(status: &Status) -> Self {
        if error_info(status).is_some() {
            return Self::Answered;
        }
        let Some(mut cause) = status.source() else {
            // Our control plane gives every status a reason, so a proxy made this one.
            return if status.code() == Code::Unavailable { Self::Unknown } else { Self::Answered };
        };
        loop {
            if let Some(delivery) = of_cause(cause) {
                return delivery;
            }
            match cause.source() {
                Some(deeper) => cause = deeper,
                None => return Self::Answered,
            }
        }
    }
}

/// True if no connection came about: the server is not there, or is not the one that the URL names.
pub(crate) fn found_no_server(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        if error.is::<ConnectError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// `None` if this type says nothing; its source may.
fn of_cause(cause: &(dyn Error + 'static)) -> Option<Delivery> {
    if cause.is::<ConnectError>() {
        return Some(Delivery::NotDelivered);
    }
    if cause.is::<TimeoutExpired>() || cause.is::<io::Error>() {
        return Some(Delivery::Unknown);
    }
    if let Some(error) = cause.downcast_ref::<h2::Error>() {
        return Some(of_h2(error));
    }
    let error = cause.downcast_ref::<hyper::Error>()?;
    match error {
        // The connection ended while the request still waited to be sent.
        error if error.is_canceled() => Some(Delivery::NotDelivered),
        // The peer did not answer a keep-alive ping.
        error if error.is_timeout() => Some(Delivery::Unknown),
        _ => None,
    }
}

fn of_h2(error: &h2::Error) -> Delivery {
    match error.reason() {
        // RFC 9113 §8.7: no processing has occurred.
        Some(Reason::REFUSED_STREAM) if error.is_reset() && error.is_remote() => Delivery::NotDelivered,
        _ if error.is_io() || (error.is_go_away() && error.is_remote()) => Delivery::Unknown,
        // The peer ended this call, or sent what this side does not accept.
        _ => Delivery::Answered,
    }
}

/// The control plane's description of the error; `None` if the status is not its own.
pub(super) fn error_info(status: &Status) -> Option<ErrorInfo> {
    status.get_details_error_info().filter(|info| info.domain == ERROR_DOMAIN)
}
