//! Every state the machines can be in, numbered, and every transition computed once, by the machines themselves.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use delivery::arrival::{Arrival, ArrivalEvent, Stage};
use delivery::schedule::{Jitter, Moment, Timers};
use delivery::transfer::{NoticeLine, Transfer, TransferAction, TransferEvent};
use mail::time::Timestamp;

/// The clock of the search: whole seconds, few of them.
pub(super) type Tick = u8;

/// The names of values: equal values have equal names.
pub(super) type Name = u16;

/// The timers, so short that every order of events fits into few ticks. Retries are due at once.
fn timers() -> Timers {
    let ticks = Duration::from_secs;
    Timers {
        notice: vec![Duration::ZERO],
        notice_give_up: ticks(2),
        notice_repeat: vec![ticks(1)],
        retrieve: vec![Duration::ZERO],
        retention: ticks(1),
        confirm_grace: ticks(2),
        settle_grace: ticks(1),
        // Neither reports of delay nor forgetting happen within the search.
        delay_notifying: ticks(1_000),
        delay_waiting: ticks(1_000),
        memory: ticks(1_000),
        ..Timers::default()
    }
}

pub(super) fn time(tick: Tick) -> Timestamp {
    Timestamp::from_millis(i64::from(tick) * 1_000)
}

fn tick(time: Timestamp) -> Tick {
    Tick::try_from(time.as_millis() / 1_000).expect("a time of the search")
}

/// Values and their names.
struct Names<T> {
    values: Vec<T>,
    by_text: HashMap<String, Name>,
}

impl<T: std::fmt::Debug + Clone> Names<T> {
    fn new() -> Self {
        Self { values: vec![], by_text: HashMap::new() }
    }

    fn name(&mut self, value: T) -> Name {
        let next = Name::try_from(self.values.len()).expect("few states");
        let values = &mut self.values;
        *self.by_text.entry(format!("{value:?}")).or_insert_with(|| {
            values.push(value);
            next
        })
    }
}

/// What a transition of the origin did.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct OriginStep {
    pub(super) state: Name,
    pub(super) frees: bool,
}

/// The machines, asked once for each question.
pub(super) struct Tables {
    timers: Timers,
    transfers: Names<Transfer>,
    arrivals: Names<Arrival>,
    transfer_steps: HashMap<(Name, u8, Tick), OriginStep>,
    arrival_steps: HashMap<(Name, u8, Tick, Tick), Name>,
}

impl Tables {
    pub(super) fn new() -> Self {
        Self {
            timers: timers(),
            transfers: Names::new(),
            arrivals: Names::new(),
            transfer_steps: HashMap::new(),
            arrival_steps: HashMap::new(),
        }
    }

    pub(super) fn transfer(&self, name: Name) -> &Transfer {
        &self.transfers.values[usize::from(name)]
    }

    pub(super) fn arrival(&self, name: Name) -> &Arrival {
        &self.arrivals.values[usize::from(name)]
    }

    pub(super) fn moment(&self, now: Tick) -> Moment<'_> {
        Moment { now: time(now), jitter: Jitter::NONE, timers: &self.timers }
    }

    pub(super) fn start_transfer(&mut self) -> Name {
        let start = Transfer::start(self.moment(0));
        self.transfers.name(start)
    }

    pub(super) fn start_arrival(&mut self, expires: Tick) -> Name {
        self.arrivals.name(Arrival::start(time(expires), Timestamp::EPOCH))
    }

    /// `number` tells the event apart from others.
    pub(super) fn on_transfer(&mut self, name: Name, number: u8, event: &TransferEvent, now: Tick) -> OriginStep {
        remembered(
            self,
            |tables| &mut tables.transfer_steps,
            (name, number, now),
            |tables| {
                let (after, actions) = tables.transfer(name).clone().on(event.clone(), tables.moment(now));
                let frees = actions.contains(&TransferAction::FreeContent);
                OriginStep { state: tables.transfers.name(without_counts(after)), frees }
            },
        )
    }

    /// `number` tells the event apart from others; `expires` is that of a repeated notice.
    pub(super) fn on_arrival(&mut self, name: Name, number: u8, event: &ArrivalEvent, expires: Tick, now: Tick) -> Name {
        remembered(
            self,
            |tables| &mut tables.arrival_steps,
            (name, number, expires, now),
            |tables| {
                let after = tables.arrival(name).clone().on(event.clone(), tables.moment(now));
                tables.arrivals.name(settled(after))
            },
        )
    }

    /// EXPIRES of a notice that may leave, as ticks.
    pub(super) fn promised(&self, name: Name) -> Option<Tick> {
        match self.transfer(name) {
            Transfer::Notifying { line: NoticeLine::MayHaveLeft { expires }, .. }
            | Transfer::Waiting { expires, .. }
            | Transfer::Served { expires, .. } => Some(tick(*expires)),
            Transfer::Notifying { line: NoticeLine::Unsent, .. }
            | Transfer::Uncertain { .. }
            | Transfer::Relaying { .. }
            | Transfer::Ended { .. } => None,
        }
    }
}

fn remembered<K: Hash + Eq + Copy, V: Copy>(
    tables: &mut Tables,
    memory: impl Fn(&mut Tables) -> &mut HashMap<K, V>,
    key: K,
    compute: impl FnOnce(&mut Tables) -> V,
) -> V {
    if let Some(known) = memory(tables).get(&key) {
        return *known;
    }
    let value = compute(tables);
    memory(tables).insert(key, value);
    value
}

/// Counts of attempts and times of retries only stretch delays, and here there are none.
fn without_counts(transfer: Transfer) -> Transfer {
    match transfer {
        // Failures of TLS lead where other failures and absence lead.
        Transfer::Notifying { since, line, delay, .. } => {
            Transfer::Notifying { since, attempts: 0, retry_at: Timestamp::EPOCH, line, delay, tls_failures: 0 }
        }
        Transfer::Relaying { since, delay, taking, .. } => {
            Transfer::Relaying { since, attempts: 0, retry_at: Timestamp::EPOCH, delay, taking }
        }
        Transfer::Ended { outcome, .. } => Transfer::Ended { outcome, forget_at: Timestamp::FAR_FUTURE },
        same @ (Transfer::Waiting { .. } | Transfer::Served { .. } | Transfer::Uncertain { .. }) => same,
    }
}

fn settled(arrival: Arrival) -> Arrival {
    let (since, attempts, retry_at) = (Timestamp::EPOCH, 0, Timestamp::EPOCH);
    let stage = match arrival.stage {
        Stage::Noted { .. } => Stage::Noted { decide_at: Timestamp::EPOCH },
        Stage::Due { received, .. } => Stage::Due { since, attempts, retry_at, received },
        Stage::Stored { target, .. } => Stage::Stored { since, attempts, retry_at, target },
        Stage::Declining { target, status, text, .. } => Stage::Declining { since, attempts, retry_at, target, status, text },
        same @ (Stage::Listed | Stage::Dropped { .. } | Stage::Ended(_)) => same,
    };
    Arrival { expires: arrival.expires, stage, look_again_at: arrival.look_again_at.map(|_time| Timestamp::EPOCH) }
}
