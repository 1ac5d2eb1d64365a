//! A provider's reply: the top-level members of one JSON object. Everything that a provider sends is read here.
//!
//! Two kinds of members are told apart. On an *essential* member depends who signs in or which token is used: it is
//! there once and has its type, or the reply is refused by its name. On an *optional* one nothing depends: `null`, a
//! repetition and another type are as good as its absence, and the deviations of real providers are understood (a
//! number in a string, one string for a list). Texts of the provider are never part of an error.
//!
//! Integers are exact to the last digit: a parser that reads numbers as doubles, or keeps the last of two members, could
//! identify another person.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use lychgate_domain::issuer::{EmailDomain, EntryFacts, StatedClaim, StatedClaims};
use lychgate_domain::subject::Subject;
use lychgate_domain::upstream::userinfo::ClaimValue;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// All top-level members, in the order of the document. A name may occur several times.
#[derive(Clone)]
pub(super) struct Reply(Vec<(String, Value)>);

/// The reason why an essential member cannot be used. For the log, never for a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MemberError {
    #[error("the member {0} is missing")]
    Missing(&'static str),
    /// Parsers disagree on which one counts (RFC 8259 §4).
    #[error("the member {0} is repeated")]
    Repeated(&'static str),
    #[error("the member {0} is empty")]
    Empty(&'static str),
    #[error("the member {member} is {found}, not {expected}")]
    Type { member: &'static str, found: &'static str, expected: &'static str },
}

/// The longest lifetime that is believed. Longer ones are as good as none.
const LONGEST: f64 = 100.0 * 365.0 * 86_400.0;

impl Reply {
    /// Fails unless `document` is exactly one object.
    pub(super) fn parse(document: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(document)
    }

    /// An essential string that is not empty.
    pub(super) fn text(&self, member: &'static str) -> Result<&str, MemberError> {
        match self.optional_text(member)? {
            None => Err(MemberError::Missing(member)),
            Some("") => Err(MemberError::Empty(member)),
            Some(text) => Ok(text),
        }
    }

    /// A string that may be absent, and is essential if it is not.
    pub(super) fn optional_text(&self, member: &'static str) -> Result<Option<&str>, MemberError> {
        match self.one(member)? {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(unexpected(member, other, "a string")),
        }
    }

    /// A number that may be absent, and is essential if it is not.
    pub(super) fn optional_number(&self, member: &'static str) -> Result<Option<f64>, MemberError> {
        match self.one(member)? {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(number.as_f64()),
            Some(other) => Err(unexpected(member, other, "a number")),
        }
    }

    /// An essential list of strings, or one string for a list of one (RFC 7519 §4.1.3).
    pub(super) fn texts(&self, member: &'static str) -> Result<Vec<String>, MemberError> {
        let other = |other| unexpected(member, other, "a string or a list of strings");
        match self.one(member)? {
            None => Err(MemberError::Missing(member)),
            Some(Value::String(one)) => Ok(vec![one.clone()]),
            Some(Value::Array(several)) => {
                several.iter().map(|one| one.as_str().map(str::to_owned).ok_or_else(|| other(one))).collect()
            }
            Some(wrong) => Err(other(wrong)),
        }
    }

    /// An essential list.
    pub(super) fn list(&self, member: &'static str) -> Result<&[Value], MemberError> {
        match self.one(member)? {
            None => Err(MemberError::Missing(member)),
            Some(Value::Array(list)) => Ok(list),
            Some(other) => Err(unexpected(member, other, "a list")),
        }
    }

    /// The code in `error`, which makes any reply a refusal. Empty if it is no string.
    pub(super) fn refusal(&self) -> Option<&str> {
        let error = self.values("error").find(|value| !value.is_null())?;
        Some(error.as_str().unwrap_or_default())
    }

    /// An optional string that is not empty.
    pub(super) fn hint(&self, member: &str) -> Option<&str> {
        self.ignorable(member)?.as_str().filter(|text| !text.is_empty())
    }

    /// An optional list of strings; one string is a list of the words in it.
    pub(super) fn hints(&self, member: &str) -> Option<Vec<String>> {
        match self.ignorable(member)? {
            Value::String(words) => Some(words.split_whitespace().map(str::to_owned).collect()),
            Value::Array(list) => Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
        }
    }

    /// An optional flag, false by default.
    pub(super) fn flag(&self, member: &str) -> bool {
        match self.ignorable(member) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text == "true",
            _ => false,
        }
    }

    /// An optional lifetime in seconds: a number, or one in a string. A fraction is cut off; a negative or endless one
    /// says nothing.
    pub(super) fn lifetime(&self, member: &str) -> Option<Duration> {
        let seconds = match self.ignorable(member)? {
            Value::Number(number) => number.as_f64()?,
            Value::String(text) => text.trim().parse().ok()?,
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        (0.0..=LONGEST).contains(&seconds).then(|| Duration::from_secs(seconds as u64))
    }

    /// The values of all members with this name, for the domain to judge.
    pub(super) fn all(&self, member: &str) -> Vec<ClaimValue> {
        let claim = |value: &Value| match value {
            Value::String(text) => ClaimValue::Text(text.clone()),
            // Beyond 64 bits it has become a double, which is no integer.
            Value::Number(number) => number.as_i128().map_or(ClaimValue::Other, ClaimValue::Integer),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => ClaimValue::Other,
        };
        self.values(member).map(claim).collect()
    }

    /// All that the entry rules may ask for. A member that is repeated, or is neither a text nor a list of nothing but texts,
    /// is as good as absent; so is an address without `email_verified`.
    pub(super) fn entry_facts(&self, subject: Subject) -> EntryFacts {
        let is_verified = self.flag("email_verified");
        let email_domain = self.hint("email").filter(|_| is_verified).and_then(EmailDomain::of_address);
        let mut members = BTreeMap::<&str, Vec<&Value>>::new();
        for (name, value) in &self.0 {
            members.entry(name).or_default().push(value);
        }
        let claim = |(name, values): (&str, Vec<&Value>)| {
            let [value] = values[..] else { return None };
            Some(StatedClaim { name: name.to_owned(), values: texts_of(value)? })
        };
        let claims = StatedClaims { email_domain, named: members.into_iter().filter_map(claim).collect() };
        EntryFacts { subject, claims }
    }

    fn values<'a>(&'a self, member: &str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |(name, _)| name == member).map(|(_, value)| value)
    }

    /// An essential member; `null` is its absence.
    fn one(&self, member: &'static str) -> Result<Option<&Value>, MemberError> {
        let mut values = self.values(member);
        let first = values.next();
        if values.next().is_some() {
            return Err(MemberError::Repeated(member));
        }
        Ok(first.filter(|value| !value.is_null()))
    }

    /// An optional member; `null` and a repetition are its absence.
    fn ignorable(&self, member: &str) -> Option<&Value> {
        let mut values = self.values(member);
        let first = values.next().filter(|value| !value.is_null());
        first.filter(|_| values.next().is_none())
    }
}

/// Without the values: they contain tokens.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl<'de> Deserialize<'de> for Reply {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Reply;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Reply, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Reply(members))
    }
}

