//! What FETCH tells of one message (RFC 9051 section 7.5.2, and each extension's).

use std::num::NonZeroU32;

use mail::structure::{EnvelopeStructure, Part};
use mail::time::Timestamp;

use super::quoted_date;
use super::structure::{Extent, read_body, read_envelope, write_body, write_envelope};
use crate::imap::command::Numbering;
use crate::imap::command::fetch::Rfc822;
use crate::imap::cursor::{Cursor, Read};
use crate::imap::date::{self, DateTime};
use crate::imap::flag::Flag;
use crate::imap::input::{LiteralForm, announced};
use crate::imap::section::Section;
use crate::imap::writer::Writer;

/// What is told of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Which message.
    pub number: NonZeroU32,
    /// What the number is: with UIDs, the response is `UIDFETCH` (RFC 9586).
    pub numbering: Numbering,
    /// What is told.
    pub values: Vec<FetchedValue>,
}

/// One thing told of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchedValue {
    /// `UID`
    Uid(NonZeroU32),
    /// `FLAGS`
    Flags(Vec<Flag>),
    /// `INTERNALDATE`
    InternalDate(DateTime),
    /// `ENVELOPE`
    Envelope(Box<EnvelopeStructure>),
    /// `BODY` or `BODYSTRUCTURE`
    Body(Extent, Box<Part>),
    /// `BODYSTRUCTURE`, as [`ascii_text`](super::structure::ascii_text) has written it; nobody reads it as this.
    BodyText(Vec<u8>),
    /// `RFC822.SIZE`
    Size(u64),
    /// `MODSEQ`
    ModSeq(u64),
    /// `EMAILID`
    EmailId(String),
    /// `THREADID`; none if messages have no threads.
    ThreadId(Option<String>),
    /// `SAVEDATE`; none if the mailbox keeps none.
    SaveDate(Option<Timestamp>),
    /// `PREVIEW`; none if it is not made yet.
    Preview(Option<String>),
    /// `BINARY.SIZE[...]`
    BinarySize(Vec<NonZeroU32>, u64),
    /// Octets; none if there is no such part.
    Content(ContentName, Option<Vec<u8>>),
}

/// What octets of a message are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentName {
    /// `BODY[...]<origin>`; the origin stands there if a piece was asked for.
    Section(Section, Option<u64>),
    /// `BINARY[...]<origin>`
    Binary(Vec<NonZeroU32>, Option<u64>),
    /// `RFC822` and its sisters.
    Rfc822(Rfc822),
}

/// What stands at the end of the octets in a FETCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FetchEnd {
    /// The end of the response.
    Whole,
    /// The announcement of so many octets of content, under this name.
    Content(ContentName, u64),
}

/// One value, or what stands where there is none.
enum Next {
    Value(FetchedValue),
    /// Of a kind that we do not know.
    Passed,
    /// The octets end with the announcement of content.
    Announced(ContentName, u64),
}

const VALUE: &str = "what FETCH tells of a message";

