//! One message between an origin and a destination: what each keeps durably, what a crash takes, and what lies between.
//!
//! The machines decide; the glue here is what sessions and workers do around them: which commit follows which
//! octets. The mutants are faults of that glue.
//!
//! What is allowed here is more than can happen, so that the worlds are few: a crash costs nothing and can come
//! between any two commits; replies are taken whether or not somebody still waits for them, as if every worker
//! ran many times at once; everybody changes their mind as often as they like.

use delivery::arrival::{ArrivalEvent, ArrivalTask, Received, Stage, Verdict};
use delivery::transfer::{GIVEN_UP, Outcome, Reporter, Taking, Transfer, TransferEvent};
use mail::status::Status;

use super::tables::{Name, OriginStep, Tables, Tick, time};

/// A fault to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutant {
    None,
    /// The destination confirms, and then stores.
    ConfirmBeforeStore,
    /// The origin forgets the message when its last octet left.
    DeleteWhenSent,
    /// The destination stores whatever it retrieved, whether it has it or not.
    StoreUnkeyed,
    /// The origin writes the last octet, and then records that it served.
    ServedLate,
    /// The origin ends the content of a push, and records nothing before the reply.
    RelayEndingUnrecorded,
}

/// What can lie in the network. One bit each: a message may be delivered again and again until it is lost.
pub(super) mod wire {
    pub(in super::super) const NOTICE_TAKEN: u32 = 1 << 16;
    pub(in super::super) const NOTICE_DEFERRED: u32 = 1 << 17;
    pub(in super::super) const NOTICE_REFUSED: u32 = 1 << 18;
    pub(in super::super) const RETRIEVE: u32 = 1 << 19;
    pub(in super::super) const CONTENT: u32 = 1 << 20;
    pub(in super::super) const GONE: u32 = 1 << 21;
    pub(in super::super) const CONFIRM: u32 = 1 << 22;
    pub(in super::super) const CONFIRM_TAKEN: u32 = 1 << 23;
    pub(in super::super) const DECLINE: u32 = 1 << 24;
    pub(in super::super) const DECLINE_TAKEN: u32 = 1 << 25;

    /// NOTICE with this EXPIRES.
    pub(in super::super) const fn notice(expires: u8) -> u32 {
        1 << expires
    }
}

const IN_FLIGHT_MAX: u32 = 3;
/// Late enough for every end, if the origin sees by `LATE_TICK` what its time has done.
const LAST_TICK: Tick = 5;
const LATE_TICK: Tick = 3;

/// What the origin's session is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Serving {
    Nothing,
    /// All but the last octet left; it holds the lease.
    ButTheLast,
    /// Served is committed, and the last octet is not yet written.
    Committed,
    /// `Mutant::ServedLate`: the last octet left, and nothing is committed.
    Unrecorded,
}

/// What the destination's worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Worker {
    Idle,
    /// `Mutant::ConfirmBeforeStore`: confirmed, and not stored.
    Unstored,
}

/// What the recipient thinks of the author.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Opinion {
    None,
    Allowed,
    Blocked,
}

/// Everything there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) now: Tick,
    /// Durable at the origin.
    pub(super) transfer: Name,
    pub(super) freed: bool,
    /// Volatile at the origin.
    pub(super) serving: Serving,
    /// Durable at the destination: the row, and copies in the mailbox.
    pub(super) arrival: Option<Name>,
    pub(super) opinion: Opinion,
    pub(super) stored: u8,
    pub(super) stored_without_consent: bool,
    /// Passed on by ordinary SMTP.
    pub(super) pushed: bool,
    /// Volatile at the destination.
    pub(super) worker: Worker,
    pub(super) wire: u32,
}

