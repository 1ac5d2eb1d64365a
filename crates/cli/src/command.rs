//! The command line of `lychgate`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::{dev, health, operator, templates};

/// A consent gateway for MCP servers.
#[derive(Debug, Parser)]
#[command(name = "lychgate", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs Lychgate, a demo identity provider and a demo MCP server on this machine
    Dev(dev::Args),
    /// Judges any vendor's authorization server by the needs of MCP clients and the safety of their users
    Check(Box<lychgate_check::Args>),
    /// Checks the templates, words and brands of the pages, or renders every page to look at
    #[command(subcommand)]
    Templates(templates::TemplatesCommand),
    /// Asks an edge or a control plane whether it is ready, for supervisors that can only run a command; exits with 0 if it is
    #[command(subcommand)]
    Health(health::HealthCommand),
    #[command(flatten)]
    Operator(operator::Nouns),
    /// Prints a completion script: source it, or save it where the shell looks for completions
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Runs the command that the arguments of this process name.
pub fn main() -> ExitCode {
    match Args::parse().command {
        Command::Dev(args) => lychgate_process::run("lychgate dev", dev::main(args)),
        Command::Check(args) => lychgate_check::main(&args, &mut io::stdout(), &mut io::stderr()),
        Command::Templates(command) => templates::main(&command),
        Command::Health(command) => lychgate_process::run("lychgate health", health::main(command)),
        Command::Operator(nouns) => operator::main(nouns),
        Command::Completions { shell } => completions(shell),
    }
}

fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "lychgate", &mut script);
    // A reader may close standard output early, as `head` does.
    let _closed = io::stdout().lock().write_all(&script);
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
