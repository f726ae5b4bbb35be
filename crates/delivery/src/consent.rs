//! Whether a recipient lets a message in: their modes, the entries of their lists, and the one decision.
//!
//! Section 5 of the protocol. `decide` is the order, `entry` whom an entry speaks of and by which keys it is
//! found, `freemail` the domains that are no single sender.

mod decide;
mod entry;
mod freemail;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod sample;

use serde::{Deserialize, Serialize};

pub(crate) use decide::is_role;
pub use decide::{Decision, Question, Reason, decide};
pub(crate) use entry::registered;
pub use entry::{Caution, Entry, EntryList, Who, WhoError, keys_for};

/// What happens to notices from senders nobody decided about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Screening {
    /// Everything authorised is retrieved.
    #[default]
    Off,
    /// Everything authorised is retrieved, and who would have waited is shown.
    Observe,
    /// Unknown senders wait as contact attempts.
    On,
}

/// What happens to mail pushed by plain SMTP from a sender who is not allowed or not authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Legacy {
    /// Delivered.
    Deliver,
    /// Accepted, stored aside, shown among the contact attempts.
    Keep,
    /// Refused, the same for every sender.
    Refuse,
}

/// Whether names and subjects that strangers claim are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Claims {
    /// As claimed, and marked so.
    Shown,
    /// Addresses and times only.
    #[default]
    Hidden,
}

impl Legacy {
    /// What a mailbox does that was not told otherwise.
    pub const fn default_for(screening: Screening) -> Self {
        match screening {
            Screening::Off | Screening::Observe => Self::Deliver,
            Screening::On => Self::Keep,
        }
    }
}
