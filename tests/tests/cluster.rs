//! Faults under load on two control nodes, three edges, and three PostgreSQL nodes under Patroni. Every operation of the load is
//! recorded, and each client's history must have an order that explains it.

use anyhow::{Result, ensure};
use e2e::cluster::patroni::Patroni;
use e2e::cluster::{Cluster, Fault, Shape};
use e2e::load::{Report, Run};

const CONTROLS: usize = 2;
const EDGES: usize = 3;

async fn run(clients: usize, faults: Vec<Fault>, operations_between: usize) -> Result<Report> {
    let database = Some(Patroni::start().await?);
    let mut cluster = Cluster::start(Shape { controls: CONTROLS, edges: EDGES, database }).await?;
    let report = Run { clients, faults, operations_between }.on(&mut cluster).await?;
    eprintln!("two control nodes on PostgreSQL with Patroni: {report}");
    Ok(report)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_history_over_a_failover_has_an_order() -> Result<()> {
    let report = run(6, vec![Fault::KillControl(0), Fault::KillPrimary, Fault::CutDatabase(1)], 100).await?;
    ensure!(report.availability.answered > 500, "{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "many failovers take many minutes: `make torture`"]
async fn every_history_over_many_failovers_has_an_order() -> Result<()> {
    let round = |n: usize| {
        [
            Fault::KillPrimary,
            Fault::CutDatabase(n % CONTROLS),
            Fault::KillControl(n % CONTROLS),
            Fault::StopStandby,
            Fault::KillEdge(n % EDGES),
            Fault::SilenceDatabase((n + 1) % CONTROLS),
            Fault::CutEdge(n % EDGES),
        ]
    };
    run(8, (0..10).flat_map(round).collect(), 300).await?;
    Ok(())
}
