//! Received octets and the lines in them. Strict: CRLF ends a line, a lone CR or LF is an error (RFC 5321 section 2.3.8).

/// Octets of memory that an input without octets keeps.
const IDLE_OCTETS_MAX: usize = 4096;

/// Octets received and not yet used. Every octet is looked at once and moved rarely.
#[derive(Debug, Default)]
pub(crate) struct Input {
    octets: Vec<u8>,
    /// Where the unused octets begin.
    start: usize,
    /// Up to where, from `start`, no LF was found.
    scanned: usize,
}

/// What stands at the front of the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A line, without its CRLF.
    Whole(&'a [u8]),
    /// Not yet the end of a line.
    Partial,
    /// The line ended, or was interrupted, by half a line end.
    Bare(BareLineEnd),
    /// Longer than asked for.
    TooLong,
}

/// Half a line end where only a whole one is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BareLineEnd {
    /// CR without LF.
    #[error("bare CR")]
    Cr,
    /// LF without CR.
    #[error("bare LF")]
    Lf,
}

impl Input {
    pub(crate) fn push(&mut self, octets: &[u8]) {
        // Compact only when at least half of the buffer is used up: constant work per octet.
        if self.start > 0 && self.start >= self.octets.len() / 2 {
            self.octets.drain(..self.start);
            self.start = 0;
        }
        self.octets.extend_from_slice(octets);
    }

    pub(crate) fn unused(&self) -> &[u8] {
        self.octets.get(self.start..).unwrap_or_default()
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.octets.len());
        self.scanned = 0;
        // A session that waits holds no memory of the message before.
        if self.start == self.octets.len() && self.octets.capacity() > IDLE_OCTETS_MAX {
            self.clear();
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The line at the front, of at most `octets_max` with its CRLF. It stays there; `consume_line` takes it away.
    pub(crate) fn line(&mut self, octets_max: usize) -> Line<'_> {
        let unused = self.octets.get(self.start..).unwrap_or_default();
        let Some(lf) = unused.iter().skip(self.scanned).position(|octet| *octet == b'\n').map(|found| found + self.scanned) else {
            self.scanned = unused.len();
            return if unused.len() >= octets_max { Line::TooLong } else { Line::Partial };
        };
        self.scanned = lf;
        if lf >= octets_max {
            return Line::TooLong;
        }
        match unused.get(..lf).unwrap_or_default().split_last() {
            Some((b'\r', line)) if line.contains(&b'\r') => Line::Bare(BareLineEnd::Cr),
            Some((b'\r', line)) => Line::Whole(line),
            _ => Line::Bare(BareLineEnd::Lf),
        }
    }

    /// Takes away the line that `line` has just shown.
    pub(crate) fn consume_line(&mut self) {
        self.consume(self.scanned + 1);
    }

    /// Throws octets away until a line has ended; whether it has.
    pub(crate) fn skip_line(&mut self) -> bool {
        let found = self.unused().iter().position(|octet| *octet == b'\n');
        self.consume(found.map_or(usize::MAX, |lf| lf + 1));
        found.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_whole_however_they_arrive() {
        let mut input = Input::default();
        for octet in b"NOOP\r\nQUI" {
            input.push(&[*octet]);
        }
        assert_eq!(input.line(512), Line::Whole(b"NOOP"));
        input.consume_line();
        assert_eq!(input.line(512), Line::Partial);
        input.push(b"T\r\n");
        assert_eq!(input.line(512), Line::Whole(b"QUIT"));
        input.consume_line();
        assert_eq!(input.unused(), b"");
    }

    #[test]
    fn half_a_line_end_is_no_line_end() {
        for (octets, bare) in
            [(&b"A\n"[..], BareLineEnd::Lf), (b"\n", BareLineEnd::Lf), (b"A\rB\r\n", BareLineEnd::Cr), (b"A\r\r\n", BareLineEnd::Cr)]
        {
            let mut input = Input::default();
            input.push(octets);
            assert_eq!(input.line(512), Line::Bare(bare), "{octets:?}");
        }
    }

    #[test]
    fn a_long_line_is_noticed_before_and_after_its_end() {
        let mut input = Input::default();
        input.push(b"A\r\n12345678");
        assert_eq!(input.line(8), Line::Whole(b"A"));
        input.consume_line();
        assert_eq!(input.line(8), Line::TooLong);
        assert!(!input.skip_line());
        input.push(b"9\r\nNOOP\r\n");
        assert!(input.skip_line());
        assert_eq!(input.line(6), Line::Whole(b"NOOP"));
        assert_eq!(input.line(5), Line::TooLong);
    }
}