impl Fetched {
    /// Reads what stands behind the number and `FETCH`, values that we do not know passed over. Octets that end where content
    /// is announced are enough: what stands before is told.
    ///
    /// ```abnf
    /// message-data = nz-number SP ( "FETCH" / "UIDFETCH" ) SP "(" [msg-att *(SP msg-att)] ")"
    /// msg-att      = "UID" SP nz-number / "FLAGS" SP flag-list / "INTERNALDATE" SP date-time / "ENVELOPE" SP envelope
    ///              / ( "BODY" / "BODYSTRUCTURE" ) SP body / "RFC822.SIZE" SP number64 / "MODSEQ" SP "(" mod-sequence-value ")"
    ///              / "EMAILID" SP "(" objectid ")" / "THREADID" SP ( "(" objectid ")" / NIL ) / "SAVEDATE" SP ( date-time / NIL )
    ///              / "PREVIEW" SP nstring / "BINARY.SIZE" section-binary SP number64 / content-name SP ( nstring / literal8 )
    /// content-name = "BODY" section ["<" number64 ">"] / "BINARY" section-binary ["<" number64 ">"]
    ///              / "RFC822" / "RFC822.HEADER" / "RFC822.TEXT"
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>, number: NonZeroU32, numbering: Numbering) -> Read<Self> {
        cursor.demand(b'(', VALUE)?;
        let (fetched, end) = Self::read_values(cursor, number, numbering, Streaming::No)?;
        // Streaming was not asked for.
        if end == FetchEnd::Whole { Ok(fetched) } else { cursor.expected(VALUE) }
    }

    /// Reads values up to the end, or to content whose octets are not here.
    pub(crate) fn read_values(
        cursor: &mut Cursor<'_>,
        number: NonZeroU32,
        numbering: Numbering,
        streaming: Streaming,
    ) -> Read<(Self, FetchEnd)> {
        let mut fetched = Self { number, numbering, values: Vec::new() };
        loop {
            if cursor.take(b')') {
                return Ok((fetched, FetchEnd::Whole));
            }
            match FetchedValue::read(cursor, streaming)? {
                Next::Value(value) => fetched.values.push(value),
                Next::Passed => {}
                Next::Announced(name, octets) => return Ok((fetched, FetchEnd::Content(name, octets))),
            }
            if cursor.peek() != Some(b')') {
                cursor.space()?;
            }
        }
    }

    pub(super) fn write(&self, out: &mut Writer) {
        Self::open(self.number, self.numbering, out);
        out.spaced(&self.values, |out, value| value.write(out)).text(")");
    }

    /// What stands before the first value.
    pub(crate) fn open(number: NonZeroU32, numbering: Numbering, out: &mut Writer) {
        out.put(number).put(if numbering == Numbering::Uid { " UIDFETCH (" } else { " FETCH (" });
    }
}

/// Whether octets of content may be missing where they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Streaming {
    Yes,
    No,
}

impl FetchedValue {
    fn read(cursor: &mut Cursor<'_>, streaming: Streaming) -> Read<Next> {
        let word = cursor.keyword(VALUE)?.to_ascii_uppercase();
        let bracketed = cursor.peek() == Some(b'[');
        if let Some(name) = ContentName::read(cursor, &word, bracketed)? {
            cursor.space()?;
            let announcement = cursor.rest().strip_suffix(b"\r\n").map(|line| line.strip_prefix(b"~").unwrap_or(line));
            let announcement = announcement.filter(|line| line.starts_with(b"{") && !line.contains(&b'\n')).and_then(announced);
            return match announcement {
                Some(announcement) if streaming == Streaming::Yes => Ok(Next::Announced(name, announcement.octets)),
                _ => Ok(Next::Value(Self::Content(name, cursor.content()?))),
            };
        }
        if word == "BINARY.SIZE" && bracketed {
            let part = Section::read_part(cursor)?;
            cursor.space()?;
            return Ok(Next::Value(Self::BinarySize(part, cursor.number64("a number of octets")?)));
        }
        cursor.skip_section()?;
        cursor.space()?;
        // No other name of ours goes on in brackets.
        let word = if bracketed { "" } else { word.as_str() };
        Ok(Self::read_simple(cursor, word)?.map_or(Next::Passed, Next::Value))
    }

