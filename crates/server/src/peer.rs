//! Sessions we open with other servers: dialling a target, greeting it, TLS, commands and replies.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use delivery::discovery::{self, Addresses, Target, Tls, TlsFailure};
use delivery::peer::Peer;
use mail::address::Domain;
use mail::time::Timestamp;
use proto::smtp::capabilities::Capabilities;
use proto::smtp::client::{Event, Misbehaved, Misuse, Session, Step};
use proto::smtp::command::{ChunkPlace, Command};
use proto::smtp::reply::Reply;
use proto::twoway::{self, Capability};

use crate::dialled::Held;
use crate::inquiry::Inquirer;
use crate::node::Node;
use crate::world::{TlsFacts, Wire, WireError};

/// How long a connection may take to come about, for each address.
const CONNECT_MAX: Duration = Duration::from_secs(30);

/// How long a peer that broke off is listened to: what it said is here already, or will not come.
const LAST_WORD_MAX: Duration = Duration::from_secs(2);

/// Octets read at once.
const READ_OCTETS: usize = 64 * 1024;

/// Why a session with a peer came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// No address of it could be reached. Their trouble or the network's; passes.
    #[error("{host}: {reason}")]
    Unreachable {
        /// The host.
        host: String,
        /// What was tried and failed.
        reason: String,
    },
    /// It has failed too often; it is left alone for a while.
    #[error("{host} has failed too often and rests until {until}")]
    Resting {
        /// The host.
        host: String,
        /// When it may be dialled again.
        until: Timestamp,
    },
    /// We hold as many connections to its address as to any.
    #[error("{host}: as many connections to its address are open as may be")]
    Busy {
        /// The host.
        host: String,
    },
    /// The connection broke.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// It does not want to talk.
    #[error("the server refuses: {0}")]
    Refused(Reply),
    /// It offered TLS, and none came about.
    #[error("TLS was offered and did not come about: {reason}")]
    NoTls {
        /// Whether that may be otherwise the next time.
        failure: TlsFailure,
        /// What happened.
        reason: String,
    },
    /// It does not speak SMTP.
    #[error("the server misbehaves: {0}")]
    Misbehaved(#[from] Misbehaved),
    /// We lost our place in the session: our fault.
    #[error("the session was driven wrongly: {0}")]
    Misuse(#[from] Misuse),
}

impl PeerError {
    /// For counting.
    const fn word(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::Wire(WireError::Unreachable(_)) => "unreachable",
            Self::Resting { .. } => "resting",
            Self::Busy { .. } => "busy",
            Self::Wire(WireError::TimedOut) => "timed-out",
            Self::Wire(WireError::Lost(_)) => "lost",
            Self::Wire(WireError::Tls(_)) | Self::NoTls { .. } => "tls",
            Self::Refused(_) => "refused",
            Self::Misbehaved(_) => "misbehaved",
            Self::Misuse(_) => "misuse",
        }
    }

    /// The same, where it befell STARTTLS or the handshake behind it. A connection that is lost there is a lost connection,
    /// and proves nothing.
    fn of_tls(self) -> Self {
        let failure = match &self {
            Self::Wire(WireError::Tls(_)) | Self::Misbehaved(_) => TlsFailure::Refused,
            Self::Refused(reply) if reply.is_permanent() => TlsFailure::Refused,
            // RFC 3207 section 4: 454, TLS is not available for a temporary reason.
            Self::Refused(_) | Self::Wire(WireError::TimedOut | WireError::Lost(_) | WireError::Unreachable(_)) => TlsFailure::Passing,
            Self::Unreachable { .. } | Self::Resting { .. } | Self::Busy { .. } | Self::NoTls { .. } | Self::Misuse(_) => return self,
        };
        Self::NoTls { failure, reason: self.to_string() }
    }

    /// Whether it was left alone, and not dialled.
    pub const fn is_rest(&self) -> bool {
        matches!(self, Self::Resting { .. } | Self::Busy { .. })
    }
}

/// No target of this domain could be reached, one by one: a failure of the domain's, however many hosts it names.
pub fn none_reached(node: &Node, domain: &Domain) {
    node.budgets.failed(Peer::Origin(domain.clone()), node.world.now(), &node.settings.timers);
}

/// Whether STARTTLS is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsUse {
    /// If it is offered, and then without a way back in this session.
    IfOffered,
    /// It was tried in vain.
    NotAgain,
}

