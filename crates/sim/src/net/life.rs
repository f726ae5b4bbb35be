//! The life of a network: people write and decide, things go wrong and are mended, and at last all come to rest.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mail::time::Timestamp;

use super::book::{Author, Book, Letter};
use super::cast::{self, DOMAINS, ELSEWHERE};
use super::forger::Forger;
use super::hostile::Hostile;
use super::list::ListServer;
use super::steer::{Steer, Steered};
use super::trouble::Climate;
use super::{Finding, judge};
use crate::chance::Chance;
use crate::network::{Host, owner_of};
use crate::{Answer, Disks, Manners, Pending, PlainHost, Post, Sim};

/// How often a client without an answer tries again.
const ATTEMPTS_MAX: u32 = 6;

/// A whole network takes more steps than a story.
const STEPS_MAX: u64 = 60_000_000;

/// Longer than every retry, every rest of a peer that failed, and every clock was wrong.
const SETTLING: Duration = Duration::from_secs(130);

/// What nobody has finished by then is stuck.
const UNDER_WAY_MAX: Duration = Duration::from_mins(12);

/// How long a message waits at its origin, where it is seen to expire.
pub(crate) const RETENTION_SHORT: Duration = Duration::from_mins(5);
/// The same of a message whose notice nobody hears.
pub(crate) const NOTICE_GIVE_UP: Duration = RETENTION_SHORT;
/// How long it waits where it is not seen to expire.
const RETENTION_LONG: Duration = Duration::from_hours(4);

/// Longer than every timer of a network in which messages expire, one after the other.
const EVERY_TIMER: Duration = Duration::from_secs(300 + 100 + 60);

/// What is under way.
pub(crate) struct UnderWay {
    letter: usize,
    post: Post,
    pending: Pending,
}

/// A network that lives.
pub(crate) struct Life {
    pub(crate) sim: Sim,
    pub(crate) chance: Chance,
    pub(crate) book: Book,
    pub(crate) plain: Arc<PlainHost>,
    pub(crate) hostile: Arc<Hostile>,
    /// Half of the networks have one.
    pub(crate) list: Option<Arc<ListServer>>,
    pub(crate) forger: Forger,
    pub(crate) climate: Climate,
    /// Somebody who writes to everybody.
    pub(crate) spammer: Option<usize>,
    pub(crate) under_way: Vec<UnderWay>,
    /// To be handed in again then.
    pub(crate) later: Vec<(Timestamp, usize, Post)>,
    /// Whether messages are watched until the last has expired.
    pub(crate) is_short: bool,
    /// Whether all is watched until it should be gone.
    is_watched_for_ever: bool,
    /// Tasks of each server when nothing was to do.
    pub(crate) tasks_at_rest: Vec<usize>,
    /// When the weather cleared for good.
    pub(crate) calm_since: Timestamp,
    /// Connections that a server may hold open to one address.
    pub(crate) dialled_max: usize,
    /// What there was too much of, in the middle of the run.
    pub(crate) excesses: BTreeSet<String>,
    pub(crate) steered: Steered,
}

impl Life {
    pub(crate) fn begin(mut sim: Sim, seed: u64) -> Self {
        let mut chance = Chance::new(seed ^ 0x006e_6574);
        sim.allow_steps(STEPS_MAX);
        let is_short = chance.once_in(4);
        let is_watched_for_ever = chance.once_in(3);
        sim.set_timers(|timers| {
            timers.retention = if is_short { RETENTION_SHORT } else { RETENTION_LONG };
            timers.confirm_grace = Duration::from_secs(100);
            timers.settle_grace = Duration::from_secs(80);
            timers.notice_give_up = NOTICE_GIVE_UP;
            timers.delay_notifying = Duration::from_secs(30);
            timers.delay_waiting = Duration::from_mins(1);
        });
        let dialled_max = *chance.pick(&[2, 4, 20]).unwrap_or(&20);
        sim.set_limits(|limits| limits.dialled_per_address_max = dialled_max);
        sim.0.network.listen_in();
        sim.set_disks(Disks::Forgetful { is_remote: chance.once_in(3), lies: sim.0.disks_lie.get() });
        let people = cast::people(&mut sim, &mut chance);
        let plain = sim.plain_host(ELSEWHERE);
        plain.set_manners(Manners { greylists_once_in: 6, drops_once_in: 15, defers_once_in: 15, ..Manners::default() });
        let hostile = Hostile::settle(&sim, chance.fork());
        let has_list = chance.once_in(2);
        let list = has_list.then(|| ListServer::settle(&sim, chance.fork()));
        let spammer = chance.once_in(3).then(|| chance.index(people.len()));
        let climate = Climate::drawn(&mut chance);
        sim.run_until_idle();
        let hosts: Vec<_> = sim.0.servers.borrow().iter().map(|server| server.host).collect();
        let tasks_at_rest = hosts.into_iter().map(|host| sim.0.executor.tasks_of(owner_of(host))).collect();
        let book = Book::of(people);
        let calm_since = sim.now();
        let mut life = Self {
            sim,
            chance,
            book,
            plain,
            hostile,
            list,
            forger: Forger::default(),
            climate,
            spammer,
            under_way: vec![],
            later: vec![],
            is_short,
            is_watched_for_ever,
            tasks_at_rest,
            calm_since,
            dialled_max,
            excesses: BTreeSet::new(),
            steered: Steered::default(),
        };
        if has_list {
            life.subscribe();
        }
        life
    }

    /// How long messages wait at their origins.
    pub(crate) fn retention(&self) -> Duration {
        if self.is_short { RETENTION_SHORT } else { RETENTION_LONG }
    }