    /// A value whose name is one word; `None` of one that we do not know, or can't keep.
    fn read_simple(cursor: &mut Cursor<'_>, word: &str) -> Read<Option<Self>> {
        Ok(Some(match word {
            "UID" => Self::Uid(cursor.nonzero("a UID")?),
            "FLAGS" => Self::Flags(cursor.flags_told()?.0),
            // A date that does not exist is no reason to end a session.
            "INTERNALDATE" => return Ok(date::parse_date_time(&cursor.string_text("a date")?).map(Self::InternalDate)),
            "ENVELOPE" => Self::Envelope(Box::new(read_envelope(cursor)?)),
            "BODY" => Self::Body(Extent::Basic, Box::new(read_body(cursor, 1)?)),
            "BODYSTRUCTURE" => Self::Body(Extent::Extended, Box::new(read_body(cursor, 1)?)),
            "RFC822.SIZE" => Self::Size(cursor.number64("a number of octets")?),
            "MODSEQ" => {
                cursor.demand(b'(', "a modification sequence in parentheses")?;
                let modseq = cursor.number64("a modification sequence")?;
                cursor.demand(b')', "a modification sequence in parentheses")?;
                Self::ModSeq(modseq)
            }
            "EMAILID" => Self::EmailId(cursor.object_id()?),
            "THREADID" if cursor.take_word("NIL") => Self::ThreadId(None),
            "THREADID" => Self::ThreadId(Some(cursor.object_id()?)),
            "SAVEDATE" if cursor.take_word("NIL") => Self::SaveDate(None),
            "SAVEDATE" => return Ok(date::parse_date_time(&cursor.string_text("a date")?).map(|time| Self::SaveDate(Some(time.at())))),
            "PREVIEW" => Self::Preview(cursor.nstring_lossy()?),
            _ => {
                cursor.skip_value()?;
                return Ok(None);
            }
        }))
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        match self {
            Self::Uid(uid) => out.text("UID ").put(uid),
            Self::Flags(flags) => out.text("FLAGS ").words(flags),
            Self::InternalDate(time) => out.text("INTERNALDATE ").put(quoted_date(*time)),
            Self::Envelope(envelope) => {
                write_envelope(envelope, out.text("ENVELOPE "));
                out
            }
            Self::Body(extent, part) => {
                write_body(part, *extent, out.put(if *extent == Extent::Basic { "BODY " } else { "BODYSTRUCTURE " }));
                out
            }
            Self::BodyText(text) => out.text("BODYSTRUCTURE ").raw(text),
            Self::Size(octets) => out.text("RFC822.SIZE ").put(octets),
            Self::ModSeq(modseq) => out.put(format_args!("MODSEQ ({modseq})")),
            Self::EmailId(id) => out.put(format_args!("EMAILID ({id})")),
            Self::ThreadId(None) => out.text("THREADID NIL"),
            Self::ThreadId(Some(id)) => out.put(format_args!("THREADID ({id})")),
            Self::SaveDate(None) => out.text("SAVEDATE NIL"),
            Self::SaveDate(Some(time)) => out.text("SAVEDATE ").put(quoted_date(*time)),
            Self::Preview(text) => out.text("PREVIEW ").nstring(text.as_ref().map(String::as_bytes)),
            Self::BinarySize(part, octets) => out.put(format_args!("BINARY.SIZE[{}] {octets}", Section::path(part))),
            Self::Content(name, octets) => {
                name.write(out);
                match octets {
                    // What may have NUL octets is a literal in any case, for whom it has none too.
                    Some(octets) => out.text(" ").literal(octets),
                    None => out.text(" NIL"),
                }
            }
        };
    }
}

impl ContentName {
    /// The rest of a name that begins with this word; `None` if it is the name of something else.
    fn read(cursor: &mut Cursor<'_>, word: &str, bracketed: bool) -> Read<Option<Self>> {
        Ok(Some(match (word, bracketed) {
            ("BODY", true) => {
                let section = Section::read(cursor)?;
                Self::Section(section, origin(cursor)?)
            }
            ("BINARY", true) => {
                let part = Section::read_part(cursor)?;
                Self::Binary(part, origin(cursor)?)
            }
            ("RFC822", false) => Self::Rfc822(Rfc822::Whole),
            ("RFC822.HEADER", false) => Self::Rfc822(Rfc822::Header),
            ("RFC822.TEXT", false) => Self::Rfc822(Rfc822::Text),
            _ => return Ok(None),
        }))
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        let origin = match self {
            Self::Section(section, origin) => {
                section.write(out.text("BODY"));
                origin
            }
            Self::Binary(part, origin) => {
                out.put(format_args!("BINARY[{}]", Section::path(part)));
                origin
            }
            Self::Rfc822(Rfc822::Whole) => return out.text("RFC822").done(),
            Self::Rfc822(Rfc822::Header) => return out.text("RFC822.HEADER").done(),
            Self::Rfc822(Rfc822::Text) => return out.text("RFC822.TEXT").done(),
        };
        if let Some(origin) = origin {
            out.put(format_args!("<{origin}>"));
        }
    }

    /// The name and the announcement of so many octets that follow.
    pub(crate) fn announce(&self, octets: u64, out: &mut Writer) {
        self.write(out);
        // RFC 3516 section 4.2: only what is called BINARY may hold a NUL, and then says so.
        out.put(if matches!(self, Self::Binary(..)) { " ~" } else { " " });
        out.announce(octets, LiteralForm::Synchronising);
    }
}

/// Where a piece begins, if it is one.
fn origin(cursor: &mut Cursor<'_>) -> Read<Option<u64>> {
    const FORM: &str = "an origin such as <512>";
    if !cursor.take(b'<') {
        return Ok(None);
    }
    let origin = cursor.number64(FORM)?;
    cursor.demand(b'>', FORM)?;
    Ok(Some(origin))
}
