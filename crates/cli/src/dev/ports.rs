//! The port of each process. The first start chooses them and later starts keep them, because clients remember addresses.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;

use anyhow::{Context, bail};
use lychgate_process::{config, random};
use serde::{Deserialize, Serialize};

use super::directory::Directory;

const FILE: &str = "ports.toml";
const COMMENT: &str =
    "The ports of `lychgate dev`, kept for its next start. If you remove a line, another port is chosen.";

/// Below the range of Linux for local ports of outgoing connections, so that no such connection occupies a kept port.
const CHOICE: Range<u16> = 20_000..32_768;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) edge: u16,
    pub(super) control: u16,
    pub(super) provider: u16,
    pub(super) mcp: u16,
    pub(super) control_metrics: u16,
    pub(super) edge_metrics: u16,
}

impl Ports {
    /// The ports kept in `directory`; missing ones are chosen and written there. For the edge a port of `listen` other than 0
    /// takes precedence. Until the claims are dropped, no other `lychgate dev` chooses the same ports.
    pub(super) fn settle(directory: &Directory, listen: SocketAddr) -> anyhow::Result<(Self, Vec<Claim>)> {
        let mut kept = Kept::load(directory)?;
        if listen.port() != 0 {
            kept.edge = Some(listen.port());
        }
        let mut claims = Vec::new();
        let mut settle = |port: &mut Option<u16>| match *port {
            Some(port) => anyhow::Ok(port),
            None => {
                let claim = Claim::choose(listen.ip())?;
                *port = Some(claim.port);
                let chosen = claim.port;
                claims.push(claim);
                Ok(chosen)
            }
        };
        let ports = Self {
            edge: settle(&mut kept.edge)?,
            control: settle(&mut kept.control)?,
            provider: settle(&mut kept.provider)?,
            mcp: settle(&mut kept.mcp)?,
            control_metrics: settle(&mut kept.control_metrics)?,
            edge_metrics: settle(&mut kept.edge_metrics)?,
        };
        directory.write_toml(FILE, COMMENT, &kept)?;
        Ok((ports, claims))
    }
}

/// Fails with a remedy if another process listens at `address`, which is kept for `name`.
pub(super) fn demand_free(directory: &Directory, name: &str, address: SocketAddr) -> anyhow::Result<()> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AddrInUse => bail!(
            "port {} of {name} is taken by another process; stop that one, or remove `{name}` from {} to choose another \
             port (for the edge: change --listen), and update the clients",
            address.port(),
            directory.file(FILE).display()
        ),
        Err(error) => Err(error).context(format!("cannot listen at {address} for {name}")),
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    edge: Option<u16>,
    control: Option<u16>,
    provider: Option<u16>,
    mcp: Option<u16>,
    control_metrics: Option<u16>,
    edge_metrics: Option<u16>,
}

impl Kept {
    fn load(directory: &Directory) -> anyhow::Result<Self> {
        let path = directory.file(FILE);
        if path.exists() { Ok(config::load(&path)?) } else { Ok(Self::default()) }
    }
}

/// A free port, reserved until its process listens. The claim holds the UDP port of the same number, which another
/// `lychgate dev` also tries to bind; the system releases it if this process is killed.
#[derive(Debug)]
pub(super) struct Claim {
    port: u16,
    _udp: UdpSocket,
}

impl Claim {
    fn choose(ip: IpAddr) -> anyhow::Result<Self> {
        let size = CHOICE.end - CHOICE.start;
        let start = random_below(size)?;
        (0..size)
            .map(|step| CHOICE.start + (start + step) % size)
            .find_map(|port| Self::of(SocketAddr::new(ip, port)))
            .with_context(|| format!("no port between {} and {} is free at {ip}", CHOICE.start, CHOICE.end))
    }

    fn of(address: SocketAddr) -> Option<Self> {
        let udp = UdpSocket::bind(address).ok()?;
        TcpListener::bind(address).ok()?;
        Some(Self { port: address.port(), _udp: udp })
    }
}

#[expect(clippy::disallowed_methods, reason = "no rule depends on the number of a port")]
fn random_below(limit: u16) -> anyhow::Result<u16> {
    Ok(u16::from_ne_bytes(random::bytes()?) % limit)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::Ipv4Addr;

    use super::*;

    const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    #[test]
    fn a_second_start_finds_the_same_ports() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(parent.path()).unwrap();
        let (first, _claims) = Ports::settle(&directory, ANY).unwrap();
        let (second, claims) = Ports::settle(&directory, ANY).unwrap();
        assert_eq!(first, second);
        assert!(claims.is_empty());
        let Ports { edge, control, provider, mcp, control_metrics, edge_metrics } = first;
        let distinct = std::collections::BTreeSet::from([edge, control, provider, mcp, control_metrics, edge_metrics]);
        assert_eq!(distinct.len(), 6);
    }

    #[test]
    fn a_port_from_the_command_line_is_kept() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(parent.path()).unwrap();
        let (first, _claims) = Ports::settle(&directory, ANY).unwrap();
        let asked = Ports::settle(&directory, SocketAddr::new(ANY.ip(), 8080)).unwrap().0;
        assert_eq!(asked, Ports { edge: 8080, ..first });
        assert_eq!(Ports::settle(&directory, ANY).unwrap().0, asked);
    }

    #[test]
    fn a_port_without_a_line_is_chosen_anew() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(parent.path()).unwrap();
        fs::write(directory.file(FILE), "edge = 8080\ncontrol = 7441\n").unwrap();
        let (ports, claims) = Ports::settle(&directory, ANY).unwrap();
        assert_eq!((ports.edge, ports.control), (8080, 7441));
        let chosen = [ports.provider, ports.mcp, ports.control_metrics, ports.edge_metrics];
        assert_eq!(claims.iter().map(|claim| claim.port).collect::<Vec<_>>(), chosen);
    }

    #[test]
    fn a_port_that_is_taken_is_named_with_its_remedy() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(parent.path()).unwrap();
        let claim = Claim::choose(ANY.ip()).unwrap();
        let address = SocketAddr::new(ANY.ip(), claim.port);
        demand_free(&directory, "mcp", address).unwrap();
        let _other = TcpListener::bind(address).unwrap();
        let error = demand_free(&directory, "mcp", address).unwrap_err().to_string();
        let port = claim.port;
        assert!(
            error.starts_with(&format!(
                "port {port} of mcp is taken by another process; stop that one, or remove `mcp`"
            ))
        );
    }

    #[test]
    fn a_claimed_port_is_not_chosen_again() {
        let claim = Claim::choose(ANY.ip()).unwrap();
        assert!(CHOICE.contains(&claim.port));
        assert!(Claim::of(SocketAddr::new(ANY.ip(), claim.port)).is_none());
    }
}
