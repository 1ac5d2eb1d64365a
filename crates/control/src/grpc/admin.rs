//! `AdminService`.

mod backup;
mod diagnosis;
mod export;
mod records;

use std::sync::Arc;

use futures_util::stream::BoxStream;
use lychgate_api::v1;
use lychgate_api::v1::admin_service_revoke_response::Outcome as Revoked;
use lychgate_api::v1::admin_service_server::AdminService;
use lychgate_api::v1::{
    AdminServiceRevokeRequest, AdminServiceRevokeResponse, BackupRequest, BackupResponse, DiagnoseRequest,
    DiagnoseResponse, DisableClientRequest, DisableClientResponse, EnableClientRequest, EnableClientResponse,
    ExportEventsRequest, ExportEventsResponse, GetClientRequest, GetClientResponse, GetGrantRequest, GetGrantResponse,
    ListClientsRequest, ListClientsResponse, ListConnectionsRequest, ListConnectionsResponse, ListEventsRequest,
    ListEventsResponse, ListGrantsRequest, ListGrantsResponse, ListKeysRequest, ListKeysResponse, ReadCheckupRequest,
    ReadCheckupResponse, RevokeSubjectsRequest, RevokeSubjectsResponse, RotateKeysRequest, RotateKeysResponse,
};
use lychgate_domain::Refusal;
use lychgate_domain::client::ClientStatus;
use lychgate_domain::keys::Purpose;
use lychgate_domain::keys::rotation::{KeyFamily, KeyState, RotationUrgency};
use tonic::{Request, Response, Status};

use super::{admission, caller, checkup, reply};
use crate::admin::backup::Backup;
use crate::admin::diagnosis::diagnose;
use crate::admin::{Admin, Change, ChangeOutcome, KeyRotation, RotateKeys};
use crate::events::Export;
use crate::ground::caller::Caller;
use crate::ground::error::Error;
use crate::ground::protobuf_time::timestamp;
use crate::grpc::wire::page_request;
use crate::keys::jwk::jwk_json;
use crate::keys::keyring::ListedKey;
use crate::keys::signing::kid;
use crate::state::State;

pub(super) struct AdminApi(pub(super) State);

impl AdminApi {
    fn admin(&self, caller: &Arc<Caller>, issuer_id: &str) -> Result<Admin, Error> {
        Ok(Admin(self.0.call_with_cached_keys(caller, issuer_id)?))
    }

    /// For lists, whose page tokens are sealed.
    async fn lists(&self, caller: &Arc<Caller>, issuer_id: &str) -> Result<Admin, Error> {
        Ok(Admin(self.0.call(caller, issuer_id).await?))
    }
}

#[tonic::async_trait]
impl AdminService for AdminApi {
    type BackupStream = BoxStream<'static, Result<BackupResponse, Status>>;

    async fn backup(&self, request: Request<BackupRequest>) -> Result<Response<Self::BackupStream>, Status> {
        let (caller, admission) = (caller(&request)?, admission(&request)?);
        let backup = Backup::begin(&self.0, &caller).await;
        reply(backup, &caller.request_id, |backup| backup::parts(backup, admission))
    }

    type ExportEventsStream = BoxStream<'static, Result<ExportEventsResponse, Status>>;

    async fn export_events(
        &self,
        request: Request<ExportEventsRequest>,
    ) -> Result<Response<Self::ExportEventsStream>, Status> {
        let (caller, admission, request) = (caller(&request)?, admission(&request)?, request.into_inner());
        let export = async {
            let export_request = export::request(&request)?;
            Export::begin(self.0.call_with_cached_keys(&caller, &request.issuer_id)?, export_request).await
        };
        reply(export.await, &caller.request_id, |export| export::lines(export, admission))
    }

    async fn diagnose(&self, request: Request<DiagnoseRequest>) -> Result<Response<DiagnoseResponse>, Status> {
        let caller = caller(&request)?;
        Ok(Response::new(diagnosis::response(diagnose(&self.0, &caller).await)))
    }

