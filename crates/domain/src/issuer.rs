//! Issuers: logical authorization servers, as configured.

mod entry;
mod issuer_url;
mod own_origins;
mod policy;
mod resource;

use crate::Refusal;
use crate::client::Client;
use crate::client::redirect_uri::RedirectUri;
use crate::id::{ClientId, IssuerId};
use crate::lifetimes::Lifetimes;
use crate::scope::{Scope, Scopes};
use crate::subject::UpstreamId;

pub use entry::{
    Admitted, EmailDomain, EntryFacts, EntryRule, EntryRules, KnownClaims, LearnedClaims, Readmission, RulesDigest,
    StatedClaim, StatedClaims,
};
pub use issuer_url::IssuerUrl;
pub use own_origins::OwnOrigins;
pub use policy::{
    AddressPolicy, ClientPolicy, ConsentMode, DocumentPolicy, DocumentRedirects, HostPattern, HostPatterns,
    OptionalScopes, PromptPolicy, PublishedPolicy, RegistrationPolicy, UpstreamRevocationMode,
};
pub use resource::{
    Choice, Effect, MAX_ISSUER_SCOPES, MAX_RESOURCE_SCOPES, MAX_RESOURCE_URI, MAX_SCOPES, Requested, Resource,
    ScopeDefinition, UpstreamTokenPolicy, length_in_a_query,
};

/// The configuration of one issuer. A deployment may have several, also on one host.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The configured id.
    pub id: IssuerId,
    /// The issuer identifier.
    pub url: IssuerUrl,
    /// The origins of all issuers of the deployment, this one's among them.
    pub own_origins: OwnOrigins,
    /// The issuer's name on pages.
    pub name: String,
    /// The upstream's id.
    pub upstream: UpstreamId,
    /// The upstream's name on pages.
    pub upstream_name: String,
    /// The protected resources; at least one.
    pub resources: Vec<Resource>,
    /// The configured clients.
    pub clients: Vec<Client>,
    /// Which other clients are accepted.
    pub policy: ClientPolicy,
    /// The people who are admitted, for all resources.
    pub entry: EntryRules,
    /// How much of the consent page is shown.
    pub prompt: PromptPolicy,
    /// How the boxes of optional scopes start.
    pub optional_scopes: OptionalScopes,
    /// The policy that people agree to with a consent, if there is one.
    pub published_policy: Option<PublishedPolicy>,
    /// When a revocation is passed on to the upstream.
    pub upstream_revocation: UpstreamRevocationMode,
    /// The part of callers' addresses that events keep.
    pub addresses: AddressPolicy,
    /// How long tickets, codes, grants and consents last.
    pub lifetimes: Lifetimes,
}

