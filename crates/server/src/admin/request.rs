//! One command, as it travels to whoever carries it out.

use std::collections::BTreeSet;
use std::fmt;

use delivery::absence::Absence;
use delivery::consent::{Claims, Legacy, Screening, Who};
use delivery::rules::{Allowance, RuleSet};
use mail::address::{Domain, Mailbox};
use mail::id::{EntryId, MailId, NoticeId};
use mail::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::Scope;
use store::quota::Limit;

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
    /// `account unalias`
    AccountUnalias {
        /// Whose.
        address: Mailbox,
        /// An address, or `*@domain`.
        alias: String,
    },
    /// `account show`
    AccountShow {
        /// Which, by any of its addresses.
        address: Mailbox,
    },
    /// `account password`
    AccountPassword {
        /// Whose.
        address: Mailbox,
        /// As the user will type it.
        password: Password,
    },
    /// `account delete`
    AccountDelete {
        /// Which.
        address: Mailbox,
    },
    /// `account quota`; changes what is given, and tells both.
    AccountQuota {
        /// Whose.
        address: Mailbox,
        /// New, if given.
        #[serde(default)]
        octets: Option<Limit>,
        /// New, if given.
        #[serde(default)]
        messages: Option<Limit>,
    },
    /// `account app-password ADDR add`
    AppPasswordAdd {
        /// Whose.
        address: Mailbox,
        /// What its owner calls it.
        name: String,
        /// What it is good for; everything if nothing is named.
        #[serde(default)]
        scopes: BTreeSet<Scope>,
    },
    /// `account app-password ADDR list`
    AppPasswordList {
        /// Whose.
        address: Mailbox,
    },
    /// `account app-password ADDR remove`
    AppPasswordRemove {
        /// Whose.
        address: Mailbox,
        /// What its owner calls it.
        name: String,
    },
    /// `mode`; changes what is given, and tells both.
    Mode {
        /// Whose.
        address: Mailbox,
        /// New, if given.
        screening: Option<Screening>,
        /// New, if given.
        legacy: Option<Legacy>,
        /// New, if given.
        #[serde(default)]
        claims: Option<Claims>,
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
        /// The REF that a notice must carry, if any.
        reference: Option<NoticeId>,
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
    /// `rules ADDR list`
    RulesList {
        /// Whose.
        address: Mailbox,
    },
    /// `rules ADDR show`
    RulesShow {
        /// Whose.
        address: Mailbox,
    },
    /// `rules ADDR set`, `rules ADDR import-sieve`
    RulesSet {
        /// Whose.
        address: Mailbox,
        /// All of them.
        rules: RuleSet,
        /// A new one, if the script has one.
        absence: Option<Absence>,
    },
    /// `rules ADDR export-sieve`
    RulesExport {
        /// Whose.
        address: Mailbox,
    },
    /// `rules ADDR test`
    RulesTest {
        /// Whose.
        address: Mailbox,
        /// The message's header section.
        header: String,
        /// All of the message.
        size_octets: u64,
        /// Whom it was sent to; the account's address if none.
        to: Option<Mailbox>,
        /// By what it was let in.
        allowed_by: Allowance,
    },
    /// `absence ADDR show`
    AbsenceShow {
        /// Whose.
        address: Mailbox,
    },
    /// `absence ADDR set`, `absence ADDR off`
    AbsenceSet {
        /// Whose.
        address: Mailbox,
        /// A new one, or none any more.
        absence: Option<Absence>,
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
        /// Only what lies there, if given.
        mailbox: Option<String>,
        /// Only so many, the latest; all if none.
        limit: Option<u32>,
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
        /// The names of its flags.
        #[serde(default)]
        flags: Vec<String>,
        /// So many octets follow.
        content_octets: u64,
    },
    /// `queue list`
    QueueList(QueueFilter),
    /// `queue summary`
    QueueSummary,
    /// `queue why`
    QueueWhy {
        /// Of a transfer or an arrival.
        id: String,
    },
    /// `queue retry`
    QueueRetry(Retried),
    /// `queue give-up`
    QueueGiveUp {
        /// Of a transfer or an arrival.
        id: String,
    },
    /// `domain list`
    DomainList,
    /// `domain records`
    DomainRecords {
        /// One of this server's.
        domain: Domain,
    },
    /// `domain check`
    DomainCheck {
        /// One of this server's.
        domain: Domain,
    },
    /// For `backup`: no object is removed for an hour, so that all that a copy of the database names can be copied.
    BackupHold,
    /// For `backup`: it is made.
    BackupRelease,
    /// `index status`
    IndexStatus {
        /// Whose; everybody's if none.
        address: Option<Mailbox>,
    },
    /// `index rebuild`
    IndexRebuild {
        /// Whose; everybody's if none.
        address: Option<Mailbox>,
    },
    /// `check`
    Check,
    /// `check --repair`
    CheckRepair,
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

/// What of the queue is listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueFilter {
    /// Only what goes to, or comes from, this domain.
    pub domain: Option<Domain>,
    /// Only what is in this state.
    pub state: Option<QueueState>,
    /// Only what this address has written.
    pub sender: Option<Mailbox>,
    /// So many rows at most.
    pub limit: Option<u32>,
}

/// What of the queue is tried at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Retried {
    /// One thing.
    One {
        /// Of a transfer or an arrival.
        id: String,
    },
    /// All that goes to, or comes from, a domain.
    Domain {
        /// Which.
        domain: Domain,
    },
    /// Everything.
    All,
}

/// A state in which this server still has something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum QueueState {
    /// Outgoing: no server has said that it has the notice.
    Notifying,
    /// Outgoing: noticed, not collected.
    Waiting,
    /// Outgoing: collected, not confirmed.
    Served,
    /// Outgoing: collected, expired, not confirmed.
    Uncertain,
    /// Outgoing: by ordinary SMTP.
    Relaying,
    /// Incoming: let in, to be fetched.
    Due,
    /// Incoming: in the mailbox, to be confirmed.
    Stored,
    /// Incoming: refused for good, to be said.
    Declining,
}

impl QueueState {
    /// As the store names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notifying => "notifying",
            Self::Waiting => "waiting",
            Self::Served => "served",
            Self::Uncertain => "uncertain",
            Self::Relaying => "relaying",
            Self::Due => "due",
            Self::Stored => "stored",
            Self::Declining => "declining",
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
