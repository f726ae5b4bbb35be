//! Power cuts in the middle of the store's work: what was answered for is there afterwards, and nothing else is wrong.
//!
//! The production store, with its threads, on a disk that forgets what was not synced. `TWOWAY_TEST_LONG=1` makes it
//! 2,000 cuts; `TWOWAY_POWER_CUTS=n` as many as wanted.

mod book;
mod work;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use delivery::schedule::Jitter;
use faultdisk::objects::{Objects, Syncs};
use faultdisk::vfs::{Registered, register};
use faultdisk::{Disk, Fault, Sector};
use mail::digest::ContentDigest;
use store::sqlite::{Act, FileLayer, SqliteFile};
use store::threads::Database;
use store::{OpenError, StoreError};

use crate::fixture::{Fixture, block_on};
use book::Book;

const CUTS: u64 = 240;
const CUTS_LONG: u64 = 2_000;
/// A computer is replaced after so many, so that checking its store stays quick.
const CUTS_PER_COMPUTER: u64 = 6;
/// Operations of the disk between a start and the cut, at most: enough for a checkpoint.
const OPERATIONS_MAX: u64 = 420;

/// What is wrong with the computer or the program, so that a loss must be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mutant {
    None,
    /// The journal is synced only before a checkpoint at the earliest: `synchronous = NORMAL`.
    JournalUnsynced,
    /// `synchronous = OFF`.
    DatabaseUnsynced,
    /// Contents are renamed into place without a sync.
    ContentUnsynced,
    /// Contents are synced, and the directories that name them are not.
    NamesUnsynced,
    /// Contents are removed, and the directories that named them are not synced.
    RemovalsUnsynced,
    /// After a failed sync, the next start takes the journal as it reads.
    JournalTrusted,
    /// Answers are given before the commit.
    EarlyAnswers,
}

/// Numbers that differ with the seed, and are the same each run.
struct Chance {
    seed: u64,
    drawn: u64,
}

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.drawn += 1;
        let digest = ContentDigest::of(format!("{} {}", self.seed, self.drawn).as_bytes());
        u64::from_be_bytes(*digest.as_bytes().first_chunk().unwrap()) % end
    }
}

/// A computer with a store on its disk, and what was answered for.
struct Computer {
    disk: Disk,
    objects: Arc<Objects>,
    it: Fixture,
    book: Book,
    chance: Chance,
    /// Last: the connections need it.
    _layer: Registered,
}

impl Computer {
    fn new(seed: u64, mutant: Mutant) -> Self {
        let sector = if seed.is_multiple_of(2) { Sector::Octets512 } else { Sector::Octets4096 };
        let disk = Disk::new(sector, seed);
        let layer = register(&disk).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.sqlite");
        let syncs = match mutant {
            Mutant::ContentUnsynced => Syncs::None,
            Mutant::NamesUnsynced => Syncs::Files,
            Mutant::RemovalsUnsynced => Syncs::Writes,
            _ => Syncs::All,
        };
        let objects = Arc::new(Objects::new(&disk, "content", syncs));
        disk.ignore_syncs_of(match mutant {
            Mutant::JournalUnsynced => Some("-wal"),
            Mutant::DatabaseUnsynced => Some(""),
            _ => None,
        });
        let rewritten = disk.clone();
        let rewrite = move |path: &Path| match rewritten.rewrite(&path.to_string_lossy()) {
            Err(Fault::NotFound) => Ok(()),
            done => done.map_err(std::io::Error::other),
        };
        let trusting = |_: &Path| Ok(());
        let rewrite: Arc<Act> = if mutant == Mutant::JournalTrusted { Arc::new(trusting) } else { Arc::new(rewrite) };
        let named = disk.clone();
        let sync_names = move |path: &Path| named.sync_parent(&path.to_string_lossy()).map_err(std::io::Error::other);
        let file_layer = FileLayer { vfs: layer.name(), rewrite, sync_names: Arc::new(sync_names) };
        let database = Database::Sqlite(SqliteFile { path, layer: Some(file_layer) });
        let it = Fixture::closed(database, directory, Arc::clone(&objects) as Arc<dyn object_store::ObjectStore>);
        let book = Book { answers_early: mutant == Mutant::EarlyAnswers, ..Book::default() };
        Self { disk, objects, it, book, chance: Chance { seed, drawn: 0 }, _layer: layer }
    }

