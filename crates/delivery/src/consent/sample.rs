//! Entries for tests.

use mail::id::EntryId;
use mail::time::Timestamp;

use super::{Entry, EntryList};

/// An entry of a mailbox's owner, with this number and nothing else to it.
pub(crate) fn entry(number: usize, list: EntryList, who: &str) -> Entry {
    Entry {
        id: id(number),
        list,
        who: who.parse().unwrap(),
        until: None,
        remaining: None,
        reference: None,
        list_domain: None,
        made: Timestamp::EPOCH,
        through: "cli".to_owned(),
        reason: String::new(),
        proof: None,
    }
}

/// What it is called.
pub(crate) fn id(number: usize) -> EntryId {
    EntryId::new(Timestamp::from_millis(i64::try_from(number).unwrap()), [0; 10])
}
