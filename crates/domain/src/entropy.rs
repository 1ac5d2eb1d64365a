//! Randomness, passed in so that a test can control it.

pub use lychgate_clock::entropy::{Entropy, random};

#[cfg(test)]
pub(crate) mod tests {
    use super::Entropy;
    use std::sync::atomic::{AtomicU8, Ordering};

    /// Bytes that count up: never the same twice, and always the same again.
    #[derive(Debug, Default)]
    pub(crate) struct Counting(AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed));
        }
    }
}
