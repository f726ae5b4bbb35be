//! `stamp = 8DIGIT "T" 6DIGIT "Z"`: a time in UTC, to the second.

use std::time::{SystemTime, UNIX_EPOCH};

/// One day, in seconds.
pub(crate) const DAY: i64 = 86_400;

/// Now, in seconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or(0)
}

/// Writes seconds since 1970 as a stamp.
pub(crate) fn stamp(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = civil_from_days(days);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Reads a stamp as seconds since 1970; nothing if it is none, or names a day that never was.
pub(crate) fn read(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|octet| octet.is_ascii_digit());
    if !digits(date, 8) || !digits(time, 6) {
        return None;
    }
    let (date, time): (i64, i64) = (date.parse().ok()?, time.parse().ok()?);
    let (hour, minute, second) = (time / 10_000, time / 100 % 100, time % 100);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_from_civil(date / 10_000, date / 100 % 100, date % 100);
    let seconds = days * DAY + hour * 3600 + minute * 60 + second;
    (civil_from_days(days) == (date / 10_000, date / 100 % 100, date % 100)).then_some(seconds)
}

/// The proleptic Gregorian calendar, counted in eras of 400 years that begin on 1 March.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_read_as_they_are_written() {
        for seconds in [0, 951_782_400, 1_709_164_800, 1_893_456_000, now()] {
            assert_eq!(read(&stamp(seconds)), Some(seconds));
        }
        assert_eq!(stamp(951_782_400), "20000229T000000Z");
    }

    #[test]
    fn days_that_never_were_are_no_stamps() {
        for text in ["20250229T000000Z", "20251301T000000Z", "20250101T240000Z", "20250101T000000", "2025-01-01T00:00Z", ""] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
