//! The simulation: makes servers and people, and decides what happens next.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use delivery::consent::Screening;
use delivery::schedule::Timers;
use mail::address::{Domain, Mailbox};
use mail::time::Timestamp;
use proto::limits::Limits;
use server::node::Node;
use server::world::Boxed;
use store::{Added, NewAccount, ScramVerifier, StoreError};

use crate::chance::Chance;
use crate::disk::Disks;
use crate::dns::Dns;
use crate::executor::{Executor, Owner};
use crate::host::{Condition, PASSWORD_HASH, Server};
use crate::journal::Journal;
use crate::network::{Host, Network, Weather, owner_of};
use crate::user::{Handed, User};

/// Steps of one simulation; more means that something goes round in circles.
const STEPS_MAX: u64 = 20_000_000;

/// Steps in one moment; more, and something goes round in circles without waiting.
const STEPS_AT_ONCE_MAX: u64 = 100_000;

/// Nothing has happened for so long but the jobs' own looking: nothing will, until a timer of the protocol.
const REST: Duration = Duration::from_secs(3);

/// It must come to rest within this.
const UNREST_MAX: Duration = Duration::from_hours(1);

/// How long a question of the test to a server may take.
const ANSWER_MAX: Duration = Duration::from_mins(1);

/// Lines of the journal that a failed test shows.
const SHOWN_LINES: usize = 80;

/// A simulation. At its end every server is checked.
pub struct Sim(pub(crate) Rc<Inner>);

pub(crate) struct Inner {
    pub(crate) seed: u64,
    pub(crate) network: Arc<Network>,
    pub(crate) executor: Arc<Executor>,
    pub(crate) dns: Arc<Dns>,
    pub(crate) servers: RefCell<Vec<Server>>,
    pub(crate) journal: Journal,
    /// What was handed in, and answered 250.
    pub(crate) handed: RefCell<Vec<Handed>>,
    /// What was pushed at servers of ours, whether or not it was answered for.
    pub(crate) pushed: RefCell<Vec<Handed>>,
    /// How many messages were ever written.
    pub(crate) written: Cell<u64>,
    timers: RefCell<Timers>,
    limits: Cell<Limits>,
    pub(crate) postmaster: RefCell<Option<Mailbox>>,
    /// Whoever hands in a message says SMTPUTF8.
    pub(crate) says_utf8: Cell<bool>,
    disks: Cell<Disks>,
    /// Of a network: disks that can lose their power say that they have synced, and have not.
    pub(crate) disks_lie: Cell<bool>,
    steps: Cell<u64>,
    pub(crate) steps_max: Cell<u64>,
    /// A restore from a backup has taken back what was durable.
    pub(crate) has_lost_data: Cell<bool>,
    /// Whoever runs it says what is wrong with it.
    pub(crate) is_judged: Cell<bool>,
    /// Since the clock last moved.
    steps_at_once: Cell<u64>,
}

impl Sim {
    /// An empty simulation. The same seed and the same calls make the same run.
    pub fn seeded(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let executor = Executor::new(start(), chance.fork());
        let journal = Journal::default();
        Self(Rc::new(Inner {
            seed,
            network: Network::new(Arc::clone(&executor), journal.clone()),
            executor,
            dns: Arc::default(),
            servers: RefCell::default(),
            journal,
            handed: RefCell::default(),
            pushed: RefCell::default(),
            written: Cell::new(0),
            timers: RefCell::new(brisk()),
            limits: Cell::new(Limits::default()),
            postmaster: RefCell::default(),
            says_utf8: Cell::new(false),
            disks: Cell::default(),
            disks_lie: Cell::new(false),
            steps: Cell::new(0),
            steps_max: Cell::new(STEPS_MAX),
            has_lost_data: Cell::new(false),
            is_judged: Cell::new(false),
            steps_at_once: Cell::new(0),
        }))
    }

    /// Changes the timers of the servers that are made from now on. They are brisk: seconds, where the protocol has
    /// minutes and hours.
    pub fn set_timers(&mut self, change: impl FnOnce(&mut Timers)) {
        change(&mut self.0.timers.borrow_mut());
    }

    /// Changes the limits of the servers that are made from now on.
    pub fn set_limits(&mut self, change: impl FnOnce(&mut Limits)) {
        let mut limits = self.0.limits.get();
        change(&mut limits);
        self.0.limits.set(limits);
    }

