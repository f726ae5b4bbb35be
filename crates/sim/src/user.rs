//! A person with an account on one of the servers, and what they can do and see.

mod review;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use delivery::consent::{Entry, EntryList, Legacy, Screening, Who};
use delivery::report::SentStatus;
use delivery::transfer::{Outcome, Transfer, TransferEvent};
use mail::address::Mailbox;
use mail::id::{AccountId, NoticeId};
use server::events::Event;
use server::node::Node;
use server::world::Boxed;
use store::{ConsentAct, ConsentChange, StoreError, TransferRecord, Writer};

use crate::client::{Letter, push, submit};
use crate::host::{EXCHANGE_PORT, PASSWORD, SUBMISSIONS_PORT};
use crate::sim::Inner;

/// Where people's programs dial from.
const DESK_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Octets of a message that does not fit in a row.
const LARGE_OCTETS: usize = 300_000;

/// A message, by its subject: no two of a simulation have the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message(pub(crate) String);

/// A message that was answered 250.
#[derive(Debug, Clone)]
pub(crate) struct Handed {
    pub(crate) message: Message,
    pub(crate) from: Mailbox,
    pub(crate) to: Vec<Mailbox>,
    /// What the content ends with.
    pub(crate) body: Vec<u8>,
}

/// Somebody with an account.
#[derive(Clone)]
pub struct User {
    pub(crate) sim: Rc<Inner>,
    pub(crate) address: Mailbox,
    pub(crate) account: AccountId,
}

impl User {
    pub(crate) fn new(sim: Rc<Inner>, address: Mailbox, account: AccountId) -> Self {
        Self { sim, address, account }
    }

    /// Their address.
    pub fn address(&self) -> Mailbox {
        self.address.clone()
    }

    /// Sends a message, by a session with their server; fails the test if it is not taken.
    pub fn submit(&self, to: Mailbox, text: &str) -> Message {
        self.submit_to(vec![to], text)
    }

    /// Sends a message to several.
    pub fn submit_to(&self, to: Vec<Mailbox>, text: &str) -> Message {
        self.sim.sure(self.try_submit(to, text, text.as_bytes()))
    }

    /// Sends a message too large for a row.
    pub fn submit_large(&self, to: Mailbox, text: &str) -> Message {
        let body = format!("{text}\r\n").repeat(LARGE_OCTETS / (text.len() + 2));
        self.sim.sure(self.try_submit(vec![to], text, body.as_bytes()))
    }

    /// Sends a message.
    ///
    /// # Errors
    /// It was not taken, or nobody said so.
    pub fn try_submit(&self, to: Vec<Mailbox>, subject: &str, body: &[u8]) -> Result<Message, String> {
        self.try_submit_with("", to, subject, body)
    }

    /// Sends a message with more fields, each with its CRLF; fails the test if it is not taken.
    pub fn submit_with(&self, fields: &str, to: Mailbox, text: &str) -> Message {
        self.sim.sure(self.try_submit_with(fields, vec![to], text, text.as_bytes()))
    }

    fn try_submit_with(&self, fields: &str, to: Vec<Mailbox>, subject: &str, body: &[u8]) -> Result<Message, String> {
        let number = self.sim.written.get() + 1;
        self.sim.written.set(number);
        let message = Message(format!("{subject} #{number}"));
        let recipients: Vec<_> = to.iter().map(ToString::to_string).collect();
        let header = format!("From: <{}>\r\nTo: {}\r\n{fields}Subject: {}\r\n\r\n", self.address, recipients.join(", "), message.0);
        let body = [body, b"\r\n"].concat();
        let content = [header.as_bytes(), &body].concat();
        let letter = Letter { from: self.address(), to: to.clone(), password: PASSWORD, content, says_utf8: self.sim.says_utf8.get() };
        let (server, host) = self.sim.with_server(self.address.domain(), |server| (server.address, server.hostname.to_string()));
        let at = SocketAddr::new(server, SUBMISSIONS_PORT);
        self.sim.run_to_end(submit(Arc::clone(&self.sim.network), DESK_ADDRESS, at, host, letter))?;
        self.sim.handed.borrow_mut().push(Handed { message: message.clone(), from: self.address(), to, body });
        Ok(message)
    }

    /// Somebody elsewhere, whose server has no extension, pushes a message at this one and says to be `from`.
    ///
    /// # Errors
    /// It was not taken, or nobody said so.
    pub fn try_push(&self, from: &Mailbox, subject: &str) -> Result<Message, String> {
        self.try_push_as(from, from, subject)
    }

    /// The same, and failures are to be told to somebody else.
    ///
    /// # Errors
    /// It was not taken, or nobody said so.
    pub fn try_push_as(&self, from: &Mailbox, reverse_path: &Mailbox, subject: &str) -> Result<Message, String> {
        self.try_push_with("", from, reverse_path, subject)
    }

