//! A flag that a rule may set: a system flag of IMAP, or a keyword.

use std::fmt;
use std::str::FromStr;

use mail::flag::{Keyword, SystemFlags};
use serde::{Deserialize, Serialize};

/// A system flag (RFC 9051 section 2.3.2) with its backslash, or a keyword; compared without regard to case.
#[derive(Debug, Clone)]
pub struct Flag(String);

/// A text that is no flag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a flag: {0:?}; expected \\Seen, \\Answered, \\Flagged, \\Deleted, \\Draft, or a keyword of printable ASCII without ( ) {{ % * \" \\ ]"
)]
pub struct FlagError(String);

impl Flag {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Flags as a mailbox has them.
    pub fn collect<'a>(flags: impl IntoIterator<Item = &'a Self>) -> mail::flag::Flags {
        let mut all = mail::flag::Flags::default();
        for flag in flags {
            match SystemFlags::ALL.into_iter().find(|(_flag, name)| *name == flag.0) {
                Some((system, _name)) => all.system = all.system.with(system),
                None => all.keywords.extend(Keyword::new(&flag.0)),
            }
        }
        all
    }
}

impl FromStr for Flag {
    type Err = FlagError;

    fn from_str(text: &str) -> Result<Self, FlagError> {
        if let Some((_flag, name)) = SystemFlags::ALL.into_iter().find(|(_flag, name)| name.eq_ignore_ascii_case(text)) {
            return Ok(Self(name.to_owned()));
        }
        Keyword::new(text).map(|keyword| Self(keyword.as_str().to_owned())).ok_or_else(|| FlagError(text.to_owned()))
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
