//! The state of this node and of what it depends on, for an operator's `lychgate doctor`. Judges nothing and writes nothing.

use std::sync::Arc;
use std::time::Duration;

use lychgate_domain::time::Timestamp;
use lychgate_store::configuration::ConfigurationDigest;
use lychgate_store::{Durability, RECORD_LEVEL, Store, StoreError};

use crate::checkup::Checkup;
use crate::ground::caller::Caller;
use crate::issuers::UpstreamCheck;
use crate::keys::keyring::ActiveKey;
use crate::node::ComparedConfiguration;
use crate::state::State;

/// All that this node tells.
#[derive(Debug)]
pub(crate) struct Diagnosis {
    pub(crate) now: Timestamp,
    pub(crate) store: StoreDiagnosis,
    /// The end of validity of each file of certificates, by its configuration key.
    pub(crate) certificates: Vec<(&'static str, Timestamp)>,
    pub(crate) issuers: Vec<IssuerDiagnosis>,
}

/// The store, as this node sees it. A value that cannot be read is `None`.
#[derive(Debug)]
pub(crate) struct StoreDiagnosis {
    pub(crate) engine: &'static str,
    pub(crate) durability: Option<Durability>,
    pub(crate) required_durability: Durability,
    /// Why the store takes no commits, or cannot be read.
    pub(crate) problem: Option<String>,
    pub(crate) clock_difference: Option<Duration>,
    pub(crate) record_level: Option<u32>,
    pub(crate) newest_record_level: u32,
    pub(crate) raised_from: Option<u32>,
    pub(crate) free_bytes: Option<u64>,
    pub(crate) reserve_bytes: u64,
}

/// One issuer, as this node sees it.
#[derive(Debug)]
pub(crate) struct IssuerDiagnosis {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) own_configuration: Option<ConfigurationDigest>,
    pub(crate) latest_configuration: Option<ConfigurationDigest>,
    pub(crate) upstream: Option<Arc<UpstreamCheck>>,
    pub(crate) keys: Vec<ActiveKey>,
    pub(crate) checkup_url: Option<String>,
}

/// Looks at everything that the caller may see.
pub(crate) async fn diagnose(state: &State, caller: &Arc<Caller>) -> Diagnosis {
    let now = state.clock.now();
    let store = store(state, now).await;
    let tls = state.node.tls.as_ref().map(|tls| tls.current());
    let certificates = tls.map(|tls| tls.expiries()).unwrap_or_default();
    // A store that does not answer is waited for once, and reported once, as the store's problem.
    let is_readable = store.record_level.is_some();
    let compared = if is_readable { state.node.audit.compare().await.ok() } else { None };
    let configurations = compared.unwrap_or_else(|| state.node.audit.own());
    let mut issuers = Vec::new();
    for issuer in state.issuers.all(&caller.principal) {
        let id = issuer.id.as_str();
        // An issuer that is listed for this principal is found for it.
        let Ok(call) = state.call_with_cached_keys(caller, id) else { continue };
        let compared = configurations.iter().find(|compared| compared.issuer == issuer.id);
        let keys = if is_readable { call.serving.key_manager.active(now).await.ok() } else { None };
        issuers.push(IssuerDiagnosis {
            id: id.to_owned(),
            url: issuer.url.as_str().to_owned(),
            own_configuration: compared.map(|compared| compared.own),
            latest_configuration: compared.and_then(|compared: &ComparedConfiguration| compared.latest),
            upstream: state.issuers.last_check(&issuer.id),
            keys: keys.unwrap_or_default(),
            checkup_url: Checkup(call).url(),
        });
    }
    Diagnosis { now, store, certificates, issuers }
}

async fn store(state: &State, now: Timestamp) -> StoreDiagnosis {
    let store: &Store = &state.store;
    let (ready, clock_difference, record_level, free_bytes) =
        tokio::join!(store.ready(), store.clock_difference(), store.record_level(now), store.free_bytes());
    let problem = |error: StoreError| format!("{:#}", anyhow::Error::new(error));
    let (durability, not_ready) = match ready {
        Ok(durability) => (Some(durability), None),
        Err(error) => (None, Some(problem(error))),
    };
    let (record_level, unreadable) = match record_level {
        Ok(level) => (level, None),
        Err(error) => (None, Some(problem(error))),
    };
    StoreDiagnosis {
        engine: state.node.engine.as_str(),
        durability,
        required_durability: state.node.required_durability,
        problem: not_ready.or(unreadable),
        clock_difference: clock_difference.ok().flatten(),
        record_level,
        newest_record_level: RECORD_LEVEL,
        raised_from: store.raised_from(),
        free_bytes: free_bytes.ok().flatten(),
        reserve_bytes: state.limits.disk_reserve_bytes,
    }
}
