//! We as a client: one session with a port of the server under test.

use std::time::Duration;

use anyhow::{Result, anyhow, bail, ensure};

use crate::reply::{REPLY_LINE_OCTETS_MAX, Reply, read_line};
use crate::trace::{Trace, Voice, legible};
use crate::wire::{Wire, WireError};

/// Lines of one reply; EHLO lists have some twenty.
const REPLY_LINES_MAX: usize = 1000;

/// A session in which we speak first after the greeting.
pub(crate) struct Session {
    wire: Wire,
    trace: Trace,
    patience: Duration,
    /// What the last EHLO was answered.
    pub(crate) ehlo: Reply,
}

/// What a RETRIEVE brought.
pub(crate) struct Served {
    pub(crate) reply: Reply,
    pub(crate) octets: Vec<u8>,
}

impl Session {
    /// Over a connection that is just made; every expectation waits for `patience` at most.
    pub(crate) fn over(wire: Wire, trace: Trace, patience: Duration) -> Self {
        Self { wire, trace, patience, ehlo: Reply { code: 0, lines: Vec::new(), octets: Vec::new() } }
    }

    /// Writes the rest of the dialogue elsewhere: preliminaries are shown only when they fail.
    pub(crate) fn traced_to(mut self, trace: Trace) -> Self {
        self.trace = trace;
        self
    }

    /// Sends one command.
    pub(crate) fn say(&mut self, command: &str) -> Result<()> {
        self.say_octets(format!("{command}\r\n").as_bytes())
    }

    /// Sends these octets as they are.
    pub(crate) fn say_octets(&mut self, octets: &[u8]) -> Result<()> {
        for line in octets.split_inclusive(|octet| *octet == b'\n').take(40) {
            self.trace.said(Voice::Client, line);
        }
        self.wire.send(octets).map_err(|error| anyhow!("could not send {}: {error}", legible(octets)))
    }

    /// Sends message content, of which the dialogue shows only the size.
    pub(crate) fn say_content(&mut self, octets: &[u8]) -> Result<()> {
        self.trace.said(Voice::Client, format!("<{} octets of content>", octets.len()).as_bytes());
        Ok(self.wire.send(octets)?)
    }

    /// The next reply, whatever it says.
    pub(crate) fn reply(&mut self) -> Result<Reply> {
        let mut reply = Reply { code: 0, lines: Vec::new(), octets: Vec::new() };
        loop {
            let octets = match self.wire.line(REPLY_LINE_OCTETS_MAX, self.patience) {
                Ok(octets) => octets,
                Err(error) => {
                    self.trace.note(format!("instead of a reply: {error}"));
                    return Err(error.into());
                }
            };
            self.trace.said(Voice::Server, &octets);
            let line = read_line(&octets)?;
            ensure!(reply.lines.is_empty() || reply.code == line.code, "all lines of a reply carry the same code: {}", line.text);
            ensure!(reply.lines.len() < REPLY_LINES_MAX, "a reply of more than {REPLY_LINES_MAX} lines");
            reply.code = line.code;
            reply.lines.push(line.text);
            reply.octets.extend_from_slice(&octets);
            if !line.more {
                return Ok(reply);
            }
        }
    }

    /// The next reply, which must say this.
    pub(crate) fn expect(&mut self, wanted: &str) -> Result<Reply> {
        self.expect_one_of(&[wanted])
    }

    /// The next reply, which must say one of these.
    pub(crate) fn expect_one_of(&mut self, wanted: &[&str]) -> Result<Reply> {
        let reply = self.reply()?;
        if !reply.says_one_of(wanted) {
            self.trace.note(format!("expected {}", wanted.join(" or ")));
            bail!("expected {}, got {}", wanted.join(" or "), legible(&reply.octets));
        }
        Ok(reply)
    }

    /// Sends a command whose reply must say this.
    pub(crate) fn ask(&mut self, command: &str, wanted: &str) -> Result<Reply> {
        self.say(command)?;
        self.expect(wanted)
    }

    /// Sends a command whose reply must say one of these.
    pub(crate) fn ask_one_of(&mut self, command: &str, wanted: &[&str]) -> Result<Reply> {
        self.say(command)?;
        self.expect_one_of(wanted)
    }

    /// Sends a command; its reply, whatever it says.
    pub(crate) fn reply_to(&mut self, command: &str) -> Result<Reply> {
        self.say(command)?;
        self.reply()
    }

    /// Greets, and keeps what the server offers.
    pub(crate) fn greet(&mut self, host: &str) -> Result<()> {
        self.ehlo = self.ask(&format!("EHLO {host}"), "250")?;
        Ok(())
    }

    /// The server's half of an earlier RETRIEVE: the reply, and the octets that must follow it.
    pub(crate) fn served(&mut self, offset: usize) -> Result<Served> {
        let reply = self.expect("250 2.0.0")?;
        let Some(size) = reply.value("SIZE").and_then(|size| size.parse::<usize>().ok()) else { bail!("RETRIEVE is answered with SIZE=n") };
        let count = size.checked_sub(offset).ok_or_else(|| anyhow!("offset {offset} of {size} octets was not refused"))?;
        let octets = self.wire.exactly(count, self.patience).map_err(|error| anyhow!("of {count} octets of content: {error}"))?;
        self.trace.said(Voice::Server, format!("<{count} octets of content>").as_bytes());
        Ok(Served { reply, octets })
    }

    /// Only some of the octets that follow a reply.
    pub(crate) fn some_content(&mut self, count: usize) -> Result<Vec<u8>> {
        let octets = self.wire.exactly(count, self.patience)?;
        self.trace.said(Voice::Server, format!("<{count} octets of content read, more to come>").as_bytes());
        Ok(octets)
    }

    /// Fails if the server says anything more in this time: then it answered something that was not asked.
    pub(crate) fn must_be_silent(&mut self, within: Duration) -> Result<()> {
        if self.wire.is_silent_for(within) {
            return Ok(());
        }
        match self.reply() {
            Ok(reply) => bail!("one reply for each command, but there was one more: {}", legible(&reply.octets)),
            Err(error) => Err(error),
        }
    }

    /// Whether the server closes within the usual time.
    pub(crate) fn closes(&mut self) -> bool {
        let closed = self.wire.closes_within(self.patience);
        self.trace.note(if closed { "the server closes the connection" } else { "the server keeps the connection open" });
        closed
    }

    /// The connection itself, to begin TLS on it.
    pub(crate) fn into_wire(self) -> Wire {
        self.wire
    }

    /// Leaves in good order.
    pub(crate) fn quit(mut self) -> Result<()> {
        self.ask("QUIT", "221")?;
        Ok(())
    }
}

/// Whether a session ended because the other side closed: for cases where refusing and hanging up are both fine.
pub(crate) fn was_closed(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<WireError>(), Some(WireError::Closed))
}
