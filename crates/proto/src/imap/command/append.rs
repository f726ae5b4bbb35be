//! APPEND and REPLACE, up to each literal of a message (RFC 9051 section 6.3.12, RFC 3502, RFC 4469, RFC 6855, RFC 8508).
//!
//! Messages are not part of a command here: they stream past. What is read is what stands before the first literal,
//! between two, and behind the last. A message may also be put together of parts (CATENATE), some of which are octets of other
//! messages, named by URL: then there may be no literal at all.

use std::num::NonZeroU32;

use super::Numbering;
use crate::imap::cursor::{Cursor, Read, SyntaxError};
use crate::imap::date::{self, DateTime};
use crate::imap::flag::Flag;
use crate::imap::input::{Announcement, announced};
use crate::imap::limits::{CATENATED_URLS_MAX, LIST_ITEMS_MAX, URL_OCTETS_MAX};
use crate::imap::mailbox_name::{MailboxName, NameForm};
use crate::imap::writer::Writer;

/// APPEND, up to its first literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// Where to.
    pub mailbox: MailboxName,
    /// The first message; those behind it have no literal before them.
    pub messages: Vec<AppendMessage>,
}

/// REPLACE, up to its first literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replace {
    /// What the number is.
    pub numbering: Numbering,
    /// Which message goes; `None` is `*`.
    pub number: Option<NonZeroU32>,
    /// Where the new one goes.
    pub mailbox: MailboxName,
    /// The new one.
    pub message: AppendMessage,
}

/// What stands before a message's octets, or names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendMessage {
    /// Its flags.
    pub flags: Vec<Flag>,
    /// When it arrived, if the client says so.
    pub date: Option<DateTime>,
    /// Where its octets come from.
    pub content: AppendContent,
}

/// Where a message's octets come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendContent {
    /// They follow.
    Literal(AppendLiteral),
    /// `CATENATE`: from several places (RFC 4469).
    Parts(AppendParts),
}

/// Parts of a message up to the first that the client sends itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppendParts {
    /// Octets of other messages.
    pub urls: Vec<String>,
    /// What the client sends; without it, the message ends here.
    pub text: Option<AppendLiteral>,
}

/// A literal of a message: the octets behind it are not part of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendLiteral {
    /// Of what it is all.
    pub of: LiteralOf,
    /// What octets it may have.
    pub data: AppendData,
    /// How many these are.
    pub announced: Announcement,
}

/// Of what a literal is all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiteralOf {
    /// A message.
    Message,
    /// One part of a message: others may follow.
    Part,
}

/// What octets a literal of a message may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendData {
    /// All but NUL.
    Plain,
    /// `~{..}`: it may have NUL octets (RFC 3516).
    Binary,
    /// `UTF8 (~{..}` and `)` behind it: it may have UTF-8 in its header fields (RFC 6855 section 4).
    Utf8,
}

/// What stands behind a literal of a message: the rest of the same message, and then others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppendNext {
    /// Other parts of the message that the literal belongs to.
    pub parts: AppendParts,
    /// Other messages.
    pub messages: Vec<AppendMessage>,
}

impl Append {
    /// ```abnf
    /// append         = "APPEND" SP mailbox 1*append-message
    /// append-message = [SP flag-list] [SP date-time] SP append-data
    /// append-data    = literal / literal8 / utf8-literal / "CATENATE" SP "(" cat-part *(SP cat-part) ")"
    /// cat-part       = "URL" SP astring / "TEXT" SP ( literal / literal8 ) / utf8-literal
    /// utf8-literal   = "UTF8" SP "(" literal8 ")"
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let mailbox = cursor.mailbox()?;
        cursor.space()?;
        Ok(Self { mailbox, messages: AppendMessage::read_all(cursor)? })
    }

    /// The literal that follows.
    pub fn literal(&self) -> Option<AppendLiteral> {
        self.messages.last().and_then(AppendMessage::literal)
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.mailbox(&self.mailbox);
        for message in &self.messages {
            message.write(out);
        }
    }
}

