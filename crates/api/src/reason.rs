//! The table of reasons: every deliberate error, its name on the wire, its HTTP status, its gRPC code and its OAuth code.
//!
//! An error takes one road from the rule that refuses to the reply:
//!
//! ```text
//! domain   Refusal          a deliberate no. Its `Display` is the description.
//!    |
//! control  Error            a Refusal with link or challenge, an unavailable store, a lost cursor, or a fault.
//!    |                      Logged here, once.
//!    |
//! wire     tonic::Status    gRPC code (this table) and ErrorInfo: reason (this table), and in its metadata the OAuth
//!    |                      code (this table), the description, the request id, and the link or challenge.
//!    |
//! edge     Failure          the reason, parsed from ErrorInfo or found here. An unknown reason becomes `Fault`.
//!    |
//! HTTP     JSON or page     status (this table); OAuth code (this table) and description as JSON for clients, a page
//!                           for people.
//! ```

use tonic::Code;

/// Defines [`Reason`] from a table with one row for each reason: variant, name on the wire, HTTP status, gRPC code, OAuth
/// code.
macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal, $code:ident, $oauth_error:literal;)*) => {
        /// The reason of an error, as in `ErrorInfo.reason`. Names are added, never changed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $variant,)*
        }

        impl Reason {
            /// Every reason, in the order of the table.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            /// The name on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $name,)* }
            }

            /// The HTTP status of the edge's response.
            pub fn http_status(self) -> u16 {
                match self { $(Reason::$variant => $status,)* }
            }

            /// The gRPC status code: the nearest one, for callers that do not read reasons.
            pub fn grpc_code(self) -> Code {
                match self { $(Reason::$variant => Code::$code,)* }
            }

            /// The `error` code of OAuth JSON, of redirects to clients and of `WWW-Authenticate` (RFC 6749 §4.1.2.1 and
            /// §5.2, RFC 6750 §3.1, RFC 7009 §2.2.1, RFC 7591 §3.2.2, RFC 8707 §2, RFC 9101 §6.2, OIDC Core §3.1.2.6).
            pub fn oauth_error(self) -> &'static str {
                match self { $(Reason::$variant => $oauth_error,)* }
            }

            /// The reason with this wire name. `None` for a reason of a later version: the caller fails closed.
            pub fn parse(name: &str) -> Option<Reason> {
                match name { $($name => Some(Reason::$variant),)* _ => None }
            }
        }
    };
}