    /// Who gets mail for `postmaster` at the servers that are made from now on; an address of one of them.
    pub fn set_postmaster(&mut self, address: &str) {
        let postmaster = self.0.sure(address.parse());
        self.0.postmaster.replace(Some(postmaster));
    }

    /// From now on, whoever submits or pushes says SMTPUTF8 or does not.
    pub fn set_smtputf8(&mut self, says: bool) {
        self.0.says_utf8.set(says);
    }

    /// Which disks the servers get that are made from now on.
    pub fn set_disks(&mut self, disks: Disks) {
        self.0.disks.set(disks);
    }

    /// Makes accounts, screening on, and a server for each new domain.
    pub fn accounts<const N: usize>(&mut self, addresses: [&str; N]) -> [User; N] {
        addresses.map(|address| self.account(address))
    }

    pub(crate) fn account(&mut self, address: &str) -> User {
        let inner = &self.0;
        let address: Mailbox = inner.sure(address.parse::<Mailbox>());
        inner.serve(address.domain());
        let domain = address.domain().clone();
        let (owner, now) = (address.clone(), inner.executor.now());
        let added = inner.ask(&domain, move |node| {
            Box::pin(async move {
                let account = NewAccount {
                    id: node.new_account_id(),
                    address: owner,
                    password_hash: PASSWORD_HASH.to_owned(),
                    scram: ScramVerifier { salt: vec![1; 16], iterations: 10_000, stored_key: [2; 32], server_key: [3; 32] },
                    screening: Screening::On,
                    legacy: None,
                    made: now,
                };
                let id = account.id;
                Ok((node.store.add_account(account).await? == Added::Done).then_some(id))
            })
        });
        let account = inner.sure(inner.sure(added).ok_or("the address is taken"));
        User::new(Rc::clone(inner), address, account)
    }

    /// Runs until nothing happens any more but the jobs' own looking for work. What is due later (a retry, an
    /// expiry) is not waited for.
    pub fn run_until_idle(&mut self) {
        let inner = &self.0;
        let start = inner.executor.now();
        loop {
            let now = inner.executor.now();
            if inner.is_resting() {
                return;
            }
            if now.since(start) >= UNREST_MAX {
                inner.fail("it does not come to rest");
            }
            inner.step(now + REST);
        }
    }

    /// Runs for so long.
    pub fn run_for(&mut self, duration: Duration) {
        let until = self.0.executor.now() + duration;
        while self.0.step(until) {}
    }

    /// Runs until this is so, or fails the test after `patience`.
    pub fn run_until(&mut self, patience: Duration, what: &str, is_so: impl Fn(&Self) -> bool) {
        let until = self.0.executor.now() + patience;
        while !is_so(self) {
            if !self.0.step(until) {
                self.0.fail(&format!("not so in {patience:?}: {what}"));
            }
        }
    }

    /// Kills a server: what it has not committed is lost.
    pub fn crash(&mut self, domain: &str) {
        let domain = self.0.domain(domain);
        self.0.crash(&domain);
    }

    /// Starts a server again, if it is down.
    pub fn restart(&mut self, domain: &str) {
        let domain = self.0.domain(domain);
        self.0.restart(&domain);
    }

    /// Starts every server that is down.
    pub fn restart_all(&mut self) {
        self.0.restart_all();
    }

    /// Whether a server runs.
    pub fn is_up(&self, domain: &str) -> bool {
        self.0.with_server(&self.0.domain(domain), |server| server.node().is_some())
    }

    /// How often a server has committed.
    pub fn commits(&self, domain: &str) -> u64 {
        self.0.with_server(&self.0.domain(domain), |server| server.commits)
    }

    /// How long a server's commits may take.
    pub fn set_commit_delay(&mut self, domain: &str, delay: Duration) {
        self.0.with_server(&self.0.domain(domain), |server| server.commit_delay = delay);
    }

    /// From now on the network is as bad as this.
    pub fn set_weather(&mut self, weather: Weather) {
        self.0.network.set_weather(weather);
    }

    /// Draws from the simulation's own chance, for a test that chooses at random.
    pub fn draw<T>(&mut self, draw: impl FnOnce(&mut Chance) -> T) -> T {
        self.0.executor.draw(draw)
    }

    /// All that happened, in order.
    pub fn journal(&self) -> Vec<String> {
        self.0.journal.read()
    }

