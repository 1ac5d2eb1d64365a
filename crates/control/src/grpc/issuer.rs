//! `IssuerService`: each issuer's public metadata (RFC 8414), key set and resources (RFC 9728).

use std::collections::BTreeSet;

use lychgate_api::v1;
use lychgate_api::v1::issuer_service_server::IssuerService;
use lychgate_api::v1::{
    CheckupRequest, CheckupResponse, DescribeRequest, DescribeResponse, ListRequest, ListResponse, ProtectedResource,
    ServerMetadata,
};
use lychgate_domain::client::jwk::SignatureAlgorithm;
use lychgate_domain::client::{AuthenticationMethod, GrantType};
use lychgate_domain::issuer::{Issuer, RegistrationPolicy, Resource, UpstreamTokenPolicy};
use lychgate_domain::token::token_exchange::TOKEN_EXCHANGE;
use tonic::{Request, Response, Status};

use super::{caller, checkup, reply};
use crate::ground::propagation::MAX_AGE;
use crate::ground::protobuf_time::duration;
use crate::issuers::IssuerContext;
use crate::state::State;

pub(super) struct IssuerApi(pub(super) State);

#[tonic::async_trait]
impl IssuerService for IssuerApi {
    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListResponse>, Status> {
        let caller = caller(&request)?;
        let issuers = self.0.issuers.all(&caller.principal).map(issuer).collect();
        Ok(Response::new(ListResponse { issuers, max_age: Some(duration(MAX_AGE)) }))
    }

    async fn describe(&self, request: Request<DescribeRequest>) -> Result<Response<DescribeResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let call = match self.0.call(&caller, &request.issuer_id).await {
            Ok(call) => call.serving.key_manager.published(call.now).await.map(|keys| (call, keys)),
            Err(error) => Err(error),
        };
        reply(call, &caller.request_id, |(call, keys)| DescribeResponse {
            issuer: Some(issuer(call.issuer())),
            metadata: Some(metadata(&call.serving)),
            keys,
            resources: call.issuer().resources.iter().map(resource).collect(),
            max_age: Some(duration(MAX_AGE)),
        })
    }

    async fn checkup(&self, request: Request<CheckupRequest>) -> Result<Response<CheckupResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let answered = self.0.call(&caller, &request.issuer_id).await;
        let answered = answered.and_then(|call| checkup::answer(call, request));
        reply(answered, &caller.request_id, |answer| answer)
    }
}

fn issuer(issuer: &Issuer) -> v1::Issuer {
    v1::Issuer { id: issuer.id.as_str().to_owned(), issuer: issuer.url.as_str().to_owned(), name: issuer.name.clone() }
}

/// RFC 9728 §2.
fn resource(resource: &Resource) -> ProtectedResource {
    ProtectedResource {
        resource: resource.uri.clone(),
        resource_name: resource.name.clone(),
        scopes_supported: resource.scopes.iter().map(|definition| definition.scope.as_str().to_owned()).collect(),
    }
}

/// RFC 8414 §2. The endpoints are also where clients without metadata support guess them.
fn metadata(serving: &IssuerContext) -> ServerMetadata {
    let issuer = &*serving.issuer;
    let url = issuer.url.as_str();
    let scopes = issuer.scopes_supported().iter().map(|scope| scope.as_str().to_owned()).collect();
    let methods: Vec<_> = AuthenticationMethod::ALL.iter().map(|method| method.as_str().to_owned()).collect();
    // Resource servers alone use it, and only where they get something.
    let exchanges = issuer.resources.iter().any(|resource| resource.upstream_tokens == UpstreamTokenPolicy::Given);
    let registration = match issuer.policy.registration {
        RegistrationPolicy::Open | RegistrationPolicy::WithToken(_) => format!("{url}/register"),
        RegistrationPolicy::Closed => String::new(),
    };
    // During a change of algorithm both are published, so that a verifier with this allow-list refuses no token.
    let algorithms: BTreeSet<_> = serving.published_keys().iter().map(|key| key.alg.clone()).collect();
    ServerMetadata {
        issuer: url.to_owned(),
        authorization_endpoint: format!("{url}/authorize"),
        token_endpoint: format!("{url}/token"),
        registration_endpoint: registration,
        revocation_endpoint: format!("{url}/revoke"),
        revocation_endpoint_auth_methods_supported: methods.clone(),
        introspection_endpoint: format!("{url}/introspect"),
        // Resource servers authenticate with tokens of their own (RFC 7662 §2.1). RFC 8414 §2 lists client authentication
        // methods and access token types alike.
        introspection_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "Bearer"]
            .map(str::to_owned)
            .to_vec(),
        jwks_uri: format!("{url}/jwks.json"),
        scopes_supported: scopes,
        response_types_supported: vec!["code".to_owned()],
        response_modes_supported: vec!["query".to_owned()],
        grant_types_supported: GrantType::ALL
            .iter()
            .map(|grant_type| grant_type.as_str())
            .chain(exchanges.then_some(TOKEN_EXCHANGE))
            .map(str::to_owned)
            .collect(),
        token_endpoint_auth_methods_supported: methods,
        token_endpoint_auth_signing_alg_values_supported: SignatureAlgorithm::ALL
            .map(|algorithm| algorithm.as_str().to_owned())
            .to_vec(),
        client_id_metadata_document_supported: issuer.policy.documents.hosts.is_some(),
        code_challenge_methods_supported: vec!["S256".to_owned()],
        authorization_response_iss_parameter_supported: true,
        // Mandatory members of the OpenID Connect document, which some clients read in place of RFC 8414's.
        subject_types_supported: vec!["public".to_owned()],
        id_token_signing_alg_values_supported: algorithms.into_iter().collect(),
    }
}
