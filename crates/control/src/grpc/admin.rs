//! `AdminService`: what an operator does by hand.

mod export;
mod records;

use std::sync::Arc;

use futures_util::stream::BoxStream;
use lychgate_api::v1;
use lychgate_api::v1::admin_service_revoke_response::Outcome as Revoked;
use lychgate_api::v1::admin_service_server::AdminService;
use lychgate_api::v1::{
    AdminServiceRevokeRequest, AdminServiceRevokeResponse, DisableClientRequest, DisableClientResponse,
    EnableClientRequest, EnableClientResponse, ExportEventsRequest, ExportEventsResponse, GetClientRequest,
    GetClientResponse, GetGrantRequest, GetGrantResponse, ListClientsRequest, ListClientsResponse, ListEventsRequest,
    ListEventsResponse, ListGrantsRequest, ListGrantsResponse, ListKeysRequest, ListKeysResponse,
    RevokeSubjectsRequest, RevokeSubjectsResponse, RotateKeysRequest, RotateKeysResponse,
};
use lychgate_domain::Refusal;
use lychgate_domain::client::ClientStatus;
use lychgate_domain::keys::Purpose;
use lychgate_domain::keys::rotation::{KeyFamily, KeyState, RotationUrgency};
use tonic::{Request, Response, Status};

use super::{caller, reply};
use crate::admin::{Change, KeysAsked, Outcome, Rotated};
use crate::ground::caller::Caller;
use crate::ground::error::Error;
use crate::ground::protobuf_time::timestamp;
use crate::keys::jwk::jwk_json;
use crate::keys::keyring::ListedKey;
use crate::keys::signing::kid;
use crate::state::Control;

#[tonic::async_trait]
impl AdminService for Control {
    type ExportEventsStream = BoxStream<'static, Result<ExportEventsResponse, Status>>;

    async fn export_events(
        &self,
        request: Request<ExportEventsRequest>,
    ) -> Result<Response<Self::ExportEventsStream>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let call_id = caller.request_id.clone();
        let export = async {
            let asked = export::asked(&request)?;
            Control::export_events(self, caller, request.issuer_id, asked).await
        };
        reply(export.await, &call_id, |export| export::lines(export, call_id.clone()))
    }

    async fn list_keys(&self, request: Request<ListKeysRequest>) -> Result<Response<ListKeysResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let keys = Control::list_keys(self, &caller, &request.issuer_id).await;
        reply(keys, &caller.request_id, |keys| ListKeysResponse { keys: keys.into_iter().map(key).collect() })
    }

    async fn rotate_keys(&self, request: Request<RotateKeysRequest>) -> Result<Response<RotateKeysResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let request_id = caller.request_id.clone();
        let rotated = async {
            let asked = KeysAsked {
                families: families(request.keys)?,
                request_id: request.request_id,
                urgency: if request.compromised { RotationUrgency::Compromised } else { RotationUrgency::Planned },
            };
            Control::rotate_keys(self, caller, request.issuer_id, asked).await
        };
        let wire =
            |rotated: Vec<Rotated>| RotateKeysResponse { rotations: rotated.into_iter().map(rotation).collect() };
        reply(rotated.await, &request_id, wire)
    }

    async fn list_clients(
        &self,
        request: Request<ListClientsRequest>,
    ) -> Result<Response<ListClientsResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let listed = async {
            let state = records::client_state(request.state)?;
            let page = records::page(request.page_size, request.page_token)?;
            Control::list_clients(self, &caller, &request.issuer_id, state, &page).await
        };
        reply(listed.await, &caller.request_id, |page| ListClientsResponse {
            clients: page.items.into_iter().map(records::client).collect(),
            next_page_token: page.next_page_token,
        })
    }

    async fn get_client(&self, request: Request<GetClientRequest>) -> Result<Response<GetClientResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let found =
            async { self.client_of(&caller, &request.issuer_id, &records::client_id(&request.client_id)?).await };
        reply(found.await, &caller.request_id, |found| GetClientResponse { client: Some(records::client(found)) })
    }

    async fn disable_client(
        &self,
        request: Request<DisableClientRequest>,
    ) -> Result<Response<DisableClientResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let DisableClientRequest { issuer_id, client_id, reason, request_id } = request;
        let call_id = caller.request_id.clone();
        let done = set_status(self, caller, issuer_id, &client_id, ClientStatus::Disabled, (reason, request_id)).await;
        reply(done, &call_id, |changed| DisableClientResponse { changed })
    }

    async fn enable_client(
        &self,
        request: Request<EnableClientRequest>,
    ) -> Result<Response<EnableClientResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let EnableClientRequest { issuer_id, client_id, reason, request_id } = request;
        let call_id = caller.request_id.clone();
        let done = set_status(self, caller, issuer_id, &client_id, ClientStatus::Enabled, (reason, request_id)).await;
        reply(done, &call_id, |changed| EnableClientResponse { changed })
    }

    async fn list_grants(&self, request: Request<ListGrantsRequest>) -> Result<Response<ListGrantsResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let listed = async {
            let filter = records::grant_filter(&request)?;
            let page = records::page(request.page_size, request.page_token)?;
            Control::list_grants(self, &caller, &request.issuer_id, &filter, &page).await
        };
        reply(listed.await, &caller.request_id, |page| ListGrantsResponse {
            grants: page.items.into_iter().map(records::grant).collect(),
            next_page_token: page.next_page_token,
        })
    }

    async fn get_grant(&self, request: Request<GetGrantRequest>) -> Result<Response<GetGrantResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let found = async { self.grant_of(&caller, &request.issuer_id, records::grant_id(&request.grant_id)?).await };
        reply(found.await, &caller.request_id, |found| GetGrantResponse { grant: Some(records::grant(found)) })
    }

    async fn revoke(
        &self,
        request: Request<AdminServiceRevokeRequest>,
    ) -> Result<Response<AdminServiceRevokeResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let call_id = caller.request_id.clone();
        let done = async {
            let target = records::target(request.target)?;
            if request.dry_run {
                let found = self.estimate(&caller, &request.issuer_id, &target).await?;
                return Ok(Revoked::Estimate(records::estimate(found)));
            }
            let account = records::account(request.reason, request.request_id);
            let outcome = self.change(caller, request.issuer_id, Change::Revoke(target), account).await?;
            Ok(Revoked::Revocation(records::revocation(outcome)))
        };
        reply(done.await, &call_id, |outcome| AdminServiceRevokeResponse { outcome: Some(outcome) })
    }

    async fn revoke_subjects(
        &self,
        request: Request<RevokeSubjectsRequest>,
    ) -> Result<Response<RevokeSubjectsResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let call_id = caller.request_id.clone();
        let RevokeSubjectsRequest { issuer_id, subjects: texts, reason, request_id } = request;
        let done = async {
            let (subjects, account) = (records::subjects(&texts)?, records::account(reason, request_id));
            Control::revoke_subjects(self, caller, issuer_id, subjects, account).await
        };
        let told = |(subject, outcome)| records::subject_revocation(subject, outcome, &call_id);
        reply(done.await, &call_id, |outcomes| RevokeSubjectsResponse {
            revocations: texts.clone().into_iter().zip(outcomes).map(told).collect(),
        })
    }

    async fn list_events(&self, request: Request<ListEventsRequest>) -> Result<Response<ListEventsResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let listed = async {
            let filter = records::event_filter(&request)?;
            let page = records::page(request.page_size, request.page_token)?;
            Control::list_events(self, &caller, &request.issuer_id, &filter, &page).await
        };
        reply(listed.await, &caller.request_id, |page| ListEventsResponse {
            events: page.items.into_iter().map(records::event).collect(),
            next_page_token: page.next_page_token,
        })
    }
}

