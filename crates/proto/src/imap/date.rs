//! Days and times as IMAP writes them (RFC 9051 section 9: date, date-time).

use std::fmt;

use mail::time::{Timestamp, Zone};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_MILLIS: i64 = 86_400_000;

/// A day that exists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// A time as it is told: with the zone of who told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime {
    at: Timestamp,
    zone: Zone,
}

impl DateTime {
    /// A time in a zone; in UTC, where no text could say that.
    pub fn new(at: Timestamp, zone: Zone) -> Self {
        let has_text = zone.local(at).as_millis() - at.as_millis() == zone.minutes() * 60_000;
        Self { at, zone: if has_text { zone } else { Zone::UTC } }
    }

    /// When it is.
    pub fn at(self) -> Timestamp {
        self.at
    }

    /// In which zone it is told.
    pub fn zone(self) -> Zone {
        self.zone
    }
}

impl From<Timestamp> for DateTime {
    fn from(at: Timestamp) -> Self {
        Self { at, zone: Zone::UTC }
    }
}

impl Date {
    /// The day; `None` if there is none.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
        let days = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        (year <= 9999 && (1..=days).contains(&day)).then_some(Self { year, month, day })
    }

    /// The day on which a time falls in UTC.
    pub fn of(time: Timestamp) -> Self {
        // The days of a year that begins in March: its leap day is its last.
        let days = time.as_millis().div_euclid(DAY_MILLIS) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let small = |number: i64| u8::try_from(number).unwrap_or(1);
        Self { year: u16::try_from(year).unwrap_or(0), month: small(month), day: small(day) }
    }

    /// When it begins in UTC.
    pub fn start(self) -> Timestamp {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Timestamp::from_millis((era * 146_097 + day_of_era - 719_468) * DAY_MILLIS)
    }

    /// Reads `date-text`: `1-Feb-1994`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
        let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
        let day = digits(day).filter(|_| (1..=2).contains(&day.len()))?;
        let year = digits(year).filter(|_| year.len() == 4)?;
        let date = Self::new(u16::try_from(year).ok()?, u8::try_from(month + 1).ok()?, u8::try_from(day).ok()?)?;
        parts.next().is_none().then_some(date)
    }

    fn month_name(self) -> &'static str {
        MONTHS.get(usize::from(self.month).saturating_sub(1)).copied().unwrap_or_default()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{:04}", self.day, self.month_name(), self.year)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads what stands between the quotes of a `date-time`: `17-Jul-1996 02:44:25 -0700`, its day of one digit or padded.
