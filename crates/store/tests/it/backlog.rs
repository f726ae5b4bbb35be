//! All that is on its way, page by page; aliases and passwords taken back.

use std::collections::BTreeSet;
use std::time::Duration;

use delivery::arrival::Stage;
use delivery::consent::{EntryList, Screening};
use delivery::transfer::{Outcome, Transfer, TransferEvent};
use store::{Added, Alias, Belongings, ScramVerifier};

use crate::fixture::mailbox;

on_both_engines! {
    async fn pages_show_every_transfer_once_in_the_order_of_their_times(it: &mut Fixture) {
        let mut ids = BTreeSet::new();
        for author in ["alice@a.test", "al@a.test", "ann@a.test"] {
            let account = it.account(author, Screening::Off).await;
            let message = it.message(account, author, &["bob@b.test", "carol@c.test", "dave@d.test"], b"hello");
            ids.extend(message.transfers.iter().map(|transfer| transfer.id.clone()));
            it.store.keep(message).await.unwrap();
            it.wait(Duration::from_secs(1));
        }
        let (mut seen, mut last) = (Vec::new(), None);
        loop {
            let page = it.store.transfers_by_due(last.as_ref(), 2).await.unwrap();
            let Some(line) = page.last() else { break };
            last = Some(line.clone());
            seen.extend(page);
        }
        assert!(seen.is_sorted_by_key(|line| line.due_at));
        assert_eq!(seen.len(), ids.len());
        assert_eq!(seen.iter().map(|line| line.id.clone()).collect::<BTreeSet<_>>(), ids);
        assert!(seen.iter().all(|line| line.stage == "notifying" && line.recipient.contains('@')), "{seen:?}");
        let records = it.store.transfers_of(ids.into_iter().collect()).await.unwrap();
        assert_eq!(records.len(), 9);
    }

    async fn pages_show_every_arrival_once(it: &mut Fixture) {
        let mut keys = BTreeSet::new();
        for address in ["bob@b.test", "bert@b.test"] {
            let account = it.account(address, Screening::On).await;
            for sender in ["alice@a.test", "carol@c.test", "carol@d.test"] {
                keys.insert(it.arrival(account, sender, address).await.key);
            }
        }
        let (mut seen, mut last) = (Vec::new(), None);
        loop {
            let page = it.store.arrivals_by_due(last.as_ref(), 4).await.unwrap();
            let Some(line) = page.last() else { break };
            last = Some(line.clone());
            seen.extend(page.into_iter().map(|line| line.key));
        }
        assert_eq!(seen.len(), keys.len());
        assert_eq!(seen.iter().cloned().collect::<BTreeSet<_>>(), keys);
        assert_eq!(it.store.arrivals_of(seen).await.unwrap().len(), 6);
    }

    async fn what_is_given_up_frees_its_content_and_tells_the_author_what_is_certain(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let message = it.message(alice, "alice@a.test", &["bob@b.test", "carol@c.test"], b"hello");
        let [bob, carol] = [message.transfers[0].id.clone(), message.transfers[1].id.clone()];
        it.store.keep(message).await.unwrap();
        for event in [TransferEvent::NoticeSending, TransferEvent::NoticeAccepted, TransferEvent::AboutToServeLastOctet] {
            it.store.settle(it.settle(&carol, event)).await.unwrap().unwrap();
        }
        let failed = it.store.settle(it.settle(&bob, TransferEvent::GivenUp)).await.unwrap().unwrap();
        assert!(failed.reported && matches!(failed.after, Transfer::Ended { outcome: Outcome::Failed { .. }, .. }), "{failed:?}");
        let closed = it.store.settle(it.settle(&carol, TransferEvent::GivenUp)).await.unwrap().unwrap();
        assert!(closed.reported && matches!(closed.after, Transfer::Ended { outcome: Outcome::Closed, .. }), "{closed:?}");
        let again = it.store.settle(it.settle(&bob, TransferEvent::GivenUp)).await.unwrap().unwrap();
        assert!(!again.reported && again.before == again.after);
        assert_eq!(it.store.mail_list(alice).await.unwrap().len(), 2);
    }

    async fn belongings_are_counted(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::On).await;
        assert_eq!(it.store.belongings(alice).await.unwrap(), Belongings { unsent: 0, uncollected: 0, mail: 0 });
        it.store.keep(it.message(alice, "alice@a.test", &["bob@b.test", "carol@c.test"], b"hello")).await.unwrap();
        it.add(alice, EntryList::Allow, "bob@b.test").await;
        let arrival = it.arrival(alice, "bob@b.test", "alice@a.test").await;
        assert!(matches!(arrival.arrival.stage, Stage::Due { .. } | Stage::Noted { .. }), "{arrival:?}");
        assert_eq!(it.store.belongings(alice).await.unwrap(), Belongings { unsent: 2, uncollected: 1, mail: 0 });
    }

    async fn an_alias_that_is_taken_back_is_free_for_others(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let carol = it.account("carol@b.test", Screening::On).await;
        let aliases =
            [(Alias::Address(mailbox("sales@b.test")), "sales@b.test"), (Alias::CatchAll("b.test".parse().unwrap()), "anybody@b.test")];
        for (alias, named) in aliases {
            assert_eq!(it.store.add_alias(bob, alias.clone()).await.unwrap(), Added::Done);
            assert!(!it.store.remove_alias(carol, &alias).await.unwrap(), "another account's stays");
            assert!(it.store.remove_alias(bob, &alias).await.unwrap());
            assert!(!it.store.remove_alias(bob, &alias).await.unwrap());
            assert!(it.store.resolve(&mailbox(named)).await.unwrap().is_none());
            assert_eq!(it.store.add_alias(carol, alias).await.unwrap(), Added::Done);
            assert_eq!(it.store.resolve(&mailbox(named)).await.unwrap().unwrap().id, carol);
        }
    }

    async fn a_new_password_replaces_the_old_one(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let scram = ScramVerifier { salt: vec![9], iterations: 20_000, stored_key: [7; 32], server_key: [8; 32] };
        assert!(it.store.set_password(bob, "$argon2id$new".to_owned(), scram.clone()).await.unwrap());
        let credentials = it.store.credentials(&mailbox("bob@b.test")).await.unwrap().unwrap();
        assert_eq!((credentials.password_hash.as_str(), credentials.scram), ("$argon2id$new", scram.clone()));
        it.store.delete_account(bob, it.now()).await.unwrap();
        assert!(!it.store.set_password(bob, "$argon2id$late".to_owned(), scram).await.unwrap());
    }
}
