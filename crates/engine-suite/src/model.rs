//! A model of an engine: an ordered map and a list. It gets the same random commands as the engine, and every answer is
//! compared. Two engines that behave like the model behave like each other.
//!
//! Commands never use an instant further from the engine's clock than the largest skew, where the contract ends.

mod command;
mod run;

use std::future::Future;
use std::sync::Arc;

use lychgate_engine::Clock;
use proptest::collection::vec;
use proptest::test_runner::{Config, TestRunner};

use crate::subject::runtime;
use crate::{Opened, Subject};
use command::command;
use run::Run;

/// Runs random commands against fresh engines. Panics with the shortest sequence of commands that reveals a difference.
pub fn compare<O>(open: impl Fn(Arc<dyn Clock>) -> O)
where
    O: Future<Output = Opened>,
{
    let config = Config { cases: 64, max_shrink_iters: 512, failure_persistence: None, ..Config::default() };
    let runtime = runtime();
    let verdict = TestRunner::new(config).run(&vec(command(), 1..100), |commands| {
        runtime.block_on(async {
            let mut run = Run::new(Subject::open(&open).await).await;
            for command in commands {
                run.step(command).await?;
            }
            Ok(())
        })
    });
    if let Err(difference) = verdict {
        panic!("the engine differs from the model: {difference}");
    }
}
