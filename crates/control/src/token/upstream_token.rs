//! The upstream's access token of a person, for the resource servers that may have it: by token exchange (RFC 8693), by gRPC,
//! at `/verify` and for Envoy. All of them come here.
//!
//! A token is given only if, in one snapshot, the grant is live, the resource is configured to get one, the consent page said
//! so, and the connection has one. A token that is over is refreshed first. One call refreshes, on all nodes together: it
//! takes a lease in the store before it sends the refresh token. Other calls of this process wait for it, those of other
//! processes read the store until its outcome is there.

use std::time::Duration;

use lychgate_domain::Refusal;
use lychgate_domain::entropy::random;
use lychgate_domain::event::{EventKind, EventTarget};
use lychgate_domain::id::{Attempt, GrantId};
use lychgate_domain::issuer::LearnedClaims;
use lychgate_domain::secret::Secret;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use lychgate_domain::token::{Grant, token_exchange};
use lychgate_domain::upstream::connection::{
    AtUse, Connection, ConnectionState, Lease, Need, NewLogin, RefreshOutcome, StoredOutcome, connection_id,
};
use lychgate_domain::upstream::tokens::{SealedFor, UpstreamTokens};
use lychgate_store::Versioned;
use lychgate_store::connections::ConnectionUpdate;
use tokio::time::{Instant, timeout};

use super::AccessToken;
use super::live::live_with_connection;
use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;
use crate::metrics::use_cases::LeaseHolder;
use crate::state::{CallContext, CommandContext};
use crate::upstream::RefreshReply;

/// A call waits this long for a refresh; clients of the edge wait ten seconds.
const PATIENCE: Duration = Duration::from_secs(8);
/// The keys that verify the ID token of a refresh are awaited this long. The refreshed tokens are not stored before.
const PATIENCE_FOR_CLAIMS: Duration = Duration::from_secs(3);
/// The interval at which the store is read while another process refreshes.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// A store that is unavailable for a moment must not lose the answer to a refresh.
const STORE_TRIES: usize = 80;

/// An upstream access token for a resource server.
pub(crate) struct GivenToken {
    pub(crate) access_token: String,
    /// The seconds until it ends; `None` if the upstream did not say.
    pub(crate) expires_in_seconds: Option<u64>,
    /// Its scopes, space-separated; empty if they are not known.
    pub(crate) scope: String,
    /// The configured id of the upstream.
    pub(crate) upstream_id: String,
}

/// Finds the upstream's tokens of a grant's person, refreshed if that is due.
pub(crate) struct UpstreamTokenAccess {
    command: CommandContext,
    need: Need,
}

/// What the upstream's tokens are needed for.
#[derive(Clone, Copy)]
enum Purpose<'a> {
    /// For the resource server that presents an access token.
    ResourceServer(&'a AccessToken),
    /// To ask the upstream about the person of a grant.
    Claims(GrantId),
}

/// Tokens that can be used now, and the records that they were read with.
pub(super) struct UsableTokens {
    pub(super) call: CommandContext,
    grant: Grant,
    connection: Versioned<Connection>,
    pub(super) tokens: UpstreamTokens,
}

impl UpstreamTokenAccess {
    /// What this call writes has an idempotency key of its own: what it gives follows from the records alone. `rejected` is an
    /// access token that the upstream's API has answered with 401.
    pub(crate) fn new(call: &CallContext, rejected: Option<String>) -> Self {
        Self::needing(call, rejected.map_or(Need::AccessToken, |token| Need::Instead(Secret::new(token))))
    }

    pub(super) fn needing(call: &CallContext, need: Need) -> Self {
        let attempt = Attempt::from_bytes(random(call.entropy()));
        Self { command: call.clone().command(attempt), need }
    }

