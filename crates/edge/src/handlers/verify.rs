//! `GET /verify?resource=URI[&scope=S+S][&upstream_token=HEADER]`, for proxies that ask before they forward a request, as nginx
//! does with `auth_request`. The proxy sends the request's `Authorization` header; the response names the token's subject and
//! client, or has the challenge for the client. With `upstream_token`, the proxy authenticates as a resource server in
//! `X-Lychgate-Proxy-Authorization`, and the response has the upstream's access token in HEADER.
//!
//! The query is the proxy's own configuration. Other headers of the request are ignored, because a client may have written
//! them itself.

use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use lychgate_api::v1::{VerifyRequest, WantedUpstreamToken};
use lychgate_api::{Reason, identity};

use crate::app::App;
use crate::failure::Failure;
use crate::http::{bearer, parameters};
use crate::request_context::RequestContext;

/// The header in which a proxy authenticates as a resource server: `Authorization` is the client's.
const PROXY_AUTHORIZATION: HeaderName = HeaderName::from_static("x-lychgate-proxy-authorization");

pub(crate) async fn verify(
    State(app): State<App>,
    context: RequestContext,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Requirement { resource, scope, upstream_token } = Requirement::parse(query.unwrap_or_default().as_bytes())?;
    let access_token = bearer::token(&headers).unwrap_or_default();
    let proxy_token = upstream_token.as_ref().and_then(|_| bearer::token_in(&headers, &PROXY_AUTHORIZATION));
    let guess = proxy_token.as_deref().map(|token| app.limits.guess(&context.issuer.id, "", token, context.prefix));
    let resource_server_token = proxy_token.clone().unwrap_or_default();
    let upstream_token = upstream_token.map(|header| WantedUpstreamToken { header, resource_server_token });
    let issuer_id = context.issuer.id.clone();
    let message = VerifyRequest { issuer_id, resource, scope, access_token, upstream_token };
    let verified = app.limits.guard(guess, app.control.verify(&context.call, message)).await?;
    let mut identity = HeaderMap::new();
    if let Some(token) = &verified.upstream_token {
        let name = HeaderName::try_from(&token.name).map_err(|_| Failure::new(Reason::Fault))?;
        let mut value = HeaderValue::try_from(&token.value).map_err(|_| Failure::new(Reason::Fault))?;
        value.set_sensitive(true);
        identity.insert(name, value);
    }
    for (name, value) in identity::headers(&verified) {
        let value = HeaderValue::try_from(value).map_err(|_| Failure::new(Reason::Fault))?;
        identity.insert(HeaderName::from_static(name), value);
    }
    Ok((StatusCode::OK, [(CACHE_CONTROL, "no-store")], identity).into_response())
}

/// The access that the proxy requires.
#[derive(Debug, PartialEq)]
struct Requirement {
    resource: String,
    scope: Option<String>,
    /// The header in which the server behind the proxy wants the upstream's access token.
    upstream_token: Option<String>,
}

impl Requirement {
    /// Unknown and repeated parameters are refused: a misspelt name must not require less, and a client that managed to add to
    /// the query must not change the requirement.
    fn parse(query: &[u8]) -> Result<Self, Failure> {
        let (mut resource, mut scope, mut upstream_token) = (None, None, None);
        for parameter in parameters::parse(query)? {
            let slot = match parameter.name.as_str() {
                "resource" => &mut resource,
                "scope" => &mut scope,
                "upstream_token" => &mut upstream_token,
                _ => {
                    let known = "the query may have resource, scope and upstream_token, nothing else";
                    return Err(Failure::new(Reason::RequestMalformed).describe(known));
                }
            };
            if slot.replace(parameter.value).is_some() {
                return Err(Failure::new(Reason::ParameterRepeated).describe("a parameter stands more than once"));
            }
        }
        Ok(Self { resource: resource.unwrap_or_default(), scope, upstream_token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_with_unknown_or_repeated_parameters_is_refused() {
        let parse = |query: &str| Requirement::parse(query.as_bytes()).map_err(|failure| failure.reason());
        let requirement = |scope: Option<&str>| Requirement {
            resource: "https://a/".to_owned(),
            scope: scope.map(str::to_owned),
            upstream_token: None,
        };
        assert_eq!(parse("resource=https%3A%2F%2Fa%2F"), Ok(requirement(None)));
        assert_eq!(parse("scope=a+b%20c&resource=https://a/"), Ok(requirement(Some("a b c"))));
        assert_eq!(parse("resource=https://a/&scope="), Ok(requirement(Some(""))), "the control plane judges it");
        for twice in ["resource=https://a/&resource=https://b/", "resource=https://a/&scope=a&scope="] {
            assert_eq!(parse(twice), Err(Reason::ParameterRepeated), "{twice}");
        }
        for slip in ["resource=https://a/&scopes=a", "resource=https://a/&x", "Resource=https://a/", "access_token=t"] {
            assert_eq!(parse(slip), Err(Reason::RequestMalformed), "{slip}");
        }
    }
}
