//! One user's days: who writes to them, whom they allow and when, and what that costs the servers.
//!
//! Consent is decided by `consent::decide` and, for pushed mail, `legacy::decide_pushed`. A question that has not changed
//! (same sender, same entries) is asked once; histories of equal length are taken from [`Fates`].

use std::time::Duration;

use delivery::arrival::Verdict;
use delivery::consent::{Entry, EntryList, Legacy, Question, Screening, Who, decide};
use delivery::legacy::{Answers, Authorship, Pushed, Unproved, decide_pushed};
use delivery::transfer::Outcome;
use mail::address::Mailbox;
use mail::id::EntryId;
use mail::time::Timestamp;

use crate::chance::{Chance, LogNormal, Poisson};
use crate::exchange::Fates;
use crate::ledger::{About, Ledger, Mass, Seen};
use crate::params::Params;
use crate::world::{Adopters, Source, World};

/// When a user looks at contact attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Within an hour.
    AtOnce,
    /// Once a day.
    Daily,
    /// Once a week.
    Weekly,
    /// Never.
    Never,
}

/// What is the same for all users of a run.
#[derive(Debug)]
pub struct Setting<'a> {
    /// The model's figures.
    pub params: &'a Params,
    /// Who is there.
    pub world: &'a World,
    /// Who speaks the extension.
    pub adopters: Adopters,
    /// What becomes of messages.
    pub fates: &'a Fates,
    /// The modes of users whose server speaks the extension.
    pub screening: Screening,
    /// For pushed mail.
    pub legacy: Legacy,
    /// Whether DMARC is checked: if not, nobody's pushed mail is proved.
    pub dmarc: Dmarc,
    /// The habit of everybody, if it is not drawn.
    pub habit: Option<Habit>,
    draws: Draws,
}

/// Whether a server looks at DMARC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dmarc {
    /// It does not, as the server of this repository today.
    NotChecked,
    /// It does.
    Checked,
}

#[derive(Debug)]
struct Draws {
    personal: Poisson,
    bulk: Poisson,
    writing: Poisson,
    new_persons: Poisson,
    sign_ups: Poisson,
    spam: Poisson,
    sizes: [LogNormal; 4],
}

/// Which sizes a message has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Personal,
    Bulk,
    Spam,
}

impl<'a> Setting<'a> {
    /// With screening on, pushed mail kept aside and DMARC checked: what the extension is made for.
    pub fn new(params: &'a Params, world: &'a World, adopters: Adopters, fates: &'a Fates) -> Self {
        let size = |index: usize| {
            let [median, sigma] = [&params.size_medians, &params.size_sigmas].map(|list| list.get(index).copied().unwrap_or(1));
            LogNormal::new(median, sigma)
        };
        let wanted = params.personal_rate + params.bulk_rate;
        let draws = Draws {
            personal: Poisson::new(params.personal_rate),
            bulk: Poisson::new(params.bulk_rate),
            writing: Poisson::new(params.writing_rate),
            new_persons: Poisson::new(params.new_person_rate),
            sign_ups: Poisson::new(params.sign_up_rate),
            spam: Poisson::new(wanted * params.spam_share / (1000 - params.spam_share).max(1)),
            sizes: [size(0), size(1), size(2), size(3)],
        };
        Self { params, world, adopters, fates, screening: Screening::On, legacy: Legacy::Keep, dmarc: Dmarc::Checked, habit: None, draws }
    }

    /// Mean octets of a wanted message, and of spam.
    pub fn mean_sizes(&self) -> [u64; 2] {
        let [personal, attached, bulk, spam] = &self.draws.sizes;
        let share = self.params.attachment_share;
        let person = (personal.mean() * (1000 - share) + attached.mean() * share) / 1000;
        let rates = self.params.personal_rate + self.params.bulk_rate;
        [(person * self.params.personal_rate + bulk.mean() * self.params.bulk_rate) / rates.max(1), spam.mean()]
    }

