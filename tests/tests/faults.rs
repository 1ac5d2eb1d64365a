//! Faults under load on one control node: SIGKILL of control and edges, cut connections. Every operation of the load is recorded,
//! and each client's history must have an order that explains it.

use anyhow::{Result, ensure};
use e2e::cluster::{Cluster, Fault, Shape};
use e2e::dev::Version;
use e2e::load::{LONG, Report, Run};

const EDGES: usize = 3;

/// `rounds` times: a cut, a kill of an edge, a kill of the control node.
async fn run(clients: usize, rounds: usize, operations_between: usize) -> Result<Report> {
    let mut cluster =
        Cluster::start(Shape { controls: 1, edges: EDGES, database: None, version: Version::Present }).await?;
    let round = |n| [Fault::CutEdge(n % EDGES), Fault::KillEdge((n + 1) % EDGES), Fault::KillControl(0)];
    let faults = (0..rounds).flat_map(round).collect();
    let report = Run { clients, faults, operations_between, upstream_token_seconds: LONG }.on(&mut cluster).await?;
    eprintln!("one control node on RocksDB: {report}");
    Ok(report)
}

/// Requirements: A12, R30.
#[tokio::test(flavor = "multi_thread")]
async fn every_history_under_kills_and_cuts_has_an_order() -> Result<()> {
    let report = run(6, 2, 150).await?;
    ensure!(report.availability.answered > 1_000, "{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "90 faults take minutes: `make torture`"]
async fn every_history_under_many_kills_and_cuts_has_an_order() -> Result<()> {
    run(8, 30, 400).await?;
    Ok(())
}
