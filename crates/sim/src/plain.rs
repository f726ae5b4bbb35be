//! A mail server without the extension: what it takes by ordinary SMTP, what it refuses, and what it says of neither.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mail::time::Timestamp;
use server::world::{Boxed, Wire, WireError};

use crate::executor::Executor;
use crate::network::Program;

/// How long it waits for a command.
const PATIENCE: Duration = Duration::from_mins(5);

/// How it treats others.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manners {
    /// One pair of reverse-path and recipient in so many is told to come again; 0: none is.
    pub greylists_once_in: u64,
    /// After one message in so many it hangs up without a word, having taken it; 0: after none.
    pub drops_once_in: u64,
    /// One message in so many is put off at its end, and not taken; 0: none is.
    pub defers_once_in: u64,
    /// Whether it is closing: whoever wants to give it a message is told so, and hung up on.
    pub is_closing: bool,
    /// What it does about TLS.
    pub tls: Tls,
}

/// What it does about TLS, of which it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tls {
    /// It says so.
    #[default]
    NotOffered,
    /// It offers it, and says no.
    Refused,
    /// It offers it, and hangs up.
    HangsUp,
}

/// A message that it took.
#[derive(Debug, Clone)]
pub struct Taken {
    /// As MAIL said it, without brackets.
    pub reverse_path: String,
    /// As RCPT said them.
    pub recipients: Vec<String>,
    /// The content, dots unstuffed.
    pub content: Vec<u8>,
    /// When its end was here.
    pub at: Timestamp,
    /// Whether the client went on behind the 250: it knows that the message is here.
    pub is_known: bool,
}

/// The server.
pub struct PlainHost {
    executor: Arc<Executor>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    manners: Manners,
    connections: u64,
    taken: Vec<Taken>,
    /// Pairs that were told to come again, or need not.
    seen: BTreeSet<(String, String)>,
}

/// One mail transaction.
#[derive(Default)]
struct Transaction {
    reverse_path: String,
    recipients: Vec<String>,
}

impl PlainHost {
    pub(crate) fn new(executor: Arc<Executor>) -> Arc<Self> {
        Arc::new(Self { executor, state: Mutex::default() })
    }

    /// From now on it behaves like this.
    pub fn set_manners(&self, manners: Manners) {
        self.state().manners = manners;
    }

    /// What it has taken since this was asked for the first `known`.
    pub fn taken_since(&self, known: usize) -> Vec<Taken> {
        self.state().taken.get(known..).unwrap_or_default().to_vec()
    }

    /// How many have connected so far.
    pub fn connections(&self) -> u64 {
        self.state().connections
    }

    /// One session. Users whose names begin with `nobody` do not exist; those of `hoarder` have no room left.
    async fn run(self: Arc<Self>, wire: Box<dyn Wire>) {
        self.state().connections += 1;
        let mut session = Session { host: self, wire, unread: vec![], unheard: None };
        // However it ends: what was taken is written down.
        drop(session.run().await);
        session.wire.close().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, taken: Taken) -> usize {
        let mut state = self.state();
        state.taken.push(taken);
        state.taken.len() - 1
    }

    fn is_one_of(&self, once_in: u64) -> bool {
        self.executor.draw(|chance| chance.once_in(once_in))
    }

    fn recipient(&self, transaction: &mut Transaction, recipient: String) -> &'static str {
        if recipient.starts_with("nobody") {
            return "550 5.1.1 no such user";
        }
        if recipient.starts_with("hoarder") {
            return "452 mailbox full";
        }
        let manners = self.state().manners;
        let is_new = self.state().seen.insert((transaction.reverse_path.clone(), recipient.clone()));
        if is_new && self.is_one_of(manners.greylists_once_in) {
            return "450 4.7.1 come again later";
        }
        transaction.recipients.push(recipient);
        "250 2.1.5 ok"
    }
}

impl Program for PlainHost {
    fn serve(self: Arc<Self>, wire: Box<dyn Wire>) -> Boxed<'static, ()> {
        Box::pin(self.run(wire))
    }
}

