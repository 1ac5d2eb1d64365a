//! When to read files again that a working process goes by: certificates, tokens, who may call.
//!
//! Files are looked at, not watched: an orchestrator replaces a secret by swapping a link, and sends no signal. What is
//! still being written is no occasion: the end of a list that is missing for a moment would be somebody shut out.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often files are looked at. A change counts when two looks have found the same, so it is in force within twice this.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Why files are to be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Somebody sent SIGHUP, and wants to hear of it.
    Asked,
    /// They are not what they were.
    Changed,
}

/// Keeps an eye on files.
#[derive(Debug)]
pub struct Lookout {
    hangups: Signal,
    looks: Interval,
    /// What the last look found.
    seen: u64,
    /// What the process goes by; `None` if the next look is an occasion whatever it finds.
    heeded: Option<u64>,
}

impl Lookout {
    /// Made before `files` are read for the first time, so that no change falls in between. From here on SIGHUP does not
    /// end the process.
    ///
    /// # Panics
    /// Outside of a tokio runtime with its I/O enabled, as [`run`](crate::run) builds it.
    pub fn new(every: Duration, files: &[PathBuf]) -> Self {
        let hangups = signal(SignalKind::hangup()).expect("SIGHUP can be caught, and a runtime with I/O is running");
        let mut looks = interval(every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let seen = contents(files);
        Self { hangups, looks, seen, heeded: Some(seen) }
    }

    /// Waits until `files` are to be read again.
    pub async fn next(&mut self, files: &[PathBuf]) -> Occasion {
        loop {
            let occasion = tokio::select! {
                Some(()) = self.hangups.recv() => Occasion::Asked,
                _ = self.looks.tick() => Occasion::Changed,
            };
            let found = contents(files);
            let settled = std::mem::replace(&mut self.seen, found) == found;
            if occasion == Occasion::Asked || settled && self.heeded != Some(found) {
                self.heeded = Some(found);
                return occasion;
            }
        }
    }

    /// What was found could not be used yet, or nobody knows what was read: to be tried again after the next look.
    pub fn again(&mut self) {
        self.heeded = None;
    }
}

/// A digest, good for telling what is there from what was there. What cannot be read is like nothing else.
fn contents(files: &[PathBuf]) -> u64 {
    let mut digest = DefaultHasher::new();
    for file in files {
        file.hash(&mut digest);
        fs::read(file).map_err(|error| error.kind()).hash(&mut digest);
    }
    digest.finish()
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

    /// How many looks pass until there is an occasion; `None` if ten do not do.
    async fn looks(lookout: &mut Lookout, files: &[PathBuf]) -> Option<u128> {
        let since = tokio::time::Instant::now();
        let occasion = timeout(EVERY * 10, lookout.next(files)).await.ok()?;
        assert_eq!(occasion, Occasion::Changed);
        Some(since.elapsed().as_millis().div_ceil(EVERY.as_millis()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_counts_once_and_only_when_it_has_settled() {
        let directory = tempfile::tempdir().unwrap();
        let files = [file(&directory, "a", "1"), file(&directory, "b", "1")];
        let mut lookout = Lookout::new(EVERY, &files);
        assert_eq!(looks(&mut lookout, &files).await, None, "nothing is new");
        file(&directory, "b", "2");
        assert_eq!(looks(&mut lookout, &files).await, Some(2));
        assert_eq!(looks(&mut lookout, &files).await, None, "that is known");
        fs::remove_file(&files[0]).unwrap();
        assert_eq!(looks(&mut lookout, &files).await, Some(2), "what is gone is a change");
        file(&directory, "a", "1");
        assert_eq!(looks(&mut lookout, &files).await, Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_still_being_written_is_no_occasion() {
        let directory = tempfile::tempdir().unwrap();
        let files = [file(&directory, "a", "")];
        let mut lookout = Lookout::new(EVERY, &files);
        // From here on midway between two looks.
        assert!(timeout(EVERY / 2, lookout.next(&files)).await.is_err());
        for n in 0..5 {
            file(&directory, "a", &"x".repeat(n + 1));
            assert!(timeout(EVERY, lookout.next(&files)).await.is_err(), "{n}");
        }
        assert_eq!(looks(&mut lookout, &files).await, Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_of_no_use_is_tried_again() {
        let directory = tempfile::tempdir().unwrap();
        let files = [file(&directory, "a", "1")];
        let mut lookout = Lookout::new(EVERY, &files);
        assert_eq!(looks(&mut lookout, &files).await, None);
        lookout.again();
        assert_eq!(looks(&mut lookout, &files).await, Some(1));
        assert_eq!(looks(&mut lookout, &files).await, None);
    }

    /// As Kubernetes does it: the file is a link into a directory that is a link.
    #[tokio::test(start_paused = true)]
    async fn a_swapped_link_is_a_change() {
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
        let mut lookout = Lookout::new(EVERY, &files);
        assert_eq!(looks(&mut lookout, &files).await, None);
        symlink(at("v2"), at("next")).unwrap();
        fs::rename(at("next"), at("data")).unwrap();
        assert_eq!(looks(&mut lookout, &files).await, Some(2));
    }
}
