//! `envoy.service.auth.v3.Authorization`: Envoy asks here before it lets a request through.
//!
//! The demands come from Envoy's configuration. Of the request's headers, only the one that holds the token is read.

use std::collections::HashMap;

use lychgate_api::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use lychgate_api::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use lychgate_api::envoy::service::auth::v3::attribute_context::HttpRequest;
use lychgate_api::envoy::service::auth::v3::authorization_server::Authorization;
use lychgate_api::envoy::service::auth::v3::check_response::HttpResponse;
use lychgate_api::envoy::service::auth::v3::{CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse};
use lychgate_api::envoy::r#type::v3::{HttpStatus, StatusCode};
use lychgate_api::v1::VerifyResponse;
use lychgate_api::{error_metadata, identity};
use lychgate_domain::Refusal;
use tonic::{Code, Request, Response, Status};
use tonic_types::pb;

use super::caller;
use crate::ground::error::{Error, status};
use crate::grpc::wire;
use crate::state::State;
use crate::token::{TokenChecks, VerifyRequest};

const RESOURCE: &str = "lychgate-resource";
const ISSUER: &str = "lychgate-issuer";
const SCOPES: &str = "lychgate-scopes";
const UPSTREAM_TOKEN: &str = "lychgate-upstream-token";

pub(super) struct ExtAuthzApi(pub(super) State);

#[tonic::async_trait]
impl Authorization for ExtAuthzApi {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let attributes = request.attributes.unwrap_or_default();
        let http = attributes.request.and_then(|request| request.http).unwrap_or_default();
        let verified = async {
            let request = verify_request(&attributes.context_extensions)?;
            let (issuer_id, resource) = request.issuer_and_resource(&caller, &self.0)?;
            let checks = TokenChecks(self.0.call(&caller, issuer_id).await?);
            checks.verify(&request, resource, bearer(&http).unwrap_or_default()).await
        };
        match verified.await {
            Ok(verified) => Ok(Response::new(let_through(&wire::verified(verified), &http))),
            Err(error) => denied(error, &caller.request_id).map(Response::new),
        }
    }
}

/// The demands of Envoy's configuration. A misspelt name is refused, because it would demand less.
fn verify_request(extensions: &HashMap<String, String>) -> Result<VerifyRequest<'_>, Refusal> {
    let known = [RESOURCE, ISSUER, SCOPES, UPSTREAM_TOKEN];
    if extensions.keys().any(|key| key.starts_with("lychgate") && !known.contains(&key.as_str())) {
        let known = "context_extensions may have lychgate-resource, lychgate-issuer, lychgate-scopes and \
                     lychgate-upstream-token";
        return Err(Refusal::RequestMalformed(known));
    }
    let said = |key| extensions.get(key).map(String::as_str);
    Ok(VerifyRequest {
        issuer_id: said(ISSUER),
        resource: said(RESOURCE),
        scope: said(SCOPES),
        upstream_token: said(UPSTREAM_TOKEN),
    })
}

/// The token of the only `Authorization` header (RFC 6750 §2.1). Envoy joins several by commas, which no token has: of two
/// it would be chance which one counts.
fn bearer(http: &HttpRequest) -> Option<&str> {
    let mut values = sent(http).filter(|(name, _)| name.eq_ignore_ascii_case("authorization")).map(|(_, value)| value);
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("Bearer") && !token.contains(',')).then(|| token.trim())
}

/// The request's headers, in whichever of the two forms Envoy has been told to send them.
fn sent(http: &HttpRequest) -> impl Iterator<Item = (&str, &[u8])> {
    let joined = http.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let raw = http.header_map.iter().flat_map(|map| &map.headers);
    let raw = raw.map(|header| {
        let value = if header.raw_value.is_empty() { header.value.as_bytes() } else { &header.raw_value };
        (header.key.as_str(), value)
    });
    joined.chain(raw)
}

fn let_through(verified: &VerifyResponse, http: &HttpRequest) -> CheckResponse {
    let identity = identity::headers(verified);
    // Envoy removes after it has set: what is set must not be among it.
    let is_set = |name: &str| identity.iter().any(|(set, _)| name.eq_ignore_ascii_case(set));
    let upstream_token = verified.upstream_token.as_ref();
    let is_replaced = |name: &str| upstream_token.is_some_and(|token| name.eq_ignore_ascii_case(&token.name));
    // A server that gets the upstream's token does not get ours, nor a client's own header of that name.
    let is_ours = |name: &str| upstream_token.is_some() && name.eq_ignore_ascii_case("authorization");
    let removed = sent(http).map(|(name, _)| name).filter(|name| {
        (identity::resembles_identity_header(name) && !is_set(name)) || (is_ours(name) && !is_replaced(name))
    });
    let identity = identity.iter().map(|(name, value)| header(name, value.clone()));
    let answer = OkHttpResponse {
        headers_to_remove: removed.map(str::to_owned).collect(),
        headers: identity.chain(upstream_token.map(|token| header(&token.name, token.value.clone()))).collect(),
    };
    response(Code::Ok, HttpResponse::OkResponse(answer))
}

/// The answer for the client, if it is the client who has to do something. Anything else is an error of the call: Envoy
/// lets nothing through then, and its operator finds the reason in our log and in Envoy's.
fn denied(error: Error, request_id: &str) -> Result<CheckResponse, Status> {
    let (reason, message, mut metadata) = error.into_reason(request_id);
    let Some(challenge) = metadata.remove(error_metadata::CHALLENGE) else {
        return Err(status(reason, message, metadata));
    };
    let (code, http_status) = match reason.http_status() {
        403 => (Code::PermissionDenied, StatusCode::Forbidden),
        _ => (Code::Unauthenticated, StatusCode::Unauthorized),
    };
    let oauth_error = metadata.remove(error_metadata::OAUTH_ERROR).unwrap_or_default();
    let answer = DeniedHttpResponse {
        status: Some(HttpStatus { code: http_status.into() }),
        headers: vec![
            header("www-authenticate", challenge),
            header("cache-control", "no-store".to_owned()),
            header("content-type", "application/json".to_owned()),
        ],
        body: serde_json::json!({ "error": oauth_error, "error_description": message }).to_string(),
    };
    Ok(response(code, HttpResponse::DeniedResponse(answer)))
}

/// A header that replaces one of the same name. The action is explicit because versions of Envoy differ in its default: a
/// header of the client's could stay beside ours.
fn header(name: &str, value: String) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue { key: name.to_owned(), value, raw_value: Vec::new() }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
    }
}

fn response(code: Code, answer: HttpResponse) -> CheckResponse {
    let status = pb::Status { code: code.into(), message: String::new(), details: Vec::new() };
    CheckResponse { status: Some(status), http_response: Some(answer) }
}
