//! How slow a client may be: at its command or message, at reading what we say, and in all.

use std::time::Duration;

use mail::time::Timestamp;

/// The pace of one session.
#[derive(Debug, Clone)]
pub(in crate::listen) struct Pace {
    octets_per_second_min: u64,
    /// When the session has lasted as long as any may.
    over_at: Timestamp,
    /// Since when the client has been at its command or message, and how much of it came.
    reading_since: Timestamp,
    octets_read: u64,
    /// How long we have waited for the client to take what we wrote, and how much that was, over the whole session.
    writing: Duration,
    octets_written: u64,
}

impl Pace {
    pub(in crate::listen) fn new(now: Timestamp, octets_per_second_min: u64, session_max: Duration) -> Self {
        let over_at = now + session_max;
        Self { octets_per_second_min, over_at, reading_since: now, octets_read: 0, writing: Duration::ZERO, octets_written: 0 }
    }

    /// The client was answered, or finished something: its next command or message has its own time.
    pub(in crate::listen) fn begin_anew(&mut self, now: Timestamp) {
        (self.reading_since, self.octets_read) = (now, 0);
    }

    pub(in crate::listen) fn read(&mut self, octets: usize) {
        self.octets_read = self.octets_read.saturating_add(count(octets));
    }

    pub(in crate::listen) fn wrote(&mut self, octets: usize, took: Duration) {
        self.octets_written = self.octets_written.saturating_add(count(octets));
        self.writing = self.writing.saturating_add(took);
    }

    /// Whether the session has lasted as long as any may.
    pub(in crate::listen) fn is_over(&self, now: Timestamp) -> bool {
        now >= self.over_at
    }

    /// Until when to wait for the next octets, of which the first may take `patience`.
    pub(in crate::listen) fn read_deadline(&self, now: Timestamp, patience: Duration) -> Timestamp {
        let slowest = self.reading_since + patience + self.at_least(self.octets_read);
        (now + patience).min(slowest).min(self.over_at)
    }

    /// Until when the client is to have taken what is written now. Who reads slowly uses up its first wait only once.
    pub(in crate::listen) fn write_deadline(&self, now: Timestamp, patience: Duration) -> Timestamp {
        let left = (patience + self.at_least(self.octets_written)).saturating_sub(self.writing);
        (now + left.min(patience)).min(self.over_at)
    }

    fn at_least(&self, octets: u64) -> Duration {
        Duration::from_secs(octets / self.octets_per_second_min.max(1))
    }
}

fn count(octets: usize) -> u64 {
    u64::try_from(octets).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_mins(3);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_client_has_its_patience_and_then_a_slowest_pace() {
        let mut pace = Pace::new(at(0), 1000, Duration::from_hours(1));
        assert_eq!(pace.read_deadline(at(0), PATIENCE), at(180));
        pace.read(1);
        assert_eq!(pace.read_deadline(at(170), PATIENCE), at(180), "an octet buys no time");
        pace.read(60_000);
        assert_eq!(pace.read_deadline(at(170), PATIENCE), at(240));
        pace.begin_anew(at(200));
        assert_eq!(pace.read_deadline(at(200), PATIENCE), at(380));
    }

    #[test]
    fn who_reads_slowly_uses_up_its_first_wait_once() {
        let mut pace = Pace::new(at(0), 1000, Duration::from_hours(1));
        assert_eq!(pace.write_deadline(at(0), PATIENCE), at(180));
        pace.wrote(10_000, Duration::from_secs(170));
        assert_eq!(pace.write_deadline(at(170), PATIENCE), at(190), "10 s of its patience, and 10 s for 10,000 octets");
        pace.wrote(1_000_000, Duration::from_secs(1));
        assert_eq!(pace.write_deadline(at(171), PATIENCE), at(351), "and never more than its patience at once");
    }

    #[test]
    fn no_session_lasts_longer_than_any_may() {
        let mut pace = Pace::new(at(0), 1, Duration::from_mins(10));
        pace.read(1_000_000);
        assert_eq!(pace.read_deadline(at(550), PATIENCE), at(600));
        assert_eq!(pace.write_deadline(at(550), PATIENCE), at(600));
        assert!(!pace.is_over(at(599)) && pace.is_over(at(600)));
    }
}
