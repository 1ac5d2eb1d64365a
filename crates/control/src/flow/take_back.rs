//! The button of the page of a finished request: it ends what the request has allowed.

use lychgate_domain::Refusal;
use lychgate_domain::consent::form;
use lychgate_domain::event::EventTarget;
use lychgate_domain::flow::{Authorization, Redeemed};

use super::{AuthorizationFlow, ConsentAnswer};
use crate::account::AccountRevocations;
use crate::ground::error::Error;
use crate::next::Next;

impl AuthorizationFlow {
    /// Revokes the consent that the request's code was issued under, with every grant of it, as the page of connected
    /// apps does. The form proves the browser, its session the person.
    pub(super) async fn take_back(&self, answer: &ConsentAnswer) -> Result<Next, Error> {
        let (call, issuer, keys) = (&self.0, self.0.issuer(), self.0.keys());
        let back = |refusal| call.serving.back_to_account(refusal);
        let browsers = answer.cookies.form_browsers(issuer, keys).map_err(back)?;
        let what = form::take_back(&answer.form_token, keys, &browsers).map_err(back)?;
        let stored = call.store().authorization(issuer, what.authorization, call.now).await?;
        let issued = match stored.map(|stored| stored.value) {
            Some(Authorization::CodeIssued(issued) | Authorization::Redeemed(Redeemed { issued, .. })) => issued,
            // The record has expired: the page of connected apps has what is left.
            Some(_) | None => return Err(back(Refusal::AlreadyFinished)),
        };
        let session = answer.cookies.session(issuer, keys, call.now);
        if session.is_none_or(|session| session.person.subject != issued.subject) {
            return Err(back(Refusal::AccountSessionMissing));
        }
        let decided = &issued.approved.decided;
        let about = EventTarget {
            subject: issued.subject.clone(),
            client_id: decided.client_id.clone(),
            resource: decided.resource.clone(),
            authorization_id: None,
        };
        AccountRevocations(call.clone()).revoke_consent(about, Some(what.consent_epoch)).await?;
        self.at_present().allowed(&issued, &answer.cookies, false).await
    }
}
