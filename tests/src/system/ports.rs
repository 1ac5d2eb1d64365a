//! Ports that stay free for a process, also while it restarts.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;

use anyhow::{Context, Result};

/// Below Linux's range of local ports for outgoing connections, so that no connection occupies the port of a
/// process that restarts.
const CHOICE: Range<u16> = 20_000..32_768;

/// A port that was free. This holds its UDP twin: `lychgate dev`, which chooses by the same rule, skips the port.
#[derive(Debug)]
pub struct Claim {
    address: SocketAddr,
    _twin: UdpSocket,
}

impl Claim {
    pub fn choose() -> Result<Self> {
        let size = CHOICE.end - CHOICE.start;
        let start = u16::from_ne_bytes(crate::random()) % size;
        (0..size)
            .map(|step| CHOICE.start + (start + step) % size)
            .find_map(|port| Self::of(SocketAddr::from((Ipv4Addr::LOCALHOST, port))))
            .context("no port is free")
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn of(address: SocketAddr) -> Option<Self> {
        let twin = UdpSocket::bind(address).ok()?;
        TcpListener::bind(address).ok()?;
        Some(Self { address, _twin: twin })
    }
}
