//! PostgreSQL under the engine suite.

#![expect(clippy::expect_used, reason = "a test that panics has failed")]

use std::sync::Arc;
use std::time::Duration;

use lychgate_engine::{Clock, OpenEngine};
use lychgate_engine_postgres::{Options, Postgres, migrate};
use lychgate_engine_suite::{Opened, TestEntropy, engine_suite};
use lychgate_test_postgres::Server;

async fn open(clock: Arc<dyn Clock>) -> Opened {
    let server = Server::shared();
    let url = server.database().parse().expect("the fixture's URL can be parsed");
    migrate(&url, Arc::clone(&clock), &TestEntropy).await.expect("an empty database can be prepared");
    // The suite's clock is not the server's.
    let largest_clock_difference = Duration::MAX;
    let options = Options { allow_single: true, largest_clock_difference, ..Options::new(url) };
    let engine = Postgres::open(options, clock).await.expect("a prepared database opens");
    Opened::new(OpenEngine::shared(Arc::new(engine)))
}

engine_suite!(open);
