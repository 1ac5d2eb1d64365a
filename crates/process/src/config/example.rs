//! Compares an example file with the struct that reads it, for the tests of each program's configuration.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::parse;

/// The example with every setting in effect: `#key = …` and `#[table]` lose their `#`; prose (`# …`) stays a comment.
pub fn in_full(example: &str) -> String {
    let line = |line| match str::strip_prefix(line, "#") {
        Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
        _ => format!("{line}\n"),
    };
    example.lines().map(line).collect()
}

/// The keys that only the example has, or only `T`: none if the example shows every key. `example` is [`in_full`]. All
/// elements of an array count as one: `issuers[].upstream.kind`.
pub fn differing_keys<T: DeserializeOwned + Serialize>(example: &str) -> anyhow::Result<BTreeSet<String>> {
    let shown = keys(&serde_json::to_value(parse::<toml::Table>(example)?)?);
    let understood = keys(&serde_json::to_value(parse::<T>(example)?)?);
    Ok(shown.symmetric_difference(&understood).cloned().collect())
}

fn keys(value: &Value) -> BTreeSet<String> {
    fn walk(at: &str, value: &Value, keys: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let key = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                    walk(&key, member, keys);
                    keys.insert(key);
                }
            }
            Value::Array(elements) => elements.iter().for_each(|element| walk(&format!("{at}[]"), element, keys)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    walk("", value, &mut found);
    found
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Config {
        listen: String,
        #[serde(default)]
        proxies: Vec<Proxy>,
    }

    #[derive(Serialize, Deserialize)]
    struct Proxy {
        address: String,
        port: Option<u16>,
    }

    #[test]
    fn key_that_the_example_does_not_show_is_found() {
        let example = "# The address.\nlisten = \"a\"\n#[[proxies]]\n#address = \"b\"\n#port = 1\n";
        let differing = |example: &str| differing_keys::<Config>(&in_full(example)).unwrap();
        assert_eq!(differing(example), BTreeSet::new());
        assert_eq!(differing(&example.replace("#port = 1\n", "")), BTreeSet::from(["proxies[].port".to_owned()]));
        assert_eq!(differing(&format!("lisen = 1\n{example}")), BTreeSet::from(["lisen".to_owned()]));
    }
}
