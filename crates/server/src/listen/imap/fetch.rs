//! FETCH: what is told of messages, page by page, however many they are (RFC 9051 section 6.4.5, RFC 7162, RFC 9394).
//!
//! `plan` says what of the store a command needs, `page` gets it for some messages at once, `opened` finds octets in one
//! message, and here it is written. What the client's view says (UIDs, flags) asks the store for nothing.

mod excerpt;
mod octets;
mod opened;
mod page;
mod plan;

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use mail::flag::{FlagChange, SystemFlags};
use proto::imap::command::Numbering;
use proto::imap::command::fetch::{ChangedSince, Fetch, FetchItem, PartialEnd, PartialRange};
use proto::imap::command::mailbox::Access;
use proto::imap::flag::Flag;
use proto::imap::numbers::Numbers;
use proto::imap::response::code::CodeWord;
use proto::imap::response::fetch::{ContentName, FetchedValue};
use proto::imap::response::{Condition, Data, Status, Vanishing};
use proto::imap::sequence_set::Messages;
use proto::imap::server::Extension;
use proto::imap::view::Message;
use store::StoreError;
use store::items::FlagsSet;

use super::contents;
use super::talk::{Talk, Trouble, no_answer, ok};
use opened::{Answer, Opened};
use page::{Loaded, Shelf};
use plan::Plan;

pub(super) use excerpt::{Excerpt, excerpt};
pub(super) use octets::LARGE_MESSAGES_AT_ONCE;
pub use page::packed;

/// What could not be told.
#[derive(Debug, Default)]
struct Lacking {
    /// Why the first of those messages is left out whose content cannot be read.
    unreadable: Option<StoreError>,
    /// Messages that another session has expunged.
    is_gone: bool,
    /// Parts in an encoding that nobody can undo.
    is_undecodable: bool,
}

/// FETCH and UID FETCH.
///
/// # Errors
/// A sequence number is that of no message, or the store's, or the connection's.
pub(super) async fn fetch(talk: &mut Talk, fetch: Fetch) -> Result<Status, Trouble> {
    if let Some(ChangedSince { modseq, vanished: true }) = fetch.changed_since {
        tell_vanished(talk, &fetch.messages, modseq).await?;
    }
    let uids = wanted(talk, &fetch)?;
    let plan = Plan::new(&fetch, |extension| talk.has(extension));
    let mut lacking = Lacking::default();
    for page in uids.chunks(plan.page_messages()) {
        let read_now = if plan.sets_seen() { set_seen(talk, page).await? } else { BTreeSet::new() };
        let found = tell_page(talk, &plan, page, &read_now, &mut lacking).await?;
        lacking.is_gone |= found < page.len();
    }
    Ok(lacking.status(fetch.numbering))
}

impl Lacking {
    fn leave_out(&mut self, uid: u32, error: StoreError) {
        tracing::warn!(uid, %error, "a message cannot be read");
        self.unreadable.get_or_insert(error);
    }

    fn status(self, numbering: Numbering) -> Status {
        if let Some(error) = self.unreadable {
            return no_answer(&error);
        }
        if self.is_undecodable {
            // RFC 3516 section 4.3.
            return Status::new(Condition::No, "a part has an encoding that is not known here").with(CodeWord::UnknownCte);
        }
        match (self.is_gone, numbering) {
            (false, _) => ok("fetched"),
            // RFC 2180 section 4.1.2 and RFC 9051 section 6.4.9: a UID that is gone is no error, a number is.
            (true, Numbering::Uid) => ok("fetched, some messages are gone").with(CodeWord::ExpungeIssued),
            (true, Numbering::Sequence) => Status::new(Condition::No, "some messages are gone").with(CodeWord::ExpungeIssued),
        }
    }
}

/// The messages that the command means, in order.
fn wanted(talk: &mut Talk, fetch: &Fetch) -> Result<Vec<u32>, Trouble> {
    let selected = talk.selected()?;
    let mut uids = selected.resolve(&fetch.messages, fetch.numbering)?;
    if let Some(since) = fetch.changed_since {
        uids.retain(|uid| selected.view.message(*uid).is_some_and(|message| message.modseq > since.modseq));
    }
    if let Some(range) = fetch.partial {
        uids = cut(&uids, range);
    }
    Ok(uids)
}

/// RFC 9394 section 3.1: places from the front or from the end, told in ascending order of UIDs in any case.
fn cut(uids: &[u32], PartialRange { end, from, to }: PartialRange) -> Vec<u32> {
    let place = |number: NonZeroU32| usize::try_from(number.get()).unwrap_or(usize::MAX);
    let (from, to, count) = (place(from), place(to), uids.len());
    let range = match end {
        PartialEnd::Front => (from - 1).min(count)..to.min(count),
        PartialEnd::Back => count.saturating_sub(to)..count.saturating_sub(from - 1),
    };
    uids.get(range).map(<[u32]>::to_vec).unwrap_or_default()
}

