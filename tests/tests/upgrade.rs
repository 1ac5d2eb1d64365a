//! An upgrade and the way back, under load: processes of another version run beside those of this checkout, edges first and control
//! nodes first. Every operation of the load is recorded, and each client's history must have an order that explains it.

use anyhow::{Result, ensure};
use e2e::cluster::database::{Database, Replication};
use e2e::cluster::{Cluster, Fault, Shape};
use e2e::dev::Version::{self, Present, Previous};
use e2e::load::{LONG, Run};

const EDGES: usize = 3;

/// Every process goes to the present version and back, twice: edges first, and control nodes first.
fn replacements(controls: usize) -> Vec<Fault> {
    let edges = |version: Version| (0..EDGES).map(move |edge| Fault::ReplaceEdge(edge, version));
    let controls = |version: Version| (0..controls).map(move |control| Fault::ReplaceControl(control, version));
    let edges_first = edges(Present).chain(controls(Present)).chain(edges(Previous)).chain(controls(Previous));
    let controls_first = controls(Present).chain(edges(Present)).chain(controls(Previous)).chain(edges(Previous));
    edges_first.chain(controls_first).collect()
}

async fn run(controls: usize, database: Option<Database>) -> Result<()> {
    let on = database.as_ref().map_or("RocksDB", Database::manager);
    let mut cluster = Cluster::start(Shape { controls, edges: EDGES, database, version: Previous }).await?;
    let faults = replacements(controls);
    let report =
        Run { clients: 6, faults, operations_between: 60, upstream_token_seconds: LONG }.on(&mut cluster).await?;
    eprintln!("another version beside this one, on {on}: {report}");
    ensure!(report.failed_starts == 0, "{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the other version must be built: `make upgrade FROM=COMMIT`"]
async fn every_history_of_an_upgrade_on_rocksdb_and_back_has_an_order() -> Result<()> {
    run(1, None).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the other version must be built: `make upgrade FROM=COMMIT`"]
async fn every_history_of_an_upgrade_on_postgresql_and_back_has_an_order() -> Result<()> {
    run(2, Some(Database::under_patroni(Replication::Synchronous).await?)).await
}
