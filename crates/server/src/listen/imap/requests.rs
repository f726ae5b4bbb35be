//! The mailboxes that the server fills: what they hold is brought up to date when somebody looks, and moving or removing a
//! contact request is a decision about its sender (section 9 of the protocol).

use delivery::consent::{EntryList, Who};
use delivery::contacts::ContactKind;
use mail::flag::SystemFlags;
use mail::id::{AccountId, MailboxId};
use mail::special_use::SpecialUse;
use proto::imap::command::mailbox::Access;
use proto::imap::command::store::Copy;
use proto::imap::command::{Command, Numbering};
use proto::imap::mailbox_name::{DELIMITER, MailboxName};
use proto::imap::response::Status;
use proto::imap::response::code::CodeWord;
use proto::imap::sequence_set::Messages;
use store::made::{Made, Request};
use store::{MailboxRow, StoreError};

use super::talk::{Folder, Selected, Talk, Trouble, no, ok};
use crate::acts::{Acts, Wish};
use crate::admin::{AdminError, Fault};
use crate::node::Node;

/// Senders that one command decides about: nobody means to let in a whole page by one slip of the hand.
pub(super) const DECIDED_MAX: usize = 20;
/// More messages than the list of contact attempts has rows.
pub(super) const REQUESTS_MAX: usize = 1_000;

/// What a decision is made through, for entries and the history.
pub(super) const THROUGH: &str = "imap";

/// What moving a request somewhere means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Allow,
    Block,
    Dismiss,
}

/// Brings the mailboxes that the server fills up to date, and makes them if they are not there.
///
/// # Errors
/// The store's.
pub(super) async fn refresh(node: &Node, account: AccountId) -> Result<(), StoreError> {
    for made in Made::ALL {
        node.store.refresh_made(account, made, node.world.now()).await?;
    }
    Ok(())
}

/// A mailbox as it is now: if the server fills it, it is brought up to date first.
///
/// # Errors
/// The store's.
pub(super) async fn freshen(node: &Node, account: AccountId, row: MailboxRow) -> Result<MailboxRow, StoreError> {
    match Made::of(account, row.id) {
        None => Ok(row),
        Some(made) => Ok(node.store.refresh_made(account, made, node.world.now()).await?.unwrap_or(row)),
    }
}

/// With which rights a mailbox is opened: what became of sent mail is nobody's to change.
pub(super) fn access(account: AccountId, mailbox: MailboxId, wanted: Access) -> Access {
    if Made::of(account, mailbox) == Some(Made::Sent) { Access::ReadOnly } else { wanted }
}

/// Refuses to change a mailbox that the server fills.
///
/// # Errors
/// It is one.
pub(super) fn refuse_made(account: AccountId, mailbox: MailboxId) -> Result<(), Trouble> {
    match Made::of(account, mailbox) {
        None => Ok(()),
        Some(Made::Requests) => Err(no(CodeWord::Cannot, "the server fills this mailbox with contact requests").into()),
        Some(Made::Sent) => Err(no(CodeWord::Cannot, "the server fills this mailbox with what became of sent mail").into()),
    }
}

/// Refuses to make a mailbox inside one that the server fills.
///
/// # Errors
/// It would be.
pub(super) async fn refuse_inside_made(talk: &Talk, name: &str) -> Result<(), Trouble> {
    for (at, _) in name.match_indices(DELIMITER) {
        let above = name.get(..at).unwrap_or_default();
        if let Some(row) = talk.node().store.mailbox_named(talk.account.id, above).await? {
            refuse_made(talk.account.id, row.id)?;
        }
    }
    Ok(())
}

/// Which of those mailboxes is open.
fn open(talk: &Talk) -> Option<Made> {
    talk.selected.as_ref().and_then(|selected| selected.stored()).and_then(|row| Made::of(talk.account.id, row.id))
}

/// Remembers what the messages that the client has been told of stand for: one whose sender writes again goes, and comes under
/// another UID, before its client has heard of it, and is decided about by what its owner saw.
///
/// # Errors
/// The store's.
pub(super) async fn remember(talk: &mut Talk) -> Result<(), Trouble> {
    if open(talk) != Some(Made::Requests) {
        return Ok(());
    }
    let Some(Selected { view, requests, .. }) = &talk.selected else { return Ok(()) };
    let new: Vec<u32> = view.contents().iter().map(|message| message.uid.get()).filter(|uid| !requests.contains_key(uid)).collect();
    if new.is_empty() && requests.len() == view.contents().iter().count() {
        return Ok(());
    }
    let found = talk.node().store.requests_of(talk.account.id, new).await?;
    if let Some(Selected { view, requests, .. }) = &mut talk.selected {
        requests.retain(|uid, _request| view.contents().get(*uid).is_some());
        requests.extend(found.into_iter().map(|request| (request.uid, request)));
    }
    Ok(())
}

