//! Opening, leases, several nodes over one database, connections that break.

use std::time::Duration;

use delivery::consent::Screening;
use delivery::transfer::TransferEvent;
use futures_util::future::join_all;
use mail::envelope::ReportWish;
use mail::time::Timestamp;
use store::threads::{self, Database};
use store::{Lease, OpenError, Pin, Settle, StoreError, Writer};

use crate::fixture::{Engine, Fixture, in_a_row, key_of};

on_both_engines! {
    async fn a_lease_is_renewed_under_its_epoch_and_taken_over_under_a_greater_one(it: &mut Fixture) {
        let until = it.now() + Duration::from_mins(1);
        let first = it.store.lease("here", it.now(), until).await.unwrap();
        let renewed = it.store.lease("here", it.now(), until + Duration::from_mins(1)).await.unwrap();
        assert_eq!(renewed, Lease { until: until + Duration::from_mins(1), ..first.clone() });
        // While it lasts, another gets nothing.
        let alice = it.account("alice@a.test", Screening::Off).await;
        it.store.keep(it.message(alice, "alice@a.test", &["bob@b.test"], b"hello")).await.unwrap();
        let other = it.store.lease("there", it.now(), until).await.unwrap();
        assert!(it.store.due(&other, it.now(), 10).await.unwrap().transfers.unwrap().is_empty());
        assert_eq!(it.store.due(&other, Timestamp::EPOCH, 10).await.unwrap().next, None);
        assert_eq!(it.store.due(&renewed, it.now(), 10).await.unwrap().transfers.unwrap().len(), 1);
        it.wait(Duration::from_mins(3));
        let other = it.store.lease("there", it.now(), it.now() + Duration::from_mins(1)).await.unwrap();
        assert!(other.epoch > renewed.epoch);
        assert_eq!(it.store.due(&other, it.now(), 10).await.unwrap().transfers.unwrap().len(), 1);
        let id = it.store.sent(alice).await.unwrap()[0].id.clone();
        let late = Settle { writer: Writer::Job(renewed.clone()), ..it.settle(&id, TransferEvent::NoticeSending) };
        assert_eq!(it.store.settle(late).await, Err(StoreError::LeaseLost));
        // Given back, it is taken at once; an old lease of the same owner stays worthless.
        it.store.release(&other).await.unwrap();
        let again = it.store.lease("here", it.now(), it.now() + Duration::from_mins(1)).await.unwrap();
        assert!(again.epoch > other.epoch);
        let late = Settle { writer: Writer::Job(renewed), ..it.settle(&id, TransferEvent::NoticeSending) };
        assert_eq!(it.store.settle(late).await, Err(StoreError::LeaseLost));
        let now = Settle { writer: Writer::Job(again), ..it.settle(&id, TransferEvent::NoticeSending) };
        assert!(it.store.settle(now).await.unwrap().is_some());
    }

    async fn how_the_store_was_left_is_known(it: &mut Fixture) {
        assert_eq!(it.store.last_seen().await.unwrap().at, None);
        let seen = it.now();
        it.lease().await;
        it.wait(Duration::from_hours(5));
        it.restart();
        assert_eq!(it.store.last_seen().await.unwrap().at, Some(seen));
        assert!(!it.store.last_seen().await.unwrap().restored);
        it.store.note_restore().await.unwrap();
        let left = it.store.last_seen().await.unwrap();
        assert_eq!((left.restored, left.untold), (true, Some(Timestamp::EPOCH)), "there are no messages");
        let alice = it.account("alice@a.test", Screening::Off).await;
        it.store.keep(it.message(alice, "alice@a.test", &["bob@b.test"], b"hello")).await.unwrap();
        let kept = it.now();
        it.wait(Duration::from_secs(1));
        it.store.note_restore().await.unwrap();
        assert_eq!(it.store.last_seen().await.unwrap().untold, Some(kept));
        it.meddle("UPDATE meta SET value = 'yes' WHERE name = 'restored'");
        assert_eq!(it.store.last_seen().await.unwrap().untold, Some(Timestamp::FAR_FUTURE), "of a version that told all");
        it.store.note_restore_told().await.unwrap();
        let left = it.store.last_seen().await.unwrap();
        assert_eq!((left.restored, left.untold), (true, None));
        it.store.forget_restore().await.unwrap();
        assert!(!it.store.last_seen().await.unwrap().restored);
    }

    async fn a_pin_is_remembered_and_cleared(it: &mut Fixture) {
        let domain = "b.test".parse().unwrap();
        assert_eq!(it.store.pin(&domain).await.unwrap(), None);
        for until in [it.now(), it.now() + Duration::from_hours(1)] {
            it.store.set_pin(&domain, Some(Pin { until })).await.unwrap();
            assert_eq!(it.store.pin(&domain).await.unwrap(), Some(Pin { until }));
        }
        it.store.set_pin(&domain, None).await.unwrap();
        assert_eq!(it.store.pin(&domain).await.unwrap(), None);
    }

    async fn a_newer_schema_is_refused(it: &mut Fixture) {
        it.stop();
        it.meddle("INSERT INTO migration VALUES (0, 99)");
        let refused = threads::open(&it.database, it.surroundings.clone()).map(drop);
        assert!(matches!(refused, Err(OpenError::NewerSchema { found: 99, known }) if known == store::schema::version()), "{refused:?}");
        it.meddle("DELETE FROM migration WHERE version = 99");
        it.start();
    }
}

