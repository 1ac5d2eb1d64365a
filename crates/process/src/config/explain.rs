//! From what the TOML reader says to what a person can act on: which key, on which line, and what to do about it.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;

/// `text` is what was parsed, `error` what came of it.
pub(super) fn explain(text: &str, error: &toml::de::Error) -> ConfigError {
    let message = error.message();
    let place = error.span().and_then(|span| locate(text, span));
    let path = place.as_ref().map(|place| place.path.as_str()).unwrap_or_default();
    let explained = if let Some(rest) = message.strip_prefix("missing field ") {
        ConfigError::new(join(path, backticked(rest)), "is missing", "add it")
    } else if let Some(rest) = message.strip_prefix("unknown field ") {
        // Inside of a tagged enum the span is the whole table's.
        let key = backticked(rest);
        let key = if is_last_of(path, key) { path.to_owned() } else { join(path, key) };
        ConfigError::new(key, "is not a key that exists here", unknown_key_remedy(rest))
    } else if message == "duplicate key" {
        let key = error.span().and_then(|span| text.get(span)).unwrap_or_default();
        ConfigError::new(key, "is written twice", "remove one of them")
    } else if let Some(rest) = message.strip_prefix("unknown variant ") {
        let value = backticked(rest);
        ConfigError::new(
            path,
            format_args!("has the unknown value \"{value}\""),
            format_args!("use {}", expected(rest)),
        )
    } else if message.starts_with("invalid ") && message.contains(", expected ") {
        ConfigError::new(
            path,
            format_args!("is an {}", before_expected(message)),
            format_args!("write {}", expected(message)),
        )
    } else if let Some((problem, remedy)) = message.split_once("; ") {
        ConfigError::new(path, problem, remedy)
    } else {
        ConfigError::new(path, message, "correct it")
    };
    match place {
        Some(place) => explained.at_line(place.line),
        None => explained,
    }
}

fn unknown_key_remedy(rest: &str) -> String {
    match expected(rest) {
        "" => "remove it".to_owned(),
        known => format!("remove it or use {known}"),
    }
}

/// `a` in "`a`, expected …".
fn backticked(rest: &str) -> &str {
    rest.split('`').nth(1).unwrap_or(rest)
}

/// "one of `a`, `b`" in "…, expected one of `a`, `b`". The last one counts: what comes before may quote the file.
fn expected(message: &str) -> &str {
    message.rsplit_once(", expected ").map_or("", |(_, expected)| expected)
}

fn before_expected(message: &str) -> &str {
    message.rsplit_once(", expected ").map_or(message, |(before, _)| before)
}

struct Place {
    /// Counted from 1.
    line: usize,
    /// `issuers[0].upstream.kind`; empty for the file as a whole.
    path: String,
}

/// The innermost key whose name or value covers `span`. `None` if that is the file as a whole, which has no line.
fn locate(text: &str, span: Range<usize>) -> Option<Place> {
    if span.is_empty() && span.start == 0 || span.len() == text.len() {
        return None;
    }
    let (document, _) = DeTable::parse_recoverable(text);
    let mut innermost = Innermost { span: span.clone(), found: None };
    innermost.visit_table("", document.get_ref());
    let line = text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1;
    Some(Place { line, path: innermost.found.map(|(_, path)| path).unwrap_or_default() })
}

struct Innermost {
    span: Range<usize>,
    /// The length of the shortest range so far that covers `span`, and its key.
    found: Option<(usize, String)>,
}

impl Innermost {
    fn visit_table(&mut self, path: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path = join(path, key.get_ref());
            self.offer(key.span(), &path);
            self.visit_value(&path, value);
        }
    }

    fn visit_value(&mut self, path: &str, value: &Spanned<DeValue<'_>>) {
        self.offer(value.span(), path);
        match value.get_ref() {
            DeValue::Table(table) => self.visit_table(path, table),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.visit_value(&format!("{path}[{index}]"), item);
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
    }

    fn offer(&mut self, range: Range<usize>, path: &str) {
        let covers = range.start <= self.span.start && self.span.end <= range.end;
        if covers && self.found.as_ref().is_none_or(|(shortest, _)| range.len() <= *shortest) {
            self.found = Some((range.len(), path.to_owned()));
        }
    }
}

