//! When a message says it was sent (RFC 5256 section 2.2): the Date field, read as forgivingly as its writers are careless.

use crate::time::Timestamp;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The zones of RFC 5322 section 4.3 with their hours from UTC; all others are UTC.
const ZONES: [(&str, i64); 8] = [("edt", -4), ("est", -5), ("cdt", -5), ("cst", -6), ("mdt", -6), ("mst", -7), ("pdt", -7), ("pst", -8)];

const DAY_SECONDS: i64 = 86_400;

/// When a message says it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sent {
    /// The moment.
    pub at: Timestamp,
    /// What its writer's clock showed, as if it were UTC: SENTON and its like disregard the zone (RFC 9051 section 6.4.4).
    pub local: Timestamp,
}

impl Sent {
    /// Reads the value of a Date field; `None` if it names no day. What is no time is midnight, what is no zone UTC.
    ///
    /// ```abnf
    /// date-time = [ day-of-week "," ] day month year [ hour ":" minute [ ":" second ] ] [ zone ]   ; comments anywhere
    /// ```
    pub fn parse(value: &str) -> Option<Self> {
        let plain = without_comments(value);
        let mut words = plain.split([' ', '\t', ',', '-']).filter(|word| !word.is_empty()).peekable();
        // Zones are split with the rest where they begin with `-`: the sign is looked for in the text.
        words.next_if(|word| !word.starts_with(|first: char| first.is_ascii_digit()));
        let day = number(words.next()?, 2)?;
        let month = month(words.next()?)?;
        let year = year(words.next()?)?;
        let date = days(year, month, day)?;
        let clock = words.next_if(|word| word.contains(':')).and_then(clock);
        let zone = clock.and_then(|_| words.next()).map_or(0, |word| zone(word, &plain));
        let local = date * DAY_SECONDS + clock.unwrap_or(0);
        let zone = if clock.is_some() { zone } else { 0 };
        let stamp = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
        Some(Self { at: stamp(local - zone), local: stamp(local) })
    }
}

fn without_comments(value: &str) -> String {
    let mut plain = String::with_capacity(value.len().min(200));
    let mut depth = 0_usize;
    // A date is short; what follows much else is none.
    for character in value.chars().take(200) {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(character),
            _ => {}
        }
    }
    plain
}

fn number(word: &str, digits_max: usize) -> Option<i64> {
    let plain = (1..=digits_max).contains(&word.len()) && word.bytes().all(|octet| octet.is_ascii_digit());
    if plain { word.parse().ok() } else { None }
}

fn month(word: &str) -> Option<i64> {
    let name = word.get(..3)?;
    let index = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))?;
    i64::try_from(index + 1).ok()
}

/// RFC 5322 section 4.3: years of two digits are of this century up to 49, those of three count from 1900.
fn year(word: &str) -> Option<i64> {
    let year = number(word, 4)?;
    Some(match word.len() {
        4 => year,
        3 => year + 1900,
        _ if year < 50 => year + 2000,
        _ => year + 1900,
    })
}

/// Days since 1970; `None` if there is no such day.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

/// Seconds since midnight.
fn clock(word: &str) -> Option<i64> {
    let mut parts = word.split(':');
    let mut part = |max: i64| parts.next().and_then(|part| number(part, 2)).filter(|value| *value <= max);
    let (hour, minute) = (part(23)?, part(59)?);
    // A leap second is the one before it; a second that can't be read is the first.
    let second = part(60).unwrap_or(0).min(59);
    Some(hour * 3600 + minute * 60 + second)
}

/// Seconds from UTC.
fn zone(word: &str, whole: &str) -> i64 {
    let named = ZONES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, hours)| hours * 3600);
    let digits = word.trim_start_matches('+');
    let offset = number(digits, 4).filter(|offset| digits.len() == 4 && offset % 100 < 60).map(|offset| {
        let seconds = (offset / 100) * 3600 + (offset % 100) * 60;
        if whole.contains(&format!("-{digits}")) { -seconds } else { seconds }
    });
    named.or(offset).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_they_are_written() {
        for (written, at, local) in [
            ("Sat, 21 Nov 2026 09:30:05 +0000", "2026-11-21T09:30:05Z", "2026-11-21T09:30:05Z"),
            ("Sat, 21 Nov 2026 09:30:05 -0800", "2026-11-21T17:30:05Z", "2026-11-21T09:30:05Z"),
            ("Sat, 21 Nov 2026 00:30:05 +0530", "2026-11-20T19:00:05Z", "2026-11-21T00:30:05Z"),
            ("21 Nov 2026 09:30", "2026-11-21T09:30:00Z", "2026-11-21T09:30:00Z"),
            ("1 Jan 1970 00:00:00 GMT (comment (nested))", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            ("Mon,  7 Feb 94 21:52:25 EST", "1994-02-08T02:52:25Z", "1994-02-07T21:52:25Z"),
            ("7 Feb 26 21:52:25 pdt", "2026-02-08T04:52:25Z", "2026-02-07T21:52:25Z"),
            ("7 Feb 126 21:52:25 Z", "2026-02-07T21:52:25Z", "2026-02-07T21:52:25Z"),
            ("Friday, 7-February-2026 21:52:25 +0100", "2026-02-07T20:52:25Z", "2026-02-07T21:52:25Z"),
            ("29 Feb 2024 25:00:00 +0000", "2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
            ("29 Feb 2024", "2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
            ("29 Feb 2024 10:00:60 +9999", "2024-02-29T10:00:59Z", "2024-02-29T10:00:59Z"),
            ("29 Feb 2024 10:00:00 Mars", "2024-02-29T10:00:00Z", "2024-02-29T10:00:00Z"),
        ] {
            let sent = Sent::parse(written).unwrap();
            assert_eq!((sent.at.to_rfc3339().as_str(), sent.local.to_rfc3339().as_str()), (at, local), "{written}");
        }
        for written in ["", "yesterday", "29 Feb 2023 10:00:00 +0000", "32 Jan 2024", "1 Foo 2024", "2024-01-01T00:00:00Z", "(1 Jan 2024)"]
        {
            assert_eq!(Sent::parse(written), None, "{written}");
        }
    }

    proptest::proptest! {
        #[test]
        fn our_own_dates_read_back(millis in 0_i64..4_000_000_000_000) {
            let time = Timestamp::from_millis(millis / 1000 * 1000);
            let sent = Sent::parse(&time.to_rfc5322()).unwrap();
            proptest::prop_assert_eq!((sent.at, sent.local), (time, time));
        }

        #[test]
        fn no_text_makes_reading_panic(text in "\\PC{0,40}") {
            let _read = Sent::parse(&text);
        }
    }
}
