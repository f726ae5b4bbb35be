//! Which octets of a message: `[1.2.HEADER.FIELDS (Subject)]<0.512>` (RFC 9051 section 6.4.5.1).

mod place;

use std::fmt;
use std::num::NonZeroU32;

use super::cursor::{Cursor, Read, SyntaxError};
use super::limits::PART_DEPTH_MAX;
use super::writer::Writer;

pub use place::{Fields, Place};

/// A part of a message, or a part of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The path of the part, from outside; empty for the message itself.
    pub part: Vec<NonZeroU32>,
    /// What of it.
    pub of: SectionText,
}

/// What of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SectionText {
    /// All of it.
    Whole,
    /// `HEADER`: of a message.
    Header,
    /// `HEADER.FIELDS`: these fields of a message.
    HeaderFields(Vec<String>),
    /// `HEADER.FIELDS.NOT`: all other fields of a message.
    HeaderFieldsNot(Vec<String>),
    /// `TEXT`: what stands behind a message's header section.
    Text,
    /// `MIME`: a part's own header section.
    Mime,
}

/// A piece of what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partial {
    /// Octets before it.
    pub offset: u64,
    /// Octets at most; at least 1.
    pub octets_max: u64,
}

const FORM: &str = "a section such as [], [TEXT], [1.2.MIME] or [HEADER.FIELDS (Subject)]";

impl Section {
    /// The message itself: `[]`.
    pub const WHOLE: Self = Self { part: Vec::new(), of: SectionText::Whole };

    /// ```abnf
    /// section      = "[" [section-spec] "]"
    /// section-spec = section-msgtext / ( section-part ["." ( section-msgtext / "MIME" )] )
    /// section-part = nz-number *( "." nz-number )
    /// section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP "(" astring *(SP astring) ")" / "TEXT"
    /// ```
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        cursor.demand(b'[', FORM)?;
        let part = Self::numbers(cursor)?;
        let of = if cursor.peek() == Some(b']') { SectionText::Whole } else { SectionText::read(cursor, &part)? };
        cursor.demand(b']', FORM)?;
        Ok(Self { part, of })
    }

    /// `section-binary = "[" [section-part] "]"`
    pub(crate) fn read_part(cursor: &mut Cursor<'_>) -> Read<Vec<NonZeroU32>> {
        cursor.demand(b'[', FORM)?;
        let part = Self::numbers(cursor)?;
        cursor.demand(b']', FORM)?;
        Ok(part)
    }

    /// Numbers up to what is none, the dot before that included.
    fn numbers(cursor: &mut Cursor<'_>) -> Read<Vec<NonZeroU32>> {
        let mut part = Vec::new();
        while cursor.peek().is_some_and(|octet| octet.is_ascii_digit()) {
            part.push(cursor.nonzero("the number of a part")?);
            if part.len() > PART_DEPTH_MAX {
                return Err(SyntaxError::TooMany("parts inside each other"));
            }
            if !cursor.take(b'.') {
                return if cursor.peek() == Some(b']') { Ok(part) } else { cursor.expected(FORM) };
            }
            if cursor.peek() == Some(b']') {
                return cursor.expected(FORM);
            }
        }
        Ok(part)
    }

    pub(crate) fn path(part: &[NonZeroU32]) -> String {
        part.iter().map(ToString::to_string).collect::<Vec<_>>().join(".")
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.put("[").put(Self::path(&self.part));
        if !self.part.is_empty() && self.of != SectionText::Whole {
            out.put(".");
        }
        self.of.write(out);
        out.put("]");
    }
}

impl SectionText {
    fn read(cursor: &mut Cursor<'_>, part: &[NonZeroU32]) -> Read<Self> {
        let before = cursor.clone();
        let fields = |cursor: &mut Cursor<'_>| {
            cursor.space()?;
            cursor.list1("names of header fields", |list| list.text("the name of a header field"))
        };
        match cursor.keyword(FORM)?.to_ascii_uppercase().as_str() {
            "HEADER" => Ok(Self::Header),
            "HEADER.FIELDS" => fields(cursor).map(Self::HeaderFields),
            "HEADER.FIELDS.NOT" => fields(cursor).map(Self::HeaderFieldsNot),
            "TEXT" => Ok(Self::Text),
            "MIME" if !part.is_empty() => Ok(Self::Mime),
            _ => before.expected(FORM),
        }
    }

    fn write(&self, out: &mut Writer) {
        let mut fields = |word: &str, names: &[String]| {
            out.put(word).put(" ").list(names, |out, name| {
                out.astring(name.as_bytes());
            });
        };
        match self {
            Self::Whole => {}
            Self::HeaderFields(names) => fields("HEADER.FIELDS", names),
            Self::HeaderFieldsNot(names) => fields("HEADER.FIELDS.NOT", names),
            Self::Header => out.put("HEADER").done(),
            Self::Text => out.put("TEXT").done(),
            Self::Mime => out.put("MIME").done(),
        }
    }
}

impl Partial {
    /// `partial = "<" number64 ["." nz-number64] ">"`, if it comes next. RFC 9051 always has a length; without one, as other
    /// servers read it, the piece goes to the end.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Read<Option<Self>> {
        const FORM: &str = "a piece such as <0.512>";
        if !cursor.take(b'<') {
            return Ok(None);
        }
        let offset = cursor.number64(FORM)?;
        if cursor.take(b'>') {
            return Ok(Some(Self { offset, octets_max: u64::MAX }));
        }
        cursor.demand(b'.', FORM)?;
        let octets_max = cursor.number64(FORM)?;
        if octets_max == 0 {
            return cursor.expected("a piece of at least one octet");
        }
        cursor.demand(b'>', FORM)?;
        Ok(Some(Self { offset, octets_max }))
    }
}

impl fmt::Display for Partial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.octets_max {
            u64::MAX => write!(f, "<{}>", self.offset),
            octets_max => write!(f, "<{}.{octets_max}>", self.offset),
        }
    }
}
