//! A running edge, and a fake control plane that a test scripts.

use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use lychgate_api::v1::account_service_server::{AccountService, AccountServiceServer};
use lychgate_api::v1::authorization_service_server::{AuthorizationService, AuthorizationServiceServer};
use lychgate_api::v1::issuer_service_server::{IssuerService, IssuerServiceServer};
use lychgate_api::v1::registration_service_server::{RegistrationService, RegistrationServiceServer};
use lychgate_api::v1::token_service_server::{TokenService, TokenServiceServer};
use lychgate_api::v1::{self, next::Step};
use lychgate_api::{CLIENT_ADDRESS, ERROR_DOMAIN, REQUEST_ID, Reason};
use lychgate_edge::{Config, Edge};
use lychgate_process::Shutdown;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status};
use tonic_health::server::{HealthReporter, health_reporter};
use tonic_types::{ErrorDetails, StatusExt};

pub(crate) const TOKEN: &str = "edge-token";

/// Limits every wait of a test. An expected event comes long before.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    Begin(v1::BeginRequest),
    Show(v1::ShowRequest),
    Decide(v1::DecideRequest),
    FinishLogin(v1::FinishLoginRequest),
    ConfirmLogin(v1::ConfirmLoginRequest),
    Exchange(v1::ExchangeRequest),
    Introspect(v1::IntrospectRequest),
    Verify(v1::VerifyRequest),
    Revoke(v1::RevokeRequest),
    Register(v1::RegisterRequest),
    Read(v1::ReadRequest),
    Update(v1::UpdateRequest),
    Delete(v1::DeleteRequest),
    ShowAccount(v1::AccountServiceShowRequest),
    SignIn(v1::SignInRequest),
    RevokeApps(v1::AccountServiceRevokeRequest),
    SignOut(v1::SignOutRequest),
    Checkup(v1::CheckupRequest),
}

#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Next(v1::Next),
    Exchanged(v1::ExchangeResponse),
    Introspected(v1::IntrospectResponse),
    Verified(v1::VerifyResponse),
    Revoked,
    Registered(v1::ClientInformation),
    Deleted,
    Account(v1::AccountServiceShowResponse),
    CheckedUp(v1::CheckupResponse),
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) message: Message,
    pub(crate) request_id: String,
    pub(crate) client_address: String,
    pub(crate) authorization: String,
    pub(crate) has_deadline: bool,
}

#[derive(Debug, Default)]
struct Script {
    calls: Vec<Call>,
    answers: VecDeque<Result<Answer, Status>>,
    issuers: Vec<v1::Issuer>,
    /// The answer when none is left.
    otherwise: Option<Status>,
}

/// A fake control plane. It gives its scripted answers in order, one per call, to any RPC.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeControl(Arc<Mutex<Script>>);

impl FakeControl {
    pub(crate) fn with_issuers(issuers: &[(&str, &str)]) -> Self {
        let fake = Self::default();
        fake.script().issuers = issuers
            .iter()
            .map(|(id, url)| v1::Issuer { id: (*id).to_owned(), issuer: (*url).to_owned(), name: format!("Gate {id}") })
            .collect();
        fake
    }

    pub(crate) fn answer(&self, answer: Answer) {
        self.script().answers.push_back(Ok(answer));
    }

    pub(crate) fn step(&self, step: Step) {
        self.answer(Answer::Next(v1::Next { step: Some(step), set_cookies: vec![] }));
    }

    pub(crate) fn refuse(&self, status: Status) {
        self.script().answers.push_back(Err(status));
    }

    /// Sets the answer when none is left.
    pub(crate) fn refuse_always(&self, status: Status) {
        self.script().otherwise = Some(status);
    }

    pub(crate) fn forget_answers(&self) {
        self.script().answers.clear();
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.script().calls.clone()
    }

    /// The message of the only call.
    pub(crate) fn only_message(&self) -> Message {
        let calls = self.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls[0].message.clone()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().expect("no test panics while holding it")
    }

