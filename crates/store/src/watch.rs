//! Who waits for something to happen to an account is told after the commit: its mailboxes, contact attempts, lists and modes,
//! and what became of what it sent.
//!
//! The methods of the store note the accounts they change as they do so ([`Tx::touch`]); those of a transaction are told when
//! it is committed. Where other processes share the store, each transaction also counts in a row of the account, and a
//! node asks once a second for those that somebody waits for.
//!
//! [`Tx::touch`]: crate::backend::Tx::touch

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mail::id::{AccountId, Partition};
use tokio::sync::Notify;

use crate::backend::{Backend, Tx};
use crate::items::{hundred, hundreds};
use crate::{Result, Store, StoreError, params, statements};

statements! {
    // Nothing is counted of an account that is gone: the row would stay.
    BEAT = "INSERT INTO beat (part, account, beats) SELECT part, id, 1 FROM account WHERE part = ?1 AND id = ?2 \
            ON CONFLICT (part, account) DO UPDATE SET beats = beat.beats + 1 RETURNING beats";
    BEATS = concat!("SELECT account, beats FROM beat WHERE account IN (", hundred!(), ")");
}

/// Whether other processes work with the same database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// This one alone.
    Alone,
    /// Any number of them.
    Shared,
}

/// The accounts that somebody waits for.
#[derive(Default)]
pub(crate) struct Watchers {
    watched: Mutex<BTreeMap<AccountId, Watched>>,
}

struct Watched {
    beat: Arc<Beat>,
    /// The count of the account's row, as far as those who wait have been told; none if nobody has looked yet.
    told: Option<i64>,
}

/// How often something happened to an account.
#[derive(Default)]
struct Beat {
    count: AtomicU64,
    happened: Notify,
}

/// Waits for something to happen to an account. It holds no task, and little memory.
pub struct Watch {
    watchers: Arc<Watchers>,
    account: AccountId,
    beat: Arc<Beat>,
    seen: u64,
}

impl Watch {
    /// Returns when something happened since this last returned, or since the watch began; at once if it has already. Look
    /// after it, not before. May be dropped and called again; nothing is missed.
    pub async fn changed(&mut self) {
        loop {
            // First, so that what happens from here on wakes it.
            let happened = self.beat.happened.notified();
            let count = self.beat.count.load(Ordering::Acquire);
            if count != self.seen {
                self.seen = count;
                return;
            }
            happened.await;
        }
    }

    /// Whether [`changed`](Self::changed) would return at once.
    pub fn has_changed(&self) -> bool {
        self.beat.count.load(Ordering::Acquire) != self.seen
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.watchers.lock();
        // The map's and this one: nobody else waits.
        if Arc::strong_count(&self.beat) == 2 {
            watched.remove(&self.account);
        }
    }
}

impl Watchers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<AccountId, Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those who wait. With an account's count, where it has one.
    pub(crate) fn tell(&self, touched: &[(AccountId, Option<i64>)]) {
        if touched.is_empty() {
            return;
        }
        let mut watched = self.lock();
        for (account, count) in touched {
            if let Some(watched) = watched.get_mut(account) {
                if watched.told.is_some() && watched.told == count.map(|count| count - 1) {
                    watched.told = *count;
                }
                watched.beat();
            }
        }
    }
}

impl Watched {
    fn beat(&self) {
        self.beat.count.fetch_add(1, Ordering::AcqRel);
        self.beat.happened.notify_waiters();
    }
}

/// The accounts that the transaction touched, to be told after its commit; counted in it, where other processes ask.
pub(crate) fn touched(backend: &mut dyn Backend) -> Result<Vec<(AccountId, Option<i64>)>> {
    let touched = backend.touched();
    if !backend.is_shared() {
        return Ok(touched.into_iter().map(|account| (account, None)).collect());
    }
    let mut counted = Vec::with_capacity(touched.len());
    for account in touched {
        let mut rows = backend.query(BEAT, params![Partition::of(account), account])?;
        counted.push((account, rows.pop().map(|mut row| row.int()).transpose()?));
    }
    Ok(counted)
}

impl Store {
    /// Begins to wait for something to happen to an account. Begin before you look, and nothing is missed.
    pub fn watch(&self, account: AccountId) -> Watch {
        let watchers = Arc::clone(&self.inner.watchers);
        let mut watched = watchers.lock();
        let entry = watched.entry(account).or_insert_with(|| Watched { beat: Arc::default(), told: None });
        let beat = Arc::clone(&entry.beat);
        drop(watched);
        let seen = beat.count.load(Ordering::Acquire);
        Watch { watchers, account, beat, seen }
    }

    /// Whether other processes may change what is watched: then somebody has to call [`Store::ask_for_watched`] every second.
    pub fn is_shared(&self) -> bool {
        self.inner.sharing == Sharing::Shared
    }

    /// How many accounts are watched.
    pub fn watched(&self) -> usize {
        self.inner.watchers.lock().len()
    }

    /// Asks the database what happened to watched accounts in other processes, and tells those who wait.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn ask_for_watched(&self) -> Result<()> {
        let accounts: Vec<AccountId> = self.inner.watchers.lock().keys().copied().collect();
        if accounts.is_empty() {
            return Ok(());
        }
        let ask = move |tx: &mut dyn Tx| {
            let mut counts = BTreeMap::<AccountId, i64>::new();
            for list in hundreds(&accounts) {
                for mut row in tx.query(BEATS, &list)? {
                    counts.insert(row.parsed()?, row.int()?);
                }
            }
            Ok::<_, StoreError>(accounts.iter().map(|account| (*account, counts.get(account).copied().unwrap_or(0))).collect::<Vec<_>>())
        };
        let counts = self.read(ask).await?;
        let mut watched = self.inner.watchers.lock();
        for (account, count) in counts {
            let Some(watched) = watched.get_mut(&account) else { continue };
            // The first time nobody knows what happened between the beginning of the watch and now. Behind what was told
            // is what was read before it was committed here; an account that is gone has no count any more.
            if watched.told.is_none_or(|told| told < count || told > 0 && count == 0) {
                watched.told = Some(count);
                watched.beat();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_takes_few_octets() {
        let of_one = size_of::<Watch>() + size_of::<Beat>() + 2 * size_of::<usize>() + size_of::<(AccountId, Watched)>();
        assert!(of_one <= 160, "{of_one}");
    }
}