impl Replace {
    /// `replace = "REPLACE" SP seq-number SP mailbox append-message`
    pub(super) fn read(cursor: &mut Cursor<'_>, numbering: Numbering) -> Read<Self> {
        let number = if cursor.take(b'*') { None } else { Some(cursor.nonzero("the number of a message")?) };
        cursor.space()?;
        let mailbox = cursor.mailbox()?;
        cursor.space()?;
        Ok(Self { numbering, number, mailbox, message: AppendMessage::read(cursor)? })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        match self.number {
            Some(number) => out.put(number),
            None => out.put("*"),
        };
        out.put(" ").mailbox(&self.mailbox);
        self.message.write(out);
    }
}

impl AppendMessage {
    /// The literal that follows.
    pub fn literal(&self) -> Option<AppendLiteral> {
        match &self.content {
            AppendContent::Literal(literal) => Some(*literal),
            AppendContent::Parts(parts) => parts.text,
        }
    }

    pub(crate) fn literal_mut(&mut self) -> Option<&mut AppendLiteral> {
        match &mut self.content {
            AppendContent::Literal(literal) => Some(literal),
            AppendContent::Parts(parts) => parts.text.as_mut(),
        }
    }

    /// Messages up to the first literal, or to the end of the command.
    fn read_all(cursor: &mut Cursor<'_>) -> Read<Vec<Self>> {
        let mut messages = Vec::new();
        loop {
            let message = Self::read(cursor)?;
            let is_last = message.literal().is_some() || cursor.at_end();
            messages.push(message);
            if is_last {
                return Ok(messages);
            }
            if messages.len() >= LIST_ITEMS_MAX {
                return Err(SyntaxError::TooMany("messages in one command"));
            }
            cursor.space()?;
        }
    }

    fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let mut flags = Vec::new();
        if cursor.peek() == Some(b'(') {
            flags = cursor.list("flags", Cursor::flag)?;
            // The server's to set (RFC 3501 section 2.3.2); a copy from elsewhere may carry it.
            flags.retain(|flag| *flag != Flag::Recent);
            cursor.space()?;
        }
        let mut date = None;
        if cursor.peek() == Some(b'"') {
            let before = cursor.clone();
            let text = cursor.string_text("a date")?;
            let Some(time) = date::parse_date_time(&text) else { return before.expected("a date such as \"17-Jul-1996 02:44:25 -0700\"") };
            date = Some(time);
            cursor.space()?;
        }
        let content = if cursor.take_word("CATENATE") {
            cursor.space()?;
            cursor.demand(b'(', "( and the parts of the message")?;
            AppendContent::Parts(AppendParts::read(cursor)?)
        } else {
            AppendContent::Literal(AppendLiteral::read(cursor, LiteralOf::Message, "flags, a date, or a literal")?)
        };
        Ok(Self { flags, date, content })
    }

    /// Writes what stands before the message's octets, its space included.
    pub(crate) fn write(&self, out: &mut Writer) {
        if !self.flags.is_empty() {
            out.put(" ").words(&self.flags);
        }
        if let Some(date) = self.date {
            out.put(format_args!(" \"{}\"", date::date_time(date)));
        }
        match &self.content {
            AppendContent::Literal(literal) => literal.write(out.put(" ")),
            AppendContent::Parts(parts) => parts.write(out.put(" CATENATE ("), ""),
        }
    }
}