    fn reply<M>(&self, request: Request<M>, message: impl Fn(M) -> Message) -> Result<Answer, Status> {
        let text =
            |key| request.metadata().get(key).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let (request_id, authorization) = (text(REQUEST_ID), text("authorization"));
        let client_address = text(CLIENT_ADDRESS);
        let has_deadline = request.metadata().contains_key("grpc-timeout");
        let mut script = self.script();
        let message = message(request.into_inner());
        script.calls.push(Call { message, request_id, client_address, authorization, has_deadline });
        let otherwise = script.otherwise.clone().unwrap_or_else(|| Status::internal("the test has no answer left"));
        script.answers.pop_front().unwrap_or(Err(otherwise))
    }

    fn next<M>(&self, request: Request<M>, message: impl Fn(M) -> Message) -> Result<Option<v1::Next>, Status> {
        match self.reply(request, message)? {
            Answer::Next(next) => Ok(Some(next)),
            other => panic!("the scripted answer does not fit the RPC: {other:?}"),
        }
    }

    fn client<M>(&self, request: Request<M>, message: impl Fn(M) -> Message) -> Result<v1::ClientInformation, Status> {
        match self.reply(request, message)? {
            Answer::Registered(answer) => Ok(answer),
            other => panic!("the scripted answer does not fit the RPC: {other:?}"),
        }
    }
}

/// A status in the control plane's form.
pub(crate) fn refusal(reason: Reason, metadata: &[(&str, &str)]) -> Status {
    named_refusal(reason.as_str(), metadata)
}

pub(crate) fn named_refusal(reason: &str, metadata: &[(&str, &str)]) -> Status {
    let metadata: HashMap<_, _> = metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, metadata);
    Status::with_error_details(Code::FailedPrecondition, "not for the world", details)
}

#[tonic::async_trait]
impl AuthorizationService for FakeControl {
    async fn begin(&self, request: Request<v1::BeginRequest>) -> Result<Response<v1::BeginResponse>, Status> {
        Ok(Response::new(v1::BeginResponse { next: self.next(request, Message::Begin)? }))
    }

    async fn show(&self, request: Request<v1::ShowRequest>) -> Result<Response<v1::ShowResponse>, Status> {
        Ok(Response::new(v1::ShowResponse { next: self.next(request, Message::Show)? }))
    }

    async fn decide(&self, request: Request<v1::DecideRequest>) -> Result<Response<v1::DecideResponse>, Status> {
        Ok(Response::new(v1::DecideResponse { next: self.next(request, Message::Decide)? }))
    }

    async fn finish_login(
        &self,
        request: Request<v1::FinishLoginRequest>,
    ) -> Result<Response<v1::FinishLoginResponse>, Status> {
        Ok(Response::new(v1::FinishLoginResponse { next: self.next(request, Message::FinishLogin)? }))
    }

    async fn confirm_login(
        &self,
        request: Request<v1::ConfirmLoginRequest>,
    ) -> Result<Response<v1::ConfirmLoginResponse>, Status> {
        Ok(Response::new(v1::ConfirmLoginResponse { next: self.next(request, Message::ConfirmLogin)? }))
    }
}

#[tonic::async_trait]
impl TokenService for FakeControl {
    async fn exchange(&self, request: Request<v1::ExchangeRequest>) -> Result<Response<v1::ExchangeResponse>, Status> {
        match self.reply(request, Message::Exchange)? {
            Answer::Exchanged(answer) => Ok(Response::new(answer)),
            other => panic!("the scripted answer does not fit the RPC: {other:?}"),
        }
    }

    async fn introspect(
        &self,
        request: Request<v1::IntrospectRequest>,
    ) -> Result<Response<v1::IntrospectResponse>, Status> {
        match self.reply(request, Message::Introspect)? {
            Answer::Introspected(answer) => Ok(Response::new(answer)),
            other => panic!("the scripted answer does not fit the RPC: {other:?}"),
        }
    }

