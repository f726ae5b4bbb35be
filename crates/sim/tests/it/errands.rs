//! What is sent because a message came: sent on, and answered while its recipient is away.

use delivery::absence::Absence;
use delivery::consent::{EntryList, Screening};
use delivery::rules::{Action, Condition, Forward, Keeping, Rule, RuleSet};
use sim::{Boundary, Sim, User};

use crate::{RECOVERY, SOON};

fn send_on(user: &User, to: &User) {
    let forward = Action::Forward(Forward { to: to.address(), keep: Keeping::Copy });
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

#[test]
fn nothing_that_is_pushed_is_answered() {
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
