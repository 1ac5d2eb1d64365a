//! The page at the issuer's own address.

use serde::Serialize;

use super::Page;
use crate::message::Message;

/// "This service asks you before an app may use something as you."
#[derive(Debug, Default, Serialize)]
pub struct HomePage {}

impl Page for HomePage {
    fn title(&self) -> Message {
        Message::new("home-title")
    }
}
