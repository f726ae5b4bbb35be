//! What is sent because a message came: sent on, and answered while its recipient is away.

use delivery::absence::Absence;
use delivery::consent::{EntryList, Screening};
use delivery::rules::{Action, Condition, Forward, Keeping, Rule, RuleSet};
use mail::address::Mailbox;
use sim::{Boundary, Sim, User};

use crate::{RECOVERY, SOON};

fn send_on(user: &User, to: &User) {
    send_on_to(user, to.address());
}

fn send_on_to(user: &User, to: Mailbox) {
    let forward = Action::Forward(Forward { to, keep: Keeping::Copy });
    let rule = Rule { name: String::new(), condition: Condition::Always, actions: vec![forward] };
    user.set_rules(RuleSet { rules: vec![rule], ..RuleSet::default() });
}

fn go_away(user: &User) {
    let absence = Absence { text: "I am away.".to_owned(), subject: None, from: None, until: None, days: 7, addresses: Vec::new() };
    user.go_away(absence);
}

fn count(user: &User, subject: &str) -> usize {
    user.mail().iter().filter(|mail| mail.subject.starts_with(subject)).count()
}

#[test]
fn two_mailboxes_that_send_on_to_each_other_end_with_a_copy() {
    let mut sim = Sim::seeded(1);
    let [alice, bob, carol] = sim.accounts(["alice@a.test", "bob@b.test", "carol@c.test"]);
    for user in [&alice, &bob, &carol] {
        user.screen(Screening::Off);
    }
    send_on(&alice, &bob);
    send_on(&bob, &alice);
    carol.submit(alice.address(), "Round");
    sim.run_for(RECOVERY * 4);
    // Alice's own, and what came back from Bob, which goes no further.
    assert_eq!((count(&alice, "Round"), count(&bob, "Round")), (2, 1));
    let from_alice = bob.mail().into_iter().find(|mail| mail.subject.starts_with("Round")).unwrap();
    let text = String::from_utf8(from_alice.octets).unwrap();
    assert!(
        text.contains("From: \"carol@c.test via alice\" <alice@a.test>\r\nAuthor: <carol@c.test>\r\nReply-To: <carol@c.test>\r\n"),
        "{text}"
    );
    assert_eq!(alice.entries(EntryList::RepliedTo), []);
}

/// Bob's server dies at its n-th commit; whether it came to that.
fn send_on_with_a_crash(nth: u64, boundary: Boundary) -> bool {
    let mut sim = Sim::seeded(nth);
    let [alice, bob, carol] = sim.accounts(["alice@a.test", "bob@b.test", "carol@c.test"]);
    for user in [&alice, &bob, &carol] {
        user.screen(Screening::Off);
    }
    send_on(&bob, &carol);
    sim.run_until_idle();
    let before = sim.commits("b.test");
    sim.crash_at_commit("b.test", nth, boundary);
    alice.submit(bob.address(), "Hello");
    sim.run_for(SOON);
    let reached = sim.commits("b.test") - before >= nth;
    sim.forget_faults();
    sim.restart("b.test");
    sim.run_for(RECOVERY * 2);
    assert_eq!((count(&bob, "Hello"), count(&carol, "Hello")), (1, 1), "b.test died {boundary:?} {nth}");
    reached
}

#[test]
fn a_crash_at_any_commit_sends_on_once_in_the_end() {
    for boundary in [Boundary::BeforeCommit, Boundary::AfterCommit] {
        let reached = (1..40).take_while(|nth| send_on_with_a_crash(*nth, boundary)).count();
        assert!((7..39).contains(&reached), "{reached} commits");
    }
}

#[test]
fn who_writes_is_told_once_that_the_owner_is_away_and_is_not_let_in_by_that() {
    let mut sim = Sim::seeded(3);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    bob.screen(Screening::Off);
    go_away(&bob);
    go_away(&alice);
    alice.submit(bob.address(), "Lunch");
    sim.run_for(RECOVERY);
    alice.submit(bob.address(), "Dinner");
    sim.run_for(RECOVERY);
    // The reply came in because Alice had written to Bob; she is away too, and her server does not answer a program.
    assert_eq!((count(&alice, "Auto: Lunch"), count(&alice, "Auto: ")), (1, 1));
    assert_eq!(count(&bob, "Auto: "), 0);
    assert_eq!(bob.entries(EntryList::RepliedTo), []);
    let reply = alice.mail().into_iter().find(|mail| mail.subject.starts_with("Auto: ")).unwrap();
    let text = String::from_utf8(reply.octets).unwrap();
    assert!(text.starts_with("Return-Path: <>\r\n") && text.contains("\r\nAuto-Submitted: auto-replied\r\n"), "{text}");
}

