//! A model to compare engines with: an ordered map and a list, driven with the same random commands as the engine,
//! every answer compared. What two engines share with the model, they share with each other.
//!
//! It never asks an engine for an instant further from its clock than the largest skew: there the contract ends.

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

/// Runs random commands against fresh engines, and panics with the shortest sequence that tells one from the model.
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
