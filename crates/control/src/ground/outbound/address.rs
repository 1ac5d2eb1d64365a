//! Decides which addresses a client's URL may lead to: public ones. An allow-list would be IANA's whole registry of
//! allocations, so this is a deny-list: RFC 6890, the two special-purpose registries, and every form in which an IPv6
//! address carries an IPv4 one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{OutboundError, Policy};

/// A checked address. Only this module makes one, and nothing else can be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checked(SocketAddr);

impl Checked {
    pub(super) fn get(self) -> SocketAddr {
        self.0
    }
}

/// Checks the port before the name is resolved.
pub(super) fn check_port(port: u16, policy: &Policy) -> Result<(), OutboundError> {
    let allowed = policy.ports.contains(&port) || policy.permitted.iter().any(|address| address.port() == port);
    if allowed { Ok(()) } else { Err(OutboundError::Port(port)) }
}

/// All of `addresses`, IPv4 first, or none: a name with an internal address beside a public one belongs to an attacker
/// who tries which of them is taken, and no honest host has one.
pub(super) fn check(addresses: &[IpAddr], port: u16, policy: &Policy) -> Result<Vec<Checked>, OutboundError> {
    if addresses.is_empty() {
        return Err(OutboundError::NoAddress);
    }
    let mut checked = addresses.iter().map(|ip| check_one(*ip, port, policy)).collect::<Result<Vec<_>, _>>()?;
    checked.sort_by_key(|checked| checked.0.is_ipv6());
    checked.dedup();
    Ok(checked)
}

fn check_one(ip: IpAddr, port: u16, policy: &Policy) -> Result<Checked, OutboundError> {
    let address = SocketAddr::new(ip, port);
    if policy.permitted.contains(&address) {
        return Ok(Checked(address));
    }
    if let Some(block) = special_use(ip) {
        return Err(OutboundError::SpecialUse { address: ip, block });
    }
    // The port is permitted for a permitted address only.
    if !policy.ports.contains(&port) {
        return Err(OutboundError::Port(port));
    }
    Ok(Checked(address))
}

/// The special-use block of an address that is not public.
fn special_use(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => {
            V4.iter().find(|(block, bits, _)| u32::from(*block) ^ u32::from(ip) < 1 << (32 - bits)).map(|found| found.2)
        }
        IpAddr::V6(ip) => {
            let in_block =
                V6.iter().find(|(block, bits, _)| (u128::from(*block) ^ u128::from(ip)) >> (128 - bits) == 0);
            in_block.map(|found| found.2).or_else(|| isatap(ip)).or_else(|| {
                // All global unicast allocations lie in 2000::/3 (RFC 4291 §2.4): any other address is not public.
                (ip.segments()[0] >> 13 != 1).then_some("not global unicast, RFC 4291")
            })
        }
    }
}

/// An IPv4 address behind any prefix, public ones too: ::0:5efe:a.b.c.d or ::200:5efe:a.b.c.d (RFC 5214 §6.1).
fn isatap(ip: Ipv6Addr) -> Option<&'static str> {
    let [.., high, low, _, _] = ip.segments();
    (high & 0xFDFF == 0 && low == 0x5EFE).then_some("ISATAP, RFC 5214")
}

/// <https://www.iana.org/assignments/iana-ipv4-special-registry>, and multicast. No block is /0.
const V4: [(Ipv4Addr, u32, &str); 18] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network, RFC 791"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private use, RFC 1918"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "shared address space, RFC 6598"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback, RFC 1122"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link local, RFC 3927"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private use, RFC 1918"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "IETF protocol assignments, RFC 6890"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation, RFC 5737"),
    (Ipv4Addr::new(192, 31, 196, 0), 24, "AS112, RFC 7535"),
    (Ipv4Addr::new(192, 52, 193, 0), 24, "AMT, RFC 7450"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "6to4 relay anycast, RFC 7526"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private use, RFC 1918"),
    (Ipv4Addr::new(192, 175, 48, 0), 24, "AS112, RFC 7534"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmarking, RFC 2544"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation, RFC 5737"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation, RFC 5737"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast, RFC 5771"),
    // Includes broadcast.
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved, RFC 1112"),
];

