//! Conversion between the wire and the operator's use cases.

use lychgate_api::v1;
use lychgate_domain::Refusal;
use lychgate_domain::client::claimed_name::Receiver;
use lychgate_domain::client::{Client, ClientStatus};
use lychgate_domain::event::{ApprovedOn, Event, EventKind};
use lychgate_domain::id::{ClientId, GrantId};
use lychgate_domain::scope::Scopes;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use lychgate_domain::token::{self, EndedBy};
use lychgate_domain::upstream::connection::ConnectionState;

use crate::admin::{
    ChangeOutcome, ClientKind, ConnectionFilter, ConnectionStateName, Estimate, EventFilter, GrantFilter, GrantState,
    Justification, ListedClient, ListedConnection, ListedGrant, Target,
};
use crate::ground::error::Error;
use crate::ground::protobuf_time::instant;
use crate::grpc::wire::name::{self, ClientName};
use crate::grpc::wire::parse_client_id;

const MAX_SUBJECTS: usize = 100;

pub(super) fn justification(reason: String, request_id: String) -> Justification {
    Justification { reason, request_id }
}

pub(super) fn client_id(text: &str) -> Result<ClientId, Refusal> {
    if text.is_empty() { Err(Refusal::ParameterMissing("client_id")) } else { parse_client_id(text) }
}

pub(super) fn grant_id(text: &str) -> Result<GrantId, Refusal> {
    match text {
        "" => Err(Refusal::ParameterMissing("grant_id")),
        text => GrantId::parse(text).ok_or(Refusal::RequestMalformed("this is no grant_id")),
    }
}

fn subject(text: &str) -> Result<Subject, Refusal> {
    match text {
        "" => Err(Refusal::ParameterMissing("subject")),
        text => {
            Subject::parse(text).ok_or(Refusal::RequestMalformed("a subject is an upstream's id, | and its own id"))
        }
    }
}

/// Each by itself: a malformed one does not spoil the others.
pub(super) fn subjects(texts: &[String]) -> Result<Vec<Result<Subject, Refusal>>, Refusal> {
    if texts.is_empty() {
        return Err(Refusal::ParameterMissing("subjects"));
    }
    if texts.len() > MAX_SUBJECTS {
        return Err(Refusal::RequestTooLarge("subjects to 100"));
    }
    Ok(texts.iter().map(|text| subject(text)).collect())
}

pub(super) fn target(target: Option<v1::admin_service_revoke_request::Target>) -> Result<Target, Refusal> {
    use v1::admin_service_revoke_request::Target as Asked;
    Ok(match target.ok_or(Refusal::ParameterMissing("target"))? {
        Asked::Consent(name) if name.resource.is_empty() => return Err(Refusal::ParameterMissing("resource")),
        Asked::Consent(name) => Target::Consent {
            subject: subject(&name.subject)?,
            client_id: client_id(&name.client_id)?,
            resource: name.resource,
        },
        Asked::GrantId(text) => Target::Grant(grant_id(&text)?),
        Asked::ConnectionOf(text) => Target::Connection(subject(&text)?),
        Asked::ClientId(text) => Target::Client(client_id(&text)?),
        Asked::Subject(text) => Target::Subject(subject(&text)?),
        Asked::Everything(v1::Everything { confirm }) => Target::Issuer { confirm },
    })
}

pub(super) fn client_state(state: i32) -> Result<Option<ClientStatus>, Refusal> {
    match v1::ClientState::try_from(state) {
        Ok(v1::ClientState::Unspecified) => Ok(None),
        Ok(v1::ClientState::Enabled) => Ok(Some(ClientStatus::Enabled)),
        Ok(v1::ClientState::Disabled) => Ok(Some(ClientStatus::Disabled)),
        // Ignoring it would list more than was requested.
        Err(_) => Err(Refusal::RequestMalformed("there is no such state")),
    }
}

pub(super) fn grant_filter(request: &v1::ListGrantsRequest) -> Result<GrantFilter, Refusal> {
    Ok(GrantFilter {
        subject: given(&request.subject).map(subject).transpose()?,
        client_id: given(&request.client_id).map(parse_client_id).transpose()?,
        state: match v1::GrantState::try_from(request.state) {
            Ok(v1::GrantState::Unspecified) => None,
            Ok(v1::GrantState::Live) => Some(GrantState::Live),
            Ok(v1::GrantState::Expired) => Some(GrantState::Expired),
            Ok(v1::GrantState::Ended) => Some(GrantState::Ended),
            Ok(v1::GrantState::Lapsed) => Some(GrantState::Lapsed),
            Err(_) => return Err(Refusal::RequestMalformed("there is no such state")),
        },
    })
}

