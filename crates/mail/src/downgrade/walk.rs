//! Walks through a message line by line: which part each line belongs to (RFC 2046 section 5.1).

use crate::boundary::{Delimiter, delimiter};
use crate::message::{HeaderSection, text};

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
}

#[derive(Debug)]
enum State {
    Header(Vec<u8>),
    Body(Leaf),
    Between,
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
}

impl Default for Walker {
    fn default() -> Self {
        Self { open: Vec::new(), state: State::Header(Vec::new()), unfinished: Vec::new(), is_within_boundary: false }
    }
}

impl Walker {
    pub(super) fn place(&mut self, piece: Piece<'_>) -> Place {
        if self.is_boundary(piece) {
            return Place::Between;
        }
        match &mut self.state {
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
            State::Between => Place::Between,
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
        self.open.truncate(if is_last { level } else { level + 1 });
        self.state = if is_last { State::Between } else { State::Header(Vec::new()) };
        true
    }

    fn begin_body(&mut self, header: &[u8]) -> Kind {
        let section = HeaderSection::read(header);
        let is_sealed = self.open.iter().any(|open| open.is_sealed);
        let is_digest = self.open.last().is_some_and(|open| open.is_digest);
        let value = section.named("Content-Type").next().map(|field| text::unfold(field.value()));
        let value =
            value.map_or_else(|| if is_digest { "message/rfc822".to_owned() } else { "text/plain".to_owned() }, |value| value.to_string());
        let media = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let encoding = section.named("Content-Transfer-Encoding").next().map(|field| field.text().trim().to_ascii_lowercase());
        let is_encoded = !matches!(encoding.as_deref(), None | Some("7bit" | "8bit" | "binary" | ""));
        let kind = match media.as_str() {
            _ if is_encoded => Kind::Unencodable,
            multipart if multipart.starts_with("multipart/") => Kind::Multipart,
            // RFC 2046 section 5.2.1; all other messages but these (RFC 6532 section 3.7) stay ASCII.
            "message/rfc822" => Kind::Message,
            "message/global" => Kind::Other,
            message if message.starts_with("message/") => Kind::Unencodable,
            text if text.starts_with("text/") => Kind::Text,
            _ => Kind::Other,
        };
        let boundary = if kind == Kind::Multipart { parameter(&value, "boundary").filter(|boundary| is_printable(boundary)) } else { None };
        self.state = match (kind, boundary) {
            (Kind::Message, _) => State::Header(Vec::new()),
            (Kind::Multipart, Some(_)) if self.open.len() >= DEPTH_MAX => State::Lost,
            (Kind::Multipart, Some(boundary)) => {
                let is_sealed = matches!(media.as_str(), "multipart/signed" | "multipart/encrypted");
                self.open.push(Open { boundary: boundary.into_bytes(), is_sealed, is_digest: media == "multipart/digest" });
                State::Between
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

/// A parameter of a structured field: a token, or a quoted string (RFC 2045 section 5.1).
fn parameter(value: &str, name: &str) -> Option<String> {
    let mut rest = value;
    while let Some((_, after)) = rest.split_once(';') {
        let (key, written) = after.split_once('=')?;
        let written = written.trim_start();
        let (found, tail) = if let Some(quoted) = written.strip_prefix('"') {
            unquote(quoted)?
        } else {
            let end = written.find([';', ' ', '\t']).unwrap_or(written.len());
            let (token, tail) = written.split_at_checked(end)?;
            (token.to_owned(), tail)
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return (!found.is_empty()).then(|| found.trim_end().to_owned());
        }
        rest = tail;
    }
    None
}

/// What a quoted string says, and what follows it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut said = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((said, quoted.get(at + 1..)?)),
            '\\' => said.push(characters.next()?.1),
            other => said.push(other),
        }
    }
    None
}
