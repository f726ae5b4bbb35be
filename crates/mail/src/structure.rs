//! The structure of a message: its parts, what they are, and where in it they stand (RFC 2045, 2046; RFC 9051 section 7.5.2).
//!
//! It is read in one pass and holds no content. What is malformed is read as most programs do: a multipart that never ends
//! goes on to the end of what is around it, and one without parts is text.

mod addresses;
mod field;
mod packed;

use std::num::NonZeroU32;
use std::ops::Range;

use crate::boundary::{Delimiter, delimiter};
use crate::message::{HeaderSection, text};

pub(crate) use addresses::read as address_list;
pub(crate) use field::{part as described, structured as structured_field};

pub use addresses::EnvelopeAddress;
pub use field::{Disposition, Parameter};

/// Parts inside each other.
const DEPTH_MAX: usize = 50;
/// Parts of one message; what comes behind them belongs to the last.
const PARTS_MAX: usize = 1000;

/// A message, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where its header section stands, with the empty line behind it.
    pub header: Range<usize>,
    /// Where its body stands, without the line end that belongs to the boundary.
    pub body: Range<usize>,
    /// `text` of `text/plain`, in small letters.
    pub kind: String,
    /// `plain` of `text/plain`, in small letters.
    pub subtype: String,
    /// Of its Content-Type.
    pub parameters: Vec<Parameter>,
    /// Its Content-ID.
    pub id: Option<String>,
    /// Its Content-Description, as it is encoded.
    pub description: Option<String>,
    /// Its Content-Transfer-Encoding; `7bit` if there is none.
    pub encoding: String,
    /// Its Content-MD5.
    pub md5: Option<String>,
    /// Its Content-Disposition.
    pub disposition: Option<Disposition>,
    /// Its Content-Language.
    pub languages: Vec<String>,
    /// Its Content-Location.
    pub location: Option<String>,
    /// Line ends in its body.
    pub lines: usize,
    /// What is inside.
    pub inside: Inside,
}

/// What is inside a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inside {
    /// Octets.
    Content,
    /// Parts, at least one.
    Parts(Vec<Part>),
    /// A message.
    Message(Box<EnvelopeStructure>, Box<Part>),
}

/// Who wrote what to whom, as the header section of a message says it: encoded-words stay.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnvelopeStructure {
    /// The Date field.
    pub date: Option<String>,
    /// The Subject field.
    pub subject: Option<String>,
    /// The From field.
    pub from: Vec<EnvelopeAddress>,
    /// The Sender field, or else From.
    pub sender: Vec<EnvelopeAddress>,
    /// The Reply-To field, or else From.
    pub reply_to: Vec<EnvelopeAddress>,
    /// The To field.
    pub to: Vec<EnvelopeAddress>,
    /// The Cc field.
    pub cc: Vec<EnvelopeAddress>,
    /// The Bcc field.
    pub bcc: Vec<EnvelopeAddress>,
    /// The In-Reply-To field.
    pub in_reply_to: Option<String>,
    /// The Message-ID field.
    pub message_id: Option<String>,
}

impl Part {
    /// Reads a message.
    pub fn read(message: &[u8]) -> Self {
        let mut reader = Reader { message, at: 0, open: Vec::new(), depth: 0, parts: 0 };
        reader.part(Default::Text).0
    }

    /// What delimits the parts of a multipart, if it says so.
    pub(crate) fn boundary(&self) -> Option<String> {
        let said = field::value_of(&self.parameters, "boundary")?;
        Some(said.trim_end().to_owned()).filter(|boundary| !boundary.is_empty())
    }

    /// The part with this path, `[1, 2]` for `1.2` (RFC 9051 section 6.4.5.1); of no numbers, itself.
    pub fn find(&self, path: &[NonZeroU32]) -> Option<&Self> {
        let Some((number, rest)) = path.split_first() else { return Some(self) };
        let index = usize::try_from(number.get()).ok()? - 1;
        let found = match &self.inside {
            Inside::Parts(parts) => parts.get(index)?,
            // What is no multipart has one part: its own body.
            Inside::Content | Inside::Message(..) => Some(self).filter(|_| index == 0)?,
        };
        match (&found.inside, rest) {
            (_, []) => Some(found),
            (Inside::Message(_, message), rest) => message.find(rest),
            (Inside::Parts(_), rest) => found.find(rest),
            (Inside::Content, _) => None,
        }
    }
}

impl EnvelopeStructure {
    /// Reads a header section.
    pub fn read(header: &HeaderSection<'_>) -> Self {
        let value = |name: &str| header.named(name).next().map(|field| text::unfold(field.value()).trim().to_owned());
        let addresses = |name: &str| value(name).map(|value| addresses::read(&value)).unwrap_or_default();
        let from = addresses("From");
        let or_from = |list: Vec<EnvelopeAddress>| if list.is_empty() { from.clone() } else { list };
        Self {
            date: value("Date"),
            subject: value("Subject"),
            sender: or_from(addresses("Sender")),
            reply_to: or_from(addresses("Reply-To")),
            from,
            to: addresses("To"),
            cc: addresses("Cc"),
            bcc: addresses("Bcc"),
            in_reply_to: value("In-Reply-To"),
            message_id: value("Message-ID"),
        }
    }
}

/// What a part is if it does not say so.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Default {
    Text,
    /// In a multipart/digest.
    Message,
}

