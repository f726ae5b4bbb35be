//! The two-way extension's grammar: one file for each verb, with what its replies carry.
//!
//! A session hands every command line it does not know itself to [`parse`], and answers a [`SyntaxError`] with
//! the error's own code and text. What a command means, and whether it is in order, is not decided here.

pub mod assert;
pub mod capability;
pub mod confirm;
pub mod decline;
pub mod notice;
pub mod pending;
pub mod retrieve;
mod words;

use mail::notice::Notice;
use mail::status::Status;

use words::Words;

pub use assert::Assert;
pub use capability::Capability;
pub use confirm::Confirm;
pub use decline::Decline;
pub use pending::Pending;
pub use retrieve::Retrieve;

/// The names on the wire. All are provisional: they change here and nowhere else.
pub mod wire {
    /// The EHLO keyword.
    pub const KEYWORD: &str = "XTWOWAY";
    /// Value of the parameter of MAIL by that name: by two-way mail or not at all.
    pub const ONLY: &str = "ONLY";
    /// The version of the extension this code speaks.
    pub const VERSION: u32 = 1;
    /// What is signed in ASSERT begins with this.
    pub const ASSERT_CONTEXT: &str = "two-way-mail v1";

    /// Proves that the session is run for a domain.
    pub const ASSERT: &str = "ASSERT";
    /// Tells that a message waits.
    pub const NOTICE: &str = "NOTICE";
    /// Asks what waits.
    pub const PENDING: &str = "PENDING";
    /// Fetches what waits.
    pub const RETRIEVE: &str = "RETRIEVE";
    /// Tells that a message is durable at its destination.
    pub const CONFIRM: &str = "CONFIRM";
    /// Tells that a message's content is refused for good.
    pub const DECLINE: &str = "DECLINE";

    pub(super) const FROM: &str = "FROM";
    pub(super) const TO: &str = "TO";
    pub(super) const DOMAIN: &str = "DOMAIN";
    pub(super) const KEY: &str = "KEY";
    pub(super) const SIG: &str = "SIG";
    pub(super) const ID: &str = "ID";
    pub(super) const SIZE: &str = "SIZE";
    pub(super) const DATE: &str = "DATE";
    pub(super) const EXPIRES: &str = "EXPIRES";
    pub(super) const BODY: &str = "BODY";
    pub(super) const SMTPUTF8: &str = "SMTPUTF8";
    pub(super) const REQUIRETLS: &str = "REQUIRETLS";
    pub(super) const NAME: &str = "NAME";
    pub(super) const SUBJECT: &str = "SUBJECT";
    pub(super) const KIND: &str = "KIND";
    pub(super) const REF: &str = "REF";
    pub(super) const LIST: &str = "LIST";
    pub(super) const AFTER: &str = "AFTER";
    pub(super) const MORE: &str = "MORE";
    pub(super) const OFFSET: &str = "OFFSET";
    pub(super) const DIGEST: &str = "DIGEST";
    pub(super) const MAILFROM: &str = "MAILFROM";
    pub(super) const NOTICEMAX: &str = "NOTICEMAX";
    pub(super) const KEEPMAX: &str = "KEEPMAX";
}

/// Octets in a command line, CRLF included: room for two long paths and every parameter.
pub const COMMAND_OCTETS_MAX: usize = 2048;

/// Octets in a reply line, code and CRLF included (RFC 5321 section 4.5.3.1.5).
pub const REPLY_OCTETS_MAX: usize = 512;

/// One command of the extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// This session is run for a domain.
    Assert(Assert),
    /// A message waits here.
    Notice(Box<Notice>),
    /// What waits from this author for this recipient?
    Pending(Pending),
    /// Send the message.
    Retrieve(Retrieve),
    /// The message is durable here.
    Confirm(Confirm),
    /// The message's content is refused for good.
    Decline(Decline),
}

/// What is wrong with a command line, or with the text of a reply: its writer's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// A required part is not where the grammar has it.
    #[error("{part} is missing: expected {expected}")]
    Missing {
        /// Its name on the wire.
        part: &'static str,
        /// Its form.
        expected: &'static str,
    },
    /// A part has another form than the grammar gives it.
    #[error("{part} is malformed: expected {expected}")]
    Malformed {
        /// Its name on the wire.
        part: &'static str,
        /// Its form.
        expected: &'static str,
    },
    /// A part that may stand once stands twice.
    #[error("{0} is given twice")]
    Duplicate(&'static str),
    /// A parameter this verb does not have; its keyword, fit to be shown.
    #[error("unknown parameter {0}")]
    Unknown(String),
    /// Over [`COMMAND_OCTETS_MAX`].
    #[error("command is too long: expected at most 2048 octets with CRLF")]
    TooLong,
}

impl SyntaxError {
    /// The reply code: 555 for a parameter we do not know (RFC 5321 section 4.1.1.11), else 501.
    pub const fn code(&self) -> u16 {
        match self {
            Self::Unknown(_) => 555,
            Self::Missing { .. } | Self::Malformed { .. } | Self::Duplicate(_) | Self::TooLong => 501,
        }
    }

    /// The enhanced status code: invalid command arguments.
    pub const fn status(&self) -> Status {
        Status::permanent(5, 4)
    }
}

/// Reads a command line without its CRLF. `None`: the verb is not one of ours.
pub fn parse(line: &str) -> Option<Result<Command, SyntaxError>> {
    let (verb, rest) = match line.split_once(' ') {
        Some((verb, rest)) => (verb, Some(rest)),
        None => (line, None),
    };
    let verbs = [wire::ASSERT, wire::NOTICE, wire::PENDING, wire::RETRIEVE, wire::CONFIRM, wire::DECLINE];
    let verb = verbs.into_iter().find(|known| known.eq_ignore_ascii_case(verb))?;
    if line.len() + "\r\n".len() > COMMAND_OCTETS_MAX {
        return Some(Err(SyntaxError::TooLong));
    }
    Some(match verb {
        wire::ASSERT => Assert::read(Words::new(rest, assert::PARTS)).map(Command::Assert),
        wire::NOTICE => notice::read(Words::new(rest, notice::PARTS)).map(|notice| Command::Notice(Box::new(notice))),
        wire::PENDING => Pending::read(Words::new(rest, pending::PARTS)).map(Command::Pending),
        wire::RETRIEVE => Retrieve::read(Words::new(rest, retrieve::PARTS)).map(Command::Retrieve),
        wire::CONFIRM => Confirm::read(Words::new(rest, confirm::PARTS)).map(Command::Confirm),
        _ => Decline::read(Words::new(rest, decline::PARTS)).map(Command::Decline),
    })
}

impl Command {
    /// Appends the command line, CRLF included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let line = match self {
            Self::Assert(assert) => assert.to_line(),
            Self::Notice(notice) => notice::to_line(notice),
            Self::Pending(pending) => pending.to_line(),
            Self::Retrieve(retrieve) => retrieve.to_line(),
            Self::Confirm(confirm) => confirm.to_line(),
            Self::Decline(decline) => decline.to_line(),
        };
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests;
