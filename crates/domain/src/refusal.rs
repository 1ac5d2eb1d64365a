//! Refusals: every deliberate "no". Any other failure is a fault. The reason, the statuses and the OAuth code of a refusal
//! are one row of the table in `lychgate-api`.
//!
//! The doc of each variant names the functions that make it. `lychgate-control` makes those that need more than the
//! domain's values: a signature, a stored record, an answer from the network.

/// Why a request is refused. `Display` is the `error_description` for the client's developer: it says what to do, and
/// repeats nothing that a stranger sent but the names of known parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    // any endpoint
    /// Made by `lychgate-control`, which finds the issuer of a request.
    #[error("no such issuer")]
    IssuerUnknown,
    /// Made by [`Parameters::single`](crate::request::parameters::Parameters::single) (RFC 6749 §3.1).
    #[error("the parameter {0} is repeated; send it once")]
    ParameterRepeated(&'static str),
    /// Made by [`Parameters::required`](crate::request::parameters::Parameters::required), which
    /// [`Callback::parse`](crate::upstream::callback::Callback::parse) asks for the code; for single parameters also
    /// by [`CodeIssued::authenticate`](crate::flow::CodeIssued::authenticate),
    /// [`AccessRequirement::new`](crate::token::verification::AccessRequirement::new) and `lychgate-control`.
    #[error("the parameter {0} is missing")]
    ParameterMissing(&'static str),
    /// Made by [`Parameters::new`](crate::request::parameters::Parameters::new) and
    /// [`Ticket::issue`](crate::request::ticket::Ticket::issue).
    #[error("the request is larger than this server accepts; shorten {0}")]
    RequestTooLarge(&'static str),
    /// Made by `lychgate-control` while it parses a call.
    #[error("{0}")]
    RequestMalformed(&'static str),
    /// Made by `lychgate-control` when a record does not exist.
    #[error("there is no such {0}")]
    RecordUnknown(&'static str),
    /// Made by `lychgate-control`, which remembers administrative requests.
    #[error("this request_id was used for another request; make a new one")]
    RequestIdReused,
    /// Made by `lychgate-control`, which seals page tokens.
    #[error("the page_token is not of this list; begin again without it")]
    PageTokenInvalid,
    /// Made by `lychgate-control` when a revision is not of this store.
    #[error("the revision is of another history of the store; forget what was kept since")]
    RevisionLost,
    /// Made by `lychgate-control`, which serves the feed.
    #[error("too much was left unread; watch again from the last cursor")]
    WatchTooSlow,
    /// Made by [`capacity::admit`](crate::capacity::admit).
    #[error("there is no space for new registrations and authorizations at present; try again later")]
    StorageShort,

    // clients
    /// Made by [`request::client_id`](crate::request::client_id),
    /// [`Credentials::client_id`](crate::authentication::Credentials::client_id),
    /// [`document::url`](crate::registration::document::url), [`Grant::live`](crate::token::Grant::live), and by
    /// `lychgate-control` when there is no record.
    #[error("this client is not registered here, or no longer; register again")]
    ClientUnknown,
    /// Made by [`ClientStatus::enabled`](crate::client::ClientStatus::enabled).
    #[error("this client has been disabled by an operator")]
    ClientDisabled,
    /// Made by [`Credentials::authenticate`](crate::authentication::Credentials::authenticate), and by
    /// [`Credentials::client_id`](crate::authentication::Credentials::client_id) if no client is named.
    #[error("client authentication failed")]
    ClientAuthenticationFailed,
    /// Made by [`Credentials::client_id`](crate::authentication::Credentials::client_id) and
    /// [`Credentials::resource_server`](crate::authentication::Credentials::resource_server) (RFC 6749 §2.3).
    #[error("use one client authentication method, and the same client_id everywhere")]
    ClientAuthenticationAmbiguous,
    /// Made by [`AssertionAccepted::check`](crate::authentication::AssertionAccepted::check), and by
    /// `lychgate-control`, which verifies the signature.
    #[error("{0}")]
    ClientAssertionInvalid(&'static str),
    /// Made by `lychgate-control`, which records used assertions (RFC 7523 §3).
    #[error("the client_assertion was used before; make a new one, with another jti")]
    ClientAssertionReplayed,
    /// Made by [`document::url`](crate::registration::document::url).
    #[error("{0}")]
    MetadataUrlInvalid(&'static str),
    /// Made by [`document::url`](crate::registration::document::url).
    #[error("clients from this host are not accepted here")]
    MetadataHostForbidden,
    /// Made by [`document::client`](crate::registration::document::client), and by `lychgate-control` if the document
    /// cannot be parsed.
    #[error("the client's metadata document cannot be used: {0}")]
    MetadataDocumentInvalid(&'static str),
    /// Made by `lychgate-control`, which fetches documents.
    #[error("the client's metadata document, or its keys, cannot be fetched at the moment; try again later")]
    MetadataDocumentUnavailable,
    /// Made by [`Issuer::may_answer_at`](crate::issuer::Issuer::may_answer_at) at every step, and by
    /// [`Issuer::permits`](crate::issuer::Issuer::permits) for hosts that the operator does not list.
    #[error("the operator of this server does not permit that redirect_uri")]
    RedirectUriForbidden,
    /// Made by [`request::redirect_uri`](crate::request::redirect_uri), and minutes later by
    /// [`request::still_registered`](crate::request::still_registered).
    #[error("the redirect_uri is not one that this client registered")]
    RedirectUriUnregistered,
    /// Made by [`request::redirect_uri`](crate::request::redirect_uri).
    #[error("this client registered several redirect URIs; send redirect_uri")]
    RedirectUriMissing,

    // the authorization request
    /// Made by [`AuthorizationRequest::check`](crate::request::AuthorizationRequest::check).
    #[error("the response_type must be code")]
    ResponseTypeUnsupported,
    /// Made by [`AuthorizationRequest::check`](crate::request::AuthorizationRequest::check).
    #[error("the response_mode must be query, or left out")]
    ResponseModeUnsupported,
    /// Made by [`AuthorizationRequest::check`](crate::request::AuthorizationRequest::check).
    #[error("request objects are not supported; send plain parameters")]
    RequestObjectUnsupported,
    /// Made by [`AuthorizationRequest::check`](crate::request::AuthorizationRequest::check).
    #[error("request_uri is not supported; send plain parameters")]
    RequestUriUnsupported,
    /// Made by [`CodeChallenge::parse`](crate::request::pkce::CodeChallenge::parse) (RFC 9700 §2.1.1).
    #[error("PKCE is required; send code_challenge and code_challenge_method=S256")]
    PkceRequired,
    /// Made by [`CodeChallenge::parse`](crate::request::pkce::CodeChallenge::parse).
    #[error("the code_challenge_method must be S256")]
    PkceMethodUnsupported,
    /// Made by [`CodeChallenge::parse`](crate::request::pkce::CodeChallenge::parse).
    #[error("the code_challenge must be the base64url SHA-256 of the code_verifier")]
    PkceChallengeMalformed,
    /// Made by [`Issuer::resource`](crate::issuer::Issuer::resource) (RFC 8707 §2), and by each later step that finds
    /// its resource no longer configured or not the one asked for.
    #[error("this server does not serve that resource")]
    ResourceUnknown,
    /// Made by [`Issuer::resource`](crate::issuer::Issuer::resource).
    #[error("several resources are served here; send resource")]
    ResourceRequired,
    /// Made by [`Scopes::parse`](crate::scope::Scopes::parse),
    /// [`Resource::requested_scopes`](crate::issuer::Resource::requested_scopes),
    /// [`Grant::refresh_outcome`](crate::token::Grant::refresh_outcome) and
    /// [`AccessRequirement::new`](crate::token::verification::AccessRequirement::new).
    #[error("a scope is unknown for this resource, or more than was granted")]
    ScopeInvalid,
    /// Made by [`AuthorizationRequest::check`](crate::request::AuthorizationRequest::check) (OIDC Core §3.1.2.1).
    #[error("a person always has to see a page; prompt=none cannot be honoured")]
    InteractionRequired,

    // the consent page
    /// Made by [`Ticket::open`](crate::request::ticket::Ticket::open), and by
    /// [`Ticket::authorization_id`](crate::request::ticket::Ticket::authorization_id) if its key has been deleted
    /// since.
    #[error("this is not a page of ours; start again at the app")]
    TicketInvalid,
    /// Made by [`Ticket::in_time`](crate::request::ticket::Ticket::in_time).
    #[error("this page has expired; start again at the app")]
    TicketExpired,
    /// Made by [`form::same_site`](crate::consent::form::same_site), and by
    /// [`account::same_origin`](crate::account::same_origin) on the page of connected apps.
    #[error("the form was sent from another site")]
    CrossSite,
    /// Made by [`Cookies::form_browsers`](crate::browser::cookie::Cookies::form_browsers).
    #[error("the browser did not return its cookie")]
    BrowserCookieMissing,
    /// Made by [`form::displayed`](crate::consent::form::displayed),
    /// [`form::signed_in_displayed`](crate::consent::form::signed_in_displayed) and
    /// [`AccountSession::revocation`](crate::account::AccountSession::revocation).
    #[error("the form was not made for this browser and this page")]
    FormTokenInvalid,
    /// Made by [`Resource::approved_scopes`](crate::issuer::Resource::approved_scopes), and by `lychgate-control` for a
    /// form without a decision.
    #[error("neither approve nor deny")]
    DecisionMissing,
    /// Made by [`Answer::outcome`](crate::flow::Answer::outcome) and
    /// [`Authorization::at_visit`](crate::flow::Authorization::at_visit), and by `lychgate-control` for later steps of a
    /// denied request.
    #[error("the request was denied before, and that is final")]
    AlreadyDecided,
    /// Made by [`Answer::outcome`](crate::flow::Answer::outcome).
    #[error("the login of the earlier approval has begun; it can be denied, but no longer changed")]
    LoginBegun,

    // the callback
    /// Made by [`login::returned`](crate::upstream::login::returned), and by `lychgate-control` for a confirmation of a
    /// login that has not signed a person in.
    #[error("the state is missing or not one of ours")]
    StateInvalid,
    /// Made by [`Answer::outcome`](crate::flow::Answer::outcome) and
    /// [`Authorization::at_callback`](crate::flow::Authorization::at_callback).
    #[error("a later answer has replaced the one that this login belongs to")]
    LoginReplaced,
    /// Made by [`Cookies::login`](crate::browser::cookie::Cookies::login) and
    /// [`AccountLogin::came_back`](crate::account::AccountLogin::came_back).
    #[error("the browser did not return the cookie of this login")]
    StateCookieMissing,
    /// Made by [`Cookies::login`](crate::browser::cookie::Cookies::login) and
    /// [`Authorization::at_callback`](crate::flow::Authorization::at_callback).
    #[error("the browser that came back is not the one that approved")]
    BrowserMismatch,
    /// Made by [`Cookies::login`](crate::browser::cookie::Cookies::login) and
    /// [`AccountLogin::came_back`](crate::account::AccountLogin::came_back), and by `lychgate-control` if the record or
    /// the key has been deleted.
    #[error("the login took too long; start again at the app")]
    LoginExpired,
    /// Made by [`Authorization::at_callback`](crate::flow::Authorization::at_callback),
    /// [`Issuer::admits_still`](crate::issuer::Issuer::admits_still), and by `lychgate-control` if the claim was lost.
    #[error("the login was interrupted; start again at the app")]
    LoginInterrupted,
    /// Made by [`Authorization::at_callback`](crate::flow::Authorization::at_callback), and by `lychgate-control` if
    /// the code's key has been deleted.
    #[error("this login has ended before")]
    AlreadyFinished,
    /// Made by `lychgate-control`, which counts failed logins, before the login is claimed: it can be tried again.
    #[error("too many logins have failed; try again in a minute")]
    TooManyFailedLogins,
    /// Made by [`LoginFailure::refusal`](crate::flow::LoginFailure::refusal).
    #[error("the identity provider does not answer; try again later")]
    UpstreamUnavailable,
    /// Made by [`LoginFailure::refusal`](crate::flow::LoginFailure::refusal).
    #[error("the identity provider gave an answer that cannot be trusted")]
    UpstreamInvalid,
    /// Made by [`LoginFailure::refusal`](crate::flow::LoginFailure::refusal).
    #[error("the identity provider refused the login, or it was cancelled there")]
    UpstreamDenied,
    /// Made by [`LoginFailure::refusal`](crate::flow::LoginFailure::refusal).
    #[error("the person answered that another person had signed in; start again at the app")]
    SignedInAsAnother,
    /// Made by [`LoginFailure::refusal`](crate::flow::LoginFailure::refusal).
    #[error("the operator of this server does not admit the account that signed in")]
    AccountNotAllowed,

    // the page of connected apps
    /// Made by [`AccountSession::of`](crate::account::AccountSession::of).
    #[error("no person is signed in here; sign in again")]
    AccountSessionMissing,

    // the token endpoint
    /// Made by `lychgate-control`, which dispatches by grant type (RFC 6749 §5.2).
    #[error("the grant_type is not supported")]
    GrantTypeUnsupported,
    /// Made by [`Client::allowed`](crate::client::Client::allowed).
    #[error("this client did not register for this grant_type")]
    GrantTypeUnauthorized,
    /// Made by [`CodeIssued::authenticate`](crate::flow::CodeIssued::authenticate),
    /// [`CodeIssued::fresh`](crate::flow::CodeIssued::fresh),
    /// [`Authorization::at_exchange`](crate::flow::Authorization::at_exchange), and by `lychgate-control` if the code
    /// cannot be parsed or has no record.
    #[error("the code is invalid, has expired or was issued to another client")]
    CodeInvalid,
    /// Made by [`Redeemed::repeat`](crate::flow::Redeemed::repeat) (RFC 6749 §4.1.2).
    #[error("the code was used before; what it gave has been revoked")]
    CodeReplayed,
    /// Made by [`CodeIssued::authenticate`](crate::flow::CodeIssued::authenticate) (RFC 6749 §4.1.3).
    #[error("the redirect_uri is not the one that was authorized")]
    RedirectUriMismatch,
    /// Made by [`CodeChallenge::verify`](crate::request::pkce::CodeChallenge::verify) (RFC 7636 §4.6).
    #[error("the code_verifier does not match the code_challenge")]
    PkceMismatch,
    /// Made by [`Grant::authenticate`](crate::token::Grant::authenticate),
    /// [`Grant::belongs_to`](crate::token::Grant::belongs_to) and
    /// [`Grant::refresh_outcome`](crate::token::Grant::refresh_outcome), and by `lychgate-control` if the token cannot
    /// be parsed or has no record.
    #[error("the refresh token is invalid or was issued to another client")]
    RefreshTokenInvalid,
    /// Made by `lychgate-control` after it ended the grant of a
    /// [`RefreshOutcome::Replay`](crate::token::RefreshOutcome::Replay).
    #[error("the refresh token was used before; the grant has been revoked")]
    RefreshTokenReplayed,
    /// Made by [`Grant::live`](crate::token::Grant::live), by
    /// [`Grant::refresh_outcome`](crate::token::Grant::refresh_outcome) if the resource is gone, and by
    /// `lychgate-control` if the grant's record or key has been deleted.
    #[error("the grant has ended; authorize again")]
    GrantEnded,

    /// Made by `lychgate-control`, which dispatches revocation requests (RFC 7009 §2.2.1).
    #[error("tokens of this type cannot be revoked here")]
    TokenTypeUnsupported,
    /// Made by [`TokenExchange::new`](crate::token::TokenExchange::new).
    #[error("{0}")]
    TokenExchangeUnsupported(&'static str),
    /// Made by [`TokenExchange::upstream`](crate::token::TokenExchange::upstream).
    #[error("the audience is not the identity provider of this server")]
    AudienceUnknown,
    /// Made by `lychgate-control`, which verifies access tokens (RFC 8693 §2.2.2).
    #[error("the subject_token is not an access token that is good at this resource server, or no longer")]
    SubjectTokenInvalid,
    /// Made by [`token_exchange::may_receive`](crate::token::token_exchange::may_receive).
    #[error("this resource gets no tokens of the identity provider; its operator would have to set upstream_tokens")]
    UpstreamTokensWithheld,
    /// Made by [`token_exchange::may_receive`](crate::token::token_exchange::may_receive).
    #[error("the person was not told that this server uses their account at the identity provider; authorize again")]
    UpstreamConsentMissing,
    /// Made by [`Connection::at_use`](crate::upstream::connection::Connection::at_use), and by `lychgate-control` if there
    /// is no connection.
    #[error("the identity provider's token is not good any longer; authorize again")]
    UpstreamLoginNeeded,
    /// Made by [`Connection::at_use`](crate::upstream::connection::Connection::at_use), and by `lychgate-control` if another
    /// call's refresh takes too long, or the upstream does not state a person's claims.
    #[error("the identity provider is needed, and does not answer; try again later")]
    UpstreamTokenUnavailable,
    /// Made by [`Issuer::readmit`](crate::issuer::Issuer::readmit).
    #[error("this account is not allowed here any longer; another account may be")]
    AccountNoLongerAllowed,
    /// Made by `lychgate-control`, which authenticates resource servers (RFC 7662 §2.1).
    #[error("introspection is for resource servers, with a token of their own")]
    ResourceServerUnknown,

    // where an access token is used
    /// Made by [`AccessRequirement::missing`](crate::token::verification::AccessRequirement::missing).
    #[error("an access token is needed, as a bearer token in one Authorization header")]
    AccessTokenMissing,
    /// Made by [`AccessRequirement::dead`](crate::token::verification::AccessRequirement::dead).
    #[error("the access token is not good here, or no longer")]
    AccessTokenInvalid,
    /// Made by [`AccessRequirement::check`](crate::token::verification::AccessRequirement::check) (RFC 6750 §3.1).
    #[error("the access token does not carry every scope that is needed here")]
    ScopeInsufficient,

    // registration
    /// Made by [`may_register`](crate::registration::may_register).
    #[error("clients do not register themselves here; ask the operator")]
    RegistrationClosed,
    /// Made by `lychgate-control`, which counts registrations, if none of them is unused.
    #[error("as many clients are registered here as may be; try again later")]
    RegistrationsFull,
    /// Made by [`may_register`](crate::registration::may_register).
    #[error("registering needs an initial access token; ask the operator for one")]
    InitialAccessTokenInvalid,
    /// Made by [`may_manage`](crate::registration::may_manage), and by `lychgate-control` if there is no such client.
    #[error("there is no registration that this token manages")]
    RegistrationAccessTokenInvalid,
    /// Made by [`register`](crate::registration::register) and [`replace`](crate::registration::replace).
    #[error("{0}")]
    RegistrationRedirectUriInvalid(&'static str),
    /// Made by [`register`](crate::registration::register), [`replace`](crate::registration::replace) and
    /// [`is_of`](crate::registration::is_of).
    #[error("{0}")]
    RegistrationMetadataInvalid(&'static str),
}