#[test]
fn two_processes_do_not_open_one_file() {
    crate::fixture::run(Engine::Sqlite, async |it: &mut Fixture| {
        let second = threads::open(&it.database, it.surroundings.clone()).map(drop);
        assert!(matches!(second, Err(OpenError::Locked(_))), "{second:?}");
        // Whoever has the file has the jobs at once, whatever a process that died had leased.
        let lease = it.lease().await;
        it.restart();
        let next = it.store.lease("another", it.now(), it.now() + Duration::from_hours(1)).await.unwrap();
        assert!(next.epoch > lease.epoch);
    });
}

#[test]
fn two_nodes_settle_one_transfer_and_one_report_is_written() {
    crate::fixture::run(Engine::Postgres, async |it: &mut Fixture| {
        let (other, threads) = it.another_node();
        let alice = it.account("alice@a.test", Screening::Off).await;
        let carol = it.account("carol@a.test", Screening::Off).await;
        let mut messages: Vec<_> = (0..20).map(|_number| it.message(alice, "alice@a.test", &["bob@b.test"], b"hello")).collect();
        for message in &mut messages {
            message.transfers[0].recipient.report = ReportWish::On { success: true, failure: true, delay: false };
        }
        let stores = [&it.store, &other];
        for kept in join_all(messages.iter().flat_map(|message| stores.map(|store| store.keep(message.clone())))).await {
            kept.unwrap();
        }
        let confirm = |message: &store::Keep| it.settle(&message.transfers[0].id, TransferEvent::Confirmed);
        let settled = join_all(messages.iter().flat_map(|message| stores.map(|store| store.settle(confirm(message))))).await;
        let reported = settled.into_iter().filter(|settled| settled.clone().unwrap().unwrap().reported).count();
        assert_eq!(reported, 20);
        assert_eq!(it.store.mail_list(alice).await.unwrap().len(), 20);

        // The same notices at both nodes, then delivered at both.
        let notices: Vec<_> = (0..20).map(|_number| it.notice(carol, "bob@b.test", "carol@a.test")).collect();
        for recorded in join_all(stores.map(|store| store.record_notices(notices.clone()))).await {
            recorded.unwrap();
        }
        let lease = it.lease().await;
        for notice in &notices {
            it.store.decide(&key_of(notice), &lease, it.now(), delivery::schedule::Jitter::NONE).await.unwrap();
        }
        let mut deliveries = Vec::new();
        for notice in &notices {
            for store in stores {
                let delivery = it.delivery(&key_of(notice), in_a_row(b"hello")).await;
                deliveries.push(store.deliver(delivery));
            }
        }
        for delivered in join_all(deliveries).await {
            delivered.unwrap();
        }
        assert_eq!(it.store.mail_list(carol).await.unwrap().len(), 20);
        threads.close().unwrap();
    });
}

#[test]
fn connections_that_break_are_made_again() {
    crate::fixture::run(Engine::Postgres, async |it: &mut Fixture| {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let Database::Postgres { url, .. } = &it.database else { panic!("not PostgreSQL") };
        let (_, schema) = url.split_once("schema=").unwrap();
        it.meddle(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = 'twoway {schema}'"
        ));
        it.store.keep(it.message(alice, "alice@a.test", &["bob@b.test"], b"hello")).await.unwrap();
        assert_eq!(it.store.sent(alice).await.unwrap().len(), 1);
    });
}

#[test]
fn a_database_that_is_away_is_said_to_be_and_nobody_waits_for_ever() {
    let it = Fixture::new(Engine::Sqlite);
    let nowhere = Database::Postgres { url: "postgresql://twoway@127.0.0.1:1/postgres".to_owned(), lanes: 1 };
    let refused = threads::open(&nowhere, it.surroundings.clone()).map(drop);
    assert!(matches!(refused, Err(OpenError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    for url in [
        "postgresql://h/d?schema=x;y",
        "postgresql://h/d?sslmode=maybe",
        "postgresql://h:port/d",
        "postgresql://h/d?sslmode=require&sslrootcert=/missing",
    ] {
        let bad = Database::Postgres { url: url.to_owned(), lanes: 1 };
        let refused = threads::open(&bad, it.surroundings.clone()).map(drop);
        assert!(matches!(refused, Err(OpenError::Url(_))), "{url}: {refused:?}");
    }
}
