//! Where messages lie, by their recipients' rules; what is to be sent because they came.

use std::time::Duration;

use delivery::absence::Absence;
use delivery::consent::{EntryList, Legacy, Screening};
use delivery::rules::{RULES_OCTETS_MAX, RuleSet};
use delivery::transfer::TransferEvent;
use mail::id::{AccountId, MailboxId};
use mail::special_use::SpecialUse;
use mail::status::Status;
use store::mailboxes::CreateMailbox;
use store::quota::Limit;
use store::{Delivered, Errand, MAILBOXES_MAX, Received, Task, Wished};

use crate::fixture::{Fixture, in_a_row, mailbox};
use crate::reception::pushed;

const HEAD: &str = "Return-Path: <alice@a.test>\r\nFrom: alice@a.test\r\nTo: bob@b.test\r\nSubject: Hello\r\nMessage-ID: <1@a.test>\r\n";

async fn set_rules(it: &Fixture, account: AccountId, rules: &str) {
    let set: RuleSet = serde_json::from_str(&format!("{{\"version\": 1, \"rules\": {rules}}}")).unwrap();
    assert_eq!(it.store.set_rules(account, set).await.unwrap(), Wished::Done);
}

async fn set_away(it: &Fixture, account: AccountId) {
    let absence: Absence = serde_json::from_str("{\"text\": \"I am away.\", \"days\": 3}").unwrap();
    assert_eq!(it.store.set_absence(account, Some(absence.checked().unwrap())).await.unwrap(), Wished::Done);
}

/// A message of alice's is retrieved for this recipient.
async fn retrieve(it: &Fixture, account: AccountId, to: &str, head: &str) -> Delivered {
    let record = it.arrival(account, "alice@a.test", to).await;
    let mut delivery = it.delivery(&record.key, in_a_row(b"\r\nhello")).await;
    delivery.head = head.as_bytes().to_vec();
    it.store.deliver(delivery).await.unwrap()
}

/// Mailbox, flags and how often a message lies there, of all that lies anywhere.
async fn lies(it: &Fixture, account: AccountId) -> String {
    let mut all = Vec::new();
    for row in it.store.mailboxes(account).await.unwrap() {
        for item in it.store.items(account, row.id, 0, 100).await.unwrap() {
            let flags: Vec<String> = item
                .flags
                .system
                .names()
                .map(str::to_owned)
                .chain(item.flags.keywords.iter().map(|keyword| keyword.as_str().to_owned()))
                .collect();
            all.push(if flags.is_empty() { row.name.clone() } else { format!("{}({})", row.name, flags.join(" ")) });
        }
    }
    all.join(", ")
}

async fn errands(it: &Fixture) -> Vec<Errand> {
    let lease = it.lease().await;
    it.store.due(&lease, it.now(), 100).await.unwrap().errands.unwrap()
}

async fn make(it: &Fixture, account: AccountId, name: &str, special_use: Option<SpecialUse>) -> MailboxId {
    let id = MailboxId::new(it.now(), it.entropy());
    it.store.create_mailbox(account, CreateMailbox { id, name: name.to_owned(), special_use, now: it.now() }).await.unwrap();
    id
}

