//! `lychgate restore`: makes a new store of an archive, and keeps revoked what was revoked since the backup.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use lychgate_control::{SystemClock, SystemEntropy};
use lychgate_process::terminal::visible;
use lychgate_store::copy::{Begun, EndedAgain, RestoredIssuer, StoreAt, StoreCopy};

use super::archive::Archive;
use super::revocations::Revocations;
use crate::engine::StoreSpec;
use crate::operator::events::since;
use crate::operator::failure::{Exit, Failure};
use crate::operator::storage::{Lines, created, fresh_copy, still};
use crate::operator::{Answer, MAX_LINE};

const HELP: &str = "\
REVOCATIONS
  A backup does not know what was revoked after it was made. With --events and --keys, restore reads that in an export of
  an issuer, which must be whole and continue the backup, and ends again everything of each person and client that an
  event since the backup names as revoked, refused entry, replayed or redeemed. Without them it ends every grant and every
  consent of the issuer. It prints which of the two it did, and what the operator has to do again: clients that were
  disabled and keys that were compromised since the backup are as they were before, and so are registrations that their
  clients deleted or changed, of which there is no event.

EXIT CODE
  0 done    2 usage, or a target that is not empty    3 the target cannot be opened    5 any other failure, such as an
  archive or an export that is not whole";

#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Restore {
    /// The archive that `lychgate backup` made
    #[arg(value_name = "ARCHIVE")]
    archive: PathBuf,
    /// The new store, rocksdb:PATH or postgres:FILE: empty, or created by the command
    #[arg(long, value_name = "SPEC")]
    to: StoreSpec,
    /// The newest output of `lychgate events export` of an issuer; once for each issuer
    #[arg(long, value_name = "FILE", requires = "keys")]
    events: Vec<PathBuf>,
    /// The output of `lychgate events keys` of the same issuer; once for each --events, in the same order
    #[arg(long, value_name = "FILE", requires = "events")]
    keys: Vec<PathBuf>,
}

impl Restore {
    pub(in crate::operator) async fn run(self) -> Result<Answer, Failure> {
        super::prepare()?;
        let exports = self.exports()?;
        let archive = Archive::open(&self.archive)?;
        if let Some(problem) = archive.problems()?.first() {
            return Err(Failure::new(Exit::Other, format!("the archive is not whole: {problem}; use another")));
        }
        let unpacked = archive.unpack()?;
        let (engine, target) = (unpacked.open().await?, created(&self.to, still()).await?);
        let time = &archive.manifest.time;
        let source = StoreAt { engine, name: format!("the backup of {time}") };
        let begun = StoreCopy::begin(source, target, fresh_copy()?, Arc::new(SystemClock)).await?;
        let Begun::Running(mut copy) = begun else {
            return Err(Failure::new(Exit::Other, "the archive was unpacked before"));
        };
        let mut lines = Lines::default();
        copy.transfer(&mut |progress| lines.show(progress)).await?;
        copy.verify(&mut |progress| lines.show(progress)).await?;
        let reason = format!("restored the backup of {time}");
        let mut done = vec![format!("restored the backup of {time} to {}", self.to)];
        let issuers = copy.issuers().await?;
        let is_restored = |url: &&String| issuers.iter().any(|issuer| issuer.url() == Some(url.as_str()));
        if let Some(unknown) = exports.keys().find(|url| !is_restored(url)) {
            return Err(Failure::usage(format!("the archive has no events of {unknown}; leave its export out")));
        }
        for issuer in issuers {
            let (ended, lines) = what_ends(&issuer, &exports, time)?;
            copy.end_again(&issuer, &ended, &reason, &SystemEntropy).await?;
            done.extend(lines);
        }
        copy.finish().await?;
        done.push(format!("let [store] name {}", self.to));
        let mut out = io::stdout().lock();
        for line in done {
            writeln!(out, "{}", visible(&line, MAX_LINE))?;
        }
        Ok(Answer::Yes)
    }

    /// The export and the keys of each issuer, by its URL.
    fn exports(&self) -> Result<BTreeMap<String, (&PathBuf, &PathBuf)>, Failure> {
        if self.events.len() != self.keys.len() {
            return Err(Failure::usage("give one --keys for each --events, in the same order"));
        }
        let mut exports = BTreeMap::new();
        for (export, keys) in self.events.iter().zip(&self.keys) {
            let issuer = since::issuer_of(export)?;
            if exports.insert(issuer.clone(), (export, keys)).is_some() {
                return Err(Failure::usage(format!("there are two exports of {issuer}; give the newest")));
            }
        }
        Ok(exports)
    }
}

/// The part of an issuer that a restore ends, and the lines that say so.
fn what_ends(
    issuer: &RestoredIssuer,
    exports: &BTreeMap<String, (&PathBuf, &PathBuf)>,
    backup_time: &str,
) -> Result<(BTreeSet<EndedAgain>, Vec<String>), Failure> {
    let name = issuer.url().unwrap_or("an issuer without events");
    let registrations = format!(
        "{name}: look at clients list: what a client deleted or changed of its registration since is as before"
    );
    let Some((export, keys)) = issuer.url().and_then(|url| exports.get(url)) else {
        let line =
            format!("{name}: every grant and every consent was ended, because no export of its events was given");
        let again = format!("{name}: disable again clients, and rotate again keys, that were stopped since the backup");
        return Ok((BTreeSet::from([EndedAgain::Issuer]), vec![line, again, registrations]));
    };
    let since = since::since(export, keys, issuer.newest_digest.as_ref(), &issuer.event_ids)?;
    if instant(&since.sealed)? < instant(backup_time)? {
        let (export, sealed) = (export.display(), &since.sealed);
        let line =
            format!("{export} ends at {sealed}, before the backup of {backup_time}; give a newer export, or none");
        return Err(Failure::new(Exit::Other, line));
    }
    let Revocations { ended, to_do } = Revocations::of(&since.events);
    let mut lines = vec![format!(
        "{name}: everything of {} persons and clients was ended, by {} events since the backup; the export knows nothing \
         after {}",
        ended.len(),
        since.events.len(),
        since.sealed
    )];
    if ended.contains(&EndedAgain::Issuer) {
        lines.push(format!("{name}: every grant and every consent was ended, as an event says"));
    }
    lines.push(registrations);
    lines.extend(to_do.into_iter().map(|command| format!("{name}: do again: lychgate {command}")));
    Ok((ended, lines))
}

fn instant(time: &str) -> Result<(i64, i32), Failure> {
    let parsed: Result<prost_types::Timestamp, _> = time.parse();
    parsed.map(|time| (time.seconds, time.nanos)).map_err(|_| Failure::new(Exit::Other, format!("{time:?} is no time")))
}
