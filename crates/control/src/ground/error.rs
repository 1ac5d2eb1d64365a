//! The one road of errors: a refusal is meant, typed and shown; a fault is logged once and shown as `server_error`.

use std::collections::HashMap;

use lychgate_api::{ERROR_DOMAIN, Reason, error_metadata};
use lychgate_domain::Refusal;
use lychgate_domain::token::verification::AccessDenied;
use lychgate_engine::Cursor;
use lychgate_store::StoreError;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt as _};

use super::cursor::cursor;

/// Why a use case did not do as asked.
#[derive(Debug)]
pub enum Error {
    Refused(Refused),
    /// It was not done, or nobody can tell: the same call, attempt included, will tell.
    StoreUnavailable(anyhow::Error),
    /// A cursor of another history, or of events that are no longer kept; the oldest that are begin after this one.
    CursorLost(Cursor),
    Fault(anyhow::Error),
}

/// A refusal, and where the person or the client may go from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub refusal: Refusal,
    pub return_to: Option<ReturnTo>,
    /// The `WWW-Authenticate` that goes with it.
    pub challenge: Option<String>,
}

/// A link for a page: only ever a registered redirect URI with an error in it, or a page of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo {
    pub uri: String,
    pub label: String,
}

impl Error {
    /// Adds the link, if it is a refusal.
    pub fn returning(self, uri: String, label: impl Into<String>) -> Self {
        match self {
            Error::Refused(refused) => {
                let return_to = Some(ReturnTo { uri, label: label.into() });
                Error::Refused(Refused { return_to, ..refused })
            }
            other => other,
        }
    }

    /// What the caller gets.
    pub fn into_status(self, request_id: &str) -> Status {
        let (reason, message, metadata) = self.told(request_id);
        status(reason, message, metadata)
    }

    /// What the caller is told. This is where errors are logged, once.
    pub fn told(self, request_id: &str) -> (Reason, String, HashMap<String, String>) {
        let mut metadata = HashMap::from([(error_metadata::REQUEST_ID.to_owned(), request_id.to_owned())]);
        let mut insert = |key: &str, value: String| metadata.insert(key.to_owned(), value);
        let (reason, message) = match self {
            Error::Refused(Refused { refusal, return_to, challenge }) => {
                tracing::info!(request.id = request_id, reason = reason(&refusal).as_str(), "refused");
                insert(error_metadata::OAUTH_ERROR, refusal.oauth_error().to_owned());
                insert(error_metadata::DESCRIPTION, refusal.to_string());
                if let Some(ReturnTo { uri, label }) = return_to {
                    insert(error_metadata::RETURN_URI, uri);
                    insert(error_metadata::RETURN_LABEL, label);
                }
                if let Some(challenge) = challenge {
                    insert(error_metadata::CHALLENGE, challenge);
                }
                (reason(&refusal), refusal.to_string())
            }
            Error::StoreUnavailable(error) => {
                tracing::warn!(request.id = request_id, error = format!("{error:#}"), "the store is unavailable");
                insert(error_metadata::OAUTH_ERROR, "temporarily_unavailable".to_owned());
                (Reason::StoreUnavailable, "the store is unavailable; repeat the call with the same attempt".to_owned())
            }
            Error::CursorLost(oldest) => {
                tracing::info!(request.id = request_id, reason = Reason::CursorLost.as_str(), "refused");
                insert(error_metadata::OLDEST_CURSOR, cursor(oldest));
                (Reason::CursorLost, "what comes after the cursor is no longer known; list anew".to_owned())
            }
            Error::Fault(error) => {
                tracing::error!(request.id = request_id, error = format!("{error:#}"), "fault");
                insert(error_metadata::OAUTH_ERROR, "server_error".to_owned());
                (Reason::Fault, "something went wrong here; the logs know it by the request id".to_owned())
            }
        };
        (reason, message, metadata)
    }
}

/// An error that every caller can read.
pub fn status(reason: Reason, message: impl Into<String>, metadata: HashMap<String, String>) -> Status {
    let details = ErrorDetails::with_error_info(reason.as_str(), ERROR_DOMAIN, metadata);
    Status::with_error_details(reason.grpc_code(), message, details)
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Error::Refused(Refused { refusal, return_to: None, challenge: None })
    }
}

impl From<AccessDenied> for Error {
    fn from(AccessDenied { refusal, challenge }: AccessDenied) -> Self {
        Error::Refused(Refused { refusal, return_to: None, challenge: Some(challenge) })
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Unknown(_) => Error::StoreUnavailable(error.into()),
            StoreError::CursorLost { oldest } => Error::CursorLost(oldest),
            StoreError::Corrupt { .. } | StoreError::TooNew { .. } | StoreError::Invalid(_) => {
                Error::Fault(error.into())
            }
        }
    }
}

