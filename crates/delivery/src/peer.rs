//! Peers that fail again and again are left alone for a while: one budget per service at an address, one per domain.
//!
//! Budgets belong to the peer and not to the work that needs it, or a thousand notices would dial a dead host, or a
//! victim named by somebody's records, a thousand times.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use mail::address::Domain;
use mail::time::Timestamp;

use crate::schedule::Timers;

use crate::discovery::Tls;

/// Whose budget: a dial spends of both that concern it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// A service at an address, whatever names lead to it. The port and the way to TLS belong to it: or a stranger's records
    /// could name somebody's mail exchange in a way in which it never answers, and have us leave it alone.
    Service(SocketAddr, Tls),
    /// The domain on whose behalf services are dialled, whatever they are: it fails when none of them can be reached.
    Origin(Domain),
}

/// Whether a peer may be dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Budget {
    /// It may.
    Open {
        /// How often in a row it has failed.
        failures: u32,
    },
    /// It rests.
    Resting {
        /// When it may be tried again; one failure more, and it rests twice as long.
        until: Timestamp,
        /// How many rests in a row this makes.
        rests: u32,
    },
}

/// Failures in a row that earn a rest.
pub const FAILURES_MAX: u32 = 5;
/// The first rest.
pub const REST: Duration = Duration::from_mins(15);
/// The longest is so many times the first: 6 h.
pub const REST_GROWTH_MAX: u32 = 24;

/// The first rest where the timers are shorter than usual: not longer than what is due waits for its next attempt anyway.
fn first_rest(timers: &Timers) -> Duration {
    timers.notice.iter().chain(&timers.retrieve).max().map_or(REST, |longest| REST.min(*longest))
}

impl Default for Budget {
    fn default() -> Self {
        Self::Open { failures: 0 }
    }
}

impl Budget {
    /// Whether the peer may be dialled.
    pub fn may_dial(self, now: Timestamp) -> bool {
        match self {
            Self::Open { .. } => true,
            Self::Resting { until, .. } => until <= now,
        }
    }

    /// When the peer may be dialled next.
    pub fn dial_at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Open { .. } => now,
            Self::Resting { until, .. } => until.max(now),
        }
    }

    /// It could not be reached, or broke off.
    #[must_use]
    pub fn on_failure(self, now: Timestamp, timers: &Timers) -> Self {
        match self {
            Self::Open { failures } if failures + 1 < FAILURES_MAX => Self::Open { failures: failures + 1 },
            Self::Open { .. } => Self::resting(1, now, timers),
            // A connection from before the rest: it says nothing new.
            same @ Self::Resting { until, .. } if now < until => same,
            Self::Resting { rests, .. } => Self::resting(rests.saturating_add(1), now, timers),
        }
    }

    /// It answered.
    #[must_use]
    pub fn on_success(self) -> Self {
        Self::default()
    }

    fn resting(rests: u32, now: Timestamp, timers: &Timers) -> Self {
        let times = 1_u32.checked_shl(rests.saturating_sub(1)).unwrap_or(u32::MAX).min(REST_GROWTH_MAX);
        Self::Resting { until: now + first_rest(timers).saturating_mul(times), rests }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(address, _) => write!(f, "{address}"),
            Self::Origin(domain) => write!(f, "{domain}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn failing(times: u32, mut budget: Budget, now: Timestamp) -> Budget {
        for _ in 0..times {
            budget = budget.on_failure(now, &Timers::default());
        }
        budget
    }

    #[test]
    fn five_failures_in_a_row_earn_a_rest_that_doubles_up_to_six_hours() {
        let mut now = Timestamp::EPOCH;
        let mut budget = failing(4, Budget::default(), now);
        assert!(budget.may_dial(now));
        for minutes in [15, 30, 60, 120, 240, 360, 360, 360] {
            budget = budget.on_failure(now, &Timers::default());
            assert!(!budget.may_dial(now));
            assert_eq!(budget.dial_at(now).since(now), Duration::from_mins(minutes));
            now = budget.dial_at(now);
            assert!(budget.may_dial(now));
        }
    }

    #[test]
    fn where_timers_are_short_rests_are() {
        let second = Duration::from_secs(1);
        let timers = Timers { notice: vec![Duration::ZERO, second], retrieve: vec![Duration::ZERO], ..Timers::default() };
        let now = Timestamp::EPOCH;
        let mut budget = failing(4, Budget::default(), now).on_failure(now, &timers);
        assert_eq!(budget.dial_at(now).since(now), second);
        for _ in 0..10 {
            budget = budget.on_failure(budget.dial_at(now), &timers);
        }
        let Budget::Resting { until, .. } = budget else { panic!("{budget:?}") };
        assert!(until.since(now) < 11 * 24 * second, "{until}");
    }

    #[test]
    fn a_success_forgives_everything() {
        let now = Timestamp::EPOCH;
        assert_eq!(failing(4, Budget::default(), now).on_success(), Budget::default());
        assert!(failing(4, failing(5, Budget::default(), now).on_success(), now).may_dial(now));
    }

    #[test]
    fn connections_that_fail_during_a_rest_do_not_prolong_it() {
        let now = Timestamp::EPOCH;
        let resting = failing(5, Budget::default(), now);
        assert_eq!(failing(50, resting, now + Duration::from_mins(14)), resting);
    }

    proptest! {
        #[test]
        fn a_peer_that_always_fails_is_dialled_at_most_so_often(patience_minutes in 1..10_000_u64) {
            let (mut now, mut budget, mut dials) = (Timestamp::EPOCH, Budget::default(), 0_u64);
            let end = now + Duration::from_mins(patience_minutes);
            while budget.dial_at(now) < end {
                now = budget.dial_at(now);
                budget = budget.on_failure(now, &Timers::default());
                dials += 1;
            }
            prop_assert!(dials <= 5 + 5 + patience_minutes / 360, "{dials}");
        }
    }
}
