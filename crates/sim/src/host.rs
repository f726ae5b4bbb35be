//! One simulated server: what survives a crash of it, and what does not.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use delivery::dialling::Dialling;
use delivery::dns::Name;
use delivery::schedule::Timers;
use mail::address::{Domain, Mailbox};
use mail::time::Timestamp;
use proto::limits::Limits;
use server::events::Events;
use server::listen::Service;
use server::node::{Node, Settings};
use server::world::World;
use store::queue::{Boundary, Fate};
use store::{Store, Surroundings};

use crate::chance::Chance;
use crate::disk::{Backup, Disk, Disks};
use crate::dns::Dns;
use crate::network::{Host, Network, owner_of};
use crate::world::SimWorld;

/// Where submitters hand in their mail.
pub(crate) const SUBMISSIONS_PORT: u16 = 465;
pub(crate) const EXCHANGE_PORT: u16 = 25;
const RETRIEVAL_PORT: u16 = 2626;

/// Of every simulated person.
pub(crate) const PASSWORD: &str = "correct horse";
/// The same, hashed as quickly as Argon2 can.
pub(crate) const PASSWORD_HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$AXOBjCkWuKPw29B+714g2g";

/// One server, up or down.
pub(crate) struct Server {
    pub(crate) host: Host,
    pub(crate) domain: Domain,
    pub(crate) hostname: Domain,
    pub(crate) address: IpAddr,
    pub(crate) timers: Timers,
    pub(crate) limits: Limits,
    /// Who gets mail for `postmaster`.
    pub(crate) postmaster: Option<Mailbox>,
    /// What was committed.
    pub(crate) disk: Disk,
    /// What runs; nothing of it survives.
    running: Option<Arc<Node>>,
    /// When what waits in the store's queues is carried out.
    drain_at: Option<Timestamp>,
    /// Until when at the latest, after it was put there.
    pub(crate) commit_delay: Duration,
    commit_delays: Chance,
    /// Each until it is restored.
    backups: Vec<Option<Backup>>,
    /// From a backup, and not started since.
    is_restored: bool,
    /// Transactions that wrote, ever.
    pub(crate) commits: u64,
    /// The transaction to die at.
    pub(crate) crash_at: Option<(u64, Boundary)>,
}

/// How a server came out of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Alive,
    Crashed,
    WithoutPower,
}

