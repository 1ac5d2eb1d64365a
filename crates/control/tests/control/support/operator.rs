//! An operator of `AdminService`, and callers that observe the effects.

use lychgate_api::channel::AuthenticatedChannel;
use lychgate_api::v1;
use lychgate_api::v1::admin_service_client::AdminServiceClient;
use lychgate_api::v1::admin_service_revoke_request::Target;
use lychgate_api::v1::admin_service_revoke_response::Outcome;
use lychgate_control::config::Role;

use super::{Control, Edge, Envoys, Failure, ISSUER, RESOURCE, World, principal, verification};

const TOKEN: &str = "token-of-the-operator";
const SERVER: &str = "token-of-the-server";
const CHECKER: &str = "token-of-the-checker";

/// Calls `AdminService`.
#[derive(Clone, Debug)]
pub(crate) struct Operator {
    admin: AdminServiceClient<AuthenticatedChannel>,
}

macro_rules! calls {
    ($($method:ident($request:ident) -> $response:ident;)*) => {$(
        pub(crate) async fn $method(&self, request: v1::$request) -> Result<v1::$response, Failure> {
            Ok(self.admin.clone().$method(request).await?.into_inner())
        }
    )*};
}

impl Operator {
    pub(crate) fn of(caller: Edge) -> Self {
        Self { admin: AdminServiceClient::new(caller.channel) }
    }

    calls! {
        list_clients(ListClientsRequest) -> ListClientsResponse;
        get_client(GetClientRequest) -> GetClientResponse;
        disable_client(DisableClientRequest) -> DisableClientResponse;
        enable_client(EnableClientRequest) -> EnableClientResponse;
        list_grants(ListGrantsRequest) -> ListGrantsResponse;
        get_grant(GetGrantRequest) -> GetGrantResponse;
        revoke(AdminServiceRevokeRequest) -> AdminServiceRevokeResponse;
        revoke_subjects(RevokeSubjectsRequest) -> RevokeSubjectsResponse;
        list_events(ListEventsRequest) -> ListEventsResponse;
    }

    pub(crate) async fn take_back(&self, request: v1::AdminServiceRevokeRequest) -> Result<v1::Revocation, Failure> {
        match self.revoke(request).await?.outcome {
            Some(Outcome::Revocation(revocation)) => Ok(revocation),
            other => panic!("it is no dry run: {other:?}"),
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
            other => panic!("it is a dry run: {other:?}"),
        }
    }

    /// The kinds of the listed events, oldest first.
    pub(crate) async fn kinds(&self, request: v1::ListEventsRequest) -> Vec<String> {
        let listed = self.list_events(request).await.expect("it is permitted");
        listed.events.into_iter().map(|event| event.kind).collect()
    }
}

/// A revocation of `target` under its own request id.
pub(crate) fn revocation(target: Target, id: &str) -> v1::AdminServiceRevokeRequest {
    v1::AdminServiceRevokeRequest {
        issuer_id: ISSUER.to_owned(),
        target: Some(target),
        dry_run: false,
        reason: "ticket 4711".to_owned(),
        request_id: request_id(id),
    }
}

pub(crate) fn disabling(client_id: &str, id: &str) -> v1::DisableClientRequest {
    v1::DisableClientRequest {
        issuer_id: ISSUER.to_owned(),
        client_id: client_id.to_owned(),
        reason: "ticket 4711".to_owned(),
        request_id: request_id(id),
    }
}

pub(crate) fn enabling(client_id: &str, id: &str) -> v1::EnableClientRequest {
    let v1::DisableClientRequest { issuer_id, client_id, reason, request_id } = disabling(client_id, id);
    v1::EnableClientRequest { issuer_id, client_id, reason, request_id }
}

pub(crate) fn request_id(id: &str) -> String {
    format!("the-request-called-{id}")
}

pub(crate) fn consent_of(person: &str, app: &str) -> Target {
    let (subject, client_id) = (format!("idp|{person}"), app.to_owned());
    Target::Consent(v1::ConsentKey { subject, client_id, resource: RESOURCE.to_owned() })
}

impl World {
    /// An environment with an operator, a resource server and a checker.
    pub(crate) async fn operated() -> Self {
        let mut world = World::new().await;
        world.config.principals.extend([
            principal("grace", Role::Operator, TOKEN),
            principal("server", Role::Resource, SERVER),
            principal("checker", Role::Checker, CHECKER),
        ]);
        world
    }
}

impl Control {
    pub(crate) fn operator(&self) -> Operator {
        Operator::of(self.caller(TOKEN))
    }

    /// Whether the access token is active: by introspection, by an edge's `Verify`, and by `ext_authz`, which must
    /// agree.
    pub(crate) async fn is_active(&self, access_token: &str) -> bool {
        let (issuer_id, token) = (ISSUER.to_owned(), access_token.to_owned());
        let server = self.caller(SERVER);
        let to_envoy = server.ext_authz(&Envoys::with(&token)).await.expect("it is permitted").passes();
        let to_nginx = self.edge().verify(verification(&token)).await.map_err(|failure| failure.reason);
        let request = v1::IntrospectRequest { issuer_id, token, resource_server_token: None };
        let is_active = server.introspect(request).await.expect("it is permitted").active;
        let expected = if is_active { Ok(()) } else { Err("ACCESS_TOKEN_INVALID".to_owned()) };
        assert_eq!((to_nginx.map(drop), to_envoy), (expected, is_active));
        is_active
    }

    /// Whether a checker learns that the consent stands.
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
        let checked = self.caller(CHECKER).check(request).await.expect("it is permitted");
        checked.result.expect("an answer").verdict() == v1::CheckVerdict::Granted
    }
}
