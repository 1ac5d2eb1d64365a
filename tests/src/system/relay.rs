//! A TCP relay before a process: an endpoint that a test can make refuse connections while the process runs.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::ports::Claim;

#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    /// `None` if the caller chose the address.
    _claim: Option<Claim>,
    to: SocketAddr,
    relaying: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts to relay connections to `to`, from a port that stays free while the relay is cut.
    pub async fn start(to: SocketAddr) -> Result<Self> {
        let claim = Claim::choose()?;
        let mut relay = Self { address: claim.address(), _claim: Some(claim), to, relaying: None };
        relay.open().await?;
        Ok(relay)
    }

    /// Starts to relay connections of `address` to `to`.
    pub async fn at(address: SocketAddr, to: SocketAddr) -> Result<Self> {
        let mut relay = Self { address, _claim: None, to, relaying: None };
        relay.open().await?;
        Ok(relay)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Relays again.
    pub async fn open(&mut self) -> Result<()> {
        let listener = TcpListener::bind(self.address()).await?;
        self.relaying = Some(tokio::spawn(relay(listener, self.to)));
        Ok(())
    }

    /// Ends every connection, and refuses new ones.
    pub async fn cut(&mut self) -> Result<()> {
        let relaying = self.relaying.take().context("the relay is cut already")?;
        relaying.abort();
        // The task has dropped the listener and all connections once it is joined.
        drop(relaying.await);
        Ok(())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(relaying) = &self.relaying {
            relaying.abort();
        }
    }
}

async fn relay(listener: TcpListener, to: SocketAddr) {
    let mut connections = JoinSet::new();
    while let Ok((mut from, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(async move {
            if let Ok(mut to) = TcpStream::connect(to).await {
                // Either side may end the connection.
                drop(copy_bidirectional(&mut from, &mut to).await);
            }
        });
    }
}
