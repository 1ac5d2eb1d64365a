//! The class of a request. Classes share no limit, so that anonymous traffic cannot use up the share of known clients and
//! browsers.

use axum::extract::Request;
use axum::http::Method;

use crate::http::cookies;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// A client registration. It needs no authentication, and each one is stored.
    Registration,
    /// A page for a browser without a cookie of ours: a person's first visit, or a flood.
    Stranger,
    /// A page for a browser with a cookie of ours. The edge has no key to verify it, so this class is limited too; it keeps
    /// floods without cookies away from people in the middle of a flow.
    Browser,
    /// A form of the consent page or of the page of connected apps.
    Decision,
    /// A token request with any grant but a refresh token.
    Code,
    /// A refresh, or a revocation by the client.
    Refresh,
    /// Token introspection by a resource server, perhaps for each of its own requests.
    Introspection,
    /// A proxy's question about one of its requests. It counts against the proxy's address, not the address of the client
    /// that sent the request.
    Verification,
    /// A public document, or a path that does not exist.
    Document,
}

impl Class {
    #[cfg(test)]
    pub(super) const ALL: [Class; 9] = [
        Class::Registration,
        Class::Stranger,
        Class::Browser,
        Class::Decision,
        Class::Code,
        Class::Refresh,
        Class::Introspection,
        Class::Verification,
        Class::Document,
    ];

    /// True for a question of whether the edge lives and is ready. No limit applies to it.
    pub(crate) fn is_probe(request: &Request) -> bool {
        matches!(request.uri().path(), "/healthz" | "/readyz")
    }

    /// The class by method, path and headers; paths are those of the router. `None` for health probes, and
    /// for endpoints that limit their requests themselves because the class depends on the body.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let is_post = request.method() == Method::POST;
        match request.uri().path() {
            _ if Self::is_probe(request) => None,
            "/token" | "/revoke" if is_post => None,
            "/introspect" if is_post => Some(Self::Introspection),
            "/verify" => Some(Self::Verification),
            "/register" if is_post => Some(Self::Registration),
            "/consent" | "/account/sign-in" | "/account/revoke" | "/account/sign-out" if is_post => {
                Some(Self::Decision)
            }
            path if matches!(path, "/authorize" | "/consent" | "/account") || path.starts_with("/callback/") => {
                let has_cookie = cookies::has_ours(request.headers());
                Some(if has_cookie { Self::Browser } else { Self::Stranger })
            }
            _ => Some(Self::Document),
        }
    }

    /// The name in the configuration and in logs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registrations",
            Self::Stranger => "strangers",
            Self::Browser => "browsers",
            Self::Decision => "decisions",
            Self::Code => "codes",
            Self::Refresh => "refreshes",
            Self::Introspection => "introspections",
            Self::Verification => "verifications",
            Self::Document => "documents",
        }
    }
}