/// Files all that comes, and sends it on.
fn file_and_send_on(user: &User, to: &User) {
    let forward = Action::Forward(Forward { to: to.address(), keep: Keeping::Copy });
    let actions = vec![forward, Action::FileInto("Filed".to_owned())];
    user.set_rules(RuleSet { rules: vec![Rule { name: String::new(), condition: Condition::Always, actions }], ..RuleSet::default() });
}

/// The mailboxes and subjects of all that somebody has.
fn filed(user: &User) -> Vec<(String, String)> {
    user.mail().into_iter().map(|mail| (mail.mailbox, mail.subject)).collect()
}

#[test]
fn rules_and_the_absence_reply_are_for_mail_between_two_accounts_of_one_server_too() {
    let mut sim = Sim::seeded(5);
    let [alice, bob, carol] = sim.accounts(["alice@a.test", "bob@a.test", "carol@c.test"]);
    for user in [&alice, &bob, &carol] {
        user.screen(Screening::Off);
    }
    file_and_send_on(&bob, &carol);
    go_away(&bob);
    let message = alice.submit(bob.address(), "Next door");
    sim.run_for(RECOVERY);
    let [(mailbox, subject)] = &filed(&bob)[..] else { panic!("{:?}", filed(&bob)) };
    assert_eq!((mailbox.as_str(), subject), ("Filed", alice.sent().first().map(|sent| &sent.subject).unwrap()));
    assert_eq!((count(&carol, "Next door"), count(&alice, "Auto: Next door")), (1, 1));
    assert_eq!(alice.sent_status(&message), delivery::report::SentStatus::Delivered);
}

#[test]
fn rules_are_for_pushed_mail_too_and_nothing_is_sent_because_a_report_came() {
    let mut sim = Sim::seeded(6);
    let [bob, carol] = sim.accounts(["bob@b.test", "carol@c.test"]);
    for user in [&bob, &carol] {
        user.screen(Screening::Off);
    }
    file_and_send_on(&bob, &carol);
    go_away(&bob);
    bob.try_push(&"dave@legacy.test".parse().unwrap(), "Pushed").unwrap();
    sim.run_for(RECOVERY);
    assert_eq!((filed(&bob)[0].0.as_str(), count(&carol, "Pushed"), bob.sent_count()), ("Filed", 1, 1));
    // Bob's own server tells him that there is no such mailbox.
    bob.submit("nobody@c.test".parse().unwrap(), "Lost");
    sim.run_for(RECOVERY);
    let report = filed(&bob).into_iter().find(|(_mailbox, subject)| subject.starts_with("Not delivered")).unwrap();
    assert_eq!((report.0.as_str(), count(&carol, "Not delivered"), bob.sent_count()), ("Filed", 0, 2));
}

#[test]
fn the_notice_of_what_is_sent_on_says_so() {
    let mut sim = Sim::seeded(7);
    let [alice, bob, carol] = sim.accounts(["alice@a.test", "bob@b.test", "carol@c.test"]);
    for user in [&alice, &bob, &carol] {
        user.screen(Screening::Off);
    }
    send_on(&bob, &carol);
    sim.listen_in();
    alice.submit(bob.address(), "Hello");
    sim.run_for(RECOVERY);
    let notices: Vec<String> = sim.said().into_iter().filter(|line| line.starts_with("NOTICE ")).collect();
    let [first, second] = &notices[..] else { panic!("{notices:?}") };
    assert!(first.starts_with("NOTICE FROM:<alice@a.test> TO:<bob@b.test> ") && !first.contains("KIND="), "{first}");
    assert!(second.starts_with("NOTICE FROM:<bob@b.test> TO:<carol@c.test> ") && second.contains(" KIND=forward"), "{second}");
    assert_eq!(count(&carol, "Hello"), 1);
}

