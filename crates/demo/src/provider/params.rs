//! Parameters of a query or form under the rules of OAuth.

use std::collections::BTreeMap;

use url::form_urlencoded;

/// Parameters, each at most once (RFC 6749 §3.1). A parameter without a value counts as missing.
pub(super) struct Params(BTreeMap<String, String>);

/// A parameter is repeated. Two readers could use different values.
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
