//! Consents: which scopes a person allowed a client at a resource.

pub mod boxes;
mod check;
mod counters;
mod covered;
mod decision;
pub mod form;
pub mod prompt;
mod screen;

use crate::client::Client;
use crate::id::{ClientId, GrantId};
use crate::issuer::Issuer;
use crate::lifetimes::Lifetimes;
use crate::scope::Scopes;
use crate::subject::Subject;
use crate::time::Timestamp;

pub use check::{CheckInputs, DenialReason, GrantStatus, Verdict};
pub use counters::Counters;
pub use covered::Covered;
pub use decision::{Decided, DecisionPoint};
pub use screen::{ConsentScreen, PresentedScreen};

#[cfg(test)]
pub(crate) use decision::tests::decided;

/// The most live grants of one consent; a further grant ends the oldest.
pub const MAX_GRANTS: usize = 20;
/// The most redirect URIs that a consent remembers as approved; a further one displaces the oldest.
const MAX_REDIRECT_URIS: usize = 20;

/// The scopes that one person allowed one client at one resource, with their history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The person who allowed it.
    pub subject: Subject,
    /// The client.
    pub client_id: ClientId,
    /// Canonical URI of the resource.
    pub resource: String,
    /// The approved scopes.
    pub scopes: Scopes,
    /// The approved redirect URIs, loopback ones without their port.
    pub redirect_uris: Vec<String>,
    /// Digest of the client's metadata as the page displayed it.
    pub metadata_digest: [u8; 32],
    /// The name of a client with a metadata document, as the document gave it at the latest approval: the page of connected
    /// apps asks no client's host, and judges the name again. `None` for other clients, and in consents of earlier releases.
    pub client_name: Option<String>,
    /// The first approval since the last revocation.
    pub created_at: Timestamp,
    /// The latest approval.
    pub approved_at: Timestamp,
    /// The end of the consent.
    pub expires_at: Timestamp,
    /// The screen of the latest approval.
    pub how: ConsentScreen,
    /// The version of the policy that the latest approval was given under; `None` if there was none.
    pub policy_version: Option<String>,
    /// True if the page of the latest approval said that the server gets the person's access token of the upstream.
    pub upstream_tokens: bool,
    /// Raised by every revocation: grants of an older epoch are dead. The first epoch is the time of the first
    /// approval, so that a new consent cannot revive grants of a deleted one.
    pub epoch: u64,
    /// Revoked, or not, by itself.
    pub status: ConsentStatus,
    /// The live grants of this epoch with their ends, oldest first.
    pub grants: Vec<(GrantId, Timestamp)>,
    /// The revocation counters at the latest approval. A counter raised since then has revoked this consent too.
    pub counters: Counters,
}

/// The stored status of a consent; [`Consent::state`] also considers time and counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentStatus {
    /// Not revoked by itself.
    Live,
    /// The person or an operator revoked it.
    Revoked {
        /// The time of this transition.
        at: Timestamp,
    },
}

/// A person's approval of a request.
#[derive(Clone, Copy, Debug)]
pub struct Approval<'a> {
    /// The approved request.
    pub decided: &'a Decided,
    /// The person who signed in.
    pub subject: &'a Subject,
    /// The revocation counters at this time.
    pub counters: Counters,
}

/// The present state, against which a stored consent is checked.
#[derive(Clone, Copy, Debug)]
pub struct Present<'a> {
    /// The issuer as configured now.
    pub issuer: &'a Issuer,
    /// The client as it is now.
    pub client: &'a Client,
    /// The current revocation counters.
    pub counters: Counters,
    /// The time of the check.
    pub now: Timestamp,
}

/// A consent's state at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentState {
    /// Neither expired nor revoked.
    Live,
    /// Its time is over.
    Expired,
    /// The person or an operator revoked it, or an operator revoked all of its client, subject or issuer.
    Revoked,
}

impl Consent {
    /// The state now. `counters` are the current ones: revoking a client, a subject or an issuer also revokes its
    /// consents.
    pub fn state(&self, counters: &Counters, now: Timestamp) -> ConsentState {
        match now < self.expires_at {
            _ if self.is_revoked(counters) => ConsentState::Revoked,
            true => ConsentState::Live,
            false => ConsentState::Expired,
        }
    }

    fn is_revoked(&self, counters: &Counters) -> bool {
        matches!(self.status, ConsentStatus::Revoked { .. }) || !self.is_under(counters)
    }

