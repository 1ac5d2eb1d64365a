//! Errors of use cases. A refusal is intended, typed and shown; a fault is logged once and shown as `server_error`.

use std::collections::HashMap;

use lychgate_api::{ERROR_DOMAIN, MAX_STATUS_MESSAGE_BYTES, Reason, error_metadata};
use lychgate_domain::Refusal;
use lychgate_domain::token::verification::AccessDenied;
use lychgate_engine::Cursor;
use lychgate_store::StoreError;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt as _};

use super::cursor::cursor;

/// The error of a use case.
#[derive(Debug)]
pub(crate) enum Error {
    Refused(Refused),
    /// Nothing was committed, or the outcome is unknown: the same call with the same idempotency key finds out.
    StoreUnavailable(anyhow::Error),
    /// The cursor belongs to another history or precedes the oldest retained event; the oldest events begin after this
    /// one.
    CursorLost(Cursor),
    Fault(anyhow::Error),
}

/// A refusal, and the link that the person or the client may follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub refusal: Refusal,
    pub return_to: Option<ReturnTo>,
    /// The `WWW-Authenticate` header of the refusal.
    pub challenge: Option<String>,
}

/// A link on a page: a registered redirect URI with an error in it, or a page of ours, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReturnTo {
    pub uri: String,
    pub label: String,
}

impl Error {
    /// Adds the link to a refusal.
    pub(crate) fn returning(self, uri: String, label: impl Into<String>) -> Self {
        match self {
            Error::Refused(refused) => {
                let return_to = Some(ReturnTo { uri, label: label.into() });
                Error::Refused(Refused { return_to, ..refused })
            }
            other => other,
        }
    }

    /// Converts the error to the status of the call.
    pub(crate) fn into_status(self, request_id: &str) -> Status {
        let (reason, message, metadata) = self.into_reason(request_id);
        status(reason, message, metadata)
    }

    /// Reason, message and metadata for the caller. Logs the error: call it once.
    pub(crate) fn into_reason(self, request_id: &str) -> (Reason, String, HashMap<String, String>) {
        let mut metadata = HashMap::from([(error_metadata::REQUEST_ID.to_owned(), request_id.to_owned())]);
        let mut insert = |key: &str, value: String| metadata.insert(key.to_owned(), value);
        let (reason, message) = match self {
            Error::Refused(Refused { refusal, return_to, challenge }) => {
                tracing::info!(request.id = request_id, reason = reason(&refusal).as_str(), "refused");
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
                (Reason::StoreUnavailable, "the store is unavailable; repeat the call with the same attempt".to_owned())
            }
            Error::CursorLost(oldest) => {
                tracing::info!(request.id = request_id, reason = Reason::CursorLost.as_str(), "refused");
                insert(error_metadata::OLDEST_CURSOR, cursor(oldest));
                (Reason::CursorLost, "events after the cursor are no longer retained; list again".to_owned())
            }
            Error::Fault(error) => {
                tracing::error!(request.id = request_id, error = format!("{error:#}"), "fault");
                (
                    Reason::Fault,
                    "internal error; the control plane's log names the cause beside this request id".to_owned(),
                )
            }
        };
        insert(error_metadata::OAUTH_ERROR, reason.oauth_error().to_owned());
        (reason, message, metadata)
    }
}

/// A status with `ErrorInfo`, of a bounded size: it travels in HTTP/2 header fields, and a status that exceeds the caller's
/// limit does not arrive at all. Beyond the limit the longest metadata is left out, then the next, and the message is cut.
pub(crate) fn status(reason: Reason, message: impl Into<String>, metadata: HashMap<String, String>) -> Status {
    let (mut message, mut metadata) = (message.into(), metadata);
    let cut = (0..=MAX_STATUS_MESSAGE_BYTES.min(message.len())).rev().find(|at| message.is_char_boundary(*at));
    message.truncate(cut.unwrap_or_default());
    let bytes =
        |metadata: &HashMap<String, String>| metadata.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    while bytes(&metadata) > error_metadata::MAX_BYTES {
        let Some((longest, _)) = metadata.iter().max_by_key(|(_, value)| value.len()) else { break };
        let longest = longest.clone();
        metadata.remove(&longest);
        tracing::error!(reason = reason.as_str(), key = longest, "metadata of a refusal is too long and is left out");
    }
    let details = ErrorDetails::with_error_info(reason.as_str(), ERROR_DOMAIN, metadata);
    Status::with_error_details(reason.grpc_code(), message, details)
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Error::Refused(Refused { refusal, return_to: None, challenge: None })
    }
}

