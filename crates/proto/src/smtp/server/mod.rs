//! A server's session: octets in, events out, replies in, octets out. It keeps the order; the driver decides.
//!
//! A driver writes what [`Session::take_output`] gives it and follows [`Session::next`]. Replies leave in the order of the
//! commands. The extension's commands may pile up unanswered, so that many notices are one commit; every other event is
//! answered before the next one comes out.

mod answers;
mod auth;
mod counts;
mod hello;
mod intake;
mod order;

use std::sync::Arc;
use std::time::Duration;

use mail::address::Domain;
use mail::envelope::{Envelope, Recipient};

use super::command::{AUTH_OCTETS_MAX, Command, CommandError, Mail, parse};
use super::content::DotReader;
use super::input::{BareLineEnd, Input, Line};
use super::replies;
use super::reply::Reply;
use crate::limits::Limits;
use crate::sasl::scram::{AwaitVerifier, Nonce, Verifier};
use crate::sasl::{Exchange, Secret, Turn};
use crate::twoway;

use answers::{Answers, Owed};
use intake::Transaction;

pub use counts::Counts;

/// What the port is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Ports 587 and 465: users hand in their mail (RFC 6409).
    Submission,
    /// Port 25: other servers.
    Exchange,
    /// The port named by SRV: other servers fetch what waits for them.
    Retrieval,
}

/// Whether the octets are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// In the clear, and no certificate to change that.
    Clear,
    /// In the clear until the client sends STARTTLS.
    Upgradable,
    /// TLS.
    Tls,
}

/// What is the same for every session of a port.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the port is for.
    pub role: Role,
    /// Our name in the greeting.
    pub hostname: Domain,
    /// Whose postmaster `<postmaster>` is.
    pub postmaster_domain: Domain,
    /// What a client may use up.
    pub limits: Limits,
}

/// What the driver does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Read from the client and give it to [`Session::receive`].
    NeedInput,
    /// Answer at least the oldest event that is not answered.
    NeedReplies,
    /// Write the output, then go on.
    Flush,
    /// Act on this.
    Event(Event),
    /// Write the output and close the connection.
    Close,
}

/// What the client wants. All but the content events are answered by [`Session::reply`] or what their text names.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The 220 is in the output: write it, do the handshake, then call [`Session::tls_started`].
    StartTls,
    /// Is this the user's password? 235 makes the session the user's; 535 counts as a failure.
    Password {
        /// As the client wrote it, prepared.
        username: String,
        /// As the client wrote it, prepared.
        password: Secret,
    },
    /// Answered by [`Session::scram_verifier`], with a decoy where there is no such user.
    Scram {
        /// As the client wrote it, prepared.
        username: String,
    },
    /// 250 opens a transaction.
    Mail(Mail),
    /// 250 adds the recipient.
    Recipient(Recipient),
    /// The next octets of the content. Not answered.
    Content(Vec<u8>),
    /// What was given of the content is void. Not answered.
    ContentDropped,
    /// The content is complete: 250 takes responsibility for it.
    Message(Box<Envelope>),
    /// RETRIEVE that succeeds is answered by [`Session::reply_with_octets`].
    Twoway(twoway::Command),
}

/// The driver called something that does not fit: our own fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// Every event is answered.
    #[error("no event is waiting for this answer")]
    NothingToAnswer,
    /// Octets were announced and are not written yet.
    #[error("announced octets are still to be written")]
    OctetsMissing,
    /// More octets than were announced.
    #[error("more octets than were announced")]
    TooManyOctets,
}

/// One client's session.
#[derive(Debug)]
pub struct Session {
    config: Arc<Config>,
    channel: Channel,
    input: Input,
    answers: Answers,
    phase: Phase,
    client: Client,
    user: Option<String>,
    transaction: Option<Transaction>,
    counts: Counts,
}

/// What the next octets are, or what is waited for.
#[derive(Debug)]
enum Phase {
    /// A command line.
    Commands,
    /// The rest of a line that was too long, and how much of it is gone.
    SkippingLine { octets: usize },
    /// Nothing: the driver decides.
    Deciding(Question),
    /// The client's next SASL message.
    Authenticating(Exchange),
    /// Nothing: the driver does the handshake.
    StartingTls,
    /// Content with dots.
    Data(DotReader),
    /// Content by length, of the open transaction.
    Chunk(intake::Chunk),
    /// Octets that belong to no transaction, and the reply that is due behind them.
    StrayChunk { left: u64, reply: Reply },
    /// Nothing: the content is complete.
    ContentComplete,
    /// Nothing: the last reply was said.
    Closing,
}

/// What the driver decides on.
#[derive(Debug)]
enum Question {
    Mail(Mail),
    Recipient(Recipient),
    Message,
    Password { username: String },
    Verifier(AwaitVerifier),
}

/// How the client introduced itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Client {
    /// Not yet.
    Silent,
    /// By HELO: without extensions.
    Helo(String),
    /// By EHLO.
    Ehlo(String),
}