async fn set_status(
    control: &Control,
    caller: Arc<Caller>,
    issuer_id: String,
    client_id: &str,
    status: ClientStatus,
    (reason, request_id): (String, String),
) -> Result<bool, Error> {
    let client_id = records::client_id(client_id)?;
    let (change, account) = (Change::SetStatus { client_id, status }, records::account(reason, request_id));
    Ok(match control.change(caller, issuer_id, change, account).await? {
        Outcome::Changed(_) => true,
        Outcome::AsItWas => false,
    })
}

/// What is not said is not guessed: "all" has to be written.
fn families(keys: Option<v1::rotate_keys_request::Keys>) -> Result<Vec<KeyFamily>, Error> {
    match keys {
        Some(v1::rotate_keys_request::Keys::All(v1::AllPurposes {})) => Ok(KeyFamily::all().collect()),
        Some(v1::rotate_keys_request::Keys::Purpose(of)) => {
            let family = KeyFamily::all().find(|family| i32::from(purpose(*family)) == of);
            Ok(vec![family.ok_or(Refusal::RequestMalformed("there is no such purpose"))?])
        }
        None => Err(Refusal::ParameterMissing("purpose").into()),
    }
}

fn key(listed: ListedKey) -> v1::Key {
    let ListedKey { family, key, life, public } = listed;
    let state = match key.state {
        KeyState::Announced => v1::KeyState::Announced,
        KeyState::Active => v1::KeyState::Active,
        KeyState::Retired => v1::KeyState::Retired,
    };
    v1::Key {
        key_id: kid(key.id),
        purpose: purpose(family).into(),
        state: state.into(),
        algorithm: key.algorithm.map(|algorithm| algorithm.as_str().to_owned()).unwrap_or_default(),
        create_time: Some(timestamp(key.created_at)),
        active_time: Some(timestamp(life.active_at)),
        retire_time: life.retires_at.map(timestamp),
        forget_time: life.forgotten_at.map(timestamp),
        public_key: public.map(|jwk| jwk_json(&jwk).to_string()).unwrap_or_default(),
    }
}

fn rotation(rotated: Rotated) -> v1::KeyRotation {
    v1::KeyRotation {
        purpose: purpose(rotated.family).into(),
        key_id: kid(rotated.successor),
        active_time: Some(timestamp(rotated.active_at)),
        forget_time: rotated.forgotten_at.map(timestamp),
        impact: rotated.broken.as_ref().map(|broken| broken.what.to_owned()).unwrap_or_default(),
        propagate_time: rotated.broken.map(|broken| timestamp(broken.known_at)),
    }
}

fn purpose(family: KeyFamily) -> v1::KeyPurpose {
    match family {
        KeyFamily::Signing => v1::KeyPurpose::Signing,
        KeyFamily::Events => v1::KeyPurpose::Events,
        KeyFamily::Derived(Purpose::Ticket) => v1::KeyPurpose::Ticket,
        KeyFamily::Derived(Purpose::Form) => v1::KeyPurpose::Form,
        KeyFamily::Derived(Purpose::Cookie) => v1::KeyPurpose::Cookie,
        KeyFamily::Derived(Purpose::Login) => v1::KeyPurpose::Login,
        KeyFamily::Derived(Purpose::Code) => v1::KeyPurpose::Code,
        KeyFamily::Derived(Purpose::Client) => v1::KeyPurpose::Client,
        KeyFamily::Derived(Purpose::RefreshToken) => v1::KeyPurpose::RefreshToken,
        KeyFamily::Derived(Purpose::UpstreamTokens) => v1::KeyPurpose::UpstreamTokens,
    }
}
