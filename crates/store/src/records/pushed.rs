//! Mail pushed by ordinary SMTP, on its way into the store.

use std::net::IpAddr;

use delivery::consent::Legacy;
use delivery::legacy::Authorship;
use mail::address::{Mailbox, ReversePath};
use mail::id::{AccountId, MailId, MessageId, NoticeId};
use mail::time::Timestamp;

use crate::content::StoredContent;

/// Whose mailbox an address is, as RCPT asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addressee {
    /// The account.
    pub account: AccountId,
    /// What it does with pushed mail.
    pub legacy: Legacy,
    /// Whether there is room for one more message.
    pub room: Room,
    /// Whether it has an absence reply: then it matters who may have one.
    pub has_absence: bool,
}

/// Whether there is room for pushed mail, in the mailbox or aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// It has, or keeps nothing.
    Some,
    /// As much is kept as may be, in all or from that network.
    None,
    /// The mailbox that takes pushed mail is full.
    OverQuota,
}

/// Where a pushed message came from: all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pusher {
    /// The client's address.
    pub address: IpAddr,
    /// In words.
    pub detail: String,
}

/// A pushed message for one account.
#[derive(Debug, Clone)]
pub struct Receive {
    /// Whose.
    pub account: AccountId,
    /// Names the message, kept aside and in the mailbox.
    pub mail: MailId,
    /// As RCPT said it, plus-tag and all.
    pub recipient: Mailbox,
    /// MAIL FROM.
    pub reverse_path: ReversePath,
    /// Whom it claims to be from.
    pub sender: Mailbox,
    /// The List-Id, if it has one.
    pub list_id: Option<String>,
    /// Which expectation of the recipient it says to answer.
    pub reference: Option<NoticeId>,
    /// Whether that is proved.
    pub authorship: Authorship,
    /// Its author, if an absence reply may believe in them (`delivery::legacy::answerable`).
    pub answerable: Option<Mailbox>,
    /// What a message without reverse-path returns of messages that this server sent.
    pub returns: Vec<MessageId>,
    /// Where it came from.
    pub pusher: Pusher,
    /// What stands before the content: our fields, and the header section where it was edited.
    pub head: Vec<u8>,
    /// The octets as they came.
    pub content: StoredContent,
    /// How many octets of the content `head` stands for.
    pub skip_octets: u64,
    /// Subject, decoded, for listings.
    pub subject: String,
    /// The largest that a message may be: by so much the last one may go over a quota.
    pub largest_octets: u64,
    /// Now.
    pub now: Timestamp,
}

/// What became of a pushed message for one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is in the mailbox.
    Delivered,
    /// It is kept aside, and its sender shown as a contact attempt.
    Kept,
    /// It is dropped: its sender is blocked.
    Dropped,
    /// The account is gone since RCPT.
    NoMailbox,
    /// The mailbox has become full since RCPT, and more than that.
    OverQuota,
}
