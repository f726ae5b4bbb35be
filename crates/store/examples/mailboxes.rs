//! What it costs to change many messages of a mailbox at once: 100,000 of them, on a SQLite of its own, or on the
//! PostgreSQL of the URL that is given.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "an example that measures")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use delivery::consent::Screening;
use delivery::schedule::Timers;
use mail::digest::ContentDigest;
use mail::flag::{FlagChange, Flags, SystemFlags};
use mail::id::{AccountId, MailId, MailboxId};
use mail::time::{Timestamp, Zone};
use object_store::memory::InMemory;
use store::content::{Place, StoredContent};
use store::items::{Copying, NewItem};
use store::mailboxes::CreateMailbox;
use store::sqlite::SqliteFile;
use store::threads::{self, Database};
use store::{NewAccount, ScramVerifier, Store, Surroundings};

const MESSAGES: u32 = 100_000;
const SOME: u32 = 10_000;

fn entropy() -> [u8; 16] {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    *ContentDigest::of(&number).as_bytes().first_chunk().unwrap()
}

fn short() -> [u8; 10] {
    *entropy().first_chunk().unwrap()
}

async fn timed<T>(what: &str, work: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let done = work.await;
    println!("{what:<44} {:>9.1} ms", begun.elapsed().as_secs_f64() * 1000.0);
    done
}

fn new_item(now: Timestamp) -> NewItem {
    let octets = vec![b'x'; 2_000];
    let content = StoredContent { size_octets: 2_000, digest: ContentDigest::of(&octets), place: Place::Row(octets) };
    NewItem {
        mail: MailId::new(now, short()),
        flags: Flags::default(),
        received: now,
        zone: Zone::UTC,
        from: "carol@c.test".to_owned(),
        subject: "Hello".to_owned(),
        internet_id: None,
        content,
    }
}

async fn measure(store: &Store) {
    let now = Timestamp::from_millis(1_800_000_000_000);
    let account = AccountId::new(now, short());
    let scram = ScramVerifier { salt: vec![1], iterations: 10_000, stored_key: [0; 32], server_key: [0; 32] };
    let address = format!("u{}@a.test", u32::from_be_bytes(*entropy().first_chunk().unwrap())).parse().unwrap();
    let (screening, password_hash) = (Screening::Off, String::new());
    let new = NewAccount { id: account, address, password_hash, scram, screening, legacy: None, made: now };
    store.add_account(new).await.unwrap();
    let inbox = MailboxId::inbox_of(account);
    timed("append 100,000 of 2,000 octets, 500 at a time", async {
        for _round in 0..MESSAGES / 500 {
            let new = (0..500).map(|_| new_item(now)).collect();
            store.append_messages(account, inbox, new, now).await.unwrap();
        }
    })
    .await;
    let folder = MailboxId::new(now, short());
    let create = CreateMailbox { id: folder, name: "folder".to_owned(), special_use: None, now };
    store.create_mailbox(account, create).await.unwrap();
    timed("list all of 100,000", async { store.items(account, inbox, 0, usize::MAX >> 1).await.unwrap() }).await;
    let since = store.mailbox_by_id(account, inbox).await.unwrap().unwrap().modseq;
    let seen = FlagChange::Add(SystemFlags::SEEN.into());
    let scattered: Vec<u32> = (1..=SOME).map(|number| number * (MESSAGES / SOME)).collect();
    timed("STORE on 10,000, all over the mailbox", store.set_flags(account, inbox, scattered.clone(), seen, None)).await.unwrap();
    timed("changes: those 10,000", store.changes(account, inbox, since, SOME as usize)).await.unwrap();
    let since = store.mailbox_by_id(account, inbox).await.unwrap().unwrap().modseq;
    timed("changes: none", store.changes(account, inbox, since, 100)).await.unwrap();
    let flag = FlagChange::Add(SystemFlags::FLAGGED.into());
    timed("STORE on one", store.set_flags(account, inbox, vec![500], flag, None)).await.unwrap();
    timed("changes: one", store.changes(account, inbox, since, 100)).await.unwrap();
    timed("COPY of 10,000", store.copy_items(account, inbox, scattered.clone(), folder, Copying::Copy, now)).await.unwrap();
    let list: Vec<u32> = (1..=SOME).collect();
    timed("MOVE of 10,000", store.copy_items(account, inbox, list, folder, Copying::Move, now)).await.unwrap();
    let deleted = FlagChange::Add(SystemFlags::DELETED.into());
    let list: Vec<u32> = (SOME + 1..=2 * SOME).collect();
    timed("STORE of \\Deleted on 10,000", store.set_flags(account, inbox, list, deleted.clone(), None)).await.unwrap();
    timed("EXPUNGE of 10,000", store.expunge(account, inbox, None)).await.unwrap();
    timed("sweeping their content", store.sweep_mailboxes(now)).await.unwrap();
    let all: Vec<u32> = (1..=MESSAGES).collect();
    timed("STORE on all that is left", store.set_flags(account, inbox, all.clone(), deleted, None)).await.unwrap();
    timed("COPY of all that is left", store.copy_items(account, inbox, all, folder, Copying::Copy, now)).await.unwrap();
    timed("DELETE of the mailbox of the copies", store.delete_mailbox(account, folder)).await.unwrap();
}

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let database = match std::env::args().nth(1) {
        Some(url) => Database::Postgres { url, lanes: 2 },
        None => Database::Sqlite(SqliteFile::new(directory.path().join("store.sqlite"))),
    };
    let surroundings = Surroundings {
        clock: Arc::new(|| Timestamp::from_millis(1_800_000_000_000)),
        entropy: Arc::new(entropy),
        host: "mx.a.test".parse().unwrap(),
        objects: Arc::new(InMemory::new()),
        timers: Arc::new(Timers::default()),
        quota: store::quota::Quota::default(),
    };
    let (store, threads) = threads::open(&database, surroundings).unwrap();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(measure(&store));
    threads.close().unwrap();
}