    /// The same with more fields, each with its CRLF; fails the test if it is not taken.
    pub fn push_with(&self, fields: &str, from: &Mailbox, subject: &str) -> Message {
        self.sim.sure(self.try_push_with(fields, from, from, subject))
    }

    fn try_push_with(&self, fields: &str, from: &Mailbox, reverse_path: &Mailbox, subject: &str) -> Result<Message, String> {
        let number = self.sim.written.get() + 1;
        self.sim.written.set(number);
        let message = Message(format!("{subject} #{number}"));
        let body = b"Pushed.\r\n.dots\r\n".to_vec();
        let header = format!("From: <{from}>\r\nTo: {}\r\n{fields}Subject: {}\r\n\r\n", self.address, message.0);
        let to = vec![self.address()];
        let content = [header.as_bytes(), &body].concat();
        let letter = Letter { from: reverse_path.clone(), to: to.clone(), password: "", content, says_utf8: self.sim.says_utf8.get() };
        let server = self.sim.with_server(self.address.domain(), |server| server.address);
        let at = SocketAddr::new(server, EXCHANGE_PORT);
        // Whether or not anybody says so, it may be there.
        self.sim.pushed.borrow_mut().push(Handed { message: message.clone(), from: from.clone(), to, body });
        self.sim.run_to_end(push(Arc::clone(&self.sim.network), DESK_ADDRESS, at, letter))?;
        Ok(message)
    }

    /// Chooses what happens to pushed mail.
    pub fn take_pushed(&self, legacy: Legacy) {
        let account = self.account;
        let set = self.ask(move |node| Box::pin(async move { node.store.set_mode(account, None, Some(legacy)).await.map(drop) }));
        self.sim.sure(set);
    }

    /// Lets somebody in.
    pub fn allow(&self, who: Mailbox) {
        let change = self.try_add(EntryList::Allow, who);
        self.sim.sure(change);
    }

    /// Keeps somebody out.
    pub fn block(&self, who: Mailbox) {
        let change = self.try_add(EntryList::Block, who);
        self.sim.sure(change);
    }

    /// Puts somebody on a list.
    ///
    /// # Errors
    /// The server is down or dies.
    pub fn try_add(&self, list: EntryList, who: Mailbox) -> Result<(), String> {
        self.try_enter(list, Who::Address(who))
    }

    /// Puts anybody whom an entry can speak of on a list.
    ///
    /// # Errors
    /// The server is down or dies.
    pub fn try_enter(&self, list: EntryList, who: Who) -> Result<(), String> {
        self.enter(list, who, None, None)
    }

    /// Expects mail from there that carries a reference.
    pub fn expect_mail(&self, who: Who, reference: &NoticeId) {
        self.sim.sure(self.enter(EntryList::Expected, who, Some(reference.to_string()), None));
    }

    /// Expects mail from there for a while.
    pub fn expect_for(&self, who: Who, long: Duration) {
        self.sim.sure(self.enter(EntryList::Expected, who, None, Some(long)));
    }

    fn enter(&self, list: EntryList, who: Who, reference: Option<String>, long: Option<Duration>) -> Result<(), String> {
        let account = self.account;
        let owner = self.address();
        self.ask(move |node| {
            Box::pin(async move {
                let now = node.world.now();
                let entry = Entry {
                    id: node.new_entry_id(),
                    list,
                    who: who.clone(),
                    until: long.map(|long| now + long),
                    remaining: None,
                    reference,
                    list_domain: None,
                    made: now,
                    through: "cli".to_owned(),
                    reason: "the test".to_owned(),
                    proof: None,
                };
                let (id, jitter) = (node.new_entry_id(), node.jitter());
                let act = ConsentAct::Add(entry);
                let change = ConsentChange { account, id, act, of: None, through: "cli".to_owned(), now, jitter };
                let done = node.store.change_consent(change).await?;
                let change = format!("{list:?} {who}");
                node.events.tell(&Event::ConsentChanged { account: owner, change, released: done.released });
                node.due.raise();
                Ok(())
            })
        })
    }

    /// Chooses what happens to strangers' notices.
    pub fn screen(&self, screening: Screening) {
        let account = self.account;
        let set = self.ask(move |node| Box::pin(async move { node.store.set_mode(account, Some(screening), None).await.map(drop) }));
        self.sim.sure(set);
    }

    /// Has their mailbox deleted, as the command line does it.
    pub fn leave(&self) {
        let account = self.account;
        let left = self.ask(move |node| Box::pin(async move { node.store.delete_account(account, node.world.now()).await }));
        self.sim.sure(left);
    }

    /// Marks the store of their server as restored from a backup: it finds out at its next start.
    pub fn note_restore(&self) {
        let noted = self.ask(|node| Box::pin(async move { node.store.note_restore().await }));
        self.sim.sure(noted);
    }

