//! Randomness is passed in, so that a test can hold it.

use std::fmt;

/// Where a process takes its randomness from. Must be fit for cryptographic keys.
pub trait Entropy: Send + Sync + fmt::Debug + 'static {
    fn fill(&self, bytes: &mut [u8]);
}

/// `N` random bytes.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

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
