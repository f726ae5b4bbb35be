//! Reports: one for all that happens to a message at once, never twice, and with the whole message where it was asked for.

use std::cell::Cell;
use std::task::Poll;
use std::time::Duration;

use delivery::consent::Screening;
use delivery::transfer::{Outcome, Transfer, TransferEvent};
use futures_util::StreamExt as _;
use mail::envelope::{ReportWish, ReturnWish};
use mail::id::{AccountId, NoticeId};
use mail::status::Status;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use store::content::{ContentReader, ContentWriter, Place};
use store::queue::{Boundary, Fate};
use store::sqlite::Sqlite;
use store::{Attempt, Keep, Settle, Store, schema};

use crate::fixture::{Engine, Fixture, block_on};

/// A report's octets, head and all.
async fn octets_of_only_mail(store: &Store, account: AccountId) -> Vec<u8> {
    let inbox = store.mail_list(account).await.unwrap();
    assert_eq!(inbox.len(), 1, "{inbox:?}");
    let mail = store.mail(account, inbox[0].id).await.unwrap().unwrap();
    let mut octets = mail.head.clone();
    let mut reader = ContentReader::new(store, &mail.content, mail.skip_octets);
    loop {
        let piece = reader.next().await.unwrap();
        if piece.is_empty() {
            assert_eq!(octets.len() as u64, inbox[0].size_octets);
            return octets;
        }
        octets.extend(piece);
    }
}

fn refused() -> TransferEvent {
    TransferEvent::NoticeRefused { status: Status::permanent(1, 1), text: "mx.b.test refused the notice".to_owned() }
}

/// A message of three megabytes, which is an object.
async fn large(it: &Fixture, store: &Store, account: AccountId, returns: Option<ReturnWish>) -> (Keep, Vec<u8>) {
    let mut octets = b"From: alice@a.test\r\nSubject: Large\r\n\r\n".to_vec();
    while octets.len() < 3_000_000 {
        octets.extend_from_slice(b"Line after line of it.\r\n");
    }
    let mut writer = ContentWriter::new(store, account);
    writer.write(&octets).await.unwrap();
    let mut message = it.message(account, "alice@a.test", &["bob@b.test"], b"");
    message.content = writer.finish().await.unwrap();
    message.returns = returns;
    (message, octets)
}

fn contains(octets: &[u8], wanted: &[u8]) -> bool {
    octets.windows(wanted.len()).any(|window| window == wanted)
}

