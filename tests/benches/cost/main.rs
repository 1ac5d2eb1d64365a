//! The cost of an authorization, from registration to refresh, and of the questions of a resource server: `make bench`.
//!
//! The processes are optimised builds: one control plane with its default durable configuration, on RocksDB and then on
//! PostgreSQL, and one edge. The identity provider is a third process, and this process is the clients, browsers and resource server.
//! Their CPU time does not count, but on a machine with few cores it lowers the flows per second.
//!
//! The bench prints numbers and asserts none.

mod client;
mod database;
mod load;
mod process;
mod resource_server;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use e2e::system::family::descendants;
use e2e::system::{CROWD, Plan, System};

use client::STEPS;
use database::Database;
use load::Load;
use process::{Process, bytes_below, machine};

/// Enough for thousands of flows: the CPU time of a process has a resolution of 10 ms.
const MEASURED: Duration = Duration::from_secs(10);
const WARM_UP: Duration = Duration::from_secs(3);
const PARALLEL_CLIENTS: [usize; 3] = [1, 8, 32];
const CLIENTS_OF_PERCENTILES: usize = 8;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        println!("{}", machine()?);
        println!("A flow is {} requests:", STEPS.len());
        for (n, step) in STEPS.iter().enumerate() {
            println!("  {:2}  {step}", n + 1);
        }
        println!("\nWith logging as it is by default (info; standard error is a pipe that is read):");
        on_rocksdb(None, &PARALLEL_CLIENTS).await?;
        println!("\nWith telemetry.filter = \"warn\":");
        on_rocksdb(Some("warn"), &PARALLEL_CLIENTS[2..]).await?;
        println!("\nOn PostgreSQL, where each commit waits for a synchronous standby on this machine:");
        on_postgres().await?;
        resource_server::measure().await
    })
}

async fn on_rocksdb(filter: Option<&str>, parallel_clients: &[usize]) -> Result<()> {
    let mut running = Running::start(Plan::default(), filter).await?;
    let flows = measure(&running, parallel_clients).await?;
    println!("    written to the disk for a flow: {} bytes", running.control.written_bytes()? / flows as u64);
    println!("    kept of a flow: {} bytes", kept_bytes(&mut running.system).await? / flows as u64);
    Ok(())
}

async fn on_postgres() -> Result<()> {
    let database = Database::start()?;
    let running = Running::start(Plan { stores: vec![database.store()], ..Plan::default() }, None).await?;
    let flows = measure(&running, &PARALLEL_CLIENTS).await?;
    database.print_sizes(flows)
}

/// Returns the number of flows, with those before the measurement.
async fn measure(running: &Running, parallel_clients: &[usize]) -> Result<usize> {
    let Running { system, control, edge } = running;
    let mut flows = load::run(system, CLIENTS_OF_PERCENTILES, WARM_UP).await?.flows;
    let mut percentiles = None;
    println!("  clients   flows/s    CPU ms per flow: edge  control  together");
    for &clients in parallel_clients {
        let before = (edge.cpu()?, control.cpu()?);
        let load = load::run(system, clients, MEASURED).await?;
        let per_flow = |spent: Duration| spent.as_secs_f64() * 1000.0 / load.flows as f64;
        let (edge, control) = (per_flow(edge.cpu()? - before.0), per_flow(control.cpu()? - before.1));
        let (rate, together) = (load.flows_per_second(), edge + control);
        println!("  {clients:7}  {rate:8.0}  {edge:21.3}  {control:7.3}  {together:8.3}");
        flows += load.flows;
        if clients == CLIENTS_OF_PERCENTILES {
            percentiles = Some(load);
        }
    }
    if let Some(load) = percentiles {
        print_percentiles(load);
    }
    println!("  after {flows} flows:");
    let (edge_mib, control_mib) = (mib(edge.resident_kib()?), mib(control.resident_kib()?));
    println!("    resident: edge {edge_mib:.1} MiB, control {control_mib:.1} MiB");
    Ok(flows)
}

/// The size of the store after a restart has flushed its log to tables.
async fn kept_bytes(system: &mut System) -> Result<u64> {
    system.terminate_control()?;
    system.control_ended().await?;
    system.start_control().await?;
    bytes_below(&system.directory().join("store"))
}

fn print_percentiles(load: Load) {
    println!("  milliseconds at {CLIENTS_OF_PERCENTILES} clients:                 p50     p90     p99");
    for (step, mut times) in STEPS.iter().zip(load.times) {
        times.sort_unstable();
        let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
        let ms = |percent| at(percent).as_secs_f64() * 1000.0;
        println!("    {step:36} {:7.2} {:7.2} {:7.2}", ms(50), ms(90), ms(99));
    }
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// One control plane, one edge.
struct Running {
    system: System,
    control: Process,
    edge: Process,
}

impl Running {
    /// Starts `plan` with one edge, with this `telemetry.filter` or with the default.
    async fn start(plan: Plan, filter: Option<&str>) -> Result<Self> {
        let edge_settings = if plan.edge_settings.is_empty() { CROWD.to_owned() } else { plan.edge_settings };
        let mut system = System::start(Plan { edges: 1, edge_settings, ..plan }).await?;
        if let Some(filter) = filter {
            system.kill_edge(0).await?;
            system.kill_control().await?;
            set_filter(system.control_config(), filter)?;
            set_filter(system.edge_config(0), filter)?;
            system.start_control().await?;
            system.start_edge(0).await?;
        }
        let children = descendants(std::process::id())?;
        let edge = system.edge_process(0)?;
        // Linux truncates names to 15 characters.
        let control = children.iter().find(|child| child.name == "lychgate-contro").context("no control plane")?.id;
        Ok(Self { system, control: Process(control), edge: Process(edge) })
    }
}

fn set_filter(config: &Path, filter: &str) -> Result<()> {
    writeln!(OpenOptions::new().append(true).open(config)?, "[telemetry]\nfilter = \"{filter}\"")?;
    Ok(())
}
