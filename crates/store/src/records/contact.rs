//! Who has knocked, and who would have had to.

use delivery::contacts::{Acquaintance, ContactKind, Proof};
use delivery::synthetic::Claimed;
use mail::address::Mailbox;
use mail::time::Timestamp;

use super::Evidence;

/// All that waits from one sender, or came from one who would have had to wait.
#[derive(Debug, Clone)]
pub struct Contact {
    /// The responsible address.
    pub sender: Mailbox,
    /// How many messages.
    pub count: u32,
    /// The first one's time.
    pub first: Timestamp,
    /// The last one's time.
    pub last: Timestamp,
    /// Of all of them.
    pub size_octets: u64,
    /// When the last of them expires, if they wait.
    pub expires: Option<Timestamp>,
    /// The best proof among them.
    pub evidence: Evidence,
    /// What it is worth.
    pub proof: Proof,
    /// What we have had to do with the domain.
    pub acquaintance: Acquaintance,
    /// Where the first one's notifier dialled from, roughly.
    pub network: Option<String>,
    /// What the latest of them claims. To be shown only to who asked for it.
    pub claimed: Claimed,
    /// What sort.
    pub kind: ContactKind,
}
