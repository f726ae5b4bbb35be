//! Pushed mail: delivered, kept aside, released, put away, deleted.

use std::time::Duration;

use delivery::arrival::Stage;
use delivery::consent::{Entry, EntryList, Legacy, Screening};
use delivery::contacts::{ContactKind, ROWS_MAX as CONTACTS_MAX};
use delivery::legacy::{Authorship, authorship};
use futures_util::TryStreamExt as _;
use mail::id::AccountId;
use object_store::ObjectStore as _;
use store::content::{ContentWriter, INLINE_OCTETS_MAX, StoredContent};
use store::kept::{KEPT_MESSAGES_MAX, NETWORK_SHARE, network_name};
use store::{ConsentAct, ConsentChange, Pusher, Receive, Received, Room};

use crate::fixture::{Fixture, in_a_row, mailbox};

/// A message pushed by somebody who says to be `from`.
pub(crate) fn pushed(it: &Fixture, account: AccountId, from: &str, to: &str, content: StoredContent) -> Receive {
    Receive {
        account,
        mail: it.mail_id(),
        recipient: mailbox(to),
        reverse_path: from.parse().unwrap(),
        sender: mailbox(from),
        list_id: None,
        reference: None,
        authorship: authorship(None),
        answerable: None,
        returns: Vec::new(),
        pusher: Pusher { address: "192.0.2.7".parse().unwrap(), detail: "pushed by a test".to_owned() },
        head: b"Return-Path: <>\r\n".to_vec(),
        content,
        skip_octets: 0,
        subject: "Hello".to_owned(),
        largest_octets: 100,
        now: it.now(),
    }
}

async fn push(it: &Fixture, account: AccountId, from: &str) -> Received {
    it.store.receive(pushed(it, account, from, "bob@b.test", in_a_row(b"hello"))).await.unwrap()
}

/// Who waits, with how many messages.
async fn waiting(it: &Fixture, account: AccountId) -> Vec<(String, u32)> {
    let contacts = it.store.contacts(account, it.now()).await.unwrap();
    contacts.iter().filter(|contact| contact.kind.waits()).map(|contact| (contact.sender.to_string(), contact.count)).collect()
}

/// Who would have had to wait, with how many messages.
async fn observed(it: &Fixture, account: AccountId) -> Vec<(String, u32)> {
    let contacts = it.store.contacts(account, it.now()).await.unwrap();
    contacts.iter().filter(|contact| !contact.kind.waits()).map(|contact| (contact.sender.to_string(), contact.count)).collect()
}

async fn inbox(it: &Fixture, account: AccountId) -> usize {
    it.store.mail_list(account).await.unwrap().len()
}

async fn objects(it: &Fixture) -> usize {
    it.objects.list(None).try_collect::<Vec<_>>().await.unwrap().len()
}

async fn large(it: &Fixture, account: AccountId) -> StoredContent {
    let mut writer = ContentWriter::new(&it.store, account);
    writer.write(&vec![b'x'; usize::try_from(INLINE_OCTETS_MAX).unwrap() + 1]).await.unwrap();
    writer.finish().await.unwrap()
}