impl AppendParts {
    /// Parts, of which the first comes next.
    fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let mut urls = Vec::new();
        loop {
            if cursor.take_word("URL") {
                cursor.space()?;
                let before = cursor.clone();
                let url = cursor.text("a URL")?;
                if url.len() > URL_OCTETS_MAX {
                    return before.expected("a URL of at most 8192 octets");
                }
                urls.push(url);
                if urls.len() > CATENATED_URLS_MAX {
                    return Err(SyntaxError::TooMany("parts of one message"));
                }
            } else {
                let before = cursor.clone();
                if cursor.take_word("TEXT") {
                    cursor.space()?;
                } else if !cursor.clone().take_word("UTF8") {
                    return before.expected("URL, TEXT or UTF8, and a part of the message");
                }
                let text = Some(AppendLiteral::read(cursor, LiteralOf::Part, "a literal")?);
                return Ok(Self { urls, text });
            }
            if cursor.take(b')') {
                return Ok(Self { urls, text: None });
            }
            cursor.space()?;
        }
    }

    /// The rest behind a part that was sent.
    fn read_next(cursor: &mut Cursor<'_>) -> Read<Self> {
        if cursor.take(b')') {
            return Ok(Self::default());
        }
        cursor.demand(b' ', ") behind the parts of the message, or a space and another")?;
        Self::read(cursor)
    }

    /// Writes the parts, the first behind this.
    fn write(&self, out: &mut Writer, mut before: &'static str) {
        for url in &self.urls {
            out.put(before).put("URL ").astring(url.as_bytes());
            before = " ";
        }
        match &self.text {
            Some(text) => text.write(out.put(before).put(if text.data == AppendData::Utf8 { "" } else { "TEXT " })),
            None => out.put(")").done(),
        }
    }
}

impl AppendLiteral {
    fn read(cursor: &mut Cursor<'_>, of: LiteralOf, form: &'static str) -> Read<Self> {
        let data = if cursor.take_word("UTF8") {
            cursor.space()?;
            cursor.demand(b'(', "( and a binary literal")?;
            cursor.demand(b'~', "a binary literal")?;
            AppendData::Utf8
        } else if cursor.take(b'~') {
            AppendData::Binary
        } else {
            AppendData::Plain
        };
        let line = cursor.rest().strip_suffix(b"\r\n").filter(|line| line.starts_with(b"{"));
        let Some(announced) = line.and_then(announced) else { return cursor.expected(form) };
        Ok(Self { of, data, announced })
    }

    fn write(self, out: &mut Writer) {
        out.put(match self.data {
            AppendData::Plain => "",
            AppendData::Binary => "~",
            AppendData::Utf8 => "UTF8 (~",
        });
        out.announce(self.announced.octets, self.announced.form);
    }
}

impl AppendNext {
    /// Reads what stands behind a literal.
    ///
    /// # Errors
    /// It is neither another part, nor another message, nor the end; or the octets of a URL are missing, that is a literal itself.
    pub fn read(octets: &[u8], before: AppendLiteral, names: NameForm) -> Result<Self, SyntaxError> {
        let mut cursor = Cursor::new(octets, names);
        if before.data == AppendData::Utf8 {
            cursor.demand(b')', ") behind the message")?;
        }
        let mut next = Self::default();
        if before.of == LiteralOf::Part {
            next.parts = AppendParts::read_next(&mut cursor)?;
            if next.parts.text.is_some() {
                return Ok(next);
            }
        }
        if !cursor.at_end() {
            cursor.space()?;
            next.messages = AppendMessage::read_all(&mut cursor)?;
        }
        Ok(next)
    }

    /// The literal that follows.
    pub fn literal(&self) -> Option<AppendLiteral> {
        self.parts.text.or_else(|| self.messages.last().and_then(AppendMessage::literal))
    }

    pub(crate) fn literal_mut(&mut self) -> Option<&mut AppendLiteral> {
        match &mut self.parts.text {
            Some(text) => Some(text),
            None => self.messages.last_mut().and_then(AppendMessage::literal_mut),
        }
    }

    /// Whether it can stand behind this literal: parts stand behind a part, and nothing behind one that is announced.
    pub(crate) fn fits(&self, before: AppendLiteral) -> bool {
        (before.of == LiteralOf::Part || self.parts == AppendParts::default()) && (self.parts.text.is_none() || self.messages.is_empty())
    }

    /// Whether nothing is said: all messages are here.
    pub fn is_end(&self) -> bool {
        *self == Self::default()
    }

    /// Writes what stands behind a literal and its octets.
    pub(crate) fn write(&self, before: AppendLiteral, out: &mut Writer) {
        if before.data == AppendData::Utf8 {
            out.put(")");
        }
        if before.of == LiteralOf::Part {
            self.parts.write(out, " ");
        }
        for message in &self.messages {
            message.write(out);
        }
    }
}
