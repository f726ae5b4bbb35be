//! FETCH: what is told of messages (RFC 9051 section 6.4.5, RFC 3516, 7162, 8474, 8514, 8970, 9394).

use std::num::NonZeroU32;

use super::Numbering;
use crate::imap::cursor::{Cursor, Read};
use crate::imap::section::{Partial, Section};
use crate::imap::sequence_set::Messages;
use crate::imap::writer::Writer;

/// FETCH or UID FETCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// What the numbers are.
    pub numbering: Numbering,
    /// Of which messages.
    pub messages: Messages,
    /// What; macros are spelt out.
    pub items: Vec<FetchItem>,
    /// Only those changed since (RFC 7162).
    pub changed_since: Option<ChangedSince>,
    /// Only so many of them (RFC 9394).
    pub partial: Option<PartialRange>,
}

/// `CHANGEDSINCE`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangedSince {
    /// Messages with a greater modification sequence.
    pub modseq: u64,
    /// `VANISHED`: and the UIDs of those that are gone.
    pub vanished: bool,
}

/// Some of a result, by their place: from the front, or from the end (RFC 9394).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartialRange {
    /// From which end the places count.
    pub end: PartialEnd,
    /// The first place, from 1 on.
    pub from: NonZeroU32,
    /// The last place, not before the first.
    pub to: NonZeroU32,
}

/// From which end places count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartialEnd {
    /// `1:10`
    Front,
    /// `-1:-10`
    Back,
}

/// One thing told of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchItem {
    /// `UID`
    Uid,
    /// `FLAGS`
    Flags,
    /// `INTERNALDATE`
    InternalDate,
    /// `ENVELOPE`
    Envelope,
    /// `BODY`: the structure without extension data.
    Body,
    /// `BODYSTRUCTURE`
    BodyStructure,
    /// `RFC822.SIZE`
    Size,
    /// `RFC822`, `RFC822.HEADER` or `RFC822.TEXT`, gone with RFC 9051.
    Rfc822(Rfc822),
    /// `BODY[...]`
    Section {
        /// Which octets.
        section: Section,
        /// A piece of them.
        partial: Option<Partial>,
        /// Whether the message counts as read.
        reading: Reading,
    },
    /// `BINARY[...]`: decoded.
    Binary {
        /// The path of the part.
        part: Vec<NonZeroU32>,
        /// A piece of it.
        partial: Option<Partial>,
        /// Whether the message counts as read.
        reading: Reading,
    },
    /// `BINARY.SIZE[...]`
    BinarySize(Vec<NonZeroU32>),
    /// `MODSEQ`
    ModSeq,
    /// `EMAILID`
    EmailId,
    /// `THREADID`
    ThreadId,
    /// `SAVEDATE`
    SaveDate,
    /// `PREVIEW`
    Preview(Preview),
}

/// Whether fetching sets `\Seen`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// It does.
    Sets,
    /// `.PEEK`: it does not.
    Peeks,
}

/// The forms of RFC 3501 that BODY replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rfc822 {
    /// `RFC822`: all of it, as `BODY[]`.
    Whole,
    /// `RFC822.HEADER`: as `BODY.PEEK[HEADER]`.
    Header,
    /// `RFC822.TEXT`: as `BODY[TEXT]`.
    Text,
}

/// Whether a preview may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preview {
    /// It is made if there is none.
    Made,
    /// `(LAZY)`: NIL if there is none yet.
    Lazy,
}

const ITEM: &str = "something that FETCH tells";
const MODIFIER: &str = "CHANGEDSINCE, VANISHED or PARTIAL";

