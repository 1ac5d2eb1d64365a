//! A control plane as a process: it can be stopped in good order, or killed as by SIGKILL.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lychgate_control::config::Config;
use lychgate_control::{OpenEngine, Server};
use lychgate_engine_suite::{TestClock, TestEntropy};
use lychgate_process::Shutdown;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::killable_engine::KillableEngine;
use super::{ApiClient, EDGE_TOKEN};

/// The interval at which a process checks its files.
const LOOK: Duration = Duration::from_millis(10);

/// One process, killed when dropped.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: Shutdown,
    store: KillableEngine,
    served: Option<JoinHandle<anyhow::Result<()>>>,
    runtime: Option<Runtime>,
}

impl ControlPlane {
    /// Starts with randomness of its own.
    pub(crate) async fn start(config: Config, engine: OpenEngine, clock: Arc<TestClock>) -> anyhow::Result<Self> {
        Self::start_on(Builder::new_multi_thread().worker_threads(2), config, engine, clock).await
    }

    pub(crate) async fn start_on(
        runtime: &mut Builder,
        config: Config,
        engine: OpenEngine,
        clock: Arc<TestClock>,
    ) -> anyhow::Result<Self> {
        Self::start_from(None, runtime, config, engine, clock).await
    }

    /// Starts with `config`, which `file` holds too, as a process does: it reloads the file when it changes, and probes
    /// its upstreams.
    pub(crate) async fn start_from(
        file: Option<PathBuf>,
        runtime: &mut Builder,
        config: Config,
        engine: OpenEngine,
        clock: Arc<TestClock>,
    ) -> anyhow::Result<Self> {
        let runtime = runtime.enable_all().build()?;
        let shutdown = Shutdown::new();
        let (ready, is_ready) = oneshot::channel();
        let store = KillableEngine::new(engine.clone());
        let served = runtime.spawn({
            let (shutdown, killable) = (shutdown.clone(), Arc::new(store.clone()));
            let engine = engine.layered(|_| killable);
            async move {
                let server = Server::bind(config, engine, clock, Arc::new(TestEntropy)).await?;
                let server = match file {
                    Some(file) => server.rereading(file, LOOK).probing_upstreams(),
                    None => server,
                };
                ready.send(server.local_addr()?).expect("the test waits for it");
                server.run(shutdown).await
            }
        });
        match is_ready.await {
            Ok(address) => Ok(Self { address, shutdown, store, served: Some(served), runtime: Some(runtime) }),
            Err(_) => {
                let result = served.await;
                runtime.shutdown_background();
                Err(result?.expect_err("it never served"))
            }
        }
    }

    pub(crate) fn edge(&self) -> ApiClient {
        self.caller(EDGE_TOKEN)
    }

    /// Opens a new connection with this token.
    pub(crate) fn caller(&self, token: &str) -> ApiClient {
        ApiClient::connect(&format!("http://{}", self.address), None, token)
    }

    /// Shuts down and waits for the end.
    pub(crate) async fn stop(mut self) {
        self.shutdown.trigger();
        let served = self.served.take().expect("it is stopped once");
        served.await.expect("it does not panic").expect("it ends well");
    }

    /// Ends at once; calls under way are lost.
    pub(crate) fn kill(self) {}
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.store.kill();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
