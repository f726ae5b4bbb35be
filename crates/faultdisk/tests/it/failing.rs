//! Disks that are full, that fail to sync, and that take no writes.

use faultdisk::Sector;
use rusqlite::ErrorCode;

use crate::databases::{Computer, PATH, insert, lost};

const WAL: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL";

#[test]
fn a_full_disk_refuses_and_takes_again_when_there_is_room() {
    let computer = Computer::new(Sector::Octets512, 1);
    let connection = computer.begin(WAL).unwrap();
    computer.disk.set_capacity(Some(computer.disk.used_octets() + 20_000));
    let mut answered = 0;
    let error = loop {
        match insert(&connection, answered + 1) {
            Ok(_one) => answered += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DiskFull));
    computer.disk.set_capacity(None);
    insert(&connection, answered + 1).unwrap();
    computer.disk.cut();
    drop(connection);
    computer.disk.power_cut(1).unwrap();
    assert_eq!(lost(&computer, answered + 1), None);
}

#[test]
fn a_read_only_disk_refuses_and_can_be_read() {
    let computer = Computer::new(Sector::Octets512, 1);
    let connection = computer.begin(WAL).unwrap();
    insert(&connection, 1).unwrap();
    computer.disk.set_read_only(true);
    insert(&connection, 2).unwrap_err();
    assert_eq!(connection.query_row("SELECT count(*) FROM line", [], |row| row.get(0)), Ok(1));
    computer.disk.set_read_only(false);
    insert(&connection, 2).unwrap();
}

/// A commit whose sync fails, then what the program does about it, then more commits, then a cut. Seeds that lost something.
fn after_a_failed_sync(react: impl Fn(&Computer, rusqlite::Connection) -> rusqlite::Connection) -> usize {
    let losses = (0..60).filter(|seed| {
        let computer = Computer::new(Sector::Octets512, *seed);
        let mut connection = computer.begin(WAL).unwrap();
        let mut answered = 0;
        for _ in 0..=seed % 9 {
            insert(&connection, answered + 1).unwrap();
            answered += 1;
        }
        computer.disk.fail_sync(1);
        assert_eq!(insert(&connection, answered + 1).unwrap_err().sqlite_error_code(), Some(ErrorCode::SystemIoFailure));
        connection = react(&computer, connection);
        answered = connection.query_row("SELECT count(*) FROM line", [], |row| row.get(0)).unwrap();
        for _ in 0..2 {
            insert(&connection, answered + 1).unwrap();
            answered += 1;
        }
        computer.disk.cut();
        drop(connection);
        computer.disk.power_cut(*seed).unwrap();
        lost(&computer, answered).is_some()
    });
    losses.count()
}

#[test]
fn whoever_goes_on_after_a_failed_sync_loses_nothing() {
    // SQLite has not moved the end of its journal, and writes the same place again.
    assert_eq!(after_a_failed_sync(|_computer, connection| connection), 0);
}

/// The program dies, without the checkpoint that the last connection makes.
fn killed(computer: &Computer, connection: rusqlite::Connection) {
    computer.disk.set_read_only(true);
    drop(connection);
    computer.disk.set_read_only(false);
}

#[test]
fn whoever_starts_again_after_a_failed_sync_believes_what_the_disk_never_kept() {
    let restart = |computer: &Computer, connection| {
        killed(computer, connection);
        computer.open().unwrap()
    };
    assert!(after_a_failed_sync(restart) > 10);
}

#[test]
fn whoever_writes_the_journal_again_before_reading_it_loses_nothing() {
    let restart = |computer: &Computer, connection| {
        killed(computer, connection);
        computer.disk.rewrite(&format!("{PATH}-wal")).unwrap();
        computer.open().unwrap()
    };
    assert_eq!(after_a_failed_sync(restart), 0);
}

/// A start after a good end, at which the sync of the directory fails that was to keep the new journal's name; then a commit
/// and a cut. Seeds that lost it.
fn with_a_nameless_journal(then: impl Fn(&Computer)) -> usize {
    let losses = (0..40).filter(|seed| {
        let computer = Computer::new(Sector::Octets512, *seed);
        drop(computer.begin(WAL).unwrap());
        let connection = computer.begin("PRAGMA synchronous = FULL").unwrap();
        // The journal's first sync, then its directory's.
        computer.disk.fail_sync(2);
        insert(&connection, 1).unwrap();
        assert_eq!(computer.disk.failed_syncs(), 1);
        then(&computer);
        insert(&connection, 2).unwrap();
        computer.disk.cut();
        drop(connection);
        computer.disk.power_cut(*seed).unwrap();
        lost(&computer, 2).is_some()
    });
    losses.count()
}

#[test]
fn sqlite_takes_no_notice_of_a_journal_whose_name_is_not_durable() {
    assert!(with_a_nameless_journal(|_computer| {}) > 5);
}

#[test]
fn whoever_syncs_the_directory_again_keeps_the_journal() {
    assert_eq!(with_a_nameless_journal(|computer| computer.disk.sync_parent(PATH).unwrap()), 0);
}
