//! Connections: a person's account at the upstream, as this service may use it.
//!
//! The upstream's tokens belong to a person at an upstream, not to a grant: providers keep few tokens for each person and
//! client id and drop the oldest silently, and copies of one rotating refresh token end each other. Every login makes or
//! renews the one connection of its subject; grants reach it through their subject.
//!
//! ```text
//!            lease              Refreshed, Unavailable
//!   Live ───────────► Refreshing ───────────► Live
//!    ▲                 │  │   ▲
//!    │ login           │  │   │ lease
//!    │   ┌─────────────┘  └───┴── Uncertain   the outcome of a refresh is unknown: no answer, or the process ended
//!   Rejected, Ended                           before it stored the answer
//! ```
//!
//! A refresh is leased before the refresh token is sent, so that one call at a time uses it, on any number of nodes. Its
//! outcome is one of [`RefreshOutcome`]. An unknown outcome is never guessed: the stored refresh token is tried once more,
//! and if the upstream refuses it then, the person signs in again. Nothing else that the person allowed ends.

use std::time::Duration;

use crate::Refusal;
use crate::id::{Attempt, AuthorizationId, ConnectionId};
use crate::issuer::Issuer;
use crate::keys::{Keys, short_digest};
use crate::secret::{Secret, kind};
use crate::subject::Subject;
use crate::time::Timestamp;
use crate::upstream::tokens::{SealedFor, SealedTokens, UpstreamTokens};

/// The time that one refresh may take, the commit of its outcome included. Longer than the limit of a call to the upstream.
pub const LEASE: Duration = Duration::from_secs(20);
/// The pause after a refresh that the upstream did not answer.
pub const PAUSE: Duration = Duration::from_secs(5);
/// A token that was obtained less than this ago is not replaced, also if a resource server reports it as rejected.
pub const LEAST_AGE: Duration = Duration::from_secs(60);
/// A token is replaced this long before its end, or at three quarters of its lifetime if that is later.
const MARGIN: Duration = Duration::from_secs(60);
/// The logins that a connection remembers: a code may be outstanding for each.
const MAX_LOGINS: usize = 8;

/// The connection of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The person. The subject names the upstream, too.
    pub subject: Subject,
    /// The number of the token set. Each login and each refresh raises it.
    pub generation: u64,
    /// The upstream's tokens; `None` if the connection has ended or was rejected.
    pub tokens: Option<SealedTokens>,
    /// The time at which these tokens were obtained.
    pub obtained_at: Timestamp,
    /// The latest login.
    pub signed_in_at: Timestamp,
    /// The latest authorizations of the person, oldest first: while a code of one can be redeemed, the connection is needed.
    pub logins: Vec<AuthorizationId>,
    /// The state.
    pub state: ConnectionState,
    /// No refresh begins before this instant, because the upstream did not answer the last one.
    pub retry_at: Option<Timestamp>,
    /// The resources whose servers have been given this token set, as [`resource_digest`]. The event of a given token is
    /// written once for each.
    pub given_to: Vec<[u8; 16]>,
}

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// The tokens are in order, as far as is known.
    Live,
    /// One call sends the refresh token.
    Refreshing(Lease),
    /// A refresh had no known outcome: the refresh token may be used up.
    Uncertain,
    /// The upstream has refused the refresh token: the person must sign in again.
    Rejected {
        /// The time of the refusal.
        at: Timestamp,
    },
    /// The person or an operator ended the connection.
    Ended {
        /// The time it ended.
        at: Timestamp,
    },
}

/// The right of one call to send the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The call.
    pub attempt: Attempt,
    /// The lease ends at this time. If its call has not stored an outcome by then, the outcome is unknown.
    pub until: Timestamp,
    /// True if the outcome of the refresh before this one is unknown.
    pub after_unknown: bool,
}

/// What a call needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// An access token.
    AccessToken,
    /// Another access token than this one, which the upstream's API has answered with 401.
    Instead(Secret<kind::UpstreamAccessToken>),
    /// An access token that was obtained less than this ago, if it can be refreshed: with the new one the upstream may state
    /// claims.
    YoungerThan(Duration),
}

