//! Why a call was answered with an error: the stable names of `ErrorInfo.reason`.

/// Every reason the control plane gives. Names are on the wire: they are added to, never changed.
///
/// What a reason means to an OAuth client (`error`) and to its developer (`error_description`) travels in the error's
/// metadata; what it means in HTTP stands here.
macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $variant,)*
        }

        impl Reason {
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            /// As in `ErrorInfo.reason`.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $name,)* }
            }

            /// The HTTP status the edge answers with.
            pub fn http_status(self) -> u16 {
                match self { $(Reason::$variant => $status,)* }
            }

            /// `None` for a reason this version does not know: the caller fails closed.
            pub fn parse(name: &str) -> Option<Reason> {
                match name { $($name => Some(Reason::$variant),)* _ => None }
            }
        }
    };
}

reasons! {
    // --- any endpoint ---
    /// No issuer with this id.
    IssuerUnknown = "ISSUER_UNKNOWN", 404;
    /// A parameter stands in the request more than once (RFC 6749 §3.1).
    ParameterRepeated = "PARAMETER_REPEATED", 400;
    /// A required parameter is missing.
    ParameterMissing = "PARAMETER_MISSING", 400;
    /// The body or a header could not be parsed.
    RequestMalformed = "REQUEST_MALFORMED", 400;
    /// More than the limits allow.
    RequestTooLarge = "REQUEST_TOO_LARGE", 400;
    /// What an operator names is not there.
    RecordUnknown = "RECORD_UNKNOWN", 404;
    /// The `request_id` came with another request within a day.
    RequestIdReused = "REQUEST_ID_REUSED", 409;
    /// A page token is not of this list, this filter or this caller.
    PageTokenInvalid = "PAGE_TOKEN_INVALID", 400;
    /// A revision of another history of the store: what was kept by it means nothing.
    RevisionLost = "REVISION_LOST", 409;
    /// A cursor of another history of the store, or of events that are no longer kept.
    CursorLost = "CURSOR_LOST", 410;
    /// A watcher has left too much unread.
    WatchTooSlow = "WATCH_TOO_SLOW", 503;
    /// The caller's principal could not be established.
    Unauthenticated = "UNAUTHENTICATED", 500;
    /// The caller's role does not include this method.
    PermissionDenied = "PERMISSION_DENIED", 500;
    /// The store cannot take commits now, or does not confirm them: repeat the call with the same attempt.
    StoreUnavailable = "STORE_UNAVAILABLE", 503;
    /// Something that should not happen; the logs know it by the request id.
    Fault = "FAULT", 500;

    // --- clients ---
    /// There is no such client, or no more. At /authorize a page, at /token 401.
    ClientUnknown = "CLIENT_UNKNOWN", 400;
    /// An operator has disabled the client.
    ClientDisabled = "CLIENT_DISABLED", 400;
    /// Client authentication failed (RFC 6749 §5.2 `invalid_client`).
    ClientAuthenticationFailed = "CLIENT_AUTHENTICATION_FAILED", 401;
    /// A `client_assertion` that does not say what it must, or was not signed by the client (RFC 7523 §3).
    ClientAssertionInvalid = "CLIENT_ASSERTION_INVALID", 401;
    /// Another request has used this `client_assertion`.
    ClientAssertionReplayed = "CLIENT_ASSERTION_REPLAYED", 401;
    /// A client id that begins like a URL and is none that is looked up.
    MetadataUrlInvalid = "METADATA_URL_INVALID", 400;
    /// The operator does not accept clients from that host.
    MetadataHostForbidden = "METADATA_HOST_FORBIDDEN", 400;
    /// What lies at the client id is no metadata document of this client, or one that cannot be accepted.
    MetadataDocumentInvalid = "METADATA_DOCUMENT_INVALID", 400;
    /// The metadata document, or the keys it names, cannot be had now.
    MetadataDocumentUnavailable = "METADATA_DOCUMENT_UNAVAILABLE", 503;
    /// The operator does not permit the redirect URI.
    RedirectUriForbidden = "REDIRECT_URI_FORBIDDEN", 400;
    /// More than one client authentication method, or contradictory client ids.
    ClientAuthenticationAmbiguous = "CLIENT_AUTHENTICATION_AMBIGUOUS", 400;
    /// The redirect URI is not one the client registered.
    RedirectUriUnregistered = "REDIRECT_URI_UNREGISTERED", 400;
    /// The client registered several redirect URIs and the request names none.
    RedirectUriMissing = "REDIRECT_URI_MISSING", 400;

    // --- the authorization request ---
    ResponseTypeUnsupported = "RESPONSE_TYPE_UNSUPPORTED", 400;
    ResponseModeUnsupported = "RESPONSE_MODE_UNSUPPORTED", 400;
    /// `request` (RFC 9101).
    RequestObjectUnsupported = "REQUEST_OBJECT_UNSUPPORTED", 400;
    /// `request_uri` (RFC 9101).
    RequestUriUnsupported = "REQUEST_URI_UNSUPPORTED", 400;
    /// No `code_challenge`.
    PkceRequired = "PKCE_REQUIRED", 400;
    /// Any method but S256.
    PkceMethodUnsupported = "PKCE_METHOD_UNSUPPORTED", 400;
    PkceChallengeMalformed = "PKCE_CHALLENGE_MALFORMED", 400;
    /// A resource this issuer does not serve, or not the one that was authorized.
    ResourceUnknown = "RESOURCE_UNKNOWN", 400;
    /// The issuer has several resources and the request names none.
    ResourceRequired = "RESOURCE_REQUIRED", 400;
    /// A scope the resource does not have, or more than was granted.
    ScopeInvalid = "SCOPE_INVALID", 400;
    /// `prompt=none`: a person always sees a page.
    InteractionRequired = "INTERACTION_REQUIRED", 400;

    // --- the consent page ---
    /// Not a ticket of ours, or one that was changed.
    TicketInvalid = "TICKET_INVALID", 400;
    TicketExpired = "TICKET_EXPIRED", 400;
    /// The form was submitted from another site.
    CrossSite = "CROSS_SITE", 403;
    /// The browser did not return the cookie that the page set.
    BrowserCookieMissing = "BROWSER_COOKIE_MISSING", 403;
    /// The form token is missing, forged, or of another ticket or browser.
    FormTokenInvalid = "FORM_TOKEN_INVALID", 403;
    /// Neither approve nor deny.
    DecisionMissing = "DECISION_MISSING", 400;
    /// The other decision was made before.
    AlreadyDecided = "ALREADY_DECIDED", 409;

    // --- the callback ---
    /// No `state`, or one that is not of ours.
    StateInvalid = "STATE_INVALID", 400;
    /// The browser did not return this flow's cookie: another browser, or the flow has ended.
    StateCookieMissing = "STATE_COOKIE_MISSING", 403;
    /// The browser that came back is not the one that approved.
    BrowserMismatch = "BROWSER_MISMATCH", 403;
    LoginExpired = "LOGIN_EXPIRED", 400;
    /// Another request has sent this login's code upstream and its answer is not in.
    LoginInterrupted = "LOGIN_INTERRUPTED", 409;
    /// The flow has ended before.
    AlreadyFinished = "ALREADY_FINISHED", 400;
    /// The upstream does not answer, or not in time.
    UpstreamUnavailable = "UPSTREAM_UNAVAILABLE", 503;
    /// The upstream answered with something that must not be believed.
    UpstreamInvalid = "UPSTREAM_INVALID", 502;
    /// The upstream refused, or the person did there.
    UpstreamDenied = "UPSTREAM_DENIED", 403;
    /// Whoever was asked said that it was not they who had signed in.
    SignedInAsAnother = "SIGNED_IN_AS_ANOTHER", 403;

    // --- the page of connected apps ---
    /// No session, or one that has ended.
    AccountSessionMissing = "ACCOUNT_SESSION_MISSING", 403;

    // --- the token endpoint ---
    GrantTypeUnsupported = "GRANT_TYPE_UNSUPPORTED", 400;
    /// The client did not register for this grant type.
    GrantTypeUnauthorized = "GRANT_TYPE_UNAUTHORIZED", 400;
    /// Not a code of ours, or of another client, or past its life.
    CodeInvalid = "CODE_INVALID", 400;
    /// The code was redeemed before; what it gave has ended.
    CodeReplayed = "CODE_REPLAYED", 400;
    /// The `redirect_uri` is not the one that was authorized.
    RedirectUriMismatch = "REDIRECT_URI_MISMATCH", 400;
    /// The `code_verifier` does not fit the `code_challenge`.
    PkceMismatch = "PKCE_MISMATCH", 400;
    /// Not a refresh token of ours, or of another client.
    RefreshTokenInvalid = "REFRESH_TOKEN_INVALID", 400;
    /// An old refresh token was used again; the grant has ended.
    RefreshTokenReplayed = "REFRESH_TOKEN_REPLAYED", 400;
    /// The grant was revoked, has expired, or its consent no longer stands.
    GrantEnded = "GRANT_ENDED", 400;

    /// Only refresh and access tokens of ours can be revoked (RFC 7009 §2.2.1).
    TokenTypeUnsupported = "TOKEN_TYPE_UNSUPPORTED", 400;
    /// Whoever introspects is no resource server that is known here (RFC 7662 §2.1).
    ResourceServerUnknown = "RESOURCE_SERVER_UNKNOWN", 401;

    // --- where an access token is used ---
    /// No bearer token, or more than one header that could hold it (RFC 6750 §3.1).
    AccessTokenMissing = "ACCESS_TOKEN_MISSING", 401;
    /// No access token of this issuer's for this resource, or its grant has ended.
    AccessTokenInvalid = "ACCESS_TOKEN_INVALID", 401;
    /// A scope that is demanded there is not in the token.
    ScopeInsufficient = "SCOPE_INSUFFICIENT", 403;

    // --- registration ---
    /// The operator has switched registration off.
    RegistrationClosed = "REGISTRATION_CLOSED", 403;
    /// No initial access token, or a wrong one (RFC 7591 §3).
    InitialAccessTokenInvalid = "INITIAL_ACCESS_TOKEN_INVALID", 401;
    /// No such registration, or not this token's (RFC 7592 §2).
    RegistrationAccessTokenInvalid = "REGISTRATION_ACCESS_TOKEN_INVALID", 401;
    /// RFC 7591 §3.2.2 `invalid_redirect_uri`.
    RegistrationRedirectUriInvalid = "REGISTRATION_REDIRECT_URI_INVALID", 400;
    /// RFC 7591 §3.2.2 `invalid_client_metadata`.
    RegistrationMetadataInvalid = "REGISTRATION_METADATA_INVALID", 400;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(*reason));
        }
    }

    #[test]
    fn an_unknown_name_is_no_reason() {
        assert_eq!(Reason::parse("SOMETHING_NEW"), None);
    }
}
