//! RETRIEVE, CONFIRM, DECLINE and PENDING, at the origin.
//!
//! Who asks is settled before any id is looked up. Not authorised, unknown id and wrong recipient are answered alike.

use delivery::authority::{Role, Rule, Verdict};
use delivery::mutant::Mutant;
use delivery::transfer::TransferEvent;
use futures_util::future::{join_all, try_join_all};
use mail::address::Mailbox;
use mail::id::NoticeId;
use mail::notice::Notice;
use mail::status::Status;
use proto::smtp::replies;
use proto::smtp::reply::Reply;
use proto::twoway::pending::{self, Pending, Summary};
use proto::twoway::retrieve::{Announcement, Retrieve};
use proto::twoway::{Confirm, Decline};
use store::content::ContentReader;
use store::{Settled, StoreError, TransferRecord, Writer};

use crate::inquiry::Inquirer;
use crate::listen::conversation::{Conversation, misuse};
use crate::listen::exchange::{authority, not_authorised, store_trouble};
use crate::node::Happened;
use crate::retrievals::RetrievalLease;
use crate::world::WireError;

/// Content up to this size is read before Served is committed, so that a run of small messages is one commit.
const SMALL_OCTETS_MAX: u64 = 256 * 1024;

/// One RETRIEVE that will be served.
struct Serving {
    record: TransferRecord,
    offset: u64,
    lease: RetrievalLease,
    content: Content,
}

/// What is still to be read of it.
enum Content {
    /// Nothing: it is here. Served is committed.
    Small(Vec<u8>),
    /// All from the offset on.
    Large(ContentReader),
}

/// Serves a run of RETRIEVEs in order.
///
/// # Errors
/// The connection is of no more use.
pub async fn retrieve(conversation: &mut Conversation, inquirer: &mut Inquirer, run: Vec<Retrieve>) -> Result<(), WireError> {
    let mut prepared = Vec::with_capacity(run.len());
    for command in run {
        prepared.push(prepare(conversation, inquirer, command).await);
    }
    let node = std::sync::Arc::clone(&conversation.node);
    let commits = prepared.into_iter().map(|serving| async {
        match serving {
            Ok(serving) if matches!(serving.content, Content::Small(_)) && !Mutant::ServedRecordedLate.is_in() => {
                commit_served(&node, &serving.record.id).await.map(|()| serving)
            }
            other => other,
        }
    });
    for serving in join_all(commits).await {
        match serving {
            Ok(serving) => {
                let id = serving.record.id.clone();
                serve(conversation, serving).await?;
                if Mutant::ServedRecordedLate.is_in() {
                    drop(commit_served(&node, &id).await);
                }
                if Mutant::DeleteWhenSent.is_in() {
                    drop(settle(&node, &id, TransferEvent::Confirmed, String::new()).await);
                }
            }
            Err(reply) => conversation.reply(&reply)?,
        }
    }
    Ok(())
}

/// Finds what is asked for, takes its lease, and reads it if it is small; or says what to answer.
async fn prepare(conversation: &Conversation, inquirer: &mut Inquirer, command: Retrieve) -> Result<Serving, Reply> {
    let node = &conversation.node;
    let record = find(conversation, inquirer, &command.id, &command.to).await?;
    if !record.transfer.may_be_retrieved() {
        return Err(gone());
    }
    if command.offset > record.content.size_octets {
        return Err(offset_past_end(record.content.size_octets));
    }
    let lease = node.retrievals.take(&record.id, node.world.now(), node.settings.timers.lease).ok_or_else(being_retrieved)?;
    let mut reader = ContentReader::new(&node.store, &record.content, command.offset);
    let content = if record.content.size_octets - command.offset <= SMALL_OCTETS_MAX {
        let mut octets = Vec::new();
        loop {
            let piece = reader.next().await.map_err(|error| trouble(&error))?;
            if piece.is_empty() {
                break;
            }
            octets.extend_from_slice(&piece);
        }
        Content::Small(octets)
    } else {
        Content::Large(reader)
    };
    Ok(Serving { record, offset: command.offset, lease, content })
}

