//! `lychgate dev`: everything on one machine, wired together, as the separate processes they are in production.
//!
//! It makes secrets, ports and configuration files once, starts its sibling binaries, waits until all of them answer, says
//! where, and stops them together. It holds nothing that they need while they run.

mod config;
mod directory;
mod greeting;
mod plan;
mod ports;
mod probe;
mod processes;

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
use processes::{Processes, Program};

/// How long one process may take from its start to its first good answer.
const START: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Settings, as in dev.example.toml; without a file the demo provider and the demo MCP server are used
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where state, secrets and the choice of ports are kept
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Where the authorization server listens; port 0 is a free port, chosen once and kept in DIR
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7440")]
    listen: SocketAddr,
    /// Print one line of JSON instead of a text
    #[arg(long)]
    json: bool,
}

pub async fn main(args: Args) -> anyhow::Result<()> {
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

    let mut processes = Processes::new(plan.log_format);
    let result = tokio::select! {
        result = serve(&plan, &mut processes, &directory, args.json) => result,
        () = shutdown.requested() => Ok(()),
    };
    drop(claims);
    processes.stop().await;
    result
}

/// Ends only when something goes wrong.
async fn serve(plan: &Plan, processes: &mut Processes, directory: &Directory, json: bool) -> anyhow::Result<()> {
    for program in &plan.programs {
        ports::demand_free(directory, program.name, program.probe.address())?;
    }
    for program in &plan.programs {
        start(program, processes).await?;
    }
    announce(&plan.greeting, json)?;
    Err(processes.one_ends().await)
}

async fn start(program: &Program, processes: &mut Processes) -> anyhow::Result<()> {
    processes.start(program)?;
    tokio::select! {
        answers = time::timeout(START, program.probe.until_well()) => match answers {
            Ok(()) => Ok(()),
            Err(_) => bail!("{} did not answer within {} seconds; its log is above", program.name, START.as_secs()),
        },
        error = processes.one_ends() => Err(error),
    }
}

fn announce(greeting: &Greeting, json: bool) -> anyhow::Result<()> {
    let text = if json { greeting.json()? } else { greeting.to_string() };
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).context("cannot write to standard output")
}

/// What is printed here, operator token and all, is for this machine; and plain http is safe nowhere else.
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

/// The directory of this executable, where the others lie as well.
fn siblings() -> anyhow::Result<PathBuf> {
    let executable = env::current_exe().context("cannot find this executable's directory")?;
    let executable = fs::canonicalize(&executable).unwrap_or(executable);
    Ok(executable.parent().map(Path::to_owned).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_served() {
        for listen in ["127.0.0.1:0", "[::1]:8080"] {
            demand_loopback(listen.parse().unwrap()).unwrap();
        }
        for listen in ["0.0.0.0:80", "127.0.0.2:80", "[::]:80", "192.0.2.1:80"] {
            let error = demand_loopback(listen.parse().unwrap()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("--listen: {listen} is not loopback; ")), "{error}");
        }
    }
}
