//! Mailboxes that the server makes: contact requests, what became of sent mail; and keywords upon the author's copies.

use std::time::Duration;

use delivery::consent::{Claims, EntryList, Screening};
use delivery::transfer::{Outcome, TransferEvent};
use mail::flag::{FlagChange, Flags, SystemFlags};
use mail::id::AccountId;
use mail::message::HeaderSection;

use store::items::{Appended, NewItem};
use store::made::{Made, Request};
use store::mailboxes::{CreateMailbox, Created};

use store::*;

use crate::fixture::{Fixture, in_a_row};

impl Fixture {
    async fn refreshed(&self, account: AccountId, made: Made) -> MailboxRow {
        self.store.refresh_made(account, made, self.now()).await.unwrap().unwrap()
    }

    /// The messages of such a mailbox, with their Subjects.
    async fn shown(&self, account: AccountId, made: Made) -> Vec<(u32, String)> {
        let row = self.refreshed(account, made).await;
        let items = self.store.items(account, row.id, 0, 1000).await.unwrap();
        assert_eq!(usize::try_from(row.messages).unwrap(), items.len());
        let mut shown = Vec::new();
        for item in items {
            let mail = self.store.mail(account, item.mail).await.unwrap().unwrap();
            shown.push((item.uid, mail.row.subject));
        }
        shown
    }

