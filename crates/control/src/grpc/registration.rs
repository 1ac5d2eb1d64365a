//! `RegistrationService`.

use lychgate_api::v1::registration_service_server::RegistrationService;
use lychgate_api::v1::{
    DeleteRequest, DeleteResponse, ReadRequest, ReadResponse, RegisterRequest, RegisterResponse, UpdateRequest,
    UpdateResponse,
};
use tonic::{Request, Response, Status};

use super::{caller, reply};
use crate::grpc::wire;
use crate::registration::{Managed, Replacement};
use crate::state::Control;

#[tonic::async_trait]
impl RegistrationService for Control {
    async fn register(&self, request: Request<RegisterRequest>) -> Result<Response<RegisterResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let request_id = caller.request_id.clone();
        let client = async {
            let (attempt, metadata) = (wire::attempt(&request.attempt)?, wire::registration(request.metadata));
            Control::register(self, caller, request.issuer_id, attempt, metadata, request.initial_access_token).await
        };
        let client = client.await.map(wire::registered);
        reply(client, &request_id, |client| RegisterResponse { client: Some(client) })
    }

    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<ReadResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let managed = Managed { client_id: request.client_id, token: request.registration_access_token };
        let client = self.read_registration(&caller, &request.issuer_id, &managed).await.map(wire::registered);
        reply(client, &caller.request_id, |client| ReadResponse { client: Some(client) })
    }

    async fn update(&self, request: Request<UpdateRequest>) -> Result<Response<UpdateResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let request_id = caller.request_id.clone();
        let client = async {
            let attempt = wire::attempt(&request.attempt)?;
            let managed = Managed { client_id: request.client_id, token: request.registration_access_token };
            let asked = Replacement {
                metadata: wire::registration(request.metadata),
                client_id: request.body_client_id,
                client_secret: request.body_client_secret,
            };
            self.replace_registration(caller, request.issuer_id, attempt, managed, asked).await
        };
        let client = client.await.map(wire::registered);
        reply(client, &request_id, |client| UpdateResponse { client: Some(client) })
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<DeleteResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let request_id = caller.request_id.clone();
        let managed = Managed { client_id: request.client_id, token: request.registration_access_token };
        let deleted = self.delete_registration(caller, request.issuer_id, managed).await;
        reply(deleted, &request_id, |()| DeleteResponse {})
    }
}
