//! What has to be done although nobody asks for it.
//!
//! Every node does all of it: what two do at once, one of them has done. (Keys are tended where they are used, in
//! `keyring`: whoever asks for one looks.)

use std::time::Duration;

use lychgate_domain::time::Timestamp;
use lychgate_process::Shutdown;
use tokio::time::MissedTickBehavior;

use crate::state::Control;

/// How often it is looked for, by the clock that says what is due …
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// … and how often that clock is looked at.
const TICK: Duration = Duration::from_secs(1);

/// Until `shutdown`. `opened_at` is when the store was opened: what was due then has been done by others, or is looked for
/// soon. What a round leaves half done, the next one goes on with.
pub async fn run(control: Control, opened_at: Timestamp, shutdown: Shutdown) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut requested = std::pin::pin!(shutdown.requested());
    let mut next = opened_at + LOOK_EVERY;
    let mut was_well = true;
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = &mut requested => return,
        }
        let now = control.clock.now();
        if now < next {
            continue;
        }
        next = now + LOOK_EVERY;
        let done = control.tend_events().await;
        // Once, and not at every look.
        match &done {
            Err(error) if was_well => {
                tracing::warn!(error = format!("{error:?}"), "the event log cannot be tended; it is tried again");
            }
            Err(_) => {}
            Ok(()) if !was_well => tracing::info!("the event log is tended again"),
            Ok(()) => {}
        }
        was_well = done.is_ok();
    }
}
