//! Names of mailboxes, and patterns of them (RFC 9051 sections 5.1 and 6.3.9).

use std::fmt;

use super::limits::MAILBOX_NAME_OCTETS_MAX;
use super::utf7;

/// The one name that every user has, in whatever case it is written.
const INBOX: &str = "INBOX";

/// What stands between a mailbox and those inside it.
pub const DELIMITER: char = '/';

/// The name of a mailbox: Unicode without control characters, not empty; INBOX in capitals, also as the first of several parts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxName(String);

/// How names are written on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameForm {
    /// Until the client enables one of the others (RFC 3501 section 5.1.3).
    ModifiedUtf7,
    /// After ENABLE of UTF8=ACCEPT (RFC 6855) or of RFC 9051.
    Utf8,
}

/// A name in which `*` stands for anything, and `%` for anything within one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl NameForm {
    pub(super) fn decode(self, octets: &[u8]) -> Option<String> {
        let text = std::str::from_utf8(octets).ok()?;
        let name = match self {
            Self::ModifiedUtf7 => utf7::decode(text)?,
            Self::Utf8 => text.to_owned(),
        };
        let usable = name.len() <= MAILBOX_NAME_OCTETS_MAX && !name.chars().any(char::is_control);
        usable.then_some(name)
    }

    pub(super) fn encode(self, name: &str) -> String {
        match self {
            Self::ModifiedUtf7 => utf7::encode(name),
            Self::Utf8 => name.to_owned(),
        }
    }
}

impl MailboxName {
    /// The name; `None` if no mailbox can have it.
    pub fn new(name: &str) -> Option<Self> {
        let usable = !name.is_empty() && name.len() <= MAILBOX_NAME_OCTETS_MAX && !name.chars().any(char::is_control);
        let (first, rest) = name.split_at(name.find(DELIMITER).unwrap_or(name.len()));
        usable.then(|| Self(if first.eq_ignore_ascii_case(INBOX) { format!("{INBOX}{rest}") } else { name.to_owned() }))
    }

    /// INBOX.
    pub fn inbox() -> Self {
        Self(INBOX.to_owned())
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is INBOX.
    pub fn is_inbox(&self) -> bool {
        self.0 == INBOX
    }
}

impl fmt::Debug for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Pattern {
    /// A pattern as it is written, behind its reference.
    pub fn new(pattern: &str) -> Self {
        // RFC 9051 section 5.1: INBOX is one name in any case, whatever a pattern does otherwise.
        Self(MailboxName::new(pattern).map_or_else(|| pattern.to_owned(), |name| name.0))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a name fits. The work is the product of both lengths at most, whatever the pattern.
    pub fn admits(&self, name: &MailboxName) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.0.as_bytes());
        let delimiter = u8::try_from(DELIMITER).unwrap_or(b'/');
        // `fits[n]`: the pattern so far fits the first n octets of the name.
        let mut fits: Vec<bool> = std::iter::once(true).chain(name.iter().map(|_octet| false)).collect();
        for symbol in pattern {
            let mut open = false;
            let mut before = false;
            for (at, fit) in fits.iter_mut().enumerate() {
                let octet = at.checked_sub(1).and_then(|last| name.get(last));
                let was = *fit;
                *fit = match symbol {
                    b'*' | b'%' => {
                        let crosses = *symbol == b'*' || octet != Some(&delimiter);
                        open = was || open && crosses;
                        open
                    }
                    _ => before && octet == Some(symbol),
                };
                before = was;
            }
        }
        fits.last().is_some_and(|fit| *fit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inbox_is_one_name_in_any_case() {
        for name in ["INBOX", "inbox", "InBoX"] {
            assert_eq!(MailboxName::new(name), Some(MailboxName::inbox()));
        }
        assert_eq!(MailboxName::new("inbox/a").unwrap().as_str(), "INBOX/a");
        assert_eq!(MailboxName::new("Inboxes").unwrap().as_str(), "Inboxes");
        for name in ["", "a\nb", "a\0", "\u{85}", &"x".repeat(1001)] {
            assert_eq!(MailboxName::new(name), None);
        }
    }

    #[test]
    fn a_pattern_admits_what_it_should() {
        for (pattern, fit, others) in [
            ("*", &["INBOX", "a/b/c"][..], &[][..]),
            ("%", &["INBOX", "a"], &["a/b"]),
            ("inbox", &["INBOX"], &["INBOX/a", "xINBOX"]),
            ("a/%", &["a/b"], &["a", "a/b/c", "b/b"]),
            ("a/*", &["a/b", "a/b/c"], &["a"]),
            ("%/%", &["a/b"], &["a", "a/b/c"]),
            ("a*c", &["ac", "abc", "a/c"], &["acb"]),
            ("a%c", &["ac", "abc"], &["a/c"]),
            ("*%", &["a/b"], &[]),
            ("", &[], &["a"]),
            ("\u{e9}%", &["\u{e9}t\u{e9}"], &["e"]),
        ] {
            let admits = |name: &str| Pattern::new(pattern).admits(&MailboxName::new(name).unwrap());
            assert_eq!(fit.iter().find(|name| !admits(name)), None, "{pattern} must admit it");
            assert_eq!(others.iter().find(|name| admits(name)), None, "{pattern} must not admit it");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_takes_no_longer() {
        let name = MailboxName::new(&"a".repeat(1000)).unwrap();
        assert!(!Pattern::new(&("*a".repeat(400) + "b")).admits(&name));
        assert!(Pattern::new(&"*a".repeat(400)).admits(&name));
    }
}
