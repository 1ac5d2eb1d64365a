//! `lychgate backup` and `lychgate restore`.

pub(super) mod archive;
mod restore;
mod revocations;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use lychgate_api::v1::BackupRequest;
use lychgate_api::v1::backup_response::Part;
use lychgate_control::SystemClock;
use lychgate_engine::Clock as _;
use lychgate_process::terminal::visible;
use lychgate_process::{private, resources};
use sha2::{Digest as _, Sha256};

use super::control_plane::{Control, ControlPlane};
use super::failure::{Exit, Failure};
use super::{Answer, MAX_LINE};
use archive::{Archive, Entry, Manifest, hex};
pub(super) use restore::Restore;

pub(super) const HELP: &str = "\
ARCHIVE
  DIR/lychgate-TIME, a directory with the files of the store and manifest.json, which has the SHA-256 of each. It holds
  personal data, and secrets only as they are in the store: under the master key. Keep the master key elsewhere.

EXIT CODE
  0 done, or the archive is whole    1 the archive is not whole    2 usage    3 the control plane cannot be reached
  4 the token is unknown, or its role may not do this    5 any other failure";

/// The longest progress without a line.
const LINE_EVERY: u64 = 16 << 20;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_long_help = HELP)]
pub(crate) struct Backup {
    #[command(flatten)]
    control_plane: ControlPlane,
    /// The directory for the archive
    #[arg(value_name = "DIR", required = true)]
    directory: Option<PathBuf>,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Compares an archive with its manifest, and opens it
    Verify {
        /// The archive
        #[arg(value_name = "ARCHIVE")]
        archive: PathBuf,
    },
}

pub(super) async fn run(backup: Backup) -> Result<Answer, Failure> {
    prepare()?;
    match (backup.verb, backup.directory) {
        (Some(Verb::Verify { archive }), _) => verify(&archive).await,
        (None, Some(directory)) => create(&backup.control_plane.open()?, &directory).await,
        (None, None) => Err(Failure::usage("name the directory for the archive")),
    }
}

fn prepare() -> Result<(), Failure> {
    resources::prepare().map_err(|error| Failure::new(Exit::Other, format!("cannot set the limits: {error}")))?;
    private::create_files_privately();
    Ok(())
}

async fn create(control: &Control, directory: &Path) -> Result<Answer, Failure> {
    let now = SystemClock.now();
    let seconds = i64::try_from(now.seconds()).unwrap_or(i64::MAX);
    let nanos = i32::try_from(now.millis() % 1000 * 1_000_000).unwrap_or_default();
    let time = prost_types::Timestamp { seconds, nanos }.to_string();
    let name = format!("lychgate-{}", prost_types::Timestamp { seconds, nanos: 0 }.to_string().replace(['-', ':'], ""));
    let (partial, complete) = (directory.join(format!("{name}.partial")), directory.join(&name));
    if complete.exists() {
        return Err(Failure::usage(format!("{} exists already", complete.display())));
    }
    let call = async |request| control.admin().backup(request).await;
    let mut stream = control.call(BackupRequest {}, call).await?;
    fs::create_dir_all(partial.join(archive::STORE)).map_err(|error| unwritable(&partial, &error))?;
    let mut receiver = Receiver::new(&partial);
    loop {
        let message = stream.message().await.map_err(|status| control.stream_failure(&status))?;
        let Some(message) = message else { return Err(receiver.incomplete()) };
        let part = message.part.ok_or_else(|| receiver.incomplete())?;
        if receiver.take(part)? {
            break;
        }
    }
    let manifest = Manifest { format: archive::FORMAT, time, files: receiver.files };
    manifest.write(&partial)?;
    // The names of the files must be on the disk before the name that says that the archive is complete.
    sync(&partial.join(archive::STORE))?;
    sync(&partial)?;
    fs::rename(&partial, &complete).map_err(|error| unwritable(&complete, &error))?;
    sync(directory)?;
    writeln!(io::stdout().lock(), "{}", visible(&complete.display().to_string(), MAX_LINE))?;
    Ok(Answer::Yes)
}

async fn verify(path: &Path) -> Result<Answer, Failure> {
    let archive = Archive::open(path)?;
    let problems = archive.problems()?;
    let mut out = io::stdout().lock();
    for problem in &problems {
        writeln!(out, "FAILS  {}", visible(problem, MAX_LINE))?;
    }
    if !problems.is_empty() {
        return Ok(Answer::No);
    }
    if let Err(failure) = archive.unpack()?.open().await {
        writeln!(out, "FAILS  {}", visible(&failure.line, MAX_LINE))?;
        return Ok(Answer::No);
    }
    writeln!(out, "whole  {} files of {}", archive.manifest.files.len(), archive.manifest.time)?;
    Ok(Answer::Yes)
}

/// Writes the parts of a stream to files.
struct Receiver {
    store: PathBuf,
    total: u64,
    received: u64,
    shown: u64,
    whole: Sha256,
    current: Option<Current>,
    files: Vec<Entry>,
}

struct Current {
    name: String,
    file: File,
    size: u64,
    hash: Sha256,
}

impl Receiver {
    fn new(partial: &Path) -> Self {
        let store = partial.join(archive::STORE);
        Self { store, total: 0, received: 0, shown: 0, whole: Sha256::new(), current: None, files: Vec::new() }
    }

    /// Takes the next part; `true` after the last one.
    fn take(&mut self, part: Part) -> Result<bool, Failure> {
        match part {
            Part::Begin(begin) => {
                self.total = begin.total_bytes;
                eprintln!("receiving {} bytes", self.total);
            }
            Part::File(file) => {
                self.close()?;
                if !archive::is_file_name(&file.name) {
                    return Err(Failure::new(Exit::Other, format!("{:?} is no name of a file", file.name)));
                }
                let path = self.store.join(&file.name);
                let opened = File::create_new(&path).map_err(|error| unwritable(&path, &error))?;
                self.current = Some(Current { name: file.name, file: opened, size: 0, hash: Sha256::new() });
            }
            Part::Data(bytes) => {
                let Some(current) = &mut self.current else { return Err(self.incomplete()) };
                current.file.write_all(&bytes).map_err(|error| unwritable(&self.store, &error))?;
                current.size += bytes.len() as u64;
                current.hash.update(&bytes);
                self.whole.update(&bytes);
                self.received += bytes.len() as u64;
                if self.received - self.shown >= LINE_EVERY {
                    self.shown = self.received;
                    eprintln!("received {} of {} bytes", self.received, self.total);
                }
            }
            Part::End(end) => {
                self.close()?;
                let whole = self.whole.clone().finalize();
                if end.sha256 != whole.as_slice() || self.received != self.total {
                    return Err(self.incomplete());
                }
                eprintln!("received {} of {} bytes", self.received, self.total);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn close(&mut self) -> Result<(), Failure> {
        if let Some(Current { name, file, size, hash }) = self.current.take() {
            file.sync_all().map_err(|error| unwritable(&self.store, &error))?;
            self.files.push(Entry { name, size, sha256: hex(&hash.finalize()) });
        }
        Ok(())
    }

    fn incomplete(&self) -> Failure {
        let partial = self.store.parent().unwrap_or(&self.store).display();
        Failure::new(Exit::Other, format!("the backup in {partial} is incomplete; delete it and repeat the command"))
    }
}

fn sync(directory: &Path) -> Result<(), Failure> {
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(|error| unwritable(directory, &error))
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Other, format!("{} cannot be written: {error}", path.display()))
}
