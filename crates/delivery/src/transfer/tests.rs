//! The whole table: every state, every event, what comes of it.

use std::time::Duration;

use super::*;
use crate::schedule::{Jitter, Timers};

const DAY: Duration = Duration::from_hours(24);

fn start() -> Timestamp {
    Timestamp::from_millis(1_000_000_000)
}

fn at(timers: &Timers, after: Duration) -> Moment<'_> {
    Moment { now: start() + after, jitter: Jitter::NONE, timers }
}

/// One of each, as they are a while after the start; nothing is due.
fn states() -> Vec<(&'static str, Transfer)> {
    let since = start();
    let expires = start() + DAY * 14;
    let delay = Delay::TellAt(start() + DAY * 3);
    let retry_at = start() + Duration::from_hours(1);
    let repeat_at = start() + DAY;
    vec![
        ("unsent", Transfer::Notifying { since, attempts: 1, retry_at, line: NoticeLine::Unsent, delay, tls_failures: 0 }),
        ("sent", Transfer::Notifying { since, attempts: 1, retry_at, line: NoticeLine::MayHaveLeft { expires }, delay, tls_failures: 0 }),
        ("waiting", Transfer::Waiting { since, expires, repeat_at, delay }),
        ("served", Transfer::Served { since, expires, repeat_at }),
        ("uncertain", Transfer::Uncertain { until: start() + DAY * 6 }),
        ("relaying", Transfer::Relaying { since, attempts: 1, retry_at, delay, taking: Taking::Excluded }),
        ("doubted", Transfer::Relaying { since, attempts: 1, retry_at, delay, taking: Taking::Possible }),
        ("ended", Transfer::Ended { outcome: Outcome::Delivered, forget_at: start() + DAY * 30 }),
    ]
}

fn events() -> Vec<TransferEvent> {
    let (status, text) = (Status::permanent(7, 1), "no".to_owned());
    vec![
        TransferEvent::NoticeSending,
        TransferEvent::NoticeAccepted,
        TransferEvent::NoticeDeferred,
        TransferEvent::NoticeRefused { status, text: text.clone() },
        TransferEvent::ExtensionAbsent,
        TransferEvent::ExtensionAbsentNeverPush { status, text: text.clone() },
        TransferEvent::TlsFailed(TlsFailure::Passing),
        TransferEvent::ExtensionKnown,
        TransferEvent::NoticeAskedFor,
        TransferEvent::AboutToServeLastOctet,
        TransferEvent::Confirmed,
        TransferEvent::Declined { status, text: text.clone() },
        TransferEvent::WithdrawalAsked,
        TransferEvent::RelayAccepted { reporter: Reporter::Here },
        TransferEvent::RelayAccepted { reporter: Reporter::NextServer },
        TransferEvent::RelayEnding,
        TransferEvent::RelayDeferred { taking: Taking::Excluded },
        TransferEvent::RelayRefused { status, text },
        TransferEvent::RetryAsked,
        TransferEvent::GivenUp,
        TransferEvent::Restored,
        TransferEvent::TimePassed,
    ]
}

/// `=`: nothing changes. A star: the same state with other data. `!`: the author is told.
fn in_short(before: &Transfer, (after, actions): &Step) -> String {
    let told = actions.iter().any(|action| matches!(action, TransferAction::Tell(_)));
    let freed = actions.contains(&TransferAction::FreeContent);
    let is_end = matches!(after, Transfer::Ended { .. });
    assert_eq!(freed, is_end && !matches!(before, Transfer::Ended { .. }), "content is freed when the transfer ends, once");
    if before == after {
        return "=".to_owned();
    }
    let name = match after {
        Transfer::Notifying { line: NoticeLine::Unsent, .. } => "unsent",
        Transfer::Notifying { line: NoticeLine::MayHaveLeft { .. }, .. } => "sent",
        Transfer::Waiting { .. } => "waiting",
        Transfer::Served { .. } => "served",
        Transfer::Uncertain { .. } => "uncertain",
        Transfer::Relaying { taking: Taking::Excluded, .. } => "relaying",
        Transfer::Relaying { taking: Taking::Possible, .. } => "doubted",
        Transfer::Ended { outcome, .. } => match outcome {
            Outcome::Delivered => "delivered",
            Outcome::Failed { .. } => "failed",
            Outcome::Expired => "expired",
            Outcome::Withdrawn => "withdrawn",
            Outcome::Relayed => "relayed",
            Outcome::Closed => "closed",
        },
    };
    let same = std::mem::discriminant(before) == std::mem::discriminant(after);
    format!("{name}{}{}", if same { "*" } else { "" }, if told { "!" } else { "" })
}

