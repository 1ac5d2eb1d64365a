//! `lychgate storage`: prepares a store, or moves all data from one to another while no control plane has them open.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use lychgate_control::SystemClock;
use lychgate_control::config::Config;
use lychgate_engine::{Clock, Timestamp};
use lychgate_process::config::ConfigError;
use lychgate_process::terminal::visible;
use lychgate_process::{config, private, random, resources};
use lychgate_store::copy::{Begun, CopyError, CopyId, Progress, StoreAt, StoreCopy, Unfenced, unfence};

use super::failure::{Exit, Failure};
use super::{Answer, MAX_LINE};
use crate::engine::{self, StoreSpec};

pub(super) const HELP: &str = "\
SPEC
  A store is rocksdb:PATH, where PATH is the directory that [store] of the control plane's configuration names, or
  postgres:FILE, where FILE holds the database's URL.

MOVING HOUSE
  1. Stop every control plane.
  2. lychgate storage copy --from SPEC --to SPEC
  3. Let [store] name the new store, and start the control planes.
  The old store has a fence then: no control plane starts on it. To go back before a control plane was started on the
  new store, lift the fence with lychgate storage unfence --abandon-copy.

EXIT CODE
  0 done    1 there was nothing to do    2 usage, or a store that must not be used so    3 a store cannot be opened
  5 any other failure";

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Creates the schema of the engine postgres in its database. Can run again at any time, also beside a control plane
    Migrate(Migrate),
    /// Copies every record and event to an empty store, compares both, and fences the source
    ///
    /// Progress is printed on standard error. After an interruption the same command continues. On standard output there is
    /// a line for each part, with its name, its number of entries and the SHA-256 that both stores have.
    Copy(Copy),
    /// Makes the source of a copy usable again
    Unfence(Unfence),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Migrate {
    /// The configuration of the control plane, a TOML file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Copy {
    /// The store to copy; no process may have it open
    #[arg(long, value_name = "SPEC")]
    from: StoreSpec,
    /// The new store: empty, or created by the command
    #[arg(long, value_name = "SPEC")]
    to: StoreSpec,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Unfence {
    /// The source of the copy
    #[arg(value_name = "SPEC")]
    store: StoreSpec,
    /// Confirms, for a complete copy, that no control plane has served it, or that its changes are given up: revocations there
    /// are not known here
    #[arg(long)]
    abandon_copy: bool,
}

pub(super) async fn run(verb: Verb) -> Result<Answer, Failure> {
    resources::prepare().map_err(|error| Failure::new(Exit::Other, format!("cannot set the limits: {error}")))?;
    private::create_files_privately();
    match verb {
        Verb::Migrate(migrate) => migrate.run().await,
        Verb::Copy(copy) => copy.run().await,
        Verb::Unfence(unfence) => unfence.run().await,
    }
}

impl Migrate {
    async fn run(self) -> Result<Answer, Failure> {
        let done = self.migrate().await.map_err(|error| {
            let error = config::name_file(error, &self.config);
            let exit = if error.is::<ConfigError>() { Exit::Usage } else { Exit::Unreachable };
            Failure::new(exit, format!("{error:#}"))
        })?;
        writeln!(io::stdout().lock(), "ok: {done}")?;
        Ok(Answer::Yes)
    }

    async fn migrate(&self) -> anyhow::Result<&'static str> {
        let settings: Config = config::load(&self.config)?;
        engine::migrate(&settings.store).await
    }
}

impl Copy {
    async fn run(self) -> Result<Answer, Failure> {
        let Self { from, to } = self;
        if from == to {
            return Err(Failure::usage("--from and --to are the same store"));
        }
        let (source, target) = (existing(&from, still()).await?, created(&to, still()).await?);
        let begun = StoreCopy::begin(source, target, fresh_copy()?, Arc::new(SystemClock)).await?;
        let mut lines = Lines::default();
        match begun {
            Begun::Complete => eprintln!("the copy is already complete"),
            Begun::Running(mut copy) => {
                copy.transfer(&mut |progress| lines.show(progress)).await?;
                copy.verify(&mut |progress| lines.show(progress)).await?;
                copy.finish().await?;
            }
        }
        let mut out = io::stdout().lock();
        for line in lines.verified {
            writeln!(out, "{line}")?;
        }
        let done = format!("{from} was copied to {to}: let [store] name the copy, and keep the source until it serves");
        writeln!(out, "{}", visible(&done, MAX_LINE))?;
        Ok(Answer::Yes)
    }
}

