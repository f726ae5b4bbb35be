//! APPEND and REPLACE: messages stream into the store, and count all together or not at all (RFC 9051 section 6.3.12,
//! RFC 3502, RFC 4315, RFC 6855, RFC 7889, RFC 8508).

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use mail::flag::Flags;
use mail::id::MailboxId;
use mail::message::HeaderSection;
use mail::time::Timestamp;
use proto::imap::command::append::{AppendData, AppendMessage, Replace};
use proto::imap::command::mailbox::Access;
use proto::imap::mailbox_name::MailboxName;
use proto::imap::numbers::Numbers;
use proto::imap::response::code::{Code, CodeWord};
use proto::imap::response::{Condition, Data, Status};
use proto::imap::sequence_set::{Messages, SequenceSet};
use proto::limits::HEADER_OCTETS_MAX;
use store::content::ContentWriter;
use store::items::{Appended, NewItem};

use super::requests::Meaning;
use super::talk::{Folder, Talk, Trouble, no, ok};
use super::{brought, flags, requests};
use crate::world::WireError;

/// Messages of one command: they are one transaction, which is to be short.
const MESSAGES_MAX: usize = 100;

/// Messages on their way into a mailbox.
pub struct Upload {
    mailbox: MailboxId,
    /// What a contact request means there, if anything, and the mailbox's name.
    meaning: Option<(Meaning, String)>,
    /// The UID of the message that goes when these are there.
    replaces: Option<u32>,
    /// Those that are here.
    whole: Vec<NewItem>,
    current: Option<Incoming>,
    /// Why nothing will come of it.
    trouble: Option<Trouble>,
}

/// One message on its way in.
struct Incoming {
    flags: Flags,
    received: Option<Timestamp>,
    data: AppendData,
    /// The message up to the end of its header section, as far as that is looked at.
    front: Vec<u8>,
    /// Never locked: only who owns the message writes it. A session can be shared between threads this way, its writer can't.
    writer: Mutex<ContentWriter>,
}

/// APPEND: may its first message come?
pub(super) async fn begin(talk: &mut Talk, mailbox: &MailboxName, message: AppendMessage) -> Result<(), WireError> {
    let admitted = admit(talk, mailbox, None, message).await;
    accept(talk, admitted).await
}

/// REPLACE: may its message come?
pub(super) async fn begin_replacing(talk: &mut Talk, replace: Replace) -> Result<(), WireError> {
    let admitted = match replaced(talk, &replace) {
        Ok(uid) => admit(talk, &replace.mailbox, Some(uid), replace.message).await,
        Err(trouble) => Err(trouble),
    };
    accept(talk, admitted).await
}

/// The UID of the message that is to go.
fn replaced(talk: &mut Talk, replace: &Replace) -> Result<u32, Trouble> {
    let account = talk.account.id;
    let selected = talk.selected()?;
    if let Some(row) = selected.stored() {
        requests::refuse_made(account, row.id)?;
    }
    if selected.access == Access::ReadOnly {
        return Err(no(CodeWord::ReadOnly, "the mailbox was opened by EXAMINE").into());
    }
    let set = match replace.number {
        Some(number) => SequenceSet::of(&[number].into_iter().collect()),
        None => SequenceSet::parse("*"),
    };
    let missing = || Trouble::from(no(CodeWord::NonExistent, "there is no such message"));
    let uids = selected.resolve(&Messages::Set(set.ok_or_else(missing)?), replace.numbering)?;
    uids.first().copied().ok_or_else(missing)
}

/// Another message of the same command: may it come?
pub(super) async fn go_on(talk: &mut Talk, message: AppendMessage) -> Result<(), WireError> {
    let admitted = match talk.upload.take() {
        Some(upload) => add(talk, upload, message).await,
        None => Err(Status::new(Condition::Bad, "nothing came before").into()),
    };
    accept(talk, admitted).await
}

async fn accept(talk: &mut Talk, admitted: Result<Box<Upload>, Trouble>) -> Result<(), WireError> {
    match admitted {
        Ok(upload) => {
            talk.upload = Some(upload);
            talk.conversation.session.accept_message().map_err(super::conversation::misuse)
        }
        Err(trouble) => super::driver::finish(talk, Err(trouble)).await,
    }
}

async fn admit(talk: &Talk, mailbox: &MailboxName, replaces: Option<u32>, message: AppendMessage) -> Result<Box<Upload>, Trouble> {
    let Folder::Stored(row) = talk.target(mailbox).await?;
    requests::refuse_made(talk.account.id, row.id)?;
    let meaning = requests::meaning(talk.account.id, &row).ok().map(|meaning| (meaning, row.name));
    let upload = Upload { mailbox: row.id, meaning, replaces, whole: Vec::new(), current: None, trouble: None };
    add(talk, Box::new(upload), message).await
}

