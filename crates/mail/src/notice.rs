//! The notice: "a message from S for R waits here". Its wire form is the extension's NOTICE command.

use crate::address::Mailbox;
use crate::envelope::Body;
use crate::id::NoticeId;
use crate::time::Timestamp;

/// What sort of message waits (`KIND`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Kind {
    /// A person's or program's message; the default.
    #[default]
    Mail,
    /// From a mailing list: FROM is the list's address.
    List,
    /// Passed on by the mailbox FROM, which the recipient named as a forwarder.
    Forward,
    /// The confirmation of a sign-up, for an expected entry.
    Confirm,
    /// A report, such as a DSN.
    Report,
}

impl Kind {
    /// As NOTICE writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::List => "list",
            Self::Forward => "forward",
            Self::Confirm => "confirm",
            Self::Report => "report",
        }
    }

    /// Reads the parameter's value, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Mail, Self::List, Self::Forward, Self::Confirm, Self::Report]
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(text))
    }
}

/// A notice as it was given, every parameter of the grammar in `proto::twoway::notice`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The responsible address: the one From mailbox.
    pub from: Mailbox,
    /// The recipient.
    pub to: Mailbox,
    /// Names the message at its origin, for this recipient.
    pub id: NoticeId,
    /// Of the content, exactly.
    pub size_octets: u64,
    /// When the origin took the message in.
    pub date: Timestamp,
    /// Until when the origin keeps it.
    pub expires: Timestamp,
    /// What octets the content may hold.
    pub body: Body,
    /// Whether the header section needs RFC 6532.
    pub smtputf8: bool,
    /// Whether only a verified origin will do (RFC 8689).
    pub require_tls: bool,
    /// The author's display name: a claim.
    pub name: Option<String>,
    /// The subject: a claim.
    pub subject: Option<String>,
    /// What sort of message.
    pub kind: Kind,
    /// Names the expected entry or invitation that this answers.
    pub reference: Option<NoticeId>,
    /// The List-Id.
    pub list: Option<String>,
}
