//! Message content on the wire: what DATA and BDAT may carry, dots in and out (RFC 5321 section 4.5.2, RFC 3030).

pub use super::input::BareLineEnd;

/// Follows the line ends of content that must consist of whole lines' ends: CRLF, and neither alone.
///
/// RFC 5321 section 2.3.8. Content with half a line end is how one message is smuggled inside another: a server that reads
/// `<LF>.<CR><LF>` as the end disagrees with one that doesn't about where the message ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LineEnds {
    after_cr: bool,
}

impl LineEnds {
    /// Takes the next octets.
    ///
    /// # Errors
    /// A CR without LF or an LF without CR is among them.
    pub fn take(&mut self, octets: &[u8]) -> Result<(), BareLineEnd> {
        let mut rest = octets;
        while let Some((&first, tail)) = rest.split_first() {
            match (self.after_cr, first) {
                (true, b'\n') => self.after_cr = false,
                (true, _) => return Err(BareLineEnd::Cr),
                (false, b'\n') => return Err(BareLineEnd::Lf),
                (false, b'\r') => self.after_cr = true,
                (false, _) => {
                    rest = rest.get(plain_run(rest)..).unwrap_or_default();
                    continue;
                }
            }
            rest = tail;
        }
        Ok(())
    }

    /// The content ends here.
    ///
    /// # Errors
    /// It ends with a CR.
    pub fn end(self) -> Result<(), BareLineEnd> {
        if self.after_cr { Err(BareLineEnd::Cr) } else { Ok(()) }
    }
}

/// Octets looked at together.
const BLOCK: usize = 16;

/// How many octets at the front are neither CR nor LF. Looked at many at a time, without asking after each whether it was the last.
fn plain_run(octets: &[u8]) -> usize {
    let is_end = |octet: &u8| *octet == b'\r' || *octet == b'\n';
    let is_plain = |block: &&[u8; BLOCK]| !block.iter().fold(false, |any, octet| any | is_end(octet));
    let plain = octets.as_chunks().0.iter().take_while(is_plain).count() * BLOCK;
    let rest = octets.get(plain..).unwrap_or_default();
    plain + rest.iter().position(is_end).unwrap_or(rest.len())
}

/// Takes the dots out of what follows DATA, and finds its end: CRLF "." CRLF and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DotReader {
    place: Place,
    bare: Option<BareLineEnd>,
}

/// Where in a line the next octet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Behind CRLF, or at the very front.
    LineStart,
    /// Behind something else.
    Within,
    /// Behind a CR.
    Cr,
    /// Behind a dot at a line's start.
    Dot,
    /// Behind a dot at a line's start and a CR.
    DotCr,
    /// Behind the end.
    End,
}

impl Default for DotReader {
    fn default() -> Self {
        Self { place: Place::LineStart, bare: None }
    }
}

impl DotReader {
    /// Reads from `octets` until they or the content end, and appends the content to `out`; the number of octets read.
    ///
    /// After half a line end nothing more is appended, but the real end is still looked for.
    pub fn read(&mut self, octets: &[u8], out: &mut Vec<u8>) -> usize {
        let mut rest = octets;
        while let Some((&octet, tail)) = rest.split_first() {
            if self.place == Place::End {
                break;
            }
            if self.place == Place::Within && octet != b'\r' && octet != b'\n' {
                let (run, behind) = rest.split_at_checked(plain_run(rest)).unwrap_or((rest, &[]));
                self.give(run, out);
                rest = behind;
                continue;
            }
            self.octet(octet, out);
            rest = tail;
        }
        octets.len() - rest.len()
    }

    /// Whether the end was read.
    pub fn ended(&self) -> bool {
        self.place == Place::End
    }

    /// Octets that were read and are not given yet: a CR waits for its LF.
    pub fn held_octets(&self) -> usize {
        usize::from(self.place == Place::Cr)
    }

    /// Half a line end, if one was read.
    pub fn bare(&self) -> Option<BareLineEnd> {
        self.bare
    }

    fn give(self, octets: &[u8], out: &mut Vec<u8>) {
        if self.bare.is_none() {
            out.extend_from_slice(octets);
        }
    }

    fn octet(&mut self, octet: u8, out: &mut Vec<u8>) {
        use Place::{Cr, Dot, DotCr, End, LineStart, Within};
        self.place = match (self.place, octet) {
            (LineStart, b'.') => Dot,
            (Dot, b'\r') => DotCr,
            (DotCr, b'\n') | (End, _) => End,
            (Cr, b'\n') => {
                self.give(b"\r\n", out);
                LineStart
            }
            (LineStart | Within, b'\r') => Cr,
            // A CR that no LF followed: the octet behind it may be the CR of a real line end.
            (Cr | DotCr, b'\r') => {
                self.bare = self.bare.or(Some(BareLineEnd::Cr));
                Cr
            }
            (Cr | DotCr, _) => {
                self.bare = self.bare.or(Some(BareLineEnd::Cr));
                Within
            }
            (LineStart | Within | Dot, b'\n') => {
                self.bare = self.bare.or(Some(BareLineEnd::Lf));
                Within
            }
            // RFC 5321 section 4.5.2: a dot with something behind it is taken away, whatever that is.
            (LineStart | Within | Dot, _) => {
                self.give(&[octet], out);
                Within
            }
        };
    }
}