    fn size(&self, sort: Sort, chance: &mut Chance) -> u64 {
        let [personal, attached, bulk, spam] = &self.draws.sizes;
        match sort {
            Sort::Personal if chance.permille(self.params.attachment_share) => attached.draw(chance),
            Sort::Personal => personal.draw(chance),
            Sort::Bulk => bulk.draw(chance),
            Sort::Spam => spam.draw(chance),
        }
    }
}

/// A sender whom the user knows, or will.
struct Acquaintance {
    source: Source,
    address: Mailbox,
    /// On which list, from which hour.
    entry: Option<(EntryList, u64)>,
    /// Whether its pushed mail proves its author.
    proves: bool,
    /// The decision without an entry, and with one; each asked once.
    decided: [Option<(Verdict, Pushed)>; 2],
}

struct User<'a, 'b> {
    setting: &'b Setting<'a>,
    server: Source,
    address: Mailbox,
    habit: Habit,
    /// The hour of the week at which the user looks.
    looks_at: u64,
    persons: Vec<Acquaintance>,
    bulk: Vec<Acquaintance>,
    /// What is decided about strangers, those who prove themselves and those who do not: no entry speaks of them, so all are
    /// one question.
    strangers: [Option<Acquaintance>; 2],
    chance: Chance,
    seen: &'b mut Seen,
    ledger: &'b mut Ledger,
}

/// Lives all days of one user of this server.
pub fn live(setting: &Setting<'_>, server: Source, number: u64, seen: &mut Seen, ledger: &mut Ledger) {
    let Some(address) = setting.world.mailbox(server, number) else { return };
    let mut chance = Chance::of(setting.params.seed, (server as u64) << 32 | number);
    let [at_once, daily, weekly] = setting.params.habits;
    let drawn = match chance.below(1000) {
        below if below < at_once => Habit::AtOnce,
        below if below < at_once + daily => Habit::Daily,
        below if below < at_once + daily + weekly => Habit::Weekly,
        _ => Habit::Never,
    };
    let (habit, looks_at) = (setting.habit.unwrap_or(drawn), chance.below(168));
    let mut user =
        User { setting, server, address, habit, looks_at, persons: vec![], bulk: vec![], strangers: [None, None], chance, seen, ledger };
    user.begin();
    for day in 0..setting.params.days {
        user.day(day * 24);
    }
    user.ledger.user_days += setting.params.days;
}

impl User<'_, '_> {
    fn begin(&mut self) {
        for _ in 0..self.setting.params.persons {
            let source = self.setting.world.draw_person(&mut self.chance);
            let entry = self.imported();
            let person = self.meet(source, entry);
            self.persons.extend(person);
        }
        for _ in 0..self.setting.params.subscriptions {
            let source = self.setting.world.draw_bulk(&mut self.chance);
            let entry = self.imported();
            let sender = self.meet(source, entry);
            self.bulk.extend(sender);
        }
    }

    fn imported(&mut self) -> Option<(EntryList, u64)> {
        self.chance.permille(self.setting.params.imported).then_some((EntryList::Allow, 0))
    }

    fn meet(&mut self, source: Source, entry: Option<(EntryList, u64)>) -> Option<Acquaintance> {
        let number = self.chance.below(1_000_000);
        let proves = self.chance.permille(self.setting.params.dmarc_share);
        Some(Acquaintance { source, address: self.setting.world.mailbox(source, number)?, entry, proves, decided: [None, None] })
    }

    fn day(&mut self, start: u64) {
        let setting = self.setting;
        for _ in 0..setting.draws.new_persons.draw(&mut self.chance) {
            self.meet_person(start);
        }
        for _ in 0..setting.draws.sign_ups.draw(&mut self.chance) {
            self.sign_up(start);
        }
        for _ in 0..setting.draws.writing.draw(&mut self.chance) {
            let (hour, index) = (self.hour(start), self.chance.skewed(self.persons.len()));
            // Writing to somebody allows them.
            if let Some(person) = self.persons.get_mut(index).filter(|person| person.entry.is_none_or(|(_, from)| hour < from)) {
                person.entry = Some((EntryList::RepliedTo, hour));
            }
        }
        for _ in 0..setting.draws.personal.draw(&mut self.chance) {
            let (hour, index) = (self.hour(start), self.chance.skewed(self.persons.len()));
            self.wanted(Sort::Personal, index, hour);
        }
        for _ in 0..setting.draws.bulk.draw(&mut self.chance) {
            let hour = self.hour(start);
            let index = usize::try_from(self.chance.below(self.bulk.len() as u64)).unwrap_or(0);
            self.wanted(Sort::Bulk, index, hour);
        }
        for _ in 0..setting.draws.spam.draw(&mut self.chance) {
            let hour = self.hour(start);
            self.spam(hour);
        }
    }

