//! A client's session: commands in, replies out in the same order, and octets where a reply announced them.
//!
//! A driver writes what [`Session::take_output`] gives it and follows [`Session::next`]. The session greets, learns what
//! the server offers, and starts TLS when told to; everything else is sent by the driver.

use std::collections::VecDeque;

use mail::address::Domain;

use super::capabilities::Capabilities;
use super::command::{Chunk, ChunkPlace, Command};
use super::content::DotWriter;
use super::input::{BareLineEnd, Input, Line};
use super::reply::{Reply, ReplyError, ReplyReader};
use crate::limits::Limits;
use crate::twoway;

/// What the driver does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Write the output, then read from the server.
    NeedInput,
    /// Act on this.
    Event(Event),
}

/// What the server said.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Greeting and EHLO are done: [`Session::capabilities`] are known, commands can be sent.
    Ready,
    /// The server does not want to talk, or not about TLS: the greeting, HELO or STARTTLS was refused.
    Refused(Reply),
    /// Do the handshake, then call [`Session::tls_started`].
    StartTls,
    /// To the oldest command without a reply. After 250 to RETRIEVE, call [`Session::expect_octets`].
    Reply(Reply),
    /// The next of the announced octets.
    Octets(Vec<u8>),
    /// All announced octets are read.
    OctetsEnd,
    /// The server is about to close the connection (421 without being asked).
    Closing(Reply),
}

/// What a server did that no server does: final, and worth a line in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misbehaved {
    /// A line that is no reply.
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// A reply line over the limit.
    #[error("the peer's reply line is too long")]
    LineTooLong,
    /// Half a line end.
    #[error("the peer's reply has a {0}")]
    LineEnd(BareLineEnd),
    /// A reply to nothing.
    #[error("the peer sent a reply that nothing asked for: {0}")]
    Unasked(Reply),
    /// More input than the session has room for.
    #[error("the peer sent more than was asked for")]
    TooMuchInput,
}

/// The driver called something that does not fit: our own fault, or content that can't be sent this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// Not in this state.
    #[error("the session is not in a state for this")]
    NotNow,
    /// Too many commands without a reply.
    #[error("too many commands without a reply")]
    TooManyCommands,
    /// Content with half a line end, after DATA.
    #[error("content with a {0} can't be sent by DATA")]
    LineEnd(#[from] BareLineEnd),
}

/// One session with a server.
#[derive(Debug)]
pub struct Session {
    name: Domain,
    limits: Limits,
    input: Input,
    output: Vec<u8>,
    reader: ReplyReader,
    expected: VecDeque<Expected>,
    phase: Phase,
    capabilities: Capabilities,
}

/// To what the next reply is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Data,
    Retrieve,
    Other,
}

#[derive(Debug)]
enum Phase {
    /// Greeting, EHLO and HELO: the session speaks by itself.
    Greeting,
    /// The driver sends commands.
    Commands,
    /// The driver does the handshake.
    StartingTls,
    /// The driver writes content after 354.
    Content(DotWriter),
    /// The driver reads the reply to RETRIEVE.
    Announced,
    /// So many octets follow.
    Octets { left: u64 },
    /// The server refused to go on.
    Over,
}

impl Session {
    /// A session with a server just connected to; `name` is ours.
    pub fn new(name: Domain, limits: Limits) -> Self {
        Self {
            name,
            limits,
            input: Input::default(),
            output: Vec::new(),
            reader: ReplyReader::default(),
            expected: VecDeque::from([Expected::Greeting]),
            phase: Phase::Greeting,
            capabilities: Capabilities::default(),
        }
    }

    /// Takes what the server sent.
    ///
    /// # Errors
    /// It is more than the session has room for.
    pub fn receive(&mut self, octets: &[u8]) -> Result<(), Misbehaved> {
        if matches!(self.phase, Phase::StartingTls) {
            return Ok(());
        }
        if self.input.unused().len() + octets.len() > self.limits.buffered_octets_max {
            return Err(Misbehaved::TooMuchInput);
        }
        self.input.push(octets);
        Ok(())
    }

