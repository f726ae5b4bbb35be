//! Consent: entries, their history and undo, what a change means for what waits, contact attempts.

use std::time::Duration;

use delivery::arrival::{ArrivalEvent, DroppedBy, Stage};
use delivery::consent::{Entry, EntryList, Screening, Who};
use delivery::contacts::{Acquaintance, ContactKind};
use delivery::schedule::Jitter;
use futures_util::future::join_all;
use mail::flag::{FlagChange, SystemFlags};
use mail::id::{AccountId, MailboxId};
use store::consent::ENTRIES_MAX;
use store::{ArrivalKey, ConsentAct, Delivered, Received, Wanted};

use crate::fixture::{Engine, Fixture, in_a_row, key_of, mailbox, run};

async fn stage(it: &Fixture, key: &ArrivalKey) -> Stage {
    it.store.arrival(key).await.unwrap().unwrap().arrival.stage
}

async fn remove(it: &Fixture, account: AccountId, list: EntryList, who: &str) -> bool {
    let act = ConsentAct::Remove { list, who: who.parse().unwrap() };
    it.store.change_consent(it.change(account, act)).await.unwrap().changed
}

on_both_engines! {
    async fn allowing_releases_and_blocking_drops_what_waits(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let from_alice = it.arrival(bob, "alice@a.test", "bob@b.test").await.key;
        let from_carol = it.arrival(bob, "carol@a.test", "bob@b.test").await.key;
        let from_below = it.arrival(bob, "dave@mail.a.test", "bob@b.test").await.key;
        assert_eq!(it.add(bob, EntryList::Block, "alice@a.test").await.released, 0);
        assert_eq!(stage(it, &from_alice).await, Stage::Dropped { by: DroppedBy::Rule });
        assert_eq!(stage(it, &from_carol).await, Stage::Listed);
        // Allowing takes the block away.
        assert_eq!(it.add(bob, EntryList::Allow, "alice@a.test").await.released, 1);
        assert!(it.store.entries(bob, EntryList::Block).await.unwrap().is_empty());
        assert!(matches!(stage(it, &from_alice).await, Stage::Due { .. }));
        assert_eq!(it.add(bob, EntryList::Allow, "@a.test").await.released, 1);
        assert_eq!(stage(it, &from_below).await, Stage::Listed);
        assert_eq!(it.add(bob, EntryList::Allow, "@.a.test").await.released, 1);
        // The same again changes nothing.
        assert!(!it.add(bob, EntryList::Allow, "@.a.test").await.changed);
        assert!(remove(it, bob, EntryList::Allow, "@.a.test").await);
        assert!(!remove(it, bob, EntryList::Allow, "@.a.test").await);
        assert_eq!(stage(it, &from_below).await, Stage::Listed);
    }

    async fn changes_of_one_moment_are_told_in_the_order_they_were_made(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let people: Vec<_> = (0..12).map(|number| format!("p{number}@a.test")).collect();
        for who in &people {
            it.add(bob, EntryList::Allow, who).await;
        }
        let history = it.store.consent_history(bob).await.unwrap();
        assert_eq!(history.iter().map(|item| item.text.clone()).collect::<Vec<_>>(), people.iter().rev().map(|who| format!("allow {who}")).collect::<Vec<_>>());
    }

    async fn a_change_is_undone_within_a_day_and_only_once(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let key = it.arrival(bob, "alice@a.test", "bob@b.test").await.key;
        it.add(bob, EntryList::Block, "alice@a.test").await;
        it.wait(Duration::from_secs(1));
        it.add(bob, EntryList::Allow, "alice@a.test").await;
        let history = it.store.consent_history(bob).await.unwrap();
        assert_eq!(history.iter().map(|item| item.text.as_str()).collect::<Vec<_>>(), ["allow alice@a.test", "block alice@a.test"]);
        // The older change was overtaken by the later one.
        assert!(!it.store.undo_consent(bob, history[1].id, it.now()).await.unwrap());
        assert!(it.store.undo_consent(bob, history[0].id, it.now()).await.unwrap());
        assert!(!it.store.undo_consent(bob, history[0].id, it.now()).await.unwrap());
        assert_eq!(stage(it, &key).await, Stage::Dropped { by: DroppedBy::Rule });
        assert_eq!(it.store.entries(bob, EntryList::Block).await.unwrap().len(), 1);
        it.wait(Duration::from_hours(25));
        assert!(!it.store.undo_consent(bob, history[1].id, it.now()).await.unwrap());
    }

    async fn changes_are_remembered_for_a_year(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let texts = async |it: &Fixture| {
            let history = it.store.consent_history(bob).await.unwrap();
            history.into_iter().map(|item| item.text).collect::<Vec<_>>()
        };
        it.add(bob, EntryList::Allow, "alice@a.test").await;
        it.wait(Duration::from_hours(200 * 24));
        it.add(bob, EntryList::Allow, "carol@a.test").await;
        assert_eq!(texts(it).await, ["allow carol@a.test", "allow alice@a.test"]);
        it.wait(Duration::from_hours(166 * 24));
        it.add(bob, EntryList::Allow, "dave@a.test").await;
        assert_eq!(texts(it).await, ["allow dave@a.test", "allow carol@a.test"]);
        assert_eq!(it.store.entries(bob, EntryList::Allow).await.unwrap().len(), 3);
    }

    async fn an_expected_entry_lets_in_so_many_stored_messages(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let mut entry = it.entry(EntryList::Expected, "@shop.test");
        entry.remaining = Some(2);
        entry.until = Some(it.now() + Duration::from_hours(1));
        it.store.change_consent(it.change(bob, ConsentAct::Add(entry))).await.unwrap();
        let mut keys = Vec::new();
        for _ in 0..3 {
            let arrival = it.arrival(bob, "hello@shop.test", "bob@b.test").await;
            // A notice alone counts nothing.
            assert!(matches!(arrival.arrival.stage, Stage::Due { .. }));
            keys.push(arrival.key);
        }
        // Nor does a question: how many may be asked for at once is counted with each.
        let notice = it.store.arrival(&keys[0]).await.unwrap().unwrap().notice;
        let wanted = async || it.store.wanted(vec![(bob, notice.clone()); 3], it.now()).await.unwrap();
        assert_eq!(wanted().await, [Wanted::Now, Wanted::Now, Wanted::Later]);
        let mut stored = Vec::new();
        for key in &keys {
            let delivery = it.delivery(key, in_a_row(b"hello")).await;
            stored.push(it.store.deliver(delivery).await.unwrap());
        }
        assert_eq!(stored, [Delivered::Stored, Delivered::Stored, Delivered::NotDue]);
        assert_eq!(stage(it, &keys[2]).await, Stage::Listed);
        assert_eq!(it.store.entries(bob, EntryList::Expected).await.unwrap()[0].remaining, Some(0));
        assert_eq!(wanted().await, [Wanted::NoLonger; 3]);
    }

    async fn what_can_not_be_read_of_one_mailbox_keeps_nothing_from_another(it: &mut Fixture) {
        let (bob, carol) = (it.account("bob@b.test", Screening::Off).await, it.account("carol@b.test", Screening::Off).await);
        let mut due = Vec::new();
        for (account, address) in [(bob, "bob@b.test"), (carol, "carol@b.test")] {
            due.push((account, it.arrival(account, "alice@a.test", address).await.notice));
        }
        it.meddle(&format!("UPDATE account SET screening = 'ajar' WHERE id = '{bob}'"));
        assert_eq!(it.store.wanted(due, it.now()).await.unwrap(), [Wanted::Later, Wanted::Now]);
        it.meddle(&format!("UPDATE account SET screening = 'off' WHERE id = '{bob}'"));
    }

    async fn a_list_is_bound_to_the_domain_it_was_first_stored_from(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        it.add(bob, EntryList::Allow, "list:announce.lists.test").await;
        let mut notice = it.notice(bob, "announce@lists.test", "bob@b.test");
        notice.notice.list = Some("announce.lists.test".to_owned());
        it.store.record_notices(vec![notice.clone()]).await.unwrap();
        let (key, lease) = (key_of(&notice), it.lease().await);
        let decided = it.store.decide(&key, &lease, it.now(), Jitter::NONE).await.unwrap().unwrap();
        assert!(matches!(decided.arrival.stage, Stage::Due { .. }), "{decided:?}");
        assert_eq!(it.store.entries(bob, EntryList::Allow).await.unwrap()[0].list_domain, None);
        let delivery = it.delivery(&key, in_a_row(b"hello")).await;
        assert_eq!(it.store.deliver(delivery).await.unwrap(), Delivered::Stored);
        let entries = it.store.entries(bob, EntryList::Allow).await.unwrap();
        assert_eq!(entries[0].list_domain, Some("lists.test".parse().unwrap()));
    }

    async fn writing_to_somebody_lets_them_in_and_can_be_undone(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let key = it.arrival(bob, "alice@a.test", "bob@b.test").await.key;
        let mut message = it.message(bob, "bob@b.test", &["alice@a.test"], b"hello");
        message.replied_to = vec![it.entry(EntryList::RepliedTo, "alice@a.test")];
        it.store.keep(message).await.unwrap();
        assert!(matches!(stage(it, &key).await, Stage::Due { .. }));
        let mut again = it.message(bob, "bob@b.test", &["alice@a.test"], b"hello");
        again.replied_to = vec![it.entry(EntryList::RepliedTo, "alice@a.test")];
        it.store.keep(again).await.unwrap();
        let history = it.store.consent_history(bob).await.unwrap();
        assert_eq!(history.iter().map(|item| item.text.as_str()).collect::<Vec<_>>(), ["replied-to alice@a.test"]);
        let pairs = it.store.allowed_pairs(None, 10).await.unwrap();
        assert_eq!(pairs.iter().map(|pair| (pair.sender.as_str(), pair.recipient.as_str())).collect::<Vec<_>>(), [("alice@a.test", "bob@b.test")]);
        assert!(it.store.allowed_pairs(pairs.last(), 10).await.unwrap().is_empty());
        assert!(it.store.undo_consent(bob, history[0].id, it.now()).await.unwrap());
        assert_eq!(stage(it, &key).await, Stage::Listed);
    }

    async fn what_waits_by_the_thousand_is_released_page_by_page(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let notices: Vec<_> = (0..1_201).map(|_number| it.notice(bob, "alice@a.test", "bob@b.test")).collect();
        let keys: Vec<_> = notices.iter().map(key_of).collect();
        it.store.record_notices(notices).await.unwrap();
        let lease = it.lease().await;
        for decided in join_all(keys.iter().map(|key| it.store.decide(key, &lease, it.now(), Jitter::NONE))).await {
            decided.unwrap();
        }
        let contacts = it.store.contacts(bob, it.now()).await.unwrap();
        assert_eq!((contacts.len(), contacts[0].count), (1, 1_201));
        assert_eq!(it.add(bob, EntryList::Allow, "alice@a.test").await.released, 1_201);
        assert_eq!(it.store.due(&lease, it.now(), 2_000).await.unwrap().arrivals.unwrap().len(), 1_201);
        // A crash cut it short: it goes on where it was.
        it.meddle("INSERT INTO redecision SELECT part, id, '', '' FROM account");
        assert_eq!(it.store.resume_redecisions(it.now(), Jitter::NONE).await.unwrap(), 0);
    }

    async fn turning_screening_off_releases_all_but_what_was_put_away(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let waits = it.arrival(bob, "alice@a.test", "bob@b.test").await.key;
        let put_away = it.arrival(bob, "carol@c.test", "bob@b.test").await.key;
        assert_eq!(it.store.dismiss_contact(bob, &"@c.test".parse().unwrap(), None, it.now()).await.unwrap(), 1);
        assert_eq!(it.store.dismiss_contact(bob, &"@c.test".parse().unwrap(), None, it.now()).await.unwrap(), 0);
        it.store.set_mode(bob, Some(Screening::Off), None).await.unwrap();
        assert!(matches!(stage(it, &waits).await, Stage::Due { .. }));
        assert_eq!(stage(it, &put_away).await, Stage::Dropped { by: DroppedBy::Recipient });
        // Turned on again: what was not retrieved yet is a contact attempt again.
        it.store.set_mode(bob, Some(Screening::On), None).await.unwrap();
        assert_eq!(stage(it, &waits).await, Stage::Listed);
        assert_eq!(it.add(bob, EntryList::Allow, "carol@c.test").await.released, 1);
    }

    async fn observing_lets_in_and_remembers_who_would_have_waited(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::Observe).await;
        it.add(bob, EntryList::Allow, "carol@c.test").await;
        for sender in ["alice@a.test", "alice@a.test", "carol@c.test"] {
            let arrival = it.arrival(bob, sender, "bob@b.test").await;
            assert!(matches!(arrival.arrival.stage, Stage::Due { .. }));
        }
        let shown = async |it: &Fixture| -> Vec<(String, ContactKind, u32)> {
            let contacts = it.store.contacts(bob, it.now()).await.unwrap();
            contacts.into_iter().map(|row| (row.sender.to_string(), row.kind, row.count)).collect()
        };
        let (alice, dave) = (("alice@a.test".to_owned(), ContactKind::Observed, 2), ("dave@d.test".to_owned(), ContactKind::Observed, 1));
        assert_eq!(shown(it).await, std::slice::from_ref(&alice));
        // They are shown for as long as they would have to wait.
        it.arrival(bob, "dave@d.test", "bob@b.test").await;
        assert_eq!(shown(it).await, [alice.clone(), dave.clone()], "they came at the same moment");
        it.add(bob, EntryList::Block, "@a.test").await;
        assert_eq!(shown(it).await, std::slice::from_ref(&dave));
        assert!(remove(it, bob, EntryList::Block, "@a.test").await);
        let until = it.now() + Duration::from_hours(1);
        let expected = Entry { until: Some(until), remaining: Some(3), ..it.entry(EntryList::Expected, "@d.test") };
        it.store.change_consent(it.change(bob, ConsentAct::Add(expected))).await.unwrap();
        assert_eq!(shown(it).await, std::slice::from_ref(&alice));
        it.wait(Duration::from_hours(2));
        assert_eq!(shown(it).await, [alice.clone(), dave.clone()], "it is expected no more");
        // And for as long as the mailbox observes.
        it.store.set_mode(bob, Some(Screening::Off), None).await.unwrap();
        assert_eq!(shown(it).await, []);
        it.store.set_mode(bob, Some(Screening::Observe), None).await.unwrap();
    }

    async fn who_is_only_observed_is_dismissed_without_a_decision(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::Observe).await;
        for sender in ["alice@a.test", "dave@d.test"] {
            it.arrival(bob, sender, "bob@b.test").await;
        }
        let shown = async |it: &Fixture| -> Vec<_> {
            it.store.contacts(bob, it.now()).await.unwrap().into_iter().map(|row| row.sender).collect()
        };
        let dave = Who::Address(mailbox("dave@d.test"));
        assert_eq!(it.store.dismiss_contact(bob, &dave, None, it.now()).await.unwrap(), 1);
        assert_eq!(it.store.dismiss_contact(bob, &dave, None, it.now()).await.unwrap(), 0);
        assert_eq!(shown(it).await, [mailbox("alice@a.test")]);
        it.wait(Duration::from_secs(1));
        it.arrival(bob, "dave@d.test", "bob@b.test").await;
        assert_eq!(shown(it).await, [mailbox("dave@d.test"), mailbox("alice@a.test")], "they wrote again");
        assert_eq!(it.store.rows().await.unwrap()["observed"], 2);
        it.store.delete_account(bob, it.now()).await.unwrap();
        assert_eq!(it.store.rows().await.unwrap()["observed"], 0);
    }

    async fn a_domain_stays_known_when_all_its_mail_is_gone(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let met = async |it: &Fixture| it.store.contacts(bob, it.now()).await.unwrap()[0].acquaintance;
        it.arrival(bob, "carol@a.test", "bob@b.test").await;
        assert_eq!(met(it).await, Acquaintance::New);
        it.add(bob, EntryList::Allow, "alice@a.test").await;
        let key = it.arrival(bob, "alice@a.test", "bob@b.test").await.key;
        let delivery = it.delivery(&key, in_a_row(b"hello")).await;
        assert_eq!(it.store.deliver(delivery).await.unwrap(), Delivered::Stored);
        assert_eq!(met(it).await, Acquaintance::RetrievedFrom);
        let inbox = MailboxId::inbox_of(bob);
        it.store.set_flags(bob, inbox, vec![1], FlagChange::Add(SystemFlags::DELETED.into()), None).await.unwrap();
        it.store.expunge(bob, inbox, None).await.unwrap();
        assert_eq!(it.store.sweep_mailboxes(it.now()).await.unwrap(), 1);
        it.restart();
        assert_eq!(met(it).await, Acquaintance::RetrievedFrom);
        let of_another = it.account("dave@b.test", Screening::On).await;
        it.arrival(of_another, "carol@a.test", "dave@b.test").await;
        assert_eq!(it.store.contacts(of_another, it.now()).await.unwrap()[0].acquaintance, Acquaintance::New, "it is bob's");
        assert_eq!(it.store.rows().await.unwrap()["acquaintance"], 1);
        it.store.delete_account(bob, it.now()).await.unwrap();
        assert_eq!(it.store.rows().await.unwrap()["acquaintance"], 0);
    }

    async fn a_domain_fills_only_its_share_of_the_contact_attempts(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        for number in 0..20 {
            it.arrival(bob, &format!("spam{number}@flood.test"), "bob@b.test").await;
        }
        let friend = it.arrival(bob, "alice@a.test", "bob@b.test").await;
        assert_eq!(friend.arrival.stage, Stage::Listed);
        let contacts = it.store.contacts(bob, it.now()).await.unwrap();
        let flood = contacts.iter().filter(|contact| contact.sender.domain().as_str() == "flood.test").count();
        assert!((1..20).contains(&flood), "{flood}");
        // What was not shown is looked at again when its notice comes again, a day later.
        let hidden = it.notice(bob, "spam99@flood.test", "bob@b.test");
        let (key, lease) = (key_of(&hidden), it.lease().await);
        it.store.record_notices(vec![hidden.clone()]).await.unwrap();
        it.store.decide(&key, &lease, it.now(), Jitter::NONE).await.unwrap();
        assert_eq!(stage(it, &key).await, Stage::Dropped { by: DroppedBy::Rule });
        it.wait(Duration::from_hours(25));
        let again = store::NewArrival { now: it.now(), decide_at: it.now(), ..hidden };
        it.store.record_notices(vec![again]).await.unwrap();
        let heard = it.store.arrival(&key).await.unwrap().unwrap().arrival;
        assert_eq!((heard.stage, heard.look_again_at), (Stage::Dropped { by: DroppedBy::Rule }, Some(it.now())));
        let lease = it.lease().await;
        it.store.decide(&key, &lease, it.now(), Jitter::NONE).await.unwrap();
        assert_eq!(stage(it, &key).await, Stage::Listed);
    }

    async fn a_dismissed_contact_stays_away_when_its_notice_comes_again(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let notice = it.notice(bob, "alice@a.test", "bob@b.test");
        let (key, lease) = (key_of(&notice), it.lease().await);
        it.store.record_notices(vec![notice.clone()]).await.unwrap();
        it.store.decide(&key, &lease, it.now(), Jitter::NONE).await.unwrap();
        it.store.settle_arrival(it.settle_arrival(&key, ArrivalEvent::Dismissed)).await.unwrap();
        it.store.record_notices(vec![notice]).await.unwrap();
        assert_eq!(stage(it, &key).await, Stage::Dropped { by: DroppedBy::Recipient });
        let decided = it.store.decide(&key, &lease, it.now(), Jitter::NONE).await.unwrap().unwrap().arrival;
        assert_eq!((decided.stage, decided.look_again_at), (Stage::Dropped { by: DroppedBy::Recipient }, None));
    }

    async fn what_was_given_up_stays_so_when_its_notice_comes_again_though_its_sender_is_let_in(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        it.add(bob, EntryList::Allow, "alice@a.test").await;
        let notice = it.notice(bob, "alice@a.test", "bob@b.test");
        let (key, lease) = (key_of(&notice), it.lease().await);
        it.store.record_notices(vec![notice.clone()]).await.unwrap();
        it.store.decide(&key, &lease, it.now(), Jitter::NONE).await.unwrap();
        it.store.settle_arrival(it.settle_arrival(&key, ArrivalEvent::GivenUp)).await.unwrap();
        it.store.record_notices(vec![notice]).await.unwrap();
        it.store.decide(&key, &lease, it.now(), Jitter::NONE).await.unwrap();
        assert_eq!(stage(it, &key).await, Stage::Dropped { by: DroppedBy::Recipient });
    }
}

