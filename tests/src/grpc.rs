//! Clients of the control plane's gRPC services: an edge step by step, an operator, a health check.
//!
//! This module repeats no call: tests examine which calls may be repeated.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lychgate_api::ERROR_DOMAIN;
use lychgate_api::channel::{self, AuthenticatedChannel};
use lychgate_api::v1::admin_service_client::AdminServiceClient;
use lychgate_api::v1::authorization_service_client::AuthorizationServiceClient;
use lychgate_api::v1::consent_service_client::ConsentServiceClient;
use lychgate_api::v1::issuer_service_client::IssuerServiceClient;
use lychgate_api::v1::next::Step;
use lychgate_api::v1::registration_service_client::RegistrationServiceClient;
use lychgate_api::v1::token_service_client::TokenServiceClient;
use lychgate_api::v1::{
    BeginRequest, ConsentPage, Cookie, DecideRequest, Decision, FinishLoginRequest, Next, Parameter, SetCookie,
    ShowRequest,
};
use tokio::time::timeout;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;
use url::Url;

/// The deadline of a health check.
const HEALTH: Duration = Duration::from_secs(2);

/// A gRPC caller with a bearer token.
#[derive(Clone, Debug)]
pub struct Caller {
    channel: AuthenticatedChannel,
}

impl Caller {
    pub fn new(url: &str, token: &str) -> Result<Self> {
        Ok(Self { channel: channel::open(url, None, token)? })
    }

    pub fn authorization(&self) -> AuthorizationServiceClient<AuthenticatedChannel> {
        AuthorizationServiceClient::new(self.channel.clone())
    }

    pub fn token(&self) -> TokenServiceClient<AuthenticatedChannel> {
        TokenServiceClient::new(self.channel.clone())
    }

    pub fn registration(&self) -> RegistrationServiceClient<AuthenticatedChannel> {
        RegistrationServiceClient::new(self.channel.clone())
    }

    pub fn consents(&self) -> ConsentServiceClient<AuthenticatedChannel> {
        ConsentServiceClient::new(self.channel.clone())
    }

    pub fn admin(&self) -> AdminServiceClient<AuthenticatedChannel> {
        AdminServiceClient::new(self.channel.clone())
    }

    pub fn issuers(&self) -> IssuerServiceClient<AuthenticatedChannel> {
        IssuerServiceClient::new(self.channel.clone())
    }
}

/// The status of the whole server by `grpc.health.v1`, over TLS if `ca_pem` is given; no answer counts as not
/// serving.
pub async fn is_serving(address: SocketAddr, ca_pem: Option<&[u8]>) -> bool {
    let ask = async {
        let endpoint = match ca_pem {
            Some(pem) => {
                let trust = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem));
                Endpoint::from_shared(format!("https://{address}"))?.tls_config(trust)?
            }
            None => Endpoint::from_shared(format!("http://{address}"))?,
        };
        let channel = endpoint.connect().await?;
        let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await?;
        anyhow::Ok(answer.into_inner().status() == ServingStatus::Serving)
    };
    matches!(timeout(HEALTH, ask).await, Ok(Ok(true)))
}

/// A new idempotency key: 16 random bytes, as an edge makes one per HTTP request.
pub fn attempt() -> Vec<u8> {
    crate::random::<16>().to_vec()
}

/// The gRPC code and the reason of an error from the control plane; an error if the status comes from elsewhere.
pub fn refusal(status: &Status) -> Result<(Code, String)> {
    let info = status.get_details_error_info().with_context(|| format!("no ErrorInfo: {status:?}"))?;
    anyhow::ensure!(info.domain == ERROR_DOMAIN, "the domain is {:?}", info.domain);
    Ok((status.code(), info.reason))
}

/// A browser at an edge: the four steps of an authorization, and the cookies between them.
///
/// A test makes a request by `…_request` and sends it itself if it sends the request more than once.
#[derive(Debug)]
pub struct Steps {
    caller: Caller,
    issuer_id: String,
    cookies: BTreeMap<String, String>,
}

impl Steps {
    pub fn new(caller: Caller, issuer_id: &str) -> Self {
        Self { caller, issuer_id: issuer_id.to_owned(), cookies: BTreeMap::new() }
    }

    /// The ticket of a request with this query.
    pub async fn begin(&mut self, authorize: &Url) -> Result<String> {
        let message = BeginRequest { issuer_id: self.issuer_id.clone(), parameters: parameters(authorize) };
        let next = self.caller.authorization().begin(message).await?.into_inner().next;
        let consent = self.redirected(next)?;
        let ticket = consent.query_pairs().find(|(name, _)| name == "ticket");
        Ok(ticket.context("a redirect without a ticket")?.1.into_owned())
    }

    pub async fn show(&mut self, ticket: &str) -> Result<ConsentPage> {
        let message = ShowRequest {
            issuer_id: self.issuer_id.clone(),
            ticket: ticket.to_owned(),
            cookies: self.cookies(),
            sec_fetch_site: Some("none".to_owned()),
            attempt: attempt(),
            full_screen: false,
            sec_purpose: None,
            scope_preset: 0,
        };
        let next = self.caller.authorization().show(message).await?.into_inner().next;
        match self.taken(next)? {
            Step::ConsentPage(page) => Ok(page),
            other => bail!("no consent page: {other:?}"),
        }
    }

    pub fn decide_request(&self, page: &ConsentPage, decision: Decision) -> DecideRequest {
        DecideRequest {
            issuer_id: self.issuer_id.clone(),
            attempt: attempt(),
            ticket: page.ticket.clone(),
            form_token: page.form_token.clone(),
            decision: decision.into(),
            cookies: self.cookies(),
            sec_fetch_site: Some("same-origin".to_owned()),
            origin: None,
            chosen_scopes: Vec::new(),
        }
    }

    /// `callback` is the URL that the identity provider redirected the browser to.
    pub fn finish_login_request(&self, callback: &Url) -> FinishLoginRequest {
        FinishLoginRequest {
            issuer_id: self.issuer_id.clone(),
            attempt: attempt(),
            parameters: parameters(callback),
            cookies: self.cookies(),
        }
    }

    /// The redirect target of a response; keeps its cookies.
    pub fn redirected(&mut self, next: Option<Next>) -> Result<Url> {
        match self.taken(next)? {
            Step::Redirect(redirect) => Ok(Url::parse(&redirect.location)?),
            other => bail!("no redirect: {other:?}"),
        }
    }

    fn taken(&mut self, next: Option<Next>) -> Result<Step> {
        let next = next.context("an answer without a next step")?;
        for SetCookie { name, value, max_age_seconds } in next.set_cookies {
            match max_age_seconds {
                Some(0) => self.cookies.remove(&name),
                _ => self.cookies.insert(name, value),
            };
        }
        next.step.context("a next step that is none")
    }

    fn cookies(&self) -> Vec<Cookie> {
        let cookie = |(name, value): (&String, &String)| Cookie { name: name.clone(), value: value.clone() };
        self.cookies.iter().map(cookie).collect()
    }
}

fn parameters(url: &Url) -> Vec<Parameter> {
    let parameter = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| Parameter {
        name: name.into_owned(),
        value: value.into_owned(),
    };
    url.query_pairs().map(parameter).collect()
}
