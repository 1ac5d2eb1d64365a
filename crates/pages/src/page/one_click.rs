//! One sentence and one button, for a person who allowed the same before.

use lychgate_api::v1;
use serde::Serialize;

use super::consent::ConsentView;
use super::{Incomplete, Page, link};
use crate::message::Message;

/// "Continue as Ada Lovelace?"
#[derive(Debug, Serialize)]
pub struct OneClickPage {
    #[serde(flatten)]
    view: ConsentView,
    /// The person's name, or the account if there is no name.
    display_name: String,
    /// The address of the full consent page.
    full_page_uri: String,
}

impl OneClickPage {
    /// `action` is the issuer's own `/consent`. Fails without a person: the button must say which person it acts for.
    pub fn new(action: String, page: v1::ConsentPage) -> Result<Self, Incomplete> {
        let view = ConsentView::new(action, page)?;
        let display_name = view.person.as_ref().ok_or(Incomplete)?.display_name.clone();
        Ok(Self { display_name, full_page_uri: link::full_page(&view.action, &view.ticket, &[]), view })
    }
}

impl Page for OneClickPage {
    fn title(&self) -> Message {
        self.view.lead.clone()
    }

    fn resource(&self) -> Option<&str> {
        Some(&self.view.resource.uri)
    }
}