/// The next step of a call that needs an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtUse {
    /// Give the stored access token.
    Give,
    /// Take the lease, and refresh.
    Refresh,
    /// Another call refreshes: wait for its outcome.
    Wait,
    /// The stored access token was rejected and there is no refresh token: record that the person must sign in.
    Reject,
}

/// The outcome of sending a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// New tokens. They have a refresh token if the old one had: providers that do not rotate send none.
    Refreshed(UpstreamTokens),
    /// The upstream refuses the refresh token, for good.
    Refused,
    /// The upstream was certainly not reached, or answered that it cannot answer now. The refresh token is as it was.
    Unavailable,
    /// The request may have arrived, and no usable answer came: the refresh token may be used up.
    Unknown,
}

impl Connection {
    /// The connection after a login. `tokens` are sealed for [`connection_id`].
    pub fn after_login(existing: Option<&Self>, subject: &Subject, login: NewLogin) -> Self {
        let NewLogin { authorization, tokens, at } = login;
        let mut logins = existing.map(|existing| existing.logins.clone()).unwrap_or_default();
        logins.retain(|known| *known != authorization);
        logins.push(authorization);
        let surplus = logins.len().saturating_sub(MAX_LOGINS);
        logins.drain(..surplus);
        Self {
            subject: subject.clone(),
            generation: existing.map_or(0, |existing| existing.generation) + 1,
            tokens: Some(tokens),
            obtained_at: at,
            signed_in_at: at,
            logins,
            state: ConnectionState::Live,
            retry_at: None,
            given_to: Vec::new(),
        }
    }

    /// The id, for which the tokens are sealed.
    pub fn id(&self) -> ConnectionId {
        connection_id(&self.subject)
    }

    /// Opens the tokens; `None` if there are none, or if their key was deleted.
    pub fn open_tokens(&self, issuer: &Issuer, keys: &Keys) -> Option<UpstreamTokens> {
        UpstreamTokens::open(self.tokens.as_ref()?, SealedFor::Connection(self.id()), issuer, keys)
    }

    /// True if the upstream's tokens can be given, or refreshed first.
    pub fn is_live(&self) -> bool {
        match self.state {
            ConnectionState::Live | ConnectionState::Refreshing(_) | ConnectionState::Uncertain => {
                self.tokens.is_some()
            }
            ConnectionState::Rejected { .. } | ConnectionState::Ended { .. } => false,
        }
    }

    /// The next step of a call that needs an access token. `tokens` are the opened ones; `None` if they do not open because
    /// their key was deleted.
    ///
    /// Refuses with [`Refusal::UpstreamLoginNeeded`] if only the person can help, and with
    /// [`Refusal::UpstreamTokenUnavailable`] if waiting can.
    pub fn at_use(&self, tokens: Option<&UpstreamTokens>, need: &Need, now: Timestamp) -> Result<AtUse, Refusal> {
        let tokens = tokens.filter(|_| self.is_live()).ok_or(Refusal::UpstreamLoginNeeded)?;
        let is_rejected = self.is_believed(tokens, need, now);
        let serves = !is_rejected && !self.is_older(tokens, need, now);
        let is_usable = serves && tokens.expires_at.is_none_or(|end| now < end);
        if is_usable && !self.is_nearly_over(tokens, now) {
            return Ok(AtUse::Give);
        }
        let step = if self.is_leased(now) {
            Ok(AtUse::Wait)
        } else if tokens.refresh_token.is_none() {
            if is_rejected { Ok(AtUse::Reject) } else { Err(Refusal::UpstreamLoginNeeded) }
        } else if self.retry_at.is_some_and(|retry_at| now < retry_at && now.until(retry_at) <= PAUSE) {
            Err(Refusal::UpstreamTokenUnavailable)
        } else {
            Ok(AtUse::Refresh)
        };
        // The token that is nearly over serves while another call refreshes, and if a refresh is not possible now.
        if is_usable && step != Ok(AtUse::Refresh) { Ok(AtUse::Give) } else { step }
    }

