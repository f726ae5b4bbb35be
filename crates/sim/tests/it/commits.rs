//! A crash at every commit of either server, before it and after it.

use delivery::report::SentStatus;
use sim::{Boundary, Sim};

use crate::RECOVERY;

/// One message from submission to report; a server dies at its n-th commit. Whether it came to that.
fn walk_with_a_crash(domain: &str, nth: u64, boundary: Boundary) -> bool {
    let mut sim = Sim::seeded(nth);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    bob.allow(alice.address());
    sim.run_until_idle();
    let before = sim.commits(domain);
    sim.crash_at_commit(domain, nth, boundary);
    let submitted = alice.try_submit(vec![bob.address()], "Hello", b"Hello");
    sim.run_until_idle();
    let reached = sim.commits(domain) - before >= nth;
    sim.forget_faults();
    sim.restart(domain);
    sim.run_for(RECOVERY);
    let what = format!("{domain} died {boundary:?} {nth}");
    match submitted {
        Ok(message) => {
            assert_eq!(bob.inbox(), std::slice::from_ref(&message), "{what}");
            assert_eq!(alice.sent_status(&message), SentStatus::Delivered, "{what}");
            assert_eq!(alice.reports().len(), 1, "{what}");
        }
        // Nobody promised anything; the checkers see to it that it lies there once or not at all.
        Err(_died) => assert_eq!(domain, "a.test", "{what}"),
    }
    reached
}

#[test]
fn a_crash_at_any_commit_loses_nothing_doubles_nothing_and_tells_no_lie() {
    for (domain, at_least) in [("a.test", 5), ("b.test", 4)] {
        for boundary in [Boundary::BeforeCommit, Boundary::AfterCommit] {
            let reached = (1..40).take_while(|nth| walk_with_a_crash(domain, *nth, boundary)).count();
            assert!(reached >= at_least, "{domain}: only {reached} commits in a walk");
            assert!(reached < 39, "{domain}: the walk has no end");
        }
    }
}
