//! Points in time: UTC, to the millisecond, as the store keeps them and as the formats of mail write them.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use jiff::fmt::strtime;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// How far a clock is ahead of UTC, in minutes: what `+0100` says, at most 99 hours and 59 minutes either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Zone(i16);

/// A text that is no time of the expected form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a time: {text:?}; expected {expected}")]
pub struct TimeError {
    text: String,
    expected: &'static str,
}

impl Zone {
    /// UTC itself.
    pub const UTC: Self = Self(0);
    const MINUTES_MAX: i16 = 99 * 60 + 59;

    /// A clock that is so many minutes ahead, or behind if that is less than nothing; `None` if no zone can say so.
    pub fn from_minutes(minutes: i64) -> Option<Self> {
        i16::try_from(minutes).ok().filter(|minutes| minutes.abs() <= Self::MINUTES_MAX).map(Self)
    }

    /// How many minutes it is ahead.
    pub fn minutes(self) -> i64 {
        i64::from(self.0)
    }

    /// What the clock shows at a time, as if it were UTC.
    pub fn local(self, at: Timestamp) -> Timestamp {
        Timestamp::from_millis(at.0 + self.minutes() * 60_000)
    }
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// Later than any time that mail uses; what "never" compares as. The last whole hour that has a text in every offset.
    pub const FAR_FUTURE: Self = Self(253_402_207_200_000);

    /// The time this many milliseconds after the epoch, held between the years 0 and 9999.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(-62_167_219_200_000, Self::FAR_FUTURE.0))
    }

    /// Milliseconds since the epoch.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; nothing if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The `stamp` of the extension's grammar: `20261121T093000Z`, whole seconds.
    pub fn to_stamp(self) -> String {
        self.format("%Y%m%dT%H%M%SZ")
    }

    /// Reads a `stamp`.
    ///
    /// ```abnf
    /// stamp = 8DIGIT "T" 6DIGIT "Z"        ; UTC, seconds
    /// ```
    ///
    /// # Errors
    /// The text is of another form, or names no day or second that exists.
    pub fn parse_stamp(text: &str) -> Result<Self, TimeError> {
        let error = || TimeError { text: text.to_owned(), expected: "a stamp such as 20261121T093000Z" };
        let digits = |range: std::ops::Range<usize>| text.get(range).is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        if text.len() != 16 || !digits(0..8) || !digits(9..15) {
            return Err(error());
        }
        let read = strtime::parse("%Y%m%dT%H%M%SZ", text).and_then(|parts| parts.to_datetime());
        let instant = read.and_then(|datetime| datetime.to_zoned(jiff::tz::TimeZone::UTC));
        instant.map(|zoned| Self::from_millis(zoned.timestamp().as_millisecond())).map_err(|_syntax| error())
    }

    /// RFC 3339 in UTC, to the millisecond where there is one: `2026-11-21T09:30:00Z`.
    pub fn to_rfc3339(self) -> String {
        if self.0.rem_euclid(1000) == 0 { self.format("%Y-%m-%dT%H:%M:%SZ") } else { self.format("%Y-%m-%dT%H:%M:%S.%3fZ") }
    }

    /// The `date-time` of RFC 5322 section 3.3, in UTC: `Sat, 21 Nov 2026 09:30:00 +0000`.
    pub fn to_rfc5322(self) -> String {
        self.format("%a, %d %b %Y %H:%M:%S +0000")
    }

    fn format(self, format: &str) -> String {
        let instant = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        strtime::format(format, instant).unwrap_or_default()
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    /// Reads RFC 3339, with any offset.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let read = text.parse::<jiff::Timestamp>();
        read.map(|instant| Self::from_millis(instant.as_millisecond()))
            .map_err(|_syntax| TimeError { text: text.to_owned(), expected: "RFC 3339 such as 2026-11-21T09:30:00Z" })
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::from_text(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_writes_the_same_instant() {
        let time: Timestamp = "2026-11-21T09:30:05Z".parse().unwrap();
        assert_eq!(time.to_stamp(), "20261121T093005Z");
        assert_eq!(Timestamp::parse_stamp("20261121T093005Z").unwrap(), time);
        assert_eq!(time.to_rfc5322(), "Sat, 21 Nov 2026 09:30:05 +0000");
        assert_eq!(time.to_rfc3339(), "2026-11-21T09:30:05Z");
        assert_eq!((time + Duration::from_millis(7)).to_rfc3339(), "2026-11-21T09:30:05.007Z");
        assert_eq!("2026-11-21T10:30:05+01:00".parse::<Timestamp>().unwrap(), time);
    }

    #[test]
    fn the_first_and_the_last_time_read_back_as_they_were_written() {
        for time in [Timestamp::FAR_FUTURE, Timestamp::from_millis(i64::MAX), Timestamp::EPOCH, Timestamp::from_millis(i64::MIN)] {
            assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        }
        assert_eq!(Timestamp::FAR_FUTURE.to_rfc3339(), "9999-12-30T22:00:00Z");
    }

    #[test]
    fn a_stamp_of_another_form_is_refused() {
        for text in
            ["", "20261121T093005", "2026-11-21T09:30:05Z", "20261321T093005Z", "20261121T250000Z", "20261121 093005Z", "+0261121T093005Z"]
        {
            assert!(Timestamp::parse_stamp(text).is_err(), "{text}");
        }
    }
}