pub(super) fn connection_filter(request: &v1::ListConnectionsRequest) -> Result<ConnectionFilter, Refusal> {
    Ok(ConnectionFilter {
        subject: given(&request.subject).map(subject).transpose()?,
        state: match v1::ConnectionState::try_from(request.state) {
            Ok(v1::ConnectionState::Unspecified) => None,
            Ok(v1::ConnectionState::Live) => Some(ConnectionStateName::Live),
            Ok(v1::ConnectionState::Refreshing) => Some(ConnectionStateName::Refreshing),
            Ok(v1::ConnectionState::Uncertain) => Some(ConnectionStateName::Uncertain),
            Ok(v1::ConnectionState::Rejected) => Some(ConnectionStateName::Rejected),
            Ok(v1::ConnectionState::Ended) => Some(ConnectionStateName::Ended),
            Err(_) => return Err(Refusal::RequestMalformed("there is no such state")),
        },
    })
}

pub(super) fn event_filter(request: &v1::ListEventsRequest) -> Result<EventFilter, Refusal> {
    Ok(EventFilter {
        subject: given(&request.subject).map(subject).transpose()?,
        client_id: given(&request.client_id).map(parse_client_id).transpose()?,
        kind: given(&request.kind).map(str::to_owned),
        from: request.start_time.map(time).transpose()?,
        before: request.end_time.map(time).transpose()?,
    })
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

pub(super) fn time(at: prost_types::Timestamp) -> Result<Timestamp, Refusal> {
    let millis = || {
        let (seconds, nanos) = (u64::try_from(at.seconds).ok()?, u64::try_from(at.nanos).ok()?);
        seconds.checked_mul(1000)?.checked_add(nanos / 1_000_000).filter(|millis| *millis < 1 << 48)
    };
    millis().map(Timestamp::from_millis).ok_or(Refusal::RequestMalformed("this is no time"))
}

pub(super) fn client(listed: ListedClient) -> v1::Client {
    let kind = match listed.kind {
        ClientKind::Configured => v1::ClientKind::Configured,
        ClientKind::Registered => v1::ClientKind::Registered,
        ClientKind::Document => v1::ClientKind::Document,
        ClientKind::Gone => v1::ClientKind::Unspecified,
    };
    let state = match listed.status {
        ClientStatus::Enabled => v1::ClientState::Enabled,
        ClientStatus::Disabled => v1::ClientState::Disabled,
    };
    let about = listed.client.map(described).unwrap_or_default();
    v1::Client { client_id: listed.id.as_str().to_owned(), kind: kind.into(), state: state.into(), ..about }
}

/// The fields that the record or the configuration of a client gives.
fn described(client: Client) -> v1::Client {
    let receiver = Receiver { redirect_uris: &client.redirect_uris, document: None };
    let ClientName { name_doubts, name_withheld, .. } =
        if client.is_configured() { ClientName::default() } else { name::claimed(client.name.as_deref(), &receiver) };
    v1::Client {
        redirect_uris: client.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect(),
        token_endpoint_auth_method: client.authentication.method().as_str().to_owned(),
        create_time: client.registered_at().map(instant),
        name: client.name.unwrap_or_default(),
        name_doubts,
        name_withheld,
        ..v1::Client::default()
    }
}

pub(super) fn grant(ListedGrant { grant, state }: ListedGrant) -> v1::Grant {
    let (end_time, end_reason) = match grant.phase {
        token::GrantPhase::Live => (None, v1::GrantEndReason::Unspecified),
        token::GrantPhase::Ended { at, why: EndedBy::CodeReplay } => (Some(at), v1::GrantEndReason::CodeReplay),
        token::GrantPhase::Ended { at, why: EndedBy::RefreshTokenReplay } => {
            (Some(at), v1::GrantEndReason::RefreshTokenReplay)
        }
        token::GrantPhase::Ended { at, why: EndedBy::Client } => (Some(at), v1::GrantEndReason::Client),
        token::GrantPhase::Ended { at, why: EndedBy::Operator } => (Some(at), v1::GrantEndReason::Operator),
        token::GrantPhase::Ended { at, why: EndedBy::EntryRules } => (Some(at), v1::GrantEndReason::EntryRules),
    };
    v1::Grant {
        grant_id: grant.id.to_string(),
        subject: grant.subject.as_str().to_owned(),
        client_id: grant.client_id.as_str().to_owned(),
        scopes: texts(&grant.scopes),
        state: match state {
            GrantState::Live => v1::GrantState::Live,
            GrantState::Expired => v1::GrantState::Expired,
            GrantState::Ended => v1::GrantState::Ended,
            GrantState::Lapsed => v1::GrantState::Lapsed,
        }
        .into(),
        create_time: Some(instant(grant.created_at)),
        refresh_time: Some(instant(grant.current.at)),
        idle_expire_time: Some(instant(grant.idle_end)),
        expire_time: Some(instant(grant.end)),
        end_time: end_time.map(instant),
        end_reason: end_reason.into(),
        resource: grant.resource,
    }
}

pub(super) fn connection(ListedConnection { connection, scopes }: ListedConnection) -> v1::Connection {
    let (state, end_time) = match connection.state {
        ConnectionState::Live => (v1::ConnectionState::Live, None),
        ConnectionState::Refreshing(_) => (v1::ConnectionState::Refreshing, None),
        ConnectionState::Uncertain => (v1::ConnectionState::Uncertain, None),
        ConnectionState::Rejected { at } => (v1::ConnectionState::Rejected, Some(at)),
        ConnectionState::Ended { at } => (v1::ConnectionState::Ended, Some(at)),
    };
    v1::Connection {
        subject: connection.subject.as_str().to_owned(),
        state: state.into(),
        sign_in_time: Some(instant(connection.signed_in_at)),
        obtain_time: Some(instant(connection.obtained_at)),
        generation: connection.generation,
        scopes: texts(&scopes),
        end_time: end_time.map(instant),
    }
}

pub(super) fn revocation(outcome: ChangeOutcome) -> v1::Revocation {
    match outcome {
        ChangeOutcome::Changed(at) => v1::Revocation { changed: true, revoke_time: Some(instant(at)) },
        ChangeOutcome::Unchanged => v1::Revocation { changed: false, revoke_time: None },
    }
}

pub(super) fn estimate(found: Estimate) -> v1::RevocationEstimate {
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    v1::RevocationEstimate {
        live_consents: count(found.live_consents),
        live_grants: count(found.live_grants),
        live_connections: count(found.live_connections),
        incomplete: found.at_least,
    }
}

pub(super) fn subject_revocation(
    subject: String,
    outcome: Result<ChangeOutcome, Error>,
    request_id: &str,
) -> v1::SubjectRevocation {
    let outcome = match outcome {
        Ok(outcome) => v1::subject_revocation::Outcome::Revocation(revocation(outcome)),
        Err(error) => {
            let (reason, message, _) = error.into_reason(request_id);
            let reason = reason.as_str().to_owned();
            v1::subject_revocation::Outcome::Failure(v1::RevocationFailure { reason, message })
        }
    };
    v1::SubjectRevocation { subject, outcome: Some(outcome) }
}

pub(super) fn event(event: Event) -> v1::Event {
    let (subject, client_id) = event.concerns();
    let (grant_id, scopes, reason) = event.kind.details();
    let how = match &event.kind {
        EventKind::ConsentApproved { how, .. } => how.map(ApprovedOn::as_str),
        _ => None,
    };
    v1::Event {
        event_id: event.id.to_string(),
        time: Some(instant(event.at)),
        kind: event.kind.name().to_owned(),
        subject: subject.map(|subject| subject.as_str().to_owned()).unwrap_or_default(),
        client_id: client_id.map(|id| id.as_str().to_owned()).unwrap_or_default(),
        resource: event.about.as_ref().map(|about| about.resource.clone()).unwrap_or_default(),
        grant_id: grant_id.map(|id| id.to_string()).unwrap_or_default(),
        scopes: scopes.split_ascii_whitespace().map(str::to_owned).collect(),
        requested_scopes: event.kind.requested().split_ascii_whitespace().map(str::to_owned).collect(),
        reason: reason.map(|reason| reason.as_str().to_owned()).unwrap_or_default(),
        principal: event.principal,
        call_id: event.request_id,
        address: event.address.map(|address| address.as_str().to_owned()).unwrap_or_default(),
        how: how.unwrap_or_default().to_owned(),
    }
}

fn texts(scopes: &Scopes) -> Vec<String> {
    scopes.iter().map(|scope| scope.as_str().to_owned()).collect()
}
