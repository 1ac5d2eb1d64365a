//! The configuration of `lychgate dev`. `dev.example.toml` documents every key and its default. Tables that the control plane
//! also has are of its own types, so that they mean the same.

use lychgate_control::config::{
    ClientConfig, EntryConfig, LifetimesConfig, OptionalScopesConfig, PromptConfig, ResourceConfig, UpstreamConfig,
};
use lychgate_process::telemetry::Telemetry;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Config {
    pub(super) issuer: Issuer,
    /// Replaces the demo provider, which is then not started.
    pub(super) upstream: Option<UpstreamConfig>,
    /// Replaces the demo MCP server, which is then not started.
    pub(super) resources: Vec<ResourceConfig>,
    pub(super) clients: Vec<ClientConfig>,
    /// Who may enter; each person if it is left out.
    pub(super) entry: Option<EntryConfig>,
    pub(super) prompt: PromptConfig,
    pub(super) lifetimes: LifetimesConfig,
    /// For every process.
    pub(super) telemetry: Telemetry,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Issuer {
    pub(super) name: String,
    pub(super) private_scheme_redirect_uris: Vec<String>,
    pub(super) optional_scopes: OptionalScopesConfig,
}

impl Default for Issuer {
    fn default() -> Self {
        Self {
            name: "Lychgate on this machine".to_owned(),
            private_scheme_redirect_uris: PRIVATE_SCHEMES.map(str::to_owned).into(),
            optional_scopes: OptionalScopesConfig::default(),
        }
    }
}

/// The control plane's default.
const PRIVATE_SCHEMES: [&str; 1] = ["cursor://anysphere.cursor-mcp/oauth/callback"];

/// The key in this file of the setting `key` in the control plane's file, for error messages.
pub(super) fn own_key(key: &str) -> String {
    let Some(of_issuer) = key.strip_prefix("issuers[0].") else { return key.to_owned() };
    let same = ["upstream", "resources", "clients", "entry", "prompt", "lifetimes"]
        .iter()
        .any(|table| of_issuer.starts_with(table));
    if same { of_issuer.to_owned() } else { format!("issuer.{of_issuer}") }
}

/// The text of the control plane with the keys of this file.
pub(super) fn with_own_keys(text: &str) -> String {
    const OF_ISSUER: &str = "issuers[0].";
    let mut parts = text.split(OF_ISSUER);
    let mut own = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_key = |c: char| c.is_ascii_alphanumeric() || "_.[]".contains(c);
        let key = part.split(|c| !is_key(c)).next().unwrap_or_default();
        own.push_str(&own_key(&format!("{OF_ISSUER}{key}")));
        own.push_str(&part[key.len()..]);
    }
    own
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lychgate_process::config::example::{differing_keys, in_full};
    use lychgate_process::config::parse;

    use super::*;

    const EXAMPLE: &str = include_str!("../../dev.example.toml");

    #[test]
    fn the_example_is_the_default() {
        let example = format!("{:?}", parse::<Config>(EXAMPLE).unwrap());
        assert_eq!(example, format!("{:?}", Config::default()));
    }

    #[test]
    fn every_key_in_the_example_exists() {
        let config = parse::<Config>(&in_full(EXAMPLE)).unwrap();
        assert!(config.upstream.is_some());
        assert_eq!((config.resources.len(), config.clients.len()), (1, 2));
        assert_eq!(format!("{:?}", config.lifetimes), format!("{:?}", LifetimesConfig::default()));
        assert_eq!(config.telemetry, Telemetry::default());
    }

    #[test]
    fn every_key_is_in_the_example() {
        assert_eq!(differing_keys::<Config>(&in_full(EXAMPLE)).unwrap(), BTreeSet::new());
    }

    /// The other kinds of upstream are in paragraphs of prose: the file has one upstream.
    #[test]
    fn every_key_of_every_kind_of_upstream_is_in_the_example() {
        #[derive(Deserialize, Serialize)]
        struct Upstream {
            upstream: UpstreamConfig,
        }
        let is_setting = |line: &&str| {
            *line == "[upstream]" || line.split_once(" = ").is_some_and(|(key, _)| !key.contains([' ', '`']))
        };
        let mut kinds = BTreeSet::new();
        for paragraph in EXAMPLE.split("\n\n").filter(|paragraph| paragraph.contains("[upstream]")) {
            let lines = paragraph.lines().map(|line| line.trim_start_matches(['#', ' ']));
            let settings = lines.filter(is_setting).collect::<Vec<_>>().join("\n");
            assert_eq!(differing_keys::<Upstream>(&settings).unwrap(), BTreeSet::new(), "{settings}");
            // A new kind does not compile before it is counted here.
            kinds.insert(match parse::<Upstream>(&settings).unwrap().upstream {
                UpstreamConfig::Oidc(_) => 0,
                UpstreamConfig::Oauth2(_) => 1,
                UpstreamConfig::Github(_) => 2,
            });
        }
        assert_eq!(kinds, BTreeSet::from([0, 1, 2]));
    }

    #[test]
    fn private_schemes_have_the_default_of_control() {
        let issuer: lychgate_control::config::IssuerConfig = parse(
            "id = \"a\"\nurl = \"b\"\nname = \"c\"\nresources = []\n[upstream]\nkind = \"oidc\"\nid = \"d\"\nname = \"e\"\n\
             issuer = \"f\"\nclient_id = \"g\"\nclient_secret = { env = \"H\" }\n",
        )
        .unwrap();
        assert_eq!(issuer.private_scheme_redirect_uris, PRIVATE_SCHEMES);
    }

    #[test]
    fn keys_of_control_are_translated() {
        for (control, here) in [
            ("issuers[0].upstream.issuer", "upstream.issuer"),
            ("issuers[0].clients[2].id", "clients[2].id"),
            ("issuers[0].entry.claims.hd[0]", "entry.claims.hd[0]"),
            ("issuers[0].name", "issuer.name"),
            ("issuers[0].private_scheme_redirect_uris[0]", "issuer.private_scheme_redirect_uris[0]"),
        ] {
            assert_eq!(own_key(control), here);
            assert_eq!(
                with_own_keys(&format!("a: {control}: is b; {control} c")),
                format!("a: {here}: is b; {here} c")
            );
            assert_eq!(with_own_keys(&format!("{{\"key\":\"{control}\"}}")), format!("{{\"key\":\"{here}\"}}"));
        }
        for other in ["", "listen: is taken", "issuers[1].name", "lychgate-control: issuers: is empty"] {
            assert_eq!(with_own_keys(other), other);
        }
    }
}
