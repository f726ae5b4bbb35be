//! A server's session with a client and a driver that both read from a script.

use std::collections::VecDeque;
use std::sync::Arc;

use proto::imap::command::append::{AppendContent, AppendMessage, AppendNext, AppendParts};
use proto::imap::command::{Command, Tag, Tagged};
use proto::imap::input::LiteralForm;
use proto::imap::limits::Limits;
use proto::imap::mailbox_name::NameForm;
use proto::imap::response::code::{Code, CodeWord};
use proto::imap::response::{Condition, Status};
use proto::imap::server::{Config, Event, Session, Step};
use proto::smtp::server::Channel;

pub(crate) const EXTENSIONS: [&str; 7] = ["IMAP4rev2", "CONDSTORE", "QRESYNC", "UTF8=ACCEPT", "UIDONLY", "COMPRESS=DEFLATE", "XTWOWAY"];

pub(crate) fn config(limits: Limits) -> Arc<Config> {
    Arc::new(Config { name: "Twoway".to_owned(), extensions: EXTENSIONS.map(str::to_owned).into(), limits })
}

/// The session, with what came out of it and was not looked at yet.
pub(crate) struct Played {
    pub(crate) session: Session,
    piece_octets: usize,
    unsent: VecDeque<u8>,
    output: Vec<u8>,
    content: Vec<u8>,
    events: VecDeque<Event>,
    pub(crate) closed: bool,
}

impl Played {
    pub(crate) fn new(config: Arc<Config>, channel: Channel, piece_octets: usize) -> Self {
        let (unsent, events) = (VecDeque::new(), VecDeque::new());
        let session = Session::new(config, channel);
        Self { session, piece_octets, unsent, output: Vec::new(), content: Vec::new(), events, closed: false }
    }

    pub(crate) fn send(&mut self, octets: &[u8]) {
        self.unsent.extend(octets);
    }

    /// Goes on until there is an event, or nothing more can happen.
    fn advance(&mut self) {
        while self.events.is_empty() {
            let step = self.session.next();
            self.output.extend(self.session.take_output());
            match step {
                Step::NeedInput if self.unsent.is_empty() => return self.end_content(),
                Step::NeedInput => {
                    let count = self.unsent.len().min(self.piece_octets);
                    let piece: Vec<u8> = self.unsent.drain(..count).collect();
                    self.session.receive(&piece);
                }
                Step::Flush => {}
                Step::NeedAnswer => return self.end_content(),
                Step::Close => {
                    self.closed = true;
                    return self.end_content();
                }
                Step::Event(Event::Content(octets)) => self.content.extend(octets),
                Step::Event(event) => {
                    if matches!(event, Event::StartTls | Event::Compress) {
                        // Sent before the change, so it arrives before it.
                        let early: Vec<u8> = self.unsent.drain(..).collect();
                        self.session.receive(&early);
                    }
                    self.end_content();
                    self.events.push_back(event);
                }
            }
        }
    }

    /// However many pieces content came in, the script sees one.
    fn end_content(&mut self) {
        if !self.content.is_empty() {
            self.events.push_back(Event::Content(std::mem::take(&mut self.content)));
        }
    }

    pub(crate) fn event(&mut self) -> Option<Event> {
        self.advance();
        self.events.pop_front()
    }

    pub(crate) fn output_line(&mut self) -> Option<String> {
        self.output.extend(self.session.take_output());
        if !self.output.contains(&b'\n') {
            self.advance();
            self.output.extend(self.session.take_output());
        }
        let end = self.output.iter().position(|octet| *octet == b'\n')? + 1;
        let line: Vec<u8> = self.output.drain(..end).collect();
        let line = line.strip_suffix(b"\n").unwrap();
        Some(String::from_utf8(line.strip_suffix(b"\r").unwrap_or(line).to_vec()).unwrap())
    }
}

/// An event on one line.
pub(crate) fn show(event: &Event) -> String {
    match event {
        Event::StartTls => "start TLS".to_owned(),
        Event::Compress => "compress".to_owned(),
        Event::Password { username, password } => format!("password of {username}: {}", password.reveal()),
        Event::Scram { username } => format!("verifier of {username}"),
        Event::Command(command) => line(command),
        Event::Idle => "idle".to_owned(),
        Event::IdleEnd => "idle no more".to_owned(),
        Event::Append(name, messages) => format!("append to {name}, {}", messages.iter().map(message).collect::<Vec<_>>().join(", then ")),
        Event::Replace(replace) => format!("replace {:?} in {}", replace.number, replace.mailbox),
        Event::AppendNext(AppendNext { parts: rest, messages }) => {
            let rest = if *rest == AppendParts::default() { None } else { Some(format!("next {}", parts(rest))) };
            let messages = messages.iter().map(|next| format!("next message, {}", message(next)));
            rest.into_iter().chain(messages).collect::<Vec<_>>().join(", ")
        }
        Event::Content(octets) => format!("content {}", octets.escape_ascii()),
        Event::ContentDropped => "content dropped".to_owned(),
        Event::SearchRefused => "search refused".to_owned(),
        Event::Messages => "messages".to_owned(),
    }
}

/// `5 octets, [Seen]`
fn message(message: &AppendMessage) -> String {
    let content = match &message.content {
        AppendContent::Literal(literal) => format!("{} octets", literal.announced.octets),
        AppendContent::Parts(rest) => parts(rest),
    };
    format!("{content}, {:?}", message.flags)
}

/// `part /INBOX/;UID=1, part of 5 octets`
fn parts(parts: &AppendParts) -> String {
    let urls = parts.urls.iter().map(|url| format!("part {url}"));
    let text = parts.text.iter().map(|text| format!("part of {} octets", text.announced.octets));
    urls.chain(text).collect::<Vec<_>>().join(", ")
}

fn line(command: &Command) -> String {
    let tagged = Tagged { tag: Tag::new("x").unwrap(), command: command.clone() };
    let (octets, _pauses) = tagged.encode(LiteralForm::NonSynchronising, NameForm::Utf8);
    let text = String::from_utf8(octets).unwrap();
    text.strip_prefix("x ").unwrap().trim_end().replace("\r\n", "\\r\\n")
}

/// `OK [READ-WRITE] done`
pub(crate) fn status(text: &str) -> Status {
    let (condition, text) = text.split_once(' ').unwrap();
    let condition = Condition::parse(condition).unwrap();
    match text.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((code, text)) => Status::new(condition, text.to_owned()).with(Code::from(CodeWord::parse(code).unwrap())),
        None => Status::new(condition, text.to_owned()),
    }
}
