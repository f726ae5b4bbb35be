//! What dates and sorts the messages of a mailbox, read in its order: many in one transaction, and nothing of them twice.

use mail::id::{AccountId, MailId, MailboxId, Partition};
use mail::summary::Summary;
use mail::time::Timestamp;

use super::looking;
use crate::backend::{Row, Tx};
use crate::mailboxes::number;
use crate::{Result, Store, params, statements};

statements! {
    SORTED_BY = "SELECT i.uid, i.mail, i.received, i.saved, i.size_octets, s.sent, s.sent_local, s.subject, s.is_reply, s.from_local, s.to_local, \
                 s.cc_local, s.display_from, s.display_to, s.message_id, s.mail_references FROM item i \
                 LEFT JOIN summary s ON s.part = i.part AND s.account = i.account AND s.mail = i.mail \
                 WHERE i.part = ?1 AND i.account = ?2 AND i.mailbox = ?3 AND i.uid > ?4 ORDER BY i.uid LIMIT ?5";
    STAMPS = "SELECT uid, mail, received, saved, size_octets FROM item WHERE part = ?1 AND account = ?2 AND mailbox = ?3 AND uid > ?4 \
              ORDER BY uid LIMIT ?5";
}

/// What never changes of a message in a mailbox, and is said without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamps {
    /// Its UID.
    pub uid: u32,
    /// Its mail.
    pub mail: MailId,
    /// INTERNALDATE.
    pub received: Timestamp,
    /// SAVEDATE.
    pub saved: Timestamp,
    /// Of the whole message.
    pub size_octets: u64,
}

impl Store {
    /// What dates messages of a mailbox with greater UIDs than this one, in their order.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn stamps(&self, account: AccountId, mailbox: MailboxId, after_uid: u32, max: usize) -> Result<Vec<Stamps>> {
        let page = move |tx: &mut dyn Tx| {
            let rows = tx.query(STAMPS, params![Partition::of(account), account, mailbox, after_uid, max])?;
            rows.into_iter().map(|mut row| stamps(&mut row)).collect()
        };
        self.read(page).await
    }

    /// The same, with what sorts them: nothing of those that the index has not seen.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn sorted_by(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        after_uid: u32,
        max: usize,
    ) -> Result<Vec<(Stamps, Option<Summary>)>> {
        let page = move |tx: &mut dyn Tx| {
            let rows = tx.query(SORTED_BY, params![Partition::of(account), account, mailbox, after_uid, max])?;
            rows.into_iter().map(|mut row| Ok((stamps(&mut row)?, looking::summary_or_none(&mut row)?))).collect()
        };
        self.read(page).await
    }
}

fn stamps(row: &mut Row) -> Result<Stamps> {
    Ok(Stamps { uid: number(row)?, mail: row.parsed()?, received: row.time()?, saved: row.time()?, size_octets: row.count()? })
}