    /// The upstream's access token of the person who gave `token`, an access token that is good. `accept` judges the upstream's
    /// token before the event log says that it was given.
    ///
    /// Refuses as [`Grant::live`], [`token_exchange::may_receive`], [`Connection::at_use`] and `accept`.
    pub(crate) async fn give<T>(
        &self,
        token: &AccessToken,
        accept: impl Fn(GivenToken) -> Result<T, Refusal>,
    ) -> Result<T, Error> {
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            let usable = self.usable(Purpose::ResourceServer(token), give_up_at).await?;
            let UsableTokens { call, grant, connection, tokens } = &usable;
            let accepted = accept(given(call, tokens))?;
            if self.record_given(call, grant, connection).await? {
                return Ok(accepted);
            }
        }
    }

    /// The tokens to ask the upstream with about the person of a grant. Refuses as [`Grant::live`] and [`Connection::at_use`].
    pub(super) async fn for_claims(&self, grant: GrantId) -> Result<UsableTokens, Error> {
        self.usable(Purpose::Claims(grant), Instant::now() + PATIENCE).await
    }

    /// Refuses with [`Refusal::UpstreamTokenUnavailable`] if there are none until `give_up_at`.
    async fn usable(&self, purpose: Purpose<'_>, give_up_at: Instant) -> Result<UsableTokens, Error> {
        while Instant::now() < give_up_at {
            let call = self.command.at_present();
            let (grant, found) = purpose.load(&call).await?;
            let Some(connection) = found else {
                self.adopt(&call, &grant).await?;
                continue;
            };
            let (grant, tokens) = (grant.value, open(&call, &connection.value));
            match (connection.value.at_use(tokens.as_ref(), &self.need, call.now)?, tokens) {
                (AtUse::Give, Some(tokens)) => return Ok(UsableTokens { call, grant, connection, tokens }),
                (AtUse::Reject, _) => self.record_rejected(&call, &grant, connection).await?,
                (AtUse::Refresh | AtUse::Wait | AtUse::Give, _) => self.wait_for_refresh(&grant, give_up_at).await?,
            }
        }
        Err(Refusal::UpstreamTokenUnavailable.into())
    }

    /// Stores what the upstream has just stated about the person. After a conflict it is not stored, and the next refresh asks
    /// the upstream again.
    pub(super) async fn learn(&self, usable: UsableTokens, learned: &LearnedClaims) -> Result<(), Error> {
        let UsableTokens { call, connection: read, tokens, .. } = usable;
        let (issuer, sealed_for) = (call.issuer(), SealedFor::Connection(read.value.id()));
        let tokens = tokens.with_claims(issuer.claims_to_keep(&learned.claims, learned.at));
        let next = read.value.clone().learn(tokens.seal(sealed_for, issuer, call.keys(), call.entropy()));
        let update = ConnectionUpdate { read: Some(&read), connection: &next, superseded: None, event: None };
        let (Commit::Done(_) | Commit::Conflict) = call.update_connection(&update).await?;
        Ok(())
    }

    /// Records that the resource was given this token set, once, with an event. False after a conflict.
    async fn record_given(
        &self,
        call: &CommandContext,
        grant: &Grant,
        read: &Versioned<Connection>,
    ) -> Result<bool, Error> {
        if read.value.was_given_to(&grant.resource) {
            return Ok(true);
        }
        let next = read.value.clone().give_to(&grant.resource);
        let event = call.event(EventKind::UpstreamTokenGiven { grant_id: grant.id }, about(grant));
        let update = ConnectionUpdate { read: Some(read), connection: &next, superseded: None, event: Some(&event) };
        Ok(match call.update_connection(&update).await? {
            Commit::Done(_) => true,
            Commit::Conflict => false,
        })
    }

    /// Records that the upstream has rejected a token that cannot be refreshed. After a conflict the caller reads again.
    async fn record_rejected(
        &self,
        call: &CommandContext,
        grant: &Grant,
        read: Versioned<Connection>,
    ) -> Result<(), Error> {
        let next = read.value.clone().reject(call.now);
        let event = call.event(EventKind::ConnectionRejected, about(grant));
        let update = ConnectionUpdate { read: Some(&read), connection: &next, superseded: None, event: Some(&event) };
        let (Commit::Done(_) | Commit::Conflict) = call.update_connection(&update).await?;
        Ok(())
    }

    /// Moves the tokens of a grant from a release without connections. Refuses with [`Refusal::UpstreamLoginNeeded`] if it has
    /// none.
    async fn adopt(&self, call: &CommandContext, grant: &Versioned<Grant>) -> Result<(), Error> {
        let (issuer, keys, value) = (call.issuer(), call.keys(), &grant.value);
        let sealed = value.upstream_tokens.as_ref();
        let tokens = sealed.and_then(|sealed| UpstreamTokens::open(sealed, SealedFor::Grant(value.id), issuer, keys));
        let tokens = tokens.ok_or(Refusal::UpstreamLoginNeeded)?;
        let sealed_for = SealedFor::Connection(connection_id(&value.subject));
        let login = NewLogin {
            authorization: value.authorization_id,
            tokens: tokens.seal(sealed_for, issuer, keys, call.entropy()),
            at: value.created_at,
        };
        let connection = Connection::after_login(None, &value.subject, login);
        // A conflict: the person has signed in meanwhile, or another call has moved the tokens.
        match call.store().adopt_upstream_tokens(issuer, grant, &connection, call.now).await? {
            Commit::Done(_) => call.count_connection(None, Some(&connection)),
            Commit::Conflict => {}
        }
        Ok(())
    }

    /// Refreshes the connection, or waits until another call has. Refuses with [`Refusal::UpstreamTokenUnavailable`] if that
    /// takes too long.
    async fn wait_for_refresh(&self, grant: &Grant, give_up_at: Instant) -> Result<(), Error> {
        let (state, issuer) = (&self.command.state, self.command.issuer());
        let left = give_up_at.saturating_duration_since(Instant::now());
        let key = (issuer.id.clone(), connection_id(&grant.subject));
        let ended = match state.refreshes.begin(key) {
            Ok(refreshing) => {
                let refresh = Refresh {
                    command: self.command.clone(),
                    about: about(grant),
                    subject: grant.subject.clone(),
                    need: self.need.clone(),
                };
                // The refresh goes on if this call's client hangs up: the refresh token may be used up.
                let running = state.to_the_end(async move {
                    let _present = refreshing;
                    refresh.run().await
                });
                timeout(left, running).await
            }
            Err(begun) => {
                let _wait = state.metrics.wait_for(LeaseHolder::ThisProcess);
                timeout(left, begun.ended()).await.map(Ok)
            }
        };
        ended.unwrap_or_else(|_| Err(Refusal::UpstreamTokenUnavailable.into()))
    }
}