    fn hour(&mut self, start: u64) -> u64 {
        start + self.chance.below(24)
    }

    fn meet_person(&mut self, start: u64) {
        let (source, hour) = (self.setting.world.draw_person(&mut self.chance), self.hour(start));
        let writes_first = self.chance.permille(self.setting.params.user_writes_first);
        let person = self.meet(source, writes_first.then_some((EntryList::RepliedTo, hour)));
        self.persons.extend(person);
        self.wanted(Sort::Personal, self.persons.len().saturating_sub(1), hour);
    }

    /// The confirmation comes within the hour for which an expected entry lives; what the site sends later is another matter.
    fn sign_up(&mut self, start: u64) {
        let (source, hour) = (self.setting.world.draw_bulk(&mut self.chance), self.hour(start));
        let is_expected = self.chance.permille(self.setting.params.sign_up_expected);
        let site = self.meet(source, is_expected.then_some((EntryList::Expected, hour)));
        self.bulk.extend(site);
        let index = self.bulk.len().saturating_sub(1);
        self.wanted(Sort::Bulk, index, hour);
        if let Some(site) = self.bulk.get_mut(index).filter(|_| is_expected) {
            site.entry = None;
            site.decided = [None, None];
        }
    }

    fn wanted(&mut self, sort: Sort, index: usize, hour: u64) {
        let size = self.setting.size(sort, &mut self.chance);
        let people = if sort == Sort::Personal { &mut self.persons } else { &mut self.bulk };
        let Some(sender) = people.get_mut(index) else { return };
        if sender.source == self.server {
            self.ledger.local.add(size);
            return;
        }
        let has_entry = sender.entry.is_some_and(|(_, from)| from <= hour);
        let (verdict, pushed) = sender.decide(has_entry, hour, &self.address, self.setting);
        let source = sender.source;
        self.ledger.wanted.add(size);
        note_push(self.seen, self.ledger, self.server, source, hour / self.setting.params.dns_hours);
        let speaks = [self.server, source].map(|domain| self.setting.adopters.has(domain));
        match speaks {
            [true, true] => {
                let allowed_at = self.allowed_at(sort, index, verdict, hour);
                self.by_notice(source, size, hour, allowed_at);
            }
            [true, false] => {
                if pushed == Pushed::Keep {
                    self.ledger.day(hour, |day| day.wanted_attempts += 1);
                    // Whoever looks lets the sender in; the next message may be proved, or wait again.
                    self.allowed_at(sort, index, Verdict::List, hour);
                }
                self.push(source, hour, pushed, size, Mine::Wanted);
            }
            [false, _] => self.push(source, hour, Pushed::Deliver, size, Mine::Wanted),
        }
    }

    /// When this message may be retrieved; never, if none. Makes the entry that a look at the contact attempts makes.
    fn allowed_at(&mut self, sort: Sort, index: usize, verdict: Verdict, hour: u64) -> Option<u64> {
        if verdict == Verdict::Retrieve {
            return Some(hour);
        }
        let look = self.next_look(hour);
        let people = if sort == Sort::Personal { &mut self.persons } else { &mut self.bulk };
        let sender = people.get_mut(index)?;
        // The message waits until the first act that lets its sender in: this look, or one that is decided already.
        let at = sender.entry.map(|(_, from)| from).filter(|from| hour <= *from).into_iter().chain(look).min();
        if let Some(at) = at.filter(|_| sender.entry.is_none()) {
            sender.entry = Some((EntryList::Allow, at));
        }
        at
    }

