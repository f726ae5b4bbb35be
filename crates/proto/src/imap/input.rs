//! Received octets, cut into commands: lines, and the literals that lines announce (RFC 9051 section 4.3, RFC 7888).
//!
//! A command stays here in one piece until it is whole: its lines and small literals, as they were written. What a literal
//! becomes is for the session to decide when its line is complete: part of the command, content that streams past, or
//! octets that are thrown away.

/// Octets of memory that an input without octets keeps.
const IDLE_OCTETS_MAX: usize = 4096;

/// The longest announcement of a literal: `~{`, twenty digits, `+}`, CRLF.
const ANNOUNCEMENT_OCTETS_MAX: usize = 32;

/// Octets received and not yet used. Every octet is looked at once and moved rarely.
#[derive(Debug, Default)]
pub struct Input {
    octets: Vec<u8>,
    /// Where the command begins.
    start: usize,
    /// Where, from `start`, the line begins that is being read: behind the last literal.
    line: usize,
    /// Up to where, from `start`, no LF was found.
    scanned: usize,
    /// Where, from `start`, the last line that was found ends.
    end: usize,
}

/// What stands at the front of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// Not yet the end of a line, or of an accepted literal.
    Partial,
    /// [`Input::command`] is whole.
    Command,
    /// [`Input::command`] goes up to this literal, whose octets follow.
    Literal(Announcement),
    /// The command has more octets than asked for.
    TooLong,
    /// The line ended, or was interrupted, by half a line end.
    BareLineEnd,
}

/// What a line says of the literal behind it.
///
/// ```abnf
/// literal  = "{" number64 ["+"] "}" CRLF *CHAR8
/// literal8 = "~{" number64 ["+"] "}" CRLF *OCTET
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcement {
    /// How many octets follow.
    pub octets: u64,
    /// Whether they come at once.
    pub form: LiteralForm,
}

/// Whether the octets of a literal wait for the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiteralForm {
    /// `{5}`: they come when we have said that we want them.
    Synchronising,
    /// `{5+}`: they come, whatever we say.
    NonSynchronising,
}

/// What was thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skipped {
    /// All there was, and the line has not ended.
    Part,
    /// Up to the end of a line that ends the command.
    Command,
    /// Up to a literal.
    UpTo(Announcement),
}

impl Input {
    /// Takes what was received.
    pub fn push(&mut self, octets: &[u8]) {
        // Compact only when at least half of the buffer is used up: constant work per octet.
        if self.start > 0 && self.start >= self.octets.len() / 2 {
            self.octets.drain(..self.start);
            self.start = 0;
        }
        self.octets.extend_from_slice(octets);
    }

    /// What is not used yet.
    pub fn unused(&self) -> &[u8] {
        self.octets.get(self.start..).unwrap_or_default()
    }

    /// Takes octets away; the next command, or line of one, begins behind them.
    pub fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.octets.len());
        (self.line, self.scanned, self.end) = (0, 0, 0);
        // A session that waits holds no memory of the message before.
        if self.start == self.octets.len() {
            self.start = 0;
            self.octets.clear();
            if self.octets.capacity() > IDLE_OCTETS_MAX {
                self.octets = Vec::new();
            }
        }
    }

    /// Throws everything away.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Goes on reading the command at the front, of at most `octets_max` in all.
    pub fn read(&mut self, octets_max: usize) -> Piece {
        let unused = self.octets.get(self.start..).unwrap_or_default();
        let Some(lf) = unused.iter().skip(self.scanned).position(|octet| *octet == b'\n').map(|found| found + self.scanned) else {
            // An accepted literal may reach beyond what is here.
            self.scanned = self.scanned.max(unused.len());
            return if unused.len() >= octets_max { Piece::TooLong } else { Piece::Partial };
        };
        (self.scanned, self.end) = (lf, lf + 1);
        if lf >= octets_max {
            return Piece::TooLong;
        }
        let line = unused.get(self.line..lf).unwrap_or_default();
        match line.split_last() {
            Some((b'\r', line)) if !line.contains(&b'\r') => announced(line).map_or(Piece::Command, Piece::Literal),
            _ => Piece::BareLineEnd,
        }
    }

    /// What [`Self::read`] found: the command, its last CRLF included.
    pub fn command(&self) -> &[u8] {
        self.unused().get(..self.end).unwrap_or_default()
    }

    /// Takes away what [`Self::read`] found.
    pub fn consume_command(&mut self) {
        self.consume(self.end);
    }

    /// Makes the literal that was found part of the command, which goes on behind it.
    pub fn accept_literal(&mut self, octets: usize) {
        self.line = self.end.saturating_add(octets);
        self.scanned = self.line;
    }

    /// Takes away what stands before the line that is being read: lines and literals of the same command.
    pub fn drop_read(&mut self) {
        self.consume(self.line);
    }

    /// Throws octets away until a line has ended.
    pub fn skip_line(&mut self) -> Skipped {
        let unused = self.unused();
        let Some(lf) = unused.iter().position(|octet| *octet == b'\n') else {
            // The end of the line may announce a literal: what could be the announcement stays.
            self.consume(unused.len().saturating_sub(ANNOUNCEMENT_OCTETS_MAX));
            return Skipped::Part;
        };
        let line = unused.get(..lf).unwrap_or_default();
        let announcement = announced(line.strip_suffix(b"\r").unwrap_or(line));
        self.consume(lf + 1);
        announcement.map_or(Skipped::Command, Skipped::UpTo)
    }

    /// Throws away what there is of so many octets; how many are left to come.
    pub fn skip_octets(&mut self, octets: u64) -> u64 {
        let count = usize::try_from(octets).unwrap_or(usize::MAX).min(self.unused().len());
        self.consume(count);
        octets.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX))
    }
}

