//! Query strings and forms: `application/x-www-form-urlencoded`, parsed strictly.
//!
//! Input that is not UTF-8 is refused. A lenient parser would replace it, so that `state` came back altered and the client
//! could not find its own request again.

use std::collections::HashMap;

use lychgate_api::Reason;
use lychgate_api::v1::Parameter;
use percent_encoding::percent_decode;

use crate::failure::Failure;

/// More than any client sends in a query, and a limit on the memory that a request can take.
const MAX_PARAMETERS: usize = 64;

/// The same for a form: the consent form has one field for each optional scope, and a resource has up to 200 scopes.
const MAX_FORM_PARAMETERS: usize = 256;

/// All names and values of a query, decoded, in the order received, with repetitions.
pub(crate) fn parse(encoded: &[u8]) -> Result<Vec<Parameter>, Failure> {
    parse_at_most(MAX_PARAMETERS, encoded)
}

fn parse_at_most(max: usize, encoded: &[u8]) -> Result<Vec<Parameter>, Failure> {
    let pairs = encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    let parameters = pairs
        .map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let value = decode(halves.next().unwrap_or_default())?;
            Ok(Parameter { name, value })
        })
        .take(max + 1)
        .collect::<Result<Vec<_>, Failure>>()?;
    if parameters.len() > max {
        return Err(Failure::new(Reason::RequestTooLarge).describe("the request has too many parameters"));
    }
    Ok(parameters)
}

/// Decodes one form-encoded name or value.
pub(crate) fn decode(encoded: &[u8]) -> Result<String, Failure> {
    let spaced: Vec<u8> = encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    match percent_decode(&spaced).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(Failure::new(Reason::RequestMalformed).describe("a parameter is not UTF-8")),
    }
}

/// The parameters that may be repeated: `resource` (RFC 8707 §2), `audience` (RFC 8693 §2.1) and the ticked scopes of the
/// consent page.
const REPEATABLE: [&str; 3] = ["resource", "audience", "chosen_scope"];

/// A form with each parameter at most once (RFC 6749 §3.2). A repetition is refused; an empty value is the same as an absent
/// one.
#[derive(Debug)]
pub(crate) struct Form {
    single: HashMap<String, String>,
    repeated: HashMap<String, Vec<String>>,
}

impl Form {
    pub(crate) fn parse(encoded: &[u8]) -> Result<Self, Failure> {
        let mut form = Form { single: HashMap::new(), repeated: HashMap::new() };
        for Parameter { name, value } in parse_at_most(MAX_FORM_PARAMETERS, encoded)? {
            if REPEATABLE.contains(&name.as_str()) {
                form.repeated.entry(name).or_default().extend(Some(value).filter(|value| !value.is_empty()));
            } else if form.single.insert(name, value).is_some() {
                return Err(Failure::new(Reason::ParameterRepeated).describe("a parameter stands more than once"));
            }
        }
        Ok(form)
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        self.single.remove(name).filter(|value| !value.is_empty())
    }

    /// All values of a parameter that may be repeated.
    pub(crate) fn take_all(&mut self, name: &'static str) -> Vec<String> {
        self.repeated.remove(name).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(encoded: &str) -> Vec<(String, String)> {
        parse(encoded.as_bytes()).expect("well-formed").into_iter().map(|p| (p.name, p.value)).collect()
    }

    #[test]
    fn order_repetitions_and_empty_values_are_kept() {
        let expected = [("a", "1"), ("b", ""), ("a", "2=3"), ("", "x"), ("c", "")];
        assert_eq!(pairs("a=1&b=&a=2=3&&=x&c"), expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }

    #[test]
    fn form_encoding_is_decoded_exactly() {
        assert_eq!(pairs("state=%22%E2%9C%93+%2B%22"), [("state".to_owned(), "\"✓ +\"".to_owned())]);
        assert_eq!(pairs("a=%zz%"), [("a".to_owned(), "%zz%".to_owned())], "no escape stands for itself");
    }

    #[test]
    fn parameters_that_are_not_utf_8_are_refused() {
        assert_eq!(parse(b"state=%ff").expect_err("a refusal").reason(), Reason::RequestMalformed);
        assert_eq!(parse(b"%C3=x").expect_err("a refusal").reason(), Reason::RequestMalformed);
    }

    #[test]
    fn too_many_parameters_are_refused() {
        assert_eq!(parse(&b"a=1&".repeat(65)).expect_err("a refusal").reason(), Reason::RequestTooLarge);
        assert!(parse(&b"a=1&".repeat(64)).is_ok());
        let form = |scopes: usize| Form::parse(&b"chosen_scope=a&".repeat(scopes)).map_err(|failure| failure.reason());
        assert_eq!(form(257).expect_err("a refusal"), Reason::RequestTooLarge);
        assert_eq!(form(256).expect("a form").take_all("chosen_scope").len(), 256);
    }

    #[test]
    fn only_resource_may_be_repeated_in_a_form() {
        let mut form = Form::parse(b"scope=&code=c&resource=a&resource=&resource=b").expect("a form");
        assert_eq!(form.take("scope"), None);
        assert_eq!(form.take("code").as_deref(), Some("c"));
        assert_eq!(form.take_all("resource"), ["a", "b"]);
        assert_eq!(Form::parse(b"a=&a=1").expect_err("a refusal").reason(), Reason::ParameterRepeated);
    }
}
