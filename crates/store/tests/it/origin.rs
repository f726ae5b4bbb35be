//! The origin's side: messages kept, transfers settled, reports, contents freed.

use std::time::Duration;

use delivery::consent::Screening;
use delivery::transfer::{Outcome, Transfer, TransferEvent};
use mail::envelope::ReportWish;
use mail::notice::Kind;
use mail::status::Status;
use store::content::{ContentReader, ContentWriter, Place};
use store::{DuePlace, Keep, Settle};

on_both_engines! {
    async fn a_kept_message_waits_is_served_and_confirmed(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let mut message = it.message(alice, "alice@a.test", &["bob@b.test", "carol@c.test"], b"hello");
        message.transfers[0].recipient.report = ReportWish::On { success: true, failure: true, delay: false };
        let [bob, carol] = [message.transfers[0].id.clone(), message.transfers[1].id.clone()];
        it.store.keep(message.clone()).await.unwrap();
        it.store.keep(message.clone()).await.unwrap();
        let lease = it.lease().await;
        assert_eq!(it.store.due(&lease, it.now(), 10).await.unwrap().transfers.unwrap().len(), 2);
        let before = it.now() - Duration::from_secs(1);
        assert_eq!(it.store.due(&lease, before, 10).await.unwrap().next, Some(it.now()));
        assert_eq!(it.store.due(&lease, it.now(), 10).await.unwrap().next, None, "what is due already hides nothing that comes");
        let first = it.store.due(&lease, it.now(), 1).await.unwrap().transfers.unwrap().remove(0);
        let place = DuePlace { due_at: first.transfer.due_at(), id: first.id.to_string() };
        let rest = it.store.due_transfers_after(&lease, it.now(), &place, 10).await.unwrap();
        assert_eq!((rest.len(), rest[0].id != first.id), (1, true));
        let record = it.store.transfer(&bob).await.unwrap().unwrap();
        assert_eq!(record.content.place, Place::Row(b"hello".to_vec()));
        assert_eq!(record.from.to_string(), "alice@a.test");

        for event in [TransferEvent::NoticeSending, TransferEvent::NoticeAccepted] {
            let settled = it.store.settle(it.settle(&bob, event)).await.unwrap().unwrap();
            assert!(!settled.reported);
        }
        let waiting = it.store.waiting(&"alice@a.test".parse().unwrap(), &"bob@b.test".parse().unwrap(), None, 10).await.unwrap();
        assert_eq!(waiting.iter().map(|record| &record.id).collect::<Vec<_>>(), [&bob]);
        let after = it.store.waiting(&"alice@a.test".parse().unwrap(), &"bob@b.test".parse().unwrap(), Some(&bob), 10).await.unwrap();
        assert!(after.is_empty());

        let settled = it.store.settle(it.settle(&bob, TransferEvent::AboutToServeLastOctet)).await.unwrap().unwrap();
        assert!(matches!(settled.after, Transfer::Served { .. }));
        let settled = it.store.settle(it.settle(&bob, TransferEvent::Confirmed)).await.unwrap().unwrap();
        assert!(settled.reported);
        // Again: the 250 was lost. Nothing is told twice.
        let settled = it.store.settle(it.settle(&bob, TransferEvent::Confirmed)).await.unwrap().unwrap();
        assert!(!settled.reported);
        let inbox = it.store.mail_list(alice).await.unwrap();
        assert_eq!(inbox.len(), 1);
        assert!(inbox[0].from.contains("mailer-daemon@a.test"), "{}", inbox[0].from);
        // Carol's copy still needs the content.
        assert!(matches!(it.store.transfer(&bob).await.unwrap().unwrap().content.place, Place::Row(_)));
        let refused = TransferEvent::NoticeRefused { status: Status::permanent(1, 1), text: "no such mailbox".to_owned() };
        let settled = it.store.settle(it.settle(&carol, refused)).await.unwrap().unwrap();
        assert!(settled.reported);
        let ended = it.store.transfer(&bob).await.unwrap().unwrap();
        assert_eq!(ended.content.place, Place::Freed);
        let late = Settle { detail: Some("confirmed, much later".to_owned()), ..it.settle(&bob, TransferEvent::Confirmed) };
        it.store.settle(late).await.unwrap().unwrap();
        assert_eq!(it.store.transfer(&bob).await.unwrap().unwrap().detail, ended.detail, "why it ended was said then");
        let sent = it.store.sent(alice).await.unwrap();
        assert!(matches!(&sent[0].transfer, Transfer::Ended { outcome: Outcome::Delivered | Outcome::Failed { .. }, .. }));

        // A while later both are forgotten, and the message with the last.
        it.wait(Duration::from_hours(24 * 60));
        for id in [&bob, &carol] {
            it.store.settle(it.settle(id, TransferEvent::TimePassed)).await.unwrap().unwrap();
            assert!(it.store.transfer(id).await.unwrap().is_none());
        }
        assert!(it.store.sent(alice).await.unwrap().is_empty());
    }

    async fn what_its_notices_call_a_message_is_kept_with_it(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let answered = it.notice_id(alice);
        for (kind, list, reference) in [
            (Kind::Mail, None, None),
            (Kind::Forward, None, None),
            (Kind::List, Some("dev.a.test".to_owned()), None),
            (Kind::Report, None, None),
            (Kind::Confirm, None, Some(answered)),
        ] {
            let message = Keep { kind, list: list.clone(), reference: reference.clone(), ..it.message(alice, "alice@a.test", &["bob@b.test"], b"hello") };
            let id = message.transfers[0].id.clone();
            it.store.keep(message).await.unwrap();
            it.restart();
            let record = it.store.transfer(&id).await.unwrap().unwrap();
            assert_eq!((record.kind, record.list, record.reference), (kind, list, reference));
        }
    }

    async fn a_large_message_is_an_object_until_it_is_freed(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let octets: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        let mut writer = ContentWriter::new(&it.store, alice);
        for piece in octets.chunks(100_001) {
            writer.write(piece).await.unwrap();
        }
        let content = writer.finish().await.unwrap();
        assert_eq!(content.size_octets, 3_000_000);
        let mut message = it.message(alice, "alice@a.test", &["bob@b.test"], b"");
        message.content = content;
        let id = message.transfers[0].id.clone();
        it.store.keep(message).await.unwrap();
        // Adopted: no sweep takes it.
        it.wait(Duration::from_hours(48));
        assert_eq!(it.store.sweep_orphans(it.now()).await.unwrap(), 0);
        let record = it.store.transfer(&id).await.unwrap().unwrap();
        let mut read = Vec::new();
        let mut reader = ContentReader::new(&it.store, &record.content, 1);
        loop {
            let piece = reader.next().await.unwrap();
            if piece.is_empty() {
                break;
            }
            assert!(piece.len() <= 256 * 1024);
            read.extend(piece);
        }
        assert_eq!(read, octets[1..]);
        it.store.settle(it.settle(&id, TransferEvent::WithdrawalAsked)).await.unwrap();
        it.wait(Duration::from_hours(1));
        assert_eq!(it.store.sweep_orphans(it.now()).await.unwrap(), 1);
        assert_eq!(it.store.sweep_orphans(it.now()).await.unwrap(), 0);
    }
}
