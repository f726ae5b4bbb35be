//! The destination's side: notices, decisions, deliveries.

use std::time::Duration;

use delivery::arrival::{ArrivalEvent, Stage};
use delivery::consent::{EntryList, Screening};
use futures_util::TryStreamExt as _;
use mail::digest::ContentDigest;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use store::content::PartialContent;
use store::{Delivered, NewArrival, StoreError};

use crate::fixture::{in_a_row, key_of};

on_both_engines! {
    async fn a_notice_is_recorded_once_decided_and_delivered_once(it: &mut Fixture) {
        let carol = it.account("carol@b.test", Screening::Off).await;
        let notice = it.notice(carol, "alice@a.test", "carol@b.test");
        let key = key_of(&notice);
        it.store.record_notices(vec![notice.clone(), notice.clone()]).await.unwrap();
        it.store.record_notices(vec![notice.clone()]).await.unwrap();
        let lease = it.lease().await;
        let due = it.store.due(&lease, it.now(), 10).await.unwrap().arrivals.unwrap();
        assert_eq!(due.len(), 1);
        assert_eq!((&due[0].key, &due[0].notice), (&key, &notice.notice));
        let decided = it.store.decide(&key, &lease, it.now(), delivery::schedule::Jitter::NONE).await.unwrap().unwrap();
        assert!(matches!(decided.arrival.stage, Stage::Due { .. }));
        let delivery = it.delivery(&key, in_a_row(b"hello")).await;
        assert_eq!(it.store.deliver(delivery.clone()).await.unwrap(), Delivered::Stored);
        let mut again = delivery.clone();
        again.mail = it.mail_id();
        assert_eq!(it.store.deliver(again).await.unwrap(), Delivered::Stored);
        let inbox = it.store.mail_list(carol).await.unwrap();
        assert_eq!(inbox.len(), 1);
        assert_eq!(inbox[0].size_octets, delivery.head.len() as u64 + 5);
        let mail = it.store.mail(carol, inbox[0].id).await.unwrap().unwrap();
        assert_eq!((mail.head, mail.content), (delivery.head, in_a_row(b"hello")));
        let told = it.store.settle_arrival(it.settle_arrival(&key, ArrivalEvent::OriginKnows)).await.unwrap().unwrap();
        assert!(matches!(told.arrival.stage, Stage::Ended(_)));
        it.wait(Duration::from_hours(24 * 60));
        assert!(it.store.settle_arrival(it.settle_arrival(&key, ArrivalEvent::TimePassed)).await.unwrap().is_none());
        assert!(it.store.arrival(&key).await.unwrap().is_none());
    }

    async fn a_stranger_waits_until_allowed(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let arrival = it.arrival(bob, "alice@a.test", "bob@b.test").await;
        assert_eq!(arrival.arrival.stage, Stage::Listed);
        let contacts = it.store.contacts(bob, it.now()).await.unwrap();
        assert_eq!((contacts.len(), contacts[0].sender.to_string(), contacts[0].count), (1, "alice@a.test".to_owned(), 1));
        let delivery = it.delivery(&arrival.key, in_a_row(b"hello")).await;
        assert_eq!(it.store.deliver(delivery).await.unwrap(), Delivered::NotDue);
        let changed = it.add(bob, EntryList::Allow, "alice@a.test").await;
        assert_eq!((changed.changed, changed.released), (true, 1));
        assert!(it.store.contacts(bob, it.now()).await.unwrap().is_empty());
        let delivery = it.delivery(&arrival.key, in_a_row(b"hello")).await;
        assert_eq!(it.store.deliver(delivery).await.unwrap(), Delivered::Stored);
    }

    async fn of_a_crowd_that_comes_at_once_the_first_are_shown(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let notices: Vec<_> = (0..20).map(|number| it.notice(bob, &format!("stranger{number}@a.test"), "bob@b.test")).collect();
        it.store.record_notices(notices.clone()).await.unwrap();
        let lease = it.lease().await;
        for notice in &notices {
            it.store.decide(&key_of(notice), &lease, it.now(), delivery::schedule::Jitter::NONE).await.unwrap().unwrap();
        }
        assert_eq!(it.store.contacts(bob, it.now()).await.unwrap().len(), 5);
    }

    async fn what_was_let_in_begins_no_row(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        for number in 0..10 {
            let arrival = it.arrival(bob, &format!("stranger{number}@a.test"), "postmaster@b.test").await;
            assert!(matches!(arrival.arrival.stage, Stage::Due { .. }));
        }
        assert_eq!(it.arrival(bob, "alice@a.test", "bob@b.test").await.arrival.stage, Stage::Listed);
    }

    /// A commit that writes nothing needs no sync, and is answered sooner: who repeats a notice would learn what became of it.
    async fn a_repeated_notice_is_written_whatever_became_of_it(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        it.add(bob, EntryList::Block, "mallory@a.test").await;
        let mut written = Vec::new();
        for (from, is_listed) in [("alice@a.test", true), ("mallory@a.test", false)] {
            let notice = it.notice(bob, from, "bob@b.test");
            it.store.record_notices(vec![notice.clone()]).await.unwrap();
            let lease = it.lease().await;
            let key = key_of(&notice);
            let decide = async |it: &crate::fixture::Fixture| it.store.decide(&key, &lease, it.now(), delivery::schedule::Jitter::NONE).await.unwrap().unwrap();
            let decided = decide(it).await;
            assert_eq!(decided.arrival.stage == Stage::Listed, is_listed);
            it.wait(Duration::from_mins(1));
            let before = it.octets_of_the_journal();
            it.store.record_notices(vec![NewArrival { now: it.now(), ..notice }]).await.unwrap();
            let recorded = it.octets_of_the_journal();
            // Nor by what is done afterwards: consent is decided again, whatever it was.
            assert_eq!(decide(it).await.arrival, decided.arrival, "{from}");
            written.push([recorded.zip(before), it.octets_of_the_journal().zip(recorded)].map(|pair| pair.map(|(after, before)| after - before)));
        }
        assert_eq!(written[0], written[1]);
        assert!(written[0].iter().all(|octets| octets.is_none_or(|octets| octets > 0)), "{written:?}");
    }

    async fn what_came_of_a_message_is_gone_on_with_or_retrieved_again_if_it_is_damaged(it: &mut Fixture) {
        let carol = it.account("carol@b.test", Screening::Off).await;
        let key = it.arrival(carol, "alice@a.test", "carol@b.test").await.key;
        let octets = vec![b'x'; 3 << 20];
        let mut partial = PartialContent::open(&it.store, &key).await.unwrap();
        partial.append(&octets[..(2 << 20) + 5]).await.unwrap();
        partial.suspend().await.unwrap();
        it.restart();
        let partial = PartialContent::open(&it.store, &key).await.unwrap();
        assert_eq!((partial.received_octets(), partial.digest()), ((2 << 20) + 5, ContentDigest::of(&octets[..(2 << 20) + 5])));
        let object = it.objects.list(None).map_ok(|object| object.location).try_next().await.unwrap().unwrap();
        it.objects.delete(&object).await.unwrap();
        let mut partial = PartialContent::open(&it.store, &key).await.unwrap();
        assert_eq!(partial.received_octets(), 0);
        partial.append(&octets).await.unwrap();
        assert_eq!(partial.finish().await.unwrap().digest, ContentDigest::of(&octets));
    }

    async fn a_job_without_the_lease_changes_nothing(it: &mut Fixture) {
        let carol = it.account("carol@b.test", Screening::Off).await;
        let arrival = it.arrival(carol, "alice@a.test", "carol@b.test").await;
        let mut delivery = it.delivery(&arrival.key, in_a_row(b"hello")).await;
        it.wait(Duration::from_hours(2));
        let later = it.now() + Duration::from_hours(1);
        let other = it.store.lease("there", it.now(), later).await.unwrap();
        assert!(other.epoch > delivery.lease.epoch);
        assert_eq!(it.store.deliver(delivery.clone()).await, Err(StoreError::LeaseLost));
        assert!(it.store.due(&delivery.lease, later, 10).await.unwrap().arrivals.unwrap().is_empty());
        delivery.lease = other;
        assert_eq!(it.store.deliver(delivery).await.unwrap(), Delivered::Stored);
    }
}
