//! Mailboxes are deleted: first their names, then, in steps, what lies in them. The rows that say so survive a crash.

use mail::id::{AccountId, MailId, MailboxId, Partition};
use mail::time::Timestamp;

use super::{by_id, number};
use crate::backend::{Row, Tx};
use crate::items::{Listed, expunge, hundreds};
use crate::{Result, Store, StoreError, acquaintance, errands, orphans, outline, params, search_index, statements};

/// Items that one transaction takes out of a mailbox that is going.
const ITEMS_AT_ONCE: usize = 2_000;
/// Mail that one transaction deletes: its octets are overwritten one by one.
const MAIL_AT_ONCE: usize = 200;

statements! {
    GO = "UPDATE mailbox SET name = NULL, special = NULL WHERE part = ?1 AND account = ?2 AND id = ?3";
    FREE = "UPDATE account SET uidvalidity_freed = ?3 WHERE part = ?1 AND id = ?2 AND uidvalidity_freed < ?3";
    ERASE_ANNOTATIONS = "DELETE FROM annotation WHERE part = ?1 AND account = ?2 AND mailbox = ?3";
    SOME_ITEMS = "SELECT uid FROM item WHERE part = ?1 AND account = ?2 AND mailbox = ?3 ORDER BY uid LIMIT ?4";
    ERASE_EXPUNGED = "DELETE FROM expunged WHERE part = ?1 AND account = ?2 AND mailbox = ?3";
    ERASE = "DELETE FROM mailbox WHERE part = ?1 AND account = ?2 AND id = ?3 AND name IS NULL";
    GOING = "SELECT part, account, id FROM mailbox WHERE name IS NULL ORDER BY part, account, id LIMIT ?1";
    DISCARDED = "SELECT part, account, mail FROM discarded WHERE (part, account, mail) > (?1, ?2, ?3) ORDER BY part, account, mail LIMIT ?4";
    OBJECT = "SELECT object, origin FROM mail m WHERE part = ?1 AND account = ?2 AND id = ?3 AND NOT EXISTS \
              (SELECT 1 FROM item i WHERE i.part = m.part AND i.account = m.account AND i.mail = m.id)";
    DELETE_MAIL = "DELETE FROM mail WHERE part = ?1 AND account = ?2 AND id = ?3";
    FORGET = "DELETE FROM discarded WHERE part = ?1 AND account = ?2 AND mail = ?3";
}

/// What became of a mailbox that was to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// Nobody sees it any more, nor what lay in it. The mailboxes inside it stay.
    Done,
    /// It was not there.
    NoMailbox,
    /// INBOX stays (RFC 9051 section 6.3.5).
    Inbox,
}

impl Store {
    /// Deletes a mailbox and what lies in it. What was cut short is finished by [`Store::sweep_mailboxes`].
    ///
    /// # Errors
    /// The store is not available.
    pub async fn delete_mailbox(&self, account: AccountId, mailbox: MailboxId) -> Result<Gone> {
        if mailbox == MailboxId::inbox_of(account) {
            return Ok(Gone::Inbox);
        }
        let gone = self.write(Partition::of(account), 0, move |tx| go(tx, account, mailbox)).await?;
        if gone == Gone::Done
            && let Err(error) = self.erase_mailbox(account, mailbox).await
        {
            tracing::warn!(%account, %error, "what lay in a deleted mailbox stays for now");
        }
        Ok(gone)
    }

    /// Finishes the deletion of mailboxes, and deletes mail that lies in none any more. Returns how many messages that was.
    ///
    /// # Errors
    /// The store is not available; what was deleted stays deleted.
    pub async fn sweep_mailboxes(&self, now: Timestamp) -> Result<u64> {
        loop {
            let going = |tx: &mut dyn Tx| tx.query(GOING, params![MAIL_AT_ONCE])?.into_iter().map(|mut row| key(&mut row)).collect();
            let going: Vec<(Partition, AccountId, MailboxId)> = self.read(going).await?;
            for (_part, account, mailbox) in &going {
                self.erase_mailbox(*account, *mailbox).await?;
            }
            if going.len() < MAIL_AT_ONCE {
                break;
            }
        }
        self.sweep_discarded(now).await
    }

    async fn erase_mailbox(&self, account: AccountId, mailbox: MailboxId) -> Result<()> {
        while self.write(Partition::of(account), 0, move |tx| erase_some(tx, account, mailbox)).await? == ITEMS_AT_ONCE {}
        Ok(())
    }

