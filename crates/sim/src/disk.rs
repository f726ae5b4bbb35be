//! What a simulated server keeps its data on: it can be full, fail to sync, and be put back to an earlier state.
//!
//! Either the database is SQLite in memory, so that a crash loses what was not committed and nothing else. Or it is on a disk
//! that can lose its power (`platter`), opened anew at each start, as production opens it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mail::id::AccountId;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use store::StoreError;
use store::backend::{Access, Backend, Columns, Row, Sql, Trouble, Tx, Value};
use store::sqlite::Sqlite;

use crate::chance::Chance;
use crate::contents::{Contents, Mood};
use crate::network::{Host, Network};
use crate::platter::Platter;

/// What becomes of the transaction whose sync fails. Nobody who is told of the failure can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedSync {
    /// It is gone.
    Lost,
    /// It is durable all the same.
    Durable,
}

/// Which disks the servers of a simulation get.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Disks {
    /// In memory: what was committed is safe.
    #[default]
    Memory,
    /// That can lose their power, and forget what was not synced.
    Forgetful {
        /// Large contents are in an object store elsewhere.
        is_remote: bool,
        /// They say that they have synced, and have not: a loss must be seen.
        lies: bool,
    },
}

/// How it is with a disk in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Condition {
    #[default]
    Well,
    Full,
    /// So many syncs fail, each like this.
    Failing(u32, FailedSync),
}

/// A server's disk.
pub(crate) struct Disk {
    engine: Engine,
    /// Where large contents are, unless they are files of the disk.
    remote: Option<Arc<InMemory>>,
    mood: Arc<Mutex<Mood>>,
    access: Access,
    /// Operations and syncs that failed, not told yet.
    failures: u64,
}

enum Engine {
    Memory(Box<Sqlite>, Condition),
    Platter(Box<Platter>),
}

/// All that was durable at one moment.
pub(crate) struct Backup {
    remote: Option<InMemory>,
    image: Image,
}

enum Image {
    Memory(Box<Sqlite>),
    Platter(faultdisk::Disk),
}

impl Disk {
    /// A new one; what is in memory has the tables of an empty store.
    pub(crate) fn new(disks: Disks, mut chance: Chance) -> Result<Self, String> {
        let mood = Arc::new(Mutex::new(Mood::well(chance.fork())));
        let (engine, is_remote) = match disks {
            Disks::Memory => {
                let mut database = Sqlite::in_memory().map_err(|error| error.to_string())?;
                store::schema::migrate(&mut database).map_err(|error| error.to_string())?;
                (Engine::Memory(Box::new(database), Condition::Well), true)
            }
            Disks::Forgetful { is_remote, lies } => (Engine::Platter(Box::new(Platter::new(chance, lies)?)), is_remote),
        };
        let remote = is_remote.then(|| Arc::new(InMemory::new()));
        Ok(Self { engine, remote, mood, access: Access::Read, failures: 0 })
    }

    /// The server starts: opens what is there.
    pub(crate) fn open(&mut self) -> Result<(), String> {
        match &mut self.engine {
            Engine::Memory(..) => Ok(()),
            Engine::Platter(platter) => platter.open(),
        }
    }

    /// The server is killed, by `kill`; or the power has failed, and comes back with what was durable.
    pub(crate) fn end(&mut self, kill: impl FnOnce()) -> Result<(), String> {
        match &mut self.engine {
            Engine::Memory(..) => {
                kill();
                Ok(())
            }
            Engine::Platter(platter) => platter.end(kill),
        }
    }

    /// Whether there is power.
    pub(crate) fn is_on(&self) -> bool {
        match &self.engine {
            Engine::Memory(..) => true,
            Engine::Platter(platter) => platter.disk().is_on(),
        }
    }

    /// Where large contents go, as the program that is being started sees it.
    pub(crate) fn contents(&self, network: &Arc<Network>, host: Host) -> Contents {
        let (inner, disk): (Arc<dyn ObjectStore>, _) = match (&self.remote, &self.engine) {
            (Some(remote), _) => (Arc::clone(remote) as Arc<dyn ObjectStore>, None),
            (None, Engine::Platter(platter)) => (Arc::new(platter.contents()), Some(platter.disk().clone())),
            (None, Engine::Memory(..)) => (Arc::new(InMemory::new()), None),
        };
        Contents { inner, mood: Arc::clone(&self.mood), host, network: Arc::downgrade(network), disk }
    }

