//! Routes that the administrator names: a smarthost for all, or a host for some domains.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use mail::address::Domain;

use crate::discovery::Tls;

/// Every route there is. Without one, mail goes where MX records say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes {
    /// For all mail that no other route is for.
    pub smarthost: Option<NextHop>,
    /// For one domain.
    pub domains: BTreeMap<Domain, NextHop>,
    /// For a domain and all below it.
    pub with_subdomains: BTreeMap<Domain, NextHop>,
}

/// Where a route leads. The administrator names it: its addresses may be private ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NextHop {
    /// The host; its own addresses, no MX.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// What is asked of TLS.
    pub tls: RouteTls,
    /// Who we are there. Only told over verified TLS.
    pub login: Option<Login>,
    /// Whether notices are given first.
    pub notices: NoticePolicy,
}

/// A host by name or by address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// Looked up in DNS.
    Named(Domain),
    /// Dialled as it is.
    Literal(IpAddr),
}

/// What a route asks of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteTls {
    /// Used if offered, whatever the certificate.
    Opportunistic,
    /// STARTTLS with a certificate that verifies, or no mail.
    Verified,
    /// TLS with the first octet, with a certificate that verifies.
    Implicit,
}

/// For AUTH PLAIN.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

/// Whether the recipients' servers are asked for the extension before mail takes a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoticePolicy {
    /// They are, where DNS says they are: the route is for those without it.
    First,
    /// They are not: they can't be reached from here.
    Never,
}

impl RouteTls {
    /// How TLS begins, if it does.
    pub const fn begins(self) -> Tls {
        match self {
            Self::Implicit => Tls::Implicit,
            Self::Opportunistic | Self::Verified => Tls::StartTls,
        }
    }
}

impl Routes {
    /// The route for a domain: its own, else that of the nearest domain above it, else the smarthost.
    pub fn of(&self, domain: &Domain) -> Option<&NextHop> {
        self.named(domain).or(self.smarthost.as_ref())
    }

    /// The route that names this domain, or one above it.
    pub fn named(&self, domain: &Domain) -> Option<&NextHop> {
        let above = || self.with_subdomains.iter().filter(|(top, _)| domain.is_within(top));
        self.domains.get(domain).or_else(|| above().max_by_key(|(top, _)| top.as_str().len()).map(|(_, hop)| hop))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(domain) => domain.fmt(f),
            Self::Literal(address) => address.fmt(f),
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({})", self.user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(port: u16) -> NextHop {
        let host = Host::Literal("192.0.2.1".parse().unwrap());
        NextHop { host, port, tls: RouteTls::Opportunistic, login: None, notices: NoticePolicy::First }
    }

    #[test]
    fn the_nearest_route_is_taken() {
        let domain = |text: &str| text.parse::<Domain>().unwrap();
        let routes = Routes {
            smarthost: Some(hop(1)),
            domains: BTreeMap::from([(domain("c.test"), hop(2))]),
            with_subdomains: BTreeMap::from([(domain("d.test"), hop(3)), (domain("x.d.test"), hop(4))]),
        };
        for (name, port) in
            [("c.test", 2), ("x.c.test", 1), ("d.test", 3), ("y.d.test", 3), ("x.d.test", 4), ("z.x.d.test", 4), ("ad.test", 1)]
        {
            assert_eq!(routes.of(&domain(name)).map(|hop| hop.port), Some(port), "{name}");
        }
        assert_eq!(Routes::default().of(&domain("c.test")), None);
        assert_eq!(routes.named(&domain("x.c.test")), None);
    }

    #[test]
    fn a_password_is_not_shown() {
        let login = Login { user: "u".to_owned(), password: "secret".to_owned() };
        assert!(!format!("{login:?}").contains("secret"));
    }
}
