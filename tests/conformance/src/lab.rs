//! What a case works with: sessions to the server under test, our own domains, fresh names, and bounds on every wait.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use rustls::ClientConfig;
use serde_json::Value;

use crate::case::Skip;
use crate::certificates::PeerFile;
use crate::command::CommandLine;
use crate::crypto::{client_config, fresh_word};
use crate::grammar::Noticed;
use crate::message::message;
use crate::offered::Offered;
use crate::peer::{Answer, Certificate, Offer, Peer, Seen, Speaks};
use crate::session::Session;
use crate::submit::{Submission, submit};
use crate::target::{Account, Bounds, Target};
use crate::trace::Trace;
use crate::wire::Wire;

/// Between two looks at something that only a command can tell.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The place of the domain that does not know the extension.
pub(crate) const ORDINARY: usize = 4;

/// Our domains, by the part they play: honest, other, hostile, forger, ordinary.
pub(crate) struct Peers {
    domains: Vec<Peer>,
    /// An address that no domain publishes.
    stranger: IpAddr,
}

impl Peers {
    /// Starts the servers of every domain; the fourth shows a forged certificate at its retrieval service.
    pub(crate) fn start(files: &[PeerFile], directory: &Path, stranger: IpAddr) -> Result<Self> {
        let certificate = |number: usize| if number == 3 { Certificate::Forged } else { Certificate::Vouched };
        let speaks = |number: usize| if number == ORDINARY { Speaks::OrdinaryMail } else { Speaks::Extension };
        let start = |(number, file)| Peer::start(file, directory, certificate(number), speaks(number));
        let domains = files.iter().enumerate().map(start).collect::<Result<_>>()?;
        Ok(Self { domains, stranger })
    }

    fn nth(&self, number: usize) -> Result<&Peer> {
        let missing = || anyhow!(Skip(format!("needs {} peer domains; {} were given", number + 1, self.domains.len())));
        self.domains.get(number).ok_or_else(missing)
    }
}

/// The means of one case.
pub(crate) struct Lab<'a> {
    pub(crate) target: &'a Target,
    pub(crate) trace: Trace,
    pub(crate) bounds: &'a Bounds,
    peers: &'a Peers,
    tls: Arc<ClientConfig>,
    kept: RefCell<Vec<(&'a Peer, String)>>,
}

/// A message that the server under test keeps for a recipient of ours.
pub(crate) struct Kept {
    pub(crate) id: String,
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) noticed: Noticed,
    /// As it was submitted.
    pub(crate) content: Vec<u8>,
}

impl<'a> Lab<'a> {
    pub(crate) fn new(target: &'a Target, peers: &'a Peers, trace: &Trace) -> Result<Self> {
        let tls = client_config(&target.ca_pem)?;
        Ok(Self { target, trace: trace.clone(), bounds: &target.bounds, peers, tls, kept: RefCell::default() })
    }

