//! Detects when the files of a running process must be reloaded: certificates, tokens, the list of principals.
//!
//! Files are polled: an orchestrator replaces a secret by swapping a symbolic link and sends no signal. A file that is still
//! being written triggers nothing: a list of principals without its end would lock callers out.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Polling interval. A change is reported when two polls in a row find the same contents, so within twice this interval.
pub const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// The trigger of a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadTrigger {
    /// The process received SIGHUP; its sender expects a log line.
    Signal,
    /// The contents of the files changed.
    Changed,
}

/// Polls files for changes and listens for SIGHUP.
#[derive(Debug)]
pub struct FileWatcher {
    hangups: Signal,
    polls: Interval,
    /// Digest of the contents at the last poll.
    polled: u64,
    /// Digest of the contents at the last reload. `None` makes the next poll trigger one.
    loaded: Option<u64>,
}

impl FileWatcher {
    /// Starts watching files, and all files below directories. Create the watcher before `files` are first read, so that no change in between is missed. From then on
    /// SIGHUP does not end the process.
    ///
    /// # Panics
    /// Panics outside of a tokio runtime with I/O enabled, such as that of [`run`](crate::run).
    #[expect(clippy::expect_used, reason = "SIGHUP can be caught on every Unix, and `run` enables I/O")]
    pub fn new(every: Duration, files: &[PathBuf]) -> Self {
        let hangups = signal(SignalKind::hangup()).expect("a runtime with I/O is running");
        let mut polls = interval(every);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let polled = digest(files);
        Self { hangups, polls, polled, loaded: Some(polled) }
    }

    /// Waits until `files` must be reloaded.
    pub async fn next(&mut self, files: &[PathBuf]) -> ReloadTrigger {
        loop {
            let trigger = tokio::select! {
                Some(()) = self.hangups.recv() => ReloadTrigger::Signal,
                _ = self.polls.tick() => ReloadTrigger::Changed,
            };
            let found = digest(files);
            let settled = std::mem::replace(&mut self.polled, found) == found;
            if trigger == ReloadTrigger::Signal || settled && self.loaded != Some(found) {
                self.loaded = Some(found);
                return trigger;
            }
        }
    }

    /// Makes the next poll trigger a reload, after one that failed or read unknown contents.
    pub fn retry(&mut self) {
        self.loaded = None;
    }
}

/// A digest of names and contents, for comparison within this process. An unreadable file differs from every readable one.
fn digest(files: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for file in files {
        add(&mut hasher, file, MAX_DEPTH);
    }
    hasher.finish()
}

/// Folders within folders of a watched directory, at most: a link may lead in a circle.
const MAX_DEPTH: u8 = 4;

/// Adds a file, or every file below a directory.
fn add(hasher: &mut DefaultHasher, path: &Path, depth: u8) {
    path.hash(hasher);
    match fs::read_dir(path) {
        Ok(entries) if depth > 0 => {
            let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            paths.sort();
            paths.iter().for_each(|path| add(hasher, path, depth - 1));
        }
        Ok(_) => {}
        Err(_) => fs::read(path).map_err(|error| error.kind()).hash(hasher),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use tokio::time::timeout;

    use super::*;

    const EVERY: Duration = Duration::from_secs(1);

    fn file(directory: &TempDir, name: &str, contents: &str) -> PathBuf {
        let path = directory.path().join(name);
        fs::write(&path, contents).unwrap();
        path
    }

    /// Number of polls until the watcher reports a change; `None` if ten polls report none.
    async fn polls(watcher: &mut FileWatcher, files: &[PathBuf]) -> Option<u128> {
        let since = tokio::time::Instant::now();
        let trigger = timeout(EVERY * 10, watcher.next(files)).await.ok()?;
        assert_eq!(trigger, ReloadTrigger::Changed);
        Some(since.elapsed().as_millis().div_ceil(EVERY.as_millis()))
    }

    #[tokio::test(start_paused = true)]
    async fn change_is_reported_once_and_only_when_it_has_settled() {
        let directory = tempfile::tempdir().unwrap();
        let files = [file(&directory, "a", "1"), file(&directory, "b", "1")];
        let mut watcher = FileWatcher::new(EVERY, &files);
        assert_eq!(polls(&mut watcher, &files).await, None, "nothing has changed");
        file(&directory, "b", "2");
        assert_eq!(polls(&mut watcher, &files).await, Some(2));
        assert_eq!(polls(&mut watcher, &files).await, None, "the change is already reported");
        fs::remove_file(&files[0]).unwrap();
        assert_eq!(polls(&mut watcher, &files).await, Some(2), "a deleted file is a change");
        file(&directory, "a", "1");
        assert_eq!(polls(&mut watcher, &files).await, Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn file_that_is_still_being_written_triggers_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let files = [file(&directory, "a", "")];
        let mut watcher = FileWatcher::new(EVERY, &files);
        // Shift the writes to the middle between two polls.
        assert!(timeout(EVERY / 2, watcher.next(&files)).await.is_err());
        for n in 0..5 {
            file(&directory, "a", &"x".repeat(n + 1));
            assert!(timeout(EVERY, watcher.next(&files)).await.is_err(), "{n}");
        }
        assert_eq!(polls(&mut watcher, &files).await, Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn files_below_a_directory_are_watched() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("below")).unwrap();
        file(&directory, "below/a", "1");
        let watched = [directory.path().to_owned()];
        let mut watcher = FileWatcher::new(EVERY, &watched);
        assert_eq!(polls(&mut watcher, &watched).await, None);
        file(&directory, "below/a", "2");
        assert_eq!(polls(&mut watcher, &watched).await, Some(2));
        file(&directory, "b", "");
        assert_eq!(polls(&mut watcher, &watched).await, Some(2), "a new file");
        std::os::unix::fs::symlink(directory.path(), directory.path().join("below/circle")).unwrap();
        assert_eq!(polls(&mut watcher, &watched).await, Some(2), "a link that leads in a circle ends");
    }

    #[tokio::test(start_paused = true)]
    async fn failed_reload_is_retried() {
        let directory = tempfile::tempdir().unwrap();
        let files = [file(&directory, "a", "1")];
        let mut watcher = FileWatcher::new(EVERY, &files);
        assert_eq!(polls(&mut watcher, &files).await, None);
        watcher.retry();
        assert_eq!(polls(&mut watcher, &files).await, Some(1));
        assert_eq!(polls(&mut watcher, &files).await, None);
    }

    /// Kubernetes mounts a secret this way: the file is a link into a directory that is itself a link.
    #[tokio::test(start_paused = true)]
    async fn swapped_link_is_a_change() {
        use std::os::unix::fs::symlink;
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for (version, content) in [("v1", "1"), ("v2", "2")] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("token"), content).unwrap();
        }
        symlink(at("v1"), at("data")).unwrap();
        symlink(at("data").join("token"), at("token")).unwrap();
        let files = [at("token")];
        let mut watcher = FileWatcher::new(EVERY, &files);
        assert_eq!(polls(&mut watcher, &files).await, None);
        symlink(at("v2"), at("next")).unwrap();
        fs::rename(at("next"), at("data")).unwrap();
        assert_eq!(polls(&mut watcher, &files).await, Some(2));
    }
}
