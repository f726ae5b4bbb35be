//! Messages between one origin and one destination, hour by hour, on the production machines, timers and peer budgets:
//! what each history costs in notices, retrievals and time on disk, and how it ends.

use std::collections::BTreeSet;
use std::time::Duration;

use delivery::arrival::{Arrival, ArrivalEvent, ArrivalTask, Received, Stage, Verdict};
use delivery::peer::Budget;
use delivery::schedule::{Jitter, Moment, Timers};
use delivery::transfer::{Outcome, Transfer, TransferEvent};
use mail::time::Timestamp;

use crate::chance::Chance;

/// When servers are there, and when the recipient allows the sender.
#[derive(Debug, Clone, Default)]
pub struct Circumstances {
    /// The destination is down from, until.
    pub destination_down: Option<(Duration, Duration)>,
    /// The origin is down from, until.
    pub origin_down: Option<(Duration, Duration)>,
    /// After what time from its submission a message is allowed; never, if none.
    pub allowed_after: Option<Duration>,
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// Notices that reached the destination, repeats included.
    pub notices: u64,
    /// Attempts to reach the other side that did not.
    pub failures: u64,
    /// When it was in the mailbox, if it came there: time from its submission.
    pub stored_after: Option<Duration>,
    /// How long its content lay at the origin.
    pub held: Duration,
    /// What its author is told in the end.
    pub outcome: Outcome,
}

/// One message under way.
struct Letter {
    submitted: Timestamp,
    transfer: Transfer,
    arrival: Option<Arrival>,
    allowed_at: Timestamp,
    fate: Fate,
    ended_at: Option<Timestamp>,
}

/// Both servers, and what each remembers of the other.
struct Pair<'a> {
    circumstances: &'a Circumstances,
    timers: &'a Timers,
    chance: Chance,
    /// What the origin thinks of the destination, and the other way round.
    of_destination: Budget,
    of_origin: Budget,
}

/// Events of one message: more than any history has.
const STEPS_MAX: usize = 5_000;
const START: Timestamp = Timestamp::EPOCH;

/// What becomes of messages submitted at these times.
pub fn run(submitted: &[Duration], circumstances: &Circumstances, timers: &Timers, seed: u64) -> Vec<Fate> {
    let mut pair =
        Pair { circumstances, timers, chance: Chance::new(seed), of_destination: Budget::default(), of_origin: Budget::default() };
    let mut letters: Vec<Letter> = submitted.iter().map(|after| pair.submit(START + *after)).collect();
    let mut queue: BTreeSet<_> = letters.iter().enumerate().map(|(index, letter)| (pair.due_at(letter), index)).collect();
    for _ in 0..STEPS_MAX.saturating_mul(letters.len()) {
        let Some((now, index)) = queue.pop_first() else { break };
        let Some(letter) = letters.get_mut(index) else { break };
        pair.step(letter, now);
        if letter.ended_at.is_none() {
            queue.insert((pair.due_at(letter), index));
        }
    }
    letters.into_iter().map(|letter| letter.fate).collect()
}

