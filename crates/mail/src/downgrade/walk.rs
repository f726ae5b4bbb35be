//! Walks through a message line by line: which part each line belongs to (RFC 2046 section 5.1).

use crate::boundary::{Delimiter, delimiter};
use crate::message::HeaderSection;
use crate::structure::described;

/// A line longer than this comes in pieces: no boundary is so long.
const PIECE_OCTETS_MAX: usize = 4096;
/// Octets of one header section.
const HEADER_OCTETS_MAX: usize = 256 * 1024;
/// Multiparts within multiparts.
const DEPTH_MAX: usize = 50;

/// A line with its end, or a piece of a long one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) octets: &'a [u8],
    pub(super) starts_line: bool,
}

/// Cuts octets into lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    held: Vec<u8>,
    is_within_line: bool,
}

impl Lines {
    pub(super) fn take(&mut self, octets: &[u8], mut give: impl FnMut(Piece<'_>)) {
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            let mut rest = line;
            while !rest.is_empty() {
                // Pieces end at the same places, however the octets come.
                let room = PIECE_OCTETS_MAX.saturating_sub(self.held.len()).max(1);
                let (now, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
                self.held.extend_from_slice(now);
                rest = later;
                // A CR at the end waits for its LF.
                let is_long = self.held.len() >= PIECE_OCTETS_MAX && self.held.last() != Some(&b'\r');
                if self.held.ends_with(b"\n") || is_long {
                    self.give(&mut give);
                }
            }
        }
    }

    pub(super) fn finish(&mut self, mut give: impl FnMut(Piece<'_>)) {
        if !self.held.is_empty() {
            self.give(&mut give);
        }
    }

    fn give(&mut self, give: &mut impl FnMut(Piece<'_>)) {
        give(Piece { octets: &self.held, starts_line: !self.is_within_line });
        self.is_within_line = !self.held.ends_with(b"\n");
        self.held.clear();
    }
}

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Other,
    /// Neither encoded nor to be encoded.
    Unencodable,
    Multipart,
    Message,
    /// A message with fields in UTF-8: no text, and not walked through.
    Global,
}

/// A part without parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf {
    pub(super) kind: Kind,
    pub(super) is_sealed: bool,
}

/// Where a line stands.
#[derive(Debug)]
pub(super) enum Place {
    /// In a header section.
    Header,
    /// The empty line behind one; `header` is the section without it.
    HeaderEnd { header: Vec<u8>, kind: Kind },
    /// In the body of a part.
    Body(Leaf),
    /// In a part without a header section, which could say nothing of an encoding.
    Headless,
    /// A boundary, or what nobody reads.
    Between,
    /// There is no telling.
    Lost,
}

#[derive(Debug)]
struct Open {
    boundary: Vec<u8>,
    is_sealed: bool,
    is_digest: bool,
    front: Front,
}

/// What a multipart has had until now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Front {
    /// No part.
    Ascii,
    /// No part, and more than ASCII.
    More,
    Parts,
}

#[derive(Debug)]
enum State {
    Header(Vec<u8>),
    Body(Leaf),
    Headless,
    /// In front of the first part.
    Preamble,
    /// Behind the last part, or behind an end without any.
    Epilogue {
        has_parts: bool,
    },
    Lost,
}

/// Follows the structure of a message.
#[derive(Debug)]
pub(super) struct Walker {
    open: Vec<Open>,
    state: State,
    unfinished: Vec<u8>,
    /// The line that is being read is a boundary: so are all of its pieces.
    is_within_boundary: bool,
    /// The header section is that of a part of a digest, not of a message in it (RFC 2046 section 5.1.5).
    is_of_digest: bool,
    /// What is not ASCII stood where parts were looked for, and there were none: then it is the text of the message.
    is_text_lost: bool,
}

impl Default for Walker {
    fn default() -> Self {
        Self {
            open: Vec::new(),
            state: State::Header(Vec::new()),
            unfinished: Vec::new(),
            is_within_boundary: false,
            is_of_digest: false,
            is_text_lost: false,
        }
    }
}