/// Writes the reply and the octets. The last of them leave only after Served is committed.
async fn serve(conversation: &mut Conversation, serving: Serving) -> Result<(), WireError> {
    let Serving { record, offset, lease, content } = serving;
    let announcement =
        Announcement { size_octets: record.content.size_octets, digest: record.content.digest, mail_from: record.reverse_path.clone() };
    let reply = Reply::new(250, Some(Status::success(0, 0)), announcement.encode());
    let octets = record.content.size_octets - offset;
    conversation.session.reply_with_octets(&reply, octets).map_err(misuse)?;
    let done = match content {
        Content::Small(content) => {
            conversation.session.write_octets(&content).map_err(misuse)?;
            conversation.flush().await.map_err(Broken::Wire)
        }
        Content::Large(reader) => stream(conversation, &record.id, reader, lease).await,
    };
    match done {
        Ok(()) => Ok(()),
        Err(Broken::Wire(error)) => Err(error),
        Err(Broken::Other(reason)) => {
            // The octets that were announced can't be sent: the destination must not take what follows for them.
            conversation.abort().await;
            Err(WireError::Lost(reason))
        }
    }
}

/// Why a message could not be served to its end.
enum Broken {
    Wire(WireError),
    Other(String),
}

/// Writes content piece by piece, one behind: the last piece waits for the commit.
async fn stream(
    conversation: &mut Conversation,
    id: &NoticeId,
    mut reader: ContentReader,
    mut lease: RetrievalLease,
) -> Result<(), Broken> {
    let node = std::sync::Arc::clone(&conversation.node);
    let mut piece = reader.next().await.map_err(|error| Broken::Other(error.to_string()))?;
    loop {
        let next = reader.next().await.map_err(|error| Broken::Other(error.to_string()))?;
        if next.is_empty() {
            commit_served(&node, id).await.map_err(|reply| Broken::Other(reply.text().to_owned()))?;
        }
        conversation.session.write_octets(&piece).map_err(|error| Broken::Wire(misuse(error)))?;
        conversation.flush().await.map_err(Broken::Wire)?;
        if next.is_empty() {
            return Ok(());
        }
        if !lease.renew(node.world.now(), node.settings.timers.lease) {
            return Err(Broken::Other("no progress, and another connection has begun to retrieve this".to_owned()));
        }
        piece = next;
    }
}

/// Commits Served; or says what to answer if the message expired or was withdrawn in the meantime.
async fn commit_served(node: &crate::node::Node, id: &NoticeId) -> Result<(), Reply> {
    match settle(node, id, TransferEvent::AboutToServeLastOctet, "handed to the recipient's server".to_owned()).await? {
        Some(Settled { after, .. }) if after.last_octet_may_leave() => Ok(()),
        Some(_) | None => Err(gone()),
    }
}

/// Records confirmations, together; what is to be answered to each, in order.
pub async fn confirm(conversation: &Conversation, inquirer: &mut Inquirer, run: Vec<Confirm>) -> Vec<Reply> {
    let mut found = Vec::with_capacity(run.len());
    for command in run {
        found.push(find_briefly(conversation, inquirer, &command.id, &command.to).await);
    }
    let word = || Some("confirmed by the recipient's server".to_owned());
    let confirmed: Vec<_> = found.iter().flatten().map(|record| Happened::to(record, TransferEvent::Confirmed, word())).collect();
    // Recipients of one message together: one report tells of them all.
    let groups = Happened::by_message(confirmed).into_iter().map(|group| async {
        let message = group.first().map(|happened| happened.message);
        (message, conversation.node.settle_together(group, &Writer::Session).await)
    });
    let settled: Vec<_> = join_all(groups).await;
    let answer = |record: TransferRecord| {
        let failed = settled.iter().find(|(message, settled)| *message == Some(record.message) && settled.is_err());
        match failed {
            Some((_, Err(error))) => trouble(error),
            Some((_, Ok(_))) | None => replies::ok(),
        }
    };
    found.into_iter().map(|found| found.map_or_else(|refusal| refusal, answer)).collect()
}

/// Records that the content is refused for good.
pub async fn decline(conversation: &Conversation, inquirer: &mut Inquirer, command: Decline) -> Reply {
    let declined = async {
        let record = find_briefly(conversation, inquirer, &command.id, &command.to).await?;
        let text = format!("declined by the recipient's server: {}", command.text.as_str());
        let event = TransferEvent::Declined { status: command.status.status(), text: text.clone() };
        settle(&conversation.node, &record.id, event, text).await
    };
    declined.await.map_or_else(|refusal: Reply| refusal, |_settled| replies::ok())
}