    /// The messages of this simulation in their mailbox, oldest first.
    pub fn inbox(&self) -> Vec<Message> {
        let (handed, pushed) = (self.sim.handed.borrow(), self.sim.pushed.borrow());
        let known = |subject: &String| handed.iter().chain(pushed.iter()).any(|handed| handed.message.0 == *subject);
        self.subjects().into_iter().filter(known).map(Message).collect()
    }

    /// The subjects of everything else there: reports.
    pub fn reports(&self) -> Vec<String> {
        let inbox = self.inbox();
        self.subjects().into_iter().filter(|subject| !inbox.iter().any(|message| message.0 == *subject)).collect()
    }

    fn subjects(&self) -> Vec<String> {
        let account = self.account;
        let rows = self.sim.sure(self.ask(move |node| Box::pin(async move { node.store.mail_list(account).await })));
        rows.into_iter().map(|row| row.subject).collect()
    }

    /// Who waits to be let in, best first.
    pub fn contact_attempts(&self) -> Vec<Mailbox> {
        let account = self.account;
        let contacts = self.ask(move |node| Box::pin(async move { node.store.contacts(account, node.world.now()).await }));
        self.sim.sure(contacts).into_iter().filter(|contact| contact.kind.waits()).map(|contact| contact.sender).collect()
    }

    /// What they are told of a message to one recipient.
    pub fn sent_status(&self, message: &Message) -> SentStatus {
        let statuses: Vec<_> = self.transfers_of(message).iter().map(|record| SentStatus::of(&record.transfer)).collect();
        match statuses.as_slice() {
            [status] => *status,
            _ => self.sim.fail(&format!("{message:?} has not one recipient: {statuses:?}")),
        }
    }

    /// What they are told of a message to one of its recipients.
    pub fn sent_status_to(&self, message: &Message, recipient: &Mailbox) -> SentStatus {
        let found = self.transfers_of(message).into_iter().find(|record| record.recipient.mailbox == *recipient);
        SentStatus::of(&self.sim.sure(found.ok_or("no such recipient")).transfer)
    }

    /// What the servers replied that did not take it, as reports quote them.
    pub fn diagnostics(&self, message: &Message) -> Vec<Option<String>> {
        self.transfers_of(message).into_iter().map(|record| record.attempt.and_then(|attempt| attempt.reply)).collect()
    }

    fn transfers_of(&self, message: &Message) -> Vec<TransferRecord> {
        let account = self.account;
        let sent = self.sim.sure(self.ask(move |node| Box::pin(async move { node.store.sent(account).await })));
        sent.into_iter().filter(|record| record.subject == message.0).collect()
    }

    /// Takes a message back from all its recipients; whether that was still possible.
    pub fn withdraw(&self, message: &Message) -> bool {
        self.sim.sure(self.try_withdraw(message))
    }

    /// Takes a message back from all its recipients; whether that was still possible.
    ///
    /// # Errors
    /// The server is down or dies; then nobody knows.
    pub fn try_withdraw(&self, message: &Message) -> Result<bool, String> {
        self.try_take_back(&message.0)
    }

    /// The same of a message with this Subject.
    ///
    /// # Errors
    /// The server is down or dies; then nobody knows.
    pub fn try_take_back(&self, subject: &str) -> Result<bool, String> {
        let (account, subject) = (self.account, subject.to_owned());
        self.ask(move |node| {
            Box::pin(async move {
                let sent = node.store.sent(account).await?;
                let ids = sent.into_iter().filter(|record| record.subject == subject).map(|record| record.id);
                let mut all = true;
                for id in ids {
                    all &= take_back(&node, id).await?;
                }
                Ok(all)
            })
        })
    }

    /// The second half of taking a message back: nobody held it a moment ago, when that was looked at; now it is recorded.
    pub fn withdraw_unlooked(&self, message: &Message) -> bool {
        let (account, subject) = (self.account, message.0.clone());
        let recorded = self.ask(move |node| {
            Box::pin(async move {
                let sent = node.store.sent(account).await?;
                let Some(record) = sent.into_iter().find(|record| record.subject == subject) else { return Ok(false) };
                record_withdrawal(&node, &record.id).await
            })
        });
        self.sim.sure(recorded)
    }

    pub(crate) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(Arc<Node>) -> Boxed<'static, Result<T, StoreError>>,
    ) -> Result<T, String> {
        self.sim.ask(self.address.domain(), question)
    }
}

/// As the command line does it: refused while a connection is retrieving.
async fn take_back(node: &Node, id: NoticeId) -> Result<bool, StoreError> {
    let now = node.world.now();
    if node.retrievals.is_held(&id, now) {
        return Ok(false);
    }
    record_withdrawal(node, &id).await
}

async fn record_withdrawal(node: &Node, id: &NoticeId) -> Result<bool, StoreError> {
    let settled = node.settle_event(id, TransferEvent::WithdrawalAsked, None, Writer::Session).await?;
    Ok(settled.is_some_and(|settled| matches!(settled.after, Transfer::Ended { outcome: Outcome::Withdrawn, .. })))
}
