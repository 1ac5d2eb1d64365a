//! The machine's clock and randomness. No other module reads them.

use std::time::{SystemTime, UNIX_EPOCH};

use lychgate_domain::entropy::Entropy;
use lychgate_domain::time::{Clock, Timestamp};

#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the process takes its time from")]
    fn now(&self) -> Timestamp {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// Uses the generator that TLS uses for its keys: seeded by the operating system, without a system call each time.
    #[expect(clippy::expect_used, reason = "without randomness no secret is safe, so the process must end")]
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the operating system provides randomness");
    }
}
