//! The top-level members of a JSON object that bear one name: all of them, and integers to the last digit.
//!
//! A parser that keeps the last of two, or that reads numbers as doubles, would name somebody else.

use std::fmt;

use lychgate_domain::upstream::userinfo::ClaimValue;
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// An error if `document` is not an object, and nothing else.
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
    fn an_integer_is_read_to_its_last_digit_or_not_at_all() {
        for number in ["0", "583231", "9007199254740993", "18446744073709551615", "-9223372036854775808"] {
            assert_eq!(ids(&format!(r#"{{"id":{number}}}"#)), [ClaimValue::Integer(number.parse().unwrap())]);
        }
        for number in ["18446744073709551616", "-9223372036854775809", "1.0", "1e3", "583231.5", "-0", "-0.0"] {
            assert_eq!(ids(&format!(r#"{{"id":{number}}}"#)), [ClaimValue::Other], "{number}");
        }
    }

    /// Requirements: B36.
    #[test]
    fn only_the_top_level_counts_and_all_of_it() {
        assert_eq!(ids(r#"{"login":"octocat","id":1,"plan":{"id":2},"x":[{"id":3}]}"#), [ClaimValue::Integer(1)]);
        assert_eq!(ids(r#"{"plan":{"id":2},"ID":3,"id ":4}"#), []);
        assert_eq!(ids(r#"{"id":1,"\u0069d":"2","id":null}"#).len(), 3);
        for other in ["null", "true", "{}", "[1]"] {
            assert_eq!(ids(&format!(r#"{{"id":{other}}}"#)), [ClaimValue::Other], "{other}");
        }
    }

    /// Requirements: B36.
    #[test]
    fn what_is_not_one_object_is_not_read() {
        let deep = format!(r#"{{"id":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
        for document in ["", "[]", "[{\"id\":1}]", "\"id\"", "1", "{\"id\":1", "{\"id\":1}{\"id\":2}", "id=1", &deep] {
            assert!(members(document.as_bytes(), "id").is_err(), "{}", &document[..document.len().min(20)]);
        }
        assert!(members(b"{\"id\":\"\xff\"}", "id").is_err());
    }
}
