//! Search keys: what a message must have (RFC 9051 section 6.4.4, RFC 5032, 7162, 8474, 8514).

use std::num::NonZeroU32;

use crate::imap::cursor::{Cursor, Read, SyntaxError};
use crate::imap::date::Date;
use crate::imap::flag::{Flag, Keyword};
use crate::imap::limits::{SEARCH_DEPTH_MAX, SEARCH_KEYS_MAX};
use crate::imap::sequence_set::Messages;
use crate::imap::words::words;
use crate::imap::writer::Writer;

/// What a message must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// Nothing.
    All,
    /// A sequence number among these.
    Numbers(Messages),
    /// A UID among these.
    Uids(Messages),
    /// A flag; `RECENT`, `SEEN` and so on are the same.
    Flag(Flag),
    /// No such flag; `OLD`, `UNSEEN` and so on are the same.
    NoFlag(Flag),
    /// This text in an address or the subject.
    Field(AddressField, String),
    /// A field of this name, with this text in it.
    Header {
        /// Its name.
        name: String,
        /// The text; empty if the field's presence is enough.
        text: String,
    },
    /// This text behind the header section.
    Body(String),
    /// This text anywhere.
    Text(String),
    /// A date.
    Date {
        /// Which.
        field: DateField,
        /// How it compares.
        relation: DateRelation,
        /// With what.
        date: Date,
    },
    /// A save date at all (RFC 8514).
    SaveDateSupported,
    /// More octets than this.
    Larger(u64),
    /// Fewer octets than this.
    Smaller(u64),
    /// Arrived so many seconds ago or earlier (RFC 5032).
    Older(NonZeroU32),
    /// Arrived so many seconds ago or later.
    Younger(NonZeroU32),
    /// Changed at this modification sequence or later. Of single flags we keep none: naming one asks about all.
    ModSeq(u64),
    /// This id (RFC 8474).
    EmailId(String),
    /// This thread's id.
    ThreadId(String),
    /// Not this.
    Not(Box<Key>),
    /// One of these.
    Or(Box<Key>, Box<Key>),
    /// All of these.
    And(Vec<Key>),
}

words! {
    /// The fields with a key of their own.
    AddressField {
        /// `Bcc`
        Bcc = "BCC",
        /// `Cc`
        Cc = "CC",
        /// `From`
        From = "FROM",
        /// `Subject`
        Subject = "SUBJECT",
        /// `To`
        To = "TO",
    }
}

words! {
    /// Which date of a message: the beginning of the key.
    DateField {
        /// Its arrival.
        Internal = "",
        /// Its Date field.
        Sent = "SENT",
        /// When it came into this mailbox (RFC 8514).
        Saved = "SAVED",
    }
}

words! {
    /// How a date compares: the end of the key.
    DateRelation {
        /// Earlier.
        Before = "BEFORE",
        /// That day.
        On = "ON",
        /// That day or later.
        Since = "SINCE",
    }
}

const KEY: &str = "a search key";

/// Reads keys up to the end.
pub(in crate::imap::command) fn read_all(cursor: &mut Cursor<'_>) -> Read<Vec<Key>> {
    let mut left = SEARCH_KEYS_MAX;
    let mut keys = vec![Key::read(cursor, SEARCH_DEPTH_MAX, &mut left)?];
    while !cursor.at_end() && cursor.take(b' ') && !cursor.at_end() {
        keys.push(Key::read(cursor, SEARCH_DEPTH_MAX, &mut left)?);
    }
    Ok(keys)
}

impl Key {
    /// `NEW`
    const NEW: [Self; 2] = [Self::Flag(Flag::Recent), Self::NoFlag(Flag::Seen)];

