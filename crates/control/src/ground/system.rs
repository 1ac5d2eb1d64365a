//! The machine's clock and randomness: the only place that takes them.

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
    /// From the generator that TLS takes its keys from: seeded by the operating system, but not asking it each time.
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness nothing can be kept secret: there is no going on.
        aws_lc_rs::rand::fill(bytes).expect("the operating system provides randomness");
    }
}
