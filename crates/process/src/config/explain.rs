//! Turns errors of the TOML reader into a [`ConfigError`] with key, line and remedy.

use std::ops::Range;

use serde_path_to_error::Path;

use super::ConfigError;

/// Explains why `text` is not TOML.
pub(super) fn syntax(text: &str, error: &toml::de::Error) -> ConfigError {
    let explained = if error.message() == "duplicate key" {
        let key = error.span().and_then(|span| text.get(span)).unwrap_or_default();
        ConfigError::new(key, "is written twice", "remove one of them")
    } else {
        ConfigError::new("", error.message(), "correct it")
    };
    with_line(explained, text, error.span())
}

/// Explains why the TOML in `text` is not the expected configuration.
pub(super) fn value(text: &str, error: &serde_path_to_error::Error<toml::de::Error>) -> ConfigError {
    let path = &key(error.path());
    let message = error.inner().message();
    let explained = if let Some(rest) = message.strip_prefix("missing field ") {
        ConfigError::new(join(path, backticked(rest)), "is missing", "add it")
    } else if let Some(rest) = message.strip_prefix("unknown field ") {
        // Inside of an internally tagged enum the path ends at the table.
        let key = backticked(rest);
        let key = if is_last_of(path, key) { path.to_owned() } else { join(path, key) };
        ConfigError::new(key, "is not a key that exists here", unknown_key_remedy(rest))
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
    with_line(explained, text, error.inner().span())
}

/// Adds the line where `span` begins, unless it is the span of the whole file.
fn with_line(error: ConfigError, text: &str, span: Option<Range<usize>>) -> ConfigError {
    match span {
        Some(span) if !(span.is_empty() && span.start == 0 || span.len() == text.len()) => {
            error.at_line(text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1)
        }
        Some(_) | None => error,
    }
}

/// The key as people write it, `issuers[0].upstream.kind`; empty for the whole file.
fn key(path: &Path) -> String {
    if path.iter().len() == 0 { String::new() } else { path.to_string() }
}

fn unknown_key_remedy(rest: &str) -> String {
    match expected(rest) {
        "" => "remove it".to_owned(),
        known => format!("remove it or use {known}"),
    }
}

/// Returns `a` from "`a`, expected …".
fn backticked(rest: &str) -> &str {
    rest.split('`').nth(1).unwrap_or(rest)
}

/// Returns "one of `a`, `b`" from "…, expected one of `a`, `b`". Uses the last "expected", because the text before it may quote
/// the file.
fn expected(message: &str) -> &str {
    message.rsplit_once(", expected ").map_or("", |(_, expected)| expected)
}

fn before_expected(message: &str) -> &str {
    message.rsplit_once(", expected ").map_or(message, |(before, _)| before)
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
    #[expect(dead_code, reason = "only parsing is tested")]
    struct Config {
        listen: String,
        #[serde(default)]
        issuers: Vec<Issuer>,
        #[serde(default)]
        by_name: BTreeMap<String, Issuer>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsing is tested")]
    struct Issuer {
        id: String,
        kind: Option<Kind>,
        lifetimes: Option<Lifetimes>,
        upstream: Option<Upstream>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(tag = "type", rename_all = "lowercase")]
    #[expect(dead_code, reason = "only parsing is tested")]
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
    #[expect(dead_code, reason = "only parsing is tested")]
    struct Lifetimes {
        code_seconds: u64,
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        assert_eq!(parse::<Config>(text).unwrap_err().to_string(), expected);
    }

    #[test]
    fn unknown_key_is_named_with_those_that_exist() {
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
    fn missing_key_is_named_with_its_table() {
        refused("", "listen: is missing; add it");
        refused("# nothing\n[[issuers]]\nid = \"a\"\n", "listen: is missing; add it");
        refused("listen = \"x\"\n[[issuers]]\nkind = \"oidc\"\n", "line 2: issuers[0].id: is missing; add it");
        refused("listen = \"x\"\n[by_name.a]\nkind = \"oidc\"\n", "line 2: by_name.a.id: is missing; add it");
    }

    #[test]
    fn wrong_type_is_named_with_the_right_one() {
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
    fn key_inside_a_tagged_table_is_named() {
        let issuer = "listen = \"x\"\n[[issuers]]\nid = \"a\"\n[issuers.upstream]\ntype = \"oidc\"\n";
        refused(
            &format!("{issuer}code = 1\n"),
            "line 4: issuers[0].upstream.code: is not a key that exists here; remove it or use `code_seconds`",
        );
        refused(issuer, "line 4: issuers[0].upstream.code_seconds: is missing; add it");
    }

    #[test]
    fn syntax_error_has_a_line() {
        let error = parse::<Config>("listen = \"x\"\nissuers = [\n").unwrap_err().to_string();
        assert!(error.starts_with("line "), "{error}");
        refused("listen = \"x\"\nlisten = \"y\"\n", "line 2: listen: is written twice; remove one of them");
    }
}