    /// What is wrong on any server; nothing, if all is well. Servers that are down are started first.
    pub fn violations(&mut self) -> Vec<String> {
        crate::check::violations(&self.0)
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        if self.0.is_judged.get() {
            // Not here.
        } else if std::thread::panicking() {
            eprintln!("{}\n(seed {})", self.0.journal.tail(SHOWN_LINES), self.0.seed);
        } else {
            let violations = self.violations();
            if !violations.is_empty() {
                self.0.fail(&format!("the servers are not as they should be: {violations:#?}"));
            }
        }
        // Nodes hold their world, which holds the network, which holds the nodes.
        self.0.servers.borrow_mut().iter_mut().for_each(|server| _ = server.crash(&self.0.network));
        // Whoever was dialled a moment ago still listens.
        self.0.executor.kill_all();
        // And so do the programs of others.
        self.0.network.close();
    }
}

impl Inner {
    /// Makes the server of a domain, if there is none.
    fn serve(&self, domain: &Domain) {
        let mut servers = self.servers.borrow_mut();
        if servers.iter().any(|server| server.domain == *domain) {
            return;
        }
        let number = u8::try_from(servers.len() + 1).unwrap_or(u8::MAX);
        let made = Server::new(number, domain.clone(), self.timers.borrow().clone(), self.disks.get(), &self.network, &self.dns);
        let mut server = self.sure(made);
        server.limits = self.limits.get();
        server.postmaster.clone_from(&self.postmaster.borrow());
        self.sure(server.start(&self.network, &self.dns));
        servers.push(server);
    }

    /// Lets one thing happen: a task's step, a commit, or, if there is nothing to do, the next moment. `false` once
    /// nothing more happens until `limit`, and it is `limit`.
    pub(crate) fn step(&self, limit: Timestamp) -> bool {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > self.steps_max.get() {
            self.fail("too many steps");
        }
        self.steps_at_once.set(self.steps_at_once.get() + 1);
        if self.steps_at_once.get() > STEPS_AT_ONCE_MAX {
            self.fail("time stands still: something goes round in circles");
        }
        self.bury();
        let now = self.executor.now();
        let drains = self.drains();
        let due: Vec<usize> = drains.iter().filter(|(_, at)| *at <= now).map(|(place, _)| *place).collect();
        let runnable = self.executor.runnable();
        if runnable + due.len() > 0 {
            let choice = self.executor.draw(|chance| chance.index(runnable + due.len()));
            match due.get(choice.wrapping_sub(runnable)) {
                Some(place) => self.drain(*place),
                None => self.executor.run(choice),
            }
            return true;
        }
        let next = drains.into_iter().map(|(_, at)| at).chain(self.executor.next_timer()).min();
        let happens = next.is_some_and(|next| next <= limit);
        self.steps_at_once.set(0);
        self.executor.advance(next.unwrap_or(limit).min(limit));
        happens
    }

    /// Kills the servers that must not take another step.
    fn bury(&self) {
        while let Some(Owner::Host(number)) = self.executor.exhausted() {
            self.network.strike("death between two awaits");
            self.network.doom(Host(number));
        }
        while let Some(host) = self.network.dying() {
            let domain = self.servers.borrow().iter().find(|server| server.host == host).map(|server| server.domain.clone());
            if let Some(domain) = domain {
                self.crash(&domain);
            }
            // Also of a server that was down already: it has no more steps to take.
            self.network.silence(host);
        }
    }

    fn drains(&self) -> Vec<(usize, Timestamp)> {
        let now = self.executor.now();
        let mut servers = self.servers.borrow_mut();
        let drains = servers.iter_mut().enumerate();
        drains.filter_map(|(place, server)| server.drain_at(now).map(|at| (place, at))).collect()
    }

    fn drain(&self, place: usize) {
        let crashed = self.servers.borrow_mut().get_mut(place).and_then(|server| {
            let condition = self.executor.booked(owner_of(server.host), || server.drain());
            let failures = server.disk.take_failures();
            (0..failures).for_each(|_| self.network.strike("write that failed"));
            if condition == Condition::Crashed {
                self.network.strike("death at a commit");
            }
            (condition != Condition::Alive).then(|| server.domain.clone())
        });
        if let Some(domain) = crashed {
            self.crash(&domain);
        }
    }

    fn is_resting(&self) -> bool {
        let quiet_since = self.network.last_activity();
        self.executor.runnable() == 0 && self.network.is_quiet() && self.executor.now().since(quiet_since) >= REST
    }

