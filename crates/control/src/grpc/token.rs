//! `TokenService`.

use lychgate_api::v1::token_service_server::TokenService;
use lychgate_api::v1::{
    ExchangeRequest, ExchangeResponse, IntrospectRequest, IntrospectResponse, RevokeRequest, RevokeResponse,
    VerifyRequest, VerifyResponse,
};
use tonic::{Request, Response, Status};

use super::{caller, reply, wire};
use crate::state::State;
use crate::token::{ResourceServerCredentials, TokenChecks, TokenEndpoint};

pub(super) struct TokenApi(pub(super) State);

#[tonic::async_trait]
impl TokenService for TokenApi {
    async fn exchange(&self, request: Request<ExchangeRequest>) -> Result<Response<ExchangeResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let tokens = async {
            let (attempt, credentials) = (wire::attempt(&request.attempt)?, wire::client_credentials(request.client)?);
            let token_request = wire::token_request(request.grant, request.resources, request.scope);
            let command = self.0.command(&caller, &request.issuer_id, attempt).await?;
            TokenEndpoint(command).exchange(credentials, token_request).await
        };
        reply(tokens.await, &caller.request_id, wire::tokens)
    }

    async fn introspect(&self, request: Request<IntrospectRequest>) -> Result<Response<IntrospectResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let found = async {
            let server = ResourceServerCredentials {
                bearer: request.resource_server_token,
                client: wire::client_credentials(request.resource_server)?.credentials,
            };
            TokenChecks(self.0.call(&caller, &request.issuer_id).await?).introspect(&request.token, &server).await
        };
        reply(found.await, &caller.request_id, wire::introspection)
    }

    async fn verify(&self, request: Request<VerifyRequest>) -> Result<Response<VerifyResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let verified = async {
            let VerifyRequest { issuer_id, resource, scope, access_token } = &request;
            let checks = TokenChecks(self.0.call(&caller, issuer_id).await?);
            checks.verify(resource, scope.as_deref(), access_token).await
        };
        reply(verified.await, &caller.request_id, wire::verified)
    }

    async fn revoke(&self, request: Request<RevokeRequest>) -> Result<Response<RevokeResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let revoked = async {
            let (attempt, credentials) = (wire::attempt(&request.attempt)?, wire::client_credentials(request.client)?);
            let command = self.0.command(&caller, &request.issuer_id, attempt).await?;
            TokenEndpoint(command).revoke(credentials, request.token).await
        };
        reply(revoked.await, &caller.request_id, |()| RevokeResponse {})
    }
}