    async fn sweep_discarded(&self, now: Timestamp) -> Result<u64> {
        let (mut swept, mut after) = (0, (-1, String::new(), String::new()));
        loop {
            let (part, account, mail) = after.clone();
            let page = move |tx: &mut dyn Tx| {
                let rows = tx.query(DISCARDED, params![part, account.as_str(), mail.as_str(), MAIL_AT_ONCE])?;
                rows.into_iter().map(|mut row| key(&mut row)).collect()
            };
            let page: Vec<(Partition, AccountId, MailId)> = self.read(page).await?;
            let is_last = page.len() < MAIL_AT_ONCE;
            if let Some((part, account, mail)) = page.last() {
                after = (i64::from(part.number()), account.to_string(), mail.to_string());
            }
            for of_account in page.chunk_by(|(_, one, _), (_, other, _)| one == other) {
                let Some((part, account, _)) = of_account.first().copied() else { continue };
                let mail: Vec<MailId> = of_account.iter().map(|(_, _, mail)| *mail).collect();
                swept += mail.len() as u64;
                self.write(part, 0, move |tx| mail.iter().try_for_each(|mail| delete_mail(tx, account, *mail, now))).await?;
            }
            if is_last {
                return Ok(swept);
            }
        }
    }
}

fn key<T: std::str::FromStr<Err: std::fmt::Display>>(row: &mut Row) -> Result<(Partition, AccountId, T)> {
    let part = u16::try_from(row.int()?).ok().and_then(Partition::new);
    Ok((part.ok_or_else(|| StoreError::Damaged("a partition of another number".to_owned()))?, row.parsed()?, row.parsed()?))
}

fn go(tx: &mut dyn Tx, account: AccountId, mailbox: MailboxId) -> Result<Gone> {
    let Some(row) = by_id(tx, account, mailbox)? else { return Ok(Gone::NoMailbox) };
    let part = Partition::of(account);
    tx.execute(GO, params![part, account, mailbox])?;
    tx.touch(account);
    tx.execute(ERASE_ANNOTATIONS, params![part, account, mailbox])?;
    free_validity(tx, account, i64::from(row.uid_validity))?;
    Ok(Gone::Done)
}

/// The name of a mailbox with this UIDVALIDITY can be taken up by another one.
pub(super) fn free_validity(tx: &mut dyn Tx, account: AccountId, validity: i64) -> Result<()> {
    tx.execute(FREE, params![Partition::of(account), account, validity]).map(drop)
}

/// Takes some items out of a mailbox that is going, and the mailbox when it is empty. Returns how many items.
fn erase_some(tx: &mut dyn Tx, account: AccountId, mailbox: MailboxId) -> Result<usize> {
    let part = Partition::of(account);
    let some = tx.query(SOME_ITEMS, params![part, account, mailbox, ITEMS_AT_ONCE])?;
    let uids = some.into_iter().map(|mut row| number(&mut row)).collect::<Result<Vec<u32>>>()?;
    let mut mail = Vec::new();
    for uids in hundreds(&uids) {
        let removed = expunge::take(tx, account, mailbox, uids, Listed::All)?;
        mail.extend(removed.into_iter().map(|removed| removed.mail));
    }
    expunge::discard(tx, account, &mail)?;
    if uids.len() < ITEMS_AT_ONCE {
        tx.execute(ERASE_EXPUNGED, params![part, account, mailbox])?;
        tx.execute(ERASE, params![part, account, mailbox])?;
    }
    Ok(uids.len())
}

fn delete_mail(tx: &mut dyn Tx, account: AccountId, mail: MailId, now: Timestamp) -> Result<()> {
    let part = Partition::of(account);
    if errands::need(tx, account, mail)? {
        return Ok(());
    }
    if let Some(mut row) = tx.one(OBJECT, params![part, account, mail])? {
        let (object, origin) = (row.text_or_null()?, row.text_or_null()?);
        tx.execute(DELETE_MAIL, params![part, account, mail])?;
        outline::delete(tx, part, account, &mail.to_string())?;
        search_index::forget(tx, account, mail)?;
        if let Some(domain) = origin {
            acquaintance::note(tx, account, &domain, now)?;
        }
        if let Some(object) = object {
            orphans::note(tx, part, &object, now)?;
        }
    }
    tx.execute(FORGET, params![part, account, mail]).map(drop)
}
