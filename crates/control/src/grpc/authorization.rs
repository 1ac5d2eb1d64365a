//! `AuthorizationService`.

use lychgate_api::v1::authorization_service_server::AuthorizationService;
use lychgate_api::v1::{
    BeginRequest, BeginResponse, ConfirmLoginRequest, ConfirmLoginResponse, DecideRequest, DecideResponse,
    FinishLoginRequest, FinishLoginResponse, ScopePreset, ShowRequest, ShowResponse,
};
use lychgate_domain::consent::boxes::Preset;
use tonic::{Request, Response, Status};

use super::{caller, reply, wire};
use crate::flow::{self, AuthorizationFlow, Confirmation, ConsentAnswer, Visit};
use crate::state::State;

pub(super) struct AuthorizationApi(pub(super) State);

#[tonic::async_trait]
impl AuthorizationService for AuthorizationApi {
    async fn begin(&self, request: Request<BeginRequest>) -> Result<Response<BeginResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let next = async {
            let call = self.0.call(&caller, &request.issuer_id).await?;
            flow::begin(&call, wire::parameters(request.parameters)).await
        };
        reply(next.await, &caller.request_id, |next| BeginResponse { next: Some(wire::next(next)) })
    }

    async fn show(&self, request: Request<ShowRequest>) -> Result<Response<ShowResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let next = async {
            let attempt = wire::attempt(&request.attempt)?;
            let preset = match request.scope_preset() {
                ScopePreset::Unspecified => None,
                ScopePreset::ReadOnly => Some(Preset::ReadOnly),
                ScopePreset::Everything => Some(Preset::Everything),
            };
            let visit = Visit {
                preset,
                ticket: request.ticket,
                cookies: wire::cookies(request.cookies),
                sec_fetch_site: request.sec_fetch_site,
                sec_purpose: request.sec_purpose,
                full_screen: request.full_screen,
            };
            let command = self.0.command(&caller, &request.issuer_id, attempt).await?;
            AuthorizationFlow(command).show(visit).await
        };
        reply(next.await, &caller.request_id, |next| ShowResponse { next: Some(wire::next(next)) })
    }

    async fn decide(&self, request: Request<DecideRequest>) -> Result<Response<DecideResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let next = async {
            let attempt = wire::attempt(&request.attempt)?;
            let answer = ConsentAnswer {
                action: wire::form_action(request.decision()),
                chosen_scopes: request.chosen_scopes,
                ticket: request.ticket,
                form_token: request.form_token,
                cookies: wire::cookies(request.cookies),
                sec_fetch_site: request.sec_fetch_site,
                origin: request.origin,
            };
            let command = self.0.command(&caller, &request.issuer_id, attempt).await?;
            AuthorizationFlow(command).decide(answer).await
        };
        reply(next.await, &caller.request_id, |next| DecideResponse { next: Some(wire::next(next)) })
    }

    async fn finish_login(
        &self,
        request: Request<FinishLoginRequest>,
    ) -> Result<Response<FinishLoginResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let next = async {
            let attempt = wire::attempt(&request.attempt)?;
            let (parameters, cookies) = (wire::parameters(request.parameters), wire::cookies(request.cookies));
            let command = self.0.command(&caller, &request.issuer_id, attempt).await?;
            AuthorizationFlow(command).finish_login(parameters, cookies).await
        };
        reply(next.await, &caller.request_id, |next| FinishLoginResponse { next: Some(wire::next(next)) })
    }

    async fn confirm_login(
        &self,
        request: Request<ConfirmLoginRequest>,
    ) -> Result<Response<ConfirmLoginResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let next = async {
            let attempt = wire::attempt(&request.attempt)?;
            let answer = Confirmation {
                action: wire::form_action(request.decision()),
                state: request.state,
                form_token: request.form_token,
                cookies: wire::cookies(request.cookies),
                sec_fetch_site: request.sec_fetch_site,
                origin: request.origin,
            };
            let command = self.0.command(&caller, &request.issuer_id, attempt).await?;
            AuthorizationFlow(command).confirm_login(answer).await
        };
        reply(next.await, &caller.request_id, |next| ConfirmLoginResponse { next: Some(wire::next(next)) })
    }
}
