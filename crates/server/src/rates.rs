//! How many notices each client and each domain has given of late (protocol section 3, 450 4.7.28), and how often each
//! client has failed to authenticate.

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
    /// A client's address, counted by the passwords it got wrong.
    Guesser(IpAddr),
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
        self.take(giver, Rate { count: per_minute_max, period: Duration::from_mins(1) }, now)
    }

    /// Counts one failed authentication of a client that may fail so often in an hour.
    pub fn failed_authentication(&self, client: IpAddr, per_hour_max: u32, now: Timestamp) {
        // One more than it may changes nothing: it is turned away already.
        self.take(Giver::Guesser(client), per_hour(per_hour_max), now);
    }

    /// Whether a client may try to authenticate.
    pub fn may_authenticate(&self, client: IpAddr, per_hour_max: u32, now: Timestamp) -> bool {
        let giver = Giver::Guesser(client);
        let generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = generations.young.get(&giver).or_else(|| generations.old.get(&giver));
        bucket.is_none_or(|bucket| bucket.take(per_hour(per_hour_max), now).is_some())
    }

    fn take(&self, giver: Giver, rate: Rate, now: Timestamp) -> bool {
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

fn per_hour(count: u32) -> Rate {
    Rate { count, period: Duration::from_hours(1) }
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

    #[test]
    fn a_client_that_guesses_is_turned_away_until_time_has_passed() {
        let rates = Rates::default();
        let (client, other): (IpAddr, IpAddr) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let now = Timestamp::EPOCH;
        for _ in 0..2 {
            assert!(rates.may_authenticate(client, 2, now));
            rates.failed_authentication(client, 2, now);
        }
        assert!(!rates.may_authenticate(client, 2, now));
        assert!(rates.may_authenticate(other, 2, now), "somebody else");
        assert!(rates.may_authenticate(client, 2, now + Duration::from_mins(30)));
    }
}
