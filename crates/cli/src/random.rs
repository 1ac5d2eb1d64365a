//! Words that nobody has used yet.

use anyhow::Context;

/// `N` random bytes, in hexadecimal: for what must not be the same twice.
#[expect(clippy::disallowed_methods, reason = "names that nobody has used yet; no rule of the product is at work here")]
pub(crate) fn word<const N: usize>() -> anyhow::Result<String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("the system has no randomness to give")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
