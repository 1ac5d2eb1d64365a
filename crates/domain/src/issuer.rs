//! One logical authorization server, as configured.

use std::time::Duration;

use url::Url;

use crate::Refusal;
use crate::client::Client;
use crate::client_secret::SecretDigest;
use crate::event::AddressPolicy;
use crate::id::{ClientId, IssuerId};
use crate::keys::digest;
use crate::metadata_document::MetadataDocument;
use crate::prompt::PromptPolicy;
use crate::redirect_uri::{RedirectKind, RedirectUri};
use crate::scope::{Scope, Scopes};
use crate::subject::UpstreamId;
use crate::time::CLOCK_SKEW;
use crate::upstream_revocation::UpstreamRevocationMode;

/// What an operator configured. Several live in one deployment, and even on one host.
#[derive(Clone, Debug)]
pub struct Issuer {
    pub id: IssuerId,
    pub url: IssuerUrl,
    pub name: String,
    pub upstream: UpstreamId,
    /// What people call the upstream.
    pub upstream_name: String,
    pub resources: Vec<Resource>,
    pub clients: Vec<Client>,
    pub policy: ClientPolicy,
    pub prompt: PromptPolicy,
    /// What people agree to besides, if an operator says so.
    pub published_policy: Option<PublishedPolicy>,
    /// When the upstream hears of what is taken back here.
    pub upstream_revocation: UpstreamRevocationMode,
    /// What events keep of their callers' addresses.
    pub addresses: AddressPolicy,
    pub lifetimes: Lifetimes,
}

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

impl Issuer {
    pub fn configured_client(&self, id: &ClientId) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == *id)
    }

    /// The one resource a request means: RFC 8707 §2. Repeating the same one means nothing; two different ones cannot
    /// be the audience of one token.
    pub fn resource<'a>(&self, asked: impl Iterator<Item = &'a str>) -> Result<&Resource, Refusal> {
        let mut chosen: Option<&Resource> = None;
        for uri in asked {
            let resource = self.resources.iter().find(|r| r.is_named_by(uri)).ok_or(Refusal::ResourceUnknown)?;
            if chosen.is_some_and(|earlier| earlier.uri != resource.uri) {
                return Err(Refusal::ResourceUnknown);
            }
            chosen = Some(resource);
        }
        match (chosen, self.resources.as_slice()) {
            (Some(resource), _) => Ok(resource),
            (None, [only]) => Ok(only),
            (None, _) => Err(Refusal::ResourceRequired),
        }
    }

    /// That `client` may be answered at `uri` at all, by what the operator says now (B33). Whom an operator configured has
    /// been permitted with it.
    pub fn permits(&self, client: &Client, uri: &RedirectUri) -> Result<(), Refusal> {
        let permitted = client.is_configured() || self.policy.redirect_hosts.permit(uri);
        if permitted { Ok(()) } else { Err(Refusal::RedirectUriForbidden) }
    }

    /// Whether what was agreed to under `version` was agreed to under the policy that holds now. Where there is none, there
    /// is nothing to agree to anew.
    pub fn is_under_policy(&self, version: Option<&str>) -> bool {
        self.published_policy.as_ref().is_none_or(|policy| Some(policy.version.as_str()) == version)
    }

    pub fn policy_version(&self) -> Option<String> {
        self.published_policy.as_ref().map(|policy| policy.version.clone())
    }

    /// A resource by its canonical URI; `None` once it is no longer configured.
    pub fn resource_by_uri(&self, uri: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.uri == uri)
    }
}

/// An issuer identifier (RFC 8414 §2): https, or http on loopback; no query, no fragment, no trailing slash. Compared
/// byte for byte by clients, so it is kept as it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssuerUrl {
    text: String,
    origin: String,
}