/// RFC 7162 section 3.2.6: of the UIDs that were asked for, those whose messages went since.
async fn tell_vanished(talk: &mut Talk, messages: &Messages, since: u64) -> Result<(), Trouble> {
    let account = talk.account.id;
    let Messages::Set(set) = messages else { return Ok(()) };
    let Some((mailbox, known_to)) = talk.selected()?.stored().map(|row| (row.id, row.uid_next)) else { return Ok(()) };
    let Some(since) = contents::since(talk.node(), account, mailbox, since).await? else { return Ok(()) };
    let view = &talk.selected()?.view;
    // What the view does not name is gone only as far as the view goes: what is behind may have come since.
    let uid_next = if since.is_complete { since.row.uid_next } else { known_to };
    let last = uid_next.saturating_sub(1);
    let wanted = set.resolve(NonZeroU32::new(last)).within(&(1..=last));
    let mut vanished = Numbers::default();
    for range in wanted.ranges() {
        if since.is_complete {
            // What this client still counts is told later, when numbers may change.
            let gone = since.changes.vanished.within(&range);
            gone.iter().filter(|uid| view.message(*uid).is_none()).filter_map(NonZeroU32::new).for_each(|uid| vanished.insert(uid));
        } else {
            // What went long ago is forgotten: then every UID that names nothing is told.
            let mut next = *range.start();
            let there = view.contents().within(range.clone()).map(|message| message.uid.get());
            for uid in there.chain([range.end().saturating_add(1)]) {
                (next..uid).filter_map(NonZeroU32::new).for_each(|gone| vanished.insert(gone));
                next = uid.saturating_add(1);
            }
        }
    }
    if !vanished.is_empty() {
        talk.tell(&Data::Vanished(Vanishing::Earlier, vanished)).await?;
    }
    Ok(())
}

/// Sets `\Seen` on those of a page that have it not, in one transaction. Returns those.
async fn set_seen(talk: &mut Talk, page: &[u32]) -> Result<BTreeSet<u32>, Trouble> {
    let account = talk.account.id;
    let selected = talk.selected()?;
    let is_unseen = |uid: &u32| selected.view.message(*uid).is_some_and(|message| !message.flags.contains(&Flag::Seen));
    let unseen: Vec<u32> = page.iter().copied().filter(is_unseen).collect();
    let Some(mailbox) = selected.stored().filter(|_| selected.access == Access::ReadWrite && !unseen.is_empty()).map(|row| row.id) else {
        return Ok(BTreeSet::new());
    };
    match talk.node().store.set_flags(account, mailbox, unseen, FlagChange::Add(SystemFlags::SEEN.into()), None).await {
        Ok(FlagsSet::Done { items, modseq, .. }) => {
            let view = &mut talk.selected()?.view;
            let uids = items.iter().map(|item| item.uid).collect();
            items.iter().filter_map(contents::message).for_each(|message| view.note(message));
            if let Some(change) = modseq {
                view.note_end_of(change);
            }
            Ok(uids)
        }
        Ok(FlagsSet::TooManyKeywords) => Ok(BTreeSet::new()),
        Err(error) => {
            // A disk that is full is no reason to keep messages from their reader.
            tracing::warn!(%error, "messages were read and could not be marked so");
            Ok(BTreeSet::new())
        }
    }
}

/// Tells what was asked for of some messages. Returns of how many.
async fn tell_page(talk: &mut Talk, plan: &Plan, page: &[u32], read_now: &BTreeSet<u32>, lacking: &mut Lacking) -> Result<usize, Trouble> {
    let node = std::sync::Arc::clone(&talk.conversation.node);
    let Some(mailbox) = talk.selected()?.stored().map(|row| row.id) else { return Ok(page.len()) };
    let shelf = Shelf { store: &node.store, account: talk.account.id, mailbox, large: &node.imap.large_messages };
    let loaded = shelf.load(page, plan).await?;
    let found = loaded.len();
    for loaded in loaded {
        tell_message(talk, plan, &shelf, loaded, read_now, lacking).await?;
    }
    Ok(found)
}

