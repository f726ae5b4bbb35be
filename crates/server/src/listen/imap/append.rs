//! APPEND and REPLACE: messages stream into the store, and count all together or not at all (RFC 9051 section 6.3.12,
//! RFC 3502, RFC 4315, RFC 4469, RFC 6855, RFC 7889, RFC 8508).

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use mail::flag::Flags;
use mail::id::MailboxId;
use mail::message::{EndSearch, HeaderSection};
use proto::imap::command::append::{AppendContent, AppendData, AppendLiteral, AppendMessage, AppendNext, AppendParts, Replace};
use proto::imap::command::mailbox::Access;
use proto::imap::date::DateTime;
use proto::imap::mailbox_name::MailboxName;
use proto::imap::numbers::Numbers;
use proto::imap::response::code::{Code, CodeWord};
use proto::imap::response::{Condition, Data, Status};
use proto::imap::sequence_set::{Messages, SequenceSet};
use proto::limits::HEADER_OCTETS_MAX;
use store::StoreError;
use store::content::ContentWriter;
use store::items::{AppendRefusal, Appended, NewItem};

use super::requests::Meaning;
use super::talk::{Folder, Talk, Trouble, no, ok};
use super::{brought, catenate, flags, requests};
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
    received: Option<DateTime>,
    /// What octets the literal may have that is coming in.
    data: AppendData,
    /// How many octets it has, with those that are announced.
    octets: u64,
    /// The message up to the end of its header section, as far as that is looked at.
    front: Vec<u8>,
    front_end: EndSearch,
    /// Never locked: only who owns the message writes it. A session can be shared between threads this way, its writer can't.
    writer: Mutex<ContentWriter>,
}

/// APPEND: may its messages come?
pub(super) async fn begin(talk: &mut Talk, mailbox: &MailboxName, messages: Vec<AppendMessage>) -> Result<(), WireError> {
    let admitted = admit(talk, mailbox, None).await;
    proceed(talk, admitted, AppendNext { messages, ..AppendNext::default() }).await
}