struct Session {
    host: Arc<PlainHost>,
    wire: Box<dyn Wire>,
    unread: Vec<u8>,
    /// The message whose 250 has left, and may not have arrived.
    unheard: Option<usize>,
}

impl Session {
    async fn run(&mut self) -> Result<(), WireError> {
        self.say("220 mx.legacy.test ESMTP").await?;
        let mut transaction = Transaction::default();
        while let Some(line) = self.line().await? {
            if let Some(place) = self.unheard.take() {
                self.host.state().taken.get_mut(place).into_iter().for_each(|taken| taken.is_known = true);
            }
            let (verb, rest) = line.split_once([' ', ':']).unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" if self.host.state().manners.tls != Tls::NotOffered => {
                    self.say("250-mx.legacy.test\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 8BITMIME").await?;
                }
                "EHLO" => self.say("250-mx.legacy.test\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250 8BITMIME").await?,
                "STARTTLS" if self.host.state().manners.tls == Tls::HangsUp => return Ok(()),
                "HELO" | "NOOP" => self.say("250 ok").await?,
                "RSET" => {
                    transaction = Transaction::default();
                    self.say("250 ok").await?;
                }
                "MAIL" if self.host.state().manners.is_closing => return self.say("421 4.3.2 closing").await,
                "MAIL" => {
                    transaction = Transaction { reverse_path: path(rest), recipients: vec![] };
                    self.say("250 2.1.0 ok").await?;
                }
                "RCPT" => {
                    let reply = self.host.recipient(&mut transaction, path(rest));
                    self.say(reply).await?;
                }
                "DATA" if transaction.recipients.is_empty() => self.say("554 5.5.1 no valid recipients").await?,
                "DATA" => {
                    self.say("354 go on").await?;
                    if !self.message(std::mem::take(&mut transaction)).await? {
                        return Ok(());
                    }
                }
                "QUIT" => return self.say("221 bye").await,
                _ => self.say("502 5.5.1 unknown").await?,
            }
        }
        Ok(())
    }

    /// Takes the content. `false` if it hangs up behind it.
    async fn message(&mut self, transaction: Transaction) -> Result<bool, WireError> {
        let mut content = vec![];
        loop {
            let Some(line) = self.raw_line().await? else { return Ok(false) };
            if line == b".\r\n" {
                break;
            }
            // RFC 5321 section 4.5.2.
            content.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        let manners = self.host.state().manners;
        if self.host.is_one_of(manners.defers_once_in) {
            self.say("451 4.3.0 not now").await?;
            return Ok(true);
        }
        let Transaction { reverse_path, recipients } = transaction;
        let taken = Taken { reverse_path, recipients, content, at: self.host.executor.now(), is_known: false };
        let place = self.host.keep(taken);
        if self.host.is_one_of(manners.drops_once_in) {
            return Ok(false);
        }
        self.unheard = Some(place);
        self.say("250 2.0.0 taken").await?;
        Ok(true)
    }

    async fn say(&mut self, line: &str) -> Result<(), WireError> {
        let deadline = self.host.executor.now() + PATIENCE;
        self.wire.write_all(format!("{line}\r\n").as_bytes(), deadline).await
    }

    async fn line(&mut self) -> Result<Option<String>, WireError> {
        Ok(self.raw_line().await?.map(|line| String::from_utf8_lossy(&line).trim_end().to_owned()))
    }

    async fn raw_line(&mut self) -> Result<Option<Vec<u8>>, WireError> {
        let mut searched = 0;
        loop {
            let found = self.unread.iter().skip(searched).position(|octet| *octet == b'\n');
            if let Some(end) = found {
                return Ok(Some(self.unread.drain(..=searched + end).collect()));
            }
            searched = self.unread.len();
            let deadline = self.host.executor.now() + PATIENCE;
            let mut buffer = vec![0; 16_384];
            let octets = self.wire.read(&mut buffer, deadline).await?;
            if octets == 0 {
                return Ok(None);
            }
            self.unread.extend(buffer.iter().take(octets));
        }
    }
}

/// What stands between angle brackets.
fn path(text: &str) -> String {
    let inside = text.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or_else(String::new, |(path, _)| path.to_owned())
}
