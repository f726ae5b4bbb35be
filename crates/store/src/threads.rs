//! The threads that own the databases' connections, and the opening of a store for a server.

use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::backend::{Access, Backend};
use crate::postgres::{Postgres, PostgresUrl};
use crate::queue::{Queue, Waited, drain, live};
use crate::sqlite::{Sqlite, SqliteFile};
use crate::watch::Sharing;
use crate::{OpenError, Store, StoreError, Surroundings, lease, schema, sqlite};

/// A connection that has nothing to do for so long gives back the memory that makes it quick. (Those that read are asked every
/// second what is due.)
const RELEASED_AFTER: Duration = Duration::from_secs(5);

/// Threads that read from SQLite: as many as there are people who look at once on a small server.
const SQLITE_READERS: usize = 2;

/// Which database, and where.
#[derive(Debug, Clone)]
pub enum Database {
    /// In a file of its own.
    Sqlite(SqliteFile),
    /// At a server, over so many connections that write and as many that read.
    Postgres {
        /// `postgresql://user:password@host/database?sslmode=...&schema=...`
        url: String,
        /// At least one.
        lanes: usize,
    },
}

/// One transaction that was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Whether it wrote.
    pub access: Access,
    /// The operations that shared it.
    pub operations: usize,
    /// From its begin to the end of its commit.
    pub took: Duration,
}

/// Told of every batch, on the thread that carried it out: it must be quick.
pub type Observer = dyn Fn(Batch) + Send + Sync;

/// Threads that carry out what a store's queues hold.
pub struct Threads {
    observer: Arc<OnceLock<Box<Observer>>>,
    queues: Vec<Arc<Queue>>,
    handles: Vec<JoinHandle<()>>,
}

/// Opens a store: brings its schema up to date, and starts the threads that work for it.
///
/// # Errors
/// The database cannot be opened, is open elsewhere, or was written by a newer program.
pub fn open(database: &Database, surroundings: Surroundings) -> Result<(Store, Threads), OpenError> {
    match database {
        Database::Sqlite(file) => {
            let writer = open_writer(file)?;
            let readers = (0..SQLITE_READERS).map(|_reader| Sqlite::open_reader(file)).collect::<Result<Vec<_>, _>>()?;
            start(vec![writer], readers, surroundings, Sharing::Alone)
        }
        Database::Postgres { url, lanes } => {
            // The client must not be used on a thread of an asynchronous runtime, and whoever calls may be on one.
            let opened = std::thread::scope(|scope| scope.spawn(|| open_postgres(url, *lanes, surroundings)).join());
            opened.unwrap_or_else(|_panic| Err(StoreError::Damaged("opening the database panicked".to_owned()).into()))
        }
    }
}

/// Opens a SQLite database to write to, as a server does when it starts.
///
/// # Errors
/// It cannot be opened, is open elsewhere, or was written by a newer program.
pub fn open_writer(file: &SqliteFile) -> Result<Sqlite, OpenError> {
    let mut writer = Sqlite::open(file)?;
    schema::migrate(&mut writer)?;
    lease::void(&mut writer)?;
    sqlite::sync_names(file)?;
    Ok(writer)
}

fn open_postgres(url: &str, lanes: usize, surroundings: Surroundings) -> Result<(Store, Threads), OpenError> {
    let url = PostgresUrl::parse(url)?;
    let mut first = Postgres::new(&url);
    schema::migrate(&mut first)?;
    let lanes = lanes.max(1);
    let writers = std::iter::once(first).chain((1..lanes).map(|_lane| Postgres::new(&url)));
    let readers = (0..lanes).map(|_lane| Postgres::new(&url)).collect();
    start(writers.collect(), readers, surroundings, Sharing::Shared)
}

fn start<B: Backend + 'static>(
    writers: Vec<B>,
    readers: Vec<B>,
    surroundings: Surroundings,
    sharing: Sharing,
) -> Result<(Store, Threads), OpenError> {
    let store = Store::of(writers.len(), surroundings, sharing);
    let mut threads = Threads { observer: Arc::default(), queues: Vec::new(), handles: Vec::new() };
    let lanes = store.writes().iter().cloned().zip(writers);
    let lanes = lanes.chain(readers.into_iter().map(|reader| (Arc::clone(store.reads()), reader)));
    for (queue, backend) in lanes.collect::<Vec<_>>() {
        threads.queues.push(Arc::clone(&queue));
        let observer = Arc::clone(&threads.observer);
        let work = move || work(&queue, backend, &observer);
        let spawned = std::thread::Builder::new().name("store".to_owned()).spawn(work);
        threads.handles.push(spawned.map_err(|error| StoreError::Unavailable(format!("no thread for it: {error}")))?);
    }
    Ok((store, threads))
}

#[expect(clippy::disallowed_methods, reason = "a thread of a real server; the simulation drains the queues itself")]
fn work<B: Backend>(queue: &Queue, mut backend: B, observer: &OnceLock<Box<Observer>>) {
    let mut is_released = false;
    loop {
        match queue.wait(if is_released { None } else { Some(RELEASED_AFTER) }) {
            Waited::Arrived => is_released = false,
            Waited::InVain => {
                backend.release_memory();
                is_released = true;
                continue;
            }
            Waited::Closed => return,
        }
        let begun = Instant::now();
        let operations = drain(queue, &mut backend, &mut live);
        if let Some(observer) = observer.get().filter(|_| operations > 0) {
            observer(Batch { access: queue.access(), operations, took: begun.elapsed() });
        }
    }
}

impl Threads {
    /// Has this observer told of every batch from now on. A second one is not heard.
    pub fn watch(&self, observer: impl Fn(Batch) + Send + Sync + 'static) {
        if self.observer.set(Box::new(observer)).is_err() {
            tracing::debug!("the threads of this store are watched already");
        }
    }

    /// Carries out what waits, takes no more, and ends the threads. The database is closed then.
    ///
    /// # Errors
    /// A thread ended by a panic: a bug.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.queues.iter().for_each(|queue| queue.close());
        let ended: Vec<_> = self.handles.drain(..).map(JoinHandle::join).collect();
        let all_well = ended.iter().all(Result::is_ok);
        if all_well { Ok(()) } else { Err(StoreError::Damaged("a thread of the store panicked".to_owned())) }
    }
}

impl Drop for Threads {
    /// Threads that nobody closed end when they have carried out what waits.
    fn drop(&mut self) {
        self.queues.iter().for_each(|queue| queue.close());
    }
}