    async fn verify(&self, request: Request<v1::VerifyRequest>) -> Result<Response<v1::VerifyResponse>, Status> {
        match self.reply(request, Message::Verify)? {
            Answer::Verified(answer) => Ok(Response::new(answer)),
            other => panic!("the scripted answer does not fit the RPC: {other:?}"),
        }
    }

    async fn revoke(&self, request: Request<v1::RevokeRequest>) -> Result<Response<v1::RevokeResponse>, Status> {
        match self.reply(request, Message::Revoke)? {
            Answer::Revoked => Ok(Response::new(v1::RevokeResponse {})),
            other => panic!("the scripted answer does not fit the RPC: {other:?}"),
        }
    }
}

#[tonic::async_trait]
impl RegistrationService for FakeControl {
    async fn register(&self, request: Request<v1::RegisterRequest>) -> Result<Response<v1::RegisterResponse>, Status> {
        let client = Some(self.client(request, Message::Register)?);
        Ok(Response::new(v1::RegisterResponse { client }))
    }

    async fn read(&self, request: Request<v1::ReadRequest>) -> Result<Response<v1::ReadResponse>, Status> {
        Ok(Response::new(v1::ReadResponse { client: Some(self.client(request, Message::Read)?) }))
    }

    async fn update(&self, request: Request<v1::UpdateRequest>) -> Result<Response<v1::UpdateResponse>, Status> {
        Ok(Response::new(v1::UpdateResponse { client: Some(self.client(request, Message::Update)?) }))
    }

    async fn delete(&self, request: Request<v1::DeleteRequest>) -> Result<Response<v1::DeleteResponse>, Status> {
        match self.reply(request, Message::Delete)? {
            Answer::Deleted => Ok(Response::new(v1::DeleteResponse {})),
            other => panic!("the scripted answer does not fit the RPC: {other:?}"),
        }
    }
}

#[tonic::async_trait]
impl AccountService for FakeControl {
    async fn show(
        &self,
        request: Request<v1::AccountServiceShowRequest>,
    ) -> Result<Response<v1::AccountServiceShowResponse>, Status> {
        match self.reply(request, Message::ShowAccount)? {
            Answer::Account(answer) => Ok(Response::new(answer)),
            other => panic!("the scripted answer does not fit the RPC: {other:?}"),
        }
    }

    async fn sign_in(&self, request: Request<v1::SignInRequest>) -> Result<Response<v1::SignInResponse>, Status> {
        Ok(Response::new(v1::SignInResponse { next: self.next(request, Message::SignIn)? }))
    }

    async fn revoke(
        &self,
        request: Request<v1::AccountServiceRevokeRequest>,
    ) -> Result<Response<v1::AccountServiceRevokeResponse>, Status> {
        Ok(Response::new(v1::AccountServiceRevokeResponse { next: self.next(request, Message::RevokeApps)? }))
    }

    async fn sign_out(&self, request: Request<v1::SignOutRequest>) -> Result<Response<v1::SignOutResponse>, Status> {
        Ok(Response::new(v1::SignOutResponse { next: self.next(request, Message::SignOut)? }))
    }
}

#[tonic::async_trait]
impl IssuerService for FakeControl {
    async fn list(&self, _: Request<v1::ListRequest>) -> Result<Response<v1::ListResponse>, Status> {
        Ok(Response::new(v1::ListResponse { issuers: self.script().issuers.clone(), max_age: max_age() }))
    }

    async fn checkup(&self, request: Request<v1::CheckupRequest>) -> Result<Response<v1::CheckupResponse>, Status> {
        match self.reply(request, Message::Checkup)? {
            Answer::CheckedUp(answer) => Ok(Response::new(answer)),
            other => panic!("the scripted answer does not fit the RPC: {other:?}"),
        }
    }

