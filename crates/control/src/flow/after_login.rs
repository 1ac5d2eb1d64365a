//! Somebody has signed in: a code for the client, or first the question whether it was they.

use lychgate_domain::Refusal;
use lychgate_domain::browser::cookie;
use lychgate_domain::browser::session::Person;
use lychgate_domain::consent::Approval;
use lychgate_domain::consent::Present;
use lychgate_domain::consent::form::{self, Displayed, NamedScreen};
use lychgate_domain::consent::{Consent, Decided};
use lychgate_domain::event::{ApprovedOn, Event, EventKind, EventTarget};
use lychgate_domain::flow::{AfterLogin, Authorization, CodeIssued, Failed, LoginFailure, SignedIn, response};
use lychgate_domain::id::Attempt;
use lychgate_domain::request;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use lychgate_engine::Version;
use lychgate_store::GrantStatusKey;
use lychgate_store::Update;
use lychgate_store::Versioned;
use lychgate_store::authorizations::FinishedLogin;

use super::{ConsentPage, Next, ShownPolicy, Step, error_link};
use crate::client_metadata::ClientTrust;
use crate::ground::caller::Caller;
use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;
use crate::issuers::Serving;
use crate::state::Control;

/// A finished login, where it is read, and who it was.
pub(super) struct Login {
    pub(super) signed_in: SignedIn,
    pub(super) expected: Version,
    pub(super) person: Person,
}

/// Whether the person has been asked who they are.
#[derive(Clone, Copy)]
pub(super) enum Question {
    NotYet,
    /// They are who signed in, and have read this.
    Answered {
        displayed: Displayed,
        attempt: Attempt,
    },
}

impl Control {
    /// Decided on one snapshot: what is revoked or changed meanwhile is seen, or is a conflict.
    pub(super) async fn after_login(
        &self,
        serving: &Serving,
        caller: &Caller,
        login: &Login,
        question: Question,
        now: Timestamp,
    ) -> Result<Next, Error> {
        let issuer = &*serving.issuer;
        let Login { signed_in, expected, person } = login;
        let (subject, decided) = (&signed_in.subject, &signed_in.approved.decided);
        until_committed(|| async {
            let client = self.client(issuer, &decided.client_id, ClientTrust::Consented, now).await?;
            let (id, unregistered_status) = (&decided.client_id, client.unregistered_status());
            let standing = self
                .store
                .grant_status(
                    issuer,
                    GrantStatusKey { subject, client: id, unregistered_status, resource: &decided.resource },
                    now,
                )
                .await?;
            // What was approved minutes ago must still be what the client is, or the code would go elsewhere (B33). A
            // registration counts as it is in the snapshot that the commit expects.
            let client = match client.record {
                Some(_) => standing.registered.as_ref().ok_or(Refusal::ClientUnknown)?,
                None => &client.client,
            };
            request::still_registered(issuer, client, &decided.redirect_uri)?;
            let (existing, counters) = (&standing.status.consent, standing.status.counters);
            let request = decided.request();
            let (after, attempt) = match question {
                Question::NotYet => {
                    let covered = existing
                        .as_ref()
                        .and_then(|consent| consent.covers(&request, &Present { issuer, client, counters, now }));
                    (signed_in.after(issuer, covered), signed_in.attempt)
                }
                Question::Answered { displayed, attempt } => {
                    let resource = request.still_holds(issuer, client)?;
                    let now_true = Displayed::new(issuer, client, &request, resource).to(subject, NamedScreen::Full);
                    if displayed != now_true {
                        return Ok(Commit::Done(self.ask(serving, signed_in, person.clone(), true, now).await?));
                    }
                    (AfterLogin::Approve, attempt)
                }
            };
            let consent = match after {
                AfterLogin::Ask => {
                    let kind = EventKind::LoginQuestioned { requested: decided.requested_scopes.to_string() };
                    let about = about(decided, subject);
                    let event = Event::new(kind, about, &caller.for_events(issuer), attempt, now);
                    match self
                        .store
                        .record_signed_in(
                            issuer,
                            Update { expected: Some(*expected), record: signed_in, event: Some(&event) },
                            now,
                        )
                        .await?
                    {
                        // A conflict can only be this very batch, sent again.
                        Commit::Done(_) | Commit::Conflict => {
                            return Ok(Commit::Done(self.ask(serving, signed_in, person.clone(), false, now).await?));
                        }
                    }
                }
                AfterLogin::Approve => {
                    // Whoever has just answered has read which policy holds now; of everybody else it is known that they had.
                    let decided = Decided { policy_version: issuer.policy_version(), ..decided.clone() };
                    Consent::approve(
                        existing.clone(),
                        &Approval { decided: &decided, subject, counters },
                        &issuer.lifetimes,
                        now,
                    )
                }
                AfterLogin::Keep(consent) => consent.repeat(&signed_in.approved.seen),
            };
            let issued = signed_in.clone().issue_code(&consent, serving.keys(), attempt, now);
            let about = about(decided, subject);
            let how = match question {
                Question::NotYet => ApprovedOn::of(&signed_in.approved.seen),
                Question::Answered { .. } => ApprovedOn::Confirmation,
            };
            let kind = EventKind::ConsentApproved {
                requested: decided.requested_scopes.to_string(),
                scopes: decided.scopes.to_string(),
                how: Some(how),
            };
            let event = Event::new(kind, about, &caller.for_events(issuer), attempt, now);
            let login = FinishedLogin { issued: &issued, consent: &consent, status: &standing, event: &event };
            match self.store.issue_code(issuer, *expected, &login, now).await? {
                Commit::Done(_) => Ok(Commit::Done(code_issued(serving, &issued)?)),
                Commit::Conflict => match self.store.authorization(issuer, decided.id, now).await? {
                    // Ours after all, if the first commit's outcome was unknown.
                    Some(Versioned { value: Authorization::CodeIssued(issued), .. }) => {
                        Ok(Commit::Done(code_issued(serving, &issued)?))
                    }
                    Some(Versioned { value: Authorization::Failed(failed), .. }) => {
                        Ok(Commit::Done(failed_login(serving, &failed)))
                    }
                    Some(_) | None => Ok(Commit::Conflict),
                },
            }
        })
        .await
    }

