//! Which messages of a mailbox some session was told of first (RFC 3501 section 2.3.2, `\Recent`).

use mail::id::{AccountId, MailboxId, Partition};

use crate::backend::Tx;
use crate::{Result, Store, params, statements};

statements! {
    COUNT = "SELECT COUNT(*) FROM item WHERE part = ?1 AND account = ?2 AND mailbox = ?3 AND uid >= ?4";
    TOLD = "UPDATE mailbox SET recent_from = ?4 WHERE part = ?1 AND account = ?2 AND id = ?3 AND recent_from < ?4";
}

impl Store {
    /// How many messages of a mailbox have this UID or a greater one.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn messages_from(&self, account: AccountId, mailbox: MailboxId, uid: u32) -> Result<u32> {
        let count = move |tx: &mut dyn Tx| {
            let row = tx.one(COUNT, params![Partition::of(account), account, mailbox, i64::from(uid)])?;
            row.map_or(Ok(0), |mut row| super::number(&mut row))
        };
        self.read(count).await
    }

    /// Writes down that sessions were told of all messages below this UID.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn told_below(&self, account: AccountId, mailbox: MailboxId, uid: u32) -> Result<()> {
        let write = move |tx: &mut dyn Tx| tx.execute(TOLD, params![Partition::of(account), account, mailbox, i64::from(uid)]).map(drop);
        self.write(Partition::of(account), 0, write).await
    }
}
