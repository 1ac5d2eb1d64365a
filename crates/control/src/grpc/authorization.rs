//! `AuthorizationService`.

use lychgate_api::v1::authorization_service_server::AuthorizationService;
use lychgate_api::v1::{
    BeginRequest, BeginResponse, ConfirmLoginRequest, ConfirmLoginResponse, DecideRequest, DecideResponse,
    FinishLoginRequest, FinishLoginResponse, ShowRequest, ShowResponse,
};
use tonic::{Request, Response, Status};

use super::{caller, reply};
use crate::flow::{Answer, Confirmation, Visit};
use crate::grpc::wire;
use crate::state::Control;

#[tonic::async_trait]
impl AuthorizationService for Control {
    async fn begin(&self, request: Request<BeginRequest>) -> Result<Response<BeginResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let next = Control::begin(self, &caller, &request.issuer_id, wire::parameters(request.parameters)).await;
        reply(next, &caller.request_id, |next| BeginResponse { next: Some(wire::next(next)) })
    }

    async fn show(&self, request: Request<ShowRequest>) -> Result<Response<ShowResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let request_id = caller.request_id.clone();
        let next = async {
            let attempt = wire::attempt(&request.attempt)?;
            let visit = Visit {
                ticket: request.ticket,
                cookies: wire::cookies(request.cookies),
                sec_fetch_site: request.sec_fetch_site,
                whole_page: request.full_screen,
            };
            Control::show(self, caller, request.issuer_id, attempt, visit).await
        };
        reply(next.await, &request_id, |next| ShowResponse { next: Some(wire::next(next)) })
    }

    async fn decide(&self, request: Request<DecideRequest>) -> Result<Response<DecideResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let request_id = caller.request_id.clone();
        let next = async {
            let attempt = wire::attempt(&request.attempt)?;
            let answer = Answer {
                decision: wire::decision(request.decision()),
                chosen_scopes: request.chosen_scopes,
                ticket: request.ticket,
                form_token: request.form_token,
                cookies: wire::cookies(request.cookies),
                sec_fetch_site: request.sec_fetch_site,
                origin: request.origin,
            };
            Control::decide(self, caller, request.issuer_id, attempt, answer).await
        };
        reply(next.await, &request_id, |next| DecideResponse { next: Some(wire::next(next)) })
    }

    async fn finish_login(
        &self,
        request: Request<FinishLoginRequest>,
    ) -> Result<Response<FinishLoginResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let request_id = caller.request_id.clone();
        let next = async {
            let attempt = wire::attempt(&request.attempt)?;
            let (parameters, cookies) = (wire::parameters(request.parameters), wire::cookies(request.cookies));
            Control::finish_login(self, caller, request.issuer_id, attempt, parameters, cookies).await
        };
        reply(next.await, &request_id, |next| FinishLoginResponse { next: Some(wire::next(next)) })
    }

    async fn confirm_login(
        &self,
        request: Request<ConfirmLoginRequest>,
    ) -> Result<Response<ConfirmLoginResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let request_id = caller.request_id.clone();
        let next = async {
            let attempt = wire::attempt(&request.attempt)?;
            let answer = Confirmation {
                decision: wire::decision(request.decision()),
                state: request.state,
                form_token: request.form_token,
                cookies: wire::cookies(request.cookies),
                sec_fetch_site: request.sec_fetch_site,
                origin: request.origin,
            };
            Control::confirm_login(self, caller, request.issuer_id, attempt, answer).await
        };
        reply(next.await, &request_id, |next| ConfirmLoginResponse { next: Some(wire::next(next)) })
    }
}
