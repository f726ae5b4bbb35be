//! A session's octets to and from its connection: reading, writing, TLS, silence and shutdown.

pub(super) mod pace;

use std::sync::Arc;

use proto::smtp::replies;
use proto::smtp::reply::Reply;
use proto::smtp::server::{Channel, Config, Event, Misuse, Role, Session, Step};

use crate::listen::login;
use crate::node::Node;
use crate::world::{First, TlsFacts, Wire, WireError, first};
use pace::Pace;

/// Octets read at once while a message comes in, or more than a command or two at a time.
const READ_OCTETS: usize = 32 * 1024;
/// The same between messages: most connections wait for one command most of the time, and there may be thousands.
const IDLE_READ_OCTETS: usize = 2 * 1024;

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
    /// How many octets the last read found.
    last_read: usize,
    pace: Pace,
    role: Role,
    /// Failed AUTH commands that its address was charged for.
    auth_failures_charged: u32,
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

impl Drop for Conversation {
    fn drop(&mut self) {
        self.node.metrics.session_ended(self.role, self.session.counts());
    }
}

impl Conversation {
    /// A conversation that is about to greet.
    pub fn new(node: Arc<Node>, wire: Box<dyn Wire>, tls: Option<TlsFacts>, config: Arc<Config>, channel: Channel) -> Self {
        let limits = &node.settings.limits;
        let pace = Pace::new(node.world.now(), limits.octets_per_second_min, limits.timeouts.session);
        let role = config.role;
        let session = Session::new(config, channel);
        Self { node, session, tls, wire, buffer: Vec::new(), last_read: 0, pace, role, auth_failures_charged: 0 }
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
            let step = self.session.next();
            self.charge_auth_failures();
            match step {
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
        let begun = self.node.world.now();
        let deadline = self.pace.write_deadline(begun, self.node.settings.limits.timeouts.write);
        self.wire.write_all(&output, deadline).await?;
        let now = self.node.world.now();
        self.pace.wrote(output.len(), now.since(begun));
        self.pace.begin_anew(now);
        Ok(())
    }

    /// The client was answered, or finished something: its next command or message has its own time.
    fn begin_anew(&mut self) {
        self.pace.begin_anew(self.node.world.now());
    }

    /// Ends the connection without another word: what was announced can't be kept.
    pub async fn abort(&mut self) {
        self.wire.close().await;
    }

    async fn read(&mut self) -> Result<(), WireError> {
        let now = self.node.world.now();
        if self.pace.is_over(now) {
            self.session.close(&replies::session_over());
            return Ok(());
        }
        let deadline = self.pace.read_deadline(now, self.session.timeout());
        self.fit_buffer();
        let read = self.wire.read(&mut self.buffer, deadline);
        // Between transactions a shutdown ends the session; a message under way is finished first.
        let outcome = if self.session.envelope().is_some() { First::Left(read.await) } else { first(read, self.node.stop.raised()).await };
        match outcome {
            First::Left(Ok(0)) => Err(WireError::Lost("the client hung up".to_owned())),
            First::Left(Ok(octets)) => {
                self.last_read = octets;
                self.pace.read(octets);
                self.session.receive(self.buffer.get(..octets).unwrap_or_default());
                Ok(())
            }
            First::Left(Err(WireError::TimedOut)) | First::Right(()) => {
                let is_over = self.pace.is_over(self.node.world.now());
                self.session.close(&if is_over { replies::session_over() } else { replies::closing() });
                Ok(())
            }
            First::Left(Err(error)) => Err(error),
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
        let octets = if self.session.envelope().is_some() || self.last_read >= self.buffer.len() && self.last_read > 0 {
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