    /// True if another call has the right to send the refresh token. A lease that ends too far ahead was taken before a step
    /// back of the clock, and is over.
    fn is_leased(&self, now: Timestamp) -> bool {
        match self.state {
            ConnectionState::Refreshing(lease) => now <= lease.until && now.until(lease.until) <= LEASE,
            ConnectionState::Live
            | ConnectionState::Uncertain
            | ConnectionState::Rejected { .. }
            | ConnectionState::Ended { .. } => false,
        }
    }

    /// The lease that `attempt` has taken, if it still has it.
    pub fn lease_of(&self, attempt: Attempt) -> Option<Lease> {
        match self.state {
            ConnectionState::Refreshing(lease) => Some(lease).filter(|lease| lease.attempt == attempt),
            ConnectionState::Live
            | ConnectionState::Uncertain
            | ConnectionState::Rejected { .. }
            | ConnectionState::Ended { .. } => None,
        }
    }

    /// An early 401 of the upstream's API is real now and then: it is believed of the token that is stored, once, and not of
    /// a token that is younger than a minute.
    fn is_believed(&self, tokens: &UpstreamTokens, need: &Need, now: Timestamp) -> bool {
        match need {
            Need::AccessToken | Need::YoungerThan(_) => false,
            Need::Instead(rejected) => {
                tokens.access_token == *rejected && !now.age_of_record(self.obtained_at).is_below(LEAST_AGE)
            }
        }
    }

    fn is_older(&self, tokens: &UpstreamTokens, need: &Need, now: Timestamp) -> bool {
        match need {
            Need::AccessToken | Need::Instead(_) => false,
            Need::YoungerThan(age) => {
                tokens.refresh_token.is_some() && !now.age_of_record(self.obtained_at).is_below(*age)
            }
        }
    }

    fn is_nearly_over(&self, tokens: &UpstreamTokens, now: Timestamp) -> bool {
        tokens.expires_at.is_some_and(|end| {
            let margin = MARGIN.min(self.obtained_at.until(end) / 4);
            now + margin >= end
        })
    }

    /// The connection while one call refreshes its tokens.
    pub fn lease(self, attempt: Attempt, now: Timestamp) -> Self {
        let after_unknown = match self.state {
            ConnectionState::Live => false,
            // A lease that is over: its process ended, or could not store the answer.
            ConnectionState::Refreshing(_) | ConnectionState::Uncertain => true,
            ConnectionState::Rejected { .. } | ConnectionState::Ended { .. } => false,
        };
        let lease = Lease { attempt, until: now + LEASE, after_unknown };
        Self { state: ConnectionState::Refreshing(lease), ..self }
    }

    /// The connection after the refresh under `lease`. `tokens` are the sealed ones of [`RefreshOutcome::Refreshed`].
    pub fn after_refresh(self, lease: Lease, outcome: StoredOutcome, now: Timestamp) -> Self {
        let unchanged = if lease.after_unknown { ConnectionState::Uncertain } else { ConnectionState::Live };
        match outcome {
            StoredOutcome::Refreshed(tokens) => Self {
                generation: self.generation + 1,
                tokens: Some(tokens),
                obtained_at: now,
                state: ConnectionState::Live,
                retry_at: None,
                given_to: Vec::new(),
                ..self
            },
            StoredOutcome::Refused => self.reject(now),
            StoredOutcome::Unavailable => Self { state: unchanged, retry_at: Some(now + PAUSE), ..self },
            StoredOutcome::Unknown => Self { state: ConnectionState::Uncertain, retry_at: Some(now + PAUSE), ..self },
        }
    }

    /// The connection after the upstream has refused its tokens.
    pub fn reject(self, at: Timestamp) -> Self {
        Self { state: ConnectionState::Rejected { at }, tokens: None, retry_at: None, given_to: Vec::new(), ..self }
    }

