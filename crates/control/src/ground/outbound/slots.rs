//! The number of outbound exchanges at the same time, of documents and with upstreams together.
//!
//! Each holds file descriptors, which the process has a limited number of and the store must never lack. An exchange waits for
//! a slot within its own time limit.

use std::sync::LazyLock;

use lychgate_process::resources::DescriptorBudget;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Descriptors of one exchange: a connection, the two sockets of a DNS query before it, and one connection that stays open for
/// the next.
const DESCRIPTORS_EACH: usize = 2;

/// The limit is the process's, as the descriptors are.
static SLOTS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(set_aside(&mut DescriptorBudget::of_process())));

/// Sets aside the descriptors of all exchanges. Returns the number of exchanges.
pub(crate) fn set_aside(budget: &mut DescriptorBudget) -> usize {
    budget.share(8, 16, 4096) / DESCRIPTORS_EACH
}

/// The right to one exchange.
pub(crate) async fn acquire() -> SemaphorePermit<'static> {
    loop {
        // The semaphore is never closed, so the loop ends with its first round.
        if let Ok(permit) = SLOTS.acquire().await {
            return permit;
        }
    }
}
