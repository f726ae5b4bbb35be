//! Mailboxes: their names, ids, counters and uses. What lies in them: `items`.

mod create;
mod delete;
mod furnishing;
mod recent;
mod rename;
mod subscriptions;

use mail::flag::Keyword;
use mail::id::{AccountId, MailboxId, Partition};
use mail::special_use::SpecialUse;

use crate::backend::{Columns, Row, Sql, Tx};
use crate::{Result, Store, StoreError, params, statements};

pub use create::{CreateMailbox, Created};
pub(crate) use create::{INSERT_INBOX, make, make_inbox};
pub use delete::Gone;
pub use rename::Renamed;
pub(crate) use subscriptions::set as subscribe;
pub use subscriptions::{Subscribed, Subscription};

/// Where everything arrives.
pub(crate) const INBOX: &str = "INBOX";
/// What stands between a mailbox and those inside it.
pub(crate) const DELIMITER: char = '/';

/// Mailboxes of one account: more than people keep, and few enough to be listed at once.
pub const MAILBOXES_MAX: u64 = 1_000;
/// Octets of a mailbox's name: a client shows it on one line.
pub const MAILBOX_NAME_OCTETS_MAX: usize = 1_000;
/// Mailboxes inside each other: each level is made with the one below it.
pub const MAILBOX_DEPTH_MAX: usize = 20;
/// Names that one account subscribes to: as many as it may have mailboxes, and as many that are gone.
pub const SUBSCRIPTIONS_MAX: u64 = 2_000;
/// Keywords that the messages of one mailbox may have in all: every client that opens it is told them.
pub const MAILBOX_KEYWORDS_MAX: usize = 200;
/// Keywords of one message: it is told with every change of its flags.
pub const MESSAGE_KEYWORDS_MAX: usize = 50;

macro_rules! mailbox_columns {
    () => {
        "b.id, b.name, b.special, b.uidvalidity, b.uidnext, b.modseq, b.messages, b.unseen, b.deleted, b.octets, b.deleted_octets, b.keywords, b.recent_from, \
         (SELECT COUNT(*) FROM subscription s WHERE s.part = b.part AND s.account = b.account AND s.name = b.name)"
    };
}

statements! {
    LIST = concat!("SELECT ", mailbox_columns!(), " FROM mailbox b WHERE b.part = ?1 AND b.account = ?2 AND b.name IS NOT NULL ORDER BY b.name");
    NAMED = concat!("SELECT ", mailbox_columns!(), " FROM mailbox b WHERE b.part = ?1 AND b.account = ?2 AND b.name = ?3");
    BY_ID = concat!("SELECT ", mailbox_columns!(), " FROM mailbox b WHERE b.part = ?1 AND b.account = ?2 AND b.id = ?3 AND b.name IS NOT NULL");
    USED_AS = concat!("SELECT ", mailbox_columns!(), " FROM mailbox b WHERE b.part = ?1 AND b.account = ?2 AND b.special = ?3 AND b.name IS NOT NULL");
}

/// Every statement about mailboxes.
pub(crate) fn all_statements() -> Vec<Sql> {
    let of_parts = [create::STATEMENTS, delete::STATEMENTS, furnishing::STATEMENTS, recent::STATEMENTS, rename::STATEMENTS];
    [STATEMENTS, &of_parts.concat(), subscriptions::STATEMENTS].concat()
}

/// A mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxRow {
    /// For ever, whatever its name.
    pub id: MailboxId,
    /// Its parts separated by `/`; `INBOX` in capitals.
    pub name: String,
    /// What it is for, if anything.
    pub special_use: Option<SpecialUse>,
    /// Another one means that no UID is what it was.
    pub uid_validity: u32,
    /// The UID that comes next.
    pub uid_next: u32,
    /// The greatest modification sequence: every change of what lies here gets a greater one.
    pub modseq: u64,
    /// How many messages lie here.
    pub messages: u32,
    /// How many of them without `\Seen`.
    pub unseen: u32,
    /// How many of them with `\Deleted`.
    pub deleted: u32,
    /// Their octets.
    pub octets: u64,
    /// The octets of those with `\Deleted`.
    pub deleted_octets: u64,
    /// Keywords that messages here have, or had.
    pub keywords: Vec<Keyword>,
    /// The first UID that no session was told of before, as far as it is written down: from there on messages have `\Recent`.
    pub recent_from: u32,
    /// Whether its name is subscribed to.
    pub is_subscribed: bool,
}

