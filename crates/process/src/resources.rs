//! Limits that the kernel holds for the process: its file descriptors and its core dumps.
//!
//! A connection and a file of the store take a descriptor each. A store that cannot open its next log ends the process, so
//! connections must never take the descriptors of the store: [`DescriptorBudget`] divides them before anything is opened.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

use crate::ConfigError;

/// Descriptors of the runtime, the listeners, the log, the configuration's files and their watchers.
const OWN: usize = 32;

/// The fewest connections that a process starts with.
const FEWEST: usize = 8;

/// Raises the limit of file descriptors to the hard limit, and turns core dumps off: memory holds keys and tokens.
pub fn prepare() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // A `core_pattern` that is a pipe ignores the limit (core(5)). This also forbids other processes of the same user to
    // attach (ptrace(2)).
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// The process's file descriptors, divided among their users. The connections get the rest.
#[derive(Debug)]
pub struct DescriptorBudget {
    limit: usize,
    left: usize,
}

impl DescriptorBudget {
    /// The descriptors that the process may have open, without its own few.
    pub fn of_process() -> Self {
        let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok());
        Self::of(limit.unwrap_or(usize::MAX))
    }

    fn of(limit: usize) -> Self {
        Self { limit, left: limit.saturating_sub(OWN) }
    }

    /// Sets aside one `nth` of all descriptors, at least `least` and at most `most`. Returns their number.
    pub fn share(&mut self, nth: usize, least: usize, most: usize) -> usize {
        let share = (self.limit / nth).clamp(least, most);
        self.set_aside(share);
        share
    }

    /// Sets aside `number` descriptors.
    pub fn set_aside(&mut self, number: usize) {
        self.left = self.left.saturating_sub(number);
    }

    /// The number of connections: the one that `key` configures, or as many as fit, at most `default`.
    pub fn connections(&self, key: &str, configured: Option<usize>, default: usize) -> Result<usize, ConfigError> {
        let (limit, left) = (self.limit, self.left);
        let remedy = format!("raise the process's limit of open files (LimitNOFILE=), or set {key} to at most {left}");
        match configured {
            Some(number) if !(1..=1_000_000).contains(&number) => {
                Err(ConfigError::new(key, format_args!("{number} is out of range"), "write 1 to 1000000"))
            }
            Some(number) if number > left => {
                let problem =
                    format_args!("{number} connections do not fit: of {limit} open files, {left} are left for them");
                Err(ConfigError::new(key, problem, remedy))
            }
            Some(number) => Ok(number),
            None if left < FEWEST => {
                let problem = format_args!("no connections fit: of {limit} open files, {left} are left for them");
                Err(ConfigError::new(key, problem, "raise the process's limit of open files (LimitNOFILE=)"))
            }
            None => Ok(default.min(left)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::dumpable_behavior;

    use super::*;

    #[test]
    fn descriptors_are_raised_and_cores_are_off() {
        prepare().unwrap();
        let files = getrlimit(Resource::Nofile);
        assert_eq!(files.current, files.maximum);
        assert_eq!(getrlimit(Resource::Core), Rlimit { current: Some(0), maximum: Some(0) });
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        prepare().expect("it can be repeated");
    }

    #[test]
    fn configured_connections_must_fit_and_others_take_what_is_left() {
        let mut budget = DescriptorBudget::of(1000);
        assert_eq!(budget.share(4, 16, 1024), 250);
        assert_eq!(budget.share(4, 16, 100), 100);
        budget.set_aside(18);
        assert_eq!(budget.connections("max_connections", None, 4096), Ok(600));
        assert_eq!(budget.connections("max_connections", None, 500), Ok(500));
        assert_eq!(budget.connections("max_connections", Some(600), 500), Ok(600));
        for wrong in [0, 601, 1_000_001, usize::MAX] {
            let error = budget.connections("max_connections", Some(wrong), 500).unwrap_err().to_string();
            assert!(error.starts_with("max_connections: "), "{wrong}: {error}");
        }
    }

    #[test]
    fn too_few_descriptors_are_refused() {
        for limit in [0, 1, OWN, OWN + FEWEST - 1] {
            let error = DescriptorBudget::of(limit).connections("max_connections", None, 10).unwrap_err().to_string();
            assert!(error.contains("LimitNOFILE"), "{limit}: {error}");
        }
        assert_eq!(DescriptorBudget::of(OWN + FEWEST).connections("max_connections", None, 10), Ok(FEWEST));
    }
}
