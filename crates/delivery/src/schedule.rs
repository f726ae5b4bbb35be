//! When to try again, and for how long: every timer of the exchange in one place.

use std::time::Duration;

use mail::time::Timestamp;

use crate::mutant::Mutant;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
/// The longest delay before consent is decided, in microseconds.
const DECISION_DELAY_MAX: u64 = 50_000;
/// Half of these delays are no longer than this.
const DECISION_DELAY_MEDIAN: u64 = 10_000;

/// The timers of both state machines. `Default` is the protocol's; the configuration may change each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timers {
    /// Before each attempt to give a notice; the last is repeated.
    pub notice: Vec<Duration>,
    /// How long a notice that no server took is tried.
    pub notice_give_up: Duration,
    /// After the acceptance of a notice: when it is given again, in case the destination lost it.
    pub notice_repeat: Vec<Duration>,
    /// Before each attempt to retrieve (and to confirm, and to decline); the last is repeated.
    pub retrieve: Vec<Duration>,
    /// Between attempts to retrieve, once they have gone on for a day.
    pub retrieve_late: Duration,
    /// How long the origin keeps a message for its destination, from the first accepted notice.
    pub retention: Duration,
    /// How long the origin waits for a confirmation after a served message expired.
    pub confirm_grace: Duration,
    /// How long after EXPIRES the destination still confirms, or retrieves what it has begun to.
    /// Shorter than `confirm_grace`, so that the origin still listens.
    pub settle_grace: Duration,
    /// How long a connection may hold a retrieval without progress.
    pub lease: Duration,
    /// How long outcomes (and, after EXPIRES, the keys that recognise repeats) are kept.
    pub memory: Duration,
    /// How long without an accepted notice until the author is told of the delay.
    pub delay_notifying: Duration,
    /// How long uncollected until the author is told of the delay.
    pub delay_waiting: Duration,
    /// How long pushed mail that was kept aside waits for its recipient.
    pub keep_legacy: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            notice: vec![Duration::ZERO, MINUTE * 5, MINUTE * 15, MINUTE * 30, HOUR, HOUR * 2, HOUR * 4],
            notice_give_up: DAY * 5,
            notice_repeat: vec![DAY, DAY * 3, DAY * 7],
            retrieve: vec![Duration::ZERO, MINUTE, MINUTE * 2, MINUTE * 5, MINUTE * 15, MINUTE * 30, HOUR],
            retrieve_late: HOUR * 6,
            retention: DAY * 14,
            confirm_grace: DAY * 6,
            settle_grace: DAY * 5,
            lease: MINUTE * 2,
            memory: DAY * 30,
            delay_notifying: HOUR * 4,
            delay_waiting: DAY * 3,
            keep_legacy: DAY * 30,
        }
    }
}

/// Chance, brought by the caller: stretches a delay by -25 % to +25 %, so that peers do not retry in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jitter(u8);

impl Jitter {
    /// No change.
    pub const NONE: Self = Self(128);

    /// From one random octet.
    pub const fn new(random: u8) -> Self {
        Self(random)
    }

    /// The delay, stretched.
    pub fn stretch(self, delay: Duration) -> Duration {
        // 128 is 1; 0 is 3/4; 255 is just under 5/4.
        delay.saturating_mul(384 + u32::from(self.0)) / 512
    }
}

/// What a transition is told besides its event.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// The time.
    pub now: Timestamp,
    /// Chance for one delay.
    pub jitter: Jitter,
    /// The timers in force.
    pub timers: &'a Timers,
}

