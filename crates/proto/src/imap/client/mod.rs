//! A client's session with any server: commands in, what is told and how they went out.
//!
//! A driver writes what [`Session::take_output`] gives it and follows [`Session::next`]. One command is under way at a time,
//! and others may be sent behind it whose answers can't be taken for its own ([`Session::send_behind`]);
//! what a server tells comes one response at a time, and content that is too large to be held in pieces. The session learns
//! what the server offers, and again where that may change: after TLS, and after a login. [`question`] puts commands and what
//! answers them together, [`twoway`] does so for two-way mail.

mod login;
pub mod question;
mod reading;
mod sending;
pub mod twoway;

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use super::command::append::AppendLiteral;
use super::command::{Command, Numbering, Tag};
use super::cursor::SyntaxError;
use super::input::Input;
use super::limits::ClientLimits;
use super::mailbox_name::NameForm;
use super::response::code::Code;
use super::response::fetch::ContentName;
use super::response::{Condition, Data, Response, Status};

use crate::sasl::scram::client::Fault;
use login::Login;
use reading::Reading;

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
    /// Commands can be sent; what the server offers is known.
    Ready,
    /// The server does not want to talk.
    Refused(Status),
    /// Do the handshake, then call [`Session::tls_started`].
    StartTls,
    /// Compress from here on, both ways, then call [`Session::compressed`].
    Compress,
    /// The next message of a SASL mechanism: call [`Session::respond`].
    Challenge(Vec<u8>),
    /// The server wants the message: call [`Session::write_message`] and [`Session::end_message`].
    SendMessage,
    /// The server tells what happens, until [`Session::end_idle`].
    Idling,
    /// Something is told. What is told of one message may come in several.
    Data(Data),
    /// Something is told that we do not know: its first word.
    Unknown(String),
    /// So many octets of a message follow, in pieces.
    Content {
        /// Of which message.
        number: NonZeroU32,
        /// What the number is.
        numbering: Numbering,
        /// What they are called.
        name: ContentName,
        /// How many.
        octets: u64,
    },
    /// The next of them.
    Octets(Vec<u8>),
    /// All of them are here.
    ContentEnd,
    /// How the command went; another can be sent.
    Done(Status),
    /// The server is about to close the connection, unasked.
    Closing(Status),
}

/// What a server did that no server does: final, and its fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misbehaved {
    /// A response that is none.
    #[error("the server's response can't be read: {0}")]
    Response(#[from] SyntaxError),
    /// A response over the limit.
    #[error("the server's response is too long")]
    TooLong,
    /// Half a line end.
    #[error("the server's response has half a line end")]
    LineEnd,
    /// No greeting.
    #[error("the server did not greet")]
    Greeting,
    /// It let us in before TLS: whoever is on the way may have said so (RFC 9051 section 11.1).
    #[error("the server let us in without TLS, which anybody on the way could have said")]
    PreAuthInClear,
    /// An answer to nothing.
    #[error("the server answered what was not asked")]
    Unasked,
    /// A SASL message that is no base64.
    #[error("the server's challenge is no base64")]
    Challenge,
    /// It did not prove what a server of that user can prove.
    #[error(transparent)]
    Scram(#[from] Fault),
    /// More input than the session has room for.
    #[error("the server sent more than was asked for")]
    TooMuchInput,
}

/// The driver called something that does not fit: our own fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// Not in this state.
    #[error("the session is not in a state for this")]
    NotNow,
    /// A password would be sent in the clear.
    #[error("no password is sent without TLS")]
    InClear,
    /// The server does not offer that.
    #[error("the server does not offer {0}")]
    NotOffered(&'static str),
    /// Other octets than were announced.
    #[error("other octets than were announced")]
    Octets,
}

/// Who can read along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Everybody on the way.
    Clear,
    /// Nobody.
    Tls,
}

/// One session with a server.
#[derive(Debug)]
pub struct Session {
    limits: ClientLimits,
    channel: Channel,
    input: Input,
    output: Vec<u8>,
    /// Pieces of the command, each of which waits for the server to ask for it.
    paused: VecDeque<Vec<u8>>,
    queued: VecDeque<Event>,
    phase: Phase,
    /// Sent behind the command under way.
    behind: VecDeque<Behind>,
    reading: Reading,
    capabilities: Vec<String>,
    /// Whether those are of the state we are in.
    capabilities_known: bool,
    authenticated: bool,
    names: NameForm,
    commands: u64,
}

/// What is under way.
#[derive(Debug)]
enum Phase {
    Greeting,
    Ready,
    Asking(Tag, Purpose),
    /// Nothing: the driver does the handshake.
    StartingTls,
    /// Nothing: the driver begins to compress.
    Compressing,
    /// Nothing more is said.
    Over,
}

