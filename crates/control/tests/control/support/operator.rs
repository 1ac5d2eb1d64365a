//! An operator of `AdminService`, and callers that observe the effects.

use lychgate_api::channel::AuthenticatedChannel;
use lychgate_api::v1;
use lychgate_api::v1::admin_service_client::AdminServiceClient;
use lychgate_api::v1::admin_service_revoke_request::Target;
use lychgate_api::v1::admin_service_revoke_response::Outcome;
use lychgate_control::config::Role;

use super::api_client::calls;
use super::{ApiClient, ControlPlane, Environment, EnvoyRequest, Failure, ISSUER, RESOURCE, principal, verify_request};

pub(crate) const OPERATOR_TOKEN: &str = "token-of-the-operator";
pub(crate) const CHECKER_TOKEN: &str = "token-of-the-checker";
pub(crate) const READER_TOKEN: &str = "token-of-the-reader";
pub(crate) const SERVER_TOKEN: &str = "token-of-the-server";

/// A client of `AdminService`.
#[derive(Clone, Debug)]
pub(crate) struct Operator {
    pub(crate) channel: AuthenticatedChannel,
}

impl Operator {
    pub(crate) fn new(caller: ApiClient) -> Self {
        Self { channel: caller.channel }
    }

    calls! {
        AdminServiceClient {
            list_clients = list_clients(ListClientsRequest) -> ListClientsResponse;
            get_client = get_client(GetClientRequest) -> GetClientResponse;
            disable_client = disable_client(DisableClientRequest) -> DisableClientResponse;
            enable_client = enable_client(EnableClientRequest) -> EnableClientResponse;
            list_grants = list_grants(ListGrantsRequest) -> ListGrantsResponse;
            get_grant = get_grant(GetGrantRequest) -> GetGrantResponse;
            list_connections = list_connections(ListConnectionsRequest) -> ListConnectionsResponse;
            revoke = revoke(AdminServiceRevokeRequest) -> AdminServiceRevokeResponse;
            revoke_subjects = revoke_subjects(RevokeSubjectsRequest) -> RevokeSubjectsResponse;
            list_events = list_events(ListEventsRequest) -> ListEventsResponse;
            diagnose = diagnose(DiagnoseRequest) -> DiagnoseResponse;
            read_checkup = read_checkup(ReadCheckupRequest) -> CheckupObservation, observation;
        }
    }

    /// A revocation that is no dry run.
    pub(crate) async fn revoke_now(&self, request: v1::AdminServiceRevokeRequest) -> Result<v1::Revocation, Failure> {
        match self.revoke(request).await?.outcome {
            Some(Outcome::Revocation(revocation)) => Ok(revocation),
            other => panic!("expected a revocation: {other:?}"),
        }
    }

    pub(crate) async fn estimate(&self, target: Target) -> Result<v1::RevocationEstimate, Failure> {
        let request = v1::AdminServiceRevokeRequest {
            issuer_id: ISSUER.to_owned(),
            target: Some(target),
            dry_run: true,
            ..Default::default()
        };
        match self.revoke(request).await?.outcome {
            Some(Outcome::Estimate(estimate)) => Ok(estimate),
            other => panic!("expected an estimate: {other:?}"),
        }
    }

    /// The kinds of the listed events, oldest first.
    pub(crate) async fn kinds(&self, request: v1::ListEventsRequest) -> Vec<String> {
        let listed = self.list_events(request).await.expect("it is permitted");
        listed.events.into_iter().map(|event| event.kind).collect()
    }
}

/// A revocation of `target` under its own request id.
pub(crate) fn revoke_request(target: Target, id: &str) -> v1::AdminServiceRevokeRequest {
    v1::AdminServiceRevokeRequest {
        issuer_id: ISSUER.to_owned(),
        target: Some(target),
        dry_run: false,
        reason: "ticket 4711".to_owned(),
        request_id: request_id(id),
    }
}

pub(crate) fn disable_request(client_id: &str, id: &str) -> v1::DisableClientRequest {
    v1::DisableClientRequest {
        issuer_id: ISSUER.to_owned(),
        client_id: client_id.to_owned(),
        reason: "ticket 4711".to_owned(),
        request_id: request_id(id),
    }
}

pub(crate) fn enable_request(client_id: &str, id: &str) -> v1::EnableClientRequest {
    let v1::DisableClientRequest { issuer_id, client_id, reason, request_id } = disable_request(client_id, id);
    v1::EnableClientRequest { issuer_id, client_id, reason, request_id }
}

pub(crate) fn request_id(id: &str) -> String {
    format!("the-request-called-{id}")
}

pub(crate) fn consent_target(person: &str, app: &str) -> Target {
    let (subject, client_id) = (format!("idp|{person}"), app.to_owned());
    Target::Consent(v1::ConsentKey { subject, client_id, resource: RESOURCE.to_owned() })
}

impl Environment {
    /// An environment with an operator, a resource server and a checker.
    pub(crate) async fn with_operator() -> Self {
        let mut env = Environment::new().await;
        env.config.principals.extend([
            principal("grace", Role::Operator, OPERATOR_TOKEN),
            principal("server", Role::Resource, SERVER_TOKEN),
            principal("checker", Role::Checker, CHECKER_TOKEN),
        ]);
        env
    }
}

impl ControlPlane {
    pub(crate) fn operator(&self) -> Operator {
        Operator::new(self.caller(OPERATOR_TOKEN))
    }

    /// Checks if the access token is active: by introspection, by an edge's `Verify`, and by `ext_authz`, which must
    /// agree.
    pub(crate) async fn is_active(&self, access_token: &str) -> bool {
        let (issuer_id, token) = (ISSUER.to_owned(), access_token.to_owned());
        let server = self.caller(SERVER_TOKEN);
        let to_envoy = server.ext_authz(&EnvoyRequest::with(&token)).await.expect("it is permitted").is_allowed();
        let to_nginx = self.edge().verify(verify_request(&token)).await.map_err(|failure| failure.reason);
        let request = v1::IntrospectRequest { issuer_id, token, resource_server_token: None, ..Default::default() };
        let is_active = server.introspect(request).await.expect("it is permitted").active;
        let expected = if is_active { Ok(()) } else { Err("ACCESS_TOKEN_INVALID".to_owned()) };
        assert_eq!((to_nginx.map(drop), to_envoy), (expected, is_active));
        is_active
    }

    /// Checks the consent as a checker does.
    pub(crate) async fn is_allowed(&self, person: &str, app: &str) -> bool {
        self.is_allowed_to(person, app, &[]).await
    }

    pub(crate) async fn is_allowed_to(&self, person: &str, app: &str, scopes: &[&str]) -> bool {
        let request = v1::CheckRequest {
            issuer_id: ISSUER.to_owned(),
            subject: format!("idp|{person}"),
            client_id: app.to_owned(),
            resource: RESOURCE.to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            consistency: None,
        };
        let checked = self.caller(CHECKER_TOKEN).check(request).await.expect("it is permitted");
        checked.result.expect("an answer").verdict() == v1::CheckVerdict::Granted
    }
}