    async fn read_checkup(
        &self,
        request: Request<ReadCheckupRequest>,
    ) -> Result<Response<ReadCheckupResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let read = self.0.call_with_cached_keys(&caller, &request.issuer_id);
        let read = read.and_then(|call| checkup::read(call, &request));
        reply(read, &caller.request_id, |read| read)
    }

    async fn list_keys(&self, request: Request<ListKeysRequest>) -> Result<Response<ListKeysResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let keys = async { self.admin(&caller, &request.issuer_id)?.list_keys().await };
        reply(keys.await, &caller.request_id, |keys| ListKeysResponse { keys: keys.into_iter().map(key).collect() })
    }

    async fn rotate_keys(&self, request: Request<RotateKeysRequest>) -> Result<Response<RotateKeysResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let rotated = async {
            let rotate = RotateKeys {
                families: families(request.keys)?,
                request_id: request.request_id,
                urgency: if request.compromised { RotationUrgency::Compromised } else { RotationUrgency::Planned },
            };
            self.admin(&caller, &request.issuer_id)?.rotate_keys(rotate).await
        };
        let wire =
            |rotated: Vec<KeyRotation>| RotateKeysResponse { rotations: rotated.into_iter().map(rotation).collect() };
        reply(rotated.await, &caller.request_id, wire)
    }

    async fn list_clients(
        &self,
        request: Request<ListClientsRequest>,
    ) -> Result<Response<ListClientsResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let listed = async {
            let state = records::client_state(request.state)?;
            let page = page_request(request.page_size, request.page_token)?;
            self.lists(&caller, &request.issuer_id).await?.list_clients(state, &page).await
        };
        reply(listed.await, &caller.request_id, |page| ListClientsResponse {
            clients: page.items.into_iter().map(records::client).collect(),
            next_page_token: page.next_page_token,
        })
    }

    async fn get_client(&self, request: Request<GetClientRequest>) -> Result<Response<GetClientResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let found = async {
            let id = records::client_id(&request.client_id)?;
            self.admin(&caller, &request.issuer_id)?.client(&id).await
        };
        reply(found.await, &caller.request_id, |found| GetClientResponse { client: Some(records::client(found)) })
    }

    async fn disable_client(
        &self,
        request: Request<DisableClientRequest>,
    ) -> Result<Response<DisableClientResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let changed = async {
            let client_id = records::client_id(&request.client_id)?;
            let change = Change::SetStatus { client_id, status: ClientStatus::Disabled };
            let justification = records::justification(request.reason, request.request_id);
            self.admin(&caller, &request.issuer_id)?.change(change, justification).await
        };
        let wire = |outcome: ChangeOutcome| DisableClientResponse { changed: outcome.is_changed() };
        reply(changed.await, &caller.request_id, wire)
    }

    async fn enable_client(
        &self,
        request: Request<EnableClientRequest>,
    ) -> Result<Response<EnableClientResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let changed = async {
            let client_id = records::client_id(&request.client_id)?;
            let change = Change::SetStatus { client_id, status: ClientStatus::Enabled };
            let justification = records::justification(request.reason, request.request_id);
            self.admin(&caller, &request.issuer_id)?.change(change, justification).await
        };
        let wire = |outcome: ChangeOutcome| EnableClientResponse { changed: outcome.is_changed() };
        reply(changed.await, &caller.request_id, wire)
    }

    async fn list_grants(&self, request: Request<ListGrantsRequest>) -> Result<Response<ListGrantsResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let listed = async {
            let filter = records::grant_filter(&request)?;
            let page = page_request(request.page_size, request.page_token)?;
            self.lists(&caller, &request.issuer_id).await?.list_grants(&filter, &page).await
        };
        reply(listed.await, &caller.request_id, |page| ListGrantsResponse {
            grants: page.items.into_iter().map(records::grant).collect(),
            next_page_token: page.next_page_token,
        })
    }

    async fn get_grant(&self, request: Request<GetGrantRequest>) -> Result<Response<GetGrantResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let found = async {
            let id = records::grant_id(&request.grant_id)?;
            self.admin(&caller, &request.issuer_id)?.grant(id).await
        };
        reply(found.await, &caller.request_id, |found| GetGrantResponse { grant: Some(records::grant(found)) })
    }

    async fn list_connections(
        &self,
        request: Request<ListConnectionsRequest>,
    ) -> Result<Response<ListConnectionsResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let listed = async {
            let filter = records::connection_filter(&request)?;
            let page = page_request(request.page_size, request.page_token)?;
            self.lists(&caller, &request.issuer_id).await?.list_connections(&filter, &page).await
        };
        reply(listed.await, &caller.request_id, |page| ListConnectionsResponse {
            connections: page.items.into_iter().map(records::connection).collect(),
            next_page_token: page.next_page_token,
        })
    }

    async fn revoke(
        &self,
        request: Request<AdminServiceRevokeRequest>,
    ) -> Result<Response<AdminServiceRevokeResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let done = async {
            let target = records::target(request.target)?;
            let admin = self.admin(&caller, &request.issuer_id)?;
            if request.dry_run {
                return Ok(Revoked::Estimate(records::estimate(admin.estimate(&target).await?)));
            }
            let justification = records::justification(request.reason, request.request_id);
            let outcome = admin.change(Change::Revoke(target), justification).await?;
            Ok(Revoked::Revocation(records::revocation(outcome)))
        };
        reply(done.await, &caller.request_id, |outcome| AdminServiceRevokeResponse { outcome: Some(outcome) })
    }

    async fn revoke_subjects(
        &self,
        request: Request<RevokeSubjectsRequest>,
    ) -> Result<Response<RevokeSubjectsResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let RevokeSubjectsRequest { issuer_id, subjects: texts, reason, request_id } = request;
        let done = async {
            let (subjects, justification) = (records::subjects(&texts)?, records::justification(reason, request_id));
            self.admin(&caller, &issuer_id)?.revoke_subjects(subjects, justification).await
        };
        let told = |(subject, outcome)| records::subject_revocation(subject, outcome, &caller.request_id);
        reply(done.await, &caller.request_id, |outcomes| RevokeSubjectsResponse {
            revocations: texts.clone().into_iter().zip(outcomes).map(told).collect(),
        })
    }

    async fn list_events(&self, request: Request<ListEventsRequest>) -> Result<Response<ListEventsResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let listed = async {
            let filter = records::event_filter(&request)?;
            let page = page_request(request.page_size, request.page_token)?;
            self.lists(&caller, &request.issuer_id).await?.list_events(&filter, &page).await
        };
        reply(listed.await, &caller.request_id, |page| ListEventsResponse {
            events: page.items.into_iter().map(records::event).collect(),
            next_page_token: page.next_page_token,
        })
    }
}

/// A missing purpose is refused: "all" has to be said.
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

fn rotation(rotated: KeyRotation) -> v1::KeyRotation {
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
