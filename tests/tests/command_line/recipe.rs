//! A row of the manual's table: a verb, and the message and method that do the same.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

const HEAD: &str = "| at 3 a.m. | `lychgate` | message | method |";

#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) verb: String,
    pub(crate) message: String,
    /// `AdminService/ListKeys`.
    pub(crate) method: String,
}

impl Recipe {
    pub(crate) fn of_readme() -> Result<Vec<Self>> {
        let manual = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md"))?;
        let (_, table) = manual.split_once(HEAD).with_context(|| format!("docs/operations.md has no table {HEAD}"))?;
        table.lines().skip(2).take_while(|line| line.starts_with('|')).map(Self::parse).collect()
    }

    fn parse(row: &str) -> Result<Self> {
        let cells: Vec<_> = row.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [_, verb, message, method] = cells[..] else { bail!("not four cells: {row}") };
        let code = |cell: &str| {
            let code = cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`'));
            code.filter(|code| !code.contains('`'))
                .map(str::to_owned)
                .with_context(|| format!("{cell} is no code: {row}"))
        };
        Ok(Self { verb: code(verb)?, message: code(message)?, method: code(method)? })
    }

    /// Replaces the placeholders in capitals. A placeholder without a value stays, and the call fails.
    pub(crate) fn about(&self, words: &[(&str, &str)]) -> Self {
        let mut about = self.clone();
        for (word, meaning) in words {
            about.verb = about.verb.replace(word, meaning);
            about.message = about.message.replace(word, meaning);
        }
        about
    }

    /// The verb's words as a shell splits them; the table uses single quotes only.
    pub(crate) fn words(&self) -> Vec<String> {
        let quoted = self.verb.split('\'').enumerate();
        let words = quoted.flat_map(|(n, part)| match n % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
            _ => vec![part.to_owned()],
        });
        words.collect()
    }

    /// The name of the list field in the method's response, if it has one.
    pub(crate) fn list(&self) -> Result<Option<&'static str>> {
        let (_, name) = self.method.split_once('/').context("SERVICE/METHOD")?;
        ensure!(!name.is_empty(), "no method");
        Ok(match self.method.as_str() {
            "IssuerService/List" => Some("issuers"),
            "ConsentService/List" => Some("consents"),
            "AdminService/ListClients" => Some("clients"),
            "AdminService/ListGrants" => Some("grants"),
            "AdminService/ListConnections" => Some("connections"),
            "AdminService/ListKeys" => Some("keys"),
            "AdminService/ListEvents" => Some("events"),
            "AdminService/RotateKeys" => Some("rotations"),
            "AdminService/RevokeSubjects" => Some("revocations"),
            _ => None,
        })
    }
}
