//! How many notices a client and a domain may give in a while: a bucket that fills with time.
//!
//! By client and by domain, never by recipient: a limit that knew recipients would tell who they are (protocol section 3).

use std::time::Duration;

use mail::time::Timestamp;

/// What fits into a bucket, and how long an empty one takes to fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// At once, and in each `period`.
    pub count: u32,
    /// In which so many are earned again.
    pub period: Duration,
}

/// What is left for one client or domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// How long it took to fill again, seen from `at`: one number, and no arithmetic with fractions.
    missing: Duration,
    /// When it was last taken from.
    at: Timestamp,
}

impl Bucket {
    /// A full one.
    pub const fn full(now: Timestamp) -> Self {
        Self { missing: Duration::ZERO, at: now }
    }

    /// The bucket with one taken from it; `None` if it is empty.
    #[must_use]
    pub fn take(self, rate: Rate, now: Timestamp) -> Option<Self> {
        let missing = self.missing_at(now) + rate.period / rate.count.max(1);
        (missing <= rate.period).then_some(Self { missing, at: now })
    }

    fn missing_at(self, now: Timestamp) -> Duration {
        self.missing.saturating_sub(now.since(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { count: 4, period: Duration::from_mins(1) };

    #[test]
    fn so_many_at_once_and_then_as_time_passes() {
        let start = Timestamp::EPOCH;
        let mut bucket = Bucket::full(start);
        for _ in 0..4 {
            bucket = bucket.take(RATE, start).unwrap();
        }
        assert_eq!(bucket.take(RATE, start), None);
        let later = start + Duration::from_secs(15);
        let one_more = bucket.take(RATE, later).unwrap();
        assert_eq!(one_more.take(RATE, later), None);
        assert!(one_more.take(RATE, later + Duration::from_secs(15)).is_some());
    }

    #[test]
    fn a_rate_of_many_in_a_millisecond_is_kept_too() {
        let rate = Rate { count: 600_000, period: Duration::from_mins(1) };
        let mut bucket = Bucket::full(Timestamp::EPOCH);
        let taken = (0..700_000).map_while(|_| {
            bucket = bucket.take(rate, Timestamp::EPOCH)?;
            Some(())
        });
        assert_eq!(taken.count(), 600_000);
    }

    #[test]
    fn rest_earns_no_more_than_a_full_bucket() {
        let mut bucket = Bucket::full(Timestamp::EPOCH);
        let now = Timestamp::EPOCH + Duration::from_hours(1000);
        for _ in 0..4 {
            bucket = bucket.take(RATE, now).unwrap();
        }
        assert_eq!(bucket.take(RATE, now), None);
    }
}
