//! Asking the control plane: one method per RPC, each with a deadline and with repetition where the contract allows it.
//!
//! It must never change what it sends: the same message, attempt included, as often as needed, has one effect.

use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use lychgate_api::channel::{AuthenticatedChannel, ClientAddress, RequestId};
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
use tokio::time::{Instant, sleep, timeout};
use tonic::{Request, Response, Status};

use crate::entropy;
use crate::failure::{Failure, is_out_of_reach, is_transient};

/// Between one try and the next, growing: a control plane that is restarted is back within a few of them.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// For which request, and for whom.
#[derive(Clone, Debug)]
pub(crate) struct Asking {
    pub(crate) id: RequestId,
    /// For the control plane, which keeps of it what the issuer says, and for nobody else.
    pub(crate) client: Option<IpAddr>,
}

impl Asking {
    /// For no request at all.
    fn ourselves() -> Self {
        Self { id: entropy::request_id(), client: None }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Control {
    /// As this edge shows who it is now.
    channel: Arc<RwLock<AuthenticatedChannel>>,
    /// For one HTTP request, all tries together.
    deadline: Duration,
}

impl Control {
    pub(crate) fn new(channel: AuthenticatedChannel, deadline: Duration) -> Self {
        Self { channel: Arc::new(RwLock::new(channel)), deadline }
    }

    fn channel(&self) -> AuthenticatedChannel {
        // What is swapped in one piece is whole also after a panic.
        self.channel.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Calls go by `channel` from now on, if the control plane answers there; what is under way ends where it began.
    pub(crate) async fn switch_to(&self, channel: AuthenticatedChannel) -> Result<(), Status> {
        self.list_issuers_by(channel.clone()).await?;
        *self.channel.write().unwrap_or_else(PoisonError::into_inner) = channel;
        Ok(())
    }

    pub(crate) async fn begin(&self, asking: &Asking, message: BeginRequest) -> Result<BeginResponse, Failure> {
        self.call(asking, message, |channel, message| async move {
            AuthorizationServiceClient::new(channel).begin(message).await
        })
        .await
    }

    pub(crate) async fn show(&self, asking: &Asking, message: ShowRequest) -> Result<ShowResponse, Failure> {
        self.call(asking, message, |channel, message| async move {
            AuthorizationServiceClient::new(channel).show(message).await
        })
        .await
    }

    pub(crate) async fn decide(&self, asking: &Asking, message: DecideRequest) -> Result<DecideResponse, Failure> {
        self.call(asking, message, |channel, message| async move {
            AuthorizationServiceClient::new(channel).decide(message).await
        })
        .await
    }

    pub(crate) async fn finish_login(
        &self,
        asking: &Asking,
        message: FinishLoginRequest,
    ) -> Result<FinishLoginResponse, Failure> {
        self.call(asking, message, |channel, message| async move {
            AuthorizationServiceClient::new(channel).finish_login(message).await
        })
        .await
    }

    pub(crate) async fn confirm_login(
        &self,
        asking: &Asking,
        message: ConfirmLoginRequest,
    ) -> Result<ConfirmLoginResponse, Failure> {
        self.call(asking, message, |channel, message| async move {
            AuthorizationServiceClient::new(channel).confirm_login(message).await
        })
        .await
    }

    pub(crate) async fn exchange(
        &self,
        asking: &Asking,
        message: ExchangeRequest,
    ) -> Result<ExchangeResponse, Failure> {
        self.call(asking, message, |channel, message| async move {
            TokenServiceClient::new(channel).exchange(message).await
        })
        .await
    }

    pub(crate) async fn register(
        &self,
        asking: &Asking,
        message: RegisterRequest,
    ) -> Result<RegisterResponse, Failure> {
        self.call(asking, message, |channel, message| async move {
            RegistrationServiceClient::new(channel).register(message).await
        })
        .await
    }

    pub(crate) async fn read_registration(
        &self,
        asking: &Asking,
        message: ReadRequest,
    ) -> Result<ReadResponse, Failure> {
        self.call(asking, message, |channel, message| async move {
            RegistrationServiceClient::new(channel).read(message).await
        })
        .await
    }

    pub(crate) async fn update_registration(
        &self,
        asking: &Asking,
        message: UpdateRequest,
    ) -> Result<UpdateResponse, Failure> {
        self.call(asking, message, |channel, message| async move {
            RegistrationServiceClient::new(channel).update(message).await
        })
        .await
    }

    pub(crate) async fn delete_registration(
        &self,
        asking: &Asking,
        message: DeleteRequest,
    ) -> Result<DeleteResponse, Failure> {
        self.call(asking, message, |channel, message| async move {
            RegistrationServiceClient::new(channel).delete(message).await
        })
        .await
    }

    pub(crate) async fn introspect(
        &self,
        asking: &Asking,
        message: IntrospectRequest,
    ) -> Result<IntrospectResponse, Failure> {
        self.call(asking, message, |channel, message| async move {
            TokenServiceClient::new(channel).introspect(message).await
        })
        .await
    }

    pub(crate) async fn verify(&self, asking: &Asking, message: VerifyRequest) -> Result<VerifyResponse, Failure> {
        self.call(
            asking,
            message,
            |channel, message| async move { TokenServiceClient::new(channel).verify(message).await },
        )
        .await
    }

    pub(crate) async fn revoke(&self, asking: &Asking, message: RevokeRequest) -> Result<RevokeResponse, Failure> {
        self.call(
            asking,
            message,
            |channel, message| async move { TokenServiceClient::new(channel).revoke(message).await },
        )
        .await
    }

    pub(crate) async fn show_account(
        &self,
        asking: &Asking,
        message: AccountServiceShowRequest,
    ) -> Result<AccountServiceShowResponse, Failure> {
        self.call(
            asking,
            message,
            |channel, message| async move { AccountServiceClient::new(channel).show(message).await },
        )
        .await
    }

    pub(crate) async fn sign_in(&self, asking: &Asking, message: SignInRequest) -> Result<SignInResponse, Failure> {
        self.call(asking, message, |channel, message| async move {
            AccountServiceClient::new(channel).sign_in(message).await
        })
        .await
    }

    pub(crate) async fn revoke_apps(
        &self,
        asking: &Asking,
        message: AccountServiceRevokeRequest,
    ) -> Result<AccountServiceRevokeResponse, Failure> {
        self.call(asking, message, |channel, message| async move {
            AccountServiceClient::new(channel).revoke(message).await
        })
        .await
    }

    pub(crate) async fn sign_out(&self, asking: &Asking, message: SignOutRequest) -> Result<SignOutResponse, Failure> {
        self.call(asking, message, |channel, message| async move {
            AccountServiceClient::new(channel).sign_out(message).await
        })
        .await
    }

    /// Asked by no request, and not repeated here: whoever keeps the list asks again anyway.
    pub(crate) async fn list_issuers(&self) -> Result<ListResponse, Status> {
        self.list_issuers_by(self.channel()).await
    }

    async fn list_issuers_by(&self, channel: AuthenticatedChannel) -> Result<ListResponse, Status> {
        let message = self.request(&Asking::ourselves(), ListRequest {}, self.deadline);
        Ok(IssuerServiceClient::new(channel).list(message).await?.into_inner())
    }

    pub(crate) async fn describe_issuer(&self, issuer_id: String) -> Result<DescribeResponse, Status> {
        let message = self.request(&Asking::ourselves(), DescribeRequest { issuer_id }, self.deadline);
        Ok(IssuerServiceClient::new(self.channel()).describe(message).await?.into_inner())
    }

    /// Sends `message` until it is answered, or refused for good, or the deadline has passed.
    async fn call<M, A, F>(
        &self,
        asking: &Asking,
        message: M,
        send: impl Fn(AuthenticatedChannel, Request<M>) -> F,
    ) -> Result<A, Failure>
    where
        M: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let give_up_at = Instant::now() + self.deadline;
        // A first try always says the same, which HTTP/2 then sends as one byte.
        let mut left = self.deadline;
        let mut pause = FIRST_PAUSE;
        loop {
            let request = self.request(asking, message.clone(), left);
            let status = match timeout(left, send(self.channel(), request)).await {
                Ok(Ok(answer)) => return Ok(answer.into_inner()),
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded("the control plane did not answer in time"),
            };
            if !is_transient(&status) || Instant::now() + pause >= give_up_at {
                return Err(said(&asking.id, &status));
            }
            tracing::debug!(request.id = %asking.id, code = ?status.code(), error = status.message(), "asking again");
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            left = give_up_at.saturating_duration_since(Instant::now());
        }
    }

    fn request<M>(&self, asking: &Asking, message: M, left: Duration) -> Request<M> {
        let mut request = Request::new(message);
        request.set_timeout(left);
        request.extensions_mut().insert(asking.id.clone());
        if let Some(client) = asking.client {
            request.extensions_mut().insert(ClientAddress(client));
        }
        request
    }
}

/// What the control plane refused it has logged itself; what never came back is known here only.
fn said(id: &RequestId, status: &Status) -> Failure {
    if is_out_of_reach(status) {
        tracing::warn!(request.id = %id, code = ?status.code(), error = status.message(), "the control plane is out of reach");
    }
    Failure::from(status)
}
