//! DECLINE: "the message's content is refused for good"; never "its author is not allowed".

use mail::address::Mailbox;
use mail::id::NoticeId;
use mail::status::{Class, Status};

use super::words::{self, ID_FORM, Words};
use super::{SyntaxError, wire};

pub(super) const PARTS: &[&str] = &[wire::ID, wire::TO];
const STATUS_FORM: &str = "a status code such as 5.7.1, of class 4 or 5";

/// `DECLINE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decline {
    /// Of the notice.
    pub id: NoticeId,
    /// The recipient.
    pub to: Mailbox,
    /// Why, for programs.
    pub status: Refusal,
    /// Why, for people.
    pub text: Reason,
}

/// A status code that is no success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal(Status);

/// `text = 1*128( %d32-126 )`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Refusal {
    /// The refusal of this status; `None` if it is a success.
    pub fn new(status: Status) -> Option<Self> {
        (status.class() != Class::Success).then_some(Self(status))
    }

    /// The status code.
    pub const fn status(self) -> Status {
        self.0
    }
}

impl Reason {
    /// In octets.
    pub const OCTETS_MAX: usize = 128;

    /// Makes any text fit: what is not printable ASCII becomes `?`, the rest is cut.
    pub fn new(text: &str) -> Self {
        let printable = |character: char| if (' '..='~').contains(&character) { character } else { '?' };
        let fit: String = text.chars().map(printable).take(Self::OCTETS_MAX).collect();
        Self(if fit.is_empty() { "refused".to_owned() } else { fit })
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn read(text: &str) -> Option<Self> {
        let fits = (1..=Self::OCTETS_MAX).contains(&text.len()) && text.bytes().all(|octet| (b' '..=b'~').contains(&octet));
        fits.then(|| Self(text.to_owned()))
    }
}

impl Decline {
    /// ```abnf
    /// decline = "DECLINE ID=" id SP "TO:" path SP status SP text CRLF
    /// status  = ( "4" / "5" ) "." 1*3DIGIT "." 1*3DIGIT      text = 1*128( %d32-126 )
    /// ```
    pub(super) fn read(mut words: Words<'_>) -> Result<Self, SyntaxError> {
        let id = words.value(wire::ID, ID_FORM, words::id)?;
        let to = words.path(wire::TO)?;
        let word = words.word().ok_or(SyntaxError::Missing { part: "status", expected: STATUS_FORM })?;
        let status = word.parse().ok().and_then(Refusal::new);
        let status = status.ok_or(SyntaxError::Malformed { part: "status", expected: STATUS_FORM })?;
        let text = words.remainder().and_then(Reason::read);
        let text = text.ok_or(SyntaxError::Malformed { part: "text", expected: "1 to 128 printable ASCII characters" })?;
        Ok(Self { id, to, status, text })
    }

    pub(super) fn to_line(&self) -> String {
        let (status, text) = (self.status.0, &self.text.0);
        format!("{} {}={} {}:<{}> {status} {text}", wire::DECLINE, wire::ID, self.id.as_str(), wire::TO, self.to)
    }
}