impl IssuerUrl {
    /// The error says what to change.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "write an absolute URL")?;
        let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => return Err("use https; http only on localhost, 127.0.0.1 or [::1]"),
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err("leave out query, fragment and user information");
        }
        if text.ends_with('/') {
            return Err("leave out the trailing slash: clients compare the issuer byte for byte");
        }
        if url.as_str().strip_suffix('/').unwrap_or(url.as_str()) != text && url.as_str() != text {
            return Err("write it in its normal form: lower-case scheme and host, no default port, no dot segments");
        }
        Ok(Self { text: text.to_owned(), origin: url.origin().ascii_serialization() })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What stands after the origin: "" or "/path".
    pub fn path(&self) -> &str {
        &self.text[self.origin.len()..]
    }

    pub fn is_https(&self) -> bool {
        self.text.starts_with("https:")
    }

    /// The issuer as a fixed-width part of stored keys and cookie names.
    pub fn digest(&self) -> [u8; 16] {
        let hash = digest("issuer", &[self.text.as_bytes()]);
        hash[..16].try_into().expect("16 of 32 bytes")
    }
}

/// A protected resource: an MCP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The canonical URI, the audience of tokens (RFC 8707 §2).
    pub uri: String,
    pub name: String,
    pub scopes: Vec<ScopeDefinition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeDefinition {
    pub scope: Scope,
    /// In words, for people.
    pub description: String,
    /// Whether a request without `scope` asks for it.
    pub requested: Requested,
    pub choice: Choice,
}

/// Whether a person may leave a scope out and approve the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    WithTheRest,
    Optional,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requested {
    ByDefault,
    ByName,
}

impl Resource {
    /// Clients write a resource with an upper-case host or a trailing slash; that is the same one (C10).
    fn is_named_by(&self, asked: &str) -> bool {
        if self.uri == asked {
            return true;
        }
        let normal = |text: &str| {
            let url = Url::parse(text).ok().filter(|url| url.fragment().is_none() && url.username().is_empty())?;
            Some(url.as_str().strip_suffix('/').unwrap_or(url.as_str()).to_owned())
        };
        normal(asked).is_some_and(|asked| normal(&self.uri) == Some(asked))
    }

    /// The scopes a request asks for. `offline_access` is accepted and means nothing: whether a client can refresh
    /// follows from its registration (A23). A request without any gets the defaults, never an error (E6).
    pub fn requested_scopes(&self, asked: Option<&str>) -> Result<Scopes, Refusal> {
        let asked = Scopes::parse(asked.unwrap_or_default())?.without("offline_access");
        if asked.is_empty() {
            let default = |definition: &&ScopeDefinition| definition.requested == Requested::ByDefault;
            return Ok(self.scopes.iter().filter(default).map(|definition| definition.scope.clone()).collect());
        }
        if self.has_all(&asked) { Ok(asked) } else { Err(Refusal::ScopeInvalid) }
    }

    /// Whether each of `scopes` means something here.
    pub fn has_all(&self, scopes: &Scopes) -> bool {
        scopes.iter().all(|scope| self.scopes.iter().any(|definition| definition.scope == *scope))
    }

    /// What a person approves of `asked`: all of it but the optional scopes that were not `chosen`. Nothing that was not
    /// asked can be chosen.
    pub fn approved_scopes(&self, asked: &Scopes, chosen: &[String]) -> Result<Scopes, Refusal> {
        let is_approved = |definition: &&ScopeDefinition| match definition.choice {
            Choice::WithTheRest => true,
            Choice::Optional => chosen.iter().any(|name| name == definition.scope.as_str()),
        };
        let approved: Scopes = self.describe(asked).filter(is_approved).map(|found| found.scope.clone()).collect();
        if approved.is_empty() { Err(Refusal::DecisionMissing) } else { Ok(approved) }
    }

    /// What the page says about `scopes`, in configured order.
    pub fn describe<'a>(&'a self, scopes: &'a Scopes) -> impl Iterator<Item = &'a ScopeDefinition> {
        self.scopes.iter().filter(|definition| scopes.contains(&definition.scope))
    }
}

