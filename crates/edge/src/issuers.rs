//! The issuers that the edge serves, as the control plane last described them.
//!
//! This is a cache of public data. It is filled at start, refreshed when it is old, and served stale while the control plane
//! is away, up to an age: a key that was replaced because it is compromised must not be published by an edge for ever.

mod age;
mod directory;
mod documents;
pub(crate) mod routing;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use lychgate_api::v1::{DescribeRequest, ListRequest};
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::control::Control;

pub(crate) use directory::{Directory, Issuer};
pub(crate) use documents::{KeyDocument, ResourceDocument};
pub(crate) use routing::IssuerRoute;

/// Bounds of the age that the control plane may ask for.
const MIN_MAX_AGE: Duration = Duration::from_secs(1);
const MAX_MAX_AGE: Duration = Duration::from_secs(3600);

/// The pause after a failed refresh, which doubles up to the longest: short enough for a person who waits for a page.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The current directory, and the task that refreshes it.
#[derive(Debug)]
pub(crate) struct Issuers {
    current: Arc<ArcSwapOption<Fetched>>,
    /// The age up to which a directory is served.
    stale: Duration,
    /// The ids of the issuers in the directory; `None` before the first one.
    ids: watch::Sender<Option<BTreeSet<String>>>,
}

/// A directory with the time at which the control plane was asked for it.
#[derive(Debug)]
struct Fetched {
    directory: Arc<Directory>,
    at: Instant,
}

/// Whether the issuers can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    /// The control plane has not answered yet.
    NeverFetched,
    /// The control plane has been away for too long.
    TooOld,
}

impl Issuers {
    /// Serves a directory until it is as old as `stale`, and reports its age in a metric.
    pub(crate) fn new(stale: Duration, registry: &mut Registry) -> Self {
        let current = Arc::default();
        age::register(registry, Arc::clone(&current));
        Self { current, stale, ids: watch::Sender::default() }
    }

    /// `None` until the control plane has answered for the first time, and when its last answer is too old.
    pub(crate) fn current(&self) -> Option<Arc<Directory>> {
        let fetched = self.current.load();
        let fetched = fetched.as_ref().filter(|fetched| self.serves(fetched))?;
        Some(Arc::clone(&fetched.directory))
    }

    pub(crate) fn readiness(&self) -> Readiness {
        match &*self.current.load() {
            None => Readiness::NeverFetched,
            Some(fetched) if self.serves(fetched) => Readiness::Ready,
            Some(_) => Readiness::TooOld,
        }
    }

    fn serves(&self, fetched: &Fetched) -> bool {
        fetched.at.elapsed() < self.stale
    }

    /// Reports changes of the set of issuers.
    pub(crate) fn ids(&self) -> watch::Receiver<Option<BTreeSet<String>>> {
        self.ids.subscribe()
    }

    fn replace(&self, directory: Directory, at: Instant) {
        let ids = Some(directory.ids().map(str::to_owned).collect());
        self.current.store(Some(Arc::new(Fetched { directory: Arc::new(directory), at })));
        self.ids.send_if_modified(|known| {
            let is_other = *known != ids;
            *known = ids;
            is_other
        });
    }

    /// Never returns. May be dropped at any point.
    pub(crate) async fn keep_fresh(&self, control: &Control) {
        let mut pause = FIRST_PAUSE;
        let (mut reachable, mut reported_too_old) = (true, false);
        loop {
            let at = Instant::now();
            match fetch(control).await {
                Ok((directory, max_age)) => {
                    if !reachable || self.current().is_none() {
                        tracing::info!(issuers = directory.len(), "fetched the issuers");
                    }
                    self.replace(directory, at);
                    (pause, reachable, reported_too_old) = (FIRST_PAUSE, true, false);
                    // Refreshed before it is too old to be served.
                    sleep(max_age.min(self.stale / 2)).await;
                }
                Err(error) => {
                    // Logged once per outage.
                    if reachable {
                        tracing::warn!(error, "cannot refresh the issuers; serving the last known ones");
                    }
                    reachable = false;
                    if self.readiness() == Readiness::TooOld && !reported_too_old {
                        tracing::error!(
                            seconds = self.stale.as_secs(),
                            "the last known issuers are too old to be served"
                        );
                        reported_too_old = true;
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}

/// All issuers or none: with half of them, the edge would answer 404 for the other half.
async fn fetch(control: &Control) -> Result<(Directory, Duration), String> {
    let list = control.list_issuers(ListRequest {}).await.map_err(|status| status.to_string())?;
    let mut max_age = bounded(list.max_age);
    let mut issuers = Vec::with_capacity(list.issuers.len());
    for issuer in list.issuers {
        let request = DescribeRequest { issuer_id: issuer.id.clone() };
        let described = control.describe_issuer(request).await.map_err(|status| status.to_string())?;
        max_age = max_age.min(bounded(described.max_age));
        let issuer = Issuer::new(described).map_err(|error| format!("issuer {:?}: {error}", issuer.id))?;
        issuers.push(issuer);
    }
    Ok((Directory::of(issuers), max_age))
}

fn bounded(max_age: Option<prost_types::Duration>) -> Duration {
    let max_age = max_age.and_then(|max_age| Duration::try_from(max_age).ok()).unwrap_or_default();
    max_age.clamp(MIN_MAX_AGE, MAX_MAX_AGE)
}
