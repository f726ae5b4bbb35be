//! Content beyond ASCII, or with long lines, made into short lines of ASCII (RFC 6152 section 3, RFC 2045).
//!
//! Twice over the same octets, as they stream by: a [`Survey`] finds the parts that need it, a [`Downgrade`] encodes them.
//! Text becomes quoted-printable, all else base64. Header fields stay as they are, but for Content-Transfer-Encoding. What is
//! signed or encrypted must not be touched: then there is no plan.

mod encode;
mod headers;
mod walk;

use crate::message::HeaderSection;
use crate::octets::LINE_OCTETS_MAX;
use encode::{Base64, QuotedPrintable};
pub use headers::HeaderSurvey;
use walk::{Kind, Lines, Piece, Place, Walker};

/// Parts that a message may have.
const PARTS_MAX: usize = 10_000;
/// ASCII's own "in place of what is invalid". No boundary has it, so that no line becomes one.
const SUBSTITUTE: u8 = 0x1a;

/// Why content can't be converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unconvertible {
    /// A signature or encryption covers it.
    #[error("it is signed or encrypted")]
    Sealed,
    /// A type that may not be encoded, or an encoding that it does not keep to.
    #[error("a part of it may not be encoded")]
    Unencodable,
    /// Too many parts, too deep, or header sections without end.
    #[error("it has no structure that can be followed")]
    Unfollowable,
}

/// What is done with each part, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan(Vec<Change>);

/// What is done with one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    QuotedPrintable,
    Base64,
    /// A container, of which all is ASCII then.
    SevenBit,
}

/// Finds out what has to be converted.
#[derive(Debug, Default)]
pub struct Survey {
    lines: Lines,
    walker: Walker,
    changes: Vec<Change>,
    line_octets: usize,
    fault: Option<Unconvertible>,
}

impl Survey {
    /// Looks at the next octets.
    pub fn take(&mut self, octets: &[u8]) {
        let Self { lines, walker, changes, line_octets, fault } = self;
        lines.take(octets, |piece| survey(piece, walker, changes, line_octets, fault));
    }

    /// What has to be done.
    ///
    /// # Errors
    /// It can't be.
    pub fn finish(mut self) -> Result<Plan, Unconvertible> {
        let Self { lines, walker, changes, line_octets, fault } = &mut self;
        lines.finish(|piece| survey(piece, walker, changes, line_octets, fault));
        if walker.finish() {
            *fault = fault.or(Some(Unconvertible::Unfollowable));
        }
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(Plan(self.changes)),
        }
    }
}

fn survey(piece: Piece<'_>, walker: &mut Walker, changes: &mut Vec<Change>, line_octets: &mut usize, fault: &mut Option<Unconvertible>) {
    let place = walker.place(piece);
    *line_octets = if piece.starts_line { 0 } else { *line_octets } + piece.octets.len();
    let needs = !piece.octets.is_ascii() || *line_octets > LINE_OCTETS_MAX + 2;
    match place {
        Place::HeaderEnd { kind, .. } => {
            let is_container = matches!(kind, Kind::Multipart | Kind::Message);
            changes.push(if is_container { Change::SevenBit } else { Change::None });
            if changes.len() > PARTS_MAX {
                *fault = fault.or(Some(Unconvertible::Unfollowable));
            }
        }
        Place::Body(leaf) => {
            let Some(change) = changes.last_mut().filter(|change| needs && **change == Change::None) else { return };
            if leaf.is_sealed {
                *fault = fault.or(Some(Unconvertible::Sealed));
            } else if leaf.kind == Kind::Unencodable {
                *fault = fault.or(Some(Unconvertible::Unencodable));
            }
            *change = if leaf.kind == Kind::Text { Change::QuotedPrintable } else { Change::Base64 };
        }
        Place::Headless if needs => *fault = fault.or(Some(Unconvertible::Unfollowable)),
        Place::Lost => *fault = fault.or(Some(Unconvertible::Unfollowable)),
        Place::Header | Place::Headless | Place::Between => {}
    }
}

/// Converts, by plan.
#[derive(Debug)]
pub struct Downgrade {
    lines: Lines,
    writer: Writer,
}

#[derive(Debug)]
struct Writer {
    walker: Walker,
    plan: std::vec::IntoIter<Change>,
    is_first: bool,
    encoder: Encoder,
}

