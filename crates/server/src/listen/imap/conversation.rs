//! A session's octets to and from its connection: reading, writing, TLS, compression, silence and shutdown.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use proto::imap::response::{Data, Status};
use proto::imap::server::{Config, Event, Misuse, Session, Step};
use proto::smtp::server::Channel;

use super::deflate::Line;
use crate::listen::conversation::pace::Pace;
use crate::listen::{conversation, login};
use crate::node::Node;
use crate::world::{First, Wire, WireError, first};

/// Octets read at once while a message or a long command comes in.
const READ_OCTETS: usize = 32 * 1024;
/// The same while a client waits, or sends a command now and then: there may be ten thousand of them.
const IDLE_READ_OCTETS: usize = 512;
/// A session with a mail program may last as long as that program: no end is near.
const SESSION_MAX: Duration = Duration::from_hours(24 * 365);

/// One session on its connection.
pub struct Conversation {
    /// The server it is with.
    pub node: Arc<Node>,
    /// What was said.
    pub session: Session,
    wire: Line,
    buffer: Vec<u8>,
    /// How many octets the last read found.
    last_read: usize,
    pace: Pace,
    auth_failures_charged: u32,
}

/// What the driver of a session has to do.
pub enum Turn {
    /// Act on this.
    Event(Event),
    /// Something happened that was waited for beside the client.
    News,
    /// Nothing: it is over.
    Ended,
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.node.metrics.imap_session_ended(self.session.counts());
    }
}

impl Conversation {
    /// A conversation that is about to greet.
    pub fn new(node: Arc<Node>, wire: Box<dyn Wire>, config: Arc<Config>, channel: Channel) -> Self {
        let pace = Pace::new(node.world.now(), node.settings.limits.octets_per_second_min, SESSION_MAX);
        let session = Session::new(config, channel);
        Self { node, session, wire: Line::new(wire), buffer: Vec::new(), last_read: 0, pace, auth_failures_charged: 0 }
    }

    /// The address of the client.
    pub fn peer_ip(&self) -> IpAddr {
        self.wire.peer().ip().to_canonical()
    }

    /// What comes next, from the client or from `news`. Handles TLS, compression, silence and shutdown by itself.
    ///
    /// # Errors
    /// The connection is of no more use.
    pub async fn next(&mut self, news: impl Future<Output = ()>) -> Result<Turn, WireError> {
        let mut news = std::pin::pin!(news);
        loop {
            let step = self.session.next();
            self.charge_auth_failures();
            match step {
                Step::NeedInput => {
                    self.flush().await?;
                    if self.read(news.as_mut()).await? == Heard::News {
                        return Ok(Turn::News);
                    }
                }
                // Every event was answered when it came.
                Step::NeedAnswer => return Err(misuse(Misuse::NothingToAnswer)),
                Step::Flush => self.flush().await?,
                Step::Event(Event::StartTls) => self.start_tls().await?,
                Step::Event(Event::Compress) => self.compress().await?,
                Step::Event(event) => {
                    if !matches!(event, Event::Content(_) | Event::ContentDropped) {
                        self.pace.begin_anew(self.node.world.now());
                    }
                    return Ok(Turn::Event(event));
                }
                Step::Close => {
                    self.flush().await?;
                    self.wire.close().await;
                    return Ok(Turn::Ended);
                }
            }
        }
    }

    /// Tells something without a tag; writes it out if much has gathered.
    ///
    /// # Errors
    /// It does not fit here, or the connection is of no more use.
    pub async fn tell(&mut self, data: &Data) -> Result<(), WireError> {
        self.session.tell(data).map_err(misuse)?;
        self.ease().await
    }

    /// Ends the answer to a command.
    ///
    /// # Errors
    /// Nothing was asked: our own fault, and the end of this session.
    pub fn complete(&mut self, status: &Status) -> Result<(), WireError> {
        self.session.complete(status).map_err(misuse)
    }

    /// Writes what the session has to say, if that is much: a client that does not read is not written for.
    ///
    /// # Errors
    /// The connection is of no more use.
    pub async fn ease(&mut self) -> Result<(), WireError> {
        if self.session.output_octets() > self.node.imap.config.limits.output_octets_max { self.flush().await } else { Ok(()) }
    }

    /// Writes what the session has to say.
    ///
    /// # Errors
    /// The connection is of no more use.
    pub async fn flush(&mut self) -> Result<(), WireError> {
        let output = self.session.take_output();
        if output.is_empty() {
            return Ok(());
        }
        let begun = self.node.world.now();
        let deadline = self.pace.write_deadline(begun, self.node.settings.limits.timeouts.write);
        self.wire.write_all(&output, deadline).await?;
        let now = self.node.world.now();
        self.pace.wrote(output.len(), now.since(begun));
        self.pace.begin_anew(now);
        Ok(())
    }

    async fn read(&mut self, news: impl Future<Output = ()>) -> Result<Heard, WireError> {
        let now = self.node.world.now();
        let deadline = self.pace.read_deadline(now, self.session.timeout());
        self.fit_buffer();
        let read = self.wire.read(&mut self.buffer, deadline);
        match first(first(read, news), self.node.stop.raised()).await {
            First::Left(First::Left(Ok(0))) => Err(WireError::Lost("the client hung up".to_owned())),
            First::Left(First::Left(Ok(octets))) => {
                self.last_read = octets;
                self.pace.read(octets);
                self.session.receive(self.buffer.get(..octets).unwrap_or_default());
                Ok(Heard::Client)
            }
            First::Left(First::Right(())) => Ok(Heard::News),
            First::Left(First::Left(Err(WireError::TimedOut))) => {
                self.session.close("too long without a word, closing");
                Ok(Heard::Client)
            }
            First::Right(()) => {
                self.session.close("the server stops, come back soon");
                Ok(Heard::Client)
            }
            First::Left(First::Left(Err(error))) => Err(error),
        }
    }

    fn charge_auth_failures(&mut self) {
        let failures = self.session.counts().auth_failures;
        while self.auth_failures_charged < failures {
            self.auth_failures_charged += 1;
            login::charge(&self.node, self.peer_ip());
        }
    }

    /// Room for what is likely to come next.
    fn fit_buffer(&mut self) {
        let octets = if self.last_read > 0 && self.last_read >= self.buffer.len() {
            READ_OCTETS
        } else if self.last_read < IDLE_READ_OCTETS {
            IDLE_READ_OCTETS
        } else {
            self.buffer.len()
        };
        if self.buffer.len() != octets {
            self.buffer = vec![0; octets];
        }
    }

    async fn start_tls(&mut self) -> Result<(), WireError> {
        self.flush().await?;
        let deadline = self.node.world.after(self.node.settings.limits.timeouts.handshake);
        let facts = self.wire.start_tls(deadline).await?;
        conversation::record(&facts);
        self.session.tls_started().map_err(misuse)
    }

    async fn compress(&mut self) -> Result<(), WireError> {
        self.flush().await?;
        self.wire.compress();
        self.session.compressed().map_err(misuse)
    }
}

/// Who spoke first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Client,
    News,
}

/// A driver that answers what was not asked has lost its place: the session can't go on.
pub fn misuse(misuse: Misuse) -> WireError {
    tracing::error!(%misuse, "a session was driven wrongly");
    WireError::Lost(misuse.to_string())
}
