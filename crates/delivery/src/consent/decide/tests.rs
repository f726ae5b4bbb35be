//! The order of section 5, line by line.

use mail::time::Timestamp;

use super::*;
use crate::consent::sample::{entry, id};

const NOW: i64 = 1_000_000;

/// The entries of a mailbox, the first having number 0: list, whom it speaks of, and what else there is to it.
#[derive(Default)]
struct Lists(Vec<Entry>);

impl Lists {
    fn with(list: EntryList, who: &str) -> Self {
        Self::default().and(list, who)
    }

    fn and(mut self, list: EntryList, who: &str) -> Self {
        self.0.push(entry(self.0.len(), list, who));
        self
    }

    fn but(mut self, change: impl FnOnce(&mut Entry)) -> Self {
        change(self.0.last_mut().unwrap());
        self
    }

    fn bound_to(self, domain: &str) -> Self {
        self.but(|entry| entry.list_domain = Some(domain.parse().unwrap()))
    }
}

/// A message from alice@mail.a.test for bob+shop@b.test, with screening on, unless said otherwise.
struct Message {
    sender: &'static str,
    recipient: &'static str,
    list: Option<&'static str>,
    reference: Option<&'static str>,
    screening: Screening,
}

const PLAIN: Message =
    Message { sender: "alice@mail.a.test", recipient: "bob+shop@b.test", list: None, reference: None, screening: Screening::On };

fn decided(message: &Message, lists: &Lists) -> Decision {
    let (sender, recipient) = (message.sender.parse().unwrap(), message.recipient.parse().unwrap());
    let keys = crate::consent::keys_for(&sender, &recipient, message.list);
    let decide_among = |entries: &[Entry]| {
        decide(&Question {
            sender: &sender,
            list_id: message.list,
            reference: message.reference,
            recipient: &recipient,
            entries,
            screening: message.screening,
            now: Timestamp::from_millis(NOW),
        })
    };
    let found: Vec<Entry> = lists.0.iter().rev().filter(|entry| keys.contains(&entry.key())).cloned().collect();
    let decision = decide_among(&found);
    assert_eq!(decision, decide_among(&lists.0), "the keys of a message must find what decides, in any order");
    decision
}

const LISTED: (Verdict, Reason) = (Verdict::List, Reason::Mode(Screening::On));