on_both_engines! {
    async fn recipients_that_fail_together_stand_in_one_report(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let recipients: Vec<String> = (0..100).map(|number| format!("r{number}@b.test")).collect();
        let mut message = it.message(alice, "alice@a.test", &recipients.iter().map(String::as_str).collect::<Vec<_>>(), b"hello");
        message.transfers[7].recipient.report = ReportWish::Never;
        let ids: Vec<NoticeId> = message.transfers.iter().map(|transfer| transfer.id.clone()).collect();
        it.store.keep(message).await.unwrap();
        let attempt = Attempt { at: it.now(), host: "mx.b.test".parse().ok(), reply: Some("550 5.1.1 no such mailbox".to_owned()) };
        let events = || ids.iter().map(|id| Settle { attempt: Some(attempt.clone()), ..it.settle(id, refused()) }).collect::<Vec<_>>();
        let settled = it.store.settle_together(events()).await.unwrap();
        assert_eq!(settled.iter().flatten().filter(|settled| settled.reported).count(), 99);
        // Again: the answer was lost. Nothing is told twice.
        let settled = it.store.settle_together(events()).await.unwrap();
        assert_eq!(settled.iter().flatten().filter(|settled| settled.reported).count(), 0);
        let report = String::from_utf8(octets_of_only_mail(&it.store, alice).await).unwrap();
        assert_eq!(report.matches("\r\nDiagnostic-Code: smtp; 550 5.1.1 no such mailbox\r\n").count(), 99);
        assert_eq!(report.matches("Remote-MTA: dns; mx.b.test\r\n").count(), 99);
        assert!(report.contains("Subject: Not delivered: your message to 99 recipients\r\n") && !report.contains("r7@b.test"));
        assert!(matches!(it.store.transfer(&ids[7]).await.unwrap().unwrap().transfer, Transfer::Ended { .. }));
    }

    async fn two_events_of_one_transfer_are_one_after_the_other(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let message = it.message(alice, "alice@a.test", &["bob@b.test"], b"hello");
        let id = message.transfers[0].id.clone();
        it.store.keep(message).await.unwrap();
        let settled = it.store.settle_together(vec![it.settle(&id, refused()), it.settle(&id, refused())]).await.unwrap();
        assert_eq!(settled.iter().flatten().map(|settled| settled.reported).collect::<Vec<_>>(), [true, false]);
        assert_eq!(it.store.mail_list(alice).await.unwrap().len(), 1);
        let other = it.message(alice, "alice@a.test", &["bob@b.test"], b"hello");
        let another = other.transfers[0].id.clone();
        it.store.keep(other).await.unwrap();
        it.store.settle_together(vec![it.settle(&id, refused()), it.settle(&another, refused())]).await.unwrap_err();
    }

    async fn a_large_message_goes_back_whole_if_its_author_asked_for_that(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let (message, octets) = large(it, &it.store, alice, Some(ReturnWish::Full)).await;
        let id = message.transfers[0].id.clone();
        it.store.keep(message).await.unwrap();
        assert!(it.store.settle(it.settle(&id, refused())).await.unwrap().unwrap().reported);
        assert!(!it.store.settle(it.settle(&id, refused())).await.unwrap().unwrap().reported);
        let report = octets_of_only_mail(&it.store, alice).await;
        assert!(contains(&report, &octets) && report.ends_with(b"--\r\n"));
        // The message's own object is swept, the report's stays.
        it.wait(Duration::from_hours(48));
        assert_eq!(it.store.sweep_orphans(it.now()).await.unwrap(), 1);
        assert_eq!(octets_of_only_mail(&it.store, alice).await, report);
    }

    async fn a_large_message_goes_back_as_its_header_if_nobody_asked(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let (message, _) = large(it, &it.store, alice, None).await;
        let id = message.transfers[0].id.clone();
        it.store.keep(message).await.unwrap();
        assert!(it.store.settle(it.settle(&id, refused())).await.unwrap().unwrap().reported);
        let report = octets_of_only_mail(&it.store, alice).await;
        assert!(report.len() < 5_000 && contains(&report, b"Content-Type: text/rfc822-headers\r\n"));
    }

    async fn a_large_message_that_is_damaged_is_reported_all_the_same(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let (message, _) = large(it, &it.store, alice, Some(ReturnWish::Full)).await;
        let id = message.transfers[0].id.clone();
        let Place::Object(name) = message.content.place.clone() else { panic!("not an object") };
        it.store.keep(message).await.unwrap();
        it.objects.delete(&object_store::path::Path::from(name)).await.unwrap();
        assert!(it.store.settle(it.settle(&id, refused())).await.unwrap().unwrap().reported);
        assert!(contains(&octets_of_only_mail(&it.store, alice).await, b"Content-Type: text/rfc822-headers\r\n"));
    }

    async fn what_the_latest_attempt_heard_is_told_when_time_passes(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let message = it.message(alice, "alice@a.test", &["bob@b.test"], b"hello");
        let id = message.transfers[0].id.clone();
        it.store.keep(message).await.unwrap();
        let attempt = Attempt { at: it.now(), host: "mx.b.test".parse().ok(), reply: Some("450 4.7.28 too many notices".to_owned()) };
        let deferred = Settle { attempt: Some(attempt), ..it.settle(&id, TransferEvent::NoticeDeferred) };
        it.store.settle(deferred).await.unwrap();
        it.wait(Duration::from_hours(5));
        assert!(it.store.settle(it.settle(&id, TransferEvent::TimePassed)).await.unwrap().unwrap().reported);
        assert!(!it.store.settle(it.settle(&id, TransferEvent::TimePassed)).await.unwrap().unwrap().reported, "a delay is told once");
        let report = String::from_utf8(octets_of_only_mail(&it.store, alice).await).unwrap();
        for field in [
            "Action: delayed\r\nStatus: 4.0.0\r\nRemote-MTA: dns; mx.b.test\r\nDiagnostic-Code: smtp; 450 4.7.28 too many notices\r\n",
            "Last-Attempt-Date: Sat, 21 Nov 2026 09:30:00 +0000\r\nWill-Retry-Until: Thu, 26 Nov 2026 09:30:00 +0000\r\n",
        ] {
            assert!(report.contains(field), "{report}");
        }
    }

    async fn ordinary_transfer_that_is_given_up_is_not_called_uncollected(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let mut message = it.message(alice, "alice@a.test", &["bob@b.test"], b"hello");
        message.transfers[0].recipient.report = ReportWish::On { success: false, failure: true, delay: false };
        let id = message.transfers[0].id.clone();
        it.store.keep(message).await.unwrap();
        it.store.settle(it.settle(&id, TransferEvent::ExtensionAbsent)).await.unwrap();
        it.wait(Duration::from_hours(5 * 24));
        let settled = it.store.settle(it.settle(&id, TransferEvent::TimePassed)).await.unwrap().unwrap();
        assert!(matches!(settled.after, Transfer::Ended { outcome: Outcome::Expired, .. }), "as the protocol calls it");
        let report = String::from_utf8(octets_of_only_mail(&it.store, alice).await).unwrap();
        assert!(report.contains("no server of the recipient's took the message") && !report.contains("ollected"), "{report}");
    }
}

