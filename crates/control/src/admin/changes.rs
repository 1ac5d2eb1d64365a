//! Revocations and changes of clients by an operator. Each change is one commit, is done once however often it is sent, and
//! stands in the event log with the operator's name and reason.
//!
//! A change does not search for what it ends: every use of a grant, code or consent checks that it still stands.

use lychgate_domain::Refusal;
use lychgate_domain::client::{Client, ClientStatus};
use lychgate_domain::event::{Event, EventKind, EventTarget, OperatorReason};
use lychgate_domain::id::{Attempt, ClientId, GrantId};
use lychgate_domain::keys::digest;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use lychgate_domain::token::{EndedBy, GrantPhase};
use lychgate_store::clients::{ClientRecord, UnregisteredClient};
use lychgate_store::consents::ConsentKey;
use lychgate_store::revocations::{OperatorAction, OperatorRequest, Revocation, StatusChange};

use super::Admin;
use crate::clients::unregistered_status;
use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;
use crate::state::{CallContext, CommandContext};

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Revoke(Target),
    SetStatus { client_id: ClientId, status: ClientStatus },
}

/// The target of a revocation.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Consent {
        subject: Subject,
        client_id: ClientId,
        resource: String,
    },
    Grant(GrantId),
    /// The connection of this person.
    Connection(Subject),
    Client(ClientId),
    Subject(Subject),
    Issuer {
        confirm: String,
    },
}

/// The operator's reason, and the id by which a repetition of the request is recognised.
#[derive(Clone, Debug)]
pub(crate) struct Justification {
    pub(crate) reason: String,
    pub(crate) request_id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeOutcome {
    /// By this request, at this time.
    Changed(Timestamp),
    /// There was nothing left to change.
    Unchanged,
}

impl ChangeOutcome {
    pub(crate) fn is_changed(self) -> bool {
        match self {
            ChangeOutcome::Changed(_) => true,
            ChangeOutcome::Unchanged => false,
        }
    }
}

impl Admin {
    pub(crate) async fn change(self, change: Change, justification: Justification) -> Result<ChangeOutcome, Error> {
        self.0
            .state
            .clone()
            .to_the_end(async move { Order::new(&self.0, &change, "", &justification)?.carry_out(&change).await })
            .await
    }

    /// Revokes everything of each of `subjects`. Each is a request of its own, so that a repetition continues where the
    /// first call stopped.
    pub(crate) async fn revoke_subjects(
        self,
        subjects: Vec<Result<Subject, Refusal>>,
        justification: Justification,
    ) -> Result<Vec<Result<ChangeOutcome, Error>>, Error> {
        self.0
            .state
            .clone()
            .to_the_end(async move {
                justification.check()?;
                let mut outcomes = Vec::with_capacity(subjects.len());
                for subject in subjects {
                    outcomes.push(match subject {
                        Ok(subject) => {
                            let item = subject.as_str().to_owned();
                            let change = Change::Revoke(Target::Subject(subject));
                            let order = Order::new(&self.0.at_present(), &change, &item, &justification)?;
                            order.carry_out(&change).await
                        }
                        Err(refusal) => Err(refusal.into()),
                    });
                }
                Ok(outcomes)
            })
            .await
    }
}

/// A justified change.
struct Order {
    command: CommandContext,
    /// A digest of everything the request says.
    digest: [u8; 32],
    reason: OperatorReason,
}

impl Order {
    /// The idempotency key includes the caller: no principal can repeat or spoil the request of another.
    fn new(call: &CallContext, change: &Change, item: &str, justification: &Justification) -> Result<Self, Refusal> {
        let reason = justification.check()?;
        let (principal, issuer) = (call.caller.principal.name.as_str(), call.issuer().id.as_str());
        let named = [principal, issuer, &justification.request_id, item];
        let attempt = digest("operator request", &named.map(str::as_bytes));
        let mut says = change.parts();
        says.push(reason.as_str().to_owned());
        let says: Vec<_> = says.iter().map(String::as_bytes).collect();
        let command = call.clone().command(attempt_of(&attempt));
        Ok(Self { command, digest: digest("operator request body", &says), reason })
    }

    async fn carry_out(&self, change: &Change) -> Result<ChangeOutcome, Error> {
        until_committed(|| async {
            if let Some(done) = self.done_before().await? {
                return Ok(Commit::Done(done));
            }
            match self.commit(change).await? {
                Some(commit) => Ok(commit.with(ChangeOutcome::Changed(self.command.now))),
                // Nothing is left to change: perhaps because this very request has just done it on another node.
                None => Ok(Commit::Done(self.done_before().await?.unwrap_or(ChangeOutcome::Unchanged))),
            }
        })
        .await
    }