impl Session {
    /// A session with a client that has just connected; the greeting is in the output.
    pub fn new(config: Arc<Config>, channel: Channel) -> Self {
        let mut session = Self {
            config,
            channel,
            input: Input::default(),
            answers: Answers::default(),
            phase: Phase::Commands,
            client: Client::Silent,
            user: None,
            transaction: None,
            counts: Counts::default(),
        };
        let greeting = Reply::new(220, None, format!("{} ESMTP", session.config.hostname));
        session.answers.say(&greeting);
        session
    }

    /// Takes what the client sent; to be called when the session needs input.
    pub fn receive(&mut self, octets: &[u8]) {
        if matches!(self.phase, Phase::Closing | Phase::StartingTls) {
            return;
        }
        if self.input.unused().len() + octets.len() > self.config.limits.buffered_octets_max {
            return self.close(&replies::too_much_input());
        }
        self.input.push(octets);
    }

    /// What the driver does next.
    #[expect(clippy::should_implement_trait, reason = "a session is not a sequence: it can need something and go on")]
    pub fn next(&mut self) -> Step {
        loop {
            if self.answers.output_octets() > self.config.limits.output_octets_max {
                return Step::Flush;
            }
            let step = match &self.phase {
                Phase::Closing if self.answers.settled() => Some(Step::Close),
                Phase::Closing | Phase::Deciding(_) | Phase::StartingTls => Some(Step::NeedReplies),
                Phase::Commands => self.next_command(),
                Phase::Authenticating(_) => self.next_response(),
                Phase::SkippingLine { octets } => self.skip_line(*octets),
                Phase::Data(_) => self.next_dotted(),
                Phase::Chunk(_) => self.next_chunked(),
                Phase::StrayChunk { .. } => self.next_stray(),
                Phase::ContentComplete => self.complete(),
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    /// Answers the oldest event that is not answered.
    ///
    /// # Errors
    /// There is none, or announced octets are still to be written.
    pub fn reply(&mut self, reply: &Reply) -> Result<(), Misuse> {
        match std::mem::replace(&mut self.phase, Phase::Commands) {
            // That somebody is who they say is for the session to find out: only a verifier can make it so.
            verifier @ Phase::Deciding(Question::Verifier(_)) if reply.is_success() => {
                self.phase = verifier;
                Err(Misuse::NothingToAnswer)
            }
            Phase::Deciding(question) => {
                self.decided(question, reply);
                Ok(())
            }
            other => {
                self.phase = other;
                self.answers.answer(reply)
            }
        }
    }

    /// Answers the oldest event, which is a RETRIEVE; so many octets follow by [`Self::write_octets`].
    ///
    /// # Errors
    /// The oldest event is no RETRIEVE, or earlier octets are still to be written.
    pub fn reply_with_octets(&mut self, reply: &Reply, octets: u64) -> Result<(), Misuse> {
        self.answers.answer_with_octets(reply, octets)
    }

    /// Writes announced octets.
    ///
    /// # Errors
    /// Fewer were announced; none of these is written.
    pub fn write_octets(&mut self, octets: &[u8]) -> Result<(), Misuse> {
        self.answers.write_octets(octets)
    }

    /// Answers [`Event::Scram`].
    ///
    /// # Errors
    /// That is not what is waited for.
    pub fn scram_verifier(&mut self, verifier: Verifier, nonce: &Nonce) -> Result<(), Misuse> {
        match std::mem::replace(&mut self.phase, Phase::Commands) {
            Phase::Deciding(Question::Verifier(awaiting)) => {
                let (exchange, server_first) = awaiting.server_first(verifier, nonce);
                self.challenge(Exchange::ScramFinal(exchange), &server_first);
                Ok(())
            }
            other => {
                self.phase = other;
                Err(Misuse::NothingToAnswer)
            }
        }
    }

    /// The handshake is done: the session is as new (RFC 3207 section 4.2).
    ///
    /// # Errors
    /// No handshake was asked for.
    pub fn tls_started(&mut self) -> Result<(), Misuse> {
        if !matches!(self.phase, Phase::StartingTls) {
            return Err(Misuse::NothingToAnswer);
        }
        // What stands behind STARTTLS was not encrypted: anybody on the way may have put it there.
        self.input.clear();
        self.channel = Channel::Tls;
        self.client = Client::Silent;
        self.phase = Phase::Commands;
        Ok(())
    }

    /// Ends the session with this reply, behind those to the extension's commands: shutdown, or a client that was silent for
    /// too long. Another event that is not answered gets no answer any more: answer it first.
    pub fn close(&mut self, reply: &Reply) {
        if !matches!(self.phase, Phase::Closing) {
            self.answers.say(reply);
            self.input.clear();
            self.phase = Phase::Closing;
        }
    }

    /// What is to be written to the client.
    pub fn take_output(&mut self) -> Vec<u8> {
        self.answers.take_output()
    }

    /// How many events are not answered yet.
    pub fn unanswered(&self) -> usize {
        self.answers.owed() + usize::from(matches!(self.phase, Phase::Deciding(_) | Phase::StartingTls))
    }

    /// How long to wait for the client's next octets.
    pub fn timeout(&self) -> Duration {
        let timeouts = &self.config.limits.timeouts;
        match self.phase {
            Phase::Data(_) | Phase::Chunk(_) | Phase::StrayChunk { .. } => timeouts.content,
            _ => timeouts.command,
        }
    }

    /// Who has authenticated, as the client wrote the name.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// How the client introduced itself.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether the octets are encrypted.
    pub fn channel(&self) -> Channel {
        self.channel
    }

    /// The envelope so far, while a transaction is open; it may not have recipients yet.
    pub fn envelope(&self) -> Option<&Envelope> {
        self.transaction.as_ref().map(|transaction| &transaction.envelope)
    }

    fn line_octets_max(&self) -> usize {
        if self.config.role == Role::Submission { AUTH_OCTETS_MAX } else { twoway::COMMAND_OCTETS_MAX }
    }

    /// Reads one command line and acts on it. A line that must wait for replies stays in the input.
    fn next_command(&mut self) -> Option<Step> {
        let (command, charset) = match self.input.line(self.line_octets_max()) {
            Line::Whole(line) => (parse(line), if line.is_ascii() { Charset::Ascii } else { Charset::Utf8 }),
            other => {
                let odd = OddLine::of(&other);
                return self.odd_line(odd);
            }
        };
        let waits = match &command {
            Ok(Command::Twoway(command)) => !self.answers.has_room(Owed::by(command), &self.config.limits),
            Ok(_) => !self.answers.settled(),
            Err(_) => false,
        };
        if waits {
            return Some(Step::NeedReplies);
        }
        self.input.consume_line();
        self.counts.commands += 1;
        if self.counts.commands > self.config.limits.commands_max {
            self.close(&replies::too_many_commands());
            return None;
        }
        match command {
            Ok(Command::Twoway(command)) => self.twoway(command),
            Ok(command) => self.command(command, charset),
            // Nobody knows where the next command begins: octets of a message must not be read as one.
            Err(error @ CommandError::Chunk) => {
                self.close(&error.reply());
                None
            }
            Err(error) => self.refuse(&error.reply()),
        }
    }

    /// Acts on what is no whole line.
    fn odd_line(&mut self, line: OddLine) -> Option<Step> {
        match line {
            OddLine::Partial => return Some(Step::NeedInput),
            OddLine::TooLong => self.phase = Phase::SkippingLine { octets: 0 },
            OddLine::Bare(BareLineEnd::Lf) => self.close(&replies::bare_lf_in_command()),
            OddLine::Bare(BareLineEnd::Cr) => self.close(&replies::bare_cr_in_command()),
        }
        None
    }

    fn skip_line(&mut self, skipped: usize) -> Option<Step> {
        let octets = skipped.saturating_add(self.input.unused().len());
        if !self.input.skip_line() {
            // Whoever sends without an end is not waiting for an answer.
            if octets > self.config.limits.buffered_octets_max {
                self.close(&replies::too_much_input());
                return None;
            }
            self.phase = Phase::SkippingLine { octets };
            return Some(Step::NeedInput);
        }
        self.phase = Phase::Commands;
        self.refuse(&replies::line_too_long())
    }

    /// Refuses a command, and closes when there were too many of the kind.
    fn refuse(&mut self, reply: &Reply) -> Option<Step> {
        self.counts.errors += 1;
        if self.counts.errors > self.config.limits.errors_max {
            self.close(&replies::too_many_errors());
        } else {
            self.answers.say(reply);
        }
        None
    }

    /// Says a reply that is no refusal.
    fn say(&mut self, reply: &Reply) -> Option<Step> {
        self.answers.say(reply);
        None
    }

    /// The driver has decided; the phase is that of commands.
    fn decided(&mut self, question: Question, reply: &Reply) {
        match question {
            Question::Mail(mail) if reply.is_success() => self.open_transaction(mail),
            Question::Recipient(recipient) if reply.is_success() => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.envelope.recipients.push(recipient);
                }
            }
            Question::Password { username } if reply.is_success() => self.user = Some(username),
            Question::Password { .. } | Question::Verifier(_) if reply.is_permanent() => return self.auth_failed(reply),
            Question::Recipient(_) if reply.is_permanent() => return self.recipient_refused(reply),
            Question::Mail(_) | Question::Recipient(_) | Question::Message | Question::Password { .. } | Question::Verifier(_) => {}
        }
        self.answers.say(reply);
    }
}

/// Whether a command line is more than ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    Ascii,
    Utf8,
}

/// What is no whole line, without the line's octets.
#[derive(Clone, Copy)]
enum OddLine {
    Partial,
    TooLong,
    Bare(BareLineEnd),
}

impl OddLine {
    fn of(line: &Line<'_>) -> Self {
        match line {
            Line::Whole(_) | Line::Partial => Self::Partial,
            Line::TooLong => Self::TooLong,
            Line::Bare(bare) => Self::Bare(*bare),
        }
    }
}
