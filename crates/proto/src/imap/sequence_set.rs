//! Which messages a command means: `2,4:7,9,12:*` (RFC 9051 section 9: sequence-set), or those found before (RFC 5182).

use std::fmt;
use std::num::NonZeroU32;

use super::numbers::{Numbers, write_ranges};

/// As the client wrote it; what `*` stands for is known only when it is looked at.
#[derive(Clone, PartialEq, Eq)]
pub struct SequenceSet(Vec<Span>);

/// The messages of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Messages {
    /// These.
    Set(SequenceSet),
    /// `$`: those the last search saved.
    Saved,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Span {
    from: Position,
    to: Position,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Number(NonZeroU32),
    /// `*`
    Last,
}

impl SequenceSet {
    /// Reads a set.
    ///
    /// ```abnf
    /// sequence-set = ( seq-number / seq-range ) *( "," ( seq-number / seq-range ) )
    /// seq-range    = seq-number ":" seq-number          seq-number = nz-number / "*"
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let span = |text: &str| match text.split_once(':') {
            Some((from, to)) => Some(Span { from: Position::parse(from)?, to: Position::parse(to)? }),
            None => Position::parse(text).map(|only| Span { from: only, to: only }),
        };
        text.split(',').map(span).collect::<Option<_>>().map(Self)
    }

    /// These numbers; `None` of none.
    pub fn of(numbers: &Numbers) -> Option<Self> {
        let span = |(from, to)| Some(Span { from: Position::Number(NonZeroU32::new(from)?), to: Position::Number(NonZeroU32::new(to)?) });
        let spans: Option<Vec<Span>> = numbers.ranges().map(|range| span((*range.start(), *range.end()))).collect();
        spans.filter(|spans| !spans.is_empty()).map(Self)
    }

    /// `1:*`
    pub fn all() -> Self {
        Self(vec![Span { from: Position::Number(NonZeroU32::MIN), to: Position::Last }])
    }

    /// What it means where `*` is `last`; in an empty mailbox, what names `*` means nothing. Numbers above `last` stay: for
    /// UIDs they name no message, as sequence numbers they are the client's mistake. RFC 9051: a range has no direction.
    pub fn resolve(&self, last: Option<NonZeroU32>) -> Numbers {
        let number = |position| match position {
            Position::Number(number) => Some(number),
            Position::Last => last,
        };
        Numbers::of_ranges(self.0.iter().filter_map(|span| Some((number(span.from)?, number(span.to)?))))
    }

    /// Whether it names `*`, which RFC 4731 and RFC 7162 forbid in some places.
    pub fn names_last(&self) -> bool {
        self.0.iter().any(|span| span.from == Position::Last || span.to == Position::Last)
    }
}

impl Position {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Last);
        }
        let plain = text.starts_with(|first: char| first.is_ascii_digit());
        if plain { text.parse().ok().map(Self::Number) } else { None }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Last => f.write_str("*"),
        }
    }
}

impl fmt::Display for SequenceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_ranges(f, self.0.iter().map(|Span { from, to }| (from, to)))
    }
}

impl fmt::Debug for SequenceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(set) => set.fmt(f),
            Self::Saved => f.write_str("$"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str, last: u32) -> String {
        SequenceSet::parse(text).unwrap().resolve(NonZeroU32::new(last)).to_string()
    }

    #[test]
    fn a_set_means_what_the_rfc_says() {
        for (text, last, expected) in [
            ("2,4:7,9,12:*", 15, "2,4:7,9,12:15"),
            ("*:4,5:7", 10, "4:10"),
            ("559:*", 500, "500:559"),
            ("*", 3, "3"),
            ("*:*", 3, "3"),
            ("1:*", 0, ""),
            ("3,*,1:2", 0, "1:3"),
            ("1:4294967295", 3, "1:4294967295"),
        ] {
            assert_eq!(resolved(text, last), expected, "{text} of {last}");
            assert_eq!(SequenceSet::parse(text).unwrap().to_string(), text.replace("*:*", "*"));
        }
        assert_eq!(resolved(&SequenceSet::all().to_string(), 3), "1:3");
        assert!(SequenceSet::all().names_last() && !SequenceSet::parse("1:2").unwrap().names_last());
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for text in ["", "0", "1,", ",1", "1:", ":1", "1:2:3", "a", "+1", "-1", "1 ", "4294967296", "1,,2", "$"] {
            assert_eq!(SequenceSet::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_hundred_thousand_elements_are_read_and_joined() {
        let text = (1..=100_000).rev().map(|number| (number * 2).to_string()).collect::<Vec<_>>().join(",");
        let numbers = SequenceSet::parse(&text).unwrap().resolve(None);
        assert_eq!((numbers.count(), numbers.last()), (100_000, Some(200_000)));
        assert_eq!(SequenceSet::of(&numbers).unwrap().resolve(None), numbers);
    }
}
