//! APPEND and REPLACE, up to each message's literal (RFC 9051 section 6.3.12, RFC 3502, RFC 6855, RFC 8508).
//!
//! Messages are not part of a command here: they stream past. What is read is what stands before the first literal,
//! between two, and behind the last.

use std::num::NonZeroU32;

use mail::time::Timestamp;

use super::Numbering;
use crate::imap::cursor::{Cursor, Read, SyntaxError};
use crate::imap::date;
use crate::imap::flag::Flag;
use crate::imap::input::{Announcement, announced};
use crate::imap::mailbox_name::{MailboxName, NameForm};
use crate::imap::writer::Writer;

/// APPEND, up to its first message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// Where to.
    pub mailbox: MailboxName,
    /// The first message.
    pub message: AppendMessage,
}

/// REPLACE, up to its message.
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

/// What stands before a message's octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendMessage {
    /// Its flags.
    pub flags: Vec<Flag>,
    /// When it arrived, if the client says so.
    pub date: Option<Timestamp>,
    /// How its octets are given.
    pub data: AppendData,
    /// The literal that follows.
    pub literal: Announcement,
}

/// How a message's octets are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendData {
    /// A literal.
    Plain,
    /// `~{..}`: it may have NUL octets (RFC 3516).
    Binary,
    /// `UTF8 (~{..}` and `)` behind it: it may have UTF-8 in its header fields (RFC 6855 section 4).
    Utf8,
}

impl Append {
    /// ```abnf
    /// append         = "APPEND" SP mailbox 1*append-message
    /// append-message = [SP flag-list] [SP date-time] SP append-data
    /// append-data    = literal / literal8 / "UTF8" SP "(" literal8 ")"
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let mailbox = cursor.mailbox()?;
        cursor.space()?;
        Ok(Self { mailbox, message: AppendMessage::read(cursor)? })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.mailbox(&self.mailbox);
        self.message.write(out);
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
    /// Reads what stands behind a message: the next one's beginning, or the end of the command.
    ///
    /// # Errors
    /// It is neither.
    pub fn read_next(octets: &[u8], before: AppendData, names: NameForm) -> Result<Option<Self>, SyntaxError> {
        let mut cursor = Cursor::new(octets, names);
        if before == AppendData::Utf8 {
            cursor.demand(b')', ") behind the message")?;
        }
        if cursor.at_end() {
            return Ok(None);
        }
        cursor.space()?;
        Self::read(&mut cursor).map(Some)
    }

    fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        const FORM: &str = "flags, a date, or a literal";
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
        let Some(literal) = line.and_then(announced) else { return cursor.expected(FORM) };
        Ok(Self { flags, date, data, literal })
    }

    /// Writes what stands before the message's octets, its space included.
    pub(crate) fn write(&self, out: &mut Writer) {
        if !self.flags.is_empty() {
            out.put(" ").words(&self.flags);
        }
        if let Some(date) = self.date {
            out.put(format_args!(" \"{}\"", date::date_time(date)));
        }
        out.put(match self.data {
            AppendData::Plain => " ",
            AppendData::Binary => " ~",
            AppendData::Utf8 => " UTF8 (~",
        });
        out.announce(self.literal.octets, self.literal.form);
    }
}

impl AppendData {
    /// What stands behind the message's octets.
    pub const fn closing(self) -> &'static str {
        match self {
            Self::Plain | Self::Binary => "",
            Self::Utf8 => ")",
        }
    }
}
