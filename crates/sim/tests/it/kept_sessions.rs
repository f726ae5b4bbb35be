//! Sessions between servers that wait a moment for what comes next: what they save, and what becomes of a message when they
//! have ended meanwhile.

use std::time::Duration;

use sim::{Sim, User};

/// Longer than a session waits.
const LONG: Duration = Duration::from_secs(30);

/// No second attempt comes within this test.
const NEVER: Duration = Duration::from_hours(2);

fn two_users(seed: u64, prepare: impl FnOnce(&mut Sim)) -> (Sim, User, User) {
    let mut sim = Sim::seeded(seed);
    sim.set_timers(|timers| {
        timers.notice = vec![Duration::ZERO, NEVER];
        timers.retrieve = vec![Duration::ZERO, NEVER];
    });
    prepare(&mut sim);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    bob.allow(alice.address());
    (sim, alice, bob)
}

/// Connections to the exchange, and to the retrieval service.
fn connections(sim: &Sim) -> [usize; 2] {
    let journal = sim.journal();
    let to = |port: &str| journal.iter().filter(|line| line.contains("connection ") && line.ends_with(port)).count();
    [to(":25"), to(":2626")]
}

fn send(sim: &mut Sim, alice: &User, bob: &User) {
    let message = alice.submit(bob.address(), "Hello");
    sim.run_until(crate::SOON, "it is there, and confirmed", |_| {
        bob.inbox().contains(&message) && alice.sent_status(&message) == delivery::report::SentStatus::Delivered
    });
}

#[test]
fn messages_that_come_one_after_the_other_share_two_connections() {
    let (mut sim, alice, bob) = two_users(11, |_| {});
    for _ in 0..10 {
        send(&mut sim, &alice, &bob);
    }
    assert_eq!(connections(&sim), [1, 1]);
    sim.run_for(LONG);
    send(&mut sim, &alice, &bob);
    assert_eq!(connections(&sim), [2, 2], "they do not wait for ever");
}

#[test]
fn a_session_is_not_used_again_and_again_for_ever() {
    let (mut sim, alice, bob) = two_users(12, |_| {});
    for _ in 0..70 {
        send(&mut sim, &alice, &bob);
        sim.run_for(Duration::from_secs(1));
    }
    let [notices, retrievals] = connections(&sim);
    assert!((2..10).contains(&notices) && (2..10).contains(&retrievals), "{notices} {retrievals}");
}

#[test]
fn a_session_that_ended_while_it_waited_costs_no_attempt() {
    for (seed, domain) in [(13, "a.test"), (14, "b.test")] {
        let (mut sim, alice, bob) = two_users(seed, |_| {});
        send(&mut sim, &alice, &bob);
        sim.crash(domain);
        sim.restart(domain);
        send(&mut sim, &alice, &bob);
    }
}

#[test]
fn no_more_notices_are_given_in_a_session_than_it_takes() {
    let (mut sim, alice, bob) = two_users(15, |sim| sim.set_limits(|limits| limits.notices_max = 3));
    for _ in 0..10 {
        send(&mut sim, &alice, &bob);
    }
    assert_eq!(connections(&sim), [4, 1]);
}
