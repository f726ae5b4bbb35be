//! What a mailbox is for (RFC 6154 section 2, RFC 8457).

use std::fmt;

/// One use, which at most one mailbox of an account has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpecialUse {
    /// All messages.
    All,
    /// Put aside.
    Archive,
    /// Not sent yet.
    Drafts,
    /// Those with `\Flagged`.
    Flagged,
    /// Those that seem important.
    Important,
    /// Unwanted.
    Junk,
    /// Sent.
    Sent,
    /// To be deleted.
    Trash,
}

impl SpecialUse {
    /// All of them.
    pub const ALL: &'static [Self] =
        &[Self::All, Self::Archive, Self::Drafts, Self::Flagged, Self::Important, Self::Junk, Self::Sent, Self::Trash];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "\\All",
            Self::Archive => "\\Archive",
            Self::Drafts => "\\Drafts",
            Self::Flagged => "\\Flagged",
            Self::Important => "\\Important",
            Self::Junk => "\\Junk",
            Self::Sent => "\\Sent",
            Self::Trash => "\\Trash",
        }
    }

    /// Reads a use, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str().eq_ignore_ascii_case(word))
    }
}

impl fmt::Display for SpecialUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