    /// What the driver does next.
    ///
    /// # Errors
    /// The server misbehaved: the session is of no more use.
    #[expect(clippy::should_implement_trait, reason = "a session is not a sequence: it can need something and go on")]
    pub fn next(&mut self) -> Result<Step, Misbehaved> {
        loop {
            if let Phase::Octets { left } = &mut self.phase {
                let unused = self.input.unused();
                let count_max = usize::try_from(*left).unwrap_or(usize::MAX).min(self.limits.content_chunk_octets_max);
                let piece = unused.get(..count_max).unwrap_or(unused).to_vec();
                if *left == 0 {
                    self.phase = Phase::Commands;
                    return Ok(Step::Event(Event::OctetsEnd));
                }
                if piece.is_empty() {
                    return Ok(Step::NeedInput);
                }
                *left = left.saturating_sub(u64::try_from(piece.len()).unwrap_or(u64::MAX));
                self.input.consume(piece.len());
                return Ok(Step::Event(Event::Octets(piece)));
            }
            if matches!(self.phase, Phase::StartingTls | Phase::Announced | Phase::Over) {
                return Ok(Step::NeedInput);
            }
            let Some(reply) = self.next_reply()? else { return Ok(Step::NeedInput) };
            if let Some(event) = self.replied(reply)? {
                return Ok(Step::Event(event));
            }
        }
    }

    /// Sends a command; its reply comes in its turn. Nothing can follow DATA or STARTTLS before their reply is here.
    ///
    /// # Errors
    /// The session is not ready, or too many replies are due.
    pub fn send(&mut self, command: &Command) -> Result<(), Misuse> {
        let expected = match command {
            Command::Data => Expected::Data,
            Command::StartTls => Expected::StartTls,
            Command::Twoway(twoway::Command::Retrieve(_)) => Expected::Retrieve,
            _ => Expected::Other,
        };
        // RFC 2920 section 3.1 and RFC 3207 section 4: nothing follows these before their reply is here.
        let blocked = self.expected.back().is_some_and(|last| matches!(last, Expected::Data | Expected::StartTls));
        if blocked || !matches!(self.phase, Phase::Commands | Phase::Announced | Phase::Octets { .. }) {
            return Err(Misuse::NotNow);
        }
        if self.expected.len() >= self.limits.pipelined_max {
            return Err(Misuse::TooManyCommands);
        }
        command.encode(&mut self.output);
        self.expected.push_back(expected);
        Ok(())
    }

    /// Sends one chunk of content (RFC 3030).
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn send_chunk(&mut self, octets: &[u8], place: ChunkPlace) -> Result<(), Misuse> {
        let count = u64::try_from(octets.len()).unwrap_or(u64::MAX);
        self.send(&Command::Bdat(Chunk { octets: count, place }))?;
        self.output.extend_from_slice(octets);
        Ok(())
    }

    /// Sends content after 354, dots doubled.
    ///
    /// # Errors
    /// No 354 came, or the content has half a line end: close the connection, or the server waits for the rest.
    pub fn write_content(&mut self, octets: &[u8]) -> Result<(), Misuse> {
        match &mut self.phase {
            Phase::Content(writer) => Ok(writer.write(octets, &mut self.output)?),
            _ => Err(Misuse::NotNow),
        }
    }

    /// Ends the content; its reply comes in its turn.
    ///
    /// # Errors
    /// As [`Self::write_content`].
    pub fn end_content(&mut self) -> Result<(), Misuse> {
        match std::mem::replace(&mut self.phase, Phase::Commands) {
            Phase::Content(writer) => {
                writer.end(&mut self.output)?;
                self.expected.push_back(Expected::Other);
                Ok(())
            }
            other => {
                self.phase = other;
                Err(Misuse::NotNow)
            }
        }
    }

