//! SQLite, in this process: one file (and its journal), one writer, any number of readers.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mail::id::AccountId;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use crate::backend::{Access, Backend, Columns, Row, Sql, Trouble, Tx, Value};
use crate::{OpenError, StoreError};

/// How long a connection waits for another one's lock; ours never hold one for long.
const BUSY_MILLIS: u64 = 5_000;
/// Pages the writer keeps: keys are spread over all partitions, so a batch touches many pages, and with SQLite's own
/// 2 MiB it wrote them to the journal and read them back within one transaction (a third of a notice's cost).
const WRITER_CACHE_KIB: i64 = 65_536;
/// Pages a reader keeps.
const READER_CACHE_KIB: i64 = 16_384;
/// Statements kept prepared for each connection; more than we have.
const STATEMENTS_MAX: usize = 256;
/// Octets of the journal that are written again at once.
const REWRITTEN_AT_ONCE: usize = 1 << 20;

/// A connection to a SQLite database.
pub struct Sqlite {
    connection: Connection,
    /// By the transaction under way.
    touched: BTreeSet<AccountId>,
    /// Held while the database is open, by its writer.
    _lock: Option<File>,
}

/// Where a SQLite database is, and through which file layer.
#[derive(Debug, Clone)]
pub struct SqliteFile {
    /// The database; its lock and journal stand beside it.
    pub path: PathBuf,
    /// Instead of the system's own files: for tests that lose what was not synced.
    pub layer: Option<FileLayer>,
}

/// Something done to a file.
pub type Act = dyn Fn(&Path) -> std::io::Result<()> + Send + Sync;

/// A file layer registered with SQLite.
#[derive(Clone)]
pub struct FileLayer {
    /// Its name.
    pub vfs: String,
    /// Writes all octets of a file again, if it is there, and syncs it.
    pub rewrite: Arc<Act>,
    /// Syncs the directory of a file.
    pub sync_names: Arc<Act>,
}

impl std::fmt::Debug for FileLayer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.vfs)
    }
}

impl SqliteFile {
    /// At this path, in the system's files.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), layer: None }
    }
}

impl Sqlite {
    /// Opens, or makes, a database to write to. No other process can while it is open.
    ///
    /// # Errors
    /// Another process has it open, or it cannot be opened.
    pub fn open(file: &SqliteFile) -> Result<Self, OpenError> {
        // Nobody else can have what a layer holds: it lives in this process.
        let lock = if file.layer.is_none() { Some(lock(&file.path)?) } else { None };
        rewrite_journal(file)?;
        let connection = Self::connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        // page_size first: it counts only before the file has a page. FULL: a commit returns when it is on the disk.
        let settings = "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;";
        connection.execute_batch(settings).map_err(failed)?;
        connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB).map_err(failed)?;
        Ok(Self { connection, touched: BTreeSet::new(), _lock: lock })
    }

    /// Opens a database that [`Sqlite::open`] has open, to read.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open_reader(file: &SqliteFile) -> Result<Self, OpenError> {
        let connection = Self::connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.execute_batch("PRAGMA query_only = 1;").map_err(failed)?;
        connection.pragma_update(None, "cache_size", -READER_CACHE_KIB).map_err(failed)?;
        Ok(Self { connection, touched: BTreeSet::new(), _lock: None })
    }

    /// A database in memory: gone with this value.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn in_memory() -> Result<Self, OpenError> {
        let connection = Connection::open_in_memory().map_err(failed)?;
        keep_statements(&connection)?;
        Ok(Self { connection, touched: BTreeSet::new(), _lock: None })
    }

    /// A copy of what is committed, in memory.
    ///
    /// # Errors
    /// It cannot be read, or there is no memory for it.
    pub fn copied(&self) -> Result<Self, OpenError> {
        let mut copy = Self::in_memory()?;
        let backup = Backup::new(&self.connection, &mut copy.connection).map_err(failed)?;
        // All pages at once.
        let copied = backup.step(-1).map_err(failed)?;
        drop(backup);
        match copied {
            StepResult::Done => Ok(copy),
            _ => Err(StoreError::Unavailable("a transaction is under way".to_owned()).into()),
        }
    }

    pub(crate) fn connect(file: &SqliteFile, flags: OpenFlags) -> Result<Connection, StoreError> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = match &file.layer {
            Some(layer) => Connection::open_with_flags_and_vfs(&file.path, flags, layer.vfs.as_str()),
            None => Connection::open_with_flags(&file.path, flags),
        };
        let connection = opened.map_err(failed)?;
        connection.busy_timeout(std::time::Duration::from_millis(BUSY_MILLIS)).map_err(failed)?;
        keep_statements(&connection)?;
        Ok(connection)
    }
}

