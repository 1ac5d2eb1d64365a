//! The operator's command.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use lychgate::{check, dev};

/// A consent gateway for MCP servers.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs everything on this machine, wired together, to try it out
    Dev(dev::Args),
    /// Judges an authorization server, of any vendor, by what MCP clients need and what keeps their users safe
    Check(Box<check::Args>),
}

fn main() -> ExitCode {
    match Args::parse().command {
        Command::Dev(args) => lychgate_process::run("lychgate dev", dev::main(args)),
        Command::Check(args) => check::main(*args),
    }
}