/// What a command is for, and so what may come before its answer and what follows from it.
#[derive(Debug)]
enum Purpose {
    Command,
    /// Asked by the session; then this is told.
    Capabilities(Event),
    StartTls,
    Compress,
    Login(Login),
    Message(Sending),
    Idle(Idling),
    Logout,
}

/// A command that was sent behind another.
#[derive(Debug)]
struct Behind {
    tag: Tag,
    /// If the server was done with it before that other.
    answered: Option<Status>,
}

/// Where a message that is sent stands.
#[derive(Debug)]
struct Sending {
    literal: AppendLiteral,
    place: SendingPlace,
}

#[derive(Debug)]
enum SendingPlace {
    /// The server has not said that it wants it.
    Announced,
    /// So many octets are left. If the server has answered before all of them were there, they are sent all the same.
    Octets { left: u64, answered: Option<Status> },
    /// All is sent.
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Idling {
    Asked,
    Begun,
}

impl Session {
    /// A session with a server to which we have just connected.
    pub fn new(limits: ClientLimits, channel: Channel) -> Self {
        Self {
            limits,
            channel,
            input: Input::default(),
            output: Vec::new(),
            paused: VecDeque::new(),
            queued: VecDeque::new(),
            phase: Phase::Greeting,
            behind: VecDeque::new(),
            reading: Reading::Responses,
            capabilities: Vec::new(),
            capabilities_known: false,
            authenticated: false,
            names: NameForm::ModifiedUtf7,
            commands: 0,
        }
    }

    /// Takes what the server sent.
    ///
    /// # Errors
    /// It is more than the session has room for.
    pub fn receive(&mut self, octets: &[u8]) -> Result<(), Misbehaved> {
        let octets_max = self.limits.response_octets_max.saturating_add(self.limits.received_octets_max);
        if self.input.unused().len().saturating_add(octets.len()) > octets_max {
            return Err(Misbehaved::TooMuchInput);
        }
        self.input.push(octets);
        Ok(())
    }

    /// What the driver does next.
    ///
    /// # Errors
    /// The server misbehaved: close the connection.
    #[expect(clippy::should_implement_trait, reason = "a session is not a sequence: it can need something and go on")]
    pub fn next(&mut self) -> Result<Step, Misbehaved> {
        loop {
            if let Some(event) = self.queued.pop_front() {
                return Ok(Step::Event(event));
            }
            if matches!(self.phase, Phase::StartingTls | Phase::Compressing | Phase::Over) || !self.read()? {
                return Ok(Step::NeedInput);
            }
        }
    }

    /// What is to be written to the server.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// The handshake is done: forgets what the server said before, and asks again (RFC 9051 section 6.2.1).
    ///
    /// # Errors
    /// No handshake was asked for.
    pub fn tls_started(&mut self) -> Result<(), Misuse> {
        if !matches!(self.phase, Phase::StartingTls) {
            return Err(Misuse::NotNow);
        }
        // Octets behind the answer were not encrypted: anybody on the way may have put them there.
        self.input.clear();
        self.channel = Channel::Tls;
        self.capabilities.clear();
        self.ask_capabilities(Event::Ready);
        Ok(())
    }

    /// Octets are compressed from now on, both ways. Gives back what was received behind the answer, and is compressed already.
    ///
    /// # Errors
    /// Compression was not asked for.
    pub fn compressed(&mut self) -> Result<Vec<u8>, Misuse> {
        if !matches!(self.phase, Phase::Compressing) {
            return Err(Misuse::NotNow);
        }
        let early = self.input.unused().to_vec();
        self.input.clear();
        self.phase = Phase::Ready;
        Ok(early)
    }

    /// What the server offers; nothing before [`Event::Ready`].
    pub fn capabilities(&self) -> &[String] {
        &self.capabilities
    }

    /// Whether the server offers something.
    pub fn offers(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|offered| offered.eq_ignore_ascii_case(capability))
    }

    /// Whether the server knows who we are.
    pub fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// How long to wait for the server's next octets; in IDLE, nothing may come for as long as the driver likes.
    pub fn timeout(&self) -> Option<Duration> {
        (!matches!(self.phase, Phase::Asking(_, Purpose::Idle(Idling::Begun)))).then_some(self.limits.timeout)
    }

    /// Acts on a response.
    fn heard(&mut self, response: Response) -> Result<(), Misbehaved> {
        match response {
            Response::Told(data) => self.told(data),
            Response::Unknown(_) if matches!(self.phase, Phase::Greeting) => Err(Misbehaved::Greeting),
            Response::Unknown(word) => {
                self.queued.push_back(Event::Unknown(word));
                Ok(())
            }
            Response::Continuation(text) => self.wanted(&text),
            Response::Answer(tag, status) => self.answered(&tag, status),
        }
    }