impl World {
    /// All of it in one number.
    pub(super) fn packed(self) -> u64 {
        let arrival = self.arrival.map_or(0, |name| u64::from(name) + 1);
        let parts = [
            (u64::from(self.wire), 26),
            (u64::from(self.now), 3),
            (u64::from(self.transfer), 9),
            (arrival, 9),
            (self.serving as u64, 2),
            (self.opinion as u64, 2),
            (u64::from(self.stored), 2),
            (self.worker as u64, 1),
            (u64::from(self.freed), 1),
            (u64::from(self.pushed), 1),
            (u64::from(self.stored_without_consent), 1),
        ];
        let mut packed = 0;
        for (part, bits) in parts {
            assert!(part >> bits == 0, "a part of a world needs more bits");
            packed = packed << bits | part;
        }
        packed
    }
}

/// The rules, with the fault they have.
pub(super) struct Model {
    pub(super) tables: Tables,
    pub(super) mutant: Mutant,
}

impl Model {
    pub(super) fn new(mutant: Mutant) -> Self {
        Self { tables: Tables::new(), mutant }
    }

    pub(super) fn start(&mut self, opinion: Opinion) -> World {
        World {
            now: 0,
            transfer: self.tables.start_transfer(),
            freed: false,
            serving: Serving::Nothing,
            arrival: None,
            opinion,
            stored: 0,
            stored_without_consent: false,
            pushed: false,
            worker: Worker::Idle,
            wire: 0,
        }
    }

    /// All that can happen next.
    pub(super) fn successors(&mut self, world: World, next: &mut Vec<World>) {
        next.clear();
        self.time_and_crashes(world, next);
        self.origin_acts(world, next);
        self.destination_acts(world, next);
        self.recipient_acts(world, next);
        self.network_acts(world, next);
        next.retain(|after| *after != world);
    }