pub fn parse_date_time(text: &str) -> Option<DateTime> {
    let mut parts = text.trim_start_matches(' ').split(' ');
    let (date, time, zone) = (Date::parse(parts.next()?)?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let mut clock = time.split(':');
    let mut two = |max: i64| clock.next().filter(|part| part.len() == 2).and_then(digits).filter(|number| *number <= max);
    // RFC 3339 section 5.6: a leap second is the 60th.
    let (hour, minute, second) = (two(23)?, two(59)?, two(60)?);
    let (sign, offset) = (zone.get(..1)?, zone.get(1..).filter(|offset| offset.len() == 4).and_then(digits)?);
    let minutes = (offset / 100) * 60 + offset % 100;
    let minutes = match sign {
        "+" => minutes,
        "-" => -minutes,
        _ => return None,
    };
    if clock.next().is_some() || offset % 100 > 59 {
        return None;
    }
    let seconds = hour * 3600 + (minute - minutes) * 60 + second.min(59);
    let at = Timestamp::from_millis(date.start().as_millis() + seconds * 1000);
    Some(DateTime::new(at, Zone::from_minutes(minutes)?))
}

/// Writes a `date-time` without its quotes: `17-Jul-1996 02:44:25 -0700`.
pub fn date_time(time: impl Into<DateTime>) -> String {
    let DateTime { at, zone } = time.into();
    let local = zone.local(at);
    let date = Date::of(local);
    let second = local.as_millis().rem_euclid(DAY_MILLIS) / 1000;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let (sign, offset) = (if zone < Zone::UTC { '-' } else { '+' }, zone.minutes().abs());
    let (day, month, year) = (date.day, date.month_name(), date.year);
    format!("{day:>2}-{month}-{year:04} {hour:02}:{minute:02}:{second:02} {sign}{:02}{:02}", offset / 60, offset % 60)
}

fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_read_back_as_they_were_written() {
        for text in ["1-Jan-1970", "29-Feb-2024", "30-Dec-9999", "1-Mar-2000", "29-Feb-2000", "1-Feb-0004"] {
            let date = Date::parse(text).unwrap();
            assert_eq!((date.to_string().as_str(), Date::of(date.start())), (text, date));
        }
        assert_eq!(Date::parse("01-feb-1994"), Date::parse("1-Feb-1994"));
        for text in [
            "",
            "1-Feb",
            "29-Feb-2023",
            "29-Feb-1900",
            "31-Apr-2024",
            "0-Jan-2024",
            "1-Foo-2024",
            "001-Jan-2024",
            "1-Jan-24",
            "1-Jan-2024-",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_those_of_their_zone() {
        for (text, expected) in [
            ("17-Jul-1996 02:44:25 -0700", "1996-07-17T09:44:25Z"),
            (" 1-Jan-2026 00:30:00 +0100", "2025-12-31T23:30:00Z"),
            ("01-Jan-2026 00:30:00 +0000", "2026-01-01T00:30:00Z"),
            ("31-Dec-2016 23:59:60 +0000", "2016-12-31T23:59:59Z"),
            ("1-Jan-2026 05:45:00 +0545", "2026-01-01T00:00:00Z"),
        ] {
            assert_eq!(parse_date_time(text).unwrap().at().to_string(), expected);
        }
        for (text, written) in [
            ("7-Jul-1996 02:44:25 -0700", " 7-Jul-1996 02:44:25 -0700"),
            ("01-Mar-2024 05:45:00 +0545", " 1-Mar-2024 05:45:00 +0545"),
            ("1-Jan-2026 00:00:00 -0000", " 1-Jan-2026 00:00:00 +0000"),
            // Before the first day, and after the last, there is only UTC.
            ("1-Jan-0000 00:00:00 +0100", " 1-Jan-0000 01:00:00 +0100"),
            ("31-Dec-9999 23:59:59 +0100", "30-Dec-9999 22:00:00 +0000"),
        ] {
            let time = parse_date_time(text).unwrap();
            assert_eq!(date_time(time), written);
            assert_eq!(parse_date_time(written), Some(time));
        }
        for text in [
            "17-Jul-1996 02:44:25",
            "17-Jul-1996 2:44:25 +0000",
            "17-Jul-1996 24:00:00 +0000",
            "17-Jul-1996 02:44:25 0000",
            "17-Jul-1996 02:44:25 +000",
            "17-Jul-1996 02:44:25 +0060",
            "17-Jul-1996 02:44:25 GMT",
            "17-Jul-1996  02:44:25 +0000",
            "17-Jul-1996 02:44 +0000",
            "17-Jul-1996 02:44:25:00 +0000",
        ] {
            assert_eq!(parse_date_time(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_time_reads_back(seconds in -62_167_219_200_i64..253_402_207_200, minutes in -5999_i64..=5999) {
            let time = Timestamp::from_millis(seconds * 1000);
            let zoned = DateTime::new(time, Zone::from_minutes(minutes).unwrap());
            proptest::prop_assert_eq!(parse_date_time(&date_time(zoned)), Some(zoned));
            proptest::prop_assert_eq!(parse_date_time(&date_time(time)), Some(time.into()));
            let year = format!("{:04}-", Date::of(time).year);
            proptest::prop_assert!(time.to_rfc3339().starts_with(&year));
        }
    }
}