/// REPLACE: may its message come?
pub(super) async fn begin_replacing(talk: &mut Talk, replace: Replace) -> Result<(), WireError> {
    let admitted = match replaced(talk, &replace) {
        Ok(uid) => admit(talk, &replace.mailbox, Some(uid)).await,
        Err(trouble) => Err(trouble),
    };
    proceed(talk, admitted, AppendNext { messages: vec![replace.message], ..AppendNext::default() }).await
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

/// Other parts of the message, or other messages of the same command: may they come?
pub(super) async fn go_on(talk: &mut Talk, next: AppendNext) -> Result<(), WireError> {
    let admitted = talk.upload.take().ok_or_else(|| Status::new(Condition::Bad, "nothing came before").into());
    proceed(talk, admitted, next).await
}

/// Takes what is there already, asks for the literal that follows, and ends the command if none does.
async fn proceed(talk: &mut Talk, admitted: Result<Box<Upload>, Trouble>, next: AppendNext) -> Result<(), WireError> {
    let has_more = next.literal().is_some();
    let taken = match admitted {
        Ok(upload) => add(talk, upload, next).await,
        Err(trouble) => Err(trouble),
    };
    match taken {
        Ok(upload) => {
            talk.upload = Some(upload);
            if has_more {
                return talk.conversation.session.accept_message().map_err(super::conversation::misuse);
            }
            let finished = finish(talk).await;
            super::driver::finish(talk, finished).await
        }
        Err(trouble) => super::driver::finish(talk, Err(trouble)).await,
    }
}

async fn admit(talk: &Talk, mailbox: &MailboxName, replaces: Option<u32>) -> Result<Box<Upload>, Trouble> {
    let Folder::Stored(row) = talk.target(mailbox).await?;
    requests::refuse_made(talk.account.id, row.id)?;
    let meaning = requests::meaning(talk.account.id, &row).ok().map(|meaning| (meaning, row.name));
    Ok(Box::new(Upload { mailbox: row.id, meaning, replaces, whole: Vec::new(), current: None, trouble: None }))
}

async fn add(talk: &Talk, mut upload: Box<Upload>, next: AppendNext) -> Result<Box<Upload>, Trouble> {
    if let Some(trouble) = upload.trouble.take() {
        return Err(trouble);
    }
    upload.take_parts(talk, next.parts).await?;
    for message in next.messages {
        upload.end_message(talk).await;
        if let Some(trouble) = upload.trouble.take() {
            return Err(trouble);
        }
        if upload.replaces.is_some() && !upload.whole.is_empty() {
            // RFC 8508 section 3.1: one message for one.
            return Err(Status::new(Condition::Bad, "REPLACE has one message").into());
        }
        if upload.whole.len() >= MESSAGES_MAX {
            return Err(no(CodeWord::Limit, "too many messages in one command").into());
        }
        let writer = Mutex::new(ContentWriter::new(&talk.node().store, talk.account.id));
        let (flags, received) = (flags::wanted(&message.flags), message.date);
        upload.current = Some(Incoming {
            flags,
            received,
            data: AppendData::Plain,
            octets: 0,
            front: Vec::new(),
            front_end: EndSearch::default(),
            writer,
        });
        match message.content {
            // RFC 3502 section 6.3.11: so a client takes back what it has begun.
            AppendContent::Literal(literal) if literal.announced.octets == 0 => return Err(empty().into()),
            AppendContent::Literal(literal) => upload.announce(talk, literal).await?,
            AppendContent::Parts(parts) => upload.take_parts(talk, parts).await?,
        }
    }
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
    if let Err(error) = incoming.write(octets).await {
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
        brought::decide(talk, meaning, mailbox, &target, &whole).await?;
    }
    let node = talk.node();
    let now = node.world.now();
    let (uid_validity, uids) = match node.store.append_messages(talk.account.id, mailbox, whole, now).await? {
        Appended::Done { uid_validity, uids } => (uid_validity, uids),
        Appended::Refused(refusal) => return Err(not_appended(refusal).into()),
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

fn empty() -> Status {
    no(CodeWord::Cannot, "a message has at least one octet")
}

/// Why nothing was appended.
pub(super) fn not_appended(refusal: AppendRefusal) -> Status {
    match refusal {
        AppendRefusal::NoMailbox => no(CodeWord::TryCreate, "there is no mailbox of this name any more"),
        AppendRefusal::OverQuota => over_quota(),
        AppendRefusal::TooManyKeywords => no(CodeWord::Limit, "the mailbox has as many keywords as it may"),
    }
}

fn over_quota() -> Status {
    no(CodeWord::OverQuota, "there is no room for this: delete something first")
}

impl Upload {
    /// Parts of the message that is coming: those that are here already, and the one that follows.
    async fn take_parts(&mut self, talk: &Talk, parts: AppendParts) -> Result<(), Trouble> {
        for url in parts.urls {
            let part = catenate::find(talk, &url).await?;
            self.make_room(talk, part.count()).await?;
            let Some(incoming) = &mut self.current else { break };
            let mut pieces = part.pieces(&talk.node().store);
            while let Some(piece) = pieces.next().await? {
                incoming.write(&piece).await?;
            }
        }
        match parts.text {
            Some(text) => self.announce(talk, text).await,
            None => Ok(()),
        }
    }

    /// A literal of the message follows.
    async fn announce(&mut self, talk: &Talk, literal: AppendLiteral) -> Result<(), Trouble> {
        self.make_room(talk, literal.announced.octets).await?;
        if let Some(incoming) = &mut self.current {
            incoming.data = literal.data;
        }
        Ok(())
    }

    /// So many octets more belong to the message: is there room? Asked before they are sent, so that a client on a slow line
    /// does not wait for a refusal.
    async fn make_room(&mut self, talk: &Talk, octets: u64) -> Result<(), Trouble> {
        let Some(incoming) = &mut self.current else { return Ok(()) };
        incoming.octets = incoming.octets.saturating_add(octets);
        if incoming.octets > talk.node().imap.config.limits.message_octets_max {
            // RFC 4469 section 4.2: of all parts together.
            return Err(no(CodeWord::TooBig, "the message is too large").into());
        }
        let before: u64 = self.whole.iter().map(|item| item.content.size_octets).sum();
        let count = self.whole.len() as u64 + 1;
        let usage = talk.node().store.usage(talk.account.id).await?;
        if usage.admits(count, before.saturating_add(incoming.octets)) { Ok(()) } else { Err(over_quota().into()) }
    }

    /// The message that was coming is here.
    async fn end_message(&mut self, talk: &Talk) {
        let Some(incoming) = self.current.take() else { return };
        if self.trouble.is_some() {
            return;
        }
        match incoming.finish(talk).await {
            // Of parts that have no octets.
            Ok(item) if item.content.size_octets == 0 => self.trouble = Some(empty().into()),
            Ok(item) => self.whole.push(item),
            Err(trouble) => self.trouble = Some(trouble),
        }
    }
}

impl Incoming {
    async fn write(&mut self, octets: &[u8]) -> Result<(), StoreError> {
        self.look_at(octets);
        self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).write(octets).await
    }

    /// Keeps the header section, which is looked at when the message is here.
    fn look_at(&mut self, octets: &[u8]) {
        if self.front.len() < HEADER_OCTETS_MAX && self.front_end.find(&self.front).is_none() {
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
        let received = received.unwrap_or_else(|| node.world.now().into());
        let internet_id = section.message_id();
        let (received, zone) = (received.at(), received.zone());
        Ok(NewItem { mail: node.new_mail_id(), flags, received, zone, from, subject, internet_id, content })
    }
}
