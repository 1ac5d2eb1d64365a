//! The gRPC services: wire in, use case, wire out.

mod account;
mod admin;
pub(crate) mod authentication;
mod authorization;
mod consent;
mod ext_authz;
mod issuer;
pub(crate) mod methods;
pub(crate) mod metrics;
mod registration;
mod token;
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
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::ground::caller::Caller;
use crate::ground::error::Error;
use crate::grpc::authentication::Admission;
use crate::state::Control;

/// Every service of `lychgate.v1`, and what Envoy asks.
pub fn routes(control: &Control) -> Routes {
    Routes::new(AuthorizationServiceServer::new(control.clone()))
        .add_service(TokenServiceServer::new(control.clone()))
        .add_service(RegistrationServiceServer::new(control.clone()))
        .add_service(IssuerServiceServer::new(control.clone()))
        .add_service(ConsentServiceServer::new(control.clone()))
        .add_service(AdminServiceServer::new(control.clone()))
        .add_service(AccountServiceServer::new(control.clone()))
        .add_service(AuthorizationServer::new(control.clone()))
}

/// Who calls: put there by the authentication layer, without which nothing gets here.
fn caller<T>(request: &Request<T>) -> Result<Arc<Caller>, Status> {
    request.extensions().get::<Arc<Caller>>().cloned().ok_or_else(|| Status::unauthenticated("no caller"))
}

/// That the call was let in: put there with the caller.
fn admission<T>(request: &Request<T>) -> Result<Admission, Status> {
    request.extensions().get::<Admission>().cloned().ok_or_else(|| Status::unauthenticated("no caller"))
}

fn reply<T, U>(result: Result<T, Error>, request_id: &str, wire: impl FnOnce(T) -> U) -> Result<Response<U>, Status> {
    match result {
        Ok(value) => Ok(Response::new(wire(value))),
        Err(error) => Err(error.into_status(request_id)),
    }
}
