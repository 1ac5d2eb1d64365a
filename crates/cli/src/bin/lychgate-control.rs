//! The control plane as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    lychgate::lychgate_control()
}
