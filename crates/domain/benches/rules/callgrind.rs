//! Counts the instructions of a program with callgrind.

use std::error::Error;
use std::process::Command;

/// All instructions that this program executes with the number of a step and of iterations as its arguments.
pub(crate) fn instructions(step: usize, iterations: u64) -> Result<u64, Box<dyn Error>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([step.to_string(), iterations.to_string()])
        .output()
        .map_err(|error| format!("valgrind does not start: {error}"))?;
    let report = String::from_utf8_lossy(&output.stderr);
    let collected = report.lines().find_map(|line| line.rsplit_once("Collected : "));
    match collected {
        Some((_, count)) if output.status.success() => Ok(count.trim().parse()?),
        _ => Err(format!("callgrind counted nothing: {report}").into()),
    }
}
