//! How a command ends, in one line and one number.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

use lychgate_api::{Reason, error_metadata};
use tonic::{Code, Status};
use tonic_types::{ErrorInfo, StatusExt as _};

/// As `--help` says; in line with `lychgate check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exit {
    Done = 0,
    No = 1,
    Usage = 2,
    Unreachable = 3,
    Refused = 4,
    Other = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    /// What is the case and what to do; not safe to show yet.
    pub(super) line: String,
    /// The control plane's, if it gave one that is known here.
    pub(super) reason: Option<Reason>,
}

impl Failure {
    pub(super) fn new(exit: Exit, line: impl Into<String>) -> Self {
        Self { exit, line: line.into(), reason: None }
    }

    pub(super) fn usage(line: impl Into<String>) -> Self {
        Self::new(Exit::Usage, line)
    }

    /// Of a call, named `id`, of the control plane at `url`.
    pub(super) fn of(status: &Status, url: &str, id: &str) -> Self {
        match status.get_details_error_info() {
            Some(info) => Self::said(status, &info, id),
            None => Self::transport(status, url),
        }
    }

    /// The control plane has answered.
    fn said(status: &Status, info: &ErrorInfo, id: &str) -> Self {
        let reason = Reason::parse(&info.reason);
        let id = info.metadata.get(error_metadata::REQUEST_ID).map_or(id, String::as_str);
        let mut line = format!("{}: {}", info.reason, status.message());
        if let Some(remedy) = reason.and_then(remedy) {
            // Nothing fails if a String is written to.
            let _ = write!(line, "; {remedy}");
        }
        if let Some(oldest) = info.metadata.get(error_metadata::OLDEST_CURSOR) {
            let _ = write!(line, "; the oldest that is kept comes with --after {oldest}");
        }
        let _ = write!(line, " (call {id})");
        Self { exit: exit(status.code()), line, reason }
    }

    /// It has not, or somebody else has.
    fn transport(status: &Status, url: &str) -> Self {
        let mut why = status.message().to_owned();
        let mut source = status.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !why.contains(&cause_text) {
                let _ = write!(why, ": {cause_text}");
            }
            source = cause.source();
        }
        if status.source().is_some() || exit(status.code()) == Exit::Unreachable {
            let remedy = "is it there? --control or LYCHGATE_CONTROL says where";
            return Self::new(
                Exit::Unreachable,
                format!("the control plane at {url} cannot be reached: {why}; {remedy}"),
            );
        }
        let what =
            format!("{url} does not answer as a control plane does: {}: {why}; correct --control", status.code());
        Self::new(Exit::Other, what)
    }
}

/// Standard output, closed early, is the end that somebody wanted.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Exit::Done, ""),
            _ => Self::new(Exit::Other, format!("cannot write to standard output: {error}")),
        }
    }
}

fn exit(code: Code) -> Exit {
    match code {
        Code::Ok => Exit::Done,
        Code::NotFound => Exit::No,
        Code::InvalidArgument => Exit::Usage,
        Code::Unavailable | Code::DeadlineExceeded => Exit::Unreachable,
        Code::Unauthenticated | Code::PermissionDenied => Exit::Refused,
        Code::Cancelled
        | Code::Unknown
        | Code::AlreadyExists
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss => Exit::Other,
    }
}

/// What to do, where the reason's own words do not say.
fn remedy(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::Unauthenticated => "--token-file or LYCHGATE_TOKEN must hold the token of a [[principals]] there",
        Reason::PermissionDenied => {
            "use the token of another [[principals]]: `consents check` takes role checker, all that changes anything operator"
        }
        Reason::IssuerUnknown => "`lychgate issuers list` has those that this token may speak of",
        Reason::StoreUnavailable => {
            "repeat the command, with the same --request-id if it changes something: nobody knows whether it was done"
        }
        Reason::RequestIdReused => "choose another --request-id, or none",
        Reason::CursorLost => "leave --after out to begin with the oldest",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use lychgate_api::ERROR_DOMAIN;
    use tonic_types::ErrorDetails;

    use super::*;

    fn of(code: Code, reason: Reason) -> Failure {
        let metadata = HashMap::from([(error_metadata::REQUEST_ID.to_owned(), "id-of-the-call".to_owned())]);
        let details = ErrorDetails::with_error_info(reason.as_str(), ERROR_DOMAIN, metadata);
        Failure::of(&Status::with_error_details(code, "because", details), "http://there", "mine")
    }

    #[test]
    fn whatever_the_control_plane_says_has_its_exit_code() {
        for (code, reason, expected) in [
            (Code::NotFound, Reason::RecordUnknown, Exit::No),
            (Code::InvalidArgument, Reason::RequestMalformed, Exit::Usage),
            (Code::Unavailable, Reason::StoreUnavailable, Exit::Unreachable),
            (Code::Unauthenticated, Reason::Unauthenticated, Exit::Refused),
            (Code::PermissionDenied, Reason::PermissionDenied, Exit::Refused),
            (Code::AlreadyExists, Reason::RequestIdReused, Exit::Other),
            (Code::OutOfRange, Reason::CursorLost, Exit::Other),
            (Code::Internal, Reason::Fault, Exit::Other),
        ] {
            let failure = of(code, reason);
            assert_eq!((failure.exit, failure.reason), (expected, Some(reason)));
            let (start, end) = (format!("{}: because", reason.as_str()), " (call id-of-the-call)");
            assert!(failure.line.starts_with(&start) && failure.line.ends_with(end), "{}", failure.line);
        }
    }

    #[test]
    fn whoever_is_no_control_plane_is_told_from_nobody() {
        let somebody = Failure::of(&Status::unimplemented("no such service"), "http://there", "mine");
        assert_eq!(somebody.exit, Exit::Other);
        let nobody = Failure::of(&Status::unavailable("tcp connect error"), "http://there", "mine");
        assert_eq!(nobody.exit, Exit::Unreachable);
        assert!(nobody.line.contains("http://there") && nobody.line.contains("--control"), "{}", nobody.line);
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).exit, Exit::Done);
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::StorageFull)).exit, Exit::Other);
    }
}