/// A text, or a list of nothing but texts.
fn texts_of(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(list) => list.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

fn unexpected(member: &'static str, found: &Value, expected: &'static str) -> MemberError {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    MemberError::Type { member, found, expected }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// The reply with these members.
    pub(in crate::upstream) fn reply(members: &Value) -> Reply {
        Reply::parse(members.to_string().as_bytes()).unwrap()
    }

    /// Any JSON value.
    pub(in crate::upstream) fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            "-?[0-9]{1,40}(\\.[0-9]{1,9})?".prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{0,3}", inner, 0..3).prop_map(|map| json!(map)),
            ]
        })
    }

    fn ids(document: &str) -> Vec<ClaimValue> {
        Reply::parse(document.as_bytes()).unwrap().all("id")
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
            assert!(Reply::parse(document.as_bytes()).is_err(), "{}", &document[..document.len().min(20)]);
        }
        assert!(Reply::parse(b"{\"id\":\"\xff\"}").is_err());
    }

    #[test]
    fn an_essential_member_is_there_once_with_its_type_or_is_named() {
        let found =
            reply(&json!({ "a": "x", "empty": "", "null": null, "number": 5, "list": ["x", "y"], "odd": ["x", 5] }));
        assert_eq!((found.text("a"), found.texts("a")), (Ok("x"), Ok(vec!["x".to_owned()])));
        assert_eq!(found.texts("list"), Ok(vec!["x".to_owned(), "y".to_owned()]));
        assert_eq!((found.optional_text("none"), found.optional_text("null")), (Ok(None), Ok(None)));
        assert_eq!((found.optional_number("number"), found.optional_number("null")), (Ok(Some(5.0)), Ok(None)));
        let twice = Reply::parse(br#"{"a":"x","a":"x"}"#).unwrap();
        for (error, expected) in [
            (found.text("none").unwrap_err(), "the member none is missing"),
            (found.text("null").unwrap_err(), "the member null is missing"),
            (found.text("empty").unwrap_err(), "the member empty is empty"),
            (found.text("number").unwrap_err(), "the member number is a number, not a string"),
            (found.optional_text("list").unwrap_err(), "the member list is a list, not a string"),
            (found.optional_number("a").unwrap_err(), "the member a is a string, not a number"),
            (found.texts("odd").unwrap_err(), "the member odd is a number, not a string or a list of strings"),
            (found.texts("none").unwrap_err(), "the member none is missing"),
            (found.list("a").unwrap_err(), "the member a is a string, not a list"),
            (twice.text("a").unwrap_err(), "the member a is repeated"),
        ] {
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn an_optional_member_is_understood_or_as_good_as_absent() {
        let lifetime =
            |value: Value| reply(&json!({ "expires_in": value })).lifetime("expires_in").map(|d| d.as_secs());
        for (value, seconds) in [
            (json!(3600), Some(3600)),
            (json!("3600"), Some(3600)),
            (json!(" 3600 "), Some(3600)),
            (json!(3599.9), Some(3599)),
            (json!("3599.9"), Some(3599)),
            (json!(0), Some(0)),
            (json!(-1), None),
            (json!("-1"), None),
            (json!(1e300), None),
            (json!(u64::MAX), None),
            (json!("inf"), None),
            (json!("NaN"), None),
            (json!("an hour"), None),
            (json!(""), None),
            (json!(null), None),
            (json!([3600]), None),
        ] {
            assert_eq!(lifetime(value.clone()), seconds, "{value}");
        }
        let hints = |value: Value| reply(&json!({ "m": value })).hints("m");
        let basic = || Some(vec!["client_secret_basic".to_owned()]);
        for (value, expected) in [
            (json!(["client_secret_basic"]), basic()),
            (json!("client_secret_basic"), basic()),
            (json!([null, "client_secret_basic", 5]), basic()),
            (json!("a b"), Some(vec!["a".to_owned(), "b".to_owned()])),
            (json!(null), None),
            (json!(5), None),
        ] {
            assert_eq!(hints(value.clone()), expected, "{value}");
        }
        for (value, expected) in
            [(json!(true), true), (json!("true"), true), (json!(null), false), (json!(1), false), (json!("yes"), false)]
        {
            assert_eq!(reply(&json!({ "m": value })).flag("m"), expected, "{value}");
        }
        let twice = Reply::parse(br#"{"m":"x","m":"x","n":5,"o":""}"#).unwrap();
        assert_eq!((twice.hint("m"), twice.hint("n"), twice.hint("o")), (None, None, None));
        let refusal = |text: &str| Reply::parse(text.as_bytes()).unwrap().refusal().map(str::to_owned);
        assert_eq!(refusal(r#"{"error":null}"#), None);
        assert_eq!(refusal(r#"{"error":"x"}"#), Some("x".to_owned()));
        assert_eq!(refusal(r#"{"error":null,"error":{}}"#), Some(String::new()));
    }

    /// Requirements: B36.
    #[test]
    fn entry_facts_are_read_strictly() {
        let facts = |document: &str| {
            let subject = Subject::parse("idp|alice").unwrap();
            Reply::parse(document.as_bytes()).unwrap().entry_facts(subject)
        };
        let domain = |document: &str| facts(document).claims.email_domain.map(|domain| domain.as_str().to_owned());
        for verified in ["true", r#""true""#] {
            let document = format!(r#"{{"email":"alice@Example.COM","email_verified":{verified}}}"#);
            assert_eq!(domain(&document).as_deref(), Some("example.com"), "{document}");
        }
        for document in [
            r#"{"email":"alice@example.com"}"#,
            r#"{"email":"alice@example.com","email_verified":false}"#,
            r#"{"email":"alice@example.com","email_verified":null}"#,
            r#"{"email":"alice@example.com","email_verified":1}"#,
            r#"{"email":"alice@example.com","email_verified":"yes"}"#,
            r#"{"email":"alice@example.com","email_verified":[true]}"#,
            r#"{"email":"alice@example.com","email_verified":{}}"#,
            r#"{"email":"alice@example.com","email_verified":true,"email_verified":true}"#,
            r#"{"email":"alice@example.com","email":"alice@example.com","email_verified":true}"#,
            r#"{"email":["alice@example.com"],"email_verified":true}"#,
            r#"{"email":null,"email_verified":true}"#,
            r#"{"email":5,"email_verified":true}"#,
            r#"{"email_verified":true}"#,
            r#"{"email":"alice","email_verified":true}"#,
        ] {
            assert_eq!(domain(document), None, "{document}");
        }
        let stated = |document: &str| {
            let claims = facts(document).claims.named.into_iter();
            claims.map(|claim| format!("{}: {}", claim.name, claim.values.join(" "))).collect::<Vec<_>>()
        };
        assert_eq!(stated(r#"{"hd":"example.com"}"#), ["hd: example.com"]);
        assert_eq!(stated(r#"{"groups":["staff","all people"]}"#), ["groups: staff all people"]);
        assert_eq!(stated(r#"{"groups":[]}"#), ["groups: "]);
        for document in [
            r#"{"hd":null}"#,
            r#"{"hd":true}"#,
            r#"{"hd":5}"#,
            r#"{"hd":{"example.com":"example.com"}}"#,
            r#"{"hd":["example.com",5]}"#,
            r#"{"hd":["example.com",null]}"#,
            r#"{"hd":[["example.com"]]}"#,
            r#"{"hd":"example.com","hd":"example.com"}"#,
            r#"{"hd":"example.com","hd":null}"#,
        ] {
            assert_eq!(stated(document), [""; 0], "{document}");
        }
    }

    proptest! {
        /// No value of a member makes a reader panic, and no error repeats the provider's text.
        #[test]
        fn any_value_is_read_or_refused_by_its_name(value in any_value()) {
            let read = reply(&json!({ "member": value }));
            let _ = (read.hint("member"), read.hints("member"), read.flag("member"), read.lifetime("member"), read.all("member"));
            for error in [
                read.text("member").err(),
                read.optional_text("member").err(),
                read.optional_number("member").err(),
                read.texts("member").err(),
                read.list("member").err(),
            ] {
                prop_assert!(error.is_none_or(|error| error.to_string().starts_with("the member member is ")));
            }
        }
    }
}