    /// Whether no task can run, and nothing waits in this server's store.
    pub(crate) fn has_nothing_to_do(&self, domain: &Domain) -> bool {
        let is_idle = |server: &mut Server| server.node().is_none_or(|node| node.store.is_idle());
        self.executor.runnable() == 0 && self.with_server(domain, is_idle)
    }

    pub(crate) fn crash(&self, domain: &Domain) {
        let lost_power = self.with_server(domain, |server| server.crash(&self.network));
        if lost_power {
            self.network.strike("power cut");
        }
        let what = if lost_power { "is without power" } else { "crashes" };
        self.journal.note(self.executor.now(), || format!("{domain}: {what}"));
    }

    pub(crate) fn restart(&self, domain: &Domain) {
        if self.with_server(domain, |server| server.node().is_some()) {
            return;
        }
        self.journal.note(self.executor.now(), || format!("{domain}: starts again"));
        self.network.touch();
        if let Err(error) = self.with_server(domain, |server| server.start(&self.network, &self.dns)) {
            self.network.strike("start that failed");
            self.journal.note(self.executor.now(), || format!("{domain}: is down still: {error}"));
        }
    }

    pub(crate) fn restart_all(&self) {
        let domains: BTreeSet<Domain> = self.servers.borrow().iter().map(|server| server.domain.clone()).collect();
        for domain in &domains {
            self.restart(domain);
        }
    }

    /// Asks a server's store, and runs the simulation until the answer is there.
    ///
    /// # Errors
    /// The server is down or dies, or its store fails.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        domain: &Domain,
        question: impl FnOnce(Arc<Node>) -> Boxed<'static, Result<T, StoreError>>,
    ) -> Result<T, String> {
        let node = self.with_server(domain, |server| server.node().cloned()).ok_or_else(|| format!("{domain} is down"))?;
        let asked = question(node);
        self.run_to_end(async move { asked.await.map_err(|error| error.to_string()) })
    }

    /// Runs a task of the test, and the simulation with it, to the task's end.
    pub(crate) fn run_to_end<T: Send + 'static>(
        &self,
        task: impl Future<Output = Result<T, String>> + Send + 'static,
    ) -> Result<T, String> {
        let answer = Arc::new(Mutex::new(None));
        let place = Arc::clone(&answer);
        let task = async move {
            let outcome = task.await;
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        };
        self.executor.spawn(Owner::Test, Box::pin(task));
        let until = self.executor.now() + ANSWER_MAX * 2;
        loop {
            if let Some(outcome) = answer.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return outcome;
            }
            if !self.step(until) {
                return Err("no answer".to_owned());
            }
        }
    }

    pub(crate) fn with_server<T>(&self, domain: &Domain, work: impl FnOnce(&mut Server) -> T) -> T {
        let mut servers = self.servers.borrow_mut();
        match servers.iter_mut().find(|server| server.domain == *domain) {
            Some(server) => work(server),
            None => self.fail(&format!("there is no server of {domain}")),
        }
    }

    pub(crate) fn domain(&self, text: &str) -> Domain {
        self.sure(text.parse())
    }

    /// What must be so, or the test fails.
    pub(crate) fn sure<T, E: Display>(&self, outcome: Result<T, E>) -> T {
        match outcome {
            Ok(value) => value,
            Err(error) => self.fail(&error.to_string()),
        }
    }

    /// Fails the test.
    pub(crate) fn fail(&self, what: &str) -> ! {
        let what = format!("seed {}: {what}", self.seed);
        if !self.is_judged.get() {
            eprintln!("{what}");
        }
        std::panic::resume_unwind(Box::new(what))
    }
}

/// A time like any other: 2026-11-21T09:30:00Z.
pub(crate) fn start() -> Timestamp {
    Timestamp::from_millis(1_795_253_400_000)
}

/// The protocol's timers in seconds: a test of minutes shows what takes days.
fn brisk() -> Timers {
    let seconds = |list: &[u64]| list.iter().copied().map(Duration::from_secs).collect();
    let second = Duration::from_secs(1);
    Timers {
        notice: seconds(&[0, 2, 5, 10]),
        notice_give_up: second * 600,
        notice_repeat: seconds(&[120, 360]),
        retrieve: seconds(&[0, 1, 2, 5]),
        retrieve_late: second * 10,
        retention: second * 1200,
        confirm_grace: second * 300,
        settle_grace: second * 240,
        lease: second * 20,
        delay_notifying: second * 120,
        delay_waiting: second * 180,
        ..Timers::default()
    }
}
