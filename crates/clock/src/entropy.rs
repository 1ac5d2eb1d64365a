//! Randomness.

use std::fmt;

/// A process's source of randomness. Fit for cryptographic keys.
pub trait Entropy: Send + Sync + fmt::Debug + 'static {
    /// Overwrites all of `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// Returns `N` random bytes.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}
