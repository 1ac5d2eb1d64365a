//! Privacy of the database's directory. RocksDB writes files with the permissions that the process's mask leaves, and a
//! directory or file may be older than this process.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::open::OpenError;

/// Takes the permissions of other users from the directory `path` and the database's files in it, or refuses it. A
/// directory with other things than a database is not changed: the path may be a mistake.
pub(crate) fn make_private(path: &Path) -> Result<(), OpenError> {
    let files = files(path).map_err(|error| OpenError::Directory(path.to_owned(), error))?;
    let is_database = path.join("CURRENT").exists() || files.iter().all(|file| is_rocksdbs(file));
    let mode = mode(path)?;
    if !is_database && mode & OTHERS != 0 {
        return Err(OpenError::NotPrivate { path: path.to_owned(), mode, source: None });
    }
    tighten(path)?;
    // Symbolic links are not followed: RocksDB makes none.
    let is_file = |file: &&PathBuf| file.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
    files.iter().filter(|file| is_rocksdbs(file)).filter(is_file).try_for_each(|file| tighten(file))
}

/// The permissions of the group and of all others.
const OTHERS: u32 = 0o077;

fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect()
}

/// The names that RocksDB gives its files.
fn is_rocksdbs(file: &Path) -> bool {
    let Some(name) = file.file_name().and_then(|name| name.to_str()) else { return false };
    let is_named = ["CURRENT", "IDENTITY", "LOCK", "LOG"].contains(&name);
    let has_prefix = ["LOG.old.", "MANIFEST-", "OPTIONS-"].iter().any(|prefix| name.starts_with(prefix));
    let is_numbered = name.split_once('.').is_some_and(|(number, kind)| {
        number.bytes().all(|byte| byte.is_ascii_digit()) && ["log", "sst", "dbtmp", "blob"].contains(&kind)
    });
    is_named || has_prefix || is_numbered
}

fn tighten(path: &Path) -> Result<(), OpenError> {
    let before = mode(path)?;
    if before & OTHERS == 0 {
        return Ok(());
    }
    let not_private = |mode, source| OpenError::NotPrivate { path: path.to_owned(), mode, source };
    let private = Permissions::from_mode(before & 0o700);
    fs::set_permissions(path, private).map_err(|error| not_private(before, Some(error)))?;
    // Some file systems ignore the change.
    match mode(path)? {
        after if after & OTHERS == 0 => Ok(()),
        after => Err(not_private(after, None)),
    }
}

fn mode(path: &Path) -> Result<u32, OpenError> {
    let metadata = fs::metadata(path).map_err(|error| OpenError::Directory(path.to_owned(), error))?;
    Ok(metadata.permissions().mode() & 0o7777)
}
