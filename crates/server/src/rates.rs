//! How many notices each client and each domain has given of late (protocol section 3, 450 4.7.28).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use delivery::rate::{Bucket, Rate};
use mail::address::Domain;
use mail::time::Timestamp;

/// Clients and domains remembered in each of two generations. When the young one is full, it becomes the old one, and
/// the old one is forgotten: whoever goes on giving notices has moved on to the young one before.
const GENERATION_MAX: usize = 25_000;

/// Whose notices are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Giver {
    /// A client's address; of IPv6, its /64.
    Client(IpAddr),
    /// The domain of FROM.
    Domain(Domain),
}

/// The counts of all clients and domains.
#[derive(Clone, Default)]
pub struct Rates(Arc<Mutex<Generations>>);

#[derive(Default)]
struct Generations {
    young: BTreeMap<Giver, Bucket>,
    old: BTreeMap<Giver, Bucket>,
}

impl Rates {
    /// Counts one notice, if it is not too many: so many in a minute.
    pub fn admit(&self, giver: Giver, per_minute_max: u32, now: Timestamp) -> bool {
        let rate = Rate { count: per_minute_max, period: Duration::from_mins(1) };
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = generations.young.get(&giver).or_else(|| generations.old.get(&giver));
        let bucket = known.copied().unwrap_or(Bucket::full(now));
        match bucket.take(rate, now) {
            Some(left) => {
                if generations.young.len() >= GENERATION_MAX {
                    generations.old = std::mem::take(&mut generations.young);
                }
                generations.young.insert(giver, left);
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_by_itself_and_memory_has_an_end() {
        let rates = Rates::default();
        let client = |number: u32| Giver::Client(IpAddr::V4(number.into()));
        let now = Timestamp::EPOCH;
        assert!(rates.admit(client(1), 2, now) && rates.admit(client(1), 2, now));
        assert!(!rates.admit(client(1), 2, now));
        assert!(rates.admit(client(2), 2, now));
        assert!(rates.admit(client(1), 2, now + Duration::from_secs(30)));
        for number in 0..60_000 {
            rates.admit(client(number), 2, now);
        }
        let generations = rates.0.lock().unwrap();
        assert!(generations.young.len() <= GENERATION_MAX && generations.old.len() <= GENERATION_MAX);
    }
}
