//! What one simulated server finds outside itself.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use delivery::dns::{Answer, Question};
use mail::time::Timestamp;
use server::world::{Boxed, Wire, WireError, World};

use crate::chance::Chance;
use crate::clock::Clock;
use crate::dns::{Dns, SILENCE};
use crate::executor::Executor;
use crate::network::{Host, Network, owner_of};

/// An answer of DNS takes up to so long.
const ANSWER_MILLIS_MAX: u64 = 10;

/// How long a resolver waits for one.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);

/// The outside of one server.
pub(crate) struct SimWorld {
    host: Host,
    address: IpAddr,
    clock: Clock,
    executor: Arc<Executor>,
    network: Arc<Network>,
    dns: Arc<Dns>,
    /// The server's own chance: what others draw does not disturb it.
    chance: Mutex<Chance>,
}

impl SimWorld {
    /// The outside of this host, which dials from this address.
    pub(crate) fn new(host: Host, address: IpAddr, network: &Arc<Network>, dns: &Arc<Dns>) -> Self {
        let executor = Arc::clone(&network.executor);
        let chance = Mutex::new(executor.draw(Chance::fork));
        let clock = network.clock(host);
        Self { host, address, clock, executor, network: Arc::clone(network), dns: Arc::clone(dns), chance }
    }
}

impl World for SimWorld {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn fill_random(&self, octets: &mut [u8]) {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).fill(octets);
    }

    fn sleep_until(&self, at: Timestamp) -> Boxed<'static, ()> {
        Box::pin(self.clock.clone().sleep_until(at))
    }

    fn spawn(&self, _name: &'static str, task: Boxed<'static, ()>) {
        // A panic is not contained here: it fails the test.
        self.executor.spawn(owner_of(self.host), task);
    }

    fn compute(&self, work: Box<dyn FnOnce() + Send>) -> Boxed<'static, ()> {
        work();
        Box::pin(std::future::ready(()))
    }

    fn ask(&self, question: Question) -> Boxed<'_, Answer> {
        Box::pin(async move {
            let delay = Duration::from_millis(self.executor.draw(|chance| chance.below(ANSWER_MILLIS_MAX)));
            let trouble = self.dns.trouble_with(&question);
            if let Some(trouble) = trouble {
                self.network.strike(trouble);
            }
            let patience = if trouble == Some(SILENCE) { ANSWER_PATIENCE } else { delay };
            self.executor.sleep_until(self.executor.now() + patience).await;
            // What went wrong meanwhile is in the answer, too.
            if let Some(late) = self.dns.trouble_with(&question).filter(|late| Some(*late) != trouble) {
                self.network.strike(late);
            }
            self.dns.answer(&question)
        })
    }

    fn dial(&self, to: SocketAddr, deadline: Timestamp) -> Boxed<'_, Result<Box<dyn Wire>, WireError>> {
        Box::pin(self.network.dial(self.host, self.address, to, self.clock.moment_of(deadline)))
    }
}
