//! Names that an account subscribes to, whether a mailbox has them or not (RFC 9051 section 6.3.7).

use mail::id::{AccountId, Partition};

use super::{MAILBOX_NAME_OCTETS_MAX, SUBSCRIPTIONS_MAX};
use crate::backend::Tx;
use crate::{Result, Store, accounts, params, statements};

statements! {
    LIST = "SELECT name FROM subscription WHERE part = ?1 AND account = ?2 ORDER BY name";
    COUNT = "SELECT COUNT(*) FROM subscription WHERE part = ?1 AND account = ?2";
    ADD = "INSERT INTO subscription (part, account, name) VALUES (?1, ?2, ?3) ON CONFLICT (part, account, name) DO NOTHING";
    REMOVE = "DELETE FROM subscription WHERE part = ?1 AND account = ?2 AND name = ?3";
}

/// Whether a name is to be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscription {
    /// From now on.
    On,
    /// No more.
    Off,
}

/// What became of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscribed {
    /// It is as asked for.
    Done,
    /// The account subscribes to as many names as it may, or to none because it is no more.
    TooMany,
    /// No mailbox can have this name.
    BadName,
}

impl Store {
    /// The names an account subscribes to, in order.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn subscriptions(&self, account: AccountId) -> Result<Vec<String>> {
        let list = move |tx: &mut dyn Tx| {
            let rows = tx.query(LIST, params![Partition::of(account), account])?;
            rows.into_iter().map(|mut row| row.text()).collect()
        };
        self.read(list).await
    }

    /// Subscribes to a name, or no more.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn subscribe(&self, account: AccountId, name: &str, subscription: Subscription) -> Result<Subscribed> {
        let name = name.to_owned();
        self.write(Partition::of(account), 0, move |tx| set(tx, account, &name, subscription)).await
    }
}

/// Subscribes to a name, or no more.
pub(crate) fn set(tx: &mut dyn Tx, account: AccountId, name: &str, subscription: Subscription) -> Result<Subscribed> {
    let part = Partition::of(account);
    tx.touch(account);
    match subscription {
        Subscription::Off => {
            tx.execute(REMOVE, params![part, account, name])?;
        }
        Subscription::On => {
            if name.is_empty() || name.len() > MAILBOX_NAME_OCTETS_MAX || name.chars().any(char::is_control) {
                return Ok(Subscribed::BadName);
            }
            let there = tx.one(COUNT, params![part, account])?.map_or(Ok(0), |mut row| row.count())?;
            if there >= SUBSCRIPTIONS_MAX || accounts::screening_of(tx, account)?.is_none() {
                return Ok(Subscribed::TooMany);
            }
            tx.execute(ADD, params![part, account, name])?;
        }
    }
    Ok(Subscribed::Done)
}