/// What ends a body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The message does.
    End,
    /// A boundary of the multipart at this depth: another part follows.
    Next(usize),
    /// The last boundary of the multipart at this depth.
    Last(usize),
}

struct Reader<'a> {
    message: &'a [u8],
    at: usize,
    /// Boundaries of the multiparts that are open, the outermost first.
    open: Vec<Vec<u8>>,
    depth: usize,
    parts: usize,
}

impl<'a> Reader<'a> {
    /// Reads a part from here to the boundary that ends it.
    fn part(&mut self, unsaid: Default) -> (Part, Stop) {
        self.parts += 1;
        self.depth += 1;
        let start = self.at;
        let mut stop = None;
        let mut end = loop {
            let before = self.at;
            let Some(line) = self.line() else {
                stop = Some(Stop::End);
                break before;
            };
            if matches!(line, b"\r\n" | b"\n") {
                break self.at;
            }
            stop = self.boundary(line);
            if stop.is_some() {
                break before;
            }
        };
        let octets = self.message.get(start..end).unwrap_or_default();
        let header = HeaderSection::read(octets);
        // All is body where there is no header section.
        if header.is_missing() && !octets.is_empty() {
            (self.at, end, stop) = (start, start, None);
        }
        let mut part = field::part(&HeaderSection::read(self.message.get(start..end).unwrap_or_default()), unsaid == Default::Message);
        part.header = start..end;
        let stop = match stop {
            Some(stop) => {
                part.body = end..end;
                stop
            }
            None => self.body(&mut part, end),
        };
        let body = self.message.get(part.body.clone()).unwrap_or_default();
        part.lines = if matches!(part.inside, Inside::Parts(_)) { 0 } else { line_ends(body) };
        self.depth -= 1;
        (part, stop)
    }

    /// Reads what is inside a part, whose body begins here.
    fn body(&mut self, part: &mut Part, start: usize) -> Stop {
        let may_nest = self.depth < DEPTH_MAX && self.parts < PARTS_MAX;
        let identity = matches!(part.encoding.to_ascii_lowercase().as_str(), "7bit" | "8bit" | "binary");
        let boundary = part.boundary().map(String::into_bytes);
        let (stop, end) = match (part.kind.as_str(), boundary) {
            ("multipart", Some(boundary)) if may_nest => self.multipart(part, boundary),
            ("message", _) if matches!(part.subtype.as_str(), "rfc822" | "global") && identity && may_nest => {
                let (inner, stop) = self.part(Default::Text);
                let header = self.message.get(inner.header.clone()).unwrap_or_default();
                let envelope = EnvelopeStructure::read(&HeaderSection::read(header));
                let end = inner.body.end;
                part.inside = Inside::Message(Box::new(envelope), Box::new(inner));
                (stop, end)
            }
            _ => self.skip(),
        };
        if part.kind == "multipart" && part.inside == Inside::Content {
            // There is no multipart without parts to tell of.
            (part.kind, part.subtype) = ("text".to_owned(), "plain".to_owned());
        }
        part.body = start..end.max(start);
        stop
    }

    fn multipart(&mut self, part: &mut Part, boundary: Vec<u8>) -> (Stop, usize) {
        let unsaid = if part.subtype == "digest" { Default::Message } else { Default::Text };
        let level = self.open.len();
        self.open.push(boundary);
        let (mut stop, mut end) = self.skip();
        let mut parts = Vec::new();
        while stop == Stop::Next(level) {
            if self.parts >= PARTS_MAX {
                (stop, end) = self.skip();
                continue;
            }
            let (inner, next) = self.part(unsaid);
            end = inner.body.end;
            parts.push(inner);
            stop = next;
        }
        self.open.truncate(level);
        if stop == Stop::Last(level) {
            (stop, end) = self.skip();
        }
        if !parts.is_empty() {
            part.inside = Inside::Parts(parts);
        }
        (stop, end)
    }

    /// Goes to the next boundary of any open multipart; where the content before it ends.
    fn skip(&mut self) -> (Stop, usize) {
        if self.open.is_empty() {
            self.at = self.message.len();
            return (Stop::End, self.at);
        }
        loop {
            let before = self.at;
            let Some(line) = self.line() else { return (Stop::End, before) };
            if let Some(stop) = self.boundary(line) {
                // RFC 2046 section 5.1.1: the line end before a boundary is part of it.
                let content = self.message.get(..before).unwrap_or_default();
                let content = content.strip_suffix(b"\n").map_or(content, |rest| rest.strip_suffix(b"\r").unwrap_or(rest));
                return (stop, content.len());
            }
        }
    }

    fn line(&mut self) -> Option<&'a [u8]> {
        let rest = self.message.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|octet| *octet == b'\n').map_or(rest.len(), |lf| lf + 1);
        self.at += length;
        rest.get(..length)
    }

    /// What a line ends, if it is a boundary.
    fn boundary(&self, line: &[u8]) -> Option<Stop> {
        let Delimiter { level, is_last } = delimiter(line, self.open.iter().map(Vec::as_slice))?;
        Some(if is_last { Stop::Last(level) } else { Stop::Next(level) })
    }
}

/// Counted in octets, as many at a time as one of them can count: several times as quick.
fn line_ends(octets: &[u8]) -> usize {
    let in_chunk = |chunk: &[u8]| usize::from(chunk.iter().map(|octet| u8::from(*octet == b'\n')).sum::<u8>());
    octets.chunks(usize::from(u8::MAX)).map(in_chunk).sum()
}

#[cfg(test)]
mod tests;
