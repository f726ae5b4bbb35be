//! SQLite on the disk, cut off in the middle of its work.

use faultdisk::vfs::{Registered, register};
use faultdisk::{Disk, Sector};
use rusqlite::{Connection, OpenFlags};

pub(crate) const PATH: &str = "data/test.sqlite";

/// A computer with a database on its disk.
pub(crate) struct Computer {
    pub(crate) disk: Disk,
    layer: Registered,
}

impl Computer {
    pub(crate) fn new(sector: Sector, seed: u64) -> Self {
        let disk = Disk::new(sector, seed);
        let layer = register(&disk).unwrap();
        Self { disk, layer }
    }

    pub(crate) fn open(&self) -> rusqlite::Result<Connection> {
        Connection::open_with_flags_and_vfs(PATH, OpenFlags::default(), self.layer.name().as_str())
    }

    /// A connection with these settings, and a table.
    pub(crate) fn begin(&self, settings: &str) -> rusqlite::Result<Connection> {
        let connection = self.open()?;
        connection.execute_batch(&format!("{settings}; PRAGMA wal_autocheckpoint = 12;"))?;
        connection.execute_batch("CREATE TABLE IF NOT EXISTS line (number INTEGER PRIMARY KEY, text BLOB NOT NULL)")?;
        Ok(connection)
    }
}

pub(crate) fn insert(connection: &Connection, number: u32) -> rusqlite::Result<usize> {
    let text = vec![u8::try_from(number % 251).unwrap(); 200 + number as usize % 7 * 1500];
    connection.execute("INSERT INTO line VALUES (?1, ?2)", (number, text))
}

/// What is wrong with the database after a cut, if so many lines were answered for.
pub(crate) fn lost(computer: &Computer, answered: u32) -> Option<String> {
    let connection = computer.open().unwrap();
    let sound: rusqlite::Result<String> = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0));
    match sound {
        Ok(word) if word == "ok" => {}
        Ok(word) => return Some(word),
        Err(error) => return Some(error.to_string()),
    }
    let counted = connection.query_row("SELECT count(*), coalesce(max(number), 0) FROM line", [], |row| Ok((row.get(0)?, row.get(1)?)));
    let (count, last): (u32, u32) = counted.unwrap_or((0, 0));
    assert!(count <= answered + 1 || last > count, "{count} lines of {answered} that were answered for");
    (count < answered || last != count).then(|| format!("{count} lines of {answered}, the last is {last}"))
}

/// Writes lines until the power fails at a random moment, several times over. Says what was lost first, and at which cut.
fn cut_often(settings: &str, sector: Sector, cuts: u64, with_reader: bool) -> Option<(u64, String)> {
    let mut computer = Computer::new(sector, 1);
    let mut answered = 0;
    for cut in 1..=cuts {
        if cut % 10 == 0 {
            computer = Computer::new(sector, cut);
            answered = 0;
        }
        // From the very first octet of the database to checkpoints in the middle of much.
        computer.disk.cut_at(1 + cut * 37 % 131);
        if let Ok(writer) = computer.begin(settings) {
            let reader = with_reader.then(|| computer.open().unwrap());
            while insert(&writer, answered + 1).is_ok() {
                answered += 1;
                if let Some(reader) = &reader {
                    let seen: rusqlite::Result<u32> = reader.query_row("SELECT count(*) FROM line", [], |row| row.get(0));
                    assert!(seen.is_err() && !computer.disk.is_on() || seen == Ok(answered), "a reader sees {seen:?} of {answered}");
                }
            }
        }
        assert!(!computer.disk.is_on());
        computer.disk.power_cut(cut).unwrap();
        if let Some(wrong) = lost(&computer, answered) {
            return Some((cut, wrong));
        }
        // One more may be there: the power failed before its answer.
        answered = computer.open().unwrap().query_row("SELECT count(*) FROM line", [], |row| row.get(0)).unwrap_or(0);
    }
    None
}

#[test]
fn with_full_syncs_nothing_that_was_answered_for_is_ever_lost() {
    for sector in [Sector::Octets512, Sector::Octets4096] {
        for with_reader in [false, true] {
            let found = cut_often("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", sector, 250, with_reader);
            assert_eq!(found, None);
        }
    }
}

#[test]
fn with_a_rollback_journal_neither() {
    for sector in [Sector::Octets512, Sector::Octets4096] {
        // EXTRA syncs the directory after the journal is removed: without it, a journal that comes back undoes a transaction.
        assert_eq!(cut_often("PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA", sector, 250, false), None);
    }
}

#[test]
fn without_syncs_a_loss_is_seen_within_ten_cuts() {
    for settings in ["PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF", "PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF"] {
        let (cut, _wrong) = cut_often(settings, Sector::Octets512, 10, false).unwrap();
        assert!(cut <= 10);
    }
}

#[test]
fn with_a_sync_at_checkpoints_only_a_loss_is_seen_within_ten_cuts() {
    assert!(cut_often("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", Sector::Octets4096, 10, true).is_some());
}

#[test]
fn the_same_seed_leaves_the_same() {
    let run = || {
        let computer = Computer::new(Sector::Octets512, 5);
        let connection = computer.begin("PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF").unwrap();
        (1..=20).for_each(|number| assert_eq!(insert(&connection, number), Ok(1)));
        computer.disk.cut();
        drop(connection);
        computer.disk.power_cut(9).unwrap();
        (lost(&computer, 20), computer.disk.used_octets())
    };
    assert_eq!(run(), run());
}

#[test]
fn the_power_comes_back_only_when_the_program_has_ended() {
    let computer = Computer::new(Sector::Octets512, 1);
    let connection = computer.begin("PRAGMA journal_mode = WAL").unwrap();
    assert!(computer.disk.power_cut(1).is_err());
    drop(connection);
    computer.disk.power_cut(1).unwrap();
}
