//! Mail that other servers push here by ordinary SMTP: who takes it at RCPT, and at its end what each recipient wants.

use std::collections::BTreeSet;

use delivery::dns::Inquiry;
use delivery::legacy::{Authorship, Objection, answerable, authorship, is_vouched_for, objection, takes_pushed};
use delivery::policy::PolicyOf;
use delivery::spf::Check;
use futures_util::future::join_all;
use mail::address::{Domain, Mailbox, ReversePath};
use mail::confirmation;
use mail::envelope::{Envelope, Recipient};
use mail::id::{AccountId, MailId, MessageId, NoticeId};
use mail::message::{Claim, Head, HeaderSection};
use mail::status::Status;
use mail::trace::{Protocol, ids_given_by, received_field, return_path_field};
use proto::smtp::replies;
use proto::smtp::reply::Reply;
use proto::smtp::server::Client;
use store::content::{ContentReader, StoredContent};
use store::kept::network_name;
use store::{Pusher, Receive, Received, Room, StoreError};

use crate::addressees;
use crate::events::Event;
use crate::inquiry::Inquirer;
use crate::listen::conversation::Conversation;
use crate::listen::exchange::dns_trouble;
use crate::listen::incoming::{Door, Incoming, Refusal};
use crate::node::Node;
use crate::work::accept::{HOPS_MAX, without_forgeries};

/// Domains that the From fields of one message may name: each is asked for its policy.
const CLAIMED_DOMAINS_MAX: usize = 10;

/// Messages of ours that a report may return; who returns more is guessing.
const RETURNED_MAX: usize = 4;

/// The ordinary mail of one session.
#[derive(Default)]
pub struct Reception {
    /// The accounts of the open transaction's recipients, each once, by the first address that RCPT named.
    addressees: Vec<(AccountId, Mailbox)>,
    /// Whether one of them gives absence replies.
    has_absence: bool,
    incoming: Option<Incoming<PushedFacts>>,
}

/// What is known of a pushed message once its header section is here.
pub struct PushedFacts {
    claim: Claim,
    list_id: Option<String>,
    reference: Option<NoticeId>,
    subject: String,
    /// The header section as it will lie in mailboxes, behind our fields.
    head: Head,
    /// What stands between them: a message that is all body needs an end of our fields.
    gap: &'static str,
}

/// The door of other servers: they may write what they like, as long as it does not go in circles.
struct Exchange;

impl Door for Exchange {
    type Facts = PushedFacts;

    fn admit(&self, node: &Node, section: &HeaderSection<'_>, _front: &[u8]) -> Result<(PushedFacts, Option<Vec<u8>>), Refusal> {
        if section.received_count() > HOPS_MAX {
            return Err(Refusal::Circles(HOPS_MAX));
        }
        let (claim, list_id, subject) = (section.claim(), section.list_id(), section.subject().unwrap_or_default());
        let gap = if section.is_missing() { "\r\n" } else { "" };
        Ok((
            PushedFacts {
                claim,
                list_id,
                reference: confirmation::reference(section),
                subject,
                head: without_forgeries(node, section).finish(),
                gap,
            },
            None,
        ))
    }
}

impl Reception {
    /// MAIL: anybody may write.
    pub fn begin(&mut self) -> Reply {
        *self = Self::default();
        replies::reverse_path_ok()
    }

    /// RCPT: mailboxes of ours that take pushed mail.
    pub async fn recipient(&mut self, conversation: &Conversation, recipient: Recipient) -> Reply {
        let node = &conversation.node;
        if !node.is_local(recipient.mailbox.domain()) {
            return relaying_denied();
        }
        let network = network_name(conversation.peer_ip());
        let addressee = match addressees::addressee(node, &recipient.mailbox, &network).await {
            Ok(Some(addressee)) => addressee,
            Ok(None) if recipient.mailbox.local().len() > Mailbox::LOCAL_MADE_OCTETS_MAX => return no_such_name(),
            Ok(None) => return no_mailbox(),
            Err(error) => return trouble(&error),
        };
        if !takes_pushed(&recipient.mailbox, addressee.legacy) {
            return takes_none();
        }
        match addressee.room {
            Room::Some => {}
            Room::None => return no_room(),
            Room::OverQuota => return full(),
        }
        self.has_absence |= addressee.has_absence;
        if self.addressees.iter().all(|(account, _)| *account != addressee.account) {
            self.addressees.push((addressee.account, recipient.mailbox));
        }
        replies::recipient_ok()
    }

