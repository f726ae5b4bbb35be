//! Clients that take their time.

use std::net::SocketAddr;
use std::sync::Mutex;

use delivery::dialling::Dialling;
use delivery::dns::{Answer, Question};
use object_store::memory::InMemory;
use proto::smtp::server::Role;
use store::{Store, Surroundings};

use super::*;
use crate::node::Settings;
use crate::world::{Boxed, World};
use mail::time::Timestamp;
use std::time::Duration;

/// A world in which only time passes.
#[derive(Clone, Default)]
struct Clock(Arc<Mutex<Duration>>);

impl Clock {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH + *self.0.lock().unwrap()
    }

    fn wait(&self, until: Timestamp) {
        let mut now = self.0.lock().unwrap();
        *now = (*now).max(until.since(Timestamp::EPOCH));
    }
}

impl World for Clock {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }
    fn fill_random(&self, octets: &mut [u8]) {
        octets.fill(7);
    }
    fn sleep_until(&self, _at: Timestamp) -> Boxed<'static, ()> {
        Box::pin(std::future::pending())
    }
    fn spawn(&self, _name: &'static str, _task: Boxed<'static, ()>) {}
    fn compute(&self, _work: Box<dyn FnOnce() + Send>) -> Boxed<'static, ()> {
        Box::pin(std::future::pending())
    }
    fn ask(&self, _question: Question) -> Boxed<'_, Answer> {
        Box::pin(std::future::pending())
    }
    fn dial(&self, _to: SocketAddr, _deadline: Timestamp) -> Boxed<'_, Result<Box<dyn Wire>, WireError>> {
        Box::pin(std::future::pending())
    }
}

/// A client that says what it has to say in pieces of so many octets, each after a while.
struct Slow {
    clock: Clock,
    says: std::iter::Cycle<std::vec::IntoIter<u8>>,
    piece: usize,
    pause: Duration,
    hears: Arc<Mutex<Vec<u8>>>,
}

impl Wire for Slow {
    fn peer(&self) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], 40_000))
    }
    fn read<'a>(&'a mut self, buffer: &'a mut [u8], deadline: Timestamp) -> Boxed<'a, Result<usize, WireError>> {
        let at = self.clock.now() + self.pause;
        self.clock.wait(at.min(deadline));
        if deadline < at {
            return Box::pin(std::future::ready(Err(WireError::TimedOut)));
        }
        let piece = buffer.iter_mut().take(self.piece).zip(&mut self.says).map(|(slot, octet)| *slot = octet).count();
        Box::pin(std::future::ready(Ok(piece)))
    }
    fn write_all<'a>(&'a mut self, octets: &'a [u8], _deadline: Timestamp) -> Boxed<'a, Result<(), WireError>> {
        self.hears.lock().unwrap().extend_from_slice(octets);
        Box::pin(std::future::ready(Ok(())))
    }
    fn start_tls_as_server(&mut self, _deadline: Timestamp) -> Boxed<'_, Result<TlsFacts, WireError>> {
        Box::pin(std::future::pending())
    }
    fn start_tls_as_client<'a>(&'a mut self, _host: &'a str, _deadline: Timestamp) -> Boxed<'a, Result<TlsFacts, WireError>> {
        Box::pin(std::future::pending())
    }
    fn close(&mut self) -> Boxed<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// How long a session lasts with such a client, and what it says last.
fn hold(says: &str, piece: usize, pause: Duration) -> (Duration, String) {
    let mut limits = proto::limits::Limits::default();
    limits.timeouts.session = Duration::from_hours(24 * 365);
    hold_within(&limits, says, piece, pause)
}

fn hold_within(limits: &proto::limits::Limits, says: &str, piece: usize, pause: Duration) -> (Duration, String) {
    let clock = Clock::default();
    let hostname: mail::address::Domain = "mx.a.test".parse().unwrap();
    let the_clock = clock.clone();
    let surroundings = Surroundings {
        clock: Arc::new(move || the_clock.now()),
        entropy: Arc::new(|| [7; 16]),
        host: hostname.clone(),
        objects: Arc::new(InMemory::new()),
        timers: Arc::default(),
        quota: store::quota::Quota::default(),
    };
    let settings = Settings {
        hostname: hostname.clone(),
        domains: vec!["a.test".parse().unwrap()],
        postmaster: None,
        timers: delivery::schedule::Timers::default(),
        limits: *limits,
        dialling: Dialling::Internet { ports: std::collections::BTreeSet::new() },
        routes: delivery::relay::Routes::default(),
    };
    let config = Config { role: Role::Exchange, postmaster_domain: hostname.clone(), hostname, limits: settings.limits };
    let node = Arc::new(Node::new(Arc::new(clock.clone()), Store::new(1, surroundings), settings, String::new(), [0; 32]));
    let hears = Arc::new(Mutex::new(Vec::new()));
    let says = says.as_bytes().to_vec().into_iter().cycle();
    let wire = Slow { clock: clock.clone(), says, piece, pause, hears: Arc::clone(&hears) };
    let mut conversation = Conversation::new(node, Box::new(wire), None, Arc::new(config), Channel::Upgradable);
    let turn = futures_util::FutureExt::now_or_never(conversation.next()).expect("nothing is waited for but the client");
    assert!(matches!(turn, Ok(Turn::Ended)));
    let heard = String::from_utf8(hears.lock().unwrap().clone()).unwrap();
    (clock.now().since(Timestamp::EPOCH), heard.lines().last().unwrap().to_owned())
}

#[test]
fn a_client_that_sends_an_octet_now_and_then_is_not_waited_for() {
    let (lasted, last) = hold("NOOP and so on", 1, Duration::from_mins(4));
    assert!(lasted <= Duration::from_mins(6), "{lasted:?}");
    assert!(last.starts_with("421 "), "{last}");
}

#[test]
fn a_client_that_finishes_its_commands_in_time_goes_on() {
    let (lasted, last) = hold("NOOP\r\n", 6, Duration::from_mins(4));
    assert!(lasted > Duration::from_hours(24), "{lasted:?}");
    assert!(last.contains("enough commands"), "{last}");
}

#[test]
fn no_session_lasts_longer_than_any_may_however_busy() {
    let (lasted, last) = hold_within(&proto::limits::Limits::default(), "NOOP\r\n", 6, Duration::from_mins(4));
    assert!(lasted > Duration::from_hours(3) && lasted <= Duration::from_hours(4), "{lasted:?}");
    assert!(last.contains("lasted long enough"), "{last}");
}