on_both_engines! {
    async fn a_rule_files_what_is_retrieved_what_is_pushed_and_what_is_released(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::Off).await;
        set_rules(it, bob, r#"[{"if": {"from": {"is": "alice@a.test"}}, "then": [{"flag": ["\\Seen", "$work"]}, {"file-into": "Lists/a"}]}]"#).await;
        assert_eq!(retrieve(it, bob, "bob@b.test", HEAD).await, Delivered::Stored);
        assert_eq!(lies(it, bob).await, "Lists/a(\\Seen $work)");
        let row = it.store.mailbox_named(bob, "Lists/a").await.unwrap().unwrap();
        assert_eq!((row.messages, row.unseen, row.is_subscribed), (1, 0, true));
        let mut new = pushed(it, bob, "alice@a.test", "bob@b.test", in_a_row(b"\r\nhello"));
        new.head = HEAD.into();
        assert_eq!(it.store.receive(new.clone()).await.unwrap(), Received::Delivered);
        assert_eq!(it.store.receive(new.clone()).await.unwrap(), Received::Delivered);
        assert_eq!(lies(it, bob).await, "Lists/a(\\Seen $work), Lists/a(\\Seen $work)");
        it.store.set_mode(bob, None, Some(Legacy::Keep)).await.unwrap();
        new.mail = it.mail_id();
        assert_eq!(it.store.receive(new).await.unwrap(), Received::Kept);
        it.add(bob, EntryList::Allow, "alice@a.test").await;
        assert_eq!(lies(it, bob).await, ["Lists/a(\\Seen $work)"; 3].join(", "));
    }

    async fn a_report_lies_where_its_readers_rules_want_it_and_nothing_is_sent_because_it_came(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        set_away(it, alice).await;
        set_rules(it, alice, r#"[{"if": {"all": [{"allowed-by": "server"}, {"subject": {"contains": "not delivered"}}, {"envelope": {"path": "from", "value": {"is": ""}}}]},
            "then": [{"flag": "\\Flagged"}, {"forward": {"to": "c@c.test", "keep": false}}, {"file-into": "Reports"}]}]"#).await;
        let refused = || TransferEvent::NoticeRefused { status: Status::permanent(1, 1), text: "no such mailbox".to_owned() };
        let message = it.message(alice, "alice@a.test", &["bob@b.test"], b"hello");
        let id = message.transfers[0].id.clone();
        it.store.keep(message).await.unwrap();
        for _again in 0..2 {
            it.store.settle(it.settle(&id, refused())).await.unwrap();
            assert_eq!((lies(it, alice).await.as_str(), errands(it).await), ("Reports(\\Flagged)", vec![]));
        }
        // One that another server pushes.
        set_rules(it, alice, r#"[{"if": {"header": {"name": "From", "value": {"contains": "mailer-daemon"}}}, "then": [{"forward": {"to": "c@c.test", "keep": false}}, "discard"]}]"#).await;
        let mut new = pushed(it, alice, "mailer-daemon@b.test", "alice@a.test", in_a_row(b"\r\nhello"));
        new.reverse_path = mail::address::ReversePath::Null;
        new.answerable = Some(mailbox("mailer-daemon@b.test"));
        new.head = b"Return-Path: <>\r\nFrom: Mailer-Daemon@b.test\r\nTo: alice@a.test\r\n".to_vec();
        assert_eq!(it.store.receive(new).await.unwrap(), Received::Delivered);
        assert_eq!((lies(it, alice).await.as_str(), errands(it).await), ("Reports(\\Flagged), Trash", vec![]));
    }

    async fn who_pushes_is_answered_if_somebody_vouches_for_them(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::Off).await;
        assert!(!it.store.addressee(&mailbox("bob@b.test"), "192.0.2.0/24".to_owned()).await.unwrap().unwrap().has_absence);
        set_away(it, bob).await;
        assert!(it.store.addressee(&mailbox("bob@b.test"), "192.0.2.0/24".to_owned()).await.unwrap().unwrap().has_absence);
        let mut new = pushed(it, bob, "alice@a.test", "bob@b.test", in_a_row(b"\r\nhello"));
        new.head = HEAD.into();
        it.store.receive(new.clone()).await.unwrap();
        assert_eq!(errands(it).await, []);
        (new.mail, new.answerable) = (it.mail_id(), Some(mailbox("alice@a.test")));
        it.store.receive(new).await.unwrap();
        let due = errands(it).await;
        assert!(matches!(&due[..], [Errand { task: Task::Answer { to, .. }, .. }] if *to == mailbox("alice@a.test")), "{due:?}");
    }

    async fn rules_know_by_what_a_message_was_let_in(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::On).await;
        it.store.set_mode(bob, None, Some(Legacy::Deliver)).await.unwrap();
        let rule = |by: &str| format!(r#"{{"if": {{"allowed-by": "{by}"}}, "then": [{{"file-into": "{by}"}}]}}"#);
        let rules: Vec<_> = ["address", "domain", "open", "legacy", "role"].iter().map(|by| rule(by)).collect();
        set_rules(it, bob, &format!("[{}]", rules.join(", "))).await;
        it.add(bob, EntryList::Allow, "@a.test").await;
        retrieve(it, bob, "bob@b.test", HEAD).await;
        it.add(bob, EntryList::Allow, "alice@a.test").await;
        retrieve(it, bob, "bob@b.test", HEAD).await;
        it.store.receive(pushed(it, bob, "alice@a.test", "bob@b.test", in_a_row(b"hello"))).await.unwrap();
        it.store.set_mode(bob, Some(Screening::Off), None).await.unwrap();
        let record = it.arrival(bob, "carol@c.test", "bob@b.test").await;
        it.store.deliver(it.delivery(&record.key, in_a_row(b"hello")).await).await.unwrap();
        assert_eq!(lies(it, bob).await, "address, domain, legacy, open");
    }

    async fn several_mailboxes_show_one_mail_and_what_cannot_be_made_ends_in_the_inbox(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::Off).await;
        set_rules(it, bob, r#"[{"if": "always", "then": [{"file-into": "A"}, {"copy-into": "B"}, {"flag": "x"}, {"file-into": "inbox"}, "keep"]}]"#).await;
        retrieve(it, bob, "bob@b.test", HEAD).await;
        assert_eq!(lies(it, bob).await, "A, B, INBOX(x)");
        assert_eq!(it.store.rows().await.unwrap()["mail"], 1);
        // Two are there besides INBOX.
        let another = |n: u64| format!("INSERT INTO mailbox (part, account, id, name, special, uidvalidity, uidnext, modseq, messages, unseen, \
            deleted, octets, deleted_octets, expunges, forgotten, keywords) SELECT part, account, '00000000-0000-7000-8000-{n:012}', 'M{n}', NULL, uidvalidity, \
            1, 1, 0, 0, 0, 0, 0, 0, 0, '' FROM mailbox WHERE name = 'INBOX';");
        it.meddle(&(3..MAILBOXES_MAX).map(another).collect::<String>());
        set_rules(it, bob, r#"[{"if": "always", "then": [{"file-into": "One more"}]}]"#).await;
        retrieve(it, bob, "bob@b.test", HEAD).await;
        let inbox = it.store.mailbox_named(bob, "INBOX").await.unwrap().unwrap();
        assert_eq!((inbox.messages, it.store.mailboxes(bob).await.unwrap().len() as u64), (2, MAILBOXES_MAX));
    }

    async fn a_second_place_for_a_message_is_left_out_where_there_is_no_room(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::Off).await;
        set_rules(it, bob, r#"[{"if": "always", "then": [{"file-into": "A"}, {"copy-into": "B"}]}]"#).await;
        it.store.set_quota(bob, None, Some(Limit::Of(3))).await.unwrap();
        assert_eq!(retrieve(it, bob, "bob@b.test", HEAD).await, Delivered::Stored);
        assert_eq!(lies(it, bob).await, "A, B");
        let mut new = pushed(it, bob, "alice@a.test", "bob@b.test", in_a_row(b"\r\nhello"));
        new.head = HEAD.into();
        assert_eq!(it.store.receive(new).await.unwrap(), Received::Delivered);
        assert_eq!(lies(it, bob).await, "A, A, B");
        assert_eq!(retrieve(it, bob, "bob@b.test", HEAD).await, Delivered::OverQuota);
    }

    async fn what_is_thrown_away_lies_in_the_trash_whatever_that_is_called(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::Off).await;
        set_rules(it, bob, r#"[{"if": "always", "then": ["discard"]}]"#).await;
        retrieve(it, bob, "bob@b.test", HEAD).await;
        let trash = it.store.mailbox_used_as(bob, SpecialUse::Trash).await.unwrap().unwrap();
        assert_eq!((trash.name.as_str(), trash.messages), ("Trash", 1));
        let carol = it.account("carol@b.test", Screening::Off).await;
        make(it, carol, "Papierkorb", Some(SpecialUse::Trash)).await;
        set_rules(it, carol, r#"[{"if": "always", "then": ["discard", {"copy-into": "Junk"}]}]"#).await;
        retrieve(it, carol, "carol@b.test", HEAD).await;
        assert_eq!(lies(it, carol).await, "Junk");
        assert_eq!(it.store.mailbox_used_as(carol, SpecialUse::Junk).await.unwrap().unwrap().name, "Junk");
        set_rules(it, carol, r#"[{"if": "always", "then": ["discard"]}]"#).await;
        retrieve(it, carol, "carol@b.test", HEAD).await;
        assert_eq!(lies(it, carol).await, "Junk, Papierkorb");
    }

    async fn a_plus_address_reaches_a_folder_that_is_there(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::Off).await;
        for (name, special_use) in [("Shop", None), ("Work/Urgent", None), ("x.y", None), ("Sent", Some(SpecialUse::Sent))] {
            make(it, bob, name, special_use).await;
        }
        for (to, place) in [
            ("bob+shop@b.test", "Shop"),
            ("bob+WORK.urgent@b.test", "Work/Urgent"),
            ("bob+work/urgent@b.test", "Work/Urgent"),
            ("bob+x.y@b.test", "x.y"),
            ("bob+none@b.test", "INBOX"),
            // Whoever writes an address must not put mail among what the owner sent.
            ("bob+sent@b.test", "INBOX"),
        ] {
            let before = it.store.mailbox_named(bob, place).await.unwrap().unwrap().messages;
            retrieve(it, bob, to, HEAD).await;
            assert_eq!(it.store.mailbox_named(bob, place).await.unwrap().unwrap().messages, before + 1, "{to}");
        }
        assert!(it.store.mailbox_named(bob, "none").await.unwrap().is_none());
        set_rules(it, bob, r#"[{"if": {"to": {"is": "bob+shop@b.test"}}, "then": [{"file-into": "x.y"}]}]"#).await;
        retrieve(it, bob, "bob+shop@b.test", HEAD).await;
        assert_eq!(it.store.mailbox_named(bob, "x.y").await.unwrap().unwrap().messages, 2);
    }

    async fn what_is_sent_on_stays_until_it_is_even_if_nobody_keeps_it(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::Off).await;
        set_rules(it, bob, r#"[{"if": "always", "then": [{"forward": {"to": "c@c.test", "keep": false}}, {"forward": {"to": "d@d.test", "keep": false}}]}]"#).await;
        retrieve(it, bob, "bob@b.test", HEAD).await;
        assert_eq!(lies(it, bob).await, "");
        let due = errands(it).await;
        let [Errand { account, task: Task::Forward { mail, to, .. }, .. }] = due.as_slice() else { panic!("{due:?}") };
        assert_eq!((*account, to.as_slice()), (bob, [mailbox("c@c.test"), mailbox("d@d.test")].as_slice()));
        it.store.sweep_mailboxes(it.now()).await.unwrap();
        it.restart();
        assert_eq!(it.store.mails(bob, vec![*mail]).await.unwrap()[0].head, HEAD.as_bytes());
        assert_eq!(errands(it).await, due);
        it.store.put_off_errand(&due[0], it.now() + Duration::from_mins(5)).await.unwrap();
        assert_eq!(errands(it).await, []);
        it.wait(Duration::from_mins(5));
        assert_eq!(errands(it).await, due);
        it.store.finish_errand(&due[0]).await.unwrap();
        it.store.sweep_mailboxes(it.now()).await.unwrap();
        assert_eq!(it.store.mails(bob, vec![*mail]).await.unwrap().len(), 0);
        assert_eq!(errands(it).await, []);
    }

    async fn somebody_is_told_once_in_a_while_that_the_owner_is_away(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::Off).await;
        set_away(it, bob).await;
        retrieve(it, bob, "bob@b.test", HEAD).await;
        retrieve(it, bob, "bob@b.test", HEAD).await;
        let due = errands(it).await;
        let [Errand { task: Task::Answer { to, from, answered }, .. }] = due.as_slice() else { panic!("{due:?}") };
        assert_eq!((to, from, answered.message_id.as_deref()), (&mailbox("alice@a.test"), &mailbox("bob@b.test"), Some("<1@a.test>")));
        it.store.finish_errand(&due[0]).await.unwrap();
        it.wait(Duration::from_hours(71));
        retrieve(it, bob, "bob@b.test", HEAD).await;
        assert_eq!(errands(it).await, []);
        it.wait(Duration::from_hours(2));
        retrieve(it, bob, "bob@b.test", HEAD).await;
        assert_eq!(errands(it).await.len(), 1);
        assert_eq!(it.store.entries(bob, EntryList::RepliedTo).await.unwrap().len(), 0);
        // A new text is for everybody.
        set_away(it, bob).await;
        retrieve(it, bob, "bob@b.test", HEAD).await;
        assert_eq!(errands(it).await.len(), 2);
    }

    async fn nobody_is_told_who_did_not_write_to_the_owner_for_sure(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::Off).await;
        set_away(it, bob).await;
        let mut new = pushed(it, bob, "alice@a.test", "bob@b.test", in_a_row(b"\r\nhello"));
        new.head = HEAD.into();
        it.store.receive(new).await.unwrap();
        retrieve(it, bob, "bob@b.test", &format!("{HEAD}List-Id: <x.a.test>\r\n")).await;
        retrieve(it, bob, "bob@b.test", &HEAD.replace("To: bob", "To: carol")).await;
        set_rules(it, bob, r#"[{"if": "always", "then": ["discard"]}]"#).await;
        retrieve(it, bob, "bob@b.test", HEAD).await;
        assert_eq!(errands(it).await, []);
        assert_eq!(it.store.rows().await.unwrap()["answered"], 0);
    }

    async fn what_was_answered_long_ago_is_forgotten_and_all_goes_with_its_account(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::Off).await;
        set_away(it, bob).await;
        set_rules(it, bob, r#"[{"if": "always", "then": [{"forward": {"to": "c@c.test", "keep": true}}]}]"#).await;
        retrieve(it, bob, "bob@b.test", HEAD).await;
        let count = |it: &Fixture, table: &'static str| { let store = it.store.clone(); async move { store.rows().await.unwrap()[table] } };
        it.wait(Duration::from_hours(29 * 24));
        it.store.sweep_answered(it.now()).await.unwrap();
        assert_eq!(count(it, "answered").await, 1);
        it.wait(Duration::from_hours(24));
        it.store.sweep_answered(it.now()).await.unwrap();
        assert_eq!((count(it, "answered").await, count(it, "errand").await, count(it, "rules").await), (0, 2, 1));
        it.store.delete_account(bob, it.now()).await.unwrap();
        assert_eq!((count(it, "answered").await, count(it, "errand").await, count(it, "rules").await), (0, 0, 0));
        assert_eq!(it.store.set_rules(bob, RuleSet::default()).await.unwrap(), Wished::NoAccount);
    }

    async fn rules_that_cannot_be_read_do_not_hold_up_mail(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::Off).await;
        set_rules(it, bob, r#"[{"if": "always", "then": [{"file-into": "A"}]}]"#).await;
        it.meddle("UPDATE rules SET rules = '{\"version\": 1, \"rules\": 5}'");
        assert_eq!(retrieve(it, bob, "bob@b.test", HEAD).await, Delivered::Stored);
        assert_eq!(lies(it, bob).await, "INBOX");
        assert!(!it.store.check().await.unwrap().is_empty());
        it.meddle("DELETE FROM rules");
    }

    async fn rules_are_bounded(it: &mut Fixture) {
        let bob = it.account("bob@b.test", Screening::Off).await;
        let rule = format!(r#"{{"if": {{"subject": {{"is": "{}"}}}}, "then": ["keep"]}}"#, "x".repeat(256));
        let many = format!(r#"{{"version": 1, "rules": [{}]}}"#, vec![rule; RULES_OCTETS_MAX / 256].join(", "));
        let set: RuleSet = serde_json::from_str(&many).unwrap();
        let Wished::Unfit(error) = it.store.set_rules(bob, set).await.unwrap() else { panic!() };
        assert!(error.to_string().contains("octets") || error.to_string().contains("rules"), "{error}");
        assert_eq!(it.store.wishes(bob).await.unwrap(), store::Wishes::default());
    }
}