    /// The connection after the person or an operator has ended it; `None` if it was rejected or has ended before.
    pub fn end(self, at: Timestamp) -> Option<Self> {
        let state = ConnectionState::Ended { at };
        self.is_live().then(|| Self { state, tokens: None, retry_at: None, given_to: Vec::new(), ..self })
    }

    /// The connection with these tokens in place of the present ones, from which they differ in what the upstream states about
    /// the person.
    pub fn learn(self, tokens: SealedTokens) -> Self {
        Self { tokens: Some(tokens), ..self }
    }

    /// True if a server of `resource` has been given the present tokens before.
    pub fn was_given_to(&self, resource: &str) -> bool {
        self.given_to.contains(&resource_digest(resource))
    }

    /// The connection after a server of `resource` was given the present tokens for the first time.
    pub fn give_to(mut self, resource: &str) -> Self {
        self.given_to.push(resource_digest(resource));
        self
    }
}

/// A login that makes or renews a connection.
#[derive(Clone, Debug)]
pub struct NewLogin {
    /// The authorization that the person signed in for.
    pub authorization: AuthorizationId,
    /// The upstream's tokens, sealed for [`connection_id`].
    pub tokens: SealedTokens,
    /// The time.
    pub at: Timestamp,
}

/// [`RefreshOutcome`], with the tokens sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredOutcome {
    /// New tokens.
    Refreshed(SealedTokens),
    /// The upstream refuses the refresh token.
    Refused,
    /// The refresh token is as it was.
    Unavailable,
    /// The refresh token may be used up.
    Unknown,
}

/// The id of the connection of `subject`.
pub fn connection_id(subject: &Subject) -> ConnectionId {
    ConnectionId::from_bytes(short_digest("connection id", &[subject.as_str().as_bytes()]))
}