    /// The next octets of the message.
    pub async fn take(&mut self, conversation: &Conversation, octets: &[u8]) {
        // Content comes behind a recipient that was taken.
        let Some((account, _)) = self.addressees.first() else { return };
        let incoming = self.incoming.get_or_insert_with(|| Incoming::new(*account));
        incoming.take(&conversation.node, octets, &Exchange).await;
    }

    /// What came of the message is void.
    pub fn forget(&mut self) {
        self.incoming = None;
    }

    /// The whole message is here: it is answered for when every recipient's part is committed.
    pub async fn message(&mut self, conversation: &Conversation, inquirer: &mut Inquirer, envelope: &Envelope) -> Reply {
        let Self { addressees, has_absence, incoming } = std::mem::take(self);
        let Some((first, _)) = addressees.first() else { return replies::recipient_first() };
        // Content of no octets never announced itself.
        let incoming = incoming.unwrap_or_else(|| Incoming::new(*first));
        let node = &conversation.node;
        let (facts, content) = match incoming.finish(node, &Exchange).await {
            Ok(whole) => whole,
            Err(refusal) => return refused(&refusal),
        };
        let authorship = authorship(facts.claim.mailbox.as_ref());
        if let Err(reply) = may_claim(node, inquirer, &facts.claim.domains, &authorship).await {
            return reply;
        }
        let claimed = answerable(facts.claim.mailbox.as_ref(), &envelope.reverse_path).filter(|_author| has_absence);
        let answerable = match claimed {
            Some(author) if is_vouched(conversation, inquirer, &envelope.reverse_path).await => Some(author.clone()),
            _ => None,
        };
        let pushed = Whole { conversation, envelope, facts, authorship, answerable, id: node.new_mail_id() };
        match pushed.store(addressees, content).await {
            Ok(reply) => reply,
            Err(error) => trouble(&error),
        }
    }
}

/// Whether every domain that the message speaks for lets it (protocol section 2, `mode`).
async fn may_claim(node: &Node, inquirer: &mut Inquirer, domains: &BTreeSet<Domain>, authorship: &Authorship) -> Result<(), Reply> {
    if domains.len() > CLAIMED_DOMAINS_MAX {
        return Err(Reply::new(550, Some(Status::permanent(6, 0)), "From speaks for too many domains"));
    }
    inquirer.begin(&*node.world);
    for domain in domains {
        match inquirer.decide(&*node.world, Inquiry::begin(PolicyOf(domain.clone()))).await {
            Ok(policy) => match objection(&policy, authorship) {
                Objection::None => {}
                Objection::Reported => tracing::info!(%domain, "pushed without proof; the domain is testing whether to refuse that"),
                Objection::Refused => {
                    tracing::info!(%domain, "pushed without proof, and refused as the domain wants it");
                    return Err(forged(domain));
                }
            },
            Err(error) => {
                tracing::info!(%domain, %error, "the policy of an author's domain is not known now");
                return Err(dns_trouble());
            }
        }
    }
    Ok(())
}

/// Whether the domain of the reverse-path lets this client write in its name. What DNS does not say now is a no: the message
/// does not wait for an answer to it.
async fn is_vouched(conversation: &Conversation, inquirer: &mut Inquirer, reverse_path: &ReversePath) -> bool {
    let Some(mailbox) = reverse_path.mailbox() else { return false };
    let check = Check::of_sender(conversation.peer_ip(), mailbox, client_name(conversation).unwrap_or_default());
    is_vouched_for(&inquirer.decide(&*conversation.node.world, Inquiry::begin(check)).await)
}

