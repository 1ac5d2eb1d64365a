//! References to secrets. A configuration file never contains a secret itself, so it can be shown, mailed and committed.

use std::fmt;
use std::path::PathBuf;
use std::{env, fs};

use serde::Serialize;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use super::ConfigError;

/// A reference to a secret: `{ file = "PATH" }`, relative to the working directory, or `{ env = "NAME" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Secret {
    File(PathBuf),
    Env(String),
}

impl Secret {
    /// Reads the secret and removes one trailing line feed. `key` is the configuration key of this reference, for errors.
    pub fn read(&self, key: &str) -> Result<Zeroizing<String>, ConfigError> {
        let mut secret = self.contents(key)?;
        if secret.ends_with('\n') {
            secret.pop();
        }
        if secret.is_empty() {
            return Err(ConfigError::new(key, format_args!("{self} is empty"), "put the secret there"));
        }
        Ok(secret)
    }

    fn contents(&self, key: &str) -> Result<Zeroizing<String>, ConfigError> {
        match self {
            Secret::File(path) => fs::read_to_string(path).map_err(|error| {
                ConfigError::new(
                    key,
                    format_args!("{self} cannot be read: {error}"),
                    "create the file or correct its path",
                )
            }),
            Secret::Env(name) => env::var(name).map_err(|error| {
                ConfigError::new(
                    key,
                    format_args!("{self} cannot be read: {}", env_problem(&error)),
                    "set the variable",
                )
            }),
        }
        .map(Zeroizing::new)
    }
}

/// The `Display` of `VarError` would show a value that is not Unicode.
fn env_problem(error: &env::VarError) -> &'static str {
    match error {
        env::VarError::NotPresent => "it is not set",
        env::VarError::NotUnicode(_) => "it is not UTF-8",
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::File(path) => write!(f, "file {}", path.display()),
            Secret::Env(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// Not derived: a derived implementation quotes unexpected input, and would log a secret that was written in place.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

const REMEDY: &str = "write { file = \"PATH\" } or { env = \"NAME\" }";

struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ file = \"PATH\" } or { env = \"NAME\" }")
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Secret, E> {
        Err(written_in_place())
    }

    // The default methods for the other types quote the value.
    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Secret, E> {
        Err(written_in_place())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Secret, E> {
        Err(written_in_place())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Secret, E> {
        Err(written_in_place())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Secret, E> {
        Err(written_in_place())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Secret, A::Error> {
        Err(written_in_place())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
        let secret = match map.next_key::<String>()?.as_deref() {
            Some("file") => Secret::File(map.next_value::<Place>()?.0.into()),
            Some("env") => Secret::Env(map.next_value::<Place>()?.0),
            _ => return Err(de::Error::custom(format_args!("does not say where the secret is; {REMEDY}"))),
        };
        match map.next_key::<String>()? {
            None => Ok(secret),
            Some(_) => Err(de::Error::custom(format_args!("has more than one key; {REMEDY}"))),
        }
    }
}

fn written_in_place<E: de::Error>() -> E {
    E::custom(format_args!("a secret is not written in the configuration itself; {REMEDY}"))
}

/// The path or the variable's name. Another type is refused without quoting it, because it can be a misplaced secret.
struct Place(String);

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The error of `String` quotes the value.
        let place = String::deserialize(deserializer);
        place.map(Place).map_err(|_| de::Error::custom(format_args!("is not text in quotes; {REMEDY}")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[derive(Debug, serde::Deserialize, serde::Serialize)]
    #[serde(deny_unknown_fields)]
    struct Holder {
        key: Secret,
    }

    fn secret(text: &str) -> Result<Secret, String> {
        parse::<Holder>(text).map(|holder| holder.key).map_err(|error| error.to_string())
    }

    #[test]
    fn reference_names_a_file_or_a_variable_and_round_trips() {
        for expected in [Secret::File("a/b".into()), Secret::Env("KEY".into())] {
            let text = toml::to_string(&Holder { key: expected.clone() }).unwrap();
            assert_eq!(secret(&text), Ok(expected));
        }
        assert_eq!(secret("key = { file = \"a/b\" }"), Ok(Secret::File("a/b".into())));
    }

    #[test]
    fn secret_written_in_place_is_refused_and_not_repeated() {
        for text in [
            "key = \"hunter2\"",
            "key = { hunter2 = \"x\" }",
            "key = { file = \"a\", hunter2 = \"b\" }",
            "key = {}",
            "key = 70251",
            "key = -70251",
            "key = 70251.5",
            "key = true",
            "key = [\"hunter2\"]",
            "key = { file = 70251 }",
            "key = { env = true }",
        ] {
            let error = secret(text).unwrap_err();
            let keys = ["key", "key.file", "key.env"];
            assert!(keys.iter().any(|key| error.starts_with(&format!("line 1: {key}: "))), "{error}");
            assert!(error.ends_with("; write { file = \"PATH\" } or { env = \"NAME\" }"), "{error}");
            assert!(!["hunter2", "70251", "true"].iter().any(|secret| error.contains(secret)), "{error}");
        }
    }

    #[test]
    fn one_line_feed_is_trimmed_and_an_empty_secret_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let at = |contents: &str| {
            let path = dir.path().join("secret");
            fs::write(&path, contents).unwrap();
            Secret::File(path).read("master_key").map(|secret| secret.to_string()).map_err(|error| error.to_string())
        };
        assert_eq!(at("abc\n"), Ok("abc".to_owned()));
        assert_eq!(at(" abc\n\n"), Ok(" abc\n".to_owned()));
        assert!(at("\n").unwrap_err().starts_with("master_key: file "));
    }

    #[test]
    fn missing_secret_is_named_by_key_and_source() {
        let error = Secret::Env("LYCHGATE_NO_SUCH_VARIABLE".into()).read("token").unwrap_err().to_string();
        assert_eq!(
            error,
            "token: environment variable LYCHGATE_NO_SUCH_VARIABLE cannot be read: it is not set; set the variable"
        );
        let error = Secret::File("/nowhere/key".into()).read("token").unwrap_err().to_string();
        assert!(error.starts_with("token: file /nowhere/key cannot be read: "), "{error}");
    }
}