    fn read(cursor: &mut Cursor<'_>, depth: usize, left: &mut usize) -> Read<Self> {
        *left = left.checked_sub(1).ok_or(SyntaxError::TooMany("search keys"))?;
        let depth = depth.checked_sub(1).ok_or(SyntaxError::TooMany("search keys inside each other"))?;
        match cursor.peek() {
            Some(b'(') => return cursor.list1(KEY, |list| Self::read(list, depth, left)).map(Self::And),
            Some(b'$' | b'*' | b'0'..=b'9') => return crate::imap::command::messages(cursor).map(Self::Numbers),
            _ => {}
        }
        let before = cursor.clone();
        let word = cursor.keyword(KEY)?.to_ascii_uppercase();
        if let Some(simple) = Self::of_one_word(&word) {
            return Ok(simple);
        }
        if let Some((field, relation)) = date_key(&word) {
            cursor.space()?;
            return Ok(Self::Date { field, relation, date: date(cursor)? });
        }
        if let Some(field) = AddressField::parse(&word) {
            return argument(cursor).map(|text| Self::Field(field, text));
        }
        match word.as_str() {
            "NOT" => {
                cursor.space()?;
                Self::read(cursor, depth, left).map(|key| Self::Not(Box::new(key)))
            }
            "OR" => {
                cursor.space()?;
                let one = Self::read(cursor, depth, left)?;
                cursor.space()?;
                Ok(Self::Or(Box::new(one), Box::new(Self::read(cursor, depth, left)?)))
            }
            _ => Self::with_argument(&word, cursor, &before),
        }
    }

    fn of_one_word(word: &str) -> Option<Self> {
        Some(match word {
            "ALL" => Self::All,
            "ANSWERED" => Self::Flag(Flag::Answered),
            "DELETED" => Self::Flag(Flag::Deleted),
            "DRAFT" => Self::Flag(Flag::Draft),
            "FLAGGED" => Self::Flag(Flag::Flagged),
            "SEEN" => Self::Flag(Flag::Seen),
            "RECENT" => Self::Flag(Flag::Recent),
            "UNANSWERED" => Self::NoFlag(Flag::Answered),
            "UNDELETED" => Self::NoFlag(Flag::Deleted),
            "UNDRAFT" => Self::NoFlag(Flag::Draft),
            "UNFLAGGED" => Self::NoFlag(Flag::Flagged),
            "UNSEEN" => Self::NoFlag(Flag::Seen),
            "OLD" => Self::NoFlag(Flag::Recent),
            "NEW" => Self::And(Self::NEW.to_vec()),
            "SAVEDATESUPPORTED" => Self::SaveDateSupported,
            _ => return None,
        })
    }

    /// Keys that take one more word, or two.
    fn with_argument(word: &str, cursor: &mut Cursor<'_>, before: &Cursor<'_>) -> Read<Self> {
        const OCTETS: &str = "a number of octets";
        const SECONDS: &str = "a number of seconds, at least 1";
        if !cursor.take(b' ') {
            return before.expected(KEY);
        }
        Ok(match word {
            "BODY" => Self::Body(cursor.text("a text")?),
            "TEXT" => Self::Text(cursor.text("a text")?),
            "HEADER" => {
                let name = cursor.text("the name of a header field")?;
                Self::Header { name, text: argument(cursor)? }
            }
            "KEYWORD" => Self::Flag(keyword(cursor)?),
            "UNKEYWORD" => Self::NoFlag(keyword(cursor)?),
            "LARGER" => Self::Larger(cursor.number64(OCTETS)?),
            "SMALLER" => Self::Smaller(cursor.number64(OCTETS)?),
            "OLDER" => Self::Older(cursor.nonzero(SECONDS)?),
            "YOUNGER" => Self::Younger(cursor.nonzero(SECONDS)?),
            "UID" => Self::Uids(crate::imap::command::messages(cursor)?),
            "MODSEQ" => Self::ModSeq(modseq(cursor)?),
            "EMAILID" => Self::EmailId(cursor.text("an id")?),
            "THREADID" => Self::ThreadId(cursor.text("an id")?),
            _ => return before.expected(KEY),
        })
    }

    /// Whether this is so of it, or of a key inside it.
    fn any(&self, holds: fn(&Self) -> bool) -> bool {
        let inside = match self {
            Self::Not(key) => key.any(holds),
            Self::Or(one, other) => one.any(holds) || other.any(holds),
            Self::And(keys) => keys.iter().any(|key| key.any(holds)),
            _ => false,
        };
        inside || holds(self)
    }

    /// Whether it has text beyond ASCII.
    pub(in crate::imap::command) fn needs_charset(&self) -> bool {
        self.any(|key| match key {
            Self::Field(_, text) | Self::Body(text) | Self::Text(text) => !text.is_ascii(),
            Self::Header { name, text } => !name.is_ascii() || !text.is_ascii(),
            _ => false,
        })
    }

