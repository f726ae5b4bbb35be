//! Quoted-printable and base64, line by line (RFC 2045 sections 6.7 and 6.8).

use data_encoding::BASE64;

use super::walk::Piece;

/// Octets in an encoded line (RFC 2045 section 6.7 rule 5).
const LINE_OCTETS_MAX: usize = 76;
/// Octets that make one line of base64.
const BASE64_GROUP: usize = 57;

/// Lines stay lines.
#[derive(Debug, Default)]
pub(super) struct QuotedPrintable {
    column: usize,
}

impl QuotedPrintable {
    pub(super) fn take(&mut self, piece: Piece<'_>, out: &mut Vec<u8>) {
        let (line, end) = split_end(piece.octets);
        for (place, octet) in line.iter().enumerate() {
            let is_last = place + 1 == line.len();
            // Rule 3: no blank at the end of a line.
            let mut is_literal = matches!(octet, b'!'..=b'<' | b'>'..=b'~') || (matches!(octet, b' ' | b'\t') && !is_last);
            // One place is for the "=" of a soft line end.
            if self.column + width(is_literal) > LINE_OCTETS_MAX - 1 {
                out.extend_from_slice(b"=\r\n");
                self.column = 0;
            }
            // A line that ended softly, or an "=XX", may not make a boundary (RFC 2045 section 6.7, the note).
            is_literal &= self.column > 0 || *octet != b'-' || line.get(place + 1).is_some_and(|next| *next != b'-');
            if is_literal {
                out.push(*octet);
            } else {
                out.extend_from_slice(format!("={octet:02X}").as_bytes());
            }
            self.column += width(is_literal);
        }
        if !end.is_empty() {
            out.extend_from_slice(end);
            self.column = 0;
        }
    }
}

fn width(is_literal: bool) -> usize {
    if is_literal { 1 } else { 3 }
}

/// All octets, line ends included, in groups.
#[derive(Debug, Default)]
pub(super) struct Base64 {
    waiting: Vec<u8>,
    /// A line end that may belong to the boundary behind it.
    held_end: Vec<u8>,
}

impl Base64 {
    pub(super) fn take(&mut self, piece: Piece<'_>, out: &mut Vec<u8>) {
        let (line, end) = split_end(piece.octets);
        self.waiting.append(&mut self.held_end);
        self.waiting.extend_from_slice(line);
        self.held_end.extend_from_slice(end);
        let whole = self.waiting.len() - self.waiting.len() % BASE64_GROUP;
        let rest = self.waiting.split_off(whole);
        write_groups(&self.waiting, out);
        self.waiting = rest;
    }

    /// A boundary follows.
    pub(super) fn end_of_part(self, out: &mut Vec<u8>) {
        write_groups(&self.waiting, out);
    }

    /// Nothing follows.
    pub(super) fn end_of_message(mut self, out: &mut Vec<u8>) {
        self.waiting.append(&mut self.held_end);
        write_groups(&self.waiting, out);
    }
}

fn write_groups(octets: &[u8], out: &mut Vec<u8>) {
    for group in octets.chunks(BASE64_GROUP) {
        out.extend_from_slice(BASE64.encode(group).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

fn split_end(line: &[u8]) -> (&[u8], &[u8]) {
    let at = if line.ends_with(b"\r\n") {
        line.len() - 2
    } else if line.ends_with(b"\n") {
        line.len() - 1
    } else {
        line.len()
    };
    line.split_at_checked(at).unwrap_or((line, &[]))
}
