//! Replies that never arrive, servers that die at the worst moment, names that do not answer.

use std::time::Duration;

use delivery::report::SentStatus;
use sim::{Message, Sim, User};

use crate::{RECOVERY, SOON};

/// Bob lets alice in; a message of hers is on its way, and something goes wrong.
fn on_its_way(seed: u64, wrong: impl FnOnce(&mut Sim)) -> (Sim, User, User, Message) {
    let mut sim = Sim::seeded(seed);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    bob.allow(alice.address());
    wrong(&mut sim);
    let message = alice.submit(bob.address(), "Hello");
    (sim, alice, bob, message)
}

fn arrives_once(mut sim: Sim, alice: &User, bob: &User, message: &Message) {
    sim.run_for(RECOVERY);
    assert_eq!(sim.planned_faults(), [], "the fault never struck");
    assert_eq!(bob.inbox(), std::slice::from_ref(message));
    assert_eq!(alice.sent_status(message), SentStatus::Delivered);
}

#[test]
fn a_lost_reply_to_any_verb_costs_neither_the_message_nor_the_truth() {
    for verb in ["NOTICE", "RETRIEVE", "CONFIRM", "EHLO"] {
        for seed in 0..5 {
            let (sim, alice, bob, message) = on_its_way(seed, |sim| sim.lose_reply_to(verb));
            arrives_once(sim, &alice, &bob, &message);
        }
    }
}

#[test]
fn a_lost_command_costs_neither_the_message_nor_the_truth() {
    for verb in ["NOTICE", "RETRIEVE", "CONFIRM"] {
        let (sim, alice, bob, message) = on_its_way(1, |sim| sim.lose_command(verb));
        arrives_once(sim, &alice, &bob, &message);
    }
}

#[test]
fn a_lost_250_to_a_notice_lists_the_contact_once() {
    let mut sim = Sim::seeded(2);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    sim.lose_reply_to("NOTICE");
    let message = alice.submit(bob.address(), "Hello");
    sim.run_for(Duration::from_secs(1));
    assert_eq!(bob.contact_attempts(), [alice.address()], "it was committed before the reply that was lost");
    assert_eq!(alice.sent_status(&message), SentStatus::Kept);
    sim.run_for(SOON);
    assert_eq!(bob.contact_attempts(), [alice.address()]);
    assert_eq!(alice.sent_status(&message), SentStatus::Noticed);
}

/// It was taken, and may have been stored: "no such mailbox" would be told to the author as "not delivered".
#[test]
fn a_repeated_notice_is_known_after_its_mailbox_is_gone() {
    let mut sim = Sim::seeded(6);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    sim.lose_reply_to("NOTICE");
    let message = alice.submit(bob.address(), "Hello");
    sim.run_for(Duration::from_secs(1));
    assert_eq!(alice.sent_status(&message), SentStatus::Kept);
    assert_eq!(bob.contact_attempts(), [alice.address()]);
    bob.leave();
    sim.run_for(SOON);
    assert_eq!(alice.sent_status(&message), SentStatus::Noticed);
    let late = alice.submit(bob.address(), "Are you there?");
    sim.run_for(SOON);
    assert_eq!(alice.sent_status(&late), SentStatus::Failed);
}

/// How long after a restart a decision is made that was to be made before it.
fn decided_after(seed: u64) -> u64 {
    let mut sim = Sim::seeded(seed);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    let is_told = |sim: &Sim, what: &str| sim.journal().iter().any(|line| line.contains(what));
    alice.submit(bob.address(), "Hello");
    sim.run_until(SOON, "the notice is taken", |sim| is_told(sim, "b.test: Noted"));
    sim.crash("b.test");
    sim.run_for(Duration::from_secs(1));
    assert!(!is_told(&sim, "b.test: Listed"));
    sim.restart("b.test");
    let mut millis = 0;
    while !is_told(&sim, "b.test: Listed") {
        sim.run_for(Duration::from_millis(1));
        millis += 1;
        assert!(millis < 100, "not decided");
    }
    millis
}

#[test]
fn a_decision_that_a_restart_finds_overdue_is_delayed_at_random_again() {
    let delays: Vec<_> = (0..12).map(decided_after).collect();
    let (shortest, longest) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
    // Commits alone take up to ten.
    assert!(longest - shortest > 20, "{delays:?}");
}

