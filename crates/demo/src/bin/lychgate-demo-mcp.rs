//! The demo MCP server.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use lychgate_demo::mcp::{self, Config};
use lychgate_demo::serve;
use lychgate_process::{Shutdown, config, run, telemetry};

/// A demo MCP server that accepts Lychgate's tokens.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Configuration file (TOML); mcp.example.toml shows every key.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    run("lychgate-demo-mcp", async move {
        let config: Config = config::load(&arguments.config)?;
        telemetry::init(&config.telemetry).map_err(|error| error.in_file(&arguments.config))?;
        let shutdown = Shutdown::listen();
        let router = mcp::router(&config).map_err(|error| error.in_file(&arguments.config))?;
        let listener = serve::bind(config.listen).await.map_err(|error| error.in_file(&arguments.config))?;
        serve::serve(listener, router, shutdown).await?;
        Ok(())
    })
}