/// A session with a peer, greeted, in TLS if it can.
pub struct PeerSession {
    /// Where it is: its name, or its address where a route names that.
    pub host: String,
    /// Once TLS is in use.
    pub tls: Option<TlsFacts>,
    /// Since when.
    pub opened: Timestamp,
    /// Notices that were put in line.
    pub notices: u64,
    node: Arc<Node>,
    session: Session,
    wire: Box<dyn Wire>,
    buffer: Vec<u8>,
    /// Its place among the connections to this address.
    held: Held,
}

impl PeerSession {
    /// Opens a session with a target, at the first of its addresses that answers, unless that service rests, or `domain`,
    /// on whose behalf it is dialled. Whoever has tried all targets of a domain in vain tells [`none_reached`].
    ///
    /// # Errors
    /// None came about.
    pub async fn open(node: &Arc<Node>, inquirer: &mut Inquirer, domain: &Domain, target: &Target) -> Result<Self, PeerError> {
        let unreachable = |reason: String| PeerError::Unreachable { host: target.host.to_string(), reason };
        if let Some(until) = node.budgets.resting_until(&Peer::Origin(domain.clone()), node.world.now()) {
            return Err(PeerError::Resting { host: target.host.to_string(), until });
        }
        let step = discovery::addresses_of(&target.host, &node.settings.dialling);
        let addresses = match inquirer.decide(&*node.world, step).await {
            Addresses::Usable { addresses, .. } => addresses,
            Addresses::Forbidden(addresses) => return Err(unreachable(format!("its addresses may not be dialled: {addresses:?}"))),
            Addresses::None => return Err(unreachable("it has no address".to_owned())),
            Addresses::Temporary(reason) => return Err(unreachable(reason)),
        };
        let mut last = unreachable("it has no address".to_owned());
        for address in addresses {
            let opened = Self::open_at(node, target.host.as_str(), SocketAddr::new(address, target.port), target.tls, TlsUse::IfOffered);
            match opened.await {
                Ok(session) => {
                    node.budgets.succeeded(&Peer::Origin(domain.clone()));
                    return Ok(session);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Opens a session with the service at one address, unless it rests.
    ///
    /// # Errors
    /// None came about.
    pub async fn open_at(node: &Arc<Node>, host: &str, to: SocketAddr, tls: Tls, tls_use: TlsUse) -> Result<Self, PeerError> {
        let service = Peer::Service(to, tls);
        let rests = || match node.budgets.resting_until(&service, node.world.now()) {
            Some(until) => Err(PeerError::Resting { host: host.to_owned(), until }),
            None => Ok(()),
        };
        rests()?;
        let (per_address_max, deadline) = (node.settings.limits.dialled_per_address_max, node.world.after(CONNECT_MAX));
        let held = node.dialled.hold(&*node.world, to.ip(), per_address_max, deadline).await;
        let held = held.ok_or_else(|| PeerError::Busy { host: host.to_owned() })?;
        // Those before us may have found out meanwhile: a crowd that waits for its turn must not all dial a victim.
        rests()?;
        let opened = Self::connect(node, host, to, (tls, tls_use), held).await;
        node.metrics.dialled(opened.as_ref().map_or_else(PeerError::word, |_| "open"));
        match &opened {
            // Who answers is there, whatever becomes of TLS.
            Ok(_) | Err(PeerError::NoTls { .. }) => node.budgets.succeeded(&service),
            Err(_) => node.budgets.failed(service, node.world.now(), &node.settings.timers),
        }
        opened
    }

    async fn connect(node: &Arc<Node>, host: &str, to: SocketAddr, wished: (Tls, TlsUse), held: Held) -> Result<Self, PeerError> {
        let (tls, tls_use) = wished;
        let limits = node.settings.limits;
        let mut wire = node.world.dial(to, node.world.after(CONNECT_MAX)).await?;
        let tls = match tls {
            Tls::Implicit => Some(wire.start_tls_as_client(host, node.world.after(limits.timeouts.handshake)).await?),
            Tls::StartTls => None,
        };
        let session = Session::new(node.settings.hostname.clone(), limits);
        let (node, opened, buffer) = (Arc::clone(node), node.world.now(), vec![0; READ_OCTETS]);
        let mut peer = Self { host: host.to_owned(), tls, opened, notices: 0, node, session, wire, buffer, held };
        peer.greet().await?;
        if peer.tls.is_none() && tls_use == TlsUse::IfOffered && peer.session.capabilities().starttls() {
            peer.tls = Some(peer.start_tls().await.map_err(PeerError::of_tls)?);
            peer.session.tls_started()?;
            peer.greet().await?;
        }
        Ok(peer)
    }

    /// What the peer says of the extension; only over TLS, where it counts. An offer that can't be read is none to
    /// work with, and no sign of absence either: see [`Self::offers_twoway`].
    pub fn twoway(&self) -> Option<&Capability> {
        self.offer()?.as_ref().ok()
    }

    /// Whether the keyword is there at all, over TLS.
    pub fn offers_twoway(&self) -> bool {
        self.offer().is_some()
    }

    fn offer(&self) -> Option<&Result<Capability, twoway::SyntaxError>> {
        self.tls.as_ref().and_then(|_| self.session.capabilities().twoway())
    }

    /// Whether it takes addresses beyond ASCII.
    pub fn takes_smtputf8(&self) -> bool {
        self.session.capabilities().has("SMTPUTF8")
    }

    /// Why its certificate is not that of its host, if it is not.
    pub fn unverified(&self) -> Option<&str> {
        match &self.tls {
            Some(facts) => facts.unverified.as_deref(),
            None => Some("no TLS"),
        }
    }

    /// Whether so many connections to its address are open that this one should not wait for what comes next.
    pub fn is_crowded(&self) -> bool {
        self.held.is_crowded(self.node.settings.limits.dialled_per_address_max)
    }

    /// What it offers.
    pub fn capabilities(&self) -> &Capabilities {
        self.session.capabilities()
    }

    /// Puts a command in line; it leaves before the next reply is waited for.
    ///
    /// # Errors
    /// Too many are in line.
    pub fn send(&mut self, command: twoway::Command) -> Result<(), PeerError> {
        self.notices += u64::from(matches!(command, twoway::Command::Notice(_)));
        self.send_smtp(&Command::Twoway(command))
    }

    /// The same, for a command of SMTP's own.
    ///
    /// # Errors
    /// Too many are in line.
    pub fn send_smtp(&mut self, command: &Command) -> Result<(), PeerError> {
        Ok(self.session.send(command)?)
    }

    /// The reply to the oldest command.
    ///
    /// # Errors
    /// None comes.
    pub async fn reply(&mut self) -> Result<Reply, PeerError> {
        self.reply_within(self.node.settings.limits.timeouts.reply).await
    }

    /// The same, with another patience.
    ///
    /// # Errors
    /// None comes.
    pub async fn reply_within(&mut self, patience: Duration) -> Result<Reply, PeerError> {
        match self.event(patience).await? {
            Event::Reply(reply) => Ok(reply),
            Event::Closing(reply) | Event::Refused(reply) => Err(PeerError::Refused(reply)),
            Event::Ready | Event::StartTls | Event::Octets(_) | Event::OctetsEnd => Err(PeerError::Misuse(Misuse::NotNow)),
        }
    }

    /// So many octets follow the reply that was just read.
    ///
    /// # Errors
    /// It was not one that octets follow.
    pub fn expect_octets(&mut self, octets: u64) -> Result<(), PeerError> {
        Ok(self.session.expect_octets(octets)?)
    }

    /// The next of the octets; `None` at their end. `deadline` bounds how slowly they may come.
    ///
    /// # Errors
    /// They do not come.
    pub async fn octets(&mut self, deadline: Timestamp) -> Result<Option<Vec<u8>>, PeerError> {
        let left = deadline.since(self.node.world.now());
        if left.is_zero() {
            return Err(PeerError::Wire(WireError::TimedOut));
        }
        match self.event(left.min(self.node.settings.limits.timeouts.content)).await? {
            Event::Octets(octets) => Ok(Some(octets)),
            Event::OctetsEnd => Ok(None),
            Event::Closing(reply) | Event::Refused(reply) | Event::Reply(reply) => Err(PeerError::Refused(reply)),
            Event::Ready | Event::StartTls => Err(PeerError::Misuse(Misuse::NotNow)),
        }
    }

    /// Writes content after 354.
    ///
    /// # Errors
    /// It does not leave.
    pub async fn write_content(&mut self, octets: &[u8]) -> Result<(), PeerError> {
        self.session.write_content(octets)?;
        self.flush().await
    }

    /// Ends the content; its reply comes in its turn.
    ///
    /// # Errors
    /// It does not leave.
    pub async fn end_content(&mut self) -> Result<(), PeerError> {
        self.session.end_content()?;
        self.flush().await
    }

    /// Writes one chunk; its reply comes in its turn.
    ///
    /// # Errors
    /// It does not leave.
    pub async fn write_chunk(&mut self, octets: &[u8], place: ChunkPlace) -> Result<(), PeerError> {
        self.session.send_chunk(octets, place)?;
        self.flush().await
    }

    /// What the peer said when it broke off in the middle of content, if it said why.
    pub async fn last_word(&mut self) -> Option<Reply> {
        match self.event(LAST_WORD_MAX).await {
            Ok(Event::Reply(reply) | Event::Closing(reply) | Event::Refused(reply))
            | Err(PeerError::Misbehaved(Misbehaved::Unasked(reply))) => Some(reply),
            Ok(_) | Err(_) => None,
        }
    }

    /// Says goodbye; whether it is heard does not matter.
    pub async fn quit(mut self) {
        if self.session.send(&Command::Quit).is_ok() && self.flush().await.is_ok() {
            self.wire.close().await;
        }
    }

    async fn greet(&mut self) -> Result<(), PeerError> {
        match self.event(self.node.settings.limits.timeouts.greeting).await? {
            Event::Ready => Ok(()),
            Event::Refused(reply) | Event::Closing(reply) | Event::Reply(reply) => Err(PeerError::Refused(reply)),
            Event::StartTls | Event::Octets(_) | Event::OctetsEnd => Err(PeerError::Misuse(Misuse::NotNow)),
        }
    }

    async fn start_tls(&mut self) -> Result<TlsFacts, PeerError> {
        self.session.send(&Command::StartTls)?;
        match self.event(self.node.settings.limits.timeouts.reply).await? {
            Event::StartTls => {}
            Event::Refused(reply) | Event::Closing(reply) | Event::Reply(reply) => return Err(PeerError::Refused(reply)),
            Event::Ready | Event::Octets(_) | Event::OctetsEnd => return Err(PeerError::Misuse(Misuse::NotNow)),
        }
        let deadline = self.node.world.after(self.node.settings.limits.timeouts.handshake);
        Ok(self.wire.start_tls_as_client(&self.host, deadline).await?)
    }

    async fn event(&mut self, patience: Duration) -> Result<Event, PeerError> {
        let deadline = self.node.world.after(patience);
        loop {
            match self.session.next()? {
                Step::Event(event) => return Ok(event),
                Step::NeedInput => {
                    self.flush().await?;
                    let octets = self.wire.read(&mut self.buffer, deadline).await?;
                    if octets == 0 {
                        return Err(PeerError::Wire(WireError::Lost("the server hung up".to_owned())));
                    }
                    self.session.receive(self.buffer.get(..octets).unwrap_or_default())?;
                }
            }
        }
    }

    async fn flush(&mut self) -> Result<(), PeerError> {
        let output = self.session.take_output();
        if !output.is_empty() {
            let deadline = self.node.world.after(self.node.settings.limits.timeouts.write);
            self.wire.write_all(&output, deadline).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_server_says_of_tls_proves_that_there_is_none() {
        let wire = |error| PeerError::Wire(error);
        let refused = |code, text| PeerError::Refused(Reply::new(code, None, text));
        let words = || "words".to_owned();
        let table = [
            (wire(WireError::Tls(words())), Some(TlsFailure::Refused)),
            (wire(WireError::Lost(words())), Some(TlsFailure::Passing)),
            (wire(WireError::TimedOut), Some(TlsFailure::Passing)),
            (refused(454, "TLS not available"), Some(TlsFailure::Passing)),
            (refused(421, "closing"), Some(TlsFailure::Passing)),
            (refused(502, "not implemented"), Some(TlsFailure::Refused)),
            (PeerError::Misbehaved(Misbehaved::Unasked(Reply::new(250, None, "ok"))), Some(TlsFailure::Refused)),
            (PeerError::Misuse(Misuse::NotNow), None),
        ];
        for (error, expected) in table {
            let found = match error.of_tls() {
                PeerError::NoTls { failure, reason } => Some((failure, reason)),
                _of_another_kind => None,
            };
            assert_eq!(found.as_ref().map(|(failure, _)| *failure), expected, "{found:?}");
        }
    }
}
