//! Where a transfer or an arrival stands, for an administrator: what is tried next, until when, and what happens then.
//!
//! Made of the states and the timers alone, so that it says what the machines will do.

use mail::time::Timestamp;

use crate::arrival::{Arrival, ArrivalOutcome, Received, Stage};
use crate::report;
use crate::schedule::Timers;
use crate::transfer::{NoticeLine, Taking, Transfer};

/// Where something stands, and what comes if nothing changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// The state's name: `waiting`.
    pub state: &'static str,
    /// Attempts that failed, in this state.
    pub attempts: u32,
    /// When this server acts next by itself; never, if it only waits.
    pub next_attempt: Option<Timestamp>,
    /// When it ends by itself.
    pub gives_up: Option<Timestamp>,
    /// What the state means, a sentence.
    pub meaning: String,
    /// What happens at `gives_up`, a sentence.
    pub then: &'static str,
    /// What giving it up now does, a sentence; `None` where there is nothing to give up.
    pub on_give_up: Option<&'static str>,
}

/// Something that has an end, and ends as failed when it is given up.
const FAILS: Option<&str> = Some("ends it as failed, with a report to the author");
const CLOSES: Option<&str> =
    Some("ends it as handed over and not confirmed, and the author is told exactly that: it may have arrived, so it is not called failed");

/// The time, unless it is never.
fn unless_never(time: Timestamp) -> Option<Timestamp> {
    (time < Timestamp::FAR_FUTURE).then_some(time)
}

/// Of a transfer.
pub fn of_transfer(transfer: &Transfer, timers: &Timers) -> Outlook {
    let unnoticed = "it ends as failed, and the author gets a report";
    match transfer {
        Transfer::Notifying { since, attempts, retry_at, line, .. } => Outlook {
            state: "notifying",
            attempts: *attempts,
            next_attempt: Some(*retry_at),
            gives_up: Some(*since + timers.notice_give_up),
            meaning: match line {
                NoticeLine::Unsent => "No server of the recipient's domain has been told of the message yet.".to_owned(),
                NoticeLine::MayHaveLeft { .. } => {
                    "A notice may have reached a server of the recipient's domain, and none has said that it has it. It is \
                     given again; ordinary SMTP is out of the question from here on."
                        .to_owned()
                }
            },
            then: unnoticed,
            on_give_up: FAILS,
        },
        Transfer::Waiting { expires, repeat_at, .. } => Outlook {
            state: "waiting",
            attempts: 0,
            next_attempt: unless_never(*repeat_at),
            gives_up: Some(*expires),
            meaning: "The recipient's server knows of the message, and collects it when the recipient lets the sender in. \
                      Waiting, ignored and blocked look alike from here. The next attempt repeats the notice."
                .to_owned(),
            then: "it ends as expired, and the author is told that it was not collected",
            on_give_up: FAILS,
        },
        Transfer::Served { expires, repeat_at, .. } => Outlook {
            state: "served",
            attempts: 0,
            next_attempt: unless_never(*repeat_at),
            gives_up: Some(*expires + timers.confirm_grace),
            meaning: "The recipient's server may have the whole message; it has not confirmed yet that it is safe there. The \
                      next attempt repeats the notice."
                .to_owned(),
            then: "the author is told that it was handed over and never confirmed",
            on_give_up: CLOSES,
        },
        Transfer::Uncertain { until } => Outlook {
            state: "uncertain",
            attempts: 0,
            next_attempt: None,
            gives_up: Some(*until),
            meaning: "The message was handed over and has expired; a confirmation may still come.".to_owned(),
            then: "the author is told that it was handed over and never confirmed",
            on_give_up: CLOSES,
        },
        Transfer::Relaying { since, attempts, retry_at, taking, .. } => {
            let (meaning, then, on_give_up) = relaying(*taking);
            Outlook {
                state: "relaying",
                attempts: *attempts,
                next_attempt: Some(*retry_at),
                gives_up: Some(*since + timers.notice_give_up),
                meaning: meaning.to_owned(),
                then,
                on_give_up,
            }
        }
        Transfer::Ended { forget_at, .. } => Outlook {
            state: "ended",
            attempts: 0,
            next_attempt: None,
            gives_up: Some(*forget_at),
            meaning: format!("Over: {}.", report::detail(transfer)),
            then: "the outcome is forgotten",
            on_give_up: None,
        },
    }
}

