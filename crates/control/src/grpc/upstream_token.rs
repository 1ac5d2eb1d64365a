//! `UpstreamTokenService`.

use lychgate_api::v1::upstream_token_service_server::UpstreamTokenService;
use lychgate_api::v1::{
    ReportRejectedRequest, ReportRejectedResponse, UpstreamTokenServiceGetRequest, UpstreamTokenServiceGetResponse,
};
use lychgate_domain::Refusal;
use tonic::{Request, Response, Status};

use super::{caller, reply, wire};
use crate::state::State;
use crate::token::TokenChecks;

pub(super) struct UpstreamTokenApi(pub(super) State);

#[tonic::async_trait]
impl UpstreamTokenService for UpstreamTokenApi {
    async fn get(
        &self,
        request: Request<UpstreamTokenServiceGetRequest>,
    ) -> Result<Response<UpstreamTokenServiceGetResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let given = async {
            let checks = TokenChecks(self.0.call(&caller, &request.issuer_id).await?);
            checks.own_upstream_token(&request.access_token, None).await
        };
        let response = |given| UpstreamTokenServiceGetResponse { token: Some(wire::upstream_token(given)) };
        reply(given.await, &caller.request_id, response)
    }

    async fn report_rejected(
        &self,
        request: Request<ReportRejectedRequest>,
    ) -> Result<Response<ReportRejectedResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let given = async {
            let rejected = Some(request.rejected_token).filter(|token| !token.is_empty());
            let rejected = rejected.ok_or(Refusal::ParameterMissing("rejected_token"))?;
            let checks = TokenChecks(self.0.call(&caller, &request.issuer_id).await?);
            checks.own_upstream_token(&request.access_token, Some(rejected)).await
        };
        let response = |given| ReportRejectedResponse { token: Some(wire::upstream_token(given)) };
        reply(given.await, &caller.request_id, response)
    }
}
