//! `ConsentService`.

use std::sync::Arc;

use futures_util::stream::BoxStream;
use lychgate_api::v1;
use lychgate_api::v1::consent_service_server::ConsentService;
use lychgate_api::v1::{
    BatchCheckRequest, BatchCheckResponse, CheckRequest, CheckResponse, ConsentServiceListRequest,
    ConsentServiceListResponse, GetRequest, GetResponse, WatchRequest, WatchResponse,
};
use lychgate_domain::Refusal;
use lychgate_domain::consent::{Consent, ConsentScreen, ConsentState, ConsentStatus, DenialReason, Verdict};
use lychgate_domain::id::{decode, encode};
use lychgate_domain::issuer::Issuer;
use lychgate_domain::scope::{Scope, Scopes};
use lychgate_domain::subject::Subject;
use lychgate_engine::{Incarnation, Revision};
use lychgate_store::consents::ConsentFilter;
use lychgate_store::events::{Events, LoggedEvent};
use tonic::{Request, Response, Status};

use super::wire::{page_request, parse_client_id};
use super::{admission, caller, reply};
use crate::consents::{Consents, Freshness, Listed, Question};
use crate::feed::Watch;
use crate::ground::caller::Caller;
use crate::ground::cursor::{cursor, parse_cursor};
use crate::ground::error::Error;
use crate::ground::protobuf_time::instant;
use crate::grpc::pages::{self, Pages};
use crate::state::State;

const MAX_CHECKS: usize = 1000;

pub(super) struct ConsentApi(pub(super) State);

impl ConsentApi {
    fn consents(&self, caller: &Arc<Caller>, issuer_id: &str) -> Result<Consents, Error> {
        Ok(Consents(self.0.call_with_cached_keys(caller, issuer_id)?))
    }
}

#[tonic::async_trait]
impl ConsentService for ConsentApi {
    type WatchStream = BoxStream<'static, Result<WatchResponse, Status>>;

    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let checked = async {
            let CheckRequest { issuer_id, subject, client_id, resource, scopes, consistency } = request;
            let (question, freshness) = (question(subject, &client_id, resource, &scopes)?, freshness(consistency)?);
            self.consents(&caller, &issuer_id)?.check(question, freshness).await
        };
        reply(checked.await, &caller.request_id, |(verdict, at)| CheckResponse {
            result: Some(result(verdict)),
            revision: revision(at),
        })
    }

    async fn batch_check(&self, request: Request<BatchCheckRequest>) -> Result<Response<BatchCheckResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let checked = async {
            if request.items.len() > MAX_CHECKS {
                return Err(Refusal::RequestTooLarge("items to 1000").into());
            }
            let asked = |item: v1::CheckItem| question(item.subject, &item.client_id, item.resource, &item.scopes);
            let questions = request.items.into_iter().map(asked).collect();
            let freshness = freshness(request.consistency)?;
            self.consents(&caller, &request.issuer_id)?.batch_check(questions, freshness).await
        };
        reply(checked.await, &caller.request_id, |(answers, at)| BatchCheckResponse {
            answers: answers.into_iter().map(|answered| answer(answered, &caller.request_id)).collect(),
            revision: revision(at),
        })
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let found = async {
            let asked = question(request.subject, &request.client_id, request.resource, &[])?;
            self.consents(&caller, &request.issuer_id)?.get(asked).await
        };
        reply(found.await, &caller.request_id, |(found, state, at)| GetResponse {
            consent: Some(consent(found, state)),
            revision: revision(at),
        })
    }

    async fn list(
        &self,
        request: Request<ConsentServiceListRequest>,
    ) -> Result<Response<ConsentServiceListResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let listed = async {
            let page = page_request(request.page_size, request.page_token.clone())?;
            let filter = filter(&request)?;
            Consents(self.0.call(&caller, &request.issuer_id).await?).list(filter, &page).await
        };
        reply(listed.await, &caller.request_id, |Listed { consents, next_page_token, revision: at }| {
            let consents = consents.into_iter().map(|(found, state)| consent(found, state)).collect();
            ConsentServiceListResponse { consents, next_page_token, revision: revision(at) }
        })
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let (caller, admission, request) = (caller(&request)?, admission(&request)?, request.into_inner());
        let watched = async {
            let after = match request.cursor.as_str() {
                "" => None,
                text => Some(parse_cursor(text).ok_or(Refusal::RequestMalformed("this is no cursor"))?),
            };
            self.consents(&caller, &request.issuer_id)?.watch(after).await
        };
        let (watched, of) = (watched.await, Arc::clone(&caller));
        reply(watched, &caller.request_id, |(watch, issuer)| {
            pages::messages(watch, admission, move |page| messages(page, &issuer, &of))
        })
    }
}