#[test]
fn every_event_in_every_state() {
    #[rustfmt::skip]
    let table = [
        //                  unsent        sent          waiting       served        uncertain     relaying      doubted       ended
        ("NoticeSending",  ["sent*",      "sent*",      "=",          "=",          "=",          "=",          "=",          "="]),
        ("NoticeAccepted", ["waiting",    "waiting",    "=",          "=",          "=",          "=",          "=",          "="]),
        ("NoticeDeferred", ["unsent*",    "sent*",      "=",          "=",          "=",          "=",          "=",          "="]),
        ("NoticeRefused",  ["failed!",    "failed!",    "=",          "=",          "=",          "=",          "=",          "="]),
        ("ExtensionAbsent",["relaying",   "sent*",      "=",          "=",          "=",          "=",          "=",          "="]),
        ("ExtensionAbsentNeverPush",
                           ["failed!",    "sent*",      "=",          "=",          "=",          "=",          "=",          "="]),
        ("TlsFailed",      ["unsent*",    "sent*",      "=",          "=",          "=",          "=",          "=",          "="]),
        ("ExtensionKnown", ["=",          "=",          "=",          "=",          "=",          "unsent",     "doubted*",   "="]),
        ("NoticeAskedFor", ["unsent*",    "sent*",      "waiting*",   "served*",    "=",          "=",          "=",          "="]),
        ("AboutToServe",   ["served",     "served",     "served",     "=",          "=",          "=",          "=",          "="]),
        ("Confirmed",      ["delivered!", "delivered!", "delivered!", "delivered!", "delivered!", "=",          "=",          "="]),
        ("Declined",       ["failed!",    "failed!",    "failed!",    "failed!",    "failed!",    "=",          "=",          "="]),
        ("WithdrawalAsked",["withdrawn",  "withdrawn",  "withdrawn",  "=",          "=",          "withdrawn",  "=",          "="]),
        ("RelayAccepted { reporter: Here }",
                           ["=",          "=",          "=",          "=",          "=",          "relayed!",   "relayed!",   "="]),
        ("RelayAccepted { reporter: Next",
                           ["=",          "=",          "=",          "=",          "=",          "relayed",    "relayed",    "="]),
        ("RelayEnding",    ["=",          "=",          "=",          "=",          "=",          "doubted*",   "=",          "="]),
        ("RelayDeferred",  ["=",          "=",          "=",          "=",          "=",          "relaying*",  "relaying*",  "="]),
        ("RelayRefused",   ["=",          "=",          "=",          "=",          "=",          "failed!",    "failed!",    "="]),
        ("RetryAsked",     ["unsent*",    "sent*",      "waiting*",   "served*",    "=",          "relaying*",  "doubted*",   "="]),
        ("GivenUp",        ["failed!",    "failed!",    "failed!",    "closed!",    "closed!",    "failed!",    "closed!",    "="]),
        ("Restored",       ["sent*",      "sent*",      "waiting*",   "served*",    "=",          "doubted*",   "=",          "="]),
        ("TimePassed",     ["=",          "=",          "=",          "=",          "=",          "=",          "=",          "="]),
    ];
    let timers = Timers::default();
    let soon = at(&timers, Duration::from_mins(10));
    for (event, (name, row)) in events().into_iter().zip(table) {
        assert!(format!("{event:?}").starts_with(name), "{event:?} {name}");
        for ((state_name, state), expected) in states().into_iter().zip(row) {
            let step = state.clone().on(event.clone(), soon);
            assert_eq!(in_short(&state, &step), expected, "{name} in {state_name}");
        }
    }
}

#[test]
fn time_ends_each_state_and_tells_of_each_delay() {
    #[rustfmt::skip]
    let table = [
        // after days   unsent     sent       waiting     served       uncertain  relaying     doubted     ended
        (3,           ["unsent*!","sent*!",  "waiting*!","=",         "=",       "relaying*!","doubted*!","="]),
        (5,           ["failed!", "failed!", "waiting*!","=",         "=",       "expired!",  "closed!",  "="]),
        (6,           ["failed!", "failed!", "waiting*!","=",         "closed!", "expired!",  "closed!",  "="]),
        (14,          ["failed!", "failed!", "expired!", "uncertain", "closed!", "expired!",  "closed!",  "="]),
    ];
    let timers = Timers::default();
    for (days, row) in table {
        for ((name, state), expected) in states().into_iter().zip(row) {
            let step = state.clone().on(TransferEvent::TimePassed, at(&timers, DAY * days));
            assert_eq!(in_short(&state, &step), expected, "{name} after {days} days");
        }
    }
}

