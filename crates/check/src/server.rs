//! The authorization server as its metadata describes it. All of it is the server's claim: nothing here is trusted.

use serde_json::{Map, Value};
use url::Url;

/// The metadata document that a scan goes by.
#[derive(Debug)]
pub(crate) struct Server {
    /// As the person typed it.
    pub(crate) issuer: String,
    /// The URL of the document.
    pub(crate) metadata_url: Url,
    pub(crate) document: Map<String, Value>,
}

impl Server {
    pub(crate) fn endpoint(&self, member: &str) -> Option<Url> {
        Url::parse(self.document.get(member)?.as_str()?).ok()
    }

    pub(crate) fn lists(&self, member: &str, value: &str) -> bool {
        self.strings(member).any(|listed| listed == value)
    }

    /// True if this member is `true`.
    pub(crate) fn supports(&self, member: &str) -> bool {
        self.document.get(member) == Some(&Value::Bool(true))
    }

    /// The first advertised scope that means something at a resource.
    pub(crate) fn first_scope(&self) -> Option<String> {
        first_scope(self.strings("scopes_supported"))
    }

    pub(crate) fn strings(&self, member: &str) -> impl Iterator<Item = &str> {
        self.document.get(member).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }
}

/// The first scope that is not one of OpenID Connect's: those grant claims about the person, not access to a resource.
pub(crate) fn first_scope<'a>(mut scopes: impl Iterator<Item = &'a str>) -> Option<String> {
    const OPENID: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];
    scopes.find(|scope| !OPENID.contains(scope)).map(str::to_owned)
}

/// True if `value` is or contains null or a number that is no integer: known clients break on both.
pub(crate) fn has_null_or_fraction(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Number(number) => number.is_f64(),
        Value::Bool(_) | Value::String(_) => false,
        Value::Array(values) => values.iter().any(has_null_or_fraction),
        Value::Object(members) => members.values().any(has_null_or_fraction),
    }
}
