//! Access checks for proxies: `/verify` and Envoy's `ext_authz`.
//!
//! The requirement comes from the proxy's own configuration. Of the request that the proxy holds back, only the token
//! counts: its sender also chose path, host and all other headers.

use url::Url;

use crate::Refusal;
use crate::issuer::{Issuer, Resource};
use crate::scope::Scopes;

/// The requirement of a proxy: a live access token for one resource with all of these scopes.
#[derive(Clone, Debug)]
pub struct AccessRequirement<'a> {
    resource: &'a Resource,
    scopes: Scopes,
}

/// A refusal and what its `WWW-Authenticate` challenge names (RFC 6750 §3, RFC 9728 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessDenied {
    /// Why the request is refused.
    pub refusal: Refusal,
    resource_metadata: Option<String>,
    scopes: Scopes,
}

impl<'a> AccessRequirement<'a> {
    /// The requirement for `resource` and `scope`, which must be written as configured here: a typing error must not
    /// admit all requests, nor look like a bad token. `None` requires no scope; an empty scope is an error.
    ///
    /// Refuses with [`Refusal::ParameterMissing`], [`Refusal::ResourceUnknown`] or [`Refusal::ScopeInvalid`].
    pub fn new(issuer: &'a Issuer, resource: &str, scope: Option<&str>) -> Result<Self, Refusal> {
        if resource.is_empty() {
            return Err(Refusal::ParameterMissing("resource"));
        }
        let resource = issuer.resource_by_uri(resource).ok_or(Refusal::ResourceUnknown)?;
        let scopes = Scopes::parse(scope.unwrap_or_default())?;
        let is_slip = scopes.is_empty() && scope.is_some();
        if is_slip || !resource.has_all(&scopes) { Err(Refusal::ScopeInvalid) } else { Ok(Self { resource, scopes }) }
    }

    /// Checks a live token by its audience and scopes (RFC 6750 §3.1). A token for another resource is refused like a
    /// dead one.
    pub fn check(&self, audience: &str, scopes: &Scopes) -> Result<(), AccessDenied> {
        if audience != self.resource.uri {
            return Err(self.dead());
        }
        if self.scopes.is_subset(scopes) { Ok(()) } else { Err(self.denial(Refusal::ScopeInsufficient)) }
    }

    /// The refusal of a token that is not live or not ours ([`Refusal::AccessTokenInvalid`]).
    pub fn dead(&self) -> AccessDenied {
        self.denial(Refusal::AccessTokenInvalid)
    }

    /// The refusal of a request without a token ([`Refusal::AccessTokenMissing`]).
    pub fn missing(&self) -> AccessDenied {
        self.denial(Refusal::AccessTokenMissing)
    }

    fn denial(&self, refusal: Refusal) -> AccessDenied {
        AccessDenied { refusal, resource_metadata: self.resource.metadata_url(), scopes: self.scopes.clone() }
    }
}

impl AccessDenied {
    /// The value of `WWW-Authenticate`. `code` is the OAuth code of the refusal; a request without a token gets none,
    /// because it was not wrong, only unauthenticated (RFC 6750 §3.1).
    ///
    /// Clients parse the challenge with regular expressions: it starts with `Bearer `, every value is quoted, and no
    /// other parameter name ends in `scope` or `error` (C11). It names all required scopes, not only the missing ones
    /// (C5).
    pub fn challenge(&self, code: &str) -> String {
        let scope = Some(self.scopes.to_string()).filter(|scope| !scope.is_empty());
        let error = Some(code).filter(|_| self.refusal != Refusal::AccessTokenMissing);
        let parameters =
            [("resource_metadata", self.resource_metadata.as_deref()), ("scope", scope.as_deref()), ("error", error)];
        let written = parameters.into_iter().filter_map(|(name, value)| Some(format!("{name}=\"{}\"", value?)));
        format!("Bearer {}", written.collect::<Vec<_>>().join(", "))
    }
}