#[test]
fn an_event_that_comes_twice_does_what_it_does_once() {
    let timers = Timers::default();
    // These count attempts: each is one more.
    let counts = |event: &TransferEvent, state: &Transfer| match event {
        TransferEvent::NoticeDeferred | TransferEvent::TlsFailed(_) => matches!(state, Transfer::Notifying { .. }),
        TransferEvent::ExtensionAbsent | TransferEvent::ExtensionAbsentNeverPush { .. } => {
            matches!(state, Transfer::Notifying { line: NoticeLine::MayHaveLeft { .. }, .. })
        }
        TransferEvent::RelayDeferred { .. } => matches!(state, Transfer::Relaying { .. }),
        TransferEvent::ExtensionKnown => matches!(state, Transfer::Relaying { taking: Taking::Possible, .. }),
        _every_other => false,
    };
    for after in [Duration::from_mins(10), DAY, DAY * 3, DAY * 5, DAY * 6, DAY * 14, DAY * 60] {
        for event in events() {
            for (name, state) in states() {
                let (once, _) = state.clone().on(event.clone(), at(&timers, after));
                let (twice, actions) = once.clone().on(event.clone(), at(&timers, after));
                assert_eq!(once != twice, counts(&event, &state), "{event:?} in {name} after {after:?}");
                assert_eq!(actions, [], "{event:?} in {name} after {after:?}: nothing is done twice");
            }
        }
    }
}

#[test]
fn a_repeat_that_was_due_moves_on_before_its_line_leaves() {
    let timers = Timers::default();
    for (name, state) in states() {
        let later = at(&timers, DAY * 2);
        let (after, _) = state.clone().on(TransferEvent::NoticeSending, later);
        let repeats = matches!(after, Transfer::Waiting { .. } | Transfer::Served { .. });
        assert!(!repeats || (state.wants_notice(later.now) && !after.wants_notice(later.now)), "{name}");
    }
}

#[test]
fn only_repeated_failures_of_tls_itself_lead_to_ordinary_smtp() {
    let unreached = || TransferEvent::NoticeDeferred;
    let passing = || TransferEvent::TlsFailed(TlsFailure::Passing);
    let refused = || TransferEvent::TlsFailed(TlsFailure::Refused);
    let table = [
        (vec![refused()], "unsent"),
        (vec![refused(), refused()], "relaying"),
        (vec![passing(), passing(), passing()], "unsent"),
        (vec![passing(), passing(), passing(), passing()], "relaying"),
        (vec![refused(), passing()], "unsent"),
        (vec![passing(), refused(), passing()], "relaying"),
        // What was no failure of TLS counts for nothing.
        (vec![unreached(), unreached(), unreached(), unreached(), refused()], "unsent"),
        (vec![refused(), unreached(), unreached(), refused()], "relaying"),
        // A line may have left: never.
        (vec![TransferEvent::NoticeSending, refused(), refused(), refused()], "sent"),
        // Known to speak it after all: what was seen before counts no more.
        (vec![refused(), refused(), TransferEvent::ExtensionKnown], "unsent"),
        (vec![refused(), refused(), TransferEvent::ExtensionKnown, refused()], "unsent"),
        (vec![refused(), refused(), TransferEvent::RelayEnding, TransferEvent::ExtensionKnown], "doubted"),
    ];
    let timers = Timers::default();
    let at = at(&timers, Duration::from_mins(10));
    for (events, expected) in table {
        let after = events.iter().fold(Transfer::start(at), |state, event| state.on(event.clone(), at).0);
        let ended = Transfer::Ended { outcome: Outcome::Delivered, forget_at: start() };
        assert_eq!(in_short(&ended, &(after, vec![])), expected, "{events:?}");
    }
}

#[test]
fn what_is_known_to_be_noticed_after_all_is_tried_later_and_no_longer_than_it_would_have_been() {
    let timers = Timers::default();
    let (_, relaying) = states().remove(5);
    let now = at(&timers, Duration::from_mins(10));
    let (after, actions) = relaying.on(TransferEvent::ExtensionKnown, now);
    assert_eq!(actions, []);
    assert!(!after.wants_notice(now.now) && after.wants_notice(now.now + Duration::from_hours(1)), "{after:?}");
    let (after, _) = after.on(TransferEvent::TimePassed, at(&timers, DAY * 5));
    assert!(matches!(after, Transfer::Ended { outcome: Outcome::Failed { .. }, .. }), "{after:?}");
}

#[test]
fn a_restored_origin_gives_the_destination_time_to_confirm_what_expired_meanwhile() {
    let timers = Timers::default();
    let (_, waiting) = states().remove(2);
    let restored = at(&timers, DAY * 20);
    let (after, actions) = waiting.on(TransferEvent::Restored, restored);
    assert_eq!(actions, []);
    assert!(after.wants_notice(restored.now));
    let (after, _) = after.on(TransferEvent::TimePassed, restored);
    assert!(matches!(after, Transfer::Waiting { .. }));
    let (after, _) = after.on(TransferEvent::Confirmed, at(&timers, DAY * 21));
    assert!(matches!(after, Transfer::Ended { outcome: Outcome::Delivered, .. }));
}

#[test]
fn the_last_octet_leaves_only_from_a_state_that_remembers_it() {
    let timers = Timers::default();
    for (name, state) in states() {
        let may_be_retrieved = state.may_be_retrieved();
        let (after, _) = state.on(TransferEvent::AboutToServeLastOctet, at(&timers, DAY));
        assert_eq!(after.last_octet_may_leave(), may_be_retrieved, "{name}");
    }
}
