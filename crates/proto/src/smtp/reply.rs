//! Replies: a code, an enhanced status and text (RFC 5321 section 4.2, RFC 2034).

use std::borrow::Cow;
use std::fmt;

use mail::status::{Class, Status};

/// Octets in one reply line, CRLF included (RFC 5321 section 4.5.3.1.5).
pub const LINE_OCTETS_MAX: usize = 512;

/// One reply, of one line or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// From 200 to 599. Ours are those of RFC 5321 section 4.2; a peer's may be any.
    pub code: u16,
    /// Written at the front of every line. Greetings, EHLO and 3yz have none (RFC 2034 section 4).
    pub status: Option<Status>,
    /// At least one; without code, status and line end.
    pub lines: Vec<Cow<'static, str>>,
}

/// What in a reply line is no reply: the peer misbehaved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// No three digits from 200 to 599, or something odd behind them.
    #[error("the peer's reply does not start with a reply code")]
    Code,
    /// The lines of one reply have different codes.
    #[error("the lines of the peer's reply have different codes")]
    CodeChanged,
    /// More lines than the limit.
    #[error("the peer's reply has too many lines")]
    TooManyLines,
}

impl Reply {
    /// A reply of one line.
    pub fn new(code: u16, status: Option<Status>, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, status, lines: vec![text.into()] }
    }

    /// Whether it is 2yz: done.
    pub const fn is_success(&self) -> bool {
        self.code / 100 == 2
    }

    /// Whether it is 3yz: go on.
    pub const fn is_intermediate(&self) -> bool {
        self.code / 100 == 3
    }

    /// Whether it is 4yz: the same may succeed later.
    pub const fn is_temporary(&self) -> bool {
        self.code / 100 == 4
    }

    /// Whether it is 5yz: the same will not succeed.
    pub const fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// The first line's text.
    pub fn text(&self) -> &str {
        self.lines.first().map_or("", |line| line)
    }

    /// Writes the reply. What is not printable ASCII becomes `?`, and a line ends where 512 octets are full.
    ///
    /// ```abnf
    /// Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
    /// ```
    pub fn encode(&self, out: &mut Vec<u8>) {
        let digit = |number: u16| b'0' + u8::try_from(number % 10).unwrap_or(0);
        let code = [digit(self.code / 100), digit(self.code / 10), digit(self.code)];
        let status = self.status.map(|status| format!("{status} ")).unwrap_or_default();
        let room = LINE_OCTETS_MAX - "250 ".len() - "\r\n".len() - status.len();
        let last = self.lines.len().saturating_sub(1);
        for (index, line) in self.lines.iter().enumerate() {
            out.reserve("250 ".len() + status.len() + line.len() + "\r\n".len());
            out.extend_from_slice(&code);
            out.push(if index == last { b' ' } else { b'-' });
            out.extend_from_slice(status.as_bytes());
            out.extend(line.chars().take(room).map(printable));
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// A reply line is ASCII text: anything else could end it early, or colour a terminal.
fn printable(character: char) -> u8 {
    u8::try_from(character).ok().filter(|octet| (b' '..=b'~').contains(octet)).unwrap_or(b'?')
}

impl fmt::Display for Reply {
    /// On one line, for logs and reports: `550 5.7.1 text / more text`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(status) = self.status {
            write!(f, " {status}")?;
        }
        for (index, line) in self.lines.iter().enumerate() {
            f.write_str(if index == 0 { " " } else { " / " })?;
            line.chars().try_for_each(|character| write!(f, "{}", char::from(printable(character))))?;
        }
        Ok(())
    }
}

/// Puts a reply together from its lines.
#[derive(Debug, Default)]
pub struct ReplyReader {
    code: u16,
    lines: Vec<String>,
}

