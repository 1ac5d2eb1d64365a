//! Concurrent clients that run flows continuously.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::system::System;
use tokio::task::JoinSet;

use crate::client::{Client, STEPS};

/// The result of a run.
pub(crate) struct Load {
    pub(crate) flows: usize,
    pub(crate) took: Duration,
    /// The durations of each step, unordered.
    pub(crate) times: [Vec<Duration>; STEPS.len()],
}

impl Load {
    pub(crate) fn flows_per_second(&self) -> f64 {
        self.flows as f64 / self.took.as_secs_f64()
    }
}

/// Runs `clients` in parallel. After `time` each finishes its flow and stops.
pub(crate) async fn run(system: &System, clients: usize, time: Duration) -> Result<Load> {
    let mut ready = Vec::new();
    for _ in 0..clients {
        ready.push(Client::connect(system).await?);
    }
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for client in ready {
        running.spawn(again_and_again(client, begun + time));
    }
    let mut load = Load { flows: 0, took: Duration::ZERO, times: Default::default() };
    while let Some(ended) = running.join_next().await {
        for flow in ended?? {
            load.flows += 1;
            for (times, time) in load.times.iter_mut().zip(flow) {
                times.push(time);
            }
        }
    }
    load.took = begun.elapsed();
    Ok(load)
}

async fn again_and_again(mut client: Client, end: Instant) -> Result<Vec<[Duration; STEPS.len()]>> {
    /// Every flow has a new person.
    static PEOPLE: AtomicUsize = AtomicUsize::new(0);
    let mut flows = Vec::new();
    while Instant::now() < end {
        let person = format!("person-{}", PEOPLE.fetch_add(1, Ordering::Relaxed));
        flows.push(client.flow(&person).await?);
    }
    Ok(flows)
}
