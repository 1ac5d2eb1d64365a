//! The state of one scan, which every check works on: the HTTP client, the report so far, and the person's terminal.

use std::fmt::Display;
use std::io::Write;

use lychgate_process::random;
use lychgate_process::terminal::visible;
use reqwest::RequestBuilder;
use url::Url;

use crate::fetch::{Answer, Fetch};
use crate::report::Report;
use crate::rules::Rule;

/// An origin that cannot exist (RFC 2606 §2): a credential that the server sends there reaches no attacker.
pub(crate) const NOWHERE: &str = "https://lychgate-check.invalid";

const NOTE: usize = 500;

pub(crate) struct Scan<'a> {
    pub(crate) fetch: Fetch,
    pub(crate) report: Report,
    /// Takes notes for the person; standard output is the report's alone.
    pub(crate) stderr: &'a mut dyn Write,
}

impl Scan<'_> {
    /// The answer. Without one, `rules` are skipped and the reason is their evidence.
    pub(crate) async fn send(&mut self, rules: &[Rule], request: RequestBuilder) -> Option<Answer> {
        match self.fetch.send(request).await {
            Ok(answer) => Some(answer),
            Err(why) => {
                for rule in rules {
                    self.report.skipped(*rule, &why);
                }
                None
            }
        }
    }

    /// Tells the person about a change at the server before it happens.
    pub(crate) fn announce(&mut self, what: impl Display) {
        note(self.stderr, what);
    }
}

/// Writes one line to standard error. A closed standard error changes nothing about the scan.
pub(crate) fn note(stderr: &mut dyn Write, what: impl Display) {
    let _closed = writeln!(stderr, "lychgate check: {}", visible(&what.to_string(), NOTE));
}

/// A URL from the command line, as typed and as parsed: OAuth compares identifiers byte for byte.
#[derive(Debug, Clone)]
pub(crate) struct NamedUrl {
    pub(crate) text: String,
    pub(crate) url: Url,
}

impl NamedUrl {
    /// Parses an http or https URL without fragment, user name and password.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
            return Err("write https://HOST".to_owned());
        }
        if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err("remove the fragment, the user name and the password".to_owned());
        }
        Ok(Self { text: text.to_owned(), url })
    }
}

/// 64 random bits in hexadecimal, for ids and values that no server can know.
#[expect(clippy::disallowed_methods, reason = "no verdict depends on the value")]
pub(crate) fn nonce() -> anyhow::Result<String> {
    random::hex::<8>()
}
