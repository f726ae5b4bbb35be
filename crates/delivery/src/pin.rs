//! Pinned domains: one seen with the extension is remembered, so that its absence later is trouble and not news.

use std::time::Duration;

use mail::time::Timestamp;

use crate::policy::{Mode, Policy, Source};

/// A domain speaks the extension: until then a server of it that does not is a temporary error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    /// Until when.
    pub until: Timestamp,
}

/// Whether a server of the domain offered the extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyword {
    /// It did, over TLS with a verified certificate; without one anybody can offer it.
    SeenOverVerifiedTls,
    /// It did not, or nobody knows, or not over verified TLS.
    NotSeen,
}

/// How long a pin lasts where the domain names no `max-age`.
pub const MAX_AGE_DEFAULT: Duration = Duration::from_hours(3 * 24);
/// A shorter `max-age` would end between two attempts.
pub const MAX_AGE_MIN: Duration = Duration::from_hours(1);
/// A longer one would outlive the reasons for it: a domain changes hands, and its new owner can't take it back.
pub const MAX_AGE_MAX: Duration = Duration::from_hours(30 * 24);

impl Pin {
    /// Whether it still holds.
    pub fn is_live(self, now: Timestamp) -> bool {
        now < self.until
    }

    /// What becomes of a domain's pin when its policy was read, and perhaps a server of it was talked to.
    pub fn renewed(pin: Option<Self>, policy: &Policy, keyword: Keyword, now: Timestamp) -> Option<Self> {
        let until = now + policy.max_age.unwrap_or(MAX_AGE_DEFAULT).clamp(MAX_AGE_MIN, MAX_AGE_MAX);
        match (policy.mode, policy.source, keyword) {
            (Mode::None, _, _) => None,
            // The domain's last word counts, also where it asks for less than before.
            (Mode::Enforce | Mode::Testing, Source::Record, _) => Some(Self { until }),
            // A record that is gone for the moment does not shorten what it asked for.
            (Mode::Enforce | Mode::Testing, Source::Default, Keyword::SeenOverVerifiedTls) => {
                Some(Self { until: pin.map_or(until, |pin| pin.until.max(until)) })
            }
            (Mode::Enforce | Mode::Testing, Source::Default, Keyword::NotSeen) => pin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn renewed(pinned_hours: Option<u64>, record: Option<&str>, keyword: Keyword) -> Option<u64> {
        let policy = record.map_or_else(Policy::default, |record| Policy::parse(record.as_bytes()).unwrap());
        let pin = pinned_hours.map(|hours| Pin { until: NOW + Duration::from_hours(hours) });
        Pin::renewed(pin, &policy, keyword, NOW).map(|pin| pin.until.since(NOW).as_secs() / 3600)
    }

    #[test]
    fn a_domain_is_pinned_by_its_record_or_its_keyword_and_renewed_by_either() {
        use Keyword::{NotSeen, SeenOverVerifiedTls};
        let table = [
            // pinned for (hours), record, keyword, pinned for afterwards
            (None, None, NotSeen, None),
            (None, None, SeenOverVerifiedTls, Some(72)),
            (None, Some("v=TWM1;"), NotSeen, Some(72)),
            (None, Some("v=TWM1; max-age=86400"), NotSeen, Some(24)),
            (None, Some("v=TWM1; max-age=86400"), SeenOverVerifiedTls, Some(24)),
            (Some(1), Some("v=TWM1; mode=enforce"), NotSeen, Some(72)),
            (Some(100), Some("v=TWM1; max-age=7200"), NotSeen, Some(2)),
            (Some(100), None, SeenOverVerifiedTls, Some(100)),
            (Some(1), None, SeenOverVerifiedTls, Some(72)),
            (Some(1), None, NotSeen, Some(1)),
            (Some(100), Some("v=TWM1; mode=none"), SeenOverVerifiedTls, None),
            (None, Some("v=TWM1; max-age=0"), NotSeen, Some(1)),
            (None, Some("v=TWM1; max-age=999999999"), NotSeen, Some(720)),
        ];
        for (pinned, record, keyword, expected) in table {
            assert_eq!(renewed(pinned, record, keyword), expected, "{pinned:?} {record:?} {keyword:?}");
        }
    }

    #[test]
    fn a_pin_holds_until_its_time() {
        let pin = Pin { until: NOW + Duration::from_secs(1) };
        assert!(pin.is_live(NOW));
        assert!(!pin.is_live(pin.until));
    }
}
