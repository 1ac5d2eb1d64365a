//! Random bytes for names and for the secrets of a trial. The product's own rules draw from a passed-in entropy source instead.

use std::fmt::Write;

use anyhow::Context;

/// `N` bytes from the operating system's secure generator.
pub fn bytes<const N: usize>() -> anyhow::Result<[u8; N]> {
    draw()
}

/// `N` random bytes as 2·`N` hexadecimal digits.
pub fn hex<const N: usize>() -> anyhow::Result<String> {
    let mut digits = String::with_capacity(2 * N);
    for byte in draw::<N>()? {
        write!(digits, "{byte:02x}")?;
    }
    Ok(digits)
}

#[expect(clippy::disallowed_methods, reason = "for programs that have no entropy source passed in")]
fn draw<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("the operating system has no randomness to give")?;
    Ok(bytes)
}
