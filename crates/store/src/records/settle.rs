//! What happens to transfers, and what came of it.

use delivery::schedule::Jitter;
use delivery::transfer::{Transfer, TransferEvent};
use mail::address::Domain;
use mail::id::{MailId, NoticeId};
use mail::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Writer;

/// An attempt to give a notice or to relay, as reports tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Attempt {
    /// When.
    pub at: Timestamp,
    /// The server that was reached, if one was.
    pub host: Option<Domain>,
    /// What it replied, if it did: `450 4.7.28 too many notices`.
    pub reply: Option<String>,
}

/// An event of a transfer.
#[derive(Debug, Clone)]
pub struct Settle {
    /// Which.
    pub id: NoticeId,
    /// What happened.
    pub event: TransferEvent,
    /// In words, for the status; unchanged if none.
    pub detail: Option<String>,
    /// What reports say of the attempt that brought the event; unchanged if none.
    pub attempt: Option<Attempt>,
    /// Names the report, should there be one.
    pub report: MailId,
    /// Now.
    pub now: Timestamp,
    /// Chance for one delay.
    pub jitter: Jitter,
    /// Who says so.
    pub writer: Writer,
}

/// What an event did to a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// As it was.
    pub before: Transfer,
    /// As it is.
    pub after: Transfer,
    /// Whether a report went to the author.
    pub reported: bool,
}
