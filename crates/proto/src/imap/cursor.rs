//! Reads the words of a command or response from left to right (RFC 9051 section 9: atom, string, number, list).

use std::borrow::Cow;
use std::num::NonZeroU32;

use super::flag::Flag;
use super::input::announced;
use super::limits::LIST_ITEMS_MAX;
use super::mailbox_name::{MailboxName, NameForm};
use super::sequence_set::SequenceSet;

/// Octets that have not been read yet, and where in the whole they stand.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    octets: &'a [u8],
    at: usize,
    /// How names of mailboxes are written.
    pub(crate) names: NameForm,
}

/// Why octets are not what the grammar has here: their writer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// Something else stands here.
    #[error("expected {expected} at octet {at}")]
    Expected {
        /// What should stand here.
        expected: &'static str,
        /// How many octets stand before it.
        at: usize,
    },
    /// The octets end within a literal, or where one begins: more are to come.
    #[error("the octets of a literal are missing")]
    LiteralDue,
    /// No charset of ours (RFC 9051 section 6.4.4).
    #[error("unknown charset")]
    Charset {
        /// The result was to be saved (RFC 5182).
        saves: bool,
    },
    /// More of something than is taken in one command.
    #[error("too many {0}")]
    TooMany(&'static str),
}

/// What is read, or why not.
pub(crate) type Read<T> = Result<T, SyntaxError>;

/// Whether an octet is an `ATOM-CHAR`.
pub(crate) fn is_atom(octet: u8) -> bool {
    octet.is_ascii_graphic() && !matches!(octet, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']')
}

/// Whether an octet is an `ASTRING-CHAR`.
pub(crate) fn is_astring(octet: u8) -> bool {
    is_atom(octet) || octet == b']'
}

/// Octets of names in the grammar: commands, items, options.
fn is_keyword(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'=' | b'_' | b'+' | b'/')
}

impl<'a> Cursor<'a> {
    /// At the front of these octets.
    pub(crate) fn new(octets: &'a [u8], names: NameForm) -> Self {
        Self { octets, at: 0, names }
    }