#[derive(Debug)]
enum Encoder {
    None,
    QuotedPrintable(QuotedPrintable),
    Base64(Base64),
}

impl Downgrade {
    /// By this plan, made from the same octets.
    pub fn new(plan: &Plan) -> Self {
        let writer = Writer { walker: Walker::default(), plan: plan.0.clone().into_iter(), is_first: true, encoder: Encoder::None };
        Self { lines: Lines::default(), writer }
    }

    /// Converts the next octets.
    pub fn take(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let Self { lines, writer } = self;
        lines.take(octets, |piece| writer.piece(piece, out));
    }

    /// All of it was taken.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        let Self { lines, writer } = &mut self;
        lines.finish(|piece| writer.piece(piece, out));
        writer.end_of_message(out);
    }
}

impl Writer {
    fn piece(&mut self, piece: Piece<'_>, out: &mut Vec<u8>) {
        match self.walker.place(piece) {
            // It is written when it is complete.
            Place::Header => {}
            Place::HeaderEnd { header, .. } => {
                let change = self.plan.next().unwrap_or(Change::None);
                write_header(&header, change, std::mem::take(&mut self.is_first), out);
                out.extend_from_slice(piece.octets);
                self.encoder = match change {
                    Change::None | Change::SevenBit => Encoder::None,
                    Change::QuotedPrintable => Encoder::QuotedPrintable(QuotedPrintable::default()),
                    Change::Base64 => Encoder::Base64(Base64::default()),
                };
            }
            Place::Body(_) => match &mut self.encoder {
                Encoder::None => out.extend_from_slice(piece.octets),
                Encoder::QuotedPrintable(encoder) => encoder.take(piece, out),
                Encoder::Base64(encoder) => encoder.take(piece, out),
            },
            Place::Headless => out.extend_from_slice(piece.octets),
            Place::Between | Place::Lost => {
                self.end_of_part(out);
                out.extend(self.walker.take_unfinished());
                // RFC 2046 section 5.1.1: nobody reads what stands between the parts.
                out.extend(piece.octets.iter().map(|octet| if octet.is_ascii() { *octet } else { SUBSTITUTE }));
            }
        }
    }

    /// A boundary follows: the line end in front of it belongs to it (RFC 2046 section 5.1.1).
    fn end_of_part(&mut self, out: &mut Vec<u8>) {
        if let Encoder::Base64(encoder) = std::mem::replace(&mut self.encoder, Encoder::None) {
            encoder.end_of_part(out);
        }
    }

    fn end_of_message(&mut self, out: &mut Vec<u8>) {
        if let Encoder::Base64(encoder) = std::mem::replace(&mut self.encoder, Encoder::None) {
            encoder.end_of_message(out);
        }
        out.extend(self.walker.take_unfinished());
    }
}

/// A header section, with another Content-Transfer-Encoding where the body gets one.
fn write_header(header: &[u8], change: Change, is_first: bool, out: &mut Vec<u8>) {
    let encoding = match change {
        Change::None => return out.extend_from_slice(header),
        Change::SevenBit => "7bit",
        Change::QuotedPrintable => "quoted-printable",
        Change::Base64 => "base64",
    };
    let section = HeaderSection::read(header);
    let field = "Content-Transfer-Encoding";
    if change == Change::SevenBit && !section.has(field) {
        return out.extend_from_slice(header);
    }
    let new = format!("{field}: {encoding}\r\n");
    let mut at = 0;
    for (number, old) in section.named(field).enumerate() {
        out.extend_from_slice(header.get(at..old.range().start).unwrap_or_default());
        // In the place of the first: without a field in front of it, a line that is none would end the section.
        if number == 0 {
            out.extend_from_slice(new.as_bytes());
        }
        at = old.range().end;
    }
    out.extend_from_slice(header.get(at..).unwrap_or_default());
    if is_first && !section.has("MIME-Version") {
        out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    }
    if is_first && !section.has("Content-Type") {
        // RFC 1428 section 3: text in nobody knows which character set.
        out.extend_from_slice(b"Content-Type: text/plain; charset=unknown-8bit\r\n");
    }
    if !section.has(field) {
        out.extend_from_slice(new.as_bytes());
    }
}

#[cfg(test)]
mod tests;
