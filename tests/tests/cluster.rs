//! Faults under load on two control nodes, three edges, and three PostgreSQL nodes under a failover manager. Every operation of the load is
//! recorded, and each client's history must have an order that explains it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use e2e::cluster::database::{Database, Replication};
use e2e::cluster::{Cluster, Fault, Shape};
use e2e::dev::Version;
use e2e::load::{LONG, Report, Run};

const CONTROLS: usize = 2;
const EDGES: usize = 3;

async fn cluster(database: Database) -> Result<Cluster> {
    let version = Version::Present;
    Cluster::start(Shape { controls: CONTROLS, edges: EDGES, database: Some(database), version }).await
}

async fn under_patroni(replication: Replication) -> Result<Cluster> {
    cluster(Database::under_patroni(replication).await?).await
}

async fn run(mut cluster: Cluster, clients: usize, faults: Vec<Fault>, operations_between: usize) -> Result<Report> {
    let run = Run { clients, faults, operations_between, upstream_token_seconds: LONG };
    let report = run.on(&mut cluster).await?;
    eprintln!("two control nodes on PostgreSQL with {}: {report}", cluster.database()?.manager());
    Ok(report)
}

/// Requirements: A12, R30.
#[tokio::test(flavor = "multi_thread")]
async fn every_history_over_a_failover_has_an_order() -> Result<()> {
    let cluster = under_patroni(Replication::Synchronous).await?;
    let report = run(cluster, 6, vec![Fault::KillControl(0), Fault::KillPrimary, Fault::CutDatabase(1)], 100).await?;
    ensure!(report.availability.answered >= 400, "{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "six failovers and 36 other faults take a quarter of an hour: `make torture`"]
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
    run(under_patroni(Replication::Synchronous).await?, 8, (0..6).flat_map(round).collect(), 300).await?;
    Ok(())
}

/// An old primary goes on beside the new one: it was frozen and wakes up, or only its failover manager was killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "another cluster: `make torture`"]
async fn every_history_with_an_old_primary_beside_the_new_one_has_an_order() -> Result<()> {
    let faults = [Fault::FreezePrimary, Fault::KillManager].repeat(2);
    run(under_patroni(Replication::Synchronous).await?, 6, faults, 200).await?;
    Ok(())
}

/// The claims do not depend on the failover manager. pg_auto_failover commits with one of two standbys, and promotes the one that is
/// further.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "another cluster: `make torture`"]
async fn every_history_over_failovers_by_pg_auto_failover_has_an_order() -> Result<()> {
    let round = [Fault::KillPrimary, Fault::StopStandby, Fault::KillControl(0), Fault::FreezePrimary];
    run(cluster(Database::under_auto_failover().await?).await?, 6, round.repeat(2), 200).await?;
    Ok(())
}

/// The same without synchronous standbys. A standby that missed the latest commits is promoted: the histories must show it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "another cluster: `make torture`"]
async fn lost_commits_are_found() -> Result<()> {
    let mut cluster = under_patroni(Replication::Asynchronous).await?;
    let faults = vec![Fault::CutReplication, Fault::KillPrimary];
    let run = Run { clients: 6, faults, operations_between: 150, upstream_token_seconds: LONG };
    let error = run.on(&mut cluster).await.err().context("a failover lost commits, and no history shows it")?;
    let error = format!("{error:#}");
    ensure!(error.contains("no order explains"), "{error}");
    eprintln!("asynchronous: {}", error.lines().next().unwrap_or_default());
    Ok(())
}

/// The upstream's tokens are over at once, and it rotates refresh tokens and accepts none twice: each exchange refreshes under a
/// lease. A refresh token is sent once, and once more if the outcome is unknown; if it is lost, the person is asked to sign in.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "another cluster: `make torture`"]
async fn no_refresh_token_of_the_upstream_is_sent_a_third_time() -> Result<()> {
    let mut cluster = under_patroni(Replication::Synchronous).await?;
    let round = |n: usize| [Fault::KillControl(n % CONTROLS), Fault::CutDatabase(n % CONTROLS), Fault::KillPrimary];
    let faults = (0..2).flat_map(round).collect();
    let run = Run { clients: 6, faults, operations_between: 200, upstream_token_seconds: 2 };
    let report = run.on(&mut cluster).await?;
    let mut sent = BTreeMap::<String, usize>::new();
    for form in cluster.upstream().asked().exchanges {
        *sent.entry(form.get("refresh_token").cloned().unwrap_or_default()).or_default() += 1;
    }
    sent.remove("");
    let twice = sent.values().filter(|times| **times == 2).count();
    eprintln!("refreshes under leases: {} refresh tokens sent, {twice} of them twice; {report}", sent.len());
    ensure!(sent.len() > 50, "only {} refreshes", sent.len());
    ensure!(sent.values().all(|times| *times <= 2), "{sent:?}");
    Ok(())
}
