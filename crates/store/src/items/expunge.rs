//! EXPUNGE: items go, and their UIDs are remembered for clients that were away.

use mail::flag::SystemFlags;
use mail::id::{AccountId, MailId, MailboxId, Partition};

use super::{Listed, Tally, Target, change, hundred, hundreds, sorted, system, with};
use crate::backend::{Tx, Value};
use crate::mailboxes::{by_id, number};
use crate::{Result, Store, params, statements};

/// Messages that one transaction expunges.
const ITEMS_AT_ONCE: usize = 5_000;
/// Rows of expunged UIDs that a mailbox remembers; one is for a run of them. A client that was away for longer reads the
/// whole mailbox again.
pub const EXPUNGED_ROWS_MAX: u64 = 10_000;

statements! {
    WITH_DELETED = "SELECT uid FROM item WHERE part = ?1 AND account = ?2 AND mailbox = ?3 AND uid > ?4 AND (flags & 8) <> 0 ORDER BY uid LIMIT ?5";
    TAKE = concat!("DELETE FROM item WHERE uid IN (", hundred!(), ") AND part = ?101 AND account = ?102 AND mailbox = ?103 \
                   AND (flags & ?104) = ?104 RETURNING uid, mail, flags, size_octets");
    DISCARD = concat!("INSERT INTO discarded (part, account, mail) SELECT m.part, m.account, m.id FROM mail m WHERE m.id IN (", hundred!(), ") \
                      AND m.part = ?101 AND m.account = ?102 AND NOT EXISTS (SELECT 1 FROM item i WHERE i.part = m.part \
                      AND i.account = m.account AND i.mail = m.id) ON CONFLICT (part, account, mail) DO NOTHING");
    REMEMBER = "INSERT INTO expunged (part, account, mailbox, modseq, uid, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    REMEMBERED = "UPDATE mailbox SET expunges = expunges + ?4 WHERE part = ?1 AND account = ?2 AND id = ?3 RETURNING expunges";
    OLDEST = "SELECT modseq FROM expunged WHERE part = ?1 AND account = ?2 AND mailbox = ?3 ORDER BY modseq LIMIT ?4";
    FORGET = "DELETE FROM expunged WHERE part = ?1 AND account = ?2 AND mailbox = ?3 AND modseq <= ?4";
    FORGOTTEN = "UPDATE mailbox SET expunges = expunges - ?4, forgotten = ?5 WHERE part = ?1 AND account = ?2 AND id = ?3";
}

/// What is known of the mail of items that go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mail {
    /// Other items show it.
    LiesElsewhere,
    /// Perhaps none does any more.
    MayGo,
}

/// An item that is there no more.
pub(crate) struct Removed {
    pub(crate) uid: u32,
    pub(crate) mail: MailId,
    pub(crate) flags: SystemFlags,
    pub(crate) size_octets: u64,
}

impl Store {
    /// Removes messages with `\Deleted`: all of the mailbox, or those of these. Returns the UIDs of those it removed. A few
    /// thousand at a time are one transaction.
    ///
    /// # Errors
    /// The store is not available. Some of the messages may be gone.
    pub async fn expunge(&self, account: AccountId, mailbox: MailboxId, uids: Option<Vec<u32>>) -> Result<Vec<u32>> {
        let uids = match uids {
            Some(uids) => sorted(uids),
            None => self.read(move |tx| with_deleted(tx, account, mailbox)).await?,
        };
        let mut expunged = Vec::new();
        for some in uids.chunks(ITEMS_AT_ONCE) {
            let some = some.to_vec();
            let remove = move |tx: &mut dyn Tx| remove(tx, account, mailbox, &some, Listed::Deleted, Mail::MayGo);
            expunged.extend(self.write(Partition::of(account), 0, remove).await?);
        }
        Ok(expunged)
    }
}