/// How long things last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// From `/authorize` to the decision.
    pub ticket: Duration,
    /// From the decision to the callback.
    pub login: Duration,
    /// From the last callback to the end of the session.
    pub session: Duration,
    pub code: Duration,
    pub access_token: Duration,
    /// How long the previous refresh token gives its successor again.
    pub refresh_grace: Duration,
    /// A grant that is not refreshed for so long ends.
    pub grant_idle: Duration,
    /// A grant ends at the latest.
    pub grant: Duration,
    pub consent: Duration,
    /// A registration that never completed a flow.
    pub unused_registration: Duration,
    /// A registration after its last use.
    pub used_registration: Duration,
}

impl Lifetimes {
    /// How long a decision is kept: it outlives ticket, login and code together, so that none of them can find it gone
    /// and be decided again.
    pub fn decision(&self) -> Duration {
        self.ticket + self.login + self.code + CLOCK_SKEW
    }
}

impl Default for Lifetimes {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const DAY: u64 = 24 * 60 * MINUTE;
        Self {
            ticket: Duration::from_secs(15 * MINUTE),
            login: Duration::from_secs(10 * MINUTE),
            session: Duration::from_secs(DAY / 2),
            code: Duration::from_secs(MINUTE),
            access_token: Duration::from_secs(10 * MINUTE),
            refresh_grace: Duration::from_secs(30),
            grant_idle: Duration::from_secs(30 * DAY),
            grant: Duration::from_secs(90 * DAY),
            consent: Duration::from_secs(365 * DAY),
            unused_registration: Duration::from_secs(DAY),
            used_registration: Duration::from_secs(365 * DAY),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::client::{About, Authentication, GrantType, Origin, Status};

    /// An issuer with one resource, three scopes and one configured client.
    pub(crate) fn issuer() -> Issuer {
        let definition = |name: &str, requested| ScopeDefinition {
            scope: Scope::parse(name).unwrap(),
            description: format!("may {name}"),
            requested,
            choice: Choice::WithTheRest,
        };
        Issuer {
            id: IssuerId::parse("demo").unwrap(),
            url: IssuerUrl::parse("https://gate.example").unwrap(),
            name: "Demo".to_owned(),
            upstream: UpstreamId::parse("idp").unwrap(),
            upstream_name: "Demo IdP".to_owned(),
            resources: vec![Resource {
                uri: "https://mcp.example/mcp".to_owned(),
                name: "Notes".to_owned(),
                scopes: vec![
                    definition("read", Requested::ByDefault),
                    definition("write", Requested::ByName),
                    definition("admin", Requested::ByName),
                ],
            }],
            clients: vec![Client {
                id: ClientId::parse("configured").unwrap(),
                origin: Origin::Configured,
                status: Status::Enabled,
                name: Some("Configured".to_owned()),
                redirect_uris: vec![RedirectUri::parse("https://app.example/cb", &[]).unwrap()],
                grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
                authentication: Authentication::Public,
                about: About::default(),
            }],
            policy: ClientPolicy {
                private_scheme_redirect_uris: vec!["cursor://anysphere.cursor-mcp/oauth/callback".to_owned()],
                ..ClientPolicy::default()
            },
            prompt: PromptPolicy::default(),
            published_policy: None,
            upstream_revocation: UpstreamRevocationMode::WhenLastGrantEnds,
            addresses: AddressPolicy::default(),
            lifetimes: Lifetimes::default(),
        }
    }

    /// Requirements: A4, R41.
    #[test]
    fn an_issuer_url_is_in_its_one_form() {
        for good in
            ["https://gate.example", "https://gate.example/t", "http://127.0.0.1:8080", "http://localhost:1/a/b"]
        {
            let url = IssuerUrl::parse(good).unwrap_or_else(|why| panic!("{good}: {why}"));
            assert_eq!(format!("{}{}", url.origin(), url.path()), good);
        }
        for bad in [
            "gate.example",
            "http://gate.example",
            "https://gate.example/",
            "https://gate.example/t/",
            "https://gate.example?x",
            "https://gate.example#x",
            "https://u@gate.example",
            "https://GATE.example",
            "https://gate.example:443",
            "https://gate.example/a/../b",
            "ftp://gate.example",
        ] {
            assert!(IssuerUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts_are_listed_in_their_plain_form() {
        let parse = |pattern: &str| HostPatterns::parse(&[pattern.to_owned()]);
        let below = parse("*.apps.example").unwrap();
        assert!(below.include("a.apps.example") && below.include("a.b.apps.example"));
        for other in ["apps.example", "aapps.example", ".apps.example", "a.apps.example.evil.example"] {
            assert!(!below.include(other), "{other}");
        }
        assert!(!parse("app.example").unwrap().include("www.app.example"));
        for bad in ["", "*", "*.", "*.example", "a.*.example", "APP.example", "app.example:443", "https://a", "a/b"] {
            assert_eq!(parse(bad), Err(bad.to_owned()));
        }
    }

    /// Requirements: C10.
    #[test]
    fn a_resource_is_known_by_its_near_spellings() {
        let issuer = issuer();
        for near in ["https://mcp.example/mcp", "HTTPS://MCP.example/mcp", "https://mcp.example/mcp/"] {
            assert_eq!(issuer.resource([near].into_iter()).unwrap().uri, "https://mcp.example/mcp", "{near}");
        }
        assert!(issuer.resource(["https://mcp.example/mcp", "https://mcp.example/mcp/"].into_iter()).is_ok());
        for other in [
            "https://mcp.example/mcp#x",
            "https://mcp.example/MCP",
            "https://mcp.example",
            "https://u@mcp.example/mcp",
            "mcp",
            "",
        ] {
            assert_eq!(issuer.resource([other].into_iter()), Err(Refusal::ResourceUnknown), "{other}");
        }
    }

    /// Requirements: R42.
    #[test]
    fn without_resource_only_one_can_be_meant() {
        let mut issuer = issuer();
        assert!(issuer.resource(std::iter::empty()).is_ok());
        issuer.resources.push(Resource { uri: "https://other.example".to_owned(), ..issuer.resources[0].clone() });
        assert_eq!(issuer.resource(std::iter::empty()), Err(Refusal::ResourceRequired));
        let both = ["https://mcp.example/mcp", "https://other.example"].into_iter();
        assert_eq!(issuer.resource(both), Err(Refusal::ResourceUnknown));
    }

    /// Requirements: E3.
    #[test]
    fn only_optional_scopes_can_be_left_out_and_nothing_be_added() {
        let mut resource = issuer().resources.remove(0);
        for definition in &mut resource.scopes[1..] {
            definition.choice = Choice::Optional;
        }
        let asked = Scopes::parse("read write").unwrap();
        let approved = |chosen: &[&str]| {
            let chosen: Vec<_> = chosen.iter().map(|name| (*name).to_owned()).collect();
            resource.approved_scopes(&asked, &chosen).map(|scopes| scopes.to_string())
        };
        assert_eq!(approved(&[]).unwrap(), "read");
        assert_eq!(approved(&["write"]).unwrap(), "read write");
        assert_eq!(approved(&["admin", "root", "read write"]).unwrap(), "read", "what was not asked is not approved");
        let optional_only = Scopes::parse("write").unwrap();
        assert_eq!(resource.approved_scopes(&optional_only, &[]), Err(Refusal::DecisionMissing));
    }

    /// Requirements: A23, E1, E6, E7.
    #[test]
    fn scopes_default_and_offline_access_means_nothing() {
        let issuer = issuer();
        let resource = &issuer.resources[0];
        for asked in [None, Some(""), Some("offline_access")] {
            assert_eq!(resource.requested_scopes(asked).unwrap().to_string(), "read");
        }
        assert_eq!(
            resource.requested_scopes(Some("write offline_access read write")).unwrap().to_string(),
            "read write"
        );
        assert_eq!(resource.requested_scopes(Some("read root")), Err(Refusal::ScopeInvalid));
        assert_eq!(resource.requested_scopes(Some("re\"ad")), Err(Refusal::ScopeInvalid));
    }
}
