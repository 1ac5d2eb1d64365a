//! The client's IP address, and the prefix by which limits count it.
//!
//! It is the address of the peer or, if the peer is a trusted proxy, the one that the proxy names. A limit that believed other
//! peers would limit nothing: an attacker would write a new address into every request, or a victim's. Only the address is
//! read from such a header; our own host and scheme come from the configuration (RFC 9700 §4.13).

use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Once;

use axum::http::{Extensions, HeaderMap, HeaderName, header};
use ipnet::IpNet;
use lychgate_process::network::Network;
use serde::{Deserialize, Serialize};

/// The network by which limits count a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Prefix(Network);

impl Prefix {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(Network::of(address))
    }

    /// The prefix above it that one customer may have; the same one in IPv4.
    pub(crate) fn site(self) -> Self {
        Self(self.0.site())
    }

    /// The prefix of a request. If the layer that determines it is missing, all requests share one.
    pub(crate) fn of_request(extensions: &Extensions) -> Self {
        extensions.get::<Self>().copied().unwrap_or_else(|| Self::of(Ipv4Addr::UNSPECIFIED.into()))
    }
}

impl Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The client's full address, for the events of issuers that record it. Limits use only the prefix, and logs neither.
#[derive(Clone, Copy)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// The client address of a request; `None` if the layer that determines it is missing.
pub(crate) fn of_request(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ClientAddress>().map(|client| client.0)
}

/// The header in which the trusted proxies name the client's address. Only one is read: a proxy writes one of them and
/// passes the other on as the client sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAddressHeader {
    #[default]
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

/// What a connection and a request say about the client's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ForwardedAddress {
    /// The connection is a trusted proxy's.
    pub(crate) is_trusted: bool,
    /// The header that trusted proxies write, cut after some characters; `None` if the request has none.
    pub(crate) header: Option<String>,
}

/// The most characters of a header that [`TrustedProxies::observe`] keeps.
const MAX_OBSERVED: usize = 512;

/// The proxies that are believed about a client's address, and the header they write it into.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ClientAddressHeader,
}

impl TrustedProxies {
    pub(crate) fn new(networks: Vec<IpNet>, header: ClientAddressHeader) -> Self {
        Self { networks, header }
    }

    /// The client's address for a request from `peer`. The header is read from the right, where each entry was written by a
    /// trusted proxy. The first address that is no trusted proxy is the client; entries left of it are the client's own
    /// invention and are not read.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            self.warn_once(peer, headers);
            return peer;
        }
        let mut client = peer;
        let lines = headers.get_all(self.header.name()).iter().collect::<Vec<_>>();
        for entry in lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')) {
            let address = std::str::from_utf8(entry).ok().and_then(|entry| self.header.address(entry.trim()));
            // With an unreadable entry the chain proves nothing, so the proxy itself counts as the client.
            let Some(address) = address else { return peer };
            client = address;
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    /// What leads to the result of [`TrustedProxies::client`], for an operator.
    pub(crate) fn observe(&self, peer: IpAddr, headers: &HeaderMap) -> ForwardedAddress {
        let lines: Vec<_> = headers.get_all(self.header.name()).iter().map(|line| line.as_bytes()).collect();
        let text = || String::from_utf8_lossy(&lines.join(&b", "[..])).chars().take(MAX_OBSERVED).collect();
        ForwardedAddress { is_trusted: self.trusts(peer), header: (!lines.is_empty()).then(text) }
    }

    /// True for the address of a trusted proxy.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Hints at a proxy that is missing in the configuration: all of its clients share one limit, which an operator would
    /// otherwise notice only under load.
    fn warn_once(&self, peer: IpAddr, headers: &HeaderMap) {
        static WARNED: Once = Once::new();
        let is_near = match peer {
            IpAddr::V4(address) => address.is_loopback() || address.is_private(),
            IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
        };
        if is_near && headers.contains_key(self.header.name()) {
            WARNED.call_once(|| {
                tracing::warn!(
                    peer.address = %peer,
                    header = %self.header.name(),
                    "a peer that trusted_proxies does not list sends a client address; it is ignored, and all clients of \
                     this peer share one limit"
                );
            });
        }
    }
}

impl ClientAddressHeader {
    fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            Self::Forwarded => header::FORWARDED,
        }
    }

    fn address(self, entry: &str) -> Option<IpAddr> {
        match self {
            Self::XForwardedFor => node(entry),
            Self::Forwarded => forwarded_for(entry),
        }
    }
}

/// The address in one `forwarded-element` (RFC 7239 §4). Every pair must be complete. The element was split off at a comma;
/// if that comma was inside a quoted string, a pair is incomplete, so a client cannot invent an entry by quoting.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in element.split(';') {
        let (name, value) = pair.trim().split_once('=')?;
        let value = match value.strip_prefix('"') {
            Some(quoted) => quoted.strip_suffix('"')?,
            None => value,
        };
        if value.contains(['"', '\\']) {
            return None;
        }
        if name.eq_ignore_ascii_case("for") && found.replace(node(value)?).is_some() {
            return None;
        }
    }
    found
}

