//! `AccountService`.

use lychgate_api::v1::account_service_server::AccountService;
use lychgate_api::v1::{
    AccountServiceRevokeRequest, AccountServiceRevokeResponse, AccountServiceShowRequest, AccountServiceShowResponse,
    SignInRequest, SignInResponse, SignOutRequest, SignOutResponse,
};
use tonic::{Request, Response, Status};

use super::{caller, reply, wire};
use crate::account::{Account, AccountRevocations, FormOrigin};
use crate::state::State;

pub(super) struct AccountApi(pub(super) State);

#[tonic::async_trait]
impl AccountService for AccountApi {
    async fn show(
        &self,
        request: Request<AccountServiceShowRequest>,
    ) -> Result<Response<AccountServiceShowResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let shown = async {
            let account = Account(self.0.call(&caller, &request.issuer_id).await?);
            account.show(&wire::cookies(request.cookies)).await
        };
        reply(shown.await, &caller.request_id, wire::account::shown)
    }

    async fn sign_in(&self, request: Request<SignInRequest>) -> Result<Response<SignInResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let next = async {
            let origin = FormOrigin { sec_fetch_site: request.sec_fetch_site, origin: request.origin };
            Account(self.0.call(&caller, &request.issuer_id).await?).sign_in(&origin).await
        };
        reply(next.await, &caller.request_id, |next| SignInResponse { next: Some(wire::next(next)) })
    }

    async fn revoke(
        &self,
        request: Request<AccountServiceRevokeRequest>,
    ) -> Result<Response<AccountServiceRevokeResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let next = async {
            let attempt = wire::attempt(&request.attempt)?;
            let origin = FormOrigin { sec_fetch_site: request.sec_fetch_site, origin: request.origin };
            let cookies = wire::cookies(request.cookies);
            let command = self.0.command(&caller, &request.issuer_id, attempt).await?;
            AccountRevocations(command).revoke(request.form_token, cookies, origin).await
        };
        reply(next.await, &caller.request_id, |next| AccountServiceRevokeResponse { next: Some(wire::next(next)) })
    }

    async fn sign_out(&self, request: Request<SignOutRequest>) -> Result<Response<SignOutResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let next = async {
            let origin = FormOrigin { sec_fetch_site: request.sec_fetch_site, origin: request.origin };
            Account(self.0.call(&caller, &request.issuer_id).await?).sign_out(&origin)
        };
        reply(next.await, &caller.request_id, |next| SignOutResponse { next: Some(wire::next(next)) })
    }
}
