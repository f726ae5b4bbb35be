//! What is to be sent because a message came: what rules send on, and absence replies. Each goes out through `submit`, once.
//! And what is to be asked because a sender was let in.
//!
//! The errand was committed with the message that caused it, and names the message that it will send: who does it again after
//! a crash hands in the same message again, which changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use futures_util::stream::{self, StreamExt as _};
use mail::address::{Domain, Mailbox, ReversePath};
use mail::auto_reply::{Answered, AutoReply};
use mail::downgrade::HeaderSurvey;
use mail::envelope::{Body, Envelope, Recipient, ReportWish, Way};
use mail::id::MailId;
use mail::message::HeaderSection;
use mail::notice::Kind;
use mail::sent_on;
use mail::time::Timestamp;
use mail::trace::{Protocol, Received, received_field};
use store::content::{ContentReader, ContentWriter, StoredContent};
use store::{Account, Errand, StoreError, Task};

use crate::listen::incoming::{Authorship, HeaderFacts, RETURNED_HEADER_OCTETS_MAX};
use crate::node::Node;
use crate::submit::{Submission, submit};
use crate::work::pending;

/// Errands under way at once: each holds a megabyte of content at most.
const AT_ONCE: usize = 8;

/// Between an errand that the store gave up and its next attempt.
const RETRY_AFTER: Duration = Duration::from_mins(5);

/// Does these errands. What can't be done now is put off.
///
/// # Errors
/// The store's; what is not done is still due.
pub(super) async fn run(node: Arc<Node>, errands: Vec<Errand>) -> Result<(), StoreError> {
    let (questions, messages): (Vec<_>, Vec<_>) = errands.into_iter().partition(|errand| matches!(errand.task, Task::Pending { .. }));
    let mut by_origin: BTreeMap<Domain, Vec<Question>> = BTreeMap::new();
    for errand in questions {
        let Task::Pending { from, to, until } = errand.task.clone() else { continue };
        by_origin.entry(from.domain().clone()).or_default().push(Question { errand, from, to, until });
    }
    let sent = stream::iter(messages).map(|errand| settle(&node, errand)).buffer_unordered(AT_ONCE).collect::<Vec<_>>();
    let asked = stream::iter(by_origin).map(|(origin, questions)| ask(&node, origin, questions)).buffer_unordered(AT_ONCE);
    let (sent, asked) = join(sent, asked.collect::<Vec<_>>()).await;
    sent.into_iter().chain(asked).collect()
}

/// What waits, at one origin.
struct Question {
    errand: Errand,
    from: Mailbox,
    to: Mailbox,
    until: Timestamp,
}

/// Asks an origin, over one connection, what waits from all of its senders who were let in.
async fn ask(node: &Arc<Node>, origin: Domain, questions: Vec<Question>) -> Result<(), StoreError> {
    let mut pairs = Vec::with_capacity(questions.len());
    for Question { errand, from, to, .. } in &questions {
        // They may have been kept out again since: then it would tell the origin what is not so.
        if node.store.lets_in(errand.account, from, to, node.world.now()).await? {
            pairs.push((from.clone(), to.clone()));
        }
    }
    // What waits on this server itself was never lost on a way.
    let asked = if pairs.is_empty() || node.is_local(&origin) { Ok(()) } else { pending::ask(node, &origin, &pairs).await };
    if let Err(reason) = &asked {
        tracing::info!(%origin, reason, "not asked what waits");
    }
    let again_at = node.world.after(node.settings.timers.retrieve.last().copied().unwrap_or(RETRY_AFTER));
    for Question { errand, until, .. } in questions {
        if asked.is_ok() || again_at > until {
            node.store.finish_errand(&errand).await?;
        } else {
            node.store.put_off_errand(&errand, again_at).await?;
        }
    }
    Ok(())
}

async fn settle(node: &Node, errand: Errand) -> Result<(), StoreError> {
    match send(node, &errand).await {
        Ok(()) => node.store.finish_errand(&errand).await,
        Err(error) => {
            tracing::warn!(%error, account = %errand.account, message = %errand.message, "what was to be sent waits for the store");
            node.store.put_off_errand(&errand, node.world.after(RETRY_AFTER)).await
        }
    }
}

async fn send(node: &Node, errand: &Errand) -> Result<(), StoreError> {
    let Some(account) = node.store.account_by_id(errand.account).await? else { return Ok(()) };
    let submission = match &errand.task {
        Task::Forward { mail, to, smtputf8 } => forward(node, errand, account, (*mail, *smtputf8), to).await?,
        Task::Answer { to, from, answered } => answer(node, errand, account, (from, to), answered).await?,
        // Is asked, not sent.
        Task::Pending { .. } => None,
    };
    match submission {
        Some(submission) => submit(node, submission).await,
        None => Ok(()),
    }
}