impl From<AccessDenied> for Error {
    fn from(denied: AccessDenied) -> Self {
        let challenge = denied.challenge(reason(&denied.refusal).oauth_error());
        Error::Refused(Refused { refusal: denied.refusal, return_to: None, challenge: Some(challenge) })
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            // Fenced: the caller finds the store that took over at another node, or after a restart.
            StoreError::Unavailable(_) | StoreError::Unknown(_) | StoreError::Fenced(_) => {
                Error::StoreUnavailable(error.into())
            }
            StoreError::CursorLost { oldest } => Error::CursorLost(oldest),
            StoreError::Corrupt { .. } | StoreError::TooNew { .. } | StoreError::Invalid(_) => {
                Error::Fault(error.into())
            }
        }
    }
}

/// The name of a refusal on the wire.
#[expect(clippy::too_many_lines, reason = "one line per refusal")]
pub(crate) fn reason(refusal: &Refusal) -> Reason {
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
        Refusal::StorageShort => Reason::StorageShort,
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
        Refusal::LoginBegun => Reason::LoginBegun,
        Refusal::StateInvalid => Reason::StateInvalid,
        Refusal::LoginReplaced => Reason::LoginReplaced,
        Refusal::StateCookieMissing => Reason::StateCookieMissing,
        Refusal::BrowserMismatch => Reason::BrowserMismatch,
        Refusal::LoginExpired => Reason::LoginExpired,
        Refusal::LoginInterrupted => Reason::LoginInterrupted,
        Refusal::AlreadyFinished => Reason::AlreadyFinished,
        Refusal::TooManyFailedLogins => Reason::TooManyFailedLogins,
        Refusal::UpstreamUnavailable => Reason::UpstreamUnavailable,
        Refusal::UpstreamInvalid => Reason::UpstreamInvalid,
        Refusal::UpstreamDenied => Reason::UpstreamDenied,
        Refusal::SignedInAsAnother => Reason::SignedInAsAnother,
        Refusal::AccountNotAllowed => Reason::AccountNotAllowed,
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
        Refusal::TokenExchangeUnsupported(_) => Reason::TokenExchangeUnsupported,
        Refusal::AudienceUnknown => Reason::AudienceUnknown,
        Refusal::SubjectTokenInvalid => Reason::SubjectTokenInvalid,
        Refusal::UpstreamTokensWithheld => Reason::UpstreamTokensWithheld,
        Refusal::UpstreamConsentMissing => Reason::UpstreamConsentMissing,
        Refusal::UpstreamLoginNeeded => Reason::UpstreamLoginNeeded,
        Refusal::UpstreamTokenUnavailable => Reason::UpstreamTokenUnavailable,
        Refusal::AccountNoLongerAllowed => Reason::AccountNoLongerAllowed,
        Refusal::ResourceServerUnknown => Reason::ResourceServerUnknown,
        Refusal::AccessTokenMissing => Reason::AccessTokenMissing,
        Refusal::AccessTokenInvalid => Reason::AccessTokenInvalid,
        Refusal::ScopeInsufficient => Reason::ScopeInsufficient,
        Refusal::RegistrationClosed => Reason::RegistrationClosed,
        Refusal::RegistrationsFull => Reason::RegistrationsFull,
        Refusal::InitialAccessTokenInvalid => Reason::InitialAccessTokenInvalid,
        Refusal::RegistrationAccessTokenInvalid => Reason::RegistrationAccessTokenInvalid,
        Refusal::RegistrationRedirectUriInvalid(_) => Reason::RegistrationRedirectUriInvalid,
        Refusal::RegistrationMetadataInvalid(_) => Reason::RegistrationMetadataInvalid,
    }
}

#[cfg(test)]
mod tests;
