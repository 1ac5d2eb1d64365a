//! The sweep of expired entries. It reclaims space only: an expired entry is absent, swept or not.
//!
//! An entry is kept for twice the largest clock skew after its expiry: once for callers with a clock behind this one, once
//! for this clock being ahead. An entry that was swept too early would be missing for such a caller. A clock that is ahead by
//! more does no harm: an entry is also kept for the largest clock skew after its expiry by the database's clock.

use std::sync::Arc;
use std::time::Duration;

use lychgate_engine::{CLOCK_SKEW, Clock, EngineError};
use tokio::task::JoinHandle;

use crate::connection::{CallError, Query};
use crate::group::signed;
use crate::reads::Reads;

/// Entries deleted in one transaction. Few, so that a commit that renews one of them does not wait long for its row.
const AT_ONCE: i64 = 1000;

/// The time for one transaction of a sweep.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The task that sweeps. It ends when this value is dropped.
#[derive(Debug)]
pub(crate) struct Sweeper(JoinHandle<()>);

impl Sweeper {
    pub(crate) fn start(reads: Arc<Reads>, clock: Arc<dyn Clock>, interval: Duration) -> Self {
        Self(tokio::spawn(async move {
            loop {
                tokio::time::sleep(interval).await;
                if let Err(error) = sweep(&reads, &*clock).await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "expired entries cannot be deleted");
                }
            }
        }))
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Deletes expired entries until few are left, or another node sweeps.
pub(crate) async fn sweep(reads: &Reads, clock: &dyn Clock) -> Result<(), EngineError> {
    let now = signed(clock.now().millis());
    let skew = signed(CLOCK_SKEW.as_millis() as u64);
    let before = now.saturating_sub(2 * skew);
    loop {
        let step = async {
            let connection = reads.connection().await?;
            Ok::<i64, CallError>(connection.call_one(Query::Sweep, &[&before, &skew, &AT_ONCE]).await?.try_get(0)?)
        };
        let deleted = tokio::time::timeout(TIMEOUT, step).await.unwrap_or(Err(CallError::TimedOut))?;
        if deleted < AT_ONCE {
            return Ok(());
        }
    }
}
