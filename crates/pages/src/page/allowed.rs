//! The page of a finished request: what it has allowed, and the button that takes it back.

use lychgate_api::v1;
use lychgate_api::v1::allowed_page::Standing;
use serde::Serialize;

use super::client::Asker;
use super::consent::{Resource, Scope};
use super::{Incomplete, Page};
use crate::message::Message;
use crate::return_link::ReturnLink;
use crate::value::Value;

/// "You allowed claude.ai to use Team Notes as you."
#[derive(Debug, Serialize)]
pub struct AllowedPage {
    /// The target of the form: the issuer's own `/consent`.
    action: String,
    lead: Message,
    asker: Asker,
    resource: Resource,
    scopes: Vec<Scope>,
    allowed: Value,
    /// True if the person gave another answer just now, which came too late.
    too_late: bool,
    /// Empty if there is no button.
    form_token: String,
    /// True if it was taken back, or has expired.
    ended: bool,
    return_uri: String,
    return_text: Option<Message>,
}

impl AllowedPage {
    /// `path` is the issuer's. Fails if the client, the redirect, the resource or the date is missing, and if the page does not
    /// say whether it still stands.
    pub fn new(path: &str, page: v1::AllowedPage) -> Result<Self, Incomplete> {
        let (form_token, ended) = match page.standing.ok_or(Incomplete)? {
            Standing::FormToken(form_token) => (form_token, false),
            Standing::OtherSession(_) => (String::new(), false),
            Standing::Ended(_) => (String::new(), true),
        };
        let asker = Asker::new(page.client.ok_or(Incomplete)?, page.redirect.ok_or(Incomplete)?)?;
        let resource = Resource::new(page.resource.ok_or(Incomplete)?);
        let lead = asker.lead("allowed-lead");
        let link = ReturnLink::new(page.return_uri, page.return_label);
        Ok(Self {
            action: format!("{path}/consent"),
            lead: lead.with("resource", resource.name.clone()),
            asker,
            scopes: page.scopes.into_iter().map(|scope| Scope::new(&resource.uri, scope)).collect(),
            resource,
            allowed: page.allow_time.and_then(Value::day).ok_or(Incomplete)?,
            too_late: page.too_late,
            form_token,
            ended,
            return_text: link.as_ref().map(ReturnLink::text),
            return_uri: link.map(|link| link.uri).unwrap_or_default(),
        })
    }
}

impl Page for AllowedPage {
    fn title(&self) -> Message {
        self.lead.clone()
    }

    fn resource(&self) -> Option<&str> {
        Some(&self.resource.uri)
    }
}
