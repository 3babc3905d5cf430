//! Whom a limit of each address is for.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Where guests are from: an IPv4 address, or an IPv6 network of 64 bits, of which any machine can use all addresses
/// (RFC 4291 §2.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Source(IpAddr);

impl Source {
    /// Of a guest with this address. An IPv4 address is the same however it is written.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) if !address.is_loopback() => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            address => address,
        })
    }

    /// Whether it is this machine.
    pub(crate) fn is_loopback(self) -> bool {
        self.0.is_loopback()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V6(network) if !network.is_loopback() => write!(formatter, "{network}/64"),
            address => write!(formatter, "{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_is_one_guest_and_so_are_64_bits_of_ipv6() {
        for (address, source) in [
            ("203.0.113.9", "203.0.113.9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"),
            ("::1", "::1"),
            ("::ffff:127.0.0.1", "127.0.0.1"),
        ] {
            assert_eq!(Source::of(address.parse().unwrap()).to_string(), source);
        }
        let of = |address: &str| Source::of(address.parse().unwrap());
        assert!(of("::1").is_loopback() && of("127.0.0.2").is_loopback() && !of("::2").is_loopback());
    }
}