/// On SQLite alone: the rule is the same text for both, and this many rows take PostgreSQL's tests too long.
#[test]
#[ignore = "writes 20,000 entries, a minute and a half unoptimised: ./check --long runs it"]
fn an_account_has_so_many_entries_and_no_more() {
    run(Engine::Sqlite, async |it: &mut Fixture| {
        let bob = it.account("bob@b.test", Screening::On).await;
        let entries = |first: u32, count: u32| (first..first + count).map(|number| format!("user{number}@a.test"));
        let mut message = it.message(bob, "bob@b.test", &["alice@a.test"], b"hello");
        message.replied_to = entries(0, ENTRIES_MAX + 5).map(|who| it.entry(EntryList::RepliedTo, &who)).collect();
        it.store.keep(message).await.unwrap();
        let known = it.store.entries(bob, EntryList::RepliedTo).await.unwrap();
        assert_eq!(known.len(), usize::try_from(ENTRIES_MAX).unwrap());
        let pushed = crate::reception::pushed(it, bob, "one.more@a.test", "bob@b.test", in_a_row(b"hello"));
        assert_eq!(it.store.receive(pushed).await.unwrap(), Received::Kept);
        let refused = it.add(bob, EntryList::Allow, "one.more@a.test").await;
        assert!(refused.is_full && !refused.changed && refused.released == 0);
        assert!(remove(it, bob, EntryList::RepliedTo, "user7@a.test").await);
        assert!(it.add(bob, EntryList::Allow, "one.more@a.test").await.changed);
    });
}