    /// Whether it speaks of sequence numbers.
    pub(crate) fn names_numbers(&self) -> bool {
        self.any(|key| matches!(key, Self::Numbers(Messages::Set(_))))
    }

    /// Whether it speaks of modification sequences.
    pub(crate) fn names_modseq(&self) -> bool {
        self.any(|key| matches!(key, Self::ModSeq(_)))
    }

    pub(in crate::imap::command) fn write(&self, out: &mut Writer) {
        match self {
            Self::All => out.put("ALL"),
            Self::Numbers(messages) => out.put(messages),
            Self::Uids(messages) => out.put("UID ").put(messages),
            Self::Flag(Flag::Keyword(keyword)) => out.put("KEYWORD ").put(keyword.as_str()),
            Self::NoFlag(Flag::Keyword(keyword)) => out.put("UNKEYWORD ").put(keyword.as_str()),
            Self::NoFlag(Flag::Recent) => out.put("OLD"),
            Self::Flag(flag) => out.put(system(flag)),
            Self::NoFlag(flag) => out.put("UN").put(system(flag)),
            Self::Field(field, text) => out.put(field).put(" ").astring(text.as_bytes()),
            Self::Header { name, text } => out.put("HEADER ").astring(name.as_bytes()).put(" ").astring(text.as_bytes()),
            Self::Body(text) => out.put("BODY ").astring(text.as_bytes()),
            Self::Text(text) => out.put("TEXT ").astring(text.as_bytes()),
            Self::Date { field, relation, date } => out.put(format_args!("{field}{relation} {date}")),
            Self::SaveDateSupported => out.put("SAVEDATESUPPORTED"),
            Self::Larger(octets) => out.put("LARGER ").put(octets),
            Self::Smaller(octets) => out.put("SMALLER ").put(octets),
            Self::Older(seconds) => out.put("OLDER ").put(seconds),
            Self::Younger(seconds) => out.put("YOUNGER ").put(seconds),
            Self::ModSeq(modseq) => out.put("MODSEQ ").put(modseq),
            Self::EmailId(id) => out.put("EMAILID ").astring(id.as_bytes()),
            Self::ThreadId(id) => out.put("THREADID ").astring(id.as_bytes()),
            Self::Not(key) => {
                key.write(out.put("NOT "));
                out
            }
            Self::Or(one, other) => {
                one.write(out.put("OR "));
                other.write(out.put(" "));
                out
            }
            Self::And(keys) if *keys == Self::NEW => out.put("NEW"),
            Self::And(keys) => out.list(keys, |out, key| key.write(out)),
        };
    }
}

/// A system flag as a key.
fn system(flag: &Flag) -> String {
    flag.to_string().trim_start_matches('\\').to_ascii_uppercase()
}

fn date_key(word: &str) -> Option<(DateField, DateRelation)> {
    let mut fields = DateField::ALL.iter().rev();
    fields.find_map(|field| Some((*field, DateRelation::parse(word.strip_prefix(field.as_str())?)?)))
}

/// `date = date-text / DQUOTE date-text DQUOTE`
fn date(cursor: &mut Cursor<'_>) -> Read<Date> {
    const FORM: &str = "a date such as 1-Feb-1994";
    let before = cursor.clone();
    let text = cursor.text(FORM)?;
    Date::parse(&text).map_or_else(|| before.expected(FORM), Ok)
}

fn argument(cursor: &mut Cursor<'_>) -> Read<String> {
    cursor.space()?;
    cursor.text("a text")
}

/// `flag-keyword`
fn keyword(cursor: &mut Cursor<'_>) -> Read<Flag> {
    const FORM: &str = "a keyword";
    let before = cursor.clone();
    Keyword::new(cursor.atom(FORM)?).map_or_else(|| before.expected(FORM), |keyword| Ok(Flag::Keyword(keyword)))
}

/// `"MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer` (RFC 7162 section 3.1.5)
fn modseq(cursor: &mut Cursor<'_>) -> Read<u64> {
    if cursor.peek() == Some(b'"') {
        cursor.string("the name of an entry")?;
        cursor.space()?;
        if !["all", "priv", "shared"].iter().any(|kind| cursor.take_word(kind)) {
            return cursor.expected("all, priv or shared");
        }
        cursor.space()?;
    }
    cursor.number64("a modification sequence")
}