impl Pages for Watch {
    type Page = Events;

    async fn next(&mut self) -> Result<Option<Events>, Error> {
        self.next().await
    }
}

/// The events of a page that the caller may see, and a checkpoint after the last of all events of the page: a reader that
/// resumes at the checkpoint does not scan the events of other resources again.
fn messages(page: Events, issuer: &Issuer, caller: &Caller) -> Vec<WatchResponse> {
    let concerns = |logged: &LoggedEvent| {
        let resource = logged.event.about.as_ref().map(|about| &about.resource);
        logged.issuer == issuer.url.as_str() && resource.is_none_or(|uri| caller.principal.may_access_resource(uri))
    };
    let checkpoint = v1::Checkpoint { complete_time: Some(instant(page.complete_to)) };
    let last =
        WatchResponse { cursor: cursor(page.next), update: Some(v1::watch_response::Update::Checkpoint(checkpoint)) };
    page.events.into_iter().filter(concerns).map(change).chain([last]).collect()
}

fn change(LoggedEvent { cursor: at, event, .. }: LoggedEvent) -> WatchResponse {
    let (subject, client_id) = event.concerns();
    let (grant_id, scopes, _) = event.kind.details();
    let change = v1::Change {
        kind: event.kind.name().to_owned(),
        event_id: event.id.to_string(),
        time: Some(instant(event.at)),
        subject: subject.map(|subject| subject.as_str().to_owned()).unwrap_or_default(),
        client_id: client_id.map(|id| id.as_str().to_owned()).unwrap_or_default(),
        resource: event.about.as_ref().map(|about| about.resource.clone()).unwrap_or_default(),
        scopes: scopes.split_ascii_whitespace().map(str::to_owned).collect(),
        grant_id: grant_id.map(|id| id.to_string()).unwrap_or_default(),
    };
    WatchResponse { cursor: cursor(at), update: Some(v1::watch_response::Update::Change(change)) }
}

fn question(subject: String, client_id: &str, resource: String, scopes: &[String]) -> Result<Question, Refusal> {
    for (name, value) in [("subject", subject.as_str()), ("client_id", client_id), ("resource", &resource)] {
        if value.is_empty() {
            return Err(Refusal::ParameterMissing(name));
        }
    }
    let scopes = scopes.iter().map(|scope| Scope::parse(scope)).collect::<Option<Scopes>>();
    Ok(Question {
        subject: Subject::from_record(subject),
        client_id: parse_client_id(client_id)?,
        resource,
        scopes: scopes.ok_or(Refusal::ScopeInvalid)?,
    })
}

/// The freshness that a caller requires; full if it names none.
fn freshness(consistency: Option<v1::Consistency>) -> Result<Freshness, Refusal> {
    match consistency.and_then(|consistency| consistency.requirement) {
        Some(v1::consistency::Requirement::AtLeastAsFresh(text)) => {
            parse_revision(&text).map(Freshness::AtLeast).ok_or(Refusal::RequestMalformed("this is no revision"))
        }
        Some(v1::consistency::Requirement::MinimizeLatency(v1::MinimizeLatency {})) => Ok(Freshness::Latest),
        None | Some(v1::consistency::Requirement::FullyConsistent(v1::FullyConsistent {})) => Ok(Freshness::Full),
    }
}

