//! A server's session: octets in, events out, answers in, octets out. It keeps the order; the driver decides.
//!
//! A driver writes what [`Session::take_output`] gives it and follows [`Session::next`]. One command is answered before the
//! next is read, however many a client has sent: [`Session::tell`] says what is told, [`Session::complete`] how it went.
//!
//! | state | left by | meanwhile |
//! |---|---|---|
//! | not authenticated | AUTHENTICATE, LOGIN: authenticated | STARTTLS |
//! | authenticated | SELECT, EXAMINE: selected | mailboxes, APPEND, IDLE |
//! | selected | CLOSE, UNSELECT, a SELECT that fails: authenticated | the same, and messages |
//!
//! LOGOUT ends each of them (RFC 9051 section 3).

mod auth;
mod intake;
mod offers;
mod order;
mod reading;
mod resumption;
mod telling;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::command::append::{AppendLiteral, AppendMessage, AppendNext, Replace};
use super::command::mailbox::Access;
use super::command::{Command, Tag};
use super::input::Input;
use super::limits::Limits;
use super::mailbox_name::{MailboxName, NameForm};
use super::response::code::CodeWord;
use super::response::{Condition, Data, Status};
use super::view::Renumbering;
use crate::sasl::scram::AwaitVerifier;
use crate::sasl::{Exchange, Secret};
use crate::smtp::server::Channel;

use intake::Discarding;
use resumption::Resumption;
use telling::Open;

pub use offers::Extension;

/// What is the same for every session of a port.
#[derive(Debug, Clone)]
pub struct Config {
    /// What is said of us to a client that asks by ID, and in the greeting.
    pub name: String,
    /// What the driver can do beyond the session itself, as capabilities; told to who has authenticated.
    pub extensions: Vec<String>,
    /// What a client may use up.
    pub limits: Limits,
}

/// What the driver does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Read from the client and give it to [`Session::receive`].
    NeedInput,
    /// Answer the event.
    NeedAnswer,
    /// Write the output, then go on.
    Flush,
    /// Act on this.
    Event(Event),
    /// Write the output and close the connection.
    Close,
}

/// What the client wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The answer is in the output: write it, do the handshake, then call [`Session::tls_started`].
    StartTls,
    /// The answer is in the output: write it, compress from there on (RFC 4978), then call [`Session::compressed`].
    Compress,
    /// Is this the user's password? [`Session::complete`] with OK makes the session the user's.
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
    /// Answered by [`Session::tell`] and, in the end, [`Session::complete`].
    Command(Command),
    /// The client listens: [`Session::tell`] what happens. Not answered.
    Idle,
    /// The client listens no more. Not answered.
    IdleEnd,
    /// May these messages come? If the last of them has a literal, answered by [`Session::accept_message`], or by
    /// [`Session::complete`] with NO. If not, they are complete: answered as [`Event::Messages`] is.
    Append(MailboxName, Vec<AppendMessage>),
    /// May this message replace another? Answered as [`Event::Append`] is.
    Replace(Replace),
    /// May this come behind what is here? Answered as [`Event::Append`] is.
    AppendNext(AppendNext),
    /// The next octets of a message. Not answered.
    Content(Vec<u8>),
    /// What was given of all messages of this command is void. Not answered.
    ContentDropped,
    /// A search whose result was to be saved was answered with NO: what was saved before is void (RFC 5182 section 2.1). Not answered.
    SearchRefused,
    /// All messages are complete: [`Session::complete`] with OK takes responsibility for them.
    Messages,
}

/// The driver called something that does not fit: our own fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// No event is waiting for this answer.
    #[error("no event is waiting for this answer")]
    NothingToAnswer,
    /// Numbers of messages may not change now (RFC 9051 section 7.5.1).
    #[error("numbers of messages may not change now")]
    NumbersFixed,
    /// A response is begun and not ended, or not begun.
    #[error("a response is begun and not ended, or not begun")]
    ResponseOpen,
    /// Other octets than were announced.
    #[error("other octets than were announced")]
    Octets,
}

/// One client's session.
#[derive(Debug)]
pub struct Session {
    config: Arc<Config>,
    channel: Channel,
    input: Input,
    output: Vec<u8>,
    phase: Phase,
    state: State,
    enabled: BTreeSet<Extension>,
    compressed: bool,
    open: Open,
    resumption: Resumption,
    /// What the client wants to hear between commands: messages, and whether those that go at once (RFC 5465 section 6).
    between_commands: Option<Renumbering>,
    /// Literals of the command that is being read.
    literals: usize,
    counts: Counts,
}

/// How often a client did what is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Commands, whatever came of them.
    pub commands: u32,
    /// Those that the session itself refused as BAD.
    pub errors: u32,
    /// Failed authentications.
    pub auth_failures: u32,
}

