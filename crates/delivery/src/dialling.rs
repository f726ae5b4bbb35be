//! Where we may dial: addresses that belong to the Internet, and ports that belong to mail.
//!
//! Names, addresses and ports come from the records of strangers. Without these limits they could have us connect to
//! our own network, or to somebody's other services.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use mail::address::Domain;

/// The port of mail exchanges.
pub const EXCHANGE_PORT: u16 = 25;
/// The usual port of retrieval services.
pub const RETRIEVAL_PORT: u16 = 2626;

/// What may be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialling {
    /// On the Internet: global addresses; ports 25, 2626 and these.
    Internet {
        /// More ports.
        ports: BTreeSet<u16>,
    },
    /// In a lab: any address of a single host; the same ports, these, and all that take no privilege.
    Lab {
        /// More ports.
        ports: BTreeSet<u16>,
        /// Where mail exchanges listen on another port than 25.
        mx_ports: BTreeMap<Domain, u16>,
    },
}

impl Dialling {
    /// For what the administrator names: it may be anywhere; what records of strangers name may not.
    pub const fn anywhere() -> Self {
        Self::Lab { ports: BTreeSet::new(), mx_ports: BTreeMap::new() }
    }

    /// Whether this address may be dialled.
    pub fn permits_address(&self, address: IpAddr) -> bool {
        match self {
            Self::Internet { .. } => is_global(address),
            Self::Lab { .. } => is_one_host(address),
        }
    }

    /// Whether this port, which a record names, may be dialled.
    pub fn permits_port(&self, port: u16) -> bool {
        let listed = |ports: &BTreeSet<u16>| [EXCHANGE_PORT, RETRIEVAL_PORT].contains(&port) || ports.contains(&port);
        match self {
            Self::Internet { ports } => listed(ports),
            Self::Lab { ports, .. } => listed(ports) || port >= 1024,
        }
    }

    /// The port on which a mail exchange is dialled.
    pub fn exchange_port(&self, host: &Domain) -> u16 {
        match self {
            Self::Internet { .. } => EXCHANGE_PORT,
            Self::Lab { mx_ports, .. } => mx_ports.get(host).copied().unwrap_or(EXCHANGE_PORT),
        }
    }
}

fn is_one_host(address: IpAddr) -> bool {
    let address = address.to_canonical();
    !address.is_unspecified() && !address.is_multicast() && address != IpAddr::V4(Ipv4Addr::BROADCAST)
}

/// Whether an address can be that of somebody's host on the Internet, by IANA's registries of special-purpose addresses.
/// What only wraps an IPv4 address is as good as that. In doubt: no.
pub fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_global_v4(v4),
        IpAddr::V6(v6) => is_global_v6(v6),
    }
}

/// Networks of IPv4 that are no one host on the Internet.
const SPECIAL_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 0, 8),       // "this network" (RFC 791)
    v4(10, 0, 0, 0, 8),      // private (RFC 1918)
    v4(100, 64, 0, 0, 10),   // shared by the customers of a carrier (RFC 6598)
    v4(127, 0, 0, 0, 8),     // loopback (RFC 1122)
    v4(169, 254, 0, 0, 16),  // link-local (RFC 3927)
    v4(172, 16, 0, 0, 12),   // private (RFC 1918)
    v4(192, 0, 0, 0, 24),    // protocol assignments (RFC 6890)
    v4(192, 0, 2, 0, 24),    // documentation (RFC 5737)
    v4(192, 88, 99, 0, 24),  // relays of 6to4 (RFC 7526)
    v4(192, 168, 0, 0, 16),  // private (RFC 1918)
    v4(198, 18, 0, 0, 15),   // benchmarks (RFC 2544)
    v4(198, 51, 100, 0, 24), // documentation (RFC 5737)
    v4(203, 0, 113, 0, 24),  // documentation (RFC 5737)
    v4(224, 0, 0, 0, 4),     // multicast (RFC 5771)
    v4(240, 0, 0, 0, 4),     // reserved, and broadcast (RFC 1112)
];