impl ReplyReader {
    /// Takes one line, without its CRLF; gives the reply when it was the last.
    ///
    /// ```abnf
    /// Reply-code = %x32-35 %x30-39 %x30-39
    /// ```
    ///
    /// RFC 5321 section 4.2 ends the second digit at 5, and says that the first is enough to act on: servers do write
    /// `571 Delivery not authorized`, and mean it.
    ///
    /// # Errors
    /// The line is no reply line, or does not continue the reply.
    pub fn line(&mut self, line: &[u8], lines_max: usize) -> Result<Option<Reply>, ReplyError> {
        let (digits, rest) = line.split_at_checked(3).ok_or(ReplyError::Code)?;
        let code = match *digits {
            [a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
                u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')
            }
            _ => return Err(ReplyError::Code),
        };
        let (more, text) = match rest.split_first() {
            // RFC 5321 section 4.2.1: the space may be missing where no text follows.
            None => (false, rest),
            Some((b' ', text)) => (false, text),
            Some((b'-', text)) => (true, text),
            Some(_) => return Err(ReplyError::Code),
        };
        if !self.lines.is_empty() && code != self.code {
            return Err(ReplyError::CodeChanged);
        }
        if self.lines.len() >= lines_max {
            return Err(ReplyError::TooManyLines);
        }
        self.code = code;
        self.lines.push(String::from_utf8_lossy(text).into_owned());
        Ok((!more).then(|| self.finish()))
    }

    /// Takes the enhanced status off the front of the lines, if the peer wrote one that agrees with the code.
    fn finish(&mut self) -> Reply {
        let lines = std::mem::take(&mut self.lines);
        let status = lines.first().and_then(|line| leading_status(line)).filter(|status| class_digit(*status) == self.code / 100);
        let strip = |line: String| match status {
            Some(_) if leading_status(&line) == status => Cow::Owned(line.split_once(' ').map_or("", |(_, text)| text).to_owned()),
            _ => Cow::Owned(line),
        };
        Reply { code: self.code, status, lines: lines.into_iter().map(strip).collect() }
    }
}

fn leading_status(line: &str) -> Option<Status> {
    line.split(' ').next()?.parse().ok()
}

fn class_digit(status: Status) -> u16 {
    match status.class() {
        Class::Success => 2,
        Class::Temporary => 4,
        Class::Permanent => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(reply: &Reply) -> String {
        let mut out = Vec::new();
        reply.encode(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn decoded(text: &str) -> Result<Option<Reply>, ReplyError> {
        let mut reader = ReplyReader::default();
        let mut last = None;
        for line in text.split_terminator("\r\n") {
            assert_eq!(last, None, "a line after the last");
            last = reader.line(line.as_bytes(), 100)?;
        }
        Ok(last)
    }

    #[test]
    fn a_reply_reads_back_as_it_was_written() {
        let replies = [
            Reply::new(250, Some(Status::success(2, 0)), "done"),
            Reply::new(354, None, "go on"),
            Reply { code: 250, status: None, lines: vec!["mx.a.test".into(), "PIPELINING".into(), "SIZE 1".into()] },
            Reply { code: 550, status: Some(Status::permanent(7, 1)), lines: vec!["no".into(), "never".into()] },
            Reply::new(250, Some(Status::success(0, 0)), ""),
            Reply::new(571, Some(Status::permanent(7, 1)), "Delivery not authorized"),
            Reply::new(499, None, "odd"),
        ];
        for reply in replies {
            assert_eq!(decoded(&encoded(&reply)), Ok(Some(reply)));
        }
    }

    #[test]
    fn a_status_is_on_every_line_and_belongs_to_the_code() {
        let reply = Reply { code: 550, status: Some(Status::permanent(7, 1)), lines: vec!["no".into(), "never".into()] };
        assert_eq!(encoded(&reply), "550-5.7.1 no\r\n550 5.7.1 never\r\n");
        assert_eq!(decoded("250 5.7.1 odd\r\n").unwrap().unwrap().status, None);
        assert_eq!(decoded("250\r\n").unwrap().unwrap().text(), "");
    }

    #[test]
    fn no_text_can_end_a_line_early_or_overfill_it() {
        assert_eq!(encoded(&Reply::new(550, None, "a\r\n250 b\u{1b}\u{e9}")), "550 a??250 b??\r\n");
        let long = encoded(&Reply::new(550, Some(Status::permanent(0, 0)), "x".repeat(600)));
        assert_eq!(long.len(), LINE_OCTETS_MAX);
        assert!(long.ends_with("x\r\n"));
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for (text, error) in [
            ("25", ReplyError::Code),
            ("hello", ReplyError::Code),
            ("150 x", ReplyError::Code),
            ("650 x", ReplyError::Code),
            ("2x0 x", ReplyError::Code),
            ("250x", ReplyError::Code),
            ("250-a\r\n251 b", ReplyError::CodeChanged),
        ] {
            assert_eq!(decoded(text), Err(error), "{text}");
        }
        let endless = "250-a\r\n".repeat(101);
        assert_eq!(decoded(&endless), Err(ReplyError::TooManyLines));
    }
}
