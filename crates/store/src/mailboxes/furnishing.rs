//! Whether an account has been given the mailboxes that mail programs look for: once, whatever its owner does with them then.

use mail::id::{AccountId, Partition};

use crate::backend::Tx;
use crate::{Result, Store, params, statements};

statements! {
    FURNISHED = "SELECT furnished FROM account WHERE part = ?1 AND id = ?2";
    FURNISH = "UPDATE account SET furnished = 1 WHERE part = ?1 AND id = ?2";
}

impl Store {
    /// Whether it has. An account that is no more needs none.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn is_furnished(&self, account: AccountId) -> Result<bool> {
        let look =
            move |tx: &mut dyn Tx| tx.one(FURNISHED, params![Partition::of(account), account])?.map_or(Ok(true), |mut row| row.flag());
        self.read(look).await
    }

    /// It has, from now on.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn furnish(&self, account: AccountId) -> Result<()> {
        let part = Partition::of(account);
        self.write(part, 0, move |tx| tx.execute(FURNISH, params![part, account]).map(drop)).await
    }
}
