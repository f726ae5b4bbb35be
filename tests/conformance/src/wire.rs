//! One connection: plain or TLS, dialled or accepted, read strictly and never for ever.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::ServerName;
use socket2::{Domain, Protocol, Socket, Type};

/// A peer that takes nothing for this long has left.
const WRITE_PATIENCE: Duration = Duration::from_mins(1);

/// What the operating system keeps for us unread.
const RECEIVE_OCTETS: usize = 128 * 1024;
/// Octets taken from the operating system at a time.
const CHUNK_OCTETS: usize = 16 * 1024;

/// Why nothing more came.
#[derive(Debug)]
pub(crate) enum WireError {
    /// Nothing within the time allowed.
    TimedOut,
    /// The other side closed, in good order or not.
    Closed,
    /// A line longer than the protocol allows, or one that does not end in CRLF.
    BadLine(String),
    /// The handshake, or the operating system, refused.
    Failed(io::Error),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => write!(f, "nothing came within the time allowed"),
            Self::Closed => write!(f, "the connection was closed"),
            Self::BadLine(what) => write!(f, "malformed line: {what}"),
            Self::Failed(error) => write!(f, "connection failed: {error}"),
        }
    }
}

impl std::error::Error for WireError {}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted => Self::Closed,
            _ => Self::Failed(error),
        }
    }
}

enum Stream {
    Plain(TcpStream),
    Client(Box<StreamOwned<ClientConnection, TcpStream>>),
    Server(Box<StreamOwned<ServerConnection, TcpStream>>),
}

/// A connection and what was read from it but not yet asked for.
pub(crate) struct Wire {
    stream: Stream,
    inbox: Vec<u8>,
}

impl Wire {
    /// Dials `to` from `from`: who may act for a domain is decided by the address.
    pub(crate) fn dial(from: IpAddr, to: SocketAddr, within: Duration) -> Result<Self, WireError> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        // Small, so that a large message is still under way when we stop reading.
        socket.set_recv_buffer_size(RECEIVE_OCTETS)?;
        socket.bind(&SocketAddr::new(from, 0).into())?;
        socket.connect_timeout(&to.into(), within)?;
        Self::accepted(socket.into())
    }

    /// A connection that somebody dialled to us.
    pub(crate) fn accepted(stream: TcpStream) -> Result<Self, WireError> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(WRITE_PATIENCE))?;
        Ok(Self { stream: Stream::Plain(stream), inbox: Vec::new() })
    }

    /// TLS as the client, with the server's certificate verified for `name`. What came in before is discarded.
    pub(crate) fn into_tls_client(self, config: &Arc<ClientConfig>, name: &str, within: Duration) -> Result<Self, WireError> {
        let name = ServerName::try_from(name.to_owned()).map_err(|error| WireError::Failed(io::Error::other(error)))?;
        let connection = ClientConnection::new(Arc::clone(config), name).map_err(|error| WireError::Failed(io::Error::other(error)))?;
        let mut tls = Box::new(StreamOwned::new(connection, self.into_tcp(within)?));
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock)?;
        }
        Ok(Self { stream: Stream::Client(tls), inbox: Vec::new() })
    }

    /// TLS as the server. What came in before is discarded.
    pub(crate) fn into_tls_server(self, config: &Arc<ServerConfig>, within: Duration) -> Result<Self, WireError> {
        let connection = ServerConnection::new(Arc::clone(config)).map_err(|error| WireError::Failed(io::Error::other(error)))?;
        let mut tls = Box::new(StreamOwned::new(connection, self.into_tcp(within)?));
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock)?;
        }
        Ok(Self { stream: Stream::Server(tls), inbox: Vec::new() })
    }

    /// Sends all of it now.
    pub(crate) fn send(&mut self, octets: &[u8]) -> Result<(), WireError> {
        let stream: &mut dyn Write = match &mut self.stream {
            Stream::Plain(stream) => stream,
            Stream::Client(stream) => stream,
            Stream::Server(stream) => stream,
        };
        stream.write_all(octets)?;
        stream.flush()?;
        Ok(())
    }

    /// The next line with its CRLF, of at most `octets_max` octets.
    pub(crate) fn line(&mut self, octets_max: usize, within: Duration) -> Result<Vec<u8>, WireError> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(at) = self.inbox.iter().position(|octet| *octet == b'\n') {
                let line: Vec<u8> = self.inbox.drain(..=at).collect();
                if line.len() > octets_max {
                    return Err(WireError::BadLine(format!("{} octets, more than {octets_max}", line.len())));
                }
                if !line.ends_with(b"\r\n") {
                    return Err(WireError::BadLine(format!("ends in LF alone: {}", crate::trace::legible(&line))));
                }
                return Ok(line);
            }
            if self.inbox.len() > octets_max {
                return Err(WireError::BadLine(format!("more than {octets_max} octets and no end")));
            }
            self.fill(deadline)?;
        }
    }

    /// Exactly `count` octets.
    pub(crate) fn exactly(&mut self, count: usize, within: Duration) -> Result<Vec<u8>, WireError> {
        let deadline = Instant::now() + within;
        while self.inbox.len() < count {
            self.fill(deadline)?;
        }
        Ok(self.inbox.drain(..count).collect())
    }

    /// Whether the other side says nothing at all for this long.
    pub(crate) fn is_silent_for(&mut self, within: Duration) -> bool {
        self.inbox.is_empty() && matches!(self.fill(Instant::now() + within), Err(WireError::TimedOut))
    }

    /// Whether the other side closes within this time, whatever it says before.
    pub(crate) fn closes_within(&mut self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        loop {
            self.inbox.clear();
            match self.fill(deadline) {
                Ok(()) => {}
                Err(WireError::TimedOut) => return false,
                Err(_) => return true,
            }
        }
    }

    /// Gives no octet back to the operating system until at least one arrived.
    fn fill(&mut self, deadline: Instant) -> Result<(), WireError> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(WireError::TimedOut);
        }
        self.tcp().set_read_timeout(Some(left))?;
        let mut chunk = [0_u8; CHUNK_OCTETS];
        let count = match &mut self.stream {
            Stream::Plain(stream) => stream.read(&mut chunk),
            Stream::Client(stream) => stream.read(&mut chunk),
            Stream::Server(stream) => stream.read(&mut chunk),
        }?;
        if count == 0 {
            return Err(WireError::Closed);
        }
        self.inbox.extend_from_slice(chunk.get(..count).unwrap_or_default());
        Ok(())
    }

    fn tcp(&self) -> &TcpStream {
        match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Client(stream) => &stream.sock,
            Stream::Server(stream) => &stream.sock,
        }
    }

    fn into_tcp(self, within: Duration) -> Result<TcpStream, WireError> {
        let stream = match self.stream {
            Stream::Plain(stream) => stream,
            Stream::Client(stream) => stream.sock,
            Stream::Server(stream) => stream.sock,
        };
        stream.set_read_timeout(Some(within))?;
        Ok(stream)
    }
}
