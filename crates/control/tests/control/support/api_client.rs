//! The generated clients behind one type, with errors parsed as the API documents them.

use std::collections::HashMap;

use lychgate_api::channel::{self, AuthenticatedChannel, Credentials};
use lychgate_api::v1;
use lychgate_api::v1::account_service_client::AccountServiceClient;
use lychgate_api::v1::admin_service_client::AdminServiceClient;
use lychgate_api::v1::authorization_service_client::AuthorizationServiceClient;
use lychgate_api::v1::consent_service_client::ConsentServiceClient;
use lychgate_api::v1::issuer_service_client::IssuerServiceClient;
use lychgate_api::v1::registration_service_client::RegistrationServiceClient;
use lychgate_api::v1::token_service_client::TokenServiceClient;
use lychgate_api::v1::upstream_token_service_client::UpstreamTokenServiceClient;
use lychgate_api::{ERROR_DOMAIN, error_metadata};
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

/// A client of the API, with a token, a certificate, or both.
#[derive(Clone, Debug)]
pub(crate) struct ApiClient {
    pub(crate) channel: AuthenticatedChannel,
}

/// Methods `NAME = RPC(REQUEST) -> RESPONSE` of a type with a channel; `-> TYPE, FIELD` returns a required field of the response.
macro_rules! calls {
    ($($client:ident {$($name:ident = $method:ident($request:ident) -> $reply:ident $(, $field:ident)?;)*})*) => {$($(
        pub(crate) async fn $name(&self, request: v1::$request) -> Result<v1::$reply, Failure> {
            let reply = $client::new(self.channel.clone()).$method(request).await?.into_inner();
            $(let reply = reply.$field.expect(concat!("a reply has the field ", stringify!($field)));)?
            Ok(reply)
        }
    )*)*};
}
pub(super) use calls;

impl ApiClient {
    pub(crate) fn connect(url: &str, ca_pem: Option<&[u8]>, token: &str) -> Self {
        Self::connect_as(url, ca_pem, Credentials { token: Some(token), certificate: None })
    }

    pub(crate) fn connect_as(url: &str, ca_pem: Option<&[u8]>, credentials: Credentials<'_>) -> Self {
        Self { channel: channel::open_as(url, ca_pem, credentials).expect("a good address") }
    }

    calls! {
        AuthorizationServiceClient {
            begin = begin(BeginRequest) -> Next, next;
            show = show(ShowRequest) -> Next, next;
            decide = decide(DecideRequest) -> Next, next;
            finish_login = finish_login(FinishLoginRequest) -> Next, next;
            confirm_login = confirm_login(ConfirmLoginRequest) -> Next, next;
        }
        TokenServiceClient {
            exchange = exchange(ExchangeRequest) -> ExchangeResponse;
            introspect = introspect(IntrospectRequest) -> IntrospectResponse;
            verify = verify(VerifyRequest) -> VerifyResponse;
            revoke = revoke(RevokeRequest) -> RevokeResponse;
        }
        UpstreamTokenServiceClient {
            upstream_token = get(UpstreamTokenServiceGetRequest) -> UpstreamToken, token;
            report_rejected = report_rejected(ReportRejectedRequest) -> UpstreamToken, token;
        }
        RegistrationServiceClient {
            register = register(RegisterRequest) -> ClientInformation, client;
            read = read(ReadRequest) -> ClientInformation, client;
            update = update(UpdateRequest) -> ClientInformation, client;
            delete = delete(DeleteRequest) -> DeleteResponse;
        }
        AccountServiceClient {
            show_account = show(AccountServiceShowRequest) -> AccountServiceShowResponse;
            sign_in = sign_in(SignInRequest) -> Next, next;
            revoke_apps = revoke(AccountServiceRevokeRequest) -> Next, next;
            sign_out = sign_out(SignOutRequest) -> Next, next;
        }
        IssuerServiceClient {
            checkup = checkup(CheckupRequest) -> CheckupResponse;
        }
        ConsentServiceClient {
            check = check(CheckRequest) -> CheckResponse;
            batch_check = batch_check(BatchCheckRequest) -> BatchCheckResponse;
            get_consent = get(GetRequest) -> GetResponse;
            list_consents = list(ConsentServiceListRequest) -> ConsentServiceListResponse;
        }
    }

    pub(crate) async fn watch(&self, request: v1::WatchRequest) -> Result<Streaming<v1::WatchResponse>, Failure> {
        Ok(ConsentServiceClient::new(self.channel.clone()).watch(request).await?.into_inner())
    }

    pub(crate) async fn list(&self) -> Result<v1::ListResponse, Failure> {
        Ok(IssuerServiceClient::new(self.channel.clone()).list(v1::ListRequest {}).await?.into_inner())
    }

    pub(crate) async fn describe(&self, issuer_id: &str) -> Result<v1::DescribeResponse, Failure> {
        let request = v1::DescribeRequest { issuer_id: issuer_id.to_owned() };
        Ok(IssuerServiceClient::new(self.channel.clone()).describe(request).await?.into_inner())
    }

    pub(crate) async fn list_keys(&self, issuer_id: &str) -> Result<Vec<v1::Key>, Failure> {
        let request = v1::ListKeysRequest { issuer_id: issuer_id.to_owned() };
        Ok(AdminServiceClient::new(self.channel.clone()).list_keys(request).await?.into_inner().keys)
    }

    pub(crate) async fn rotate_keys(&self, request: v1::RotateKeysRequest) -> Result<Vec<v1::KeyRotation>, Failure> {
        Ok(AdminServiceClient::new(self.channel.clone()).rotate_keys(request).await?.into_inner().rotations)
    }
}

/// The reply without session cookies: only the first reply of a login sets them, a repeated reply does not.
pub(crate) fn without_session_cookies(mut next: v1::Next) -> v1::Next {
    next.set_cookies.retain(|cookie| !cookie.name.starts_with("__Host-lychgate-session-"));
    next
}

/// An error of the API: reason, code and metadata with a request id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The `ErrorInfo` reason; the transport's message if the control plane sent none.
    pub(crate) reason: String,
    pub(crate) code: Code,
    pub(crate) metadata: HashMap<String, String>,
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let Some(info) = status.get_error_details().error_info().cloned() else {
            return Self { reason: format!("no ErrorInfo: {status:?}"), code: status.code(), metadata: HashMap::new() };
        };
        assert_eq!(info.domain, ERROR_DOMAIN);
        assert!(info.metadata.contains_key(error_metadata::REQUEST_ID), "{info:?}");
        Self { reason: info.reason, code: status.code(), metadata: info.metadata }
    }
}

/// Unwraps the reason of a refused call.
pub(crate) trait Refused {
    fn reason(self) -> String;
}

impl<T: std::fmt::Debug> Refused for Result<T, Failure> {
    #[track_caller]
    fn reason(self) -> String {
        self.expect_err("the call is refused").reason
    }
}
