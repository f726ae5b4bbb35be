//! Our client with our server, in memory: every command there is, its answer with data of every kind, in any pieces.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use proptest::prelude::*;
use proto::imap::client::{self, Misuse};
use proto::imap::command::append::{Append, AppendLiteral, AppendNext};
use proto::imap::command::{Command, Numbering, Tag, Tagged, parse};
use proto::imap::input::LiteralForm;
use proto::imap::limits::{ClientLimits, Limits};
use proto::imap::mailbox_name::NameForm;
use proto::imap::response::fetch::{ContentName, FetchedValue};
use proto::imap::response::{self, Condition, Data, Response, Status};
use proto::imap::section::Section;
use proto::imap::server;
use proto::sasl::Secret;
use proto::smtp::server::Channel;

use super::script::config;

const COMMANDS: &str = include_str!("../../../src/imap/command/canonical.txt");

/// What a server may tell in an answer.
const TOLD: [&str; 12] = [
    "ENABLED CONDSTORE",
    "ID (\"name\" \"Twoway\")",
    "FLAGS (\\Seen $Junk)",
    "7 EXISTS",
    "LIST (\\HasNoChildren) \"/\" \"Sent Mail\"",
    "STATUS INBOX (MESSAGES 5)",
    "SEARCH 2 3 6",
    "ESEARCH (TAG \"a\") UID COUNT 17 ALL 4:18,21,28",
    "THREAD (2)(3 6 (4 23)(44 7 96))",
    "METADATA \"\" (/shared/comment {7}\r\na\r\nb\r\nc)",
    "XTWOWAY ENTRY ALLOW {3}\r\n\u{e9}@",
    "1 FETCH (UID 3 ENVELOPE (NIL {2}\r\n\u{e9} NIL NIL NIL NIL NIL NIL NIL NIL) BODY[1] {4}\r\n{9}\r)",
];

fn commands() -> Vec<Command> {
    let lines = COMMANDS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let read = |line: &str| parse(line.replace("\\r\\n", "\r\n").as_bytes(), NameForm::ModifiedUtf7).unwrap();
    lines.map(|line| read(line).command).collect()
}

fn told(line: &str) -> Data {
    let Ok(Response::Told(data)) = response::parse(format!("* {line}\r\n").as_bytes(), NameForm::Utf8) else { panic!("{line}") };
    data
}

/// A message large enough to be streamed.
fn content() -> Vec<u8> {
    (0_u8..=255).cycle().take(900).collect()
}

struct Both {
    client: client::Session,
    server: server::Session,
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
    /// How many octets arrive at a time, in turn.
    pieces: std::iter::Cycle<std::vec::IntoIter<usize>>,
    /// What the server was asked, what it told, and what the client heard of that.
    asked: Vec<Command>,
    said: Vec<Data>,
    heard: Vec<Data>,
    octets: Vec<u8>,
    messages: Vec<u8>,
    /// Octets of messages that the client sent.
    sent: usize,
    content: Vec<u8>,
    turn: usize,
    asks: Asking,
}

/// Whether the client may send literals at once, or thinks that it has to ask first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asking {
    AtOnce,
    First,
}

impl Both {
    fn new(pieces: Vec<usize>, held_literal_octets_max: usize, asks: Asking) -> Self {
        let limits = Limits { content_chunk_octets_max: 5, output_octets_max: 300, ..Limits::default() };
        Self {
            client: client::Session::new(ClientLimits { held_literal_octets_max, ..ClientLimits::default() }, client::Channel::Tls),
            server: server::Session::new(config(limits), Channel::Tls),
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            pieces: pieces.into_iter().cycle(),
            asked: Vec::new(),
            said: Vec::new(),
            heard: Vec::new(),
            octets: Vec::new(),
            messages: Vec::new(),
            sent: 0,
            content: content(),
            turn: 0,
            asks,
        }
    }

    fn piece(&mut self, from_server: bool) -> Vec<u8> {
        let count = self.pieces.next().unwrap_or(1).max(1);
        let queue = if from_server { &mut self.to_client } else { &mut self.to_server };
        queue.drain(..count.min(queue.len())).collect()
    }

    /// Until the client has an event, or nothing more can happen.
    fn event(&mut self) -> Option<client::Event> {
        for _ in 0..100_000 {
            let step = self.client.next().unwrap();
            self.to_server.extend(self.client.take_output());
            if let client::Step::Event(event) = step {
                return Some(event);
            }
            if self.to_client.is_empty() && !self.serve() {
                return None;
            }
            let piece = self.piece(true);
            self.client.receive(&piece).unwrap();
        }
        panic!("neither side comes to an end");
    }

