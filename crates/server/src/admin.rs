//! What an administrator can ask for: one implementation of each command, for the command line and for pages.

pub mod client;
pub mod commands;
pub mod incoming;
pub mod request;
pub mod socket;
pub mod text;

use std::sync::Arc;

use mail::address::{Domain, Mailbox};
use mail::id::{AccountId, MailId, NoticeId};
use mail::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::content::ContentReader;
use store::{Account, Settle, Settled, Store, StoreError, StoredMail, Writer};

use crate::acts::Acts;
use crate::budgets::Budgets;
use crate::config::Config;
use crate::dns::Resolver;
use crate::events::Events;
use crate::node::{Node, Signal};
use crate::real::Machine;
use crate::world::{Boxed, World};
use delivery::dns::{Answer, Decision, Question, Step};
use delivery::schedule::Jitter;
use delivery::transfer::TransferEvent;

pub use request::Request;

/// All that commands need: of a running server, or of a store opened for one command.
#[derive(Clone)]
pub struct Desk {
    /// What is durable.
    pub store: Store,
    /// What the administrator wrote.
    pub config: Arc<Config>,
    /// The clock, chance and processors.
    pub means: Arc<dyn Means>,
    /// Who is told what happens.
    pub events: Events,
    /// To be raised when something became due.
    pub due: Signal,
    /// Whether a connection is retrieving this transfer now: such a message can't be taken back.
    pub is_being_retrieved: Arc<dyn Fn(&NoticeId) -> bool + Send + Sync>,
    /// Which peers a running server leaves alone; nobody rests where none runs.
    pub budgets: Option<Budgets>,
}

/// The clock, chance and processors.
pub trait Means: Send + Sync {
    /// The time.
    fn now(&self) -> Timestamp;
    /// Fills `octets` with chance fit for keys and ids.
    fn fill_random(&self, octets: &mut [u8]);
    /// Runs work that takes a processor for long, elsewhere.
    fn compute(&self, work: Box<dyn FnOnce() + Send>) -> Boxed<'static, ()>;
}

impl Means for Machine {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }

    fn fill_random(&self, octets: &mut [u8]) {
        Self::fill_random(self, octets);
    }

    fn compute(&self, work: Box<dyn FnOnce() + Send>) -> Boxed<'static, ()> {
        Self::compute(self, work)
    }
}

impl Means for Arc<dyn World> {
    fn now(&self) -> Timestamp {
        World::now(&**self)
    }

    fn fill_random(&self, octets: &mut [u8]) {
        World::fill_random(&**self, octets);
    }

    fn compute(&self, work: Box<dyn FnOnce() + Send>) -> Boxed<'static, ()> {
        World::compute(&**self, work)
    }
}

/// What came of a command.
pub struct Response {
    /// For programs, and what the text for people is made of.
    pub document: serde_json::Value,
    /// What a person should hear besides.
    pub warnings: Vec<String>,
    /// `mail show --raw`: these octets in place of the document.
    pub raw: Option<RawMail>,
}

/// A stored message, octet for octet.
pub struct RawMail {
    /// How many there are in all.
    pub size_octets: u64,
    head: Vec<u8>,
    rest: ContentReader,
}

/// Why a command was not carried out. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AdminError {
    /// Whose move is next.
    pub fault: Fault,
    /// For programs: `no-such-account`.
    pub code: String,
    /// For people.
    pub message: String,
}

/// Whose move is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// It can't be done: asking again will not help.
    Refused,
    /// It was asked in the wrong way, or the configuration is wrong.
    Usage,
    /// Not now.
    Temporary,
}

impl Fault {
    /// The exit status of the command line; 75 is `EX_TEMPFAIL` of sysexits.
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Temporary => 75,
        }
    }
}

impl AdminError {
    /// It can't be done.
    pub fn refused(code: &str, message: impl Into<String>) -> Self {
        Self { fault: Fault::Refused, code: code.to_owned(), message: message.into() }
    }

    /// It was asked in the wrong way.
    pub fn usage(code: &str, message: impl Into<String>) -> Self {
        Self { fault: Fault::Usage, code: code.to_owned(), message: message.into() }
    }

    /// Not now.
    pub fn temporary(code: &str, message: impl Into<String>) -> Self {
        Self { fault: Fault::Temporary, code: code.to_owned(), message: message.into() }
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged(_) => Self::refused("store-damaged", error.to_string()),
            StoreError::Unavailable(_) | StoreError::Full(_) | StoreError::LeaseLost => {
                Self::temporary("store-unavailable", error.to_string())
            }
        }
    }
}

impl Response {
    fn of(document: impl Serialize) -> Self {
        // Our own values: numbers, texts and lists always have a JSON form.
        let document = serde_json::to_value(document).unwrap_or_default();
        Self { document, warnings: Vec::new(), raw: None }
    }
}

