//! Flags as files of other programs have them: letters behind the name of a file in a Maildir, fields of a message in an mbox.

use std::collections::BTreeSet;

use crate::flag::{Flags, Keyword, SystemFlags};
use crate::message::{HeaderSection, text};

/// The letters of a Maildir, in the order in which they stand.
const LETTERS: [(char, SystemFlags); 5] = [
    ('D', SystemFlags::DRAFT),
    ('F', SystemFlags::FLAGGED),
    ('R', SystemFlags::ANSWERED),
    ('S', SystemFlags::SEEN),
    ('T', SystemFlags::DELETED),
];
/// The letter of what was passed on, and the keyword that says the same (RFC 9051 section 2.3.2).
const PASSED: (char, &str) = ('P', "$Forwarded");
/// Keywords of a folder that have letters: `a` to `z`.
const KEYWORDS_MAX: usize = 26;

/// The letters of `Status` and `X-Status`.
const STATUS: [(char, SystemFlags); 1] = [('R', SystemFlags::SEEN)];
const X_STATUS: [(char, SystemFlags); 4] =
    [('A', SystemFlags::ANSWERED), ('D', SystemFlags::DELETED), ('F', SystemFlags::FLAGGED), ('T', SystemFlags::DRAFT)];
/// The bits of `X-Mozilla-Status`.
const MOZILLA: [(u32, SystemFlags); 4] =
    [(1, SystemFlags::SEEN), (2, SystemFlags::ANSWERED), (4, SystemFlags::FLAGGED), (8, SystemFlags::DELETED)];
const FIELDS: [&str; 3] = ["Status", "X-Status", "X-Keywords"];
/// Octets of the fields in front of a message: as many keywords as a message may have, and room.
const FRONT_OCTETS_MAX: usize = 32 * 1024;

/// The keywords of a Maildir's folder that have letters, as its file `dovecot-keywords` lists them: a number and a name on
/// each line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lettered(Vec<Keyword>);

/// What stands at the front of a message in an mbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Front {
    /// It takes more octets to know.
    Undecided,
    /// The message itself.
    Message,
    /// Fields that an export put there: these flags, in so many octets.
    Marks(Flags, usize),
}

impl Lettered {
    /// Reads the file. What is no line of it is passed over.
    pub fn read(file: &str) -> Self {
        let mut keywords = Vec::new();
        for line in file.lines() {
            let Some((number, name)) = line.split_once(' ') else { continue };
            let (Ok(number), Some(keyword)) = (number.parse::<usize>(), Keyword::new(name)) else { continue };
            // A gap would move the letters of all behind it.
            if number == keywords.len() && number < KEYWORDS_MAX {
                keywords.push(keyword);
            }
        }
        Self(keywords)
    }

    /// The file.
    pub fn write(&self) -> String {
        let line = |(number, keyword): (usize, &Keyword)| format!("{number} {}\n", keyword.as_str());
        self.0.iter().enumerate().map(line).collect::<Vec<_>>().concat()
    }

    /// The letters of these flags, as they stand behind `:2,`. A keyword that has none gets the next; of more than there are
    /// letters for, nothing is said.
    pub fn letters(&mut self, flags: &Flags) -> String {
        let mut letters: BTreeSet<char> =
            LETTERS.iter().filter(|(_letter, flag)| flags.system.has(*flag)).map(|(letter, _flag)| *letter).collect();
        for keyword in &flags.keywords {
            if keyword.as_str().eq_ignore_ascii_case(PASSED.1) {
                letters.insert(PASSED.0);
                continue;
            }
            let known = self.0.iter().position(|known| known == keyword);
            let number = known.unwrap_or(self.0.len());
            if known.is_none() && number < KEYWORDS_MAX {
                self.0.push(keyword.clone());
            }
            letters.extend(('a'..='z').nth(number));
        }
        letters.into_iter().collect()
    }

    /// The flags that these letters stand for.
    pub fn flags(&self, letters: &str) -> Flags {
        let mut flags = Flags { system: system(&LETTERS, letters), ..Flags::default() };
        let named = ('a'..='z').zip(&self.0).filter(|(letter, _keyword)| letters.contains(*letter));
        flags.keywords.extend(named.map(|(_letter, keyword)| keyword.clone()));
        flags.keywords.extend(Keyword::new(PASSED.1).filter(|_passed| letters.contains(PASSED.0)));
        flags
    }
}

/// The fields that say in an mbox which flags a message has, to stand in front of it.
///
/// ```abnf
/// marks = "Status: " ["R"] "O" LF "X-Status: " *ALPHA LF "X-Keywords: " [ keyword *(" " keyword) ] LF
/// ```
pub fn fields(flags: &Flags) -> String {
    let letters = |table: &[(char, SystemFlags)]| -> String {
        table.iter().filter(|(_letter, flag)| flags.system.has(*flag)).map(|(letter, _flag)| *letter).collect()
    };
    let keywords: Vec<&str> = flags.keywords.iter().map(Keyword::as_str).collect();
    format!("Status: {}O\nX-Status: {}\nX-Keywords: {}\n", letters(&STATUS), letters(&X_STATUS), keywords.join(" "))
}

/// Whether a message has such fields itself: then others have to stand in front of it, so that it reads back as it is.
pub fn has_fields(section: &HeaderSection<'_>) -> bool {
    FIELDS.iter().any(|name| section.has(name))
}

