//! Flags of messages (RFC 9051 section 2.3.2).

use std::fmt;

pub use mail::flag::Keyword;

/// One flag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flag {
    /// `\Answered`
    Answered,
    /// `\Flagged`
    Flagged,
    /// `\Deleted`
    Deleted,
    /// `\Seen`
    Seen,
    /// `\Draft`
    Draft,
    /// `\Recent`: the server's to set, and gone with RFC 9051.
    Recent,
    /// Any other.
    Keyword(Keyword),
}

const SYSTEM: [(&str, Flag); 6] = [
    ("\\Answered", Flag::Answered),
    ("\\Flagged", Flag::Flagged),
    ("\\Deleted", Flag::Deleted),
    ("\\Seen", Flag::Seen),
    ("\\Draft", Flag::Draft),
    ("\\Recent", Flag::Recent),
];

impl Flag {
    /// Reads a flag; `None` if it is neither one of the six nor a keyword.
    pub fn parse(text: &str) -> Option<Self> {
        if text.starts_with('\\') {
            return SYSTEM.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, flag)| flag);
        }
        Keyword::new(text).map(Self::Keyword)
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keyword(keyword) => f.write_str(keyword.as_str()),
            system => SYSTEM.iter().find(|(_, flag)| flag == system).map_or(Ok(()), |(name, _)| f.write_str(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_the_same_in_any_case() {
        assert_eq!(Flag::parse("\\SEEN"), Some(Flag::Seen));
        assert_eq!(Flag::parse("$forwarded"), Flag::parse("$Forwarded"));
        assert!(Flag::parse("$forwarded") < Flag::parse("$Junk"));
        for (name, flag) in SYSTEM {
            assert_eq!((flag.to_string().as_str(), Flag::parse(name)), (name, Some(flag.clone())));
        }
        assert_eq!(Flag::parse("NonJunk").unwrap().to_string(), "NonJunk");
    }

    #[test]
    fn what_is_no_flag_is_refused() {
        for text in ["", "\\", "\\Sean", "\\*", "a b", "a(", "a\"", "a]", "caf\u{e9}", &"x".repeat(101)] {
            assert_eq!(Flag::parse(text), None, "{text}");
        }
    }
}
