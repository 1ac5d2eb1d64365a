//! The state that the handlers share.

use std::sync::Arc;

use lychgate_process::Shutdown;

use crate::client_address::TrustedProxies;
use crate::control::Control;
use crate::issuers::Issuers;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::pages::Pages;

#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) control: Control,
    pub(crate) issuers: Arc<Issuers>,
    pub(crate) pages: Pages,
    pub(crate) proxies: Arc<TrustedProxies>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) metrics: Metrics,
    /// After its request, the edge still answers and is no longer ready.
    pub(crate) shutdown: Shutdown,
}
