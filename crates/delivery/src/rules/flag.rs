//! A flag that a rule may set: a system flag of IMAP, or a keyword.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Octets in a keyword: longer than those that mail programs make.
const KEYWORD_OCTETS_MAX: usize = 64;

/// A system flag (RFC 9051 section 2.3.2) with its backslash, or a keyword; compared without regard to case.
#[derive(Debug, Clone)]
pub struct Flag(String);

/// A text that is no flag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a flag: {0:?}; expected \\Seen, \\Answered, \\Flagged, \\Deleted, \\Draft, or a keyword of printable ASCII without ( ) {{ % * \" \\ ]"
)]
pub struct FlagError(String);

const SYSTEM: [&str; 5] = ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"];

impl Flag {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Flag {
    type Err = FlagError;

    fn from_str(text: &str) -> Result<Self, FlagError> {
        if let Some(system) = SYSTEM.into_iter().find(|system| system.eq_ignore_ascii_case(text)) {
            return Ok(Self(system.to_owned()));
        }
        // RFC 9051 section 9: flag-keyword = "$MDNSent" / ... / atom
        let is_atom = |octet: u8| matches!(octet, b'!'..=b'~') && !b"(){%*\"\\]".contains(&octet);
        let fits = (1..=KEYWORD_OCTETS_MAX).contains(&text.len()) && text.bytes().all(is_atom);
        if fits { Ok(Self(text.to_owned())) } else { Err(FlagError(text.to_owned())) }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq for Flag {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Flag {}

impl PartialOrd for Flag {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Flag {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.to_ascii_lowercase().cmp(&other.0.to_ascii_lowercase())
    }
}

impl Serialize for Flag {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
