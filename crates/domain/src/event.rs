//! Audit events: one append-only record for each transition that concerns a subject or comes from an operator. They are
//! the audit log and the change feed.
//!
//! An event never contains a secret or a stranger's free text; its only free text is an operator's [`OperatorReason`].
//! It keeps as much of the caller's address as the issuer's [`crate::issuer::AddressPolicy`] says, by default none.
//! `docs/events.md` is the catalogue.

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

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Derived from the attempt, the kind and the time.
    pub id: EventId,
    /// The time of the transition.
    pub at: Timestamp,
    /// The kind of transition, with its details.
    pub kind: EventKind,
    /// `None` if the event concerns more than one consent; its kind says which.
    pub about: Option<EventTarget>,
    /// The principal that called.
    pub principal: String,
    /// The caller's request id, for correlation with its log.
    pub request_id: String,
    /// The caller's address, as far as the policy keeps it.
    pub address: Option<Address>,
}

/// A kind of transition. Kinds may be added, never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A person's approval took effect. `how` is `None` in events of releases that did not record it.
    ConsentApproved {
        /// The scopes that the client asked for, space-separated.
        requested: String,
        /// The scopes, space-separated.
        scopes: String,
        /// The page on which the person approved.
        how: Option<ApprovedOn>,
    },
    /// A person denied a request on a page that named them.
    ConsentDenied {
        /// The scopes that the client asked for, space-separated.
        requested: String,
    },
    /// After a login, the person is asked whether it is they: another person was expected, or the issuer always asks.
    LoginQuestioned {
        /// The scopes that the client asked for, space-separated.
        requested: String,
    },
    /// The person answered that it is not they.
    LoginRefused,
    /// A person signed in, and the entry rules do not admit them.
    EntryRefused,
    /// A code was redeemed.
    GrantIssued {
        /// The grant.
        grant_id: GrantId,
        /// The scopes, space-separated.
        scopes: String,
    },
    /// A code was presented again, and its grant has ended.
    CodeReplayed {
        /// The grant.
        grant_id: GrantId,
    },
    /// An old refresh token was presented again, and the grant has ended.
    RefreshTokenReplayed {
        /// The grant.
        grant_id: GrantId,
    },
    /// A grant ended because its consent had too many.
    GrantSuperseded {
        /// The grant.
        grant_id: GrantId,
    },
    /// A client revoked its grant (RFC 7009).
    GrantReturned {
        /// The grant.
        grant_id: GrantId,
    },
    /// An operator had keys replaced. Lists the new keys; after `Compromised` they are the only ones.
    KeysRotated {
        /// The new keys.
        keys: Vec<(KeyFamily, KeyId)>,
        /// The urgency that the operator gave.
        urgency: RotationUrgency,
    },
    /// A consent and all its grants were revoked: by an operator with a reason, or by the person (`None`).
    ConsentRevoked {
        /// The operator's reason.
        reason: Option<OperatorReason>,
    },
    /// An operator ended one grant.
    GrantRevoked {
        /// The grant.
        grant_id: GrantId,
        /// The operator's reason.
        reason: OperatorReason,
    },
    /// An operator ended all grants of a client.
    ClientRevoked {
        /// The client.
        client_id: ClientId,
        /// The operator's reason.
        reason: OperatorReason,
    },
    /// An operator ended all grants of a person.
    SubjectRevoked {
        /// The person.
        subject: Subject,
        /// The operator's reason.
        reason: OperatorReason,
    },
    /// An operator ended all grants of the issuer.
    IssuerRevoked {
        /// The operator's reason.
        reason: OperatorReason,
    },
    /// An operator disabled a client, which can do nothing until it is enabled again.
    ClientDisabled {
        /// The client.
        client_id: ClientId,
        /// The operator's reason.
        reason: OperatorReason,
    },
    /// An operator enabled a client again.
    ClientEnabled {
        /// The client.
        client_id: ClientId,
        /// The operator's reason.
        reason: OperatorReason,
    },
    /// The upstream refused the connection's tokens: the person must sign in again.
    ConnectionRejected,
    /// The person, or an operator with a reason, ended the connection.
    ConnectionEnded {
        /// The person.
        subject: Subject,
        /// The operator's reason; `None` if the person ended it.
        reason: Option<OperatorReason>,
    },
    /// A server of the resource was given an upstream access token for the first time. The same token, given again, makes
    /// no further event.
    UpstreamTokenGiven {
        /// The grant for which it was given.
        grant_id: GrantId,
    },
    /// The control plane started with another configuration of the issuer than before.
    ConfigurationChanged {
        /// SHA-256 of the issuer's effective configuration. No secret enters it.
        digest: [u8; 32],
    },
}