/// One refresh of a connection.
struct Refresh {
    command: CommandContext,
    about: EventTarget,
    subject: Subject,
    need: Need,
}

impl Refresh {
    /// Takes the lease, sends the refresh token, and stores the outcome; or waits for another process that has the lease.
    async fn run(&self) -> Result<(), Error> {
        let (give_up_at, mut wait) = (Instant::now() + PATIENCE, None);
        while Instant::now() < give_up_at {
            let call = self.command.at_present();
            let Some(read) = call.store().connection(call.issuer(), &self.subject, call.now).await? else {
                return Ok(());
            };
            let tokens = open(&call, &read.value);
            match (read.value.at_use(tokens.as_ref(), &self.need, call.now)?, tokens) {
                (AtUse::Refresh, Some(tokens)) => {
                    wait = None;
                    if let Some(lease) = self.lease(&call, &read).await? {
                        return self.refresh(lease, &tokens).await;
                    }
                }
                (AtUse::Wait, _) => {
                    wait.get_or_insert_with(|| call.state.metrics.wait_for(LeaseHolder::OtherProcess));
                    tokio::time::sleep(POLL_INTERVAL).await;
                }
                (AtUse::Give | AtUse::Reject | AtUse::Refresh, _) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Takes the lease; `None` after a conflict. A commit whose answer was lost is recognised by its attempt.
    async fn lease(&self, call: &CommandContext, read: &Versioned<Connection>) -> Result<Option<Lease>, Error> {
        let attempt = Attempt::from_bytes(random(call.entropy()));
        let next = read.value.clone().lease(attempt, call.now);
        let update = ConnectionUpdate { read: Some(read), connection: &next, superseded: None, event: None };
        let (Commit::Done(_) | Commit::Conflict) = call.update_connection(&update).await?;
        let found = call.store().connection(call.issuer(), &self.subject, call.now).await?;
        Ok(found.and_then(|found| found.value.lease_of(attempt)))
    }

    async fn refresh(&self, lease: Lease, earlier: &UpstreamTokens) -> Result<(), Error> {
        let call = self.command.at_present();
        let Some(refresh_token) = &earlier.refresh_token else { return Ok(()) };
        let reply = call.serving.upstream.refresh(refresh_token, call.now).await;
        let claims = self.refreshed_claims(&call, &reply).await;
        let RefreshReply { outcome, cause, .. } = reply;
        if let Some(cause) = cause {
            let (request_id, error) = (&call.caller.request_id, format!("{cause:#}"));
            let is_refused = outcome == RefreshOutcome::Refused;
            tracing::warn!(request.id = request_id, issuer.id = %call.issuer().id, error, is_refused, "the upstream's tokens were not refreshed");
        }
        let outcome = match outcome {
            RefreshOutcome::Refreshed(tokens) => {
                RefreshOutcome::Refreshed(tokens.with_claims(claims).after_refresh(earlier))
            }
            other => other,
        };
        let mut stored = self.store(lease, &outcome).await;
        for _ in 1..STORE_TRIES {
            let Err(Error::StoreUnavailable(_)) = stored else { break };
            tokio::time::sleep(POLL_INTERVAL).await;
            stored = self.store(lease, &outcome).await;
        }
        if !stored? && let RefreshOutcome::Refreshed(tokens) = &outcome {
            self.give_back(&call, lease, tokens).await;
        }
        Ok(())
    }

    /// What the ID token of a refresh states about the person, if rules will read it.
    async fn refreshed_claims(&self, call: &CallContext, reply: &RefreshReply) -> Option<LearnedClaims> {
        if !call.issuer().keeps_claims() {
            return None;
        }
        let facts = call.serving.upstream.refreshed_facts(reply, call.now);
        let facts = timeout(PATIENCE_FOR_CLAIMS, facts).await.ok()??;
        // OIDC Core §12.2: it is of the same person.
        let claims = Some(facts).filter(|facts| facts.subject == self.subject)?.claims;
        call.issuer().claims_to_keep(&claims, call.now)
    }

    /// Stores the outcome under the lease. False if the lease is gone: the person has signed in again, or the connection has
    /// ended.
    async fn store(&self, lease: Lease, outcome: &RefreshOutcome) -> Result<bool, Error> {
        until_committed(|| async {
            let call = self.command.at_present();
            let found = call.store().connection(call.issuer(), &self.subject, call.now).await?;
            let Some(read) = found.filter(|found| found.value.lease_of(lease.attempt).is_some()) else {
                return Ok(Commit::Done(false));
            };
            let sealed_for = SealedFor::Connection(read.value.id());
            let outcome = match outcome {
                RefreshOutcome::Refreshed(tokens) => {
                    StoredOutcome::Refreshed(tokens.seal(sealed_for, call.issuer(), call.keys(), call.entropy()))
                }
                RefreshOutcome::Refused => StoredOutcome::Refused,
                RefreshOutcome::Unavailable => StoredOutcome::Unavailable,
                RefreshOutcome::Unknown => StoredOutcome::Unknown,
            };
            let next = read.value.clone().after_refresh(lease, outcome, call.now);
            let is_rejected = matches!(next.state, ConnectionState::Rejected { .. });
            let event = is_rejected.then(|| call.event(EventKind::ConnectionRejected, self.about.clone()));
            let update =
                ConnectionUpdate { read: Some(&read), connection: &next, superseded: None, event: event.as_ref() };
            Ok(call.update_connection(&update).await?.with(true))
        })
        .await
    }

    /// Leaves refreshed tokens, which the connection does not need any more, to the job that revokes them at the upstream. The
    /// job waits if that could end the tokens of the login that has renewed the connection.
    async fn give_back(&self, call: &CommandContext, lease: Lease, tokens: &UpstreamTokens) {
        let (issuer, connection) = (call.issuer(), connection_id(&self.subject));
        let sealed = tokens.seal(SealedFor::Connection(connection), issuer, call.keys(), call.entropy());
        match call.store().supersede_refreshed(issuer, &self.subject, (lease.attempt, sealed), call.now).await {
            // After a conflict an earlier commit had landed.
            Ok(Commit::Done(_) | Commit::Conflict) => {}
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::new(error));
                tracing::warn!(issuer.id = %issuer.id, error, "refreshed tokens that are not needed will not be revoked");
            }
        }
    }
}

impl Purpose<'_> {
    /// The grant, and the connection of its subject, after every check that does not concern the connection, in one snapshot;
    /// no connection if there is none.
    async fn load(&self, call: &CallContext) -> Result<(Versioned<Grant>, Option<Versioned<Connection>>), Error> {
        let id = match self {
            Purpose::ResourceServer(token) => token.grant_id,
            Purpose::Claims(grant) => *grant,
        };
        let grant = call.store().grant(call.issuer(), id, call.now).await?.ok_or(Refusal::GrantEnded)?;
        let (status, connection) = live_with_connection(call, &grant.value).await?;
        if let Purpose::ResourceServer(token) = self {
            if !token.is_of(&grant.value) {
                return Err(Refusal::GrantEnded.into());
            }
            let consent = status.status.consent.as_ref().ok_or(Refusal::GrantEnded)?;
            token_exchange::may_receive(call.issuer().resource_by_uri(&grant.value.resource), consent)?;
        }
        Ok((grant, connection))
    }
}

fn open(call: &CallContext, connection: &Connection) -> Option<UpstreamTokens> {
    connection.open_tokens(call.issuer(), call.keys())
}

fn about(grant: &Grant) -> EventTarget {
    EventTarget {
        subject: grant.subject.clone(),
        client_id: grant.client_id.clone(),
        resource: grant.resource.clone(),
        authorization_id: Some(grant.authorization_id),
    }
}

fn given(call: &CallContext, tokens: &UpstreamTokens) -> GivenToken {
    let left = |end: Timestamp| call.now.until(end).as_secs();
    GivenToken {
        access_token: tokens.access_token.expose().to_owned(),
        expires_in_seconds: tokens.expires_at.map(left),
        scope: tokens.scopes.clone(),
        upstream_id: call.issuer().upstream.as_str().to_owned(),
    }
}