impl Fetch {
    /// ```abnf
    /// fetch          = "FETCH" SP sequence-set SP ( "ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")" )
    ///                  [SP "(" fetch-modifier *(SP fetch-modifier) ")"]
    /// fetch-modifier = "CHANGEDSINCE" SP mod-sequence-value / "VANISHED" / "PARTIAL" SP partial-range
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>, numbering: Numbering) -> Read<Self> {
        let messages = super::messages(cursor)?;
        cursor.space()?;
        let items = items(cursor)?;
        let mut fetch = Self { numbering, messages, items, changed_since: None, partial: None };
        if !cursor.at_end() && cursor.take(b' ') {
            fetch.read_modifiers(cursor)?;
        }
        Ok(fetch)
    }

    fn read_modifiers(&mut self, cursor: &mut Cursor<'_>) -> Read<()> {
        let mut vanished = false;
        cursor.list1(MODIFIER, |list| {
            if list.take_word("VANISHED") {
                vanished = true;
            } else if list.take_word("PARTIAL") {
                list.space()?;
                self.partial = Some(PartialRange::read(list)?);
            } else {
                list.demand_word("CHANGEDSINCE", MODIFIER)?;
                list.space()?;
                self.changed_since = Some(ChangedSince { modseq: list.number64("a modification sequence")?, vanished: false });
            }
            Ok(())
        })?;
        if vanished {
            // RFC 7162 section 3.2.6.
            match (&mut self.changed_since, self.numbering) {
                (Some(since), Numbering::Uid) => since.vanished = true,
                _ => return cursor.expected("CHANGEDSINCE beside VANISHED, in UID FETCH"),
            }
        }
        Ok(())
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.put(&self.messages).put(" ");
        out.list(&self.items, |out, item| item.write(out));
        let since = self.changed_since.map(|since| {
            let vanished = if since.vanished { " VANISHED" } else { "" };
            format!("CHANGEDSINCE {}{vanished}", since.modseq)
        });
        let partial = self.partial.map(|range| format!("PARTIAL {range}"));
        let modifiers: Vec<String> = since.into_iter().chain(partial).collect();
        if !modifiers.is_empty() {
            out.put(" ").words(modifiers);
        }
    }
}

/// What FETCH tells; NOTIFY asks for the same.
pub(super) fn items(cursor: &mut Cursor<'_>) -> Read<Vec<FetchItem>> {
    use FetchItem::{Body, Envelope, Flags, InternalDate, Size};
    for (word, items) in [
        ("ALL", &[Flags, InternalDate, Size, Envelope][..]),
        ("FAST", &[Flags, InternalDate, Size]),
        ("FULL", &[Flags, InternalDate, Size, Envelope, Body]),
    ] {
        if cursor.take_word(word) {
            return Ok(items.to_vec());
        }
    }
    cursor.one_or_list(ITEM, FetchItem::read)
}

