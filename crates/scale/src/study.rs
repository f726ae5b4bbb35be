//! Every run that the report needs.

use std::collections::BTreeMap;
use std::time::Duration;

use delivery::consent::{Legacy, Screening};
use delivery::schedule::Timers;

use crate::campaign;
use crate::chance::Chance;
use crate::exchange::Fates;
use crate::flood::{ATTACKS, Attack, CAPS, Cap, Places, Request, places};
use crate::ledger::Ledger;
use crate::life::{Dmarc, Habit, Setting};
use crate::outage;
use crate::params::Params;
use crate::population;
use crate::questions::{Publishes, Questions};
use crate::wire::Wire;
use crate::world::{Order, World};

/// All results.
#[derive(Debug)]
pub struct Study {
    /// What was assumed.
    pub params: Params,
    /// Octets of dialogues.
    pub wire: Wire,
    /// Questions to DNS: of domains as they are today, and with records of the extension.
    pub questions: [Questions; 2],
    /// Mean octets of a wanted message, and of spam.
    pub mean_sizes: [u64; 2],
    /// Users of each domain, largest first.
    pub domain_users: Vec<u64>,
    /// Every domain has adopted, screening is on, pushed mail is kept aside.
    pub main: Ledger,
    /// What was varied.
    pub samples: Samples,
    /// Outages.
    pub outages: Vec<outage::Row>,
    /// Where requests stand.
    pub floods: Vec<(Attack, Cap, BTreeMap<Request, Places>)>,
    /// Campaigns: notices, clients, and how long they take.
    pub campaigns: Vec<(u64, usize, Duration)>,
    /// How long it took.
    pub measured: Measured,
}

/// Runs of fewer users, each with something else.
#[derive(Debug)]
pub struct Samples {
    /// Pushed mail is refused.
    pub refuse: Ledger,
    /// Screening off.
    pub off: Ledger,
    /// Spammers who only push; who only give notices from their own domains; from domains of a day; from accounts of others.
    pub spammers: Vec<(&'static str, Ledger)>,
    /// From a cold start: everybody of one habit and nobody imported; then habits as drawn, with more and more imported.
    pub starts: Vec<(String, Ledger)>,
    /// Users whose domain has adopted, in thousandths, in each order.
    pub adoption: Vec<(Order, u64, Ledger)>,
    /// The same by chance, at a server that does not check DMARC.
    pub unproved: Vec<(u64, Ledger)>,
}

/// Steps of adoption, in thousandths.
pub const ADOPTION: [u64; 9] = [10, 50, 100, 200, 350, 500, 700, 900, 1000];

/// How long runs took, in seconds of one core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// The main run.
    pub main_seconds: u64,
    /// Everything.
    pub all_seconds: u64,
}

/// Runs everything, in three threads that know nothing of each other; `seconds` tells how long its caller's thread has
/// computed. None, if an example in the code is not what it should be.
pub fn study(params: &Params, seconds: &(dyn Fn() -> u64 + Sync)) -> Option<Study> {
    let timers = Timers::default();
    let fates = Fates::new(&timers);
    let wire = Wire::new(params)?;
    let questions = [Questions::count(Publishes::WhatItHasToday)?, Questions::count(Publishes::Records)?];
    let world = World::new(params, params.users);
    let everybody = world.adopters(1000, Order::Random, &mut Chance::of(params.seed, 0));
    let setting = Setting::new(params, &world, everybody, &fates);
    let sample = Sample { params, world: World::new(params, params.sample_users), fates: &fates };
    let (main, samples, floods) = std::thread::scope(|scope| {
        let floods = scope.spawn(|| (flooded(params), seconds()));
        let samples = scope.spawn(|| (sample.all(), seconds()));
        let main = scope.spawn(|| (population::run(&setting), seconds()));
        Some((main.join().ok()?, samples.join().ok()?, floods.join().ok()?))
    })?;
    let measured = Measured { main_seconds: main.1, all_seconds: main.1 + samples.1 + floods.1 };
    let sizes = [(100_000, 1), (1_000_000, 1), (1_000_000, 8), (10_000_000, 1), (10_000_000, 8)];
    Some(Study {
        params: params.clone(),
        wire,
        questions,
        mean_sizes: setting.mean_sizes(),
        domain_users: world.users.clone(),
        main: main.0,
        samples: samples.0,
        outages: outage::rows(params.seed),
        floods: floods.0,
        campaigns: sizes.map(|(notices, clients)| (notices, clients, campaign::duration(notices, clients))).to_vec(),
        measured,
    })
}

