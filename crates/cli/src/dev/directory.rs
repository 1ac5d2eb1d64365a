//! The data directory, which keeps secrets, ports and state for the next start. Only its owner can read it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use lychgate_process::random;
use serde::Serialize;

/// The data directory, locked for this process.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Creates the directory if it does not exist. Fails if another process uses it.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        make_private(path)?;
        let path = path.canonicalize().with_context(|| format!("cannot use --data {}", path.display()))?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join("lock"))
            .with_context(|| format!("cannot write in --data {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                bail!("{} is used by another `lychgate dev`; stop that one or choose another --data", path.display())
            }
            Err(TryLockError::Error(error)) => Err(error).context(format!("cannot lock --data {}", path.display())),
        }
    }

    /// The absolute path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Creates a directory in this one if it does not exist.
    pub(super) fn subdirectory(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        make_private(&path)?;
        Ok(path)
    }

    /// The file `name` with a random secret, which the first start makes and all later ones keep.
    pub(super) fn secret(&self, name: &str) -> anyhow::Result<SecretFile> {
        let path = self.file(name);
        let secret = match fs::read_to_string(&path) {
            Ok(secret) => secret.trim_end_matches(['\r', '\n']).to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secret = random_secret()?;
                write_private(&path, &secret)?;
                secret
            }
            Err(error) => return Err(error).context(format!("cannot read {}", path.display())),
        };
        Ok(SecretFile { path, secret })
    }

    /// Writes `contents` as TOML, with `comment` in the first line.
    pub(super) fn write_toml(&self, name: &str, comment: &str, contents: &impl Serialize) -> anyhow::Result<PathBuf> {
        let path = self.file(name);
        let body = toml::to_string(contents).with_context(|| format!("cannot render {}", path.display()))?;
        write_private(&path, &format!("# {comment}\n{body}"))?;
        Ok(path)
    }
}

pub(super) struct SecretFile {
    pub(super) path: PathBuf,
    pub(super) secret: String,
}

/// 32 random bytes in base64url.
#[expect(clippy::disallowed_methods, reason = "made once for a directory; no test fixes its value")]
pub(super) fn random_secret() -> anyhow::Result<String> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(random::bytes::<32>()?))
}

/// An existing directory keeps its permissions: its owner chose them.
fn make_private(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot create the directory {}", path.display()))
}

/// Writes the file atomically: after a crash the next start must not take half a key for a whole one.
fn write_private(path: &Path, contents: &str) -> anyhow::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(contents.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_and_directories_are_private() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(&parent.path().join("a/data")).unwrap();
        let secret = directory.secret("master.key").unwrap();
        let written =
            directory.write_toml("x.toml", "made by a test", &[("a", 1)].into_iter().collect::<Map>()).unwrap();
        assert_eq!(mode(directory.path()), 0o700);
        assert_eq!(mode(&directory.subdirectory("store").unwrap()), 0o700);
        assert_eq!((mode(&secret.path), mode(&written)), (0o600, 0o600));
        assert_eq!(fs::read_to_string(written).unwrap(), "# made by a test\na = 1\n");
    }

    type Map = std::collections::BTreeMap<&'static str, u32>;

    #[test]
    fn a_secret_stays_the_same() {
        let parent = tempfile::tempdir().unwrap();
        let first = Directory::open(parent.path()).unwrap().secret("master.key").unwrap().secret;
        let second = Directory::open(parent.path()).unwrap().secret("master.key").unwrap().secret;
        assert_eq!(first, second);
        assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(first).unwrap().len(), 32);
    }

    #[test]
    fn a_directory_in_use_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let _first = Directory::open(parent.path()).unwrap();
        let error = Directory::open(parent.path()).unwrap_err().to_string();
        assert!(error.contains("is used by another `lychgate dev`"), "{error}");
    }
}