impl Pair<'_> {
    fn submit(&mut self, now: Timestamp) -> Letter {
        let fate = Fate { notices: 0, failures: 0, stored_after: None, held: Duration::ZERO, outcome: Outcome::Expired };
        let transfer = Transfer::start(self.moment(now));
        let allowed_at = self.circumstances.allowed_after.map_or(Timestamp::FAR_FUTURE, |after| now + after);
        Letter { submitted: now, transfer, arrival: None, allowed_at, fate, ended_at: None }
    }

    fn moment(&mut self, now: Timestamp) -> Moment<'_> {
        let [random, ..] = self.chance.draw().to_le_bytes();
        Moment { now, jitter: Jitter::new(random), timers: self.timers }
    }

    /// When something next happens to a message: at its origin, at its destination, or by its recipient.
    fn due_at(&self, letter: &Letter) -> Timestamp {
        let at = Moment { now: START, jitter: Jitter::NONE, timers: self.timers };
        let arrival = letter.arrival.as_ref().filter(|arrival| !is_memory(&arrival.stage));
        let of_arrival = arrival.map_or(Timestamp::FAR_FUTURE, |arrival| match arrival.stage {
            Stage::Listed => letter.allowed_at.min(arrival.due_at(at)),
            _ => arrival.due_at(at),
        });
        letter.transfer.due_at().min(of_arrival)
    }

    fn step(&mut self, letter: &mut Letter, now: Timestamp) {
        // As in production: first time passes for what is due, then what still wants a notice gives it.
        if letter.transfer.due_at() <= now {
            self.tell(letter, TransferEvent::TimePassed, now);
        }
        if letter.transfer.wants_notice(now) {
            self.give_notice(letter, now);
        }
        self.work_on_arrival(letter, now);
    }

    fn give_notice(&mut self, letter: &mut Letter, now: Timestamp) {
        if !reach(&mut self.of_destination, self.circumstances.destination_down, now, self.timers) {
            letter.fate.failures += 1;
            return self.tell(letter, TransferEvent::NoticeDeferred, now);
        }
        self.tell(letter, TransferEvent::NoticeSending, now);
        let at = self.moment(now);
        let expires = letter.transfer.notice_expires(at);
        letter.arrival = Some(match letter.arrival.take() {
            None => Arrival::start(expires, now),
            Some(known) => known.on(ArrivalEvent::NoticeRepeated { expires, decide_at: now }, at),
        });
        letter.fate.notices += 1;
        self.tell(letter, TransferEvent::NoticeAccepted, now);
    }

    fn work_on_arrival(&mut self, letter: &mut Letter, now: Timestamp) {
        let Some(arrival) = letter.arrival.take() else { return };
        let verdict = if letter.allowed_at <= now { Verdict::Retrieve } else { Verdict::List };
        let task = arrival.task(self.moment(now));
        let event = match task {
            Some(ArrivalTask::Decide) => Some(ArrivalEvent::Decided(verdict)),
            Some(ArrivalTask::Retrieve) => Some(self.retrieve(letter, now)),
            Some(ArrivalTask::Confirm | ArrivalTask::Decline) => Some(self.confirm(letter, now)),
            Some(ArrivalTask::Expire) => Some(ArrivalEvent::TimePassed),
            None if arrival.stage == Stage::Listed && verdict == Verdict::Retrieve => Some(ArrivalEvent::Decided(verdict)),
            None => None,
        };
        let at = self.moment(now);
        letter.arrival = Some(match event {
            Some(event) => arrival.on(event, at),
            None => arrival,
        });
    }

    fn retrieve(&mut self, letter: &mut Letter, now: Timestamp) -> ArrivalEvent {
        if !reach(&mut self.of_origin, self.circumstances.origin_down, now, self.timers) {
            letter.fate.failures += 1;
            return ArrivalEvent::Deferred { received: Received::Nothing };
        }
        if !letter.transfer.may_be_retrieved() {
            return ArrivalEvent::Vanished;
        }
        self.tell(letter, TransferEvent::AboutToServeLastOctet, now);
        letter.fate.stored_after = Some(now.since(letter.submitted));
        ArrivalEvent::Stored { target: String::new() }
    }

    fn confirm(&mut self, letter: &mut Letter, now: Timestamp) -> ArrivalEvent {
        if !reach(&mut self.of_origin, self.circumstances.origin_down, now, self.timers) {
            letter.fate.failures += 1;
            return ArrivalEvent::OriginUnreached;
        }
        self.tell(letter, TransferEvent::Confirmed, now);
        ArrivalEvent::OriginKnows
    }

    /// The origin's side of an event.
    fn tell(&mut self, letter: &mut Letter, event: TransferEvent, now: Timestamp) {
        let transfer = letter.transfer.clone();
        let (next, _reports) = transfer.on(event, self.moment(now));
        if let Transfer::Ended { outcome, .. } = &next {
            letter.fate.outcome = outcome.clone();
            if letter.ended_at.is_none() {
                letter.ended_at = Some(now);
                letter.fate.held = now.since(letter.submitted);
            }
        }
        letter.transfer = next;
    }
}