    /// Works until the power fails, which it may do while the store is being opened.
    fn work_until_the_cut(&mut self) {
        self.disk.cut_at(1 + self.chance.below(OPERATIONS_MAX));
        if self.it.try_start().is_err() {
            return self.disk.cut();
        }
        let fails = self.chance.below(3) == 0;
        if fails {
            self.disk.fail_sync(1 + self.chance.below(30));
        }
        let failed = self.disk.failed_syncs();
        while self.disk.is_on() {
            work::some(self);
            if fails && self.disk.failed_syncs() == failed + 1 && self.chance.below(2) == 0 && self.kill_and_start().is_err() {
                return self.disk.cut();
            }
        }
        self.it.stop();
    }

    /// The program ends as if it was killed, and starts again: what it wrote can be read, durable or not.
    fn kill_and_start(&mut self) -> Result<(), OpenError> {
        // Nothing more is written, not even the checkpoint of a program that ends well.
        self.disk.set_read_only(true);
        self.it.stop();
        self.disk.set_read_only(false);
        self.it.try_start()?;
        block_on(self.book.see(&self.it.store));
        Ok(())
    }

    /// The power comes back. What is wrong then.
    fn start_again(&mut self) -> Vec<String> {
        let seed = self.chance.below(u64::MAX);
        self.disk.power_cut(seed).unwrap();
        self.objects.remove_staged().unwrap();
        if let Err(error) = self.it.try_start() {
            return vec![error.to_string()];
        }
        let wrong = block_on(async {
            // As a server does when it starts.
            self.it.wait(Duration::from_hours(1));
            let now = self.it.now();
            self.it.store.resume_accounts(now - Duration::from_mins(15), now).await?;
            self.it.store.resume_redecisions(now, Jitter::NONE).await?;
            self.book.compare(&self.it).await
        });
        let wrong = wrong.unwrap_or_else(|error: StoreError| vec![error.to_string()]);
        self.it.stop();
        wrong
    }
}

/// Cuts, and what the first that did harm had done.
fn cut(cuts: u64, mutant: Mutant) -> Option<(u64, Vec<String>)> {
    let (mut answered, mut computer) = (0, Computer::new(0, mutant));
    for cut in 0..cuts {
        if cut % CUTS_PER_COMPUTER == 0 {
            answered += computer.book.answered;
            computer = Computer::new(cut, mutant);
        }
        computer.work_until_the_cut();
        let wrong = computer.start_again();
        if !wrong.is_empty() {
            return Some((cut + 1, wrong));
        }
    }
    answered += computer.book.answered;
    println!("{cuts} power cuts, {answered} operations were answered for");
    assert!(answered > cuts, "the cuts came before any work");
    None
}

#[test]
fn after_any_power_cut_all_that_was_answered_for_is_there_and_nothing_is_wrong() {
    let wanted = std::env::var("TWOWAY_POWER_CUTS").ok().and_then(|count| count.parse().ok());
    let long = std::env::var_os("TWOWAY_TEST_LONG").is_some();
    assert_eq!(cut(wanted.unwrap_or(if long { CUTS_LONG } else { CUTS }), Mutant::None), None);
}

#[test]
fn whatever_weakens_a_sync_or_answers_early_is_caught_within_400_cuts() {
    let mutants = [
        Mutant::JournalUnsynced,
        Mutant::DatabaseUnsynced,
        Mutant::ContentUnsynced,
        Mutant::NamesUnsynced,
        Mutant::RemovalsUnsynced,
        Mutant::JournalTrusted,
        Mutant::EarlyAnswers,
    ];
    for mutant in mutants {
        let (cuts, wrong) = cut(400, mutant).unwrap_or_else(|| panic!("{mutant:?} lives"));
        println!("{mutant:?} is caught at cut {cuts}: {}", wrong[0]);
    }
}
