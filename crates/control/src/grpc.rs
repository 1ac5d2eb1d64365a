//! The gRPC services: wire in, use case, wire out.

mod account;
mod admin;
pub(crate) mod authentication;
mod authorization;
mod checkup;
mod consent;
mod ext_authz;
mod issuer;
pub(crate) mod methods;
pub(crate) mod metrics;
mod pages;
mod registration;
mod token;
mod upstream_token;
mod wire;

use std::sync::Arc;

use lychgate_api::envoy::service::auth::v3::authorization_server::AuthorizationServer;
use lychgate_api::v1::account_service_server::AccountServiceServer;
use lychgate_api::v1::admin_service_server::AdminServiceServer;
use lychgate_api::v1::authorization_service_server::AuthorizationServiceServer;
use lychgate_api::v1::consent_service_server::ConsentServiceServer;
use lychgate_api::v1::issuer_service_server::IssuerServiceServer;
use lychgate_api::v1::registration_service_server::RegistrationServiceServer;
use lychgate_api::v1::token_service_server::TokenServiceServer;
use lychgate_api::v1::upstream_token_service_server::UpstreamTokenServiceServer;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::ground::caller::Caller;
use crate::ground::error::Error;
use crate::grpc::authentication::Admission;
use crate::state::State;
use account::AccountApi;
use admin::AdminApi;
use authorization::AuthorizationApi;
use consent::ConsentApi;
use ext_authz::ExtAuthzApi;
use issuer::IssuerApi;
use registration::RegistrationApi;
use token::TokenApi;
use upstream_token::UpstreamTokenApi;

/// Every service of `lychgate.v1`, and Envoy's.
pub(crate) fn routes(state: &State) -> Routes {
    let state = || state.clone();
    Routes::new(AuthorizationServiceServer::new(AuthorizationApi(state())))
        .add_service(TokenServiceServer::new(TokenApi(state())))
        .add_service(UpstreamTokenServiceServer::new(UpstreamTokenApi(state())))
        .add_service(RegistrationServiceServer::new(RegistrationApi(state())))
        .add_service(IssuerServiceServer::new(IssuerApi(state())))
        .add_service(ConsentServiceServer::new(ConsentApi(state())))
        .add_service(AdminServiceServer::new(AdminApi(state())))
        .add_service(AccountServiceServer::new(AccountApi(state())))
        .add_service(AuthorizationServer::new(ExtAuthzApi(state())))
}

/// The caller, as the authentication layer has found it. No call gets here without that layer.
fn caller<T>(request: &Request<T>) -> Result<Arc<Caller>, Status> {
    request.extensions().get::<Arc<Caller>>().cloned().ok_or_else(|| Status::unauthenticated("no caller"))
}

/// The admission of the call, from the authentication layer.
fn admission<T>(request: &Request<T>) -> Result<Admission, Status> {
    request.extensions().get::<Admission>().cloned().ok_or_else(|| Status::unauthenticated("no caller"))
}

fn reply<T, U>(result: Result<T, Error>, request_id: &str, wire: impl FnOnce(T) -> U) -> Result<Response<U>, Status> {
    match result {
        Ok(value) => Ok(Response::new(wire(value))),
        Err(error) => Err(error.into_status(request_id)),
    }
}
