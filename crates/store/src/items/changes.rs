//! What changed in a mailbox since a client last looked (RFC 7162).

use mail::id::{AccountId, MailboxId, Partition};

use super::{Item, item, item_columns};
use crate::backend::Tx;
use crate::mailboxes::{MailboxRow, by_id, number};
use crate::{Result, Store, params, statements};

statements! {
    CHANGED = concat!("SELECT ", item_columns!(), " FROM item WHERE part = ?1 AND account = ?2 AND mailbox = ?3 AND modseq > ?4 \
                      ORDER BY modseq, uid LIMIT ?5");
    OF_ONE_CHANGE = concat!("SELECT ", item_columns!(), " FROM item WHERE part = ?1 AND account = ?2 AND mailbox = ?3 AND modseq = ?4 ORDER BY uid");
    VANISHED = "SELECT uid, last FROM expunged WHERE part = ?1 AND account = ?2 AND mailbox = ?3 AND modseq > ?4 AND modseq <= ?5 \
                ORDER BY modseq, uid";
    FORGOTTEN = "SELECT forgotten FROM mailbox WHERE part = ?1 AND account = ?2 AND id = ?3";
}

/// What changed in a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The mailbox as it is now.
    pub row: MailboxRow,
    /// Messages that came or changed, by UID.
    pub changed: Vec<Item>,
    /// UIDs of messages that went, each once, in order. Some may have come and gone unseen.
    pub vanished: Vec<u32>,
    /// All changes up to this modification sequence are told; ask from here next time.
    pub until: u64,
    /// Whether there is more to tell behind `until`.
    pub has_more: bool,
    /// Whether `vanished` tells all: the UIDs of old expunges are forgotten, and then only the whole list of what is here
    /// tells what went.
    pub is_complete: bool,
}

impl Store {
    /// What changed in a mailbox after a modification sequence: about `max` messages, and never only some of one change.
    /// `None`: the mailbox is gone.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn changes(&self, account: AccountId, mailbox: MailboxId, since: u64, max: usize) -> Result<Option<Changes>> {
        self.read(move |tx| changes(tx, account, mailbox, since, max)).await
    }
}

fn changes(tx: &mut dyn Tx, account: AccountId, mailbox: MailboxId, since: u64, max: usize) -> Result<Option<Changes>> {
    let Some(row) = by_id(tx, account, mailbox)? else { return Ok(None) };
    if row.modseq <= since {
        let until = row.modseq;
        return Ok(Some(Changes { row, changed: Vec::new(), vanished: Vec::new(), until, has_more: false, is_complete: true }));
    }
    let part = Partition::of(account);
    let max = max.max(1);
    let mut changed: Vec<Item> = tx.list(CHANGED, params![part, account, mailbox, since, max + 1], item)?;
    let has_more = changed.len() > max;
    let mut until = row.modseq;
    if has_more && let Some(last) = changed.last().map(|item| item.modseq) {
        // The last of these changes may have more items.
        changed.retain(|item| item.modseq < last);
        if changed.is_empty() {
            changed = tx.list(OF_ONE_CHANGE, params![part, account, mailbox, last], item)?;
        }
        until = changed.last().map_or(last, |item| item.modseq);
    }
    changed.sort_unstable_by_key(|item| item.uid);
    let mut vanished = Vec::new();
    for mut row in tx.query(VANISHED, params![part, account, mailbox, since, until])? {
        vanished.extend(number(&mut row)?..=number(&mut row)?);
    }
    vanished.sort_unstable();
    vanished.dedup();
    let forgotten = tx.one(FORGOTTEN, params![part, account, mailbox])?.map_or(Ok(0), |mut row| row.count())?;
    let has_more = until < row.modseq && has_more;
    Ok(Some(Changes { row, changed, vanished, until, has_more, is_complete: since >= forgotten }))
}