#[test]
fn a_size_that_is_not_the_notices_costs_only_its_own_message() {
    for seed in 0..5 {
        let mut sim = Sim::seeded(seed);
        let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
        sim.alter_size_of_notice();
        let lied_about = alice.submit(bob.address(), "Hello");
        sim.run_until_idle();
        assert_eq!(sim.planned_faults(), []);
        let others: Vec<_> = (0..12).map(|_| alice.submit(bob.address(), "one of many")).collect();
        sim.run_until_idle();
        bob.allow(alice.address());
        sim.run_for(RECOVERY);
        let mut inbox = bob.inbox();
        inbox.sort();
        let mut expected = others;
        expected.sort();
        assert_eq!(inbox, expected, "seed {seed}");
        assert_ne!(alice.sent_status(&lied_about), SentStatus::Failed);
    }
}

#[test]
fn either_server_may_die_when_the_last_octet_has_left() {
    for (seed, domain) in (0..6).flat_map(|seed| [(seed, "a.test"), (seed, "b.test")]) {
        let (mut sim, alice, bob, message) = on_its_way(seed, |sim| sim.die_when_served(domain));
        sim.run_until(SOON, "it dies", |sim| !sim.is_up(domain));
        // The other one goes on alone for a while.
        sim.run_for(Duration::from_secs(5));
        sim.restart(domain);
        arrives_once(sim, &alice, &bob, &message);
    }
}

#[test]
fn a_retrieval_that_breaks_goes_on_where_it_broke() {
    for after in [0, 10, 150, 5_000, 70_000, 290_000] {
        let mut sim = Sim::seeded(after);
        let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
        bob.allow(alice.address());
        sim.cut_retrieval_after(after);
        let message = alice.submit_large(bob.address(), "a long letter");
        arrives_once(sim, &alice, &bob, &message);
    }
}

#[test]
fn octets_that_were_altered_are_never_stored_and_never_gone_on_with() {
    // The last is so large that part of it is on disk before its digest is known.
    for (seed, lines) in [(1, 10), (2, 10_000), (3, 100_000)] {
        let mut sim = Sim::seeded(seed);
        let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
        bob.allow(alice.address());
        sim.alter_retrieval_after(500);
        let body = "line after line\r\n".repeat(lines);
        let message = alice.try_submit(vec![bob.address()], "a letter", body.as_bytes()).unwrap();
        arrives_once(sim, &alice, &bob, &message);
    }
}

#[test]
fn a_partition_delays_and_loses_nothing() {
    for millis in (0..400).step_by(40) {
        let mut sim = Sim::seeded(millis);
        sim.set_limits(|limits| limits.timeouts.reply = Duration::from_secs(10));
        let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
        bob.allow(alice.address());
        let message = alice.submit(bob.address(), "Hello");
        sim.run_for(Duration::from_millis(millis));
        sim.part("a.test", "b.test");
        sim.run_for(SOON);
        sim.heal();
        arrives_once(sim, &alice, &bob, &message);
    }
}

#[test]
fn names_that_do_not_answer_are_no_reason_to_give_up() {
    for domain in ["a.test", "b.test"] {
        let (mut sim, alice, bob, message) = on_its_way(3, |sim| sim.fail_dns(domain));
        sim.run_for(SOON);
        assert_eq!(bob.inbox(), []);
        assert_eq!(alice.sent_status(&message), SentStatus::Kept);
        sim.heal();
        arrives_once(sim, &alice, &bob, &message);
    }
}

#[test]
fn a_server_without_its_certificate_is_retrieved_from_later_never_declined() {
    let (mut sim, alice, bob, message) = on_its_way(4, |sim| sim.forge_certificate("a.test", "mx.evil.test"));
    sim.run_for(SOON);
    assert_eq!(bob.inbox(), []);
    assert_eq!(alice.sent_status(&message), SentStatus::Noticed);
    sim.forge_certificate("a.test", "mx.a.test");
    arrives_once(sim, &alice, &bob, &message);
}

#[test]
fn a_destination_that_is_down_hears_of_the_message_when_it_is_up() {
    let (mut sim, alice, bob, message) = on_its_way(5, |sim| sim.crash("b.test"));
    sim.run_for(SOON);
    assert_eq!(alice.sent_status(&message), SentStatus::Kept);
    sim.restart("b.test");
    arrives_once(sim, &alice, &bob, &message);
}
