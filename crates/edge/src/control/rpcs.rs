//! The table of RPCs: everything that an edge may ask the control plane, and nothing else.

use lychgate_api::v1::account_service_client::AccountServiceClient;
use lychgate_api::v1::authorization_service_client::AuthorizationServiceClient;
use lychgate_api::v1::issuer_service_client::IssuerServiceClient;
use lychgate_api::v1::registration_service_client::RegistrationServiceClient;
use lychgate_api::v1::token_service_client::TokenServiceClient;
use lychgate_api::v1::{
    AccountServiceRevokeRequest, AccountServiceRevokeResponse, AccountServiceShowRequest, AccountServiceShowResponse,
    BeginRequest, BeginResponse, ConfirmLoginRequest, ConfirmLoginResponse, DecideRequest, DecideResponse,
    DeleteRequest, DeleteResponse, DescribeRequest, DescribeResponse, ExchangeRequest, ExchangeResponse,
    FinishLoginRequest, FinishLoginResponse, IntrospectRequest, IntrospectResponse, ListRequest, ListResponse,
    ReadRequest, ReadResponse, RegisterRequest, RegisterResponse, RevokeRequest, RevokeResponse, ShowRequest,
    ShowResponse, SignInRequest, SignInResponse, SignOutRequest, SignOutResponse, UpdateRequest, UpdateResponse,
    VerifyRequest, VerifyResponse,
};
use tonic::Status;

use super::{CallContext, Control};
use crate::failure::Failure;

/// Makes a method of [`Control`] of each line. The last word is the retry class:
///
/// - `until_deadline`: part of an HTTP request; repeated, byte for byte, where it was not delivered or lost, until the request's
///   deadline. The control plane makes repetition harmless: it only reads, or recognises the message by its idempotency key. `delete_registration` has no
///   key: a repetition after a deletion that succeeded changes nothing, because the registration access token is unknown then.
/// - `once`: the edge's own question, which its caller asks again later anyway.
macro_rules! rpcs {
    ($($method:ident: $service:ident.$rpc:ident($request:ty) -> $response:ty, $retry:ident;)+) => {
        impl Control {
            $(rpcs!(@$retry $method $service $rpc $request, $response);)+
        }

        /// The gRPC path of every RPC that an edge calls.
        pub fn rpcs() -> Vec<String> {
            vec![$(path(stringify!($service), stringify!($rpc))),+]
        }
    };
    (@until_deadline $method:ident $service:ident $rpc:ident $request:ty, $response:ty) => {
        pub(crate) async fn $method(&self, context: &CallContext, message: $request) -> Result<$response, Failure> {
            self.call_until_deadline(context, message, |channel, request| async move {
                $service::new(channel).$rpc(request).await
            })
            .await
        }
    };
    (@once $method:ident $service:ident $rpc:ident $request:ty, $response:ty) => {
        pub(crate) async fn $method(&self, message: $request) -> Result<$response, Status> {
            self.call_once(message, |channel, request| async move { $service::new(channel).$rpc(request).await }).await
        }
    };
}

/// `/lychgate.v1.TokenService/Exchange` for `TokenServiceClient` and `exchange`.
fn path(client: &str, rpc: &str) -> String {
    let service = client.strip_suffix("Client").unwrap_or(client);
    let words = rpc.split('_').map(|word| word[..1].to_ascii_uppercase() + &word[1..]);
    format!("/lychgate.v1.{service}/{}", words.collect::<String>())
}

#[rustfmt::skip]
rpcs! {
    begin: AuthorizationServiceClient.begin(BeginRequest) -> BeginResponse, until_deadline;
    show: AuthorizationServiceClient.show(ShowRequest) -> ShowResponse, until_deadline;
    decide: AuthorizationServiceClient.decide(DecideRequest) -> DecideResponse, until_deadline;
    finish_login: AuthorizationServiceClient.finish_login(FinishLoginRequest) -> FinishLoginResponse, until_deadline;
    confirm_login: AuthorizationServiceClient.confirm_login(ConfirmLoginRequest) -> ConfirmLoginResponse, until_deadline;

    exchange: TokenServiceClient.exchange(ExchangeRequest) -> ExchangeResponse, until_deadline;
    introspect: TokenServiceClient.introspect(IntrospectRequest) -> IntrospectResponse, until_deadline;
    verify: TokenServiceClient.verify(VerifyRequest) -> VerifyResponse, until_deadline;
    revoke: TokenServiceClient.revoke(RevokeRequest) -> RevokeResponse, until_deadline;

    register: RegistrationServiceClient.register(RegisterRequest) -> RegisterResponse, until_deadline;
    read_registration: RegistrationServiceClient.read(ReadRequest) -> ReadResponse, until_deadline;
    update_registration: RegistrationServiceClient.update(UpdateRequest) -> UpdateResponse, until_deadline;
    delete_registration: RegistrationServiceClient.delete(DeleteRequest) -> DeleteResponse, until_deadline;

    show_account: AccountServiceClient.show(AccountServiceShowRequest) -> AccountServiceShowResponse, until_deadline;
    sign_in: AccountServiceClient.sign_in(SignInRequest) -> SignInResponse, until_deadline;
    revoke_apps: AccountServiceClient.revoke(AccountServiceRevokeRequest) -> AccountServiceRevokeResponse, until_deadline;
    sign_out: AccountServiceClient.sign_out(SignOutRequest) -> SignOutResponse, until_deadline;

    list_issuers: IssuerServiceClient.list(ListRequest) -> ListResponse, once;
    describe_issuer: IssuerServiceClient.describe(DescribeRequest) -> DescribeResponse, once;
}
