//! Notices taken for an address whose mailbox was then deleted, or which was taken from its account.
//!
//! Such a message may have been stored, and its origin may not know it yet: to its repeat, "no such mailbox" would be
//! read as "not delivered". All keys are remembered, whatever became of them: what a repeat hears must not tell.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use mail::address::Mailbox;
use mail::id::{AccountId, Partition};
use mail::notice::Notice;
use mail::time::Timestamp;

use crate::backend::Tx;
use crate::{Result, Store, StoreError, directory, params, statements};

/// Keys that are read, written or forgotten at once.
const PAGE: usize = 200;
/// A key's row, roughly: for the size of a transaction.
const ROW_OCTETS: usize = 256;

statements! {
    KEYS = "SELECT origin, id, recipient_key, recipient, expires FROM arrival WHERE part = ?1 AND account = ?2 \
            AND (origin, id, recipient_key) > (?3, ?4, ?5) ORDER BY origin, id, recipient_key LIMIT ?6";
    REMEMBER = "INSERT INTO former_arrival (part, recipient_key, origin, id, until) VALUES (?1, ?2, ?3, ?4, ?5) \
                ON CONFLICT (part, recipient_key, origin, id) DO NOTHING";
    REMEMBERED = "SELECT until FROM former_arrival WHERE part = ?1 AND recipient_key = ?2 AND origin = ?3 AND id = ?4 AND until > ?5";
    OVER = "SELECT part, recipient_key, origin, id FROM former_arrival WHERE until <= ?1 ORDER BY until, part LIMIT ?2";
    FORGET = "DELETE FROM former_arrival WHERE part = ?1 AND recipient_key = ?2 AND origin = ?3 AND id = ?4 AND until <= ?5";
}

/// What recognises a repeat without its account.
#[derive(Debug, Clone)]
struct Key {
    recipient: String,
    origin: String,
    id: String,
}

/// Which of an account's arrivals are spoken of.
pub(crate) enum Through<'a> {
    /// All.
    AnyName,
    /// Those to recipients who may have been found under this name.
    Name(&'a str),
}

impl Store {
    /// Whether this notice was taken before, for a mailbox that has gone since.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn was_noted(&self, notice: &Notice, now: Timestamp) -> Result<bool> {
        let (recipient, origin, id) = (notice.to.key(), notice.from.domain().clone(), notice.id.clone());
        let look = move |tx: &mut dyn Tx| {
            let found = tx.one(REMEMBERED, params![Partition::of_name(&recipient), &recipient, &origin, &id, now])?;
            Ok(found.is_some())
        };
        self.read(look).await
    }

    /// Forgets the keys of which no repeat can come any more. Returns how many.
    ///
    /// # Errors
    /// The store is not available. What was forgotten is.
    pub async fn sweep_former(&self, now: Timestamp) -> Result<u32> {
        let mut swept = 0;
        loop {
            let page = self.read(move |tx| over(tx, now)).await?;
            let is_last = page.len() < PAGE;
            let forgotten = page.into_iter().map(|(part, Key { recipient, origin, id })| {
                self.write(part, 0, move |tx| tx.execute(FORGET, params![part, &recipient, &origin, &id, now]))
            });
            swept += u32::try_from(try_join_all(forgotten).await?.len()).unwrap_or(u32::MAX);
            if is_last {
                return Ok(swept);
            }
        }
    }

    /// Remembers the notices of an account that is about to lose a name, or all of them.
    pub(crate) async fn remember_notices(&self, account: AccountId, through: Through<'_>) -> Result<()> {
        let memory = self.timers().memory;
        let mut after = Key { recipient: String::new(), origin: String::new(), id: String::new() };
        loop {
            let place = after.clone();
            let page = self.read(move |tx| keys(tx, account, &place)).await?;
            let Some((last, ..)) = page.last() else { return Ok(()) };
            after = last.clone();
            let is_last = page.len() < PAGE;
            let mut by_part: BTreeMap<Partition, Vec<(Key, Timestamp)>> = BTreeMap::new();
            for (key, recipient, expires) in page {
                let is_spoken_of = match through {
                    Through::AnyName => true,
                    // Postmaster may have been found under any name: the administrator names who that is.
                    Through::Name(name) => is_postmaster(&recipient) || directory::recipient_names(&recipient).any(|one| one == name),
                };
                if is_spoken_of {
                    by_part.entry(Partition::of_name(&key.recipient)).or_default().push((key, expires + memory));
                }
            }
            let remembered = by_part.into_iter().map(|(part, keys)| {
                self.write(part, keys.len() * ROW_OCTETS, move |tx| {
                    keys.iter().try_for_each(|(key, until)| remember(tx, part, key, *until))
                })
            });
            try_join_all(remembered).await?;
            if is_last {
                return Ok(());
            }
        }
    }
}

fn is_postmaster(recipient: &Mailbox) -> bool {
    recipient.local().eq_ignore_ascii_case("postmaster")
}

fn remember(tx: &mut dyn Tx, part: Partition, key: &Key, until: Timestamp) -> Result<()> {
    tx.execute(REMEMBER, params![part, &key.recipient, &key.origin, &key.id, until]).map(drop)
}

fn keys(tx: &mut dyn Tx, account: AccountId, after: &Key) -> Result<Vec<(Key, Mailbox, Timestamp)>> {
    let values = params![Partition::of(account), account, &after.origin, &after.id, &after.recipient, PAGE];
    let rows = tx.query(KEYS, values)?;
    rows.into_iter()
        .map(|mut row| {
            let (origin, id, recipient) = (row.text()?, row.text()?, row.text()?);
            Ok((Key { recipient, origin, id }, row.parsed()?, row.time()?))
        })
        .collect()
}

fn over(tx: &mut dyn Tx, now: Timestamp) -> Result<Vec<(Partition, Key)>> {
    let rows = tx.query(OVER, params![now, PAGE])?;
    rows.into_iter()
        .map(|mut row| {
            let part = u16::try_from(row.int()?).ok().and_then(Partition::new);
            let part = part.ok_or_else(|| StoreError::Damaged("a partition of another number".to_owned()))?;
            Ok((part, Key { recipient: row.text()?, origin: row.text()?, id: row.text()? }))
        })
        .collect()
}
