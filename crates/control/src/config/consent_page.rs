//! The consent page: who sees how much of it, how its boxes start, and the policy that it names.

use lychgate_domain::display::displayable;
use lychgate_domain::id::ClientId;
use lychgate_domain::issuer::{ConsentMode, OptionalScopes, PromptPolicy, PublishedPolicy};
use lychgate_process::config::ConfigError;
use serde::{Deserialize, Serialize};
use url::Url;

/// A published policy that people agree to, such as terms or a privacy notice.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    pub version: String,
    /// URL of its text; the consent page links to it.
    pub uri: Option<String>,
}

/// How much of the consent page a returning person sees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PromptConfig {
    pub mode: PromptMode,
    /// Ids of clients that need no page if the person has approved them before.
    pub silent_clients: Vec<String>,
    pub confirm_subject: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PromptMode {
    #[default]
    Always,
    Remember,
    Silent,
}

/// How the boxes of optional scopes start on the consent page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OptionalScopesConfig {
    #[default]
    Ticked,
    Unticked,
}

impl From<OptionalScopesConfig> for OptionalScopes {
    fn from(config: OptionalScopesConfig) -> Self {
        match config {
            OptionalScopesConfig::Ticked => OptionalScopes::Ticked,
            OptionalScopesConfig::Unticked => OptionalScopes::Unticked,
        }
    }
}

impl PolicyConfig {
    pub(super) fn published(&self, at: &str) -> Result<PublishedPolicy, ConfigError> {
        let version = displayable(&self.version, 64).filter(|version| *version == self.version).ok_or_else(|| {
            let problem = format!("is {:?}", self.version);
            ConfigError::new(format!("{at}.version"), problem, "use 1 to 64 printable characters, as in \"2026-11\"")
        })?;
        if let Some(uri) = &self.uri {
            let good = Url::parse(uri).is_ok_and(|url| url.scheme() == "https" && url.username().is_empty());
            if !good {
                return Err(ConfigError::new(
                    format!("{at}.uri"),
                    format_args!("is {uri:?}"),
                    "write the https URL of a public page",
                ));
            }
        }
        Ok(PublishedPolicy { version, uri: self.uri.clone() })
    }
}

impl PromptConfig {
    pub(super) fn policy(&self, at: &str) -> Result<PromptPolicy, ConfigError> {
        let key = || format!("{at}.silent_clients");
        let mode = match self.mode {
            PromptMode::Always | PromptMode::Remember if !self.silent_clients.is_empty() => {
                return Err(ConfigError::new(key(), "is for mode = \"silent\"", "leave it out, or set that mode"));
            }
            PromptMode::Always => ConsentMode::Always,
            PromptMode::Remember => ConsentMode::Remember,
            PromptMode::Silent if self.silent_clients.is_empty() => {
                return Err(ConfigError::new(key(), "is empty", "list client ids, or use mode = \"remember\""));
            }
            PromptMode::Silent => {
                let known = |id: &String| {
                    let problem = format!("has {id:?}");
                    ClientId::parse(id).ok_or_else(|| ConfigError::new(key(), problem, "write whole client ids"))
                };
                ConsentMode::Silent { clients: self.silent_clients.iter().map(known).collect::<Result<_, _>>()? }
            }
        };
        Ok(PromptPolicy { mode, confirm_subject: self.confirm_subject })
    }
}