    /// The answer to a repetition.
    async fn done_before(&self) -> Result<Option<ChangeOutcome>, Error> {
        let (store, issuer, now) = (self.command.store(), self.command.issuer(), self.command.now);
        match store.operator_request(issuer, self.command.attempt, now).await? {
            Some(done) if done.digest == self.digest => Ok(Some(ChangeOutcome::Changed(done.at))),
            Some(_) => Err(Refusal::RequestIdReused.into()),
            None => Ok(None),
        }
    }

    /// `None` if there is nothing to change.
    async fn commit(&self, change: &Change) -> Result<Option<Commit>, Error> {
        let reason = self.reason.clone();
        match change {
            Change::Revoke(Target::Consent { subject, client_id, resource }) => {
                let (subject, client_id, resource) = (subject.clone(), client_id.clone(), resource.clone());
                self.revoke_consent(EventTarget { subject, client_id, resource, authorization_id: None }).await
            }
            Change::Revoke(Target::Grant(id)) => self.revoke_grant(*id).await,
            Change::Revoke(Target::Connection(subject)) => self.end_connection(subject).await,
            Change::Revoke(Target::Client(client_id)) => {
                let kind = EventKind::ClientRevoked { client_id: client_id.clone(), reason };
                self.revoke(Revocation::Client(client_id), kind, None).await
            }
            Change::Revoke(Target::Subject(subject)) => {
                let kind = EventKind::SubjectRevoked { subject: subject.clone(), reason };
                self.revoke(Revocation::Subject(subject), kind, None).await
            }
            Change::Revoke(Target::Issuer { confirm }) => {
                // A slip of the hand would sign every person out.
                if confirm != self.command.issuer().url.as_str() {
                    let text = "to revoke everything, confirm must be the issuer's URL";
                    return Err(Refusal::RequestMalformed(text).into());
                }
                self.revoke(Revocation::Issuer, EventKind::IssuerRevoked { reason }, None).await
            }
            Change::SetStatus { client_id, status } => self.set_status(client_id, *status).await,
        }
    }

    async fn revoke_consent(&self, about: EventTarget) -> Result<Option<Commit>, Error> {
        let (store, issuer, now) = (self.command.store(), self.command.issuer(), self.command.now);
        let EventTarget { subject, client_id, resource, .. } = &about;
        let found = store.consent(issuer, ConsentKey { subject, client: client_id, resource }, now).await?;
        let found = found.ok_or(Refusal::RecordUnknown("consent"))?;
        if !found.value.is_live(now) {
            return Ok(None);
        }
        let kind = EventKind::ConsentRevoked { reason: Some(self.reason.clone()) };
        let revoked = found.value.clone().revoke(now);
        self.revoke(Revocation::Consent { read: &found, revoked: &revoked }, kind, Some(about)).await
    }

    async fn revoke_grant(&self, id: GrantId) -> Result<Option<Commit>, Error> {
        let (store, issuer, now) = (self.command.store(), self.command.issuer(), self.command.now);
        let found = store.grant(issuer, id, now).await?.ok_or(Refusal::RecordUnknown("grant"))?;
        if found.value.phase != GrantPhase::Live {
            return Ok(None);
        }
        let about = EventTarget {
            subject: found.value.subject.clone(),
            client_id: found.value.client_id.clone(),
            resource: found.value.resource.clone(),
            authorization_id: Some(found.value.authorization_id),
        };
        let kind = EventKind::GrantRevoked { grant_id: id, reason: self.reason.clone() };
        let (expected, ended) = (found.version, found.value.end_by(EndedBy::Operator, now));
        self.revoke(Revocation::Grant { expected, ended: &ended }, kind, Some(about)).await
    }

    /// A connection that was rejected has nothing left to end.
    async fn end_connection(&self, subject: &Subject) -> Result<Option<Commit>, Error> {
        let (store, issuer, now) = (self.command.store(), self.command.issuer(), self.command.now);
        let found = store.connection(issuer, subject, now).await?.ok_or(Refusal::RecordUnknown("connection"))?;
        let Some(ended) = found.value.clone().end(now) else { return Ok(None) };
        let kind = EventKind::ConnectionEnded { subject: subject.clone(), reason: Some(self.reason.clone()) };
        let commit = self.revoke(Revocation::Connection { read: &found, ended: &ended }, kind, None).await?;
        if let Some(Commit::Done(_)) = commit {
            self.command.count_connection(Some(&found.value), Some(&ended));
        }
        Ok(commit)
    }

