//! Which account an address is: rows in the partition of the address's own hash.
//!
//! A name is taken in three transactions, each repeatable: reserved here, recorded in the account's partition,
//! activated here. After a crash in between, the name is the account's if its partition says so, and free if not.

use mail::address::{Domain, Mailbox};
use mail::id::{AccountId, Partition};
use mail::time::Timestamp;

use crate::backend::Tx;
use crate::{Alias, Result, Store, params, statements};

statements! {
    RESERVE = "INSERT INTO directory (part, name, account, stage, reserved_at) VALUES (?1, ?2, ?3, 'reserved', ?4) ON CONFLICT (part, name) DO NOTHING";
    LOOK_UP = "SELECT account, stage FROM directory WHERE part = ?1 AND name = ?2";
    ACTIVATE = "UPDATE directory SET stage = 'active' WHERE part = ?1 AND name = ?2 AND account = ?3";
    DEACTIVATE = "UPDATE directory SET stage = 'reserved', reserved_at = ?4 WHERE part = ?1 AND name = ?2 AND account = ?3";
    GIVE_UP = "DELETE FROM directory WHERE part = ?1 AND name = ?2 AND account = ?3";
    RESERVED = "SELECT name, account FROM directory WHERE stage = 'reserved' AND reserved_at < ?1 ORDER BY part, name";
}

/// The name a catch-all stands under. No mailbox can have it: a local part is never empty.
pub(crate) fn catch_all(domain: &Domain) -> String {
    format!("@{domain}")
}

/// The name an alias stands under.
pub(crate) fn alias_name(alias: &Alias) -> String {
    match alias {
        Alias::Address(mailbox) => mailbox.key(),
        Alias::CatchAll(domain) => catch_all(domain),
    }
}

/// Whose a name is.
pub(crate) struct Holder {
    pub(crate) account: AccountId,
    pub(crate) active: bool,
}

/// The names under which the receiver of an address's mail may stand, best first.
pub(crate) fn recipient_names(recipient: &Mailbox) -> impl Iterator<Item = String> + use<> {
    let untagged = recipient.without_tag().map(|mailbox| mailbox.key());
    [Some(recipient.key()), untagged, Some(catch_all(recipient.domain()))].into_iter().flatten()
}

/// The account that receives for this address.
pub(crate) fn recipient(tx: &mut dyn Tx, recipient: &Mailbox) -> Result<Option<AccountId>> {
    for name in recipient_names(recipient) {
        if let Some(account) = holder(tx, &name)? {
            return Ok(Some(account));
        }
    }
    Ok(None)
}

/// The account that holds a name for good.
pub(crate) fn holder(tx: &mut dyn Tx, name: &str) -> Result<Option<AccountId>> {
    Ok(look_up(tx, name)?.filter(|holder| holder.active).map(|holder| holder.account))
}

fn look_up(tx: &mut dyn Tx, name: &str) -> Result<Option<Holder>> {
    let Some(mut row) = tx.one(LOOK_UP, params![Partition::of_name(name), name])? else { return Ok(None) };
    Ok(Some(Holder { account: row.parsed()?, active: row.text()? == "active" }))
}

impl Store {
    /// Reserves a name for an account. Returns whose it is then.
    pub(crate) async fn reserve_name(&self, name: &str, account: AccountId, now: Timestamp) -> Result<Holder> {
        let (part, name) = (Partition::of_name(name), name.to_owned());
        let reserve = move |tx: &mut dyn Tx| {
            tx.execute(RESERVE, params![part, &name, account, now])?;
            Ok(look_up(tx, &name)?.unwrap_or(Holder { account, active: false }))
        };
        self.write(part, 0, reserve).await
    }

    pub(crate) async fn activate_name(&self, name: &str, account: AccountId) -> Result<()> {
        let (part, name) = (Partition::of_name(name), name.to_owned());
        self.write(part, 0, move |tx| tx.execute(ACTIVATE, params![part, &name, account]).map(drop)).await
    }

    /// The name leads nowhere from here on.
    pub(crate) async fn deactivate_name(&self, name: &str, account: AccountId, now: Timestamp) -> Result<()> {
        let (part, name) = (Partition::of_name(name), name.to_owned());
        self.write(part, 0, move |tx| tx.execute(DEACTIVATE, params![part, &name, account, now]).map(drop)).await
    }

    pub(crate) async fn give_up_name(&self, name: &str, account: AccountId) -> Result<()> {
        let (part, name) = (Partition::of_name(name), name.to_owned());
        self.write(part, 0, move |tx| tx.execute(GIVE_UP, params![part, &name, account]).map(drop)).await
    }

    /// The account that receives for this address: the address's own, without its plus-tag, or the catch-all's.
    pub(crate) async fn recipient_account(&self, address: &Mailbox) -> Result<Option<AccountId>> {
        let address = address.clone();
        self.read(move |tx| recipient(tx, &address)).await
    }

    /// Names reserved before this time, whose taking was cut short.
    pub(crate) async fn stale_reservations(&self, before: Timestamp) -> Result<Vec<(String, AccountId)>> {
        let list = move |tx: &mut dyn Tx| {
            let rows = tx.query(RESERVED, params![before])?;
            rows.into_iter().map(|mut row| Ok((row.text()?, row.parsed()?))).collect()
        };
        self.read(list).await
    }
}