/// Where requests stand in every attack under every cap.
fn flooded(params: &Params) -> Vec<(Attack, Cap, BTreeMap<Request, Places>)> {
    let pairs = ATTACKS.iter().flat_map(|attack| CAPS.iter().map(|cap| (*attack, *cap)));
    pairs.map(|(attack, cap)| (attack, cap, places(params, attack, cap))).collect()
}

struct Sample<'a> {
    params: &'a Params,
    world: World,
    fates: &'a Fates,
}

impl Sample<'_> {
    fn all(&self) -> Samples {
        let refuse = self.run(self.params, 1000, Order::Random, |setting| setting.legacy = Legacy::Refuse);
        let off = self.run(self.params, 1000, Order::Random, |setting| {
            setting.screening = Screening::Off;
            setting.legacy = Legacy::Deliver;
        });
        let (adoption, unproved) = self.adoption();
        Samples { refuse, off, spammers: self.spammers(), starts: self.starts(), adoption, unproved }
    }

    fn run(&self, params: &Params, adoption: u64, order: Order, change: impl FnOnce(&mut Setting<'_>)) -> Ledger {
        self.run_and_share(params, adoption, order, change).1
    }

    /// The same, with the share of users whose domain has adopted.
    fn run_and_share(&self, params: &Params, adoption: u64, order: Order, change: impl FnOnce(&mut Setting<'_>)) -> (u64, Ledger) {
        let adopters = self.world.adopters(adoption, order, &mut Chance::of(params.seed, adoption));
        let share = adopters.share;
        let mut setting = Setting::new(params, &self.world, adopters, self.fates);
        change(&mut setting);
        let ledger = population::run(&setting);
        (share, Ledger { servers: vec![], ..ledger })
    }

    fn spammers(&self) -> Vec<(&'static str, Ledger)> {
        let kinds = [
            ("push only", [1000, 0, 0]),
            ("notices from own domains", [0, 1000, 0]),
            ("notices from domains of one day", [0, 0, 1000]),
            ("notices from accounts of others", [0, 0, 0]),
        ];
        let run = |(name, spam_kinds)| {
            let params = Params { spam_kinds, ..self.params.clone() };
            (name, self.run(&params, 1000, Order::Random, |_| {}))
        };
        kinds.into_iter().map(run).collect()
    }

    fn starts(&self) -> Vec<(String, Ledger)> {
        let cold = Params { imported: 0, ..self.params.clone() };
        let habits = [
            ("looks at once", Habit::AtOnce),
            ("looks daily", Habit::Daily),
            ("looks weekly", Habit::Weekly),
            ("never looks", Habit::Never),
        ];
        let mut starts: Vec<_> = habits
            .into_iter()
            .map(|(name, habit)| (name.to_owned(), self.run(&cold, 1000, Order::Random, |setting| setting.habit = Some(habit))))
            .collect();
        for imported in [0, 500, 900] {
            let params = Params { imported, ..self.params.clone() };
            starts.push((format!("all habits, {} % imported", imported / 10), self.run(&params, 1000, Order::Random, |_| {})));
        }
        starts
    }

    #[expect(clippy::type_complexity, reason = "two lists of the study, by their names there")]
    fn adoption(&self) -> (Vec<(Order, u64, Ledger)>, Vec<(u64, Ledger)>) {
        let mut found = vec![];
        for order in [Order::Random, Order::GiantsFirst, Order::SmallFirst] {
            for share in ADOPTION {
                let (share, ledger) = self.run_and_share(self.params, share, order, |_| {});
                // Where one domain passes several steps at once, the first is enough.
                if found.last().is_none_or(|(last, before, _)| (*last, *before) != (order, share)) {
                    found.push((order, share, ledger));
                }
            }
        }
        let unproved = |share: &u64| self.run_and_share(self.params, *share, Order::Random, |setting| setting.dmarc = Dmarc::NotChecked);
        (found, ADOPTION.iter().map(unproved).collect())
    }
}
