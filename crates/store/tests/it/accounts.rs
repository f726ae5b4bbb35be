//! Accounts and the directory.

use delivery::consent::{Legacy, Screening};
use store::{Added, Alias};

use crate::fixture::mailbox;

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
}
