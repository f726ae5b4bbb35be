//! Durable state: one public method, one transaction; SQLite and PostgreSQL behind one small trait.
//!
//! A [`Store`] is a handle. Its methods put an operation on a queue and wait; whoever owns the backend (a
//! thread of the server, the scheduler of the simulation) drains the queue with [`queue::drain`], many
//! operations to a transaction, and answers each after the commit. What a method has answered is durable.

pub mod content;
pub mod records;

use mail::address::{Domain, Mailbox};
use mail::id::{AccountId, EntryId, MailId, MessageId, NoticeId};
use mail::time::Timestamp;

use delivery::arrival::ArrivalEvent;
use delivery::consent::{Entry, EntryList, Legacy, Screening, Who};
use delivery::schedule::Jitter;
use delivery::transfer::TransferEvent;

pub use records::*;

/// Why an operation failed. Nothing of it was recorded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Trouble of the moment: the backend is away, busy or full. The same may succeed later.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// Another node has taken over this partition: whoever asked must stop.
    #[error("the lease of the partition has passed to another")]
    LeaseLost,
    /// What is stored is not what we stored.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// A handle of the store; cheap to clone.
#[derive(Clone)]
pub struct Store {}

type Result<T> = std::result::Result<T, StoreError>;

// ---- accounts and the directory
impl Store {
    /// Adds an account: reserves the address, creates the account, activates the address; each repeatable.
    pub async fn add_account(&self, account: NewAccount) -> Result<Added> {
        todo!("{}", account.address)
    }

    /// Adds an alias (an address, or `*@domain`: what no other address takes) to an account.
    pub async fn add_alias(&self, account: AccountId, alias: Alias) -> Result<Added> {
        todo!("{account} {alias:?}")
    }

    /// Deletes an account, its addresses, its mail. Transfers under way end as failed.
    pub async fn delete_account(&self, account: AccountId, now: Timestamp) -> Result<()> {
        todo!("{account} {now}")
    }

    /// All accounts, by address.
    pub async fn accounts(&self) -> Result<Vec<Account>> {
        todo!()
    }

    /// The account that has exactly this address (or alias), for logging in and for the command line.
    pub async fn account(&self, address: &Mailbox) -> Result<Option<Account>> {
        todo!("{address}")
    }

    /// What logging in as this address takes.
    pub async fn credentials(&self, address: &Mailbox) -> Result<Option<Credentials>> {
        todo!("{address}")
    }

    /// Who receives mail for this address: the address itself, without its plus-tag, or the domain's catch-all.
    pub async fn resolve(&self, recipient: &Mailbox) -> Result<Option<Account>> {
        todo!("{recipient}")
    }

    /// Sets what is given.
    pub async fn set_mode(&self, account: AccountId, screening: Option<Screening>, legacy: Option<Legacy>) -> Result<()> {
        todo!("{account} {screening:?} {legacy:?}")
    }
}

// ---- the origin's side
impl Store {
    /// Takes in a message: content, envelope and a transfer for each recipient. After this, 250.
    pub async fn keep(&self, message: Keep) -> Result<()> {
        todo!("{message:?}")
    }

    /// Transfers of leased partitions whose `due_at` has come, earliest first.
    pub async fn due_transfers(&self, lease: &Lease, now: Timestamp, limit: usize) -> Result<Vec<TransferRecord>> {
        todo!("{lease:?} {now} {limit}")
    }

    /// The earliest `due_at` of all transfers and arrivals of leased partitions.
    pub async fn next_due(&self, lease: &Lease) -> Result<Option<Timestamp>> {
        todo!("{lease:?}")
    }

    /// The transfer of this id, whatever its state.
    pub async fn transfer(&self, id: &NoticeId) -> Result<Option<TransferRecord>> {
        todo!("{id}")
    }

    /// Applies an event to a transfer: new state, reports to the author, content freed, in one transaction.
    /// `None` if there is no such transfer.
    pub async fn settle(&self, settle: Settle) -> Result<Option<Settled>> {
        todo!("{settle:?}")
    }

    /// What waits from one address for another (PENDING), by id, after `after`.
    pub async fn waiting(&self, from: &Mailbox, to: &Mailbox, after: Option<&NoticeId>, limit: usize) -> Result<Vec<TransferRecord>> {
        todo!("{from} {to} {after:?} {limit}")
    }

    /// All transfers of an account, latest first.
    pub async fn sent(&self, account: AccountId) -> Result<Vec<TransferRecord>> {
        todo!("{account}")
    }
}

// ---- the destination's side
impl Store {
    /// Records notices, each once for its key; a repeat is an event of the row it finds. After this, 250.
    pub async fn record_notices(&self, notices: Vec<NewArrival>) -> Result<()> {
        todo!("{notices:?}")
    }

