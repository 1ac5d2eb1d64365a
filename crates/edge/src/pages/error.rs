//! The page of every failure.

use serde::Serialize;

use super::Page;
use crate::failure::{Failure, ReturnLink};
use crate::messages::{self, FailureMessage};

#[derive(Debug, Serialize)]
pub(crate) struct ErrorPage {
    #[serde(skip)]
    title: &'static str,
    what: &'static str,
    next: &'static str,
    pub(super) return_link: Option<ReturnLink>,
    pub(super) request_id: String,
    reason: &'static str,
    /// For the client's developer; may be empty.
    pub(super) description: String,
}

impl ErrorPage {
    pub(crate) fn new(failure: &Failure, request_id: String) -> Self {
        let FailureMessage { title, what, next } = messages::of_failure(failure.reason());
        Self {
            title,
            what,
            next,
            return_link: failure.return_link().cloned().map(|link| link.or_named(messages::THE_APP)),
            request_id,
            reason: failure.reason().as_str(),
            description: failure.description().unwrap_or_default().to_owned(),
        }
    }
}

impl Page for ErrorPage {
    fn title(&self) -> String {
        self.title.to_owned()
    }
}
