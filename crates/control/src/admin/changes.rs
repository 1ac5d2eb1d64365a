//! What an operator takes back or stops: each change is one commit, done once however often it is asked for, and stands
//! in the log with who did it and why.
//!
//! It never looks for what a change ends: every use of a grant, a code or a consent asks for itself whether it still stands.

use std::sync::Arc;

use lychgate_domain::Refusal;
use lychgate_domain::client::{Client, ClientStatus};
use lychgate_domain::event::{Event, EventCaller, EventKind, EventTarget, OperatorReason};
use lychgate_domain::id::{Attempt, ClientId, GrantId};
use lychgate_domain::issuer::Issuer;
use lychgate_domain::keys::digest;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use lychgate_domain::token::{self, EndedBy};
use lychgate_store::clients::{ClientRecord, UnregisteredClient};
use lychgate_store::consents::ConsentKey;
use lychgate_store::revocations::{OperatorAction, OperatorRequest, Revocation, StatusChange};

use crate::clients::unregistered_status;
use crate::ground::caller::Caller;
use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;
use crate::state::Control;

/// What is to be different.
#[derive(Clone, Debug)]
pub enum Change {
    Revoke(Target),
    SetStatus { client_id: ClientId, status: ClientStatus },
}

/// What is taken back.
#[derive(Clone, Debug)]
pub enum Target {
    Consent { subject: Subject, client_id: ClientId, resource: String },
    Grant(GrantId),
    Client(ClientId),
    Subject(Subject),
    Issuer { confirm: String },
}

/// Why, and how the request is known again; as it was asked.
#[derive(Clone, Debug)]
pub struct Account {
    pub reason: String,
    pub request_id: String,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// By this request, at this time.
    Changed(Timestamp),
    /// There was nothing left to do.
    AsItWas,
}

impl Control {
    pub async fn change(
        &self,
        caller: Arc<Caller>,
        issuer_id: String,
        change: Change,
        account: Account,
    ) -> Result<Outcome, Error> {
        let control = self.clone();
        self.to_the_end(async move {
            let issuer = control.issuers.issuer(&issuer_id, &caller.principal)?;
            let order = Order::new(&caller, issuer, &change, "", &account, control.clock.now())?;
            control.carry_out(issuer, &change, &order).await
        })
        .await
    }

    /// Everything of each of `subjects`. Each is a request of its own: a repetition goes on where the first one stopped.
    pub async fn revoke_subjects(
        &self,
        caller: Arc<Caller>,
        issuer_id: String,
        subjects: Vec<Result<Subject, Refusal>>,
        account: Account,
    ) -> Result<Vec<Result<Outcome, Error>>, Error> {
        let control = self.clone();
        self.to_the_end(async move {
            let issuer = control.issuers.issuer(&issuer_id, &caller.principal)?;
            account.check()?;
            let mut outcomes = Vec::with_capacity(subjects.len());
            for subject in subjects {
                outcomes.push(match subject {
                    Ok(subject) => {
                        let item = subject.as_str().to_owned();
                        let change = Change::Revoke(Target::Subject(subject));
                        let order = Order::new(&caller, issuer, &change, &item, &account, control.clock.now())?;
                        control.carry_out(issuer, &change, &order).await
                    }
                    Err(refusal) => Err(refusal.into()),
                });
            }
            Ok(outcomes)
        })
        .await
    }

    async fn carry_out(&self, issuer: &Issuer, change: &Change, order: &Order) -> Result<Outcome, Error> {
        until_committed(|| async {
            if let Some(done) = self.store.operator_request(issuer, order.attempt, order.now).await? {
                return Ok(Commit::Done(order.again(&done)?));
            }
            match self.once(issuer, change, order).await? {
                Some(commit) => Ok(commit.with(Outcome::Changed(order.now))),
                // Nothing is left: perhaps because this very request did it a moment ago, elsewhere.
                None => match self.store.operator_request(issuer, order.attempt, order.now).await? {
                    Some(done) => Ok(Commit::Done(order.again(&done)?)),
                    None => Ok(Commit::Done(Outcome::AsItWas)),
                },
            }
        })
        .await
    }

