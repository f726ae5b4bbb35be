//! METADATA: entries with values, of a mailbox or of the account (RFC 5464).

use std::collections::BTreeSet;

use mail::digest::ContentDigest;
use mail::id::{AccountId, MailboxId, Partition};

use crate::backend::Tx;
use crate::{Result, Store, StoreError, accounts, mailboxes, params, statements};

/// Entries of one mailbox, or of the account itself: clients keep a handful.
pub const ANNOTATIONS_MAX: u64 = 200;
/// Octets of one value: clients keep notes and settings here, no files.
pub const ANNOTATION_OCTETS_MAX: usize = 65_536;

statements! {
    LIST = "SELECT name, value FROM annotation WHERE part = ?1 AND account = ?2 AND mailbox = ?3 ORDER BY name";
    NAMES = "SELECT name FROM annotation WHERE part = ?1 AND account = ?2 AND mailbox = ?3";
    MARKS = "SELECT mailbox, name, digest FROM annotation WHERE part = ?1 AND account = ?2 ORDER BY mailbox, name";
    SET = "INSERT INTO annotation (part, account, mailbox, name, value, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
           ON CONFLICT (part, account, mailbox, name) DO UPDATE SET value = ?5, digest = ?6";
    REMOVE = "DELETE FROM annotation WHERE part = ?1 AND account = ?2 AND mailbox = ?3 AND name = ?4";
}

/// What became of entries to set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Annotated {
    /// They are as asked for.
    Done,
    /// There would be more than there may.
    TooMany,
    /// A value is larger than it may be.
    TooLarge,
    /// The mailbox, or the account, is not there.
    NoMailbox,
}

/// The mailbox column.
fn column(mailbox: Option<MailboxId>) -> String {
    mailbox.map(|mailbox| mailbox.to_string()).unwrap_or_default()
}

/// What stands in it.
fn mailbox(column: &str) -> Result<Option<MailboxId>> {
    let damaged = |_syntax| StoreError::Damaged(format!("a column holds {column:?} as a mailbox"));
    if column.is_empty() { Ok(None) } else { column.parse().map(Some).map_err(damaged) }
}

impl Store {
    /// All entries of a mailbox, or of the account, by name.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn annotations(&self, account: AccountId, mailbox: Option<MailboxId>) -> Result<Vec<(String, Vec<u8>)>> {
        let list = move |tx: &mut dyn Tx| {
            let rows = tx.query(LIST, params![Partition::of(account), account, column(mailbox)])?;
            rows.into_iter().map(|mut row| Ok((row.text()?, row.blob()?))).collect()
        };
        self.read(list).await
    }

    /// All entries of an account and of its mailboxes, each with what tells its value from others: to find out which were set.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn annotation_marks(&self, account: AccountId) -> Result<Vec<(Option<MailboxId>, String, Vec<u8>)>> {
        let list = move |tx: &mut dyn Tx| {
            let rows = tx.query(MARKS, params![Partition::of(account), account])?;
            rows.into_iter().map(|mut row| Ok((mailbox(&row.text()?)?, row.text()?, row.blob_or_null()?.unwrap_or_default()))).collect()
        };
        self.read(list).await
    }

    /// Sets entries of a mailbox, or of the account, all or none; those without a value go.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn set_annotations(
        &self,
        account: AccountId,
        mailbox: Option<MailboxId>,
        values: Vec<(String, Option<Vec<u8>>)>,
    ) -> Result<Annotated> {
        let lengths = || values.iter().filter_map(|(_name, value)| value.as_ref().map(Vec::len));
        if lengths().any(|octets| octets > ANNOTATION_OCTETS_MAX) {
            return Ok(Annotated::TooLarge);
        }
        let octets = lengths().sum();
        self.write(Partition::of(account), octets, move |tx| set(tx, account, mailbox, &values)).await
    }
}

fn set(tx: &mut dyn Tx, account: AccountId, mailbox: Option<MailboxId>, values: &[(String, Option<Vec<u8>>)]) -> Result<Annotated> {
    let part = Partition::of(account);
    let is_there = match mailbox {
        Some(mailbox) => mailboxes::by_id(tx, account, mailbox)?.is_some(),
        None => accounts::screening_of(tx, account)?.is_some(),
    };
    if !is_there {
        return Ok(Annotated::NoMailbox);
    }
    let mut after = names(tx, account, mailbox)?;
    for (name, value) in values {
        match value {
            Some(_) => after.insert(name.clone()),
            None => after.remove(name),
        };
    }
    // What there is may stay, whatever the limit was.
    if after.len() as u64 > ANNOTATIONS_MAX && values.iter().any(|(_name, value)| value.is_some()) {
        return Ok(Annotated::TooMany);
    }
    tx.touch(account);
    for (name, value) in values {
        match value {
            Some(value) => tx.execute(SET, params![part, account, column(mailbox), name, value, ContentDigest::of(value).as_bytes()])?,
            None => tx.execute(REMOVE, params![part, account, column(mailbox), name])?,
        };
    }
    Ok(Annotated::Done)
}

fn names(tx: &mut dyn Tx, account: AccountId, mailbox: Option<MailboxId>) -> Result<BTreeSet<String>> {
    let rows = tx.query(NAMES, params![Partition::of(account), account, column(mailbox)])?;
    rows.into_iter().map(|mut row| row.text()).collect()
}
