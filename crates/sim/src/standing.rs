//! How somebody may stand with the owner of a mailbox, as an account book knows it: from what the owner did, and when.

use std::collections::BTreeSet;

use delivery::consent::EntryList;
use mail::time::Timestamp;

/// An act of the owner of a mailbox about somebody.
#[derive(Debug, Clone)]
pub struct Act {
    /// What they did.
    pub what: What,
    /// When they began.
    pub from: Timestamp,
    /// When it was done.
    pub to: Timestamp,
    /// Somebody said that it was done.
    pub is_certain: bool,
}

/// What the owner of a mailbox did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Put them on a list.
    Entry(EntryList),
    /// Put away what waited.
    Dismissed,
    /// Wrote to them.
    WroteThere,
}

/// What may be and what may not be, about somebody's being let in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Possible {
    /// They may be let in.
    pub is_in: bool,
    /// They may have to wait.
    pub is_listed: bool,
    /// They may be kept out.
    pub is_blocked: bool,
}

impl Possible {
    /// Nothing else is possible.
    pub fn surely_in(self) -> bool {
        self.is_in && !self.is_listed && !self.is_blocked
    }

    /// Nothing else is possible.
    pub fn surely_blocked(self) -> bool {
        self.is_blocked && !self.is_in && !self.is_listed
    }
}

/// How somebody may have stood at any moment between these two, by all the owner's acts about them, in order. `without` is
/// how they stand while there is no entry for them: let in, kept out, or neither; then it matters whether the owner wrote to
/// them.
pub fn standing(acts: &[Act], without: Option<EntryList>, from: Timestamp, to: Timestamp) -> Possible {
    let mut now: BTreeSet<Option<&'static str>> = BTreeSet::from([None]);
    let mut entries: BTreeSet<Option<&'static str>> = BTreeSet::new();
    let mut since = Timestamp::EPOCH;
    for act in acts {
        let What::Entry(list) = act.what else { continue };
        let name = if list == EntryList::Allow { "allow" } else { "block" };
        if since <= to && act.from >= from {
            entries.extend(now.iter().copied());
        }
        let during: BTreeSet<_> = now.iter().copied().chain([Some(name)]).collect();
        if act.from <= to && act.to >= from {
            entries.extend(during.iter().copied());
        }
        now = if act.is_certain { BTreeSet::from([Some(name)]) } else { during };
        since = act.to;
    }
    if since <= to {
        entries.extend(now);
    }
    let wrote = || acts.iter().filter(|act| act.what == What::WroteThere);
    let may_have_written = wrote().any(|act| act.from <= to);
    let surely_wrote = wrote().any(|act| act.is_certain && act.to <= from);
    let mut possible = Possible::default();
    for entry in entries {
        match (entry, without) {
            (Some("allow"), _) | (None, Some(EntryList::Allow)) => possible.is_in = true,
            (Some(_), _) | (None, Some(_)) => possible.is_blocked = true,
            (None, None) if surely_wrote => possible.is_in = true,
            (None, None) => {
                possible.is_listed = true;
                possible.is_in |= may_have_written;
            }
        }
    }
    possible
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::EPOCH + Duration::from_secs(seconds)
    }

    fn act(what: What, seconds: u64, is_certain: bool) -> Act {
        Act { what, from: at(seconds), to: at(seconds + 1), is_certain }
    }

    #[test]
    fn a_stranger_waits_whom_one_let_in_is_in_and_in_between_either() {
        let acts = [act(What::Entry(EntryList::Allow), 10, true)];
        let before = standing(&acts, None, at(1), at(5));
        assert!(before.is_listed && !before.is_in);
        assert!(standing(&acts, None, at(12), at(20)).surely_in());
        let between = standing(&acts, None, at(5), at(20));
        assert!(between.is_in && between.is_listed);
    }

    #[test]
    fn what_nobody_answered_for_may_or_may_not_be() {
        let acts = [act(What::Entry(EntryList::Block), 10, false)];
        let after = standing(&acts, Some(EntryList::Allow), at(12), at(20));
        assert!(after.is_in && after.is_blocked);
        assert!(standing(&acts, Some(EntryList::Allow), at(1), at(5)).surely_in());
        let certain = [act(What::WroteThere, 1, true), act(What::Entry(EntryList::Block), 10, true)];
        assert!(standing(&certain, None, at(12), at(20)).surely_blocked());
        assert!(standing(&certain, None, at(3), at(5)).surely_in());
    }
}
