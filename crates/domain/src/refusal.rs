//! Refusals: every deliberate "no". Any other failure is a fault.
//!
//! Each variant names the one function that makes it. A variant that needs more than the domain's values (a signature,
//! a stored record, a network answer) is made by `lychgate-control`, and its doc says so.

/// Why a request is refused. `Display` is the `error_description` for the client's developer: it says what to do, and
/// repeats nothing that a stranger sent but the names of known parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    // any endpoint
    #[error("no such issuer")]
    IssuerUnknown,
    #[error("the parameter {0} is repeated; send it once")]
    ParameterRepeated(&'static str),
    #[error("the parameter {0} is missing")]
    ParameterMissing(&'static str),
    #[error("the request is larger than this server accepts; shorten {0}")]
    RequestTooLarge(&'static str),
    #[error("{0}")]
    RequestMalformed(&'static str),
    #[error("there is no such {0}, or no more")]
    RecordUnknown(&'static str),
    #[error("this request_id was used for another request; make a new one")]
    RequestIdReused,
    #[error("the page_token is not of this list; begin again without it")]
    PageTokenInvalid,
    #[error("the revision is of another history of the store; forget what was kept since")]
    RevisionLost,
    #[error("too much was left unread; watch again from the last cursor")]
    WatchTooSlow,

    // clients
    #[error("this client is not registered here, or no longer; register again")]
    ClientUnknown,
    #[error("this client has been disabled by an operator")]
    ClientDisabled,
    #[error("client authentication failed")]
    ClientAuthenticationFailed,
    #[error("use one client authentication method, and the same client_id everywhere")]
    ClientAuthenticationAmbiguous,
    #[error("{0}")]
    ClientAssertionInvalid(&'static str),
    #[error("the client_assertion was used before; make a new one, with another jti")]
    ClientAssertionReplayed,
    #[error("{0}")]
    MetadataUrlInvalid(&'static str),
    #[error("clients from this host are not accepted here")]
    MetadataHostForbidden,
    #[error("the client's metadata document cannot be used: {0}")]
    MetadataDocumentInvalid(&'static str),
    #[error("the client's metadata document, or its keys, cannot be had at the moment; try again later")]
    MetadataDocumentUnavailable,
    #[error("the operator of this server does not permit that redirect_uri")]
    RedirectUriForbidden,
    #[error("the redirect_uri is not one that this client registered")]
    RedirectUriUnregistered,
    #[error("this client registered several redirect URIs; send redirect_uri")]
    RedirectUriMissing,

    // the authorization request
    #[error("the response_type must be code")]
    ResponseTypeUnsupported,
    #[error("the response_mode must be query, or left out")]
    ResponseModeUnsupported,
    #[error("request objects are not supported; send plain parameters")]
    RequestObjectUnsupported,
    #[error("request_uri is not supported; send plain parameters")]
    RequestUriUnsupported,
    #[error("PKCE is required; send code_challenge and code_challenge_method=S256")]
    PkceRequired,
    #[error("the code_challenge_method must be S256")]
    PkceMethodUnsupported,
    #[error("the code_challenge must be the base64url SHA-256 of the code_verifier")]
    PkceChallengeMalformed,
    #[error("this server does not serve that resource")]
    ResourceUnknown,
    #[error("several resources are served here; send resource")]
    ResourceRequired,
    #[error("a scope is unknown for this resource, or more than was granted")]
    ScopeInvalid,
    #[error("a person always has to see a page; prompt=none cannot be honoured")]
    InteractionRequired,

    // the consent page
    #[error("this is not a page of ours; start again at the app")]
    TicketInvalid,
    #[error("this page has expired; start again at the app")]
    TicketExpired,
    #[error("the form was sent from another site")]
    CrossSite,
    #[error("the browser did not return its cookie")]
    BrowserCookieMissing,
    #[error("the form was not made for this browser and this page")]
    FormTokenInvalid,
    #[error("neither approve nor deny")]
    DecisionMissing,
    #[error("the other decision was made before, and is final")]
    AlreadyDecided,

    // the callback
    #[error("the state is missing or not one of ours")]
    StateInvalid,
    #[error("the browser did not return the cookie of this login")]
    StateCookieMissing,
    #[error("the browser that came back is not the one that approved")]
    BrowserMismatch,
    #[error("the login took too long; start again at the app")]
    LoginExpired,
    #[error("the login was interrupted; start again at the app")]
    LoginInterrupted,
    #[error("this login has ended before")]
    AlreadyFinished,
    #[error("the identity provider does not answer; try again later")]
    UpstreamUnavailable,
    #[error("the identity provider gave an answer that cannot be trusted")]
    UpstreamInvalid,
    #[error("the identity provider refused the login, or it was cancelled there")]
    UpstreamDenied,
    #[error("the person said that somebody else had signed in; start again at the app")]
    SignedInAsAnother,

    // the page of connected apps
    #[error("nobody is signed in here, or no longer")]
    AccountSessionMissing,

    // the token endpoint
    #[error("the grant_type is not supported")]
    GrantTypeUnsupported,
    #[error("this client did not register for this grant_type")]
    GrantTypeUnauthorized,
    #[error("the code is invalid, has expired or was issued to another client")]
    CodeInvalid,
    #[error("the code was used before; what it gave has been revoked")]
    CodeReplayed,
    #[error("the redirect_uri is not the one that was authorized")]
    RedirectUriMismatch,
    #[error("the code_verifier does not match the code_challenge")]
    PkceMismatch,
    #[error("the refresh token is invalid or was issued to another client")]
    RefreshTokenInvalid,
    #[error("the refresh token was used before; the grant has been revoked")]
    RefreshTokenReplayed,
    #[error("the grant has ended; authorize again")]
    GrantEnded,

    #[error("tokens of this type cannot be revoked here")]
    TokenTypeUnsupported,
    #[error("introspection is for resource servers, with a token of their own")]
    ResourceServerUnknown,

    // where an access token is used
    #[error("an access token is needed, as a bearer token in one Authorization header")]
    AccessTokenMissing,
    #[error("the access token is not good here, or no longer")]
    AccessTokenInvalid,
    #[error("the access token does not carry every scope that is needed here")]
    ScopeInsufficient,

    // registration
    #[error("clients do not register themselves here; ask the operator")]
    RegistrationClosed,
    #[error("registering needs an initial access token; ask the operator for one")]
    InitialAccessTokenInvalid,
    #[error("there is no registration that this token manages")]
    RegistrationAccessTokenInvalid,
    #[error("{0}")]
    RegistrationRedirectUriInvalid(&'static str),
    #[error("{0}")]
    RegistrationMetadataInvalid(&'static str),
}

impl Refusal {
    /// The `error` code (RFC 6749 §4.1.2.1, §5.2, RFC 7591 §3.2.2, RFC 8707 §2, RFC 9101 §6.2, OIDC Core §3.1.2.6).
    pub fn oauth_error(&self) -> &'static str {
        match self {
            Refusal::IssuerUnknown
            | Refusal::ParameterRepeated(_)
            | Refusal::ParameterMissing(_)
            | Refusal::RequestTooLarge(_)
            | Refusal::RequestMalformed(_)
            | Refusal::RecordUnknown(_)
            | Refusal::RequestIdReused
            | Refusal::PageTokenInvalid
            | Refusal::RevisionLost
            | Refusal::WatchTooSlow
            | Refusal::ClientAuthenticationAmbiguous
            | Refusal::RedirectUriUnregistered
            | Refusal::RedirectUriForbidden
            | Refusal::RedirectUriMissing
            | Refusal::ResponseModeUnsupported
            | Refusal::PkceRequired
            | Refusal::PkceMethodUnsupported
            | Refusal::PkceChallengeMalformed
            | Refusal::TicketInvalid
            | Refusal::TicketExpired
            | Refusal::CrossSite
            | Refusal::BrowserCookieMissing
            | Refusal::FormTokenInvalid
            | Refusal::DecisionMissing
            | Refusal::AlreadyDecided
            | Refusal::StateInvalid
            | Refusal::StateCookieMissing
            | Refusal::BrowserMismatch
            | Refusal::LoginExpired
            | Refusal::LoginInterrupted
            | Refusal::AlreadyFinished => "invalid_request",
            Refusal::ClientUnknown
            | Refusal::ClientDisabled
            | Refusal::ClientAuthenticationFailed
            | Refusal::ClientAssertionInvalid(_)
            | Refusal::ClientAssertionReplayed
            | Refusal::MetadataUrlInvalid(_)
            | Refusal::MetadataHostForbidden
            | Refusal::MetadataDocumentInvalid(_)
            | Refusal::ResourceServerUnknown => "invalid_client",
            Refusal::ResponseTypeUnsupported => "unsupported_response_type",
            Refusal::RequestObjectUnsupported => "request_not_supported",
            Refusal::RequestUriUnsupported => "request_uri_not_supported",
            Refusal::ResourceUnknown | Refusal::ResourceRequired => "invalid_target",
            Refusal::ScopeInvalid => "invalid_scope",
            Refusal::InteractionRequired => "interaction_required",
            Refusal::UpstreamUnavailable | Refusal::MetadataDocumentUnavailable => "temporarily_unavailable",
            Refusal::UpstreamInvalid => "server_error",
            Refusal::UpstreamDenied
            | Refusal::SignedInAsAnother
            | Refusal::AccountSessionMissing
            | Refusal::RegistrationClosed => "access_denied",
            Refusal::TokenTypeUnsupported => "unsupported_token_type",
            // RFC 6750 §3.1.
            Refusal::InitialAccessTokenInvalid
            | Refusal::RegistrationAccessTokenInvalid
            | Refusal::AccessTokenMissing
            | Refusal::AccessTokenInvalid => "invalid_token",
            Refusal::ScopeInsufficient => "insufficient_scope",
            Refusal::GrantTypeUnsupported => "unsupported_grant_type",
            Refusal::GrantTypeUnauthorized => "unauthorized_client",
            Refusal::CodeInvalid
            | Refusal::CodeReplayed
            | Refusal::RedirectUriMismatch
            | Refusal::PkceMismatch
            | Refusal::RefreshTokenInvalid
            | Refusal::RefreshTokenReplayed
            | Refusal::GrantEnded => "invalid_grant",
            Refusal::RegistrationRedirectUriInvalid(_) => "invalid_redirect_uri",
            Refusal::RegistrationMetadataInvalid(_) => "invalid_client_metadata",
        }
    }
}