    async fn describe(&self, request: Request<v1::DescribeRequest>) -> Result<Response<v1::DescribeResponse>, Status> {
        let id = request.into_inner().issuer_id;
        let issuer = self.script().issuers.iter().find(|issuer| issuer.id == id).cloned();
        let issuer = issuer.ok_or_else(|| refusal(Reason::IssuerUnknown, &[]))?;
        let metadata = v1::ServerMetadata {
            issuer: issuer.issuer.clone(),
            token_endpoint: format!("{}/token", issuer.issuer),
            authorization_response_iss_parameter_supported: true,
            code_challenge_methods_supported: vec!["S256".to_owned()],
            ..Default::default()
        };
        let keys = vec![v1::Jwk { kty: "EC".to_owned(), kid: format!("key-of-{id}"), ..Default::default() }];
        let (issuer, metadata) = (Some(issuer), Some(metadata));
        let resources = vec![v1::ProtectedResource {
            resource: format!("https://mcp.example/{id}"),
            resource_name: "Notes".to_owned(),
            scopes_supported: vec!["read".to_owned()],
        }];
        Ok(Response::new(v1::DescribeResponse { issuer, metadata, keys, resources, max_age: max_age() }))
    }
}

fn max_age() -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds: 1, nanos: 0 })
}

/// A listening fake control plane, which can be stopped and started again at the same address.
#[derive(Debug)]
pub(crate) struct RunningControl {
    pub(crate) address: SocketAddr,
    pub(crate) health: HealthReporter,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl RunningControl {
    pub(crate) async fn start(fake: &FakeControl, address: SocketAddr) -> Self {
        Self::start_on(Server::builder(), fake, address).await
    }

    /// Starts with TLS, by a certificate and its key in PEM.
    pub(crate) async fn start_secured(fake: &FakeControl, cert_pem: &str, key_pem: &str) -> Self {
        let tls = ServerTlsConfig::new().identity(Identity::from_pem(cert_pem, key_pem));
        Self::start_on(Server::builder().tls_config(tls).expect("a certificate"), fake, any_port()).await
    }

    async fn start_on(mut server: Server, fake: &FakeControl, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("the address is free");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let (health, health_service) = health_reporter();
        let server = server
            .add_service(health_service)
            .add_service(AuthorizationServiceServer::new(fake.clone()))
            .add_service(TokenServiceServer::new(fake.clone()))
            .add_service(RegistrationServiceServer::new(fake.clone()))
            .add_service(AccountServiceServer::new(fake.clone()))
            .add_service(IssuerServiceServer::new(fake.clone()));
        let serving = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            server.serve_with_incoming_shutdown(TcpIncoming::from(listener), stopped).await.expect("it serves");
        });
        Self { address, health, stop, serving }
    }

    pub(crate) async fn stop(mut self) {
        // A stream of reports would keep its connection open.
        self.health.clear_service_status("").await;
        drop(self.stop);
        self.serving.await.expect("it ended well");
    }
}

/// An edge on a free port, and a client that follows no redirect.
#[derive(Debug)]
pub(crate) struct TestEdge {
    pub(crate) address: SocketAddr,
    pub(crate) http: reqwest::Client,
    pub(crate) shutdown: Shutdown,
    pub(crate) serving: JoinHandle<()>,
    _files: tempfile::TempDir,
}

impl TestEdge {
    /// Starts an edge, which may not be ready yet.
    pub(crate) async fn start(control: SocketAddr) -> Self {
        Self::start_with(control, "").await
    }

    /// Like `start`, with `settings` in the configuration, before any table.
    pub(crate) async fn start_with(control: SocketAddr, settings: &str) -> Self {
        Self::start_at(&format!("url = 'http://{control}'"), settings).await
    }

