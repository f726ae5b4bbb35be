//! The words of a command line, left to right: `NAME:path` and `NAME=value`, one space between them.

use mail::address::Mailbox;
use mail::id::NoticeId;
use mail::time::Timestamp;

use super::SyntaxError;
use crate::path;

/// What an `id` looks like, for replies.
pub(super) const ID_FORM: &str = "22 to 64 of A-Z a-z 0-9 - _";
/// What a count of octets looks like, for replies.
pub(super) const NUMBER_FORM: &str = "1 to 19 digits";
const PATH_FORM: &str = "<mailbox>, its domain as lower-case A-labels, no route, no literal";
const SPACING: SyntaxError = SyntaxError::Malformed { part: "line", expected: "parameters with one space before each, none at the end" };
/// Of a stranger's keyword, in a reply.
const SHOWN_MAX: usize = 32;

/// The part of a line that is still to be read.
pub(super) struct Words<'a> {
    /// `None` at the end of the line; else what follows the last space.
    rest: Option<&'a str>,
    /// The names of all parts this line may have.
    parts: &'static [&'static str],
}

/// `NAME` or `NAME=value`.
pub(super) struct Parameter<'a> {
    pub(super) name: &'static str,
    pub(super) value: Option<&'a str>,
}

impl<'a> Words<'a> {
    pub(super) fn new(rest: Option<&'a str>, parts: &'static [&'static str]) -> Self {
        Self { rest, parts }
    }

    /// Reads `NAME:path`, which must come next.
    pub(super) fn path(&mut self, name: &'static str) -> Result<Mailbox, SyntaxError> {
        let missing = SyntaxError::Missing { part: name, expected: PATH_FORM };
        let malformed = SyntaxError::Malformed { part: name, expected: PATH_FORM };
        let Some(rest) = self.rest else { return Err(missing) };
        let Some(written) = strip_prefix_ignoring_case(rest, name).and_then(|after| after.strip_prefix(':')) else {
            return Err(self.unknown(rest).unwrap_or(missing));
        };
        let Some((mailbox, after)) = path::read(written) else { return Err(malformed) };
        self.rest = match after.strip_prefix(' ') {
            Some(next) => Some(next),
            None if after.is_empty() => None,
            None => return Err(malformed),
        };
        Ok(mailbox)
    }

    /// Reads `NAME=value`, which must come next.
    pub(super) fn value<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, SyntaxError> {
        let missing = SyntaxError::Missing { part: name, expected };
        let Some(rest) = self.rest else { return Err(missing) };
        if self.known(keyword(rest)) != Some(name) {
            return Err(self.unknown(rest).unwrap_or(missing));
        }
        let value = self.parameter()?.and_then(|parameter| parameter.value);
        value.and_then(read).ok_or(SyntaxError::Malformed { part: name, expected })
    }

    /// Reads `NAME=value` if the line goes on, and then the line's end.
    pub(super) fn last_value<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, SyntaxError> {
        let value = match self.rest {
            Some(rest) if self.known(keyword(rest)) == Some(name) => Some(self.value(name, expected, read)?),
            _ => None,
        };
        self.end()?;
        Ok(value)
    }

    /// Reads the next parameter, in whatever place; `None` at the end of the line.
    pub(super) fn parameter(&mut self) -> Result<Option<Parameter<'a>>, SyntaxError> {
        let Some(rest) = self.rest else { return Ok(None) };
        let (word, after) = first_word(rest);
        let (keyword, value) = word.split_once('=').map_or((word, None), |(keyword, value)| (keyword, Some(value)));
        let name = self.known(keyword).ok_or_else(|| self.surplus(rest))?;
        self.rest = after;
        Ok(Some(Parameter { name, value }))
    }

    /// Reads up to the next space, or to the end of the line.
    pub(super) fn word(&mut self) -> Option<&'a str> {
        let (word, after) = first_word(self.rest?);
        self.rest = after;
        Some(word)
    }

    /// All that is left.
    pub(super) fn remainder(self) -> Option<&'a str> {
        self.rest
    }

    /// Demands the end of the line.
    pub(super) fn end(&self) -> Result<(), SyntaxError> {
        self.rest.map_or(Ok(()), |rest| Err(self.surplus(rest)))
    }

    fn known(&self, keyword: &str) -> Option<&'static str> {
        self.parts.iter().copied().find(|name| name.eq_ignore_ascii_case(keyword))
    }

    /// The error for a part that this verb has no place for, here or any more.
    fn surplus(&self, rest: &str) -> SyntaxError {
        let given_before = self.known(keyword(rest)).map_or(SPACING, SyntaxError::Duplicate);
        self.unknown(rest).unwrap_or(given_before)
    }

    /// The error for a part whose name, if it is one (RFC 5321's esmtp-keyword), this verb does not have.
    fn unknown(&self, rest: &str) -> Option<SyntaxError> {
        let keyword = keyword(rest);
        let is_name = keyword.starts_with(|first: char| first.is_ascii_alphanumeric())
            && keyword.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        let strange = is_name && self.known(keyword).is_none();
        strange.then(|| SyntaxError::Unknown(keyword.chars().take(SHOWN_MAX).collect()))
    }
}

/// A text up to its first space, and what follows the space.
fn first_word(text: &str) -> (&str, Option<&str>) {
    text.split_once(' ').map_or((text, None), |(word, after)| (word, Some(after)))
}

/// The front of a text up to what ends a keyword.
fn keyword(text: &str) -> &str {
    text.split(['=', ':', ' ']).next().unwrap_or(text)
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (front, rest) = text.split_at_checked(prefix.len())?;
    front.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// `1*19DIGIT`
pub(super) fn number(text: &str) -> Option<u64> {
    let plain = (1..=19).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// `id = 22*64b64u`
pub(super) fn id(text: &str) -> Option<NoticeId> {
    text.parse().ok()
}

/// `stamp = 8DIGIT "T" 6DIGIT "Z"`, its letters in any case, as strings of ABNF are.
pub(super) fn stamp(text: &str) -> Option<Timestamp> {
    Timestamp::parse_stamp(&text.to_ascii_uppercase()).ok()
}
