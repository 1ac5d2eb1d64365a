//! Copies of the database's files at one moment: hard links to its tables, and copies of the files that are still written to.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lychgate_engine::{Checkpoint, CheckpointError, Checkpoints};

use crate::database::Database;

/// Makes checkpoints of one database, one at a time.
pub(crate) struct DatabaseCheckpoints {
    database: Arc<Database>,
    busy: Arc<AtomicBool>,
}

impl DatabaseCheckpoints {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self { database, busy: Arc::default() }
    }

    /// Beside the database's own directory, on the same file system: hard links do not cross it.
    fn directory(&self) -> PathBuf {
        let mut name = self.database.path().as_os_str().to_owned();
        name.push(".checkpoint");
        name.into()
    }
}

impl Checkpoints for DatabaseCheckpoints {
    fn checkpoint(&self) -> Result<Checkpoint, CheckpointError> {
        if self.busy.swap(true, Ordering::AcqRel) {
            return Err(CheckpointError::Busy);
        }
        let (directory, busy) = (self.directory(), Arc::clone(&self.busy));
        // From here on, every way out deletes the directory and admits the next checkpoint.
        let checkpoint = Checkpoint::new(directory, move |directory| {
            delete(directory);
            busy.store(false, Ordering::Release);
        });
        // The process may have ended during an earlier backup.
        delete(checkpoint.directory());
        let copied = self.database.checkpoint(checkpoint.directory());
        copied.map(|()| checkpoint).map_err(|error| CheckpointError::Failed(error.into()))
    }
}

fn delete(directory: &Path) {
    match fs::remove_dir_all(directory) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(directory = %directory.display(), %error, "cannot delete the files of a backup"),
    }
}

impl std::fmt::Debug for DatabaseCheckpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseCheckpoints").field("path", &self.database.path()).finish_non_exhaustive()
    }
}
