//! A store of its own for each test, on either engine, with a clock that the test moves.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use delivery::consent::{Entry, EntryList, Screening};
use delivery::schedule::{Jitter, Timers};
use mail::address::Mailbox;
use mail::digest::ContentDigest;
use mail::envelope::{Body, Recipient, ReportWish};
use mail::id::{AccountId, EntryId, MailId, MessageId, NoticeId, Partition};
use mail::notice::{Kind, Notice};
use mail::time::Timestamp;
use object_store::memory::InMemory;
use store::backend::Backend;
use store::content::{Place, StoredContent};
use store::postgres::{Postgres, PostgresUrl};
use store::sqlite::{Sqlite, SqliteFile};
use store::threads::{Database, Threads};
use store::*;

use crate::engines;

/// Runs each body as a test on SQLite and as a test on PostgreSQL.
macro_rules! on_both_engines {
    ($($(#[$attribute:meta])* async fn $name:ident($it:ident: &mut Fixture) $body:block)*) => {
        mod sqlite {
            #[allow(unused_imports)]
            use super::*;
            $(#[test] $(#[$attribute])* fn $name() {
                $crate::fixture::run($crate::fixture::Engine::Sqlite, async |$it: &mut $crate::fixture::Fixture| $body);
            })*
        }
        mod postgres {
            #[allow(unused_imports)]
            use super::*;
            $(#[test] $(#[$attribute])* fn $name() {
                $crate::fixture::run($crate::fixture::Engine::Postgres, async |$it: &mut $crate::fixture::Fixture| $body);
            })*
        }
    };
}

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A store, and what a test needs around it.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) database: Database,
    pub(crate) surroundings: Surroundings,
    pub(crate) objects: Arc<InMemory>,
    threads: Option<Threads>,
    clock: Arc<AtomicI64>,
    chance: Arc<AtomicU64>,
    _directory: tempfile::TempDir,
}

