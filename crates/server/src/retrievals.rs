//! Who is retrieving what: one connection at a time for each transfer, as long as it makes progress.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mail::id::NoticeId;
use mail::time::Timestamp;

/// The leases of all transfers that are being retrieved from this server.
#[derive(Clone, Default)]
pub struct Retrievals {
    held: Arc<Mutex<BTreeMap<NoticeId, Timestamp>>>,
}

/// The right to be served one transfer. Ends when it is dropped, or when it is not renewed.
pub struct RetrievalLease {
    retrievals: Retrievals,
    id: NoticeId,
    until: Timestamp,
}

impl Retrievals {
    /// The lease of this transfer, unless another connection holds it.
    pub fn take(&self, id: &NoticeId, now: Timestamp, length: Duration) -> Option<RetrievalLease> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.get(id).is_some_and(|until| now < *until) {
            return None;
        }
        let until = now + length;
        held.insert(id.clone(), until);
        Some(RetrievalLease { retrievals: self.clone(), id: id.clone(), until })
    }

    /// Whether a connection holds the lease of this transfer: what is being served can't be taken back.
    pub fn is_held(&self, id: &NoticeId, now: Timestamp) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).get(id).is_some_and(|until| now < *until)
    }
}

impl RetrievalLease {
    /// There was progress. `false` if the lease ran out before, and another connection has it.
    pub fn renew(&mut self, now: Timestamp, length: Duration) -> bool {
        let mut held = self.retrievals.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.get(&self.id) != Some(&self.until) {
            return false;
        }
        self.until = now + length;
        held.insert(self.id.clone(), self.until);
        true
    }
}

impl Drop for RetrievalLease {
    fn drop(&mut self) {
        let mut held = self.retrievals.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.get(&self.id) == Some(&self.until) {
            held.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_connection_at_a_time_as_long_as_it_makes_progress() {
        let retrievals = Retrievals::default();
        let id: NoticeId = "a".repeat(22).parse().unwrap();
        let (start, minute) = (Timestamp::EPOCH, Duration::from_mins(1));
        let mut first = retrievals.take(&id, start, minute).unwrap();
        assert!(retrievals.take(&id, start + minute / 2, minute).is_none());
        assert!(first.renew(start + minute / 2, minute));
        assert!(retrievals.take(&id, start + minute, minute).is_none());
        let second = retrievals.take(&id, start + minute * 2, minute).unwrap();
        assert!(!first.renew(start + minute * 2, minute), "another has it");
        drop(first);
        assert!(retrievals.is_held(&id, start + minute * 2), "the first one's end does not end the second");
        drop(second);
        assert!(!retrievals.is_held(&id, start + minute * 2));
    }
}