/// The client asks what is new: messages that went may lose their numbers.
pub(super) fn release_numbers(talk: &mut Talk) {
    if let Some(selected) = &mut talk.selected {
        selected.holds_numbers = false;
    }
}

/// Whether the open mailbox, or what happens to the account, needs its made mailboxes up to date.
pub(super) fn is_concerned(talk: &Talk) -> bool {
    open(talk).is_some() || talk.news.is_wanted()
}

/// Commands that mean something else where a mailbox is filled by the server. `None`: what they mean everywhere.
///
/// # Errors
/// It is refused, or the store's.
pub(super) async fn answer(talk: &mut Talk, command: &Command) -> Result<Option<Status>, Trouble> {
    match command {
        Command::Copy(copy) => decide(talk, copy, false).await,
        Command::Move(copy) => decide(talk, copy, true).await,
        Command::Expunge(messages) => expunge(talk, messages.as_ref()).await,
        Command::Noop | Command::Check => {
            release_numbers(talk);
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// COPY and MOVE, where they are not what they are elsewhere: out of the contact requests, and into mailboxes that the server
/// fills. `None`: an ordinary copy.
///
/// # Errors
/// It is refused, or the store's.
async fn decide(talk: &mut Talk, command: &Copy, is_move: bool) -> Result<Option<Status>, Trouble> {
    match open(talk) {
        Some(Made::Requests) => {}
        Some(Made::Sent) if is_move => return Err(no(CodeWord::Cannot, "what became of sent mail stays here").into()),
        Some(Made::Sent) | None => {
            if let Ok(Folder::Stored(target)) = talk.target(&command.mailbox).await {
                refuse_made(talk.account.id, target.id)?;
            }
            return Ok(None);
        }
    }
    let selected = talk.selected()?;
    if selected.access == Access::ReadOnly {
        return Err(no(CodeWord::ReadOnly, "the mailbox was opened by EXAMINE: nothing is decided").into());
    }
    let uids = selected.resolve(&command.messages, command.numbering)?;
    let requests: Vec<Request> = uids.iter().filter_map(|uid| selected.requests.get(uid).cloned()).collect();
    let Folder::Stored(target) = talk.target(&command.mailbox).await?;
    let meaning = meaning(talk.account.id, &target)?;
    if uids.len() > DECIDED_MAX {
        return Err(too_many().into());
    }
    if requests.is_empty() || requests.len() < uids.len() || !is_as_it_was(talk, &requests, meaning).await? {
        let why = "what this names is not here any more, and nothing was decided: look again";
        return Err(no(CodeWord::ExpungeIssued, why).into());
    }
    check(talk, &requests, meaning, &target.name).await?;
    for request in requests {
        act(talk, request, meaning, &target.name).await?;
    }
    refresh(talk.node(), talk.account.id).await?;
    if !is_move {
        // A program that copies by numbers and removes afterwards goes on with the numbers it knows.
        talk.selected()?.holds_numbers = true;
    }
    Ok(Some(ok(match meaning {
        Meaning::Allow => "they may write to you from now on; what waits is delivered in a moment",
        Meaning::Block => "they are blocked",
        Meaning::Dismiss => "what waits from them is put away",
    })))
}

/// Whether what is to be let in is what its owner saw: of pushed mail each message may be another's, and who wrote meanwhile
/// comes in with nobody's word for them.
async fn is_as_it_was(talk: &Talk, requests: &[Request], meaning: Meaning) -> Result<bool, Trouble> {
    let pushed: Vec<u32> = requests.iter().filter(|request| request.kind == ContactKind::Legacy).map(|request| request.uid).collect();
    if meaning != Meaning::Allow || pushed.is_empty() {
        return Ok(true);
    }
    refresh(talk.node(), talk.account.id).await?;
    Ok(talk.node().store.requests_of(talk.account.id, pushed.clone()).await?.len() == pushed.len())
}

/// Asks whether all of this can be decided, before the first of it is.
///
/// # Errors
/// It is refused, or the store's.
pub(super) async fn check(talk: &Talk, requests: &[Request], meaning: Meaning, target: &str) -> Result<(), Trouble> {
    let acts = Acts::of(talk.node(), &talk.account, THROUGH);
    for request in requests {
        if let Some(wish) = wish(request, meaning, target) {
            acts.check(&wish).await.map_err(|error| refused(&error))?;
        }
    }
    Ok(())
}

/// The entry that a decision makes, if it makes one.
fn wish(request: &Request, meaning: Meaning, target: &str) -> Option<Wish> {
    let list = match meaning {
        Meaning::Allow => EntryList::Allow,
        Meaning::Block => EntryList::Block,
        Meaning::Dismiss => return None,
    };
    let who = Who::Address(request.sender.clone());
    Some(Wish::new(list, who, format!("contact request moved to {target}")).of(request.kind))
}

pub(super) fn meaning(account: AccountId, target: &MailboxRow) -> Result<Meaning, Trouble> {
    let is_called = |name: &str| target.special_use.is_none() && target.name.eq_ignore_ascii_case(name);
    if target.id == MailboxId::inbox_of(account) {
        Ok(Meaning::Allow)
    } else if target.special_use == Some(SpecialUse::Junk) || is_called("Junk") {
        Ok(Meaning::Block)
    } else if target.special_use == Some(SpecialUse::Trash) || is_called("Trash") {
        Ok(Meaning::Dismiss)
    } else {
        let why = "a contact request goes to INBOX (the sender is let in), to Junk (blocked) or to Trash (put away), and nowhere else";
        Err(no(CodeWord::Cannot, why).into())
    }
}

pub(super) fn too_many() -> Status {
    let why = "this decides about 20 senders at most; for more, use XTWOWAY ALLOW, BLOCK or DISMISS, or `twoway contacts`";
    no(CodeWord::Limit, why)
}

/// Decides about one request, and no other of the same address: what was pushed in somebody's name may not be theirs.
pub(super) async fn act(talk: &Talk, request: Request, meaning: Meaning, target: &str) -> Result<(), Trouble> {
    let acts = Acts::of(talk.node(), &talk.account, THROUGH);
    let done = match wish(&request, meaning, target) {
        Some(wish) => acts.add(wish).await.map(drop),
        None => acts.dismiss(&Who::Address(request.sender), Some(request.kind)).await.map(drop),
    };
    match done {
        // Somebody else put it away a moment ago.
        Err(AdminError { ref code, .. }) if code == "no-such-contact" => Ok(()),
        Err(error) => Err(refused(&error).into()),
        Ok(()) => Ok(()),
    }
}

/// Why an owner's act is not done, as a client is told.
pub(super) fn refused(error: &AdminError) -> Status {
    let code = match (error.fault, error.code.as_str()) {
        (Fault::Temporary, _) => CodeWord::Unavailable,
        (_, "no-such-contact" | "no-such-entry" | "not-undoable") => CodeWord::NonExistent,
        (_, "list-full") => CodeWord::Limit,
        (Fault::Refused | Fault::Usage, _) => CodeWord::Cannot,
    };
    Status::new(proto::imap::response::Condition::No, error.message.clone()).with(code)
}

/// EXPUNGE and CLOSE, where they are not what they are elsewhere: what waits from the senders of removed requests is put away.
/// `None`: an ordinary expunge.
///
/// # Errors
/// It is refused, or the store's.
pub(super) async fn expunge(talk: &mut Talk, messages: Option<&Messages>) -> Result<Option<Status>, Trouble> {
    if open(talk) != Some(Made::Requests) {
        return Ok(None);
    }
    let selected = talk.selected()?;
    selected.holds_numbers = false;
    if selected.access == Access::ReadOnly {
        return Err(no(CodeWord::ReadOnly, "the mailbox was opened by EXAMINE").into());
    }
    let among = messages.map(|messages| selected.resolve(messages, Numbering::Uid)).transpose()?;
    let mailbox = Made::Requests.id(talk.account.id);
    let items = talk.node().store.items(talk.account.id, mailbox, 0, REQUESTS_MAX).await?;
    let removed = items.into_iter().filter(|item| item.flags.system.has(SystemFlags::DELETED)).map(|item| item.uid);
    let uids: Vec<u32> = removed.filter(|uid| among.as_ref().is_none_or(|among| among.contains(uid))).collect();
    if uids.len() > DECIDED_MAX {
        return Err(too_many().into());
    }
    let is_any = !uids.is_empty();
    for request in talk.node().store.requests_of(talk.account.id, uids).await? {
        act(talk, request, Meaning::Dismiss, "").await?;
    }
    refresh(talk.node(), talk.account.id).await?;
    Ok(Some(ok(if is_any { "what waits from them is put away" } else { "nothing was put away" })))
}

/// Whether a name is that of a mailbox the server fills, so that a command about it is refused.
///
/// # Errors
/// It is, or the store's.
pub(super) async fn refuse_name(talk: &Talk, name: &MailboxName) -> Result<(), Trouble> {
    match talk.node().store.mailbox_named(talk.account.id, name.as_str()).await? {
        Some(row) => refuse_made(talk.account.id, row.id),
        None => Ok(()),
    }
}
