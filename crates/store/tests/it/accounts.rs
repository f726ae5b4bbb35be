//! Accounts and the directory.

use std::time::Duration;

use delivery::consent::{EntryList, Legacy, Screening};
use delivery::transfer::{Outcome, Transfer};
use store::content::ContentWriter;
use store::{Added, Alias, AppPasswordAdded, NewAppPassword, Scope};

use crate::fixture::{key_of, mailbox};

on_both_engines! {
    async fn an_account_is_found_by_its_address_alias_tag_and_catch_all(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let alias = Alias::Address(mailbox("robert@b.test"));
        assert_eq!(it.store.add_alias(bob, alias.clone()).await.unwrap(), Added::Done);
        assert_eq!(it.store.add_alias(bob, alias.clone()).await.unwrap(), Added::Done);
        let carol = it.account("carol@b.test", Screening::Off).await;
        let catch_all = Alias::CatchAll("b.test".parse().unwrap());
        assert_eq!(it.store.add_alias(carol, catch_all.clone()).await.unwrap(), Added::Done);
        assert_eq!(it.store.add_alias(bob, catch_all).await.unwrap(), Added::Taken);
        assert_eq!(it.store.add_alias(carol, alias.clone()).await.unwrap(), Added::Taken);

        for (address, whose) in [
            ("bob@b.test", Some(bob)),
            ("BOB@b.test", Some(bob)),
            ("bob+tag@b.test", Some(bob)),
            ("robert@b.test", Some(bob)),
            ("robert+x+y@b.test", Some(bob)),
            ("anybody@b.test", Some(carol)),
            ("bob@c.test", None),
        ] {
            let found = it.store.resolve(&mailbox(address)).await.unwrap();
            assert_eq!(found.map(|account| account.id), whose, "{address}");
        }
        assert!(it.store.account(&mailbox("anybody@b.test")).await.unwrap().is_none());
        let found = it.store.account(&mailbox("robert@b.test")).await.unwrap().unwrap();
        assert_eq!((found.address, found.aliases), (mailbox("bob@b.test"), vec![alias]));
        let all: Vec<_> = it.store.accounts().await.unwrap().into_iter().map(|account| account.id).collect();
        assert_eq!(all, [bob, carol]);
    }

    async fn an_address_is_taken_once(it: &mut Fixture) {
        let bob = it.new_account("bob@b.test", Screening::On);
        assert_eq!(it.store.add_account(bob.clone()).await.unwrap(), Added::Done);
        assert_eq!(it.store.add_account(bob.clone()).await.unwrap(), Added::Done);
        assert_eq!(it.store.add_account(it.new_account("Bob@b.test", Screening::Off)).await.unwrap(), Added::Taken);
        let credentials = it.store.credentials(&mailbox("bob@b.test")).await.unwrap().unwrap();
        assert_eq!((credentials.account, credentials.password_hash, credentials.scram), (bob.id, bob.password_hash, bob.scram));
    }

    async fn app_passwords_are_found_by_name_or_beginning_and_go_with_their_account(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        let scram = it.new_account("x@b.test", Screening::On).scram;
        let new = |id: &str, name: &str| NewAppPassword {
            account: bob,
            id: id.to_owned(),
            name: name.to_owned(),
            scopes: [Scope::Imap].into(),
            scram: scram.clone(),
            made: it.now(),
        };
        assert_eq!(it.store.add_app_password(new("abcd", "phone")).await.unwrap(), AppPasswordAdded::Done);
        for taken in [new("efgh", "phone"), new("abcd", "laptop"), new("efgh", "abcd")] {
            assert_eq!(it.store.add_app_password(taken).await.unwrap(), AppPasswordAdded::Taken);
        }
        assert_eq!(it.store.add_app_password(new("efgh", "laptop")).await.unwrap(), AppPasswordAdded::Done);
        for name in ["phone", "abcd"] {
            let found = it.store.app_credentials(&mailbox("bob@b.test"), name).await.unwrap().unwrap();
            assert_eq!((found.account, found.password.name.as_str(), &found.scram), (bob, "phone", &scram), "{name}");
            assert_eq!(found.password.scopes, [Scope::Imap].into());
        }
        assert!(it.store.app_credentials(&mailbox("bob@b.test"), "tablet").await.unwrap().is_none());
        assert!(it.store.app_credentials(&mailbox("nobody@b.test"), "phone").await.unwrap().is_none());

        let now = it.now();
        it.store.app_password_used(bob, "abcd", now).await.unwrap();
        let used: Vec<_> = it.store.app_passwords(bob).await.unwrap().into_iter().map(|one| (one.name, one.used)).collect();
        assert_eq!(used, [("phone".to_owned(), Some(now)), ("laptop".to_owned(), None)]);

        assert!(it.store.remove_app_password(bob, "phone").await.unwrap());
        assert!(!it.store.remove_app_password(bob, "phone").await.unwrap());
        it.store.delete_account(bob, it.now()).await.unwrap();
        assert!(it.store.app_passwords(bob).await.unwrap().is_empty());
        assert_eq!(it.store.add_app_password(new("efgh", "laptop")).await.unwrap(), AppPasswordAdded::NoAccount);
    }

    async fn modes_follow_what_is_set(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::Off).await;
        let modes = async || {
            let account = it.store.account(&mailbox("bob@b.test")).await.unwrap().unwrap();
            (account.screening, account.legacy)
        };
        assert_eq!(modes().await, (Screening::Off, Legacy::Deliver));
        it.store.set_mode(bob, Some(Screening::On), None).await.unwrap();
        assert_eq!(modes().await, (Screening::On, Legacy::Keep));
        it.store.set_mode(bob, None, Some(Legacy::Refuse)).await.unwrap();
        assert_eq!(modes().await, (Screening::On, Legacy::Refuse));
        let history = it.store.consent_history(bob).await.unwrap();
        assert_eq!(history.len(), 2);
        let screened = history.iter().find(|item| item.text == "screening on").unwrap();
        // The modes were changed again since.
        assert!(!it.store.undo_consent(bob, screened.id, it.now()).await.unwrap());
        let refused = history.iter().find(|item| item.text == "legacy refuse").unwrap();
        assert!(it.store.undo_consent(bob, refused.id, it.now()).await.unwrap());
        assert_eq!(modes().await, (Screening::On, Legacy::Keep));
        assert!(it.store.undo_consent(bob, screened.id, it.now()).await.unwrap());
        assert_eq!(modes().await, (Screening::Off, Legacy::Deliver));
    }

    async fn a_deleted_account_leaves_nothing_but_outcomes(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::On).await;
        it.store.add_alias(alice, Alias::Address(mailbox("al@a.test"))).await.unwrap();
        it.add(alice, EntryList::Allow, "bob@b.test").await;
        it.arrival(alice, "carol@c.test", "alice@a.test").await;
        let key = it.arrival(alice, "bob@b.test", "alice@a.test").await.key;
        let mut writer = ContentWriter::new(&it.store, alice);
        writer.write(&vec![b'x'; 50_000]).await.unwrap();
        let delivery = it.delivery(&key, writer.finish().await.unwrap()).await;
        it.store.deliver(delivery).await.unwrap();
        let message = it.message(alice, "alice@a.test", &["bob@b.test"], b"hello");
        let id = message.transfers[0].id.clone();
        it.store.keep(message.clone()).await.unwrap();

        it.store.delete_account(alice, it.now()).await.unwrap();
        it.store.delete_account(alice, it.now()).await.unwrap();
        assert!(it.store.accounts().await.unwrap().is_empty());
        assert!(it.store.resolve(&mailbox("al@a.test")).await.unwrap().is_none());
        assert!(it.store.mail_list(alice).await.unwrap().is_empty());
        assert!(it.store.arrival(&key).await.unwrap().is_none());
        assert!(it.store.entries(alice, EntryList::Allow).await.unwrap().is_empty());
        let record = it.store.transfer(&id).await.unwrap().unwrap();
        assert!(matches!(record.transfer, Transfer::Ended { outcome: Outcome::Failed { .. }, .. }));
        assert!(it.store.keep(it.message(alice, "alice@a.test", &["bob@b.test"], b"hello")).await.is_err());
        it.wait(Duration::from_hours(24));
        assert_eq!(it.store.sweep_orphans(it.now()).await.unwrap(), 1);
        // The address is free.
        it.account("alice@a.test", Screening::Off).await;
    }

    /// Whether it was stored, waits, or was dropped: a repeat that tells would tell of the allow list.
    async fn a_notice_to_a_mailbox_that_is_gone_is_known_whatever_became_of_it(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::On).await;
        let alias = Alias::Address(mailbox("al@a.test"));
        it.store.add_alias(alice, alias.clone()).await.unwrap();
        it.add(alice, EntryList::Allow, "bob@b.test").await;
        it.add(alice, EntryList::Block, "mallory@b.test").await;
        let (stored, listed) = (it.notice(alice, "bob@b.test", "alice@a.test"), it.notice(alice, "carol@c.test", "alice+x@a.test"));
        let (dropped, aliased) = (it.notice(alice, "mallory@b.test", "alice@a.test"), it.notice(alice, "bob@b.test", "al@a.test"));
        let as_postmaster = it.notice(alice, "bob@b.test", "postmaster@a.test");
        let notices = [&stored, &listed, &dropped, &aliased, &as_postmaster];
        it.store.record_notices(notices.map(Clone::clone).to_vec()).await.unwrap();
        let lease = it.lease().await;
        for notice in notices {
            it.store.decide(&key_of(notice), &lease, it.now(), delivery::schedule::Jitter::NONE).await.unwrap();
        }
        let delivery = it.delivery(&key_of(&stored), crate::fixture::in_a_row(b"hello")).await;
        it.store.deliver(delivery).await.unwrap();
        let known = async |it: &crate::fixture::Fixture| {
            let mut known = Vec::new();
            for notice in notices {
                known.push(it.store.was_noted(&notice.notice, it.now()).await.unwrap());
            }
            known
        };
        assert_eq!(known(it).await, [false; 5], "the mailbox is there, and knows them itself");
        it.store.remove_alias(alice, &alias).await.unwrap();
        assert_eq!(known(it).await, [false, false, false, true, true], "she may have been postmaster by that name");
        it.store.delete_account(alice, it.now()).await.unwrap();
        assert_eq!(known(it).await, [true; 5]);
        let another = it.notice(alice, "bob@b.test", "alice@a.test");
        assert!(!it.store.was_noted(&another.notice, it.now()).await.unwrap());
        assert_eq!(it.store.sweep_former(it.now()).await.unwrap(), 0);
        it.wait(Duration::from_hours(24 * 45));
        assert_eq!(known(it).await, [false; 5], "no repeat can come any more");
        assert_eq!(it.store.sweep_former(it.now()).await.unwrap(), 5);
    }

    async fn what_a_crash_cut_short_is_finished(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let bob = it.account("bob@a.test", Screening::Off).await;
        // Reserved, not recorded; recorded, not activated; half deleted.
        it.meddle("INSERT INTO directory SELECT part, name || 'x', account, 'reserved', 1 FROM directory WHERE name = 'alice@a.test'");
        it.meddle("UPDATE directory SET stage = 'reserved', reserved_at = 1 WHERE name = 'alice@a.test'");
        it.meddle("UPDATE account SET stage = 'deleting' WHERE address = 'bob@a.test'");
        assert!(it.store.account(&mailbox("alice@a.test")).await.unwrap().is_none());
        it.store.resume_accounts(it.now(), it.now()).await.unwrap();
        assert_eq!(it.store.account(&mailbox("alice@a.test")).await.unwrap().unwrap().id, alice);
        assert!(it.store.account_by_id(bob).await.unwrap().is_none());
        assert!(it.store.account(&mailbox("bob@a.test")).await.unwrap().is_none());
        it.meddle("DELETE FROM directory WHERE name = 'alice@a.testx'");
    }

    async fn a_notice_for_an_account_that_was_deleted_meanwhile_is_forgotten(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        it.store.delete_account(alice, it.now()).await.unwrap();
        let notice = it.notice(alice, "bob@b.test", "alice@a.test");
        let (key, lease) = (key_of(&notice), it.lease().await);
        it.store.record_notices(vec![notice]).await.unwrap();
        let decided = it.store.decide(&key, &lease, it.now(), delivery::schedule::Jitter::NONE).await.unwrap();
        assert!(decided.is_none());
        assert!(it.store.arrival(&key).await.unwrap().is_none());
    }
}
