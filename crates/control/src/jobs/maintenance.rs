//! Periodic maintenance of the event log. Every node runs it; concurrent runs are idempotent.
//!
//! Keys are reconciled where they are used, in `keys::keyring`.

use std::time::Duration;

use lychgate_domain::time::Timestamp;
use lychgate_process::Shutdown;
use tokio::time::MissedTickBehavior;

use crate::events::Events;
use crate::state::State;

/// The interval of maintenance, by the process's clock …
const INTERVAL: Duration = Duration::from_secs(60);

/// … and the interval at which that clock is read.
const TICK: Duration = Duration::from_secs(1);

/// Runs until `shutdown`. `opened_at` is when the store was opened: the first round is one interval later. The next
/// round continues what one leaves undone.
pub(crate) async fn run(state: State, opened_at: Timestamp, shutdown: Shutdown) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut requested = std::pin::pin!(shutdown.requested());
    let mut next = opened_at + INTERVAL;
    let mut succeeded = true;
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = &mut requested => return,
        }
        let now = state.clock.now();
        if now < next {
            continue;
        }
        next = now + INTERVAL;
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