impl Unfence {
    async fn run(self) -> Result<Answer, Failure> {
        let store = existing(&self.store, StillClock(SystemClock.now())).await?;
        let done = unfence(&store, self.abandon_copy, SystemClock.now()).await?;
        let (answer, line) = match done {
            Unfenced::Released { peer } => {
                (Answer::Yes, format!("{} is usable again; delete the copy at {peer}", self.store))
            }
            Unfenced::NotFenced => (Answer::No, format!("{} has no fence", self.store)),
        };
        writeln!(io::stdout().lock(), "{}", visible(&line, MAX_LINE))?;
        Ok(answer)
    }
}

/// A clock that stands still: what is live at the instant of the copy stays in both stores while they are compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct StillClock(pub(super) Timestamp);

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

async fn existing(spec: &StoreSpec, clock: StillClock) -> Result<StoreAt, Failure> {
    let engine = spec.open(Arc::new(clock)).await.map_err(|error| cannot_open(&error))?;
    let engine = engine.ok_or_else(|| CopyError::NoStore { name: spec.to_string() })?;
    Ok(StoreAt { engine, name: spec.to_string() })
}

/// The clock of both stores of a copy that begins now.
pub(super) fn still() -> StillClock {
    StillClock(StoreCopy::instant(SystemClock.now()))
}

pub(super) async fn created(spec: &StoreSpec, clock: StillClock) -> Result<StoreAt, Failure> {
    let engine = spec.create(Arc::new(clock)).await.map_err(|error| cannot_open(&error))?;
    Ok(StoreAt { engine, name: spec.to_string() })
}

fn cannot_open(error: &anyhow::Error) -> Failure {
    let remedy = "stop every process that uses the store, and correct its name";
    Failure::new(Exit::Unreachable, format!("{error:#}; {remedy}"))
}

#[expect(clippy::disallowed_methods, reason = "an id that is only compared; no test fixes one")]
pub(super) fn fresh_copy() -> Result<CopyId, Failure> {
    random::bytes().map(CopyId).map_err(|error| Failure::new(Exit::Other, format!("{error:#}")))
}

/// The lines of a copy. There is one when a part begins, and then one for each thousand entries, or for each sixteenth of those
/// so far.
#[derive(Debug, Default)]
pub(super) struct Lines {
    part: Option<&'static str>,
    shown: u64,
    verified: Vec<String>,
}

impl Lines {
    pub(super) fn show(&mut self, progress: Progress) {
        match progress {
            Progress::Copied { name, total } => {
                let due = self.shown + 1000_u64.max(self.shown / 16);
                if self.part != Some(name) || total >= due {
                    eprintln!("copying {name}: {total}");
                    (self.part, self.shown) = (Some(name), total);
                }
            }
            Progress::Verified(tally) => {
                eprintln!("verified {}: {}", tally.name, tally.count);
                let digest: String = tally.digest.iter().map(|byte| format!("{byte:02x}")).collect();
                self.verified.push(format!("{:20} {:>12}  {digest}", tally.name, tally.count));
            }
        }
    }
}

impl From<CopyError> for Failure {
    fn from(error: CopyError) -> Self {
        let exit = match error {
            CopyError::NoStore { .. } | CopyError::TargetInUse { .. } | CopyError::CopyMayBeServed { .. } => {
                Exit::Usage
            }
            CopyError::Fenced { .. } | CopyError::Concurrent { .. } | CopyError::Differs { .. } => Exit::Other,
            CopyError::Store { .. } => Exit::Unreachable,
        };
        let mut line = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            line += &format!(": {cause}");
            source = cause.source();
        }
        Failure::new(exit, line)
    }
}
