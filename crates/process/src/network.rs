//! Networks, by which limits count addresses.

use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network: an address without the bits beyond its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// The network that one customer typically has: a /24, or in IPv6 a /64, all of which one machine may use.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                Self { address: Ipv4Addr::new(a, b, c, 0).into(), bits: 24 }
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self { address: Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into(), bits: 64 }
            }
        }
    }

    /// The network above it that one customer may have, too: a /48, with 65,536 of the networks above; in IPv4 the same
    /// /24.
    pub fn site(self) -> Self {
        match self.address {
            IpAddr::V4(_) => self,
            IpAddr::V6(address) => {
                let [a, b, c, ..] = address.segments();
                Self { address: Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into(), bits: 48 }
            }
        }
    }
}

impl Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_a_network_and_to_a_site() {
        for (address, network, site) in [
            ("203.0.113.77", "203.0.113.0/24", "203.0.113.0/24"),
            ("::ffff:203.0.113.77", "203.0.113.0/24", "203.0.113.0/24"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"),
            ("2001:db8:1:ffff::1", "2001:db8:1:ffff::/64", "2001:db8:1::/48"),
            ("::1", "::/64", "::/48"),
        ] {
            let found = Network::of(address.parse().unwrap());
            assert_eq!((found.to_string().as_str(), found.site().to_string().as_str()), (network, site), "{address}");
            assert_eq!(found.site().site(), found.site());
        }
    }
}