/// Puts dots into content that is sent after DATA, and the end behind it.
#[derive(Debug, Default)]
pub struct DotWriter {
    ends: LineEnds,
    within_line: bool,
}

impl DotWriter {
    /// Appends the next octets of the content to `out`, dots doubled.
    ///
    /// # Errors
    /// The content has half a line end: DATA can't carry it, only BDAT can. What was appended is of no use.
    pub fn write(&mut self, octets: &[u8], out: &mut Vec<u8>) -> Result<(), BareLineEnd> {
        self.ends.take(octets)?;
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            if !self.within_line && line.first() == Some(&b'.') {
                out.push(b'.');
            }
            out.extend_from_slice(line);
            self.within_line = line.last() != Some(&b'\n');
        }
        Ok(())
    }

    /// Appends the end, ending the last line if the content did not.
    ///
    /// # Errors
    /// The content ends with a CR.
    pub fn end(self, out: &mut Vec<u8>) -> Result<(), BareLineEnd> {
        self.ends.end()?;
        out.extend_from_slice(if self.within_line { b"\r\n.\r\n" } else { b".\r\n" });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Content, whether it ended, half a line end, and what was left over.
    fn read(octets: &[u8]) -> (Vec<u8>, bool, Option<BareLineEnd>, &[u8]) {
        let (mut reader, mut out) = (DotReader::default(), Vec::new());
        let used = reader.read(octets, &mut out);
        (out, reader.ended(), reader.bare(), &octets[used..])
    }

    #[test]
    fn dots_come_out_and_the_end_is_found() {
        for (wire, content) in [
            (&b".\r\n"[..], &b""[..]),
            (b"\r\n.\r\n", b"\r\n"),
            (b"a\r\n.\r\n", b"a\r\n"),
            (b"..\r\n.\r\n", b".\r\n"),
            (b"..a\r\n...\r\n.\r\n", b".a\r\n..\r\n"),
            (b".a\r\n.\r\n", b"a\r\n"),
            (b"a.\r\n.b.\r\n.\r\n", b"a.\r\nb.\r\n"),
            (b"\0\xff\r\n.\r\n", b"\0\xff\r\n"),
        ] {
            assert_eq!(read(wire), (content.to_vec(), true, None, &b""[..]), "{wire:?}");
        }
    }

    #[test]
    fn only_a_dot_between_two_whole_line_ends_is_the_end() {
        let ends: [&[u8]; 5] = [b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r"];
        for before in ends {
            for after in ends {
                let wire = [b"a", before, b".", after, b"b\r\n.\r\nQUIT"].concat();
                let (_, ended, bare, left) = read(&wire);
                assert!(ended, "{wire:?}");
                // A bare CR in front of a real CRLF is refused, but the CRLF behind it is one: it does start a line.
                if before.ends_with(b"\r\n") && after == b"\r\n" {
                    assert_eq!(left, b"b\r\n.\r\nQUIT", "{wire:?}");
                    assert_eq!(bare.is_some(), before != b"\r\n", "{wire:?}");
                } else {
                    assert_eq!(left, b"QUIT", "{wire:?}");
                    assert!(bare.is_some(), "{wire:?}");
                }
            }
        }
    }

    #[test]
    fn line_ends_are_followed_across_pieces() {
        for (octets, expected) in [
            (&b"a\r\nb\r\n"[..], Ok(())),
            (b"a", Ok(())),
            (b"a\nb", Err(BareLineEnd::Lf)),
            (b"a\rb", Err(BareLineEnd::Cr)),
            (b"a\r\r\n", Err(BareLineEnd::Cr)),
            (b"a\r", Err(BareLineEnd::Cr)),
        ] {
            let (mut ends, mut result) = (LineEnds::default(), Ok(()));
            for octet in octets {
                result = result.and_then(|()| ends.take(&[*octet]));
            }
            assert_eq!(result.and_then(|()| ends.end()), expected, "{octets:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn reading_dots_undoes_writing_them(pieces in proptest::collection::vec("(\\.|\r\n|a){0,6}", 0..6)) {
            let (mut writer, mut wire) = (DotWriter::default(), Vec::new());
            for piece in &pieces {
                writer.write(piece.as_bytes(), &mut wire).unwrap();
            }
            writer.end(&mut wire).unwrap();
            let mut content = pieces.concat();
            if !content.is_empty() && !content.ends_with("\r\n") {
                content.push_str("\r\n");
            }
            proptest::prop_assert_eq!(read(&wire), (content.into_bytes(), true, None, &b""[..]));
        }
    }
}
