//! `RegistrationService`.

use lychgate_api::v1::registration_service_server::RegistrationService;
use lychgate_api::v1::{RegisterRequest, RegisterResponse};
use tonic::{Request, Response, Status};

use super::{caller, reply};
use crate::control::Control;
use crate::wire;

#[tonic::async_trait]
impl RegistrationService for Control {
    async fn register(&self, request: Request<RegisterRequest>) -> Result<Response<RegisterResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let request_id = caller.request_id.clone();
        let client = async {
            let attempt = wire::attempt(&request.attempt)?;
            Control::register(self, caller, request.issuer_id, attempt, wire::registration(request.metadata)).await
        };
        reply(client.await, &request_id, wire::registered)
    }
}
