//! The program `lychgate-control`: reads the configuration, opens the engine that it names, and serves.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;
use lychgate_control::config::Config;
use lychgate_process::{Shutdown, config, telemetry};

use crate::engine;

/// The control plane: decides, and answers over gRPC.
#[derive(Debug, clap::Parser)]
#[command(name = "lychgate-control", version)]
struct Args {
    /// The configuration, a TOML file; control.example.toml documents every key
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Runs the control plane with the arguments of this process.
pub fn main() -> ExitCode {
    lychgate_process::run("lychgate-control", serve(Args::parse()))
}

async fn serve(args: Args) -> anyhow::Result<()> {
    let settings: Config = config::load(&args.config)?;
    telemetry::init(&settings.telemetry).map_err(|error| error.in_file(&args.config))?;
    let shutdown = Shutdown::listen();
    let engine = engine::open(&settings.store).await.map_err(|error| config::name_file(error, &args.config))?;
    let served = lychgate_control::serve(settings, args.config.clone(), engine, shutdown).await;
    served.map_err(|error| config::name_file(error, &args.config))
}
