//! The class of a request. Classes share no limit, so that anonymous traffic cannot use up the share of known clients and
//! browsers.

use axum::http::HeaderMap;

use crate::http::cookies;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// A client registration. It needs no authentication, and each one is stored.
    Registration,
    /// Reading, updating and deleting of a registration by its client.
    Management,
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
    /// A public document.
    Document,
    /// Everything that no route lists: an unknown path, or a method that a path does not have. No class has less.
    Unlisted,
}

/// How the requests of a route's method are limited. A route cannot be listed without it (`router.rs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RouteLimit {
    /// Not at all: a health probe, which does no work.
    Probe,
    /// As one class.
    Class(Class),
    /// As [`Class::Browser`] with a cookie of ours, otherwise as [`Class::Stranger`].
    Page,
    /// By the handler, because the class depends on the body.
    ByBody,
}

impl RouteLimit {
    /// The class that is asked before the handler.
    pub(crate) fn class(self, headers: &HeaderMap) -> Option<Class> {
        match self {
            Self::Probe | Self::ByBody => None,
            Self::Class(class) => Some(class),
            Self::Page if cookies::has_ours(headers) => Some(Class::Browser),
            Self::Page => Some(Class::Stranger),
        }
    }
}

impl Class {
    #[cfg(test)]
    pub(super) const ALL: [Class; 11] = [
        Class::Registration,
        Class::Management,
        Class::Stranger,
        Class::Browser,
        Class::Decision,
        Class::Code,
        Class::Refresh,
        Class::Introspection,
        Class::Verification,
        Class::Document,
        Class::Unlisted,
    ];

    /// The name in the configuration and in logs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registrations",
            Self::Management => "managements",
            Self::Stranger => "strangers",
            Self::Browser => "browsers",
            Self::Decision => "decisions",
            Self::Code => "codes",
            Self::Refresh => "refreshes",
            Self::Introspection => "introspections",
            Self::Verification => "verifications",
            Self::Document => "documents",
            Self::Unlisted => "unlisted",
        }
    }
}
