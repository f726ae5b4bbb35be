//! A server's session with a client and a driver that both read from a script.

use std::collections::VecDeque;
use std::sync::Arc;

use proto::limits::Limits;
use proto::smtp::command::{ForwardPath, Rcpt};
use proto::smtp::server::{Channel, Config, Event, Role, Session, Step};

pub(crate) fn config(role: Role, limits: &Limits) -> Arc<Config> {
    let hostname = "mx.b.test".parse().unwrap();
    Arc::new(Config { role, hostname, postmaster_domain: "b.test".parse().unwrap(), limits: *limits })
}

/// What a driver reads at once.
const PIECE_OCTETS_MAX: usize = 64 * 1024;

/// In what pieces the client's octets arrive.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pieces {
    Whole,
    Octets,
}

/// The session, with what came out of it and was not looked at yet.
pub(crate) struct Played {
    pub(crate) session: Session,
    pieces: Pieces,
    unsent: VecDeque<u8>,
    output: Vec<u8>,
    content: Vec<u8>,
    events: VecDeque<Event>,
    pub(crate) closed: bool,
}

impl Played {
    pub(crate) fn new(config: Arc<Config>, channel: Channel, pieces: Pieces) -> Self {
        let (unsent, events) = (VecDeque::new(), VecDeque::new());
        let session = Session::new(config, channel);
        Self { session, pieces, unsent, output: Vec::new(), content: Vec::new(), events, closed: false }
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
                    let count = match self.pieces {
                        Pieces::Whole => self.unsent.len().min(PIECE_OCTETS_MAX),
                        Pieces::Octets => 1,
                    };
                    let piece: Vec<u8> = self.unsent.drain(..count).collect();
                    self.session.receive(&piece);
                }
                Step::Flush => {}
                Step::NeedReplies => return self.end_content(),
                Step::Close => {
                    self.closed = true;
                    return self.end_content();
                }
                Step::Event(Event::Content(octets)) => self.content.extend(octets),
                // How much was given before it was dropped depends on the pieces: what the script did not see never was.
                Step::Event(Event::ContentDropped) if !self.content.is_empty() => self.content.clear(),
                Step::Event(event) => {
                    if event == Event::StartTls {
                        // Sent before the handshake, so it arrives before it.
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
        Some(line.strip_suffix(b"\r\n").expect("a whole line end").escape_ascii().to_string())
    }

    /// Octets that are no lines.
    pub(crate) fn output_octets(&mut self, count: usize) -> String {
        self.output.extend(self.session.take_output());
        let count = count.min(self.output.len());
        self.output.drain(..count).collect::<Vec<u8>>().escape_ascii().to_string()
    }
}

/// An event on one line.
pub(crate) fn show(event: &Event) -> String {
    match event {
        Event::StartTls => "start TLS".to_owned(),
        Event::Password { username, password } => format!("password of {username}: {}", password.reveal()),
        Event::Scram { username } => format!("verifier of {username}"),
        Event::Mail(mail) => mail.to_string(),
        Event::Recipient(recipient) => {
            let forward_path = ForwardPath::Mailbox(recipient.mailbox.clone());
            Rcpt { forward_path, report: recipient.report, original: recipient.original.clone() }.to_string()
        }
        Event::Content(octets) => format!("content {}", octets.escape_ascii()),
        Event::ContentDropped => "content dropped".to_owned(),
        Event::Message(envelope) => {
            let recipients: Vec<String> = envelope.recipients.iter().map(|recipient| format!("<{}>", recipient.mailbox)).collect();
            format!("message from {} to {} {}", envelope.reverse_path, recipients.join(" "), envelope.body.as_str())
        }
        Event::Twoway(command) => {
            let mut line = Vec::new();
            command.encode(&mut line);
            String::from_utf8_lossy(&line).trim_end().to_owned()
        }
    }
}

/// The octets that a text with escapes stands for. `{n*x}` is x, n times; x may have escapes.
pub(crate) fn octets(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let mut used = first.len_utf8();
        match first {
            '\\' => {
                used = 2;
                match rest.as_bytes()[1] {
                    b'r' => out.push(b'\r'),
                    b'n' => out.push(b'\n'),
                    b'0' => out.push(0),
                    b't' => out.push(b'\t'),
                    b'x' => {
                        out.push(u8::from_str_radix(&rest[2..4], 16).unwrap());
                        used = 4;
                    }
                    other => out.push(other),
                }
            }
            '{' => {
                let (inner, _) = rest[1..].split_once('}').unwrap();
                let (count, repeated) = inner.split_once('*').unwrap();
                out.extend(octets(repeated).repeat(count.parse().unwrap()));
                used = inner.len() + 2;
            }
            other => out.extend(other.to_string().as_bytes()),
        }
        rest = &rest[used..];
    }
    out
}
