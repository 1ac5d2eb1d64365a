//! Control planes, their environment, and clients of their API.

mod api_client;
mod authority;
mod breakpoint;
mod consent_template;
mod environment;
mod envoy;
mod flow;
mod idp;
mod killable_engine;
mod log;
mod metadata_host;
mod operator;
mod process;
mod records;
mod tls_setup;
mod verifier;

use std::time::Duration;

pub(crate) use api_client::{ApiClient, Failure, Refused, without_session_cookies};
pub(crate) use authority::{Authority, CertificateAndKey};
pub(crate) use breakpoint::{BreakpointEngine, Breakpoints};
pub(crate) use consent_template::ConsentTemplate;
pub(crate) use environment::{EDGE_TOKEN, Environment, ISSUER, ISSUER_URL, MASTER_KEY, RESOURCE, principal};
pub(crate) use envoy::{EnvoyDecision, EnvoyRequest, verify_request};
pub(crate) use flow::{App, Browser, Flow, again, attempt, code_in, location, page, query, spawn_login};
pub(crate) use idp::{Idp, RefreshBehavior, RevocationBehavior, UserinfoBehavior};
pub(crate) use log::Log;
pub(crate) use metadata_host::{ClientKey, MetadataHost};
pub(crate) use operator::{
    CHECKER_TOKEN, OPERATOR_TOKEN, Operator, READER_TOKEN, SERVER_TOKEN, consent_target, disable_request,
    enable_request, request_id, revoke_request,
};
pub(crate) use process::ControlPlane;
pub(crate) use tls_setup::TlsSetup;
pub(crate) use verifier::{Verifier, claims, jws_part, published_kids, signing_kid};

/// The longest wait for an event that must come. Reaching it fails the test.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// Polls `holds` until it is true. Only for conditions that cannot be awaited.
pub(crate) async fn wait_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    let look = async {
        while !holds().await {
            looks.tick().await;
        }
    };
    tokio::time::timeout(TIMEOUT, look).await.unwrap_or_else(|_| panic!("timed out waiting until {what}"));
}

/// The resolution of the clock: the distance between "just in time" and "too late".
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// True if `needle`, unless it is empty, occurs in `haystack`.
pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && haystack.windows(needle.len()).any(|window| window == needle)
}
