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
use lychgate_api::{ERROR_DOMAIN, error_metadata};
use tonic::{Code, Response, Status, Streaming};
use tonic_types::StatusExt as _;

/// A client of the API, with a token, a certificate, or both.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) channel: AuthenticatedChannel,
}

impl Edge {
    pub(crate) fn connect(url: &str, ca_pem: Option<&[u8]>, token: &str) -> Self {
        Self::connect_as(url, ca_pem, Credentials { token: Some(token), certificate: None })
    }

    pub(crate) fn connect_as(url: &str, ca_pem: Option<&[u8]>, credentials: Credentials<'_>) -> Self {
        Self { channel: channel::open_as(url, ca_pem, credentials).expect("a good address") }
    }

    pub(crate) async fn begin(&self, request: v1::BeginRequest) -> Result<v1::Next, Failure> {
        let next = told(AuthorizationServiceClient::new(self.channel.clone()).begin(request).await)?.next;
        Ok(next.expect("a reply has a next step"))
    }

    pub(crate) async fn show(&self, request: v1::ShowRequest) -> Result<v1::Next, Failure> {
        let next = told(AuthorizationServiceClient::new(self.channel.clone()).show(request).await)?.next;
        Ok(next.expect("a reply has a next step"))
    }

    pub(crate) async fn decide(&self, request: v1::DecideRequest) -> Result<v1::Next, Failure> {
        let next = told(AuthorizationServiceClient::new(self.channel.clone()).decide(request).await)?.next;
        Ok(next.expect("a reply has a next step"))
    }

    pub(crate) async fn finish_login(&self, request: v1::FinishLoginRequest) -> Result<v1::Next, Failure> {
        let next = told(AuthorizationServiceClient::new(self.channel.clone()).finish_login(request).await)?.next;
        Ok(next.expect("a reply has a next step"))
    }

    pub(crate) async fn confirm_login(&self, request: v1::ConfirmLoginRequest) -> Result<v1::Next, Failure> {
        let next = told(AuthorizationServiceClient::new(self.channel.clone()).confirm_login(request).await)?.next;
        Ok(next.expect("a reply has a next step"))
    }

    pub(crate) async fn exchange(&self, request: v1::ExchangeRequest) -> Result<v1::ExchangeResponse, Failure> {
        told(TokenServiceClient::new(self.channel.clone()).exchange(request).await)
    }

    pub(crate) async fn register(&self, request: v1::RegisterRequest) -> Result<v1::ClientInformation, Failure> {
        let client = told(RegistrationServiceClient::new(self.channel.clone()).register(request).await)?.client;
        Ok(client.expect("a reply names the client"))
    }

    pub(crate) async fn read(&self, request: v1::ReadRequest) -> Result<v1::ClientInformation, Failure> {
        let client = told(RegistrationServiceClient::new(self.channel.clone()).read(request).await)?.client;
        Ok(client.expect("a reply names the client"))
    }

    pub(crate) async fn update(&self, request: v1::UpdateRequest) -> Result<v1::ClientInformation, Failure> {
        let client = told(RegistrationServiceClient::new(self.channel.clone()).update(request).await)?.client;
        Ok(client.expect("a reply names the client"))
    }

    pub(crate) async fn delete(&self, request: v1::DeleteRequest) -> Result<v1::DeleteResponse, Failure> {
        told(RegistrationServiceClient::new(self.channel.clone()).delete(request).await)
    }

    pub(crate) async fn introspect(&self, request: v1::IntrospectRequest) -> Result<v1::IntrospectResponse, Failure> {
        told(TokenServiceClient::new(self.channel.clone()).introspect(request).await)
    }

    pub(crate) async fn verify(&self, request: v1::VerifyRequest) -> Result<v1::VerifyResponse, Failure> {
        told(TokenServiceClient::new(self.channel.clone()).verify(request).await)
    }

    pub(crate) async fn revoke(&self, request: v1::RevokeRequest) -> Result<v1::RevokeResponse, Failure> {
        told(TokenServiceClient::new(self.channel.clone()).revoke(request).await)
    }

