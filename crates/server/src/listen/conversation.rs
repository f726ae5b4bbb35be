//! A session's octets to and from its connection: reading, writing, TLS, silence and shutdown.

use std::sync::Arc;
use std::time::Duration;

use mail::time::Timestamp;
use proto::smtp::replies;
use proto::smtp::reply::Reply;
use proto::smtp::server::{Channel, Config, Event, Misuse, Session, Step};

use crate::node::Node;
use crate::world::{First, TlsFacts, Wire, WireError, first};

/// Octets read at once.
const READ_OCTETS: usize = 32 * 1024;

/// The slowest a client may be once it has begun a command or a message, and its first wait is over: or an octet now and
/// then would keep a session for days.
const RATE_MIN_OCTETS_PER_SECOND: u64 = 1024;

/// One session on its connection.
pub struct Conversation {
    /// The server it is with.
    pub node: Arc<Node>,
    /// What was said.
    pub session: Session,
    /// Once TLS is in use.
    pub tls: Option<TlsFacts>,
    wire: Box<dyn Wire>,
    buffer: Vec<u8>,
    /// Since when the client has been at its command or message, and how much of it came.
    at_it_since: Timestamp,
    at_it_octets: u64,
}

/// What the driver of a session has to do.
pub enum Turn {
    /// Act on this.
    Event(Event),
    /// Answer what is not answered: nothing more comes before.
    Replies,
    /// Nothing: it is over.
    Ended,
}

impl Conversation {
    /// A conversation that is about to greet.
    pub fn new(node: Arc<Node>, wire: Box<dyn Wire>, tls: Option<TlsFacts>, config: Arc<Config>, channel: Channel) -> Self {
        let at_it_since = node.world.now();
        let session = Session::new(config, channel);
        Self { node, session, tls, wire, buffer: vec![0; READ_OCTETS], at_it_since, at_it_octets: 0 }
    }

    /// The address of the client.
    pub fn peer_ip(&self) -> std::net::IpAddr {
        self.wire.peer().ip().to_canonical()
    }

    /// What comes next. Handles TLS, silence and shutdown by itself.
    ///
    /// # Errors
    /// The connection is of no more use.
    pub async fn next(&mut self) -> Result<Turn, WireError> {
        loop {
            match self.session.next() {
                Step::NeedInput => {
                    // A batch is answered before more is waited for: the client may wait for us.
                    if self.session.unanswered() > 0 {
                        return Ok(Turn::Replies);
                    }
                    self.flush().await?;
                    self.read().await?;
                }
                Step::NeedReplies => return Ok(Turn::Replies),
                Step::Flush => self.flush().await?,
                Step::Event(Event::StartTls) => self.start_tls().await?,
                Step::Event(event) => {
                    if !matches!(event, Event::Content(_) | Event::ContentDropped) {
                        self.begin_anew();
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

    /// Answers the oldest event.
    ///
    /// # Errors
    /// Nothing was asked: our own fault, and the end of this session.
    pub fn reply(&mut self, reply: &Reply) -> Result<(), WireError> {
        self.session.reply(reply).map_err(misuse)
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
        let deadline = self.node.world.after(self.node.settings.limits.timeouts.write);
        self.wire.write_all(&output, deadline).await?;
        self.begin_anew();
        Ok(())
    }

    /// The client was answered, or finished something: its next command or message has its own time.
    fn begin_anew(&mut self) {
        (self.at_it_since, self.at_it_octets) = (self.node.world.now(), 0);
    }

    /// Ends the connection without another word: what was announced can't be kept.
    pub async fn abort(&mut self) {
        self.wire.close().await;
    }

    async fn read(&mut self) -> Result<(), WireError> {
        let timeout = self.session.timeout();
        let at_least = Duration::from_secs(self.at_it_octets / RATE_MIN_OCTETS_PER_SECOND);
        let deadline = self.node.world.after(timeout).min(self.at_it_since + timeout + at_least);
        let read = self.wire.read(&mut self.buffer, deadline);
        // Between transactions a shutdown ends the session; a message under way is finished first.
        let outcome = if self.session.envelope().is_some() { First::Left(read.await) } else { first(read, self.node.stop.raised()).await };
        match outcome {
            First::Left(Ok(0)) => Err(WireError::Lost("the client hung up".to_owned())),
            First::Left(Ok(octets)) => {
                self.at_it_octets += u64::try_from(octets).unwrap_or(u64::MAX);
                self.session.receive(self.buffer.get(..octets).unwrap_or_default());
                Ok(())
            }
            First::Left(Err(WireError::TimedOut)) | First::Right(()) => {
                self.session.close(&replies::closing());
                Ok(())
            }
            First::Left(Err(error)) => Err(error),
        }
    }

    async fn start_tls(&mut self) -> Result<(), WireError> {
        self.flush().await?;
        let deadline = self.node.world.after(self.node.settings.limits.timeouts.handshake);
        let facts = self.wire.start_tls_as_server(deadline).await?;
        record(&facts);
        self.tls = Some(facts);
        self.session.tls_started().map_err(misuse)
    }
}

/// Writes down what a client showed of itself. Rule (b) is not granted yet: nothing rests on it.
pub fn record(facts: &TlsFacts) {
    if let Some(certificate) = &facts.peer_certificate {
        tracing::info!(names = ?crate::tls::names(certificate), "the client shows a certificate, which proves nothing yet");
    }
}

/// A driver that answers what was not asked has lost its place: the session can't go on.
pub fn misuse(misuse: Misuse) -> WireError {
    tracing::error!(%misuse, "a session was driven wrongly");
    WireError::Lost(misuse.to_string())
}

#[cfg(test)]
mod tests;
