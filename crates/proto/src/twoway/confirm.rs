//! CONFIRM: "the message is durable here", after which its origin may forget it.

use mail::address::Mailbox;
use mail::id::NoticeId;

use super::words::{self, ID_FORM, Words};
use super::{SyntaxError, wire};

pub(super) const PARTS: &[&str] = &[wire::ID, wire::TO];

/// `CONFIRM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirm {
    /// Of the notice.
    pub id: NoticeId,
    /// The recipient.
    pub to: Mailbox,
}

impl Confirm {
    /// ```abnf
    /// confirm = "CONFIRM ID=" id SP "TO:" path CRLF
    /// ```
    pub(super) fn read(mut words: Words<'_>) -> Result<Self, SyntaxError> {
        let id = words.value(wire::ID, ID_FORM, words::id)?;
        let to = words.path(wire::TO)?;
        words.end()?;
        Ok(Self { id, to })
    }

    pub(super) fn to_line(&self) -> String {
        format!("{} {}={} {}:<{}>", wire::CONFIRM, wire::ID, self.id.as_str(), wire::TO, self.to)
    }
}
