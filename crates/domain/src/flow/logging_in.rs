//! The login: from the approval to the upstream's answer.

use crate::Refusal;
use crate::consent::{Decided, PresentedScreen};
use crate::id::Attempt;
use crate::keys::{KeyId, Keys, Purpose};
use crate::time::Timestamp;
use crate::upstream::login::LoginId;

/// The person approved and has not returned from the upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    /// The request that was decided about.
    pub decided: Decided,
    /// The key from which `state`, verifier and nonce are derived.
    pub login_key: KeyId,
    /// The screen on which the person approved.
    pub seen: PresentedScreen,
}

/// The upstream's code is being redeemed. The claim is stored before the code is sent, so that the code is sent once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggingIn {
    /// The approval.
    pub approved: Approved,
    /// The attempt that made this transition.
    pub attempt: Attempt,
    /// The time of this transition.
    pub at: Timestamp,
}

/// The login failed. Final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The approval.
    pub approved: Approved,
    /// The attempt that made this transition.
    pub attempt: Attempt,
    /// The time of this transition.
    pub at: Timestamp,
    /// Why the login failed.
    pub failure: LoginFailure,
}

/// Why a login led to no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginFailure {
    /// The upstream did not answer.
    UpstreamUnavailable,
    /// The upstream's answer was invalid.
    UpstreamInvalid,
    /// The upstream refused the login, or the person cancelled it there.
    UpstreamDenied,
    /// The person in the browser answered that another person had signed in.
    NotMe,
    /// The entry rules do not admit the person who signed in.
    NotAdmitted,
}

impl LoginFailure {
    /// The refusal that tells of this failure.
    pub fn refusal(self) -> Refusal {
        match self {
            LoginFailure::UpstreamUnavailable => Refusal::UpstreamUnavailable,
            LoginFailure::UpstreamInvalid => Refusal::UpstreamInvalid,
            LoginFailure::UpstreamDenied => Refusal::UpstreamDenied,
            LoginFailure::NotMe => Refusal::SignedInAsAnother,
            LoginFailure::NotAdmitted => Refusal::AccountNotAllowed,
        }
    }
}

impl Approved {
    /// The approval of a request. `seen` is the screen that was answered.
    pub fn new(decided: Decided, seen: PresentedScreen, keys: &Keys) -> Self {
        Self { decided, login_key: keys.active(Purpose::Login).id, seen }
    }

    /// Names the login of this answer.
    pub fn login_id(&self) -> LoginId {
        LoginId { authorization: self.decided.id, answer: self.decided.answer }
    }

    /// Claims the login for one attempt; every other attempt finds the claim.
    pub fn claim(self, attempt: Attempt, at: Timestamp) -> LoggingIn {
        LoggingIn { approved: self, attempt, at }
    }
}

impl LoggingIn {
    /// Ends the login with a failure.
    pub fn fail(self, failure: LoginFailure, at: Timestamp) -> Failed {
        Failed { approved: self.approved, attempt: self.attempt, at, failure }
    }
}
