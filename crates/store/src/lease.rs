//! Who holds a partition's jobs: one row for each partition, with an owner, an epoch, and an end.
//!
//! A partition that changes hands gets an epoch greater than any before, so a job that overslept its lease
//! finds a greater one in the row, and is refused.

use mail::id::Partition;
use mail::time::Timestamp;

use crate::backend::{Access, Backend, Tx};
use crate::{LastSeen, Lease, Result, Store, StoreError, params, statements};

statements! {
    ADD = "INSERT INTO lease (part, owner, epoch, until) SELECT n.part, '', 0, -1 FROM \
           (WITH RECURSIVE all_parts (part) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT part + 1 FROM all_parts WHERE part + 1 < ?1) \
           SELECT part FROM all_parts) AS n WHERE true ON CONFLICT (part) DO NOTHING";
    ROWS = "SELECT COUNT(*) FROM lease";
    STRANGE = "SELECT COUNT(*) FROM lease WHERE owner <> ?1 AND until <= ?2";
    GREATEST = "SELECT COALESCE(MAX(epoch), 0) FROM lease";
    TAKE = "UPDATE lease SET owner = ?1, epoch = ?2, until = ?3 WHERE owner <> ?1 AND until <= ?4";
    RENEW = "UPDATE lease SET until = ?2 WHERE owner = ?1";
    MINE = "SELECT COALESCE(MAX(epoch), 0) FROM lease WHERE owner = ?1";
    RELEASE = "UPDATE lease SET until = -1, owner = '' WHERE owner = ?1 AND epoch <= ?2";
    VOID = "UPDATE lease SET until = -1, owner = '' WHERE part >= 0";
    HOLDER = "SELECT owner, epoch FROM lease WHERE part = ?1";
    SET_META = "INSERT INTO meta (part, name, value) VALUES (0, ?1, ?2) ON CONFLICT (part, name) DO UPDATE SET value = excluded.value";
    META = "SELECT value FROM meta WHERE part = 0 AND name = ?1";
    LAST_KEPT = "SELECT MAX(kept) FROM message";
    CLEAR_META = "DELETE FROM meta WHERE part = 0 AND name = ?1";
}

const SEEN: &str = "last-seen";
const RESTORED: &str = "restored";

/// What it says once the transfers know.
const TOLD: &str = "told";

impl Store {
    /// Takes or renews the lease of every partition that is free, expired or this owner's. Each row stands for
    /// itself: over several databases, each would be asked for its own.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn lease(&self, owner: &str, now: Timestamp, until: Timestamp) -> Result<Lease> {
        let owner = owner.to_owned();
        self.write(zero(), 0, move |tx| take(tx, &owner, now, until)).await
    }

    /// Gives the partitions back, so that another node need not wait for the lease to end.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn release(&self, lease: &Lease) -> Result<()> {
        let lease = lease.clone();
        self.write(zero(), 0, move |tx| tx.execute(RELEASE, params![&lease.owner, lease.epoch]).map(drop)).await
    }

    /// When a node last said that it was alive, before this start; to know how long we were away.
    /// To be asked before the first lease, which says so anew.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn last_seen(&self) -> Result<LastSeen> {
        let seen = |tx: &mut dyn Tx| {
            let at = tx.one(META, params![SEEN])?.map(|mut row| row.parsed::<Timestamp>()).transpose()?;
            let restored = meta(tx, RESTORED)?;
            // A mark without a time is from a version that told all.
            let until = |mark: &String| mark.parse().unwrap_or(Timestamp::FAR_FUTURE);
            Ok(LastSeen { at, restored: restored.is_some(), untold: restored.as_ref().filter(|mark| *mark != TOLD).map(until) })
        };
        self.read(seen).await
    }

    /// Says that this store was restored from a backup: what happened since the backup is not known here. It concerns the
    /// messages that are here, by their own times: a clock would say less surely which those are.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn note_restore(&self) -> Result<()> {
        let note = |tx: &mut dyn Tx| {
            let last = tx.one(LAST_KEPT, params![])?.map_or(Ok(None), |mut row| row.time_or_null())?;
            tx.execute(SET_META, params![RESTORED, last.unwrap_or(Timestamp::EPOCH).to_string()]).map(drop)
        };
        self.write(zero(), 0, note).await
    }

    /// Says that every transfer of then was told of the restore: what comes later has nothing to do with it.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn note_restore_told(&self) -> Result<()> {
        self.write(zero(), 0, |tx| tx.execute(SET_META, params![RESTORED, TOLD]).map(drop)).await
    }

    /// Says that everybody was asked for what was lost by the restore.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn forget_restore(&self) -> Result<()> {
        self.write(zero(), 0, |tx| tx.execute(CLEAR_META, params![RESTORED]).map(drop)).await
    }
}

/// Ends every lease: for whoever has locked the database, and so knows that no other process lives.
pub(crate) fn void(backend: &mut dyn Backend) -> Result<()> {
    backend.begin(Access::Write)?;
    backend.execute(VOID, params![])?;
    backend.commit()
}

/// Where the store's facts about itself are.
pub(crate) fn zero() -> Partition {
    Partition::new(0).unwrap_or_else(|| Partition::of_name(""))
}

/// Says something of the store itself.
pub(crate) fn set_meta(tx: &mut dyn Tx, name: &str, value: &str) -> Result<()> {
    tx.execute(SET_META, params![name, value]).map(drop)
}

/// What was said of the store itself.
pub(crate) fn meta(tx: &mut dyn Tx, name: &str) -> Result<Option<String>> {
    tx.one(META, params![name])?.map(|mut row| row.text()).transpose()
}

fn take(tx: &mut dyn Tx, owner: &str, now: Timestamp, until: Timestamp) -> Result<Lease> {
    let rows = tx.one(ROWS, params![])?.map_or(Ok(0), |mut row| row.count())?;
    if rows < u64::from(Partition::COUNT) {
        tx.execute(ADD, params![i64::from(Partition::COUNT)])?;
    }
    tx.execute(RENEW, params![owner, until])?;
    let strange = tx.one(STRANGE, params![owner, now])?.map_or(Ok(0), |mut row| row.count())?;
    if strange > 0 {
        let greatest = tx.one(GREATEST, params![])?.map_or(Ok(0), |mut row| row.int())?;
        tx.execute(TAKE, params![owner, greatest + 1, until, now])?;
    }
    let epoch = tx.one(MINE, params![owner])?.map_or(Ok(0), |mut row| row.int())?;
    tx.execute(SET_META, params![SEEN, now.to_string()])?;
    Ok(Lease { owner: owner.to_owned(), epoch, until })
}

/// A job may write to this partition only while nobody has taken it over.
pub(crate) fn require(tx: &mut dyn Tx, part: Partition, lease: &Lease) -> Result<()> {
    let Some(mut row) = tx.one(HOLDER, params![part])? else { return Err(StoreError::LeaseLost) };
    let (owner, epoch) = (row.text()?, row.int()?);
    if owner == lease.owner && epoch <= lease.epoch { Ok(()) } else { Err(StoreError::LeaseLost) }
}
