//! The mbox format, as mboxrd: many messages in one file, each told from the next by a line that begins with `From `.
//!
//! Written so that every message comes back octet for octet, by three rules. A line of the message that begins with
//! any number of `>` and then `From ` gets one `>` more, and loses one when it is read. Line ends stand as they are.
//! Behind the last octet of the message stands one LF, which is the format's: behind a message that ends with a line
//! end it looks like the customary empty line, behind one that does not it ends the line.

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::time::Timestamp;

/// What begins a message, and what is quoted in one.
const FROM: &[u8] = b"From ";
/// Octets of a line that may still be a message's first; more is not read as one.
pub const FROM_LINE_OCTETS_MAX: usize = 1_000;
/// Whom a message is from that has no reverse-path, or one that would be read as two words.
const NOBODY: &str = "MAILER-DAEMON";

/// Which way the marks of quoted lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// One `>` more.
    Quote,
    /// One `>` less, where there is one.
    Unquote,
}

/// Where in a line we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// At its start, after so many `>` and so many octets of `From `; none of them is written yet.
    Start { marks: u64, matched: usize },
    /// Where nothing is changed any more.
    Rest,
}

/// Quotes the lines of a message that would be taken for the beginning of another, or takes the marks off again; as the
/// octets stream by, in whatever pieces.
#[derive(Debug, Clone)]
pub struct Quoting {
    direction: Direction,
    at: At,
}

impl Quoting {
    /// From a message to its lines in the file.
    pub fn quote() -> Self {
        Self { direction: Direction::Quote, at: At::Start { marks: 0, matched: 0 } }
    }

    /// From the lines in the file to the message.
    pub fn unquote() -> Self {
        Self { direction: Direction::Unquote, at: At::Start { marks: 0, matched: 0 } }
    }

    /// The next octets; what is known of them by now goes to `out`.
    pub fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        for &octet in octets {
            self.take(octet, out);
        }
    }

    /// The end of the message: what was held back.
    pub fn finish(self, out: &mut Vec<u8>) {
        if let At::Start { marks, matched } = self.at {
            release(marks, matched, out);
        }
    }

    fn take(&mut self, octet: u8, out: &mut Vec<u8>) {
        match self.at {
            At::Start { marks, matched: 0 } if octet == b'>' => self.at = At::Start { marks: marks + 1, matched: 0 },
            At::Start { marks, matched } if FROM.get(matched) == Some(&octet) => {
                let matched = matched + 1;
                if matched < FROM.len() {
                    self.at = At::Start { marks, matched };
                    return;
                }
                let marks = match self.direction {
                    Direction::Quote => marks + 1,
                    Direction::Unquote => marks.saturating_sub(1),
                };
                release(marks, matched, out);
                self.at = At::Rest;
            }
            At::Start { marks, matched } => {
                release(marks, matched, out);
                self.rest(octet, out);
            }
            At::Rest => self.rest(octet, out),
        }
    }

    fn rest(&mut self, octet: u8, out: &mut Vec<u8>) {
        out.push(octet);
        self.at = if octet == b'\n' { At::Start { marks: 0, matched: 0 } } else { At::Rest };
    }
}

fn release(marks: u64, matched: usize, out: &mut Vec<u8>) {
    out.extend((0..marks).map(|_mark| b'>'));
    out.extend_from_slice(FROM.get(..matched).unwrap_or_default());
}

