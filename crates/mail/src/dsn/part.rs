//! Parts of a report: how their octets are labelled, and what separates them.

use std::borrow::Cow;

use super::Returned;
use crate::message::HeaderSection;

/// Octets of a line, CRLF included.
const LINE_OCTETS_MAX: usize = 1000;

/// What octets a part holds (RFC 2045 section 6.2), as they are: nothing is re-encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Encoding {
    /// Lines of ASCII.
    #[default]
    SevenBit,
    /// Lines of any octets.
    EightBit,
    /// Any octets.
    Binary,
}

impl Encoding {
    /// The narrowest that is true of these octets.
    pub(super) fn of(octets: &[u8]) -> Self {
        let mut scan = Scan::default();
        scan.update(octets);
        scan.finish()
    }

    /// As a field, CRLF included.
    pub(super) const fn field(self) -> &'static str {
        match self {
            Self::SevenBit => "Content-Transfer-Encoding: 7bit\r\n",
            Self::EightBit => "Content-Transfer-Encoding: 8bit\r\n",
            Self::Binary => "Content-Transfer-Encoding: binary\r\n",
        }
    }
}

/// Finds out, piece by piece, what octets content holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scan {
    found: Encoding,
    line_octets: usize,
    after_cr: bool,
}

impl Scan {
    /// Looks at the next octets.
    pub fn update(&mut self, octets: &[u8]) {
        for octet in octets {
            self.line_octets += 1;
            // RFC 2045 section 2.7 and 2.8: lines of at most 998 octets and CRLF, no CR or LF elsewhere, no NUL.
            if *octet == 0 || self.after_cr != (*octet == b'\n') || self.line_octets > LINE_OCTETS_MAX {
                self.found = Encoding::Binary;
            } else if !octet.is_ascii() {
                self.found = self.found.max(Encoding::EightBit);
            }
            self.after_cr = *octet == b'\r';
            if *octet == b'\n' {
                self.line_octets = 0;
            }
        }
    }

    /// The narrowest encoding that is true of them all.
    pub fn finish(self) -> Encoding {
        if self.after_cr { Encoding::Binary } else { self.found }
    }
}

/// The octets that go back, and what they hold.
///
/// A message without header section or without body gets the empty line it does without elsewhere: some programs
/// look for one beyond the boundary.
pub(super) fn returned_part<'a>(returned: Returned<'a>, original: &HeaderSection<'a>) -> (Cow<'a, [u8]>, Encoding) {
    let octets: Cow<'a, [u8]> = match returned {
        Returned::Headers(_) => original.octets().into(),
        Returned::Full(message) if original.is_missing() => [b"\r\n", message].concat().into(),
        Returned::Full(message) if original.octets().len() < message.len() => message.into(),
        Returned::Full(message) if message.ends_with(b"\n") => [message, b"\r\n"].concat().into(),
        Returned::Full(message) => [message, b"\r\n\r\n"].concat().into(),
    };
    let encoding = Encoding::of(&octets);
    (octets, encoding)
}

/// The media type of what goes back: that of RFC 6533 where the header section takes RFC 6532 to be read.
pub(super) fn returned_type(returned: Returned<'_>, original: &HeaderSection<'_>) -> &'static str {
    let global = !original.octets().is_ascii() && std::str::from_utf8(original.octets()).is_ok();
    match (returned, global) {
        (Returned::Headers(_), false) => "text/rfc822-headers",
        (Returned::Headers(_), true) => "message/global-headers",
        (Returned::Full(_), false) => "message/rfc822",
        (Returned::Full(_), true) => "message/global",
    }
}

/// A boundary that begins no line of what goes back, whatever its author put there.
pub(super) fn boundary(id: &str, returned: &[u8]) -> String {
    let is_free = |boundary: &String| {
        let mut lines = returned.split(|octet| *octet == b'\n' || *octet == b'\r');
        !lines.any(|line| line.strip_prefix(b"--").is_some_and(|line| line.starts_with(boundary.as_bytes())))
    };
    let first = format!("report-{id}");
    // Every turn costs the author a line, and a guess at an id that did not exist when the message was written.
    let others = (1_u64..).map(|turn| format!("{first}-{turn}"));
    std::iter::once(first.clone()).chain(others).find(is_free).unwrap_or_default()
}
