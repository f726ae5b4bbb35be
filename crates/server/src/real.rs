//! The outside as it is: the clock, chance, DNS and connections of this machine, on tokio.

mod wire;

use std::any::Any;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use delivery::dns::{Answer, Question};
use futures_util::FutureExt as _;
use mail::time::Timestamp;
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tracing::Instrument as _;

use crate::dns::Resolver;
use crate::metrics::Metrics;
use crate::tls::Tls;
use crate::world::{Boxed, Wire, WireError, World};

pub use wire::{TcpWire, counted_as};

/// The clock, chance and processors: all that a command needs of the outside.
#[derive(Clone)]
pub struct Machine {
    runtime: Handle,
    /// One for each processor, so that many logins at once do not take the sessions' share, nor the memory.
    processors: Arc<Semaphore>,
}

impl Machine {
    /// This machine. To be called on a tokio runtime.
    pub fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self { runtime: Handle::current(), processors: Arc::new(Semaphore::new(processors)) }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        now()
    }

    /// Fills `octets` with chance fit for keys and ids.
    pub fn fill_random(&self, octets: &mut [u8]) {
        fill_random(octets);
    }

    /// Runs work that takes a processor for long, elsewhere.
    pub fn compute(&self, work: Box<dyn FnOnce() + Send>) -> Boxed<'static, ()> {
        let (runtime, processors) = (self.runtime.clone(), Arc::clone(&self.processors));
        Box::pin(async move {
            let permit = processors.acquire_owned().await.ok();
            let worked = runtime.spawn_blocking(move || {
                work();
                drop(permit);
            });
            if let Err(error) = worked.await {
                tracing::error!(%error, "a computation panicked");
            }
        })
    }
}

/// The time of this machine, for a command that has no server around it.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

/// Chance of this machine, for a command that has no server around it.
#[expect(clippy::disallowed_methods, reason = "this is where chance comes from")]
pub(crate) fn fill_random(octets: &mut [u8]) {
    if let Err(error) = getrandom::fill(octets) {
        // Ids and keys that others can guess would be worse than no server.
        tracing::error!(%error, "the system has no randomness");
        std::process::abort();
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

/// The outside of one server: its machine, its addresses, its certificates, its resolver.
pub struct RealWorld {
    machine: Machine,
    resolver: Resolver,
    tls: Tls,
    /// To dial from: at most one of each family; none leaves it to the system.
    outbound: Vec<IpAddr>,
    metrics: Metrics,
    tasks: Arc<Tasks>,
}

/// How many tasks run.
#[derive(Default)]
struct Tasks {
    running: AtomicUsize,
    ended: Notify,
}

/// One task, as long as it lives.
struct Task(Arc<Tasks>);

impl Tasks {
    fn begin(self: &Arc<Self>) -> Task {
        self.running.fetch_add(1, Ordering::SeqCst);
        Task(Arc::clone(self))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.ended.notify_waiters();
        }
    }
}

impl RealWorld {
    /// To be called on a tokio runtime.
    pub fn new(machine: Machine, resolver: Resolver, tls: Tls, outbound: Vec<IpAddr>) -> Self {
        Self { machine, resolver, tls, outbound, metrics: Metrics::default(), tasks: Arc::default() }
    }

    /// The same, counting there.
    #[must_use]
    pub fn counting(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// Waits until every task has ended.
    pub async fn idle(&self) {
        loop {
            let mut ended = std::pin::pin!(self.tasks.ended.notified());
            // Before the look: who ends after it is heard.
            ended.as_mut().enable();
            if self.tasks.running.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }

    /// The address to dial such an address from; none leaves it to the system.
    fn source(&self, to: IpAddr) -> Result<Option<SocketAddr>, WireError> {
        if self.outbound.is_empty() {
            return Ok(None);
        }
        // From any other address we would be nobody: others ask DNS who may act for our domains.
        let source = self.outbound.iter().find(|address| address.is_ipv4() == to.is_ipv4());
        let source = source.ok_or_else(|| WireError::Unreachable(format!("outbound_address has none to reach {to} from")))?;
        Ok(Some(SocketAddr::new(*source, 0)))
    }

    async fn connect(&self, to: SocketAddr) -> Result<TcpStream, WireError> {
        let unreachable = |error: std::io::Error| WireError::Unreachable(format!("{to}: {error}"));
        let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.map_err(unreachable)?;
        if let Some(source) = self.source(to.ip())? {
            socket.bind(source).map_err(|error| WireError::Unreachable(format!("cannot dial from {}: {error}", source.ip())))?;
        }
        socket.connect(to).await.map_err(unreachable)
    }
}

impl World for RealWorld {
    fn now(&self) -> Timestamp {
        self.machine.now()
    }

    fn fill_random(&self, octets: &mut [u8]) {
        self.machine.fill_random(octets);
    }

    #[expect(clippy::disallowed_methods, reason = "this is where sleeping is done")]
    fn sleep_until(&self, at: Timestamp) -> Boxed<'static, ()> {
        let machine = self.machine.clone();
        Box::pin(async move {
            // The clock of the day may be set while we sleep: long sleeps look at it again.
            loop {
                let left = at.since(machine.now());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(Duration::from_mins(1))).await;
            }
        })
    }

    #[expect(clippy::disallowed_methods, reason = "this is where tasks begin")]
    fn spawn(&self, name: &'static str, task: Boxed<'static, ()>) {
        let running = self.tasks.begin();
        let contained = async move {
            if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
                tracing::error!(task = name, panic = panic_text(&*panic), "a task panicked");
            }
            drop(running);
        };
        self.machine.runtime.spawn(contained.in_current_span());
    }

    fn compute(&self, work: Box<dyn FnOnce() + Send>) -> Boxed<'static, ()> {
        self.machine.compute(work)
    }

    fn ask(&self, question: Question) -> Boxed<'_, Answer> {
        Box::pin(async move {
            let begun = self.machine.now();
            let answer = self.resolver.ask(question).await;
            self.metrics.asked(self.machine.now().since(begun), !matches!(answer, Answer::Temporary(_)));
            answer
        })
    }

    fn dial(&self, to: SocketAddr, deadline: Timestamp) -> Boxed<'_, Result<Box<dyn Wire>, WireError>> {
        Box::pin(async move {
            let stream = wire::within(&self.machine, deadline, self.connect(to)).await??;
            let wire: Box<dyn Wire> = Box::new(TcpWire::new(stream, to, self.tls.clone(), self.machine.clone()));
            Ok(wire)
        })
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without words")
}

#[cfg(test)]
mod tests;
