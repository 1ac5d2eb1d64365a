//! Questions of reverse proxies about a request that they hold back: the edge's `Verify`, and Envoy's `ext_authz`.

use std::collections::HashMap;

use lychgate_api::envoy::config::core::v3::{HeaderMap, HeaderValue, header_value_option::HeaderAppendAction};
use lychgate_api::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use lychgate_api::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use lychgate_api::envoy::service::auth::v3::check_response::HttpResponse;
use lychgate_api::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse};
use lychgate_api::v1;

use super::{ApiClient, Failure, ISSUER, RESOURCE};

/// A `Verify` request for this token that demands no scope.
pub(crate) fn verify_request(token: &str) -> v1::VerifyRequest {
    v1::VerifyRequest {
        issuer_id: ISSUER.to_owned(),
        resource: RESOURCE.to_owned(),
        scope: None,
        access_token: token.to_owned(),
        upstream_token: None,
    }
}

/// The same question as an `ext_authz` call.
#[derive(Clone, Debug, Default)]
pub(crate) struct EnvoyRequest {
    pub(crate) headers: Vec<(String, String)>,
    /// Encodes headers as with Envoy's `encode_raw_headers`.
    pub(crate) raw: bool,
    pub(crate) extensions: Vec<(&'static str, &'static str)>,
}

impl EnvoyRequest {
    pub(crate) fn with(token: &str) -> Self {
        Self::default().header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn raw(self) -> Self {
        Self { raw: true, ..self }
    }

    /// Replaces the `context_extensions` of Envoy's configuration.
    pub(crate) fn saying(self, extensions: &[(&'static str, &'static str)]) -> Self {
        Self { extensions: extensions.to_vec(), ..self }
    }

    fn message(&self) -> CheckRequest {
        let mut http = HttpRequest::default();
        if self.raw {
            let header = |(key, value): &(String, String)| HeaderValue {
                key: key.clone(),
                value: String::new(),
                raw_value: value.clone().into_bytes(),
            };
            http.header_map = Some(HeaderMap { headers: self.headers.iter().map(header).collect() });
        } else {
            let mut joined = HashMap::<String, String>::new();
            for (name, value) in &self.headers {
                joined.entry(name.clone()).and_modify(|all| *all = format!("{all},{value}")).or_insert(value.clone());
            }
            http.headers = joined;
        }
        let extensions = self.extensions.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        CheckRequest {
            attributes: Some(AttributeContext {
                request: Some(Request { http: Some(http) }),
                context_extensions: extensions.collect(),
            }),
        }
    }
}

/// Envoy's action on an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EnvoyDecision {
    /// The request passes with the headers `set` overwritten and the headers `removed` dropped.
    Allowed { set: HashMap<String, String>, removed: Vec<String> },
    /// Envoy answers the client itself.
    Denied { status: i32, headers: HashMap<String, String>, body: String },
}

impl EnvoyDecision {
    pub(crate) fn is_allowed(&self) -> bool {
        matches!(self, EnvoyDecision::Allowed { .. })
    }

    fn of(answer: CheckResponse) -> Self {
        let set = |headers: Vec<lychgate_api::envoy::config::core::v3::HeaderValueOption>| {
            let one = headers.into_iter().map(|option| {
                assert_eq!(option.append_action(), HeaderAppendAction::OverwriteIfExistsOrAdd, "{option:?}");
                let HeaderValue { key, value, raw_value } = option.header.expect("a header");
                assert!(raw_value.is_empty());
                (key, value)
            });
            one.collect()
        };
        let is_ok = answer.status.expect("a status").code == 0;
        match answer.http_response.expect("an answer") {
            HttpResponse::OkResponse(ok) => {
                assert!(is_ok);
                EnvoyDecision::Allowed { set: set(ok.headers), removed: ok.headers_to_remove }
            }
            HttpResponse::DeniedResponse(denied) => {
                assert!(!is_ok);
                let status = denied.status.expect("a status").code;
                EnvoyDecision::Denied { status, headers: set(denied.headers), body: denied.body }
            }
        }
    }
}

impl ApiClient {
    pub(crate) async fn ext_authz(&self, asked: &EnvoyRequest) -> Result<EnvoyDecision, Failure> {
        let answer = AuthorizationClient::new(self.channel.clone()).check(asked.message()).await?;
        Ok(EnvoyDecision::of(answer.into_inner()))
    }
}
