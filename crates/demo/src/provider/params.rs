//! Parameters of a query or a form, as OAuth reads them.

use std::collections::BTreeMap;

use url::form_urlencoded;

/// Each parameter at most once (RFC 6749 §3.1); one without a value is one that was left out.
pub(super) struct Params(BTreeMap<String, String>);

/// Some parameter was there twice: two readers could each take another one.
#[derive(Debug)]
pub(super) struct Repeated;

impl Params {
    pub(super) fn parse(encoded: &[u8]) -> Result<Self, Repeated> {
        let mut params = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(encoded) {
            if params.insert(name.into_owned(), value.into_owned()).is_some() {
                return Err(Repeated);
            }
        }
        params.retain(|_, value| !value.is_empty());
        Ok(Self(params))
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}