/// Nothing more comes of it.
fn is_memory(stage: &Stage) -> bool {
    matches!(stage, Stage::Dropped { .. } | Stage::Ended(_))
}

/// Whether the peer answers; what is remembered of it changes.
fn reach(budget: &mut Budget, down: Option<(Duration, Duration)>, now: Timestamp, timers: &Timers) -> bool {
    // As in production, a peer at rest counts as one that did not answer.
    if !budget.may_dial(now) {
        return false;
    }
    let is_down = down.is_some_and(|(from, until)| START + from <= now && now < START + until);
    *budget = if is_down { budget.on_failure(now, timers) } else { budget.on_success() };
    !is_down
}

/// Fates of messages between servers that are always there, by the hours that their recipient takes to allow the sender.
#[derive(Debug)]
pub struct Fates {
    by_hours: Vec<Fate>,
    never: Fate,
}

impl Fates {
    /// All of them, each history run once.
    pub fn new(timers: &Timers) -> Self {
        let of = |allowed_after| {
            let circumstances = Circumstances { allowed_after, ..Circumstances::default() };
            run(&[Duration::ZERO], &circumstances, timers, 0).into_iter().next()
        };
        let nothing = Fate { notices: 0, failures: 0, stored_after: None, held: Duration::ZERO, outcome: Outcome::Expired };
        let hours = timers.retention.as_secs() / 3600;
        let by_hours = (0..hours).map(|hour| of(Some(Duration::from_secs(hour * 3600))).unwrap_or_else(|| nothing.clone())).collect();
        Self { by_hours, never: of(None).unwrap_or(nothing) }
    }

    /// That of a message allowed after so many hours; never, if none.
    pub fn after(&self, hours: Option<u64>) -> &Fate {
        hours.and_then(|hours| self.by_hours.get(usize::try_from(hours).ok()?)).unwrap_or(&self.never)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn a_message_from_somebody_who_is_allowed_takes_one_notice_and_no_time() {
        let fates = Fates::new(&Timers::default());
        let fate = fates.after(Some(0));
        assert_eq!((fate.notices, fate.held, &fate.outcome), (1, Duration::ZERO, &Outcome::Delivered));
    }

    #[test]
    fn one_that_is_never_collected_is_noticed_four_times_and_lies_for_fourteen_days() {
        let fates = Fates::new(&Timers::default());
        let fate = fates.after(None);
        assert_eq!((fate.notices, fate.held, &fate.outcome), (4, HOUR * 24 * 14, &Outcome::Expired));
        let late = fates.after(Some(100));
        assert_eq!((late.notices, late.stored_after, &late.outcome), (3, Some(HOUR * 100), &Outcome::Delivered));
    }

    #[test]
    fn an_outage_delays_and_loses_nothing_within_the_timers() {
        let submitted: Vec<_> = (0..20).map(Duration::from_mins).collect();
        for (destination_down, origin_down) in [(Some((Duration::ZERO, HOUR * 30)), None), (None, Some((Duration::ZERO, HOUR * 30)))] {
            let circumstances = Circumstances { destination_down, origin_down, allowed_after: Some(Duration::ZERO) };
            for fate in run(&submitted, &circumstances, &Timers::default(), 3) {
                assert_eq!(fate.outcome, Outcome::Delivered);
                assert!(fate.stored_after.is_some_and(|after| after > HOUR * 29 && after < HOUR * 48), "{fate:?}");
                assert!(fate.failures > 3);
            }
        }
    }
}
