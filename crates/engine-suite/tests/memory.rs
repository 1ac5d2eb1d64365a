//! The memory engine under the engine suite.

use std::sync::Arc;

use lychgate_engine::Clock;
use lychgate_engine::Memory;
use lychgate_engine_suite::{Opened, TestEntropy, engine_suite};

async fn open(clock: Arc<dyn Clock>) -> Opened {
    Opened::new(Memory::new(clock, &TestEntropy))
}

engine_suite!(open);