    /// The computer of a server of ours.
    pub(crate) fn host_of(&self, server: usize) -> Option<Host> {
        self.sim.0.servers.borrow().get(server).map(|server| server.host)
    }

    /// The domains that have servers of ours.
    pub(crate) fn domains(&self) -> Vec<&'static str> {
        DOMAINS.iter().take(self.tasks_at_rest.len()).copied().collect()
    }

    /// Everything that happens, to its end.
    pub(crate) fn pass(&mut self, steer: Steer) {
        let acts = 15 + self.chance.below(45);
        for _ in 0..acts {
            self.act();
            let pause = self.chance.below(2_000);
            self.sim.run_for(Duration::from_millis(pause));
            self.look();
            self.watch();
            self.happen();
            self.steer(steer);
        }
        self.rest();
    }

    /// Somebody does something.
    fn act(&mut self) {
        match self.chance.below(20) {
            0..=8 => self.write(),
            9 | 10 => self.push(),
            11..=14 => self.decide(),
            15 => self.withdraw(),
            16 => self.hostile.clone().call(self),
            17 => self.forge(),
            18 => {
                if let Some(spammer) = self.spammer {
                    self.write_as(spammer, true);
                }
            }
            _ => self.issue(),
        }
    }

    pub(crate) fn hand_in(&mut self, number: usize, post: Post) {
        let now = self.sim.now();
        let Some(letter) = self.book.letters.get_mut(number) else { return };
        if letter.attempts == 0 {
            letter.begun = now;
        }
        letter.attempts += 1;
        letter.answered = now;
        let (author, server) = (letter.author, letter.server);
        let pending = match author {
            Author::Person(person) => self.book.people.get(person).map(|person| person.user.post(post.clone())),
            Author::Elsewhere => DOMAINS.get(server).map(|domain| self.sim.push(domain, post.clone())),
        };
        self.under_way.extend(pending.map(|pending| UnderWay { letter: number, post, pending }));
    }

    /// Writes down what clients have heard; those who must try again do so later.
    pub(crate) fn look(&mut self) {
        let (done, open): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.under_way).into_iter().partition(|under_way| under_way.pending.outcome().is_some());
        self.under_way = open;
        for UnderWay { letter: number, post, pending } in done {
            let (Some(posted), Some(letter)) = (pending.outcome(), self.book.letters.get_mut(number)) else { continue };
            letter.hear(&posted.answer, posted.at);
            for (recipient, reply) in post.recipients.iter().zip(&posted.recipients) {
                let Some(known) = letter.recipients.iter_mut().find(|known| known.address == recipient.0) else { continue };
                known.is_refused |= reply.starts_with('5');
                known.taken += u32::from(reply.starts_with('2') && posted.answer == Answer::Taken);
            }
            self.note_correspondence(number, &posted.answer);
            self.again(number, post, &posted.answer);
        }
        let now = self.sim.now();
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.later).into_iter().partition(|(at, _, _)| *at <= now);
        self.later = later;
        for (_, number, post) in due {
            self.hand_in(number, post);
        }
    }

    /// People try again what was not sent; servers also what they heard nothing of.
    fn again(&mut self, number: usize, mut post: Post, answer: &Answer) {
        let Some(letter) = self.book.letters.get(number) else { return };
        let is_over = match answer {
            Answer::Taken => true,
            Answer::Refused(reply) => !reply.starts_with('4'),
            Answer::Unknown(_) => letter.author != Author::Elsewhere,
            Answer::NotSent(_) => false,
        };
        if is_over || letter.attempts >= ATTEMPTS_MAX {
            return;
        }
        let is_open = |letter: &Letter, address: &str| {
            letter.recipients.iter().any(|known| known.address == address && known.taken == 0 && !known.is_refused)
        };
        post.recipients.retain(|(address, _)| is_open(letter, address));
        if !post.recipients.is_empty() {
            let pause = Duration::from_millis(2_000 + self.chance.below(10_000));
            self.later.push((self.sim.now() + pause, number, post));
        }
    }

    /// The weather clears for good, everything runs, and what is still to be tried is tried.
    fn rest(&mut self) {
        self.sim.heal();
        self.book.note_truth(self.sim.now());
        self.sim.forget_faults();
        self.plain.set_manners(Manners::default());
        self.hostile.leave();
        for domain in self.domains() {
            self.sim.mend_certificate(domain);
            self.sim.set_commit_delay(domain, Duration::from_millis(5));
            // Who starts again does not remember which peers failed.
            self.sim.crash(domain);
        }
        self.sim.restart_all();
        self.calm_since = self.sim.now();
        let mut until = self.sim.now() + SETTLING;
        let last = self.sim.now() + UNDER_WAY_MAX;
        while self.sim.now() < until {
            self.sim.run_for(Duration::from_secs(2));
            self.look();
            if !(self.under_way.is_empty() && self.later.is_empty()) && self.sim.now() < last {
                until = until.max(self.sim.now() + SETTLING);
            }
        }
    }

    /// What is wrong at rest; and, where messages expire, when all have.
    pub(crate) fn judge(&mut self) -> (u64, Vec<Finding>) {
        let mut findings = judge::judge(self, false);
        if self.is_short && findings.is_empty() {
            self.sim.run_for(EVERY_TIMER);
            findings.extend(judge::judge(self, true));
        }
        if findings.is_empty() {
            findings.extend(judge::kept::open(self));
        }
        if self.is_watched_for_ever && findings.is_empty() {
            findings.extend(self.pass_all_time());
        }
        (u64::try_from(self.book.letters.len()).unwrap_or(0), findings)
    }
}
