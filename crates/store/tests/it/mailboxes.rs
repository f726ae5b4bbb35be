//! Mailboxes, and what lies in them: names, flags, copies, what went, and what it costs.

mod concurrency;
mod migration;
mod model;
mod quotas;
mod watching;

use std::collections::BTreeSet;
use std::time::Duration;

use delivery::consent::Screening;
use mail::flag::{FlagChange, Flags, Keyword, SystemFlags};
use mail::id::{AccountId, MailboxId};
use mail::special_use::SpecialUse;
use store::annotations::{ANNOTATION_OCTETS_MAX, ANNOTATIONS_MAX, Annotated};
use store::content::ContentWriter;
use store::items::{AppendRefusal, Appended, Copied, Copying, EXPUNGED_ROWS_MAX, FlagsSet, NewItem};
use store::mailboxes::{
    CreateMailbox, Created, Gone, MAILBOX_DEPTH_MAX, MAILBOX_KEYWORDS_MAX, MESSAGE_KEYWORDS_MAX, Renamed, Subscribed, Subscription,
};
use store::{MailboxRow, Store};

use crate::fixture::{Fixture, in_a_row};

/// Flags by their names; what has no backslash is a keyword.
fn flags(names: &[&str]) -> Flags {
    let mut flags = Flags::default();
    for name in names {
        match SystemFlags::ALL.iter().find(|(_, known)| known == name) {
            Some((flag, _)) => flags.system = flags.system.with(*flag),
            None => drop(flags.keywords.insert(Keyword::new(name).unwrap())),
        }
    }
    flags
}

fn new_item(it: &Fixture, octets: &[u8], names: &[&str]) -> NewItem {
    NewItem {
        mail: it.mail_id(),
        flags: flags(names),
        received: "2001-02-03T04:05:06Z".parse().unwrap(),
        zone: mail::time::Zone::UTC,
        from: "carol@c.test".to_owned(),
        subject: "Hello".to_owned(),
        internet_id: None,
        content: in_a_row(octets),
    }
}

/// Appends messages, and returns their UIDs.
async fn append(it: &Fixture, account: AccountId, mailbox: MailboxId, count: usize) -> Vec<u32> {
    let new = (0..count).map(|_| new_item(it, b"hello", &[])).collect();
    match it.store.append_messages(account, mailbox, new, it.now()).await.unwrap() {
        Appended::Done { uids, .. } => uids,
        Appended::Refused(why) => panic!("{why:?}"),
    }
}

fn wanted(it: &Fixture, name: &str) -> CreateMailbox {
    CreateMailbox { id: MailboxId::new(it.now(), it.entropy()), name: name.to_owned(), special_use: None, now: it.now() }
}

async fn create(it: &Fixture, account: AccountId, name: &str) -> MailboxRow {
    match it.store.create_mailbox(account, wanted(it, name)).await.unwrap() {
        Created::Done(row) => row,
        other => panic!("{name}: {other:?}"),
    }
}

async fn names(store: &Store, account: AccountId) -> Vec<String> {
    store.mailboxes(account).await.unwrap().into_iter().map(|row| row.name).collect()
}

async fn row(store: &Store, account: AccountId, id: MailboxId) -> MailboxRow {
    store.mailbox_by_id(account, id).await.unwrap().unwrap()
}

async fn set(store: &Store, account: AccountId, mailbox: MailboxId, uids: &[u32], change: FlagChange) -> Vec<u32> {
    match store.set_flags(account, mailbox, uids.to_vec(), change, None).await.unwrap() {
        FlagsSet::Done { items, .. } => items.into_iter().map(|item| item.uid).collect(),
        FlagsSet::TooManyKeywords => panic!("too many keywords"),
    }
}

