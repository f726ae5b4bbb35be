//! Objects that no row names: noted before they are written, and again when the row that named them lets go.
//!
//! So whatever a crash leaves behind is known, and swept. An object is in exactly one of two places: named by
//! a row, or noted here.

use mail::id::Partition;
use mail::time::Timestamp;

use crate::backend::Tx;
use crate::{Result, Store, StoreError, params, statements};

/// Objects removed between two looks at the table.
const PAGE: usize = 200;

statements! {
    NOTE = "INSERT INTO orphan (part, object, since) VALUES (?1, ?2, ?3) ON CONFLICT (part, object) DO NOTHING";
    ADOPT = "DELETE FROM orphan WHERE part = ?1 AND object = ?2";
    OLD = "SELECT part, object FROM orphan WHERE since < ?1 ORDER BY since, part, object LIMIT ?2";
    /// Marks an object as being removed, so that no row adopts it any more. One that was adopted and let go again since we
    /// looked has its time before it: a backup may have seen it in use.
    CONDEMN = "UPDATE orphan SET since = -1 WHERE part = ?1 AND object = ?2 AND since < ?3";
    CONDEMNED = "SELECT since FROM orphan WHERE part = ?1 AND object = ?2";
}

/// Notes an object that no row names, or none yet.
pub(crate) fn note(tx: &mut dyn Tx, part: Partition, object: &str, now: Timestamp) -> Result<()> {
    tx.execute(NOTE, params![part, object, now]).map(drop)
}

/// A row of this transaction names the object from now on.
///
/// # Errors
/// The object was swept, or is about to be.
pub(crate) fn adopt(tx: &mut dyn Tx, part: Partition, object: &str) -> Result<()> {
    let since = tx.one(CONDEMNED, params![part, object])?.map(|mut row| row.int()).transpose()?;
    if since.is_none_or(|since| since < 0) {
        return Err(StoreError::Unavailable("the content was swept before it was stored; begin anew".to_owned()));
    }
    tx.execute(ADOPT, params![part, object]).map(drop)
}

impl Store {
    /// Removes contents nobody adopted, or everybody freed, before `before`; none while a backup holds them. Returns how
    /// many.
    ///
    /// # Errors
    /// The store is not available; what was removed stays removed.
    pub async fn sweep_orphans(&self, before: Timestamp) -> Result<u32> {
        let mut swept = 0;
        loop {
            if self.are_objects_held().await? {
                return Ok(swept);
            }
            let page = self.read(move |tx| page(tx, before)).await?;
            for (part, object) in &page {
                self.sweep(*part, object, before).await?;
                swept += 1;
            }
            if page.len() < PAGE {
                return Ok(swept);
            }
        }
    }

    /// Three steps, each repeatable: from now on nobody adopts it; it is gone; it is forgotten.
    async fn sweep(&self, part: Partition, object: &str, before: Timestamp) -> Result<()> {
        let name = object.to_owned();
        let condemned = self.write(part, 0, move |tx| tx.execute(CONDEMN, params![part, &name, before])).await?;
        if condemned == 0 {
            // Adopted in the meantime.
            return Ok(());
        }
        self.remove_object(object).await?;
        let name = object.to_owned();
        self.write(part, 0, move |tx| tx.execute(ADOPT, params![part, &name]).map(drop)).await
    }

    pub(crate) async fn note_orphan(&self, part: Partition, object: &str) -> Result<()> {
        let (object, now) = (object.to_owned(), self.now());
        self.write(part, 0, move |tx| note(tx, part, &object, now)).await
    }
}

fn page(tx: &mut dyn Tx, before: Timestamp) -> Result<Vec<(Partition, String)>> {
    let rows = tx.query(OLD, params![before, PAGE])?;
    rows.into_iter()
        .map(|mut row| {
            let part = u16::try_from(row.int()?).ok().and_then(Partition::new);
            Ok((part.ok_or_else(|| StoreError::Damaged("a partition of another number".to_owned()))?, row.text()?))
        })
        .collect()
}
