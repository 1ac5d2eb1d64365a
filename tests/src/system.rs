//! Lychgate as in production: one control plane on RocksDB and several edges. Each is a process with its own
//! configuration that a test can kill and restart. The load balancer and the identity providers belong to the test.
//!
//! This module repeats no request, because the product has to survive failures by itself.

pub mod balancer;
pub mod certified;
pub mod configuration;
pub mod family;
pub mod logged;
pub mod ports;
pub mod relay;
pub mod service;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::process::Command;

use crate::dev::binary;
use crate::flow::Gate;
use crate::grpc::{self, Caller};
use crate::upstream::Upstream;
use balancer::Balancer;
use configuration::{Addresses, Written};
use ports::Claim;
use service::Service;

pub use configuration::{CONFIGURED_CLIENT, CROWD, Issuer, MAIN, Plan, digest, principal, resource_server};

/// All running processes. Dropping it kills them.
#[derive(Debug)]
pub struct System {
    plan: Plan,
    addresses: Addresses,
    written: Written,
    balancer: Balancer,
    control: Option<Service>,
    edges: Vec<Option<Service>>,
    upstreams: Vec<Upstream>,
    _claims: Vec<Claim>,
    directory: TempDir,
}

impl System {
    /// Starts all processes and waits until they answer.
    pub async fn start(plan: Plan) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let claims = (0..=plan.edges).map(|_| Claim::choose()).collect::<Result<Vec<_>>>()?;
        let edges: Vec<_> = claims[1..].iter().map(Claim::address).collect();
        let balancer = Balancer::start(&edges).await?;
        let control = claims[0].address();
        let links = vec![control; plan.edges];
        let addresses = Addresses { controls: vec![control], links, edges, balancer: balancer.address() };
        let mut upstreams = Vec::new();
        for _ in &plan.issuers {
            upstreams.push(Upstream::start().await?);
        }
        let written = configuration::write(directory.path(), &addresses, &plan, &upstreams)?;
        if !plan.stores.is_empty() {
            migrate(&written.controls[0]).await?;
        }
        let edges = (0..plan.edges).map(|_| None).collect();
        let mut system =
            Self { plan, addresses, written, balancer, control: None, edges, upstreams, _claims: claims, directory };
        system.start_control().await?;
        for edge in 0..system.edges.len() {
            system.start_edge(edge).await?;
        }
        Ok(system)
    }

    /// The authorization server `id` from a client's point of view: its URL is the balancer's.
    pub fn gate(&self, id: &str) -> Result<Gate> {
        let issuer = &self.plan.issuers[self.place(id)?];
        Gate::new(&self.addresses.issuer(issuer), issuer.resource)
    }

    /// The identity provider of the issuer `id`.
    pub fn upstream(&self, id: &str) -> Result<&Upstream> {
        Ok(&self.upstreams[self.place(id)?])
    }

    /// The origin that clients and browsers connect to, without a slash.
    pub fn origin(&self) -> String {
        self.addresses.origin()
    }

    pub fn balancer(&self) -> &Balancer {
        &self.balancer
    }

    /// The URL of one edge, bypassing the balancer.
    pub fn edge_url(&self, edge: usize) -> String {
        format!("http://{}", self.addresses.edges[edge])
    }

    pub fn edge_address(&self, edge: usize) -> SocketAddr {
        self.addresses.edges[edge]
    }

    pub fn control_url(&self) -> String {
        format!("http://{}", self.addresses.controls[0])
    }

    pub fn control_address(&self) -> SocketAddr {
        self.addresses.controls[0]
    }

    /// The certificate authority for the control plane, if it uses TLS.
    pub fn control_ca(&self) -> Option<Vec<u8>> {
        fs::read(self.certificates().path("control-ca.pem")).ok()
    }

    /// The files with certificates of a system that has them.
    pub fn certificates(&self) -> certified::Files {
        certified::Files::of(self.directory())
    }

    /// The directory of this system's files: configuration, secrets and the store.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn edge_config(&self, edge: usize) -> &Path {
        &self.written.edges[edge]
    }

    pub fn control_config(&self) -> &Path {
        &self.written.controls[0]
    }

    /// The token of an edge.
    pub fn edge_token(&self, edge: usize) -> &str {
        &self.written.edge_tokens[edge]
    }

    /// A caller of gRPC with the first edge's token.
    pub fn as_edge(&self) -> Result<Caller> {
        Caller::new(&self.control_url(), &self.written.edge_tokens[0])
    }

    /// Secrets that only the control plane may hold, in clear: tests search for them everywhere else.
    pub fn secrets_of_control(&self) -> Vec<&str> {
        self.written.upstream_secrets.iter().map(String::as_str).chain([self.written.master_key.as_str()]).collect()
    }

    /// Starts the control plane with its configuration and waits until its health service says that it serves.
    pub async fn start_control(&mut self) -> Result<()> {
        ensure!(self.control.is_none(), "the control plane runs already");
        let mut control = self.begin("lychgate-control", &self.written.controls[0])?;
        let address = self.addresses.controls[0];
        let ca = self.control_ca();
        control.until("serves", || grpc::is_serving(address, ca.as_deref())).await?;
        self.control = Some(control);
        Ok(())
    }

    /// Sends SIGKILL to the control plane.
    pub async fn kill_control(&mut self) -> Result<()> {
        self.control.take().context("the control plane does not run")?.kill().await
    }

    /// Kills and restarts the control plane: it must have all that it had acknowledged.
    pub async fn crash_control(&mut self) -> Result<()> {
        self.kill_control().await?;
        self.start_control().await
    }

    /// Sends SIGTERM to the control plane; it finishes running calls first.
    pub fn terminate_control(&self) -> Result<()> {
        self.control.as_ref().context("the control plane does not run")?.signal("TERM")
    }

    /// Waits until a control plane has ended after a signal.
    pub async fn control_ended(&mut self) -> Result<ExitStatus> {
        self.control.take().context("the control plane does not run")?.ended().await
    }

    pub async fn start_edge(&mut self, edge: usize) -> Result<()> {
        ensure!(self.edges[edge].is_none(), "edge {edge} runs already");
        let mut service = self.begin_edge(edge)?;
        service.answers_at(&format!("{}/readyz", self.edge_url(edge))).await?;
        self.edges[edge] = Some(service);
        Ok(())
    }

    /// Starts an edge and waits for its address only: without the control plane it has no issuers to serve.
    pub async fn start_edge_alone(&mut self, edge: usize) -> Result<()> {
        ensure!(self.edges[edge].is_none(), "edge {edge} runs already");
        let mut service = self.begin_edge(edge)?;
        service.answers_at(&format!("{}/healthz", self.edge_url(edge))).await?;
        self.edges[edge] = Some(service);
        Ok(())
    }

    pub async fn kill_edge(&mut self, edge: usize) -> Result<()> {
        self.edges[edge].take().context("this edge does not run")?.kill().await
    }

    pub fn terminate_edge(&self, edge: usize) -> Result<()> {
        self.edges[edge].as_ref().context("this edge does not run")?.signal("TERM")
    }

    pub async fn edge_ended(&mut self, edge: usize) -> Result<ExitStatus> {
        self.edges[edge].take().context("this edge does not run")?.ended().await
    }

    /// The process id of the edge.
    pub fn edge_process(&self, edge: usize) -> Result<u32> {
        self.edges[edge].as_ref().and_then(Service::id).context("this edge does not run")
    }

    /// The process id of the control plane.
    pub fn control_process(&self) -> Result<u32> {
        self.control.as_ref().and_then(Service::id).context("the control plane does not run")
    }

    fn place(&self, id: &str) -> Result<usize> {
        self.plan
            .issuers
            .iter()
            .position(|issuer| issuer.id == id)
            .with_context(|| format!("no issuer {id:?} is planned"))
    }

    fn begin_edge(&self, edge: usize) -> Result<Service> {
        self.begin("lychgate-edge", &self.written.edges[edge])
    }

    fn begin(&self, name: &'static str, config: &Path) -> Result<Service> {
        match self.plan.process_limits {
            "" => Service::start(name, config),
            limits => Service::start_limited(name, config, limits),
        }
    }
}

/// All regular files below `directory` with their contents.
pub fn files(directory: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            let content = fs::read(&path).with_context(|| path.display().to_string())?;
            found.push((path, content));
        }
    }
    Ok(found)
}

/// Installs the schema in the database that a control node's configuration names.
pub(crate) async fn migrate(config: &Path) -> Result<()> {
    let output =
        Command::new(binary("lychgate")?).args(["storage", "migrate", "--config"]).arg(config).output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
