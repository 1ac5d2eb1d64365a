//! An archive: the files of a store, and a manifest with their digests.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lychgate_control::{OpenEngine, SystemClock};
use lychgate_engine::{Clock as _, Timestamp};
use lychgate_store::copy::StoreCopy;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::engine::StoreSpec;
use crate::operator::failure::{Exit, Failure};
use crate::operator::storage::StillClock;

pub(super) const FORMAT: u32 = 1;

/// The directory with the files of the store.
pub(super) const STORE: &str = "store";

const MANIFEST: &str = "manifest.json";

/// The directory to which an archive is unpacked. It lies in the archive: the file system has room, and hard links work.
const UNPACKED: &str = "unpacked";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) format: u32,
    /// The time of the backup, RFC 3339.
    pub(super) time: String,
    pub(super) files: Vec<Entry>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) size: u64,
    /// Hexadecimal.
    pub(super) sha256: String,
}

impl Manifest {
    /// Writes the manifest, and returns when it is on the disk.
    pub(super) fn write(&self, directory: &Path) -> Result<(), Failure> {
        let path = directory.join(MANIFEST);
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Failure::new(Exit::Other, format!("no manifest can be made: {error}")))?;
        let write = || {
            let mut file = File::create_new(&path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|error| super::unwritable(&path, &error))
    }
}

/// An archive with its manifest.
#[derive(Debug)]
pub(super) struct Archive {
    directory: PathBuf,
    pub(super) manifest: Manifest,
}

impl Archive {
    pub(super) fn open(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(MANIFEST);
        let text = fs::read(&path).map_err(|error| {
            Failure::usage(format!("{} cannot be read: {error}; name a directory that backup made", path.display()))
        })?;
        let manifest: Manifest = serde_json::from_slice(&text)
            .map_err(|error| Failure::new(Exit::Other, format!("{}: {error}", path.display())))?;
        if manifest.format != FORMAT {
            let found = manifest.format;
            return Err(Failure::usage(format!("the archive has format {found}; this version reads {FORMAT}")));
        }
        Ok(Self { directory: directory.to_owned(), manifest })
    }

    /// The differences between the files and the manifest.
    pub(super) fn problems(&self) -> Result<Vec<String>, Failure> {
        let store = self.directory.join(STORE);
        let mut unknown: BTreeSet<String> = BTreeSet::new();
        for entry in fs::read_dir(&store).map_err(|error| unreadable(&store, &error))? {
            let entry = entry.map_err(|error| unreadable(&store, &error))?;
            unknown.insert(entry.file_name().to_string_lossy().into_owned());
        }
        let mut problems = Vec::new();
        for expected in &self.manifest.files {
            let name = &expected.name;
            if !is_file_name(name) || !unknown.remove(name) {
                problems.push(format!("{name} is missing"));
                continue;
            }
            let path = store.join(name);
            let found = digest(&path).map_err(|error| unreadable(&path, &error))?;
            if found != (expected.size, expected.sha256.clone()) {
                problems.push(format!("{name} was changed"));
            }
        }
        problems.extend(unknown.into_iter().map(|name| format!("{name} is not in the manifest")));
        Ok(problems)
    }

    /// Makes a copy that can be opened: opening a database writes to it.
    pub(super) fn unpack(&self) -> Result<Unpacked, Failure> {
        let unpacked = Unpacked(self.directory.join(UNPACKED));
        unpacked.delete();
        let store = self.directory.join(STORE);
        let copy = || {
            fs::create_dir(&unpacked.0)?;
            for Entry { name, .. } in &self.manifest.files {
                let (from, to) = (store.join(name), unpacked.0.join(name));
                // A table never changes, so that a link to it is enough.
                if !name.ends_with(".sst") || fs::hard_link(&from, &to).is_err() {
                    fs::copy(&from, &to)?;
                }
            }
            Ok(())
        };
        copy().map_err(|error: io::Error| super::unwritable(&unpacked.0, &error))?;
        Ok(unpacked)
    }
}

/// A copy of an archive's files, which is deleted with this value.
#[derive(Debug)]
pub(super) struct Unpacked(PathBuf);

impl Unpacked {
    /// Opens the store, as it was at the backup.
    pub(super) async fn open(&self) -> Result<OpenEngine, Failure> {
        let still = StillClock(StoreCopy::instant(SystemClock.now()));
        let opened = StoreSpec::Rocksdb(self.0.clone()).open(Arc::new(still)).await;
        let engine = opened.map_err(|error| Failure::new(Exit::Other, format!("{error:#}")))?;
        let engine = engine.ok_or_else(|| Failure::new(Exit::Other, "the archive holds no database; use another"))?;
        // The first read shows that it is a store.
        engine.read(&[], Timestamp::EPOCH).await.map_err(|error| Failure::new(Exit::Other, error.to_string()))?;
        Ok(engine)
    }

    fn delete(&self) {
        // A directory that stays is reported when the next copy is made.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        self.delete();
    }
}

/// Reports that `name` names a file of one directory, and nothing outside of it.
pub(super) fn is_file_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !name.is_empty() && name.len() <= 255 && !name.starts_with('.') && name.bytes().all(is_plain)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut hash, mut size) = (File::open(path)?, Sha256::new(), 0);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((size, hex(&hash.finalize()))),
            read => {
                hash.update(&buffer[..read]);
                size += read as u64;
            }
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Other, format!("{} cannot be read: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_never_leaves_its_directory() {
        for name in ["CURRENT", "000012.sst", "OPTIONS-000031", "MANIFEST-000004"] {
            assert!(is_file_name(name), "{name}");
        }
        for name in ["", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", "a\\b", "a\nb", "ü"] {
            assert!(!is_file_name(name), "{name:?}");
        }
    }
}
