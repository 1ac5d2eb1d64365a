//! The parts that every process has: configuration, logs, metrics, networks, the allocator, incoming connections, limits of
//! the kernel, the protocol of the supervisor, file reload and graceful shutdown.
//!
//! `main` of every binary is one call of [`run`]. This crate knows no gRPC, no OAuth and no rules.

pub mod config;
pub mod connections;
pub mod file_watcher;
mod listeners;
pub mod metrics;
pub mod network;
pub mod private;
pub mod random;
pub mod resources;
pub mod shutdown;
pub mod supervisor;
pub mod telemetry;
pub mod terminal;

use std::fmt::Display;
use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use mimalloc::MiMalloc;
use tokio::runtime;

pub use config::ConfigError;
pub use file_watcher::FileWatcher;
pub use listeners::Listeners;
pub use shutdown::Shutdown;

/// mimalloc takes 8 % less CPU time for an authorization than the C library's allocator (`make bench`), and 10 MiB more memory.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Time that blocking tasks get after `main` has returned. Work that must complete is tracked by [`Shutdown::tasks`] and has
/// been waited for before that.
const RUNTIME_END: Duration = Duration::from_secs(1);

/// Runs `main` on a new runtime. An error is printed on standard error as one line, `NAME: ERROR: CAUSE: …`. The exit code is 2
/// for a configuration error, that of the process for [`ProcessFailed`], and 1 for any other. Files that the process creates
/// are private to its user, core dumps are off, and the limit of file descriptors is the hard one.
pub fn run<M>(name: &str, main: M) -> ExitCode
where
    M: Future<Output = anyhow::Result<()>>,
{
    if let Err(error) = resources::prepare() {
        report(name, format_args!("cannot set the limits of open files and core dumps: {error}"));
        return ExitCode::FAILURE;
    }
    private::create_files_privately();
    if let Err(error) = supervisor::receive_sockets() {
        report(name, &error);
        return exit_code(&error.into());
    }
    let runtime = match runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            report(name, format_args!("cannot start the runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(main);
    runtime.shutdown_timeout(RUNTIME_END);
    telemetry::finish();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(name, format_args!("{error:#}"));
            exit_code(&error)
        }
    }
}

/// The end of another process, which this one ends with.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ProcessFailed {
    /// Its exit code; 128 and the signal if a signal ended it.
    pub code: u8,
    /// What happened.
    pub message: String,
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    if let Some(failed) = error.downcast_ref::<ProcessFailed>() {
        return ExitCode::from(failed.code);
    }
    if error.chain().any(|cause| cause.is::<ConfigError>()) { ExitCode::from(2) } else { ExitCode::FAILURE }
}

/// Prints an error as one line, even if its causes have several: scripts read it.
fn report(name: &str, error: impl Display) {
    eprintln!("{name}: {}", one_line(&error.to_string()));
}

pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn result_of_main_decides_the_exit_code() {
        let config = || Err::<(), _>(ConfigError::new("listen", "is not an address", "write HOST:PORT"));
        assert_eq!(run("test", async { Ok(()) }), ExitCode::SUCCESS);
        assert_eq!(run("test", async { anyhow::bail!("the disk is full") }), ExitCode::from(1));
        assert_eq!(run("test", async move { config().context("cannot start") }), ExitCode::from(2));
        let failed = |code| ProcessFailed { code, message: "control ended".to_owned() };
        assert_eq!(run("test", async move { Err(failed(137).into()) }), ExitCode::from(137));
        assert_eq!(run("test", async move { Err(failed(2)).context("cannot start") }), ExitCode::from(2));
    }

    #[test]
    fn error_is_printed_on_one_line() {
        assert_eq!(one_line("first\n  second\r\nthird"), "first second third");
    }
}
