//! Consistent copies of an engine's files, for backups.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::Cause;

/// Makes consistent copies of an engine's files while the engine takes commits. For embedded engines: a database server has
/// tools of its own.
pub trait Checkpoints: Send + Sync + fmt::Debug + 'static {
    /// Copies the files as they are at one moment: with every commit that returned before the call, and no batch in part.
    /// Waits for the disk. There is one copy at a time.
    fn checkpoint(&self) -> Result<Checkpoint, CheckpointError>;
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// An earlier copy is still there.
    #[error("another backup is being made")]
    Busy,
    /// The files could not be copied.
    #[error("the files of the store cannot be copied")]
    Failed(#[source] Cause),
}

/// A copy of an engine's files in a directory of its own, which is deleted with this value.
pub struct Checkpoint {
    directory: PathBuf,
    delete: Option<Delete>,
}

type Delete = Box<dyn FnOnce(&Path) + Send>;

impl Checkpoint {
    /// The copy in `directory`. `delete` is called once.
    pub fn new(directory: PathBuf, delete: impl FnOnce(&Path) + Send + 'static) -> Self {
        Self { directory, delete: Some(Box::new(delete)) }
    }

    /// The directory; it holds regular files only.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Checkpoint {
    fn drop(&mut self) {
        if let Some(delete) = self.delete.take() {
            delete(&self.directory);
        }
    }
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint").field("directory", &self.directory).finish_non_exhaustive()
    }
}
