//! Who waits for something to happen is told, after the commit and not before.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use delivery::consent::{EntryList, Screening};
use mail::flag::FlagChange;
use mail::id::MailboxId;
use store::watch::Watch;

use super::{append, create, flags, set};
use crate::fixture::{Fixture, in_a_row};

/// Whether the watch would return now.
fn is_ready(watch: &mut Watch) -> bool {
    let mut changed = pin!(watch.changed());
    matches!(changed.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()))
}

on_both_engines! {
    async fn whatever_changes_an_account_wakes_its_watchers_and_no_others(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::On).await;
        let bob = it.account("bob@a.test", Screening::Off).await;
        let (mut watch, mut second, mut of_bob) = (it.store.watch(alice), it.store.watch(alice), it.store.watch(bob));
        assert!(!is_ready(&mut watch) && !is_ready(&mut of_bob));
        let folder = create(it, alice, "a").await;
        assert!(is_ready(&mut watch) && !is_ready(&mut watch), "once for what has happened");
        append(it, alice, folder.id, 2).await;
        assert!(is_ready(&mut watch));
        set(&it.store, alice, folder.id, &[1], FlagChange::Add(flags(&["\\Deleted"]))).await;
        assert!(is_ready(&mut watch));
        it.store.expunge(alice, folder.id, None).await.unwrap();
        assert!(is_ready(&mut watch));
        it.store.expunge(alice, folder.id, None).await.unwrap();
        assert!(!is_ready(&mut watch), "nothing happened");
        it.arrival(alice, "carol@c.test", "alice@a.test").await;
        assert!(is_ready(&mut watch), "a contact attempt");
        it.add(alice, EntryList::Allow, "carol@c.test").await;
        assert!(is_ready(&mut watch), "an entry");
        it.store.keep(it.message(alice, "alice@a.test", &["dave@d.test"], b"hello")).await.unwrap();
        assert!(is_ready(&mut watch), "a transfer");
        assert!(is_ready(&mut second) && !is_ready(&mut second), "whoever was away is told once");
        assert!(!is_ready(&mut of_bob));
        let arrival = it.arrival(bob, "carol@c.test", "bob@a.test").await;
        assert!(!is_ready(&mut of_bob), "a notice that is let in shows nothing yet");
        let delivery = it.delivery(&arrival.key, in_a_row(b"hello")).await;
        it.store.deliver(delivery).await.unwrap();
        assert!(is_ready(&mut of_bob));
        drop((watch, second));
        assert_eq!(it.store.watched(), 1);
        drop(of_bob);
        assert_eq!(it.store.watched(), 0);
    }
}

#[test]
fn what_another_process_does_is_seen_when_the_database_is_asked() {
    crate::fixture::run(crate::fixture::Engine::Postgres, async |it: &mut Fixture| {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let bob = it.account("bob@a.test", Screening::Off).await;
        let (other, threads) = it.another_node();
        assert!(it.store.is_shared() && other.is_shared());
        let (mut watch, mut of_bob) = (other.watch(alice), other.watch(bob));
        other.ask_for_watched().await.unwrap();
        assert!(is_ready(&mut watch) && is_ready(&mut of_bob), "nobody knows what happened before the first question");
        append(it, alice, MailboxId::inbox_of(alice), 1).await;
        assert!(!is_ready(&mut watch));
        other.ask_for_watched().await.unwrap();
        assert!(is_ready(&mut watch) && !is_ready(&mut of_bob));
        // Its own changes it has told already.
        assert_eq!(other.expunge(alice, MailboxId::inbox_of(alice), None).await.unwrap(), [0_u32; 0]);
        set(&other, alice, MailboxId::inbox_of(alice), &[1], FlagChange::Add(flags(&["\\Seen"]))).await;
        assert!(is_ready(&mut watch));
        other.ask_for_watched().await.unwrap();
        assert!(!is_ready(&mut watch));
        drop((watch, of_bob));
        threads.close().unwrap();
    });
}
