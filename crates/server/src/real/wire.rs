//! One TCP connection, plain or in TLS, every step of it with a deadline.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mail::time::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::Machine;
use crate::tls::{self, Tls};
use crate::world::{Boxed, TlsFacts, Wire, WireError};

/// How long the polite end of a connection may take.
const CLOSING: Duration = Duration::from_secs(3);
/// What the peer may still say meanwhile.
const CLOSING_OCTETS_MAX: usize = 256 * 1024;

/// One connection. Reads nothing ahead: what the peer wrote before TLS stays with whoever read it, to be thrown away.
pub struct TcpWire {
    stream: Stream,
    peer: SocketAddr,
    tls: Tls,
    machine: Machine,
}

enum Stream {
    Plain(TcpStream),
    Client(Box<client::TlsStream<TcpStream>>),
    Server(Box<server::TlsStream<TcpStream>>),
    /// A handshake failed, or the connection was closed.
    Gone,
}

impl TcpWire {
    /// Around a connected stream.
    pub fn new(stream: TcpStream, peer: SocketAddr, tls: Tls, machine: Machine) -> Self {
        // Replies are small and waited for; without it they would wait for the peer's acknowledgement of the one before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
        // `::ffff:192.0.2.1` is what a socket for both families calls 192.0.2.1; DNS and the rules do not.
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        Self { stream: Stream::Plain(stream), peer, tls, machine }
    }

    fn take_plain(&mut self) -> Result<TcpStream, WireError> {
        match std::mem::replace(&mut self.stream, Stream::Gone) {
            Stream::Plain(stream) => Ok(stream),
            other => {
                self.stream = other;
                Err(WireError::Tls("the connection is in TLS already, or gone".to_owned()))
            }
        }
    }

    async fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.read(buffer).await,
            Stream::Client(stream) => stream.read(buffer).await,
            Stream::Server(stream) => stream.read(buffer).await,
            Stream::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    async fn write_now(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(octets).await,
            // TLS buffers: without the flush, the end of a reply could stay here.
            Stream::Client(stream) => {
                stream.write_all(octets).await?;
                stream.flush().await
            }
            Stream::Server(stream) => {
                stream.write_all(octets).await?;
                stream.flush().await
            }
            Stream::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    async fn shut_down(&mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.shutdown().await?,
            Stream::Client(stream) => stream.shutdown().await?,
            Stream::Server(stream) => stream.shutdown().await?,
            Stream::Gone => return Ok(()),
        }
        // A socket closed with unread input resets the connection, and what we wrote last (a 421, the end of a message)
        // may be lost with it: read until the peer has closed too.
        let (mut buffer, mut total) = ([0; 4096], 0);
        while total < CLOSING_OCTETS_MAX {
            match self.read_now(&mut buffer).await? {
                0 => break,
                octets => total += octets,
            }
        }
        Ok(())
    }
}

/// Waits for it until the deadline.
#[expect(clippy::disallowed_methods, reason = "this is where deadlines are kept")]
pub(super) async fn within<T>(machine: &Machine, deadline: Timestamp, future: impl Future<Output = T>) -> Result<T, WireError> {
    tokio::time::timeout(deadline.since(machine.now()), future).await.map_err(|_elapsed| WireError::TimedOut)
}

impl Wire for TcpWire {
    fn peer(&self) -> SocketAddr {
        self.peer
    }

    fn read<'a>(&'a mut self, buffer: &'a mut [u8], deadline: Timestamp) -> Boxed<'a, Result<usize, WireError>> {
        let machine = self.machine.clone();
        Box::pin(async move {
            match within(&machine, deadline, self.read_now(buffer)).await? {
                Ok(octets) => Ok(octets),
                // The peer ended TCP without ending TLS; sessions know by themselves whether something is missing.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                Err(error) => Err(WireError::Lost(error.to_string())),
            }
        })
    }

    fn write_all<'a>(&'a mut self, octets: &'a [u8], deadline: Timestamp) -> Boxed<'a, Result<(), WireError>> {
        let machine = self.machine.clone();
        Box::pin(
            async move { within(&machine, deadline, self.write_now(octets)).await?.map_err(|error| WireError::Lost(error.to_string())) },
        )
    }

    fn start_tls_as_server(&mut self, deadline: Timestamp) -> Boxed<'_, Result<TlsFacts, WireError>> {
        Box::pin(async move {
            let plain = self.take_plain()?;
            let acceptor = TlsAcceptor::from(self.tls.server_config());
            let accepted = within(&self.machine, deadline, acceptor.accept(plain)).await?;
            let stream = accepted.map_err(|error| WireError::Tls(error.to_string()))?;
            let facts = tls::server_facts(stream.get_ref().1)?;
            self.stream = Stream::Server(Box::new(stream));
            Ok(facts)
        })
    }

    fn start_tls_as_client<'a>(&'a mut self, host: &'a str, deadline: Timestamp) -> Boxed<'a, Result<TlsFacts, WireError>> {
        Box::pin(async move {
            let side = self.tls.client_side(host)?;
            let plain = self.take_plain()?;
            let connector = TlsConnector::from(side.config.clone());
            let connected = within(&self.machine, deadline, connector.connect(side.name.clone(), plain)).await?;
            let stream = connected.map_err(|error| of_handshake(&error))?;
            let facts = side.facts(stream.get_ref().1)?;
            self.stream = Stream::Client(Box::new(stream));
            Ok(facts)
        })
    }

    fn close(&mut self) -> Boxed<'_, ()> {
        Box::pin(async move {
            let machine = self.machine.clone();
            let deadline = machine.now() + CLOSING;
            match within(&machine, deadline, self.shut_down()).await {
                Ok(Ok(())) => {}
                // The peer was faster.
                Ok(Err(error)) => tracing::trace!(%error, "closing"),
                Err(error) => tracing::trace!(%error, "closing"),
            }
            self.stream = Stream::Gone;
        })
    }
}

/// Why a handshake failed: TLS says so itself, or else the connection broke under it.
fn of_handshake(error: &io::Error) -> WireError {
    match error.get_ref() {
        Some(inner) if inner.is::<rustls::Error>() => WireError::Tls(error.to_string()),
        _of_the_connection => WireError::Lost(error.to_string()),
    }
}

/// What connections of one peer are counted by: the address, or the /64 of an IPv6 address, which is one customer's.
pub fn counted_as(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}
