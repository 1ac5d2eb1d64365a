//! Control planes, their environment, and clients of their API.

mod authority;
mod consents;
mod door;
mod edge;
mod flow;
mod idp;
mod log;
mod operator;
mod process;
mod proxies;
mod site;
mod tether;
mod verifier;
mod world;

use std::time::Duration;

pub(crate) use authority::{Authority, Certified, Secured};
pub(crate) use consents::Pattern;
pub(crate) use door::{Behind, Door};
pub(crate) use edge::{Edge, Failure, Refused, lasting};
pub(crate) use flow::{App, Browser, Flow, attempt, location, page, query};
pub(crate) use idp::{Idp, Taking};
pub(crate) use log::Log;
pub(crate) use operator::{Operator, consent_of, disabling, enabling, request_id, revocation};
pub(crate) use process::Control;
pub(crate) use proxies::{Answered, Envoys, verification};
pub(crate) use site::{ClientKey, Site};
pub(crate) use verifier::Verifier;
pub(crate) use world::{EDGE_TOKEN, ISSUER, ISSUER_URL, MASTER_KEY, RESOURCE, World, principal};

/// The longest wait for an event that must come. Reaching it fails the test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Polls `holds` until it is true. Only for conditions that cannot be awaited.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    let look = async {
        while !holds().await {
            looks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("timed out waiting until {what}"));
}

/// The resolution of the clock: the distance between "just in time" and "too late".
pub(crate) const TICK: Duration = Duration::from_millis(1);
