//! `lychgate dev`: runs Lychgate and its demo servers on one machine, as separate processes like in production.
//!
//! It makes secrets, ports and configuration files once, starts the programs beside its own executable, waits until all of
//! them answer, prints their addresses, and stops them together. The processes need nothing from it while they run.

mod addresses;
mod config;
mod directory;
mod greeting;
mod plan;
mod ports;
mod processes;
mod program_configs;

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, bail};
use lychgate_process::{ConfigError, Shutdown, config as files, telemetry};
use tokio::time;

use config::Config;
use directory::Directory;
use greeting::Greeting;
use plan::Plan;
use ports::Ports;
use processes::{OwnWords, Processes, Program};

/// The time limit for one process, from its start to its first good answer.
const START_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The settings, a TOML file (see dev.example.toml); default: the demo provider and the demo MCP server
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory for state, secrets and the chosen ports
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// The address of the authorization server; port 0 stands for a free port, chosen once and kept in DIR
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7440")]
    listen: SocketAddr,
    /// Prints one line of JSON instead of text
    #[arg(long)]
    json: bool,
}

pub(crate) async fn main(args: Args) -> anyhow::Result<()> {
    let config = match &args.config {
        Some(path) => files::load::<Config>(path)?,
        None => Config::default(),
    };
    demand_loopback(args.listen)?;
    telemetry::init(&config.telemetry).map_err(|error| match &args.config {
        Some(path) => error.in_file(path),
        None => error,
    })?;
    let shutdown = Shutdown::listen();
    let directory = Directory::open(&args.data)?;
    let (ports, claims) = Ports::settle(&directory, args.listen)?;
    let plan =
        Plan::write(&directory, &siblings()?, args.listen.ip(), ports, config).map_err(|error| match &args.config {
            Some(path) => files::name_file(error, path),
            None => error,
        })?;

    let own_words = OwnWords { control_config: plan.greeting.control_config.clone(), config: args.config };
    let mut processes = Processes::new(plan.log_format, own_words);
    let result = tokio::select! {
        result = serve(&plan, &mut processes, &directory, args.json) => result,
        () = shutdown.requested() => Ok(()),
    };
    drop(claims);
    processes.stop().await;
    result
}

/// Starts all processes and prints their addresses. It ends only by a failure.
async fn serve(plan: &Plan, processes: &mut Processes, directory: &Directory, json: bool) -> anyhow::Result<()> {
    for (name, address) in plan.listens() {
        ports::demand_free(directory, name, address)?;
    }
    for program in &plan.programs {
        start(program, processes).await?;
    }
    announce(&plan.greeting, json)?;
    Err(processes.first_end().await)
}

async fn start(program: &Program, processes: &mut Processes) -> anyhow::Result<()> {
    processes.start(program)?;
    tokio::select! {
        answers = time::timeout(START_TIMEOUT, program.probe.until_healthy()) => match answers {
            Ok(()) => Ok(()),
            Err(_) => bail!("{} did not answer within {} seconds; its log is above", program.name, START_TIMEOUT.as_secs()),
        },
        error = processes.first_end() => Err(error),
    }
}

fn announce(greeting: &Greeting, json: bool) -> anyhow::Result<()> {
    let text = if json { greeting.json()? } else { greeting.to_string() };
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).context("cannot write to standard output")
}

/// The processes speak plain http, and the operator token is printed: both are safe on this machine only.
fn demand_loopback(listen: SocketAddr) -> Result<(), ConfigError> {
    if [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].contains(&listen.ip()) {
        return Ok(());
    }
    Err(ConfigError::new(
        "--listen",
        format_args!("{listen} is not loopback"),
        "write 127.0.0.1:PORT or [::1]:PORT, or run lychgate-control and lychgate-edge behind TLS to serve others",
    ))
}

/// The directory of this executable, which also holds the other programs.
fn siblings() -> anyhow::Result<PathBuf> {
    let executable = env::current_exe().context("cannot find this executable's directory")?;
    let executable = fs::canonicalize(&executable).unwrap_or(executable);
    Ok(executable.parent().map(Path::to_owned).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_another_machine_is_refused() {
        for listen in ["127.0.0.1:0", "[::1]:8080"] {
            demand_loopback(listen.parse().unwrap()).unwrap();
        }
        for listen in ["0.0.0.0:80", "127.0.0.2:80", "[::]:80", "192.0.2.1:80"] {
            let error = demand_loopback(listen.parse().unwrap()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("--listen: {listen} is not loopback; ")), "{error}");
        }
    }
}