    /// The consent after an approval. Scopes accumulate only here, and only while the client is the one that was
    /// approved before.
    pub fn approve(existing: Option<Consent>, approval: &Approval<'_>, lifetimes: &Lifetimes, now: Timestamp) -> Self {
        let Approval { decided, subject, counters } = *approval;
        let fresh = Self {
            subject: subject.clone(),
            client_id: decided.client_id.clone(),
            resource: decided.resource.clone(),
            scopes: decided.scopes.clone(),
            redirect_uris: vec![decided.redirect_uri.without_chosen_port()],
            metadata_digest: decided.metadata_digest,
            client_name: decided.client_name.clone(),
            created_at: now,
            approved_at: now,
            expires_at: now + lifetimes.consent,
            how: ConsentScreen::Full,
            policy_version: decided.policy_version.clone(),
            upstream_tokens: decided.upstream_tokens,
            epoch: now.millis(),
            status: ConsentStatus::Live,
            grants: Vec::new(),
            counters,
        };
        let Some(existing) = existing else { return fresh };
        match existing.status {
            // The revocation has already raised the epoch.
            ConsentStatus::Revoked { .. } => Self { epoch: existing.epoch, ..fresh },
            // The grants of an ended consent stay ended.
            ConsentStatus::Live if !existing.is_live(now) || !existing.is_under(&counters) => {
                Self { epoch: existing.epoch + 1, ..fresh }
            }
            ConsentStatus::Live if existing.metadata_digest != decided.metadata_digest => {
                Self { epoch: existing.epoch, grants: existing.grants, created_at: existing.created_at, ..fresh }
            }
            ConsentStatus::Live => {
                let mut redirect_uris = existing.redirect_uris;
                redirect_uris.retain(|uri| *uri != fresh.redirect_uris[0]);
                redirect_uris.extend(fresh.redirect_uris);
                let surplus = redirect_uris.len().saturating_sub(MAX_REDIRECT_URIS);
                redirect_uris.drain(..surplus);
                Self {
                    scopes: existing.scopes.union(&fresh.scopes),
                    redirect_uris,
                    epoch: existing.epoch,
                    grants: existing.grants,
                    created_at: existing.created_at,
                    ..fresh
                }
            }
        }
    }

    /// The consent after `decided` used it again without the full page. Only `how` changes, and the name is filled in if an
    /// earlier release did not keep it: the digest says that it is the same.
    pub fn repeat(&self, decided: &Decided, seen: &PresentedScreen) -> Self {
        let client_name = self.client_name.clone().or_else(|| decided.client_name.clone());
        Self { how: seen.screen(), client_name, ..self.clone() }
    }

    /// True if no wider revocation (client, subject or issuer) has happened since the latest approval. Otherwise the
    /// consent is revoked, and the next approval inherits nothing from it.
    pub fn is_under(&self, counters: &Counters) -> bool {
        self.counters == *counters
    }

    /// The consent after its revocation. The raised epoch ends every grant of the old one, also a grant minted at this
    /// moment by a call that still saw the consent live.
    pub fn revoke(self, at: Timestamp) -> Self {
        Self { status: ConsentStatus::Revoked { at }, epoch: self.epoch + 1, grants: Vec::new(), ..self }
    }

