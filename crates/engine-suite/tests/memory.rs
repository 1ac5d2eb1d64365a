//! The memory engine under the engine suite.

use std::sync::Arc;

use lychgate_engine::{Clock, Memory, OpenEngine};
use lychgate_engine_suite::{Opened, TestEntropy, sole_writer_suite};

async fn open(clock: Arc<dyn Clock>) -> Opened {
    Opened::new(OpenEngine::sole_writer(Memory::new(clock, &TestEntropy)))
}

sole_writer_suite!(open);