    fn next_look(&self, hour: u64) -> Option<u64> {
        let next = |every: u64| hour + (self.looks_at + every - hour % every) % every;
        match self.habit {
            Habit::AtOnce => Some(hour + 1),
            Habit::Daily => Some(next(24)),
            Habit::Weekly => Some(next(168)),
            Habit::Never => None,
        }
    }

    fn by_notice(&mut self, source: Source, size: u64, hour: u64, allowed_at: Option<u64>) {
        let waits = allowed_at.map(|at| at.saturating_sub(hour));
        let fate = self.setting.fates.after(waits);
        let hours = held_hours(fate.held);
        self.ledger.notices[0] += fate.notices;
        self.ledger.octet_hours[0] += size * hours;
        let is_new = self.seen.is_first(About::Notice, source, hour / self.setting.params.dns_hours);
        let is_retrieved = fate.outcome == Outcome::Delivered;
        let mass = if is_retrieved { &mut self.ledger.retrieved } else { &mut self.ledger.expired };
        mass.add(size);
        self.ledger.waited(waits.filter(|_| is_retrieved));
        self.ledger.day(hour, |day| {
            day.wanted += 1;
            day.at_once += u64::from(waits == Some(0));
            day.wanted_attempts += u64::from(waits != Some(0));
        });
        let is_first = is_retrieved && self.seen.is_first(About::Retrieval, source, hour / self.setting.params.dns_hours);
        self.ledger.server(self.server, |server| {
            server.notices_in += fate.notices;
            server.retrievals_out += u64::from(is_retrieved);
            server.asked[0] += u64::from(is_new);
            server.asked[1] += u64::from(is_first);
        });
        self.ledger.server(source, |server| {
            server.notices_out += fate.notices;
            server.kept_octet_hours += size * hours;
        });
    }

    fn push(&mut self, source: Source, hour: u64, pushed: Pushed, size: u64, whose: Mine) {
        let masses = if whose == Mine::Wanted { &mut self.ledger.pushed } else { &mut self.ledger.spam_pushed };
        let [delivered, kept, refused] = masses;
        match pushed {
            Pushed::Deliver | Pushed::Discard => delivered.add(size),
            Pushed::Keep => kept.add(size),
            Pushed::Refuse => refused.add(size),
        }
        let is_new = self.seen.is_first(About::Pushed, source, hour / self.setting.params.dns_hours);
        self.ledger.server(self.server, |server| {
            server.pushes_in += 1;
            server.asked[3] += u64::from(is_new);
        });
    }

    fn spam(&mut self, hour: u64) {
        let setting = self.setting;
        let size = setting.size(Sort::Spam, &mut self.chance);
        let [push, own, daily] = setting.params.spam_kinds;
        let first_daily = setting.world.first_spam() as u64 + setting.params.spam_domains;
        let kind = self.chance.below(1000);
        let is_of_botnet = kind >= push + own + daily;
        let source = match kind {
            kind if kind < push + own => setting.world.first_spam() as u64 + self.chance.below(setting.params.spam_domains),
            kind if kind < push + own + daily => {
                first_daily + hour / 24 * setting.params.spam_domains_daily + self.chance.below(setting.params.spam_domains_daily)
            }
            _ => setting.world.draw_person(&mut self.chance) as u64,
        };
        // From an account that was taken over, and wrote to those it knows.
        let is_worm = is_of_botnet && self.chance.permille(setting.params.worm_share);
        let index = self.chance.skewed(self.persons.len());
        let stranger = usize::from(self.chance.permille(setting.params.dmarc_share));
        let source = usize::try_from(source).unwrap_or(0);
        if self.strangers.iter().any(Option::is_none) {
            self.strangers = [false, true].map(|proves| Some(Acquaintance { proves, ..self.meet(source, None)? }));
        }
        let known = if is_worm { self.persons.get_mut(index) } else { None };
        let source = known.as_ref().map_or(source, |known| known.source);
        let Some(sender) = known.or(self.strangers.get_mut(stranger).and_then(Option::as_mut)) else { return };
        let has_entry = sender.entry.is_some_and(|(_, from)| from <= hour);
        let (verdict, pushed) = sender.decide(has_entry, hour, &self.address, setting);
        self.ledger.spam.add(size);
        note_push(self.seen, self.ledger, self.server, source, hour / self.setting.params.dns_hours);
        if !setting.adopters.has(self.server) {
            return self.push(source, hour, Pushed::Deliver, size, Mine::Spam);
        }
        if kind < push || !setting.adopters.has(source) {
            if pushed == Pushed::Keep {
                self.ledger.day(hour, |day| day.spam_attempts += 1);
            }
            return self.push(source, hour, pushed, size, Mine::Spam);
        }
        self.spam_by_notice(source, size, hour, verdict);
    }

