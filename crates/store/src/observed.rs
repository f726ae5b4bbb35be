//! Who was let in because a mailbox only observes (`screening = observe`), and would have had to wait.

use std::collections::BTreeMap;

use delivery::consent::{Entry, Reason, Screening, Who, decide, keys_for};
use delivery::contacts::{Contact, ROWS_MAX as CONTACTS_MAX};
use mail::address::Mailbox;
use mail::id::{AccountId, Partition};
use mail::time::Timestamp;

use crate::backend::{Row, Tx};
use crate::consent::Asked;
use crate::{Result, accounts, params, statements};

/// Rows that one transaction deletes.
const ROWS_MAX: usize = 500;

statements! {
    AGAIN = "UPDATE observed SET messages = messages + 1, last_at = ?4 WHERE part = ?1 AND account = ?2 AND sender_key = ?3";
    FIRST = "INSERT INTO observed (part, account, sender_key, sender, messages, first_at, last_at) VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5)";
    FORGET_OLDEST = "DELETE FROM observed WHERE part = ?1 AND account = ?2 AND sender_key IN (SELECT sender_key FROM observed \
                     WHERE part = ?1 AND account = ?2 ORDER BY last_at DESC, sender_key LIMIT ?4 OFFSET ?3)";
    FORGET = "DELETE FROM observed WHERE part = ?1 AND account = ?2 AND sender_key = ?3";
    LATEST = "SELECT sender, messages, first_at, last_at FROM observed WHERE part = ?1 AND account = ?2 ORDER BY last_at DESC, sender_key";
    /// All but those of the owner's own addresses: under which of these they wrote is not remembered.
    ENTRIES = "SELECT name, entry FROM entry WHERE part = ?1 AND account = ?2 AND list <> 'site'";
}

/// Notes one of them. A mailbox remembers as many as it would show contact attempts: the latest.
pub(crate) fn note(tx: &mut dyn Tx, account: AccountId, sender: &Mailbox, now: Timestamp) -> Result<()> {
    let (part, key) = (Partition::of(account), sender.key());
    if tx.execute(AGAIN, params![part, account, &key, now])? == 0 {
        tx.execute(FIRST, params![part, account, &key, sender.to_string(), now])?;
        tx.execute(FORGET_OLDEST, params![part, account, CONTACTS_MAX, ROWS_MAX])?;
    }
    tx.touch(account);
    Ok(())
}

/// While the mailbox observes: those who would have to wait with screening on, as rows of the contact list.
pub(crate) fn rows(tx: &mut dyn Tx, account: AccountId, now: Timestamp) -> Result<Vec<Contact>> {
    let loaded = accounts::load(tx, Partition::of(account), account)?;
    let Some(owner) = loaded.filter(|account| account.screening == Screening::Observe) else { return Ok(Vec::new()) };
    let observed = latest(tx, account)?;
    if observed.is_empty() {
        return Ok(Vec::new());
    }
    let mut entries = BTreeMap::<String, Vec<Entry>>::new();
    for mut row in tx.query(ENTRIES, params![Partition::of(account), account])? {
        entries.entry(row.text()?).or_default().push(row.json()?);
    }
    let would_wait = |seen: &Contact| {
        let keys = keys_for(&seen.sender, &owner.address, None);
        let speaking: Vec<Entry> = keys.iter().filter_map(|key| entries.get(key)).flatten().cloned().collect();
        let asked = Asked { sender: &seen.sender, recipient: &owner.address, list: None, reference: None };
        matches!(decide(&asked.question(&speaking, Screening::On, now)).reason, Reason::Mode(_))
    };
    Ok(observed.into_iter().filter(would_wait).collect())
}

/// Forgets those of whom this speaks; at most so many. Returns how many.
pub(crate) fn forget(tx: &mut dyn Tx, account: AccountId, who: &Who, now: Timestamp, max: usize) -> Result<usize> {
    let rows = rows(tx, account, now)?.into_iter().map(|row| row.sender);
    let meant: Vec<Mailbox> = rows.filter(|sender| who.speaks_of(sender, None)).take(max).collect();
    for sender in &meant {
        tx.execute(FORGET, params![Partition::of(account), account, sender.key()])?;
        tx.touch(account);
    }
    Ok(meant.len())
}

fn latest(tx: &mut dyn Tx, account: AccountId) -> Result<Vec<Contact>> {
    let rows = tx.query(LATEST, params![Partition::of(account), account])?;
    let row = |mut row: Row| {
        let (sender, messages) = (row.parsed()?, row.count()?);
        Ok(Contact::observed(sender, u32::try_from(messages).unwrap_or(u32::MAX), (row.time()?, row.time()?)))
    };
    rows.into_iter().map(row).collect()
}
