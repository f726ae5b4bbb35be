//! The only door outside: clock, chance, names, connections, tasks.
//!
//! Sessions and workers know the outside only through these two traits, so that the simulation runs them as
//! they are, under its own clock and network. The real ones are in `real`.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use delivery::dns::{Answer, Question};
use mail::time::Timestamp;

/// A future of the outside.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a server finds outside itself.
pub trait World: Send + Sync + 'static {
    /// The time.
    fn now(&self) -> Timestamp;

    /// Fills `octets` with chance fit for keys and ids.
    fn fill_random(&self, octets: &mut [u8]);

    /// Waits until then.
    fn sleep_until(&self, at: Timestamp) -> Boxed<'static, ()>;

    /// Runs a task beside the others. A panic in it is contained and logged under `name`.
    fn spawn(&self, name: &'static str, task: Boxed<'static, ()>);

    /// Runs work that takes a processor for long (password hashing), elsewhere.
    fn compute(&self, work: Box<dyn FnOnce() + Send>) -> Boxed<'static, ()>;

    /// Asks DNS. Trouble is an answer of its own: `Answer::Temporary`.
    fn ask(&self, question: Question) -> Boxed<'_, Answer>;

    /// Opens a connection, from this server's outbound address.
    fn dial(&self, to: SocketAddr, deadline: Timestamp) -> Boxed<'_, Result<Box<dyn Wire>, WireError>>;
}

/// One connection.
pub trait Wire: Send + Sync {
    /// The address at the other end.
    fn peer(&self) -> SocketAddr;

    /// Reads at least one octet; 0 at the peer's end of the connection.
    fn read<'a>(&'a mut self, buffer: &'a mut [u8], deadline: Timestamp) -> Boxed<'a, Result<usize, WireError>>;

    /// Writes all of it.
    fn write_all<'a>(&'a mut self, octets: &'a [u8], deadline: Timestamp) -> Boxed<'a, Result<(), WireError>>;

    /// Turns the connection into TLS, as the side with this server's certificate.
    fn start_tls_as_server(&mut self, deadline: Timestamp) -> Boxed<'_, Result<TlsFacts, WireError>>;

    /// Turns the connection into TLS, as a client of this host. A certificate that does not verify does not
    /// end the connection: `TlsFacts` says so, and the caller decides what it is good for.
    fn start_tls_as_client<'a>(&'a mut self, host: &'a str, deadline: Timestamp) -> Boxed<'a, Result<TlsFacts, WireError>>;

    /// Ends the connection, politely where TLS wants it.
    fn close(&mut self) -> Boxed<'_, ()>;
}

/// What a session may know of its TLS connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// As negotiated.
    pub version: TlsVersion,
    /// RFC 9266 `tls-exporter`; only with TLS 1.3.
    pub exporter: Option<[u8; 32]>,
    /// The peer's certificate, DER.
    pub peer_certificate: Option<Vec<u8>>,
    /// As a client: why the server's certificate did not verify for the host, if so.
    pub unverified: Option<String>,
    /// As a server: the name the client asked for.
    pub sni: Option<String>,
}

/// Versions of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    V1_2,
    /// RFC 8446.
    V1_3,
}

/// Why a connection is of no more use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// No connection came about.
    #[error("cannot connect: {0}")]
    Unreachable(String),
    /// The deadline passed.
    #[error("timed out")]
    TimedOut,
    /// It broke.
    #[error("connection lost: {0}")]
    Lost(String),
    /// TLS did not come about.
    #[error("TLS failed: {0}")]
    Tls(String),
}

/// The same door, with the few things every caller needs on top.
impl dyn World {
    /// The time this long from now.
    pub fn after(&self, duration: Duration) -> Timestamp {
        self.now() + duration
    }

    /// So many random octets.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut octets = [0; N];
        self.fill_random(&mut octets);
        octets
    }
}

/// What came first of two futures.
#[derive(Debug, PartialEq, Eq)]
pub enum First<A, B> {
    /// The first one; also if both were ready.
    Left(A),
    /// The second one.
    Right(B),
}

/// Waits for whichever is ready first; asks the left one first, always.
pub async fn first<A, B>(left: impl Future<Output = A>, right: impl Future<Output = B>) -> First<A, B> {
    let mut left = pin!(left);
    let mut right = pin!(right);
    std::future::poll_fn(|context| match left.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(First::Left(value)),
        Poll::Pending => right.as_mut().poll(context).map(First::Right),
    })
    .await
}
