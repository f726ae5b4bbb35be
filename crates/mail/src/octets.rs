//! What the octets of a message are: lines of text or not, ASCII or beyond, as the next server needs to know.

/// Octets of a line without its CRLF (RFC 5321 section 4.5.3.1.6).
pub const LINE_OCTETS_MAX: usize = 998;

/// What the octets of a message are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Octets {
    /// How many.
    pub size_octets: u64,
    /// Some are beyond ASCII.
    pub has_eight_bit: bool,
    /// CR or LF stands alone, or there is a NUL: no lines of text (RFC 2045 section 2.9).
    pub is_binary: bool,
    /// A line has more than [`LINE_OCTETS_MAX`].
    pub has_long_lines: bool,
}

/// Looks at the octets of a message as they stream by.
#[derive(Debug, Default)]
pub struct Scanner {
    found: Octets,
    line_octets: usize,
    is_after_cr: bool,
}

impl Scanner {
    /// Looks at the next octets.
    pub fn take(&mut self, octets: &[u8]) {
        self.found.size_octets += u64::try_from(octets.len()).unwrap_or(u64::MAX);
        self.found.has_eight_bit |= !octets.is_ascii();
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            self.line(line);
        }
    }

    /// All of it has been seen.
    pub fn finish(mut self) -> Octets {
        self.found.is_binary |= self.is_after_cr;
        self.found.has_long_lines |= self.line_octets > LINE_OCTETS_MAX;
        self.found
    }

    /// A line, or a part of one.
    fn line(&mut self, piece: &[u8]) {
        let (text, is_end) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
        // A CR is in order at the very end only: before this piece if it is the LF alone, in it otherwise.
        let (text, ends_in_cr) = match text.strip_suffix(b"\r") {
            Some(text) => (text, true),
            None => (text, self.is_after_cr && text.is_empty()),
        };
        let is_cr_alone = self.is_after_cr && !(text.is_empty() && is_end && piece.len() == 1);
        let has_stray = text.iter().any(|octet| matches!(octet, b'\r' | 0));
        self.found.is_binary |= is_cr_alone || has_stray || (is_end && !ends_in_cr);
        self.line_octets += text.len();
        self.is_after_cr = !is_end && ends_in_cr;
        if is_end {
            self.found.has_long_lines |= self.line_octets > LINE_OCTETS_MAX;
            self.line_octets = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pieces: &[&[u8]]) -> Octets {
        let mut scanner = Scanner::default();
        for piece in pieces {
            scanner.take(piece);
        }
        scanner.finish()
    }

    #[test]
    fn text_is_told_from_what_is_none_however_it_comes() {
        let long = [b"x".repeat(998).as_slice(), b"\r\n"].concat();
        let longer = [b"x".repeat(999).as_slice(), b"\r\n"].concat();
        let table: [(&[u8], bool, bool, bool); 13] = [
            (b"", false, false, false),
            (b"a\r\nb\r\n", false, false, false),
            (b"a", false, false, false),
            (b"caf\xc3\xa9\r\n", true, false, false),
            (b"a\nb\r\n", false, true, false),
            (b"a\rb\r\n", false, true, false),
            (b"a\r\r\n", false, true, false),
            (b"a\r", false, true, false),
            (b"\n", false, true, false),
            (b"\0\r\n", false, true, false),
            (b"\r\n\r\n", false, false, false),
            (&long, false, false, false),
            (&longer, false, false, true),
        ];
        for (octets, has_eight_bit, is_binary, has_long_lines) in table {
            let expected = Octets { size_octets: octets.len() as u64, has_eight_bit, is_binary, has_long_lines };
            assert_eq!(found(&[octets]), expected, "{octets:?}");
            let single: Vec<&[u8]> = octets.chunks(1).collect();
            assert_eq!(found(&single), expected, "{octets:?} one by one");
        }
        assert!(found(&[b"\r", b"\r\n"]).is_binary);
        assert!(!found(&[b"a\r", b"\nb", b"\r\n"]).is_binary);
    }
}