    /// The server goes one step; whether anything happened.
    fn serve(&mut self) -> bool {
        let step = self.server.next();
        self.take();
        match step {
            server::Step::NeedInput => {
                let piece = self.piece(false);
                self.server.receive(&piece);
                !piece.is_empty() || !self.to_client.is_empty()
            }
            server::Step::NeedAnswer | server::Step::Close => !self.to_client.is_empty(),
            server::Step::Flush => true,
            server::Step::Event(event) => {
                self.answer(event);
                self.take();
                true
            }
        }
    }

    /// What the server wrote goes to the client, less an offer that it is not to see.
    fn take(&mut self) {
        let mut octets = self.server.take_output();
        if self.asks == Asking::First {
            let offer = b"LITERAL+";
            let found: Vec<usize> = (0..octets.len()).filter(|at| octets[*at..].starts_with(offer)).collect();
            for at in found {
                octets[at + offer.len() - 1] = b'x';
            }
        }
        self.to_client.extend(octets);
    }

    fn answer(&mut self, event: server::Event) {
        use server::Event;
        let ok = Status::new(Condition::Ok, "done");
        match event {
            Event::Command(command) => {
                self.asked.push(command);
                let data = told(TOLD[self.turn % TOLD.len()]);
                self.turn += 1;
                self.server.tell(&data).unwrap();
                self.said.push(data);
                if self.turn.is_multiple_of(3) {
                    self.tell_content();
                }
                self.server.complete(&ok).unwrap();
            }
            Event::Append(mailbox, messages) => {
                let append = Append { mailbox, messages };
                self.take_messages(append.literal());
                self.asked.push(Command::Append(append));
            }
            Event::Replace(replace) => {
                self.take_messages(replace.message.literal());
                self.asked.push(Command::Replace(replace));
            }
            Event::AppendNext(next) => self.take_messages(next.literal()),
            Event::Content(octets) => self.messages.extend(octets),
            Event::Idle => {
                self.asked.push(Command::Idle);
                self.server.tell(&Data::Exists(99)).unwrap();
                self.said.push(Data::Exists(99));
            }
            Event::IdleEnd | Event::ContentDropped | Event::SearchRefused => {}
            Event::Messages | Event::Password { .. } => self.server.complete(&ok).unwrap(),
            Event::Compress => self.server.compressed().unwrap(),
            Event::StartTls | Event::Scram { .. } => panic!("not asked for"),
        }
    }

    fn take_messages(&mut self, literal: Option<AppendLiteral>) {
        match literal {
            Some(_) => self.server.accept_message().unwrap(),
            None => self.server.complete(&Status::new(Condition::Ok, "all by URL")).unwrap(),
        }
    }

    fn tell_content(&mut self) {
        let number = NonZeroU32::new(9).unwrap();
        self.server.open_fetch(number, Numbering::Sequence).unwrap();
        self.server.fetch_value(&FetchedValue::Size(900)).unwrap();
        self.server.fetch_content(&ContentName::Section(Section::WHOLE, None), 900).unwrap();
        self.server.write_octets(&self.content.clone()).unwrap();
        self.server.fetch_value(&FetchedValue::ModSeq(5)).unwrap();
        self.server.close_fetch().unwrap();
    }

