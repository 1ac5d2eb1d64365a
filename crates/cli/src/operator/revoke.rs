//! The verb `revoke`, which is the same for every noun: a noun contributes the arguments that name what is revoked.

use clap::Args;
use lychgate_api::v1;
use lychgate_api::v1::admin_service_revoke_request::Target;
use lychgate_api::v1::admin_service_revoke_response::Outcome;
use lychgate_api::v1::subject_revocation::Outcome as SubjectOutcome;
use lychgate_process::terminal::visible;

use super::change::{Confirmation, RequestId};
use super::failure::{Exit, Failure};
use super::{Answer, Session};

const MAX_IDENTIFIER: usize = 200;

/// The arguments of `revoke`.
#[derive(Debug, Args)]
pub(crate) struct Revoke<N: Revocable> {
    #[command(flatten)]
    pub(super) name: N,
    #[command(flatten)]
    how: Revocation,
}

/// The name of what is revoked.
pub(crate) trait Revocable: Args {
    fn targets(self) -> Result<Targets, Failure>;
}

/// The targets of one command.
#[derive(Debug)]
pub(crate) enum Targets {
    One(Target),
    /// Everything of each of these people; the failure of one leaves the others revoked.
    Subjects(Vec<String>),
}

#[derive(Debug, Args)]
struct Revocation {
    /// Prints how much the command would end, and changes nothing
    #[arg(long)]
    dry_run: bool,
    /// The reason, for the audit log: 1 to 256 characters on one line
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    reason: Option<String>,
    #[command(flatten)]
    request_id: RequestId,
    #[command(flatten)]
    confirmation: Confirmation,
}

impl<N: Revocable> Revoke<N> {
    pub(super) async fn run(self, session: &Session) -> Result<Answer, Failure> {
        let Self { name, how } = self;
        match name.targets()? {
            Targets::One(target) => how.revoke(session, target).await,
            Targets::Subjects(subjects) => how.revoke_subjects(session, subjects).await,
        }
    }
}

impl Revocation {
    async fn revoke(self, session: &Session, target: Target) -> Result<Answer, Failure> {
        let issuer_id = session.issuer().await?;
        if self.dry_run {
            return print_estimate(session, issuer_id, target).await;
        }
        if self.confirmation.is_due()
            && let Some(wide) = wide(&target)
        {
            let reply = dry_run(session, issuer_id.clone(), target.clone()).await?;
            Confirmation::ask(&format!("Everything of {wide} ends: {}", amount(&target, reply.outcome)))?;
        }
        let request = v1::AdminServiceRevokeRequest {
            issuer_id,
            target: Some(target),
            dry_run: false,
            reason: self.reason.unwrap_or_default(),
            request_id: self.request_id.or_fresh()?,
        };
        let call = async |request| session.control.admin().revoke(request).await;
        let reply = session.control.call(request, call).await?;
        let sentence = match &reply.outcome {
            Some(Outcome::Revocation(done)) => revoked(done),
            Some(Outcome::Estimate(_)) | None => return Err(unexpected()),
        };
        session.screen.outcome(&reply, &sentence)?;
        Ok(Answer::Yes)
    }

    async fn revoke_subjects(self, session: &Session, subjects: Vec<String>) -> Result<Answer, Failure> {
        let issuer_id = session.issuer().await?;
        if self.dry_run {
            for subject in subjects {
                print_estimate(session, issuer_id.clone(), Target::Subject(subject)).await?;
            }
            return Ok(Answer::Yes);
        }
        if self.confirmation.is_due() {
            Confirmation::ask(&format!("Everything of {} people ends", subjects.len()))?;
        }
        let (reason, request_id) = (self.reason.unwrap_or_default(), self.request_id.or_fresh()?);
        let request = v1::RevokeSubjectsRequest { issuer_id, subjects, reason, request_id };
        let call = async |request| session.control.admin().revoke_subjects(request).await;
        let reply = session.control.call(request, call).await?;
        let mut failed = 0;
        for one in &reply.revocations {
            let sentence = match &one.outcome {
                Some(SubjectOutcome::Revocation(done)) => revoked(done),
                Some(SubjectOutcome::Failure(failure)) => {
                    failed += 1;
                    format!("FAILED: {}: {}", failure.reason, failure.message)
                }
                None => return Err(unexpected()),
            };
            session.screen.outcome(one, &format!("{}: {sentence}", one.subject))?;
        }
        if failed == 0 {
            return Ok(Answer::Yes);
        }
        let all = reply.revocations.len();
        let line = format!("{failed} of {all} failed: repeat the command with the same --request-id");
        Err(Failure::new(Exit::Other, line))
    }
}

async fn print_estimate(session: &Session, issuer_id: String, target: Target) -> Result<Answer, Failure> {
    let reply = dry_run(session, issuer_id, target.clone()).await?;
    session.screen.outcome(&reply, &format!("would end {}", amount(&target, reply.outcome)))?;
    Ok(Answer::Yes)
}

async fn dry_run(
    session: &Session,
    issuer_id: String,
    target: Target,
) -> Result<v1::AdminServiceRevokeResponse, Failure> {
    let request = v1::AdminServiceRevokeRequest {
        issuer_id,
        target: Some(target),
        dry_run: true,
        ..v1::AdminServiceRevokeRequest::default()
    };
    let call = async |request| session.control.admin().revoke(request).await;
    let reply = session.control.call(request, call).await?;
    if matches!(reply.outcome, Some(Outcome::Estimate(_))) { Ok(reply) } else { Err(unexpected()) }
}

/// The name, safe to show, of a target that affects several clients or several people. Others need no confirmation.
fn wide(target: &Target) -> Option<String> {
    match target {
        Target::Consent(_) | Target::GrantId(_) | Target::ConnectionOf(_) => None,
        Target::ClientId(id) => Some(format!("client {}", visible(id, MAX_IDENTIFIER))),
        Target::Subject(subject) => Some(visible(subject, MAX_IDENTIFIER)),
        Target::Everything(everything) => Some(format!("issuer {}", visible(&everything.confirm, MAX_IDENTIFIER))),
    }
}

fn amount(target: &Target, outcome: Option<Outcome>) -> String {
    let Some(Outcome::Estimate(estimate)) = outcome else { return "an unknown number of grants".to_owned() };
    let v1::RevocationEstimate { live_consents, live_grants, incomplete, live_connections } = estimate;
    let at_least = if incomplete { "at least " } else { "" };
    match target {
        Target::ConnectionOf(_) if live_connections > 0 => "a live connection".to_owned(),
        Target::ConnectionOf(_) => "no live connection".to_owned(),
        Target::Consent(_) | Target::GrantId(_) | Target::ClientId(_) | Target::Subject(_) | Target::Everything(_) => {
            format!("{at_least}{live_consents} live consents and {live_grants} live grants")
        }
    }
}

fn revoked(done: &v1::Revocation) -> String {
    match (&done.revoke_time, done.changed) {
        (Some(at), true) => format!("revoked at {at}"),
        (None, true) => "revoked".to_owned(),
        (_, false) => "there was nothing to revoke".to_owned(),
    }
}

fn unexpected() -> Failure {
    Failure::new(Exit::Other, "this version does not understand the answer; update it if the control plane is newer")
}
