//! One append-only record for each transition that has a subject or is an operator's: the audit log and the change feed.
//!
//! Never a secret, never a stranger's free text: the one text that somebody wrote is an operator's [`OperatorReason`]. Of a caller's
//! address, what the issuer's [`AddressPolicy`] keeps, and by default nothing. `docs/events.md` is the catalogue.

mod address;
mod name;
mod retention;

use crate::consent::{ConsentScreen, PresentedScreen};
use crate::display::displayable;
use crate::id::{Attempt, AuthorizationId, ClientId, EventId, GrantId};
use crate::keys::rotation::{KeyFamily, RotationUrgency};
use crate::keys::{KeyId, digest};
use crate::subject::Subject;
use crate::time::Timestamp;

pub use address::Address;
pub use name::EventName;
pub use retention::Retention;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: EventId,
    pub at: Timestamp,
    pub kind: EventKind,
    /// `None` for what concerns more than one consent: its kind says what.
    pub about: Option<EventTarget>,
    /// The principal on whose call it happened.
    pub principal: String,
    pub request_id: String,
    /// Whence, as far as it is kept.
    pub address: Option<Address>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A person's approval took effect: what was asked for, and what of it was approved now, space-separated. `how` is
    /// `None` where that was not kept yet.
    ConsentApproved {
        requested: String,
        scopes: String,
        how: Option<ApprovedOn>,
    },
    /// Somebody whom the page named said no.
    ConsentDenied {
        requested: String,
    },
    /// Somebody has signed in who was not expected, or whom the issuer always asks, and is asked whether it is they.
    LoginQuestioned {
        requested: String,
    },
    /// They said that it is not.
    LoginRefused,
    /// A code was redeemed.
    GrantIssued {
        grant_id: GrantId,
        scopes: String,
    },
    /// A code was presented again, and what it gave has ended.
    CodeReplayed {
        grant_id: GrantId,
    },
    /// An old refresh token was presented again, and the grant has ended.
    RefreshTokenReplayed {
        grant_id: GrantId,
    },
    /// A grant left because its consent has too many.
    GrantSuperseded {
        grant_id: GrantId,
    },
    /// A client gave its grant back (RFC 7009).
    GrantReturned {
        grant_id: GrantId,
    },
    /// An operator had keys replaced; the new ones, which with `Compromised` are all there is.
    KeysRotated {
        keys: Vec<(KeyFamily, KeyId)>,
        urgency: RotationUrgency,
    },
    /// A consent was taken back, and with it ended everything it had given. `None`: by the person.
    ConsentRevoked {
        reason: Option<OperatorReason>,
    },
    /// An operator ended one grant.
    GrantRevoked {
        grant_id: GrantId,
        reason: OperatorReason,
    },
    /// An operator ended everything that was given to a client.
    ClientRevoked {
        client_id: ClientId,
        reason: OperatorReason,
    },
    /// An operator ended everything that a person had allowed.
    SubjectRevoked {
        subject: Subject,
        reason: OperatorReason,
    },
    /// An operator ended everything that the issuer had given.
    IssuerRevoked {
        reason: OperatorReason,
    },
    /// An operator stopped a client: it may do nothing until it is enabled again.
    ClientDisabled {
        client_id: ClientId,
        reason: OperatorReason,
    },
    ClientEnabled {
        client_id: ClientId,
        reason: OperatorReason,
    },
    /// The control plane was started with another configuration than before.
    ConfigurationChanged {
        /// SHA-256 of all of it that concerns the issuer. There is no secret in it.
        digest: [u8; 32],
    },
}

/// The page on which a person approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovedOn {
    /// The consent page, as far as it was shown.
    Screen(ConsentScreen),
    /// The page after the login that asks "Signed in as X. Not you?" and shows the whole request once more.
    Confirmation,
}

impl ApprovedOn {
    /// The screen of the consent page that was answered.
    pub fn of(presented: &PresentedScreen) -> Self {
        ApprovedOn::Screen(presented.screen())
    }

    /// The name in the log, the feed and exports. Stable.
    pub fn as_str(self) -> &'static str {
        match self {
            ApprovedOn::Screen(ConsentScreen::Full) => "page",
            ApprovedOn::Screen(ConsentScreen::OneClick) => "button",
            ApprovedOn::Screen(ConsentScreen::Skipped) => "silent",
            ApprovedOn::Confirmation => "confirmed",
        }
    }
}

/// Why an operator did it, in their words: 1 to 256 characters on one line, none of them hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorReason(String);

impl OperatorReason {
    const MAX_CHARS: usize = 256;

