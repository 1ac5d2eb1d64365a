//! Randomness for tests: never the same bytes twice in a process, and not fit for keys.

use std::sync::atomic::{AtomicU64, Ordering};

use lychgate_engine::Entropy;

/// A counter, mixed by SplitMix64.
#[derive(Clone, Copy, Debug, Default)]
pub struct TestEntropy;

impl Entropy for TestEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&next().to_le_bytes()[..chunk.len()]);
        }
    }
}

fn next() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let mut word = COUNT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
