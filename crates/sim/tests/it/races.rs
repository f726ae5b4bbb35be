//! Two things at once: withdrawal, expiry and retrieval, and a destination that is faster than its origin.

use std::time::Duration;

use delivery::consent::Who;
use delivery::report::SentStatus;
use sim::{Message, Sim, User};

use crate::{RECOVERY, SOON};

fn waiting(seed: u64) -> (Sim, User, User, Message) {
    let mut sim = Sim::seeded(seed);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    let message = alice.submit(bob.address(), "Hello");
    sim.run_until_idle();
    (sim, alice, bob, message)
}

#[test]
fn what_is_taken_back_while_it_waits_is_never_delivered() {
    let (mut sim, alice, bob, message) = waiting(1);
    assert!(alice.withdraw(&message));
    bob.allow(alice.address());
    sim.run_for(SOON);
    assert_eq!(bob.inbox(), []);
    assert_eq!(alice.sent_status(&message), SentStatus::Withdrawn);
}

#[test]
fn what_is_expected_no_longer_when_it_could_be_retrieved_stays_at_its_origin() {
    let mut sim = Sim::seeded(4);
    sim.set_timers(|timers| timers.retrieve = vec![Duration::ZERO, SOON]);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    bob.expect_for(Who::Address(alice.address()), SOON / 2);
    sim.lose_command("RETRIEVE");
    let message = alice.submit(bob.address(), "Hello");
    sim.run_for(SOON / 4);
    assert_eq!((sim.planned_faults(), bob.contact_attempts()), (vec![], vec![]), "it is due, and was not retrieved");
    sim.run_for(SOON * 2);
    assert_eq!(bob.contact_attempts(), [alice.address()]);
    assert!(alice.withdraw(&message), "it never left");
}

#[test]
fn what_was_delivered_cannot_be_taken_back() {
    let (mut sim, alice, bob, message) = waiting(2);
    bob.allow(alice.address());
    sim.run_until_idle();
    assert!(!alice.withdraw(&message));
    assert_eq!(bob.inbox(), std::slice::from_ref(&message));
    assert_eq!(alice.sent_status(&message), SentStatus::Delivered);
}

#[test]
fn what_is_being_retrieved_cannot_be_taken_back() {
    let mut sim = Sim::seeded(3);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    let message = alice.submit_large(bob.address(), "Hello");
    sim.run_until_idle();
    // Octets are on their way, and Served is not committed: only the lease says so.
    sim.part_retrieval_after(50_000);
    bob.allow(alice.address());
    sim.run_until(SOON, "octets leave", |sim| sim.planned_faults().is_empty());
    assert!(!alice.withdraw(&message), "a connection holds the lease");
    assert_eq!(alice.sent_status(&message), SentStatus::Noticed);
    sim.heal();
    sim.run_for(RECOVERY);
    assert_eq!(bob.inbox(), std::slice::from_ref(&message));
    assert_eq!(alice.sent_status(&message), SentStatus::Delivered);
}

#[test]
fn whoever_wins_a_race_for_a_message_both_sides_say_the_same() {
    let mut withdrawn = 0;
    for seed in 0..40 {
        let (mut sim, alice, bob, message) = waiting(seed);
        bob.allow(alice.address());
        let head_start = sim.draw(|chance| chance.below(400));
        sim.run_for(Duration::from_millis(head_start));
        let taken_back = alice.withdraw(&message);
        sim.run_for(RECOVERY);
        let expected = if taken_back { SentStatus::Withdrawn } else { SentStatus::Delivered };
        assert_eq!(alice.sent_status(&message), expected, "seed {seed}");
        assert_eq!(bob.inbox().is_empty(), taken_back, "seed {seed}");
        withdrawn += u32::from(taken_back);
    }
    assert!((1..40).contains(&withdrawn), "{withdrawn} of 40: a race that one side always wins is none");
}

#[test]
fn a_message_that_expires_before_its_confirmation_was_never_called_failed() {
    let mut sim = Sim::seeded(4);
    sim.set_timers(|timers| timers.retention = Duration::from_mins(1));
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    let message = alice.submit(bob.address(), "Hello");
    sim.run_until_idle();
    sim.lose_command("CONFIRM");
    bob.allow(alice.address());
    sim.run_until(SOON, "the confirmation is lost", |sim| sim.planned_faults().is_empty());
    sim.part("a.test", "b.test");
    sim.run_for(Duration::from_secs(80));
    assert_eq!(bob.inbox(), std::slice::from_ref(&message));
    assert_eq!(alice.sent_status(&message), SentStatus::HandedOver);
    assert_eq!(alice.reports().len(), 0, "nothing is certain yet");
    sim.heal();
    sim.run_for(RECOVERY);
    assert_eq!(alice.sent_status(&message), SentStatus::Delivered);
}

#[test]
fn what_is_never_confirmed_is_reported_as_handed_over() {
    let mut sim = Sim::seeded(5);
    sim.set_timers(|timers| timers.retention = Duration::from_mins(1));
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    let message = alice.submit(bob.address(), "Hello");
    sim.run_until_idle();
    sim.lose_command("CONFIRM");
    bob.allow(alice.address());
    sim.run_until(SOON, "the confirmation is lost", |sim| sim.planned_faults().is_empty());
    sim.part("a.test", "b.test");
    sim.run_for(Duration::from_mins(7));
    assert_eq!(alice.sent_status(&message), SentStatus::HandedOver);
    assert_eq!(alice.reports().len(), 1);
    assert_eq!(bob.inbox(), [message]);
}

#[test]
fn what_nobody_collects_expires_and_is_not_delivered_later() {
    let mut sim = Sim::seeded(6);
    sim.set_timers(|timers| timers.retention = Duration::from_mins(1));
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    let message = alice.submit(bob.address(), "Hello");
    sim.run_for(Duration::from_secs(70));
    assert_eq!(alice.sent_status(&message), SentStatus::Expired);
    assert_eq!(bob.contact_attempts(), []);
    bob.allow(alice.address());
    sim.run_for(SOON);
    assert_eq!(bob.inbox(), []);
}

#[test]
fn a_destination_faster_than_its_origins_record_confuses_nobody() {
    let mut sim = Sim::seeded(7);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    bob.allow(alice.address());
    let message = alice.submit(bob.address(), "Hello");
    // The origin hears no 250 and tries again in two seconds; by then the destination is done.
    sim.lose_reply_to("NOTICE");
    sim.run_until(SOON, "the reply is lost", |sim| sim.planned_faults().is_empty());
    sim.run_for(Duration::from_secs(1));
    assert_eq!(bob.inbox(), std::slice::from_ref(&message));
    assert_eq!(alice.sent_status(&message), SentStatus::Delivered);
}

#[test]
fn slow_commits_at_the_origin_change_no_outcome() {
    for seed in 0..20 {
        let mut sim = Sim::seeded(seed);
        let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
        bob.allow(alice.address());
        sim.set_commit_delay("a.test", Duration::from_secs(1));
        let message = alice.submit(bob.address(), "Hello");
        sim.run_for(SOON);
        assert_eq!(bob.inbox(), std::slice::from_ref(&message), "seed {seed}");
        assert_eq!(alice.sent_status(&message), SentStatus::Delivered, "seed {seed}");
    }
}
