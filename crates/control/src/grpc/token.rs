//! `TokenService`.

use lychgate_api::v1::token_service_server::TokenService;
use lychgate_api::v1::{
    ExchangeRequest, ExchangeResponse, IntrospectRequest, IntrospectResponse, RevokeRequest, RevokeResponse,
    VerifyRequest, VerifyResponse,
};
use tonic::{Request, Response, Status};

use super::{caller, reply};
use crate::grpc::wire;
use crate::state::Control;

#[tonic::async_trait]
impl TokenService for Control {
    async fn exchange(&self, request: Request<ExchangeRequest>) -> Result<Response<ExchangeResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let request_id = caller.request_id.clone();
        let tokens = async {
            let (attempt, presented) = (wire::attempt(&request.attempt)?, wire::presented(request.client)?);
            let asked = wire::asked(request.grant, request.resources, request.scope);
            Control::exchange(self, caller, request.issuer_id, attempt, presented, asked).await
        };
        reply(tokens.await, &request_id, wire::tokens)
    }

    async fn introspect(&self, request: Request<IntrospectRequest>) -> Result<Response<IntrospectResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let server = request.resource_server_token.as_deref();
        let found = Control::introspect(self, &caller, &request.issuer_id, &request.token, server).await;
        reply(found, &caller.request_id, wire::introspection)
    }

    async fn verify(&self, request: Request<VerifyRequest>) -> Result<Response<VerifyResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let VerifyRequest { issuer_id, resource, scope, access_token } = &request;
        let verified = Control::verify(self, &caller, issuer_id, resource, scope.as_deref(), access_token).await;
        reply(verified, &caller.request_id, wire::verified)
    }

    async fn revoke(&self, request: Request<RevokeRequest>) -> Result<Response<RevokeResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let request_id = caller.request_id.clone();
        let revoked = async {
            let (attempt, presented) = (wire::attempt(&request.attempt)?, wire::presented(request.client)?);
            Control::revoke(self, caller, request.issuer_id, attempt, presented, request.token).await
        };
        reply(revoked.await, &request_id, |()| RevokeResponse {})
    }
}
