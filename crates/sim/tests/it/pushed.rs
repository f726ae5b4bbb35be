//! Mail pushed by servers without the extension.

use std::time::Duration;

use delivery::consent::{Legacy, Screening};
use mail::address::Mailbox;
use sim::{Boundary, Sim};

use crate::RECOVERY;

fn dave() -> Mailbox {
    "dave@legacy.test".parse().unwrap()
}

#[test]
fn what_is_pushed_at_an_open_mailbox_is_delivered() {
    let mut sim = Sim::seeded(1);
    let [bob] = sim.accounts(["bob@b.test"]);
    bob.screen(Screening::Off);
    let message = bob.try_push(&dave(), "Hello").unwrap();
    assert_eq!(bob.inbox(), [message]);
    assert_eq!(bob.contact_attempts(), []);
}

#[test]
fn what_is_kept_aside_is_released_by_allowing_and_what_comes_later_waits_again() {
    let mut sim = Sim::seeded(2);
    let [bob] = sim.accounts(["bob@b.test"]);
    let message = bob.try_push(&dave(), "Hello").unwrap();
    assert_eq!((bob.inbox(), bob.contact_attempts()), (vec![], vec![dave()]));
    bob.allow(dave());
    assert_eq!((bob.inbox(), bob.contact_attempts()), (vec![message.clone()], vec![]));
    let later = bob.try_push(&dave(), "Hello again").unwrap();
    assert_eq!((bob.inbox(), bob.contact_attempts()), (vec![message.clone()], vec![dave()]));
    bob.take_pushed(Legacy::Deliver);
    assert_eq!((bob.inbox(), bob.contact_attempts()), (vec![message, later], vec![]));
}

#[test]
fn a_mailbox_that_refuses_refuses_whoever_is_allowed() {
    let mut sim = Sim::seeded(3);
    let [bob] = sim.accounts(["bob@b.test"]);
    bob.take_pushed(Legacy::Refuse);
    bob.allow(dave());
    let refused = bob.try_push(&dave(), "Hello").unwrap_err();
    let stranger = "stranger@elsewhere.test".parse().unwrap();
    assert_eq!(bob.try_push(&stranger, "Hello").unwrap_err(), refused);
    assert!(refused.starts_with("550 5.7.1 "), "{refused}");
    assert_eq!(bob.inbox(), []);
}

#[test]
fn what_is_kept_goes_when_its_time_is_over() {
    let mut sim = Sim::seeded(4);
    sim.set_timers(|timers| timers.keep_legacy = Duration::from_mins(30));
    let [bob] = sim.accounts(["bob@b.test"]);
    bob.try_push(&dave(), "Hello").unwrap();
    sim.run_for(Duration::from_mins(29));
    assert_eq!(bob.contact_attempts(), [dave()]);
    sim.run_for(Duration::from_hours(2));
    assert_eq!(bob.contact_attempts(), []);
    bob.allow(dave());
    assert_eq!(bob.inbox(), []);
}

#[test]
fn a_crash_at_any_commit_loses_nothing_that_was_answered_for() {
    for (screening, boundary) in [
        (Screening::Off, Boundary::BeforeCommit),
        (Screening::Off, Boundary::AfterCommit),
        (Screening::On, Boundary::BeforeCommit),
        (Screening::On, Boundary::AfterCommit),
    ] {
        let mut died = 0;
        for nth in 1..4 {
            let mut sim = Sim::seeded(nth);
            let [bob] = sim.accounts(["bob@b.test"]);
            bob.screen(screening);
            sim.run_until_idle();
            sim.crash_at_commit("b.test", nth, boundary);
            let answered = bob.try_push(&dave(), "Hello");
            sim.run_until_idle();
            sim.forget_faults();
            sim.restart("b.test");
            sim.run_for(RECOVERY);
            if screening == Screening::On {
                bob.allow(dave());
            }
            let inbox = bob.inbox();
            let what = format!("{screening:?} {boundary:?} {nth}");
            if let Ok(message) = answered {
                assert_eq!(inbox, [message], "{what}");
            } else {
                // Nobody was told that it is here; after the commit it is, and whoever pushed it does so again.
                died += 1;
                assert_eq!(inbox.len(), usize::from(boundary == Boundary::AfterCommit), "{what}");
            }
        }
        assert!(died > 0, "{screening:?} {boundary:?}: no message died");
    }
}
