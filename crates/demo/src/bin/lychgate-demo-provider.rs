//! The demo identity provider.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use lychgate_demo::clock::SystemClock;
use lychgate_demo::provider::{Config, Provider};
use lychgate_demo::serve;
use lychgate_process::{Shutdown, config, run, telemetry};

/// A demo OpenID Connect provider with made-up users. Not for production.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Configuration file (TOML); provider.example.toml shows every key.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    run("lychgate-demo-provider", async move {
        let config: Config = config::load(&arguments.config)?;
        telemetry::init(&config.telemetry).map_err(|error| error.in_file(&arguments.config))?;
        let shutdown = Shutdown::listen();
        let listen = config.listen;
        let provider =
            Provider::new(config, Arc::new(SystemClock)).map_err(|error| error.in_file(&arguments.config))?;
        let listener = serve::bind(listen).await.map_err(|error| error.in_file(&arguments.config))?;
        serve::serve(listener, provider.router(), shutdown).await?;
        Ok(())
    })
}
