//! The network between the servers of a simulation: hosts, their listeners, who reaches whom, and how connections begin.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use heap::Unbooked;
use mail::time::Timestamp;
use server::listen::Service;
use server::node::Node;
use server::world::{Boxed, Wire, WireError};

use crate::chance::Chance;
use crate::clock::Clock;
use crate::executor::{Executor, Owner};
use crate::faults::{Fault, Listener};
use crate::journal::Journal;
use crate::pipe::{Break, Connection};
use crate::tap::Tap;
use crate::wire::SimWire;

/// A computer on the network, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(pub usize);

/// Where people's programs run.
pub(crate) const DESK: Host = Host(usize::MAX);

/// A packet takes up to so long.
pub(crate) const DELAY_MILLIS_MAX: u64 = 20;

/// How bad the network is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// One connection in so many breaks at a random octet; 0: none does.
    pub breaks_once_in: u64,
    /// One dial in so many reaches nobody; 0: none does.
    pub unreachable_once_in: u64,
    /// A packet takes up to so much longer than usual.
    pub late_millis_max: u64,
    /// Connections of people's programs break, too; else only those between servers.
    pub spares_nobody: bool,
}

/// The network.
pub struct Network {
    pub(crate) executor: Arc<Executor>,
    pub(crate) journal: Journal,
    pub(crate) state: Mutex<State>,
    /// What the delays of connections are drawn from: each draws by itself.
    delays: Chance,
}

#[derive(Default)]
pub(crate) struct State {
    listeners: BTreeMap<SocketAddr, Listening>,
    certificates: BTreeMap<Host, BTreeSet<String>>,
    pub(crate) partitions: BTreeSet<(Host, Host)>,
    pub(crate) connections: BTreeMap<u64, Connection>,
    connections_ever: u64,
    pub(crate) faults: Vec<Fault>,
    pub(crate) dying: BTreeSet<Host>,
    pub(crate) weather: Weather,
    pub(crate) last_activity: Timestamp,
    clocks: BTreeMap<Host, Clock>,
    /// Listens, if anybody wants to know.
    pub(crate) tap: Option<Tap>,
    /// How often which fault has struck.
    pub(crate) struck: BTreeMap<&'static str, u64>,
    /// Connections that one host had dialled to another, and held open, at most at one time.
    pub(crate) most_open: BTreeMap<[Host; 2], usize>,
}

/// A program that is none of ours, on a computer of the network.
pub(crate) trait Program: Send + Sync {
    /// Talks to one who dialled.
    fn serve(self: Arc<Self>, wire: Box<dyn Wire>) -> Boxed<'static, ()>;
}

#[derive(Clone)]
struct Listening {
    host: Host,
    who: Who,
}

/// Who talks to those who dial.
#[derive(Clone)]
enum Who {
    Node(Arc<Node>, Service),
    Program(Arc<dyn Program>),
}

impl Network {
    /// Nobody is there yet.
    pub fn new(executor: Arc<Executor>, journal: Journal) -> Arc<Self> {
        let delays = executor.draw(Chance::fork);
        Arc::new(Self { executor, journal, state: Mutex::default(), delays })
    }

    /// From now on who dials this address talks to this node.
    pub(crate) fn listen(&self, at: SocketAddr, host: Host, node: &Arc<Node>, service: Service) {
        self.state().listeners.insert(at, Listening { host, who: Who::Node(Arc::clone(node), service) });
    }

    /// From now on who dials this address talks to a program that is none of ours.
    pub(crate) fn listen_program(&self, at: SocketAddr, host: Host, program: Arc<dyn Program>) {
        self.state().listeners.insert(at, Listening { host, who: Who::Program(program) });
    }

    /// Nobody listens any more.
    pub(crate) fn close(&self) {
        let listeners = std::mem::take(&mut self.state().listeners);
        // What they hold may ask for the state: not under the lock.
        drop(listeners);
    }

    /// A host's own clock.
    pub(crate) fn clock(&self, host: Host) -> Clock {
        let clock = || Clock::new(Arc::clone(&self.executor));
        self.state().clocks.entry(host).or_insert_with(clock).clone()
    }