on_both_engines! {
    async fn what_is_expected_under_a_reference_is_let_in_with_it_and_proved(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let reference = it.notice_id(bob);
        let entry = Entry { reference: Some(reference.to_string()), remaining: Some(3), ..it.entry(EntryList::Expected, "@shop.test") };
        it.store.change_consent(it.change(bob, ConsentAct::Add(entry))).await.unwrap();
        for (named, is_proved, becomes) in [
            (None, true, Received::Kept),
            (Some(it.notice_id(bob)), true, Received::Kept),
            (Some(reference.clone()), false, Received::Kept),
            (Some(reference), true, Received::Delivered),
        ] {
            let message = pushed(it, bob, "orders@shop.test", "bob@b.test", in_a_row(b"hello"));
            let author = if is_proved { Authorship::Proved(message.sender.clone()) } else { message.authorship.clone() };
            let message = Receive { reference: named, authorship: author, ..message };
            assert_eq!(it.store.receive(message).await.unwrap(), becomes);
        }
        assert_eq!(it.store.entries(bob, EntryList::Expected).await.unwrap()[0].remaining, Some(2));
    }

    async fn the_modes_say_what_becomes_of_pushed_mail_and_a_repeat_changes_nothing(it: &mut Fixture) {
        for (number, (screening, legacy, becomes)) in [
            (Screening::Off, None, Received::Delivered),
            (Screening::Observe, None, Received::Delivered),
            (Screening::On, None, Received::Kept),
            (Screening::Off, Some(Legacy::Keep), Received::Kept),
            (Screening::On, Some(Legacy::Deliver), Received::Delivered),
            // RCPT refuses; the mode was changed since.
            (Screening::Off, Some(Legacy::Refuse), Received::Kept),
        ].into_iter().enumerate() {
            let address = format!("bob{number}@b.test");
            let bob = it.account(&address, screening).await;
            it.store.set_mode(bob, None, legacy).await.unwrap();
            let message = pushed(it, bob, "alice@a.test", &address, in_a_row(b"hello"));
            assert_eq!(it.store.receive(message.clone()).await.unwrap(), becomes, "{screening:?} {legacy:?}");
            assert_eq!(it.store.receive(message).await.unwrap(), becomes);
            let is_delivered = becomes == Received::Delivered;
            assert_eq!((inbox(it, bob).await, waiting(it, bob).await.len()), (usize::from(is_delivered), usize::from(!is_delivered)));
            assert_eq!(observed(it, bob).await.len(), usize::from(screening == Screening::Observe));
        }
    }

    async fn who_would_have_waited_is_remembered_up_to_a_limit_and_the_latest_stay(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::Observe).await;
        for number in 0..CONTACTS_MAX {
            push(it, bob, &format!("alice{number}@a.test")).await;
            it.wait(Duration::from_secs(1));
        }
        push(it, bob, "alice0@a.test").await;
        it.wait(Duration::from_secs(1));
        push(it, bob, "carol@c.test").await;
        let seen = observed(it, bob).await;
        assert_eq!(seen.len(), CONTACTS_MAX);
        assert_eq!(seen[..2], [("carol@c.test".to_owned(), 1), ("alice0@a.test".to_owned(), 2)]);
        assert!(!seen.iter().any(|(sender, _count)| sender == "alice1@a.test"), "it wrote longest ago");
        // They take nobody's place who waits.
        it.store.set_mode(bob, None, Some(Legacy::Keep)).await.unwrap();
        assert_eq!(push(it, bob, "dave@d.test").await, Received::Kept);
        assert_eq!(waiting(it, bob).await, [("dave@d.test".to_owned(), 1)]);
        let rows = it.store.contacts(bob, it.now()).await.unwrap();
        assert_eq!((rows.len(), rows[0].kind, rows[1].kind), (CONTACTS_MAX, ContactKind::Legacy, ContactKind::Observed));
    }

    async fn allowing_moves_what_was_kept_into_the_mailbox_and_what_comes_later_waits_again(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        for from in ["alice@a.test", "Alice@a.test", "carol@a.test"] {
            assert_eq!(push(it, bob, from).await, Received::Kept);
            it.wait(Duration::from_secs(1));
        }
        let message = pushed(it, bob, "alice@a.test", "bob@b.test", large(it, bob).await);
        assert_eq!(it.store.receive(message.clone()).await.unwrap(), Received::Kept);
        assert_eq!(it.store.receive(message).await.unwrap(), Received::Kept);
        let contacts = it.store.contacts(bob, it.now()).await.unwrap();
        assert_eq!(waiting(it, bob).await, [("alice@a.test".to_owned(), 3), ("carol@a.test".to_owned(), 1)]);
        assert_eq!((contacts[0].kind, contacts[0].evidence.rule.as_str()), (ContactKind::Legacy, "none"));
        let changed = it.add(bob, EntryList::Allow, "alice@a.test").await;
        assert_eq!((changed.changed, changed.released), (true, 3));
        let mail = it.store.mail_list(bob).await.unwrap();
        assert_eq!((mail.len(), mail[0].from.as_str(), mail[0].size_octets), (3, "alice@a.test", 22));
        // Whoever says to be Alice is not let in by that.
        assert_eq!(push(it, bob, "alice@a.test").await, Received::Kept);
        it.add(bob, EntryList::Allow, "@.elsewhere.test").await;
        assert_eq!(inbox(it, bob).await, 3);
        // The same decision again is one about what is here now.
        let again = it.add(bob, EntryList::Allow, "alice@a.test").await;
        assert_eq!((again.changed, again.released), (false, 1));
        assert_eq!(it.add(bob, EntryList::Allow, "@a.test").await.released, 1);
        assert_eq!((inbox(it, bob).await, waiting(it, bob).await.len()), (5, 0));
    }

    async fn what_is_blocked_is_dropped_and_what_was_here_comes_back_if_that_is_undone(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        push(it, bob, "alice@a.test").await;
        it.add(bob, EntryList::Block, "@a.test").await;
        assert_eq!(waiting(it, bob).await, []);
        assert_eq!(push(it, bob, "alice@a.test").await, Received::Dropped);
        let history = it.store.consent_history(bob).await.unwrap();
        assert!(it.store.undo_consent(bob, history[0].id, it.now()).await.unwrap());
        assert_eq!(waiting(it, bob).await, [("alice@a.test".to_owned(), 1)]);
        it.add(bob, EntryList::Block, "alice@a.test").await;
        it.wait(Duration::from_hours(25));
        assert_eq!(it.store.sweep_kept(it.now()).await.unwrap(), 1);
        let remove = ConsentAct::Remove { list: EntryList::Block, who: "alice@a.test".parse().unwrap() };
        it.store.change_consent(it.change(bob, remove)).await.unwrap();
        assert_eq!(waiting(it, bob).await, []);
    }

    async fn mail_pushed_in_the_name_of_who_gave_a_notice_is_decided_about_by_itself(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let alice = "alice@a.test";
        let notice = it.arrival(bob, alice, "bob@b.test").await.key;
        push(it, bob, alice).await;
        let kinds = async |it: &Fixture| {
            it.store.contacts(bob, it.now()).await.unwrap().iter().map(|contact| contact.kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(it).await, [ContactKind::Notice, ContactKind::Legacy]);
        let stage = async |it: &Fixture| it.store.arrival(&notice).await.unwrap().unwrap().arrival.stage;
        // One is put away: the other waits.
        let dismiss = async |it: &Fixture, of| it.store.dismiss_contact(bob, &alice.parse().unwrap(), Some(of), it.now()).await.unwrap();
        assert_eq!(dismiss(it, ContactKind::Legacy).await, 1);
        assert_eq!((kinds(it).await, stage(it).await), (vec![ContactKind::Notice], Stage::Listed));
        push(it, bob, alice).await;
        // The notice is let in, by itself or by the address: what was pushed was not meant.
        for of in [Some(ContactKind::Notice), None] {
            let allow = ConsentChange { of, ..it.change(bob, ConsentAct::Add(it.entry(EntryList::Allow, alice))) };
            let id = allow.id;
            assert_eq!(it.store.change_consent(allow).await.unwrap().released, 1);
            assert!(matches!(stage(it).await, Stage::Due { .. }));
            assert_eq!((kinds(it).await, inbox(it, bob).await), (vec![ContactKind::Legacy], 0));
            assert!(it.store.undo_consent(bob, id, it.now()).await.unwrap());
            assert_eq!(stage(it).await, Stage::Listed);
        }
        // What was pushed is let in.
        let allow = ConsentChange { of: Some(ContactKind::Legacy), ..it.change(bob, ConsentAct::Add(it.entry(EntryList::Allow, alice))) };
        assert_eq!(it.store.change_consent(allow).await.unwrap().released, 3);
        assert_eq!((kinds(it).await, inbox(it, bob).await), (vec![], 2));
    }

    async fn what_is_dismissed_comes_back_within_a_day_if_its_sender_is_let_in(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        for from in ["alice@a.test", "carol@c.test"] {
            push(it, bob, from).await;
        }
        for who in ["alice@a.test", "@c.test"] {
            assert_eq!(it.store.dismiss_contact(bob, &who.parse().unwrap(), None, it.now()).await.unwrap(), 1);
            assert_eq!(it.store.dismiss_contact(bob, &who.parse().unwrap(), None, it.now()).await.unwrap(), 0);
        }
        assert_eq!(waiting(it, bob).await, []);
        // A change of mode does not bring it back.
        it.store.set_mode(bob, Some(Screening::Off), None).await.unwrap();
        assert_eq!(inbox(it, bob).await, 0);
        assert_eq!(it.add(bob, EntryList::Allow, "alice@a.test").await.released, 1);
        it.wait(Duration::from_hours(25));
        assert_eq!(it.add(bob, EntryList::Allow, "carol@c.test").await.released, 0);
        assert_eq!(it.store.sweep_kept(it.now()).await.unwrap(), 1);
    }

    async fn a_mailbox_that_begins_to_take_pushed_mail_gets_what_was_kept(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        for number in 0..201 {
            push(it, bob, &format!("alice{number}@a.test")).await;
        }
        it.store.set_mode(bob, Some(Screening::Observe), Some(Legacy::Keep)).await.unwrap();
        assert_eq!((inbox(it, bob).await, waiting(it, bob).await.len()), (0, 201));
        it.store.set_mode(bob, None, Some(Legacy::Deliver)).await.unwrap();
        assert_eq!((inbox(it, bob).await, waiting(it, bob).await.len()), (201, 0));
    }

    async fn what_is_kept_too_long_is_deleted_with_its_object(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        push(it, bob, "alice@a.test").await;
        let message = pushed(it, bob, "carol@a.test", "bob@b.test", large(it, bob).await);
        it.store.receive(message).await.unwrap();
        it.wait(Duration::from_hours(30 * 24) - Duration::from_secs(1));
        assert_eq!(it.store.sweep_kept(it.now()).await.unwrap(), 0);
        assert_eq!(waiting(it, bob).await.len(), 2);
        it.wait(Duration::from_secs(1));
        // Nobody sees it, and nobody lets it in, before it is swept.
        assert_eq!(waiting(it, bob).await.len(), 0);
        assert_eq!(it.add(bob, EntryList::Allow, "@a.test").await.released, 0);
        assert_eq!(it.store.sweep_kept(it.now()).await.unwrap(), 2);
        it.wait(Duration::from_secs(1));
        assert_eq!((it.store.sweep_orphans(it.now()).await.unwrap(), objects(it).await), (1, 0));
    }

    async fn a_message_for_several_accounts_has_a_copy_in_each_and_goes_with_each(it: &mut Fixture) {
        let accounts = [it.account("bob@b.test", Screening::On).await, it.account("carol@b.test", Screening::Off).await];
        let content = large(it, accounts[0]).await;
        let copy = it.store.copy_content(&content, accounts[1]).await.unwrap();
        for (account, content, becomes) in [(accounts[0], content, Received::Kept), (accounts[1], copy, Received::Delivered)] {
            let message = pushed(it, account, "alice@a.test", "bob@b.test", content);
            assert_eq!(it.store.receive(message).await.unwrap(), becomes);
        }
        assert_eq!(objects(it).await, 2);
        it.store.delete_account(accounts[0], it.now()).await.unwrap();
        it.wait(Duration::from_secs(1));
        assert_eq!((it.store.sweep_orphans(it.now()).await.unwrap(), objects(it).await), (1, 1));
        let message = pushed(it, accounts[0], "alice@a.test", "bob@b.test", in_a_row(b"hello"));
        assert_eq!(it.store.receive(message).await.unwrap(), Received::NoMailbox);
    }

    async fn one_network_fills_only_a_part_of_a_mailboxs_room(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let room = async |address: &str| {
            let network = network_name(address.parse().unwrap());
            it.store.addressee(&mailbox("bob+x@b.test"), network).await.unwrap().unwrap().room
        };
        let share = KEPT_MESSAGES_MAX / NETWORK_SHARE;
        for _ in 1..share {
            push(it, bob, "alice@a.test").await;
        }
        assert_eq!(room("192.0.2.9").await, Room::Some);
        push(it, bob, "alice@a.test").await;
        assert_eq!((room("192.0.2.9").await, room("198.51.100.1").await), (Room::None, Room::Some));
        it.store.set_mode(bob, None, Some(Legacy::Deliver)).await.unwrap();
        assert_eq!(room("192.0.2.9").await, Room::Some);
    }

    async fn a_report_on_ones_own_message_is_let_in(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let other = it.account("other@b.test", Screening::On).await;
        let sent = it.message(bob, "bob@b.test", &["alice@a.test"], b"hello");
        let id = sent.message;
        it.store.keep(sent).await.unwrap();
        let report = |account, reverse_path: &str, returns| {
            let plain = pushed(it, account, "mailer-daemon@a.test", "bob@b.test", in_a_row(b"bad news"));
            Receive { reverse_path: reverse_path.parse().unwrap(), returns, ..plain }
        };
        for (message, becomes) in [
            (report(bob, "", vec![id]), Received::Delivered),
            (report(bob, "", vec![it.message_id()]), Received::Kept),
            (report(bob, "", vec![]), Received::Kept),
            (report(bob, "a@a.test", vec![id]), Received::Kept),
            (report(other, "", vec![id]), Received::Kept),
        ] {
            assert_eq!(it.store.receive(message.clone()).await.unwrap(), becomes, "{message:?}");
        }
    }
}
