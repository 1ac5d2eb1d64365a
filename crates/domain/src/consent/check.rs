//! Consent checks: whether a person allows a client to act now.

use super::{Consent, Counters};
use crate::client::ClientStatus;
use crate::scope::Scopes;
use crate::time::Timestamp;

/// Everything that decides whether a grant is live, read in one snapshot.
#[derive(Clone, Debug)]
pub struct GrantStatus {
    /// The consent, if there is a record.
    pub consent: Option<Consent>,
    /// `None` if the client is unknown or deleted.
    pub client: Option<ClientStatus>,
    /// The current revocation counters.
    pub counters: Counters,
}

/// The result of a consent check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The consent is in force and has all the scopes.
    Granted {
        /// The end of the consent.
        until: Timestamp,
    },
    /// The consent is in force and lacks these scopes.
    MissingScopes {
        /// The scopes it lacks.
        missing: Scopes,
        /// The end of the consent.
        until: Timestamp,
    },
    /// The client may not act.
    Denied(DenialReason),
}

/// Why a consent check denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenialReason {
    /// The client is unknown or deleted.
    ClientUnknown,
    /// An operator has disabled the client.
    ClientDisabled,
    /// No consent was given, or its record was deleted some time after it had ended.
    NoConsent,
    /// The consent's time is over.
    Expired,
    /// The consent was revoked, by itself or with its client, subject or issuer.
    Revoked,
}

/// The part of a [`GrantStatus`] that a check depends on, small enough to cache very many. It does not contain the
/// time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckInputs {
    client: Option<ClientStatus>,
    /// The allowed scopes and their end, or why there are none.
    allowed: Result<(Scopes, Timestamp), DenialReason>,
}

impl CheckInputs {
    /// The inputs that `status` contains.
    pub fn of(status: &GrantStatus) -> Self {
        let allowed = match &status.consent {
            None => Err(DenialReason::NoConsent),
            Some(consent) if consent.is_revoked(&status.counters) => Err(DenialReason::Revoked),
            Some(consent) => Ok((consent.scopes.clone(), consent.expires_at)),
        };
        Self { client: status.client, allowed }
    }

    /// Checks whether the client may act with the scopes `asked`; without scopes, whether a consent is in force. The
    /// result is about the consent, not about a token: a grant may have ended under a consent that is in force.
    pub fn check(&self, asked: &Scopes, now: Timestamp) -> Verdict {
        // Otherwise a disabled client would go on where callers look only at consents.
        match self.client {
            None => return Verdict::Denied(DenialReason::ClientUnknown),
            Some(ClientStatus::Disabled) => return Verdict::Denied(DenialReason::ClientDisabled),
            Some(ClientStatus::Enabled) => {}
        }
        let (scopes, until) = match &self.allowed {
            Err(denial) => return Verdict::Denied(*denial),
            Ok((_, until)) if now >= *until => return Verdict::Denied(DenialReason::Expired),
            Ok((scopes, until)) => (scopes, *until),
        };
        let missing: Scopes = asked.iter().filter(|scope| !scopes.contains(scope)).cloned().collect();
        if missing.is_empty() { Verdict::Granted { until } } else { Verdict::MissingScopes { missing, until } }
    }
}

#[cfg(test)]
mod tests {
    use super::super::decided;
    use super::*;
    use crate::consent::{Approval, Decided};
    use crate::issuer::tests::issuer;
    use crate::subject::{Subject, UpstreamId};

    fn approve(scopes: &str, now: Timestamp) -> Consent {
        let decided = Decided { scopes: Scopes::parse(scopes).unwrap(), ..decided() };
        let subject = Subject::new(&UpstreamId::parse("idp").unwrap(), "alice").unwrap();
        Consent::approve(
            None,
            &Approval { decided: &decided, subject: &subject, counters: Counters::default() },
            &issuer().lifetimes,
            now,
        )
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn a_check_grants_only_allowed_scopes_of_an_enabled_client_until_the_consent_ends() {
        let consent = approve("read write", at(10));
        let until = consent.expires_at;
        let (enabled, disabled) = (Some(ClientStatus::Enabled), Some(ClientStatus::Disabled));
        let status = GrantStatus { consent: Some(consent.clone()), client: enabled, counters: Counters::default() };
        let check =
            |status: &GrantStatus, asked, now| CheckInputs::of(status).check(&Scopes::parse(asked).unwrap(), now);
        for asked in ["", "read", "write read"] {
            assert_eq!(check(&status, asked, at(11)), Verdict::Granted { until });
        }
        let missing = Scopes::parse("admin").unwrap();
        assert_eq!(check(&status, "read admin", at(11)), Verdict::MissingScopes { missing, until });
        let of = |consent, client| GrantStatus { consent, client, ..status.clone() };
        let wider = GrantStatus { counters: Counters { subject: 1, ..Counters::default() }, ..status.clone() };
        for (status, now, denial) in [
            (of(None, enabled), at(11), DenialReason::NoConsent),
            (of(Some(consent.clone().revoke(at(11))), enabled), at(11), DenialReason::Revoked),
            (of(Some(consent.clone().revoke(at(11))), enabled), until, DenialReason::Revoked),
            (wider, at(11), DenialReason::Revoked),
            (status.clone(), until, DenialReason::Expired),
            (of(Some(consent.clone()), disabled), at(11), DenialReason::ClientDisabled),
            (of(Some(consent.clone()), None), at(11), DenialReason::ClientUnknown),
        ] {
            assert_eq!(check(&status, "read", now), Verdict::Denied(denial), "{status:?}");
        }
    }
}