    fn spam_by_notice(&mut self, source: Source, size: u64, hour: u64, verdict: Verdict) {
        self.ledger.spam_noticed.add(size);
        self.ledger.notices[1] += 1;
        let is_retrieved = verdict == Verdict::Retrieve;
        let is_new = self.seen.is_first(About::Notice, source, hour / self.setting.params.dns_hours);
        let is_first = is_retrieved && self.seen.is_first(About::Retrieval, source, hour / self.setting.params.dns_hours);
        self.ledger.server(self.server, |server| {
            server.notices_in += 1;
            server.retrievals_out += u64::from(is_retrieved);
            server.asked[0] += u64::from(is_new);
            server.asked[1] += u64::from(is_first);
        });
        if is_retrieved {
            self.ledger.spam_retrieved.add(size);
        } else {
            self.ledger.octet_hours[1] += size * held_hours(self.setting.fates.after(None).held);
            self.ledger.day(hour, |day| day.spam_attempts += 1);
        }
    }
}

/// Whether the user wants a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mine {
    Wanted,
    Spam,
}

impl Acquaintance {
    /// The production decisions about this sender, by notice and pushed, with its entry or without one.
    fn decide(&mut self, has_entry: bool, hour: u64, recipient: &Mailbox, setting: &Setting<'_>) -> (Verdict, Pushed) {
        let [without, with] = &mut self.decided;
        let known = if has_entry { with } else { without };
        if let Some(known) = known {
            return *known;
        }
        let now = Timestamp::EPOCH + Duration::from_hours(hour);
        let entries: Vec<Entry> =
            self.entry.filter(|_| has_entry).map(|(list, from)| entry(list, from, &self.address)).into_iter().collect();
        let question = Question {
            sender: &self.address,
            list_id: None,
            reference: None,
            recipient,
            entries: &entries,
            screening: setting.screening,
            now,
        };
        let is_proved = setting.dmarc == Dmarc::Checked && self.proves;
        let authorship = if is_proved { Authorship::Proved(self.address.clone()) } else { Authorship::Unproved(Unproved::NotChecked) };
        let (pushed, _) = decide_pushed(&question, setting.legacy, &authorship, Answers::Nothing);
        let decided = (decide(&question).verdict, pushed);
        *known = Some(decided);
        decided
    }
}

fn entry(list: EntryList, from: u64, who: &Mailbox) -> Entry {
    let made = Timestamp::EPOCH + Duration::from_hours(from);
    let is_expected = list == EntryList::Expected;
    Entry {
        id: EntryId::new(made, [0; 10]),
        list,
        who: Who::Address(who.clone()),
        until: is_expected.then_some(made + Duration::from_hours(1)),
        remaining: is_expected.then_some(3),
        reference: None,
        list_domain: None,
        made,
        through: String::new(),
        reason: String::new(),
        proof: None,
    }
}

fn held_hours(held: Duration) -> u64 {
    held.as_secs() / 3600
}

/// What the same message would ask for if all were pushed.
fn note_push(seen: &mut Seen, ledger: &mut Ledger, at: Source, source: Source, slot: u64) {
    let is_new = seen.is_first(About::AllPushed, source, slot);
    ledger.server(at, |server| {
        server.all_pushed_in += 1;
        server.asked[2] += u64::from(is_new);
    });
}

/// The sum of some masses.
pub fn total(masses: &[Mass]) -> Mass {
    let mut sum = Mass::default();
    for mass in masses {
        sum += *mass;
    }
    sum
}
