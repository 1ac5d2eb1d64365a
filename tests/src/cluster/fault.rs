//! What happens to a cluster under load, and how it is repaired.

use std::time::Duration;

use anyhow::Result;

use super::Cluster;
use super::link::Link;
use crate::dev::Version;
use crate::grpc::is_serving;
use crate::system::service::until;

/// A fault. Each is over when [`Cluster::inject`] returns: processes run again, links work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// SIGKILL of a control node, and its restart.
    KillControl(usize),
    /// SIGTERM to a control node, and its start in this version.
    ReplaceControl(usize, Version),
    /// SIGTERM to an edge, and its start in this version.
    ReplaceEdge(usize, Version),
    /// SIGKILL of an edge, and its restart.
    KillEdge(usize),
    /// The connections between an edge and its control node are closed.
    CutEdge(usize),
    /// SIGKILL of the database's primary and its failover manager. Over when another node is the primary and the killed one joined
    /// again.
    KillPrimary,
    /// The primary and its failover manager hang until another node is the primary, go on, and are reset.
    FreezePrimary,
    /// SIGKILL of the primary's failover manager. The primary goes on until another node is the primary, and is reset then.
    KillManager,
    /// The standbys are cut off from the primary, until it is killed.
    CutReplication,
    /// A standby is stopped and started.
    StopStandby,
    /// The connections between a control node and the database are closed.
    CutDatabase(usize),
    /// The network between a control node and the database loses everything, until the node says that it does not serve.
    SilenceDatabase(usize),
}

impl Cluster {
    pub async fn inject(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::KillControl(control) => {
                self.kill_control(control).await?;
                self.start_control(control).await
            }
            Fault::ReplaceControl(control, version) => self.replace_control(control, version).await,
            Fault::ReplaceEdge(edge, version) => self.replace_edge(edge, version).await,
            Fault::KillEdge(edge) => {
                self.kill_edge(edge).await?;
                self.start_edge(edge).await
            }
            Fault::CutEdge(edge) => {
                self.link(edge).cut();
                Ok(())
            }
            Fault::KillPrimary => {
                let took = self.database()?.kill_primary().await?;
                self.repaired(took).await
            }
            Fault::FreezePrimary => {
                let took = self.database()?.freeze_primary().await?;
                self.repaired(took).await
            }
            Fault::KillManager => {
                let took = self.database()?.kill_manager().await?;
                self.repaired(took).await
            }
            Fault::CutReplication => self.database()?.cut_replication().await,
            Fault::StopStandby => {
                self.database()?.stop_standby().await?;
                self.database()?.until_complete().await
            }
            Fault::CutDatabase(control) => {
                self.database_links(control)?.iter().for_each(Link::cut);
                Ok(())
            }
            Fault::SilenceDatabase(control) => self.silence_database(control).await,
        }
    }

    /// Waits until both standbys follow the primary that there is since `took`.
    async fn repaired(&mut self, took: Duration) -> Result<()> {
        eprintln!("           another primary after {:.1} s", took.as_secs_f64());
        self.database()?.until_complete().await
    }

    /// Waits until the control node notices, and until it serves again.
    async fn silence_database(&mut self, control: usize) -> Result<()> {
        let address = self.control_address(control);
        self.database_links(control)?.iter().for_each(Link::silence);
        let noticed = until("the control node misses its database", async || !is_serving(address, None).await).await;
        self.database_links(control)?.iter().for_each(Link::open);
        noticed?;
        until("the control node serves again", async || is_serving(address, None).await).await
    }
}