    fn told(&mut self, data: Data) -> Result<(), Misbehaved> {
        match &data {
            Data::Capability(names) | Data::Status(Status { code: Some(Code::Capability(names)), .. }) => self.learn(names),
            // RFC 6855 section 3, RFC 9051 section 5.1: from here on, names of mailboxes are UTF-8.
            Data::Enabled(names)
                if names.iter().any(|name| ["UTF8=ACCEPT", "IMAP4rev2"].iter().any(|utf8| name.eq_ignore_ascii_case(utf8))) =>
            {
                self.names = NameForm::Utf8;
            }
            _ => {}
        }
        match (&self.phase, data) {
            (Phase::Greeting, data) => return self.greeted(data),
            // What follows is the answer that was asked for.
            (Phase::Asking(_, Purpose::Capabilities(_)), Data::Capability(_))
            | (Phase::Asking(_, Purpose::Logout), Data::Status(Status { condition: Condition::Bye, .. })) => {}
            (_, Data::Status(status)) if status.condition == Condition::Bye => {
                self.phase = Phase::Over;
                self.queued.push_back(Event::Closing(status));
            }
            (_, data) => self.queued.push_back(Event::Data(data)),
        }
        Ok(())
    }

    fn greeted(&mut self, data: Data) -> Result<(), Misbehaved> {
        let Data::Status(status) = data else { return Err(Misbehaved::Greeting) };
        match status.condition {
            Condition::Ok => {}
            Condition::PreAuth if self.channel == Channel::Clear => return Err(Misbehaved::PreAuthInClear),
            Condition::PreAuth => self.authenticated = true,
            Condition::Bye => {
                self.phase = Phase::Over;
                self.queued.push_back(Event::Refused(status));
                return Ok(());
            }
            Condition::No | Condition::Bad => return Err(Misbehaved::Greeting),
        }
        self.settle(Event::Ready);
        Ok(())
    }

    /// The command under way has its answer.
    fn answered(&mut self, answered: &Tag, status: Status) -> Result<(), Misbehaved> {
        if let Some(behind) = self.behind.iter_mut().find(|behind| behind.tag == *answered && behind.answered.is_none()) {
            behind.answered = Some(status);
            return Ok(());
        }
        let Phase::Asking(tag, purpose) = std::mem::replace(&mut self.phase, Phase::Over) else { return Err(Misbehaved::Unasked) };
        if tag != *answered {
            return Err(Misbehaved::Unasked);
        }
        if let Some(Code::Capability(names)) = &status.code {
            self.learn(names);
        }
        let ok = status.condition == Condition::Ok;
        match purpose {
            Purpose::Message(Sending { literal, place: SendingPlace::Octets { left, answered: None } }) => {
                let place = SendingPlace::Octets { left, answered: Some(status) };
                self.phase = Phase::Asking(tag, Purpose::Message(Sending { literal, place }));
                return Ok(());
            }
            Purpose::Message(Sending { place: SendingPlace::Octets { .. }, .. }) => return Err(Misbehaved::Unasked),
            Purpose::StartTls if ok => {
                self.phase = Phase::StartingTls;
                self.queued.push_back(Event::StartTls);
            }
            Purpose::Compress if ok => {
                self.phase = Phase::Compressing;
                self.queued.push_back(Event::Compress);
            }
            Purpose::Login(login) if ok => {
                login.may_be_over()?;
                self.authenticated = true;
                self.settle(Event::Done(status));
            }
            // That a server does not tell what it offers is no reason not to try.
            Purpose::Capabilities(event) => {
                self.phase = Phase::Ready;
                self.queued.push_back(event);
            }
            Purpose::Logout if ok => self.queued.push_back(Event::Done(status)),
            _ => {
                self.paused.clear();
                self.phase = Phase::Ready;
                self.queued.push_back(Event::Done(status));
                self.move_up();
            }
        }
        Ok(())
    }

    fn learn(&mut self, names: &[String]) {
        names.clone_into(&mut self.capabilities);
        self.capabilities_known = true;
    }

    /// Tells this when it is known what the server offers.
    fn settle(&mut self, event: Event) {
        if self.capabilities_known {
            self.phase = Phase::Ready;
            self.queued.push_back(event);
        } else {
            self.ask_capabilities(event);
        }
    }

    fn ask_capabilities(&mut self, event: Event) {
        self.begin(Command::Capability, Purpose::Capabilities(event));
    }
}
