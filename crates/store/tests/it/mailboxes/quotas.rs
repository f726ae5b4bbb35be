//! What does not fit stays out, and nothing of it is lost.

use delivery::arrival::Stage;
use delivery::consent::{Legacy, Screening};
use mail::id::MailboxId;
use store::items::{AppendRefusal, Appended, Copied, Copying};
use store::quota::{Limit, Quota};
use store::{Delivered, Imported, Received, Room, Wanted};

use super::{create, new_item};
use crate::fixture::{in_a_row, mailbox};
use crate::reception::pushed;

on_both_engines! {
    async fn a_full_mailbox_takes_nothing_and_what_waits_stays_due(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let (inbox, folder) = (MailboxId::inbox_of(alice), create(it, alice, "a").await);
        assert!(it.store.set_quota(alice, Some(Limit::Of(100)), Some(Limit::Of(3))).await.unwrap());
        it.store.append_messages(alice, inbox, vec![new_item(it, &[b'x'; 40], &[])], it.now()).await.unwrap();
        let usage = it.store.usage(alice).await.unwrap();
        assert_eq!((usage.octets, usage.messages, usage.quota), (40, 1, Quota { octets_max: Some(100), messages_max: Some(3) }));
        // 30 octets of head, and 40 more.
        let arrival = it.arrival(alice, "carol@c.test", "alice@a.test").await;
        assert!(!usage.admits(1, 61) && usage.admits(1, 60));
        let noticed = |size_octets| (alice, mail::notice::Notice { size_octets, ..arrival.notice.clone() });
        assert_eq!(it.store.wanted(vec![noticed(60), noticed(61)], it.now()).await.unwrap(), [Wanted::Now, Wanted::NoRoom]);
        let delivery = it.delivery(&arrival.key, in_a_row(&[b'y'; 40])).await;
        assert_eq!(it.store.deliver(delivery.clone()).await.unwrap(), Delivered::OverQuota);
        let stage = it.store.arrival(&arrival.key).await.unwrap().unwrap().arrival.stage;
        assert!(matches!(stage, Stage::Due { .. }), "{stage:?}");
        assert_eq!(it.store.append_messages(alice, inbox, vec![new_item(it, &[b'x'; 61], &[])], it.now()).await.unwrap(), Appended::Refused(AppendRefusal::OverQuota));
        let copy = |copying| it.store.copy_items(alice, inbox, vec![1], folder.id, copying, it.now());
        assert!(matches!(copy(Copying::Copy).await.unwrap(), Copied::Done { .. }));
        assert_eq!(copy(Copying::Copy).await.unwrap(), Copied::OverQuota);
        assert!(matches!(copy(Copying::Move).await.unwrap(), Copied::Done { .. }), "moving needs no room");
        assert!(it.store.set_quota(alice, Some(Limit::None), Some(Limit::Default)).await.unwrap());
        assert_eq!(it.store.deliver(delivery).await.unwrap(), Delivered::Stored, "when there is room, nothing was lost");
        assert_eq!(it.store.own_limits(alice).await.unwrap(), (Limit::None, Limit::Default));
    }

    async fn what_is_expunged_counts_no_longer_though_its_octets_go_with_the_next_sweep(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let inbox = MailboxId::inbox_of(alice);
        assert!(it.store.set_quota(alice, Some(Limit::Of(100)), None).await.unwrap());
        it.store.append_messages(alice, inbox, vec![new_item(it, &[b'x'; 90], &["\\Deleted"])], it.now()).await.unwrap();
        assert!(!it.store.usage(alice).await.unwrap().admits(1, 11));
        assert_eq!(it.store.expunge(alice, inbox, Some(vec![1])).await.unwrap(), [1]);
        let usage = it.store.usage(alice).await.unwrap();
        assert_eq!((usage.octets, usage.messages, usage.admits(1, 100)), (0, 0, true));
        let there = async || it.store.rows().await.unwrap()["mail"];
        assert_eq!(there().await, 1);
        it.store.sweep_mailboxes(it.now()).await.unwrap();
        assert_eq!(there().await, 0);
    }

    async fn pushed_and_imported_mail_is_counted_too(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        it.store.set_mode(alice, None, Some(Legacy::Deliver)).await.unwrap();
        it.store.set_quota(alice, None, Some(Limit::Of(1))).await.unwrap();
        let room = async || it.store.addressee(&mailbox("alice@a.test"), "n".to_owned()).await.unwrap().unwrap().room;
        assert_eq!(room().await, Room::Some);
        let first = pushed(it, alice, "stranger@c.test", "alice@a.test", in_a_row(b"one"));
        assert_eq!(it.store.receive(first.clone()).await.unwrap(), Received::Delivered);
        assert_eq!(it.store.receive(first).await.unwrap(), Received::Delivered, "a repeat needs no room");
        assert_eq!(room().await, Room::OverQuota);
        it.store.set_quota(alice, Some(Limit::Of(1000)), None).await.unwrap();
        let more = |content: &[u8]| pushed(it, alice, "stranger@c.test", "alice@a.test", in_a_row(content));
        assert_eq!(it.store.receive(more(&[b'x'; 1100])).await.unwrap(), Received::OverQuota, "not by more than the largest message");
        assert_eq!(it.store.receive(more(b"two")).await.unwrap(), Received::Delivered, "it was taken at RCPT, with others");
        assert_eq!(it.store.receive(more(b"three")).await.unwrap(), Received::OverQuota);
        it.store.set_quota(alice, Some(Limit::Of(1000)), Some(Limit::None)).await.unwrap();
        assert_eq!(room().await, Room::Some);
        it.store.set_quota(alice, None, Some(Limit::Of(1))).await.unwrap();
        let import = store::Import {
            account: alice,
            mail: it.mail_id(),
            mailbox: "INBOX".to_owned(),
            received: it.now(),
            from: String::new(),
            subject: String::new(),
            flags: mail::flag::Flags::default(),
            content: in_a_row(b"three"),
            now: it.now(),
        };
        assert_eq!(it.store.import(import).await.unwrap(), Imported::OverQuota);
        assert_eq!(it.store.usage(alice).await.unwrap().messages, 2);
    }

    async fn accounts_without_limits_have_the_configured_ones(it: &mut Fixture) {
        it.surroundings.quota = Quota { octets_max: None, messages_max: Some(1) };
        it.restart();
        let alice = it.account("alice@a.test", Screening::Off).await;
        let inbox = MailboxId::inbox_of(alice);
        let append = async || it.store.append_messages(alice, inbox, vec![new_item(it, b"x", &[])], it.now()).await.unwrap();
        assert!(matches!(append().await, Appended::Done { .. }));
        assert_eq!(append().await, Appended::Refused(AppendRefusal::OverQuota));
        it.store.set_quota(alice, None, Some(Limit::None)).await.unwrap();
        assert!(matches!(append().await, Appended::Done { .. }));
    }
}
