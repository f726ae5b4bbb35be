//! Our servers' side of a session: the exchange port with STARTTLS, the retrieval port with TLS from the first octet.

use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::ServerConfig;

use crate::crypto::digest;
use crate::grammar::{self, COMMAND_OCTETS_MAX, Collecting};
use crate::peer::{Answer, Book, Pages, Pushed, Seen, Serving};
use crate::trace::{Trace, Voice, legible};
use crate::wire::{Wire, WireError};

/// How long we let the server under test think.
const IDLE: Duration = Duration::from_mins(5);
/// How long an answer is held if its case forgets it.
const HELD_MAX: Duration = Duration::from_mins(1);

/// RFC 5321 section 4.5.3.1.6, with room for whoever sends more.
const CONTENT_LINE_OCTETS_MAX: usize = 10_000;

/// Which of our two doors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    Exchange,
    Retrieval,
}

/// What all sessions of one domain share.
pub(crate) struct Services {
    pub(crate) host: String,
    pub(crate) exchange_tls: Arc<ServerConfig>,
    pub(crate) retrieval_tls: Arc<ServerConfig>,
    pub(crate) book: Arc<Book>,
}

/// Whether the session goes on after a command.
enum Next {
    Command,
    Tls,
    End,
}

/// Serves one connection to its end. How it ends is the other side's affair: the book says what happened.
pub(crate) fn attend(services: &Services, stream: TcpStream, port: Port) {
    if port == Port::Retrieval {
        services.book.write(|pages| {
            pages.collecting += 1;
            pages.collecting_now += 1;
            pages.collecting_at_once_max = pages.collecting_at_once_max.max(pages.collecting_now);
        });
    }
    if let Err(WireError::BadLine(what)) = converse(services, stream, port) {
        services.book.write(|pages| pages.violations.push(what));
    }
    if port == Port::Retrieval {
        services.book.write(|pages| pages.collecting_now = pages.collecting_now.saturating_sub(1));
    }
}

fn converse(services: &Services, stream: TcpStream, port: Port) -> Result<(), WireError> {
    let mut wire = Wire::accepted(stream)?;
    let remark = match port {
        Port::Exchange => format!("the server under test dials the exchange port of {}: EHLO, STARTTLS, EHLO", services.host),
        Port::Retrieval => format!("the server under test dials the retrieval port of {}: TLS, EHLO", services.host),
    };
    let mut dialogue = Dialogue { remark, current: None };
    if port == Port::Retrieval {
        wire = wire.into_tls_server(&services.retrieval_tls, IDLE)?;
    }
    let mut session = Attending { services, wire, dialogue: &mut dialogue, secured: port == Port::Retrieval, withheld: false };
    session.say(&format!("220 {} ESMTP conformance", services.host))?;
    loop {
        match session.command()? {
            Next::Command => {}
            Next::End => return Ok(()),
            Next::Tls => {
                let wire = session.wire.into_tls_server(&services.exchange_tls, IDLE)?;
                session = Attending { services, wire, dialogue: session.dialogue, secured: true, withheld: false };
            }
        }
    }
}

/// The lines of a session, given to the case they turn out to belong to.
struct Dialogue {
    /// Stands for all that was said before that.
    remark: String,
    current: Option<Trace>,
}

impl Dialogue {
    fn said(&self, voice: Voice, octets: &[u8]) {
        if let Some(trace) = &self.current {
            trace.said(voice, octets);
        }
    }

    /// From here on the session is about this case; `line` is what made that clear.
    fn belongs_to(&mut self, trace: &Trace, line: &[u8]) {
        if self.current.is_none() {
            trace.note(self.remark.as_str());
        }
        trace.said(Voice::Client, line);
        self.current = Some(trace.clone());
    }
}

struct Attending<'a> {
    services: &'a Services,
    wire: Wire,
    dialogue: &'a mut Dialogue,
    secured: bool,
    /// The last reply to EHLO did not offer the extension, and could have.
    withheld: bool,
}