/// The page on which a person approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovedOn {
    /// The consent page.
    Screen(ConsentScreen),
    /// The page after the login that asks "Signed in as X. Not you?" and shows the full request once more.
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

/// An operator's reason in their own words: 1 to 256 characters on one line, none of them hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorReason(String);

impl OperatorReason {
    const MAX_CHARS: usize = 256;

    /// `None` if `text` cannot be displayed exactly as it was written.
    pub fn parse(text: &str) -> Option<Self> {
        let shown = displayable(text, Self::MAX_CHARS)?;
        (shown == text).then_some(Self(shown))
    }

    /// The reason's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl EventKind {
    /// The event's name in the log, the feed and exports. Stable.
    pub fn name(&self) -> &'static str {
        self.called().as_str()
    }

    /// The event's name.
    pub fn called(&self) -> EventName {
        match self {
            EventKind::ConsentApproved { .. } => EventName::ConsentApproved,
            EventKind::ConsentDenied { .. } => EventName::ConsentDenied,
            EventKind::LoginQuestioned { .. } => EventName::LoginQuestioned,
            EventKind::LoginRefused => EventName::LoginRefused,
            EventKind::EntryRefused => EventName::EntryRefused,
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
            EventKind::ConnectionRejected => EventName::ConnectionRejected,
            EventKind::ConnectionEnded { .. } => EventName::ConnectionEnded,
            EventKind::UpstreamTokenGiven { .. } => EventName::UpstreamTokenGiven,
            EventKind::ConfigurationChanged { .. } => EventName::ConfigurationChanged,
        }
    }

    /// The grant, the scopes (space-separated) and the operator's reason of the event, as far as it has them.
    pub fn details(&self) -> (Option<GrantId>, &str, Option<&OperatorReason>) {
        match self {
            EventKind::ConsentApproved { scopes, .. } => (None, scopes, None),
            EventKind::GrantIssued { grant_id, scopes } => (Some(*grant_id), scopes, None),
            EventKind::CodeReplayed { grant_id }
            | EventKind::RefreshTokenReplayed { grant_id }
            | EventKind::GrantSuperseded { grant_id }
            | EventKind::GrantReturned { grant_id }
            | EventKind::UpstreamTokenGiven { grant_id } => (Some(*grant_id), "", None),
            EventKind::GrantRevoked { grant_id, reason } => (Some(*grant_id), "", Some(reason)),
            EventKind::ConsentRevoked { reason } | EventKind::ConnectionEnded { reason, .. } => {
                (None, "", reason.as_ref())
            }
            EventKind::ClientRevoked { reason, .. }
            | EventKind::SubjectRevoked { reason, .. }
            | EventKind::IssuerRevoked { reason }
            | EventKind::ClientDisabled { reason, .. }
            | EventKind::ClientEnabled { reason, .. } => (None, "", Some(reason)),
            EventKind::ConsentDenied { .. }
            | EventKind::LoginQuestioned { .. }
            | EventKind::LoginRefused
            | EventKind::ConnectionRejected
            | EventKind::EntryRefused
            | EventKind::KeysRotated { .. }
            | EventKind::ConfigurationChanged { .. } => (None, "", None),
        }
    }

    /// The scopes that the client had asked for, space-separated; empty if the event is not about a request.
    pub fn requested(&self) -> &str {
        match self {
            EventKind::ConsentApproved { requested, .. }
            | EventKind::ConsentDenied { requested }
            | EventKind::LoginQuestioned { requested } => requested,
            EventKind::LoginRefused
            | EventKind::EntryRefused
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
            | EventKind::ConnectionRejected
            | EventKind::ConnectionEnded { .. }
            | EventKind::UpstreamTokenGiven { .. }
            | EventKind::ConfigurationChanged { .. } => "",
        }
    }
}

