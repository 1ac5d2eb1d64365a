//! What a process needs besides its job: configuration, logs, metrics, memory, files that are read again, an orderly end.
//!
//! Every binary's `main` is one call of [`run`]. Nothing here knows what a binary is for: no gRPC, no OAuth, no rules.

pub mod config;
pub mod lookout;
pub mod metrics;
pub mod shutdown;
pub mod telemetry;

use std::fmt::Display;
use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use mimalloc::MiMalloc;
use tokio::runtime;

pub use config::ConfigError;
pub use lookout::Lookout;
pub use shutdown::Shutdown;

/// Eight per cent less CPU time for an authorization than with the C library's (`make bench`), for 10 MiB more of memory.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How long blocking work may go on after `main` has returned. What must not be cut short was waited for before that,
/// by [`Shutdown::finish`].
const RUNTIME_END: Duration = Duration::from_secs(1);

/// Runs `main` on a runtime of its own. An error becomes one line on standard error, `name: what: why: …`, and the exit
/// code: 2 if configuration is at fault, 1 for everything else.
pub fn run<M>(name: &str, main: M) -> ExitCode
where
    M: Future<Output = anyhow::Result<()>>,
{
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

fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.chain().any(|cause| cause.is::<ConfigError>()) { ExitCode::from(2) } else { ExitCode::FAILURE }
}

/// Whoever reads this may be a script: one error, one line, whatever its causes contain.
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
    fn what_main_returns_decides_the_exit_code() {
        let config = || Err::<(), _>(ConfigError::new("listen", "is not an address", "write HOST:PORT"));
        assert_eq!(run("test", async { Ok(()) }), ExitCode::SUCCESS);
        assert_eq!(run("test", async { anyhow::bail!("the disk is full") }), ExitCode::from(1));
        assert_eq!(run("test", async move { config().context("cannot start") }), ExitCode::from(2));
    }

    #[test]
    fn an_error_is_one_line_whatever_it_contains() {
        assert_eq!(one_line("first\n  second\r\nthird"), "first second third");
    }
}