    async fn revoke(
        &self,
        what: Revocation<'_>,
        kind: EventKind,
        about: Option<EventTarget>,
    ) -> Result<Option<Commit>, Error> {
        let event = self.command.event(kind, about);
        let (store, issuer, now) = (self.command.store(), self.command.issuer(), self.command.now);
        Ok(Some(store.revoke(issuer, what, &self.act(&event), now).await?))
    }

    async fn set_status(&self, id: &ClientId, status: ClientStatus) -> Result<Option<Commit>, Error> {
        let (store, issuer, now) = (self.command.store(), self.command.issuer(), self.command.now);
        let read = store.client_record(issuer, id, now).await?;
        let (current, changed) = match read.as_ref().map(|read| &read.value) {
            Some(ClientRecord::Registered(client)) => {
                (client.status, ClientRecord::Registered(Box::new(Client { status, ..(**client).clone() })))
            }
            Some(ClientRecord::Unregistered(marked)) => {
                (marked.status, ClientRecord::Unregistered(UnregisteredClient { id: id.clone(), status }))
            }
            None => {
                let current = unregistered_status(issuer, id).ok_or(Refusal::ClientUnknown)?;
                (current, ClientRecord::Unregistered(UnregisteredClient { id: id.clone(), status }))
            }
        };
        if current == status {
            return Ok(None);
        }
        let (client_id, reason) = (id.clone(), self.reason.clone());
        let kind = match status {
            ClientStatus::Enabled => EventKind::ClientEnabled { client_id, reason },
            ClientStatus::Disabled => EventKind::ClientDisabled { client_id, reason },
        };
        let event = self.command.event(kind, None);
        let change = StatusChange { read: read.as_ref(), changed: &changed };
        Ok(Some(store.set_client_status(issuer, change, &self.act(&event), now).await?))
    }

    fn act<'a>(&self, event: &'a Event) -> OperatorAction<'a> {
        let request = OperatorRequest { digest: self.digest, at: self.command.now };
        OperatorAction { attempt: self.command.attempt, request, event }
    }
}

impl Justification {
    fn check(&self) -> Result<OperatorReason, Refusal> {
        check_request_id(&self.request_id)?;
        if self.reason.is_empty() {
            return Err(Refusal::ParameterMissing("reason"));
        }
        OperatorReason::parse(&self.reason).ok_or(Refusal::RequestMalformed(
            "a reason has at most 256 characters, on one line and none of them hidden",
        ))
    }
}

/// The idempotency key that a digest of a request makes.
pub(super) fn attempt_of(digest: &[u8; 32]) -> Attempt {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Attempt::from_bytes(bytes)
}

/// 16 characters: two requests do not share an id by accident.
pub(super) fn check_request_id(id: &str) -> Result<(), Refusal> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if id.is_empty() {
        return Err(Refusal::ParameterMissing("request_id"));
    }
    if !(16..=64).contains(&id.len()) || !id.bytes().all(allowed) {
        return Err(Refusal::RequestMalformed("a request_id has 16 to 64 of A-Z, a-z, 0-9, - and _"));
    }
    Ok(())
}

impl Change {
    /// Everything it says, for the digest of the request: two different changes never say the same.
    fn parts(&self) -> Vec<String> {
        match self {
            Change::Revoke(Target::Consent { subject, client_id, resource }) => {
                vec!["consent".to_owned(), subject.to_string(), client_id.to_string(), resource.clone()]
            }
            Change::Revoke(Target::Grant(id)) => vec!["grant".to_owned(), id.to_string()],
            Change::Revoke(Target::Connection(subject)) => vec!["connection".to_owned(), subject.to_string()],
            Change::Revoke(Target::Client(id)) => vec!["client".to_owned(), id.to_string()],
            Change::Revoke(Target::Subject(subject)) => vec!["subject".to_owned(), subject.to_string()],
            Change::Revoke(Target::Issuer { confirm }) => vec!["issuer".to_owned(), confirm.clone()],
            Change::SetStatus { client_id, status: ClientStatus::Disabled } => {
                vec!["disable".to_owned(), client_id.to_string()]
            }
            Change::SetStatus { client_id, status: ClientStatus::Enabled } => {
                vec!["enable".to_owned(), client_id.to_string()]
            }
        }
    }
}