    async fn once(&self, issuer: &Issuer, change: &Change, order: &Order) -> Result<Option<Commit>, Error> {
        match change {
            Change::Revoke(Target::Consent { subject, client_id, resource }) => {
                let found =
                    self.store.consent(issuer, ConsentKey { subject, client: client_id, resource }, order.now).await?;
                let found = found.ok_or(Refusal::RecordUnknown("consent"))?;
                if !found.value.is_live(order.now) {
                    return Ok(None);
                }
                let about = EventTarget {
                    subject: subject.clone(),
                    client_id: client_id.clone(),
                    resource: resource.clone(),
                    authorization_id: None,
                };
                let kind = EventKind::ConsentRevoked { reason: Some(order.reason.clone()) };
                let revoked = found.value.clone().revoke(order.now);
                let what = Revocation::Consent { read: &found, revoked: &revoked };
                self.revoke_one(issuer, what, order, kind, Some(about)).await
            }
            Change::Revoke(Target::Grant(id)) => {
                let found = self.store.grant(issuer, *id, order.now).await?;
                let found = found.ok_or(Refusal::RecordUnknown("grant"))?;
                if found.value.status != token::GrantPhase::Live {
                    return Ok(None);
                }
                let about = EventTarget {
                    subject: found.value.subject.clone(),
                    client_id: found.value.client_id.clone(),
                    resource: found.value.resource.clone(),
                    authorization_id: Some(found.value.authorization_id),
                };
                let kind = EventKind::GrantRevoked { grant_id: *id, reason: order.reason.clone() };
                let (expected, ended) = (found.version, found.value.end_by(EndedBy::Operator, order.now));
                self.revoke_one(issuer, Revocation::Grant { expected, ended: &ended }, order, kind, Some(about)).await
            }
            Change::Revoke(Target::Client(client_id)) => {
                let kind = EventKind::ClientRevoked { client_id: client_id.clone(), reason: order.reason.clone() };
                self.revoke_one(issuer, Revocation::Client(client_id), order, kind, None).await
            }
            Change::Revoke(Target::Subject(subject)) => {
                let kind = EventKind::SubjectRevoked { subject: subject.clone(), reason: order.reason.clone() };
                self.revoke_one(issuer, Revocation::Subject(subject), order, kind, None).await
            }
            Change::Revoke(Target::Issuer { confirm }) => {
                // A slip of the hand would sign everybody out.
                if confirm != issuer.url.as_str() {
                    return Err(
                        Refusal::RequestMalformed("to revoke everything, confirm must be the issuer's URL").into()
                    );
                }
                let kind = EventKind::IssuerRevoked { reason: order.reason.clone() };
                self.revoke_one(issuer, Revocation::Issuer, order, kind, None).await
            }
            Change::SetStatus { client_id, status } => self.set_status(issuer, client_id, *status, order).await,
        }
    }

    async fn revoke_one(
        &self,
        issuer: &Issuer,
        what: Revocation<'_>,
        order: &Order,
        kind: EventKind,
        about: Option<EventTarget>,
    ) -> Result<Option<Commit>, Error> {
        let event = order.event(kind, about);
        Ok(Some(self.store.revoke(issuer, what, &order.act(&event), order.now).await?))
    }

    async fn set_status(
        &self,
        issuer: &Issuer,
        id: &ClientId,
        status: ClientStatus,
        order: &Order,
    ) -> Result<Option<Commit>, Error> {
        let read = self.store.client_record(issuer, id, order.now).await?;
        let (is, changed) = match read.as_ref().map(|read| &read.value) {
            Some(ClientRecord::Registered(client)) => {
                (client.status, ClientRecord::Registered(Box::new(Client { status, ..(**client).clone() })))
            }
            Some(ClientRecord::Unregistered(marked)) => {
                (marked.status, ClientRecord::Unregistered(UnregisteredClient { id: id.clone(), status }))
            }
            None => {
                let is = unregistered_status(issuer, id).ok_or(Refusal::ClientUnknown)?;
                (is, ClientRecord::Unregistered(UnregisteredClient { id: id.clone(), status }))
            }
        };
        if is == status {
            return Ok(None);
        }
        let (client_id, reason) = (id.clone(), order.reason.clone());
        let event = order.event(
            match status {
                ClientStatus::Enabled => EventKind::ClientEnabled { client_id, reason },
                ClientStatus::Disabled => EventKind::ClientDisabled { client_id, reason },
            },
            None,
        );
        let act = order.act(&event);
        Ok(Some(
            self.store
                .set_client_status(issuer, StatusChange { read: read.as_ref(), changed: &changed }, &act, order.now)
                .await?,
        ))
    }
}

/// A request to change something, once it is known what it says.
struct Order {
    attempt: Attempt,
    /// Of everything that was asked.
    digest: [u8; 32],
    reason: OperatorReason,
    caller: EventCaller,
    now: Timestamp,
}

impl Order {
    /// Whoever calls is in the attempt: nobody repeats, or spoils, another's request.
    fn new(
        caller: &Caller,
        issuer: &Issuer,
        change: &Change,
        item: &str,
        account: &Account,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let reason = account.check()?;
        let named = [caller.principal.name.as_str(), issuer.id.as_str(), &account.request_id, item];
        let attempt = digest("operator request", &named.map(str::as_bytes));
        let mut asked = change.parts();
        asked.push(reason.as_str().to_owned());
        let asked: Vec<_> = asked.iter().map(String::as_bytes).collect();
        Ok(Self {
            attempt: Attempt::from_bytes(*attempt.first_chunk().expect("16 of 32 bytes")),
            digest: digest("operator request body", &asked),
            reason,
            caller: caller.for_events(issuer),
            now,
        })
    }

    fn event(&self, kind: EventKind, about: Option<EventTarget>) -> Event {
        Event::new(kind, about, &self.caller, self.attempt, self.now)
    }

    fn act<'a>(&self, event: &'a Event) -> OperatorAction<'a> {
        OperatorAction { attempt: self.attempt, request: OperatorRequest { digest: self.digest, at: self.now }, event }
    }

    /// What a repetition is told.
    fn again(&self, done: &OperatorRequest) -> Result<Outcome, Refusal> {
        if done.digest == self.digest { Ok(Outcome::Changed(done.at)) } else { Err(Refusal::RequestIdReused) }
    }
}

impl Account {
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

/// 16 characters are what no two requests have in common by accident.
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
    /// Everything it says: no two changes say the same.
    fn parts(&self) -> Vec<String> {
        match self {
            Change::Revoke(Target::Consent { subject, client_id, resource }) => {
                vec!["consent".to_owned(), subject.to_string(), client_id.to_string(), resource.clone()]
            }
            Change::Revoke(Target::Grant(id)) => vec!["grant".to_owned(), id.to_string()],
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