impl Store {
    /// The mailboxes of an account, by name.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn mailboxes(&self, account: AccountId) -> Result<Vec<MailboxRow>> {
        let list = move |tx: &mut dyn Tx| {
            let rows = tx.query(LIST, params![Partition::of(account), account])?;
            rows.into_iter().map(|mut row| mailbox(&mut row)).collect()
        };
        self.read(list).await
    }

    /// The mailbox of this name.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn mailbox_named(&self, account: AccountId, name: &str) -> Result<Option<MailboxRow>> {
        let name = name.to_owned();
        self.read(move |tx| named(tx, account, &name)).await
    }

    /// The mailbox of this id.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn mailbox_by_id(&self, account: AccountId, mailbox: MailboxId) -> Result<Option<MailboxRow>> {
        self.read(move |tx| by_id(tx, account, mailbox)).await
    }

    /// The mailbox of this use.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn mailbox_used_as(&self, account: AccountId, special_use: SpecialUse) -> Result<Option<MailboxRow>> {
        self.read(move |tx| used_as(tx, account, special_use)).await
    }
}

/// The mailbox of this name, unless it is going.
pub(crate) fn named(tx: &mut dyn Tx, account: AccountId, name: &str) -> Result<Option<MailboxRow>> {
    tx.one(NAMED, params![Partition::of(account), account, name])?.map(|mut row| mailbox(&mut row)).transpose()
}

/// The mailbox of this id, unless it is going.
pub(crate) fn by_id(tx: &mut dyn Tx, account: AccountId, id: MailboxId) -> Result<Option<MailboxRow>> {
    tx.one(BY_ID, params![Partition::of(account), account, id])?.map(|mut row| mailbox(&mut row)).transpose()
}

/// The mailbox of this use.
pub(crate) fn used_as(tx: &mut dyn Tx, account: AccountId, special_use: SpecialUse) -> Result<Option<MailboxRow>> {
    tx.one(USED_AS, params![Partition::of(account), account, special_use.as_str()])?.map(|mut row| mailbox(&mut row)).transpose()
}

/// All of them, by name.
pub(crate) fn list(tx: &mut dyn Tx, account: AccountId) -> Result<Vec<MailboxRow>> {
    tx.query(LIST, params![Partition::of(account), account])?.into_iter().map(|mut row| mailbox(&mut row)).collect()
}

fn mailbox(row: &mut Row) -> Result<MailboxRow> {
    Ok(MailboxRow {
        id: row.parsed()?,
        name: row.text()?,
        special_use: row.text_or_null()?.map(|name| special_use(&name)).transpose()?,
        uid_validity: number(row)?,
        uid_next: number(row)?,
        modseq: row.count()?,
        messages: number(row)?,
        unseen: number(row)?,
        deleted: number(row)?,
        octets: row.count()?,
        deleted_octets: row.count()?,
        keywords: keywords(&row.text()?)?,
        recent_from: number(row)?,
        is_subscribed: row.flag()?,
    })
}

fn special_use(name: &str) -> Result<SpecialUse> {
    SpecialUse::parse(name).ok_or_else(|| StoreError::Damaged(format!("a column holds {name:?} as the use of a mailbox")))
}

/// A number of 32 bits.
pub(crate) fn number(row: &mut Columns<'_>) -> Result<u32> {
    u32::try_from(row.int()?).map_err(|_range| StoreError::Damaged("a number of more than 32 bits".to_owned()))
}

/// Keywords as a column has them: separated by spaces.
pub(crate) fn keywords<C: FromIterator<Keyword>>(text: &str) -> Result<C> {
    let damaged = |word: &str| StoreError::Damaged(format!("a column holds {word:?} as a keyword"));
    text.split_ascii_whitespace().map(|word| Keyword::new(word).ok_or_else(|| damaged(word))).collect()
}

/// Keywords for a column.
pub(crate) fn keyword_text<'a>(keywords: impl IntoIterator<Item = &'a Keyword>) -> String {
    let words: Vec<&str> = keywords.into_iter().map(Keyword::as_str).collect();
    words.join(" ")
}

/// Whether a mailbox can be made with this name (RFC 9051 section 5.1): parts that are not empty, no control characters.
fn is_name(name: &str) -> bool {
    let parts: Vec<&str> = name.split(DELIMITER).collect();
    name.len() <= MAILBOX_NAME_OCTETS_MAX
        && parts.len() <= MAILBOX_DEPTH_MAX
        && parts.iter().all(|part| !part.is_empty())
        && !name.chars().any(char::is_control)
        // Under whatever spelling, there is one INBOX.
        && parts.first().is_some_and(|first| *first == INBOX || !first.eq_ignore_ascii_case(INBOX))
}

/// The names above a name, from the top.
pub(crate) fn superiors(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices(DELIMITER).filter_map(|(at, _delimiter)| name.get(..at))
}

/// What stands before the name of every mailbox inside this one.
fn prefix(name: &str) -> String {
    format!("{name}{DELIMITER}")
}
