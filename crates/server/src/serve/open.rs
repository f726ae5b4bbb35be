//! The data directory and the store in it: opened by one process at a time.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use store::backend::Access;
use store::content::LocalContent;
use store::sqlite::SqliteFile;
use store::threads::{self, Threads};
use store::{OpenError, Store, StoreError, Surroundings};

use super::StartError;
use crate::config::{Config, Database};
use crate::metrics::Metrics;
use crate::real::Machine;

/// Connections that write to PostgreSQL, and as many that read.
const POSTGRES_LANES: usize = 4;

/// Below `data_dir` while a backup is being put in place.
pub(crate) const RESTORING: &str = "restore.tmp";

/// An open store, and the lock on its data directory.
pub struct Opened {
    /// What is durable.
    pub store: Store,
    threads: Threads,
    _lock: File,
}

/// Makes the data directory if there is none, takes its lock, opens the store.
///
/// # Errors
/// Another process has it, or it cannot be opened.
pub async fn open(config: &Config, machine: &Machine) -> Result<Opened, StartError> {
    let directory = &config.data_dir;
    let unusable = |error: std::io::Error| StartError::DataDirectory { directory: directory.clone(), error };
    // 0700: messages, keys and the socket of the command line.
    let private = |path: &Path| DirBuilder::new().recursive(true).mode(0o700).create(path);
    private(directory).map_err(unusable)?;
    let lock = lock(directory)?;
    if directory.join(RESTORING).exists() {
        return Err(unusable(std::io::Error::other("a restore was cut short here; repeat `twoway restore`")));
    }
    let objects = directory.join("content");
    private(&objects).map_err(unusable)?;
    // The lock says that nobody else writes there.
    store::content::remove_staged(&objects).map_err(unusable)?;
    let objects = LocalContent::open(&objects).map_err(|error| unusable(std::io::Error::other(error)))?;
    let (clock, chance) = (machine.clone(), machine.clone());
    let surroundings = Surroundings {
        clock: Arc::new(move || clock.now()),
        entropy: Arc::new(move || {
            let mut octets = [0; 16];
            chance.fill_random(&mut octets);
            octets
        }),
        host: config.hostname.clone(),
        objects: Arc::new(objects),
        timers: Arc::new(config.timers.clone()),
        quota: config.quota,
    };
    let database = match &config.store {
        Database::Sqlite => {
            let file = directory.join("twoway.sqlite");
            // SQLite gives its journals the mode of the database, and the database the mode it has.
            OpenOptions::new().create(true).append(true).mode(0o600).open(&file).map_err(unusable)?;
            threads::Database::Sqlite(SqliteFile::new(file))
        }
        Database::Postgres(url) => threads::Database::Postgres { url: url.clone(), lanes: POSTGRES_LANES },
    };
    let opened = beside(move || threads::open(&database, surroundings)).await;
    let (store, threads) = opened.ok_or_else(|| OpenError::Store(StoreError::Unavailable("opening it panicked".to_owned())))??;
    Ok(Opened { store, threads, _lock: lock })
}

/// Takes the lock of a data directory.
///
/// # Errors
/// Another process has it.
pub(crate) fn lock(directory: &Path) -> Result<File, StartError> {
    let unusable = |error: std::io::Error| StartError::DataDirectory { directory: directory.to_owned(), error };
    let path = directory.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StartError::Locked(directory.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(unusable(error)),
    }
}

impl Opened {
    /// Has everything that the store does counted.
    pub fn count(&self, metrics: Metrics) {
        self.threads.watch(move |batch| {
            let access = match batch.access {
                Access::Read => "read",
                Access::Write => "write",
            };
            metrics.stored(access, batch.operations, batch.took);
        });
    }

    /// Carries out what waits, closes the database, frees the directory.
    pub async fn close(self) {
        let Self { store, threads, _lock } = self;
        drop(store);
        match beside(move || threads.close()).await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::error!(%error, "the store did not close well"),
            None => tracing::error!("closing the store panicked"),
        }
    }
}

/// On a thread of its own: the store blocks, and the PostgreSQL client brings a runtime that must not meet ours.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, result) = tokio::sync::oneshot::channel();
    let spawned = std::thread::Builder::new().name("store-open".to_owned()).spawn(move || {
        if done.send(work()).is_err() {
            tracing::debug!("nobody waited for the store");
        }
    });
    spawned.ok()?;
    result.await.ok()
}
