//! The latest check of an issuer's upstream.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use lychgate_domain::time::Timestamp;

/// A check of an upstream, as configured.
#[derive(Clone, Debug)]
pub(crate) struct UpstreamCheck {
    pub(crate) at: Timestamp,
    /// `None` if the upstream is there.
    pub(crate) problem: Option<UpstreamProblem>,
}

/// Why an upstream cannot be used.
#[derive(Clone, Debug)]
pub(crate) struct UpstreamProblem {
    /// The configuration key that leads to it.
    pub(crate) key: String,
    pub(crate) error: String,
}

/// The latest check, which a background job replaces.
#[derive(Debug, Default)]
pub(crate) struct LastCheck(ArcSwapOption<UpstreamCheck>);

impl LastCheck {
    /// `None` before the first check.
    pub(crate) fn get(&self) -> Option<Arc<UpstreamCheck>> {
        self.0.load_full()
    }

    pub(crate) fn set(&self, check: UpstreamCheck) {
        self.0.store(Some(Arc::new(check)));
    }
}