    /// `None` for what could not be shown exactly as it was written.
    pub fn parse(text: &str) -> Option<Self> {
        let shown = displayable(text, Self::MAX_CHARS)?;
        (shown == text).then_some(Self(shown))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl EventKind {
    /// Stable.
    pub fn name(&self) -> &'static str {
        self.called().as_str()
    }

    pub fn called(&self) -> EventName {
        match self {
            EventKind::ConsentApproved { .. } => EventName::ConsentApproved,
            EventKind::ConsentDenied { .. } => EventName::ConsentDenied,
            EventKind::LoginQuestioned { .. } => EventName::LoginQuestioned,
            EventKind::LoginRefused => EventName::LoginRefused,
            EventKind::GrantIssued { .. } => EventName::GrantIssued,
            EventKind::CodeReplayed { .. } => EventName::CodeReplayed,
            EventKind::RefreshTokenReplayed { .. } => EventName::RefreshTokenReplayed,
            EventKind::GrantSuperseded { .. } => EventName::GrantSuperseded,
            EventKind::GrantReturned { .. } => EventName::GrantReturned,
            EventKind::KeysRotated { .. } => EventName::KeysRotated,
            EventKind::ConsentRevoked { .. } => EventName::ConsentRevoked,
            EventKind::GrantRevoked { .. } => EventName::GrantRevoked,
            EventKind::ClientRevoked { .. } => EventName::ClientRevoked,
            EventKind::SubjectRevoked { .. } => EventName::SubjectRevoked,
            EventKind::IssuerRevoked { .. } => EventName::IssuerRevoked,
            EventKind::ClientDisabled { .. } => EventName::ClientDisabled,
            EventKind::ClientEnabled { .. } => EventName::ClientEnabled,
            EventKind::ConfigurationChanged { .. } => EventName::ConfigurationChanged,
        }
    }

    /// The grant, the scopes (space-separated) and the operator's reason in it, as far as it has them.
    pub fn details(&self) -> (Option<GrantId>, &str, Option<&OperatorReason>) {
        match self {
            EventKind::ConsentApproved { scopes, .. } => (None, scopes, None),
            EventKind::GrantIssued { grant_id, scopes } => (Some(*grant_id), scopes, None),
            EventKind::CodeReplayed { grant_id }
            | EventKind::RefreshTokenReplayed { grant_id }
            | EventKind::GrantSuperseded { grant_id }
            | EventKind::GrantReturned { grant_id } => (Some(*grant_id), "", None),
            EventKind::GrantRevoked { grant_id, reason } => (Some(*grant_id), "", Some(reason)),
            EventKind::ConsentRevoked { reason } => (None, "", reason.as_ref()),
            EventKind::ClientRevoked { reason, .. }
            | EventKind::SubjectRevoked { reason, .. }
            | EventKind::IssuerRevoked { reason }
            | EventKind::ClientDisabled { reason, .. }
            | EventKind::ClientEnabled { reason, .. } => (None, "", Some(reason)),
            EventKind::ConsentDenied { .. }
            | EventKind::LoginQuestioned { .. }
            | EventKind::LoginRefused
            | EventKind::KeysRotated { .. }
            | EventKind::ConfigurationChanged { .. } => (None, "", None),
        }
    }

    /// What a client had asked for, space-separated, where somebody has answered that.
    pub fn requested(&self) -> &str {
        match self {
            EventKind::ConsentApproved { requested, .. }
            | EventKind::ConsentDenied { requested }
            | EventKind::LoginQuestioned { requested } => requested,
            EventKind::LoginRefused
            | EventKind::GrantIssued { .. }
            | EventKind::CodeReplayed { .. }
            | EventKind::RefreshTokenReplayed { .. }
            | EventKind::GrantSuperseded { .. }
            | EventKind::GrantReturned { .. }
            | EventKind::KeysRotated { .. }
            | EventKind::ConsentRevoked { .. }
            | EventKind::GrantRevoked { .. }
            | EventKind::ClientRevoked { .. }
            | EventKind::SubjectRevoked { .. }
            | EventKind::IssuerRevoked { .. }
            | EventKind::ClientDisabled { .. }
            | EventKind::ClientEnabled { .. }
            | EventKind::ConfigurationChanged { .. } => "",
        }
    }
}

/// Who caused an event.
#[derive(Clone, Debug)]
pub struct EventCaller {
    pub principal: String,
    pub request_id: String,
    /// Whence, as far as it is kept.
    pub address: Option<Address>,
}

/// Whom and what an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTarget {
    pub subject: Subject,
    pub client_id: ClientId,
    pub resource: String,
    /// `None`: it happened in none of them.
    pub authorization_id: Option<AuthorizationId>,
}

impl Event {
    /// Whom and which client an event is about.
    pub fn concerns(&self) -> (Option<&Subject>, Option<&ClientId>) {
        match &self.kind {
            EventKind::ClientRevoked { client_id, .. }
            | EventKind::ClientDisabled { client_id, .. }
            | EventKind::ClientEnabled { client_id, .. } => (None, Some(client_id)),
            EventKind::SubjectRevoked { subject, .. } => (Some(subject), None),
            EventKind::ConsentApproved { .. }
            | EventKind::ConsentDenied { .. }
            | EventKind::LoginQuestioned { .. }
            | EventKind::LoginRefused
            | EventKind::GrantIssued { .. }
            | EventKind::CodeReplayed { .. }
            | EventKind::RefreshTokenReplayed { .. }
            | EventKind::GrantSuperseded { .. }
            | EventKind::GrantReturned { .. }
            | EventKind::GrantRevoked { .. }
            | EventKind::ConsentRevoked { .. }
            | EventKind::IssuerRevoked { .. }
            | EventKind::KeysRotated { .. }
            | EventKind::ConfigurationChanged { .. } => {
                let about = self.about.as_ref();
                (about.map(|about| &about.subject), about.map(|about| &about.client_id))
            }
        }
    }

    /// Its id follows from the attempt, the kind and the number of the event within it.
    pub fn new(
        kind: EventKind,
        about: impl Into<Option<EventTarget>>,
        caller: &EventCaller,
        attempt: Attempt,
        number: u8,
        at: Timestamp,
    ) -> Self {
        Self {
            id: EventId::new(at, &digest("event id", &[attempt.bytes(), kind.name().as_bytes(), &[number]])),
            at,
            kind,
            about: about.into(),
            principal: caller.principal.clone(),
            request_id: caller.request_id.clone(),
            address: caller.address.clone(),
        }
    }
}
