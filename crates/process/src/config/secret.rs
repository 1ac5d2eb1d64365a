//! References to secrets. A configuration file never contains a secret itself, so it can be shown, mailed and committed.

use std::path::PathBuf;
use std::{env, fmt};

use serde::Serialize;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use super::ConfigError;
use crate::private::{self, NotPrivate};

/// A reference to a secret: `{ file = "PATH" }`, relative to the working directory, or `{ env = "NAME" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Secret {
    File(PathBuf),
    Env(String),
}

impl Secret {
    /// Reads the secret and removes one line end, LF or CRLF. `key` is the configuration key of this reference, for
    /// errors. A file that others can read is named in the log.
    pub fn read(&self, key: &str) -> Result<Zeroizing<String>, ConfigError> {
        let (secret, judged) = self.contents(key)?;
        if let Err(exposed) = judged {
            tracing::warn!(key, "a secret is not private: {exposed}");
        }
        self.whole(key, secret)
    }

    /// Like [`Secret::read`], and refuses a file that others can read.
    pub fn read_private(&self, key: &str) -> Result<Zeroizing<String>, ConfigError> {
        let (secret, judged) = self.contents(key)?;
        judged.map_err(|exposed| ConfigError::new(key, exposed.problem(), exposed.remedy()))?;
        self.whole(key, secret)
    }

    fn whole(&self, key: &str, mut secret: Zeroizing<String>) -> Result<Zeroizing<String>, ConfigError> {
        if secret.ends_with('\n') {
            secret.pop();
            if secret.ends_with('\r') {
                secret.pop();
            }
        }
        if secret.is_empty() {
            return Err(ConfigError::new(key, format_args!("{self} is empty"), "put the secret there"));
        }
        Ok(secret)
    }

    fn contents(&self, key: &str) -> Result<(Zeroizing<String>, Result<(), NotPrivate>), ConfigError> {
        let unreadable = |problem: &dyn fmt::Display, remedy: &str| {
            ConfigError::new(key, format_args!("{self} cannot be read: {problem}"), remedy)
        };
        match self {
            Secret::File(path) => {
                let remedy = "create the file or correct its path";
                let (contents, judged) = private::read(path).map_err(|error| unreadable(&error, remedy))?;
                let text = std::str::from_utf8(&contents).map_err(|_| unreadable(&"it is not UTF-8", remedy))?;
                Ok((Zeroizing::new(text.to_owned()), judged))
            }
            Secret::Env(name) => {
                let value = env::var(name).map_err(|error| unreadable(&env_problem(&error), "set the variable"))?;
                Ok((Zeroizing::new(value), Ok(())))
            }
        }
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
    use std::fs;

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
    fn one_line_end_is_trimmed_and_an_empty_secret_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let at = |contents: &str| {
            let path = dir.path().join("secret");
            fs::write(&path, contents).unwrap();
            Secret::File(path).read("master_key").map(|secret| secret.to_string()).map_err(|error| error.to_string())
        };
        assert_eq!(at("abc\n"), Ok("abc".to_owned()));
        assert_eq!(at(" abc\n\n"), Ok(" abc\n".to_owned()));
        assert_eq!(at("abc\r\n"), Ok("abc".to_owned()), "written on Windows");
        assert_eq!(at("abc\r\n\r\n"), Ok("abc\r\n".to_owned()));
        for kept in ["abc\r", "\rabc", "abc\n\r", "a\r\nc"] {
            assert_eq!(at(kept), Ok(kept.to_owned()), "it ends in no line end");
        }
        for empty in ["", "\n", "\r\n"] {
            assert!(at(empty).unwrap_err().starts_with("master_key: file "), "{empty:?}");
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_where_it_must_be_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        fs::write(&path, "abc\r\n").unwrap();
        let secret = Secret::File(path.clone());
        for (mode, is_private) in [(0o600, true), (0o400, true), (0o644, false), (0o640, false), (0o666, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(secret.read("key").unwrap().as_str(), "abc", "{mode:o}");
            match secret.read_private("key") {
                Ok(secret) => assert!(is_private && *secret == "abc", "{mode:o}"),
                Err(error) => {
                    let expected = format!("key: file {} has mode {mode:04o}: ", path.display());
                    assert!(!is_private && error.to_string().starts_with(&expected), "{error}");
                    assert!(error.to_string().contains(&format!("chmod 600 {}", path.display())), "{error}");
                }
            }
        }
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