    /// True if it is neither revoked by itself nor expired.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.status == ConsentStatus::Live && now < self.expires_at
    }

    /// True if the consent was given to `client` as it is now, and is in force.
    pub fn stands(&self, client: &Client, counters: Counters, now: Timestamp) -> bool {
        self.is_live(now)
            && self.counters == counters
            && self.client_id == client.id
            && self.metadata_digest == client.metadata_digest()
    }

    /// Adds a grant. Also returns the ids of the grants that must end to make room.
    pub fn admit(mut self, grant: GrantId, end: Timestamp, now: Timestamp) -> (Self, Vec<GrantId>) {
        self.grants.retain(|(_, end)| *end > now);
        let surplus = (self.grants.len() + 1).saturating_sub(MAX_GRANTS);
        let leaving = self.grants.drain(..surplus).map(|(id, _)| id).collect();
        self.grants.push((grant, end));
        (self, leaving)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::redirect_uri::RedirectUri;
    use crate::issuer::PublishedPolicy;
    use crate::issuer::tests::issuer;
    use crate::request::AuthorizationRequest;
    use crate::request::tests::request;
    use crate::subject::UpstreamId;
    use std::time::Duration;

    fn subject() -> Subject {
        Subject::new(&UpstreamId::parse("idp").unwrap(), "alice").unwrap()
    }

    fn approve(existing: Option<Consent>, scopes: &str, now: Timestamp) -> Consent {
        let decided = Decided { scopes: Scopes::parse(scopes).unwrap(), ..decided() };
        Consent::approve(
            existing,
            &Approval { decided: &decided, subject: &subject(), counters: Counters::default() },
            &issuer().lifetimes,
            now,
        )
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    /// Requirements: E2.
    #[test]
    fn scopes_accumulate_and_time_is_renewed() {
        let first = approve(None, "read", at(10));
        let second = approve(Some(first.clone()), "write", at(20));
        assert_eq!(second.scopes.to_string(), "read write");
        assert_eq!((second.created_at, second.approved_at, second.epoch), (at(10), at(20), first.epoch));
    }

    #[test]
    fn an_approval_after_a_revocation_starts_afresh_under_the_raised_epoch() {
        let first = approve(None, "read admin", at(10));
        let (first, _) = first.clone().admit(GrantId::from_bytes([1; 16]), at(100), at(11));
        let revoked = first.clone().revoke(at(15));
        assert!(!revoked.is_live(at(15)) && revoked.epoch > first.epoch && revoked.grants.is_empty());
        let again = approve(Some(revoked.clone()), "read", at(20));
        assert_eq!((again.scopes.to_string().as_str(), again.epoch), ("read", revoked.epoch));
        assert!(again.grants.is_empty() && again.is_live(at(20)));
    }

    /// Requirements: B39.
    #[test]
    fn another_client_under_the_same_id_inherits_nothing() {
        let first = approve(None, "read admin", at(10));
        let decided = Decided { metadata_digest: [9; 32], ..decided() };
        let second = Consent::approve(
            Some(first),
            &Approval { decided: &decided, subject: &subject(), counters: Counters::default() },
            &issuer().lifetimes,
            at(20),
        );
        assert_eq!(second.scopes.to_string(), "read");
    }

    /// Requirements: B31, B39.
    #[test]
    #[expect(clippy::too_many_lines, reason = "one approval, and each way in which a request differs from it")]
    fn a_consent_covers_exactly_the_approved_request() {
        let (client, asked) = (issuer().clients[0].clone(), request());
        let decided = Decided {
            scopes: asked.scopes.clone(),
            metadata_digest: client.metadata_digest(),
            redirect_uri: asked.redirect_uri.clone(),
            ..decided()
        };
        let none = Counters::default();
        let consent = Consent::approve(
            None,
            &Approval { decided: &decided, subject: &subject(), counters: none },
            &issuer().lifetimes,
            at(10),
        );
        assert_eq!(
            consent
                .covers(&asked, &Present { issuer: &issuer(), client: &client, counters: none, now: at(11) })
                .unwrap()
                .by(),
            &consent
        );

        assert_eq!(
            consent.covers(
                &asked,
                &Present { issuer: &issuer(), client: &client, counters: none, now: consent.expires_at }
            ),
            None,
            "expired"
        );
        assert_eq!(
            consent
                .clone()
                .revoke(at(11))
                .covers(&asked, &Present { issuer: &issuer(), client: &client, counters: none, now: at(11) }),
            None,
            "revoked"
        );
        for raised in [Counters { issuer: 1, ..none }, Counters { client: 1, ..none }, Counters { subject: 1, ..none }]
        {
            assert_eq!(
                consent.covers(&asked, &Present { issuer: &issuer(), client: &client, counters: raised, now: at(11) }),
                None,
                "{raised:?}"
            );
            let anew = Consent::approve(
                Some(consent.clone()),
                &Approval { decided: &decided, subject: &subject(), counters: raised },
                &issuer().lifetimes,
                at(12),
            );
            assert!(
                anew.covers(&asked, &Present { issuer: &issuer(), client: &client, counters: raised, now: at(13) })
                    .is_some()
            );
        }
        type Change = fn(&mut AuthorizationRequest);
        let changes: [Change; 4] = [
            |asked| asked.client_id = ClientId::parse("another").unwrap(),
            |asked| asked.resource = "https://other.example/mcp".to_owned(),
            |asked| asked.scopes = Scopes::parse("read write").unwrap(),
            |asked| asked.redirect_uri = RedirectUri::parse("https://app.example/cb2", &[]).unwrap(),
        ];
        for change in changes {
            let mut changed = asked.clone();
            change(&mut changed);
            assert_eq!(
                consent.covers(&changed, &Present { issuer: &issuer(), client: &client, counters: none, now: at(11) }),
                None,
                "{changed:?}"
            );
        }
        let renamed = Client { name: Some("Another".to_owned()), ..client };
        assert_eq!(
            consent.covers(&asked, &Present { issuer: &issuer(), client: &renamed, counters: none, now: at(11) }),
            None
        );
    }

    /// Requirements: B31.
    #[test]
    fn a_consent_under_an_old_policy_is_in_force_but_covers_no_request() {
        let policy = |version: &str| PublishedPolicy { version: version.to_owned(), uri: None };
        let under = |policy: Option<PublishedPolicy>| Issuer { published_policy: policy, ..issuer() };
        let (client, asked, none) = (issuer().clients[0].clone(), request(), Counters::default());
        let given_under = |version: Option<&str>| {
            let decided = Decided {
                redirect_uri: asked.redirect_uri.clone(),
                policy_version: version.map(str::to_owned),
                ..decided()
            };
            Consent::approve(
                None,
                &Approval { decided: &decided, subject: &subject(), counters: none },
                &issuer().lifetimes,
                at(10),
            )
        };
        for (given, now, covers) in [
            (None, None, true),
            (Some("1"), Some("1"), true),
            (Some("1"), Some("2"), false),
            (None, Some("1"), false),
            (Some("1"), None, true),
        ] {
            let (consent, issuer) = (given_under(given), under(now.map(policy)));
            assert_eq!(
                consent
                    .covers(&asked, &Present { issuer: &issuer, client: &client, counters: none, now: at(11) })
                    .is_some(),
                covers,
                "{given:?} {now:?}"
            );
            assert!(consent.stands(&client, none, at(11)) && consent.is_live(at(11)));
        }
    }

    #[test]
    fn repeating_a_consent_changes_only_its_screen() {
        let (first, presented_to) = (approve(None, "read", at(10)), subject());
        for (seen, how) in [
            (PresentedScreen::Full { presented_to: None }, ConsentScreen::Full),
            (PresentedScreen::OneClick { presented_to: presented_to.clone() }, ConsentScreen::OneClick),
            (PresentedScreen::Skipped { presented_to }, ConsentScreen::Skipped),
        ] {
            let again = first.repeat(&decided(), &seen);
            assert_eq!(again, Consent { how, ..first.clone() });
            let nameless = Consent { client_name: None, ..first.clone() };
            assert_eq!(nameless.repeat(&decided(), &seen), again, "an earlier release kept no name");
            assert_eq!(approve(Some(again), "read", at(20)).how, ConsentScreen::Full, "the full page was shown again");
        }
    }

    #[test]
    fn scopes_revoked_by_a_counter_are_not_inherited() {
        let first = approve(None, "read admin", at(10));
        let raised = Counters { subject: 1, ..Counters::default() };
        let decided = Decided { scopes: Scopes::parse("read").unwrap(), ..decided() };
        let second = Consent::approve(
            Some(first),
            &Approval { decided: &decided, subject: &subject(), counters: raised },
            &issuer().lifetimes,
            at(20),
        );
        assert_eq!(second.scopes.to_string(), "read");
    }

    #[test]
    fn a_new_consent_does_not_revive_grants_of_a_deleted_or_expired_one() {
        assert_ne!(approve(None, "read", at(10)).epoch, approve(None, "read", at(20)).epoch);
        let first = approve(None, "read admin", at(10));
        let again = approve(Some(first.clone()), "read", first.expires_at);
        assert!(again.epoch > first.epoch && again.grants.is_empty());
        assert_eq!(again.scopes.to_string(), "read", "scopes are not inherited");
    }

    #[test]
    fn the_twenty_first_grant_displaces_the_oldest() {
        let mut consent = approve(None, "read", at(0));
        for n in 0..MAX_GRANTS as u8 {
            let (next, leaving) = consent.admit(GrantId::from_bytes([n; 16]), at(100), at(1));
            assert!(leaving.is_empty());
            consent = next;
        }
        let (full, leaving) = consent.clone().admit(GrantId::from_bytes([99; 16]), at(100), at(1));
        assert_eq!((full.grants.len(), leaving), (MAX_GRANTS, vec![GrantId::from_bytes([0; 16])]));
        let (later, leaving) = consent.admit(GrantId::from_bytes([99; 16]), at(300), at(100));
        assert_eq!((later.grants.len(), leaving.len()), (1, 0), "expired grants are removed");
    }

    #[test]
    fn approved_loopback_uris_are_remembered_without_port() {
        for (uri, kept) in [
            ("http://127.0.0.1:54321/cb?x=1", "http://127.0.0.1/cb?x=1"),
            ("http://[::1]/cb", "http://[::1]/cb"),
            ("http://[::1]:77/cb", "http://[::1]/cb"),
            ("http://localhost/cb", "http://localhost/cb"),
            ("https://app.example:8443/cb", "https://app.example:8443/cb"),
            ("https://localhost:8443/cb", "https://localhost:8443/cb"),
        ] {
            assert_eq!(RedirectUri::parse(uri, &[]).unwrap().without_chosen_port(), kept);
        }
        let consent = approve(None, "read", at(0));
        assert!(!consent.is_live(at(0) + issuer().lifetimes.consent));
        assert!(consent.is_live(at(0) + issuer().lifetimes.consent.saturating_sub(Duration::from_millis(1))));
    }
}