/// Says what waits, to those who proved who they are; to those who are known by a shared address only how much,
/// and gives the notices again, to the servers that receive the recipient's mail.
pub async fn pending(conversation: &Conversation, inquirer: &mut Inquirer, command: Pending) -> Reply {
    let asked = async {
        inquirer.begin(&*conversation.node.world);
        let rule = match authority(conversation, inquirer, Role::Receive, &command.to).await? {
            Verdict::Authorised { by, .. } => by,
            Verdict::Refused(_) | Verdict::Temporary(_) => return Err(not_authorised()),
        };
        let node = &conversation.node;
        let waiting = node.store.waiting(&command.from, &command.to, command.after.as_ref(), pending::LINES_MAX + 1).await;
        let mut waiting = waiting.map_err(|error| trouble(&error))?;
        let more = (waiting.len() > pending::LINES_MAX).then(|| waiting.truncate(pending::LINES_MAX));
        let more = more.and_then(|()| waiting.last()).map(|record| record.id.clone());
        let count = u64::try_from(waiting.len()).unwrap_or(u64::MAX);
        let summary = Summary { count, more };
        if rule == Rule::Address {
            let asked = waiting.iter().map(|record| node.settle_event(&record.id, TransferEvent::NoticeAskedFor, None, Writer::Session));
            try_join_all(asked).await.map_err(|error| trouble(&error))?;
            node.due.raise();
            return Ok(Reply::new(250, Some(Status::success(0, 0)), summary.encode()));
        }
        let mut reply = Reply::new(250, Some(Status::success(0, 0)), summary.encode());
        let lines = waiting.iter().map(|record| pending::encode_line(&notice_of(record, node.moment())).into());
        reply.lines.splice(0..0, lines);
        Ok(reply)
    };
    asked.await.unwrap_or_else(|refusal: Reply| refusal)
}

/// The notice of a transfer, as it is given (again).
pub fn notice_of(record: &TransferRecord, at: delivery::schedule::Moment<'_>) -> Notice {
    Notice {
        from: record.from.clone(),
        to: record.recipient.mailbox.clone(),
        id: record.id.clone(),
        size_octets: record.content.size_octets,
        date: record.kept,
        expires: record.transfer.notice_expires(at),
        body: record.body,
        smtputf8: record.smtputf8,
        require_tls: record.way.require_tls,
        name: None,
        subject: None,
        kind: record.kind,
        reference: record.reference.clone(),
        list: record.list.clone(),
    }
}

/// The transfer that a session may act on: it receives for that recipient, and the id is that recipient's.
async fn find(conversation: &Conversation, inquirer: &mut Inquirer, id: &NoticeId, to: &Mailbox) -> Result<TransferRecord, Reply> {
    may_ask(conversation, inquirer, to).await?;
    of_recipient(conversation.node.store.transfer(id).await, to)
}

/// The same without the octets of its content.
async fn find_briefly(conversation: &Conversation, inquirer: &mut Inquirer, id: &NoticeId, to: &Mailbox) -> Result<TransferRecord, Reply> {
    may_ask(conversation, inquirer, to).await?;
    of_recipient(conversation.node.store.transfer_briefly(id).await, to)
}

async fn may_ask(conversation: &Conversation, inquirer: &mut Inquirer, to: &Mailbox) -> Result<(), Reply> {
    inquirer.begin(&*conversation.node.world);
    authority(conversation, inquirer, Role::Receive, to).await.map(drop)
}

fn of_recipient(found: Result<Option<TransferRecord>, StoreError>, to: &Mailbox) -> Result<TransferRecord, Reply> {
    found.map_err(|error| trouble(&error))?.filter(|record| record.recipient.mailbox == *to).ok_or_else(not_authorised)
}

async fn settle(node: &crate::node::Node, id: &NoticeId, event: TransferEvent, detail: String) -> Result<Option<Settled>, Reply> {
    node.settle_event(id, event, Some(detail), Writer::Session).await.map_err(|error| trouble(&error))
}

fn trouble(error: &StoreError) -> Reply {
    tracing::warn!(%error, "the store did not answer");
    store_trouble()
}

fn gone() -> Reply {
    Reply::new(554, Some(Status::permanent(4, 7)), "expired or withdrawn")
}

fn offset_past_end(size_octets: u64) -> Reply {
    Reply::new(501, Some(Status::permanent(5, 4)), format!("OFFSET is past the end of {size_octets} octets"))
}

fn being_retrieved() -> Reply {
    Reply::new(450, Some(Status::temporary(3, 0)), "another connection is retrieving this, try again later")
}
