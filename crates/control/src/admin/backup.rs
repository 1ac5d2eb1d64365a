//! A backup: the files of the store as they are at one moment, as a stream. Everything goes on meanwhile.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::sync::Arc;

use anyhow::Context as _;
use lychgate_domain::Refusal;
use lychgate_engine::{Checkpoint, CheckpointError};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::task;

use crate::ground::caller::Caller;
use crate::ground::error::Error;
use crate::state::State;

/// Bytes of one part, at most.
const PART_BYTES: usize = 256 * 1024;

/// Parts that were read ahead of the caller.
const PARTS_AHEAD: usize = 4;

/// One part of the stream, in this order: the beginning, each file with its bytes, the end.
#[derive(Debug)]
pub(crate) enum Part {
    Begin { total_bytes: u64 },
    File { name: String },
    Data(Vec<u8>),
    End { sha256: [u8; 32] },
}

/// A backup under way. Dropping it deletes the copied files.
#[derive(Debug)]
pub(crate) struct Backup {
    parts: mpsc::Receiver<Result<Part, Error>>,
}

impl Backup {
    /// Copies the files. A backup has the records of all issuers, so the caller must be one that may speak of each.
    pub(crate) async fn begin(state: &State, caller: &Arc<Caller>) -> Result<Self, Error> {
        if caller.principal.issuers.is_some() {
            let why = "a backup holds the records of all issuers, and this principal may speak of some only";
            return Err(Refusal::RequestMalformed(why).into());
        }
        let checkpoints = state.store.checkpoints().cloned();
        let checkpoints = checkpoints
            .ok_or(Refusal::RequestMalformed("the engine of the store has no files; use its own tools for backups"))?;
        let made = task::spawn_blocking(move || checkpoints.checkpoint()).await;
        let checkpoint = match made.context("a checkpoint").map_err(Error::Fault)? {
            Ok(checkpoint) => checkpoint,
            Err(CheckpointError::Busy) => return Err(Refusal::RequestMalformed("another backup is being made").into()),
            Err(error @ CheckpointError::Failed(_)) => return Err(Error::Fault(error.into())),
        };
        tracing::info!(principal = %caller.principal.name, request.id = %caller.request_id, "a backup begins");
        let (sender, parts) = mpsc::channel(PARTS_AHEAD);
        let state = state.clone();
        task::spawn_blocking(move || {
            let mut stream = Stream { state, sender };
            if let Err(error) = stream.files(&checkpoint) {
                // A caller that is gone needs no answer.
                let _ = stream.sender.blocking_send(Err(error));
            }
        });
        Ok(Self { parts })
    }

    /// The next part; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Result<Part, Error>> {
        self.parts.recv().await
    }
}

/// The thread that reads the files.
struct Stream {
    state: State,
    sender: mpsc::Sender<Result<Part, Error>>,
}

impl Stream {
    fn files(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let mut names = Vec::new();
        let mut total_bytes = 0;
        for entry in fs::read_dir(checkpoint.directory()).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            total_bytes += entry.metadata().map_err(unreadable)?.len();
            let name = entry.file_name().into_string();
            names.push(name.map_err(|_| Error::Fault(anyhow::anyhow!("a file's name is no text")))?);
        }
        names.sort();
        self.send(Part::Begin { total_bytes })?;
        let mut hash = Sha256::new();
        for name in names {
            let mut file = File::open(checkpoint.directory().join(&name)).map_err(unreadable)?;
            self.send(Part::File { name })?;
            loop {
                let mut bytes = Vec::with_capacity(PART_BYTES);
                file.by_ref().take(PART_BYTES as u64).read_to_end(&mut bytes).map_err(unreadable)?;
                if bytes.is_empty() {
                    break;
                }
                hash.update(&bytes);
                self.send(Part::Data(bytes))?;
            }
        }
        self.send(Part::End { sha256: hash.finalize().into() })
    }

    fn send(&self, part: Part) -> Result<(), Error> {
        if self.state.is_ending() {
            return Err(Error::StoreUnavailable(anyhow::anyhow!(
                "the control plane is shutting down; the backup is incomplete"
            )));
        }
        let gone = |_| Error::StoreUnavailable(anyhow::anyhow!("the caller of a backup has gone"));
        self.sender.blocking_send(Ok(part)).map_err(gone)
    }
}

fn unreadable(error: io::Error) -> Error {
    Error::Fault(anyhow::Error::new(error).context("a file of a backup cannot be read"))
}
