//! Consents, for programs that act on them: one check, many, lists, and a feed of changes.
//!
//! Nothing is written. A caller learns about its own issuers and resources only; any other does not exist for it.

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
use lychgate_store::consents::{ConsentFilter, PageRequest as StorePage};

use crate::clients::unregistered_status;
use crate::events::Events;
use crate::feed::Watch;
use crate::ground::error::Error;
use crate::ground::page_token::{List, PageRequest};
use crate::state::CallContext;

/// One check.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) subject: Subject,
    pub(crate) client_id: ClientId,
    pub(crate) resource: String,
    pub(crate) scopes: Scopes,
}

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) consents: Vec<(Consent, ConsentState)>,
    /// Empty at the end.
    pub(crate) next_page_token: String,
    pub(crate) revision: Revision,
}

/// The commits that an answer must reflect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Those that the node which is read knows. After a failover it may miss the newest for a moment.
    Latest,
    /// Those up to a revision of an earlier answer.
    AtLeast(Revision),
    /// Those that any node acknowledged before the call.
    Full,
}

/// Each answer, in the order of the questions.
type Verdicts = Vec<Result<Verdict, Error>>;

/// The consents of the call's issuer.
pub(crate) struct Consents(pub(crate) CallContext);

impl Consents {
    /// As [`batch_check`](Self::batch_check), of one question.
    pub(crate) async fn check(&self, question: Question, freshness: Freshness) -> Result<(Verdict, Revision), Error> {
        let (mut answers, revision) = self.batch_check(vec![Ok(question)], freshness).await?;
        let answer = answers.pop().ok_or_else(|| Error::Fault(anyhow::anyhow!("a question has no answer")))?;
        Ok((answer?, revision))
    }

    /// Answers all questions from one snapshot.
    pub(crate) async fn batch_check(
        &self,
        questions: Vec<Result<Question, Refusal>>,
        freshness: Freshness,
    ) -> Result<(Verdicts, Revision), Error> {
        let CallContext { caller, now, .. } = &self.0;
        let issuer = self.0.issuer();
        let permitted = |question: Question| {
            let served = issuer.resource_by_uri(&question.resource).is_some();
            let permitted = served && caller.principal.may_access_resource(&question.resource);
            if permitted { Ok(question) } else { Err(Refusal::ResourceUnknown) }
        };
        let questions: Vec<_> = questions.into_iter().map(|question| question.and_then(permitted)).collect();
        let asked = questions.iter().filter_map(|question| question.as_ref().ok());
        let of: Vec<_> = asked.map(|question| question.key(issuer)).collect();
        let at_least = match freshness {
            Freshness::Latest => None,
            Freshness::AtLeast(revision) => Some(revision),
            Freshness::Full => {
                self.0.store().barrier().await?;
                None
            }
        };
        let store = self.0.store();
        let is_missing = |revision: Revision| {
            at_least
                .is_some_and(|known| known.incarnation != revision.incarnation || known.sequence > revision.sequence)
        };
        let (mut inputs, mut revision) = store.check_inputs(issuer, &of, at_least, *now).await?;
        if is_missing(revision) {
            // The database that was read may be one that was replaced, and the revision one of its successor's.
            store.barrier().await?;
            (inputs, revision) = store.check_inputs(issuer, &of, at_least, *now).await?;
        }
        if is_missing(revision) {
            return Err(Refusal::RevisionLost.into());
        }
        let mut inputs = inputs.into_iter();
        let mut answer = |question: Result<Question, Refusal>| {
            let question = question?;
            let inputs = inputs.next().ok_or_else(|| Error::Fault(anyhow::anyhow!("a snapshot is too short")))?;
            Ok(inputs?.check(&question.scopes, *now))
        };
        Ok((questions.into_iter().map(&mut answer).collect(), revision))
    }

    /// One consent. The question's scopes are not looked at.
    pub(crate) async fn get(&self, question: Question) -> Result<(Consent, ConsentState, Revision), Error> {
        let (issuer, now) = (self.0.issuer(), self.0.now);
        if !self.0.caller.principal.may_access_resource(&question.resource) {
            return Err(Refusal::ResourceUnknown.into());
        }
        let (mut statuses, revision) = self.0.store().grant_statuses(issuer, &[question.key(issuer)], now).await?;
        let status = statuses.pop().transpose()?.map(|found| found.status);
        let found = status.and_then(|status| Some((status.consent?, status.counters)));
        let (consent, counters) = found.ok_or(Refusal::RecordUnknown("consent"))?;
        let state = consent.state(&counters, now);
        Ok((consent, state, revision))
    }

    pub(crate) async fn list(&self, filter: ConsentFilter, page: &PageRequest) -> Result<Listed, Error> {
        let principal = &self.0.caller.principal;
        if filter.resource.as_ref().is_some_and(|uri| !principal.may_access_resource(uri)) {
            return Err(Refusal::ResourceUnknown.into());
        }
        let filter = ConsentFilter { resources: principal.resources.clone(), ..filter };
        let list = List { method: "ConsentService/List", filter: digest_of(&filter), principal };
        let part = StorePage { from: list.open(&page.token, self.0.keys())?, results: page.size };
        let found = self.0.store().find_consents(self.0.issuer(), &filter, part, self.0.now).await?;
        let next_page_token = list.next_token(found.next, self.0.keys(), self.0.entropy());
        Ok(Listed { consents: found.consents, next_page_token, revision: found.revision })
    }

    /// Follows the feed from right after `cursor`, or from its oldest event. Older events are kept for the audit only: a
    /// reader that was away longer lists anew.
    pub(crate) async fn watch(&self, cursor: Option<Cursor>) -> Result<(Watch, Arc<Issuer>), Error> {
        let (events, feed) = (Events(&self.0.state), &self.0.state.feed);
        let watch = match cursor {
            Some(cursor) if events.is_in_feed(cursor).await? => feed.watch(cursor),
            Some(_) => feed.lost(events.feed_begin().await?),
            None => feed.watch(events.feed_begin().await?),
        };
        Ok((watch, Arc::clone(&self.0.serving.issuer)))
    }
}

impl Question {
    fn key(&self, issuer: &Issuer) -> GrantStatusKey<'_> {
        GrantStatusKey {
            subject: &self.subject,
            client: &self.client_id,
            unregistered_status: unregistered_status(issuer, &self.client_id),
            resource: &self.resource,
        }
    }
}

/// Identifies the filter in a page token. The caller's resources are left out: each page applies those it has then.
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