/// A pushed message that nobody objects to.
struct Whole<'a> {
    conversation: &'a Conversation,
    envelope: &'a Envelope,
    facts: PushedFacts,
    authorship: Authorship,
    /// Its author, if an absence reply may believe in them.
    answerable: Option<Mailbox>,
    /// Names it in Received fields and replies.
    id: MailId,
}

impl Whole<'_> {
    /// One copy for each account; those that come together share a commit.
    async fn store(&self, addressees: Vec<(AccountId, Mailbox)>, content: StoredContent) -> Result<Reply, StoreError> {
        let node = &self.conversation.node;
        let (sender, returns) = (self.sender(), self.returns(&content).await?);
        let mut copies = Vec::with_capacity(addressees.len());
        for (account, recipient) in addressees.iter().skip(1) {
            let content = node.store.copy_content(&content, *account).await?;
            copies.push(self.copy((*account, recipient), node.new_mail_id(), content, (&sender, &returns)));
        }
        let own = addressees.first().map(|(account, recipient)| self.copy((*account, recipient), self.id, content, (&sender, &returns)));
        copies.extend(own);
        let told = copies.iter().map(|copy| (copy.mail, copy.recipient.clone(), copy.content.size_octets)).collect::<Vec<_>>();
        let (mut is_taken, mut is_full) = (false, false);
        let mut failed = None;
        for ((mail, to, size_octets), received) in
            told.into_iter().zip(join_all(copies.into_iter().map(|copy| node.store.receive(copy))).await)
        {
            let became = match received {
                Ok(Received::Delivered) => "delivered",
                Ok(Received::Kept) => "kept",
                Ok(Received::Dropped) => "dropped",
                Ok(Received::NoMailbox) => continue,
                Ok(Received::OverQuota) => {
                    is_full = true;
                    continue;
                }
                Err(error) => {
                    failed = Some(error);
                    continue;
                }
            };
            is_taken = true;
            node.events.tell(&Event::Received { mail, from: sender.clone(), to, became, size_octets });
        }
        match failed {
            // Whoever has it by now gets it twice: ordinary SMTP has one reply for all of them.
            Some(error) => Err(error),
            None if is_full => Ok(full()),
            None if is_taken => Ok(Reply::new(250, Some(Status::success(0, 0)), format!("taken as {}", self.id))),
            None => Ok(no_mailbox()),
        }
    }

    fn copy(
        &self,
        (account, recipient): (AccountId, &Mailbox),
        mail: MailId,
        content: StoredContent,
        (sender, returns): (&Mailbox, &[MessageId]),
    ) -> Receive {
        let PushedFacts { list_id, reference, subject, head, gap, .. } = &self.facts;
        let fields = [&return_path_field(&self.envelope.reverse_path), &self.received_field(recipient), *gap].map(str::as_bytes).concat();
        Receive {
            account,
            mail,
            recipient: recipient.clone(),
            reverse_path: self.envelope.reverse_path.clone(),
            sender: sender.clone(),
            list_id: list_id.clone(),
            reference: reference.clone(),
            authorship: self.authorship.clone(),
            answerable: self.answerable.clone(),
            returns: returns.to_vec(),
            pusher: self.pusher(),
            head: [fields, head.octets.clone()].concat(),
            content,
            skip_octets: u64::try_from(head.replaces).unwrap_or(u64::MAX),
            subject: subject.clone(),
            largest_octets: self.conversation.node.settings.limits.message_octets_max,
            now: self.conversation.node.world.now(),
        }
    }

    /// Whom it claims to be from: the author, or else whoever is told of failures, or else the client's own mail system.
    fn sender(&self) -> Mailbox {
        let reverse_path = || self.envelope.reverse_path.mailbox().cloned();
        self.facts.claim.mailbox.clone().or_else(reverse_path).unwrap_or_else(|| {
            let client = client_name(self.conversation).and_then(|name| name.parse().ok());
            Mailbox::mailer_daemon(client.unwrap_or_else(|| self.conversation.node.settings.hostname.clone()))
        })
    }

    fn received_field(&self, recipient: &Mailbox) -> String {
        let (conversation, node) = (self.conversation, &self.conversation.node);
        let extended = matches!(conversation.session.client(), Client::Ehlo(_));
        let with = Protocol::Smtp { extended, utf8: self.envelope.smtputf8, tls: conversation.tls.is_some(), authenticated: false };
        received_field(&mail::trace::Received {
            from: client_name(conversation),
            address: Some(conversation.peer_ip()),
            by: &node.settings.hostname,
            with,
            id: &self.id.to_string(),
            recipient: Some(recipient),
            at: node.world.now(),
        })
    }

    fn pusher(&self) -> Pusher {
        let (address, name) = (self.conversation.peer_ip(), client_name(self.conversation).unwrap_or("unnamed"));
        let how = if self.conversation.tls.is_some() { "over TLS" } else { "in the clear" };
        let why = match &self.authorship {
            Authorship::Unproved(why) => format!("; {why}"),
            Authorship::Proved(_) => String::new(),
        };
        Pusher { address, detail: format!("pushed {how} by {address}, which calls itself {name}{why}") }
    }

    /// The messages of ours that a report returns. Only reports have no reverse-path (RFC 5321 section 4.5.5).
    async fn returns(&self, content: &StoredContent) -> Result<Vec<MessageId>, StoreError> {
        if self.envelope.reverse_path != ReversePath::Null {
            return Ok(Vec::new());
        }
        let node = &self.conversation.node;
        let front = ContentReader::new(&node.store, content, 0).next().await?;
        let ids = ids_given_by(&node.settings.hostname, &front, RETURNED_MAX);
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }
}

