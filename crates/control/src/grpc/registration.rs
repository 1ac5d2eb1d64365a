//! `RegistrationService`.

use lychgate_api::v1::registration_service_server::RegistrationService;
use lychgate_api::v1::{
    DeleteRequest, DeleteResponse, ReadRequest, ReadResponse, RegisterRequest, RegisterResponse, UpdateRequest,
    UpdateResponse,
};
use tonic::{Request, Response, Status};

use super::{caller, reply, wire};
use crate::registration::{Managed, Registering, Registration, Replacement};
use crate::state::State;

pub(super) struct RegistrationApi(pub(super) State);

#[tonic::async_trait]
impl RegistrationService for RegistrationApi {
    async fn register(&self, request: Request<RegisterRequest>) -> Result<Response<RegisterResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let client = async {
            let (attempt, metadata) = (wire::attempt(&request.attempt)?, wire::registration(request.metadata));
            let command = self.0.command(&caller, &request.issuer_id, attempt).await?;
            Registering(command).register(metadata, request.initial_access_token).await.map(wire::registered)
        };
        reply(client.await, &caller.request_id, |client| RegisterResponse { client: Some(client) })
    }

    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<ReadResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let client = async {
            let managed = Managed { client_id: request.client_id, token: request.registration_access_token };
            let registration = Registration(self.0.call(&caller, &request.issuer_id).await?);
            registration.read(&managed).await.map(wire::registered)
        };
        reply(client.await, &caller.request_id, |client| ReadResponse { client: Some(client) })
    }

    async fn update(&self, request: Request<UpdateRequest>) -> Result<Response<UpdateResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let client = async {
            let attempt = wire::attempt(&request.attempt)?;
            let managed = Managed { client_id: request.client_id, token: request.registration_access_token };
            let replacement = Replacement {
                metadata: wire::registration(request.metadata),
                client_id: request.body_client_id,
                client_secret: request.body_client_secret,
            };
            let command = self.0.command(&caller, &request.issuer_id, attempt).await?;
            Registering(command).replace(managed, replacement).await.map(wire::registered)
        };
        reply(client.await, &caller.request_id, |client| UpdateResponse { client: Some(client) })
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<DeleteResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let deleted = async {
            let managed = Managed { client_id: request.client_id, token: request.registration_access_token };
            Registration(self.0.call(&caller, &request.issuer_id).await?).delete(managed).await
        };
        reply(deleted.await, &caller.request_id, |()| DeleteResponse {})
    }
}
