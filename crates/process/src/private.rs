//! Files that only this process's user may read: those that it writes, and those with its secrets.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::process::{geteuid, umask};
use zeroize::Zeroizing;

/// Makes every file and directory that this process creates private to its user.
pub fn create_files_privately() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// The reason why a file with a secret is not private. Displayed with the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotPrivate {
    path: PathBuf,
    mode: u32,
    exposure: Exposure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exposure {
    /// To every user of the machine.
    Others,
    /// A member of the file's group can replace the secret.
    GroupWrite,
    /// To a group, although the file is this user's own.
    Group,
}

impl NotPrivate {
    /// Continues a configuration key: "file PATH has mode 0644: …".
    pub fn problem(&self) -> String {
        let Self { path, mode, exposure } = self;
        let who = match exposure {
            Exposure::Others => "other users can read or change it",
            Exposure::GroupWrite => "its group can change it",
            Exposure::Group => "its group can read it",
        };
        format!("file {} has mode {mode:04o}: {who}", path.display())
    }

    /// The remedy, as a command to run.
    pub fn remedy(&self) -> String {
        let path = self.path.display();
        format!(
            "run: chmod 600 {path}; if another user owns it, as in a Kubernetes secret, use mode 0440 (defaultMode) and a \
             group of this process (fsGroup)"
        )
    }
}

impl fmt::Display for NotPrivate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.problem(), self.remedy())
    }
}

/// The contents of a file, and whether it is private.
pub type Judged = (Zeroizing<Vec<u8>>, Result<(), NotPrivate>);

/// Reads a file with a secret, and judges the permissions of the very file that was read.
pub fn read(path: &Path) -> io::Result<Judged> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut contents = Zeroizing::new(Vec::new());
    file.read_to_end(&mut contents)?;
    let mode = metadata.mode() & 0o7777;
    // A pipe or a terminal is not kept on a disk.
    let exposure = metadata.is_file().then(|| exposure(mode, metadata.uid() == geteuid().as_raw())).flatten();
    let judged = exposure.map_or(Ok(()), |exposure| Err(NotPrivate { path: path.to_owned(), mode, exposure }));
    Ok((contents, judged))
}

/// Another user's file, usually root's, may be readable by its group: how else could this process read it? This is how
/// Kubernetes (`fsGroup`) and system packages hand secrets to a process.
fn exposure(mode: u32, is_own: bool) -> Option<Exposure> {
    match mode {
        _ if mode & 0o007 != 0 => Some(Exposure::Others),
        _ if mode & 0o020 != 0 => Some(Exposure::GroupWrite),
        _ if mode & 0o040 != 0 && is_own => Some(Exposure::Group),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_secret_is_private_to_its_owner_or_to_the_group_of_another_users_file() {
        for (mode, own, foreign) in [
            (0o600, None, None),
            (0o400, None, None),
            (0o700, None, None),
            (0o000, None, None),
            (0o440, Some(Exposure::Group), None),
            (0o640, Some(Exposure::Group), None),
            (0o660, Some(Exposure::GroupWrite), Some(Exposure::GroupWrite)),
            (0o620, Some(Exposure::GroupWrite), Some(Exposure::GroupWrite)),
            (0o644, Some(Exposure::Others), Some(Exposure::Others)),
            (0o444, Some(Exposure::Others), Some(Exposure::Others)),
            (0o604, Some(Exposure::Others), Some(Exposure::Others)),
            (0o602, Some(Exposure::Others), Some(Exposure::Others)),
            (0o601, Some(Exposure::Others), Some(Exposure::Others)),
            (0o777, Some(Exposure::Others), Some(Exposure::Others)),
        ] {
            assert_eq!((exposure(mode, true), exposure(mode, false)), (own, foreign), "{mode:04o}");
        }
    }

    /// Kubernetes mounts a secret as a symbolic link, whose own mode is 0777.
    #[test]
    fn the_file_behind_a_symbolic_link_is_judged() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "secret").unwrap();
        symlink(&file, &link).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let (contents, judged) = read(&link).unwrap();
        assert_eq!((contents.as_slice(), judged), (&b"secret"[..], Ok(())));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let problem = read(&link).unwrap().1.unwrap_err();
        let expected = format!(
            "file {0} has mode 0644: other users can read or change it; run: chmod 600 {0}; if another",
            link.display()
        );
        assert!(problem.to_string().starts_with(&expected), "{problem}");
    }
}
