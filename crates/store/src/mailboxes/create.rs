//! Mailboxes are made, with those above them.

use mail::id::{AccountId, MailboxId, Partition};
use mail::special_use::SpecialUse;
use mail::time::Timestamp;

use super::{INBOX, MAILBOXES_MAX, MailboxRow, by_id, is_name, named, superiors, used_as};
use crate::backend::{Sql, Tx};
use crate::{Result, Store, StoreError, params, statements};

statements! {
    INSERT = "INSERT INTO mailbox (part, account, id, name, special, uidvalidity, uidnext, modseq, messages, unseen, deleted, octets, \
              deleted_octets, expunges, forgotten, keywords) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, 1, 0, 0, 0, 0, 0, 0, 0, '') \
              ON CONFLICT (part, account, id) DO NOTHING";
    /// RFC 9051 section 2.3.1.1: greater than that of any mailbox of the same name before; here, of any of the account.
    VALIDITY = "UPDATE account SET uidvalidity = CASE WHEN uidvalidity >= ?3 THEN uidvalidity + 1 ELSE ?3 END \
                WHERE part = ?1 AND id = ?2 AND stage = 'active' RETURNING uidvalidity";
    COUNT = "SELECT COUNT(*) FROM mailbox WHERE part = ?1 AND account = ?2 AND name IS NOT NULL";
}

/// For the repair of an account without its INBOX.
pub(crate) const INSERT_INBOX: Sql = INSERT;

/// A mailbox to make.
#[derive(Debug, Clone)]
pub struct CreateMailbox {
    /// Names it for ever.
    pub id: MailboxId,
    /// Its name; those above it are made with it.
    pub name: String,
    /// What it is for, if anything.
    pub special_use: Option<SpecialUse>,
    /// Now.
    pub now: Timestamp,
}

/// What became of a mailbox that was to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It is there, by this call or the one that this repeats.
    Done(MailboxRow),
    /// Another has the name.
    Exists,
    /// Another has the use.
    UseTaken,
    /// No mailbox can have this name: too long, too deep, empty parts.
    BadName,
    /// One more would be too many.
    TooMany,
    /// The account is no more, or is being deleted.
    NoAccount,
}

impl Store {
    /// Makes a mailbox, and those above it that are not there. Repeatable by its id.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn create_mailbox(&self, account: AccountId, create: CreateMailbox) -> Result<Created> {
        let superiors = self.superior_ids(&create.name, create.now);
        self.write(Partition::of(account), 0, move |tx| make(tx, account, &create, &superiors)).await
    }

    /// An id for each mailbox above a name.
    pub(crate) fn superior_ids(&self, name: &str, now: Timestamp) -> Vec<MailboxId> {
        superiors(name).map(|_superior| self.mailbox_id(now)).collect()
    }

    pub(crate) fn mailbox_id(&self, now: Timestamp) -> MailboxId {
        let [entropy @ .., _, _, _, _, _, _] = self.entropy();
        MailboxId::new(now, entropy)
    }
}

/// Makes a mailbox, and with these ids those above it that are not there.
pub(crate) fn make(tx: &mut dyn Tx, account: AccountId, create: &CreateMailbox, superior_ids: &[MailboxId]) -> Result<Created> {
    let CreateMailbox { id, name, special_use, now } = create;
    if let Some(made) = by_id(tx, account, *id)? {
        return Ok(Created::Done(made));
    }
    if !is_name(name) {
        return Ok(Created::BadName);
    }
    if named(tx, account, name)?.is_some() {
        return Ok(Created::Exists);
    }
    if let Some(special_use) = special_use
        && used_as(tx, account, *special_use)?.is_some()
    {
        return Ok(Created::UseTaken);
    }
    let mut missing = Vec::new();
    for (superior, id) in superiors(name).zip(superior_ids) {
        if named(tx, account, superior)?.is_none() {
            missing.push((superior, *id, None));
        }
    }
    missing.push((name.as_str(), *id, *special_use));
    let there = tx.one(COUNT, params![Partition::of(account), account])?.map_or(Ok(0), |mut row| row.count())?;
    if there + missing.len() as u64 > MAILBOXES_MAX {
        return Ok(Created::TooMany);
    }
    for (name, id, special_use) in missing {
        if !insert(tx, account, id, name, special_use, *now)? {
            return Ok(Created::NoAccount);
        }
    }
    let made = by_id(tx, account, *id)?;
    made.map(Created::Done).ok_or_else(|| StoreError::Damaged(format!("the mailbox {name} was made, and is not there")))
}

/// Makes the INBOX of a new account, unless it is there.
pub(crate) fn make_inbox(tx: &mut dyn Tx, account: AccountId, now: Timestamp) -> Result<()> {
    let id = MailboxId::inbox_of(account);
    if by_id(tx, account, id)?.is_none() {
        insert(tx, account, id, INBOX, None, now)?;
    }
    Ok(())
}

/// `false` if there is no account.
pub(super) fn insert(
    tx: &mut dyn Tx,
    account: AccountId,
    id: MailboxId,
    name: &str,
    special_use: Option<SpecialUse>,
    now: Timestamp,
) -> Result<bool> {
    let Some(validity) = fresh_validity(tx, account, now)? else { return Ok(false) };
    let part = Partition::of(account);
    tx.execute(INSERT, params![part, account, id, name, special_use.map(SpecialUse::as_str), validity])?;
    tx.touch(account);
    Ok(true)
}

/// A UIDVALIDITY that no mailbox of the account has had.
pub(super) fn fresh_validity(tx: &mut dyn Tx, account: AccountId, now: Timestamp) -> Result<Option<i64>> {
    // RFC 9051 section 2.3.1.1: 32 bits.
    let seconds = (now.as_millis() / 1000).clamp(1, i64::from(u32::MAX));
    tx.one(VALIDITY, params![Partition::of(account), account, seconds])?.map(|mut row| row.int()).transpose()
}
