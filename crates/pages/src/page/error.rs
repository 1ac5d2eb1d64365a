//! The page of every failure.

use lychgate_api::Reason;
use lychgate_api::v1;
use serde::Serialize;

use super::consent::Person;
use super::{Page, link};
use crate::message::Message;
use crate::return_link::ReturnLink;

/// What happened, and what the person can do.
#[derive(Debug, Serialize)]
pub struct ErrorPage {
    what: Message,
    /// The person who signed in and was not admitted.
    person: Option<Person>,
    upstream_name: String,
    next: Message,
    /// A page to open again; empty if that does not help.
    retry_uri: String,
    /// The consent page of the same request, for another account; empty if that does not help.
    another_account_uri: String,
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
    /// The form that the answer came from: its target and its ticket. Without its cookie, it can be opened again. Of a person
    /// who was not admitted: the form of the same request, for another account.
    pub form: Option<(String, String)>,
    /// The person who was not admitted.
    pub refused: Option<RefusedPerson>,
    /// True if the issuer is at an http address, where some browsers keep no cookie of ours.
    pub is_http: bool,
}

/// A person who signed in and was not admitted.
#[derive(Clone, Debug)]
pub struct RefusedPerson {
    /// The person.
    pub person: v1::Person,
    /// The name of the identity provider.
    pub upstream_name: String,
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
        let form = details.form.filter(|(_, ticket)| !ticket.is_empty());
        let uri = form.map(|(action, ticket)| link::full_page(&action, &ticket, &[])).unwrap_or_default();
        let only_if = |holds: bool| if holds { uri.clone() } else { String::new() };
        let is_not_admitted = reason == Reason::AccountNotAllowed;
        let link = details.return_link;
        let refused = details.refused.filter(|_| is_not_admitted);
        let (person, upstream_name) = refused.map(|refused| (refused.person, refused.upstream_name)).unzip();
        Self {
            title: Message::new(format!("{id}.title")),
            what: Message::new(format!("{id}.what")),
            next: Message::new(format!("{id}.next")),
            person: person.and_then(Person::new),
            upstream_name: upstream_name.unwrap_or_default(),
            retry_uri: only_if(retries),
            another_account_uri: only_if(is_not_admitted),
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
