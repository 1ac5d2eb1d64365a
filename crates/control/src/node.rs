//! A node's knowledge of itself, and of its difference from other nodes of its store: for health, metrics and diagnosis.

mod config_audit;

use std::sync::Arc;

use lychgate_store::Durability;

use crate::config::EngineName;
use crate::ground::tls::Tls;

pub(crate) use config_audit::{ComparedConfiguration, ConfigAudit};

/// The parts of this node that are no use case's. A clone is the same node.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) audit: ConfigAudit,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) engine: EngineName,
    /// The least durability that the configuration accepts.
    pub(crate) required_durability: Durability,
}