/// The line before a message: its reverse-path, and when it was received.
pub fn from_line(reverse_path: &str, received: Timestamp) -> String {
    let is_word = !reverse_path.is_empty() && reverse_path.chars().all(|character| !character.is_whitespace() && !character.is_control());
    let path = if is_word { reverse_path } else { NOBODY };
    let instant = jiff::Timestamp::from_millisecond(received.as_millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let date = strtime::format("%a %b %e %H:%M:%S %Y", instant).unwrap_or_default();
    format!("From {path} {date}\n")
}

/// When the message behind this line was received, if the line begins one: `From `, anything, and a date as `date` and
/// `asctime` write it, with or without a zone. Any other line that begins with `From ` is a line of a message that some
/// program has not quoted.
pub fn read_from_line(line: &[u8]) -> Option<Timestamp> {
    if line.len() > FROM_LINE_OCTETS_MAX {
        return None;
    }
    let line = String::from_utf8_lossy(line.strip_prefix(FROM)?);
    let mut words: Vec<&str> = line.split_ascii_whitespace().collect();
    if let Some(at) = words.windows(2).position(|pair| pair == ["remote", "from"]) {
        words.truncate(at);
    }
    // Weekday Month Day Time [Zone] Year [Zone]
    let at = words.iter().rposition(|word| is_weekday(word))?;
    let [_weekday, month, day, time, rest @ ..] = words.get(at..)? else { return None };
    let (year, zone) = match rest {
        [year] => (year, None),
        [first, second] if is_year(first) => (first, Some(second)),
        [first, second] => (second, Some(first)),
        _ => return None,
    };
    if !is_year(year) {
        return None;
    }
    let time = if time.split(':').count() == 2 { format!("{time}:00") } else { (*time).to_owned() };
    let parts = strtime::parse("%Y %b %d %H:%M:%S", format!("{year} {month} {day} {time}")).ok()?;
    let local: DateTime = parts.to_datetime().ok()?;
    let zoned = local.to_zoned(TimeZone::UTC).ok()?;
    let millis = zoned.timestamp().as_millisecond().saturating_sub(zone.map_or(0, |zone| offset_millis(zone)));
    Some(Timestamp::from_millis(millis))
}

fn is_year(word: &str) -> bool {
    word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_weekday(word: &str) -> bool {
    ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].contains(&word)
}

/// Of `+hhmm` and `-hhmm`; a zone of any other name counts as UTC, as RFC 5322 section 4.3 has it.
fn offset_millis(zone: &str) -> i64 {
    let (sign, digits) = match zone.split_at_checked(1) {
        Some(("+", digits)) => (1, digits),
        Some(("-", digits)) => (-1, digits),
        _ => return 0,
    };
    match (digits.len(), digits.parse::<i64>()) {
        (4, Ok(number)) => sign * ((number / 100) * 60 + number % 100) * 60_000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(mut quoting: Quoting, octets: &[u8], piece: usize) -> Vec<u8> {
        let mut out = Vec::new();
        octets.chunks(piece).for_each(|piece| quoting.push(piece, &mut out));
        quoting.finish(&mut out);
        out
    }

    #[test]
    fn lines_that_begin_with_from_get_one_mark_more() {
        let written = run(Quoting::quote(), b"From a\n>From b\n>>Fromc\n From d\nFrom\nxFrom e\n>>From f", 1);
        assert_eq!(written, b">From a\n>>From b\n>>Fromc\n From d\nFrom\nxFrom e\n>>>From f");
    }

    proptest! {
        #[test]
        fn what_was_quoted_reads_back_and_no_line_of_it_begins_a_message(
            parts in prop::collection::vec(prop::sample::select(vec!["From ", ">", "F", "From", "\n", "\r", "\0", " ", "x"]), 0..60),
            (first, second) in (1_usize..9, 1_usize..9),
        ) {
            let message = parts.concat().into_bytes();
            let written = run(Quoting::quote(), &message, first);
            prop_assert!(!written.starts_with(b"From ") && !written.windows(6).any(|window| window == b"\nFrom "));
            prop_assert_eq!(run(Quoting::unquote(), &written, second), message);
        }
    }

    #[test]
    fn the_first_line_tells_when_a_message_was_received() {
        let received: Timestamp = "2026-11-01T09:30:05Z".parse().unwrap();
        let written = from_line("alice@a.test", received);
        assert_eq!(written, "From alice@a.test Sun Nov  1 09:30:05 2026\n");
        assert_eq!(read_from_line(written.as_bytes()), Some(received));
        assert_eq!(from_line("", received), "From MAILER-DAEMON Sun Nov  1 09:30:05 2026\n");
        assert_eq!(from_line("\"a b\"@c.test", received), "From MAILER-DAEMON Sun Nov  1 09:30:05 2026\n");
        for (line, time) in [
            ("From a@b Sun Nov  1 10:30:05 +0100 2026\r\n", "2026-11-01T09:30:05Z"),
            ("From a@b Sun Nov 01 04:30:05 2026 -0500\n", "2026-11-01T09:30:05Z"),
            ("From a@b  Sun Nov  1 09:30 2026\n", "2026-11-01T09:30:00Z"),
            ("From a!b Sun Nov  1 09:30:05 UTC 2026 remote from c\n", "2026-11-01T09:30:05Z"),
            ("From \"Sun x\"@b Sun Nov  1 09:30:05 2026\n", "2026-11-01T09:30:05Z"),
        ] {
            assert_eq!(read_from_line(line.as_bytes()), Some(time.parse().unwrap()), "{line}");
        }
        for line in
            ["From here on\n", "From \n", "From Sun\n", "From a@b Sun Nov 31 09:30:05 2026\n", "Fromage\n", "From a Sun Nov 1 9 2026\n"]
        {
            assert_eq!(read_from_line(line.as_bytes()), None, "{line}");
        }
    }
}
