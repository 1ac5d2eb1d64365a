//! The end of a command that failed: one line and an exit code.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

use lychgate_api::{Reason, error_metadata};
use tonic::{Code, Status};
use tonic_types::{ErrorInfo, StatusExt as _};

/// The exit codes that `--help` lists. `lychgate check` has its own: 0 to 3, with 1 also for internal errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
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
pub(crate) struct Failure {
    pub(super) exit: Exit,
    /// The problem and its remedy. It may contain text of other parties and is not yet safe to show.
    pub(super) line: String,
    /// The control plane's reason, if this version knows it.
    pub(super) reason: Option<Reason>,
}

impl Failure {
    pub(super) fn new(exit: Exit, line: impl Into<String>) -> Self {
        Self { exit, line: line.into(), reason: None }
    }

    pub(super) fn usage(line: impl Into<String>) -> Self {
        Self::new(Exit::Usage, line)
    }

    /// The failure of the call `id` to the control plane at `url`.
    pub(super) fn of(status: &Status, url: &str, id: &str) -> Self {
        match status.get_details_error_info() {
            Some(info) => Self::refused(status, &info, id),
            None => Self::transport(status, url),
        }
    }

    /// An error that the control plane answered.
    fn refused(status: &Status, info: &ErrorInfo, id: &str) -> Self {
        let reason = Reason::parse(&info.reason);
        let id = info.metadata.get(error_metadata::REQUEST_ID).map_or(id, String::as_str);
        let mut line = format!("{}: {}", info.reason, status.message());
        if let Some(remedy) = reason.and_then(remedy) {
            // Writing to a String cannot fail.
            let _ = write!(line, "; {remedy}");
        }
        if let Some(oldest) = info.metadata.get(error_metadata::OLDEST_CURSOR) {
            let _ = write!(line, "; the oldest event on record follows --after {oldest}");
        }
        let _ = write!(line, " (call {id})");
        Self { exit: exit(status.code()), line, reason }
    }

    /// No answer, or one from a server that is no control plane.
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
            let remedy = "check that it runs there; --control or LYCHGATE_CONTROL sets its URL";
            return Self::new(
                Exit::Unreachable,
                format!("the control plane at {url} cannot be reached: {why}; {remedy}"),
            );
        }
        let what = format!("{url} is no control plane: {}: {why}; correct --control", status.code());
        Self::new(Exit::Other, what)
    }
}

/// A reader that closes standard output early, as `head` does, has seen enough: that is no failure.
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

/// The remedy, where the control plane's message does not name it.
fn remedy(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::Unauthenticated => "put the token of one of its [[principals]] into --token-file or LYCHGATE_TOKEN",
        Reason::PermissionDenied => {
            "use the token of another [[principals]]: `consents check` needs the role checker, every change needs operator"
        }
        Reason::IssuerUnknown => "`lychgate issuers list` shows the issuers of this token",
        Reason::StoreUnavailable => {
            "the outcome is unknown: repeat the command, with the same --request-id if it changes something"
        }
        Reason::RequestIdReused => "choose another --request-id, or omit it",
        Reason::CursorLost => "omit --after to begin with the oldest event",
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
    fn each_refusal_of_the_control_plane_has_its_exit_code() {
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
    fn another_server_is_not_reported_as_unreachable() {
        let other = Failure::of(&Status::unimplemented("no such service"), "http://there", "mine");
        assert_eq!(other.exit, Exit::Other);
        let absent = Failure::of(&Status::unavailable("tcp connect error"), "http://there", "mine");
        assert_eq!(absent.exit, Exit::Unreachable);
        assert!(absent.line.contains("http://there") && absent.line.contains("--control"), "{}", absent.line);
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).exit, Exit::Done);
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::StorageFull)).exit, Exit::Other);
    }
}