impl FetchItem {
    /// ```abnf
    /// fetch-att = "UID" / "FLAGS" / "INTERNALDATE" / "ENVELOPE" / "BODY" / "BODYSTRUCTURE" / "RFC822.SIZE" / "RFC822" / "RFC822.HEADER"
    ///           / "RFC822.TEXT" / ( "BODY" / "BODY.PEEK" ) section [partial] / ( "BINARY" / "BINARY.PEEK" ) section-binary [partial]
    ///           / "BINARY.SIZE" section-binary / "MODSEQ" / "EMAILID" / "THREADID" / "SAVEDATE" / "PREVIEW" [SP "(" "LAZY" ")"]
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let before = cursor.clone();
        let word = cursor.keyword(ITEM)?.to_ascii_uppercase();
        let bracketed = cursor.peek() == Some(b'[');
        Ok(match (word.as_str(), bracketed) {
            ("BODY", true) => Self::section(cursor, Reading::Sets)?,
            ("BODY.PEEK", true) => Self::section(cursor, Reading::Peeks)?,
            ("BINARY", true) => Self::binary(cursor, Reading::Sets)?,
            ("BINARY.PEEK", true) => Self::binary(cursor, Reading::Peeks)?,
            ("BINARY.SIZE", true) => Self::BinarySize(Section::read_part(cursor)?),
            ("UID", false) => Self::Uid,
            ("FLAGS", false) => Self::Flags,
            ("INTERNALDATE", false) => Self::InternalDate,
            ("ENVELOPE", false) => Self::Envelope,
            ("BODY", false) => Self::Body,
            ("BODYSTRUCTURE", false) => Self::BodyStructure,
            ("RFC822.SIZE", false) => Self::Size,
            ("RFC822", false) => Self::Rfc822(Rfc822::Whole),
            ("RFC822.HEADER", false) => Self::Rfc822(Rfc822::Header),
            ("RFC822.TEXT", false) => Self::Rfc822(Rfc822::Text),
            ("MODSEQ", false) => Self::ModSeq,
            ("EMAILID", false) => Self::EmailId,
            ("THREADID", false) => Self::ThreadId,
            ("SAVEDATE", false) => Self::SaveDate,
            ("PREVIEW", false) => Self::preview(cursor),
            _ => return before.expected(ITEM),
        })
    }

    fn section(cursor: &mut Cursor<'_>, reading: Reading) -> Read<Self> {
        let section = Section::read(cursor)?;
        Ok(Self::Section { section, partial: Partial::read(cursor)?, reading })
    }

    fn binary(cursor: &mut Cursor<'_>, reading: Reading) -> Read<Self> {
        let part = Section::read_part(cursor)?;
        Ok(Self::Binary { part, partial: Partial::read(cursor)?, reading })
    }

    fn preview(cursor: &mut Cursor<'_>) -> Self {
        let mut ahead = cursor.clone();
        // What follows may also be a list of modifiers.
        let lazy = ahead.take(b' ') && ahead.take(b'(') && ahead.take_word("LAZY") && ahead.take(b')');
        if lazy {
            *cursor = ahead;
        }
        Self::Preview(if lazy { Preview::Lazy } else { Preview::Made })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        let peek = |reading: &Reading| if *reading == Reading::Peeks { ".PEEK" } else { "" };
        match self {
            Self::Uid => out.put("UID"),
            Self::Flags => out.put("FLAGS"),
            Self::InternalDate => out.put("INTERNALDATE"),
            Self::Envelope => out.put("ENVELOPE"),
            Self::Body => out.put("BODY"),
            Self::BodyStructure => out.put("BODYSTRUCTURE"),
            Self::Size => out.put("RFC822.SIZE"),
            Self::Rfc822(Rfc822::Whole) => out.put("RFC822"),
            Self::Rfc822(Rfc822::Header) => out.put("RFC822.HEADER"),
            Self::Rfc822(Rfc822::Text) => out.put("RFC822.TEXT"),
            Self::Section { section, partial, reading } => {
                out.put("BODY").put(peek(reading));
                section.write(out);
                out.put(partial.map(|partial| partial.to_string()).unwrap_or_default())
            }
            Self::Binary { part, partial, reading } => {
                let partial = partial.map(|partial| partial.to_string()).unwrap_or_default();
                out.put(format_args!("BINARY{}[{}]{partial}", peek(reading), Section::path(part)))
            }
            Self::BinarySize(part) => out.put(format_args!("BINARY.SIZE[{}]", Section::path(part))),
            Self::ModSeq => out.put("MODSEQ"),
            Self::EmailId => out.put("EMAILID"),
            Self::ThreadId => out.put("THREADID"),
            Self::SaveDate => out.put("SAVEDATE"),
            Self::Preview(Preview::Made) => out.put("PREVIEW"),
            Self::Preview(Preview::Lazy) => out.put("PREVIEW (LAZY)"),
        };
    }
}

impl PartialRange {
    /// `partial-range = nz-number ":" nz-number / "-" nz-number ":" "-" nz-number`
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        const FORM: &str = "a range such as 1:100 or -1:-100";
        let end = if cursor.peek() == Some(b'-') { PartialEnd::Back } else { PartialEnd::Front };
        let place = |cursor: &mut Cursor<'_>| {
            if end == PartialEnd::Back {
                cursor.demand(b'-', FORM)?;
            }
            cursor.nonzero(FORM)
        };
        let from = place(cursor)?;
        cursor.demand(b':', FORM)?;
        let to = place(cursor)?;
        Ok(Self { end, from: from.min(to), to: from.max(to) })
    }
}

impl std::fmt::Display for PartialRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.end {
            PartialEnd::Front => write!(f, "{}:{}", self.from, self.to),
            PartialEnd::Back => write!(f, "-{}:-{}", self.from, self.to),
        }
    }
}
