//! The page of every failure.

use lychgate_api::Reason;
use serde::Serialize;

use super::{Page, link};
use crate::message::Message;
use crate::return_link::ReturnLink;

/// What happened, and what the person can do.
#[derive(Debug, Serialize)]
pub struct ErrorPage {
    what: Message,
    next: Message,
    /// A page to open again; empty if that does not help.
    retry_uri: String,
    return_uri: String,
    return_text: Option<Message>,
    request_id: String,
    reason: &'static str,
    /// For the client's developer; may be empty.
    description: String,
    #[serde(skip)]
    title: Message,
}

/// What an error page says besides the reason.
#[derive(Clone, Debug, Default)]
pub struct ErrorDetails {
    /// The request's id.
    pub request_id: String,
    /// For the client's developer; may be empty.
    pub description: String,
    /// The way back to the client.
    pub return_link: Option<ReturnLink>,
    /// The form that the answer came from: its target and its ticket. Without its cookie, it can be opened again.
    pub form: Option<(String, String)>,
    /// True if the issuer is at an http address, where some browsers keep no cookie of ours.
    pub is_http: bool,
}

impl ErrorPage {
    /// The page of a failure.
    pub fn new(reason: Reason, details: ErrorDetails) -> Self {
        let id = match reason {
            Reason::BrowserCookieMissing if details.is_http => "error-browser-cookie-missing-over-http".to_owned(),
            reason => error_id(reason),
        };
        let retries =
            matches!(reason, Reason::BrowserCookieMissing | Reason::FormTokenInvalid | Reason::DecisionMissing);
        let form = details.form.filter(|(_, ticket)| retries && !ticket.is_empty());
        let link = details.return_link;
        Self {
            title: Message::new(format!("{id}.title")),
            what: Message::new(format!("{id}.what")),
            next: Message::new(format!("{id}.next")),
            retry_uri: form.map(|(action, ticket)| link::full_page(&action, &ticket, &[])).unwrap_or_default(),
            return_text: link.as_ref().map(ReturnLink::text),
            return_uri: link.map(|link| link.uri).unwrap_or_default(),
            request_id: details.request_id,
            reason: reason.as_str(),
            description: details.description,
        }
    }
}

/// The message of a reason: `error-` and its name. Its attributes are `title`, `what` and `next`.
pub(crate) fn error_id(reason: Reason) -> String {
    format!("error-{}", reason.as_str().to_ascii_lowercase().replace('_', "-"))
}

impl Page for ErrorPage {
    fn title(&self) -> Message {
        self.title.clone()
    }
}
