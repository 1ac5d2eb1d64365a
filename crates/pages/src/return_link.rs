//! A link back to the app, shown on error pages and on the page of a finished request.

use serde::Serialize;
use url::Url;

use crate::message::Message;
use crate::value::Value;

/// An absolute URI that is safe as a link, and its label.
#[derive(Clone, Debug, Serialize)]
pub struct ReturnLink {
    pub(crate) uri: String,
    /// May be empty.
    label: String,
}

impl ReturnLink {
    /// `None` for a URI that is not absolute, and for schemes that a browser executes or shows under our origin: a client
    /// could otherwise run script on our page.
    pub fn new(uri: String, label: String) -> Option<Self> {
        let parsed = Url::parse(&uri).ok()?;
        if matches!(parsed.scheme(), "javascript" | "data" | "vbscript" | "blob" | "file" | "about" | "filesystem") {
            return None;
        }
        let label = if label.is_empty() { parsed.host_str().unwrap_or_default().to_owned() } else { label };
        Some(Self { uri, label })
    }

    /// The words of the link.
    pub(crate) fn text(&self) -> Message {
        if self.label.is_empty() {
            Message::new("return-to-app")
        } else {
            Message::new("return-to").with("place", Value::code(self.label.as_str()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_that_a_browser_executes_are_no_links() {
        let link = |uri: &str| ReturnLink::new(uri.to_owned(), String::new());
        for uri in [
            "javascript:alert(1)",
            " JavaScript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc",
            "/relative",
            "",
        ] {
            assert!(link(uri).is_none(), "{uri}");
        }
        assert_eq!(link("https://a.example/cb?error=x").expect("a link").label, "a.example");
        assert_eq!(link("cursor://x/cb").expect("a link").label, "x");
    }
}