/// Runs an operation, draining its store; a crash at the n-th boundary of this sort leaves it unanswered.
async fn run<T>(store: &Store, backend: &mut Sqlite, crash: Option<(Boundary, u32)>, operation: impl Future<Output = T>) -> Option<T> {
    let (mut seen, is_dead) = (0, Cell::new(false));
    let mut hook = |boundary| {
        seen += u32::from(crash.is_some_and(|(at, _)| at == boundary));
        is_dead.set(is_dead.get() || crash.is_some_and(|(at, nth)| at == boundary && seen == nth));
        if is_dead.get() { Fate::Crash } else { Fate::Live }
    };
    futures_util::pin_mut!(operation);
    for _turn in 0..10_000 {
        if let Poll::Ready(result) = futures_util::poll!(&mut operation) {
            return Some(result);
        }
        store.drain(backend, &mut hook);
        if is_dead.get() {
            return None;
        }
    }
    panic!("the operation does not end");
}

#[test]
fn a_crash_at_any_moment_of_a_large_report_leaves_one_report_and_nothing_else() {
    let it = Fixture::new(Engine::Sqlite);
    for boundary in [Boundary::BeforeCommit, Boundary::AfterCommit] {
        for nth in 1..=4 {
            block_on(async {
                let mut backend = Sqlite::in_memory().unwrap();
                schema::migrate(&mut backend).unwrap();
                let store = Store::new(1, it.surroundings.clone());
                let account = it.new_account("alice@a.test", Screening::Off);
                let alice = account.id;
                run(&store, &mut backend, None, store.add_account(account)).await.unwrap().unwrap();
                let (message, octets) = run(&store, &mut backend, None, large(&it, &store, alice, Some(ReturnWish::Full))).await.unwrap();
                let id = message.transfers[0].id.clone();
                run(&store, &mut backend, None, store.keep(message)).await.unwrap().unwrap();

                let event = it.settle(&id, refused());
                let died = run(&store, &mut backend, Some((boundary, nth)), store.settle(event.clone())).await.is_none();
                assert_eq!(died, nth <= 3, "it takes three commits: nothing yet, the object's name, the report");
                let store = Store::new(1, it.surroundings.clone());
                let settled = run(&store, &mut backend, None, store.settle(event)).await.unwrap().unwrap().unwrap();
                let was_committed = !died || (boundary, nth) == (Boundary::AfterCommit, 3);
                assert_eq!(settled.reported, !was_committed, "{boundary:?} {nth}");
                let report = run(&store, &mut backend, None, octets_of_only_mail(&store, alice)).await.unwrap();
                assert!(contains(&report, &octets), "{boundary:?} {nth}");
                it.wait(Duration::from_hours(48));
                run(&store, &mut backend, None, store.sweep_orphans(it.now())).await.unwrap().unwrap();
                let report = run(&store, &mut backend, None, octets_of_only_mail(&store, alice)).await.unwrap();
                assert!(contains(&report, &octets), "{boundary:?} {nth}");
                assert_eq!(run(&store, &mut backend, None, store.check()).await.unwrap().unwrap(), Vec::<String>::new());
            });
            block_on(clear(&it));
        }
    }
}

/// Forgets all objects.
async fn clear(it: &Fixture) {
    let names: Vec<_> = it.objects.list(None).map(|object| object.unwrap().location).collect().await;
    for name in names {
        it.objects.delete(&name).await.unwrap();
    }
}
