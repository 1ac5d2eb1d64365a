//! `TokenService`.

use lychgate_api::v1::token_service_server::TokenService;
use lychgate_api::v1::{ExchangeRequest, ExchangeResponse};
use tonic::{Request, Response, Status};

use super::{caller, reply};
use crate::control::Control;
use crate::wire;

#[tonic::async_trait]
impl TokenService for Control {
    async fn exchange(&self, request: Request<ExchangeRequest>) -> Result<Response<ExchangeResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let request_id = caller.request_id.clone();
        let tokens = async {
            let attempt = wire::attempt(&request.attempt)?;
            let asked = wire::asked(request.grant, request.resources, request.scope);
            Control::exchange(self, caller, request.issuer_id, attempt, wire::credentials(request.client), asked).await
        };
        reply(tokens.await, &request_id, wire::tokens)
    }
}
