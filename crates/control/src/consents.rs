//! What people allowed, for whoever has to know: one answer, many, lists, and what changes.
//!
//! It writes nothing. A caller learns of its own issuers and resources only: any other does not exist for it.

use std::sync::Arc;

use lychgate_domain::Refusal;
use lychgate_domain::consent::{Consent, ConsentState, Verdict};
use lychgate_domain::id::ClientId;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::keys::digest;
use lychgate_domain::scope::Scopes;
use lychgate_domain::subject::Subject;
use lychgate_engine::{Cursor, Revision};
use lychgate_store::GrantStatusKey;
use lychgate_store::consents::ConsentFilter;
use lychgate_store::consents::PageRequest;

use crate::clients::unregistered_status;
use crate::ground::caller::Caller;
use crate::ground::error::Error;
use crate::ground::page_token::List;
use crate::state::Control;

use crate::feed::Watch;

/// One check.
#[derive(Clone, Debug)]
pub struct Question {
    pub subject: Subject,
    pub client_id: ClientId,
    pub resource: String,
    pub scopes: Scopes,
}

/// One page of a list.
#[derive(Debug)]
pub struct Listed {
    pub consents: Vec<(Consent, ConsentState)>,
    /// Empty at the end.
    pub next_page_token: String,
    pub revision: Revision,
}

impl Control {
    /// Every read is as fresh as can be, so all that is left of `at_least` is whether it is of this store's history at all.
    pub async fn check(
        &self,
        caller: &Caller,
        issuer_id: &str,
        question: Question,
        at_least: Option<Revision>,
    ) -> Result<(Verdict, Revision), Error> {
        let (mut answers, revision) = self.batch_check(caller, issuer_id, vec![Ok(question)], at_least).await?;
        let answer = answers.pop().ok_or_else(|| Error::Fault(anyhow::anyhow!("a question has no answer")))?;
        Ok((answer?, revision))
    }

    /// All of one snapshot, and in the order of the questions.
    pub async fn batch_check(
        &self,
        caller: &Caller,
        issuer_id: &str,
        questions: Vec<Result<Question, Refusal>>,
        at_least: Option<Revision>,
    ) -> Result<(Vec<Result<Verdict, Error>>, Revision), Error> {
        let (issuer, now) = (self.issuers.issuer(issuer_id, &caller.principal)?, self.clock.now());
        let permitted = |question: Question| {
            let served = issuer.resource_by_uri(&question.resource).is_some();
            let permitted = served && caller.principal.may_access_resource(&question.resource);
            if permitted { Ok(question) } else { Err(Refusal::ResourceUnknown) }
        };
        let questions: Vec<_> = questions.into_iter().map(|question| question.and_then(permitted)).collect();
        let asked = questions.iter().filter_map(|question| question.as_ref().ok());
        let of: Vec<_> = asked.map(|question| standing_of(issuer, question)).collect();
        let (bases, revision) = self.store.check_inputs(issuer, &of, at_least, now).await?;
        if at_least.is_some_and(|known| known.incarnation != revision.incarnation || known.sequence > revision.sequence)
        {
            return Err(Refusal::RevisionLost.into());
        }
        let mut bases = bases.into_iter();
        let mut answer = |question: Result<Question, Refusal>| {
            let question = question?;
            let basis = bases.next().ok_or_else(|| Error::Fault(anyhow::anyhow!("a snapshot is too short")))?;
            Ok(basis?.check(&question.scopes, now))
        };
        Ok((questions.into_iter().map(&mut answer).collect(), revision))
    }

    pub async fn get_consent(
        &self,
        caller: &Caller,
        issuer_id: &str,
        question: Question,
    ) -> Result<(Consent, ConsentState, Revision), Error> {
        let (issuer, now) = (self.issuers.issuer(issuer_id, &caller.principal)?, self.clock.now());
        if !caller.principal.may_access_resource(&question.resource) {
            return Err(Refusal::ResourceUnknown.into());
        }
        let (mut standings, revision) =
            self.store.grant_statuses(issuer, &[standing_of(issuer, &question)], now).await?;
        let standing = standings.pop().transpose()?.map(|found| found.status);
        let found = standing.and_then(|standing| Some((standing.consent?, standing.counters)));
        let (consent, counters) = found.ok_or(Refusal::RecordUnknown("consent"))?;
        let state = consent.state(&counters, now);
        Ok((consent, state, revision))
    }

    pub async fn list_consents(
        &self,
        caller: &Caller,
        issuer_id: &str,
        filter: ConsentFilter,
        page_size: usize,
        page_token: &str,
    ) -> Result<Listed, Error> {
        let serving = self.issuer(issuer_id, caller).await?;
        let principal = &caller.principal;
        if filter.resource.as_ref().is_some_and(|uri| !principal.may_access_resource(uri)) {
            return Err(Refusal::ResourceUnknown.into());
        }
        let filter = ConsentFilter { resources: principal.resources.clone(), ..filter };
        let list = List { method: "ConsentService/List", filter: digest_of(&filter), principal };
        let from = list.open(page_token, serving.keys())?;
        let page = self
            .store
            .find_consents(&serving.issuer, &filter, PageRequest { from, results: page_size }, self.clock.now())
            .await?;
        let next_page_token = page.next.map(|place| list.seal(&place, serving.keys(), &*self.entropy));
        Ok(Listed {
            consents: page.consents,
            next_page_token: next_page_token.unwrap_or_default(),
            revision: page.revision,
        })
    }

    /// From right after `cursor` on, or from the oldest event that is news. Older ones are kept for the audit: who was away
    /// for so long lists anew.
    pub async fn watch(
        &self,
        caller: &Caller,
        issuer_id: &str,
        cursor: Option<Cursor>,
    ) -> Result<(Watch, Arc<Issuer>), Error> {
        let issuer = Arc::clone(self.issuers.issuer(issuer_id, &caller.principal)?);
        let watch = match cursor {
            Some(cursor) if self.is_in_feed(cursor).await? => self.feed.watch(cursor),
            Some(_) => self.feed.lost(self.feed_begin().await?),
            None => self.feed.watch(self.feed_begin().await?),
        };
        Ok((watch, issuer))
    }
}

fn standing_of<'a>(issuer: &Issuer, question: &'a Question) -> GrantStatusKey<'a> {
    GrantStatusKey {
        subject: &question.subject,
        client: &question.client_id,
        unregistered_status: unregistered_status(issuer, &question.client_id),
        resource: &question.resource,
    }
}

/// The caller's resources are not in it: a token goes on with those that the caller has then.
fn digest_of(filter: &ConsentFilter) -> [u8; 32] {
    let ConsentFilter { subject, client_id, resource, resources: _, state } = filter;
    let state = match state {
        None => "",
        Some(ConsentState::Live) => "live",
        Some(ConsentState::Expired) => "expired",
        Some(ConsentState::Revoked) => "revoked",
    };
    let text = |text: Option<&str>| text.unwrap_or_default().as_bytes().to_vec();
    let parts = [
        text(subject.as_ref().map(Subject::as_str)),
        text(client_id.as_ref().map(ClientId::as_str)),
        text(resource.as_deref()),
        text(Some(state)),
    ];
    digest("consents", &parts.each_ref().map(Vec::as_slice))
}