async fn add(talk: &Talk, mut upload: Box<Upload>, message: AppendMessage) -> Result<Box<Upload>, Trouble> {
    upload.end_message(talk).await;
    if let Some(trouble) = upload.trouble.take() {
        return Err(trouble);
    }
    if upload.whole.len() >= MESSAGES_MAX {
        return Err(no(CodeWord::Limit, "too many messages in one command").into());
    }
    if message.literal.octets == 0 {
        // RFC 3502 section 6.3.11: so a client takes back what it has begun.
        return Err(no(CodeWord::Cannot, "a message has at least one octet").into());
    }
    // Before it is sent, so that a client on a slow line does not wait for a refusal.
    let usage = talk.node().store.usage(talk.account.id).await?;
    let before: u64 = upload.whole.iter().map(|item| item.content.size_octets).sum();
    let count = upload.whole.len() as u64 + 1;
    if !usage.admits(count, before.saturating_add(message.literal.octets)) {
        return Err(over_quota().into());
    }
    let writer = Mutex::new(ContentWriter::new(&talk.node().store, talk.account.id));
    let (flags, received) = (flags::wanted(&message.flags), message.date);
    upload.current = Some(Incoming { flags, received, data: message.data, front: Vec::new(), writer });
    Ok(upload)
}

/// The next octets of a message. What is wrong with them is told at the end.
pub(super) async fn take(talk: &mut Talk, octets: &[u8]) {
    let Some(upload) = &mut talk.upload else { return };
    if upload.trouble.is_some() {
        return;
    }
    let Some(incoming) = &mut upload.current else { return };
    // RFC 9051 section 4.3: only a literal8 may have a NUL.
    if incoming.data == AppendData::Plain && octets.contains(&0) {
        upload.trouble = Some(Status::new(Condition::No, "a message with NUL octets is sent as ~{...}").into());
        return;
    }
    incoming.look_at(octets);
    let writer = incoming.writer.get_mut().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = writer.write(octets).await {
        upload.trouble = Some(error.into());
    }
}

/// All messages are here: keeps them.
pub(super) async fn finish(talk: &mut Talk) -> Result<Status, Trouble> {
    let Some(mut upload) = talk.upload.take() else { return Err(Status::new(Condition::Bad, "nothing came").into()) };
    upload.end_message(talk).await;
    let Upload { mailbox, meaning, replaces, whole, trouble, .. } = *upload;
    if let Some(trouble) = trouble {
        return Err(trouble);
    }
    if let Some((meaning, target)) = meaning {
        brought::decide(talk, meaning, &target, &whole).await?;
    }
    let node = talk.node();
    let now = node.world.now();
    let (uid_validity, uids) = match node.store.append_messages(talk.account.id, mailbox, whole, now).await? {
        Appended::Done { uid_validity, uids } => (uid_validity, uids),
        Appended::NoMailbox => return Err(no(CodeWord::TryCreate, "there is no mailbox of this name any more").into()),
        Appended::OverQuota => return Err(over_quota().into()),
        Appended::TooManyKeywords => return Err(no(CodeWord::Limit, "the mailbox has as many keywords as it may").into()),
    };
    let uids: Numbers = uids.into_iter().filter_map(NonZeroU32::new).collect();
    let code = NonZeroU32::new(uid_validity).map(|validity| Code::AppendUid(validity, uids));
    let Some(uid) = replaces else {
        let status = ok("they are there");
        return Ok(match code {
            Some(code) => status.with(code),
            None => status,
        });
    };
    // RFC 8508 section 4.3: the new one is there before the old one goes, and is told first.
    if let Some(code) = code {
        talk.tell(&Data::Status(ok("it is there").with(code))).await?;
    }
    remove(talk, uid).await?;
    Ok(ok("the one before is gone"))
}

/// Removes the message that was replaced.
async fn remove(talk: &mut Talk, uid: u32) -> Result<(), Trouble> {
    let account = talk.account.id;
    let Some(mailbox) = talk.selected()?.stored().map(|row| row.id) else { return Ok(()) };
    let store = &talk.node().store;
    let deleted = mail::flag::FlagChange::Add(mail::flag::SystemFlags::DELETED.into());
    store.set_flags(account, mailbox, vec![uid], deleted, None).await?;
    store.expunge(account, mailbox, Some(vec![uid])).await?;
    Ok(())
}

fn over_quota() -> Status {
    no(CodeWord::OverQuota, "there is no room for this: delete something first")
}

impl Upload {
    /// The message that was coming is here.
    async fn end_message(&mut self, talk: &Talk) {
        let Some(incoming) = self.current.take() else { return };
        if self.trouble.is_some() {
            return;
        }
        match incoming.finish(talk).await {
            Ok(item) => self.whole.push(item),
            Err(trouble) => self.trouble = Some(trouble),
        }
    }
}

impl Incoming {
    /// Keeps the header section, which is looked at when the message is here.
    fn look_at(&mut self, octets: &[u8]) {
        if self.front.len() < HEADER_OCTETS_MAX && HeaderSection::find_end(&self.front).is_none() {
            let room = HEADER_OCTETS_MAX - self.front.len();
            self.front.extend_from_slice(octets.get(..room.min(octets.len())).unwrap_or_default());
        }
    }

    async fn finish(self, talk: &Talk) -> Result<NewItem, Trouble> {
        let Self { flags, received, front, writer, .. } = self;
        let content = writer.into_inner().unwrap_or_else(PoisonError::into_inner).finish().await?;
        let section = HeaderSection::read(&front);
        let from = section.author().map(|author| author.mailbox.to_string()).unwrap_or_default();
        let subject = section.subject().unwrap_or_default();
        let node = talk.node();
        let received = received.unwrap_or_else(|| node.world.now());
        let internet_id = section.message_id();
        Ok(NewItem { mail: node.new_mail_id(), flags, received, from, subject, internet_id, content })
    }
}