/// Tells what was asked for of one message.
async fn tell_message(
    talk: &mut Talk,
    plan: &Plan,
    shelf: &Shelf<'_>,
    mut loaded: Loaded,
    read_now: &BTreeSet<u32>,
    lacking: &mut Lacking,
) -> Result<(), Trouble> {
    let unreadable = loaded.unreadable.take();
    let (uid, has_condstore) = (loaded.uid, talk.has(Extension::CondStore));
    let Talk { conversation, selected: Some(selected), .. } = talk else { return Ok(()) };
    let (Some(message), Some(number)) = (selected.view.message(uid), selected.view.number_of(uid)) else { return Ok(()) };
    let message = &selected.view.as_told(message);
    let session = &mut conversation.session;
    let number = if plan.numbering == Numbering::Uid { message.uid } else { number };
    let mut opened = Opened::new(shelf, loaded, plan.reads_utf8);
    // A response that is begun can only be ended with all that was announced, or with the connection.
    let readable = match unreadable {
        Some(error) => Err(error),
        None => opened.try_out(&plan.items, message).await,
    };
    if let Err(error) = readable {
        lacking.leave_out(uid, error);
        if read_now.contains(&uid) {
            session.open_fetch(number, plan.numbering)?;
            flags_of(message, plan.tells(&FetchItem::Uid), has_condstore).iter().try_for_each(|value| session.fetch_value(value))?;
            session.close_fetch()?;
        }
        return Ok(conversation.ease().await?);
    }
    session.open_fetch(number, plan.numbering)?;
    for item in &plan.items {
        match opened.answer(item, message).await? {
            Answer::Value(value) => conversation.session.fetch_value(&value)?,
            Answer::Octets(name, octets) => {
                conversation.session.fetch_content(&name, octets.count())?;
                let is_binary = matches!(name, ContentName::Binary(..));
                let mut pieces = opened.pieces(octets);
                while let Some(piece) = pieces.next().await? {
                    write(conversation, &piece, is_binary)?;
                    conversation.ease().await?;
                }
            }
            Answer::Undecodable(name) => {
                lacking.is_undecodable = true;
                if let Some(name) = name {
                    conversation.session.fetch_value(&FetchedValue::Content(name, None))?;
                }
            }
        }
    }
    for value in also_told(plan, message, read_now, has_condstore) {
        conversation.session.fetch_value(&value)?;
    }
    conversation.session.close_fetch()?;
    Ok(conversation.ease().await?)
}

/// What is told of a message that is left out, and has got another flag.
fn flags_of(message: &Message, tells_uid: bool, has_condstore: bool) -> Vec<FetchedValue> {
    let mut values = Vec::new();
    values.extend(tells_uid.then_some(FetchedValue::Uid(message.uid)));
    values.push(FetchedValue::Flags(message.flags.iter().cloned().collect()));
    values.extend(has_condstore.then_some(FetchedValue::ModSeq(message.modseq)));
    values
}

/// Flags that changed by this very command.
fn also_told(plan: &Plan, message: &Message, read_now: &BTreeSet<u32>, has_condstore: bool) -> Vec<FetchedValue> {
    let mut values = Vec::new();
    if read_now.contains(&message.uid.get()) {
        if !plan.tells(&FetchItem::Flags) {
            values.push(FetchedValue::Flags(message.flags.iter().cloned().collect()));
        }
        if has_condstore && !plan.tells(&FetchItem::ModSeq) {
            values.push(FetchedValue::ModSeq(message.modseq));
        }
    }
    values
}

/// RFC 3501 section 9: only what is called BINARY may hold a NUL. Elsewhere another octet takes its place, and all others stay
/// where they are.
fn write(conversation: &mut super::conversation::Conversation, octets: &[u8], is_binary: bool) -> Result<(), Trouble> {
    if is_binary || !octets.contains(&0) {
        return Ok(conversation.session.write_octets(octets)?);
    }
    let replaced: Vec<u8> = octets.iter().map(|octet| if *octet == 0 { 0x80 } else { *octet }).collect();
    Ok(conversation.session.write_octets(&replaced)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_from_the_front_or_from_the_end() {
        let nonzero = |number: u32| NonZeroU32::new(number).unwrap();
        for (end, from, to, expected) in [
            (PartialEnd::Front, 1, 2, &[10, 20][..]),
            (PartialEnd::Front, 3, 9, &[30]),
            (PartialEnd::Front, 4, 9, &[]),
            (PartialEnd::Back, 1, 2, &[20, 30]),
            (PartialEnd::Back, 3, 9, &[10]),
            (PartialEnd::Back, 4, 9, &[]),
            (PartialEnd::Front, u32::MAX, u32::MAX, &[]),
            (PartialEnd::Back, 1, u32::MAX, &[10, 20, 30]),
        ] {
            let range = PartialRange { end, from: nonzero(from), to: nonzero(to) };
            assert_eq!(cut(&[10, 20, 30], range), expected, "{range}");
        }
    }
}