/// The caller that causes an event.
#[derive(Clone, Debug)]
pub struct EventCaller {
    /// The principal that called.
    pub principal: String,
    /// The caller's request id, for correlation with its log.
    pub request_id: String,
    /// The caller's address, as far as the policy keeps it.
    pub address: Option<Address>,
}

/// The consent that an event concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTarget {
    /// The person of the consent.
    pub subject: Subject,
    /// The client.
    pub client_id: ClientId,
    /// Canonical URI of the resource.
    pub resource: String,
    /// The authorization in which it happened; `None` if it happened outside of any.
    pub authorization_id: Option<AuthorizationId>,
}

impl Event {
    /// The subject and the client that the event concerns.
    pub fn concerns(&self) -> (Option<&Subject>, Option<&ClientId>) {
        match &self.kind {
            EventKind::ClientRevoked { client_id, .. }
            | EventKind::ClientDisabled { client_id, .. }
            | EventKind::ClientEnabled { client_id, .. } => (None, Some(client_id)),
            EventKind::SubjectRevoked { subject, .. } | EventKind::ConnectionEnded { subject, .. } => {
                (Some(subject), None)
            }
            EventKind::ConsentApproved { .. }
            | EventKind::ConsentDenied { .. }
            | EventKind::LoginQuestioned { .. }
            | EventKind::LoginRefused
            | EventKind::EntryRefused
            | EventKind::GrantIssued { .. }
            | EventKind::CodeReplayed { .. }
            | EventKind::RefreshTokenReplayed { .. }
            | EventKind::GrantSuperseded { .. }
            | EventKind::GrantReturned { .. }
            | EventKind::GrantRevoked { .. }
            | EventKind::ConsentRevoked { .. }
            | EventKind::IssuerRevoked { .. }
            | EventKind::KeysRotated { .. }
            | EventKind::ConnectionRejected
            | EventKind::UpstreamTokenGiven { .. }
            | EventKind::ConfigurationChanged { .. } => {
                let about = self.about.as_ref();
                (about.map(|about| &about.subject), about.map(|about| &about.client_id))
            }
        }
    }

    /// The only event of its kind that `attempt` causes. The id follows from attempt, kind and time. The record
    /// that it is committed with keeps a repeated call from writing a second event.
    pub fn new(
        kind: EventKind,
        about: impl Into<Option<EventTarget>>,
        caller: &EventCaller,
        attempt: Attempt,
        at: Timestamp,
    ) -> Self {
        Self {
            id: event_id(at, attempt, &kind, 0),
            at,
            kind,
            about: about.into(),
            principal: caller.principal.clone(),
            request_id: caller.request_id.clone(),
            address: caller.address.clone(),
        }
    }

    /// All events that `attempt` causes, if there are several. Each has its own id, which follows from the attempt, the
    /// kind and the position in `kinds`.
    pub fn several(
        kinds: impl IntoIterator<Item = EventKind>,
        about: &EventTarget,
        caller: &EventCaller,
        attempt: Attempt,
        at: Timestamp,
    ) -> Vec<Self> {
        let event = |(number, kind)| {
            let id = event_id(at, attempt, &kind, number);
            Self { id, ..Self::new(kind, about.clone(), caller, attempt, at) }
        };
        (0u8..).zip(kinds).map(event).collect()
    }
}

fn event_id(at: Timestamp, attempt: Attempt, kind: &EventKind, number: u8) -> EventId {
    EventId::new(at, &digest("event id", &[attempt.bytes(), kind.name().as_bytes(), &[number]]))
}
