//! What goes into the store and comes out: plain values, one for each kind of row.

mod contact;
mod pushed;
mod settle;

use std::net::IpAddr;

use mail::address::{Domain, Mailbox, ReversePath};
use mail::envelope::{Body, Recipient, ReturnWish, Way};
use mail::flag::Flags;
use mail::id::{AccountId, EntryId, MailId, MessageId, NoticeId};
use mail::notice::{Kind, Notice};
use mail::time::Timestamp;

use delivery::arrival::{Arrival, ArrivalEvent};
use delivery::consent::{Claims, Entry, EntryList, Legacy, Screening, Who};
pub use delivery::contacts::ContactKind;
pub use delivery::pin::Pin;
use delivery::schedule::Jitter;
pub use delivery::synthetic::Claimed;
use delivery::transfer::Transfer;

use crate::content::StoredContent;

pub use contact::Contact;
pub use pushed::{Addressee, Pusher, Receive, Received, Room};
pub use settle::{Attempt, Settle, Settled};

/// What SCRAM-SHA-256 keeps instead of a password (RFC 5802 section 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScramVerifier {
    /// Random octets.
    pub salt: Vec<u8>,
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// `StoredKey`.
    pub stored_key: [u8; 32],
    /// `ServerKey`.
    pub server_key: [u8; 32],
}

/// An account to add.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Chosen by the caller, for ever.
    pub id: AccountId,
    /// The primary address.
    pub address: Mailbox,
    /// Argon2, in PHC form.
    pub password_hash: String,
    /// For SCRAM.
    pub scram: ScramVerifier,
    /// Modes to begin with.
    pub screening: Screening,
    /// The mailbox's choice; follows from screening if none.
    pub legacy: Option<Legacy>,
    /// Now.
    pub made: Timestamp,
}

/// Whether an address could be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is this account's now (or was already).
    Done,
    /// It is another account's.
    Taken,
}

/// Another name of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alias {
    /// One address.
    Address(Mailbox),
    /// `*@domain`: every address of the domain that nobody else has.
    CatchAll(Domain),
}

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// For ever.
    pub id: AccountId,
    /// The primary address.
    pub address: Mailbox,
    /// Its other names.
    pub aliases: Vec<Alias>,
    /// What happens to notices from strangers.
    pub screening: Screening,
    /// What happens to pushed mail from strangers.
    pub legacy: Legacy,
    /// Whether names and subjects that strangers claim are shown.
    pub claims: Claims,
    /// When it was added.
    pub made: Timestamp,
}

/// What logging in takes.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Whose.
    pub account: AccountId,
    /// Argon2, in PHC form.
    pub password_hash: String,
    /// For SCRAM.
    pub scram: ScramVerifier,
}

/// A message to take in.
#[derive(Debug, Clone)]
pub struct Keep {
    /// The submitter's account.
    pub account: AccountId,
    /// Names the message.
    pub message: MessageId,
    /// Now.
    pub kept: Timestamp,
    /// The responsible address.
    pub from: Mailbox,
    /// Whom reports go to.
    pub reverse_path: ReversePath,
    /// ENVID.
    pub envelope_id: Option<String>,
    /// RET.
    pub returns: Option<ReturnWish>,
    /// What octets the content may hold.
    pub body: Body,
    /// Whether the header section or an address needs SMTPUTF8.
    pub smtputf8: bool,
    /// What the author asks of every step.
    pub way: Way,
    /// Decoded, for listings.
    pub subject: String,
    /// What its notices call it.
    pub kind: Kind,
    /// Which expectation of its recipients it answers, for its notices.
    pub reference: Option<NoticeId>,
    /// The list that it went to, for its notices.
    pub list: Option<String>,
    /// The header section as sent, at most 16 KiB of it: what reports return.
    pub header: Vec<u8>,
    /// The octets.
    pub content: StoredContent,
    /// One for each recipient.
    pub transfers: Vec<NewTransfer>,
    /// Entries "the owner wrote there", for recipients that have none.
    pub replied_to: Vec<Entry>,
    /// Chance for the timers.
    pub jitter: Jitter,
}