/// Whether [`fields`] stand at the front of these octets: all of them, as they are written there.
pub fn front(octets: &[u8]) -> Front {
    let (mut flags, mut at) = (Flags::default(), 0);
    for name in FIELDS {
        let (rest, begins) = (octets.get(at..).unwrap_or_default(), format!("{name}: "));
        let Some(value) = rest.strip_prefix(begins.as_bytes()) else {
            return if begins.as_bytes().starts_with(rest) { Front::Undecided } else { Front::Message };
        };
        let Some(end) = value.iter().position(|octet| *octet == b'\n') else {
            return if octets.len() > FRONT_OCTETS_MAX { Front::Message } else { Front::Undecided };
        };
        add(&mut flags, name, &String::from_utf8_lossy(value.get(..end).unwrap_or_default()));
        at += begins.len() + end + 1;
    }
    Front::Marks(flags, at)
}

/// The flags that fields of a message say it has, wherever a program has put them.
pub fn from_fields(section: &HeaderSection<'_>) -> Flags {
    let mut flags = Flags::default();
    for field in section.fields() {
        let value = text::unfold(field.value());
        if let Some(name) = FIELDS.iter().find(|name| field.is(name)) {
            add(&mut flags, name, value.trim());
        } else if field.is("X-Mozilla-Status")
            && let Ok(bits) = u32::from_str_radix(value.trim(), 16)
        {
            let set = MOZILLA.iter().filter(|(bit, _flag)| bits & bit != 0);
            flags.system = set.fold(flags.system, |all, (_bit, flag)| all.with(*flag));
        }
    }
    flags
}

fn add(flags: &mut Flags, name: &str, value: &str) {
    match name {
        "Status" => flags.system = flags.system.with(system(&STATUS, value)),
        "X-Status" => flags.system = flags.system.with(system(&X_STATUS, value)),
        _ => flags.keywords.extend(value.split([' ', '\t', ',']).filter_map(Keyword::new)),
    }
}

fn system(table: &[(char, SystemFlags)], letters: &str) -> SystemFlags {
    let set = table.iter().filter(|(letter, _flag)| letters.contains(*letter));
    set.fold(SystemFlags::NONE, |all, (_letter, flag)| all.with(*flag))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flags(names: &str) -> Flags {
        Flags::from_names(names.split_whitespace()).unwrap()
    }

    #[test]
    fn letters_stand_for_flags_and_back() {
        let mut lettered = Lettered::read("0 work\nx\n1 $Junk\n3 gap\n");
        for (names, letters) in [
            ("", ""),
            ("\\Seen", "S"),
            ("\\Seen \\Answered \\Flagged \\Draft \\Deleted", "DFRST"),
            ("$forwarded \\Seen", "PS"),
            ("WORK \\Flagged", "Fa"),
            ("$Junk home", "bc"),
        ] {
            assert_eq!(lettered.letters(&flags(names)), letters, "{names}");
            assert_eq!(lettered.flags(letters), flags(names), "{letters}");
        }
        assert_eq!(lettered.write(), "0 work\n1 $Junk\n2 home\n");
        assert_eq!(Lettered::read(&lettered.write()), lettered);
        assert_eq!(lettered.flags("SXz,9"), flags("\\Seen"));
        let many: Vec<String> = (0..40).map(|number| format!("k{number:02}")).collect();
        assert_eq!(Lettered::default().letters(&flags(&many.join(" "))), ('a'..='z').collect::<String>());
    }

    #[test]
    fn fields_stand_for_flags_and_back() {
        for (names, written) in [
            ("\\Seen", "Status: RO\nX-Status: \nX-Keywords: \n"),
            ("\\Answered \\Deleted \\Draft \\Flagged a $b", "Status: O\nX-Status: ADFT\nX-Keywords: $b a\n"),
        ] {
            assert_eq!(fields(&flags(names)), written);
            assert_eq!(front(format!("{written}Status: R\n\nHi").as_bytes()), Front::Marks(flags(names), written.len()));
            for end in 0..written.len() {
                assert_eq!(front(&written.as_bytes()[..end]), Front::Undecided);
            }
        }
        for message in ["From: x\n", "Status: RO\nSubject: x\n", "Status: RO\nX-Status:\n", "X-Status: A\n", "\n", "Status:RO\n"] {
            assert_eq!(front(message.as_bytes()), Front::Message, "{message:?}");
        }
        for (message, names) in [
            ("Subject: x\nStatus: RO\nX-Status: AF\nX-Keywords: a, b\n\n", "\\Seen \\Answered \\Flagged a b"),
            ("X-Mozilla-Status: 0007\nX-Mozilla-Status2: 00000000\n\n", "\\Seen \\Answered \\Flagged"),
            ("X-Mozilla-Status: zz\n\nStatus: R\n", ""),
        ] {
            let section = HeaderSection::read(message.as_bytes());
            assert_eq!(from_fields(&section), flags(names), "{message:?}");
        }
        assert!(
            has_fields(&HeaderSection::read(b"A: b\r\nx-status:\r\n\r\n")) && !has_fields(&HeaderSection::read(b"A: b\r\n\r\nStatus: x"))
        );
    }

    proptest! {
        #[test]
        fn whatever_flags_a_message_has_come_back(bits in 0u8..32, words in prop::collection::btree_set("[a-zA-Z0-9$_.-]{1,12}", 0..8)) {
            let keywords = words.iter().filter_map(|word| Keyword::new(word)).collect();
            let flags = Flags { system: SystemFlags::from_bits(bits).unwrap(), keywords };
            let mut lettered = Lettered::default();
            let letters = lettered.letters(&flags);
            prop_assert_eq!(lettered.flags(&letters), flags.clone());
            let written = fields(&flags);
            prop_assert_eq!(front(written.as_bytes()), Front::Marks(flags, written.len()));
        }
    }
}
