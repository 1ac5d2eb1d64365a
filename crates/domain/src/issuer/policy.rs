//! What an operator decides for an issuer.

use url::Url;

use crate::client::metadata::MetadataDocument;
use crate::client::redirect_uri::{RedirectKind, RedirectUri};
use crate::client::secret::SecretDigest;
use crate::id::ClientId;

/// What an operator tells people about how their data is treated, or by which terms. Nothing here reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedPolicy {
    /// Another version is another policy.
    pub version: String,
    /// Where it can be read.
    pub uri: Option<String>,
}

/// Which clients there may be besides the configured ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPolicy {
    /// Who may register.
    pub registration: RegistrationPolicy,
    /// Whose metadata documents are fetched.
    pub documents: DocumentPolicy,
    /// Where clients that nobody configured may be answered.
    pub redirect_hosts: HostPatterns,
    /// Exact redirect URIs with a scheme of their own that may be registered.
    pub private_scheme_redirect_uris: Vec<String>,
}

impl Default for ClientPolicy {
    /// Everybody, as long as a person is asked.
    fn default() -> Self {
        Self {
            registration: RegistrationPolicy::Open,
            documents: DocumentPolicy {
                hosts: Some(HostPatterns::Any),
                redirects: DocumentRedirects::Anywhere,
                pinned: Vec::new(),
            },
            redirect_hosts: HostPatterns::Any,
            private_scheme_redirect_uris: Vec::new(),
        }
    }
}

/// Who may register (RFC 7591 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationPolicy {
    Open,
    /// Whoever has one of these initial access tokens.
    WithToken(Vec<SecretDigest>),
    Closed,
}

/// Which client ids that are URLs lead to a client (CIMD §6.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentPolicy {
    /// `None`: there are no such clients.
    pub hosts: Option<HostPatterns>,
    pub redirects: DocumentRedirects,
    /// Documents that an operator keeps himself, because their hosts do not answer everybody; whatever `hosts` says.
    pub pinned: Vec<MetadataDocument>,
}

/// Where a client with a metadata document may be answered (CIMD §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentRedirects {
    /// Wherever its document says.
    Anywhere,
    /// On the host of its document, or on loopback.
    SameHost,
}

/// Hosts that an operator names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPatterns {
    Any,
    Listed(Vec<HostPattern>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    Exactly(String),
    /// Kept with the dot: every host below, not the domain itself.
    Below(String),
}

impl HostPatterns {
    /// `example.com`, or `*.example.com` for every host below it. The error is the pattern that is none.
    pub fn parse(patterns: &[String]) -> Result<Self, String> {
        let plain = |host: &str| {
            let url = Url::parse(&format!("https://{host}/"));
            !host.contains('*') && url.is_ok_and(|url| url.host_str() == Some(host) && url.port().is_none())
        };
        let parse = |pattern: &String| match pattern.strip_prefix("*.") {
            Some(domain) if plain(domain) && domain.contains('.') => Ok(HostPattern::Below(format!(".{domain}"))),
            None if plain(pattern) => Ok(HostPattern::Exactly(pattern.clone())),
            _ => Err(pattern.clone()),
        };
        Ok(Self::Listed(patterns.iter().map(parse).collect::<Result<_, _>>()?))
    }

    pub fn include(&self, host: &str) -> bool {
        match self {
            HostPatterns::Any => true,
            HostPatterns::Listed(patterns) => patterns.iter().any(|pattern| match pattern {
                HostPattern::Exactly(exactly) => host == exactly,
                HostPattern::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
            }),
        }
    }

    /// Whether a client may be answered at `uri`. What stays on the person's own computer has no host to speak of; which
    /// private schemes there are is listed elsewhere.
    pub fn permit(&self, uri: &RedirectUri) -> bool {
        match uri.kind() {
            RedirectKind::Web => self.include(uri.target().split(':').next().unwrap_or_default()),
            RedirectKind::Loopback | RedirectKind::PrivateScheme => true,
        }
    }
}

/// What an operator says about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromptPolicy {
    pub mode: ConsentMode,
    /// Whether everybody is asked "Signed in as X. Not you?" before a code exists, not only who was not expected.
    pub confirm_subject: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ConsentMode {
    /// The whole page.
    #[default]
    Always,
    /// One button for what was allowed before.
    Remember,
    /// The same, and nothing for these clients.
    Silent { clients: Vec<ClientId> },
}

/// When an upstream is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamRevocationMode {
    Never,
    /// When nothing of the person's is live here any more. For many providers one token stands for everything that the
    /// person gave this client id, which all of our clients share: told earlier, they would end what still stands.
    WhenLastGrantEnds,
    /// Of each grant as it ends: for providers that keep tokens apart.
    PerGrant,
}

/// What of an address is kept: an operator says it for each issuer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressPolicy {
    /// Nothing.
    #[default]
    None,
    /// What many have in common: its /24, or its /48 in IPv6.
    Prefix,
    Full,
}
