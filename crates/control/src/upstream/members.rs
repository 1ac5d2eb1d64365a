//! All top-level members of a JSON object with one name, with integers exact to the last digit.
//!
//! A parser that keeps the last of two members, or that reads numbers as doubles, could identify another person.

use std::fmt;

use lychgate_domain::upstream::userinfo::ClaimValue;
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// Fails unless `document` is exactly one object.
pub(super) fn members(document: &[u8], name: &str) -> serde_json::Result<Vec<ClaimValue>> {
    let mut deserializer = serde_json::Deserializer::from_slice(document);
    let members = deserializer.deserialize_map(Named(name))?;
    deserializer.end()?;
    Ok(members)
}

struct Named<'a>(&'a str);

impl<'de> Visitor<'de> for Named<'_> {
    type Value = Vec<ClaimValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<ClaimValue>, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == self.0 {
                members.push(member(map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(members)
    }
}

fn member(value: Value) -> ClaimValue {
    match value {
        Value::String(text) => ClaimValue::Text(text),
        // Beyond 64 bits it has become a double, which is no integer.
        Value::Number(number) => number.as_i128().map_or(ClaimValue::Other, ClaimValue::Integer),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => ClaimValue::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(document: &str) -> Vec<ClaimValue> {
        members(document.as_bytes(), "id").unwrap()
    }

    /// Requirements: B36.
    #[test]
    fn an_integer_is_exact_or_rejected() {
        for number in ["0", "583231", "9007199254740993", "18446744073709551615", "-9223372036854775808"] {
            assert_eq!(ids(&format!(r#"{{"id":{number}}}"#)), [ClaimValue::Integer(number.parse().unwrap())]);
        }
        for number in ["18446744073709551616", "-9223372036854775809", "1.0", "1e3", "583231.5", "-0", "-0.0"] {
            assert_eq!(ids(&format!(r#"{{"id":{number}}}"#)), [ClaimValue::Other], "{number}");
        }
    }

    /// Requirements: B36.
    #[test]
    fn all_top_level_members_of_the_name_are_read_and_no_nested_ones() {
        assert_eq!(ids(r#"{"login":"octocat","id":1,"plan":{"id":2},"x":[{"id":3}]}"#), [ClaimValue::Integer(1)]);
        assert_eq!(ids(r#"{"plan":{"id":2},"ID":3,"id ":4}"#), []);
        assert_eq!(ids(r#"{"id":1,"\u0069d":"2","id":null}"#).len(), 3);
        for other in ["null", "true", "{}", "[1]"] {
            assert_eq!(ids(&format!(r#"{{"id":{other}}}"#)), [ClaimValue::Other], "{other}");
        }
    }

    /// Requirements: B36.
    #[test]
    fn a_document_that_is_not_one_object_is_rejected() {
        let deep = format!(r#"{{"id":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
        for document in ["", "[]", "[{\"id\":1}]", "\"id\"", "1", "{\"id\":1", "{\"id\":1}{\"id\":2}", "id=1", &deep] {
            assert!(members(document.as_bytes(), "id").is_err(), "{}", &document[..document.len().min(20)]);
        }
        assert!(members(b"{\"id\":\"\xff\"}", "id").is_err());
    }
}
