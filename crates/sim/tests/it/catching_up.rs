//! After a restore, or a long time away, a server asks what waits: PENDING, and the notices come again.

use std::time::Duration;

use delivery::consent::Screening;
use delivery::report::SentStatus;
use sim::{Message, Sim, User};

use crate::SOON;

/// Longer than the stories look for what a restart does by itself.
const LATER: Duration = Duration::from_mins(4);

/// A message that bob lets in was noticed, and could not be retrieved; neither side does anything by itself for minutes.
fn noticed_and_forgotten() -> (Sim, User, User, Message) {
    let mut sim = Sim::seeded(11);
    sim.set_timers(|timers| {
        timers.notice_repeat = vec![];
        timers.retrieve = vec![Duration::ZERO, LATER];
    });
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    bob.allow(alice.address());
    sim.lose_command("RETRIEVE");
    let message = alice.submit(bob.address(), "Hello");
    sim.run_for(SOON);
    assert_eq!(sim.planned_faults(), [], "the fault never struck");
    assert_eq!(acceptances(&sim), 1);
    (sim, alice, bob, message)
}

/// How often the origin's notice was accepted.
fn acceptances(sim: &Sim) -> usize {
    sim.journal().iter().filter(|line| line.contains("NoticeAccepted")).count()
}

#[test]
fn a_restored_server_asks_and_the_notice_is_given_again() {
    let (mut sim, alice, bob, message) = noticed_and_forgotten();
    bob.note_restore();
    sim.crash("b.test");
    sim.restart("b.test");
    sim.run_for(SOON);
    assert_eq!(acceptances(&sim), 2, "PENDING made the origin give its notice again");
    sim.run_for(LATER * 2);
    assert_eq!(bob.inbox(), std::slice::from_ref(&message));
    assert_eq!(alice.sent_status(&message), SentStatus::Delivered);
}

#[test]
fn a_server_that_was_not_away_for_long_asks_nobody() {
    let (mut sim, alice, bob, message) = noticed_and_forgotten();
    sim.crash("b.test");
    sim.restart("b.test");
    sim.run_for(SOON);
    assert_eq!(acceptances(&sim), 1);
    sim.run_for(LATER * 2);
    assert_eq!(acceptances(&sim), 1, "no repeat was due");
    assert_eq!(bob.inbox(), std::slice::from_ref(&message));
    assert_eq!(alice.sent_status(&message), SentStatus::Delivered);
}

#[test]
fn what_is_kept_after_a_restore_is_not_held_back_as_if_it_might_have_been_noticed() {
    let mut sim = Sim::seeded(12);
    let [alice, _bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    let plain = sim.plain_host("legacy.test");
    let quentin = "q@legacy.test".parse::<mail::address::Mailbox>().unwrap();
    sim.fail_dns("legacy.test");
    let before = alice.submit(quentin.clone(), "Before");
    sim.run_for(SOON);
    alice.note_restore();
    // Its transfers are told at the next start: what came in since is there, too, then.
    let since = alice.submit(quentin, "Since");
    sim.crash("a.test");
    sim.restart("a.test");
    sim.run_for(SOON);
    sim.heal();
    sim.run_for(LATER);
    assert_eq!(alice.sent_status(&since), SentStatus::Relayed);
    assert_eq!(alice.sent_status(&before), SentStatus::Kept, "a notice of it may have been heard by a server that has forgotten");
    assert_eq!(plain.taken_since(0).len(), 1);
}

#[test]
fn letting_a_sender_in_brings_what_their_server_knows_and_ours_has_forgotten() {
    let mut sim = Sim::seeded(13);
    sim.set_timers(|timers| timers.notice_repeat = vec![]);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    bob.screen(Screening::On);
    let before = alice.submit(bob.address(), "Before");
    sim.run_for(SOON);
    let backup = sim.back_up("b.test").unwrap();
    let since = alice.submit(bob.address(), "Since");
    sim.run_for(SOON);
    assert_eq!(acceptances(&sim), 2);
    // After the restore nobody is asked what waits from whom Bob does not let in.
    sim.restore("b.test", backup);
    sim.run_for(SOON);
    // The origin can't be reached when it is first asked.
    sim.part("a.test", "b.test");
    bob.allow(alice.address());
    sim.run_for(LATER);
    sim.heal();
    sim.run_for(LATER * 30);
    let inbox = bob.inbox();
    assert!(inbox.len() == 2 && inbox.contains(&before) && inbox.contains(&since), "{inbox:?}");
    assert_eq!([&before, &since].map(|message| alice.sent_status(message)), [SentStatus::Delivered; 2]);
}