/// Of a transfer that is being relayed: what that means, what happens at its end, and what if it is given up.
const fn relaying(taking: Taking) -> (&'static str, &'static str, Option<&'static str>) {
    match taking {
        Taking::Excluded => (
            "No server of the recipient's domain speaks two-way mail; the message goes by ordinary SMTP.",
            "it ends as expired, and the author gets a report",
            FAILS,
        ),
        Taking::Possible => (
            "The message was sent by ordinary SMTP, and no reply to it is recorded: the server may have taken it. It is sent again, \
             and may arrive twice.",
            "the author is told that it was handed over and never confirmed",
            CLOSES,
        ),
    }
}

/// Of an arrival.
pub fn of_arrival(arrival: &Arrival, timers: &Timers) -> Outlook {
    let expires = arrival.expires;
    let settled = expires + timers.settle_grace;
    let base = Outlook {
        state: "",
        attempts: 0,
        next_attempt: None,
        gives_up: Some(expires),
        meaning: String::new(),
        then: "it is not fetched any more; its author is told by their server that it was not collected",
        on_give_up: None,
    };
    match &arrival.stage {
        Stage::Noted { decide_at } => Outlook {
            state: "noted",
            next_attempt: Some(*decide_at),
            meaning: "A notice has come; whether its sender is let in is about to be decided.".to_owned(),
            ..base
        },
        Stage::Listed => Outlook {
            state: "listed",
            meaning: "A contact attempt: the recipient has not let the sender in, and decides alone.".to_owned(),
            ..base
        },
        Stage::Dropped { .. } => Outlook {
            state: "dropped",
            meaning: "Not fetched, and not shown. Letting the sender in before it expires fetches it.".to_owned(),
            ..base
        },
        Stage::Due { attempts, retry_at, received, .. } => Outlook {
            state: "due",
            attempts: *attempts,
            next_attempt: Some(*retry_at),
            gives_up: Some(if *received == Received::Octets { settled } else { expires }),
            meaning: match received {
                Received::Nothing => "The recipient lets the sender in; the message is to be fetched from its origin.".to_owned(),
                Received::Octets => "A part of the message has been fetched; the rest is still to come.".to_owned(),
            },
            on_give_up: Some(
                "puts it away: it is not fetched, and a repeated notice does not bring it back; letting the sender in does, until it expires",
            ),
            ..base
        },
        Stage::Stored { attempts, retry_at, target, .. } => Outlook {
            state: "stored",
            attempts: *attempts,
            next_attempt: Some(*retry_at),
            gives_up: Some(settled),
            meaning: format!("The message is in the mailbox; its origin ({target}) is still to be told that it is safe."),
            then: "the origin is not told any more; nothing is lost here, and its author may hear that receipt was not confirmed",
            on_give_up: Some(
                "stops telling the origin; the message stays in the mailbox, and its author may hear that receipt was not confirmed",
            ),
        },
        Stage::Declining { attempts, retry_at, target, status, text, .. } => Outlook {
            state: "declining",
            attempts: *attempts,
            next_attempt: Some(*retry_at),
            gives_up: Some(settled),
            meaning: format!("What came was refused for good ({status} {text}); its origin ({target}) is still to be told."),
            then: "the origin is not told any more; its author may hear that receipt was not confirmed",
            on_give_up: Some("stops telling the origin; its author may hear that receipt was not confirmed"),
        },
        Stage::Ended(outcome) => Outlook {
            state: "ended",
            gives_up: Some(expires + timers.memory),
            meaning: match outcome {
                ArrivalOutcome::Done { .. } => "Over: stored, and the origin knows.".to_owned(),
                ArrivalOutcome::Declined { status, text, .. } => format!("Over: refused ({status} {text}), and the origin knows."),
                ArrivalOutcome::Gone => "Over: it expired, or its author took it back, before it was fetched.".to_owned(),
            },
            then: "the notice is forgotten",
            ..base
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::arrival::{ArrivalEvent, DroppedBy};
    use crate::schedule::{Jitter, Moment};
    use crate::transfer::{Delay, Outcome, TransferEvent};

    const DAY: Duration = Duration::from_hours(24);
    const START: Timestamp = Timestamp::EPOCH;

    fn transfers() -> Vec<Transfer> {
        let (since, attempts, retry_at, delay, expires) = (START, 2, START + DAY, Delay::Told, START + DAY * 14);
        vec![
            Transfer::Notifying { since, attempts, retry_at, line: NoticeLine::Unsent, delay, tls_failures: 0 },
            Transfer::Notifying { since, attempts, retry_at, line: NoticeLine::MayHaveLeft { expires }, delay, tls_failures: 0 },
            Transfer::Waiting { since, expires, repeat_at: Timestamp::FAR_FUTURE, delay },
            Transfer::Served { since, expires, repeat_at: retry_at },
            Transfer::Uncertain { until: expires },
            Transfer::Relaying { since, attempts, retry_at, delay, taking: Taking::Excluded },
            Transfer::Relaying { since, attempts, retry_at, delay, taking: Taking::Possible },
            Transfer::Ended { outcome: Outcome::Delivered, forget_at: expires },
        ]
    }

    fn arrivals() -> Vec<Arrival> {
        let (since, attempts, retry_at, target) = (START, 2, START + DAY, "mx.a.test".to_owned());
        let (status, text) = (mail::status::Status::permanent(6, 0), "malware".to_owned());
        let stages = [
            Stage::Noted { decide_at: START },
            Stage::Listed,
            Stage::Dropped { by: DroppedBy::Rule },
            Stage::Due { since, attempts, retry_at, received: Received::Nothing },
            Stage::Due { since, attempts, retry_at, received: Received::Octets },
            Stage::Stored { since, attempts, retry_at, target: target.clone() },
            Stage::Declining { since, attempts, retry_at, target: target.clone(), status, text },
            Stage::Ended(ArrivalOutcome::Done { target }),
            Stage::Ended(ArrivalOutcome::Gone),
        ];
        stages.map(|stage| Arrival { expires: START + DAY * 14, stage, look_again_at: None }).into()
    }

    #[test]
    fn what_is_said_to_be_given_up_then_is_over_then_and_not_before() {
        let timers = Timers::default();
        let after = |transfer: &Transfer, time: Timestamp| {
            let at = Moment { now: time, jitter: Jitter::NONE, timers: &timers };
            let (once, _) = transfer.clone().on(TransferEvent::TimePassed, at);
            once
        };
        for transfer in transfers().into_iter().filter(|transfer| !matches!(transfer, Transfer::Ended { .. })) {
            let end = of_transfer(&transfer, &timers).gives_up.unwrap();
            let just_before = Timestamp::from_millis(end.as_millis() - 1);
            assert!(!matches!(after(&transfer, just_before), Transfer::Ended { .. }), "{transfer:?}");
            // A served one is uncertain first, from when it expires.
            let looked_at = match transfer {
                Transfer::Served { expires, .. } => after(&transfer, expires),
                _ => transfer.clone(),
            };
            assert!(matches!(after(&looked_at, end), Transfer::Ended { .. }), "{transfer:?}");
        }
        for arrival in arrivals().into_iter().filter(|arrival| matches!(of_arrival(arrival, &timers).state, "due" | "stored" | "declining"))
        {
            let end = of_arrival(&arrival, &timers).gives_up.unwrap();
            let at = |now| Moment { now, jitter: Jitter::NONE, timers: &timers };
            let early = arrival.clone().on(ArrivalEvent::TimePassed, at(Timestamp::from_millis(end.as_millis() - 1)));
            assert_eq!(early, arrival);
            assert!(matches!(arrival.on(ArrivalEvent::TimePassed, at(end)).stage, Stage::Ended(_)));
        }
    }

    #[test]
    fn there_is_something_to_give_up_exactly_where_giving_up_changes_something() {
        let timers = Timers::default();
        let at = Moment { now: START + DAY, jitter: Jitter::NONE, timers: &timers };
        for transfer in transfers() {
            let outlook = of_transfer(&transfer, &timers);
            let (after, _) = transfer.clone().on(TransferEvent::GivenUp, at);
            assert_eq!(outlook.on_give_up.is_some(), after != transfer, "{transfer:?}");
            let says_failed = outlook.on_give_up == FAILS;
            assert_eq!(says_failed, matches!(after, Transfer::Ended { outcome: Outcome::Failed { .. }, .. }), "{transfer:?}");
        }
        for arrival in arrivals() {
            let after = arrival.clone().on(ArrivalEvent::GivenUp, at);
            assert_eq!(of_arrival(&arrival, &timers).on_give_up.is_some(), after != arrival, "{arrival:?}");
        }
    }

    #[test]
    fn a_repeat_that_never_comes_is_no_next_attempt() {
        let timers = Timers::default();
        let [_, _, waiting, served, ..] = &transfers()[..] else { panic!("seven of them") };
        assert_eq!(of_transfer(waiting, &timers).next_attempt, None);
        assert_eq!(of_transfer(served, &timers).next_attempt, Some(START + DAY));
    }
}