on_both_engines! {
    async fn a_mailbox_is_made_with_those_above_it_once(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let new = wanted(it, "Work/2026/May");
        let Created::Done(made) = it.store.create_mailbox(alice, new.clone()).await.unwrap() else { panic!() };
        assert_eq!((made.id, made.uid_next, made.modseq, made.messages), (new.id, 1, 1, 0));
        assert_eq!(it.store.create_mailbox(alice, new).await.unwrap(), Created::Done(made.clone()), "a repeat finds it");
        assert_eq!(it.store.create_mailbox(alice, wanted(it, "Work/2026/May")).await.unwrap(), Created::Exists);
        assert_eq!(names(&it.store, alice).await, ["INBOX", "Work", "Work/2026", "Work/2026/May"]);
        let deep = vec!["x"; MAILBOX_DEPTH_MAX + 1].join("/");
        for name in ["", "/a", "a//b", "a/", "a\nb", "inbox", "Inbox/a", &"x".repeat(1_001), &deep] {
            assert_eq!(it.store.create_mailbox(alice, wanted(it, name)).await.unwrap(), Created::BadName, "{name:?}");
        }
        let junk = |it: &Fixture, name: &str| CreateMailbox { special_use: Some(SpecialUse::Junk), ..wanted(it, name) };
        let Created::Done(spam) = it.store.create_mailbox(alice, junk(it, "Spam")).await.unwrap() else { panic!() };
        assert_eq!(it.store.create_mailbox(alice, junk(it, "Junk")).await.unwrap(), Created::UseTaken);
        assert_eq!(it.store.mailbox_used_as(alice, SpecialUse::Junk).await.unwrap(), Some(spam));
        let nobody = it.new_account("nobody@a.test", Screening::Off).id;
        assert_eq!(it.store.create_mailbox(nobody, wanted(it, "x")).await.unwrap(), Created::NoAccount);
    }

    async fn a_name_that_is_used_again_has_a_greater_uidvalidity(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let first = create(it, alice, "a").await;
        // Within one second, and after the name went to another and came back.
        assert_eq!(it.store.delete_mailbox(alice, first.id).await.unwrap(), Gone::Done);
        let second = create(it, alice, "a").await;
        assert!(second.uid_validity > first.uid_validity && second.id != first.id);
        let other = create(it, alice, "b").await;
        assert_eq!(it.store.delete_mailbox(alice, other.id).await.unwrap(), Gone::Done);
        assert_eq!(it.store.rename_mailbox(alice, "a", "b", it.now()).await.unwrap(), Renamed::Done);
        let renamed = row(&it.store, alice, second.id).await;
        assert!(renamed.uid_validity > other.uid_validity, "{renamed:?} {other:?}");
        let fresh = create(it, alice, "a").await;
        assert!(fresh.uid_validity > second.uid_validity);
        let kept = create(it, alice, "c").await;
        assert_eq!(it.store.rename_mailbox(alice, "c", "d", it.now()).await.unwrap(), Renamed::Done);
        assert_eq!(row(&it.store, alice, kept.id).await.uid_validity, kept.uid_validity, "no client is made to read it again for nothing");
    }

    async fn renaming_takes_along_what_is_inside_and_stops_at_what_is_there(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let leaf = create(it, alice, "a/b/c").await;
        create(it, alice, "ab").await;
        create(it, alice, "x").await;
        let rename = async |from: &str, to: &str| it.store.rename_mailbox(alice, from, to, it.now()).await.unwrap();
        assert_eq!(rename("a", "n/m/a").await, Renamed::Done);
        assert_eq!(names(&it.store, alice).await, ["INBOX", "ab", "n", "n/m", "n/m/a", "n/m/a/b", "n/m/a/b/c", "x"]);
        assert_eq!(row(&it.store, alice, leaf.id).await.name, "n/m/a/b/c");
        assert_eq!(rename("none", "y").await, Renamed::NoMailbox);
        assert_eq!(rename("n", "x").await, Renamed::Exists);
        assert_eq!(rename("n", "n/z").await, Renamed::BadName);
        assert_eq!(rename("x", "INBOX").await, Renamed::Exists);
        assert_eq!(rename("n", &vec!["x"; MAILBOX_DEPTH_MAX - 1].join("/")).await, Renamed::BadName, "what is inside would be too deep");
        // A name that no mailbox has, with some inside it.
        let above = it.store.mailbox_named(alice, "n/m").await.unwrap().unwrap();
        it.store.delete_mailbox(alice, above.id).await.unwrap();
        assert_eq!(rename("n/m", "o").await, Renamed::Done);
        assert_eq!(names(&it.store, alice).await, ["INBOX", "ab", "n", "o/a", "o/a/b", "o/a/b/c", "x"]);
    }

    async fn renaming_upwards_leaves_a_name_before_another_takes_it(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        // Made first: its UIDVALIDITY is the smaller one.
        let deep = create(it, alice, "a/x/x/z").await;
        let shallow = create(it, alice, "a/x/z").await;
        let above = it.store.mailbox_named(alice, "a").await.unwrap().unwrap();
        assert_eq!(it.store.delete_mailbox(alice, above.id).await.unwrap(), Gone::Done);
        assert_eq!(it.store.rename_mailbox(alice, "a/x", "a", it.now()).await.unwrap(), Renamed::Done);
        assert_eq!(names(&it.store, alice).await, ["INBOX", "a", "a/x", "a/x/z", "a/z"]);
        let deep = row(&it.store, alice, deep.id).await;
        assert_eq!((deep.name.as_str(), row(&it.store, alice, shallow.id).await.name.as_str()), ("a/x/z", "a/z"));
        assert!(deep.uid_validity > shallow.uid_validity, "the name had other messages under that one");
    }

    async fn renaming_inbox_moves_its_messages_and_leaves_it_and_what_is_inside(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let inbox = MailboxId::inbox_of(alice);
        create(it, alice, "INBOX/lists").await;
        append(it, alice, inbox, 3).await;
        assert_eq!(it.store.rename_mailbox(alice, "INBOX", "Old/2026", it.now()).await.unwrap(), Renamed::Done);
        assert_eq!(names(&it.store, alice).await, ["INBOX", "INBOX/lists", "Old", "Old/2026"]);
        assert_eq!((row(&it.store, alice, inbox).await.messages, it.store.mailbox_named(alice, "Old/2026").await.unwrap().unwrap().messages), (0, 3));
        assert_eq!(it.store.delete_mailbox(alice, inbox).await.unwrap(), Gone::Inbox);
    }

    async fn a_deleted_mailbox_takes_its_content_along_and_nothing_else(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let (folder, inbox) = (create(it, alice, "a").await, MailboxId::inbox_of(alice));
        create(it, alice, "a/b").await;
        let mut writer = ContentWriter::new(&it.store, alice);
        writer.write(&vec![b'x'; 100_000]).await.unwrap();
        let large = NewItem { content: writer.finish().await.unwrap(), ..new_item(it, b"", &[]) };
        let (gone, stays) = (large.mail, new_item(it, b"stays", &[]));
        let kept = stays.mail;
        it.store.append_messages(alice, folder.id, vec![large, stays], it.now()).await.unwrap();
        it.store.copy_items(alice, folder.id, vec![2], inbox, Copying::Copy, it.now()).await.unwrap();
        assert_eq!(it.store.delete_mailbox(alice, folder.id).await.unwrap(), Gone::Done);
        assert_eq!(it.store.delete_mailbox(alice, folder.id).await.unwrap(), Gone::NoMailbox);
        assert_eq!(names(&it.store, alice).await, ["INBOX", "a/b"]);
        assert!(it.store.mail(alice, gone).await.unwrap().is_none());
        assert!(it.store.mail(alice, kept).await.unwrap().is_some());
        assert_eq!(it.store.sweep_mailboxes(it.now()).await.unwrap(), 1);
        assert_eq!(it.store.mails(alice, vec![gone, kept]).await.unwrap().len(), 1);
        it.wait(Duration::from_secs(1));
        assert_eq!(it.store.sweep_orphans(it.now()).await.unwrap(), 1, "the object of what went");
    }

    async fn what_a_crash_left_of_a_deleted_mailbox_is_swept(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let folder = create(it, alice, "a").await;
        append(it, alice, folder.id, 5).await;
        // As after a crash between the transaction that takes the name and the next.
        it.meddle("UPDATE mailbox SET name = NULL WHERE name = 'a'");
        assert_eq!(it.store.check().await.unwrap(), Vec::<String>::new());
        assert!(it.store.changes(alice, folder.id, 0, 10).await.unwrap().is_none());
        assert!(set(&it.store, alice, folder.id, &[1], FlagChange::Add(flags(&["\\Seen"]))).await.is_empty());
        assert_eq!(it.store.copy_items(alice, folder.id, vec![1], MailboxId::inbox_of(alice), Copying::Copy, it.now()).await.unwrap(), Copied::NoMailbox);
        assert_eq!(it.store.mail_list(alice).await.unwrap().len(), 0);
        create(it, alice, "a").await;
        assert_eq!(it.store.sweep_mailboxes(it.now()).await.unwrap(), 5);
        assert_eq!(it.store.rows().await.unwrap()["mail"], 0);
        assert_eq!(it.store.rows().await.unwrap()["mailbox"], 2);
    }

    async fn flags_change_under_a_new_modification_sequence_unless_nothing_does(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let inbox = MailboxId::inbox_of(alice);
        let uids = append(it, alice, inbox, 3).await;
        let before = row(&it.store, alice, inbox).await;
        assert_eq!((before.unseen, before.deleted, before.octets), (3, 0, 15));
        let change = FlagChange::Add(flags(&["\\Seen", "\\Deleted", "Work"]));
        assert_eq!(set(&it.store, alice, inbox, &uids[..2], change.clone()).await, uids[..2]);
        let after = row(&it.store, alice, inbox).await;
        assert_eq!((after.unseen, after.deleted, after.deleted_octets, after.modseq), (1, 2, 10, before.modseq + 1));
        assert_eq!(after.keywords, [Keyword::new("work").unwrap()]);
        assert_eq!(set(&it.store, alice, inbox, &uids[..2], change).await, uids[..2], "told, though nothing changed");
        assert_eq!(row(&it.store, alice, inbox).await.modseq, after.modseq);
        // Only what has not changed since, and what is there.
        let add = FlagChange::Add(flags(&["\\Flagged"]));
        let set = it.store.set_flags(alice, inbox, vec![1, 2, 3, 9], add, Some(before.modseq)).await.unwrap();
        let FlagsSet::Done { items, refused, missing, .. } = set else { panic!() };
        assert_eq!((items.iter().map(|item| item.uid).collect::<Vec<_>>(), refused, missing), (vec![3], vec![1, 2], vec![9]));
        assert_eq!((items[0].modseq, &items[0].flags), (after.modseq + 1, &flags(&["\\Flagged"])));
        let items = it.store.items(alice, inbox, 1, 10).await.unwrap();
        assert_eq!(items[0].flags, flags(&["\\Seen", "\\Deleted", "wORK"]));
        assert_eq!(items.iter().map(|item| item.modseq).collect::<Vec<_>>(), [after.modseq, after.modseq + 1]);
    }

    async fn keywords_are_bounded_and_those_in_use_no_more_make_room(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let inbox = MailboxId::inbox_of(alice);
        let uids = append(it, alice, inbox, 10).await;
        let some = |from: usize, count: usize| Flags {
            keywords: (from..from + count).map(|number| Keyword::new(&format!("k{number}")).unwrap()).collect::<BTreeSet<_>>(),
            ..Flags::default()
        };
        for (number, uid) in uids.iter().take(MAILBOX_KEYWORDS_MAX / MESSAGE_KEYWORDS_MAX).enumerate() {
            set(&it.store, alice, inbox, &[*uid], FlagChange::Replace(some(number * MESSAGE_KEYWORDS_MAX, MESSAGE_KEYWORDS_MAX))).await;
        }
        let store = |uid: u32, change: FlagChange| it.store.set_flags(alice, inbox, vec![uid], change, None);
        let one_more = FlagChange::Add(some(1_000, 1));
        assert_eq!(store(9, one_more.clone()).await.unwrap(), FlagsSet::TooManyKeywords);
        assert_eq!(store(1, FlagChange::Add(some(100, 1))).await.unwrap(), FlagsSet::TooManyKeywords, "one message has as many as it may");
        set(&it.store, alice, inbox, &uids[..1], FlagChange::Remove(some(0, 1))).await;
        assert!(matches!(store(9, one_more).await.unwrap(), FlagsSet::Done { .. }));
        assert_eq!(row(&it.store, alice, inbox).await.keywords.len(), MAILBOX_KEYWORDS_MAX);
    }

    async fn messages_are_appended_all_or_none_and_once(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let inbox = MailboxId::inbox_of(alice);
        let new = vec![new_item(it, b"one", &["\\Draft", "$Later"]), new_item(it, b"twotwo", &["\\Seen"])];
        for _repeat in 0..2 {
            let appended = it.store.append_messages(alice, inbox, new.clone(), it.now()).await.unwrap();
            let validity = row(&it.store, alice, inbox).await.uid_validity;
            assert_eq!(appended, Appended::Done { uid_validity: validity, uids: vec![1, 2] });
        }
        let items = it.store.items_of(alice, inbox, vec![2, 1, 7, 2]).await.unwrap();
        assert_eq!(items.iter().map(|item| (item.uid, item.size_octets, item.mail)).collect::<Vec<_>>(), [(1, 3, new[0].mail), (2, 6, new[1].mail)]);
        assert_eq!((items[0].received, items[0].saved), (new[0].received, it.now()));
        let mails = it.store.mails(alice, vec![new[1].mail, it.mail_id(), new[0].mail]).await.unwrap();
        assert_eq!(mails.len(), 2);
        let too_many: Vec<String> = (0..=MESSAGE_KEYWORDS_MAX).map(|number| format!("k{number}")).collect();
        let too_many: Vec<&str> = too_many.iter().map(String::as_str).collect();
        let refused = vec![new_item(it, b"x", &[]), new_item(it, b"x", &too_many)];
        assert_eq!(it.store.append_messages(alice, inbox, refused, it.now()).await.unwrap(), Appended::Refused(AppendRefusal::TooManyKeywords));
        let nowhere = MailboxId::new(it.now(), it.entropy());
        assert_eq!(it.store.append_messages(alice, nowhere, vec![new_item(it, b"x", &[])], it.now()).await.unwrap(), Appended::Refused(AppendRefusal::NoMailbox));
        assert_eq!(row(&it.store, alice, inbox).await.messages, 2);
    }

    async fn copies_share_their_content_and_it_goes_with_the_last(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let (inbox, folder) = (MailboxId::inbox_of(alice), create(it, alice, "a").await);
        let new: Vec<_> = (0..250).map(|number| new_item(it, format!("message {number}").as_bytes(), &["\\Deleted", "k"])).collect();
        it.store.append_messages(alice, inbox, new, it.now()).await.unwrap();
        it.wait(Duration::from_secs(5));
        let odd: Vec<u32> = (1..=250).filter(|uid| uid % 2 == 1).collect();
        let copied = it.store.copy_items(alice, inbox, odd.clone(), folder.id, Copying::Copy, it.now()).await.unwrap();
        let pairs: Vec<_> = odd.iter().copied().zip(1..).collect();
        assert_eq!(copied, Copied::Done { uid_validity: folder.uid_validity, pairs });
        let (one, other) = (it.store.items(alice, inbox, 0, 1).await.unwrap(), it.store.items(alice, folder.id, 0, 1).await.unwrap());
        assert_eq!((one[0].mail, &one[0].flags, one[0].received), (other[0].mail, &other[0].flags, other[0].received));
        assert_eq!(other[0].saved, it.now());
        assert_eq!(it.store.rows().await.unwrap()["mail"], 250);
        assert_eq!(it.store.expunge(alice, inbox, Some(vec![1, 2, 3, 999])).await.unwrap(), [1, 2, 3]);
        assert_eq!(it.store.sweep_mailboxes(it.now()).await.unwrap(), 1, "two of them lie elsewhere as well");
        assert_eq!(it.store.expunge(alice, inbox, None).await.unwrap().len(), 247);
        assert_eq!(it.store.expunge(alice, folder.id, None).await.unwrap().len(), 125);
        it.store.sweep_mailboxes(it.now()).await.unwrap();
        assert_eq!(it.store.rows().await.unwrap()["mail"], 0);
    }

    async fn moved_messages_are_gone_where_they_were(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let (inbox, folder) = (MailboxId::inbox_of(alice), create(it, alice, "a").await);
        append(it, alice, inbox, 3).await;
        let seen = row(&it.store, alice, inbox).await.modseq;
        let moved = it.store.copy_items(alice, inbox, vec![1, 3, 9], folder.id, Copying::Move, it.now()).await.unwrap();
        assert_eq!(moved, Copied::Done { uid_validity: folder.uid_validity, pairs: vec![(1, 1), (3, 2)] });
        let changes = it.store.changes(alice, inbox, seen, 10).await.unwrap().unwrap();
        assert_eq!((changes.vanished, changes.changed.len(), changes.is_complete, changes.has_more), (vec![1, 3], 0, true, false));
        assert_eq!(it.store.sweep_mailboxes(it.now()).await.unwrap(), 0);
        let again = it.store.copy_items(alice, inbox, vec![2], inbox, Copying::Move, it.now()).await.unwrap();
        assert!(matches!(again, Copied::Done { pairs, .. } if pairs == [(2, 4)]), "within one mailbox");
        assert_eq!(row(&it.store, alice, inbox).await.messages, 1);
    }

    async fn changes_are_told_in_pages_that_end_between_changes(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let inbox = MailboxId::inbox_of(alice);
        append(it, alice, inbox, 6).await;
        let start = row(&it.store, alice, inbox).await.modseq;
        set(&it.store, alice, inbox, &[1, 2, 3, 4], FlagChange::Add(flags(&["\\Deleted"]))).await;
        set(&it.store, alice, inbox, &[5], FlagChange::Add(flags(&["\\Seen"]))).await;
        it.store.expunge(alice, inbox, Some(vec![4])).await.unwrap();
        let page = async |since: u64| it.store.changes(alice, inbox, since, 2).await.unwrap().unwrap();
        let first = page(start).await;
        assert_eq!(first.changed.iter().map(|item| item.uid).collect::<Vec<_>>(), [1, 2, 3], "never only some of one change");
        assert_eq!((first.until, first.has_more, first.vanished.len()), (start + 1, true, 0));
        let second = page(first.until).await;
        assert_eq!(second.changed.iter().map(|item| item.uid).collect::<Vec<_>>(), [5]);
        assert_eq!((second.vanished.as_slice(), second.has_more, second.until), (&[4][..], false, second.row.modseq));
        let third = page(second.until).await;
        assert!(third.changed.is_empty() && third.vanished.is_empty() && third.is_complete);
    }

    async fn old_expunges_are_forgotten_and_it_is_said(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let inbox = MailboxId::inbox_of(alice);
        append(it, alice, inbox, 3).await;
        // As if as many had gone before as are remembered, one by one.
        let rows = i64::try_from(EXPUNGED_ROWS_MAX).unwrap();
        it.meddle(&format!(
            "UPDATE mailbox SET modseq = {rows} + 10, uidnext = {rows} + 10, expunges = {rows};
             INSERT INTO expunged WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {rows})
             SELECT part, account, id, n + 3, n + 3, n + 3 FROM mailbox, n"
        ));
        let since = async |modseq: u64| it.store.changes(alice, inbox, modseq, 10).await.unwrap().unwrap();
        let all = since(1).await;
        assert_eq!((all.vanished.len() as u64, all.is_complete), (EXPUNGED_ROWS_MAX, true));
        set(&it.store, alice, inbox, &[2], FlagChange::Add(flags(&["\\Deleted"]))).await;
        it.store.expunge(alice, inbox, None).await.unwrap();
        let late = since(1).await;
        assert_eq!((late.vanished.len() as u64, late.is_complete), (EXPUNGED_ROWS_MAX / 2, false));
        let recent = since(EXPUNGED_ROWS_MAX).await;
        assert_eq!((recent.vanished.len(), recent.is_complete), (4, true));
    }

    async fn subscriptions_and_annotations_are_kept_and_bounded(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let folder = create(it, alice, "a").await;
        let subscribe = async |name: &str, what| it.store.subscribe(alice, name, what).await.unwrap();
        for name in ["a", "gone", "a"] {
            assert_eq!(subscribe(name, Subscription::On).await, Subscribed::Done);
        }
        assert_eq!(subscribe("", Subscription::On).await, Subscribed::BadName);
        assert_eq!(it.store.subscriptions(alice).await.unwrap(), ["a", "gone"]);
        assert!(row(&it.store, alice, folder.id).await.is_subscribed);
        assert_eq!(subscribe("a", Subscription::Off).await, Subscribed::Done);
        assert_eq!(it.store.subscriptions(alice).await.unwrap(), ["gone"]);
        let set = async |mailbox, name: &str, value: Option<Vec<u8>>| {
            it.store.set_annotations(alice, mailbox, vec![(name.to_owned(), value)]).await.unwrap()
        };
        assert_eq!(set(Some(folder.id), "/private/comment", Some(b"mine".to_vec())).await, Annotated::Done);
        assert_eq!(set(Some(folder.id), "/private/comment", Some(b"\0yours".to_vec())).await, Annotated::Done);
        assert_eq!(set(None, "/private/x", Some(vec![0; ANNOTATION_OCTETS_MAX + 1])).await, Annotated::TooLarge);
        assert_eq!(it.store.annotations(alice, Some(folder.id)).await.unwrap(), [("/private/comment".to_owned(), b"\0yours".to_vec())]);
        assert_eq!(it.store.annotations(alice, None).await.unwrap(), []);
        let many = (0..ANNOTATIONS_MAX).map(|number| (format!("/private/{number}"), Some(vec![1]))).collect();
        assert_eq!(it.store.set_annotations(alice, None, many).await.unwrap(), Annotated::Done);
        assert_eq!(set(None, "/private/more", Some(vec![1])).await, Annotated::TooMany);
        assert_eq!(set(None, "/private/0", None).await, Annotated::Done);
        it.store.delete_mailbox(alice, folder.id).await.unwrap();
        assert_eq!(set(Some(folder.id), "/private/comment", None).await, Annotated::NoMailbox);
    }

    async fn with_the_account_everything_of_its_mailboxes_goes(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let folder = create(it, alice, "a").await;
        append(it, alice, folder.id, 3).await;
        it.store.copy_items(alice, folder.id, vec![1], MailboxId::inbox_of(alice), Copying::Copy, it.now()).await.unwrap();
        set(&it.store, alice, folder.id, &[1, 2], FlagChange::Add(flags(&["\\Deleted"]))).await;
        it.store.expunge(alice, folder.id, None).await.unwrap();
        it.store.subscribe(alice, "a", Subscription::On).await.unwrap();
        it.store.set_annotations(alice, Some(folder.id), vec![("/private/x".to_owned(), Some(vec![1]))]).await.unwrap();
        it.store.delete_account(alice, it.now()).await.unwrap();
        let rows = it.store.rows().await.unwrap();
        for table in ["account", "mailbox", "item", "mail", "expunged", "discarded", "subscription", "annotation", "beat"] {
            assert_eq!(rows[table], 0, "{table}");
        }
    }
}