impl RawMail {
    fn new(store: &Store, mail: StoredMail) -> Self {
        let rest_octets = mail.content.size_octets.saturating_sub(mail.skip_octets);
        let head_octets = u64::try_from(mail.head.len()).unwrap_or(u64::MAX);
        let rest = ContentReader::new(store, &mail.content, mail.skip_octets);
        Self { size_octets: head_octets.saturating_add(rest_octets), head: mail.head, rest }
    }

    /// The next piece; empty at the end.
    ///
    /// # Errors
    /// The store's.
    pub async fn next(&mut self) -> Result<Vec<u8>, StoreError> {
        if self.head.is_empty() { self.rest.next().await } else { Ok(std::mem::take(&mut self.head)) }
    }
}

impl Desk {
    /// Of a running server. `is_being_retrieved` says whether a connection retrieves a transfer now.
    pub fn of(node: &Node, config: &Config, is_being_retrieved: Arc<dyn Fn(&NoticeId) -> bool + Send + Sync>) -> Self {
        Self {
            store: node.store.clone(),
            config: Arc::new(config.clone()),
            means: Arc::new(Arc::clone(&node.world)),
            events: node.events.clone(),
            due: node.due.clone(),
            is_being_retrieved,
            budgets: Some(node.budgets.clone()),
        }
    }

    /// Of a store that no server has open.
    pub fn alone(store: Store, config: &Config, machine: Machine) -> Self {
        let is_being_retrieved = Arc::new(|_: &NoticeId| false);
        Self {
            store,
            config: Arc::new(config.clone()),
            means: Arc::new(machine),
            events: Events::default(),
            due: Signal::default(),
            is_being_retrieved,
            budgets: None,
        }
    }

    /// What the owner of an account decides, typed at the command line.
    fn acts<'a>(&'a self, account: &'a Account) -> Acts<'a> {
        Acts { store: &self.store, means: &*self.means, events: &self.events, due: &self.due, account, through: "cli" }
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        let mut octets = [0; N];
        self.means.fill_random(&mut octets);
        octets
    }

    fn jitter(&self) -> Jitter {
        let [octet] = self.random::<1>();
        Jitter::new(octet)
    }

    fn new_account_id(&self) -> AccountId {
        AccountId::new(self.means.now(), self.random())
    }

    fn new_mail_id(&self) -> MailId {
        MailId::new(self.means.now(), self.random())
    }

    /// Records what somebody asks for a transfer: as [`Node::settle_event`], where perhaps no node runs.
    async fn settle_event(
        &self,
        id: &NoticeId,
        event: TransferEvent,
        detail: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Settled>, StoreError> {
        let (id, detail, report, jitter) = (id.clone(), detail.map(str::to_owned), self.new_mail_id(), self.jitter());
        self.store.settle(Settle { id, event, detail, attempt: None, report, now, jitter, writer: Writer::Session }).await
    }

    /// The account that has this address.
    async fn account(&self, address: &Mailbox) -> Result<Account, AdminError> {
        let found = self.store.account(address).await?;
        found.ok_or_else(|| AdminError::refused("no-such-account", format!("there is no account {address}")))
    }

    /// Asks DNS: a resolver of the command's own, without what a running server remembers. Who has just published
    /// a record wants to see it.
    async fn ask(&self, question: Question) -> Answer {
        match Resolver::new(&self.config.dns) {
            Ok(resolver) => resolver.ask(question).await,
            Err(error) => Answer::Temporary(error.to_string()),
        }
    }

    /// Decides what rests on DNS.
    async fn decide<D: Decision>(&self, mut step: Step<D>) -> D::Verdict {
        loop {
            match step {
                Step::Done(verdict) => return verdict,
                Step::Ask(question, inquiry) => step = inquiry.answer(self.ask(question).await),
            }
        }
    }

    /// Whether an address can be made here. Longer ones than that are taken where others made them.
    fn require_fit(&self, address: &Mailbox) -> Result<(), AdminError> {
        if address.local().len() > Mailbox::LOCAL_MADE_OCTETS_MAX {
            let most = Mailbox::LOCAL_MADE_OCTETS_MAX;
            let message = format!("{address} has more than {most} octets before the @: not every server would send mail there");
            return Err(AdminError::refused("too-long", message));
        }
        self.require_local(address.domain())
    }

    fn require_local(&self, domain: &Domain) -> Result<(), AdminError> {
        if self.config.domains.contains(domain) {
            return Ok(());
        }
        let ours = self.config.domains.iter().map(Domain::as_str).collect::<Vec<_>>().join(", ");
        Err(AdminError::refused("not-our-domain", format!("{domain} is not one of this server's domains ({ours})")))
    }
}

#[cfg(test)]
mod tests;
