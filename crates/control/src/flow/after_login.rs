//! A person has signed in: a code for the client, or first the question whether it was they.

use lychgate_domain::Refusal;
use lychgate_domain::browser::cookie;
use lychgate_domain::browser::session::Person;
use lychgate_domain::consent::form::{self, Displayed, NamedScreen};
use lychgate_domain::consent::{Approval, Consent, Decided, Present};
use lychgate_domain::event::{ApprovedOn, EventKind};
use lychgate_domain::flow::{AfterLogin, Authorization, CodeIssued, Failed, LoginFailure, SignedIn, response};
use lychgate_domain::request;
use lychgate_domain::scope::Scopes;
use lychgate_domain::upstream::connection::{Connection, NewLogin, connection_id};
use lychgate_domain::upstream::tokens::{SealedFor, SealedTokens, UpstreamTokens};
use lychgate_engine::Version;
use lychgate_store::GrantStatusKey;
use lychgate_store::Versioned;
use lychgate_store::authorizations::{FinishedLogin, QuestionedLogin};
use lychgate_store::connections::ConnectionUpdate;
use lychgate_store::grants::StoredGrantStatus;

use super::{AuthorizationFlow, about, error_link};
use crate::client_metadata::ClientTrust;
use crate::clients::Clients;
use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;
use crate::issuers::IssuerContext;
use crate::metrics::use_cases::ConsentStep;
use crate::next::{ConsentPage, FailurePage, Next, ShownPolicy, Step};

/// A finished login, the version its record was read at, and the person who signed in.
pub(super) struct Login {
    pub(super) signed_in: SignedIn,
    pub(super) expected: Version,
    pub(super) person: Person,
}

/// The renewal of a connection by a login.
struct Connecting {
    read: Option<Versioned<Connection>>,
    next: Connection,
    /// The tokens of the connection before, if these are others.
    superseded: Option<SealedTokens>,
}

/// Whether the person has been asked "Signed in as X. Not you?".
#[derive(Clone, Copy)]
pub(super) enum IdentityCheck {
    NotYet,
    /// The person confirmed, on a page that displayed this.
    Answered(Displayed),
}

impl AuthorizationFlow {
    pub(super) async fn after_login(&self, login: &Login, check: IdentityCheck) -> Result<Next, Error> {
        until_committed(|| self.issue_or_ask(login, check)).await
    }

    /// Decides on one snapshot: a revocation or change that lands meanwhile is seen, or makes the commit conflict.
    async fn issue_or_ask(&self, login: &Login, check: IdentityCheck) -> Result<Commit<Next>, Error> {
        let (call, issuer, now) = (&self.0, self.0.issuer(), self.0.now);
        let Login { signed_in, person, .. } = login;
        let (subject, decided) = (&signed_in.subject, &signed_in.approved.decided);
        let resolved = Clients(call).resolve(&decided.client_id, ClientTrust::by(subject)).await?;
        let (id, unregistered) = (&decided.client_id, resolved.unregistered_status());
        let status = call
            .store()
            .grant_status(
                issuer,
                GrantStatusKey { subject, client: id, unregistered_status: unregistered, resource: &decided.resource },
                now,
            )
            .await?;
        // The client must still be what was approved minutes ago, or the code would go to another redirect URI (B33). A
        // registration counts as it is in the snapshot that the commit expects.
        let client = match resolved.record {
            Some(_) => status.registered.as_ref().ok_or(Refusal::ClientUnknown)?,
            None => &resolved.client,
        };
        request::still_registered(issuer, client, &decided.redirect_uri)?;
        let (existing, counters) = (&status.status.consent, status.status.counters);
        let request = decided.request();
        let after = match check {
            IdentityCheck::NotYet => {
                let present = Present { issuer, client, counters, now };
                let covers = |consent| Consent::covers(consent, &request, &present);
                signed_in.after(issuer, existing.as_ref().and_then(covers))
            }
            IdentityCheck::Answered(displayed) => {
                let resource = request.still_holds(issuer, client)?;
                if displayed != Displayed::new(issuer, client, &request, resource).to(subject, NamedScreen::Full) {
                    return Ok(Commit::Done(self.ask(signed_in, person.clone(), true).await?));
                }
                AfterLogin::Approve
            }
        };
        let consent = match after {
            AfterLogin::Ask => return self.record_question(login).await,
            AfterLogin::Approve => {
                // The policy in force counts: the person has just read it, or had read it before.
                let decided = Decided { policy_version: issuer.policy_version(), ..decided.clone() };
                let approval = Approval { decided: &decided, subject, counters };
                Consent::approve(existing.clone(), &approval, &issuer.lifetimes, now)
            }
            AfterLogin::Keep(consent) => consent.repeat(decided, &signed_in.approved.seen),
        };
        let approved_on = match check {
            IdentityCheck::NotYet => ApprovedOn::of(&signed_in.approved.seen),
            IdentityCheck::Answered(_) => ApprovedOn::Confirmation,
        };
        self.issue_code(login, &consent, &status, approved_on).await
    }

