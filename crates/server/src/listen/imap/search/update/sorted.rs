//! Where the messages of a sorted result stand, while others come and go (RFC 5267 section 4.3.2).

use proto::imap::command::sort::Criterion;
use proto::imap::numbers::Numbers;

/// The messages of a result, in the order that was asked for.
pub(super) struct Sorted {
    criteria: Vec<Criterion>,
    uids: Vec<u32>,
}

/// A message, and where it stands: from 1 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) place: u32,
    pub(super) uid: u32,
}

impl Sorted {
    /// As the client was told.
    pub(super) fn new(criteria: &[Criterion], uids: Vec<u32>) -> Self {
        Self { criteria: criteria.to_vec(), uids }
    }

    /// By what they are sorted.
    pub(super) fn criteria(&self) -> &[Criterion] {
        &self.criteria
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.uids.len()
    }

    /// Takes messages out. Returns where they stood, the last first: no place depends on one that is told before it.
    pub(super) fn remove(&mut self, gone: &Numbers) -> Vec<Placed> {
        let placed = (1..).zip(&self.uids).map(|(place, uid)| Placed { place, uid: *uid });
        let mut removed: Vec<Placed> = placed.filter(|one| gone.contains(one.uid)).collect();
        removed.reverse();
        self.uids.retain(|uid| !gone.contains(*uid));
        removed
    }

    /// Puts messages in. `anew` has them in order, among those that are here; some of these may be missing there, because
    /// they went and the client does not know it yet. Returns where the new ones stand, the first first.
    pub(super) fn insert(&mut self, new: &Numbers, anew: impl Iterator<Item = u32>) -> Vec<Placed> {
        let mut inserted = Vec::new();
        let mut before = std::mem::take(&mut self.uids).into_iter();
        for uid in anew {
            if new.contains(uid) {
                self.uids.push(uid);
                inserted.push(Placed { place: u32::try_from(self.uids.len()).unwrap_or(u32::MAX), uid });
                continue;
            }
            // What sorts a message never changes: those that were here are still in the same order.
            for old in before.by_ref() {
                self.uids.push(old);
                if old == uid {
                    break;
                }
            }
        }
        self.uids.extend(before);
        inserted
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    fn numbers(uids: impl IntoIterator<Item = u32>) -> Numbers {
        uids.into_iter().filter_map(NonZeroU32::new).collect()
    }

    /// What sorts a message of these tests.
    fn key(uid: u32) -> u32 {
        uid * 7919 % 31
    }

    proptest! {
        #[test]
        fn who_takes_the_steps_one_after_the_other_has_the_same(
            before in proptest::collection::btree_set(1_u32..30, 0..30),
            gone in proptest::collection::btree_set(1_u32..30, 0..10),
            new in proptest::collection::btree_set(30_u32..60, 0..10),
            unknown in proptest::collection::btree_set(1_u32..30, 0..5),
        ) {
            let in_order = |uids: Vec<u32>| {
                let mut uids = uids;
                uids.sort_by_key(|uid| key(*uid));
                uids
            };
            let mut list = in_order(before.iter().copied().collect());
            let mut sorted = Sorted::new(&[], list.clone());
            for Placed { place, uid } in sorted.remove(&numbers(gone.clone())) {
                prop_assert_eq!(list.remove(place as usize - 1), uid);
            }
            let stay: Vec<u32> = before.difference(&gone).copied().collect();
            // Those that went meanwhile are not found when it is sorted anew.
            let here = stay.iter().filter(|uid| !unknown.contains(uid)).chain(&new).copied().collect();
            for Placed { place, uid } in sorted.insert(&numbers(new.clone()), in_order(here).into_iter()) {
                list.insert(place as usize - 1, uid);
            }
            prop_assert_eq!(&list, &sorted.uids);
            prop_assert_eq!(list.len(), stay.len() + new.len());
            let known: Vec<u32> = list.into_iter().filter(|uid| !unknown.contains(uid)).collect();
            prop_assert_eq!(&known, &in_order(known.clone()));
        }
    }
}