    /// How its object store is.
    pub(crate) fn mood(&self) -> MutexGuard<'_, Mood> {
        self.mood.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it is full.
    pub(crate) fn fill(&mut self) {
        match &mut self.engine {
            Engine::Memory(_, condition) => *condition = Condition::Full,
            Engine::Platter(platter) => platter.fill(),
        }
    }

    /// So many syncs fail. What becomes of their transactions, a disk that can lose its power decides by itself.
    pub(crate) fn fail_syncs(&mut self, times: u32, what: FailedSync) {
        match &mut self.engine {
            Engine::Memory(_, condition) => *condition = Condition::Failing(times, what),
            Engine::Platter(platter) => platter.fail_syncs(times),
        }
    }

    /// The power fails at the n-th write, change of a name or sync from now; 0: now. Nothing, in memory.
    pub(crate) fn cut_power(&mut self, operations: u64) {
        match &mut self.engine {
            Engine::Platter(platter) if operations == 0 => platter.disk().cut(),
            Engine::Platter(platter) => platter.disk().cut_at(operations),
            Engine::Memory(..) => {}
        }
    }

    /// It is well, and so is the object store.
    pub(crate) fn mend(&mut self) {
        match &mut self.engine {
            Engine::Memory(_, condition) => *condition = Condition::Well,
            Engine::Platter(platter) => platter.disk().mend(),
        }
        let mut mood = self.mood();
        (mood.fails_once_in, mood.slow_millis_max) = (0, 0);
    }

    /// What has failed since this was last asked.
    pub(crate) fn take_failures(&mut self) -> u64 {
        std::mem::take(&mut self.failures)
    }

    /// A copy of all that is durable.
    pub(crate) fn backup(&mut self) -> Result<Backup, String> {
        let image = match &mut self.engine {
            Engine::Memory(database, _) => Image::Memory(Box::new(database.copied().map_err(|error| error.to_string())?)),
            Engine::Platter(platter) => Image::Platter(platter.copied()),
        };
        Ok(Backup { remote: self.remote.as_ref().map(|remote| remote.fork()), image })
    }

    /// Puts back what a backup holds, in place of everything.
    pub(crate) fn restore(&mut self, backup: Backup) -> Result<(), String> {
        self.remote = backup.remote.map(Arc::new);
        match (&mut self.engine, backup.image) {
            (Engine::Platter(platter), Image::Platter(copy)) => platter.put_back(copy)?,
            (engine, Image::Memory(database)) => *engine = Engine::Memory(database, Condition::Well),
            (Engine::Memory(..), Image::Platter(_)) => return Err("a backup of another kind of disk".to_owned()),
        }
        self.mend();
        Ok(())
    }

    fn failed(&mut self, why: &str) -> StoreError {
        self.failures += 1;
        StoreError::Unavailable(why.to_owned())
    }

    /// Does something with the database, and counts if the disk fails at it.
    fn with<T>(&mut self, work: impl FnOnce(&mut Sqlite) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let done = match &mut self.engine {
            Engine::Memory(database, _) => work(database),
            Engine::Platter(platter) => platter.database().ok_or(StoreError::Unavailable("closed".to_owned())).and_then(work),
        };
        let is_failure = matches!(done, Err(StoreError::Unavailable(_) | StoreError::Full(_))) && self.is_on();
        self.failures += u64::from(is_failure);
        done
    }
}

