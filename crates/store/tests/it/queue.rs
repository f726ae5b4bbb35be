//! Many operations to a transaction, what a crash leaves, and what one operation's failure means for the others.

use std::sync::Arc;

use delivery::consent::Screening;
use futures_util::future::{join, join_all};
use mail::id::NoticeId;
use store::queue::{Boundary, Fate, live};
use store::sqlite::Sqlite;
use store::{Keep, Store, StoreError, schema};

use crate::fixture::{Engine, Fixture, block_on};

/// A store in memory that nobody drains but the test.
struct Bench {
    store: Store,
    backend: Sqlite,
    commits: u32,
}

impl Bench {
    fn new(it: &Fixture) -> Self {
        let mut backend = Sqlite::in_memory().unwrap();
        schema::migrate(&mut backend).unwrap();
        Self { store: Store::new(1, it.surroundings.clone()), backend, commits: 0 }
    }

    /// Polls the operations, which puts them on the queue, and drains it until they are answered.
    async fn run<T>(&mut self, operations: impl Future<Output = T>) -> T {
        let Self { store, backend, commits } = self;
        let drains = async {
            loop {
                let mut count = |boundary| {
                    *commits += u32::from(boundary == Boundary::AfterCommit);
                    Fate::Live
                };
                store.drain(backend, &mut count);
                tokio::task::yield_now().await;
            }
        };
        futures_util::pin_mut!(operations, drains);
        match futures_util::future::select(operations, drains).await {
            futures_util::future::Either::Left((result, _drains)) => result,
            futures_util::future::Either::Right(((), _operations)) => panic!("draining does not end"),
        }
    }

    /// The same, but the process dies at a boundary of the first transaction: whoever waited is not answered, and
    /// a new store over the same database takes over.
    async fn crash<T>(&mut self, at: Boundary, operations: impl Future<Output = T>) -> T {
        let Self { store, backend, .. } = self;
        let drain = async {
            let mut crash = |boundary| if boundary == at { Fate::Crash } else { Fate::Live };
            store.drain(backend, &mut crash);
        };
        join(operations, drain).await.0
    }
}

async fn account(bench: &mut Bench, it: &Fixture) -> mail::id::AccountId {
    let account = it.new_account("alice@a.test", Screening::Off);
    let (id, store) = (account.id, bench.store.clone());
    bench.run(store.add_account(account)).await.unwrap();
    id
}

fn messages(it: &Fixture, account: mail::id::AccountId, count: usize) -> Vec<Keep> {
    (0..count).map(|_number| it.message(account, "alice@a.test", &["bob@b.test"], b"hello")).collect()
}

fn on_a_bench<F: AsyncFnOnce(&mut Bench, &Fixture)>(story: F) {
    let it = Fixture::new(Engine::Sqlite);
    let mut bench = Bench::new(&it);
    block_on(async {
        story(&mut bench, &it).await;
        let store = bench.store.clone();
        assert_eq!(bench.run(store.check()).await.unwrap(), Vec::<String>::new());
    });
}

#[test]
fn what_comes_together_is_committed_together() {
    on_a_bench(async |bench, it| {
        let alice = account(bench, it).await;
        bench.commits = 0;
        let store = bench.store.clone();
        let kept = bench.run(join_all(messages(it, alice, 200).into_iter().map(|message| store.keep(message)))).await;
        assert!(kept.iter().all(Result::is_ok));
        assert_eq!(bench.commits, 1);
        let kept = bench.run(join_all(messages(it, alice, 300).into_iter().map(|message| store.keep(message)))).await;
        assert!(kept.iter().all(Result::is_ok));
        assert_eq!(bench.commits, 3);
        assert_eq!(bench.run(store.sent(alice)).await.unwrap().len(), 500);
    });
}

#[test]
fn one_operation_that_fails_does_not_fail_the_others() {
    on_a_bench(async |bench, it| {
        let alice = account(bench, it).await;
        let mut messages = messages(it, alice, 5);
        messages[2].transfers[0].id = "of-no-partition-of-ours-000".parse::<NoticeId>().unwrap();
        let store = bench.store.clone();
        let kept = bench.run(join_all(messages.into_iter().map(|message| store.keep(message)))).await;
        assert_eq!(kept.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false, true, true]);
        assert!(matches!(kept[2], Err(StoreError::Damaged(_))));
        assert_eq!(bench.run(store.sent(alice)).await.unwrap().len(), 4);
    });
}

#[test]
fn a_crash_before_the_commit_leaves_nothing_and_one_after_it_everything() {
    on_a_bench(async |bench, it| {
        let alice = account(bench, it).await;
        let message = messages(it, alice, 1).remove(0);
        for (at, recorded) in [(Boundary::BeforeCommit, 0), (Boundary::AfterCommit, 1)] {
            let store = bench.store.clone();
            let answer = bench.crash(at, store.keep(message.clone())).await;
            assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
            bench.store = Store::new(1, it.surroundings.clone());
            let store = bench.store.clone();
            assert_eq!(bench.run(store.sent(alice)).await.unwrap().len(), recorded, "{at:?}");
        }
        // Whoever was not answered asks again.
        let store = bench.store.clone();
        bench.run(store.keep(message)).await.unwrap();
        assert_eq!(bench.run(store.sent(alice)).await.unwrap().len(), 1);
    });
}

#[test]
fn what_was_not_drained_is_lost_with_the_process() {
    on_a_bench(async |bench, it| {
        let alice = account(bench, it).await;
        let message = messages(it, alice, 1).remove(0);
        let store = bench.store.clone();
        let (answer, ()) = join(store.keep(message), async { store.writes()[0].clear() }).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
        assert!(bench.run(store.sent(alice)).await.unwrap().is_empty());
    });
}

#[test]
fn a_queue_that_is_full_takes_no_more() {
    on_a_bench(async |bench, it| {
        let alice = account(bench, it).await;
        let store = bench.store.clone();
        let kept = bench.run(join_all(messages(it, alice, 8_192 + 10).into_iter().map(|message| store.keep(message)))).await;
        assert_eq!(kept.iter().filter(|answer| matches!(answer, Err(StoreError::Unavailable(_)))).count(), 10);
        assert_eq!(kept.iter().filter(|answer| answer.is_ok()).count(), 8_192);
    });
}

#[test]
fn commits_are_far_fewer_than_operations_under_load() {
    let it = Fixture::new(Engine::Sqlite);
    let mut bench = Bench::new(&it);
    let alice = block_on(account(&mut bench, &it));
    bench.commits = 0;
    let Bench { store, mut backend, .. } = bench;
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (the_store, the_stop) = (store.clone(), Arc::clone(&stop));
    let drainer = std::thread::spawn(move || {
        let mut commits = 0_u32;
        while !the_stop.load(std::sync::atomic::Ordering::SeqCst) {
            let mut count = |boundary| {
                commits += u32::from(boundary == Boundary::AfterCommit);
                Fate::Live
            };
            the_store.drain(&mut backend, &mut count);
        }
        the_store.drain(&mut backend, &mut live);
        commits
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let messages = messages(&it, alice, 2_000);
    runtime.block_on(async {
        let kept = join_all(messages.chunks(100).map(|some| {
            let (store, some) = (store.clone(), some.to_vec());
            async move { join_all(some.into_iter().map(|message| store.keep(message))).await }
        }));
        for answer in kept.await.into_iter().flatten() {
            answer.unwrap();
        }
    });
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    let commits = drainer.join().unwrap();
    assert!(commits <= 1_000, "{commits} commits for 2,000 messages");
}