impl Moment<'_> {
    /// When to give a notice again after `attempts` failures.
    pub fn next_notice(&self, attempts: u32) -> Timestamp {
        if Mutant::NoticeNotRepeated.is_in() {
            return Timestamp::FAR_FUTURE;
        }
        self.now + self.jitter.stretch(step(&self.timers.notice, attempts))
    }

    /// When to retrieve, confirm or decline again after `attempts` failures since `since`.
    pub fn next_retrieval(&self, attempts: u32, since: Timestamp) -> Timestamp {
        let early = step(&self.timers.retrieve, attempts);
        let delay = if self.now.since(since) >= DAY { early.max(self.timers.retrieve_late) } else { early };
        self.now + self.jitter.stretch(delay)
    }

    /// When a notice first accepted at `since` is given again: at the next time of the list; never, after the last.
    pub fn next_repeat(&self, since: Timestamp) -> Timestamp {
        let times = self.timers.notice_repeat.iter().map(|delay| since + *delay);
        times.filter(|time| self.now < *time).min().unwrap_or(Timestamp::FAR_FUTURE)
    }

    /// When to give a notice again if the repeat due at `repeat_at` finds nobody who takes it: decided before its line
    /// leaves, so that what goes wrong then cannot make it due at once.
    pub fn repeat_later(&self, repeat_at: Timestamp) -> Timestamp {
        if repeat_at <= self.now { self.next_notice(u32::MAX) } else { repeat_at }
    }
}

/// How long after a notice consent is decided: 0 to 50 ms (section 3 of the protocol), at random, so that not even the
/// decision's commit times a reply. Evenly within each half; why half of them are short is in `docs/decisions/decision-delay.md`.
pub fn decision_delay(chance: u8) -> Duration {
    let chance = u64::from(chance);
    Duration::from_micros(match chance.checked_sub(128) {
        None => DECISION_DELAY_MEDIAN * chance / 128,
        Some(above) => DECISION_DELAY_MEDIAN + (DECISION_DELAY_MAX - DECISION_DELAY_MEDIAN) * above / 127,
    })
}

/// The delay before attempt number `attempts` (the first is 0): the list's last is repeated.
fn step(delays: &[Duration], attempts: u32) -> Duration {
    let index = usize::try_from(attempts).unwrap_or(usize::MAX);
    delays.get(index).or(delays.last()).copied().unwrap_or(MINUTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_as_the_protocol_says() {
        let timers = Timers::default();
        let start = Timestamp::from_millis(1_000_000);
        let at = |now| Moment { now, jitter: Jitter::NONE, timers: &timers };
        let minutes = |attempts| at(start).next_notice(attempts).since(start).as_secs() / 60;
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7, 30].map(minutes), [0, 5, 15, 30, 60, 120, 240, 240, 240]);
        let minutes = |attempts| at(start).next_retrieval(attempts, start).since(start).as_secs() / 60;
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7, 30].map(minutes), [0, 1, 2, 5, 15, 30, 60, 60, 60]);
        let later = start + DAY;
        assert_eq!(at(later).next_retrieval(30, start).since(later), HOUR * 6);
        let repeat_after = |days: u32| at(start + DAY * days).next_repeat(start);
        assert_eq!([0, 1, 2, 3, 6].map(repeat_after), [1, 3, 3, 7, 7].map(|days| start + DAY * days));
        assert_eq!(repeat_after(7), Timestamp::FAR_FUTURE);
    }

    #[test]
    fn half_of_all_decisions_come_within_ten_milliseconds_and_none_after_fifty() {
        let micros = |chance| decision_delay(chance).as_micros();
        assert_eq!([0, 1, 64, 127, 128, 129, 192, 255].map(micros), [0, 78, 5_000, 9_921, 10_000, 10_314, 30_157, 50_000]);
        assert!((1..=255).all(|chance| micros(chance - 1) < micros(chance)));
    }

    #[test]
    fn jitter_stays_within_a_quarter() {
        let delay = Duration::from_secs(1_000);
        assert_eq!(Jitter::NONE.stretch(delay), delay);
        assert_eq!(Jitter::new(0).stretch(delay), Duration::from_secs(750));
        assert!(Jitter::new(255).stretch(delay) < Duration::from_secs(1_250));
    }
}
