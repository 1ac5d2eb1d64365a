//! `lychgate restore`: makes a new store of an archive. What was revoked since the backup stays revoked, because everything
//! that the archive gives is ended.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use lychgate_control::{SystemClock, SystemEntropy};
use lychgate_process::terminal::visible;
use lychgate_store::copy::{Begun, StoreAt, StoreCopy};

use super::archive::Archive;
use crate::engine::StoreSpec;
use crate::operator::failure::{Exit, Failure};
use crate::operator::storage::{Lines, fresh_copy, opened, still};
use crate::operator::{Answer, MAX_LINE};

const HELP: &str = "\
REVOCATIONS
  A backup does not know what was revoked after it was made. So restore ends every grant and every consent of every
  issuer in the archive: people approve again. Registrations, keys, and the event log stay. Clients that were disabled and
  keys that were replaced as compromised after the backup are as they were before: disable and replace them again.

EXIT CODE
  0 done    2 usage, or a target that is not empty    3 the target cannot be opened    5 any other failure, such as an
  archive that is not whole";

#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Restore {
    /// The archive that `lychgate backup` made
    #[arg(value_name = "ARCHIVE")]
    archive: PathBuf,
    /// The new store, rocksdb:PATH: empty, or created by the command
    #[arg(long, value_name = "SPEC")]
    to: StoreSpec,
}

impl Restore {
    pub(in crate::operator) async fn run(self) -> Result<Answer, Failure> {
        super::prepare()?;
        let archive = Archive::open(&self.archive)?;
        if let Some(problem) = archive.problems()?.first() {
            return Err(Failure::new(Exit::Other, format!("the archive is not whole: {problem}; use another")));
        }
        let unpacked = archive.unpack()?;
        let (engine, target) = (unpacked.open().await?, opened(&self.to, still())?);
        let source = StoreAt { engine, name: format!("the backup of {}", archive.manifest.time) };
        let begun = StoreCopy::begin(source, target, fresh_copy()?, Arc::new(SystemClock)).await?;
        let Begun::Running(mut copy) = begun else {
            return Err(Failure::new(Exit::Other, "the archive was unpacked before"));
        };
        let mut lines = Lines::default();
        copy.transfer(&mut |progress| lines.show(progress)).await?;
        copy.verify(&mut |progress| lines.show(progress)).await?;
        let reason = format!("restored the backup of {}", archive.manifest.time);
        let ended = copy.end_everything(&reason, &SystemEntropy).await?;
        copy.finish().await?;
        let done = format!(
            "restored the backup of {} to {}; every grant and every consent of {} issuers was ended, because the backup \
             does not know what was revoked since; disable again the clients, and replace again the keys, that were \
             disabled or compromised since; let [store] name this store",
            archive.manifest.time, self.to, ended.issuers
        );
        writeln!(io::stdout().lock(), "{}", visible(&done, MAX_LINE))?;
        Ok(Answer::Yes)
    }
}
