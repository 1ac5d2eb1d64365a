//! Callers' addresses in events.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::issuer::AddressPolicy;

/// An address or its prefix, as text. Only a policy makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// The part of `address` that `policy` keeps.
    pub fn kept(address: IpAddr, policy: AddressPolicy) -> Option<Self> {
        let address = address.to_canonical();
        match policy {
            AddressPolicy::None => None,
            AddressPolicy::Prefix => Some(Self(prefix(address))),
            AddressPolicy::Full => Some(Self(address.to_string())),
        }
    }

    /// An address from a stored record.
    pub fn from_record(text: String) -> Self {
        Self(text)
    }

    /// The address, or a prefix such as `203.0.113.0/24`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn prefix(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{}/24", Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_only_as_far_as_the_policy_allows() {
        for (address, cut) in [
            ("203.0.113.77", "203.0.113.0/24"),
            ("::ffff:203.0.113.77", "203.0.113.0/24"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
            ("::1", "::/48"),
        ] {
            let address: IpAddr = address.parse().unwrap();
            let kept = |policy| Address::kept(address, policy).map(|kept| kept.0);
            assert_eq!(kept(AddressPolicy::None), None);
            assert_eq!(kept(AddressPolicy::Prefix).as_deref(), Some(cut));
            assert_eq!(kept(AddressPolicy::Full), Some(address.to_canonical().to_string()));
        }
    }
}