    /// The domain that keeps to the protocol.
    pub(crate) fn honest(&self) -> Result<&'a Peer> {
        self.peers.nth(0)
    }

    /// Another domain; nobody but cases about screening gives notices of its messages.
    pub(crate) fn other(&self) -> Result<&'a Peer> {
        self.peers.nth(1)
    }

    /// The domain whose servers misbehave.
    pub(crate) fn hostile(&self) -> Result<&'a Peer> {
        self.peers.nth(2)
    }

    /// The domain whose retrieval service shows a certificate nobody vouches for.
    pub(crate) fn forger(&self) -> Result<&'a Peer> {
        self.peers.nth(3)
    }

    /// The domain that has never heard of the extension, and takes what is pushed.
    pub(crate) fn ordinary(&self) -> Result<&'a Peer> {
        self.peers.nth(ORDINARY)
    }

    /// All of them.
    pub(crate) fn domains(&self) -> &'a [Peer] {
        &self.peers.domains
    }

    /// A mailbox with screening off.
    pub(crate) fn open(&self) -> Result<&'a Account> {
        self.account("open")
    }

    /// A mailbox with screening on, and nothing on its lists about us.
    pub(crate) fn screened(&self) -> Result<&'a Account> {
        self.account("screened")
    }

    fn account(&self, screening: &str) -> Result<&'a Account> {
        self.target.accounts.get(screening).ok_or_else(|| anyhow!(Skip(format!("needs an account that is {screening}"))))
    }

    /// The server's command line.
    pub(crate) fn command(&self) -> Result<&'a CommandLine> {
        self.target.command.as_ref().ok_or_else(|| anyhow!(Skip("needs --command".into())))
    }

    /// Runs a command with `--json`, and shows it in the dialogue.
    pub(crate) fn json(&self, words: &[&str]) -> Result<Value> {
        self.trace.note(format!("command: {}", words.join(" ")));
        self.command()?.json(words, self.bounds.patience)
    }

    /// A mailbox with screening on that was made for this case: nothing is known to it, and nothing lies there.
    pub(crate) fn fresh_screened(&self) -> Result<Account> {
        let account = Account { address: format!("w{}@{}", fresh_word()?, self.target.domain), password: fresh_word()? };
        let words = ["account", "add", &account.address, "--password-stdin"];
        self.trace.note(format!("command: {}", words.join(" ")));
        self.command()?.run_with(&words, account.password.as_bytes(), self.bounds.patience)?;
        self.order(&["mode", &account.address, "--screening", "on"])?;
        Ok(account)
    }

    /// Runs a command for what it does.
    pub(crate) fn order(&self, words: &[&str]) -> Result<()> {
        self.json(words).map(|_document| ())
    }

    /// A connection to the exchange port, greeted, without TLS.
    pub(crate) fn plain(&self, peer: &Peer) -> Result<Session> {
        self.trace.note(format!("{} dials the exchange port from {}", peer.host, peer.address));
        let mut session = self.dialled(peer.address, self.target.exchange, self.trace.clone())?;
        session.expect("220")?;
        session.greet(&peer.host)?;
        Ok(session)
    }

    /// A session with the exchange port, under TLS and greeted.
    pub(crate) fn exchange(&self, peer: &Peer) -> Result<Session> {
        self.exchange_from(peer.address, &peer.host)
    }

    /// The same from an address that nobody published.
    pub(crate) fn exchange_as_stranger(&self, host: &str) -> Result<Session> {
        self.exchange_from(self.peers.stranger, host)
    }

    /// A session with the retrieval port, greeted.
    pub(crate) fn retrieval(&self, peer: &Peer) -> Result<Session> {
        self.retrieval_from(peer.address, &peer.host)
    }

    /// The same from an address that nobody published.
    pub(crate) fn retrieval_as_stranger(&self, host: &str) -> Result<Session> {
        self.retrieval_from(self.peers.stranger, host)
    }

    fn exchange_from(&self, from: IpAddr, host: &str) -> Result<Session> {
        self.quietly(&format!("{host} dials the exchange port from {from}: EHLO, STARTTLS, EHLO"), |trace| {
            let mut session = self.dialled(from, self.target.exchange, trace.clone())?;
            session.expect("220")?;
            session.greet(host)?;
            let mut session = self.secured(session, trace)?;
            session.greet(host)?;
            Ok(session)
        })
    }

    fn retrieval_from(&self, from: IpAddr, host: &str) -> Result<Session> {
        self.quietly(&format!("{host} dials the retrieval port from {from}: TLS, EHLO"), |trace| {
            let wire = Wire::dial(from, self.target.retrieval, self.bounds.patience)?;
            let wire = wire.into_tls_client(&self.tls, &self.target.name, self.bounds.patience)?;
            let mut session = Session::over(wire, trace, self.bounds.patience);
            session.expect("220")?;
            session.greet(host)?;
            Ok(session)
        })
    }

    /// STARTTLS and the handshake; the caller greets again.
    pub(crate) fn secured(&self, mut session: Session, trace: Trace) -> Result<Session> {
        session.ask("STARTTLS", "220")?;
        self.handshake(session, trace)
    }

    /// The handshake alone.
    pub(crate) fn handshake(&self, session: Session, trace: Trace) -> Result<Session> {
        let wire = session.into_wire().into_tls_client(&self.tls, &self.target.name, self.bounds.patience).context("TLS handshake")?;
        Ok(Session::over(wire, trace, self.bounds.patience))
    }

    pub(crate) fn dialled(&self, from: IpAddr, to: SocketAddr, trace: Trace) -> Result<Session> {
        let wire = Wire::dial(from, to, self.bounds.patience).with_context(|| format!("dialling {to} from {from}"))?;
        Ok(Session::over(wire, trace, self.bounds.patience))
    }

    /// Does what every case does alike; the dialogue shows a remark, and the lines only if it fails.
    fn quietly(&self, remark: &str, open: impl FnOnce(Trace) -> Result<Session>) -> Result<Session> {
        let aside = Trace::default();
        match open(aside.clone()) {
            Ok(session) => {
                self.trace.note(remark);
                Ok(session.traced_to(self.trace.clone()))
            }
            Err(error) => {
                self.trace.append(&aside);
                Err(error.context(remark.to_owned()))
            }
        }
    }

    /// Submits mail from the open account and waits for the notice of it at our exchange port.
    pub(crate) fn kept(&self, peer: &'a Peer) -> Result<Kept> {
        let body = b"The server under test keeps this until we collect it.\r\n";
        self.kept_with(peer, body, &[Answer::Saying("250 2.0.0 noted")])
    }

    /// The same with this body, the notices answered so.
    pub(crate) fn kept_with(&self, peer: &'a Peer, body: &[u8], answers: &[Answer]) -> Result<Kept> {
        let account = self.open()?;
        let to = peer.fresh_address()?;
        let content = message(&account.address, &to, &format!("conformance {}", fresh_word()?), body)?;
        peer.open_mailbox(&to, &self.trace, answers);
        self.submit(&account.address, std::slice::from_ref(&to), &content)?;
        let noticed = self.noticed(peer, &to, 1, self.bounds.patience)?;
        Ok(Kept { id: noticed.id.clone(), from: account.address.clone(), to, noticed, content })
    }

    /// Submits mail as the open account.
    pub(crate) fn submit(&self, reverse_path: &str, recipients: &[String], content: &[u8]) -> Result<()> {
        let (account, peer) = (self.open()?, self.honest()?);
        let remark = format!("{} submits {} octets to {}", account.address, content.len(), recipients.join(", "));
        let session = self.quietly(&remark, |trace| {
            let mut session = self.dialled(peer.address, self.target.submission, trace.clone())?;
            session.expect("220")?;
            session.greet("client.test")?;
            let mut session = self.secured(session, trace)?;
            session.greet("client.test")?;
            submit(&mut session, &Submission { account, reverse_path, recipients, content })?;
            Ok(session)
        })?;
        session.traced_to(Trace::default()).quit()
    }

    /// Waits for the `count`th notice to a mailbox of ours.
    pub(crate) fn noticed(&self, peer: &Peer, to: &str, count: usize, within: Duration) -> Result<Noticed> {
        let Some(read) = peer.wait_notice(to, count, within) else {
            self.trace.note(format!("expected notice {count} for {to}"));
            bail!("notice {count} for {to} did not come within {within:?}");
        };
        read.map_err(|error| anyhow!("the notice breaks the grammar: {error}"))
    }

    /// Keeps it, and gives notice of it.
    pub(crate) fn give(&self, offered: &Offered<'a>) -> Result<()> {
        self.keep(offered);
        let mut session = self.exchange(offered.peer)?;
        session.ask(&offered.notice.line(), "250 2.0.0")?;
        session.quit()
    }

    /// Keeps it only.
    pub(crate) fn keep(&self, offered: &Offered<'a>) {
        let notice = &offered.notice;
        let offer = Offer {
            trace: self.trace.clone(),
            to: notice.to.trim_matches(['<', '>']).to_owned(),
            octets: offered.octets.clone(),
            mail_from: offered.sender.clone(),
            servings: offered.servings.iter().cloned().collect(),
            confirmations: offered.confirmations.iter().copied().collect(),
            seen: Vec::new(),
            withdrawn: false,
        };
        offered.peer.keep(&notice.id, offer);
        self.kept.borrow_mut().push((offered.peer, notice.id.clone()));
    }

    /// Waits until the server under test has done something with a message we keep.
    pub(crate) fn see(&self, offered: &Offered<'_>, what: &str, within: Duration, enough: impl Fn(&[Seen]) -> bool) -> Result<Vec<Seen>> {
        if let Some(seen) = offered.peer.wait_seen(&offered.notice.id, within, enough) {
            return Ok(seen);
        }
        self.trace.note(format!("expected {what}"));
        bail!("expected {what} within {within:?}; seen: {:?}", offered.peer.seen(&offered.notice.id));
    }

    /// Waits until a message was retrieved and confirmed.
    pub(crate) fn see_confirmed(&self, offered: &Offered<'_>) -> Result<Vec<Seen>> {
        self.see(offered, "RETRIEVE and CONFIRM", self.bounds.patience, |seen| seen.contains(&Seen::Confirm))
    }

    /// Waits until a message was asked for.
    pub(crate) fn see_retrieve(&self, offered: &Offered<'_>) -> Result<Vec<Seen>> {
        self.see(offered, "RETRIEVE", self.bounds.patience, |seen| !seen.is_empty())
    }

    /// The next message of the same domain is collected as ever: one bad message holds nothing up.
    pub(crate) fn next_message_arrives(&self, peer: &'a Peer) -> Result<()> {
        self.trace.note("and the next message of the same domain is collected as ever");
        let offered = peer.offer(self.open()?)?;
        self.give(&offered)?;
        self.see_confirmed(&offered).map(|_seen| ())
    }

    /// Fails if a message was confirmed, or, where the command line can tell, is in the mailbox.
    pub(crate) fn was_not_stored(&self, offered: &Offered<'_>) -> Result<()> {
        let seen = offered.peer.seen(&offered.notice.id);
        ensure!(!seen.contains(&Seen::Confirm), "it was confirmed, that is, stored: {seen:?}");
        if self.target.command.is_some() {
            ensure!(self.mail(&offered.subject)?.is_none(), "it is in the mailbox");
        }
        Ok(())
    }

    /// The id of the message with this subject in the open mailbox.
    pub(crate) fn mail(&self, subject: &str) -> Result<Option<String>> {
        let list = self.json(&["mail", &self.open()?.address, "list"])?;
        let found = rows(&list)?.iter().find(|row| row.get("subject").and_then(Value::as_str) == Some(subject));
        Ok(found.and_then(|row| row.get("id")).map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned)))
    }

    /// The octets of the message with this subject in the open mailbox.
    pub(crate) fn stored(&self, subject: &str) -> Result<Vec<u8>> {
        let id = self.until("the message in the mailbox", || self.mail(subject))?;
        self.command()?.run(&["mail", &self.open()?.address, "show", &id, "--raw"], self.bounds.patience)
    }

    /// The row of `sent list` for this recipient.
    pub(crate) fn sent(&self, recipient: &str) -> Result<Option<Value>> {
        let list = self.json(&["sent", &self.open()?.address, "list"])?;
        Ok(rows(&list)?.iter().find(|row| row.get("recipient").and_then(Value::as_str) == Some(recipient)).cloned())
    }

    /// Waits until the sender is told this status, and gives the row.
    pub(crate) fn status(&self, recipient: &str, wanted: &str) -> Result<Value> {
        self.until(&format!("status {wanted}"), || {
            Ok(self.sent(recipient)?.filter(|row| row.get("status").and_then(Value::as_str) == Some(wanted)))
        })
    }

    /// The row of `contacts list` for this sender.
    pub(crate) fn contact(&self, sender: &str) -> Result<Option<Value>> {
        self.contact_of(self.screened()?, sender)
    }

    /// The same at another mailbox.
    pub(crate) fn contact_of(&self, account: &Account, sender: &str) -> Result<Option<Value>> {
        let found = self.contacts(account)?;
        Ok(found.into_iter().find(|row| row.get("sender").and_then(Value::as_str) == Some(sender)))
    }

    /// All rows of `contacts list`, in its order.
    pub(crate) fn contacts(&self, account: &Account) -> Result<Vec<Value>> {
        let list = self.json(&["contacts", &account.address, "list"])?;
        Ok(rows(&list)?.clone())
    }

    /// Looks again and again until something is found, at most for the usual time.
    pub(crate) fn until<T>(&self, what: &str, look: impl Fn() -> Result<Option<T>>) -> Result<T> {
        let deadline = Instant::now() + self.bounds.patience;
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            if Instant::now() > deadline {
                bail!("expected {what} within {:?}", self.bounds.patience);
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

impl Drop for Lab<'_> {
    fn drop(&mut self) {
        for (peer, id) in self.kept.borrow().iter() {
            peer.withdraw(id);
        }
    }
}

fn rows(list: &Value) -> Result<&Vec<Value>> {
    list.as_array().ok_or_else(|| anyhow!("a list was expected, not {list}"))
}