/// An address with or without a port: `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`. `None` for "unknown" and names.
fn node(text: &str) -> Option<IpAddr> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = text.parse().or_else(|_| text.parse().map(|with_port: SocketAddr| with_port.ip())).ok();
    address.or_else(|| bracketed?.parse().ok().filter(IpAddr::is_ipv6)).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn proxies(header: ClientAddressHeader) -> TrustedProxies {
        let networks = ["10.0.0.0/8", "2001:db8:ffff::/48"].map(|network| network.parse().expect("a network"));
        TrustedProxies::new(networks.into(), header)
    }

    fn client(header: ClientAddressHeader, peer: &str, lines: &[&str]) -> IpAddr {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header.name(), HeaderValue::from_bytes(line.as_bytes()).expect("a header value"));
        }
        proxies(header).client(ip(peer), &headers)
    }

    #[test]
    fn an_observation_has_every_line_of_the_header_that_is_read() {
        let mut headers = HeaderMap::new();
        let seen = |peer: &str, headers: &HeaderMap| proxies(ClientAddressHeader::default()).observe(ip(peer), headers);
        assert_eq!(seen("10.0.0.1", &headers), ForwardedAddress { is_trusted: true, header: None });
        headers.append(header::FORWARDED, HeaderValue::from_static("for=192.0.2.1"));
        assert_eq!(seen("192.0.2.1", &headers), ForwardedAddress { is_trusted: false, header: None });
        headers.append("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));
        headers.append("x-forwarded-for", HeaderValue::try_from("x".repeat(2 * MAX_OBSERVED)).expect("a value"));
        let header = seen("10.0.0.1", &headers).header.expect("it has one");
        assert!(header.starts_with("192.0.2.1, xxx") && header.len() == MAX_OBSERVED, "{header}");
    }

    #[test]
    fn prefix_is_a_24_or_a_64_and_in_a_48() {
        for (address, prefix, site) in [
            ("203.0.113.77", "203.0.113.0/24", "203.0.113.0/24"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"),
            ("::ffff:203.0.113.77", "203.0.113.0/24", "203.0.113.0/24"),
        ] {
            let found = Prefix::of(ip(address));
            assert_eq!((found.to_string().as_str(), found.site().to_string().as_str()), (prefix, site));
        }
    }

    /// Requirements: R52.
    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let read = |peer, lines: &[&str]| client(ClientAddressHeader::XForwardedFor, peer, lines);
        assert_eq!(read("203.0.113.5", &["198.51.100.1"]), ip("203.0.113.5"));
        assert_eq!(read("10.0.0.1", &["198.51.100.1"]), ip("198.51.100.1"));
        assert_eq!(read("::ffff:10.0.0.1", &["198.51.100.1"]), ip("198.51.100.1"), "a mapped address is the same one");
        assert_eq!(read("10.0.0.1", &[]), ip("10.0.0.1"));
    }

    /// Requirements: R52.
    #[test]
    fn the_chain_is_read_from_the_right_past_our_own_proxies() {
        let read = |lines: &[&str]| client(ClientAddressHeader::XForwardedFor, "10.0.0.1", lines);
        assert_eq!(read(&["1.1.1.1, 198.51.100.1, 10.0.0.2"]), ip("198.51.100.1"));
        assert_eq!(read(&["1.1.1.1, 198.51.100.1", "10.0.0.2,2001:db8:ffff::1"]), ip("198.51.100.1"));
        assert_eq!(read(&["10.0.0.3, 10.0.0.2"]), ip("10.0.0.3"), "only trusted proxies: the first of them");
        // Entries that the client wrote itself are not read, so they may be malformed.
        assert_eq!(read(&["\u{ff}, \", , 198.51.100.1"]), ip("198.51.100.1"));
    }

    /// Requirements: R52.
    #[test]
    fn unreadable_chain_is_ignored() {
        for entry in
            ["", "unknown", "198.51.100.1, _hidden", "198.51.100.1,", "198.51.100", "[198.51.100.1]", "::1%eth0"]
        {
            assert_eq!(client(ClientAddressHeader::XForwardedFor, "10.0.0.1", &[entry]), ip("10.0.0.1"), "{entry}");
        }
    }

    #[test]
    fn addresses_may_have_ports_and_brackets() {
        for (entry, address) in [
            ("198.51.100.1:4711", "198.51.100.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
        ] {
            assert_eq!(node(entry), Some(ip(address)), "{entry}");
        }
    }

    #[test]
    fn only_complete_rfc_7239_elements_are_accepted() {
        let read = |line| client(ClientAddressHeader::Forwarded, "10.0.0.1", &[line]);
        for line in [
            "for=198.51.100.1",
            "For=\"198.51.100.1:80\";proto=https;host=evil.example",
            "for=1.1.1.1, by=10.0.0.1;for=198.51.100.1, for=10.0.0.2",
            "for=\"x, for=198.51.100.1",
        ] {
            assert_eq!(read(line), ip("198.51.100.1"), "{line}");
        }
        assert_eq!(read("for=\"[2001:db8::1]:80\""), ip("2001:db8::1"));
        for line in [
            "proto=https",
            "for=unknown",
            "for=198.51.100.1;for=1.1.1.1",
            // A host that pretends to be an element of its own.
            "for=198.51.100.1;host=\"a,for=1.1.1.1\"",
            "for=198.51.100.1;host=\"a,for=1.1.1.1;x=\"",
            "for=198.51.100.1;host=\"a,for=1.1.1.1;x=y\"",
            "for=198.51.100.1;host=\"a\\\",for=1.1.1.1\"",
        ] {
            assert_eq!(read(line), ip("10.0.0.1"), "{line}");
        }
    }
}