/// Who the client is, and what it has opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nobody yet.
    NotAuthenticated,
    /// A user.
    Authenticated {
        /// As the client wrote the name, prepared.
        user: String,
    },
    /// A user with a mailbox.
    Selected {
        /// As the client wrote the name, prepared.
        user: String,
        /// What may be done to the mailbox.
        access: Access,
    },
}

/// What the next octets are, or what is waited for.
#[derive(Debug)]
enum Phase {
    /// A command.
    Commands,
    /// Nothing: the driver decides.
    Deciding(Tag, Question),
    /// The client's next SASL message.
    Authenticating(Tag, Exchange),
    /// Nothing: the driver does the handshake.
    StartingTls,
    /// Nothing: the driver begins to compress.
    Compressing,
    /// `DONE`
    Idle(Tag),
    /// So many octets of a message.
    Content { tag: Tag, literal: AppendLiteral, left: u64 },
    /// What stands behind a literal of a message.
    BehindContent { tag: Tag, literal: AppendLiteral },
    /// What was refused before all of it was here.
    Discarding(Discarding),
    /// Nothing: the last response was said.
    Closing,
}

/// What the driver decides on.
#[derive(Debug)]
enum Question {
    Password { username: String },
    Verifier(AwaitVerifier),
    Command { numbers: NumbersDuring, outcome: Outcome },
    Message(AppendLiteral),
    Messages,
}

/// Whether numbers of messages may change while a command is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NumbersDuring {
    May,
    MayNot,
}

/// What becomes of the state when a command succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Same,
    Selects(Access),
    Deselects,
}

impl Session {
    /// A session with a client that has just connected; the greeting is in the output.
    pub fn new(config: Arc<Config>, channel: Channel) -> Self {
        let mut session = Self {
            config,
            channel,
            input: Input::default(),
            output: Vec::new(),
            phase: Phase::Commands,
            state: State::NotAuthenticated,
            enabled: BTreeSet::new(),
            compressed: false,
            open: Open::Nothing,
            resumption: Resumption::default(),
            between_commands: None,
            literals: 0,
            counts: Counts::default(),
        };
        let greeting = Status::new(Condition::Ok, format!("{} ready", session.config.name)).with(session.capability_code());
        session.untagged(&Data::Status(greeting));
        session
    }

    /// Takes what the client sent; to be called when the session needs input.
    pub fn receive(&mut self, octets: &[u8]) {
        if matches!(self.phase, Phase::Closing | Phase::StartingTls | Phase::Compressing) {
            return;
        }
        if self.input.unused().len() + octets.len() > self.config.limits.buffered_octets_max {
            return self.close("too much input at once, closing");
        }
        self.input.push(octets);
    }

