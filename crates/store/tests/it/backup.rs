//! A snapshot under traffic, objects that stay while it is copied, and a store that was restored.

use std::time::Duration;

use delivery::consent::Screening;
use mail::digest::ContentDigest;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use store::backup::{objects_of, snapshot};
use store::content::ContentWriter;
use store::threads::Database;
use store::{Import, Imported, Store};

use crate::fixture::{Engine, Fixture, block_on};

async fn import(it: &Fixture, store: &Store, account: mail::id::AccountId, size: usize) {
    let mut writer = ContentWriter::new(store, account);
    writer.write(&vec![b'x'; size]).await.unwrap();
    let content = writer.finish().await.unwrap();
    let import = Import {
        account,
        mail: it.mail_id(),
        mailbox: "INBOX".to_owned(),
        received: it.now(),
        from: String::new(),
        subject: String::new(),
        flags: mail::flag::Flags::default(),
        content,
        now: it.now(),
    };
    assert_eq!(store.import(import).await.unwrap(), Imported::Stored);
}

on_both_engines! {
    async fn no_object_is_removed_while_a_backup_holds_them(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        import(it, &it.store, alice, 100_000).await;
        it.store.delete_account(alice, it.now()).await.unwrap();
        it.wait(Duration::from_hours(48));
        let long_ago = it.now() - Duration::from_hours(24);
        it.store.hold_objects(it.now() + Duration::from_hours(1)).await.unwrap();
        assert_eq!(it.store.sweep_orphans(long_ago).await.unwrap(), 0);
        it.restart();
        assert_eq!(it.store.sweep_orphans(long_ago).await.unwrap(), 0, "a restart does not forget it");
        it.wait(Duration::from_hours(2));
        assert_eq!(it.store.sweep_orphans(long_ago).await.unwrap(), 1, "a backup that died is not waited for");
    }

    async fn the_uids_of_a_restored_store_count_anew_and_the_next_start_knows_of_it(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        it.store.keep(it.message(alice, "alice@a.test", &["bob@b.test"], b"hello")).await.unwrap();
        it.wait(Duration::from_secs(1));
        let renewed = it.store.renew_after_restore().await.unwrap();
        assert_eq!((renewed.mailboxes, renewed.relaying), (1, 0));
        let seconds = it.now().as_millis() / 1000;
        // Fails unless it holds: there is no statement that reads it yet.
        it.meddle(&format!("UPDATE mailbox SET modseq = CASE WHEN uidvalidity = {seconds} THEN 1 END"));
        it.store.renew_after_restore().await.unwrap();
        it.meddle(&format!("UPDATE mailbox SET modseq = CASE WHEN uidvalidity = {} THEN 1 END", seconds + 1));
        assert!(it.store.last_seen().await.unwrap().restored);
    }
}

#[test]
fn a_snapshot_under_traffic_is_of_one_moment_and_all_it_names_is_there() {
    let it = Fixture::new(Engine::Sqlite);
    let Database::Sqlite(file) = it.database.clone() else { panic!("not a file") };
    let folder = tempfile::tempdir().unwrap();
    let copies: Vec<_> = (0..5).map(|number| folder.path().join(number.to_string())).collect();
    {
        block_on(it.store.hold_objects(it.now() + Duration::from_hours(1))).unwrap();
        // Each account has a small and a large message, or neither: they come and go while the copies are made.
        let objects = std::sync::Arc::clone(&it.objects);
        let stop = std::sync::atomic::AtomicBool::new(false);
        let taken = std::thread::scope(|scope| {
            let (it, stop) = (&it, &stop);
            let traffic = scope.spawn(move || {
                block_on(async {
                    let mut rounds = 0;
                    // Bounded: the test may fail before it says stop.
                    while rounds < 300 && !stop.load(std::sync::atomic::Ordering::SeqCst) {
                        let account = it.account(&format!("a{rounds}@a.test"), Screening::Off).await;
                        it.store.keep(it.message(account, &format!("a{rounds}@a.test"), &["bob@b.test"], b"hello")).await.unwrap();
                        import(it, &it.store, account, 40_000).await;
                        if rounds % 2 == 0 {
                            it.store.delete_account(account, it.now()).await.unwrap();
                            it.store.sweep_orphans(it.now() + Duration::from_hours(1)).await.unwrap();
                        }
                        rounds += 1;
                    }
                    rounds
                })
            });
            for copy in &copies {
                snapshot(&file, copy, &mut |_done, _of| {}).unwrap();
            }
            let mut found = Vec::new();
            for copy in &copies {
                for (object, (size_octets, digest)) in objects_of(copy).unwrap() {
                    let octets = block_on(async { objects.get(&Path::from(object.as_str())).await.unwrap().bytes().await.unwrap() });
                    found.push((octets.len() as u64 == size_octets, Some(ContentDigest::of(&octets)) == digest));
                }
            }
            stop.store(true, std::sync::atomic::Ordering::SeqCst);
            assert!(traffic.join().unwrap() > 0);
            found
        });
        assert!(taken.iter().all(|found| *found == (true, true)), "{taken:?}");
        // Each copy opens as a store whose invariants hold.
        for copy in &copies {
            let database = Database::Sqlite(store::sqlite::SqliteFile::new(copy.clone()));
            let (store, threads) = store::threads::open(&database, it.surroundings.clone()).unwrap();
            // What the moment found under way is finished, as at every start: accounts half added, and half deleted.
            let soon = it.now() + Duration::from_hours(1);
            block_on(store.resume_accounts(soon, soon)).unwrap();
            let mut strange = block_on(store.check()).unwrap();
            // The copies share their objects with the store itself, which has newer ones.
            strange.retain(|found| !found.contains("nobody knows of it"));
            assert_eq!(strange, Vec::<String>::new());
            drop(store);
            threads.close().unwrap();
        }
    }
}
