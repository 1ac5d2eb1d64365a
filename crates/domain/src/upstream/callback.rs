//! The parameters with which a browser returns from the upstream (RFC 6749 §4.1.2, RFC 9207 §2).

use crate::Refusal;
use crate::request::parameters::Parameters;

/// A callback of the upstream. It has come through the browser, so a stranger may have written it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Callback<'a> {
    /// The authorization response.
    pub response: CallbackResponse<'a>,
    /// The issuer that sent the browser here, as far as the callback says so.
    pub iss: Option<&'a str>,
}

/// An authorization response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackResponse<'a> {
    /// The upstream's code.
    Code(&'a str),
    /// The upstream's error code.
    Error(&'a str),
}

impl<'a> Callback<'a> {
    /// Parses a callback before anything is done for it: a malformed one says nothing about the upstream, and the login
    /// that it names stays as it is. A callback with an error and a code is an error.
    ///
    /// Refuses with [`Refusal::ParameterMissing`] or [`Refusal::ParameterRepeated`].
    pub fn parse(parameters: &'a Parameters) -> Result<Self, Refusal> {
        let (error, iss) = (parameters.single("error")?, parameters.single("iss")?);
        let code = parameters.single("code")?;
        let response = match (error, code) {
            (Some(error), _) => CallbackResponse::Error(error),
            (None, Some(code)) => CallbackResponse::Code(code),
            (None, None) => CallbackResponse::Code(parameters.required("code")?),
        };
        Ok(Self { response, iss })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(pairs: &[(&str, &str)]) -> Result<(String, Option<String>), Refusal> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let parameters = Parameters::new(pairs).unwrap();
        let callback = Callback::parse(&parameters)?;
        Ok((format!("{:?}", callback.response), callback.iss.map(str::to_owned)))
    }

    /// Requirements: B36.
    #[test]
    fn a_callback_is_one_code_or_one_error() {
        let code = || Ok(("Code(\"c\")".to_owned(), None));
        let error = || Ok(("Error(\"e\")".to_owned(), None));
        for (expected, pairs) in [
            (code(), &[("code", "c")][..]),
            (code(), &[("code", "c"), ("error", ""), ("iss", "")]),
            (error(), &[("error", "e")]),
            (error(), &[("error", "e"), ("code", "c")]),
            (Ok((code().unwrap().0, Some("i".to_owned()))), &[("iss", "i"), ("code", "c")]),
            (Err(Refusal::ParameterMissing("code")), &[]),
            (Err(Refusal::ParameterMissing("code")), &[("code", "")]),
            (Err(Refusal::ParameterMissing("code")), &[("code", ""), ("error", "")]),
            (Err(Refusal::ParameterMissing("code")), &[("Code", "c"), ("iss", "i")]),
            (Err(Refusal::ParameterRepeated("code")), &[("code", "c"), ("code", "c")]),
            (Err(Refusal::ParameterRepeated("code")), &[("code", "c"), ("code", "")]),
            (Err(Refusal::ParameterRepeated("code")), &[("error", "e"), ("code", "c"), ("code", "d")]),
            (Err(Refusal::ParameterRepeated("error")), &[("error", "e"), ("error", "e")]),
            (Err(Refusal::ParameterRepeated("iss")), &[("code", "c"), ("iss", "i"), ("iss", "j")]),
        ] {
            assert_eq!(parsed(pairs), expected, "{pairs:?}");
        }
    }
}
