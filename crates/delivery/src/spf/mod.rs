//! SPF (RFC 7208): may this client speak for that domain, and what makes it so?
//!
//! Beyond the RFC's results a pass says what it was [`Owed`] to, because a domain that lets everybody pass has
//! authorised nobody in particular.

mod check;
mod macros;
mod record;

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use mail::address::{Domain, Mailbox};
use mail::time::Timestamp;

use crate::dns::Name;

/// What `check_host()` is asked (RFC 7208 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The address of the client.
    pub ip: IpAddr,
    /// The domain whose record decides; may be any text.
    pub domain: String,
    /// The local part of the sender; empty means `postmaster`.
    pub sender_local: String,
    /// The domain of the sender.
    pub sender_domain: String,
    /// What the client called itself in HELO or EHLO.
    pub helo: String,
    /// Whether the author of a refusal is looked up.
    pub explain: Explain,
}

/// Whether a domain that fails a client is asked for its explanation (`exp=`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Explain {
    /// It is not.
    Never,
    /// It is, for these values of the macros `r` and `t`.
    To {
        /// The name of the host that checks.
        receiver: String,
        /// The time of the check.
        now: Timestamp,
    },
}

/// The result of `check_host()` (RFC 7208 section 2.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The domain says nothing about itself.
    None,
    /// It says that it says nothing.
    Neutral,
    /// The client may.
    Pass(Owed),
    /// The client may not.
    Fail {
        /// Why, in the domain's own words: printable ASCII, of any length.
        explanation: Option<String>,
    },
    /// The client probably may not.
    SoftFail,
    /// DNS gave no answer: try later.
    TempError(String),
    /// The domain's records are broken, or beyond the limits.
    PermError(String),
}

/// What a pass is owed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// The domain in whose record the mechanism stands: after `include` and `redirect`, the innermost.
    pub domain: Name,
    /// The mechanism, as it stands there.
    pub mechanism: String,
    /// Whom else it would let pass.
    pub reach: Reach,
}

/// Which clients a mechanism lets pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Everybody: `all`, or an `exists` that does not look at the client.
    Everyone,
    /// A network.
    Network(IpNet),
    /// Clients that DNS names one by one: `ptr`, or an `exists` that looks at the client.
    Named,
}

/// Terms that ask DNS, in one check (RFC 7208 section 4.6.4).
pub const LOOKUPS_MAX: u32 = 10;
/// Such terms whose names did not exist or held nothing (RFC 7208 section 4.6.4).
pub const VOID_LOOKUPS_MAX: u32 = 2;
/// Mail exchanges of one `mx`, and names of the client (RFC 7208 section 4.6.4).
pub const NAMES_MAX: usize = 10;
/// The shortest prefix a pass may be owed to and still authorise somebody in particular.
pub const PREFIX_MIN_V4: u8 = 16;
/// The same for IPv6.
pub const PREFIX_MIN_V6: u8 = 32;

impl Check {
    /// Whether `ip` may speak for the sender's own domain; no explanation is looked up.
    pub fn of_sender(ip: IpAddr, sender: &Mailbox, helo: &str) -> Self {
        Self::of_domain(ip, sender.domain(), sender, helo)
    }

    /// Whether the record of `domain` lets `ip` send as `sender`; no explanation is looked up.
    pub fn of_domain(ip: IpAddr, domain: &Domain, sender: &Mailbox, helo: &str) -> Self {
        Self {
            ip,
            domain: domain.to_string(),
            sender_local: sender.local().to_owned(),
            sender_domain: sender.domain().to_string(),
            helo: helo.to_owned(),
            explain: Explain::Never,
        }
    }

    /// Whether `ip` may call itself `helo`; this stands in for the empty reverse-path (RFC 7208 section 2.4).
    pub fn of_helo(ip: IpAddr, helo: &str) -> Self {
        Self {
            ip,
            domain: helo.to_owned(),
            sender_local: String::new(),
            sender_domain: helo.to_owned(),
            helo: helo.to_owned(),
            explain: Explain::Never,
        }
    }
}

impl Reach {
    /// Whether this singles anybody out: not everyone, and no network wider than /16 (IPv4) or /32 (IPv6).
    pub fn is_narrow(self) -> bool {
        match self {
            Self::Everyone => false,
            Self::Network(IpNet::V4(network)) => network.prefix_len() >= PREFIX_MIN_V4,
            Self::Network(IpNet::V6(network)) => network.prefix_len() >= PREFIX_MIN_V6,
            Self::Named => true,
        }
    }
}

impl fmt::Display for Owed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.mechanism, self.domain)
    }
}