    /// What the driver does next.
    #[expect(clippy::should_implement_trait, reason = "a session is not a sequence: it can need something and go on")]
    pub fn next(&mut self) -> Step {
        loop {
            if self.output.len() > self.config.limits.output_octets_max {
                return Step::Flush;
            }
            let step = match &self.phase {
                Phase::Closing => Some(Step::Close),
                Phase::Deciding(..) | Phase::StartingTls | Phase::Compressing => Some(Step::NeedAnswer),
                Phase::Commands => self.next_command(),
                Phase::Authenticating(..) => self.next_response(),
                Phase::Idle(_) => self.next_done(),
                Phase::Content { .. } => self.next_content(),
                Phase::BehindContent { .. } => self.next_behind_content(),
                Phase::Discarding(_) => self.discard(),
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    /// Ends the answer to an event that waits for one.
    ///
    /// # Errors
    /// None does, or a response is not ended.
    pub fn complete(&mut self, status: &Status) -> Result<(), Misuse> {
        if self.open != Open::Nothing {
            return Err(Misuse::ResponseOpen);
        }
        let ok = status.condition == Condition::Ok;
        match std::mem::replace(&mut self.phase, Phase::Commands) {
            // That somebody is who they say is for the session to find out: only a verifier can make it so.
            // And content that was not asked for can't have come.
            phase @ Phase::Deciding(_, Question::Verifier(_) | Question::Message(_)) if ok => {
                self.phase = phase;
                return Err(Misuse::NothingToAnswer);
            }
            Phase::Deciding(tag, Question::Password { username }) if ok => self.authenticated(&tag, username, status),
            Phase::Deciding(tag, Question::Password { .. } | Question::Verifier(_)) => self.auth_failed(&tag, status),
            Phase::Deciding(tag, Question::Message(literal)) => self.refuse_literal(Some(tag), status.clone(), literal.announced),
            Phase::Deciding(tag, Question::Command { outcome, .. }) => {
                if ok {
                    self.change_state(outcome);
                }
                self.say(Some(&tag), status);
            }
            Phase::Deciding(tag, Question::Messages) => self.say(Some(&tag), status),
            other => {
                self.phase = other;
                return Err(Misuse::NothingToAnswer);
            }
        }
        Ok(())
    }

    /// The handshake is done: the session is as new (RFC 9051 section 6.2.1).
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
        self.phase = Phase::Commands;
        Ok(())
    }

    /// Octets are compressed from now on, both ways.
    ///
    /// # Errors
    /// The client has not asked for it.
    pub fn compressed(&mut self) -> Result<(), Misuse> {
        if !matches!(self.phase, Phase::Compressing) {
            return Err(Misuse::NothingToAnswer);
        }
        self.input.clear();
        self.compressed = true;
        self.phase = Phase::Commands;
        Ok(())
    }

    /// Ends the session: shutdown, or a client that was silent for too long. What is not answered gets no answer any more.
    pub fn close(&mut self, reason: &'static str) {
        if !matches!(self.phase, Phase::Closing) {
            // Within a response there is no place for another.
            if self.open == Open::Nothing {
                self.untagged(&Data::Status(Status::new(Condition::Bye, reason)));
            }
            self.input.clear();
            self.phase = Phase::Closing;
        }
    }

    /// What is to be written to the client.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// How long to wait for the client's next octets.
    pub fn timeout(&self) -> Duration {
        let limits = &self.config.limits;
        match (&self.phase, &self.state) {
            (_, State::NotAuthenticated) => limits.early_timeout,
            (Phase::Content { .. } | Phase::Discarding(_), _) => limits.content_timeout,
            _ => limits.timeout,
        }
    }

    /// Who the client is, and what it has opened.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether the client has enabled an extension, by ENABLE or by using it.
    pub fn has_enabled(&self, extension: Extension) -> bool {
        self.enabled.contains(&extension)
    }

    /// The open mailbox is no more, by the client's own command: the answer to it is another one's (RFC 7162 section 3.2.11).
    pub fn deselect(&mut self) {
        if matches!(self.state, State::Selected { .. }) {
            self.change_state(Outcome::Deselects);
            self.untagged(&Data::Status(Status::new(Condition::Ok, "the mailbox is closed").with(CodeWord::Closed)));
        }
    }

    /// Whether the client wants to hear between commands of messages in the open mailbox, and whether their numbers may
    /// change then: it has asked for that by NOTIFY.
    pub fn tell_between_commands(&mut self, told: Option<Renumbering>) {
        self.between_commands = told;
    }

    /// The tag of the command that waits for its answer.
    pub fn tag(&self) -> Option<&Tag> {
        match &self.phase {
            Phase::Deciding(tag, _) => Some(tag),
            _ => None,
        }
    }

    /// Whether the client listens: what happens is told at once.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle(_))
    }

    /// The change from which a client that keeps a copy of the open mailbox will go on, should it be lost now.
    pub fn resumes_from(&self) -> u64 {
        self.resumption.modseq()
    }

    /// What it has counted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How much is to be written: a driver that tells much writes in between.
    pub fn output_octets(&self) -> usize {
        self.output.len()
    }

    /// Whether the octets are encrypted.
    pub fn channel(&self) -> Channel {
        self.channel
    }

    fn names(&self) -> NameForm {
        let utf8 = [Extension::Utf8, Extension::Rev2].iter().any(|extension| self.enabled.contains(extension));
        if utf8 { NameForm::Utf8 } else { NameForm::ModifiedUtf7 }
    }

    fn command_octets_max(&self) -> usize {
        match self.state {
            State::NotAuthenticated => self.config.limits.early_command_octets_max,
            State::Authenticated { .. } | State::Selected { .. } => self.config.limits.command_octets_max,
        }
    }

    /// Yields an event that is answered before anything else happens.
    fn ask(&mut self, tag: Tag, question: Question, event: Event) -> Step {
        self.phase = Phase::Deciding(tag, question);
        Step::Event(event)
    }

    fn change_state(&mut self, outcome: Outcome) {
        let (State::Authenticated { user } | State::Selected { user, .. }) = &self.state else { return };
        let user = user.clone();
        match outcome {
            Outcome::Same => {}
            Outcome::Selects(access) => self.state = State::Selected { user, access },
            Outcome::Deselects => self.state = State::Authenticated { user },
        }
    }

    /// Refuses a command, and closes when there were too many of the kind.
    fn refuse(&mut self, tag: Option<&Tag>, status: &Status) {
        self.counts.errors += u32::from(status.condition == Condition::Bad);
        self.say(tag, status);
        if self.counts.errors > self.config.limits.errors_max {
            self.close("too many errors, closing");
        }
    }

    /// Says how a command went.
    fn say(&mut self, tag: Option<&Tag>, status: &Status) {
        match tag {
            Some(tag) => {
                self.resumption.hear_status(status);
                self.output.extend(status.encode(tag, self.names()));
            }
            None => self.untagged(&Data::Status(status.clone())),
        }
    }

    fn untagged(&mut self, data: &Data) {
        self.resumption.hear(data);
        let octets = data.encode(self.names());
        self.output.extend(octets);
    }
}
