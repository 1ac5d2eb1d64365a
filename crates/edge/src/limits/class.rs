//! Which kind of request it is. Kinds share nothing, so that what strangers do cannot use up what is left to those who
//! have been here before.

use axum::extract::Request;
use axum::http::Method;

use crate::cookies;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// Anybody may register, and each registration is a record.
    Registration,
    /// A page for a browser that brought no cookie of ours: a person's first visit, or anybody.
    Stranger,
    /// A page for a browser that brought one. The edge holds no key and cannot tell a cookie from an imitation, so this
    /// is no proof and bounded too; it keeps floods that do not care to imitate away from people who are half-way.
    Browser,
    /// An answer on a consent page, or on that of the connected apps.
    Decision,
    /// At the token endpoint, whatever is no refresh.
    Code,
    /// Or a token given back.
    Refresh,
    /// A resource server asks about a token, perhaps at each of its own requests.
    Introspection,
    /// A proxy asks about a request that it holds back, at each of them. Whoever sent it has no part in the count: the
    /// proxy's address is what is seen, and who fills its bucket with requests fills that of its own server.
    Verification,
    /// What anybody may read, and what is not there.
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

    /// By what stands before the body; paths are those of the router. `None`: the handler says it, or it is a probe of
    /// whoever runs this.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let is_post = request.method() == Method::POST;
        match request.uri().path() {
            "/healthz" | "/readyz" => None,
            "/token" | "/revoke" if is_post => None,
            "/introspect" if is_post => Some(Self::Introspection),
            "/verify" => Some(Self::Verification),
            "/register" if is_post => Some(Self::Registration),
            "/consent" | "/account/sign-in" | "/account/revoke" | "/account/sign-out" if is_post => {
                Some(Self::Decision)
            }
            path if matches!(path, "/authorize" | "/consent" | "/account") || path.starts_with("/callback/") => {
                let known = cookies::has_ours(request.headers());
                Some(if known { Self::Browser } else { Self::Stranger })
            }
            _ => Some(Self::Document),
        }
    }

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
