//! Ordinary mail at the server under test: what a client without the extension says, and what lies in mailboxes afterwards.

use anyhow::{Context as _, Result, bail, ensure};
use data_encoding::BASE64;
use serde_json::Value;

use crate::crypto::fresh_word;
use crate::lab::Lab;
use crate::message::message;
use crate::peer::Peer;
use crate::reply::Reply;
use crate::session::Session;
use crate::submit::stuffed;
use crate::target::Account;
use crate::trace::Trace;

/// A message to push.
pub(crate) struct Push {
    pub(crate) sender: String,
    pub(crate) subject: String,
    pub(crate) content: Vec<u8>,
}

impl Push {
    /// By somebody the server under test has never heard of.
    pub(crate) fn fresh(peer: &Peer, to: &Account) -> Result<Self> {
        Self::by(&peer.fresh_address()?, to)
    }

    /// By this sender.
    pub(crate) fn by(sender: &str, to: &Account) -> Result<Self> {
        Self::saying(sender, to, b"Pushed, as mail has always been.\r\n")
    }

    /// With this body.
    pub(crate) fn saying(sender: &str, to: &Account, body: &[u8]) -> Result<Self> {
        let subject = format!("pushed {}", fresh_word()?);
        let content = message(sender, &to.address, &subject, body)?;
        Ok(Self { sender: sender.to_owned(), subject, content })
    }
}

impl Session {
    /// MAIL and RCPT, both taken.
    pub(crate) fn address(&mut self, from: &str, to: &str) -> Result<()> {
        self.ask(&format!("MAIL FROM:<{from}>"), "250 2.1.0")?;
        self.ask(&format!("RCPT TO:<{to}>"), "250 2.1.5")?;
        Ok(())
    }

    /// DATA and this content; the reply to it.
    pub(crate) fn data(&mut self, content: &[u8]) -> Result<Reply> {
        self.ask("DATA", "354")?;
        self.say_content(&stuffed(content))?;
        self.reply()
    }

    /// One chunk (RFC 3030).
    pub(crate) fn chunk(&mut self, octets: &[u8], last: bool) -> Result<Reply> {
        let line = format!("BDAT {}{}\r\n", octets.len(), if last { " LAST" } else { "" });
        self.say_octets(line.as_bytes())?;
        self.say_content(octets)?;
        self.reply()
    }

    /// One command is answered with this, and the session goes on.
    pub(crate) fn refused(&mut self, command: &str, wanted: &[&str]) -> Result<Reply> {
        let reply = self.ask_one_of(command, wanted)?;
        self.ask("NOOP", "250")?;
        Ok(reply)
    }
}

impl Lab<'_> {
    /// Pushes a message in a session of its own; the reply to its end.
    pub(crate) fn push(&self, peer: &Peer, to: &str, push: &Push) -> Result<Reply> {
        let mut session = self.exchange(peer)?;
        session.address(&push.sender, to)?;
        let reply = session.data(&push.content)?;
        session.quit()?;
        Ok(reply)
    }

    /// Pushes to the open mailbox, and gives what lies there then.
    pub(crate) fn delivered(&self, push: &Push) -> Result<Vec<u8>> {
        let (peer, open) = (self.honest()?, self.open()?);
        let reply = self.push(peer, &open.address, push)?;
        ensure!(reply.says("250 2.0.0"), "the message is taken: {:?}", reply.lines);
        self.stored(&push.subject)
    }

    /// The octets of the message behind the fields that the server under test has put in front.
    pub(crate) fn is_delivered_unchanged(&self, push: &Push) -> Result<String> {
        let stored = self.delivered(push)?;
        ensure!(stored.ends_with(&push.content), "the octets that were sent stand at the end");
        let front = stored.get(..stored.len() - push.content.len()).unwrap_or_default();
        String::from_utf8(front.to_vec()).context("the trace fields are text")
    }

    /// A session with the submission port under TLS, not yet authenticated.
    pub(crate) fn submission(&self) -> Result<Session> {
        let session = self.submission_in_clear()?;
        let mut session = self.secured(session, self.trace.clone())?;
        session.greet("client.test")?;
        Ok(session)
    }

    /// The same before STARTTLS.
    pub(crate) fn submission_in_clear(&self) -> Result<Session> {
        let mut session = self.dialled(self.honest()?.address, self.target.submission, self.trace.clone())?;
        session.expect("220")?;
        session.greet("client.test")?;
        Ok(session)
    }

    /// The same, authenticated.
    pub(crate) fn submission_as(&self, account: &Account) -> Result<Session> {
        let mut session = self.submission()?;
        let secret = BASE64.encode(format!("\0{}\0{}", account.address, account.password).as_bytes());
        self.trace.note("AUTH PLAIN");
        let aside = Trace::default();
        session = session.traced_to(aside);
        session.ask(&format!("AUTH PLAIN {secret}"), "235")?;
        Ok(session.traced_to(self.trace.clone()))
    }

    /// Whether a message with this subject lies in an account's mailbox.
    pub(crate) fn has(&self, account: &Account, subject: &str) -> Result<bool> {
        let list = self.json(&["mail", &account.address, "list"])?;
        let Some(rows) = list.as_array() else { bail!("a list was expected, not {list}") };
        Ok(rows.iter().any(|row| row.get("subject").and_then(Value::as_str) == Some(subject)))
    }

    /// Waits until it does.
    pub(crate) fn arrives(&self, account: &Account, subject: &str) -> Result<()> {
        self.until("the message in the mailbox", || Ok(self.has(account, subject)?.then_some(())))
    }

    /// Fails if a message is in the open mailbox, or comes into it while one that was sent later does.
    pub(crate) fn is_not_delivered(&self, subject: &str) -> Result<()> {
        let (peer, open) = (self.honest()?, self.open()?);
        let later = Push::fresh(peer, open)?;
        self.delivered(&later)?;
        ensure!(!self.has(open, subject)?, "{subject} is in the mailbox");
        Ok(())
    }
}