fn result(verdict: Verdict) -> v1::CheckResult {
    let (verdict, denial, missing, until) = match verdict {
        Verdict::Granted { until } => (v1::CheckVerdict::Granted, v1::CheckDenial::Unspecified, None, Some(until)),
        Verdict::MissingScopes { missing, until } => {
            (v1::CheckVerdict::MissingScopes, v1::CheckDenial::Unspecified, Some(missing), Some(until))
        }
        Verdict::Denied(denial) => (v1::CheckVerdict::Denied, wire_denial(denial), None, None),
    };
    v1::CheckResult {
        verdict: verdict.into(),
        denial: denial.into(),
        missing_scopes: missing.iter().flat_map(texts).collect(),
        expire_time: until.map(instant),
    }
}

fn wire_denial(denial: DenialReason) -> v1::CheckDenial {
    match denial {
        DenialReason::ClientUnknown => v1::CheckDenial::ClientUnknown,
        DenialReason::ClientDisabled => v1::CheckDenial::ClientDisabled,
        DenialReason::NoConsent => v1::CheckDenial::NoConsent,
        DenialReason::Expired => v1::CheckDenial::Expired,
        DenialReason::Revoked => v1::CheckDenial::Revoked,
    }
}

fn answer(answered: Result<Verdict, Error>, request_id: &str) -> v1::BatchCheckAnswer {
    let answer = match answered {
        Ok(verdict) => v1::batch_check_answer::Answer::Result(result(verdict)),
        Err(error) => {
            let (reason, message, _) = error.into_reason(request_id);
            let reason = reason.as_str().to_owned();
            v1::batch_check_answer::Answer::Failure(v1::CheckFailure { reason, message })
        }
    };
    v1::BatchCheckAnswer { answer: Some(answer) }
}

fn consent(consent: Consent, state: ConsentState) -> v1::Consent {
    v1::Consent {
        scopes: texts(&consent.scopes).collect(),
        state: match state {
            ConsentState::Live => v1::ConsentState::Live,
            ConsentState::Expired => v1::ConsentState::Expired,
            ConsentState::Revoked => v1::ConsentState::Revoked,
        }
        .into(),
        create_time: Some(instant(consent.created_at)),
        approve_time: Some(instant(consent.approved_at)),
        expire_time: Some(instant(consent.expires_at)),
        revoke_time: match consent.status {
            ConsentStatus::Live => None,
            ConsentStatus::Revoked { at } => Some(instant(at)),
        },
        method: match consent.how {
            ConsentScreen::Full => v1::ConsentMethod::FullScreen,
            ConsentScreen::OneClick => v1::ConsentMethod::OneClick,
            ConsentScreen::Skipped => v1::ConsentMethod::Silent,
        }
        .into(),
        policy_version: consent.policy_version.unwrap_or_default(),
        subject: consent.subject.as_str().to_owned(),
        client_id: consent.client_id.as_str().to_owned(),
        resource: consent.resource,
    }
}

fn texts(scopes: &Scopes) -> impl Iterator<Item = String> {
    scopes.iter().map(|scope| scope.as_str().to_owned())
}

fn filter(request: &ConsentServiceListRequest) -> Result<ConsentFilter, Refusal> {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Ok(ConsentFilter {
        subject: some(&request.subject).map(Subject::from_record),
        client_id: some(&request.client_id).map(|text| parse_client_id(&text)).transpose()?,
        resource: some(&request.resource),
        resources: None,
        state: match v1::ConsentState::try_from(request.state) {
            Ok(v1::ConsentState::Unspecified) => None,
            Ok(v1::ConsentState::Live) => Some(ConsentState::Live),
            Ok(v1::ConsentState::Expired) => Some(ConsentState::Expired),
            Ok(v1::ConsentState::Revoked) => Some(ConsentState::Revoked),
            // Ignoring it would list more than was requested.
            Err(_) => return Err(Refusal::RequestMalformed("there is no such state")),
        },
    })
}

fn revision(Revision { incarnation, sequence }: Revision) -> String {
    encode(&[incarnation.0.as_slice(), &sequence.to_be_bytes()].concat())
}

fn parse_revision(text: &str) -> Option<Revision> {
    let bytes: [u8; 24] = decode(text)?;
    let (incarnation, sequence) = bytes.split_first_chunk()?;
    Some(Revision { incarnation: Incarnation(*incarnation), sequence: u64::from_be_bytes(sequence.try_into().ok()?) })
}
