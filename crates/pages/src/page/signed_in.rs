//! The question after a login, before a code is issued: is this you?

use lychgate_api::v1;
use serde::Serialize;

use super::consent::ConsentView;
use super::{Incomplete, Page};
use crate::message::Message;

/// "You signed in as Ada Lovelace. Is that you?"
#[derive(Debug, Serialize)]
pub struct SignedInPage {
    #[serde(flatten)]
    view: ConsentView,
    /// The person's name, or the account if there is no name.
    display_name: String,
    state: String,
}

impl SignedInPage {
    /// `action` is the issuer's callback. Fails without a person.
    pub fn new(action: String, state: String, page: v1::ConsentPage) -> Result<Self, Incomplete> {
        let view = ConsentView::new(action, page)?;
        let display_name = view.person.as_ref().ok_or(Incomplete)?.display_name.clone();
        Ok(Self { view, display_name, state })
    }
}

impl Page for SignedInPage {
    fn title(&self) -> Message {
        Message::new("signed-in-title").with("person", self.display_name.as_str())
    }

    fn resource(&self) -> Option<&str> {
        Some(&self.view.resource.uri)
    }
}
