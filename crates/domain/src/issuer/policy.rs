//! Policies that an operator configures for an issuer.

use crate::client::metadata::MetadataDocument;
use crate::client::redirect_uri::{RedirectKind, RedirectUri};
use crate::client::secret::SecretDigest;
use crate::id::ClientId;
use crate::origin::NormalUrl;

/// A published policy or terms that people agree to with a consent. Lychgate compares its version and never reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedPolicy {
    /// A new version asks people to agree again.
    pub version: String,
    /// Where people can read it.
    pub uri: Option<String>,
}

/// How the boxes of optional scopes start on the consent page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OptionalScopes {
    /// Ticked: the person takes away what is too much.
    #[default]
    Ticked,
    /// Unticked: the person adds what is wanted.
    Unticked,
}

/// Which clients are accepted besides the configured ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPolicy {
    /// Which clients may register.
    pub registration: RegistrationPolicy,
    /// Which metadata documents are fetched.
    pub documents: DocumentPolicy,
    /// Hosts at which clients that are not configured may be answered.
    pub redirect_hosts: HostPatterns,
    /// Exact redirect URIs with a private-use scheme that may be registered.
    pub private_scheme_redirect_uris: Vec<String>,
}

impl Default for ClientPolicy {
    /// Accepts all clients: a person still has to approve each of them.
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

/// Which clients may register (RFC 7591 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationPolicy {
    /// All clients.
    Open,
    /// Clients with one of these initial access tokens.
    WithToken(Vec<SecretDigest>),
    /// None.
    Closed,
}

/// Which metadata documents make a client (CIMD §6.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentPolicy {
    /// `None`: none.
    pub hosts: Option<HostPatterns>,
    /// Where such clients may be answered.
    pub redirects: DocumentRedirects,
    /// Documents that the operator keeps in place of those at their URLs, because their hosts do not serve them to us.
    /// They apply whichever `hosts` are allowed.
    pub pinned: Vec<MetadataDocument>,
}

/// Where a client with a metadata document may be answered (CIMD §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentRedirects {
    /// At every redirect URI of its document.
    Anywhere,
    /// On the website of its document, host and port, or on the person's own computer.
    SameHost,
}

/// Hosts that an operator lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPatterns {
    /// All hosts.
    Any,
    /// Hosts that match one of these patterns.
    Listed(Vec<HostPattern>),
}

/// One host, or all hosts below a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// This host.
    Exactly(String),
    /// Every host below a domain, but not the domain itself. Kept with the leading dot.
    Below(String),
}

impl HostPatterns {
    /// Parses `example.com`, or `*.example.com` for every host below it. The error is the invalid pattern.
    pub fn parse(patterns: &[String]) -> Result<Self, String> {
        let plain =
            |host: &str| NormalUrl::parse(&format!("https://{host}")).is_ok_and(|url| url.origin().host() == host);
        let parse = |pattern: &String| match pattern.strip_prefix("*.") {
            Some(domain) if plain(domain) && domain.contains('.') => Ok(HostPattern::Below(format!(".{domain}"))),
            None if plain(pattern) => Ok(HostPattern::Exactly(pattern.clone())),
            _ => Err(pattern.clone()),
        };
        Ok(Self::Listed(patterns.iter().map(parse).collect::<Result<_, _>>()?))
    }

    /// True if `host` matches.
    pub fn include(&self, host: &str) -> bool {
        match self {
            HostPatterns::Any => true,
            HostPatterns::Listed(patterns) => patterns.iter().any(|pattern| match pattern {
                HostPattern::Exactly(exactly) => host == exactly,
                HostPattern::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
            }),
        }
    }

    /// True if a client may be answered at `uri`. Loopback and private-scheme URIs have no foreign host; private
    /// schemes have a list of their own.
    pub fn permit(&self, uri: &RedirectUri) -> bool {
        match uri.kind() {
            RedirectKind::Web => uri.origin().is_some_and(|origin| self.include(origin.host())),
            RedirectKind::Loopback | RedirectKind::PrivateScheme => true,
        }
    }
}

/// How far an earlier consent shortens the consent page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromptPolicy {
    /// When the page is shortened.
    pub mode: ConsentMode,
    /// Asks every person "Signed in as X. Not you?" before a code is issued, not only an unexpected one.
    pub confirm_subject: bool,
}

/// When an earlier consent shortens the consent page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ConsentMode {
    /// Always the full page.
    #[default]
    Always,
    /// One click for a request that an earlier consent covers.
    Remember,
    /// As `Remember`, and no page for these clients.
    Silent {
        /// Clients that the operator trusts.
        clients: Vec<ClientId>,
    },
}

/// When the upstream tokens of revoked grants are revoked at the upstream (RFC 7009).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamRevocationMode {
    /// Upstream tokens are not revoked.
    Never,
    /// When the person has no live grant left here. With many providers one token stands for everything that the person
    /// gave this client id, which all our clients share: an earlier revocation would end the remaining grants.
    WhenLastGrantEnds,
    /// For each grant as it ends: for providers that keep tokens apart.
    PerGrant,
}

/// The part of a caller's address that events keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressPolicy {
    /// Nothing.
    #[default]
    None,
    /// The /24 of an IPv4 address, or the /48 of an IPv6 address.
    Prefix,
    /// The whole address.
    Full,
}
