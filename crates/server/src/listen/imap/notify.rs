//! NOTIFY: what happens to other mailboxes is told without being asked (RFC 5465).

mod metadata;
mod own;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};

use mail::id::MailboxId;
use proto::imap::command::Numbering;
use proto::imap::command::fetch::Fetch;
use proto::imap::command::mailbox::StatusItem;
use proto::imap::command::notify::{Event, EventGroup, Filter, Notify, OtherEvent};
use proto::imap::mailbox_name::{DELIMITER, MailboxName};
use proto::imap::numbers::Numbers;
use proto::imap::response::code::Code;
use proto::imap::response::mailbox::{Attribute, Listed};
use proto::imap::response::{Data, Status};
use proto::imap::sequence_set::{Messages, SequenceSet};
use proto::imap::view::Renumbering;
use store::MailboxRow;

use super::talk::{Talk, Trouble, no, ok};
use super::{fetch, list, status};
use metadata::Marks;
use wanted::Wanted;

pub(super) use own::Own;

/// What a client wants to hear, and how the mailboxes were when it last did.
pub struct Registration {
    wanted: Wanted,
    known: BTreeMap<MailboxId, MailboxRow>,
    /// Entries with values, if it wants to hear of those.
    marks: Marks,
}

impl Registration {
    /// Whether anything of the open mailbox is told between commands.
    pub fn of_selected(&self) -> bool {
        self.wanted.of_selected().is_some()
    }

    /// Whether flags that change in the open mailbox are told at once.
    pub fn of_flags(&self) -> bool {
        self.wanted.of_selected().is_some_and(|group| group.events.contains(&Event::Other(OtherEvent::FlagChange)))
    }
}

/// Those that are told; of annotations nothing is.
const EVENTS: [&str; 7] =
    ["MessageNew", "MessageExpunge", "FlagChange", "MailboxName", "SubscriptionChange", "MailboxMetadataChange", "ServerMetadataChange"];

/// NOTIFY.
pub(super) async fn notify(talk: &mut Talk, command: Notify) -> Result<Status, Trouble> {
    let (tells_status, groups) = match command {
        Notify::Nothing => {
            talk.news.registration = None;
            talk.conversation.session.tell_between_commands(None);
            return Ok(ok("nothing is told unasked"));
        }
        Notify::Set { status, groups } => (status, groups),
    };
    let is_unknown = |event: &Event| matches!(event, Event::Unknown(_) | Event::Other(OtherEvent::AnnotationChange));
    if groups.iter().flat_map(|group| &group.events).any(is_unknown) {
        // RFC 5465 section 3.1.
        return Err(no(Code::BadEvent(EVENTS.map(str::to_owned).into()), "these can be told").into());
    }
    let wanted = Wanted(groups);
    let marks = metadata::marks(talk, &wanted).await?;
    let rows = talk.node().store.mailboxes(talk.account.id).await?;
    talk.conversation.session.tell_between_commands(wanted.of_selected().map(|group: &EventGroup| match group.filter {
        Filter::Selected => Renumbering::May,
        _ => Renumbering::MayNot,
    }));
    if tells_status {
        let selected = selected(talk);
        for row in &rows {
            if Some(row.id) != selected && wanted.has_messages(row) {
                tell_status(talk, row).await?;
            }
        }
    }
    let known = rows.into_iter().map(|row| (row.id, row)).collect();
    talk.news.registration = Some(Box::new(Registration { wanted, known, marks }));
    Ok(ok("these are told"))
}

/// Tells what happened to other mailboxes since this was last asked.
///
/// # Errors
/// The store's, or the connection is of no more use.
pub(super) async fn tell(talk: &mut Talk) -> Result<(), Trouble> {
    // Of what the client does itself it knows (RFC 5465 section 5).
    let own = talk.news.own.take();
    let Some(registration) = &talk.news.registration else { return Ok(()) };
    let marks = metadata::marks(talk, &registration.wanted).await?;
    let rows = talk.node().store.mailboxes(talk.account.id).await?;
    let Some(mut registration) = talk.news.registration.take() else { return Ok(()) };
    let now: BTreeMap<MailboxId, MailboxRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    let before = std::mem::replace(&mut registration.known, now);
    let marks_before = std::mem::replace(&mut registration.marks, marks);
    let told = match tell_mailboxes(talk, &registration, &before, own.as_deref()).await {
        Ok(()) => metadata::tell(talk, &registration, &marks_before, own.as_deref()).await,
        trouble => trouble,
    };
    talk.news.registration = Some(registration);
    told
}

