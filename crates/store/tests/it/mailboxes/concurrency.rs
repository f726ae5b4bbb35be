//! Many at once, over one handle and over two: no UID is given twice, no change is missed.

use std::collections::{BTreeMap, BTreeSet};

use delivery::consent::Screening;
use mail::flag::{FlagChange, Flags};
use mail::id::{AccountId, MailboxId};
use store::items::{Appended, Copied, Copying, NewItem};
use store::{Store, StoreError};

use super::{create, flags, new_item};
use crate::fixture::{Engine, Fixture, block_on, run};

const ROUNDS: usize = 12;

/// Until it is carried out: transactions that meet too often are given up, and their repeats are harmless.
async fn surely<T>(mut again: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    loop {
        match again().await {
            Ok(done) => return done,
            Err(StoreError::Unavailable(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Appends, flags, copies, moves and expunges. Returns the UIDs it got, by mailbox, in the order it got them.
async fn work(store: &Store, account: AccountId, boxes: [MailboxId; 2], new: Vec<NewItem>) -> [Vec<u32>; 2] {
    let mut got = [Vec::new(), Vec::new()];
    let [one, other] = boxes;
    for (round, item) in new.into_iter().enumerate() {
        let now = item.received;
        let appended = surely(async || store.append_messages(account, one, vec![item.clone()], now).await).await;
        let Appended::Done { uids, .. } = appended else { panic!("{appended:?}") };
        got[0].extend(&uids);
        surely(async || store.set_flags(account, one, uids.clone(), FlagChange::Add(flags(&["\\Seen", "k"])), None).await).await;
        let copying = if round % 2 == 0 { Copying::Copy } else { Copying::Move };
        // Not repeatable: what was lost of a connection that broke may have been done. Here none breaks.
        let copied = surely(async || store.copy_items(account, one, uids.clone(), other, copying, now).await).await;
        let Copied::Done { pairs, .. } = copied else { panic!("{copied:?}") };
        got[1].extend(pairs.iter().map(|(_, to)| *to));
        if round % 3 == 0 {
            let change = FlagChange::Add(flags(&["\\Deleted"]));
            let all: Vec<u32> = got[1].clone();
            surely(async || store.set_flags(account, other, all.clone(), change.clone(), None).await).await;
            surely(async || store.expunge(account, other, None).await).await;
        }
    }
    got
}

/// Follows a mailbox until it is told to stop, and then once more.
async fn follow(store: &Store, account: AccountId, mailbox: MailboxId, is_over: impl Fn() -> bool) -> BTreeMap<u32, Flags> {
    let (mut since, mut view, mut seen) = (0, BTreeMap::new(), BTreeSet::new());
    loop {
        let is_last = is_over();
        let greatest = seen.last().copied().unwrap_or(0);
        loop {
            let changes = store.changes(account, mailbox, since, 7).await.unwrap().unwrap();
            assert!(changes.until >= since && changes.row.modseq >= changes.until);
            for item in changes.changed {
                // Or the numbers of a client's messages would not be what it thinks they are.
                assert!(seen.contains(&item.uid) || item.uid > greatest, "{} came behind {greatest}", item.uid);
                seen.insert(item.uid);
                view.insert(item.uid, item.flags);
            }
            view.retain(|uid, _| !changes.vanished.contains(uid));
            since = changes.until;
            if !changes.has_more {
                break;
            }
        }
        if is_last {
            return view;
        }
        tokio::task::yield_now().await;
    }
}

async fn all_is_told_and_nothing_twice(it: &Fixture, stores: &[Store]) {
    let alice = it.account("alice@a.test", Screening::Off).await;
    let boxes = [MailboxId::inbox_of(alice), create(it, alice, "a").await.id];
    let works: Vec<Vec<NewItem>> = (0..4).map(|_| (0..ROUNDS).map(|_| new_item(it, b"hello", &[])).collect()).collect();
    let (got, views) = std::thread::scope(|scope| {
        let workers: Vec<_> = works
            .into_iter()
            .enumerate()
            .map(|(number, new)| {
                let store = stores[number % stores.len()].clone();
                scope.spawn(move || block_on(work(&store, alice, boxes, new)))
            })
            .collect();
        let is_over = std::sync::atomic::AtomicBool::new(false);
        let is_over = &is_over;
        std::thread::scope(|scope| {
            let followers: Vec<_> = boxes
                .into_iter()
                .map(|mailbox| {
                    let store = stores[stores.len() - 1].clone();
                    let is_over = || is_over.load(std::sync::atomic::Ordering::SeqCst);
                    scope.spawn(move || block_on(follow(&store, alice, mailbox, is_over)))
                })
                .collect();
            let got: Vec<_> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
            is_over.store(true, std::sync::atomic::Ordering::SeqCst);
            (got, followers.into_iter().map(|follower| follower.join().unwrap()).collect::<Vec<_>>())
        })
    });
    for (at, mailbox) in boxes.into_iter().enumerate() {
        let mut all: Vec<u32> = Vec::new();
        for of_worker in &got {
            assert!(of_worker[at].is_sorted_by(|one, next| one < next), "each greater than the one before: {:?}", of_worker[at]);
            all.extend(&of_worker[at]);
        }
        all.sort_unstable();
        assert_eq!(all, (1..=u32::try_from(4 * ROUNDS).unwrap()).collect::<Vec<_>>(), "each once, and none left out");
        let items = it.store.items(alice, mailbox, 0, 1_000).await.unwrap();
        let there: BTreeMap<_, _> = items.into_iter().map(|item| (item.uid, item.flags)).collect();
        assert_eq!(views[at], there);
    }
}

#[test]
fn many_threads_on_one_store() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        run(engine, async |it: &mut Fixture| all_is_told_and_nothing_twice(it, std::slice::from_ref(&it.store)).await);
    }
}

#[test]
fn two_processes_on_one_database() {
    run(Engine::Postgres, async |it: &mut Fixture| {
        let (other, threads) = it.another_node();
        all_is_told_and_nothing_twice(it, &[it.store.clone(), other.clone()]).await;
        threads.close().unwrap();
    });
}