impl Walker {
    pub(super) fn place(&mut self, piece: Piece<'_>) -> Place {
        if self.is_boundary(piece) {
            return Place::Between;
        }
        match &mut self.state {
            State::Header(header) if header.is_empty() && HeaderSection::find_end(piece.octets) == Some(0) => {
                self.state = State::Headless;
                Place::Headless
            }
            State::Header(header) => {
                let is_end = piece.starts_line && matches!(piece.octets, b"\r\n" | b"\n");
                if is_end {
                    let header = std::mem::take(header);
                    let kind = self.begin_body(&header);
                    return Place::HeaderEnd { header, kind };
                }
                header.extend_from_slice(piece.octets);
                if header.len() > HEADER_OCTETS_MAX {
                    self.unfinished.append(header);
                    self.state = State::Lost;
                    return Place::Lost;
                }
                Place::Header
            }
            State::Body(leaf) => Place::Body(*leaf),
            State::Headless => Place::Headless,
            State::Preamble => {
                if let Some(open) = self.open.last_mut().filter(|_| !piece.octets.is_ascii()) {
                    open.front = Front::More;
                }
                Place::Between
            }
            State::Epilogue { has_parts } => {
                self.is_text_lost |= !*has_parts && !piece.octets.is_ascii();
                Place::Between
            }
            State::Lost => Place::Lost,
        }
    }

    /// A header section that a boundary, or the end of the message, cut short.
    pub(super) fn take_unfinished(&mut self) -> Vec<u8> {
        if let State::Header(header) = &mut self.state {
            self.unfinished.append(header);
        }
        std::mem::take(&mut self.unfinished)
    }

    fn is_boundary(&mut self, piece: Piece<'_>) -> bool {
        if !piece.starts_line {
            return self.is_within_boundary;
        }
        let found = delimiter(piece.octets, self.open.iter().map(|open| open.boundary.as_slice()));
        self.is_within_boundary = found.is_some();
        let Some(Delimiter { level, is_last }) = found else { return false };
        if let State::Header(header) = &mut self.state {
            self.unfinished.append(header);
        }
        self.close(level + 1);
        self.state = if is_last {
            let has_parts = self.open.last().is_some_and(|open| open.front == Front::Parts);
            self.close(level);
            State::Epilogue { has_parts }
        } else {
            if let Some(open) = self.open.last_mut() {
                open.front = Front::Parts;
                self.is_of_digest = open.is_digest;
            }
            State::Header(Vec::new())
        };
        true
    }

    /// Ends multiparts from this level on.
    fn close(&mut self, level: usize) {
        self.is_text_lost |= self.open.iter().skip(level).any(|open| open.front == Front::More);
        self.open.truncate(level);
    }

    /// All was read: whether text would be lost if what stands between parts were changed.
    pub(super) fn finish(&mut self) -> bool {
        self.close(0);
        self.is_text_lost
    }

    fn begin_body(&mut self, header: &[u8]) -> Kind {
        let section = HeaderSection::read(header);
        let is_sealed = self.open.iter().any(|open| open.is_sealed);
        let part = described(&section, std::mem::take(&mut self.is_of_digest));
        let is_encoded = !matches!(part.encoding.to_ascii_lowercase().as_str(), "7bit" | "8bit" | "binary");
        let kind = match (part.kind.as_str(), part.subtype.as_str()) {
            _ if is_encoded => Kind::Unencodable,
            ("multipart", _) => Kind::Multipart,
            // RFC 2046 section 5.2.1; all other messages but these (RFC 6532 section 3.7) stay ASCII.
            ("message", "rfc822") => Kind::Message,
            ("message", "global") => Kind::Global,
            ("message", _) => Kind::Unencodable,
            ("text", _) => Kind::Text,
            _ => Kind::Other,
        };
        let boundary = part.boundary().filter(|boundary| is_printable(boundary));
        self.state = match (kind, boundary) {
            (Kind::Message, _) => State::Header(Vec::new()),
            (Kind::Multipart, Some(_)) if self.open.len() >= DEPTH_MAX => State::Lost,
            (Kind::Multipart, Some(boundary)) => {
                let is_sealed = matches!(part.subtype.as_str(), "signed" | "encrypted");
                let is_digest = part.subtype == "digest";
                self.open.push(Open { boundary: boundary.into_bytes(), is_sealed, is_digest, front: Front::Ascii });
                State::Preamble
            }
            (Kind::Multipart, None) => State::Lost,
            (leaf, _) => State::Body(Leaf { kind: leaf, is_sealed }),
        };
        kind
    }
}

/// Whether lines with it stay as they are, whatever is done with what stands between parts.
fn is_printable(boundary: &str) -> bool {
    boundary.bytes().all(|octet| matches!(octet, b' '..=b'~'))
}
