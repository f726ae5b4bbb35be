//! Outlines of messages: kept beside the mail, read by UID, and gone with it.

use std::sync::Arc;

use delivery::consent::Screening;
use delivery::schedule::Jitter;
use mail::flag::{FlagChange, SystemFlags};
use mail::id::MailboxId;
use mail::outline::{Outline, PackedOutline};
use store::items::{Appended, NewItem};
use store::{KeptOutline, OutlineWant};

use crate::fixture::{Fixture, in_a_row};

const MESSAGE: &[u8] = b"From: bob@b.test\r\nSubject: Hello\r\nX-Other: 1\r\n\r\nHello Alice\r\n";

fn new_item(it: &Fixture) -> NewItem {
    NewItem {
        mail: it.mail_id(),
        flags: mail::flag::Flags::default(),
        received: it.now(),
        zone: mail::time::Zone::UTC,
        from: "bob@b.test".to_owned(),
        subject: "Hello".to_owned(),
        internet_id: None,
        content: in_a_row(MESSAGE),
    }
}

on_both_engines! {
    async fn an_outline_is_kept_with_its_mail_and_goes_with_it(it: &mut Fixture) {
        let account = it.account("alice@a.test", Screening::Off).await;
        let inbox = MailboxId::inbox_of(account);
        let new: Vec<NewItem> = (0..3).map(|_| new_item(it)).collect();
        let ids: Vec<_> = new.iter().map(|item| item.mail).collect();
        let appended = it.store.append_messages(account, inbox, new, it.now()).await.unwrap();
        assert!(matches!(appended, Appended::Done { ref uids, .. } if *uids == [1, 2, 3]), "{appended:?}");

        let outline = Outline::read(MESSAGE);
        let packed = PackedOutline { told: Some(b"(as it is told)".to_vec()), ..outline.pack() };
        let nobodys = it.mail_id();
        it.store.keep_outlines(account, vec![(ids[0], packed.clone()), (ids[2], packed.clone()), (nobodys, packed.clone())]).await.unwrap();
        let kept = KeptOutline {
            envelope: Some(Box::new(outline.envelope.clone())),
            fields: Some(outline.fields.clone()),
            structure: Some(Box::new(outline.structure.clone())),
            preview: Some(outline.preview.clone()),
            told: None,
        };
        let found = it.store.outlines(account, inbox, vec![3, 2, 1, 7], OutlineWant::Whole).await.unwrap();
        assert_eq!(found, [(1, kept.clone()), (3, kept.clone())], "and none of what is not there");
        assert_eq!(it.store.outlines(account, inbox, vec![1, 2, 3], OutlineWant::Whole).await.unwrap(), found);
        let none = KeptOutline::default();
        for (want, expected) in [
            (OutlineWant::Envelope, KeptOutline { envelope: kept.envelope.clone(), ..none.clone() }),
            (OutlineWant::Fields, KeptOutline { fields: kept.fields.clone(), ..none.clone() }),
            (OutlineWant::Structure, KeptOutline { structure: kept.structure.clone(), ..none.clone() }),
            (OutlineWant::Told, KeptOutline { told: packed.told.clone(), ..none.clone() }),
            (OutlineWant::Preview, KeptOutline { preview: kept.preview.clone(), ..none.clone() }),
        ] {
            assert_eq!(it.store.outlines(account, inbox, vec![1], want).await.unwrap(), [(1, expected)]);
        }

        // Made again, it takes the place of the old one.
        let other = Outline { preview: "other".to_owned(), ..outline };
        it.store.keep_outlines(account, vec![(ids[0], other.pack())]).await.unwrap();
        let found = it.store.outlines(account, inbox, vec![1], OutlineWant::Preview).await.unwrap();
        assert_eq!(found[0].1.preview.as_deref(), Some("other"));

        it.store.set_flags(account, inbox, vec![1], FlagChange::Add(SystemFlags::DELETED.into()), None).await.unwrap();
        it.store.expunge(account, inbox, None).await.unwrap();
        it.store.sweep_mailboxes(it.now()).await.unwrap();
        assert_eq!(rows(it).await, 1);
        it.store.delete_account(account, it.now()).await.unwrap();
        assert_eq!(rows(it).await, 0);
    }

    async fn an_outline_of_another_form_is_no_outline(it: &mut Fixture) {
        let account = it.account("alice@a.test", Screening::Off).await;
        let (inbox, new) = (MailboxId::inbox_of(account), new_item(it));
        let id = new.mail;
        it.store.append_messages(account, inbox, vec![new], it.now()).await.unwrap();
        it.store.keep_outlines(account, vec![(id, Outline::read(MESSAGE).pack())]).await.unwrap();
        it.meddle("UPDATE outline SET envelope = structure, fields = structure WHERE envelope IS NOT NULL");
        it.meddle("UPDATE outline SET structure = CAST('' AS BLOB) WHERE envelope IS NOT NULL");
        let found = it.store.outlines(account, inbox, vec![1], OutlineWant::Structure).await.unwrap();
        assert_eq!(found, [(1, KeptOutline::default())]);
    }

    async fn an_outline_that_lost_its_mail_is_found_and_dropped(it: &mut Fixture) {
        let account = it.account("alice@a.test", Screening::Off).await;
        let part = mail::id::Partition::of(account).number();
        it.meddle(&format!(
            "INSERT INTO outline (part, account, mail, envelope, fields, structure, preview) \
             VALUES ({part}, '{account}', 'x', CAST('' AS BLOB), CAST('' AS BLOB), CAST('' AS BLOB), '')"
        ));
        let found = it.store.check().await.unwrap();
        assert!(found.iter().any(|line| line.contains("an outline is of a mail that is not there")), "{found:?}");
        let aside: Arc<dyn object_store::ObjectStore> = Arc::new(object_store::memory::InMemory::new());
        it.store.repair(&aside, Jitter::NONE).await.unwrap();
        assert_eq!(rows(it).await, 0);
    }
}

/// How many outlines there are.
async fn rows(it: &Fixture) -> u64 {
    it.store.rows().await.unwrap()["outline"]
}
