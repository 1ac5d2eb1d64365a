//! Ports that stay free until their process listens, and while it is away.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;

use anyhow::{Context, Result};

/// Below the range from which Linux takes the local ports of outgoing connections: such a connection never sits on a port
/// whose process is only being restarted.
const CHOICE: Range<u16> = 20_000..32_768;

/// A port that was free. Its UDP twin is held: whoever chooses by the same rule (`lychgate dev` does) passes this one over.
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