/// <https://www.iana.org/assignments/iana-ipv6-special-registry>, multicast, and former special blocks that may still
/// be routed somewhere. An address that carries an IPv4 address is refused, whichever it carries: a public one is
/// reachable without it.
const V6: [(Ipv6Addr, u32, &str); 20] = [
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified, RFC 4291"),
    (Ipv6Addr::LOCALHOST, 128, "loopback, RFC 4291"),
    (v6([0, 0, 0, 0, 0, 0]), 96, "IPv4-compatible, RFC 4291"),
    (v6([0, 0, 0, 0, 0, 0xFFFF]), 96, "IPv4-mapped, RFC 4291"),
    (v6([0, 0, 0, 0, 0xFFFF, 0]), 96, "IPv4-translated, RFC 2765"),
    (v6([0x64, 0xFF9B, 0, 0, 0, 0]), 96, "NAT64, RFC 6052"),
    (v6([0x64, 0xFF9B, 1, 0, 0, 0]), 48, "local-use NAT64, RFC 8215"),
    (v6([0x100, 0, 0, 0, 0, 0]), 64, "discard only, RFC 6666"),
    (v6([0x100, 0, 0, 1, 0, 0]), 64, "dummy prefix, RFC 9780"),
    (v6([0x2001, 0, 0, 0, 0, 0]), 32, "Teredo, RFC 4380"),
    (v6([0x2001, 0, 0, 0, 0, 0]), 23, "IETF protocol assignments, RFC 2928"),
    (v6([0x2001, 0xDB8, 0, 0, 0, 0]), 32, "documentation, RFC 3849"),
    (v6([0x2002, 0, 0, 0, 0, 0]), 16, "6to4, RFC 3056"),
    (v6([0x2620, 0x4F, 0x8000, 0, 0, 0]), 48, "AS112, RFC 7534"),
    (v6([0x3FFE, 0, 0, 0, 0, 0]), 16, "6bone, RFC 3701"),
    (v6([0x3FFF, 0, 0, 0, 0, 0]), 20, "documentation, RFC 9637"),
    (v6([0x5F00, 0, 0, 0, 0, 0]), 16, "segment routing, RFC 9602"),
    (v6([0xFC00, 0, 0, 0, 0, 0]), 7, "unique local, RFC 4193"),
    (v6([0xFE80, 0, 0, 0, 0, 0]), 10, "link local, RFC 4291"),
    (v6([0xFF00, 0, 0, 0, 0, 0]), 8, "multicast, RFC 4291"),
];

