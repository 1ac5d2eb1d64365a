//! The control plane as a process of its own.

use std::process::ExitCode;

use clap::Parser;
use lychgate::control::{self, Args};

fn main() -> ExitCode {
    lychgate_process::run("lychgate-control", control::main(Args::parse()))
}
