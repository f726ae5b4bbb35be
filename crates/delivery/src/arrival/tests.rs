//! The whole table: every stage, every event, what comes of it.

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

/// One of each, expiring after 14 days.
fn arrivals() -> Vec<(&'static str, Arrival)> {
    let (since, attempts, retry_at) = (start(), 1, start() + Duration::from_mins(1));
    let (target, status, text) = ("mx.a.test".to_owned(), Status::permanent(6, 0), "malware".to_owned());
    let declined = ArrivalOutcome::Declined { target: target.clone(), status, text: text.clone() };
    let stages = [
        ("noted", Stage::Noted { decide_at: start() }),
        ("listed", Stage::Listed),
        ("dropped", Stage::Dropped { by: DroppedBy::Rule }),
        ("dismissed", Stage::Dropped { by: DroppedBy::Recipient }),
        ("due", Stage::Due { since, attempts, retry_at, received: Received::Nothing }),
        ("begun", Stage::Due { since, attempts, retry_at, received: Received::Octets }),
        ("stored", Stage::Stored { since, attempts, retry_at, target: target.clone() }),
        ("declining", Stage::Declining { since, attempts, retry_at, target: target.clone(), status, text }),
        ("done", Stage::Ended(ArrivalOutcome::Done { target })),
        ("declined", Stage::Ended(declined)),
        ("gone", Stage::Ended(ArrivalOutcome::Gone)),
    ];
    stages.map(|(name, stage)| (name, Arrival { expires: start() + DAY * 14, stage, look_again_at: None })).into()
}

fn events() -> Vec<ArrivalEvent> {
    let (target, status, text) = ("mx2.a.test".to_owned(), Status::permanent(6, 0), "malware".to_owned());
    vec![
        ArrivalEvent::NoticeRepeated { expires: start() + DAY * 14, decide_at: start() + Duration::from_mins(20) },
        ArrivalEvent::Decided(Verdict::Retrieve),
        ArrivalEvent::Decided(Verdict::List),
        ArrivalEvent::Decided(Verdict::Drop),
        ArrivalEvent::Dismissed,
        ArrivalEvent::Evicted,
        ArrivalEvent::Stored { target: target.clone() },
        ArrivalEvent::Deferred { received: Received::Nothing },
        ArrivalEvent::Deferred { received: Received::Octets },
        ArrivalEvent::Vanished,
        ArrivalEvent::ContentRefused { target, status, text },
        ArrivalEvent::OriginKnows,
        ArrivalEvent::OriginUnreached,
        ArrivalEvent::RetryAsked,
        ArrivalEvent::GivenUp,
        ArrivalEvent::TimePassed,
    ]
}

/// `=`: nothing changes. A star: the same stage with other data.
fn in_short(before: &Arrival, after: &Arrival) -> String {
    let name = |arrival: &Arrival| match &arrival.stage {
        Stage::Noted { .. } => "noted",
        Stage::Listed => "listed",
        Stage::Dropped { by: DroppedBy::Rule } => "dropped",
        Stage::Dropped { by: DroppedBy::Recipient } => "dismissed",
        Stage::Due { received: Received::Nothing, .. } => "due",
        Stage::Due { received: Received::Octets, .. } => "begun",
        Stage::Stored { .. } => "stored",
        Stage::Declining { .. } => "declining",
        Stage::Ended(ArrivalOutcome::Done { .. }) => "done",
        Stage::Ended(ArrivalOutcome::Declined { .. }) => "declined",
        Stage::Ended(ArrivalOutcome::Gone) => "gone",
    };
    match (before == after, name(before) == name(after)) {
        (true, _) => "=".to_owned(),
        (false, true) => format!("{}*", name(after)),
        (false, false) => name(after).to_owned(),
    }
}

#[test]
fn every_event_in_every_stage() {
    #[rustfmt::skip]
    let table = [
        //                  noted        listed       dropped      dismissed    due          begun        stored     declining     done      declined     gone
        ("NoticeRepeated", ["=",         "listed*",   "dropped*",  "dismissed*","due*",      "begun*",    "=",       "=",          "stored", "declining", "noted"]),
        ("Retrieve",       ["due",       "due",       "due",       "due",       "=",         "=",         "=",       "=",          "=",      "=",         "="]),
        ("List",           ["listed",    "=",         "listed",    "=",         "listed",    "listed",    "=",       "=",          "=",      "=",         "="]),
        ("Drop",           ["dropped",   "dropped",   "=",         "=",         "dropped",   "dropped",   "=",       "=",          "=",      "=",         "="]),
        ("Dismissed",      ["dismissed", "dismissed", "dismissed", "=",         "=",         "=",         "=",       "=",          "=",      "=",         "="]),
        ("Evicted",        ["=",         "dropped",   "=",         "=",         "=",         "=",         "=",       "=",          "=",      "=",         "="]),
        ("Stored",         ["=",         "=",         "=",         "=",         "stored",    "stored",    "=",       "=",          "=",      "=",         "="]),
        ("Deferred",       ["=",         "=",         "=",         "=",         "due*",      "begun*",    "=",       "=",          "=",      "=",         "="]),
        ("Deferred+",      ["=",         "=",         "=",         "=",         "begun",     "begun*",    "=",       "=",          "=",      "=",         "="]),
        ("Vanished",       ["=",         "=",         "=",         "=",         "gone",      "gone",      "=",       "=",          "=",      "=",         "="]),
        ("ContentRefused", ["=",         "=",         "=",         "=",         "declining", "declining", "=",       "=",          "=",      "=",         "="]),
        ("OriginKnows",    ["=",         "=",         "=",         "=",         "=",         "=",         "done",    "declined",   "=",      "=",         "="]),
        ("OriginUnreached",["=",         "=",         "=",         "=",         "=",         "=",         "stored*", "declining*", "=",      "=",         "="]),
        ("RetryAsked",     ["=",         "=",         "=",         "=",         "due*",      "begun*",    "stored*", "declining*", "=",      "=",         "="]),
        ("GivenUp",        ["=",         "=",         "=",         "=",         "dismissed", "dismissed", "done",    "declined",   "=",      "=",         "="]),
        ("TimePassed",     ["=",         "=",         "=",         "=",         "=",         "=",         "=",       "=",          "=",      "=",         "="]),
    ];
    let timers = Timers::default();
    for (event, (name, row)) in events().into_iter().zip(table) {
        for ((stage, arrival), expected) in arrivals().into_iter().zip(row) {
            let mut after = arrival.clone().on(event.clone(), at(&timers, Duration::from_mins(10)));
            if let (Stage::Noted { decide_at }, Stage::Noted { decide_at: again }) = (&arrival.stage, &mut after.stage) {
                assert_eq!(decide_at, again, "a repeat does not put the decision off");
            }
            assert_eq!(in_short(&arrival, &after), expected, "{name} in {stage}");
        }
    }
}