async fn tell_mailboxes(
    talk: &mut Talk,
    Registration { wanted, known, .. }: &Registration,
    before: &BTreeMap<MailboxId, MailboxRow>,
    own: Option<&Own>,
) -> Result<(), Trouble> {
    let selected = selected(talk);
    let is_own = |name: &str| own.is_some_and(|own| own.has_named(name));
    let mut came_or_went = BTreeSet::new();
    for (id, old) in before.iter().filter(|(id, _)| !known.contains_key(id)) {
        if is_own(&old.name) {
            continue;
        }
        came_or_went.insert(old.name.as_str());
        if wanted.hears(old, OtherEvent::MailboxName) && selected != Some(*id) {
            tell_listed(talk, &old.name, list::gone).await?;
        }
    }
    for (id, row) in known {
        let old = before.get(id);
        if old.is_none() && !is_own(&row.name) {
            came_or_went.insert(&row.name);
        }
        let is_renamed = old.is_none_or(|old| old.name != row.name && !is_inside_renamed(&old.name, &row.name, before, known));
        if is_renamed && wanted.hears(row, OtherEvent::MailboxName) && !is_own(&row.name) {
            let old_name = old.and_then(|old| MailboxName::new(&old.name));
            tell_listed(talk, &row.name, |name| Listed { old_name, ..list::plain(name) }).await?;
        }
        let has_other_subscription = old.is_some_and(|old| old.is_subscribed != row.is_subscribed);
        if has_other_subscription && wanted.hears(row, OtherEvent::SubscriptionChange) && !is_own(&row.name) {
            let attributes = if row.is_subscribed { vec![Attribute::Subscribed] } else { Vec::new() };
            tell_listed(talk, &row.name, |name| Listed { attributes, ..list::plain(name) }).await?;
        }
        if selected != Some(*id) && wanted.hears_of(old, row) {
            tell_status(talk, row).await?;
        }
    }
    tell_parents(talk, wanted, known, &came_or_went).await
}

/// RFC 5465 section 5.4: a mailbox that is created or deleted affects the one right above it, too.
async fn tell_parents(
    talk: &mut Talk,
    wanted: &Wanted,
    known: &BTreeMap<MailboxId, MailboxRow>,
    came_or_went: &BTreeSet<&str>,
) -> Result<(), Trouble> {
    let parents: BTreeSet<&str> = came_or_went.iter().filter_map(|name| Some(name.rsplit_once(DELIMITER)?.0)).collect();
    // Those that came with it are told themselves.
    for parent in known.values().filter(|row| parents.contains(row.name.as_str()) && !came_or_went.contains(row.name.as_str())) {
        if wanted.hears(parent, OtherEvent::MailboxName) {
            let has_children = known.values().any(|row| row.name.strip_prefix(&parent.name).is_some_and(wanted::is_below));
            let attributes = vec![if has_children { Attribute::HasChildren } else { Attribute::HasNoChildren }];
            tell_listed(talk, &parent.name, |name| Listed { attributes, ..list::plain(name) }).await?;
        }
    }
    Ok(())
}

/// RFC 5465 section 5.4: of what is inside a mailbox that was renamed, nothing is told.
fn is_inside_renamed(old: &str, new: &str, before: &BTreeMap<MailboxId, MailboxRow>, known: &BTreeMap<MailboxId, MailboxRow>) -> bool {
    before.iter().any(|(id, row)| {
        let rest = old.strip_prefix(&row.name).filter(|rest| wanted::is_below(rest));
        let now = known.get(id).filter(|now| now.name != row.name);
        rest.zip(now).is_some_and(|(rest, now)| new.strip_prefix(&now.name) == Some(rest))
    })
}

/// Tells of new messages in the open mailbox what the client wants to know of them at once.
///
/// # Errors
/// The store's, or the connection is of no more use.
pub(super) async fn tell_new(talk: &mut Talk, new: &Numbers) -> Result<(), Trouble> {
    let items = talk.news.registration.as_ref().and_then(|registration| registration.wanted.of_new());
    let (Some(items), Some(set)) = (items, SequenceSet::of(new)) else { return Ok(()) };
    let wanted = Fetch { numbering: Numbering::Uid, messages: Messages::Set(set), items, changed_since: None, partial: None };
    // A message that is gone meanwhile is told so as any other is.
    fetch::fetch(talk, wanted).await.map(drop)
}

fn selected(talk: &Talk) -> Option<MailboxId> {
    talk.selected.as_ref().and_then(|selected| selected.stored()).map(|row| row.id)
}

async fn tell_listed(talk: &mut Talk, name: &str, listed: impl FnOnce(MailboxName) -> Listed) -> Result<(), Trouble> {
    let Some(name) = MailboxName::new(name) else { return Ok(()) };
    talk.tell(&Data::List(listed(name))).await
}

async fn tell_status(talk: &mut Talk, row: &MailboxRow) -> Result<(), Trouble> {
    let Some(name) = MailboxName::new(&row.name) else { return Ok(()) };
    // RFC 5465 section 5.6: a change of flags shows in the last.
    let items = [StatusItem::Messages, StatusItem::UidNext, StatusItem::UidValidity, StatusItem::Unseen, StatusItem::HighestModSeq];
    let values = status::values(talk, row, &items).await?;
    talk.tell(&Data::MailboxStatus(name, values)).await
}