#[test]
fn nothing_that_is_pushed_is_answered_if_nobody_vouches_for_it() {
    let mut sim = Sim::seeded(4);
    let [bob] = sim.accounts(["bob@b.test"]);
    bob.screen(Screening::Off);
    go_away(&bob);
    let dave = "dave@legacy.test".parse().unwrap();
    let message = bob.try_push(&dave, "Hello").unwrap();
    sim.run_for(RECOVERY);
    assert_eq!(bob.inbox(), [message]);
    assert_eq!(bob.sent_count(), 0);
}

/// Dave's server has no extension. What it pushes comes from 192.0.2.1.
fn replies_to_pushed(record: Option<&str>, from: &str, reverse_path: &str) -> usize {
    let mut sim = Sim::seeded(8);
    let [bob] = sim.accounts(["bob@b.test"]);
    let _host = sim.plain_host("legacy.test");
    if let Some(record) = record {
        sim.publish_spf("legacy.test", record);
    }
    bob.screen(Screening::Off);
    go_away(&bob);
    let [from, reverse_path]: [Mailbox; 2] = [from, reverse_path].map(|text| text.parse().unwrap());
    bob.try_push_as(&from, &reverse_path, "Hello").unwrap();
    sim.run_for(RECOVERY);
    assert_eq!(count(&bob, "Hello"), 1);
    bob.sent_count()
}

#[test]
fn who_pushes_in_the_name_of_a_domain_that_vouches_for_it_is_answered() {
    let vouching = Some("v=spf1 ip4:192.0.2.1 -all");
    for (record, from, reverse_path, replies) in [
        (vouching, "dave@legacy.test", "dave@legacy.test", 1),
        (vouching, "dave@legacy.test", "bounces@legacy.test", 1),
        (vouching, "ann@elsewhere.test", "dave@legacy.test", 0),
        (vouching, "dave@legacy.test", "dave@elsewhere.test", 0),
        (Some("v=spf1 ip4:192.0.2.9 -all"), "dave@legacy.test", "dave@legacy.test", 0),
        (Some("v=spf1 ?all"), "dave@legacy.test", "dave@legacy.test", 0),
        (Some("v=spf1 +all"), "dave@legacy.test", "dave@legacy.test", 0),
        (Some("v=spf1 ip4:192.0.2.1 broken:"), "dave@legacy.test", "dave@legacy.test", 0),
        (None, "dave@legacy.test", "dave@legacy.test", 0),
    ] {
        assert_eq!(replies_to_pushed(record, from, reverse_path), replies, "{record:?} {from} {reverse_path}");
    }
}

#[test]
fn what_came_without_smtputf8_goes_on_without_it_and_what_came_with_it_needs_it_further_on() {
    for (says, passed_on) in [(false, 3), (true, 1)] {
        let mut sim = Sim::seeded(9);
        let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
        // It has 8BITMIME, and no SMTPUTF8.
        let plain = sim.plain_host("legacy.test");
        bob.screen(Screening::Off);
        send_on_to(&bob, "dave@legacy.test".parse().unwrap());
        sim.set_smtputf8(says);
        let note = "X-Note: Gr\u{fc}\u{df}e\r\n";
        bob.push_with(note, &"erin@elsewhere.test".parse().unwrap(), "Pushed");
        alice.submit_with(note, bob.address(), "Noticed");
        alice.try_submit(vec![bob.address()], "The body only", "Gr\u{fc}\u{df}e".as_bytes()).unwrap();
        sim.run_for(RECOVERY);
        assert_eq!(bob.mail().iter().filter(|mail| !mail.subject.starts_with("Not delivered")).count(), 3);
        let taken = plain.taken_since(0);
        assert_eq!(taken.len(), passed_on, "said {says}");
        let has_note = |content: &[u8]| content.windows(note.len()).any(|octets| octets == note.as_bytes());
        assert_eq!(taken.iter().filter(|taken| has_note(&taken.content)).count(), passed_on - 1, "said {says}");
        assert_eq!(count(&bob, "Not delivered"), 3 - passed_on, "said {says}");
    }
}