    /// Arrivals of leased partitions whose `due_at` has come, earliest first.
    pub async fn due_arrivals(&self, lease: &Lease, now: Timestamp, limit: usize) -> Result<Vec<ArrivalRecord>> {
        todo!("{lease:?} {now} {limit}")
    }

    /// Decides consent for an arrival by the entries and modes as they are in this transaction; caps and
    /// evicts contact attempts. Returns the arrival as it is then.
    pub async fn decide(&self, key: &ArrivalKey, lease: &Lease, now: Timestamp, jitter: Jitter) -> Result<Option<ArrivalRecord>> {
        todo!("{key:?} {lease:?} {now} {jitter:?}")
    }

    /// Applies an event to an arrival. Returns it as it is then.
    pub async fn settle_arrival(&self, settle: SettleArrival) -> Result<Option<ArrivalRecord>> {
        todo!("{settle:?}")
    }

    /// Puts a retrieved message into the recipient's mailbox, if its arrival is still due: the only way in.
    /// Counts expected entries. Repeatable by the arrival's key.
    pub async fn deliver(&self, delivery: Deliver) -> Result<Delivered> {
        todo!("{delivery:?}")
    }
}

// ---- consent
impl Store {
    /// Adds or removes an entry, writes the history, and applies the new decision to all that waits from
    /// whom it speaks of; one transaction.
    pub async fn change_consent(&self, change: ConsentChange) -> Result<ConsentChanged> {
        todo!("{change:?}")
    }

    /// The entries of an account on one list.
    pub async fn entries(&self, account: AccountId, list: EntryList) -> Result<Vec<Entry>> {
        todo!("{account} {list:?}")
    }

    /// The changes of an account's lists and modes, latest first.
    pub async fn consent_history(&self, account: AccountId) -> Result<Vec<HistoryItem>> {
        todo!("{account}")
    }

    /// Undoes a change not older than 24 h. `false` if it is too old, undone or unknown.
    pub async fn undo_consent(&self, account: AccountId, change: EntryId, now: Timestamp) -> Result<bool> {
        todo!("{account} {change} {now}")
    }

    /// The contact attempts of an account, collapsed by sender, best first.
    pub async fn contacts(&self, account: AccountId, now: Timestamp) -> Result<Vec<Contact>> {
        todo!("{account} {now}")
    }

    /// Puts away what waits from a sender (address or domain), without a decision about the sender.
    pub async fn dismiss_contact(&self, account: AccountId, who: &Who, now: Timestamp) -> Result<u32> {
        todo!("{account} {who} {now}")
    }
}

// ---- mailboxes
impl Store {
    /// The messages of an account, oldest first.
    pub async fn mail_list(&self, account: AccountId) -> Result<Vec<MailRow>> {
        todo!("{account}")
    }

    /// One message of an account.
    pub async fn mail(&self, account: AccountId, id: MailId) -> Result<Option<StoredMail>> {
        todo!("{account} {id}")
    }
}

// ---- domains, leases, sweeps
impl Store {
    /// What is remembered of a domain.
    pub async fn pin(&self, domain: &Domain) -> Result<Option<Pin>> {
        todo!("{domain}")
    }

    /// Remembers, or clears.
    pub async fn set_pin(&self, domain: &Domain, pin: Option<Pin>) -> Result<()> {
        todo!("{domain} {pin:?}")
    }

    /// Takes or renews the lease of every partition that is free, expired or this owner's.
    pub async fn lease(&self, owner: &str, now: Timestamp, until: Timestamp) -> Result<Lease> {
        todo!("{owner} {now} {until}")
    }

    /// When a node last said that it was alive, before this start; to know how long we were away.
    pub async fn last_seen(&self) -> Result<LastSeen> {
        todo!()
    }

    /// Pairs (sender, recipient) to ask PENDING for after a downtime or a restore, by page.
    pub async fn allowed_pairs(&self, after: Option<&AllowedPair>, limit: usize) -> Result<Vec<AllowedPair>> {
        todo!("{after:?} {limit}")
    }

    /// Removes contents nobody adopted, or everybody freed, before `before`. Returns how many.
    pub async fn sweep_orphans(&self, before: Timestamp) -> Result<u32> {
        todo!("{before}")
    }

    /// Every invariant of the data that does not hold. Empty: all is well.
    pub async fn check(&self) -> Result<Vec<String>> {
        todo!()
    }
}

#[expect(dead_code, reason = "shape only")]
fn shapes(_: MessageId, _: ArrivalEvent, _: TransferEvent) {}