#[test]
fn a_repeat_is_looked_at_again_alike_in_every_stage_that_its_origin_cannot_know() {
    let timers = Timers::default();
    let decide_at = start() + Duration::from_mins(20);
    let again = |arrival: Arrival| arrival.on(ArrivalEvent::NoticeRepeated { expires: start(), decide_at }, at(&timers, DAY));
    for (stage, arrival) in arrivals().into_iter().filter(|(_, arrival)| arrival.stage.is_secret()) {
        let heard = again(arrival.clone());
        assert_eq!(
            (&heard.stage, heard.look_again_at, heard.due_at(at(&timers, DAY))),
            (&arrival.stage, Some(decide_at), heard.due_at(at(&timers, DAY)).min(decide_at)),
            "{stage}"
        );
        assert_eq!(heard.task(at(&timers, DAY)), Some(ArrivalTask::Decide), "{stage}");
        for verdict in [Verdict::Retrieve, Verdict::List, Verdict::Drop] {
            let event = ArrivalEvent::Decided(verdict);
            assert_eq!(heard.clone().on(event.clone(), at(&timers, DAY)), arrival.clone().on(event, at(&timers, DAY)), "{stage}");
        }
    }
}

#[test]
fn time_ends_each_stage() {
    #[rustfmt::skip]
    let table = [
        //      noted      listed     dropped dismissed due     begun   stored  declining   done declined gone
        (14, ["dropped", "dropped", "=",    "=",      "gone", "=",    "=",    "=",        "=", "=",     "="]),
        (19, ["dropped", "dropped", "=",    "=",      "gone", "gone", "done", "declined", "=", "=",     "="]),
        (44, ["dropped", "dropped", "=",    "=",      "gone", "gone", "done", "declined", "=", "=",     "="]),
    ];
    let timers = Timers::default();
    for (days, row) in table {
        for ((stage, arrival), expected) in arrivals().into_iter().zip(row) {
            let moment = at(&timers, DAY * days);
            let after = arrival.clone().on(ArrivalEvent::TimePassed, moment);
            assert_eq!(in_short(&arrival, &after), expected, "{stage} after {days} days");
            if expected != "=" || days == 44 {
                assert_eq!(arrival.task(moment), Some(ArrivalTask::Expire), "{stage} after {days} days");
            }
        }
    }
}

#[test]
fn nobody_is_let_in_after_the_message_expired() {
    let timers = Timers::default();
    for (stage, arrival) in arrivals().into_iter().filter(|(stage, _)| ["listed", "dropped", "dismissed"].contains(stage)) {
        assert_eq!(arrival.clone().on(ArrivalEvent::Decided(Verdict::Retrieve), at(&timers, DAY * 14)), arrival, "{stage}");
    }
}

#[test]
fn expires_only_grows() {
    let timers = Timers::default();
    for (stage, arrival) in arrivals() {
        for (days, expected) in [(13, 14), (15, 15)] {
            let again = ArrivalEvent::NoticeRepeated { expires: start() + DAY * days, decide_at: start() };
            assert_eq!(arrival.clone().on(again, at(&timers, DAY)).expires, start() + DAY * expected, "{stage}");
        }
    }
}

#[test]
fn an_event_that_comes_twice_does_what_it_does_once() {
    let timers = Timers::default();
    for after in [Duration::from_mins(10), DAY * 14, DAY * 19, DAY * 60] {
        for event in events() {
            for (stage, arrival) in arrivals() {
                let once = arrival.on(event.clone(), at(&timers, after));
                let twice = once.clone().on(event.clone(), at(&timers, after));
                let counts = matches!(
                    (&event, &once.stage),
                    (ArrivalEvent::Deferred { .. }, Stage::Due { .. })
                        | (ArrivalEvent::OriginUnreached, Stage::Stored { .. } | Stage::Declining { .. })
                );
                assert_eq!(once != twice, counts, "{event:?} in {stage} after {after:?}");
            }
        }
    }
}

#[test]
fn content_is_taken_exactly_where_storing_it_changes_the_stage() {
    let timers = Timers::default();
    for (stage, arrival) in arrivals() {
        let takes = arrival.takes_content();
        let after = arrival.clone().on(ArrivalEvent::Stored { target: "mx.a.test".to_owned() }, at(&timers, DAY));
        assert_eq!(takes, after != arrival, "{stage}");
    }
}