    /// What is wrong, if anything is.
    pub(super) fn fault(&self, world: World) -> Option<&'static str> {
        let outcome = match self.tables.transfer(world.transfer) {
            Transfer::Ended { outcome, .. } => Some(outcome),
            _under_way => None,
        };
        match outcome {
            Some(Outcome::Delivered) if world.stored == 0 => return Some("loss: freed as delivered, and stored nowhere"),
            Some(Outcome::Failed { .. } | Outcome::Expired | Outcome::Withdrawn) if world.stored > 0 => {
                return Some("false report: the author hears that it was not delivered, and it is stored");
            }
            _nothing_said => {}
        }
        match outcome {
            Some(Outcome::Expired | Outcome::Withdrawn) if world.pushed => {
                return Some("false report: the author hears that it was not delivered, and it was pushed");
            }
            // The last word of a server that refuses is passed on as it is.
            Some(Outcome::Failed { text, .. }) if world.pushed && text == GIVEN_UP => {
                return Some("false report: given up as failed, and it was pushed");
            }
            _nothing_said => {}
        }
        if world.freed != outcome.is_some() {
            return Some("the content is freed exactly when the transfer ends");
        }
        match (world.stored, world.pushed) {
            (2.., _) => Some("duplicate: stored twice"),
            (1, true) => Some("duplicate: stored, and pushed"),
            _once if world.stored_without_consent => Some("stored without consent"),
            _once => None,
        }
    }

    /// Whether all is over.
    pub(super) fn is_quiescent(&self, world: World) -> bool {
        let at_rest = world.arrival.is_none_or(|name| match self.tables.arrival(name).stage {
            Stage::Dropped { .. } | Stage::Ended(_) => true,
            Stage::Noted { .. } | Stage::Listed | Stage::Due { .. } | Stage::Stored { .. } | Stage::Declining { .. } => false,
        });
        let ended = matches!(self.tables.transfer(world.transfer), Transfer::Ended { .. });
        at_rest && ended && world.wire == 0 && world.serving == Serving::Nothing && world.worker == Worker::Idle
    }

    /// What became of the message, for the author and in the mailbox.
    pub(super) fn end(&self, world: World) -> String {
        let outcome = match self.tables.transfer(world.transfer) {
            Transfer::Ended { outcome, .. } => match outcome {
                Outcome::Delivered => "delivered",
                Outcome::Failed { .. } => "failed",
                Outcome::Expired => "expired",
                Outcome::Withdrawn => "withdrawn",
                Outcome::Relayed => "relayed",
                Outcome::Closed => "closed",
            },
            _under_way => "under way",
        };
        format!("{outcome}, {}", if world.stored > 0 { "stored" } else { "not stored" })
    }

    fn time_and_crashes(&mut self, world: World, next: &mut Vec<World>) {
        // A server may be down while its time runs out, but not for ever.
        let is_late = world.now >= LATE_TICK && self.origin(world, 0, &TransferEvent::TimePassed) != world;
        if world.now < LAST_TICK && !is_late {
            next.push(World { now: world.now + 1, ..world });
        }
        next.push(World { serving: Serving::Nothing, ..world });
        next.push(World { worker: Worker::Idle, ..world });
    }

    fn origin_acts(&mut self, world: World, next: &mut Vec<World>) {
        next.push(self.origin(world, 0, &TransferEvent::TimePassed));
        let transfer = self.tables.transfer(world.transfer);
        let (wants_notice, wants_relay) = (transfer.wants_notice(time(world.now)), transfer.wants_relay(time(world.now)));
        let is_overdue = self.origin(world, 0, &TransferEvent::TimePassed).transfer != world.transfer;
        if wants_notice && !is_overdue {
            next.push(self.origin(world, 1, &TransferEvent::ExtensionAbsent));
            let never_push = TransferEvent::ExtensionAbsentNeverPush { status: Status::permanent(3, 3), text: String::new() };
            next.push(self.origin(world, 14, &never_push));
            next.push(self.origin(world, 2, &TransferEvent::NoticeDeferred));
            let sending = self.origin(world, 3, &TransferEvent::NoticeSending);
            if let Some(expires) = self.tables.promised(sending.transfer) {
                next.extend(sent(sending, wire::notice(expires)));
            }
        }
        if wants_relay && !is_overdue {
            self.relays(world, next);
        }
        if world.serving == Serving::Nothing {
            next.push(self.origin(world, 6, &TransferEvent::WithdrawalAsked));
            next.push(self.origin(world, 7, &TransferEvent::NoticeAskedFor));
            next.push(self.origin(world, 19, &TransferEvent::RetryAsked));
            next.push(self.origin(world, 20, &TransferEvent::GivenUp));
        }
        match world.serving {
            Serving::Nothing => {}
            Serving::ButTheLast if self.mutant == Mutant::ServedLate => {
                next.extend(sent(World { serving: Serving::Unrecorded, ..world }, wire::CONTENT));
            }
            Serving::ButTheLast => {
                let recorded = self.origin(world, 8, &TransferEvent::AboutToServeLastOctet);
                let may_leave = self.tables.transfer(recorded.transfer).last_octet_may_leave();
                next.push(World { serving: if may_leave { Serving::Committed } else { Serving::Nothing }, ..recorded });
            }
            Serving::Committed => {
                let written = World { serving: Serving::Nothing, ..world };
                let written =
                    if self.mutant == Mutant::DeleteWhenSent { self.origin(written, 9, &TransferEvent::Confirmed) } else { written };
                next.extend(sent(written, wire::CONTENT));
            }
            Serving::Unrecorded => {
                let recorded = self.origin(world, 8, &TransferEvent::AboutToServeLastOctet);
                next.push(World { serving: Serving::Nothing, ..recorded });
            }
        }
    }

    /// One attempt at ordinary SMTP, and every point at which it can stop: nobody withdraws while it runs, and a crash ends it.
    fn relays(&mut self, world: World, next: &mut Vec<World>) {
        let Transfer::Relaying { taking, .. } = *self.tables.transfer(world.transfer) else { return };
        let (known, lost) = (TransferEvent::RelayDeferred { taking }, TransferEvent::RelayDeferred { taking: Taking::Possible });
        let number_of_known = if taking == Taking::Excluded { 16 } else { 17 };
        next.push(self.origin(world, number_of_known, &known));
        next.push(self.origin(world, 21, &TransferEvent::ExtensionKnown));
        let refused = TransferEvent::RelayRefused { status: Status::permanent(0, 0), text: String::new() };
        next.push(self.origin(world, 5, &refused));
        let ending = if self.mutant == Mutant::RelayEndingUnrecorded { world } else { self.origin(world, 18, &TransferEvent::RelayEnding) };
        // A crash, before and after the end of the content has left; a reply; none.
        let pushed = World { pushed: true, ..ending };
        next.extend([ending, pushed]);
        next.push(self.origin(ending, number_of_known, &known));
        next.push(self.origin(ending, 5, &refused));
        next.push(self.origin(pushed, 4, &TransferEvent::RelayAccepted { reporter: Reporter::Here }));
        next.push(self.origin(pushed, 15, &TransferEvent::RelayAccepted { reporter: Reporter::NextServer }));
        next.push(self.origin(pushed, 17, &lost));
        next.push(self.origin(ending, 17, &lost));
    }

    fn destination_acts(&mut self, world: World, next: &mut Vec<World>) {
        let Some(name) = world.arrival else { return };
        if world.worker == Worker::Unstored {
            next.push(self.store(World { worker: Worker::Idle, ..world }));
        }
        let arrival = self.tables.arrival(name);
        let takes_content = arrival.takes_content();
        match arrival.task(self.tables.moment(world.now)) {
            Some(ArrivalTask::Expire) => next.push(self.destination(world, 0, &ArrivalEvent::TimePassed)),
            Some(ArrivalTask::Decide) => next.push(self.decide(world)),
            Some(ArrivalTask::Retrieve) => next.extend(sent(world, wire::RETRIEVE)),
            Some(ArrivalTask::Confirm) => next.extend(sent(world, wire::CONFIRM)),
            Some(ArrivalTask::Decline) => next.extend(sent(world, wire::DECLINE)),
            None => {}
        }
        if takes_content {
            // The connection broke, before or after some octets; or the mailbox was full.
            next.push(self.destination(world, 1, &ArrivalEvent::Deferred { received: Received::Nothing }));
            next.push(self.destination(world, 2, &ArrivalEvent::Deferred { received: Received::Octets }));
        }
        next.push(self.destination(world, 3, &ArrivalEvent::OriginUnreached));
        next.push(self.destination(world, 14, &ArrivalEvent::RetryAsked));
        next.push(self.destination(world, 15, &ArrivalEvent::GivenUp));
    }

    fn recipient_acts(&mut self, world: World, next: &mut Vec<World>) {
        for opinion in [Opinion::None, Opinion::Allowed, Opinion::Blocked] {
            if opinion != world.opinion {
                // A change of the lists decides anew, in the same transaction; what is not decided yet has its own job.
                let changed = World { opinion, ..world };
                let undecided = |name| matches!(self.tables.arrival(name).stage, Stage::Noted { .. });
                let now_decided = if world.arrival.is_some_and(undecided) { changed } else { self.decide(changed) };
                next.push(now_decided);
            }
        }
        next.push(self.destination(world, 4, &ArrivalEvent::Dismissed));
        next.push(self.destination(world, 13, &ArrivalEvent::Evicted));
    }

    fn network_acts(&mut self, world: World, next: &mut Vec<World>) {
        for bit in (0..26).map(|shift| 1 << shift).filter(|bit| world.wire & bit != 0) {
            let without = World { wire: world.wire & !bit, ..world };
            next.push(without);
            self.arrives(without, bit, next);
            self.arrives(world, bit, next);
        }
    }

    fn arrives(&mut self, world: World, message: u32, next: &mut Vec<World>) {
        match message {
            wire::NOTICE_TAKEN => next.push(self.origin(world, 10, &TransferEvent::NoticeAccepted)),
            wire::NOTICE_DEFERRED => next.push(self.origin(world, 2, &TransferEvent::NoticeDeferred)),
            wire::NOTICE_REFUSED => {
                let event = TransferEvent::NoticeRefused { status: Status::permanent(1, 1), text: String::new() };
                next.push(self.origin(world, 11, &event));
            }
            wire::RETRIEVE if world.serving == Serving::Nothing => {
                if self.tables.transfer(world.transfer).may_be_retrieved() {
                    next.push(World { serving: Serving::ButTheLast, ..world });
                } else {
                    next.extend(sent(world, wire::GONE));
                }
            }
            wire::CONFIRM => next.extend(sent(self.origin(world, 9, &TransferEvent::Confirmed), wire::CONFIRM_TAKEN)),
            wire::DECLINE => {
                let event = TransferEvent::Declined { status: Status::permanent(6, 0), text: String::new() };
                next.extend(sent(self.origin(world, 12, &event), wire::DECLINE_TAKEN));
            }
            wire::CONTENT => self.content_arrives(world, next),
            wire::GONE => next.push(self.destination(world, 5, &ArrivalEvent::Vanished)),
            wire::CONFIRM_TAKEN | wire::DECLINE_TAKEN => next.push(self.destination(world, 6, &ArrivalEvent::OriginKnows)),
            notice if notice < wire::NOTICE_TAKEN => {
                let expires = Tick::try_from(notice.trailing_zeros()).expect("a tick");
                let recorded = match world.arrival {
                    None => World { arrival: Some(self.tables.start_arrival(expires)), ..world },
                    Some(_) => self.notice_repeated(world, expires),
                };
                next.extend(sent(recorded, wire::NOTICE_TAKEN));
                next.extend(sent(world, wire::NOTICE_DEFERRED));
                next.extend(sent(world, wire::NOTICE_REFUSED));
            }
            _nobody_waits_for_it => {}
        }
    }

    fn content_arrives(&mut self, world: World, next: &mut Vec<World>) {
        if self.mutant == Mutant::ConfirmBeforeStore {
            next.extend(sent(World { worker: Worker::Unstored, ..world }, wire::CONFIRM));
            return;
        }
        next.push(self.store(world));
        let refused = ArrivalEvent::ContentRefused { target: String::new(), status: Status::permanent(6, 0), text: String::new() };
        next.push(self.destination(world, 7, &refused));
        next.push(self.destination(world, 2, &ArrivalEvent::Deferred { received: Received::Octets }));
    }

    /// One transaction: the row as it is now, and the message into the mailbox if the row takes it.
    fn store(&mut self, world: World) -> World {
        let takes = world.arrival.is_some_and(|name| self.tables.arrival(name).takes_content());
        let takes = takes || (self.mutant == Mutant::StoreUnkeyed && world.opinion == Opinion::Allowed);
        let after = self.destination(world, 8, &ArrivalEvent::Stored { target: String::new() });
        let stored_without_consent = world.stored_without_consent || (takes && world.opinion != Opinion::Allowed);
        if takes { World { stored: (world.stored + 1).min(2), stored_without_consent, ..after } } else { after }
    }

    fn decide(&mut self, world: World) -> World {
        match world.opinion {
            Opinion::None => self.destination(world, 9, &ArrivalEvent::Decided(Verdict::List)),
            Opinion::Allowed => self.destination(world, 10, &ArrivalEvent::Decided(Verdict::Retrieve)),
            Opinion::Blocked => self.destination(world, 11, &ArrivalEvent::Decided(Verdict::Drop)),
        }
    }

    fn notice_repeated(&mut self, world: World, expires: Tick) -> World {
        let event = ArrivalEvent::NoticeRepeated { expires: time(expires), decide_at: time(0) };
        let arrival = world.arrival.map(|name| self.tables.on_arrival(name, 12, &event, expires, world.now));
        World { arrival, ..world }
    }

    fn origin(&mut self, world: World, number: u8, event: &TransferEvent) -> World {
        let OriginStep { state, frees } = self.tables.on_transfer(world.transfer, number, event, world.now);
        World { transfer: state, freed: world.freed || frees, ..world }
    }

    fn destination(&mut self, world: World, number: u8, event: &ArrivalEvent) -> World {
        let arrival = world.arrival.map(|name| self.tables.on_arrival(name, number, event, 0, world.now));
        World { arrival, ..world }
    }
}

/// The message is on its way, if there is room; a world without room is not looked at: nothing happens there that
/// does not happen after something was lost.
fn sent(world: World, message: u32) -> Option<World> {
    let wire = world.wire | message;
    (wire.count_ones() <= IN_FLIGHT_MAX).then_some(World { wire, ..world })
}
