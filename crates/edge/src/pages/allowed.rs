//! The page of a finished request: what it has allowed, and the button that takes it back.

use lychgate_api::Reason;
use lychgate_api::v1;
use lychgate_api::v1::allowed_page::Standing;
use serde::Serialize;

use super::Page;
use super::consent::{Client, Redirect, Resource, Scope};
use super::day::Day;
use crate::failure::{Failure, ReturnLink};
use crate::messages;

#[derive(Debug, Serialize)]
pub(crate) struct AllowedPage {
    /// The target of the form: the issuer's own `/consent`.
    action: String,
    /// The address of the page of connected apps.
    account_uri: String,
    client: Client,
    redirect: Redirect,
    resource: Resource,
    scopes: Vec<Scope>,
    allowed: Day,
    /// True if the person gave another answer just now, which came too late.
    too_late: bool,
    /// Empty if there is no button.
    form_token: String,
    /// True if it was taken back, or has expired.
    ended: bool,
    return_link: Option<ReturnLink>,
}

impl AllowedPage {
    /// `path` is the issuer's. Fails if the client, the redirect, the resource or the date is missing, and if the page does not
    /// say whether it still stands.
    pub(crate) fn new(path: &str, page: v1::AllowedPage) -> Result<Self, Failure> {
        let fault = || Failure::new(Reason::Fault);
        let (form_token, ended) = match page.standing.ok_or_else(fault)? {
            Standing::FormToken(form_token) => (form_token, false),
            Standing::OtherSession(_) => (String::new(), false),
            Standing::Ended(_) => (String::new(), true),
        };
        let link = ReturnLink::new(page.return_uri, page.return_label);
        Ok(Self {
            action: format!("{path}/consent"),
            account_uri: format!("{path}/account"),
            client: page.client.and_then(Client::new).ok_or_else(fault)?,
            redirect: page.redirect.and_then(Redirect::new).ok_or_else(fault)?,
            resource: page.resource.map(Resource::from).ok_or_else(fault)?,
            scopes: page.scopes.into_iter().map(Scope::from).collect(),
            allowed: page.allow_time.and_then(Day::of).ok_or_else(fault)?,
            too_late: page.too_late,
            form_token,
            ended,
            return_link: link.map(|link| link.or_named(messages::THE_APP)),
        })
    }
}

impl Page for AllowedPage {
    fn title(&self) -> String {
        messages::allowed_title(self.client.name())
    }
}
