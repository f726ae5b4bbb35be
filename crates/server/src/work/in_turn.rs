//! Everything that is due has its turn: a peer whose jobs pile up does not keep those of others out of sight.

use std::collections::BTreeMap;

use delivery::schedule::Moment;
use store::{ArrivalRecord, DuePlace, TransferRecord};

/// A walk over what is due behind the first page, one page a round. What is due first may be many jobs of one peer that
/// lets us wait; without the walk nobody else's would be found.
#[derive(Debug, Default)]
pub(super) struct Walk(Option<DuePlace>);

impl Walk {
    /// Where the next step begins, when the first page held so many rows and ended there. No step, if it held all.
    pub(super) fn next(&mut self, first_page: usize, last: Option<DuePlace>) -> Option<DuePlace> {
        let last = last.filter(|_| first_page >= super::ROUND_MAX);
        let place = last.map(|last| self.0.take().map_or(last.clone(), |place| place.max(last)));
        if place.is_none() {
            self.0 = None;
        }
        place
    }

    /// A step found so many rows and ended there.
    pub(super) fn came_to(&mut self, rows: usize, last: Option<DuePlace>) {
        self.0 = last.filter(|_| rows >= super::ROUND_MAX);
    }

    /// Whether there is more to see.
    pub(super) fn is_under_way(&self) -> bool {
        self.0.is_some()
    }
}

pub(super) fn place_of_transfer(record: &TransferRecord) -> DuePlace {
    DuePlace { due_at: record.transfer.due_at(), id: record.id.to_string() }
}

pub(super) fn place_of_arrival(record: &ArrivalRecord, at: Moment<'_>) -> DuePlace {
    DuePlace { due_at: record.arrival.due_at(at), id: record.key.id.to_string() }
}

/// Jobs by peer; who has waited longest comes first, whatever their name.
#[derive(Debug)]
pub(super) struct ByPeer<P, T> {
    places: BTreeMap<P, usize>,
    jobs: Vec<(P, Vec<T>)>,
}

impl<P, T> Default for ByPeer<P, T> {
    fn default() -> Self {
        Self { places: BTreeMap::new(), jobs: Vec::new() }
    }
}

impl<P: Ord + Clone, T> ByPeer<P, T> {
    pub(super) fn add(&mut self, peer: P, job: T) {
        let place = *self.places.entry(peer.clone()).or_insert(self.jobs.len());
        match self.jobs.get_mut(place) {
            Some((_, jobs)) => jobs.push(job),
            None => self.jobs.push((peer, vec![job])),
        }
    }

    pub(super) fn in_order(self) -> Vec<(P, Vec<T>)> {
        self.jobs
    }
}

#[cfg(test)]
mod tests {
    use mail::address::Domain;
    use mail::time::Timestamp;

    use super::*;

    fn place(millis: i64) -> DuePlace {
        DuePlace { due_at: Timestamp::from_millis(millis), id: String::new() }
    }

    #[test]
    fn a_walk_sees_every_row_behind_the_first_page_and_then_begins_again() {
        let full = super::super::ROUND_MAX;
        let mut walk = Walk::default();
        assert_eq!(walk.next(full - 1, Some(place(1))), None);
        assert_eq!(walk.next(full, Some(place(1))), Some(place(1)));
        walk.came_to(full, Some(place(2)));
        assert!(walk.is_under_way());
        assert_eq!(walk.next(full, Some(place(1))), Some(place(2)));
        walk.came_to(7, Some(place(3)));
        assert!(!walk.is_under_way());
        assert_eq!(walk.next(full, Some(place(1))), Some(place(1)));
        walk.came_to(full, Some(place(2)));
        assert_eq!(walk.next(full, Some(place(5))), Some(place(5)), "what the first page held is not looked at twice");
        walk.came_to(full, Some(place(6)));
        assert_eq!(walk.next(3, Some(place(5))), None);
        assert!(!walk.is_under_way());
    }

    #[test]
    fn who_has_waited_longest_comes_first_whatever_their_name() {
        let mut jobs = ByPeer::<Domain, _>::default();
        for (peer, job) in [("z.test", 1), ("a.test", 2), ("z.test", 3)] {
            jobs.add(peer.parse().unwrap(), job);
        }
        assert_eq!(jobs.in_order(), [("z.test".parse().unwrap(), vec![1, 3]), ("a.test".parse().unwrap(), vec![2])]);
    }
}
