//! How many connections we hold open to each address: one host behind many domains must not hold them all.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use mail::time::Timestamp;
use tokio::sync::Notify;

use crate::real::counted_as;
use crate::world::{First, World, first};

/// The connections that we opened and that are still open, by address; of IPv6, by /64.
#[derive(Clone, Default)]
pub struct Dialled(Arc<Open>);

#[derive(Default)]
struct Open {
    by_address: Mutex<BTreeMap<IpAddr, usize>>,
    freed: Notify,
}

/// One such connection, as long as it lives.
pub struct Held {
    dialled: Dialled,
    address: IpAddr,
}

impl Dialled {
    /// Room for one more connection to this address, waited for until then. Honest servers soon free theirs, and an
    /// attempt need not fail only because many domains are served by one host.
    pub async fn hold(&self, world: &dyn World, address: IpAddr, per_address_max: usize, deadline: Timestamp) -> Option<Held> {
        loop {
            let mut freed = pin!(self.0.freed.notified());
            // Before the look: who frees a place after it wakes us.
            freed.as_mut().enable();
            if let Some(held) = self.hold_now(address, per_address_max) {
                return Some(held);
            }
            if let First::Right(()) = first(freed, world.sleep_until(deadline)).await {
                return None;
            }
        }
    }

    fn hold_now(&self, address: IpAddr, per_address_max: usize) -> Option<Held> {
        let address = counted_as(address);
        let mut held = self.0.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(address).or_default();
        if *count >= per_address_max {
            return None;
        }
        *count += 1;
        Some(Held { dialled: self.clone(), address })
    }

    /// How many are open in all.
    pub fn open(&self) -> usize {
        self.0.by_address.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

impl Held {
    /// Whether more than half of the room for this address is taken.
    pub fn is_crowded(&self, per_address_max: usize) -> bool {
        let held = self.dialled.0.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(&self.address).is_some_and(|count| *count > per_address_max / 2)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self.dialled.0.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.address);
            }
        }
        drop(held);
        self.dialled.0.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_room_for_so_many_and_nothing_is_kept_of_those_that_ended() {
        let dialled = Dialled::default();
        let hold = |address: &str| dialled.hold_now(address.parse().unwrap(), 2);
        let first = (hold("2001:db8::1"), hold("2001:db8::2"));
        assert!(first.0.is_some() && first.1.is_some());
        assert!(hold("2001:db8::3").is_none(), "one customer has a whole /64");
        assert!(hold("192.0.2.1").is_some());
        assert_eq!(dialled.open(), 2);
        assert!(first.0.as_ref().unwrap().is_crowded(2) && !first.0.as_ref().unwrap().is_crowded(4));
        drop(first);
        assert!(hold("2001:db8::3").is_some());
        assert_eq!(dialled.0.by_address.lock().unwrap().len(), 0);
    }
}
