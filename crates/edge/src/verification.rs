//! `GET /verify?resource=URI[&scope=S+S]`, for proxies that ask before they let a request through, as nginx does with
//! `auth_request`: the held-back request's `Authorization` header in, one `Verify`, and out whose request it is, or the
//! challenge that the client is to see.
//!
//! The query is the proxy's own configuration. Nothing else of a request is looked at, least of all what proxies forward
//! about it: of those headers a client may have written any.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use lychgate_api::v1::VerifyRequest;
use lychgate_api::{Reason, identity};

use crate::failure::Failure;
use crate::locate::At;
use crate::router::App;
use crate::{bearer, parameters};

pub(crate) async fn verify(
    State(app): State<Arc<App>>,
    at: At,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Demanded { resource, scope } = Demanded::parse(query.unwrap_or_default().as_bytes())?;
    let access_token = bearer::token(&headers).unwrap_or_default();
    let message = VerifyRequest { issuer_id: at.issuer.id.clone(), resource, scope, access_token };
    let verified = app.control.verify(&at.asking, message).await?;
    let mut identity = HeaderMap::new();
    for (name, value) in identity::headers(&verified) {
        let value = HeaderValue::try_from(value).map_err(|_| Failure::new(Reason::Fault))?;
        identity.insert(HeaderName::from_static(name), value);
    }
    Ok((StatusCode::OK, [(CACHE_CONTROL, "no-store")], identity).into_response())
}

#[derive(Debug, PartialEq)]
struct Demanded {
    resource: String,
    scope: Option<String>,
}

impl Demanded {
    /// Each once, and nothing else: a slip in a name must not demand less, and what a client managed to add to the query is
    /// not weighed but refused.
    fn parse(query: &[u8]) -> Result<Self, Failure> {
        let (mut resource, mut scope) = (None, None);
        for parameter in parameters::parse(query)? {
            let place = match parameter.name.as_str() {
                "resource" => &mut resource,
                "scope" => &mut scope,
                _ => {
                    let known = "the query may have resource and scope, nothing else";
                    return Err(Failure::new(Reason::RequestMalformed).describe(known));
                }
            };
            if place.replace(parameter.value).is_some() {
                return Err(Failure::new(Reason::ParameterRepeated).describe("a parameter stands more than once"));
            }
        }
        Ok(Self { resource: resource.unwrap_or_default(), scope })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_taken_as_it_was_configured_or_not_at_all() {
        let parse = |query: &str| Demanded::parse(query.as_bytes()).map_err(|failure| failure.reason());
        let demanded =
            |scope: Option<&str>| Demanded { resource: "https://a/".to_owned(), scope: scope.map(str::to_owned) };
        assert_eq!(parse("resource=https%3A%2F%2Fa%2F"), Ok(demanded(None)));
        assert_eq!(parse("scope=a+b%20c&resource=https://a/"), Ok(demanded(Some("a b c"))));
        assert_eq!(parse("resource=https://a/&scope="), Ok(demanded(Some(""))), "to be judged elsewhere");
        for twice in ["resource=https://a/&resource=https://b/", "resource=https://a/&scope=a&scope="] {
            assert_eq!(parse(twice), Err(Reason::ParameterRepeated), "{twice}");
        }
        for slip in ["resource=https://a/&scopes=a", "resource=https://a/&x", "Resource=https://a/", "access_token=t"] {
            assert_eq!(parse(slip), Err(Reason::RequestMalformed), "{slip}");
        }
    }
}
