//! `AccountService`.

use lychgate_api::v1::account_service_server::AccountService;
use lychgate_api::v1::{
    AccountServiceRevokeRequest, AccountServiceRevokeResponse, AccountServiceShowRequest, AccountServiceShowResponse,
    SignInRequest, SignInResponse, SignOutRequest, SignOutResponse,
};
use tonic::{Request, Response, Status};

use super::{caller, reply};
use crate::account::Post;
use crate::grpc::wire;
use crate::state::Control;

#[tonic::async_trait]
impl AccountService for Control {
    async fn show(
        &self,
        request: Request<AccountServiceShowRequest>,
    ) -> Result<Response<AccountServiceShowResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let shown = self.show_account(&caller, &request.issuer_id, &wire::cookies(request.cookies)).await;
        reply(shown, &caller.request_id, wire::account::shown)
    }

    async fn sign_in(&self, request: Request<SignInRequest>) -> Result<Response<SignInResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let post = Post { sec_fetch_site: request.sec_fetch_site, origin: request.origin };
        let next = Control::sign_in(self, &caller, &request.issuer_id, &post).await;
        reply(next, &caller.request_id, |next| SignInResponse { next: Some(wire::next(next)) })
    }

    async fn revoke(
        &self,
        request: Request<AccountServiceRevokeRequest>,
    ) -> Result<Response<AccountServiceRevokeResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let request_id = caller.request_id.clone();
        let next = async {
            let attempt = wire::attempt(&request.attempt)?;
            let post = Post { sec_fetch_site: request.sec_fetch_site, origin: request.origin };
            let cookies = wire::cookies(request.cookies);
            self.revoke_apps(caller, request.issuer_id, attempt, request.form_token, cookies, post).await
        };
        reply(next.await, &request_id, |next| AccountServiceRevokeResponse { next: Some(wire::next(next)) })
    }

    async fn sign_out(&self, request: Request<SignOutRequest>) -> Result<Response<SignOutResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let post = Post { sec_fetch_site: request.sec_fetch_site, origin: request.origin };
        let next = Control::sign_out(self, &caller, &request.issuer_id, &post).await;
        reply(next, &caller.request_id, |next| SignOutResponse { next: Some(wire::next(next)) })
    }
}