impl Attending<'_> {
    fn say(&mut self, reply: &str) -> Result<(), WireError> {
        self.dialogue.said(Voice::Server, reply.as_bytes());
        self.wire.send(format!("{reply}\r\n").as_bytes())
    }

    fn command(&mut self) -> Result<Next, WireError> {
        let octets = self.wire.line(COMMAND_OCTETS_MAX, IDLE)?;
        let Some(line) = octets.strip_suffix(b"\r\n").and_then(|line| std::str::from_utf8(line).ok()) else {
            return Err(WireError::BadLine(legible(&octets)));
        };
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "NOTICE" | "PENDING" | "RETRIEVE" | "CONFIRM" | "DECLINE" if !self.secured || self.withheld => {
                let (when, reply) = if self.secured {
                    ("without the keyword", "500 5.5.1 unknown command")
                } else {
                    ("before TLS", "530 5.7.0 STARTTLS first")
                };
                self.services.book.write(|pages| pages.violations.push(format!("{when}: {line}")));
                self.say(reply)?;
            }
            "NOTICE" => self.notice(line, &octets)?,
            "PENDING" => {
                self.dialogue.said(Voice::Client, &octets);
                if let Err(error) = grammar::pending(line) {
                    self.services.book.write(|pages| pages.violations.push(format!("{error}: {line}")));
                }
                self.say("250 2.0.0 0")?;
            }
            "RETRIEVE" | "CONFIRM" | "DECLINE" => return self.collecting(line, &octets),
            _ => {
                self.dialogue.said(Voice::Client, &octets);
                return self.ordinary(&verb, line);
            }
        }
        Ok(Next::Command)
    }

    fn ordinary(&mut self, verb: &str, line: &str) -> Result<Next, WireError> {
        match verb {
            "EHLO" => self.ehlo()?,
            "STARTTLS" if !self.secured => {
                self.say("220 2.0.0 go ahead")?;
                return Ok(Next::Tls);
            }
            "QUIT" => {
                self.say("221 2.0.0 bye")?;
                return Ok(Next::End);
            }
            "MAIL" => {
                let takes_mail = self.services.book.write(|pages| {
                    pages.pushes += 1;
                    pages.takes_mail
                });
                if takes_mail {
                    self.take(line)?;
                } else {
                    self.say("550 5.7.1 nothing is pushed here")?;
                }
            }
            "HELO" | "RSET" | "NOOP" => self.say("250 2.0.0 ok")?,
            "ASSERT" => self.say("550 5.7.1 decided by address here")?,
            _ => self.say("500 5.5.1 unknown command")?,
        }
        Ok(Next::Command)
    }

    fn ehlo(&mut self) -> Result<(), WireError> {
        let mut offers = vec!["PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"];
        if self.secured {
            let (stripped, takes_mail) = self.services.book.write(|pages| {
                pages.secured_ehlos += 1;
                (pages.keyword_stripped, pages.takes_mail)
            });
            self.withheld = stripped || takes_mail;
            if !self.withheld {
                offers.push("XTWOWAY 1 SIZE=52428800 NOTICEMAX=500 KEEPMAX=2592000");
            }
        } else {
            offers.push("STARTTLS");
        }
        self.say(&format!("250-{}", self.services.host))?;
        let last = offers.pop().unwrap_or("HELP");
        for offer in offers {
            self.say(&format!("250-{offer}"))?;
        }
        self.say(&format!("250 {last}"))
    }

    /// A transaction of ordinary mail, from MAIL to the final dot, to one recipient.
    fn take(&mut self, mail: &str) -> Result<(), WireError> {
        self.say("250 2.1.0 ok")?;
        let octets = self.wire.line(COMMAND_OCTETS_MAX, IDLE)?;
        let line = String::from_utf8_lossy(&octets).into_owned();
        let to = line.split(['<', '>']).nth(1).unwrap_or_default();
        let trace = self.services.book.read().mailboxes.get(to).map(|mailbox| mailbox.trace.clone());
        let Some(trace) = trace else { return self.say("550 5.1.1 no such mailbox") };
        self.dialogue.belongs_to(&trace, &octets);
        self.say("250 2.1.5 ok")?;
        let data = self.wire.line(COMMAND_OCTETS_MAX, IDLE)?;
        if !data.eq_ignore_ascii_case(b"DATA\r\n") {
            return Err(WireError::BadLine(legible(&data)));
        }
        self.say("354 go ahead")?;
        let mut octets = Vec::new();
        loop {
            let line = self.wire.line(CONTENT_LINE_OCTETS_MAX, IDLE)?;
            if line == b".\r\n" {
                break;
            }
            octets.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        let pushed = Pushed { mail: mail.to_owned(), octets };
        self.services.book.write(|pages| pages.mailboxes.get_mut(to).map(|mailbox| mailbox.pushed.push(pushed)));
        self.say("250 2.0.0 taken")
    }

    fn notice(&mut self, line: &str, octets: &[u8]) -> Result<(), WireError> {
        let read = match grammar::notice(line) {
            Ok(read) => read,
            Err(error) => {
                self.services.book.write(|pages| pages.violations.push(format!("{error}: {line}")));
                self.dialogue.said(Voice::Client, octets);
                return self.say("501 5.5.4 syntax");
            }
        };
        let found = self.services.book.write(|pages| {
            let mailbox = pages.mailboxes.get_mut(&read.to)?;
            mailbox.lines.push(line.to_owned());
            let answer = if mailbox.answers.len() > 1 { mailbox.answers.pop_front() } else { mailbox.answers.front().copied() };
            Some((answer.unwrap_or(Answer::Saying("250 2.0.0 noted")), mailbox.trace.clone()))
        });
        let Some((answer, trace)) = found else {
            self.dialogue.said(Voice::Client, octets);
            return self.say("550 5.1.1 no such mailbox");
        };
        self.dialogue.belongs_to(&trace, octets);
        match answer {
            Answer::Saying(reply) => self.say(reply),
            Answer::Held => {
                trace.note("this notice is not answered yet");
                let released = |pages: &Pages| pages.mailboxes.get(&read.to).filter(|mailbox| mailbox.released).map(|_| ());
                self.services.book.wait(HELD_MAX, released).unwrap_or_default();
                self.say("250 2.0.0 noted")
            }
        }
    }

    fn collecting(&mut self, line: &str, octets: &[u8]) -> Result<Next, WireError> {
        let read = match grammar::collecting(line) {
            Ok(read) => read,
            Err(error) => {
                self.services.book.write(|pages| pages.violations.push(format!("{error}: {line}")));
                self.dialogue.said(Voice::Client, octets);
                self.say("501 5.5.4 syntax")?;
                return Ok(Next::Command);
            }
        };
        match read {
            Collecting::Retrieve { id, to, offset } => {
                let served = self.services.book.write(|pages| note_retrieve(pages, &id, &to, offset));
                if let Some(serve) = &served {
                    self.dialogue.belongs_to(&serve.trace, octets);
                }
                self.serve(served, offset)
            }
            Collecting::Confirm { id, to } => self.settle(&id, &to, Seen::Confirm, octets),
            Collecting::Decline { id, to, status, text } => self.settle(&id, &to, Seen::Decline { status, text }, octets),
        }
    }

    fn settle(&mut self, id: &str, to: &str, what: Seen, octets: &[u8]) -> Result<Next, WireError> {
        let found = self.services.book.write(|pages| {
            let offer = pages.offers.get_mut(id).filter(|offer| offer.to == to)?;
            let confirmed = what == Seen::Confirm;
            offer.seen.push(what);
            let replies = &mut offer.confirmations;
            let reply = if !confirmed {
                None
            } else if replies.len() > 1 {
                replies.pop_front()
            } else {
                replies.front().copied()
            };
            Some((reply.unwrap_or("250 2.0.0 noted"), offer.trace.clone()))
        });
        let Some((reply, trace)) = found else {
            self.say("550 5.7.1 not for you")?;
            return Ok(Next::Command);
        };
        self.dialogue.belongs_to(&trace, octets);
        self.say(reply)?;
        Ok(Next::Command)
    }

    fn serve(&mut self, served: Option<ToServe>, offset: u64) -> Result<Next, WireError> {
        let Some(ToServe { serving, octets, mail_from, .. }) = served else {
            // Also for what a finished case kept: a definite answer, so that it is not asked for again.
            self.say("554 5.4.7 nothing waits here under this id")?;
            return Ok(Next::Command);
        };
        let total = u64::try_from(octets.len()).unwrap_or(u64::MAX);
        let Some(rest) = usize::try_from(offset).ok().and_then(|offset| octets.get(offset..)) else {
            self.say("501 5.5.4 there are not so many octets")?;
            return Ok(Next::Command);
        };
        let head = |size: u64, digest: &str| format!("250 2.0.0 SIZE={size} DIGEST={digest} MAILFROM={mail_from}");
        let mut cut = rest;
        let mut after: &[u8] = b"";
        let mut next = Next::Command;
        match serving {
            Serving::NotAtAll => {
                self.wire.closes_within(IDLE);
                return Ok(Next::End);
            }
            Serving::Refusing(reply) => {
                self.say(reply)?;
                return Ok(Next::Command);
            }
            Serving::Saying(instead) => {
                self.dialogue.said(Voice::Server, &instead);
                self.wire.send(&instead)?;
                return Ok(Next::End);
            }
            Serving::Honestly => self.say(&head(total, &digest(&octets)))?,
            Serving::After(pause) => {
                thread::sleep(pause);
                self.say(&head(total, &digest(&octets)))?;
            }
            Serving::WithWrongDigest => self.say(&head(total, &digest(b"something else")))?,
            Serving::CutAfter(count) => {
                self.say(&head(total, &digest(&octets)))?;
                cut = rest.get(..count).unwrap_or(rest);
                next = Next::End;
            }
            Serving::ClaimingOctets(claimed) => {
                self.say(&head(claimed, &digest(&octets)))?;
                next = Next::End;
            }
            Serving::Adding(more) => {
                self.say(&head(total, &digest(&octets)))?;
                after = more;
            }
        }
        self.dialogue.said(Voice::Server, format!("<{} octets of content>", cut.len()).as_bytes());
        self.wire.send(cut)?;
        if !after.is_empty() {
            self.dialogue.said(Voice::Server, after);
            self.wire.send(after)?;
        }
        Ok(next)
    }
}

struct ToServe {
    trace: Trace,
    serving: Serving,
    octets: Vec<u8>,
    mail_from: String,
}

fn note_retrieve(pages: &mut Pages, id: &str, to: &str, offset: u64) -> Option<ToServe> {
    let offer = pages.offers.get_mut(id).filter(|offer| offer.to == to)?;
    offer.seen.push(Seen::Retrieve { offset });
    if offer.withdrawn {
        return None;
    }
    let serving = if offer.servings.len() > 1 { offer.servings.pop_front() } else { offer.servings.front().cloned() };
    Some(ToServe {
        trace: offer.trace.clone(),
        serving: serving.unwrap_or(Serving::Honestly),
        octets: offer.octets.clone(),
        mail_from: offer.mail_from.clone(),
    })
}
