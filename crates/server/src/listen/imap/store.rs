//! STORE: flags of messages change (RFC 9051 section 6.4.6, RFC 7162 section 3.1.3).

use std::num::NonZeroU32;

use delivery::synthetic::SentKeyword;
use mail::flag::{FlagChange, Flags};
use proto::imap::command::Numbering;
use proto::imap::command::store::{FlagChange as Change, Store, Telling};
use proto::imap::flag::Flag;
use proto::imap::numbers::Numbers;
use proto::imap::response::code::{Code, CodeWord};
use proto::imap::response::fetch::{Fetched, FetchedValue};
use proto::imap::response::{Condition, Data, Status};
use proto::imap::server::Extension;
use proto::imap::view::{Message, Told};
use store::Item;
use store::items::FlagsSet;

use super::talk::{Talk, Trouble, no, ok};
use super::{contents, flags};

/// Messages whose flags change in one transaction: others wait for it.
const PAGE_MESSAGES: usize = 1_000;

/// What of the messages was left as it was.
#[derive(Default)]
struct Left {
    /// By UID: they had changed since.
    refused: Numbers,
    is_gone: bool,
}

/// STORE and UID STORE.
///
/// # Errors
/// A sequence number is that of no message, or there are too many keywords, or the store's, or the connection's.
pub(super) async fn store(talk: &mut Talk, command: Store) -> Result<Status, Trouble> {
    let account = talk.account.id;
    let selected = talk.selected()?;
    let uids = selected.resolve(&command.messages, command.numbering)?;
    let Some(mailbox) = selected.stored().map(|row| row.id) else { return Ok(no(CodeWord::Cannot, "flags are not kept here")) };
    let change = change(&command);
    let mut left = Left::default();
    for page in uids.chunks(PAGE_MESSAGES) {
        let set = talk.node().store.set_flags(account, mailbox, page.to_vec(), change.clone(), command.unchanged_since).await?;
        match set {
            FlagsSet::Done { items, refused, missing, modseq } => {
                refused.into_iter().filter_map(NonZeroU32::new).for_each(|uid| left.refused.insert(uid));
                left.is_gone |= !missing.is_empty();
                for item in items {
                    tell(talk, &command, &change, &item).await?;
                }
                if let Some(change) = modseq {
                    talk.selected()?.view.note_end_of(change);
                }
            }
            FlagsSet::TooManyKeywords => return Ok(no(CodeWord::Limit, "too many keywords")),
        }
    }
    left.status(talk, command.numbering)
}

/// What the store is to do.
fn change(command: &Store) -> FlagChange {
    let flags: Flags = flags::wanted(&command.flags);
    match command.change {
        Change::Replace => FlagChange::Replace(flags),
        Change::Add => FlagChange::Add(flags),
        Change::Remove => FlagChange::Remove(flags),
    }
}

/// Tells the flags of a message, if that is wanted, or if they are not what the client expects them to be.
async fn tell(talk: &mut Talk, command: &Store, change: &FlagChange, item: &Item) -> Result<(), Trouble> {
    let Some(message) = contents::message(item) else { return Ok(()) };
    let (has_condstore, has_uidonly) = (talk.has(Extension::CondStore), talk.has(Extension::UidOnly));
    let also_uid = command.numbering == Numbering::Uid || talk.has(Extension::Qresync) || talk.has(Extension::Rev2);
    let view = &mut talk.selected()?.view;
    let Some(number) = view.number_of(message.uid.get()) else { return Ok(()) };
    let before = view.message(message.uid.get()).cloned();
    let keywords = view.new_keywords(&message.flags);
    view.note(message.clone());
    if let Some(Told::Flags(flags)) = keywords {
        talk.tell(&Data::Flags(flags)).await?;
    }
    // RFC 9051 section 6.4.6: what another session did meanwhile is told in any case.
    let expected = |before: &Message| {
        let before = flags::kept(before.flags.iter());
        flags::told(&SentKeyword::kept(&before, change.apply(&before)))
    };
    let is_expected = before.as_ref().is_some_and(|before| expected(before) == *message.flags);
    let is_changed = before.is_none_or(|before| before.modseq < message.modseq);
    let tells_flags = command.telling == Telling::Told || !is_expected;
    // RFC 7162 section 3.1.3: the new modification sequence is told even then.
    let is_worth_telling = tells_flags || has_condstore && is_changed;
    if !is_worth_telling {
        return Ok(());
    }
    let numbering = if has_uidonly { Numbering::Uid } else { Numbering::Sequence };
    let fetched = Fetched {
        number: if has_uidonly { message.uid } else { number },
        numbering,
        values: values(&talk.selected()?.view.as_told(&message), also_uid && !has_uidonly, tells_flags, has_condstore),
    };
    talk.tell(&Data::Fetch(fetched)).await
}

fn values(message: &Message, uid: bool, tells_flags: bool, tells_modseq: bool) -> Vec<FetchedValue> {
    let flags = || FetchedValue::Flags(message.flags.iter().cloned().collect::<Vec<Flag>>());
    let uid = uid.then_some(FetchedValue::Uid(message.uid));
    [uid, tells_flags.then(flags), tells_modseq.then_some(FetchedValue::ModSeq(message.modseq))].into_iter().flatten().collect()
}

impl Left {
    fn status(self, talk: &mut Talk, numbering: Numbering) -> Result<Status, Trouble> {
        if !self.refused.is_empty() {
            let view = &talk.selected()?.view;
            let modified = match numbering {
                Numbering::Uid => self.refused,
                Numbering::Sequence => self.refused.iter().filter_map(|uid| view.number_of(uid)).collect(),
            };
            return Ok(ok("some had changed, and are as they were").with(Code::Modified(modified)));
        }
        Ok(match (self.is_gone, numbering) {
            (false, _) => ok("stored"),
            // A contact request that was decided by a COPY: the client goes on as if it were there (`Selected::holds_numbers`),
            // and marks it before it expunges. It is gone, as it is to be.
            (true, Numbering::Sequence) if talk.selected()?.holds_numbers => {
                ok("stored, some messages are gone").with(CodeWord::ExpungeIssued)
            }
            // RFC 9051 section 6.4.9: a UID that is gone is no error. A number is: its message is still counted, and nothing was
            // stored (RFC 2180 section 4.2.1).
            (true, Numbering::Uid) => ok("stored, some messages are gone").with(CodeWord::ExpungeIssued),
            (true, Numbering::Sequence) => Status::new(Condition::No, "some messages are gone").with(CodeWord::ExpungeIssued),
        })
    }
}
