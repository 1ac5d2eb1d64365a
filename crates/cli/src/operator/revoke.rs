//! Taking back what was given: one consent, one grant, or everything of a client, of people, or of the issuer.

use clap::Args;
use lychgate_api::v1;
use lychgate_api::v1::admin_service_revoke_request::Target;
use lychgate_api::v1::admin_service_revoke_response::Outcome;
use lychgate_api::v1::subject_revocation::Outcome as OfOne;

use super::failure::{Exit, Failure};
use super::order::{Assurance, RequestId};
use super::{Answer, Session};
use lychgate_process::terminal::visible;

const IDENTIFIER: usize = 200;

#[derive(Debug, Args)]
pub(super) struct Revocation {
    /// Says how much it would end, and changes nothing
    #[arg(long)]
    dry_run: bool,
    /// Why, for the audit log: 1 to 256 characters on one line
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    reason: Option<String>,
    #[command(flatten)]
    request_id: RequestId,
    #[command(flatten)]
    assurance: Assurance,
}

impl Revocation {
    pub(super) async fn of(self, session: &Session, target: Target) -> Result<Answer, Failure> {
        let issuer_id = session.issuer().await?;
        if self.dry_run {
            return estimate(session, issuer_id, target).await;
        }
        if self.assurance.is_due()
            && let Some(whose) = wide(&target)
        {
            let reply = dry_run(session, issuer_id.clone(), target.clone()).await?;
            Assurance::ask(&format!("Everything of {whose} ends: {}", amount(reply.outcome)))?;
        }
        let request = v1::AdminServiceRevokeRequest {
            issuer_id,
            target: Some(target),
            dry_run: false,
            reason: self.reason.unwrap_or_default(),
            request_id: self.request_id.settle()?,
        };
        let call = async |request| session.control.admin().revoke(request).await;
        let reply = session.control.call(request, call).await?;
        let sentence = match &reply.outcome {
            Some(Outcome::Revocation(done)) => revoked(done),
            Some(Outcome::Estimate(_)) | None => return Err(unexpected()),
        };
        session.screen.told(&reply, &sentence)?;
        Ok(Answer::Yes)
    }

    /// Each by itself: one that fails does not spoil the others.
    pub(super) async fn of_each(self, session: &Session, subjects: Vec<String>) -> Result<Answer, Failure> {
        let issuer_id = session.issuer().await?;
        if self.dry_run {
            for subject in subjects {
                estimate(session, issuer_id.clone(), Target::Subject(subject)).await?;
            }
            return Ok(Answer::Yes);
        }
        if self.assurance.is_due() {
            Assurance::ask(&format!("Everything of {} people ends", subjects.len()))?;
        }
        let (reason, request_id) = (self.reason.unwrap_or_default(), self.request_id.settle()?);
        let request = v1::RevokeSubjectsRequest { issuer_id, subjects, reason, request_id };
        let call = async |request| session.control.admin().revoke_subjects(request).await;
        let reply = session.control.call(request, call).await?;
        let mut failed = 0;
        for one in &reply.revocations {
            let sentence = match &one.outcome {
                Some(OfOne::Revocation(done)) => revoked(done),
                Some(OfOne::Failure(failure)) => format!("FAILED: {}: {}", failure.reason, failure.message),
                None => return Err(unexpected()),
            };
            failed += usize::from(!matches!(one.outcome, Some(OfOne::Revocation(_))));
            session.screen.told(one, &format!("{}: {sentence}", one.subject))?;
        }
        match failed {
            0 => Ok(Answer::Yes),
            _ => Err(Failure::new(
                Exit::Other,
                format!(
                    "{failed} of {} failed: repeat the command with the same --request-id",
                    reply.revocations.len()
                ),
            )),
        }
    }
}

async fn estimate(session: &Session, issuer_id: String, target: Target) -> Result<Answer, Failure> {
    let reply = dry_run(session, issuer_id, target).await?;
    session.screen.told(&reply, &format!("would end {}", amount(reply.outcome)))?;
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

/// What more than one person, or more than one client, will notice; to be shown.
fn wide(target: &Target) -> Option<String> {
    match target {
        Target::Consent(_) | Target::GrantId(_) => None,
        Target::ClientId(id) => Some(format!("client {}", visible(id, IDENTIFIER))),
        Target::Subject(subject) => Some(visible(subject, IDENTIFIER)),
        Target::Everything(everything) => Some(format!("everybody at {}", visible(&everything.confirm, IDENTIFIER))),
    }
}

fn amount(outcome: Option<Outcome>) -> String {
    let Some(Outcome::Estimate(estimate)) = outcome else { return "nobody knows how much".to_owned() };
    let v1::RevocationEstimate { live_consents, live_grants, incomplete } = estimate;
    let at_least = if incomplete { "at least " } else { "" };
    format!("{at_least}{live_consents} live consents and {live_grants} live grants")
}

fn revoked(done: &v1::Revocation) -> String {
    match (&done.revoke_time, done.changed) {
        (Some(at), true) => format!("revoked at {at}"),
        (None, true) => "revoked".to_owned(),
        (_, false) => "nothing was left of it".to_owned(),
    }
}

fn unexpected() -> Failure {
    Failure::new(Exit::Other, "an answer that this version does not understand; is it older than the control plane?")
}