/// A mail as its recipient sends it on. None, if it is not there any more.
async fn forward(
    node: &Node,
    errand: &Errand,
    account: Account,
    (mail, came_by_utf8): (MailId, bool),
    to: &[Mailbox],
) -> Result<Option<Submission>, StoreError> {
    let Some(mail) = node.store.mails(account.id, vec![mail]).await?.pop() else { return Ok(None) };
    let by = account.address.clone();
    let section = HeaderSection::read(&mail.head);
    let subject = section.subject().unwrap_or_default();
    let edit = sent_on::edit(&section, &by).prepend(trace(node, errand, "FORWARD"));
    let head = edit.finish().apply(&mail.head);
    // RFC 6531 section 3.6: said where it is needed. Octets beyond ASCII that came without that word are of no known character
    // set, and go on as they came, by 8BITMIME.
    let mut headers = came_by_utf8.then(HeaderSurvey::default);
    // Protocol section 8: whose mail it is, is for who named this forwarder to ask. Nobody else need mind: From is its own.
    let facts = facts(by.clone(), subject, &head, Kind::Forward);
    let mut writer = ContentWriter::new(&node.store, account.id);
    let mut look = |octets: &[u8]| headers.iter_mut().for_each(|headers| headers.take(octets));
    look(&head);
    writer.write(&head).await?;
    let mut reader = ContentReader::new(&node.store, &mail.content, mail.skip_octets);
    loop {
        let piece = reader.next().await?;
        if piece.is_empty() {
            break;
        }
        look(&piece);
        writer.write(&piece).await?;
    }
    let smtputf8 = headers.is_some_and(HeaderSurvey::finish);
    // Failures are told to who sends on, not to the author, who knows nothing of it (protocol section 6).
    let envelope = envelope(ReversePath::Mailbox(by), smtputf8, to);
    Ok(Some(submission(errand, account, envelope, facts, writer.finish().await?)))
}

/// The absence reply, if its owner is still away.
async fn answer(
    node: &Node,
    errand: &Errand,
    account: Account,
    (from, to): (&Mailbox, &Mailbox),
    answered: &Answered,
) -> Result<Option<Submission>, StoreError> {
    let at = node.world.now();
    let absence = node.store.wishes(account.id).await?.absence;
    let Some(absence) = absence.filter(|absence| absence.is_on(at)) else { return Ok(None) };
    let reply = AutoReply {
        from,
        to,
        subject: absence.subject.as_deref(),
        text: &absence.text,
        answered,
        id: errand.message,
        host: &node.settings.hostname,
        at,
    };
    let octets = [trace(node, errand, "ABSENCE").into_bytes(), reply.write()].concat();
    let subject = HeaderSection::read(&octets).subject().unwrap_or_default();
    let facts = facts(from.clone(), subject, &octets, Kind::Mail);
    let mut writer = ContentWriter::new(&node.store, account.id);
    writer.write(&octets).await?;
    // RFC 3834 section 3.3: nobody is told of failures, or two programs would tell each other for ever.
    let envelope = envelope(ReversePath::Null, !octets.is_ascii(), std::slice::from_ref(to));
    Ok(Some(submission(errand, account, envelope, facts, writer.finish().await?)))
}

/// A program wrote it: writing it lets nobody in.
fn facts(from: Mailbox, subject: String, octets: &[u8], kind: Kind) -> HeaderFacts {
    let octets = HeaderSection::read(octets).octets();
    let header = octets.get(..RETURNED_HEADER_OCTETS_MAX).unwrap_or(octets).to_vec();
    HeaderFacts { from, subject, header, origin: Authorship::Program, twoway_only: false, kind, reference: None, list: None }
}

fn envelope(reverse_path: ReversePath, smtputf8: bool, to: &[Mailbox]) -> Envelope {
    let recipient = |mailbox: &Mailbox| Recipient { mailbox: mailbox.clone(), report: ReportWish::Unsaid, original: None };
    let recipients = to.iter().map(recipient).collect();
    let (body, way) = (Body::EightBitMime, Way::default());
    Envelope { reverse_path, body, smtputf8, returns: None, envelope_id: None, way, recipients }
}

fn submission(errand: &Errand, account: Account, envelope: Envelope, facts: HeaderFacts, content: StoredContent) -> Submission {
    Submission { account, message: errand.message, envelope, facts, content }
}

fn trace(node: &Node, errand: &Errand, protocol: &str) -> String {
    received_field(&Received {
        from: None,
        address: None,
        by: &node.settings.hostname,
        with: Protocol::Other(protocol),
        id: &errand.message.to_string(),
        recipient: None,
        at: node.world.now(),
    })
}
