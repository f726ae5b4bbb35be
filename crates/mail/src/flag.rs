//! Flags of messages in a mailbox (RFC 9051 section 2.3.2): the five of the system, and keywords.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

/// Octets of a keyword: each is stored with the mailbox for ever.
pub const KEYWORD_OCTETS_MAX: usize = 100;

/// A flag without a backslash: an atom, the same in any case.
#[derive(Clone)]
pub struct Keyword(String);

/// Some of the five flags that every mailbox has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SystemFlags(u8);

/// All flags of one message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flags {
    /// `\Seen` and its like.
    pub system: SystemFlags,
    /// The others.
    pub keywords: BTreeSet<Keyword>,
}

/// What is done to the flags of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlagChange {
    /// These, and no others.
    Replace(Flags),
    /// These as well.
    Add(Flags),
    /// Not these.
    Remove(Flags),
}

/// Whether an octet is an `ATOM-CHAR` (RFC 9051 section 9).
fn is_atom(octet: u8) -> bool {
    octet.is_ascii_graphic() && !matches!(octet, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']')
}

impl Keyword {
    /// The keyword; `None` if it is no atom, or too long to be kept.
    pub fn new(text: &str) -> Option<Self> {
        let usable = (1..=KEYWORD_OCTETS_MAX).contains(&text.len()) && text.bytes().all(is_atom);
        usable.then(|| Self(text.to_owned()))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn folded(&self) -> impl Iterator<Item = u8> {
        self.0.bytes().map(|octet| octet.to_ascii_lowercase())
    }
}

impl fmt::Debug for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq for Keyword {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Keyword {}

impl PartialOrd for Keyword {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Keyword {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl SystemFlags {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// `\Seen`: it was read.
    pub const SEEN: Self = Self(1);
    /// `\Answered`: it was replied to.
    pub const ANSWERED: Self = Self(2);
    /// `\Flagged`: it matters.
    pub const FLAGGED: Self = Self(4);
    /// `\Deleted`: EXPUNGE removes it.
    pub const DELETED: Self = Self(8);
    /// `\Draft`: it is not finished.
    pub const DRAFT: Self = Self(16);
    /// Each of them alone, with its name.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::ANSWERED, "\\Answered"),
        (Self::FLAGGED, "\\Flagged"),
        (Self::DELETED, "\\Deleted"),
        (Self::SEEN, "\\Seen"),
        (Self::DRAFT, "\\Draft"),
    ];

    /// As a number.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Those of a number; `None` if it stands for something else.
    pub fn from_bits(bits: u8) -> Option<Self> {
        (bits < 32).then_some(Self(bits))
    }

    /// Whether all of the others are among them.
    pub const fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// With the others.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Without the others.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().filter(move |(flag, _name)| self.has(*flag)).map(|(_flag, name)| name)
    }
}

impl fmt::Debug for SystemFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl From<SystemFlags> for Flags {
    fn from(system: SystemFlags) -> Self {
        Self { system, keywords: BTreeSet::new() }
    }
}

impl Flags {
    /// Those of these names, in any case; `None` if one is no flag.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut flags = Self::default();
        for name in names {
            if name.starts_with('\\') {
                let (flag, _name) = SystemFlags::ALL.into_iter().find(|(_flag, known)| known.eq_ignore_ascii_case(name))?;
                flags.system = flags.system.with(flag);
            } else {
                flags.keywords.insert(Keyword::new(name)?);
            }
        }
        Some(flags)
    }

    /// Their names.
    pub fn names<'a>(&'a self) -> impl Iterator<Item = &'a str> {
        let system = self.system.names().map(|name| -> &'a str { name });
        system.chain(self.keywords.iter().map(Keyword::as_str))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.system == SystemFlags::NONE && self.keywords.is_empty()
    }
}

impl FlagChange {
    /// The flags after it.
    pub fn apply(&self, before: &Flags) -> Flags {
        match self {
            Self::Replace(flags) => flags.clone(),
            Self::Add(flags) => Flags {
                system: before.system.with(flags.system),
                // As they were written before, where they differ in case only.
                keywords: before.keywords.iter().chain(flags.keywords.difference(&before.keywords)).cloned().collect(),
            },
            Self::Remove(flags) => Flags {
                system: before.system.without(flags.system),
                keywords: before.keywords.difference(&flags.keywords).cloned().collect(),
            },
        }
    }

    /// The keywords that a message may have after it and had not before.
    pub fn new_keywords(&self) -> Option<&BTreeSet<Keyword>> {
        match self {
            Self::Replace(flags) | Self::Add(flags) => Some(&flags.keywords),
            Self::Remove(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(system: SystemFlags, keywords: &[&str]) -> Flags {
        Flags { system, keywords: keywords.iter().map(|keyword| Keyword::new(keyword).unwrap()).collect() }
    }

    #[test]
    fn changes_add_remove_and_replace() {
        let before = flags(SystemFlags::SEEN, &["$Junk", "work"]);
        let other = flags(SystemFlags::FLAGGED, &["WORK", "home"]);
        let added = FlagChange::Add(other.clone()).apply(&before);
        assert_eq!(added, flags(SystemFlags::SEEN.with(SystemFlags::FLAGGED), &["$Junk", "home", "work"]));
        assert!(added.keywords.iter().any(|keyword| keyword.as_str() == "work"), "as it was first written");
        assert_eq!(FlagChange::Remove(other.clone()).apply(&added), flags(SystemFlags::SEEN, &["$Junk"]));
        assert_eq!(FlagChange::Replace(other.clone()).apply(&before), other);
    }

    #[test]
    fn names_stand_for_flags_and_back() {
        let some = Flags::from_names(["\\SEEN", "work", "\\Draft", "WORK"]).unwrap();
        assert_eq!(some, flags(SystemFlags::SEEN.with(SystemFlags::DRAFT), &["work"]));
        assert_eq!(some.names().collect::<Vec<_>>(), ["\\Seen", "\\Draft", "work"]);
        for wrong in ["\\Recent", "", "a b", "\\", "(x)"] {
            assert_eq!(Flags::from_names([wrong]), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_stand_for_flags_and_back() {
        for bits in 0..32 {
            let flags = SystemFlags::from_bits(bits).unwrap();
            assert_eq!((flags.bits(), flags.names().count()), (bits, bits.count_ones() as usize));
        }
        assert_eq!(SystemFlags::from_bits(32), None);
        assert_eq!(SystemFlags::DELETED.with(SystemFlags::SEEN).without(SystemFlags::SEEN), SystemFlags::DELETED);
    }
}