    /// Like `start_with`, with the lines `control` in the table `[control]`.
    pub(crate) async fn start_at(control: &str, settings: &str) -> Self {
        let files = tempfile::tempdir().expect("a directory");
        let token = files.path().join("token");
        std::fs::write(&token, TOKEN).expect("a file");
        let drain = if settings.contains("drain_seconds") { "" } else { "drain_seconds = 0" };
        let config: Config = lychgate_process::config::parse(&format!(
            "listen = '127.0.0.1:0'\n{drain}\n{settings}\n[control]\n{control}\ntoken = {{ file = '{}' }}\ndeadline_seconds = 3",
            token.display()
        ))
        .expect("the configuration is good");
        let edge = Edge::bind(&config).await.expect("the edge binds");
        let address = edge.local_addr().expect("an address");
        let shutdown = Shutdown::new();
        let serving = tokio::spawn(edge.run(shutdown.clone()));
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build();
        Self { address, http: http.expect("a client"), shutdown, serving, _files: files }
    }

    pub(crate) async fn ready(&self) {
        let ready = async { while self.get("/readyz").await.status() != 200 {} };
        tokio::time::timeout(TIMEOUT, ready).await.expect("the edge becomes ready");
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.send(self.http.get(self.url(path))).await
    }

    pub(crate) async fn post_form(&self, path: &str, form: &str) -> reqwest::Response {
        let request = self.http.post(self.url(path)).header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(form.to_owned())).await
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> reqwest::Response {
        request.send().await.expect("the edge answers")
    }
}

/// An edge that is ready, with an issuer at the root and one at `/t`.
pub(crate) async fn running() -> (TestEdge, FakeControl) {
    running_set("").await
}

pub(crate) async fn running_with(issuers: &[(&str, &str)]) -> (TestEdge, FakeControl) {
    running_as(issuers, "").await
}

/// Like `running`, with `settings` in the edge's configuration, before any table.
pub(crate) async fn running_set(settings: &str) -> (TestEdge, FakeControl) {
    running_as(&[("root", "https://gate.example"), ("tee", "https://gate.example/t")], settings).await
}

async fn running_as(issuers: &[(&str, &str)], settings: &str) -> (TestEdge, FakeControl) {
    let fake = FakeControl::with_issuers(issuers);
    let control = RunningControl::start(&fake, any_port()).await;
    let edge = TestEdge::start_with(control.address, settings).await;
    edge.ready().await;
    // Keeps the control plane serving as long as the test's runtime lives.
    std::mem::forget(control);
    (edge, fake)
}

pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// An address that stays free while nothing listens there. Its port is below those of outgoing connections.
pub(crate) fn lasting_address() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const PORTS: Range<u32> = 20_000..32_768;
    let size = PORTS.end - PORTS.start;
    (0..size)
        .map(|_| PORTS.start + (std::process::id() * 37 + NEXT.fetch_add(1, Ordering::Relaxed)) % size)
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).expect("a port"))))
        .find(|address| std::net::TcpListener::bind(address).is_ok())
        .expect("a port is free")
}

pub(crate) fn header<'a>(response: &'a reqwest::Response, name: &str) -> &'a str {
    response.headers().get(name).map(|value| value.to_str().expect("text")).unwrap_or_default()
}

pub(crate) fn redirect(location: &str) -> Step {
    Step::Redirect(v1::Redirect { location: location.to_owned() })
}

pub(crate) fn consent_page() -> v1::ConsentPage {
    v1::ConsentPage {
        ticket: "the-ticket".to_owned(),
        form_token: "the-form-token".to_owned(),
        client: Some(v1::ConsentClient { name: "Some App".to_owned(), unverified: true, ..Default::default() }),
        redirect: Some(v1::ConsentRedirect {
            uri: "https://app.example/cb".to_owned(),
            host: "app.example".to_owned(),
            kind: v1::RedirectKind::Web.into(),
            ..Default::default()
        }),
        resource: Some(v1::ConsentResource { uri: "https://mcp.example".to_owned(), name: "Notes".to_owned() }),
        scopes: vec![v1::ConsentScope {
            name: "read".to_owned(),
            description: "Read notes".to_owned(),
            ..Default::default()
        }],
        upstream_name: "Login".to_owned(),
        grant_lifetime_seconds: 3600,
        changed: false,
        policy: None,
        upstream_tokens: false,
        person: None,
        earlier_answer: v1::EarlierAnswer::Unspecified.into(),
    }
}