/// One recipient of a message to take in.
#[derive(Debug, Clone)]
pub struct NewTransfer {
    /// Fresh, in the account's partition.
    pub id: NoticeId,
    /// Who, and what the author wants to know.
    pub recipient: Recipient,
}

/// One transfer, with what its jobs and sessions need of its message.
#[derive(Debug, Clone)]
pub struct TransferRecord {
    /// Names the transfer, here and at the destination.
    pub id: NoticeId,
    /// The submitter's account.
    pub account: AccountId,
    /// The message.
    pub message: MessageId,
    /// Where to.
    pub recipient: Recipient,
    /// How far it has come.
    pub transfer: Transfer,
    /// Since when it has been there.
    pub since: Timestamp,
    /// The latest word on it: a reply, an error.
    pub detail: String,
    /// The latest attempt to hand it on that did not succeed.
    pub attempt: Option<Attempt>,
    /// The responsible address.
    pub from: Mailbox,
    /// Whom reports go to.
    pub reverse_path: ReversePath,
    /// When the message was taken in.
    pub kept: Timestamp,
    /// What octets the content may hold.
    pub body: Body,
    /// Whether it needs SMTPUTF8.
    pub smtputf8: bool,
    /// ENVID.
    pub envelope_id: Option<String>,
    /// RET, if it was given.
    pub returns: Option<ReturnWish>,
    /// What the author asks of every step.
    pub way: Way,
    /// Decoded.
    pub subject: String,
    /// What its notices call it.
    pub kind: Kind,
    /// Which expectation of its recipients it answers.
    pub reference: Option<NoticeId>,
    /// The list that it went to.
    pub list: Option<String>,
    /// The octets; without a place to read them from once they are freed.
    pub content: StoredContent,
}

/// Who writes: a session, for a peer or a user; or a job, which must hold the partition's lease.
#[derive(Debug, Clone)]
pub enum Writer {
    /// Sessions and commands.
    Session,
    /// Workers.
    Job(Lease),
}

/// By what an origin proved that it may give notices for its domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// `ip`, `tls` or `assert`: rules (a), (b), (c).
    pub rule: String,
    /// In words: the mechanism and address, the certificate, the selector.
    pub detail: String,
    /// Where the notice was given from: contact attempts of one network take turns.
    pub address: Option<IpAddr>,
}

/// A notice to record.
#[derive(Debug, Clone)]
pub struct NewArrival {
    /// The recipient's account.
    pub account: AccountId,
    /// As given, EXPIRES clamped.
    pub notice: Notice,
    /// By what its giver proved its right.
    pub evidence: Evidence,
    /// When consent is to be decided.
    pub decide_at: Timestamp,
    /// Now.
    pub now: Timestamp,
}

/// A place in the order of what is due: by time, then by id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DuePlace {
    /// When it was due.
    pub due_at: Timestamp,
    /// The notice's.
    pub id: String,
}

impl DuePlace {
    /// Before everything.
    pub const START: Self = Self { due_at: Timestamp::EPOCH, id: String::new() };
}

/// Names an arrival: the domain of the notice's FROM, its id, its recipient.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArrivalKey {
    /// The recipient's account.
    pub account: AccountId,
    /// The origin's domain.
    pub origin: Domain,
    /// The notice's id.
    pub id: NoticeId,
    /// `Mailbox::key` of the notice's TO.
    pub recipient: String,
}

/// One arrival.
#[derive(Debug, Clone)]
pub struct ArrivalRecord {
    /// Its key.
    pub key: ArrivalKey,
    /// As given.
    pub notice: Notice,
    /// How far it has come.
    pub arrival: Arrival,
    /// When the notice came first.
    pub noted_at: Timestamp,
    /// By what its giver proved its right.
    pub evidence: Evidence,
    /// The latest word on it.
    pub detail: String,
}

/// An event of an arrival.
#[derive(Debug, Clone)]
pub struct SettleArrival {
    /// Which.
    pub key: ArrivalKey,
    /// What happened.
    pub event: ArrivalEvent,
    /// In words; unchanged if none.
    pub detail: Option<String>,
    /// Now.
    pub now: Timestamp,
    /// Chance for one delay.
    pub jitter: Jitter,
    /// Who says so.
    pub writer: Writer,
}