/// Networks within `2000::/3` that are no one host on the Internet.
const SPECIAL_V6: [Ipv6Net; 3] = [
    v6([0x2001, 0], 23),     // protocol assignments: Teredo, benchmarks, ORCHID and more (RFC 2928)
    v6([0x2001, 0xdb8], 32), // documentation (RFC 3849)
    v6([0x3fff, 0], 20),     // documentation (RFC 9637)
];

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(first: [u16; 2], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first[0], first[1], 0, 0, 0, 0, 0, 0), length)
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|network| network.contains(&address))
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    let wrapped = |high: u16, low: u16| is_global_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        // IPv4-mapped (RFC 4291 section 2.5.5.2), NAT64 (RFC 6052), 6to4 (RFC 3056).
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => wrapped(high, low),
        // Global unicast is allotted from 2000::/3 alone (RFC 4291 section 2.4); so no loopback, NAT64 of one's own,
        // discard, SRv6, unique local, link-local, site-local or multicast address passes.
        [first, ..] => (0x2000..=0x3fff).contains(&first) && !SPECIAL_V6.iter().any(|network| network.contains(&address)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_global() {
        let global = "\
            1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0 \
            172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.88.98.255 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 \
            198.51.99.255 203.0.114.0 223.255.255.255 2000::1 2001:200::1 2001:4860::8888 2620:fe::fe 3ffe::1 2002:101:101::1 \
            64:ff9b::101:101 ::ffff:1.1.1.1";
        let special = "\
            0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 \
            172.31.255.255 192.0.0.1 192.0.0.171 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.7 \
            203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::1.1.1.1 ::ffff:127.0.0.1 ::ffff:10.1.2.3 \
            ::ffff:169.254.169.254 ::ffff:0:1.1.1.1 64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b:1::101:101 100::1 100:0:0:1::1 2001::1 \
            2001:0:101:101::1 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::1 2002:a00:1::1 2002:c0a8:101::1 3fff::1 \
            3fff:fff::1 4000::1 5f00::1 fc00::1 fd12::1 fe80::1 fec0::1 ff02::1 1fff::1";
        for address in global.split_whitespace() {
            assert!(is_global(address.parse().unwrap()), "{address}");
        }
        for address in special.split_whitespace() {
            assert!(!is_global(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn only_ports_of_mail_and_configured_ones_are_dialled() {
        let internet = Dialling::Internet { ports: BTreeSet::from([10_025]) };
        for (port, permitted) in
            [(25, true), (2626, true), (10_025, true), (22, false), (80, false), (465, false), (10_026, false), (0, false)]
        {
            assert_eq!(internet.permits_port(port), permitted, "{port}");
        }
        let lab = Dialling::Lab { ports: BTreeSet::new(), mx_ports: BTreeMap::from([("mx.b.test".parse().unwrap(), 4025)]) };
        for (port, permitted) in [(25, true), (2626, true), (10_026, true), (22, false), (443, false)] {
            assert_eq!(lab.permits_port(port), permitted, "{port}");
        }
        assert_eq!(lab.exchange_port(&"mx.b.test".parse().unwrap()), 4025);
        assert_eq!(lab.exchange_port(&"mx.a.test".parse().unwrap()), 25);
        assert_eq!(internet.exchange_port(&"mx.b.test".parse().unwrap()), 25);
    }

    #[test]
    fn a_lab_dials_any_single_host() {
        let lab = Dialling::Lab { ports: BTreeSet::new(), mx_ports: BTreeMap::new() };
        for (address, permitted) in [
            ("127.0.0.2", true),
            ("10.0.0.1", true),
            ("::1", true),
            ("1.1.1.1", true),
            ("0.0.0.0", false),
            ("::", false),
            ("::ffff:0.0.0.0", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("ff02::1", false),
        ] {
            assert_eq!(lab.permits_address(address.parse().unwrap()), permitted, "{address}");
        }
    }
}
