//! What the owner brings along.

use delivery::consent::Screening;
use mail::digest::ContentDigest;
use mail::id::AccountId;
use store::content::ContentWriter;
use store::made::Made;
use store::{Import, Imported, MAILBOXES_MAX};

use crate::fixture::{Fixture, in_a_row};

fn import(it: &Fixture, account: AccountId, mailbox: &str, octets: &[u8]) -> Import {
    Import {
        account,
        mail: it.mail_id(),
        mailbox: mailbox.to_owned(),
        received: "2001-02-03T04:05:06Z".parse().unwrap(),
        from: "carol@c.test".to_owned(),
        subject: "Hello".to_owned(),
        flags: mail::flag::Flags::default(),
        content: in_a_row(octets),
        now: it.now(),
    }
}

on_both_engines! {
    async fn what_the_owner_brings_along_lies_in_the_mailbox_of_their_choice_once(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::On).await;
        let first = import(it, alice, "Archive/2001", b"hello");
        for _repeat in 0..2 {
            assert_eq!(it.store.import(first.clone()).await.unwrap(), Imported::Stored);
        }
        let mut writer = ContentWriter::new(&it.store, alice);
        writer.write(&vec![b'x'; 100_000]).await.unwrap();
        let mut large = import(it, alice, "INBOX", b"");
        large.content = writer.finish().await.unwrap();
        it.store.import(large.clone()).await.unwrap();
        let rows = it.store.mail_list(alice).await.unwrap();
        let found: Vec<_> = rows.iter().map(|row| (row.mailbox.as_str(), row.size_octets, row.received)).collect();
        let mut expected = vec![("Archive/2001", 5, first.received), ("INBOX", 100_000, first.received)];
        if rows[0].mailbox == "INBOX" {
            expected.reverse();
        }
        assert_eq!(found, expected);
        for (id, octets) in [(first.mail, b"hello".to_vec()), (large.mail, vec![b'x'; 100_000])] {
            let mail = it.store.mail(alice, id).await.unwrap().unwrap();
            assert_eq!(it.store.digest_of_mail(&mail).await.unwrap(), ContentDigest::of(&octets));
        }
    }

    async fn what_is_brought_along_keeps_its_flags_as_far_as_the_mailbox_may_have_them(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let many: Vec<String> = (0..200).map(|number| format!("k{number}")).collect();
        let names: Vec<&str> = many.iter().map(String::as_str).collect();
        for (mailbox, given, kept) in [
            ("INBOX", vec!["\\Seen", "\\Flagged", "$work"], vec!["\\Flagged", "\\Seen", "$work"]),
            ("New", vec!["$work"], vec!["$work"]),
            ("Many", [vec!["\\Draft"], names].concat(), vec!["\\Draft"]),
        ] {
            let flags = mail::flag::Flags::from_names(given).unwrap();
            assert_eq!(it.store.import(Import { flags, ..import(it, alice, mailbox, b"x") }).await.unwrap(), Imported::Stored);
            let rows = it.store.mail_list(alice).await.unwrap();
            let row = rows.iter().find(|row| row.mailbox == mailbox).unwrap();
            assert_eq!(row.flags.names().collect::<Vec<_>>(), kept, "{mailbox}");
        }
        assert_eq!(it.store.mailbox_named(alice, "INBOX").await.unwrap().unwrap().unseen, 0);
    }

    async fn the_digest_of_a_message_is_of_all_that_is_shown(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let arrival = it.arrival(alice, "carol@c.test", "alice@a.test").await;
        let mut delivery = it.delivery(&arrival.key, in_a_row(b"hello")).await;
        delivery.skip_octets = 2;
        let (id, whole) = (delivery.mail, [delivery.head.as_slice(), b"llo"].concat());
        it.store.deliver(delivery).await.unwrap();
        let mail = it.store.mail(alice, id).await.unwrap().unwrap();
        assert_eq!(it.store.digest_of_mail(&mail).await.unwrap(), ContentDigest::of(&whole));
    }

    async fn nothing_is_imported_among_what_the_server_makes(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::On).await;
        for made in Made::ALL {
            let mailbox = it.store.refresh_made(alice, made, it.now()).await.unwrap().unwrap();
            assert_eq!(it.store.import(import(it, alice, &mailbox.name, b"x")).await.unwrap(), Imported::Made);
        }
        assert!(it.store.mail_list(alice).await.unwrap().is_empty());
    }

    async fn nothing_is_imported_for_nobody_nor_into_mailboxes_without_end(it: &mut Fixture) {
        let nobody = it.new_account("nobody@a.test", Screening::Off).id;
        assert_eq!(it.store.import(import(it, nobody, "INBOX", b"x")).await.unwrap(), Imported::NoAccount);
        let alice = it.account("alice@a.test", Screening::Off).await;
        for number in 1..MAILBOXES_MAX {
            it.store.import(import(it, alice, &format!("m{number}"), b"x")).await.unwrap();
        }
        assert_eq!(it.store.import(import(it, alice, "more", b"x")).await.unwrap(), Imported::TooManyMailboxes);
        assert_eq!(it.store.import(import(it, alice, "m1", b"x")).await.unwrap(), Imported::Stored);
    }
}
