//! What FETCH tells of one message (RFC 9051 section 7.5.2, and each extension's).

use std::num::NonZeroU32;

use mail::structure::{EnvelopeStructure, Part};
use mail::time::Timestamp;

use super::quoted_date;
use super::structure::{Extent, write_body, write_envelope};
use crate::imap::command::Numbering;
use crate::imap::command::fetch::Rfc822;
use crate::imap::flag::Flag;
use crate::imap::input::LiteralForm;
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
    InternalDate(Timestamp),
    /// `ENVELOPE`
    Envelope(Box<EnvelopeStructure>),
    /// `BODY` or `BODYSTRUCTURE`
    Body(Extent, Box<Part>),
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

impl Fetched {
    pub(super) fn write(&self, out: &mut Writer) {
        Self::open(self.number, self.numbering, out);
        out.spaced(&self.values, |out, value| value.write(out)).put(")");
    }

    /// What stands before the first value.
    pub(crate) fn open(number: NonZeroU32, numbering: Numbering, out: &mut Writer) {
        out.put(number).put(if numbering == Numbering::Uid { " UIDFETCH (" } else { " FETCH (" });
    }
}

impl FetchedValue {
    pub(crate) fn write(&self, out: &mut Writer) {
        match self {
            Self::Uid(uid) => out.put("UID ").put(uid),
            Self::Flags(flags) => out.put("FLAGS ").words(flags),
            Self::InternalDate(time) => out.put("INTERNALDATE ").put(quoted_date(*time)),
            Self::Envelope(envelope) => {
                write_envelope(envelope, out.put("ENVELOPE "));
                out
            }
            Self::Body(extent, part) => {
                write_body(part, *extent, out.put(if *extent == Extent::Basic { "BODY " } else { "BODYSTRUCTURE " }));
                out
            }
            Self::Size(octets) => out.put("RFC822.SIZE ").put(octets),
            Self::ModSeq(modseq) => out.put(format_args!("MODSEQ ({modseq})")),
            Self::EmailId(id) => out.put(format_args!("EMAILID ({id})")),
            Self::ThreadId(None) => out.put("THREADID NIL"),
            Self::ThreadId(Some(id)) => out.put(format_args!("THREADID ({id})")),
            Self::SaveDate(None) => out.put("SAVEDATE NIL"),
            Self::SaveDate(Some(time)) => out.put("SAVEDATE ").put(quoted_date(*time)),
            Self::Preview(text) => out.put("PREVIEW ").nstring(text.as_ref().map(String::as_bytes)),
            Self::BinarySize(part, octets) => out.put(format_args!("BINARY.SIZE[{}] {octets}", Section::path(part))),
            Self::Content(name, octets) => {
                name.write(out);
                match octets {
                    // What may have NUL octets is a literal in any case, for whom it has none too.
                    Some(octets) => out.put(" ").literal(octets),
                    None => out.put(" NIL"),
                }
            }
        };
    }
}

impl ContentName {
    pub(crate) fn write(&self, out: &mut Writer) {
        let origin = match self {
            Self::Section(section, origin) => {
                section.write(out.put("BODY"));
                origin
            }
            Self::Binary(part, origin) => {
                out.put(format_args!("BINARY[{}]", Section::path(part)));
                origin
            }
            Self::Rfc822(Rfc822::Whole) => return out.put("RFC822").done(),
            Self::Rfc822(Rfc822::Header) => return out.put("RFC822.HEADER").done(),
            Self::Rfc822(Rfc822::Text) => return out.put("RFC822.TEXT").done(),
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
