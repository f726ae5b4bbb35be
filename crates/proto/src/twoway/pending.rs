//! PENDING: "what waits from FROM for TO?" Answered by one line for each notice, and a last one that counts.

use mail::address::Mailbox;
use mail::id::NoticeId;
use mail::notice::Notice;

use super::words::{self, ID_FORM, NUMBER_FORM, Words};
use super::{REPLY_OCTETS_MAX, SyntaxError, notice, wire};
use crate::xtext;

pub(super) const PARTS: &[&str] = &[wire::FROM, wire::TO, wire::AFTER];
const SUMMARY_PARTS: &[&str] = &[wire::MORE];

/// Notices in one answer.
pub const LINES_MAX: usize = 100;

/// `PENDING`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The responsible address.
    pub from: Mailbox,
    /// The recipient.
    pub to: Mailbox,
    /// Only what comes after this, the MORE of an earlier answer.
    pub after: Option<NoticeId>,
}

/// The last line of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// How many notices.
    pub count: u64,
    /// There are more: to be asked for with AFTER.
    pub more: Option<NoticeId>,
}

impl Pending {
    /// ```abnf
    /// pending = "PENDING FROM:" path SP "TO:" path [ SP "AFTER=" id ] CRLF
    /// ```
    pub(super) fn read(mut words: Words<'_>) -> Result<Self, SyntaxError> {
        let from = words.path(wire::FROM)?;
        let to = words.path(wire::TO)?;
        let after = words.last_value(wire::AFTER, ID_FORM, words::id)?;
        Ok(Self { from, to, after })
    }

    pub(super) fn to_line(&self) -> String {
        let mut line = format!("{} {}:<{}> {}:<{}>", wire::PENDING, wire::FROM, self.from, wire::TO, self.to);
        if let Some(after) = &self.after {
            line.extend([" ", wire::AFTER, "=", after.as_str()]);
        }
        line
    }
}

/// The text of one line, which follows `250-2.0.0 `: the notice's parameters, without FROM and TO.
///
/// A reply line is shorter than a command line: SUBJECT, then NAME, then LIST are left out where they do not
/// fit. LIST goes last because consent asks for it; the other two are for the eye.
pub fn encode_line(waiting: &Notice) -> String {
    let room = REPLY_OCTETS_MAX - "250-2.0.0 \r\n".len();
    let mut text = notice::required_parameters(waiting);
    let claims = [(wire::LIST, &waiting.list), (wire::NAME, &waiting.name), (wire::SUBJECT, &waiting.subject)];
    for (name, value) in claims {
        let Some(value) = value else { continue };
        let value = xtext::encode(value);
        if text.len() + name.len() + value.len() + " =".len() <= room {
            text.extend([" ", name, "=", &value]);
        }
    }
    text
}

/// Reads the text of one line into a notice for the pair that was asked about.
///
/// ```abnf
/// pending-line = param *( SP param )        ; the params of notice
/// ```
///
/// # Errors
/// The line breaks the grammar of NOTICE's parameters.
pub fn decode_line(text: &str, from: &Mailbox, to: &Mailbox) -> Result<Notice, SyntaxError> {
    notice::read_parameters(Words::new(Some(text), notice::PARTS), from.clone(), to.clone())
}

impl Summary {
    /// The text that follows `250 2.0.0 `.
    pub fn encode(&self) -> String {
        match &self.more {
            None => self.count.to_string(),
            Some(more) => format!("{} {}={}", self.count, wire::MORE, more.as_str()),
        }
    }

    /// ```abnf
    /// pending-last = 1*19DIGIT [ SP "MORE=" id ]
    /// ```
    ///
    /// # Errors
    /// The text is of another form.
    pub fn decode(text: &str) -> Result<Self, SyntaxError> {
        let mut words = Words::new(Some(text), SUMMARY_PARTS);
        let malformed = SyntaxError::Malformed { part: "count", expected: NUMBER_FORM };
        let count = words.word().and_then(words::number).ok_or(malformed)?;
        let more = words.last_value(wire::MORE, ID_FORM, words::id)?;
        Ok(Self { count, more })
    }
}