    async fn record_question(&self, login: &Login) -> Result<Commit<Next>, Error> {
        let (call, Login { signed_in, expected, person }) = (&self.0, login);
        let decided = &signed_in.approved.decided;
        let kind = EventKind::LoginQuestioned { requested: decided.requested_scopes.to_string() };
        let event = call.event(kind, about(decided, &signed_in.subject));
        let questioned = QuestionedLogin { expected: *expected, signed_in, event: &event };
        match call.store().record_signed_in(call.issuer(), &questioned, call.now).await? {
            Commit::Done(_) => {}
            // This very batch, sent again, or the person's denial of the request in another tab.
            Commit::Conflict => match call.store().authorization(call.issuer(), decided.id, call.now).await? {
                Some(Versioned { value: Authorization::SignedIn(found), .. }) if found == *signed_in => {}
                found => return Err(self.overtaken(found)),
            },
        }
        Ok(Commit::Done(self.ask(signed_in, person.clone(), false).await?))
    }

    /// The error of a login whose record has left the state that the login began with.
    pub(super) fn overtaken(&self, found: Option<Versioned<Authorization>>) -> Error {
        match found.map(|found| found.value) {
            Some(Authorization::Denied(denied)) => self.denied_before(&denied),
            Some(_) | None => Refusal::LoginInterrupted.into(),
        }
    }

    async fn issue_code(
        &self,
        Login { signed_in, expected, .. }: &Login,
        consent: &Consent,
        status: &StoredGrantStatus,
        approved_on: ApprovedOn,
    ) -> Result<Commit<Next>, Error> {
        let (call, issuer, decided) = (&self.0, self.0.issuer(), &signed_in.approved.decided);
        let issued = signed_in.clone().issue_code(consent, call.keys(), call.attempt, call.now);
        let kind = EventKind::ConsentApproved {
            requested: decided.requested_scopes.to_string(),
            scopes: decided.scopes.to_string(),
            how: Some(approved_on),
        };
        let event = call.event(kind, about(decided, &signed_in.subject));
        let connecting = self.connect(signed_in).await?;
        let (before, after) = (connecting.read.as_ref(), &connecting.next);
        let superseded = connecting.superseded.as_ref().map(|tokens| (tokens, &event));
        let connection = ConnectionUpdate { read: before, connection: after, superseded, event: None };
        let login = FinishedLogin { issued: &issued, consent, status, event: &event, connection };
        match call.store().issue_code(issuer, *expected, &login, call.now).await? {
            Commit::Done(_) => {
                call.count_connection(before.map(|read| &read.value), Some(after));
                call.count(ConsentStep::Finished);
                Ok(Commit::Done(code_issued(&call.serving, &issued)?))
            }
            Commit::Conflict => match call.store().authorization(issuer, decided.id, call.now).await? {
                // The first commit landed after all, if its outcome was unknown.
                Some(Versioned { value: Authorization::CodeIssued(issued), .. }) => {
                    Ok(Commit::Done(code_issued(&call.serving, &issued)?))
                }
                Some(Versioned { value: Authorization::Failed(failed), .. }) => {
                    Ok(Commit::Done(failed_login(&call.serving, &failed)))
                }
                Some(Versioned { value: Authorization::Denied(denied), .. }) => Err(self.denied_before(&denied)),
                Some(_) | None => Ok(Commit::Conflict),
            },
        }
    }