    /// What is not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.octets.get(self.at..).unwrap_or_default()
    }

    /// The next octet.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.octets.get(self.at).copied()
    }

    /// An error at this place.
    pub(crate) fn expected<T>(&self, expected: &'static str) -> Read<T> {
        Err(SyntaxError::Expected { expected, at: self.at })
    }

    /// Takes an octet if it comes next.
    pub(crate) fn take(&mut self, octet: u8) -> bool {
        let found = self.peek() == Some(octet);
        self.at += usize::from(found);
        found
    }

    /// Takes an octet that must come next.
    pub(crate) fn demand(&mut self, octet: u8, expected: &'static str) -> Read<()> {
        if self.take(octet) { Ok(()) } else { self.expected(expected) }
    }

    /// Takes one space.
    pub(crate) fn space(&mut self) -> Read<()> {
        self.demand(b' ', "a space")
    }

    /// Takes a word of the grammar, in any case, if it comes next and ends there.
    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        let mut ahead = self.clone();
        let found = ahead.keyword("").is_ok_and(|keyword| keyword.eq_ignore_ascii_case(word));
        if found {
            self.at = ahead.at;
        }
        found
    }

    /// Takes a space and then a word, if both come next.
    pub(crate) fn take_space_and_word(&mut self, word: &str) -> bool {
        let mut ahead = self.clone();
        let found = ahead.take(b' ') && ahead.take_word(word);
        if found {
            self.at = ahead.at;
        }
        found
    }

    /// Takes a word that must come next.
    pub(crate) fn demand_word(&mut self, word: &str, expected: &'static str) -> Read<()> {
        if self.take_word(word) { Ok(()) } else { self.expected(expected) }
    }

    /// Demands the end, be it that of the octets or CRLF. Spaces before it are forgiven: some clients leave one.
    pub(crate) fn end(&mut self) -> Read<()> {
        while self.take(b' ') {}
        match self.rest() {
            b"" | b"\r\n" => Ok(()),
            _ => self.expected("the end of the line"),
        }
    }

    /// Whether nothing but the end is left.
    pub(crate) fn at_end(&self) -> bool {
        matches!(self.rest(), b"" | b"\r\n")
    }

    /// Octets as long as they belong; at least one.
    pub(crate) fn run(&mut self, expected: &'static str, belongs: impl Fn(u8) -> bool) -> Read<&'a str> {
        let rest = self.rest();
        let length = rest.iter().position(|octet| !belongs(*octet)).unwrap_or(rest.len());
        match std::str::from_utf8(rest.get(..length).unwrap_or_default()) {
            Ok(text) if length > 0 => {
                self.at += length;
                Ok(text)
            }
            _ => self.expected(expected),
        }
    }

    /// A word of the grammar: letters, digits and a few signs.
    pub(crate) fn keyword(&mut self, expected: &'static str) -> Read<&'a str> {
        self.run(expected, is_keyword)
    }

    /// `atom`
    pub(crate) fn atom(&mut self, expected: &'static str) -> Read<&'a str> {
        self.run(expected, is_atom)
    }

    /// `tag`: like an atom, without `+`.
    pub(crate) fn tag(&mut self) -> Read<&'a str> {
        self.run("a tag", |octet| is_astring(octet) && octet != b'+')
    }

    /// `sequence-set`
    pub(crate) fn sequence_set(&mut self) -> Read<SequenceSet> {
        let before = self.at;
        let text = self.run("a set of numbers", |octet| octet.is_ascii_digit() || matches!(octet, b'*' | b':' | b','))?;
        SequenceSet::parse(text).ok_or(SyntaxError::Expected { expected: "a set of numbers", at: before })
    }

    /// `number64`
    pub(crate) fn number64(&mut self, expected: &'static str) -> Read<u64> {
        let before = self.at;
        let digits = self.run(expected, |octet| octet.is_ascii_digit())?;
        // RFC 9051: 63 bits.
        let number = digits.parse().ok().filter(|number| i64::try_from(*number).is_ok());
        number.ok_or(SyntaxError::Expected { expected, at: before })
    }

    /// `number`
    pub(crate) fn number(&mut self, expected: &'static str) -> Read<u32> {
        let before = self.at;
        let number = self.number64(expected)?;
        u32::try_from(number).map_err(|_large| SyntaxError::Expected { expected, at: before })
    }

    /// `nz-number`
    pub(crate) fn nonzero(&mut self, expected: &'static str) -> Read<NonZeroU32> {
        let before = self.at;
        NonZeroU32::new(self.number(expected)?).ok_or(SyntaxError::Expected { expected, at: before })
    }

    /// `astring`
    pub(crate) fn astring(&mut self, expected: &'static str) -> Read<Cow<'a, [u8]>> {
        match self.peek() {
            Some(b'"' | b'{') => self.string(expected),
            _ => self.run(expected, is_astring).map(|text| Cow::Borrowed(text.as_bytes())),
        }
    }

    /// `astring` in UTF-8.
    pub(crate) fn text(&mut self, expected: &'static str) -> Read<String> {
        let before = self.at;
        let octets = self.astring(expected)?;
        String::from_utf8(octets.into_owned()).map_err(|_broken| SyntaxError::Expected { expected, at: before })
    }

    /// `string`
    pub(crate) fn string(&mut self, expected: &'static str) -> Read<Cow<'a, [u8]>> {
        let before = self.at;
        match self.peek() {
            Some(b'"') => self.quoted(expected),
            Some(b'{') => {
                let octets = self.literal(expected)?;
                // RFC 9051: CHAR8 has no NUL; what has one is a literal8.
                if octets.contains(&0) { Err(SyntaxError::Expected { expected, at: before }) } else { Ok(Cow::Borrowed(octets)) }
            }
            _ => self.expected(expected),
        }
    }

    /// `nstring`
    pub(crate) fn nstring(&mut self, expected: &'static str) -> Read<Option<Cow<'a, [u8]>>> {
        if self.take_word("NIL") { Ok(None) } else { self.string(expected).map(Some) }
    }

    /// `nstring / literal8`, for values that may be binary.
    pub(crate) fn nstring8(&mut self, expected: &'static str) -> Read<Option<Cow<'a, [u8]>>> {
        if self.take(b'~') { self.literal(expected).map(|octets| Some(Cow::Borrowed(octets))) } else { self.nstring(expected) }
    }

    /// `string` in UTF-8.
    pub(crate) fn string_text(&mut self, expected: &'static str) -> Read<String> {
        let before = self.at;
        let octets = self.string(expected)?;
        String::from_utf8(octets.into_owned()).map_err(|_broken| SyntaxError::Expected { expected, at: before })
    }

    fn quoted(&mut self, expected: &'static str) -> Read<Cow<'a, [u8]>> {
        let before = self.at;
        self.at += 1;
        let content = self.at;
        let mut unescaped: Option<Vec<u8>> = None;
        loop {
            let octet = self.peek();
            self.at += 1;
            let octet = match octet {
                Some(b'"') => break,
                Some(b'\\') if matches!(self.peek(), Some(b'"' | b'\\')) => {
                    let so_far = self.octets.get(content..self.at - 1).unwrap_or_default();
                    unescaped.get_or_insert_with(|| so_far.to_vec());
                    let escaped = self.peek().unwrap_or_default();
                    self.at += 1;
                    escaped
                }
                Some(b'\\' | b'\r' | b'\n' | 0) | None => return Err(SyntaxError::Expected { expected, at: before }),
                Some(octet) => octet,
            };
            if let Some(unescaped) = &mut unescaped {
                unescaped.push(octet);
            }
        }
        let plain = self.octets.get(content..self.at - 1).unwrap_or_default();
        Ok(unescaped.map_or(Cow::Borrowed(plain), Cow::Owned))
    }

    /// The octets of a literal, whose `~` is read.
    pub(crate) fn literal(&mut self, expected: &'static str) -> Read<&'a [u8]> {
        let rest = self.rest();
        let line = rest.iter().position(|octet| *octet == b'\n').and_then(|lf| rest.get(..lf + 1));
        let Some(line) = line.filter(|line| line.starts_with(b"{")) else { return self.expected(expected) };
        // `{5} x` and `{5} {6}` announce nothing here.
        let announcement = line.strip_suffix(b"\r\n").filter(|line| line.iter().rposition(|octet| *octet == b'{') == Some(0));
        let Some(announcement) = announcement.and_then(announced) else { return self.expected(expected) };
        let count = usize::try_from(announcement.octets).unwrap_or(usize::MAX);
        let octets = rest.get(line.len()..).and_then(|behind| behind.get(..count)).ok_or(SyntaxError::LiteralDue)?;
        self.at += line.len() + count;
        Ok(octets)
    }

    /// A list in parentheses, which may be empty.
    pub(crate) fn list<T>(&mut self, expected: &'static str, mut item: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        self.demand(b'(', expected)?;
        let mut items = Vec::new();
        if self.take(b')') {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if items.len() > LIST_ITEMS_MAX {
                return Err(SyntaxError::TooMany("elements in one list"));
            }
            if self.take(b')') {
                return Ok(items);
            }
            self.space()?;
        }
    }

    /// A list in parentheses with at least one element.
    pub(crate) fn list1<T>(&mut self, expected: &'static str, item: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let before = self.at;
        let items = self.list(expected, item)?;
        if items.is_empty() { Err(SyntaxError::Expected { expected, at: before }) } else { Ok(items) }
    }

    /// One element, or a list of at least one.
    pub(crate) fn one_or_list<T>(&mut self, expected: &'static str, mut item: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        if self.peek() == Some(b'(') { self.list1(expected, item) } else { item(self).map(|only| vec![only]) }
    }

    /// `mailbox`
    pub(crate) fn mailbox(&mut self) -> Read<MailboxName> {
        let before = self.at;
        let octets = self.astring("a mailbox name")?;
        let name = self.names.decode(&octets).and_then(|name| MailboxName::new(&name));
        name.ok_or(SyntaxError::Expected { expected: "a mailbox name, encoded as RFC 3501 section 5.1.3 or RFC 6855 say", at: before })
    }

    /// `flag`
    pub(crate) fn flag(&mut self) -> Read<Flag> {
        let text = self.run("a flag", |octet| is_atom(octet) || octet == b'\\')?;
        let before = self.at - text.len();
        Flag::parse(text).ok_or(SyntaxError::Expected { expected: "a flag that exists, or a keyword", at: before })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(octets: &[u8]) -> Cursor<'_> {
        Cursor::new(octets, NameForm::ModifiedUtf7)
    }

    #[test]
    fn strings_read_in_each_of_their_forms() {
        for (octets, text) in [
            (&b"atom]"[..], "atom]"),
            (b"\"quo\\\"ted \\\\\"", "quo\"ted \\"),
            (b"\"\"", ""),
            (b"{5}\r\na\r\nb\n", "a\r\nb\n"),
            (b"{0+}\r\n", ""),
            ("\"\u{e9}\"".as_bytes(), "\u{e9}"),
        ] {
            assert_eq!(cursor(octets).text("text").as_deref(), Ok(text), "{}", octets.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_string_is_refused_where_it_stands() {
        let wrong = |at| Err(SyntaxError::Expected { expected: "text", at });
        for octets in [
            &b"\"open"[..],
            b"\"a\\b\"",
            b"\"a\r\nb\"",
            b"\"a\0\"",
            b"\"\\",
            b"",
            b" x",
            b"(",
            b"{3} x\r\nabc",
            b"{1}\r\n\0",
            b"\xe9",
            b"\"\xff\"",
        ] {
            assert_eq!(cursor(octets).text("text"), wrong(0), "{}", octets.escape_ascii());
        }
        for octets in [&b"{3}\r\nab"[..], b"{99999999999999999999}\r\n", b"{1}\r\n"] {
            assert_eq!(cursor(octets).text("text"), Err(SyntaxError::LiteralDue), "{}", octets.escape_ascii());
        }
    }

    #[test]
    fn numbers_have_limits() {
        assert_eq!(cursor(b"4294967295").number("n"), Ok(u32::MAX));
        assert!(cursor(b"4294967296").number("n").is_err());
        assert_eq!(cursor(b"9223372036854775807").number64("n"), Ok(9_223_372_036_854_775_807));
        assert!(cursor(b"9223372036854775808").number64("n").is_err());
        assert!(cursor(b"0").nonzero("n").is_err());
    }

    #[test]
    fn a_list_has_one_space_between_its_elements() {
        let read = |octets| cursor(octets).list("a list", |list| list.atom("an atom").map(str::to_owned));
        assert_eq!(read(b"(a b)"), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(read(b"()"), Ok(vec![]));
        for octets in [&b"(a  b)"[..], b"( a)", b"(a )", b"(a", b"a", b"(a)"] {
            assert_eq!(read(octets).is_ok(), octets == b"(a)", "{}", octets.escape_ascii());
        }
        let long = format!("({}x)", "x ".repeat(LIST_ITEMS_MAX));
        assert_eq!(read(long.as_bytes()), Err(SyntaxError::TooMany("elements in one list")));
        assert!(cursor(b"()").list1("a list", |list| list.atom("an atom").map(str::to_owned)).is_err());
    }
}
