//! `TokenService`.

use lychgate_api::v1::exchange_request::Grant;
use lychgate_api::v1::token_service_server::TokenService;
use lychgate_api::v1::{
    ExchangeRequest, ExchangeResponse, IntrospectRequest, IntrospectResponse, RevokeRequest, RevokeResponse,
    VerifyRequest, VerifyResponse,
};
use lychgate_domain::Refusal;
use tonic::{Request, Response, Status};

use super::{caller, reply, wire};
use crate::ground::principal::Role;
use crate::state::State;
use crate::token::{self, ResourceServerCredentials, TokenChecks, TokenEndpoint};

pub(super) struct TokenApi(pub(super) State);

#[tonic::async_trait]
impl TokenService for TokenApi {
    async fn exchange(&self, request: Request<ExchangeRequest>) -> Result<Response<ExchangeResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        if let Some(Grant::TokenExchange(exchange)) = request.grant {
            let given = async {
                let server = ResourceServerCredentials {
                    bearer: exchange.resource_server_token.clone(),
                    client: wire::client_credentials(request.client)?.credentials,
                };
                let sent = wire::exchange_parameters(exchange, request.resources, request.scope);
                TokenChecks(self.0.call(&caller, &request.issuer_id).await?).exchange(sent, &server).await
            };
            return reply(given.await, &caller.request_id, wire::exchanged);
        }
        let tokens = async {
            // Clients come through an edge.
            if caller.principal.role != Role::Edge {
                return Err(Refusal::GrantTypeUnauthorized.into());
            }
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
            let VerifyRequest { issuer_id, resource, scope, access_token, upstream_token } = &request;
            let checks = TokenChecks(self.0.call(&caller, issuer_id).await?);
            let required = token::VerifyRequest {
                issuer_id: Some(issuer_id),
                resource: Some(resource),
                scope: scope.as_deref(),
                upstream_token: upstream_token.as_ref().map(|wanted| wanted.header.as_str()),
            };
            let bearer = upstream_token.as_ref().map(|wanted| wanted.resource_server_token.clone());
            let server = ResourceServerCredentials { bearer, ..ResourceServerCredentials::default() };
            checks.verify_for_edge(&required, access_token, &server).await
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