impl Tx for Disk {
    fn execute(&mut self, sql: Sql, params: &[Value<'_>]) -> Result<u64, StoreError> {
        if self.access == Access::Write && matches!(self.engine, Engine::Memory(_, Condition::Full)) {
            return Err(self.failed("the disk is full"));
        }
        self.with(|database| database.execute(sql, params))
    }

    fn query(&mut self, sql: Sql, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        self.with(|database| database.query(sql, params))
    }

    fn each(
        &mut self,
        sql: Sql,
        params: &[Value<'_>],
        take: &mut dyn FnMut(&mut Columns<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.with(|database| database.each(sql, params, take))
    }

    fn touch(&mut self, account: AccountId) {
        let noted = self.with(|database| {
            database.touch(account);
            Ok(())
        });
        drop(noted);
    }
}

impl Backend for Disk {
    fn begin(&mut self, access: Access) -> Result<(), StoreError> {
        self.access = access;
        self.with(|database| database.begin(access))
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        if self.access == Access::Write
            && let Engine::Memory(database, condition) = &mut self.engine
            && let Condition::Failing(times, what) = *condition
        {
            *condition = if times > 1 { Condition::Failing(times - 1, what) } else { Condition::Well };
            match what {
                FailedSync::Lost => database.rollback(),
                FailedSync::Durable => database.commit()?,
            }
            return Err(self.failed("fsync: input/output error"));
        }
        self.with(Backend::commit)
    }

    fn rollback(&mut self) {
        // Nothing is under way in a database that is closed.
        let done = self.with(|database| {
            database.rollback();
            Ok(())
        });
        drop(done);
    }

    fn touched(&mut self) -> BTreeSet<AccountId> {
        self.with(|database| Ok(database.touched())).unwrap_or_default()
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn trouble(&mut self) -> Trouble {
        Trouble::None
    }

    fn run_script(&mut self, script: &str) -> Result<(), StoreError> {
        self.with(|database| database.run_script(script))
    }

    fn prepare(&mut self, sql: Sql) -> Result<(), StoreError> {
        self.with(|database| database.prepare(sql))
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
                objects: disk.remote.clone().unwrap(),
                host: "mx.a.test".parse().unwrap(),
                timers: Arc::default(),
                quota: store::quota::Quota::default(),
            },
        )
    }

    fn new(disks: Disks) -> Disk {
        let mut disk = Disk::new(disks, Chance::new(1)).unwrap();
        disk.open().unwrap();
        disk
    }

    const FORGETFUL: Disks = Disks::Forgetful { is_remote: true, lies: false };

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

    fn is_noted(store: &Store, disk: &mut Disk) -> bool {
        answer(store, disk, store.last_seen()).unwrap().restored
    }

    #[test]
    fn a_full_disk_refuses_and_a_failed_sync_leaves_what_it_leaves() {
        let mut disk = new(Disks::Memory);
        let store = store_on(&disk);
        disk.fill();
        assert!(answer(&store, &mut disk, store.note_restore()).is_err());
        for (what, is_there) in [(FailedSync::Lost, false), (FailedSync::Durable, true)] {
            disk.fail_syncs(1, what);
            assert!(answer(&store, &mut disk, store.note_restore()).is_err());
            let mut copy = new(Disks::Memory);
            copy.restore(disk.backup().unwrap()).unwrap();
            assert_eq!(is_noted(&store, &mut copy), is_there, "{what:?}");
        }
        assert_eq!(disk.take_failures(), 3);
        assert!(answer(&store, &mut disk, store.note_restore()).is_ok());
    }

    #[test]
    fn a_disk_that_lost_its_power_has_what_was_answered_for_unless_it_lies() {
        for (lies, is_there) in [(false, true), (true, false)] {
            let mut disk = new(Disks::Forgetful { is_remote: true, lies });
            let store = store_on(&disk);
            answer(&store, &mut disk, store.note_restore()).unwrap();
            disk.cut_power(0);
            assert!(answer(&store, &mut disk, store.forget_restore()).is_err());
            assert!(!disk.is_on());
            disk.end(|| {}).unwrap();
            disk.open().unwrap();
            assert_eq!(is_noted(&store, &mut disk), is_there, "{lies}");
        }
    }

    #[test]
    fn a_killed_program_leaves_what_it_had_written_and_a_backup_what_was_there() {
        let mut disk = new(FORGETFUL);
        let store = store_on(&disk);
        let backup = disk.backup().unwrap();
        answer(&store, &mut disk, store.note_restore()).unwrap();
        disk.end(|| {}).unwrap();
        disk.open().unwrap();
        assert!(is_noted(&store, &mut disk));
        disk.end(|| {}).unwrap();
        disk.restore(backup).unwrap();
        disk.open().unwrap();
        assert!(!is_noted(&store, &mut disk));
    }

    #[test]
    fn a_disk_that_loses_power_can_be_full_and_fail_to_sync_too() {
        let mut disk = new(FORGETFUL);
        let store = store_on(&disk);
        disk.fail_syncs(2, FailedSync::Lost);
        assert!(answer(&store, &mut disk, store.note_restore()).is_err());
        disk.mend();
        disk.fill();
        let writes = |disk: &mut Disk| {
            answer(&store, disk, store.note_restore())?;
            answer(&store, disk, store.forget_restore())
        };
        assert!((0..50).any(|_| writes(&mut disk).is_err()));
        disk.mend();
        assert!(answer(&store, &mut disk, store.note_restore()).is_ok());
        assert_eq!(disk.take_failures(), 2);
    }
}