fn check(table: impl IntoIterator<Item = (&'static str, Message, Lists, (Verdict, Reason))>) {
    for (story, message, lists, (verdict, reason)) in table {
        assert_eq!(decided(&message, &lists), Decision { verdict, reason }, "{story}");
    }
}

#[test]
fn nobody_decided_so_the_mode_does() {
    check([
        ("off", Message { screening: Screening::Off, ..PLAIN }, Lists::default(), (Verdict::Retrieve, Reason::Mode(Screening::Off))),
        (
            "observe",
            Message { screening: Screening::Observe, ..PLAIN },
            Lists::default(),
            (Verdict::Retrieve, Reason::Mode(Screening::Observe)),
        ),
        ("on", PLAIN, Lists::default(), LISTED),
    ]);
}

#[test]
fn each_step_decides_before_all_that_come_after_it() {
    use EntryList::{Allow, Block, Expected, RepliedTo, Site};
    // From the last step to the first: each entry that is added overrules all before it.
    let mut lists = Lists::default();
    let message = Message { list: Some("dev.a.test"), ..PLAIN };
    let steps = [
        (RepliedTo, "alice@mail.a.test", Verdict::Retrieve, Reason::RepliedTo(id(0))),
        (Expected, "@mail.a.test", Verdict::Retrieve, Reason::Expected(id(1))),
        (Allow, "@.a.test", Verdict::Retrieve, Reason::DomainAllowed(id(2))),
        (Block, "@mail.a.test", Verdict::Drop, Reason::DomainBlocked(id(3))),
        (Allow, "list:dev.a.test", Verdict::Retrieve, Reason::ListAllowed(id(4))),
        (Block, "list:dev.a.test", Verdict::Drop, Reason::ListBlocked(id(5))),
        (Site, "bob+shop@b.test", Verdict::Retrieve, Reason::Site(id(6))),
        (Allow, "alice@mail.a.test", Verdict::Retrieve, Reason::AddressAllowed(id(7))),
        (Block, "ALICE@mail.a.test", Verdict::Drop, Reason::AddressBlocked(id(8))),
    ];
    for (list, who, verdict, reason) in steps {
        lists = lists.and(list, who);
        assert_eq!(decided(&message, &lists), Decision { verdict, reason }, "{list:?} {who}");
    }
    for recipient in ["postmaster@b.test", "Abuse+x@b.test"] {
        let message = Message { recipient, ..message };
        assert_eq!(decided(&message, &lists), Decision { verdict: Verdict::Retrieve, reason: Reason::RoleAddress });
    }
}

#[test]
fn an_entry_that_is_past_or_used_up_does_not_count() {
    let until = |millis| Lists::with(EntryList::Allow, "@mail.a.test").but(|entry| entry.until = Some(Timestamp::from_millis(millis)));
    let left = |count| Lists::with(EntryList::Expected, "@mail.a.test").but(|entry| entry.remaining = Some(count));
    check([
        ("before", PLAIN, until(NOW + 1), (Verdict::Retrieve, Reason::DomainAllowed(id(0)))),
        ("at its end", PLAIN, until(NOW), LISTED),
        ("one left", PLAIN, left(1), (Verdict::Retrieve, Reason::Expected(id(0)))),
        ("none left", PLAIN, left(0), LISTED),
        (
            "an expired block uncovers the allow below it",
            PLAIN,
            until(NOW + 1).and(EntryList::Block, "alice@mail.a.test").but(|entry| entry.until = Some(Timestamp::EPOCH)),
            (Verdict::Retrieve, Reason::DomainAllowed(id(0))),
        ),
    ]);
}

#[test]
fn an_entry_speaks_of_exactly_whom_it_names() {
    use EntryList::{Allow, Block, RepliedTo};
    check([
        ("another address", PLAIN, Lists::with(Allow, "alice@a.test"), LISTED),
        (
            "the sender's tag is part of the address",
            Message { sender: "alice+x@a.test", ..PLAIN },
            Lists::with(Allow, "alice@a.test"),
            LISTED,
        ),
        ("a subdomain is another domain", PLAIN, Lists::with(Allow, "@a.test"), LISTED),
        ("unless the tree is named", PLAIN, Lists::with(Allow, "@.a.test"), (Verdict::Retrieve, Reason::DomainAllowed(id(0)))),
        ("a name that only ends alike", Message { sender: "x@evila.test", ..PLAIN }, Lists::with(Allow, "@.a.test"), LISTED),
        ("a public suffix lets nobody in", PLAIN, Lists::with(Allow, "@.test").and(EntryList::Expected, "@.test"), LISTED),
        ("but may be blocked", PLAIN, Lists::with(Block, "@.test"), (Verdict::Drop, Reason::DomainBlocked(id(0)))),
        (
            "a local part in NFC and folded",
            Message { sender: "Cafe\u{301}@a.test", ..PLAIN },
            Lists::with(RepliedTo, "caf\u{e9}@a.test"),
            (Verdict::Retrieve, Reason::RepliedTo(id(0))),
        ),
    ]);
}

#[test]
fn naming_a_known_list_lets_nobody_in() {
    let allowed = || Lists::with(EntryList::Allow, "list:dev.lists.a.test");
    let post = |sender| Message { sender, list: Some("Developers <dev.LISTS.a.test>"), ..PLAIN };
    let let_in = (Verdict::Retrieve, Reason::ListAllowed(id(0)));
    check([
        ("the bound domain", post("dev@lists.a.test"), allowed().bound_to("lists.a.test"), let_in.clone()),
        ("another one", post("dev@evil.test"), allowed().bound_to("lists.a.test"), LISTED),
        ("its neighbour", post("dev@a.test"), allowed().bound_to("lists.a.test"), LISTED),
        ("not bound yet: the namespace's owner", post("dev@lists.a.test"), allowed(), let_in),
        ("not bound yet: a stranger", post("dev@evil.test"), allowed(), LISTED),
        ("no List-Id", Message { sender: "dev@lists.a.test", ..PLAIN }, allowed().bound_to("lists.a.test"), LISTED),
        (
            "blocked, whoever says it",
            post("dev@evil.test"),
            Lists::with(EntryList::Block, "list:dev.lists.a.test"),
            (Verdict::Drop, Reason::ListBlocked(id(0))),
        ),
    ]);
}

#[test]
fn a_site_address_serves_the_site_it_was_given_to() {
    let given = || Lists::with(EntryList::Site, "bob+shop@b.test");
    check([
        ("the first", PLAIN, given(), (Verdict::Retrieve, Reason::Site(id(0)))),
        ("the same again", PLAIN, given().bound_to("mail.a.test"), (Verdict::Retrieve, Reason::Site(id(0)))),
        ("somebody who bought the address", PLAIN, given().bound_to("shop.test"), (Verdict::List, Reason::SiteOfAnother(id(0)))),
        (
            "even with screening off",
            Message { screening: Screening::Off, ..PLAIN },
            given().bound_to("shop.test"),
            (Verdict::List, Reason::SiteOfAnother(id(0))),
        ),
        ("another tag", Message { recipient: "bob+other@b.test", ..PLAIN }, given(), LISTED),
        ("no tag", Message { recipient: "bob@b.test", ..PLAIN }, given(), LISTED),
    ]);
}

#[test]
fn an_expected_message_carries_the_reference_that_the_entry_names() {
    let expected = || Lists::with(EntryList::Expected, "@mail.a.test").but(|entry| entry.reference = Some("r1".to_owned()));
    check([
        ("it does", Message { reference: Some("r1"), ..PLAIN }, expected(), (Verdict::Retrieve, Reason::Expected(id(0)))),
        ("another", Message { reference: Some("r2"), ..PLAIN }, expected(), LISTED),
        ("none", PLAIN, expected(), LISTED),
    ]);
}

#[test]
fn only_entries_that_a_stored_message_changes_are_counted() {
    let decision = decided(&PLAIN, &Lists::with(EntryList::Expected, "@mail.a.test"));
    assert_eq!(decision.counted(), Some(id(0)));
    let decision = decided(&PLAIN, &Lists::with(EntryList::Allow, "@mail.a.test"));
    assert_eq!(decision.counted(), None);
}
