//! Mailboxes get another name, and those inside them with them (RFC 9051 section 6.3.6).

use std::collections::{BTreeMap, BTreeSet};

use mail::id::{AccountId, MailboxId, Partition};
use mail::time::Timestamp;

use super::create::{fresh_validity, make};
use super::delete::free_validity;
use super::{CreateMailbox, Created, INBOX, MailboxRow, is_name, list, prefix, superiors};
use crate::backend::Tx;
use crate::items::copy::Copying;
use crate::{Result, Store, params, statements};

/// Messages of INBOX that move at once when it is renamed.
const PAGE: usize = 5_000;

statements! {
    FREED = "SELECT uidvalidity_freed FROM account WHERE part = ?1 AND id = ?2";
    SET_NAME = "UPDATE mailbox SET name = ?4, uidvalidity = ?5 WHERE part = ?1 AND account = ?2 AND id = ?3";
}

/// What became of a new name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renamed {
    /// It counts.
    Done,
    /// There is no mailbox of the old name, and none inside it.
    NoMailbox,
    /// Another mailbox has the new name, or one of those that would come inside it.
    Exists,
    /// No mailbox can have the new name, or those inside it could not; or it is inside itself.
    BadName,
    /// The mailboxes above the new name would be too many.
    TooMany,
}

impl Store {
    /// Gives a mailbox another name, and those inside it; makes those above the new name. INBOX stays: its messages move to
    /// a mailbox of the new name, and no mailbox inside it does.
    ///
    /// # Errors
    /// The store is not available. Of INBOX, some of the messages may have moved.
    pub async fn rename_mailbox(&self, account: AccountId, from: &str, to: &str, now: Timestamp) -> Result<Renamed> {
        let (from, to) = (from.to_owned(), to.to_owned());
        let (id, superior_ids) = (self.mailbox_id(now), self.superior_ids(&to, now));
        if from == INBOX {
            return self.empty_inbox_into(account, CreateMailbox { id, name: to, special_use: None, now }, superior_ids).await;
        }
        self.write(Partition::of(account), 0, move |tx| rename(tx, account, (&from, &to), (id, &superior_ids), now)).await
    }

    async fn empty_inbox_into(&self, account: AccountId, create: CreateMailbox, superior_ids: Vec<MailboxId>) -> Result<Renamed> {
        let (to, now) = (create.id, create.now);
        let created = self.write(Partition::of(account), 0, move |tx| make(tx, account, &create, &superior_ids)).await?;
        match created {
            Created::Done(_) => {}
            Created::Exists | Created::UseTaken => return Ok(Renamed::Exists),
            Created::BadName => return Ok(Renamed::BadName),
            Created::TooMany => return Ok(Renamed::TooMany),
            Created::NoAccount => return Ok(Renamed::NoMailbox),
        }
        let inbox = MailboxId::inbox_of(account);
        loop {
            let some: Vec<u32> = self.items(account, inbox, 0, PAGE).await?.into_iter().map(|item| item.uid).collect();
            if some.is_empty() {
                return Ok(Renamed::Done);
            }
            self.copy_items(account, inbox, some, to, Copying::Move, now).await?;
        }
    }
}

fn rename(
    tx: &mut dyn Tx,
    account: AccountId,
    (from, to): (&str, &str),
    (id, superior_ids): (MailboxId, &[MailboxId]),
    now: Timestamp,
) -> Result<Renamed> {
    let inside = prefix(from);
    if from == to || to.starts_with(&inside) {
        return Ok(Renamed::BadName);
    }
    let all = list(tx, account)?;
    let is_moved = |row: &MailboxRow| row.name == from || row.name.starts_with(&inside);
    let (mut moved, stay): (Vec<_>, Vec<_>) = all.into_iter().partition(is_moved);
    if moved.is_empty() {
        return Ok(Renamed::NoMailbox);
    }
    // A name may be free only once another of these has left it, one that goes up as well: that one's is shorter, and it goes first.
    moved.sort_by_key(|row| row.name.len());
    let taken: BTreeSet<&str> = stay.iter().map(|row| row.name.as_str()).collect();
    let names: Vec<String> = moved.iter().map(|row| format!("{to}{}", row.name.get(from.len()..).unwrap_or_default())).collect();
    if !is_name(to) || !names.iter().all(|name| is_name(name)) {
        return Ok(Renamed::BadName);
    }
    if names.iter().any(|name| taken.contains(name.as_str())) || taken.contains(to) {
        return Ok(Renamed::Exists);
    }
    if let Some(above) = superiors(to).last()
        && !taken.contains(above)
    {
        // Made as the superior of nothing yet: the last of them is a mailbox of its own.
        let above_ids = superior_ids.split_last().map_or(superior_ids, |(_last, rest)| rest);
        match make(tx, account, &CreateMailbox { id, name: above.to_owned(), special_use: None, now }, above_ids)? {
            Created::Done(_) => {}
            Created::TooMany => return Ok(Renamed::TooMany),
            Created::Exists | Created::UseTaken => return Ok(Renamed::Exists),
            Created::BadName => return Ok(Renamed::BadName),
            Created::NoAccount => return Ok(Renamed::NoMailbox),
        }
    }
    let part = Partition::of(account);
    tx.touch(account);
    let freed = tx.one(FREED, params![part, account])?.map_or(Ok(0), |mut row| row.int())?;
    let mut left = BTreeMap::new();
    for (row, name) in moved.iter().zip(&names) {
        // Another mailbox may have had the name, with the UIDs up to that one.
        let own = i64::from(row.uid_validity);
        let before = left.get(name.as_str()).copied().unwrap_or(freed).max(freed);
        let validity = if own > before { own } else { fresh_validity(tx, account, now)?.unwrap_or(own) };
        tx.execute(SET_NAME, params![part, account, row.id, name, validity])?;
        free_validity(tx, account, own)?;
        left.insert(row.name.as_str(), own);
    }
    Ok(Renamed::Done)
}
