//! What a backup and a restore ask of a store: nothing is swept meanwhile, a snapshot of the database, and a store that
//! knows that it is not the one its clients have seen.

use std::collections::BTreeMap;
use std::path::Path;

use mail::digest::ContentDigest;
use mail::time::Timestamp;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::backend::Tx;
use crate::check::objects::OBJECTS_NAMED;
use crate::lease::{meta, set_meta, zero};
use crate::sqlite::{Sqlite, SqliteFile, failed};
use crate::{Result, Store, StoreError, params, statements};

statements! {
    /// RFC 9051 section 2.3.1.1: greater than any that clients have seen for the same name.
    RENEW = "UPDATE mailbox SET uidvalidity = CASE WHEN uidvalidity >= ?1 THEN uidvalidity + 1 ELSE ?1 END WHERE part >= 0";
    RENEW_GIVEN = "UPDATE account SET uidvalidity = CASE WHEN uidvalidity >= ?1 THEN uidvalidity + 1 ELSE ?1 END WHERE part >= 0";
    RELAYING = "SELECT COUNT(*) FROM transfer WHERE stage = 'relaying'";
}

/// Until when no object is removed, in the store's own facts.
const HELD: &str = "objects-held-until";

/// Pages copied between two words on how far it is.
const PAGES_AT_ONCE: i32 = 2_000;

/// What was changed in a store that was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewed {
    /// Mailboxes whose UIDs count anew.
    pub mailboxes: u64,
    /// Transfers that were on their way by ordinary SMTP: they may arrive twice.
    pub relaying: u64,
}

/// An object that a snapshot names: its size, and its digest where its row has one.
pub type NamedObject = (u64, Option<ContentDigest>);

impl Store {
    /// From now on, and until then, no object is removed: a backup copies what its snapshot names. A later call counts.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn hold_objects(&self, until: Timestamp) -> Result<()> {
        self.write(zero(), 0, move |tx| set_meta(tx, HELD, &until.to_string())).await
    }

    /// Whether a backup holds the objects now.
    pub(crate) async fn are_objects_held(&self) -> Result<bool> {
        let until = self.read(|tx: &mut dyn Tx| meta(tx, HELD)).await?;
        Ok(until.and_then(|until| until.parse::<Timestamp>().ok()).is_some_and(|until| until > self.now()))
    }

    /// After a restore: the UIDs of every mailbox count anew, and the next start asks elsewhere for what was lost. To be
    /// called before anybody works with the store. Repeatable.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn renew_after_restore(&self) -> Result<Renewed> {
        let seconds = (self.now().as_millis() / 1000).clamp(1, i64::from(u32::MAX));
        let renew = move |tx: &mut dyn Tx| {
            let mailboxes = tx.execute(RENEW, params![seconds])?;
            tx.execute(RENEW_GIVEN, params![seconds])?;
            Ok(Renewed { mailboxes, relaying: tx.one(RELAYING, params![])?.map_or(Ok(0), |mut row| row.count())? })
        };
        let renewed = self.write_whole(renew).await?;
        self.note_restore().await?;
        Ok(renewed)
    }
}

/// Copies a SQLite database that others are working with, as it is at one moment, to a file that is not there yet. `told`
/// hears how many pages are copied, and of how many. The copy is whole and durable when this returns.
///
/// # Errors
/// The database cannot be read, the file not be written, or the copy is damaged.
pub fn snapshot(from: &SqliteFile, to: &Path, told: &mut dyn FnMut(u64, u64)) -> Result<()> {
    let unwritable = |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", to.display()));
    let source = Sqlite::connect(from, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // One snapshot from the first page to the last, whatever is written meanwhile; writers do not wait for it.
    source.execute_batch("BEGIN; SELECT COUNT(*) FROM migration;").map_err(failed)?;
    let mut copy = Connection::open(to).map_err(failed)?;
    {
        let backup = Backup::new(&source, &mut copy).map_err(failed)?;
        while backup.step(PAGES_AT_ONCE).map_err(failed)? != StepResult::Done {
            let progress = backup.progress();
            let [total, left] = [progress.pagecount, progress.remaining].map(|pages| u64::try_from(pages).unwrap_or(0));
            told(total.saturating_sub(left), total);
        }
    }
    source.execute_batch("COMMIT").map_err(failed)?;
    // One file, without a journal beside it.
    let mode: String = copy.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0)).map_err(failed)?;
    let found: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if mode != "delete" || found != "ok" {
        return Err(StoreError::Damaged(format!("the copy of the database: {found} (journal {mode})")));
    }
    copy.close().map_err(|(_connection, error)| failed(error))?;
    std::fs::File::open(to).and_then(|file| file.sync_all()).map_err(unwritable)
}

/// The objects that a snapshot names.
///
/// # Errors
/// It cannot be read.
pub fn objects_of(snapshot: &Path) -> Result<BTreeMap<String, NamedObject>> {
    let connection = Connection::open_with_flags(snapshot, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    let mut objects = BTreeMap::new();
    let mut add = |object: String, size_octets: i64, digest: Option<[u8; 32]>| {
        objects.insert(object, (u64::try_from(size_octets).unwrap_or(0), digest.map(ContentDigest::from_bytes)));
    };
    let [named, partial] = OBJECTS_NAMED;
    let mut named = connection.prepare(named.text()).map_err(failed)?;
    let mut rows = named.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        add(row.get(0).map_err(failed)?, row.get(1).map_err(failed)?, Some(row.get(2).map_err(failed)?));
    }
    let mut partial = connection.prepare(partial.text()).map_err(failed)?;
    let mut rows = partial.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        add(row.get(0).map_err(failed)?, row.get(1).map_err(failed)?, None);
    }
    Ok(objects)
}
