//! `lychgate-edge`: reads its configuration and serves.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use lychgate_edge::Config;
use lychgate_process::{Shutdown, config, telemetry};

/// Lychgate's edge: HTTP for browsers and MCP clients, gRPC to the control plane.
#[derive(Debug, Parser)]
#[command(name = "lychgate-edge", version)]
struct Arguments {
    /// The configuration, a TOML file; edge.example.toml documents every key.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    lychgate_process::run("lychgate-edge", async move {
        let config: Config = config::load(&arguments.config)?;
        telemetry::init(&config.telemetry).map_err(|error| error.in_file(&arguments.config))?;
        let served = lychgate_edge::serve(config, Shutdown::listen()).await;
        served.map_err(|error| config::name_file(error, &arguments.config))
    })
}