const fn v6([a, b, c, d, e, f]: [u16; 6]) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, d, e, f, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(ip: &str) -> Option<&'static str> {
        special_use(ip.parse().unwrap())
    }

    /// The first and last address of each block, and their neighbours outside.
    ///
    /// Requirements: D8.
    #[test]
    fn every_special_use_block_ends_where_its_registry_says() {
        for (first, last, before, after) in [
            ("0.0.0.0", "0.255.255.255", None, Some("1.0.0.0")),
            ("10.0.0.0", "10.255.255.255", Some("9.255.255.255"), Some("11.0.0.0")),
            ("100.64.0.0", "100.127.255.255", Some("100.63.255.255"), Some("100.128.0.0")),
            ("127.0.0.0", "127.255.255.255", Some("126.255.255.255"), Some("128.0.0.0")),
            ("169.254.0.0", "169.254.255.255", Some("169.253.255.255"), Some("169.255.0.0")),
            ("172.16.0.0", "172.31.255.255", Some("172.15.255.255"), Some("172.32.0.0")),
            ("192.0.0.0", "192.0.0.255", Some("191.255.255.255"), Some("192.0.1.0")),
            ("192.0.2.0", "192.0.2.255", Some("192.0.1.255"), Some("192.0.3.0")),
            ("192.31.196.0", "192.31.196.255", Some("192.31.195.255"), Some("192.31.197.0")),
            ("192.52.193.0", "192.52.193.255", Some("192.52.192.255"), Some("192.52.194.0")),
            ("192.88.99.0", "192.88.99.255", Some("192.88.98.255"), Some("192.88.100.0")),
            ("192.168.0.0", "192.168.255.255", Some("192.167.255.255"), Some("192.169.0.0")),
            ("192.175.48.0", "192.175.48.255", Some("192.175.47.255"), Some("192.175.49.0")),
            ("198.18.0.0", "198.19.255.255", Some("198.17.255.255"), Some("198.20.0.0")),
            ("198.51.100.0", "198.51.100.255", Some("198.51.99.255"), Some("198.51.101.0")),
            ("203.0.113.0", "203.0.113.255", Some("203.0.112.255"), Some("203.0.114.0")),
            ("224.0.0.0", "255.255.255.255", Some("223.255.255.255"), None),
            ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", Some("2000:ffff::"), Some("2001:200::")),
            ("2001:db8::", "2001:db8:ffff::ffff", Some("2001:db7:ffff::"), Some("2001:db9::")),
            ("2002::", "2002:ffff:ffff::1", Some("2001:ffff:ffff::"), Some("2003::")),
            ("2620:4f:8000::", "2620:4f:8000:ffff::", Some("2620:4f:7fff::"), Some("2620:4f:8001::")),
            ("3ffe::", "3fff:fff:ffff::", Some("3ffd:ffff::"), Some("3fff:1000::")),
            ("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some("3fff:ffff::"), None),
            ("::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None, Some("2000::")),
        ] {
            assert!(block(first).is_some() && block(last).is_some(), "{first} {last}");
            for outside in before.into_iter().chain(after) {
                assert_eq!(block(outside), None, "{outside}");
            }
        }
        for public in ["1.1.1.1", "8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450:4001:82a::200e"] {
            assert_eq!(block(public), None, "{public}");
        }
    }

    /// The log says which block it was; and a public IPv4 address is not carried by IPv6 either.
    ///
    /// Requirements: D8.
    #[test]
    fn an_ipv4_address_within_ipv6_is_refused_in_all_its_forms() {
        for (form, ips) in [
            ("IPv4-mapped, RFC 4291", ["::ffff:127.0.0.1", "::ffff:8.8.8.8"]),
            ("IPv4-compatible, RFC 4291", ["::127.0.0.1", "::8.8.8.8"]),
            ("IPv4-translated, RFC 2765", ["::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8"]),
            ("NAT64, RFC 6052", ["64:ff9b::169.254.169.254", "64:ff9b::8.8.8.8"]),
            ("local-use NAT64, RFC 8215", ["64:ff9b:1::10.0.0.1", "64:ff9b:1:ffff::8.8.8.8"]),
            ("6to4, RFC 3056", ["2002:7f00:1::", "2002:808:808::1"]),
            // The client's address with all bits turned over (RFC 4380 §4).
            ("Teredo, RFC 4380", ["2001:0:808:808:0:ffff:80ff:fffe", "2001:0:808:808::f7f7:f7f7"]),
            ("ISATAP, RFC 5214", ["2606:4700::5efe:127.0.0.1", "2606:4700::200:5efe:8.8.8.8"]),
        ] {
            for ip in ips {
                assert_eq!(block(ip), Some(form), "{ip}");
            }
        }
        for (ip, name) in [
            ("::", "unspecified, RFC 4291"),
            ("::1", "loopback, RFC 4291"),
            ("100::1", "discard only, RFC 6666"),
            ("100:0:0:1::1", "dummy prefix, RFC 9780"),
            ("2001:20::1", "IETF protocol assignments, RFC 2928"),
            ("5f00::1", "segment routing, RFC 9602"),
            ("fd00:ec2::254", "unique local, RFC 4193"),
            ("fe80::1", "link local, RFC 4291"),
            ("fec0::1", "not global unicast, RFC 4291"),
            ("ff02::1", "multicast, RFC 4291"),
        ] {
            assert_eq!(block(ip), Some(name), "{ip}");
        }
        assert_eq!(block("2606:4700::5eff:808:808"), None);
    }

    fn checked(addresses: &[&str], port: u16, policy: &Policy) -> Result<Vec<String>, String> {
        let addresses: Vec<IpAddr> = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        let checked = check_port(port, policy).and_then(|()| check(&addresses, port, policy));
        checked.map(|all| all.iter().map(|one| one.get().to_string()).collect()).map_err(|error| error.to_string())
    }

    /// Requirements: D8.
    #[test]
    fn one_internal_address_among_public_ones_refuses_the_name() {
        let policy = Policy::default();
        let public = checked(&["2606:4700::1", "1.1.1.1", "1.1.1.1"], 443, &policy);
        assert_eq!(public, Ok(vec!["1.1.1.1:443".to_owned(), "[2606:4700::1]:443".to_owned()]));
        let mixed = checked(&["1.1.1.1", "10.0.0.1", "2606:4700::1"], 443, &policy);
        assert_eq!(mixed, Err("10.0.0.1 is not a public address: private use, RFC 1918".to_owned()));
        assert_eq!(checked(&[], 443, &policy), Err("the name has no address".to_owned()));
    }

    /// Requirements: D8.
    #[test]
    fn a_permission_covers_one_address_with_one_port() {
        let policy = Policy { permitted: vec!["127.0.0.1:8443".parse().unwrap()], ..Policy::default() };
        assert_eq!(checked(&["127.0.0.1"], 8443, &policy), Ok(vec!["127.0.0.1:8443".to_owned()]));
        for (ip, port, why) in [
            ("127.0.0.1", 443, "127.0.0.1 is not a public address: loopback, RFC 1122"),
            ("127.0.0.1", 8444, "port 8444 is not allowed"),
            ("127.0.0.2", 8443, "127.0.0.2 is not a public address: loopback, RFC 1122"),
            ("::ffff:127.0.0.1", 8443, "::ffff:127.0.0.1 is not a public address: IPv4-mapped, RFC 4291"),
            ("1.1.1.1", 8443, "port 8443 is not allowed"),
        ] {
            assert_eq!(checked(&[ip], port, &policy), Err(why.to_owned()), "{ip} {port}");
        }
    }
}
