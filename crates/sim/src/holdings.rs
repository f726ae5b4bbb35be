//! What a person can set and see, as a test that keeps its own books needs it: whole mailboxes, all that was sent.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use delivery::absence::Absence;
use delivery::consent::{EntryList, Legacy, Screening, Who};
use delivery::contacts::ContactKind;
use delivery::dns::{Mx, Name, Record};
use delivery::report::SentStatus;
use delivery::rules::RuleSet;
use mail::address::Mailbox;
use mail::time::Timestamp;
use store::Alias;
use store::content::ContentReader;

use crate::host::EXCHANGE_PORT;
use crate::network::{Host, Program};
use crate::plain::PlainHost;
use crate::{Sim, User};

/// The computer of the server without the extension.
pub(crate) const PLAIN_HOST: Host = Host(1_000);

/// A message in a mailbox.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Where it lies.
    pub mailbox: String,
    /// Its Subject.
    pub subject: String,
    /// All of it.
    pub octets: Vec<u8>,
}

/// A message to one recipient, as its author sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its Subject.
    pub subject: String,
    /// The forward-path.
    pub recipient: String,
    /// What became of it.
    pub status: SentStatus,
    /// Of its notice.
    pub id: String,
}

/// Somebody who waits to be let in.
#[derive(Debug, Clone)]
pub struct Contact {
    /// Who.
    pub sender: Mailbox,
    /// How many messages.
    pub count: u32,
    /// Whether they were pushed here.
    pub is_pushed: bool,
}

impl Sim {
    /// The time.
    pub fn now(&self) -> Timestamp {
        self.0.executor.now()
    }

    /// Makes an account, screening on, and a server if the domain is new.
    pub fn person(&mut self, address: &str) -> User {
        self.account(address)
    }

    /// Makes a server without the extension, for all mail of a domain.
    pub fn plain_host(&mut self, domain: &str) -> Arc<PlainHost> {
        let domain = self.0.domain(domain);
        let (name, address) = (Name::from(&domain), IpAddr::V4(Ipv4Addr::new(10, 9, 9, 9)));
        let host = self.0.sure(Name::new(&format!("mx.{domain}")).ok_or("no name"));
        self.0.dns.add(name, Record::Mx(Mx { preference: 10, exchange: Some(host.clone()) }));
        self.0.dns.add(host, Record::A(Ipv4Addr::new(10, 9, 9, 9)));
        let plain = PlainHost::new(Arc::clone(&self.0.executor));
        let program: Arc<dyn Program> = Arc::clone(&plain) as Arc<dyn Program>;
        self.0.network.listen_program(SocketAddr::new(address, EXCHANGE_PORT), PLAIN_HOST, program);
        plain
    }

    /// A domain says by SPF which of the addresses that people dial from may write in its name.
    pub fn publish_spf(&mut self, domain: &str, record: &str) {
        let name = self.0.sure(Name::new(domain).ok_or("no name"));
        self.0.dns.add(name, Record::Txt(record.as_bytes().to_vec()));
    }

    /// From now on, what servers say to each other in the extension is heard.
    pub fn listen_in(&mut self) {
        self.0.network.listen_in();
    }

    /// What was heard: commands of the extension, in order.
    pub fn said(&self) -> Vec<String> {
        self.0.network.state().tap.iter().flat_map(|tap| &tap.said).map(|said| said.line.clone()).collect()
    }

    /// How much may happen: a long run needs more than a story of a few messages.
    pub fn allow_steps(&mut self, steps: u64) {
        self.0.steps_max.set(steps);
    }
}

impl User {
    /// Chooses both modes.
    pub fn choose(&self, screening: Screening, legacy: Legacy) {
        let account = self.account;
        let set =
            self.ask(move |node| Box::pin(async move { node.store.set_mode(account, Some(screening), Some(legacy)).await.map(drop) }));
        self.sim.sure(set);
    }

    /// Gets another address, or all that nobody else has.
    pub fn also_be(&self, alias: Alias) {
        let account = self.account;
        let added = self.ask(move |node| Box::pin(async move { node.store.add_alias(account, alias).await.map(drop) }));
        self.sim.sure(added);
    }

    /// Has rules of these, and no others.
    pub fn set_rules(&self, rules: RuleSet) {
        let account = self.account;
        let set = self.ask(move |node| Box::pin(async move { node.store.set_rules(account, rules).await.map(drop) }));
        self.sim.sure(set);
    }

    /// Is away.
    pub fn go_away(&self, absence: Absence) {
        let account = self.account;
        let set = self.ask(move |node| Box::pin(async move { node.store.set_absence(account, Some(absence)).await.map(drop) }));
        self.sim.sure(set);
    }

    /// Of whom their entries of a list speak.
    pub fn entries(&self, list: EntryList) -> Vec<Who> {
        let account = self.account;
        let entries = self.ask(move |node| Box::pin(async move { node.store.entries(account, list).await }));
        self.sim.sure(entries).into_iter().map(|entry| entry.who).collect()
    }

    /// To how many recipients they have sent anything.
    pub fn sent_count(&self) -> usize {
        let account = self.account;
        self.sim.sure(self.ask(move |node| Box::pin(async move { node.store.sent(account).await }))).len()
    }

    /// Puts away what waits from somebody.
    ///
    /// # Errors
    /// The server is down or dies.
    pub fn try_dismiss(&self, who: Mailbox) -> Result<(), String> {
        let account = self.account;
        self.ask(move |node| {
            Box::pin(async move { node.store.dismiss_contact(account, &Who::Address(who), None, node.world.now()).await.map(drop) })
        })
    }

    /// All that lies in their mailbox, with its octets.
    pub fn mail(&self) -> Vec<Mail> {
        let account = self.account;
        let all = self.ask(move |node| {
            Box::pin(async move {
                let mut all = vec![];
                for row in node.store.mail_list(account).await? {
                    let Some(stored) = node.store.mail(account, row.id).await? else { continue };
                    let mut reader = ContentReader::new(&node.store, &stored.content, stored.skip_octets);
                    let mut octets = stored.head.clone();
                    loop {
                        let piece = reader.next().await?;
                        if piece.is_empty() {
                            break;
                        }
                        octets.extend(piece);
                    }
                    all.push(Mail { mailbox: row.mailbox, subject: row.subject, octets });
                }
                Ok(all)
            })
        });
        self.sim.sure(all)
    }

    /// All that they sent.
    pub fn sent(&self) -> Vec<Sent> {
        let account = self.account;
        let records = self.sim.sure(self.ask(move |node| Box::pin(async move { node.store.sent(account).await })));
        records
            .into_iter()
            .map(|record| Sent {
                subject: record.subject,
                recipient: record.recipient.mailbox.to_string(),
                status: SentStatus::of(&record.transfer),
                id: record.id.to_string(),
            })
            .collect()
    }

    /// Who waits to be let in, and with how much.
    pub fn contacts(&self) -> Vec<Contact> {
        self.sim.sure(self.try_contacts())
    }

    /// The same.
    ///
    /// # Errors
    /// The server is down or dies.
    pub fn try_contacts(&self) -> Result<Vec<Contact>, String> {
        let account = self.account;
        let contacts = self.ask(move |node| Box::pin(async move { node.store.contacts(account, node.world.now()).await }))?;
        let contact =
            |found: store::Contact| Contact { sender: found.sender, count: found.count, is_pushed: found.kind == ContactKind::Legacy };
        let waiting = contacts.into_iter().filter(|found| found.kind.waits());
        Ok(waiting.map(contact).collect())
    }
}
