//! The table of RPCs: everything that an edge may ask the control plane, and nothing else.

use lychgate_api::v1::account_service_client::AccountServiceClient;
use lychgate_api::v1::authorization_service_client::AuthorizationServiceClient;
use lychgate_api::v1::issuer_service_client::IssuerServiceClient;
use lychgate_api::v1::registration_service_client::RegistrationServiceClient;
use lychgate_api::v1::token_service_client::TokenServiceClient;
use lychgate_api::v1::{
    AccountServiceRevokeRequest, AccountServiceRevokeResponse, AccountServiceShowRequest, AccountServiceShowResponse,
    BeginRequest, BeginResponse, CheckupRequest, CheckupResponse, ConfirmLoginRequest, ConfirmLoginResponse,
    DecideRequest, DecideResponse, DeleteRequest, DeleteResponse, DescribeRequest, DescribeResponse, ExchangeRequest,
    ExchangeResponse, FinishLoginRequest, FinishLoginResponse, IntrospectRequest, IntrospectResponse, ListRequest,
    ListResponse, ReadRequest, ReadResponse, RegisterRequest, RegisterResponse, RevokeRequest, RevokeResponse,
    ShowRequest, ShowResponse, SignInRequest, SignInResponse, SignOutRequest, SignOutResponse, UpdateRequest,
    UpdateResponse, VerifyRequest, VerifyResponse,
};
use tonic::Status;

use super::repetition::Class;
use super::{CallContext, Control};
use crate::failure::Failure;

/// Makes a method of [`Control`] of each line. The last word is the [`Class`] of the RPC, which decides with
/// [`repetition`](super::repetition) what is sent again: `keyed` messages have an idempotency key, `harmless` ones need none, and
/// of an `undelivered` one only a message that was not delivered is repeated. `delete_registration` is such: after a deletion
/// that succeeded, its repetition would be answered that the token is unknown. `own` is a question of the edge itself, which its
/// caller asks again anyway.
macro_rules! rpcs {
    ($($method:ident: $service:ident.$rpc:ident($request:ty) -> $response:ty, $class:ident;)+) => {
        impl Control {
            $(rpcs!(@$class $method $service $rpc $request, $response);)+
        }

        /// The gRPC path of every RPC that an edge calls.
        pub fn rpcs() -> Vec<String> {
            vec![$(path(stringify!($service), stringify!($rpc))),+]
        }

        /// The class of every RPC by the name of its message: of all that carry an idempotency key, and of no other, it is
        /// `keyed`.
        #[cfg(test)]
        fn classes() -> Vec<(String, &'static str)> {
            vec![$((<$request as prost::Name>::full_name(), stringify!($class))),+]
        }
    };
    (@keyed $($rpc:tt)+) => { rpcs!(@call Keyed $($rpc)+); };
    (@harmless $($rpc:tt)+) => { rpcs!(@call Harmless $($rpc)+); };
    (@undelivered $($rpc:tt)+) => { rpcs!(@call Undelivered $($rpc)+); };
    (@call $class:ident $method:ident $service:ident $rpc:ident $request:ty, $response:ty) => {
        pub(crate) async fn $method(&self, context: &CallContext, message: $request) -> Result<$response, Failure> {
            self.call(context, message, Class::$class, |channel, request| async move {
                $service::new(channel).$rpc(request).await
            })
            .await
        }
    };
    (@own $method:ident $service:ident $rpc:ident $request:ty, $response:ty) => {
        pub(crate) async fn $method(&self, message: $request) -> Result<$response, Status> {
            self.ask(message, Class::Undelivered, |channel, request| async move {
                $service::new(channel).$rpc(request).await
            })
            .await
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
    begin: AuthorizationServiceClient.begin(BeginRequest) -> BeginResponse, harmless;
    show: AuthorizationServiceClient.show(ShowRequest) -> ShowResponse, keyed;
    decide: AuthorizationServiceClient.decide(DecideRequest) -> DecideResponse, keyed;
    finish_login: AuthorizationServiceClient.finish_login(FinishLoginRequest) -> FinishLoginResponse, keyed;
    confirm_login: AuthorizationServiceClient.confirm_login(ConfirmLoginRequest) -> ConfirmLoginResponse, keyed;

    exchange: TokenServiceClient.exchange(ExchangeRequest) -> ExchangeResponse, keyed;
    introspect: TokenServiceClient.introspect(IntrospectRequest) -> IntrospectResponse, harmless;
    verify: TokenServiceClient.verify(VerifyRequest) -> VerifyResponse, harmless;
    revoke: TokenServiceClient.revoke(RevokeRequest) -> RevokeResponse, keyed;

    register: RegistrationServiceClient.register(RegisterRequest) -> RegisterResponse, keyed;
    read_registration: RegistrationServiceClient.read(ReadRequest) -> ReadResponse, harmless;
    update_registration: RegistrationServiceClient.update(UpdateRequest) -> UpdateResponse, keyed;
    delete_registration: RegistrationServiceClient.delete(DeleteRequest) -> DeleteResponse, undelivered;

    show_account: AccountServiceClient.show(AccountServiceShowRequest) -> AccountServiceShowResponse, harmless;
    sign_in: AccountServiceClient.sign_in(SignInRequest) -> SignInResponse, harmless;
    revoke_apps: AccountServiceClient.revoke(AccountServiceRevokeRequest) -> AccountServiceRevokeResponse, keyed;
    sign_out: AccountServiceClient.sign_out(SignOutRequest) -> SignOutResponse, harmless;

    checkup: IssuerServiceClient.checkup(CheckupRequest) -> CheckupResponse, harmless;

    list_issuers: IssuerServiceClient.list(ListRequest) -> ListResponse, own;
    describe_issuer: IssuerServiceClient.describe(DescribeRequest) -> DescribeResponse, own;
}

#[cfg(test)]
mod tests {
    use lychgate_api::FILE_DESCRIPTORS;
    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::*;

    /// A message without a key that were repeated as one with a key would be a second request.
    #[test]
    fn messages_with_an_idempotency_key_are_keyed_and_no_others() {
        let files = FileDescriptorSet::decode(FILE_DESCRIPTORS).expect("descriptors").file;
        let messages = || files.iter().flat_map(|file| file.message_type.iter().map(move |message| (file, message)));
        for (name, class) in classes() {
            let (_, message) = messages()
                .find(|(file, message)| format!("{}.{}", file.package(), message.name()) == name)
                .unwrap_or_else(|| panic!("no message {name}"));
            let has_key = message.field.iter().any(|field| field.name() == "attempt");
            assert_eq!(has_key, class == "keyed", "{name} is {class}");
        }
    }
}
