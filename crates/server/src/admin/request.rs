//! One command, as it travels to whoever carries it out.

use std::fmt;

use delivery::consent::{Legacy, Screening, Who};
use mail::address::Mailbox;
use mail::id::{EntryId, MailId};
use mail::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// `account add`
    AccountAdd {
        /// The primary address.
        address: Mailbox,
        /// As the user will type it.
        password: Password,
        /// To begin with; off if none.
        screening: Option<Screening>,
        /// To begin with; follows from screening if none.
        legacy: Option<Legacy>,
    },
    /// `account list`
    AccountList,
    /// `account alias`
    AccountAlias {
        /// Whose.
        address: Mailbox,
        /// An address, or `*@domain`.
        alias: String,
    },
    /// `account delete`
    AccountDelete {
        /// Which.
        address: Mailbox,
    },
    /// `mode`; changes what is given, and tells both.
    Mode {
        /// Whose.
        address: Mailbox,
        /// New, if given.
        screening: Option<Screening>,
        /// New, if given.
        legacy: Option<Legacy>,
    },
    /// `allow ADDR add`, `block ADDR add`
    EntryAdd {
        /// Whose list.
        address: Mailbox,
        /// Which list.
        list: List,
        /// Whom it speaks of.
        who: Who,
    },
    /// `expected ADDR add`
    ExpectedAdd {
        /// Whose list.
        address: Mailbox,
        /// Whom it speaks of.
        who: Who,
        /// RFC 3339, or a length of time from now; an hour from now if none.
        until: Option<String>,
        /// How many messages; 3 if none.
        count: Option<u32>,
    },
    /// `allow ADDR remove`, `block ADDR remove`, `expected ADDR remove`
    EntryRemove {
        /// Whose list.
        address: Mailbox,
        /// Which list.
        list: List,
        /// Whom it speaks of.
        who: Who,
    },
    /// `allow ADDR list`, `block ADDR list`, `expected ADDR list`
    EntryList {
        /// Whose list.
        address: Mailbox,
        /// Which list.
        list: List,
    },
    /// `history ADDR list`
    HistoryList {
        /// Whose changes.
        address: Mailbox,
    },
    /// `history ADDR undo`
    HistoryUndo {
        /// Whose change.
        address: Mailbox,
        /// Which.
        change: EntryId,
    },
    /// `contacts ADDR list`
    ContactList {
        /// Whose.
        address: Mailbox,
    },
    /// `contacts ADDR dismiss`; to allow and to block is `EntryAdd`.
    ContactDismiss {
        /// Whose.
        address: Mailbox,
        /// Whom.
        who: Who,
    },
    /// `sent ADDR list`
    SentList {
        /// Whose.
        address: Mailbox,
    },
    /// `sent ADDR withdraw`
    SentWithdraw {
        /// Whose.
        address: Mailbox,
        /// Of a transfer, or of a message: all its transfers.
        id: String,
    },
    /// `mail ADDR list`
    MailList {
        /// Whose.
        address: Mailbox,
    },
    /// `mail ADDR show`
    MailShow {
        /// Whose.
        address: Mailbox,
        /// Which.
        id: MailId,
        /// The exact octets, or something to read.
        form: Form,
    },
    /// The digest of one message as it would be exported: what `mail ADDR import` compares by.
    MailDigest {
        /// Whose.
        address: Mailbox,
        /// Which.
        id: MailId,
    },
    /// One message of `mail ADDR import`; its octets follow the request.
    MailImport {
        /// Whose.
        address: Mailbox,
        /// Where it is to lie; made, if there is none of this name.
        mailbox: String,
        /// When it was received.
        received: Timestamp,
        /// So many octets follow.
        content_octets: u64,
    },
    /// `check`
    Check,
}

impl Request {
    /// How many octets follow the request.
    pub const fn content_octets(&self) -> u64 {
        match self {
            Self::MailImport { content_octets, .. } => *content_octets,
            _ => 0,
        }
    }
}

/// A list that people keep by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum List {
    /// Let in.
    Allow,
    /// Kept out.
    Block,
    /// Let in for a while.
    Expected,
}

/// How a message is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Octet for octet.
    Raw,
    /// Something to read.
    Readable,
}

/// A password, never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}