/// The header in which a proxy hands the upstream's access token to the server behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTokenHeader(String);

impl UpstreamTokenHeader {
    /// Headers that say something else to a server.
    const TAKEN: [&str; 10] = [
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "origin",
        "set-cookie",
        "te",
        "transfer-encoding",
        "upgrade",
    ];

    /// `name` is `authorization`, or another header in lower case. Refuses with [`Refusal::RequestMalformed`].
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        let plain = (1..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !plain || Self::TAKEN.contains(&name) || name.starts_with("x-lychgate-") {
            let remedy =
                "the header for the upstream's token must be authorization or an unused name of a-z, 0-9 and -";
            return Err(Refusal::RequestMalformed(remedy));
        }
        Ok(Self(name.to_owned()))
    }

    /// Name and value: `Bearer` and the token in `authorization`, the bare token in any other header. Refuses a token that is
    /// not visible ASCII, which could end the header, with [`Refusal::UpstreamLoginNeeded`].
    pub fn with(self, token: &str) -> Result<(String, String), Refusal> {
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Refusal::UpstreamLoginNeeded);
        }
        let value = if self.0 == "authorization" { format!("Bearer {token}") } else { token.to_owned() };
        Ok((self.0, value))
    }
}

impl Resource {
    /// The URL of the resource's metadata (RFC 9728 §3.1) on the resource's own origin, because some clients follow no
    /// other (C11). `None` if the URI is not a URL, which configuration excludes.
    pub fn metadata_url(&self) -> Option<String> {
        let url = Url::parse(&self.uri).ok()?;
        let path = url.path().strip_suffix('/').unwrap_or(url.path());
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let origin = url.origin().ascii_serialization();
        Some(format!("{origin}/.well-known/oauth-protected-resource{path}{query}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::tests::issuer;

    const RESOURCE: &str = "https://mcp.example/mcp";
    const METADATA: &str = "https://mcp.example/.well-known/oauth-protected-resource/mcp";

    fn scopes(text: &str) -> Scopes {
        Scopes::parse(text).unwrap()
    }

    fn some(scope: &str) -> Option<&str> {
        Some(scope).filter(|scope| !scope.is_empty())
    }

    /// The result for a token for `audience` with `carried` scopes, where `demanded` ones are required.
    fn checked(demanded: &str, audience: &str, carried: &str) -> Result<(), AccessDenied> {
        let issuer = issuer();
        AccessRequirement::new(&issuer, RESOURCE, some(demanded)).unwrap().check(audience, &scopes(carried))
    }

    fn with(demanded: &str, audience: &str, carried: &str) -> Result<(), Refusal> {
        checked(demanded, audience, carried).map_err(|denial| denial.refusal)
    }

    #[test]
    fn a_token_of_the_upstream_stands_in_one_header_that_says_nothing_else() {
        let header = |name: &str| UpstreamTokenHeader::parse(name).ok();
        let with = |name: &str, token: &str| header(name).unwrap().with(token).ok();
        assert_eq!(with("authorization", "t"), Some(("authorization".to_owned(), "Bearer t".to_owned())));
        assert_eq!(with("x-github-token", "t"), Some(("x-github-token".to_owned(), "t".to_owned())));
        for name in
            ["", "Authorization", "x_token", "x token", "x:y", "x\r\ny", "cookie", "host", "x-lychgate-subject", "ü"]
        {
            assert_eq!(header(name), None, "{name:?}");
        }
        assert_eq!(header(&"x".repeat(65)), None);
        for token in ["", "a b", "a\r\nx-admin: 1", "a\0", "ü"] {
            assert_eq!(with("authorization", token), None, "{token:?}");
        }
    }

    /// Requirements: C6.
    #[test]
    fn only_a_token_for_this_resource_passes() {
        assert_eq!(with("", RESOURCE, "read"), Ok(()));
        for other in ["https://mcp.example/mcp/", "https://mcp.example", "https://MCP.example/mcp", ""] {
            assert_eq!(with("", other, "read"), Err(Refusal::AccessTokenInvalid), "{other}");
        }
    }

    /// Requirements: C5, C8.
    #[test]
    fn a_token_without_every_required_scope_is_refused() {
        assert_eq!(with("read", RESOURCE, "read write"), Ok(()));
        assert_eq!(with("write read", RESOURCE, "read write"), Ok(()));
        assert_eq!(with("read write", RESOURCE, "read"), Err(Refusal::ScopeInsufficient));
        assert_eq!(with("read", RESOURCE, ""), Err(Refusal::ScopeInsufficient));
        let elsewhere = "https://other.example";
        assert_eq!(with("write", elsewhere, ""), Err(Refusal::AccessTokenInvalid), "the audience is checked first");
    }

    #[test]
    fn an_unknown_resource_or_scope_of_a_proxy_is_refused() {
        let issuer = issuer();
        let demand = |resource, scope| AccessRequirement::new(&issuer, resource, scope).map(drop);
        assert_eq!(demand(RESOURCE, Some("read write")), Ok(()));
        assert_eq!(demand("", None), Err(Refusal::ParameterMissing("resource")));
        for near in ["https://mcp.example/mcp/", "HTTPS://mcp.example/mcp", "https://mcp.example", "mcp"] {
            assert_eq!(demand(near, None), Err(Refusal::ResourceUnknown), "{near}");
        }
        for scope in ["", " ", "other", "read other", "offline_access", "read\"", "r\u{e9}ad"] {
            assert_eq!(demand(RESOURCE, Some(scope)), Err(Refusal::ScopeInvalid), "{scope}");
        }
    }

    /// Requirements: C4, C5, C11, R25.
    #[test]
    fn a_challenge_names_metadata_scopes_and_error() {
        let issuer = issuer();
        let demand = |scope| AccessRequirement::new(&issuer, RESOURCE, some(scope)).unwrap();
        let insufficient = checked("write read", RESOURCE, "read").unwrap_err();
        for (denial, refusal, text) in [
            (demand("").missing(), Refusal::AccessTokenMissing, ""),
            (demand("read").missing(), Refusal::AccessTokenMissing, ", scope=\"read\""),
            (demand("").dead(), Refusal::AccessTokenInvalid, ", error=\"code\""),
            (insufficient, Refusal::ScopeInsufficient, ", scope=\"read write\", error=\"code\""),
        ] {
            let challenge = format!("Bearer resource_metadata=\"{METADATA}\"{text}");
            assert_eq!((denial.challenge("code"), denial.refusal), (challenge, refusal));
        }
        let elsewhere = checked("read", "https://other.example", "read").unwrap_err();
        assert_eq!(elsewhere, demand("read").dead(), "both look the same from outside");
    }

    /// Requirements: R53.
    #[test]
    fn resource_metadata_is_on_the_resources_own_origin_before_its_path() {
        let of = |uri: &str| Resource { uri: uri.to_owned(), ..issuer().resources[0].clone() }.metadata_url();
        for (uri, url) in [
            ("https://a.example/mcp", "https://a.example/.well-known/oauth-protected-resource/mcp"),
            ("https://a.example", "https://a.example/.well-known/oauth-protected-resource"),
            ("https://a.example/", "https://a.example/.well-known/oauth-protected-resource"),
            ("http://127.0.0.1:7441/t/mcp", "http://127.0.0.1:7441/.well-known/oauth-protected-resource/t/mcp"),
            ("https://A.example/mcp?k=v", "https://a.example/.well-known/oauth-protected-resource/mcp?k=v"),
            ("https://a.example/\"\u{e9}", "https://a.example/.well-known/oauth-protected-resource/%22%C3%A9"),
        ] {
            assert_eq!(of(uri).as_deref(), Some(url), "{uri}");
        }
    }
}