impl Issuer {
    /// A configured client by its id.
    pub fn configured_client(&self, id: &ClientId) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == *id)
    }

    /// The one resource that a request names (RFC 8707 §2). Naming it twice is harmless; two different resources cannot
    /// be the audience of one token.
    ///
    /// Refuses with [`Refusal::ResourceUnknown`], or with [`Refusal::ResourceRequired`] if none is named and there are
    /// several.
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

    /// Checks that `client` may be answered at `uri` (B33). Every step asks, with the URI as the request named it: a
    /// registration may be older than a rule or than the operator's lists, and a loopback port is chosen by the request.
    ///
    /// Refuses with [`Refusal::RedirectUriForbidden`].
    pub fn permits(&self, client: &Client, uri: &RedirectUri) -> Result<(), Refusal> {
        self.may_answer_at(uri)?;
        // Hosts of configured clients are permitted by configuration.
        let permitted = client.is_configured() || self.policy.redirect_hosts.permit(uri);
        if permitted { Ok(()) } else { Err(Refusal::RedirectUriForbidden) }
    }

    /// Checks that a client of any kind could register `uri` today and that it leads to none of our own origins. Refuses
    /// with [`Refusal::RedirectUriForbidden`].
    pub fn may_answer_at(&self, uri: &RedirectUri) -> Result<(), Refusal> {
        let acceptable = RedirectUri::parse(uri.as_str(), &self.policy.private_scheme_redirect_uris).is_ok();
        if acceptable && !self.own_origins.include(uri) { Ok(()) } else { Err(Refusal::RedirectUriForbidden) }
    }

    /// True if a consent given under `version` was given under the current policy, or if there is no policy now.
    pub fn is_under_policy(&self, version: Option<&str>) -> bool {
        self.published_policy.as_ref().is_none_or(|policy| Some(policy.version.as_str()) == version)
    }

    /// True if the servers of `resource` get the upstream's access token of each person who allows it.
    pub fn gives_upstream_tokens(&self, resource: &str) -> bool {
        self.resource_by_uri(resource).is_some_and(|found| found.upstream_tokens == UpstreamTokenPolicy::Given)
    }

    /// Version of the published policy, if there is one.
    pub fn policy_version(&self) -> Option<String> {
        self.published_policy.as_ref().map(|policy| policy.version.clone())
    }

    /// All scopes of all resources, as they are advertised (RFC 8414 §2 `scopes_supported`).
    pub fn scopes_supported(&self) -> Scopes {
        self.resources.iter().flat_map(|resource| resource.scopes.iter().map(|found| found.scope.clone())).collect()
    }

    /// The scopes of `resource` that a request asks for. Clients ask for all that the issuer advertises, so scopes of its
    /// other resources are ignored (RFC 6749 §3.3) as long as one of this resource's is left.
    ///
    /// Refuses with [`Refusal::ScopeInvalid`].
    pub fn requested_scopes(&self, resource: &Resource, asked: Option<&str>) -> Result<Scopes, Refusal> {
        let named = Scopes::parse(asked.unwrap_or_default())?;
        let others = self.scopes_supported();
        let is_kept = |scope: &&Scope| resource.defines(scope) || !others.contains(scope);
        let kept: Scopes = named.iter().filter(is_kept).cloned().collect();
        let asked = if kept.clone().without("offline_access").is_empty() { &named } else { &kept };
        resource.requested_scopes(Some(&asked.to_string()))
    }

    /// A resource by its canonical URI; `None` if it is no longer configured.
    pub fn resource_by_uri(&self, uri: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.uri == uri)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::client::{Authentication, ClientDescription, ClientOrigin, ClientStatus, GrantType};

    /// An issuer with one resource, three scopes and one configured client.
    pub(crate) fn issuer() -> Issuer {
        let definition = |name: &str, requested| ScopeDefinition {
            scope: Scope::parse(name).unwrap(),
            description: format!("may {name}"),
            requested,
            choice: Choice::WithTheRest,
            effect: Effect::Unstated,
            tools: None,
        };
        Issuer {
            id: IssuerId::parse("demo").unwrap(),
            url: IssuerUrl::parse("https://gate.example").unwrap(),
            own_origins: OwnOrigins::of(
                &["https://gate.example", "https://other.example/t", "http://127.0.0.1:8080"]
                    .map(|url| IssuerUrl::parse(url).unwrap()),
            ),
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
                upstream_tokens: UpstreamTokenPolicy::Withheld,
                entry: EntryRules::default(),
            }],
            clients: vec![Client {
                id: ClientId::parse("configured").unwrap(),
                origin: ClientOrigin::Configured,
                status: ClientStatus::Enabled,
                name: Some("Configured".to_owned()),
                redirect_uris: vec![RedirectUri::parse("https://app.example/cb", &[]).unwrap()],
                grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
                authentication: Authentication::Public,
                about: ClientDescription::default(),
            }],
            policy: ClientPolicy {
                private_scheme_redirect_uris: vec!["cursor://anysphere.cursor-mcp/oauth/callback".to_owned()],
                ..ClientPolicy::default()
            },
            entry: EntryRules::default(),
            prompt: PromptPolicy::default(),
            optional_scopes: OptionalScopes::default(),
            published_policy: None,
            upstream_revocation: UpstreamRevocationMode::WhenLastGrantEnds,
            addresses: AddressPolicy::default(),
            lifetimes: Lifetimes::default(),
        }
    }

    /// Requirements: A4, R41.
    #[test]
    fn an_issuer_url_that_is_not_in_normal_form_is_refused() {
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
            "https://gate.example.",
            "https://gate.example/%2e%2e/b",
            "https://0x7f.1",
            "ftp://gate.example",
        ] {
            assert!(IssuerUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_host_pattern_that_is_not_in_plain_form_is_refused() {
        let parse = |pattern: &str| HostPatterns::parse(&[pattern.to_owned()]);
        let below = parse("*.apps.example").unwrap();
        assert!(below.include("a.apps.example") && below.include("a.b.apps.example"));
        for other in ["apps.example", "aapps.example", ".apps.example", "a.apps.example.evil.example"] {
            assert!(!below.include(other), "{other}");
        }
        assert!(!parse("app.example").unwrap().include("www.app.example"));
        let address = parse("[2001:db8::1]").unwrap();
        let uri = |text: &str| RedirectUri::parse(text, &[]).unwrap();
        assert!(address.permit(&uri("https://[2001:db8::1]:8443/cb")));
        assert!(!address.permit(&uri("https://[2001:db8::2]:8443/cb")));
        for bad in [
            "",
            "*",
            "*.",
            "*.example",
            "a.*.example",
            "APP.example",
            "app.example:443",
            "https://a",
            "a/b",
            "a.example.",
            "127.1",
        ] {
            assert_eq!(parse(bad), Err(bad.to_owned()));
        }
    }

    /// Each spelling of each own origin, for every kind of client, also as an earlier release may have stored it.
    ///
    /// Requirements: A10, B31, B33.
    #[test]
    fn no_client_is_answered_at_one_of_our_own_origins() {
        let issuer = issuer();
        let configured = issuer.clients[0].clone();
        let documented = Client { origin: ClientOrigin::Document, ..configured.clone() };
        let stored = |text: &str| RedirectUri::from_record(text.to_owned());
        for own in [
            "https://gate.example/authorize?client_id=trusted",
            "https://gate.example",
            "https://gate.example?x=1",
            "https://GATE.example/authorize",
            "https://gate.example:443/authorize",
            "https://gate.example./authorize",
            "https://g%61te.example/authorize",
            "https://gate\u{3002}example/authorize",
            "https://gate.example\\@app.example/",
            "https://user@gate.example/authorize",
            "HTTPS://gate.example/authorize",
            "https:gate.example/authorize",
            "https:///gate.example/authorize",
            "https://gate.example//authorize",
            "https://other.example/t/authorize",
            "https://other.example/",
            "https://OTHER.example:443/t/authorize",
            "http://127.0.0.1:8080/authorize",
            "http://localhost:8080/authorize",
            "http://[::1]:8080/authorize",
            "https://app.localhost:8080/authorize",
            "https://127.9.9.9:8080/authorize",
            "https://[::ffff:7f00:1]:8080/authorize",
            "https://0.0.0.0:8080/authorize",
        ] {
            for client in [&configured, &documented] {
                let refused = issuer.permits(client, &stored(own));
                assert_eq!(refused, Err(Refusal::RedirectUriForbidden), "{own}");
            }
        }
        for foreign in ["https://app.example/cb", "https://gate.example:8443/cb", "http://127.0.0.1:8081/cb"] {
            assert_eq!(issuer.permits(&documented, &stored(foreign)), Ok(()), "{foreign}");
        }
        let here = stored("http://127.0.0.1/cb").matching("http://127.0.0.1:8080/cb").unwrap();
        assert_eq!(issuer.permits(&documented, &here), Err(Refusal::RedirectUriForbidden), "a substituted port");
    }

    /// Requirements: B33.
    #[test]
    fn a_private_scheme_that_is_no_longer_listed_gets_no_answer() {
        let mut issuer = issuer();
        let (client, uri) = (issuer.clients[0].clone(), issuer.policy.private_scheme_redirect_uris[0].clone());
        let uri = RedirectUri::from_record(uri);
        assert_eq!(issuer.permits(&client, &uri), Ok(()));
        issuer.policy.private_scheme_redirect_uris.clear();
        assert_eq!(issuer.permits(&client, &uri), Err(Refusal::RedirectUriForbidden));
    }

    /// Requirements: C10.
    #[test]
    fn a_resource_is_found_with_an_upper_case_host_or_a_trailing_slash() {
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
    fn a_request_without_resource_needs_an_issuer_with_one_resource() {
        let mut issuer = issuer();
        assert!(issuer.resource(std::iter::empty()).is_ok());
        issuer.resources.push(Resource { uri: "https://other.example".to_owned(), ..issuer.resources[0].clone() });
        assert_eq!(issuer.resource(std::iter::empty()), Err(Refusal::ResourceRequired));
        let both = ["https://mcp.example/mcp", "https://other.example"].into_iter();
        assert_eq!(issuer.resource(both), Err(Refusal::ResourceUnknown));
    }

    /// Requirements: E3.
    #[test]
    fn only_optional_scopes_can_be_left_out_and_none_added() {
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
        assert_eq!(
            approved(&["admin", "root", "read write"]).unwrap(),
            "read",
            "a scope that was not requested is not approved"
        );
        let optional_only = Scopes::parse("write").unwrap();
        assert_eq!(resource.approved_scopes(&optional_only, &[]), Err(Refusal::DecisionMissing));
    }

    /// Requirements: E1, E6.
    #[test]
    fn scopes_of_other_resources_of_the_issuer_are_ignored() {
        let mut issuer = issuer();
        let mut other = Resource { uri: "https://other.example".to_owned(), ..issuer.resources[0].clone() };
        other.scopes.remove(2);
        other.scopes[0].scope = Scope::parse("search").unwrap();
        issuer.resources.push(other);
        assert_eq!(issuer.scopes_supported().to_string(), "admin read search write");
        let asked = |n: usize, text: &str| {
            issuer.requested_scopes(&issuer.resources[n], Some(text)).map(|scopes| scopes.to_string())
        };
        assert_eq!(asked(0, "admin read search write offline_access").unwrap(), "admin read write");
        assert_eq!(asked(1, "admin read search write").unwrap(), "search write");
        assert_eq!(asked(1, "offline_access").unwrap(), "search", "the default");
        for invalid in ["read", "read admin offline_access", "search root", "read root"] {
            assert_eq!(asked(1, invalid), Err(Refusal::ScopeInvalid), "{invalid}");
        }
    }

    #[test]
    fn packed_scopes_are_unpacked_only_by_the_same_resource() {
        let mut resource = issuer().resources.remove(0);
        for n in 0..MAX_SCOPES - 3 {
            let scope = Scope::parse(&format!("s{n}")).unwrap();
            resource.scopes.push(ScopeDefinition { scope, ..resource.scopes[0].clone() });
        }
        for text in ["", "read", "write s9 s196", &resource.all_scopes().to_string()] {
            let scopes = Scopes::parse(text).unwrap();
            let packed = resource.pack(&scopes).unwrap();
            assert_eq!(packed.len(), 8 + MAX_SCOPES.div_ceil(8));
            assert_eq!(resource.unpack(&packed), Some(scopes));
            let mut swapped = resource.clone();
            swapped.scopes.swap(0, 1);
            assert_eq!(swapped.unpack(&packed), None);
            assert_eq!(issuer().resources[0].unpack(&packed), None);
            assert_eq!(resource.unpack(&packed[1..]), None);
            assert_eq!(resource.unpack(&packed[..packed.len() - 1]), None);
        }
        assert_eq!(resource.pack(&Scopes::parse("read root").unwrap()), None);
        assert_eq!(resource.unpack(&[]), None);
    }

    /// Requirements: A23, E1, E6, E7.
    #[test]
    fn scopes_have_defaults_and_offline_access_is_ignored() {
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
