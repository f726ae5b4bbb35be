//! A small mail program: logs in at a submission port and hands in one message, as any client does.

use std::net::SocketAddr;
use std::time::Duration;

use mail::address::{Mailbox, ReversePath};
use mail::envelope::{Body, ReportWish, ReturnWish};
use proto::limits::Limits;
use proto::smtp::client::{Event, Misbehaved, Misuse, Session, Step};
use proto::smtp::command::{Base64, Command, ForwardPath, Mail, Rcpt};
use proto::smtp::reply::Reply;

use crate::world::{Wire, WireError, World};

/// Patience for each step.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a user hands in mail, and as whom.
pub struct Login<'a> {
    /// The submission port, with STARTTLS.
    pub server: SocketAddr,
    /// Its host, by certificate.
    pub host: &'a str,
    /// The user's address.
    pub user: &'a Mailbox,
    /// The user's password.
    pub password: &'a str,
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// The connection.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The server's certificate.
    #[error("the server is not who it should be: {0}")]
    Unverified(String),
    /// The server said no.
    #[error("the server refuses: {0}")]
    Refused(Reply),
    /// The server does not speak SMTP.
    #[error(transparent)]
    Misbehaved(#[from] Misbehaved),
    /// This program lost its place.
    #[error(transparent)]
    Misuse(#[from] Misuse),
}

/// Hands in one message, asking for a report of its delivery. Returns the server's last word.
///
/// # Errors
/// It was not taken.
pub async fn hand_in(world: &dyn World, login: &Login<'_>, to: &Mailbox, message: &[u8]) -> Result<Reply, ProgramError> {
    let wire = world.dial(login.server, world.after(PATIENCE)).await?;
    let name = login.user.domain().clone();
    let mut program = Program { world, wire, session: Session::new(name, Limits::default()), buffer: vec![0; 4096] };
    program.ready().await?;
    program.session.send(&Command::StartTls)?;
    match program.event().await? {
        Event::StartTls => {}
        Event::Refused(reply) | Event::Reply(reply) | Event::Closing(reply) => return Err(ProgramError::Refused(reply)),
        Event::Ready | Event::Octets(_) | Event::OctetsEnd => return Err(Misuse::NotNow.into()),
    }
    let facts = program.wire.start_tls_as_client(login.host, world.after(PATIENCE)).await?;
    if let Some(reason) = facts.unverified {
        return Err(ProgramError::Unverified(reason));
    }
    program.session.tls_started()?;
    program.ready().await?;

    let plain = data_encoding::BASE64.encode(format!("\0{}\0{}", login.user, login.password).as_bytes());
    program.command(&Command::Auth { mechanism: "PLAIN".to_owned(), initial: Some(Base64(plain)) }).await?;
    let mail =
        Mail { body: Some(Body::EightBitMime), returns: Some(ReturnWish::Headers), ..Mail::new(ReversePath::Mailbox(login.user.clone())) };
    program.command(&Command::Mail(mail)).await?;
    let wish = ReportWish::On { success: true, failure: true, delay: true };
    program.command(&Command::Rcpt(Rcpt { report: wish, ..Rcpt::new(ForwardPath::Mailbox(to.clone())) })).await?;
    program.command(&Command::Data).await?;
    program.session.write_content(message)?;
    program.session.end_content()?;
    let last = program.reply().await?;
    program.session.send(&Command::Quit)?;
    program.flush().await?;
    program.wire.close().await;
    Ok(last)
}

struct Program<'a> {
    world: &'a dyn World,
    wire: Box<dyn Wire>,
    session: Session,
    buffer: Vec<u8>,
}

impl Program<'_> {
    async fn ready(&mut self) -> Result<(), ProgramError> {
        match self.event().await? {
            Event::Ready => Ok(()),
            Event::Refused(reply) | Event::Reply(reply) | Event::Closing(reply) => Err(ProgramError::Refused(reply)),
            Event::StartTls | Event::Octets(_) | Event::OctetsEnd => Err(Misuse::NotNow.into()),
        }
    }

    /// Sends a command and waits for a reply that lets us go on.
    async fn command(&mut self, command: &Command) -> Result<Reply, ProgramError> {
        self.session.send(command)?;
        self.reply().await
    }

    async fn reply(&mut self) -> Result<Reply, ProgramError> {
        match self.event().await? {
            Event::Reply(reply) if reply.is_success() || reply.is_intermediate() => Ok(reply),
            Event::Refused(reply) | Event::Reply(reply) | Event::Closing(reply) => Err(ProgramError::Refused(reply)),
            Event::Ready | Event::StartTls | Event::Octets(_) | Event::OctetsEnd => Err(Misuse::NotNow.into()),
        }
    }

    async fn event(&mut self) -> Result<Event, ProgramError> {
        let deadline = self.world.after(PATIENCE);
        loop {
            match self.session.next()? {
                Step::Event(event) => return Ok(event),
                Step::NeedInput => {
                    self.flush().await?;
                    let octets = self.wire.read(&mut self.buffer, deadline).await?;
                    if octets == 0 {
                        return Err(WireError::Lost("the server hung up".to_owned()).into());
                    }
                    self.session.receive(self.buffer.get(..octets).unwrap_or_default())?;
                }
            }
        }
    }

    async fn flush(&mut self) -> Result<(), ProgramError> {
        let output = self.session.take_output();
        if !output.is_empty() {
            self.wire.write_all(&output, self.world.after(PATIENCE)).await?;
        }
        Ok(())
    }
}
