//! The outcome of a commit: a conflict is a value, not an error.

use lychgate_engine::Revision;

/// The outcome of a commit that expected records unchanged.
///
/// A conflict is part of every transition's meaning: the caller reads and decides again. As a value that must be used, it
/// cannot travel up with `?` and be shown as a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a commit that conflicted wrote nothing"]
pub enum Commit<T = Revision> {
    /// The commit was applied.
    Done(T),
    /// A record the decision was based on has changed: nothing was written.
    Conflict,
}

impl<T> Commit<T> {
    /// The same outcome, with `value` in place of what a done commit carries.
    pub fn with<U>(self, value: U) -> Commit<U> {
        self.map(|_| value)
    }

    /// Converts the value of a done commit.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Commit<U> {
        match self {
            Commit::Done(value) => Commit::Done(f(value)),
            Commit::Conflict => Commit::Conflict,
        }
    }

    /// `None` for a conflict.
    pub fn done(self) -> Option<T> {
        match self {
            Commit::Done(value) => Some(value),
            Commit::Conflict => None,
        }
    }
}