/// A statement is prepared once for a connection. Unless it is told to plan for any values, SQLite plans with those bound
/// to LIMIT and to the columns of an index, and prepares the statement again when they change.
fn keep_statements(connection: &Connection) -> Result<(), StoreError> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop).map_err(failed)
}

/// Has the names of the database and its journal on the disk, now that both are there.
pub(crate) fn sync_names(file: &SqliteFile) -> Result<(), StoreError> {
    let folder = match file.path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    };
    let synced = match &file.layer {
        Some(layer) => (layer.sync_names)(&file.path),
        None => File::open(folder).and_then(|folder| folder.sync_all()),
    };
    synced.map_err(|error| StoreError::Unavailable(format!("{}: {error}", folder.display())))
}

/// Writes again what the last process left in the journal, and syncs it. If a sync of that process failed, Linux has dropped
/// what it could not write and still shows it to whoever reads: recovery would take a transaction for durable that no disk
/// has, and the next ones would be lost with it. Nothing was acknowledged on it, and it must be there or not.
fn rewrite_journal(file: &SqliteFile) -> Result<(), StoreError> {
    let mut name = file.path.as_os_str().to_owned();
    name.push("-wal");
    let journal = Path::new(&name);
    let rewritten = match &file.layer {
        Some(layer) => (layer.rewrite)(journal),
        None => rewrite(journal),
    };
    rewritten.map_err(|error| StoreError::Unavailable(format!("{}: {error}", journal.display())))
}

fn rewrite(path: &Path) -> std::io::Result<()> {
    let file = match File::options().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut piece = vec![0; REWRITTEN_AT_ONCE];
    let mut offset = 0;
    loop {
        let count = file.read_at(&mut piece, offset)?;
        let Some(octets) = piece.get(..count).filter(|octets| !octets.is_empty()) else { break };
        file.write_all_at(octets, offset)?;
        offset += count as u64;
    }
    if offset == 0 { Ok(()) } else { file.sync_all() }
}

/// Takes the lock beside the database. The system frees it when the process ends, however it ends.
fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let unavailable = |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", Path::new(&name).display()));
    let file = File::options().create(true).truncate(false).write(true).open(&name).map_err(unavailable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(path.display().to_string())),
        Err(TryLockError::Error(error)) => Err(unavailable(error).into()),
    }
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(value) => ValueRef::Integer(*value),
            Value::Text(value) => ValueRef::Text(value.as_bytes()),
            Value::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

/// A column where it lies.
fn value(found: ValueRef<'_>) -> Result<Value<'_>, StoreError> {
    Ok(match found {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Blob(value) => Value::Blob(value.into()),
        ValueRef::Text(value) => {
            let text = std::str::from_utf8(value);
            Value::Text(text.map_err(|error| StoreError::Damaged(format!("a column holds text that is not UTF-8: {error}")))?.into())
        }
        ValueRef::Real(value) => return Err(StoreError::Damaged(format!("a column holds {value}, where we write no fractions"))),
    })
}

/// What the disk would not do, where SQLite says only that it is a "disk I/O error".
fn in_words(error: &rusqlite::Error) -> String {
    let extended = error.sqlite_error().map_or(ffi::SQLITE_OK, |error| error.extended_code);
    let what = match extended {
        ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_SHORT_READ => "reading",
        ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_TRUNCATE => "writing",
        ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC => "making it durable",
        _ => return error.to_string(),
    };
    format!("{error}: {what} failed")
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn failed(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        // A statement the engine does not understand, or that breaks a key, is our mistake and stays one.
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation | ErrorCode::Unknown) | None => {
            StoreError::Damaged(error.to_string())
        }
        Some(ErrorCode::DiskFull) => StoreError::Full(error.to_string()),
        Some(_busy_or_away) => StoreError::Unavailable(in_words(&error)),
    }
}