fn client_name(conversation: &Conversation) -> Option<&str> {
    match conversation.session.client() {
        Client::Silent => None,
        Client::Helo(name) | Client::Ehlo(name) => Some(name),
    }
}

fn refused(refusal: &Refusal) -> Reply {
    match refusal {
        Refusal::Circles(_) => Reply::new(554, Some(Status::permanent(4, 6)), refusal.to_string()),
        Refusal::HeaderTooLong => Reply::new(552, Some(Status::permanent(3, 4)), refusal.to_string()),
        Refusal::Author(error) => Reply::new(550, Some(Status::permanent(6, 0)), error.to_string()),
        Refusal::Store(error) => trouble(error),
    }
}

fn trouble(error: &StoreError) -> Reply {
    tracing::warn!(%error, "the store did not answer");
    match error {
        StoreError::Full(_) => replies::storage_full(),
        StoreError::Unavailable(_) | StoreError::LeaseLost | StoreError::Damaged(_) => replies::storage_trouble(),
    }
}

fn relaying_denied() -> Reply {
    Reply::new(550, Some(Status::permanent(7, 1)), "relaying denied: no mail for that domain is taken here")
}

fn no_mailbox() -> Reply {
    Reply::new(550, Some(Status::permanent(1, 1)), "no such mailbox")
}

/// RFC 5321 section 4.5.3.1.1: nobody here has a name of more octets.
fn no_such_name() -> Reply {
    Reply::new(553, Some(Status::permanent(1, 3)), "no mailbox here has so long a name")
}

/// The same for every sender: it says nothing of who is allowed.
fn takes_none() -> Reply {
    Reply::new(550, Some(Status::permanent(7, 1)), "this mailbox takes two-way mail only (XTWOWAY), and nothing that is pushed")
}

fn no_room() -> Reply {
    Reply::new(452, Some(Status::temporary(2, 2)), "too much mail waits there for its recipient to look at, try again later")
}

fn full() -> Reply {
    Reply::new(452, Some(Status::temporary(2, 2)), "the mailbox is full, try again later")
}

fn forged(domain: &Domain) -> Reply {
    Reply::new(
        550,
        Some(Status::permanent(7, 1)),
        format!("{domain} wants mail refused that it does not prove to be its own (mode=enforce)"),
    )
}
