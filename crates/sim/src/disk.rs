//! What a simulated server keeps its data on: it can be full, fail to sync, and be put back to an earlier state.
//!
//! The database is SQLite in memory, so a crash loses what was not committed and nothing else. A layer below SQLite that
//! loses what was not synced takes its place here: whatever is a [`Backend`] and can be copied.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use store::StoreError;
use store::backend::{Access, Backend, Row, Sql, Trouble, Tx, Value};
use store::sqlite::Sqlite;

/// What becomes of the transaction whose sync fails. Nobody who is told of the failure can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedSync {
    /// It is gone.
    Lost,
    /// It is durable all the same.
    Durable,
}

/// How it is with a disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Condition {
    #[default]
    Well,
    Full,
    /// So many syncs fail, each like this.
    Failing(u32, FailedSync),
}

/// A server's disk.
pub(crate) struct Disk {
    database: Sqlite,
    objects: Arc<InMemory>,
    condition: Condition,
    access: Access,
    /// Operations and syncs that failed, not told yet.
    failures: u64,
}

/// All that was durable at one moment.
pub(crate) struct Backup {
    database: Sqlite,
    objects: InMemory,
}

impl Disk {
    /// A new one, with the tables of an empty store.
    pub(crate) fn new() -> Result<Self, String> {
        let mut database = Sqlite::in_memory().map_err(|error| error.to_string())?;
        store::schema::migrate(&mut database).map_err(|error| error.to_string())?;
        let objects = Arc::new(InMemory::new());
        Ok(Self { database, objects, condition: Condition::Well, access: Access::Read, failures: 0 })
    }

    /// Where large contents go.
    pub(crate) fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.objects) as Arc<dyn ObjectStore>
    }

    /// From now on it is like this.
    pub(crate) fn set_condition(&mut self, condition: Condition) {
        self.condition = condition;
    }

    /// What has failed since this was last asked.
    pub(crate) fn take_failures(&mut self) -> u64 {
        std::mem::take(&mut self.failures)
    }

    /// A copy of all that is durable.
    pub(crate) fn backup(&self) -> Result<Backup, String> {
        let database = self.database.copied().map_err(|error| error.to_string())?;
        Ok(Backup { database, objects: self.objects.fork() })
    }

    /// Puts back what a backup holds, in place of everything.
    pub(crate) fn restore(&mut self, backup: Backup) {
        self.database = backup.database;
        self.objects = Arc::new(backup.objects);
        self.condition = Condition::Well;
    }

    fn failed(&mut self, why: &str) -> StoreError {
        self.failures += 1;
        StoreError::Unavailable(why.to_owned())
    }
}

impl Tx for Disk {
    fn execute(&mut self, sql: Sql, params: &[Value<'_>]) -> Result<u64, StoreError> {
        if self.condition == Condition::Full && self.access == Access::Write {
            return Err(self.failed("the disk is full"));
        }
        self.database.execute(sql, params)
    }

    fn query(&mut self, sql: Sql, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        self.database.query(sql, params)
    }
}

impl Backend for Disk {
    fn begin(&mut self, access: Access) -> Result<(), StoreError> {
        self.access = access;
        self.database.begin(access)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        if self.access == Access::Write
            && let Condition::Failing(times, what) = self.condition
        {
            self.condition = if times > 1 { Condition::Failing(times - 1, what) } else { Condition::Well };
            match what {
                FailedSync::Lost => self.database.rollback(),
                FailedSync::Durable => self.database.commit()?,
            }
            return Err(self.failed("fsync: input/output error"));
        }
        self.database.commit()
    }

    fn rollback(&mut self) {
        self.database.rollback();
    }

    fn trouble(&mut self) -> Trouble {
        self.database.trouble()
    }

    fn run_script(&mut self, script: &str) -> Result<(), StoreError> {
        self.database.run_script(script)
    }

    fn prepare(&mut self, sql: Sql) -> Result<(), StoreError> {
        self.database.prepare(sql)
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use store::queue::live;
    use store::{Store, Surroundings};

    use super::*;

    fn store_on(disk: &Disk) -> Store {
        Store::new(
            1,
            Surroundings {
                clock: Arc::new(|| mail::time::Timestamp::EPOCH),
                entropy: Arc::new(|| [0; 16]),
                objects: disk.objects(),
                host: "mx.a.test".parse().unwrap(),
                timers: Arc::default(),
            },
        )
    }

    /// What an operation says.
    fn answer<T>(store: &Store, disk: &mut Disk, operation: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let mut operation = std::pin::pin!(operation);
        let mut context = Context::from_waker(Waker::noop());
        assert!(operation.as_mut().poll(&mut context).is_pending());
        store.drain(disk, &mut live);
        match operation.as_mut().poll(&mut context) {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("no answer"),
        }
    }

    #[test]
    fn a_full_disk_refuses_and_a_failed_sync_leaves_what_it_leaves() {
        let mut disk = Disk::new().unwrap();
        let store = store_on(&disk);
        disk.set_condition(Condition::Full);
        assert!(answer(&store, &mut disk, store.note_restore()).is_err());
        for (what, is_there) in [(FailedSync::Lost, false), (FailedSync::Durable, true)] {
            disk.set_condition(Condition::Failing(1, what));
            assert!(answer(&store, &mut disk, store.note_restore()).is_err());
            let mut copy = Disk::new().unwrap();
            copy.restore(disk.backup().unwrap());
            assert_eq!(answer(&store, &mut copy, store.last_seen()).unwrap().restored, is_there, "{what:?}");
        }
        assert_eq!(disk.take_failures(), 3);
        assert!(answer(&store, &mut disk, store.note_restore()).is_ok());
    }
}