impl Tx for Sqlite {
    fn execute(&mut self, sql: Sql, params: &[Value<'_>]) -> Result<u64, StoreError> {
        let mut statement = self.connection.prepare_cached(sql.text()).map_err(failed)?;
        let touched = statement.execute(rusqlite::params_from_iter(params)).map_err(failed)?;
        Ok(touched as u64)
    }

    fn query(&mut self, sql: Sql, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql.text()).map_err(failed)?;
        let columns = statement.column_count();
        let mut found = statement.query(rusqlite::params_from_iter(params)).map_err(failed)?;
        let mut rows = Vec::new();
        while let Some(row) = found.next().map_err(failed)? {
            let values = (0..columns).map(|column| value(row.get_ref(column).map_err(failed)?).map(Value::into_owned));
            rows.push(Row::new(values.collect::<Result<_, _>>()?));
        }
        Ok(rows)
    }

    fn each(
        &mut self,
        sql: Sql,
        params: &[Value<'_>],
        take: &mut dyn FnMut(&mut Columns<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(sql.text()).map_err(failed)?;
        let columns = statement.column_count();
        let mut found = statement.query(rusqlite::params_from_iter(params)).map_err(failed)?;
        while let Some(row) = found.next().map_err(failed)? {
            let mut values = Vec::with_capacity(columns);
            for column in 0..columns {
                values.push(value(row.get_ref(column).map_err(failed)?)?);
            }
            take(&mut Columns::new(values))?;
        }
        Ok(())
    }

    fn touch(&mut self, account: AccountId) {
        self.touched.insert(account);
    }
}

impl Sqlite {
    /// Runs what begins or ends a transaction: prepared once, as all statements are.
    fn control(&self, statement: &str) -> Result<(), StoreError> {
        self.connection.prepare_cached(statement).and_then(|mut statement| statement.execute([])).map(drop).map_err(failed)
    }
}

impl Backend for Sqlite {
    fn begin(&mut self, access: Access) -> Result<(), StoreError> {
        self.touched.clear();
        self.control(match access {
            Access::Read => "BEGIN",
            Access::Write => "BEGIN IMMEDIATE",
        })
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.control("COMMIT")
    }

    fn rollback(&mut self) {
        if self.connection.is_autocommit() {
            return;
        }
        if let Err(error) = self.connection.execute_batch("ROLLBACK") {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }

    fn touched(&mut self) -> BTreeSet<AccountId> {
        std::mem::take(&mut self.touched)
    }

    fn is_shared(&self) -> bool {
        // The lock beside the file is ours.
        false
    }

    fn release_memory(&mut self) {
        if let Err(error) = self.connection.execute_batch("PRAGMA shrink_memory") {
            tracing::debug!(%error, "memory was not given back");
        }
    }

    fn trouble(&mut self) -> Trouble {
        // One writer, and readers that never wait for it: there is nobody to be in conflict with.
        Trouble::None
    }

    fn run_script(&mut self, script: &str) -> Result<(), StoreError> {
        self.connection.execute_batch(&script.replace("/* clustered */", "WITHOUT ROWID")).map_err(failed)
    }

    fn prepare(&mut self, sql: Sql) -> Result<(), StoreError> {
        self.connection.prepare(sql.text()).map(drop).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn what_is_asked_for_every_second_is_found_by_an_index() {
        let mut sqlite = Sqlite::in_memory().unwrap();
        crate::schema::migrate(&mut sqlite).unwrap();
        let asked = crate::Store::statements().into_iter().filter(|sql| sql.text().contains("JOIN lease l"));
        let mut count = 0;
        for sql in asked {
            count += 1;
            let mut plan = sqlite.connection.prepare(&format!("EXPLAIN QUERY PLAN {}", sql.text())).unwrap();
            let values = vec![Value::Int(1); plan.parameter_count()];
            let steps: Vec<String> =
                plan.query_map(rusqlite::params_from_iter(&values), |row| row.get(3)).unwrap().map(Result::unwrap).collect();
            assert!(!steps.iter().any(|step| step.starts_with("SCAN")), "{}: {steps:?}", sql.text());
        }
        assert!(count >= 8, "{count}");
    }

    #[test]
    fn no_statement_is_prepared_again_for_other_values() {
        let mut sqlite = Sqlite::in_memory().unwrap();
        crate::schema::migrate(&mut sqlite).unwrap();
        let reads = crate::Store::statements().into_iter().filter(|sql| sql.text().starts_with("SELECT"));
        for sql in reads {
            let mut statement = sqlite.connection.prepare(sql.text()).unwrap();
            for value in [1, 2, 3] {
                let values = vec![Value::Int(value); statement.parameter_count()];
                let mut rows = statement.query(rusqlite::params_from_iter(values)).unwrap();
                while rows.next().unwrap().is_some() {}
            }
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{}", sql.text());
        }
    }
}