/// Reads the announcement at the end of a line, given without its CRLF. A number too large for us is the largest there is.
pub fn announced(line: &[u8]) -> Option<Announcement> {
    let (line, form) = match line.strip_suffix(b"+}") {
        Some(line) => (line, LiteralForm::NonSynchronising),
        None => (line.strip_suffix(b"}")?, LiteralForm::Synchronising),
    };
    let digits_at = line.iter().rposition(|octet| !octet.is_ascii_digit())? + 1;
    let digits = line.get(digits_at..)?;
    if digits.is_empty() || line.get(digits_at.checked_sub(1)?) != Some(&b'{') {
        return None;
    }
    let octets = digits.iter().try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
    Some(Announcement { octets: octets.unwrap_or(u64::MAX), form })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(octets: &[u8]) -> Input {
        let mut input = Input::default();
        input.push(octets);
        input
    }

    fn literal(octets: u64, form: LiteralForm) -> Piece {
        Piece::Literal(Announcement { octets, form })
    }

    #[test]
    fn a_command_comes_out_whole_however_it_arrives() {
        let mut input = Input::default();
        let mut whole = Vec::new();
        for octet in b"a LOGIN {5}\r\nalice {6}\r\npen\r\nl\r\nb NOOP\r\n" {
            input.push(&[*octet]);
            match input.read(100) {
                Piece::Partial => {}
                Piece::Literal(Announcement { octets, form: LiteralForm::Synchronising }) => {
                    input.accept_literal(octets.try_into().unwrap());
                }
                Piece::Command => {
                    whole.push(input.command().escape_ascii().to_string());
                    input.consume_command();
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(whole, ["a LOGIN {5}\\r\\nalice {6}\\r\\npen\\r\\nl\\r\\n", "b NOOP\\r\\n"]);
    }

    #[test]
    fn line_ends_inside_a_literal_end_nothing() {
        let mut input = input(b"a X {4+}\r\n\r\n\n\n {3+}\r\n{1}\r\nb NOOP\r\n");
        assert_eq!(input.read(100), literal(4, LiteralForm::NonSynchronising));
        input.accept_literal(4);
        assert_eq!(input.read(100), literal(3, LiteralForm::NonSynchronising));
        input.accept_literal(3);
        assert_eq!(input.read(100), Piece::Command);
        assert_eq!(input.command(), b"a X {4+}\r\n\r\n\n\n {3+}\r\n{1}\r\n");
    }

    #[test]
    fn a_line_announces_a_literal_only_at_its_end() {
        for (line, expected) in [
            (&b"a X {5}"[..], Some((5, LiteralForm::Synchronising))),
            (b"a X ~{5+}", Some((5, LiteralForm::NonSynchronising))),
            (b"{0}", Some((0, LiteralForm::Synchronising))),
            (b"a X {99999999999999999999999}", Some((u64::MAX, LiteralForm::Synchronising))),
            (b"a X {}", None),
            (b"a X {+}", None),
            (b"a X {-5}", None),
            (b"a X {5-}", None),
            (b"a X 5}", None),
            (b"5}", None),
            (b"a X {5} ", None),
            (b"a X \"{5}\"", None),
            (b"}", None),
            (b"", None),
        ] {
            let read = announced(line).map(|announcement| (announcement.octets, announcement.form));
            assert_eq!(read, expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn half_a_line_end_is_no_line_end() {
        for octets in [&b"A\n"[..], b"\n", b"A\rB\r\n", b"A\r\r\n"] {
            assert_eq!(input(octets).read(100), Piece::BareLineEnd, "{}", octets.escape_ascii());
        }
    }

    #[test]
    fn a_long_command_is_noticed_before_and_after_its_end() {
        assert_eq!(input(b"12345678").read(8), Piece::TooLong);
        assert_eq!(input(b"1234567\r\n").read(8), Piece::TooLong);
        assert_eq!(input(b"123456\r\n").read(8), Piece::Command);
        let mut input = input(b"a {9}\r\n");
        assert_eq!(input.read(12), literal(9, LiteralForm::Synchronising));
        input.accept_literal(9);
        input.push(b"123456789");
        assert_eq!(input.read(12), Piece::TooLong);
    }

    #[test]
    fn what_is_skipped_ends_where_the_command_ends() {
        let mut input = input(&[b'x'; 5000]);
        assert_eq!(input.skip_line(), Skipped::Part);
        assert_eq!(input.unused().len(), ANNOUNCEMENT_OCTETS_MAX);
        input.push(b" {10");
        assert_eq!(input.skip_line(), Skipped::Part);
        input.push(b"+}\r\n12345");
        assert_eq!(input.skip_line(), Skipped::UpTo(Announcement { octets: 10, form: LiteralForm::NonSynchronising }));
        assert_eq!(input.skip_octets(10), 5);
        input.push(b"67890 x\r\nb NOOP\r\n");
        assert_eq!(input.skip_octets(5), 0);
        assert_eq!(input.skip_line(), Skipped::Command);
        assert_eq!(input.unused(), b"b NOOP\r\n");
    }
}
