//! A connection of the command line to a server's IMAP, in TLS that must verify.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::time::Duration;

use proto::imap::client::question::{Heard, Question, Unanswered};
use proto::imap::client::twoway::Change;
use proto::imap::client::{Channel, Event, Misbehaved, Misuse, Session, Step};
use proto::imap::command::Command;
use proto::imap::limits::ClientLimits;
use proto::imap::response::{Condition, Data, twoway};
use proto::sasl::Secret;
use proto::sasl::scram::Nonce;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::super::arguments::Server;
use crate::admin::AdminError;
use crate::real;
use crate::tls;

/// How long a connection may take to come about.
const CONNECTING_MAX: Duration = Duration::from_secs(30);
/// How long to listen before the server is told that we still do (RFC 2177: within 29 minutes).
const LISTENING_MAX: Duration = Duration::from_mins(25);
/// Octets read at once.
const READ_OCTETS: usize = 16 * 1024;

/// One session with a server.
pub(super) struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    session: Session,
}

/// What came of waiting for the server.
enum Waited {
    Event(Event),
    /// Nothing, for as long as we listen.
    Nothing,
}

impl Connection {
    /// Connects, and hears the greeting.
    pub(super) fn open(server: &Server, ca: Option<&Path>) -> Result<Self, AdminError> {
        let unreachable = |error: &dyn std::fmt::Display| AdminError::temporary("unreachable", format!("{}: {error}", server.host));
        let config = tls::verifying(ca).map_err(|error| AdminError::usage("ca", error.to_string()))?;
        let name = ServerName::try_from(server.host.clone()).map_err(|error| AdminError::usage("server", error.to_string()))?;
        let addresses = (server.host.as_str(), server.port).to_socket_addrs().map_err(|error| unreachable(&error))?;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no address");
        let mut connected = None;
        for address in addresses {
            match TcpStream::connect_timeout(&address, CONNECTING_MAX) {
                Ok(stream) => {
                    connected = Some(stream);
                    break;
                }
                Err(error) => last = error,
            }
        }
        let stream = connected.ok_or_else(|| unreachable(&last))?;
        let client = ClientConnection::new(config, name).map_err(|error| unreachable(&error))?;
        let session = Session::new(ClientLimits::default(), Channel::Tls);
        let mut connection = Self { stream: StreamOwned::new(client, stream), session };
        match connection.event()? {
            Event::Ready => Ok(connection),
            Event::Refused(status) => Err(AdminError::temporary("server", format!("the server does not want to talk: {}", status.text))),
            _ => Err(AdminError::refused("peer", "the server did not greet")),
        }
    }

    /// Says who we are.
    pub(super) fn login(&mut self, user: &str, password: &Secret) -> Result<(), AdminError> {
        let mut chance = [0; 18];
        real::fill_random(&mut chance);
        self.session.prove(user, password, &Nonce::from_entropy(chance)).map_err(misuse)?;
        loop {
            match self.event()? {
                Event::Done(status) if status.condition == Condition::Ok => break,
                Event::Done(status) => return Err(AdminError::refused("login", status.text.into_owned())),
                Event::Closing(status) => return Err(AdminError::temporary("server", status.text.into_owned())),
                _ => {}
            }
        }
        if self.session.offers("XTWOWAY") {
            return Ok(());
        }
        Err(AdminError::refused("not-offered", "the server does not offer XTWOWAY: it does not know two-way mail, or not by IMAP"))
    }

    /// Asks one thing.
    pub(super) fn ask<Q: Question>(&mut self, question: Q) -> Result<Q::Answer, AdminError> {
        let mut asked = self.session.ask(question).map_err(misuse)?;
        loop {
            asked = match asked.hear(self.event()?) {
                Heard::Part(asked) | Heard::Beside(asked, _) => asked,
                Heard::Answer(answer) => return Ok(answer),
                Heard::Unanswered(reason) => return Err(unanswered(&reason)),
            };
        }
    }

    /// Tells what changes; ends only when it can't go on.
    pub(super) fn watch(&mut self, mut tell: impl FnMut(&twoway::Response) -> Result<(), AdminError>) -> Result<(), AdminError> {
        self.ask(Change::watch())?;
        loop {
            self.session.send(Command::Idle).map_err(misuse)?;
            loop {
                match self.wait()? {
                    Waited::Event(Event::Data(Data::Twoway(told))) => tell(&told)?,
                    Waited::Event(Event::Done(status)) if status.condition == Condition::Ok => break,
                    Waited::Event(Event::Done(status)) => return Err(AdminError::refused("watch", status.text.into_owned())),
                    Waited::Event(Event::Closing(status)) => return Err(AdminError::temporary("server", status.text.into_owned())),
                    Waited::Event(_) => {}
                    Waited::Nothing => self.session.end_idle().map_err(misuse)?,
                }
            }
        }
    }

    /// Says goodbye; whether it is heard does not matter any more.
    pub(super) fn close(mut self) {
        if self.session.send(Command::Logout).is_ok() {
            while let Ok(event) = self.event() {
                if matches!(event, Event::Done(_)) {
                    break;
                }
            }
        }
        self.stream.conn.send_close_notify();
        drop(self.stream.flush());
    }

    fn event(&mut self) -> Result<Event, AdminError> {
        match self.wait()? {
            Waited::Event(event) => Ok(event),
            Waited::Nothing => Err(AdminError::temporary("server", "the server does not answer")),
        }
    }

    fn wait(&mut self) -> Result<Waited, AdminError> {
        let lost = |error: io::Error| AdminError::temporary("server", format!("the connection is lost: {error}"));
        loop {
            let step = self.session.next().map_err(misbehaved)?;
            let output = self.session.take_output();
            self.stream.write_all(&output).and_then(|()| self.stream.flush()).map_err(lost)?;
            if let Step::Event(event) = step {
                return Ok(Waited::Event(event));
            }
            let patience = self.session.timeout().unwrap_or(LISTENING_MAX);
            self.stream.sock.set_read_timeout(Some(patience)).map_err(lost)?;
            let mut buffer = [0; READ_OCTETS];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(AdminError::temporary("server", "the server closed the connection")),
                Ok(count) => self.session.receive(buffer.get(..count).unwrap_or_default()).map_err(misbehaved)?,
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => return Ok(Waited::Nothing),
                Err(error) => return Err(lost(error)),
            }
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn misbehaved(fault: Misbehaved) -> AdminError {
    AdminError::refused("peer", fault.to_string())
}

fn misuse(fault: Misuse) -> AdminError {
    AdminError::refused("not-offered", fault.to_string())
}

fn unanswered(reason: &Unanswered) -> AdminError {
    match reason {
        Unanswered::Closed(_) => AdminError::temporary("server", reason.to_string()),
        Unanswered::Refused(_) => AdminError::refused("refused", reason.to_string()),
        Unanswered::NotUnderstood(_) | Unanswered::TooMuch | Unanswered::NotTold => AdminError::refused("peer", reason.to_string()),
    }
}