fn with_deleted(tx: &mut dyn Tx, account: AccountId, mailbox: MailboxId) -> Result<Vec<u32>> {
    if by_id(tx, account, mailbox)?.is_none_or(|row| row.deleted == 0) {
        return Ok(Vec::new());
    }
    let rows = tx.query(WITH_DELETED, params![Partition::of(account), account, mailbox, 0_u32, u32::MAX])?;
    rows.into_iter().map(|mut row| number(&mut row)).collect()
}

/// Removes items of a mailbox, and remembers their UIDs. Returns those.
pub(crate) fn remove(
    tx: &mut dyn Tx,
    account: AccountId,
    mailbox: MailboxId,
    uids: &[u32],
    listed: Listed,
    mail: Mail,
) -> Result<Vec<u32>> {
    if by_id(tx, account, mailbox)?.is_none() {
        return Ok(Vec::new());
    }
    let mut removed = Vec::new();
    for list in hundreds(uids) {
        removed.extend(take(tx, account, mailbox, list, listed)?);
    }
    removed.sort_unstable_by_key(|removed| removed.uid);
    let mut tally = Tally::default();
    for Removed { flags, size_octets, .. } in &removed {
        tally.remove(*flags, *size_octets);
    }
    let uids: Vec<u32> = removed.iter().map(|removed| removed.uid).collect();
    if !uids.is_empty()
        && let Some(after) = change(tx, account, Target::Id(mailbox), 0, &tally)?
    {
        remember(tx, account, mailbox, after.modseq, &uids)?;
    }
    if mail == Mail::MayGo {
        discard(tx, account, &removed.iter().map(|removed| removed.mail).collect::<Vec<_>>())?;
    }
    Ok(uids)
}

/// Deletes the items of a list, in no order.
pub(crate) fn take(
    tx: &mut dyn Tx,
    account: AccountId,
    mailbox: MailboxId,
    list: Vec<Value<'static>>,
    listed: Listed,
) -> Result<Vec<Removed>> {
    let flags = match listed {
        Listed::All => SystemFlags::NONE,
        Listed::Deleted => SystemFlags::DELETED,
    };
    let values = with(list, params![Partition::of(account), account, mailbox, u32::from(flags.bits())]);
    let rows = tx.query(TAKE, &values)?;
    rows.into_iter()
        .map(|mut row| Ok(Removed { uid: number(&mut row)?, mail: row.parsed()?, flags: system(&mut row)?, size_octets: row.count()? }))
        .collect()
}

/// Notes those of these mails that no item shows any more: a sweeper deletes them, whatever they weigh.
pub(crate) fn discard(tx: &mut dyn Tx, account: AccountId, mail: &[MailId]) -> Result<()> {
    for list in hundreds(mail) {
        tx.execute(DISCARD, &with(list, params![Partition::of(account), account]))?;
    }
    Ok(())
}

/// Remembers UIDs that were expunged, in runs; forgets the oldest when they are too many.
fn remember(tx: &mut dyn Tx, account: AccountId, mailbox: MailboxId, modseq: u64, uids: &[u32]) -> Result<()> {
    let part = Partition::of(account);
    let mut rows = 0_u64;
    for run in uids.chunk_by(|one, next| one + 1 == *next) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        tx.execute(REMEMBER, params![part, account, mailbox, modseq, *first, *last])?;
        rows += 1;
    }
    let remembered = tx.one(REMEMBERED, params![part, account, mailbox, rows])?.map_or(Ok(0), |mut row| row.count())?;
    if remembered <= EXPUNGED_ROWS_MAX {
        return Ok(());
    }
    // Down to half of it, so that this is not to be done at every expunge.
    let oldest = tx.query(OLDEST, params![part, account, mailbox, remembered - EXPUNGED_ROWS_MAX / 2])?;
    let Some(mut last) = oldest.into_iter().next_back() else { return Ok(()) };
    let until = last.count()?;
    let forgotten = tx.execute(FORGET, params![part, account, mailbox, until])?;
    tx.execute(FORGOTTEN, params![part, account, mailbox, forgotten, until]).map(drop)
}