fn resource_digest(resource: &str) -> [u8; 16] {
    short_digest("resource of a given token", &[resource.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyId;
    use crate::subject::UpstreamId;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn sealed(n: u8) -> SealedTokens {
        SealedTokens { key: KeyId(1), bytes: vec![n] }
    }

    fn connection() -> Connection {
        let subject = Subject::new(&UpstreamId::parse("idp").unwrap(), "alice").unwrap();
        let login = NewLogin { authorization: AuthorizationId::from_bytes([1; 16]), tokens: sealed(1), at: NOW };
        Connection::after_login(None, &subject, login)
    }

    fn tokens(lifetime: Option<u64>, refreshable: bool) -> UpstreamTokens {
        UpstreamTokens {
            access_token: Secret::new("at"),
            refresh_token: refreshable.then(|| Secret::new("rt")),
            expires_at: lifetime.map(|seconds| NOW + Duration::from_secs(seconds)),
            scopes: String::new(),
            claims: None,
        }
    }

    fn after(seconds: u64) -> Timestamp {
        NOW + Duration::from_secs(seconds)
    }

    fn lease_of(connection: &Connection) -> Lease {
        match connection.state {
            ConnectionState::Refreshing(lease) => lease,
            other => panic!("no lease: {other:?}"),
        }
    }

    fn leased(connection: Connection, now: Timestamp) -> Connection {
        connection.lease(Attempt::from_bytes([9; 16]), now)
    }

    const LOGIN: Result<AtUse, Refusal> = Err(Refusal::UpstreamLoginNeeded);
    const LATER: Result<AtUse, Refusal> = Err(Refusal::UpstreamTokenUnavailable);

    #[test]
    fn a_token_is_given_until_shortly_before_its_end_and_then_replaced() {
        for (lifetime, refreshable, at, expected) in [
            (Some(3600), true, 0, Ok(AtUse::Give)),
            (Some(3600), true, 3539, Ok(AtUse::Give)),
            (Some(3600), true, 3540, Ok(AtUse::Refresh)),
            (Some(3600), true, 3600, Ok(AtUse::Refresh)),
            (Some(8), true, 5, Ok(AtUse::Give)),
            (Some(8), true, 6, Ok(AtUse::Refresh)),
            (Some(3600), false, 3599, Ok(AtUse::Give)),
            (Some(3600), false, 3600, LOGIN),
            (None, true, 1_000_000, Ok(AtUse::Give)),
            (None, false, 1_000_000, Ok(AtUse::Give)),
        ] {
            let found = connection().at_use(Some(&tokens(lifetime, refreshable)), &Need::AccessToken, after(at));
            assert_eq!(found, expected, "{lifetime:?} {refreshable} {at}");
        }
        assert_eq!(connection().at_use(None, &Need::AccessToken, NOW), LOGIN, "its key was deleted");
    }

    #[test]
    fn a_rejected_token_is_replaced_at_most_once_a_minute() {
        let use_at = |tokens: &UpstreamTokens, rejected, at| {
            connection().at_use(Some(tokens), &Need::Instead(Secret::new(rejected)), after(at))
        };
        for lifetime in [None, Some(3600)] {
            assert_eq!(use_at(&tokens(lifetime, true), "at", 59), Ok(AtUse::Give), "it is younger than a minute");
            assert_eq!(use_at(&tokens(lifetime, true), "at", 60), Ok(AtUse::Refresh));
            assert_eq!(use_at(&tokens(lifetime, true), "another", 60), Ok(AtUse::Give), "it was replaced since");
            assert_eq!(use_at(&tokens(lifetime, false), "at", 60), Ok(AtUse::Reject));
        }
    }

    #[test]
    fn a_token_that_is_too_old_for_its_claims_is_replaced_if_that_is_possible() {
        let need = Need::YoungerThan(Duration::from_secs(600));
        for (lifetime, refreshable, at, expected) in [
            (Some(3600), true, 599, Ok(AtUse::Give)),
            (Some(3600), true, 600, Ok(AtUse::Refresh)),
            (None, true, 600, Ok(AtUse::Refresh)),
            (None, false, 600, Ok(AtUse::Give)),
            (Some(3600), false, 3599, Ok(AtUse::Give)),
            (Some(3600), false, 3600, LOGIN),
        ] {
            let found = connection().at_use(Some(&tokens(lifetime, refreshable)), &need, after(at));
            assert_eq!(found, expected, "{lifetime:?} {refreshable} {at}");
        }
        let use_of = |connection: Connection| connection.at_use(Some(&tokens(Some(3600), true)), &need, after(601));
        assert_eq!(use_of(leased(connection(), after(600))), Ok(AtUse::Wait), "the old one does not serve");
        let leased = leased(connection(), after(600));
        let lease = lease_of(&leased);
        assert_eq!(use_of(leased.clone().after_refresh(lease, StoredOutcome::Unavailable, after(600))), LATER);
        let refreshed = leased.after_refresh(lease, StoredOutcome::Refreshed(sealed(2)), after(600));
        assert_eq!(use_of(refreshed), Ok(AtUse::Give), "one refresh is enough");
    }

    #[test]
    fn others_wait_for_a_refresh_or_use_the_token_that_is_not_over_yet() {
        let (soon, over) = (after(3590), after(3601));
        for (began, at, expected) in
            [(soon, soon, Ok(AtUse::Give)), (over, over, Ok(AtUse::Wait)), (over, over + LEASE, Ok(AtUse::Wait))]
        {
            let found = leased(connection(), began).at_use(Some(&tokens(Some(3600), true)), &Need::AccessToken, at);
            assert_eq!(found, expected, "{began} {at}");
        }
        let late = over + LEASE + Duration::from_millis(1);
        let lost = leased(connection(), over);
        assert_eq!(lost.at_use(Some(&tokens(Some(3600), true)), &Need::AccessToken, late), Ok(AtUse::Refresh));
        assert!(lease_of(&leased(lost, late)).after_unknown, "the outcome of the lost refresh is unknown");
    }

    #[test]
    fn a_lease_of_the_future_is_over() {
        let far = leased(connection(), after(100_000));
        assert_eq!(far.at_use(Some(&tokens(Some(1), true)), &Need::AccessToken, after(2)), Ok(AtUse::Refresh));
    }

    /// Each outcome of a refresh, also of one that follows a refresh without a known outcome.
    #[test]
    fn only_a_refusal_ends_the_connection_and_only_an_answer_settles_it() {
        let expired = tokens(Some(1), true);
        let over = after(10);
        let uncertain = {
            let leased = leased(connection(), over);
            let lease = lease_of(&leased);
            leased.after_refresh(lease, StoredOutcome::Unknown, over)
        };
        assert_eq!((uncertain.state, uncertain.tokens.as_ref()), (ConnectionState::Uncertain, Some(&sealed(1))));
        for (before, is_uncertain) in [(connection(), false), (uncertain, true)] {
            let begin = || {
                let leased = leased(before.clone(), over);
                let lease = lease_of(&leased);
                assert_eq!(lease.after_unknown, is_uncertain);
                (leased, lease)
            };
            let (connection, lease) = begin();
            let refreshed = connection.after_refresh(lease, StoredOutcome::Refreshed(sealed(2)), over);
            assert_eq!((refreshed.state, &refreshed.tokens), (ConnectionState::Live, &Some(sealed(2))));
            assert_eq!((refreshed.generation, refreshed.obtained_at), (before.generation + 1, over));

            let (connection, lease) = begin();
            let rejected = connection.after_refresh(lease, StoredOutcome::Refused, over);
            assert_eq!((rejected.state, &rejected.tokens), (ConnectionState::Rejected { at: over }, &None));
            assert_eq!(rejected.at_use(None, &Need::AccessToken, over), LOGIN);

            let unchanged = if is_uncertain { ConnectionState::Uncertain } else { ConnectionState::Live };
            for (outcome, state) in
                [(StoredOutcome::Unavailable, unchanged), (StoredOutcome::Unknown, ConnectionState::Uncertain)]
            {
                let (connection, lease) = begin();
                let next = connection.after_refresh(lease, outcome, over);
                assert_eq!((next.state, &next.tokens, next.generation), (state, &before.tokens, before.generation));
                assert_eq!(next.at_use(Some(&expired), &Need::AccessToken, over), LATER, "for a moment");
                assert_eq!(next.at_use(Some(&expired), &Need::AccessToken, over + PAUSE), Ok(AtUse::Refresh));
                assert_eq!(next.at_use(Some(&expired), &Need::AccessToken, after(2)), Ok(AtUse::Refresh), "step back");
            }
        }
    }

    #[test]
    fn a_login_repairs_every_state() {
        let subject = connection().subject;
        for broken in
            [connection().reject(NOW), connection().end(NOW).unwrap(), leased(connection(), NOW), connection()]
        {
            let login = |n: u8| NewLogin {
                authorization: AuthorizationId::from_bytes([n; 16]),
                tokens: sealed(n),
                at: after(9),
            };
            let repaired = Connection::after_login(Some(&broken), &subject, login(2));
            assert!(repaired.is_live() && repaired.generation > broken.generation, "{broken:?}");
            assert_eq!((repaired.tokens.as_ref(), repaired.logins.len()), (Some(&sealed(2)), 2));
            let many = (3..30).fold(repaired, |last, n| Connection::after_login(Some(&last), &subject, login(n)));
            assert_eq!(many.logins.len(), MAX_LOGINS);
        }
    }

    #[test]
    fn a_new_token_set_was_given_to_no_resource() {
        let given = connection().give_to("https://a.example");
        assert!(given.was_given_to("https://a.example") && !given.was_given_to("https://b.example"));
        let leased = leased(given, NOW);
        let lease = lease_of(&leased);
        assert!(leased.was_given_to("https://a.example"));
        let next = leased.after_refresh(lease, StoredOutcome::Refreshed(sealed(2)), NOW);
        assert!(!next.was_given_to("https://a.example"));
    }
}