impl Server {
    /// A new server for a domain, with an empty store. Its names are in DNS.
    pub(crate) fn new(number: u8, domain: Domain, timers: Timers, disks: Disks, network: &Network, dns: &Dns) -> Result<Self, String> {
        let host = Host(usize::from(number));
        let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, number));
        let hostname: Domain = format!("mx.{domain}").parse().map_err(|error| format!("{error}"))?;
        dns.add_mail_domain(&Name::from(&domain), &Name::from(&hostname), address, RETRIEVAL_PORT);
        network.certify(host, [hostname.to_string()]);
        let commit_delays = network.own_chance(host);
        let disk = Disk::new(disks, commit_delays.clone().fork())?;
        Ok(Self {
            host,
            domain,
            hostname,
            address,
            timers,
            limits: Limits::default(),
            postmaster: None,
            disk,
            backups: vec![],
            is_restored: false,
            commit_delays,
            running: None,
            drain_at: None,
            commit_delay: Duration::from_millis(5),
            commits: 0,
            crash_at: None,
        })
    }

    /// Starts the server's program: sessions and jobs as in production.
    ///
    /// # Errors
    /// Its disk does not let it.
    pub(crate) fn start(&mut self, network: &Arc<Network>, dns: &Arc<Dns>) -> Result<(), String> {
        network.executor.booked(owner_of(self.host), || self.start_booked(network, dns))
    }

    fn start_booked(&mut self, network: &Arc<Network>, dns: &Arc<Dns>) -> Result<(), String> {
        if let Err(error) = self.disk.open() {
            self.let_go(|| {});
            return Err(error);
        }
        let world: Arc<dyn World> = Arc::new(SimWorld::new(self.host, self.address, network, dns));
        let (clock, entropy) = (Arc::clone(&world), Arc::clone(&world));
        let surroundings = Surroundings {
            clock: Arc::new(move || clock.now()),
            entropy: Arc::new(move || entropy.random()),
            objects: Arc::new(self.disk.contents(network, self.host)),
            host: self.hostname.clone(),
            timers: Arc::new(self.timers.clone()),
            quota: store::quota::Quota::default(),
        };
        let (journal, executor, domain) = (network.journal.clone(), Arc::clone(&network.executor), self.domain.clone());
        let net = Arc::downgrade(network);
        let events = Events::to(move |event| {
            journal.note(executor.now(), || format!("{domain}: {event:?}"));
            if let Some(network) = net.upgrade() {
                network.touch();
            }
        });
        let settings = Settings {
            hostname: self.hostname.clone(),
            domains: vec![self.domain.clone()],
            postmaster: self.postmaster.clone(),
            timers: self.timers.clone(),
            limits: self.limits,
            dialling: Dialling::Lab { ports: std::collections::BTreeSet::new(), mx_ports: std::collections::BTreeMap::new() },
            routes: delivery::relay::Routes::default(),
        };
        let new = Node::new(world, Store::new(1, surroundings), settings, PASSWORD_HASH.to_owned(), [7; 32]);
        let node = Arc::new(Node { events, ..new });
        let ports = [(SUBMISSIONS_PORT, Service::Submissions), (EXCHANGE_PORT, Service::Exchange), (RETRIEVAL_PORT, Service::Retrieval)];
        for (port, service) in ports {
            network.listen(SocketAddr::new(self.address, port), self.host, &node, service);
        }
        if std::mem::take(&mut self.is_restored) {
            self.renew(&node);
        }
        server::work::start(&node);
        self.running = Some(node);
        Ok(())
    }

    /// Ends everything that runs; what was not committed is gone. Whether the power had failed: then what was not synced
    /// is, too.
    pub(crate) fn crash(&mut self, network: &Network) -> bool {
        let had_power = self.disk.is_on();
        let Some(node) = self.running.take() else {
            self.let_go(|| {});
            return false;
        };
        let (host, executor) = (self.host, &network.executor);
        self.let_go(|| {
            executor.kill(owner_of(host));
            network.silence(host);
            node.store.reads().clear();
            node.store.writes().iter().for_each(|queue| queue.clear());
        });
        self.drain_at = None;
        !had_power
    }

    /// Nobody has the disk open any more; its power is on.
    fn let_go(&mut self, kill: impl FnOnce()) {
        let done = self.disk.end(kill);
        assert_eq!(done, Ok(()), "somebody has a file open");
    }

    /// Copies all that is durable.
    pub(crate) fn back_up(&mut self) -> Result<usize, String> {
        self.backups.push(Some(self.disk.backup()?));
        Ok(self.backups.len() - 1)
    }

    /// Puts a backup in place of all that is durable; the server is down. It can be restored once.
    ///
    /// # Errors
    /// It is not a backup of this disk.
    pub(crate) fn restore(&mut self, backup: usize) -> Result<(), String> {
        if let Some(backup) = self.backups.get_mut(backup).and_then(Option::take) {
            self.disk.restore(backup)?;
            self.is_restored = true;
        }
        Ok(())
    }

    /// What a restore does to the store before anything works with it.
    fn renew(&mut self, node: &Node) {
        let mut renewing = pin!(node.store.renew_after_restore());
        let mut context = Context::from_waker(Waker::noop());
        // One transaction after another: each is answered when it is drained.
        while renewing.as_mut().poll(&mut context).is_pending() && !node.store.is_idle() {
            node.store.drain(&mut self.disk, &mut store::queue::live);
        }
    }

    /// The running program.
    pub(crate) fn node(&self) -> Option<&Arc<Node>> {
        self.running.as_ref()
    }

    /// When the store's queues are to be drained, if something waits there: a while after it was put there.
    pub(crate) fn drain_at(&mut self, now: Timestamp) -> Option<Timestamp> {
        let waits = self.running.as_ref().is_some_and(|node| !node.store.is_idle());
        if waits && self.drain_at.is_none() {
            let most = u64::try_from(self.commit_delay.as_millis()).unwrap_or(0);
            self.drain_at = Some(now + Duration::from_millis(self.commit_delays.below(most + 1)));
        }
        self.drain_at
    }

    /// Carries out what waits in the store's queues.
    pub(crate) fn drain(&mut self) -> Condition {
        self.drain_at = None;
        let Some(node) = self.running.clone() else { return Condition::Alive };
        let (commits, crash_at) = (&mut self.commits, self.crash_at);
        let mut condition = Condition::Alive;
        let mut hook = |boundary| {
            if boundary == Boundary::BeforeCommit {
                *commits += 1;
            }
            if crash_at == Some((*commits, boundary)) {
                condition = Condition::Crashed;
                return Fate::Crash;
            }
            Fate::Live
        };
        node.store.drain(&mut self.disk, &mut hook);
        if condition == Condition::Crashed {
            self.crash_at = None;
        }
        if self.disk.is_on() { condition } else { Condition::WithoutPower }
    }
}