    /// So many octets follow the reply to RETRIEVE.
    ///
    /// # Errors
    /// The last reply was not one to RETRIEVE, or was no 250.
    pub fn expect_octets(&mut self, octets: u64) -> Result<(), Misuse> {
        if !matches!(self.phase, Phase::Announced) {
            return Err(Misuse::NotNow);
        }
        self.phase = Phase::Octets { left: octets };
        Ok(())
    }

    /// The handshake is done: forgets what the server said before, and asks again (RFC 3207 section 4.2).
    ///
    /// # Errors
    /// No handshake was asked for.
    pub fn tls_started(&mut self) -> Result<(), Misuse> {
        if !matches!(self.phase, Phase::StartingTls) {
            return Err(Misuse::NotNow);
        }
        // Octets behind the 220 were not encrypted: anybody on the way may have put them there.
        self.input.clear();
        self.capabilities = Capabilities::default();
        self.phase = Phase::Greeting;
        self.introduce(Expected::Ehlo);
        Ok(())
    }

    /// What is to be written to the server.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// What the server offers; nothing before [`Event::Ready`].
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// How many replies are due.
    pub fn replies_due(&self) -> usize {
        self.expected.len()
    }

    fn introduce(&mut self, expected: Expected) {
        let name = self.name.to_string();
        let command = if expected == Expected::Helo { Command::Helo(name) } else { Command::Ehlo(name) };
        command.encode(&mut self.output);
        self.expected.push_back(expected);
    }

    fn next_reply(&mut self) -> Result<Option<Reply>, Misbehaved> {
        loop {
            let reply = match self.input.line(self.limits.reply_line_octets_max) {
                Line::Partial => return Ok(None),
                Line::TooLong => return Err(Misbehaved::LineTooLong),
                Line::Bare(bare) => return Err(Misbehaved::LineEnd(bare)),
                Line::Whole(line) => self.reader.line(line, self.limits.reply_lines_max)?,
            };
            self.input.consume_line();
            if reply.is_some() {
                return Ok(reply);
            }
        }
    }

    /// What a reply means in this state; nothing if the session goes on by itself.
    fn replied(&mut self, reply: Reply) -> Result<Option<Event>, Misbehaved> {
        let Some(expected) = self.expected.pop_front() else {
            // RFC 5321 section 3.8: a server going down says 421 whenever it must.
            return if reply.code == 421 { Ok(Some(Event::Closing(reply))) } else { Err(Misbehaved::Unasked(reply)) };
        };
        let event = match expected {
            Expected::Greeting if reply.is_success() => {
                self.introduce(Expected::Ehlo);
                return Ok(None);
            }
            Expected::Ehlo | Expected::Helo if reply.is_success() => {
                let extended = expected == Expected::Ehlo;
                self.capabilities = if extended { Capabilities::of(&reply) } else { Capabilities::default() };
                self.phase = Phase::Commands;
                Event::Ready
            }
            // RFC 5321 section 3.2: a server that does not know EHLO may know HELO.
            Expected::Ehlo if reply.is_permanent() => {
                self.introduce(Expected::Helo);
                return Ok(None);
            }
            Expected::Greeting | Expected::Ehlo | Expected::Helo => {
                self.phase = Phase::Over;
                Event::Refused(reply)
            }
            Expected::StartTls if reply.is_success() => {
                self.phase = Phase::StartingTls;
                Event::StartTls
            }
            Expected::StartTls => Event::Refused(reply),
            Expected::Data if reply.is_intermediate() => {
                self.phase = Phase::Content(DotWriter::default());
                Event::Reply(reply)
            }
            Expected::Retrieve if reply.is_success() => {
                self.phase = Phase::Announced;
                Event::Reply(reply)
            }
            Expected::Data | Expected::Retrieve | Expected::Other => Event::Reply(reply),
        };
        Ok(Some(event))
    }
}