/// A retrieved message to put into a mailbox.
#[derive(Debug, Clone)]
pub struct Deliver {
    /// The arrival it answers.
    pub key: ArrivalKey,
    /// Names the message in the mailbox.
    pub mail: MailId,
    /// What stands before the content: our fields, and the header section where it was edited.
    pub head: Vec<u8>,
    /// The octets as they came.
    pub content: StoredContent,
    /// How many octets of the content `head` stands for.
    pub skip_octets: u64,
    /// From, for listings.
    pub from: String,
    /// Subject, decoded, for listings.
    pub subject: String,
    /// The host that served it, and is told.
    pub target: String,
    /// Now.
    pub now: Timestamp,
    /// Chance for one delay.
    pub jitter: Jitter,
    /// Who says so.
    pub lease: Lease,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// In the mailbox, now or already.
    Stored,
    /// Not wanted any more: no longer allowed, gone, or the account is no more.
    NotDue,
    /// The account has no room for it now: it is still due.
    OverQuota,
}

/// A change of an account's lists.
#[derive(Debug, Clone)]
pub struct ConsentChange {
    /// Whose.
    pub account: AccountId,
    /// Names the change in the history.
    pub id: EntryId,
    /// What.
    pub act: ConsentAct,
    /// Which of the sender's rows the owner decided about, if it was one of them.
    pub of: Option<ContactKind>,
    /// Through what: `cli`, `page` ...
    pub through: String,
    /// Now.
    pub now: Timestamp,
    /// Chance for the delays.
    pub jitter: Jitter,
}

/// What a change does.
#[derive(Debug, Clone)]
pub enum ConsentAct {
    /// Adds an entry; an entry of the same list for the same `who` is replaced. Allowing removes a block
    /// for the same `who`, and blocking an allow.
    Add(Entry),
    /// Removes it.
    Remove {
        /// From this list.
        list: EntryList,
        /// Whom it spoke of.
        who: Who,
    },
}

/// What a change did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentChanged {
    /// Whether an entry was refused because the account has as many as it may ([`crate::consent::ENTRIES_MAX`]).
    pub is_full: bool,
    /// Whether anything was added or removed.
    pub changed: bool,
    /// How many waiting messages became due.
    pub released: u32,
}

/// One change in the history.
#[derive(Debug, Clone)]
pub struct HistoryItem {
    /// Names it.
    pub id: EntryId,
    /// When.
    pub at: Timestamp,
    /// Through what.
    pub through: String,
    /// In words: `allow alice@a.test`.
    pub text: String,
    /// Whether it was undone.
    pub undone: bool,
}

/// A message in a listing.
#[derive(Debug, Clone)]
pub struct MailRow {
    /// Names it.
    pub id: MailId,
    /// Where it lies: `INBOX`.
    pub mailbox: String,
    /// The author.
    pub from: String,
    /// Decoded.
    pub subject: String,
    /// With our fields.
    pub size_octets: u64,
    /// When it was stored.
    pub received: Timestamp,
    /// Its flags there.
    pub flags: Flags,
}

/// A message: `head`, then the content from `skip_octets` on.
#[derive(Debug, Clone)]
pub struct StoredMail {
    /// As in the listing.
    pub row: MailRow,
    /// What stands before the content.
    pub head: Vec<u8>,
    /// The octets as they came.
    pub content: StoredContent,
    /// How many octets of the content `head` stands for.
    pub skip_octets: u64,
}

/// The right to run the jobs of partitions, and to write as a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it.
    pub owner: String,
    /// Grows whenever a partition changes hands: a write with an older one is refused.
    pub epoch: i64,
    /// Until when, unless renewed.
    pub until: Timestamp,
}

/// How this store was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSeen {
    /// When a node last renewed its leases; never, if none.
    pub at: Option<Timestamp>,
    /// Whether it was restored from a backup since.
    pub restored: bool,
    /// Transfers of messages kept until then have not been told of that; none, if all know.
    pub untold: Option<Timestamp>,
}

/// Somebody an account lets in by address, and the account's address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AllowedPair {
    /// Whose entry.
    pub account: AccountId,
    /// `Mailbox::key` of the sender.
    pub sender: String,
    /// `Mailbox::key` of the account's address.
    pub recipient: String,
}
