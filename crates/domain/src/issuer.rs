//! Issuers: logical authorization servers, as configured.

mod issuer_url;
mod policy;
mod resource;

use crate::Refusal;
use crate::client::Client;
use crate::client::redirect_uri::RedirectUri;
use crate::id::{ClientId, IssuerId};
use crate::lifetimes::Lifetimes;
use crate::subject::UpstreamId;

pub use issuer_url::IssuerUrl;
pub use policy::{
    AddressPolicy, ClientPolicy, ConsentMode, DocumentPolicy, DocumentRedirects, HostPattern, HostPatterns,
    PromptPolicy, PublishedPolicy, RegistrationPolicy, UpstreamRevocationMode,
};
pub use resource::{Choice, Requested, Resource, ScopeDefinition};

/// The configuration of one issuer. A deployment may have several, also on one host.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The configured id.
    pub id: IssuerId,
    /// The issuer identifier.
    pub url: IssuerUrl,
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
    /// How much of the consent page is shown.
    pub prompt: PromptPolicy,
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

    /// Checks that the operator permits answering `client` at `uri` (B33). Configured clients are permitted by
    /// configuration. Refuses with [`Refusal::RedirectUriForbidden`].
    pub fn permits(&self, client: &Client, uri: &RedirectUri) -> Result<(), Refusal> {
        let permitted = client.is_configured() || self.policy.redirect_hosts.permit(uri);
        if permitted { Ok(()) } else { Err(Refusal::RedirectUriForbidden) }
    }

    /// True if a consent given under `version` was given under the current policy, or if there is no policy now.
    pub fn is_under_policy(&self, version: Option<&str>) -> bool {
        self.published_policy.as_ref().is_none_or(|policy| Some(policy.version.as_str()) == version)
    }

    /// Version of the published policy, if there is one.
    pub fn policy_version(&self) -> Option<String> {
        self.published_policy.as_ref().map(|policy| policy.version.clone())
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
    use crate::scope::{Scope, Scopes};

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
            prompt: PromptPolicy::default(),
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
        for bad in ["", "*", "*.", "*.example", "a.*.example", "APP.example", "app.example:443", "https://a", "a/b"] {
            assert_eq!(parse(bad), Err(bad.to_owned()));
        }
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