    /// A sequence that only this host draws from.
    pub(crate) fn own_chance(&self, host: Host) -> Chance {
        let number = u64::try_from(host.0).unwrap_or(u64::MAX);
        Chance::new(self.delays.clone().draw() ^ number.wrapping_add(1).wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    /// All clocks are right again.
    pub(crate) fn set_clocks_right(&self) {
        self.state().clocks.values().for_each(|clock| clock.set_ahead(0));
    }

    /// From now on everything that leaves is listened to.
    pub(crate) fn listen_in(&self) {
        self.state().tap.get_or_insert_with(Tap::default);
    }

    /// A fault has struck.
    pub(crate) fn strike(&self, fault: &'static str) {
        *self.state().struck.entry(fault).or_default() += 1;
    }

    /// How often which fault has struck.
    pub(crate) fn struck(&self) -> BTreeMap<&'static str, u64> {
        self.state().struck.clone()
    }

    /// Connections that are open since before this, and between whom.
    pub(crate) fn open_since(&self, before: Timestamp) -> Vec<(u64, [Host; 2])> {
        let state = self.state();
        let old = state.connections.iter().filter(|(_, connection)| connection.since < before);
        old.map(|(number, connection)| (*number, connection.hosts)).collect()
    }

    /// Connections that others have dialled to a host, and that either end has open.
    pub(crate) fn served_by(&self, host: Host) -> usize {
        self.state().connections.values().filter(|connection| connection.hosts[1] == host).count()
    }

    /// Connections that a host has dialled to others, and that either end has open.
    pub(crate) fn dialled_by(&self, host: Host) -> usize {
        self.state().connections.values().filter(|connection| connection.hosts[0] == host).count()
    }

    /// The host listens no more, and nothing it still has to say leaves it.
    pub(crate) fn silence(&self, host: Host) {
        let mut state = self.state();
        let (gone, staying) = std::mem::take(&mut state.listeners).into_iter().partition(|(_, listening)| listening.host == host);
        state.listeners = staying;
        state.dying.remove(&host);
        drop(state);
        let gone: BTreeMap<SocketAddr, Listening> = gone;
        drop(gone);
    }

    /// The names in a host's certificate.
    pub fn certify(&self, host: Host, names: impl IntoIterator<Item = String>) {
        self.state().certificates.insert(host, names.into_iter().collect());
    }

    /// Why the host's certificate is not that of the name, if it is not.
    pub(crate) fn unverified(&self, host: Host, name: &str) -> Option<String> {
        let is_named = self.state().certificates.get(&host).is_some_and(|names| names.contains(name));
        (!is_named).then(|| format!("the certificate is not for {name}"))
    }

    /// Nothing passes between these hosts any more.
    pub fn part(&self, one: Host, other: Host) {
        self.state().partitions.insert((one.min(other), one.max(other)));
    }

    /// Everything passes again, what was under way included.
    pub fn heal(&self) {
        let mut state = self.state();
        state.partitions.clear();
        state.weather = Weather::default();
        let wakers: Vec<_> = state.connections.values_mut().flat_map(Connection::wakers).collect();
        drop(state);
        wakers.into_iter().for_each(std::task::Waker::wake);
    }

    /// From now on the network is as bad as this.
    pub fn set_weather(&self, weather: Weather) {
        self.state().weather = weather;
    }

    /// Something will go wrong, once.
    pub fn plan(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// The faults that have not struck yet.
    pub fn planned(&self) -> Vec<Fault> {
        let state = self.state();
        let waiting = state.connections.values().filter_map(|connection| connection.listener.waiting());
        state.faults.iter().copied().chain(waiting).collect()
    }

    /// No planned fault strikes any more.
    pub fn forget_faults(&self) {
        let mut state = self.state();
        state.faults.clear();
        for connection in state.connections.values_mut() {
            connection.listener = Listener::default();
            connection.breaks = None;
        }
    }

    /// A host must not take another step.
    pub(crate) fn doom(&self, host: Host) {
        self.state().dying.insert(host);
    }

    /// Hosts that must not take another step.
    pub(crate) fn dying(&self) -> Option<Host> {
        self.state().dying.first().copied()
    }

    /// Whether connections are open.
    pub(crate) fn is_quiet(&self) -> bool {
        self.state().connections.is_empty()
    }

    /// Something happened.
    pub(crate) fn touch(&self) {
        self.state().last_activity = self.executor.now();
    }

    /// When something last happened.
    pub(crate) fn last_activity(&self) -> Timestamp {
        self.state().last_activity
    }

    /// Opens a connection from a host.
    ///
    /// # Errors
    /// Nobody listens there, or nothing comes back.
    pub(crate) async fn dial(
        self: &Arc<Self>,
        from: Host,
        source: IpAddr,
        to: SocketAddr,
        deadline: Timestamp,
    ) -> Result<Box<dyn Wire>, WireError> {
        let delay = self.delay();
        self.executor.sleep_until(deadline.min(self.executor.now() + delay)).await;
        let unreachable = |why: &str| WireError::Unreachable(format!("{to}: {why}"));
        let listening = self.state().listeners.get(&to).cloned();
        let reached = match &listening {
            // A computer that is off or away does not even refuse.
            None => Err(unreachable("connection refused")),
            Some(listening) if self.is_parted(from, listening.host) => {
                self.strike("dial behind a partition");
                Err(WireError::TimedOut)
            }
            Some(_) if self.is_lost_today() => {
                self.strike("dial that reaches nobody");
                Err(WireError::TimedOut)
            }
            Some(listening) => Ok(listening.clone()),
        };
        self.state().last_activity = self.executor.now();
        let listening = match reached {
            Ok(listening) => listening,
            Err(error) => {
                self.journal.note(self.executor.now(), || format!("{source} cannot connect to {to}: {error}"));
                if error == WireError::TimedOut {
                    self.executor.sleep_until(deadline).await;
                }
                return Err(error);
            }
        };
        let (client, server) = self.connect(from, source, to, &listening);
        let owner = owner_of(listening.host);
        let server = self.executor.booked(owner, || Box::new(server));
        match listening.who {
            Who::Node(node, service) => {
                self.executor.spawn(owner, self.executor.booked(owner, || Box::pin(server::listen::serve(node, service, server))));
            }
            Who::Program(program) => self.executor.spawn(owner, self.executor.booked(owner, || program.serve(server))),
        }
        Ok(Box::new(client))
    }

    fn connect(self: &Arc<Self>, from: Host, source: IpAddr, to: SocketAddr, listening: &Listening) -> (SimWire, SimWire) {
        let mut state = self.state();
        state.connections_ever += 1;
        let number = state.connections_ever;
        let weather = state.weather;
        let (breaks, after) = self.executor.draw(|chance| (chance.once_in(weather.breaks_once_in), Break::somewhere(chance)));
        let between_servers = !matches!(listening.who, Who::Node(_, Service::Submission | Service::Submissions));
        // People try again by themselves, and the test would have to.
        let breaks = (breaks && (between_servers || weather.spares_nobody)).then_some(after);
        let delays = Chance::new(self.delays.clone().draw() ^ number.wrapping_mul(0x9e37_79b9));
        let hosts = [from, listening.host];
        state.connections.insert(number, Connection::new(hosts, self.executor.now(), between_servers, breaks, delays));
        let open = state.connections.values().filter(|connection| connection.hosts == hosts && connection.is_dialler_there).count();
        let most = state.most_open.entry(hosts).or_default();
        *most = open.max(*most);
        drop(state);
        self.journal.note(self.executor.now(), || format!("connection {number}: {source} to {to}"));
        let port = u16::try_from(number % 20_000).unwrap_or(0) + 40_000;
        let (here, there) = (self.clock(from), self.clock(listening.host));
        let client = SimWire::new(Arc::clone(self), number, crate::faults::Way::ToServer, to, here);
        let server = SimWire::new(Arc::clone(self), number, crate::faults::Way::ToClient, SocketAddr::new(source, port), there);
        (client, server)
    }

    /// How long the first packet takes.
    fn delay(&self) -> Duration {
        Duration::from_millis(self.executor.draw(|chance| 1 + chance.below(DELAY_MILLIS_MAX)))
    }

    fn is_lost_today(&self) -> bool {
        let weather = self.state().weather;
        self.executor.draw(|chance| chance.once_in(weather.unreachable_once_in))
    }

    fn is_parted(&self, one: Host, other: Host) -> bool {
        self.state().is_parted(one, other)
    }

    /// What is on the network is no memory of who put it there.
    pub(crate) fn state(&self) -> Unbooked<MutexGuard<'_, State>> {
        Unbooked::new(|| self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    pub(crate) fn is_parted(&self, one: Host, other: Host) -> bool {
        self.partitions.contains(&(one.min(other), one.max(other)))
    }
}

/// Whose tasks those of a host are.
pub(crate) fn owner_of(host: Host) -> Owner {
    if host == DESK { Owner::Test } else { Owner::Host(host.0) }
}
