//! The addresses of the processes, and the URLs made of them.

use std::net::{IpAddr, SocketAddr};

use super::ports::Ports;

/// The id of the only issuer. It is part of the callback URL that is registered at the upstream, so it never changes.
pub(super) const ISSUER_ID: &str = "demo";

#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    pub(super) edge: SocketAddr,
    pub(super) control: SocketAddr,
    pub(super) provider: SocketAddr,
    pub(super) mcp: SocketAddr,
    pub(super) control_metrics: SocketAddr,
    pub(super) edge_metrics: SocketAddr,
}

impl Addresses {
    pub(super) fn new(ip: IpAddr, ports: Ports) -> Self {
        let at = |port| SocketAddr::new(ip, port);
        Self {
            edge: at(ports.edge),
            control: at(ports.control),
            provider: at(ports.provider),
            mcp: at(ports.mcp),
            control_metrics: at(ports.control_metrics),
            edge_metrics: at(ports.edge_metrics),
        }
    }

    pub(super) fn issuer(&self) -> String {
        origin(self.edge)
    }

    pub(super) fn upstream_redirect_uri(&self) -> String {
        format!("{}/callback/{ISSUER_ID}", self.issuer())
    }

    pub(super) fn upstream_issuer(&self) -> String {
        origin(self.provider)
    }

    pub(super) fn mcp_url(&self) -> String {
        format!("{}/mcp", origin(self.mcp))
    }
}

/// The origin as browsers serialize it, without the default port of http.
pub(super) fn origin(address: SocketAddr) -> String {
    match (address.port(), address.ip()) {
        (80, IpAddr::V4(ip)) => format!("http://{ip}"),
        (80, IpAddr::V6(ip)) => format!("http://[{ip}]"),
        _ => format!("http://{address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_omits_the_default_port_of_its_scheme() {
        for (address, expected) in
            [("127.0.0.1:80", "http://127.0.0.1"), ("[::1]:80", "http://[::1]"), ("[::1]:8080", "http://[::1]:8080")]
        {
            assert_eq!(origin(address.parse().unwrap()), expected);
        }
    }
}