fn is_last_of(path: &str, key: &str) -> bool {
    path.strip_suffix(key).is_some_and(|parent| parent.is_empty() || parent.ends_with('.'))
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::super::parse;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the way there is tested")]
    struct Config {
        listen: String,
        #[serde(default)]
        issuers: Vec<Issuer>,
        #[serde(default)]
        by_name: BTreeMap<String, Issuer>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the way there is tested")]
    struct Issuer {
        id: String,
        kind: Option<Kind>,
        lifetimes: Option<Lifetimes>,
        upstream: Option<Upstream>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(tag = "type", rename_all = "lowercase")]
    #[expect(dead_code, reason = "only the way there is tested")]
    enum Upstream {
        Oidc(Lifetimes),
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Oidc,
        Oauth,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the way there is tested")]
    struct Lifetimes {
        code_seconds: u64,
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        assert_eq!(parse::<Config>(text).unwrap_err().to_string(), expected);
    }

    #[test]
    fn an_unknown_key_is_named_with_those_that_exist() {
        refused(
            "listen = \"x\"\nlisten_on = 1\n",
            "line 2: listen_on: is not a key that exists here; remove it or use one of `listen`, `issuers`, `by_name`",
        );
        refused(
            "listen = \"x\"\n[[issuers]]\nid = \"a\"\n\n[[issuers]]\nid = \"b\"\n[issuers.lifetimes]\ncode = 60\n",
            "line 8: issuers[1].lifetimes.code: is not a key that exists here; remove it or use `code_seconds`",
        );
        refused(
            "listen = \"x\"\n[issuer]\nid = \"a\"\n",
            "line 2: issuer: is not a key that exists here; remove it or use one of `listen`, `issuers`, `by_name`",
        );
    }

    #[test]
    fn a_missing_key_is_named_with_its_table() {
        refused("", "listen: is missing; add it");
        refused("# nothing\n[[issuers]]\nid = \"a\"\n", "listen: is missing; add it");
        refused("listen = \"x\"\n[[issuers]]\nkind = \"oidc\"\n", "line 2: issuers[0].id: is missing; add it");
        refused("listen = \"x\"\n[by_name.a]\nkind = \"oidc\"\n", "line 2: by_name.a.id: is missing; add it");
    }

    #[test]
    fn a_wrong_type_is_named_with_the_right_one() {
        refused(
            "listen = \"x\"\n[[issuers]]\nid = \"a\"\n[issuers.lifetimes]\ncode_seconds = \"1h\"\n",
            "line 5: issuers[0].lifetimes.code_seconds: is an invalid type: string \"1h\"; write u64",
        );
        refused("listen = 7441\n", "line 1: listen: is an invalid type: integer `7441`; write a string");
        refused(
            "listen = \"x\"\nissuers = [ { id = \"a\", kind = \"saml\" } ]\n",
            "line 2: issuers[0].kind: has the unknown value \"saml\"; use `oidc` or `oauth`",
        );
    }

    #[test]
    fn a_tagged_table_is_named_with_its_key() {
        let issuer = "listen = \"x\"\n[[issuers]]\nid = \"a\"\n[issuers.upstream]\ntype = \"oidc\"\n";
        refused(
            &format!("{issuer}code = 1\n"),
            "line 4: issuers[0].upstream.code: is not a key that exists here; remove it or use `code_seconds`",
        );
        refused(issuer, "line 4: issuers[0].upstream.code_seconds: is missing; add it");
    }

    #[test]
    fn what_is_not_toml_has_a_line() {
        let error = parse::<Config>("listen = \"x\"\nissuers = [\n").unwrap_err().to_string();
        assert!(error.starts_with("line "), "{error}");
        refused("listen = \"x\"\nlisten = \"y\"\n", "line 2: listen: is written twice; remove one of them");
    }
}