    async fn text(&self, account: AccountId, made: Made, uid: u32) -> String {
        let item = self.store.items_of(account, made.id(account), vec![uid]).await.unwrap().remove(0);
        let content = self.store.mail(account, item.mail).await.unwrap().unwrap().content;
        match content.place {
            content::Place::Row(octets) => String::from_utf8(octets).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// A client puts its copy of a sent message into its folder; returns its UID.
    async fn append_copy(&self, account: AccountId, folder: &MailboxRow, internet_id: &str) -> u32 {
        let item = NewItem {
            mail: self.mail_id(),
            flags: Flags::from(SystemFlags::SEEN),
            received: self.now(),
            zone: mail::time::Zone::UTC,
            from: "alice@a.test".to_owned(),
            subject: "Hello".to_owned(),
            internet_id: Some(internet_id.to_owned()),
            content: in_a_row(b"Subject: Hello\r\n\r\nHi\r\n"),
        };
        match self.store.append_messages(account, folder.id, vec![item], self.now()).await.unwrap() {
            Appended::Done { uids, .. } => uids[0],
            Appended::Refused(why) => panic!("{why:?}"),
        }
    }

    async fn folder(&self, account: AccountId, name: &str) -> MailboxRow {
        let id = mail::id::MailboxId::new(self.now(), self.entropy());
        let create = CreateMailbox { id, name: name.to_owned(), special_use: None, now: self.now() };
        match self.store.create_mailbox(account, create).await.unwrap() {
            Created::Done(row) => row,
            other => panic!("{other:?}"),
        }
    }

    async fn keywords(&self, account: AccountId, folder: &MailboxRow, uid: u32) -> (Vec<String>, u64) {
        let item = self.store.items_of(account, folder.id, vec![uid]).await.unwrap().remove(0);
        assert!(item.flags.system.has(SystemFlags::SEEN));
        (item.flags.keywords.iter().map(|keyword| keyword.as_str().to_owned()).collect(), item.modseq)
    }
}

fn subjects(shown: &[(u32, String)]) -> Vec<&str> {
    shown.iter().map(|(_uid, subject)| subject.as_str()).collect()
}

on_both_engines! {
    async fn a_request_stands_for_a_row_and_changes_with_it(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        assert!(it.shown(bob, Made::Requests).await.is_empty());
        it.arrival(bob, "alice@a.test", "bob@b.test").await;
        it.wait(Duration::from_mins(1));
        it.arrival(bob, "carol@c.test", "bob@b.test").await;
        let first = it.shown(bob, Made::Requests).await;
        assert_eq!(subjects(&first), ["Contact request: alice@a.test", "Contact request: carol@c.test"]);
        let requests = it.store.requests_of(bob, vec![first[0].0, 99]).await.unwrap();
        let alice = Request { uid: first[0].0, sender: "alice@a.test".parse().unwrap(), kind: ContactKind::Notice };
        assert_eq!(requests, [alice]);

        // What is the same stays, flags and all; what changes is another message.
        let before = it.refreshed(bob, Made::Requests).await;
        let seen = FlagChange::Add(SystemFlags::SEEN.into());
        it.store.set_flags(bob, before.id, vec![first[0].0, first[1].0], seen, None).await.unwrap();
        it.wait(Duration::from_mins(1));
        it.arrival(bob, "carol@c.test", "bob@b.test").await;
        let second = it.shown(bob, Made::Requests).await;
        assert_eq!(second[0], first[0]);
        assert!(second[1].0 > first[1].0);
        assert!(it.text(bob, Made::Requests, second[1].0).await.contains("Waiting:       2 messages, 10 octets\r\n"));
        let after = it.refreshed(bob, Made::Requests).await;
        assert_eq!((after.messages, after.unseen, after.uid_validity), (2, 1, before.uid_validity));
        let changes = it.store.changes(bob, before.id, before.modseq, 100).await.unwrap().unwrap();
        assert_eq!(changes.vanished, [first[1].0]);

        // Decided rows vanish, and what is undone comes back under a new UID.
        it.add(bob, EntryList::Allow, "alice@a.test").await;
        it.add(bob, EntryList::Block, "carol@c.test").await;
        assert!(it.shown(bob, Made::Requests).await.is_empty());
        let change = it.store.consent_history(bob).await.unwrap().into_iter().find(|change| change.text == "block carol@c.test").unwrap();
        assert!(it.store.undo_consent(bob, change.id, it.now()).await.unwrap());
        let third = it.shown(bob, Made::Requests).await;
        assert_eq!(subjects(&third), ["Contact request: carol@c.test"]);
        assert!(third[0].0 > second[1].0);
        // And so does what expires.
        it.wait(Duration::from_hours(15 * 24));
        assert!(it.shown(bob, Made::Requests).await.is_empty());
    }

    async fn claims_are_shown_to_who_asks_for_them(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let mut notice = it.notice(bob, "alice@a.test", "bob@b.test");
        notice.notice.name = Some("Alice".to_owned());
        notice.notice.subject = Some("Lunch".to_owned());
        let key = crate::fixture::key_of(&notice);
        it.store.record_notices(vec![notice]).await.unwrap();
        let lease = it.lease().await;
        it.store.decide(&key, &lease, it.now(), delivery::schedule::Jitter::NONE).await.unwrap();
        let hidden = it.shown(bob, Made::Requests).await[0].0;
        assert!(!it.text(bob, Made::Requests, hidden).await.contains("Alice"));
        it.store.set_claims(bob, Claims::Shown).await.unwrap();
        let shown = it.shown(bob, Made::Requests).await[0].0;
        assert!(shown > hidden);
        let text = it.text(bob, Made::Requests, shown).await;
        assert!(text.contains("\"Alice\"") && text.contains("\"Lunch\""), "{text}");
    }

    async fn what_the_server_makes_is_not_its_owners(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        // A folder of the owner's with that name keeps it.
        let own = it.folder(bob, "Contact Requests").await;
        it.arrival(bob, "alice@a.test", "bob@b.test").await;
        let made = it.refreshed(bob, Made::Requests).await;
        assert_eq!((made.name.as_str(), made.messages), ("Contact Requests (server)", 1));
        assert_ne!(made.id, own.id);
        assert_eq!(Made::of(bob, made.id), Some(Made::Requests));
        assert_eq!((it.store.usage(bob).await.unwrap().messages, it.store.mail_list(bob).await.unwrap().len()), (0, 0));
        it.store.delete_account(bob, it.now()).await.unwrap();
        assert_eq!(it.store.refresh_made(bob, Made::Requests, it.now()).await.unwrap(), None);
    }

    async fn sent_mail_has_a_status_that_changes_with_its_transfers(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let mut message = it.message(alice, "alice@a.test", &["bob@b.test", "carol@c.test"], b"Subject: Hello\r\n\r\nHi\r\n");
        message.header = b"From: alice@a.test\r\nMessage-ID: <one@a.test>\r\nSubject: Hello\r\n\r\n".to_vec();
        let ids: Vec<_> = message.transfers.iter().map(|transfer| transfer.id.clone()).collect();
        it.store.keep(message).await.unwrap();
        let first = it.shown(alice, Made::Sent).await;
        assert_eq!(subjects(&first), ["Waiting: Hello"]);
        assert_eq!(it.refreshed(alice, Made::Sent).await.unseen, 0);
        it.store.settle(it.settle(&ids[0], TransferEvent::AboutToServeLastOctet)).await.unwrap();
        it.store.settle(it.settle(&ids[0], TransferEvent::Confirmed)).await.unwrap();
        let second = it.shown(alice, Made::Sent).await;
        assert_eq!(subjects(&second), ["Delivered 1, Waiting 1: Hello"]);
        assert!(second[0].0 > first[0].0);
        let text = it.text(alice, Made::Sent, second[0].0).await;
        let section = HeaderSection::read(text.as_bytes());
        assert_eq!(section.named("In-Reply-To").next().unwrap().text(), "<one@a.test>");
        assert_eq!(section.named("Two-Way-Status").count(), 2);
        it.wait(Duration::from_hours(31 * 24));
        assert!(it.shown(alice, Made::Sent).await.is_empty());
    }

    async fn copies_of_sent_mail_say_what_became_of_it_in_either_order(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let sent = it.folder(alice, "Sent").await;
        let mut message = it.message(alice, "alice@a.test", &["bob@b.test"], b"Subject: Hello\r\n\r\nHi\r\n");
        message.header = b"From: alice@a.test\r\nMessage-ID: <one@a.test>\r\n\r\n".to_vec();
        let id = message.transfers[0].id.clone();
        let before = it.append_copy(alice, &sent, "<one@a.test>").await;
        let other = it.append_copy(alice, &sent, "<other@a.test>").await;
        assert_eq!(it.keywords(alice, &sent, before).await.0, [""; 0]);
        it.store.keep(message).await.unwrap();
        let after = it.append_copy(alice, &sent, "<one@a.test>").await;
        for uid in [before, after] {
            assert_eq!(it.keywords(alice, &sent, uid).await.0, ["$TwoWayWaiting"]);
        }
        let (_, modseq) = it.keywords(alice, &sent, before).await;
        // Noticed, served: all of it is waiting, and nothing changes.
        it.store.settle(it.settle(&id, TransferEvent::AboutToServeLastOctet)).await.unwrap();
        assert_eq!(it.keywords(alice, &sent, before).await.1, modseq);
        it.store.settle(it.settle(&id, TransferEvent::Confirmed)).await.unwrap();
        for uid in [before, after] {
            let (keywords, changed) = it.keywords(alice, &sent, uid).await;
            assert_eq!(keywords, ["$TwoWayDelivered"]);
            assert!(changed > modseq, "clients are told");
        }
        assert_eq!(it.keywords(alice, &sent, other).await.0, [""; 0]);
        let transfer = it.store.transfer(&id).await.unwrap().unwrap().transfer;
        assert!(matches!(transfer, delivery::transfer::Transfer::Ended { outcome: Outcome::Delivered, .. }));
    }
}
