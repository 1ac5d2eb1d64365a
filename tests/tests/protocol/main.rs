//! Rules of the specifications, tested on the wire. The ids of the requirements stand in the doc lines of the
//! tests.

mod authorize;
mod confidential;
mod documents;
mod introspection;
mod management;
mod metadata;
mod pages;
mod real_documents;
mod real_requests;
mod registration;
mod resources;
mod revocation;
mod scopes;
mod token;

use e2e::flow::Answer;
use e2e::http::Page;
use serde_json::Value;

/// RFC 6749 §4.1.2.1, §5.2: %x20-21 / %x23-5B / %x5D-7E.
fn is_nqschar(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}

/// An error response to the client: its `state` as sent, and exactly one `iss`.
#[track_caller]
fn assert_answers(answer: &Answer, error: &str, state: Option<&str>, issuer: &str) {
    assert_eq!(answer.error().as_deref(), Some(error), "{}", answer.uri);
    assert_eq!(answer.parameter("state").as_deref(), state, "{}", answer.uri);
    assert_eq!(answer.parameter("iss").as_deref(), Some(issuer), "{}", answer.uri);
    assert_eq!(answer.parameter("code"), None, "{}", answer.uri);
    assert!(is_nqschar(&answer.parameter("error_description").unwrap_or_default()), "{}", answer.uri);
}

/// OAuth JSON with an error, not cacheable.
#[track_caller]
fn assert_error(page: &Page, status: u16, error: &str) {
    assert_eq!((page.status, page.error().as_str()), (status, error), "{}", page.summary());
    assert_eq!(page.header("content-type"), Some("application/json"), "{}", page.summary());
    assert_eq!(page.header("cache-control"), Some("no-store"), "{}", page.summary());
    let json = page.json().unwrap_or_default();
    assert!(json["error_description"].as_str().is_some_and(is_nqschar), "{json}");
    assert_no_null_or_fraction(&json);
    assert!(!page.redirects(), "{}", page.summary());
}

/// Some clients fail on `null` or on a fraction.
#[track_caller]
fn assert_no_null_or_fraction(json: &Value) {
    match json {
        Value::Null => panic!("a null"),
        Value::Number(number) => assert!(number.is_i64(), "{number} is no integer"),
        Value::Bool(_) | Value::String(_) => {}
        Value::Array(items) => items.iter().for_each(assert_no_null_or_fraction),
        Value::Object(members) => members.values().for_each(assert_no_null_or_fraction),
    }
}