    /// The page says everything that was asked for: whoever signed in may be another than whoever read the first page.
    pub(super) async fn ask(
        &self,
        serving: &Serving,
        signed_in: &SignedIn,
        person: Person,
        changed: bool,
        now: Timestamp,
    ) -> Result<Next, Error> {
        let (issuer, keys) = (&*serving.issuer, serving.keys());
        let (subject, decided) = (&signed_in.subject, &signed_in.approved.decided);
        let client = self.client(issuer, &decided.client_id, ClientTrust::Consented, now).await?;
        let request = decided.request();
        let resource = request.still_holds(issuer, &client.client)?;
        let displayed = Displayed::new(issuer, &client.client, &request, resource).to(subject, NamedScreen::Full);
        let page = ConsentPage {
            ticket: String::new(),
            form_token: form::signed_in_token(keys, decided.id, decided.browser, displayed),
            client,
            redirect_uri: request.redirect_uri,
            resource: resource.clone(),
            scopes: request.scopes,
            allowed: None,
            policy: issuer.published_policy.clone().map(|policy| ShownPolicy { policy, is_new: false }),
            upstream_name: issuer.upstream_name.clone(),
            grant_lifetime_seconds: issuer.lifetimes.grant.as_secs(),
            changed,
            person: Some(person),
        };
        let state = serving.login_secrets(&signed_in.approved)?.state;
        Ok(Next { step: Step::SignedIn { state, page: Box::new(page) }, set_cookies: Vec::new() })
    }
}

pub(super) fn about(decided: &Decided, subject: &Subject) -> EventTarget {
    EventTarget {
        subject: subject.clone(),
        client_id: decided.client_id.clone(),
        resource: decided.resource.clone(),
        authorization_id: Some(decided.id),
    }
}

/// The answer of a finished login: the same for everybody who still has its cookie.
pub(super) fn code_issued(serving: &Serving, issued: &CodeIssued) -> Result<Next, Error> {
    let code = issued.code(serving.keys()).ok_or(Refusal::AlreadyFinished)?;
    let decided = &issued.approved.decided;
    let location = response::success(&decided.redirect_uri, &code, decided.state.as_deref(), &serving.issuer.url);
    Ok(Next { step: Step::Redirect(location), set_cookies: vec![cookie::delete_login(&serving.issuer, decided.id)] })
}

/// A person who cancelled goes back to the client at once; what went wrong by itself, or has to be put right elsewhere, is
/// said first.
pub(super) fn failed_login(serving: &Serving, failed: &Failed) -> Next {
    let decided = &failed.approved.decided;
    let link = error_link(decided, &failed.failure.refusal(), &serving.issuer.url);
    let step = match failed.failure {
        LoginFailure::UpstreamDenied => Step::Redirect(link.uri),
        failure @ (LoginFailure::UpstreamUnavailable | LoginFailure::UpstreamInvalid | LoginFailure::NotMe) => {
            Step::Failure { failure, return_to: link }
        }
    };
    Next { step, set_cookies: vec![cookie::delete_login(&serving.issuer, decided.id)] }
}
