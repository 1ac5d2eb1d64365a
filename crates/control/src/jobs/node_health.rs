//! What a node reports about itself: whether its store takes commits and what a commit survives, and whether its
//! configuration is the one that the other nodes of its store have.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use lychgate_domain::id::IssuerId;
use lychgate_process::Shutdown;
use lychgate_store::{Durability, Store, StoreError};
use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::node::{ComparedConfiguration, ConfigAudit};

/// The interval at which the store is asked whether it takes commits, and for the configuration recorded last.
const INTERVAL: Duration = Duration::from_secs(2);

/// The metrics of a node's health.
#[derive(Clone, Debug, Default)]
pub(crate) struct HealthMetrics {
    durability: Family<DurabilityLabels, Gauge>,
    /// Absent for a store without a clock of its own.
    clock_difference: Family<NoLabels, Gauge<f64, AtomicU64>>,
    differs: Family<IssuerLabels, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DurabilityLabels {
    durability: &'static str,
}

/// Labels of a metric that may be absent and has no label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct NoLabels;

impl EncodeLabelSet for NoLabels {
    fn encode(&self, _: &mut LabelSetEncoder<'_>) -> Result<(), fmt::Error> {
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IssuerLabels {
    issuer: String,
}

/// Reports the health of one node.
pub(crate) struct NodeHealth {
    pub(crate) store: Store,
    pub(crate) audit: ConfigAudit,
    pub(crate) health: HealthReporter,
    pub(crate) metrics: HealthMetrics,
}

impl HealthMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "lychgate_store_durability",
            "The durability of commits: 1 at the present one, which is not_ready if the store takes none",
            Family::clone(&metrics.durability),
        );
        let help = "The difference between this node's clock and the store's, as far as it is certain";
        let clocks = Family::clone(&metrics.clock_difference);
        registry.register_with_unit("lychgate_store_clock_difference", help, Unit::Seconds, clocks);
        registry.register(
            "lychgate_configuration_differs",
            "1 if the configuration of an issuer is not the one that the node started last has",
            Family::clone(&metrics.differs),
        );
        metrics
    }

    fn set_durability(&self, durability: Option<Durability>) {
        for possible in [None, Some(Durability::Process), Some(Durability::LocalDisk), Some(Durability::Replicated)] {
            let labels = DurabilityLabels { durability: label(possible) };
            self.durability.get_or_create(&labels).set(i64::from(possible == durability));
        }
    }
}

impl NodeHealth {
    /// Makes the health services known, before there is a first report. A node without a ready store gets no calls until then.
    pub(crate) async fn announce(&self) {
        self.health.set_service_status("", ServingStatus::NotServing).await;
        for issuer in self.audit.issuers() {
            self.health.set_service_status(service(&issuer), ServingStatus::Unknown).await;
        }
    }

    /// Reports "serving" as long as the store takes commits, until shutdown is announced. When it is requested, the report is
    /// withdrawn, because a stream of reports would keep its connection open. Announces the shutdown itself if the store must
    /// not be served any longer.
    pub(crate) async fn run(mut self, announced: Shutdown, shutdown: Shutdown) {
        let mut interval = tokio::time::interval(INTERVAL);
        let mut ends = std::pin::pin!(announced.requested());
        let (mut durability, mut differing) = (None, BTreeMap::new());
        loop {
            let round = async {
                interval.tick().await;
                if let Some(error) = self.cannot_be_served().await {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::error!(error, "the store must not be served any longer: this process ends");
                    announced.trigger();
                }
                let status = self.ready(&mut durability).await;
                self.health.set_service_status("", status).await;
                self.compare_clocks().await;
                self.compare(&mut differing).await;
            };
            tokio::select! {
                () = round => {}
                () = &mut ends => break,
            }
        }
        self.health.set_service_status("", ServingStatus::NotServing).await;
        shutdown.requested().await;
        self.health.clear_service_status("").await;
        for issuer in differing.keys() {
            self.health.clear_service_status(&service(issuer)).await;
        }
    }

    /// Why the store must not be served any longer. An engine that is away says nothing about that.
    async fn cannot_be_served(&self) -> Option<StoreError> {
        let checked = self.store.may_be_served(self.audit.clock.now()).await;
        checked.err().filter(|error| matches!(error, StoreError::Fenced(_) | StoreError::TooNew { .. }))
    }

    async fn ready(&self, before: &mut Option<Durability>) -> ServingStatus {
        let (durability, status) = match self.store.ready().await {
            Ok(durability) => (Some(durability), ServingStatus::Serving),
            Err(error) => {
                tracing::warn!(error = format!("{:#}", anyhow::Error::new(error)), "the store is not ready");
                (None, ServingStatus::NotServing)
            }
        };
        if durability != *before {
            tracing::info!(durability = label(durability), "the durability of commits changed");
            *before = durability;
        }
        self.metrics.set_durability(durability);
        status
    }

    /// A store that does not answer is reported by [`NodeHealth::ready`].
    async fn compare_clocks(&self) {
        if let Ok(Some(difference)) = self.store.clock_difference().await {
            self.metrics.clock_difference.get_or_create(&NoLabels).set(difference.as_secs_f64());
        }
    }

    /// Compares the configuration of each issuer with the one that the store remembers.
    async fn compare(&mut self, before: &mut BTreeMap<IssuerId, bool>) {
        let compared = match self.audit.compare().await {
            Ok(compared) => compared,
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::new(error));
                tracing::debug!(error, "the configurations cannot be compared");
                return;
            }
        };
        for compared in compared {
            let differs = compared.differs();
            let ComparedConfiguration { issuer, .. } = compared;
            let status = if differs { ServingStatus::NotServing } else { ServingStatus::Serving };
            self.health.set_service_status(service(&issuer), status).await;
            let labels = IssuerLabels { issuer: issuer.to_string() };
            self.metrics.differs.get_or_create(&labels).set(i64::from(differs));
            let differed = before.insert(issuer.clone(), differs).unwrap_or(false);
            match (differed, differs) {
                (false, true) => {
                    tracing::warn!(issuer.id = %issuer, "another node has another configuration of this issuer: give all nodes the same, and restart those that have the old one");
                }
                (true, false) => {
                    tracing::info!(issuer.id = %issuer, "all nodes have the same configuration of this issuer")
                }
                (true, true) | (false, false) => {}
            }
        }
    }
}

/// The name of the health service of an issuer's configuration.
fn service(issuer: &IssuerId) -> String {
    format!("configuration/{issuer}")
}

fn label(durability: Option<Durability>) -> &'static str {
    match durability {
        None => "not_ready",
        Some(Durability::Process) => "process",
        Some(Durability::LocalDisk) => "local_disk",
        Some(Durability::Replicated) => "replicated",
    }
}
