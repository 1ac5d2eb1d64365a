//! The operator's command.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use lychgate::{dev, operator};

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
    Check(Box<lychgate_check::Args>),
    #[command(flatten)]
    Operator(operator::Nouns),
    /// Prints what a shell needs to complete these commands: source it, or put it where the shell looks
    Completions {
        /// The shell
        shell: Shell,
    },
}

fn main() -> ExitCode {
    match Args::parse().command {
        Command::Dev(args) => lychgate_process::run("lychgate dev", dev::main(args)),
        Command::Check(args) => lychgate_check::main(&args, &mut io::stdout().lock(), &mut io::stderr().lock()),
        Command::Operator(nouns) => operator::main(nouns),
        Command::Completions { shell } => completions(shell),
    }
}

fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "lychgate", &mut script);
    // Standard output may be closed early: whoever did that has seen enough.
    let _closed = io::stdout().lock().write_all(&script);
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Args::command().debug_assert();
    }
}