/// The name of a refusal on the wire.
pub fn reason(refusal: &Refusal) -> Reason {
    match refusal {
        Refusal::IssuerUnknown => Reason::IssuerUnknown,
        Refusal::ParameterRepeated(_) => Reason::ParameterRepeated,
        Refusal::ParameterMissing(_) => Reason::ParameterMissing,
        Refusal::RequestTooLarge(_) => Reason::RequestTooLarge,
        Refusal::RequestMalformed(_) => Reason::RequestMalformed,
        Refusal::RecordUnknown(_) => Reason::RecordUnknown,
        Refusal::RequestIdReused => Reason::RequestIdReused,
        Refusal::PageTokenInvalid => Reason::PageTokenInvalid,
        Refusal::RevisionLost => Reason::RevisionLost,
        Refusal::WatchTooSlow => Reason::WatchTooSlow,
        Refusal::ClientUnknown => Reason::ClientUnknown,
        Refusal::ClientDisabled => Reason::ClientDisabled,
        Refusal::ClientAuthenticationFailed => Reason::ClientAuthenticationFailed,
        Refusal::ClientAuthenticationAmbiguous => Reason::ClientAuthenticationAmbiguous,
        Refusal::ClientAssertionInvalid(_) => Reason::ClientAssertionInvalid,
        Refusal::ClientAssertionReplayed => Reason::ClientAssertionReplayed,
        Refusal::MetadataUrlInvalid(_) => Reason::MetadataUrlInvalid,
        Refusal::MetadataHostForbidden => Reason::MetadataHostForbidden,
        Refusal::MetadataDocumentInvalid(_) => Reason::MetadataDocumentInvalid,
        Refusal::MetadataDocumentUnavailable => Reason::MetadataDocumentUnavailable,
        Refusal::RedirectUriForbidden => Reason::RedirectUriForbidden,
        Refusal::RedirectUriUnregistered => Reason::RedirectUriUnregistered,
        Refusal::RedirectUriMissing => Reason::RedirectUriMissing,
        Refusal::ResponseTypeUnsupported => Reason::ResponseTypeUnsupported,
        Refusal::ResponseModeUnsupported => Reason::ResponseModeUnsupported,
        Refusal::RequestObjectUnsupported => Reason::RequestObjectUnsupported,
        Refusal::RequestUriUnsupported => Reason::RequestUriUnsupported,
        Refusal::PkceRequired => Reason::PkceRequired,
        Refusal::PkceMethodUnsupported => Reason::PkceMethodUnsupported,
        Refusal::PkceChallengeMalformed => Reason::PkceChallengeMalformed,
        Refusal::ResourceUnknown => Reason::ResourceUnknown,
        Refusal::ResourceRequired => Reason::ResourceRequired,
        Refusal::ScopeInvalid => Reason::ScopeInvalid,
        Refusal::InteractionRequired => Reason::InteractionRequired,
        Refusal::TicketInvalid => Reason::TicketInvalid,
        Refusal::TicketExpired => Reason::TicketExpired,
        Refusal::CrossSite => Reason::CrossSite,
        Refusal::BrowserCookieMissing => Reason::BrowserCookieMissing,
        Refusal::FormTokenInvalid => Reason::FormTokenInvalid,
        Refusal::DecisionMissing => Reason::DecisionMissing,
        Refusal::AlreadyDecided => Reason::AlreadyDecided,
        Refusal::StateInvalid => Reason::StateInvalid,
        Refusal::StateCookieMissing => Reason::StateCookieMissing,
        Refusal::BrowserMismatch => Reason::BrowserMismatch,
        Refusal::LoginExpired => Reason::LoginExpired,
        Refusal::LoginInterrupted => Reason::LoginInterrupted,
        Refusal::AlreadyFinished => Reason::AlreadyFinished,
        Refusal::UpstreamUnavailable => Reason::UpstreamUnavailable,
        Refusal::UpstreamInvalid => Reason::UpstreamInvalid,
        Refusal::UpstreamDenied => Reason::UpstreamDenied,
        Refusal::SignedInAsAnother => Reason::SignedInAsAnother,
        Refusal::AccountSessionMissing => Reason::AccountSessionMissing,
        Refusal::GrantTypeUnsupported => Reason::GrantTypeUnsupported,
        Refusal::GrantTypeUnauthorized => Reason::GrantTypeUnauthorized,
        Refusal::CodeInvalid => Reason::CodeInvalid,
        Refusal::CodeReplayed => Reason::CodeReplayed,
        Refusal::RedirectUriMismatch => Reason::RedirectUriMismatch,
        Refusal::PkceMismatch => Reason::PkceMismatch,
        Refusal::RefreshTokenInvalid => Reason::RefreshTokenInvalid,
        Refusal::RefreshTokenReplayed => Reason::RefreshTokenReplayed,
        Refusal::GrantEnded => Reason::GrantEnded,
        Refusal::TokenTypeUnsupported => Reason::TokenTypeUnsupported,
        Refusal::ResourceServerUnknown => Reason::ResourceServerUnknown,
        Refusal::AccessTokenMissing => Reason::AccessTokenMissing,
        Refusal::AccessTokenInvalid => Reason::AccessTokenInvalid,
        Refusal::ScopeInsufficient => Reason::ScopeInsufficient,
        Refusal::RegistrationClosed => Reason::RegistrationClosed,
        Refusal::InitialAccessTokenInvalid => Reason::InitialAccessTokenInvalid,
        Refusal::RegistrationAccessTokenInvalid => Reason::RegistrationAccessTokenInvalid,
        Refusal::RegistrationRedirectUriInvalid(_) => Reason::RegistrationRedirectUriInvalid,
        Refusal::RegistrationMetadataInvalid(_) => Reason::RegistrationMetadataInvalid,
    }
}