    /// Plays one command to its end: how it went.
    fn play(&mut self, command: Command) -> Result<Status, Misuse> {
        let message_octets = match &command {
            Command::Append(append) => append.literal(),
            Command::Replace(replace) => replace.message.literal(),
            _ => None,
        }
        .map_or(0, |literal| literal.announced.octets);
        self.client.send(command)?;
        loop {
            match self.event().expect("an answer") {
                client::Event::Done(status) => return Ok(status),
                client::Event::Data(data) => self.hear(data),
                client::Event::SendMessage => {
                    let message = vec![b'm'; message_octets.try_into().unwrap()];
                    for piece in message.chunks(100) {
                        self.client.write_message(piece).unwrap();
                    }
                    self.client.end_message(AppendNext::default()).unwrap();
                    self.sent += message.len();
                }
                client::Event::Idling => self.client.end_idle().unwrap(),
                client::Event::Content { octets, .. } => assert_eq!(octets, 900),
                client::Event::Octets(octets) => self.octets.extend(octets),
                client::Event::ContentEnd => assert_eq!(std::mem::take(&mut self.octets), self.content),
                client::Event::Compress => {
                    assert_eq!(self.client.compressed(), Ok(vec![]));
                    return Ok(Status::new(Condition::Ok, "compressed"));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn hear(&mut self, data: Data) {
        let values = match &data {
            // Said by the session, not by its driver.
            Data::Status(_) => return,
            Data::Fetch(fetched) if fetched.number.get() == 9 => &fetched.values,
            _ => return self.heard.push(data),
        };
        // Held in one piece if the client has room for it, and told around its content if not.
        for value in values {
            match value {
                FetchedValue::Size(900) | FetchedValue::ModSeq(5) => {}
                FetchedValue::Content(_, Some(octets)) => assert_eq!(octets, &self.content),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Past the login, with everything enabled.
    fn begun(mut self) -> Self {
        assert_eq!(self.event(), Some(client::Event::Ready));
        self.client.login("bob", &Secret::new("pencil").unwrap()).unwrap();
        assert!(matches!(self.event(), Some(client::Event::Done(status)) if status.condition == Condition::Ok));
        let enabled = self.play(command("ENABLE QRESYNC UTF8=ACCEPT"));
        assert_eq!(enabled.map(|status| status.condition), Ok(Condition::Ok));
        self.heard.clear();
        self
    }

    /// Plays a command in a selected mailbox, and compares what either side saw of it.
    fn check(&mut self, command: &Command) {
        let selected = self.play(self::command("SELECT INBOX")).unwrap();
        assert_eq!(selected.condition, Condition::Ok);
        let (asked, said) = (self.asked.len(), self.said.len());
        self.heard.clear();
        let status = match self.play(command.clone()) {
            Ok(status) => status,
            // There is TLS already.
            Err(misuse) => return assert_eq!((command, misuse), (&Command::StartTls, Misuse::NotNow)),
        };
        let by_session = match command {
            Command::Capability | Command::Id(_) | Command::Enable(_) | Command::Logout | Command::Compress => Some(Condition::Ok),
            Command::Authenticate(_) | Command::Login(_) => Some(Condition::Bad),
            _ => None,
        };
        if let Some(condition) = by_session {
            // The second time there is compression already.
            let condition = if *command == Command::Compress { status.condition } else { condition };
            assert_eq!(status.condition, condition, "{command:?}");
            return;
        }
        assert_eq!(status.condition, Condition::Ok, "{command:?}: {}", status.text);
        assert_eq!(self.asked[asked..].iter().map(unformed).collect::<Vec<_>>(), [unformed(command)]);
        assert_eq!(self.heard, self.said[said..], "{command:?}");
        assert_eq!(self.sent, self.messages.len());
    }
}

fn command(line: &str) -> Command {
    parse(format!("x {line}").as_bytes(), NameForm::Utf8).unwrap().command
}

/// A command on one line, whatever form its literals have.
fn unformed(command: &Command) -> String {
    let tagged = Tagged { tag: Tag::new("x").unwrap(), command: command.clone() };
    let (octets, _pauses) = tagged.encode(LiteralForm::Synchronising, NameForm::Utf8);
    octets.escape_ascii().to_string().replace("+}", "}")
}

#[test]
fn every_command_arrives_as_it_was_sent_and_its_answer_as_it_was_given() {
    for asks in [Asking::AtOnce, Asking::First] {
        for pieces in [vec![usize::MAX], vec![1], vec![3, 50, 2]] {
            let mut both = Both::new(pieces, 64, asks).begun();
            let (ends, commands): (Vec<Command>, Vec<Command>) = commands().into_iter().partition(|command| *command == Command::Logout);
            assert!(commands.len() > 90, "only {} commands", commands.len());
            for command in commands.iter().chain(&ends) {
                both.check(command);
            }
            assert_eq!(both.event(), None);
            assert_eq!(both.client.send(Command::Noop), Err(Misuse::NotNow));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn any_commands_in_any_pieces_go_as_they_should(
        chosen in proptest::collection::vec(any::<proptest::sample::Index>(), 1..12),
        pieces in proptest::collection::vec(1_usize..70, 1..20),
        // At least the literal of a FETCH among what is told: only the content of `tell_content` may come in pieces.
        held in 4_usize..2000,
        asks in prop_oneof![Just(Asking::AtOnce), Just(Asking::First)],
        turn in 0_usize..12,
    ) {
        let commands = commands();
        let mut both = Both::new(pieces, held, asks).begun();
        both.turn = turn;
        for index in chosen {
            let command = index.get(&commands);
            if *command != Command::Logout {
                both.check(command);
            }
        }
    }
}