reasons! {
    // --- found by the edge, before it calls the control plane ---
    /// No endpoint has this path.
    NotFound = "NOT_FOUND", 404, NotFound, "not_found";
    /// The endpoint does not answer this method.
    MethodNotAllowed = "METHOD_NOT_ALLOWED", 405, Unimplemented, "invalid_request";
    // No endpoint of the API has a code registered for these two. RFC 6749 §4.1.2.1 defines this one for "temporary
    // overloading"; RFC 8628's `slow_down` is only for polling.
    /// A rate limit of the caller's prefix or of the whole edge is used up.
    TooManyRequests = "TOO_MANY_REQUESTS", 429, ResourceExhausted, "temporarily_unavailable";
    /// As many requests as a concurrency limit allows are in progress.
    AtCapacity = "AT_CAPACITY", 503, ResourceExhausted, "temporarily_unavailable";

    // --- any endpoint ---
    /// There is no issuer with this id.
    IssuerUnknown = "ISSUER_UNKNOWN", 404, NotFound, "invalid_request";
    /// The request repeats a parameter (RFC 6749 §3.1).
    ParameterRepeated = "PARAMETER_REPEATED", 400, InvalidArgument, "invalid_request";
    /// A required parameter is missing.
    ParameterMissing = "PARAMETER_MISSING", 400, InvalidArgument, "invalid_request";
    /// The body or a header cannot be parsed.
    RequestMalformed = "REQUEST_MALFORMED", 400, InvalidArgument, "invalid_request";
    /// The request exceeds a size limit.
    RequestTooLarge = "REQUEST_TOO_LARGE", 400, InvalidArgument, "invalid_request";
    /// The record that an operator or reader names does not exist.
    RecordUnknown = "RECORD_UNKNOWN", 404, NotFound, "invalid_request";
    /// The `request_id` was used for another request within a day.
    RequestIdReused = "REQUEST_ID_REUSED", 409, AlreadyExists, "invalid_request";
    /// The page token belongs to another list, filter or caller.
    PageTokenInvalid = "PAGE_TOKEN_INVALID", 400, InvalidArgument, "invalid_request";
    /// The revision belongs to the store before it was restored: discard what was cached under it.
    RevisionLost = "REVISION_LOST", 409, FailedPrecondition, "invalid_request";
    /// The cursor belongs to the store before it was restored, or its events are no longer kept.
    CursorLost = "CURSOR_LOST", 410, OutOfRange, "invalid_request";
    /// A watcher fell too far behind.
    WatchTooSlow = "WATCH_TOO_SLOW", 503, ResourceExhausted, "temporarily_unavailable";
    /// The store's disk is short of space: nothing new begins, and everything else goes on.
    StorageShort = "STORAGE_SHORT", 503, Unavailable, "temporarily_unavailable";
    /// The caller's principal cannot be established.
    Unauthenticated = "UNAUTHENTICATED", 500, Unauthenticated, "server_error";
    /// The caller's role does not include this method.
    PermissionDenied = "PERMISSION_DENIED", 500, PermissionDenied, "server_error";
    /// The store does not accept or confirm commits at present: repeat the call with the same attempt.
    StoreUnavailable = "STORE_UNAVAILABLE", 503, Unavailable, "temporarily_unavailable";
    /// An unexpected failure; the log explains it under the request id.
    Fault = "FAULT", 500, Internal, "server_error";

    // --- clients ---
    /// The client does not exist, or no longer. Shown as a page at /authorize; 401 at /token.
    ClientUnknown = "CLIENT_UNKNOWN", 400, NotFound, "invalid_client";
    /// An operator has disabled the client.
    ClientDisabled = "CLIENT_DISABLED", 400, PermissionDenied, "invalid_client";
    /// Client authentication failed (RFC 6749 §5.2 `invalid_client`).
    ClientAuthenticationFailed = "CLIENT_AUTHENTICATION_FAILED", 401, PermissionDenied, "invalid_client";
    /// The `client_assertion` has wrong claims or is not signed by the client (RFC 7523 §3).
    ClientAssertionInvalid = "CLIENT_ASSERTION_INVALID", 401, PermissionDenied, "invalid_client";
    /// The `client_assertion` was used before.
    ClientAssertionReplayed = "CLIENT_ASSERTION_REPLAYED", 401, PermissionDenied, "invalid_client";
    /// The client id begins like a URL but is not one that may be fetched.
    MetadataUrlInvalid = "METADATA_URL_INVALID", 400, InvalidArgument, "invalid_client";
    /// The operator does not accept clients from this host.
    MetadataHostForbidden = "METADATA_HOST_FORBIDDEN", 400, PermissionDenied, "invalid_client";
    /// The client id does not lead to an acceptable metadata document of this client.
    MetadataDocumentInvalid = "METADATA_DOCUMENT_INVALID", 400, InvalidArgument, "invalid_client";
    /// The metadata document, or the key set that it names, cannot be fetched at present.
    MetadataDocumentUnavailable = "METADATA_DOCUMENT_UNAVAILABLE", 503, Unavailable, "temporarily_unavailable";
    /// The operator does not permit the redirect URI.
    RedirectUriForbidden = "REDIRECT_URI_FORBIDDEN", 400, PermissionDenied, "invalid_request";
    /// The request uses more than one client authentication method, or contradictory client ids.
    ClientAuthenticationAmbiguous = "CLIENT_AUTHENTICATION_AMBIGUOUS", 400, InvalidArgument, "invalid_request";
    /// The client has not registered the redirect URI.
    RedirectUriUnregistered = "REDIRECT_URI_UNREGISTERED", 400, InvalidArgument, "invalid_request";
    /// The client registered several redirect URIs and the request names none.
    RedirectUriMissing = "REDIRECT_URI_MISSING", 400, InvalidArgument, "invalid_request";

    // --- authorization request ---
    /// The `response_type` is not `code`.
    ResponseTypeUnsupported = "RESPONSE_TYPE_UNSUPPORTED", 400, InvalidArgument, "unsupported_response_type";
    /// The `response_mode` is not `query`.
    ResponseModeUnsupported = "RESPONSE_MODE_UNSUPPORTED", 400, InvalidArgument, "invalid_request";
    /// The request has a `request` parameter (RFC 9101).
    RequestObjectUnsupported = "REQUEST_OBJECT_UNSUPPORTED", 400, InvalidArgument, "request_not_supported";
    /// The request has a `request_uri` parameter (RFC 9101).
    RequestUriUnsupported = "REQUEST_URI_UNSUPPORTED", 400, InvalidArgument, "request_uri_not_supported";
    /// The request has no `code_challenge`.
    PkceRequired = "PKCE_REQUIRED", 400, InvalidArgument, "invalid_request";
    /// The `code_challenge_method` is not S256.
    PkceMethodUnsupported = "PKCE_METHOD_UNSUPPORTED", 400, InvalidArgument, "invalid_request";
    /// The `code_challenge` is not a SHA-256 digest in base64url.
    PkceChallengeMalformed = "PKCE_CHALLENGE_MALFORMED", 400, InvalidArgument, "invalid_request";
    /// The issuer does not serve this resource, or another one was authorized.
    ResourceUnknown = "RESOURCE_UNKNOWN", 400, InvalidArgument, "invalid_target";
    /// The issuer has several resources and the request names none.
    ResourceRequired = "RESOURCE_REQUIRED", 400, InvalidArgument, "invalid_target";
    /// The resource does not have the scope, or it was not granted.
    ScopeInvalid = "SCOPE_INVALID", 400, InvalidArgument, "invalid_scope";
    /// `prompt=none` is refused: a person always sees a page.
    InteractionRequired = "INTERACTION_REQUIRED", 400, InvalidArgument, "interaction_required";

    // --- consent page ---
    /// The ticket is forged or damaged.
    TicketInvalid = "TICKET_INVALID", 400, InvalidArgument, "invalid_request";
    /// The ticket has expired.
    TicketExpired = "TICKET_EXPIRED", 400, FailedPrecondition, "invalid_request";
    /// Another site submitted the form.
    CrossSite = "CROSS_SITE", 403, PermissionDenied, "invalid_request";
    /// The browser did not return the cookie that the page set.
    BrowserCookieMissing = "BROWSER_COOKIE_MISSING", 403, PermissionDenied, "invalid_request";
    /// The form token is missing, forged, or belongs to another ticket or browser.
    FormTokenInvalid = "FORM_TOKEN_INVALID", 403, PermissionDenied, "invalid_request";
    /// The form has neither approval nor denial.
    DecisionMissing = "DECISION_MISSING", 400, InvalidArgument, "invalid_request";
    /// The request was denied before, which is final.
    AlreadyDecided = "ALREADY_DECIDED", 409, FailedPrecondition, "invalid_request";
    /// The login of an earlier approval has begun: the approval can be denied, but no longer changed.
    LoginBegun = "LOGIN_BEGUN", 409, FailedPrecondition, "invalid_request";

    // --- callback ---
    /// The `state` is missing or forged.
    StateInvalid = "STATE_INVALID", 400, InvalidArgument, "invalid_request";
    /// The login belongs to an answer that a later one has replaced.
    LoginReplaced = "LOGIN_REPLACED", 409, FailedPrecondition, "invalid_request";
    /// The browser did not return this flow's cookie: it is another browser, or the flow has ended.
    StateCookieMissing = "STATE_COOKIE_MISSING", 403, PermissionDenied, "invalid_request";
    /// The callback came from another browser than the approval.
    BrowserMismatch = "BROWSER_MISMATCH", 403, PermissionDenied, "invalid_request";
    /// The login took too long.
    LoginExpired = "LOGIN_EXPIRED", 400, FailedPrecondition, "invalid_request";
    /// Another request has sent this login's code upstream and has no answer yet.
    LoginInterrupted = "LOGIN_INTERRUPTED", 409, FailedPrecondition, "invalid_request";
    /// The flow has already ended.
    AlreadyFinished = "ALREADY_FINISHED", 400, FailedPrecondition, "invalid_request";
    /// Too many logins have failed at the upstream, from this network or in all. This one was not tried yet.
    TooManyFailedLogins = "TOO_MANY_FAILED_LOGINS", 503, Unavailable, "temporarily_unavailable";
    /// The upstream does not answer in time.
    UpstreamUnavailable = "UPSTREAM_UNAVAILABLE", 503, Unavailable, "temporarily_unavailable";
    /// The answer of the upstream fails verification.
    UpstreamInvalid = "UPSTREAM_INVALID", 502, FailedPrecondition, "server_error";
    /// The upstream, or the person there, refused the login.
    UpstreamDenied = "UPSTREAM_DENIED", 403, PermissionDenied, "access_denied";
    /// The person answered that the login was not theirs.
    SignedInAsAnother = "SIGNED_IN_AS_ANOTHER", 403, PermissionDenied, "access_denied";
    /// The operator does not admit the account that signed in.
    AccountNotAllowed = "ACCOUNT_NOT_ALLOWED", 403, PermissionDenied, "access_denied";

    // --- connected-apps page ---
    /// The browser has no session, or it has ended.
    AccountSessionMissing = "ACCOUNT_SESSION_MISSING", 403, PermissionDenied, "access_denied";

    // --- token endpoint ---
    /// The `grant_type` is not supported.
    GrantTypeUnsupported = "GRANT_TYPE_UNSUPPORTED", 400, InvalidArgument, "unsupported_grant_type";
    /// The client is not registered for this grant type.
    GrantTypeUnauthorized = "GRANT_TYPE_UNAUTHORIZED", 400, InvalidArgument, "unauthorized_client";
    /// The code is forged, has expired, or belongs to another client.
    CodeInvalid = "CODE_INVALID", 400, InvalidArgument, "invalid_grant";
    /// The code was redeemed before; its grant has ended.
    CodeReplayed = "CODE_REPLAYED", 400, FailedPrecondition, "invalid_grant";
    /// The `redirect_uri` is not the authorized one.
    RedirectUriMismatch = "REDIRECT_URI_MISMATCH", 400, InvalidArgument, "invalid_grant";
    /// The `code_verifier` does not match the `code_challenge`.
    PkceMismatch = "PKCE_MISMATCH", 400, InvalidArgument, "invalid_grant";
    /// The refresh token is forged or belongs to another client.
    RefreshTokenInvalid = "REFRESH_TOKEN_INVALID", 400, InvalidArgument, "invalid_grant";
    /// A spent refresh token was used again; its grant has ended.
    RefreshTokenReplayed = "REFRESH_TOKEN_REPLAYED", 400, FailedPrecondition, "invalid_grant";
    /// The grant was revoked or has expired, or its consent has ended.
    GrantEnded = "GRANT_ENDED", 400, FailedPrecondition, "invalid_grant";
    /// Only our refresh and access tokens can be revoked (RFC 7009 §2.2.1).
    TokenTypeUnsupported = "TOKEN_TYPE_UNSUPPORTED", 400, InvalidArgument, "unsupported_token_type";
    /// A part of RFC 8693 that is not supported.
    TokenExchangeUnsupported = "TOKEN_EXCHANGE_UNSUPPORTED", 400, InvalidArgument, "invalid_request";
    /// The `audience` of a token exchange is not the issuer's upstream (RFC 8693 §2.2.2).
    AudienceUnknown = "AUDIENCE_UNKNOWN", 400, InvalidArgument, "invalid_target";
    /// The `subject_token` is not active at the resource server that presents it (RFC 8693 §2.2.2).
    SubjectTokenInvalid = "SUBJECT_TOKEN_INVALID", 400, FailedPrecondition, "invalid_request";
    /// The resource gets no upstream tokens: `upstream_tokens` is not set.
    UpstreamTokensWithheld = "UPSTREAM_TOKENS_WITHHELD", 400, PermissionDenied, "invalid_target";
    /// The consent page did not say that the server gets the upstream's token: the person must authorize again.
    UpstreamConsentMissing = "UPSTREAM_CONSENT_MISSING", 400, FailedPrecondition, "invalid_grant";
    /// The upstream's token is not good any longer: the person must authorize again.
    UpstreamLoginNeeded = "UPSTREAM_LOGIN_NEEDED", 400, FailedPrecondition, "invalid_grant";
    /// The upstream does not answer, and its token, or what it says of the person, is over. The person stays signed in.
    UpstreamTokenUnavailable = "UPSTREAM_TOKEN_UNAVAILABLE", 503, Unavailable, "temporarily_unavailable";
    /// The entry rules do not admit the person any longer.
    AccountNoLongerAllowed = "ACCOUNT_NO_LONGER_ALLOWED", 400, FailedPrecondition, "invalid_grant";
    /// The introspecting resource server is unknown (RFC 7662 §2.1).
    ResourceServerUnknown = "RESOURCE_SERVER_UNKNOWN", 401, PermissionDenied, "invalid_client";

    // --- use of an access token ---
    /// The request has no bearer token, or more than one header for it (RFC 6750 §3.1).
    AccessTokenMissing = "ACCESS_TOKEN_MISSING", 401, PermissionDenied, "invalid_token";
    /// The access token is not valid for this issuer and resource, or its grant has ended.
    AccessTokenInvalid = "ACCESS_TOKEN_INVALID", 401, PermissionDenied, "invalid_token";
    /// The access token lacks a required scope.
    ScopeInsufficient = "SCOPE_INSUFFICIENT", 403, PermissionDenied, "insufficient_scope";

    // --- registration ---
    /// The operator has switched registration off.
    RegistrationClosed = "REGISTRATION_CLOSED", 403, PermissionDenied, "access_denied";
    /// As many clients are registered as may be, and all of them are in use.
    RegistrationsFull = "REGISTRATIONS_FULL", 503, Unavailable, "temporarily_unavailable";
    /// The initial access token is missing or wrong (RFC 7591 §3).
    InitialAccessTokenInvalid = "INITIAL_ACCESS_TOKEN_INVALID", 401, PermissionDenied, "invalid_token";
    /// The registration does not exist, or the token belongs to another one (RFC 7592 §2).
    RegistrationAccessTokenInvalid = "REGISTRATION_ACCESS_TOKEN_INVALID", 401, PermissionDenied, "invalid_token";
    /// `invalid_redirect_uri` (RFC 7591 §3.2.2).
    RegistrationRedirectUriInvalid = "REGISTRATION_REDIRECT_URI_INVALID", 400, InvalidArgument, "invalid_redirect_uri";
    /// `invalid_client_metadata` (RFC 7591 §3.2.2).
    RegistrationMetadataInvalid = "REGISTRATION_METADATA_INVALID", 400, InvalidArgument, "invalid_client_metadata";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_to_its_reason() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(*reason));
        }
    }

    /// RFC 6749 §4.1.2.1: the code says what the status says, because a redirect carries no status.
    #[test]
    fn the_oauth_code_of_a_temporary_failure_says_so() {
        for reason in Reason::ALL {
            let (status, code) = (reason.http_status(), reason.oauth_error());
            assert_eq!(code == "temporarily_unavailable", [429, 503].contains(&status), "{reason:?}");
            assert!(status < 500 || ["temporarily_unavailable", "server_error"].contains(&code), "{reason:?}");
        }
    }

    #[test]
    fn unknown_name_is_no_reason() {
        assert_eq!(Reason::parse("SOMETHING_NEW"), None);
    }
}
