//! `lychgate storage`: prepares the database of the control plane.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use lychgate_control::config::Config;
use lychgate_process::config;

use crate::engine;

/// The verbs of `lychgate storage`.
#[derive(Debug, Subcommand)]
pub(crate) enum StorageCommand {
    /// Creates the schema of the engine postgres in its database. Can run again at any time, also beside a control plane
    Migrate {
        /// The configuration of the control plane, a TOML file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

/// Runs a verb and prints its result.
pub(crate) async fn main(command: StorageCommand) -> anyhow::Result<()> {
    let StorageCommand::Migrate { config } = command;
    let done = migrate(&config).await.map_err(|error| config::name_file(error, &config))?;
    // A reader may close standard output early.
    let _closed = writeln!(io::stdout(), "ok: {done}");
    Ok(())
}

async fn migrate(file: &Path) -> anyhow::Result<&'static str> {
    let settings: Config = config::load(file)?;
    engine::migrate(&settings.store).await
}