/// Runs a test's body on a fresh store, and checks the store afterwards.
pub(crate) fn run<F>(engine: Engine, body: F)
where
    F: AsyncFnOnce(&mut Fixture),
{
    let mut fixture = Fixture::new(engine);
    block_on(body(&mut fixture));
    fixture.close();
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Random octets that differ each time, and are the same each run.
fn octets<const N: usize>(chance: &AtomicU64) -> [u8; N] {
    let number = chance.fetch_add(1, Ordering::SeqCst);
    let digest = *ContentDigest::of(&number.to_be_bytes()).as_bytes();
    *digest.first_chunk().unwrap()
}

impl Fixture {
    pub(crate) fn new(engine: Engine) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = match engine {
            Engine::Sqlite => Database::Sqlite(SqliteFile::new(directory.path().join("store.sqlite"))),
            Engine::Postgres => Database::Postgres { url: engines::fresh_schema(), lanes: 3 },
        };
        let objects = Arc::new(InMemory::new());
        let mut fixture = Self::closed(database, directory, Arc::clone(&objects) as Arc<dyn object_store::ObjectStore>);
        fixture.objects = objects;
        fixture.start();
        fixture
    }

    /// A store that is not open yet.
    pub(crate) fn closed(database: Database, directory: tempfile::TempDir, objects: Arc<dyn object_store::ObjectStore>) -> Self {
        let clock = Arc::new(AtomicI64::new("2026-11-21T09:30:00Z".parse::<Timestamp>().unwrap().as_millis()));
        let chance = Arc::new(AtomicU64::new(0));
        let (the_clock, the_chance) = (Arc::clone(&clock), Arc::clone(&chance));
        let surroundings = Surroundings {
            clock: Arc::new(move || Timestamp::from_millis(the_clock.load(Ordering::SeqCst))),
            entropy: Arc::new(move || octets(&the_chance)),
            host: "mx.here.test".parse().unwrap(),
            objects,
            timers: Arc::new(Timers::default()),
            quota: quota::Quota::default(),
        };
        let store = Store::new(1, surroundings.clone());
        Self { store, database, surroundings, objects: Arc::default(), threads: None, clock, chance, _directory: directory }
    }

    /// The store is closed and opened again, as a restart would.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.start();
    }

    pub(crate) fn stop(&mut self) {
        self.threads.take().unwrap().close().unwrap();
    }

    pub(crate) fn start(&mut self) {
        self.try_start().unwrap();
    }

    pub(crate) fn try_start(&mut self) -> Result<(), OpenError> {
        let (store, threads) = threads::open(&self.database, self.surroundings.clone())?;
        self.store = store;
        self.threads = Some(threads);
        Ok(())
    }

    /// How much SQLite has written to its journal. PostgreSQL writes a row that is updated, whatever it says.
    pub(crate) fn octets_of_the_journal(&self) -> Option<u64> {
        match &self.database {
            Database::Sqlite(file) => Some(std::fs::metadata(file.path.with_extension("sqlite-wal")).unwrap().len()),
            Database::Postgres { .. } => None,
        }
    }

    /// A second node over the same database.
    pub(crate) fn another_node(&self) -> (Store, Threads) {
        threads::open(&self.database, self.surroundings.clone()).unwrap()
    }

    pub(crate) fn close(mut self) {
        assert_eq!(block_on(self.store.check()).unwrap(), Vec::<String>::new());
        self.threads.take().unwrap().close().unwrap();
        if let Database::Postgres { url, .. } = &self.database {
            engines::drop_schema(url);
        }
    }

    /// Runs text on the database behind the store's back.
    pub(crate) fn meddle(&self, script: &str) {
        match &self.database {
            Database::Sqlite(file) => {
                let connection = rusqlite::Connection::open(&file.path).unwrap();
                connection.busy_timeout(Duration::from_secs(5)).unwrap();
                connection.execute_batch(script).unwrap();
            }
            Database::Postgres { url, .. } => engines::with_postgres(url, |backend| {
                backend.begin(backend::Access::Write).unwrap();
                backend.run_script(script).unwrap();
                backend.commit().unwrap();
            }),
        }
    }

    /// A connection of the engine, for what only a backend shows.
    pub(crate) fn with_backend(&self, work: impl FnOnce(&mut dyn Backend) + Send) {
        match &self.database {
            Database::Sqlite(file) => work(&mut Sqlite::open_reader(file).unwrap()),
            Database::Postgres { url, .. } => std::thread::scope(|scope| {
                let work = move || work(&mut Postgres::new(&PostgresUrl::parse(url).unwrap()));
                scope.spawn(work).join().unwrap();
            }),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.load(Ordering::SeqCst))
    }

    pub(crate) fn wait(&self, duration: Duration) {
        let millis = i64::try_from(duration.as_millis()).unwrap();
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) fn entropy<const N: usize>(&self) -> [u8; N] {
        octets(&self.chance)
    }

    pub(crate) fn mail_id(&self) -> MailId {
        MailId::new(self.now(), self.entropy())
    }

    pub(crate) fn entry_id(&self) -> EntryId {
        EntryId::new(self.now(), self.entropy())
    }

    pub(crate) fn message_id(&self) -> MessageId {
        MessageId::new(self.now(), self.entropy())
    }

    pub(crate) fn notice_id(&self, account: AccountId) -> NoticeId {
        NoticeId::new(Partition::of(account), self.entropy())
    }

    pub(crate) fn new_account(&self, address: &str, screening: Screening) -> NewAccount {
        NewAccount {
            id: AccountId::new(self.now(), self.entropy()),
            address: address.parse().unwrap(),
            password_hash: "$argon2id$...".to_owned(),
            scram: ScramVerifier { salt: vec![1, 2, 3], iterations: 10_000, stored_key: [4; 32], server_key: [5; 32] },
            screening,
            legacy: None,
            made: self.now(),
        }
    }

    /// An account, added.
    pub(crate) async fn account(&self, address: &str, screening: Screening) -> AccountId {
        let account = self.new_account(address, screening);
        let id = account.id;
        assert_eq!(self.store.add_account(account).await.unwrap(), Added::Done);
        id
    }

    /// The lease of everything, for an hour.
    pub(crate) async fn lease(&self) -> Lease {
        self.try_lease().await.unwrap()
    }

    pub(crate) async fn try_lease(&self) -> Result<Lease, StoreError> {
        self.store.lease("here", self.now(), self.now() + Duration::from_hours(1)).await
    }

    /// A message to keep.
    pub(crate) fn message(&self, account: AccountId, from: &str, recipients: &[&str], octets: &[u8]) -> Keep {
        let transfer = |mailbox: &&str| NewTransfer {
            id: self.notice_id(account),
            recipient: Recipient { mailbox: mailbox.parse().unwrap(), report: ReportWish::Unsaid, original: None },
        };
        Keep {
            account,
            message: self.message_id(),
            kept: self.now(),
            from: from.parse().unwrap(),
            reverse_path: from.parse().unwrap(),
            envelope_id: None,
            returns: None,
            body: Body::SevenBit,
            smtputf8: false,
            way: mail::envelope::Way::default(),
            subject: "Hello".to_owned(),
            kind: Kind::Mail,
            reference: None,
            list: None,
            header: b"From: alice@a.test\r\nSubject: Hello\r\n\r\n".to_vec(),
            content: in_a_row(octets),
            transfers: recipients.iter().map(transfer).collect(),
            replied_to: Vec::new(),
            jitter: Jitter::NONE,
        }
    }

    pub(crate) fn settle(&self, id: &NoticeId, event: delivery::transfer::TransferEvent) -> Settle {
        Settle {
            id: id.clone(),
            event,
            detail: None,
            attempt: None,
            report: self.mail_id(),
            now: self.now(),
            jitter: Jitter::NONE,
            writer: Writer::Session,
        }
    }

    /// A notice to record.
    pub(crate) fn notice(&self, account: AccountId, from: &str, to: &str) -> NewArrival {
        NewArrival {
            account,
            notice: Notice {
                from: from.parse().unwrap(),
                to: to.parse().unwrap(),
                id: NoticeId::new(Partition::of_name(from), self.entropy()),
                size_octets: 5,
                date: self.now(),
                expires: self.now() + Duration::from_hours(14 * 24),
                body: Body::SevenBit,
                smtputf8: false,
                require_tls: false,
                name: None,
                subject: None,
                kind: Kind::Mail,
                reference: None,
                list: None,
            },
            evidence: Evidence { rule: "ip".to_owned(), detail: "mx".to_owned(), address: "192.0.2.1".parse().ok() },
            decide_at: self.now(),
            now: self.now(),
        }
    }

    /// A notice, recorded and decided.
    pub(crate) async fn arrival(&self, account: AccountId, from: &str, to: &str) -> ArrivalRecord {
        let notice = self.notice(account, from, to);
        let key = key_of(&notice);
        self.store.record_notices(vec![notice]).await.unwrap();
        let lease = self.lease().await;
        self.store.decide(&key, &lease, self.now(), Jitter::NONE).await.unwrap().unwrap()
    }

    pub(crate) fn settle_arrival(&self, key: &ArrivalKey, event: delivery::arrival::ArrivalEvent) -> SettleArrival {
        SettleArrival { key: key.clone(), event, detail: None, now: self.now(), jitter: Jitter::NONE, writer: Writer::Session }
    }

    /// What was retrieved for an arrival.
    pub(crate) async fn delivery(&self, key: &ArrivalKey, content: StoredContent) -> Deliver {
        self.delivery_with(key, content, self.lease().await)
    }

    pub(crate) fn delivery_with(&self, key: &ArrivalKey, content: StoredContent, lease: Lease) -> Deliver {
        Deliver {
            key: key.clone(),
            mail: self.mail_id(),
            head: b"Return-Path: <alice@a.test>\r\n".to_vec(),
            content,
            skip_octets: 0,
            from: "alice@a.test".to_owned(),
            subject: "Hello".to_owned(),
            target: "mx.a.test".to_owned(),
            now: self.now(),
            jitter: Jitter::NONE,
            lease,
        }
    }

    pub(crate) fn entry(&self, list: EntryList, who: &str) -> Entry {
        Entry {
            id: self.entry_id(),
            list,
            who: who.parse().unwrap(),
            until: None,
            remaining: None,
            reference: None,
            list_domain: None,
            made: self.now(),
            through: "test".to_owned(),
            reason: String::new(),
            proof: None,
        }
    }

    pub(crate) fn change(&self, account: AccountId, act: ConsentAct) -> ConsentChange {
        let (id, now) = (self.entry_id(), self.now());
        ConsentChange { account, id, act, of: None, through: "test".to_owned(), now, jitter: Jitter::NONE }
    }

    /// Adds an entry.
    pub(crate) async fn add(&self, account: AccountId, list: EntryList, who: &str) -> ConsentChanged {
        let change = self.change(account, ConsentAct::Add(self.entry(list, who)));
        self.store.change_consent(change).await.unwrap()
    }
}

pub(crate) fn in_a_row(octets: &[u8]) -> StoredContent {
    StoredContent { size_octets: octets.len() as u64, digest: ContentDigest::of(octets), place: Place::Row(octets.to_vec()) }
}

pub(crate) fn key_of(new: &NewArrival) -> ArrivalKey {
    let notice = &new.notice;
    ArrivalKey { account: new.account, origin: notice.from.domain().clone(), id: notice.id.clone(), recipient: notice.to.key() }
}

pub(crate) fn mailbox(text: &str) -> Mailbox {
    text.parse().unwrap()
}
