//! RocksDB under the engine suite.

#![expect(clippy::expect_used, reason = "a test that panics has failed")]

use std::sync::Arc;

use lychgate_engine::{Clock, OpenEngine};
use lychgate_engine_rocksdb::{Options, RocksDb};
use lychgate_engine_suite::{Opened, TestEntropy, sole_writer_suite};

async fn open(clock: Arc<dyn Clock>) -> Opened {
    let directory = tempfile::tempdir().expect("there is room for a temporary directory");
    let engine = RocksDb::open(directory.path(), Options::default(), clock, &TestEntropy).expect("a new one opens");
    Opened::guarded(OpenEngine::sole_writer(engine), directory)
}

sole_writer_suite!(open);
