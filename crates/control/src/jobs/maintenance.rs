//! Periodic maintenance of the event log. Every node runs it; concurrent runs are idempotent.
//!
//! Keys are reconciled where they are used, in `keys::keyring`.

use std::time::Duration;

use lychgate_domain::capacity::{self, Growth};
use lychgate_domain::time::Timestamp;
use lychgate_process::Shutdown;
use tokio::time::MissedTickBehavior;

use super::interval::Interval;
use crate::events::Events;
use crate::state::State;

/// The interval of maintenance, by the process's clock …
const INTERVAL: Duration = Duration::from_secs(60);

/// … and the interval at which that clock is read.
const TICK: Duration = Duration::from_secs(1);

/// Runs until `shutdown`. `opened_at` is when the store was opened: the first round is one interval later. The next
/// round continues what one leaves undone.
pub(crate) async fn run(state: State, opened_at: Timestamp, shutdown: Shutdown) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut requested = std::pin::pin!(shutdown.requested());
    let mut rounds = Interval::since(opened_at, INTERVAL);
    let mut succeeded = true;
    let mut was_short = false;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = &mut requested => return,
        }
        let now = state.clock.now();
        if !rounds.is_due(now) {
            continue;
        }
        rounds.done(now);
        was_short = warn_of_short_disk(&state, was_short).await;
        let done = Events(&state).maintain().await;
        // A continuing failure is logged once.
        match &done {
            Err(error) if succeeded => {
                tracing::warn!(error = format!("{error:?}"), "event log maintenance failed; it will be retried");
            }
            Err(_) => {}
            Ok(()) if !succeeded => tracing::info!("event log maintenance works again"),
            Ok(()) => {}
        }
        succeeded = done.is_ok();
    }
}

/// Logs when the store's disk becomes short of space, and when it has space again. Returns whether it is short.
async fn warn_of_short_disk(state: &State, was_short: bool) -> bool {
    let reserve = state.limits.disk_reserve_bytes;
    // A failure to read the free space is logged where a use case meets it.
    let free = state.store.free_bytes().await.ok().flatten();
    let is_short = capacity::admit(Growth::Registration, free, reserve).is_err();
    if is_short && !was_short {
        tracing::warn!(
            disk.free_bytes = free,
            disk.reserve_bytes = reserve,
            "the store's disk is short of space: new registrations and authorizations are refused"
        );
    } else if was_short && !is_short {
        tracing::info!("the store's disk has space again");
    }
    is_short
}