    pub(crate) async fn show_account(
        &self,
        request: v1::AccountServiceShowRequest,
    ) -> Result<v1::AccountServiceShowResponse, Failure> {
        told(AccountServiceClient::new(self.channel.clone()).show(request).await)
    }

    pub(crate) async fn sign_in(&self, request: v1::SignInRequest) -> Result<v1::Next, Failure> {
        let next = told(AccountServiceClient::new(self.channel.clone()).sign_in(request).await)?.next;
        Ok(next.expect("a reply has a next step"))
    }

    pub(crate) async fn revoke_apps(&self, request: v1::AccountServiceRevokeRequest) -> Result<v1::Next, Failure> {
        let next = told(AccountServiceClient::new(self.channel.clone()).revoke(request).await)?.next;
        Ok(next.expect("a reply has a next step"))
    }

    pub(crate) async fn sign_out(&self, request: v1::SignOutRequest) -> Result<v1::Next, Failure> {
        let next = told(AccountServiceClient::new(self.channel.clone()).sign_out(request).await)?.next;
        Ok(next.expect("a reply has a next step"))
    }

    pub(crate) async fn list(&self) -> Result<v1::ListResponse, Failure> {
        told(IssuerServiceClient::new(self.channel.clone()).list(v1::ListRequest {}).await)
    }

    pub(crate) async fn describe(&self, issuer_id: &str) -> Result<v1::DescribeResponse, Failure> {
        let request = v1::DescribeRequest { issuer_id: issuer_id.to_owned() };
        told(IssuerServiceClient::new(self.channel.clone()).describe(request).await)
    }

    pub(crate) async fn check(&self, request: v1::CheckRequest) -> Result<v1::CheckResponse, Failure> {
        told(ConsentServiceClient::new(self.channel.clone()).check(request).await)
    }

    pub(crate) async fn batch_check(&self, request: v1::BatchCheckRequest) -> Result<v1::BatchCheckResponse, Failure> {
        told(ConsentServiceClient::new(self.channel.clone()).batch_check(request).await)
    }

    pub(crate) async fn get_consent(&self, request: v1::GetRequest) -> Result<v1::GetResponse, Failure> {
        told(ConsentServiceClient::new(self.channel.clone()).get(request).await)
    }

    pub(crate) async fn list_consents(
        &self,
        request: v1::ConsentServiceListRequest,
    ) -> Result<v1::ConsentServiceListResponse, Failure> {
        told(ConsentServiceClient::new(self.channel.clone()).list(request).await)
    }

    pub(crate) async fn watch(&self, request: v1::WatchRequest) -> Result<Streaming<v1::WatchResponse>, Failure> {
        told(ConsentServiceClient::new(self.channel.clone()).watch(request).await)
    }

    pub(crate) async fn list_keys(&self, issuer_id: &str) -> Result<Vec<v1::Key>, Failure> {
        let request = v1::ListKeysRequest { issuer_id: issuer_id.to_owned() };
        Ok(told(AdminServiceClient::new(self.channel.clone()).list_keys(request).await)?.keys)
    }

    pub(crate) async fn rotate_keys(&self, request: v1::RotateKeysRequest) -> Result<Vec<v1::KeyRotation>, Failure> {
        Ok(told(AdminServiceClient::new(self.channel.clone()).rotate_keys(request).await)?.rotations)
    }
}

/// The reply without session cookies: only the first reply of a login sets them, a repeated reply does not.
pub(crate) fn lasting(mut next: v1::Next) -> v1::Next {
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

fn told<T>(result: Result<Response<T>, Status>) -> Result<T, Failure> {
    Ok(result?.into_inner())
}

/// Unwraps the reason of a refused call.
pub(crate) trait Refused {
    fn reason(self) -> String;
}

impl<T: std::fmt::Debug> Refused for Result<T, Failure> {
    #[track_caller]
    fn reason(self) -> String {
        self.expect_err("it is refused").reason
    }
}