    /// The subject's connection after this login, which gets the upstream's tokens.
    async fn connect(&self, signed_in: &SignedIn) -> Result<Connecting, Error> {
        let (call, issuer, keys, subject) = (&self.0, self.0.issuer(), self.0.keys(), &signed_in.subject);
        let authorization = signed_in.approved.decided.id;
        let sealed_for = SealedFor::Authorization(authorization);
        let tokens = UpstreamTokens::open(&signed_in.upstream_tokens, sealed_for, issuer, keys);
        // The key was compromised and deleted while the person was asked who they are.
        let tokens = tokens.ok_or(Refusal::LoginExpired)?;
        let read = call.store().connection(issuer, subject, call.now).await?;
        let sealed_for = SealedFor::Connection(connection_id(subject));
        let live = read.as_ref().map(|read| &read.value).filter(|connection| connection.is_live());
        let sealed = live.and_then(|connection| connection.tokens.clone());
        let earlier = sealed.as_ref().and_then(|sealed| UpstreamTokens::open(sealed, sealed_for, issuer, keys));
        let tokens = tokens.after_login(earlier.as_ref());
        let is_superseded = earlier.as_ref().is_some_and(|earlier| tokens.supersede(earlier));
        let tokens = tokens.seal(sealed_for, issuer, keys, call.entropy());
        let login = NewLogin { authorization, tokens, at: call.now };
        Ok(Connecting {
            next: Connection::after_login(read.as_ref().map(|read| &read.value), subject, login),
            superseded: sealed.filter(|_| is_superseded),
            read,
        })
    }

    /// The question "Signed in as X. Not you?". Its page says everything that was requested: the person who signed in may
    /// be another than the one who read the consent page.
    pub(super) async fn ask(&self, signed_in: &SignedIn, person: Person, changed: bool) -> Result<Next, Error> {
        let (call, issuer) = (&self.0, self.0.issuer());
        let (subject, decided) = (&signed_in.subject, &signed_in.approved.decided);
        let client = Clients(call).resolve(&decided.client_id, ClientTrust::by(subject)).await?;
        let request = decided.request();
        let resource = request.still_holds(issuer, &client.client)?;
        let displayed = Displayed::new(issuer, &client.client, &request, resource).to(subject, NamedScreen::Full);
        let page = ConsentPage {
            ticket: String::new(),
            form_token: form::signed_in_token(call.keys(), decided.id, decided.browser, displayed),
            client,
            redirect_uri: request.redirect_uri,
            resource: resource.clone(),
            scopes: request.scopes,
            unticked: Scopes::default(),
            allowed: None,
            policy: issuer.published_policy.clone().map(|policy| ShownPolicy { policy, is_new: false }),
            upstream_name: issuer.upstream_name.clone(),
            grant_lifetime_seconds: issuer.lifetimes.grant.as_secs(),
            changed,
            earlier: None,
            person: Some(person),
        };
        let state = call.serving.login_secrets(&signed_in.approved)?.state;
        call.count(ConsentStep::Shown);
        Ok(Next::page(Step::SignedIn { state, page: Box::new(page) }))
    }
}

/// The answer of a finished login: the same for every request that has the login's cookie.
pub(super) fn code_issued(serving: &IssuerContext, issued: &CodeIssued) -> Result<Next, Error> {
    let code = issued.code(serving.keys()).ok_or(Refusal::AlreadyFinished)?;
    let decided = &issued.approved.decided;
    let location = response::success(&decided.redirect_uri, &code, decided.state.as_deref(), &serving.issuer.url);
    Ok(Next { step: Step::Redirect(location), set_cookies: vec![cookie::delete_login(&serving.issuer, decided.id)] })
}

/// A person who cancelled at the upstream goes back to the client at once. Any other failure gets a page first: it happened
/// without the person, or the person has to put it right.
pub(super) fn failed_login(serving: &IssuerContext, failed: &Failed) -> Next {
    let page = failure_page(serving, failed);
    match page.step {
        Step::Failure(shown) if shown.failure == LoginFailure::UpstreamDenied => {
            Next { step: Step::Redirect(shown.return_to.uri), ..page }
        }
        step => Next { step, ..page },
    }
}

/// The page of a failed login, with the way back to the client; or the consent page, if the login starts over. A person who was
/// not admitted reads the page first: another account may not be what they want.
pub(super) fn failure_page(serving: &IssuerContext, failed: &Failed) -> Next {
    let (decided, issuer) = (&failed.approved.decided, &serving.issuer);
    let step = match (failed.failure, failed.start_over(issuer, serving.keys())) {
        (LoginFailure::NotMe, Some(ticket)) => Step::Redirect(serving.consent_url(&ticket)),
        (failure, another_account_ticket) => Step::Failure(Box::new(FailurePage {
            failure,
            return_to: error_link(decided, &failure.refusal(), &issuer.url),
            person: None,
            upstream_name: issuer.upstream_name.clone(),
            another_account_ticket,
        })),
    };
    Next { step, set_cookies: vec![cookie::delete_login(&serving.issuer, decided.id)] }
}
