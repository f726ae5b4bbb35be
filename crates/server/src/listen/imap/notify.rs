//! NOTIFY: what happens to other mailboxes is told without being asked (RFC 5465).

use std::collections::BTreeMap;

use mail::id::MailboxId;
use proto::imap::command::Numbering;
use proto::imap::command::fetch::{Fetch, FetchItem};
use proto::imap::command::mailbox::StatusItem;
use proto::imap::command::notify::{Event, EventGroup, Filter, Notify, OtherEvent};
use proto::imap::mailbox_name::{DELIMITER, MailboxName};
use proto::imap::numbers::Numbers;
use proto::imap::response::code::Code;
use proto::imap::response::mailbox::{Attribute, Listed};
use proto::imap::response::{Data, Status};
use proto::imap::sequence_set::{Messages, SequenceSet};
use proto::imap::server::Extension;
use proto::imap::view::Renumbering;
use store::MailboxRow;

use super::talk::{Talk, Trouble, no, ok};
use super::{fetch, list, status};

/// What a client wants to hear, and how the mailboxes were when it last did.
pub struct Registration {
    groups: Vec<EventGroup>,
    known: BTreeMap<MailboxId, MailboxRow>,
}

impl Registration {
    /// Whether anything of the open mailbox is told between commands.
    pub fn of_selected(&self) -> bool {
        self.groups.iter().any(|group| is_selected(&group.filter) && !group.events.is_empty())
    }
}

impl Registration {
    /// What is told at once of messages that come into the open mailbox.
    fn of_new(&self) -> Option<Vec<FetchItem>> {
        let group = self.groups.iter().find(|group| is_selected(&group.filter))?;
        let items = group.events.iter().find_map(|event| if let Event::MessageNew(items) = event { Some(items) } else { None })?;
        (!items.is_empty()).then(|| items.clone())
    }
}

/// Those that are told; of annotations, and of who may do what, nothing is.
const EVENTS: [&str; 5] = ["MessageNew", "MessageExpunge", "FlagChange", "MailboxName", "SubscriptionChange"];

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
    let unknown = |event: &Event| matches!(event, Event::Other(other) if !EVENTS.contains(&other.as_str()));
    if groups.iter().flat_map(|group| &group.events).any(unknown) {
        // RFC 5465 section 5.
        return Err(no(Code::BadEvent(EVENTS.map(str::to_owned).into()), "these can be told").into());
    }
    let rows = talk.node().store.mailboxes(talk.account.id).await?;
    let of_selected = groups.iter().find(|group| is_selected(&group.filter) && !group.events.is_empty());
    talk.conversation.session.tell_between_commands(of_selected.map(|group| match group.filter {
        Filter::Selected => Renumbering::May,
        _ => Renumbering::MayNot,
    }));
    if tells_status {
        let selected = selected(talk);
        for row in &rows {
            let is_told = |group: &&EventGroup| group.has_messages();
            if Some(row.id) != selected && group_of(&groups, row).as_ref().is_some_and(is_told) {
                tell_status(talk, row).await?;
            }
        }
    }
    let known = rows.into_iter().map(|row| (row.id, row)).collect();
    talk.news.registration = Some(Box::new(Registration { groups, known }));
    Ok(ok("these are told"))
}

/// Tells what happened to other mailboxes since this was last asked.
///
/// # Errors
/// The store's, or the connection is of no more use.
pub(super) async fn tell(talk: &mut Talk) -> Result<(), Trouble> {
    if talk.news.registration.is_none() {
        return Ok(());
    }
    let rows = talk.node().store.mailboxes(talk.account.id).await?;
    let selected = selected(talk);
    let Some(mut registration) = talk.news.registration.take() else { return Ok(()) };
    let now: BTreeMap<MailboxId, MailboxRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    let before = std::mem::replace(&mut registration.known, now);
    let groups = &registration.groups;
    let mut told = Ok(());
    for (id, old) in before.iter().filter(|(id, _)| !registration.known.contains_key(id)) {
        if hears(groups, old, OtherEvent::MailboxName) && selected != Some(*id) {
            told = told.and(tell_listed(talk, &old.name, list::gone).await);
        }
    }
    for (id, row) in &registration.known {
        let old = before.get(id);
        if old.is_none_or(|old| old.name != row.name) && hears(groups, row, OtherEvent::MailboxName) {
            let old_name = old.and_then(|old| MailboxName::new(&old.name));
            told = told.and(tell_listed(talk, &row.name, |name| Listed { old_name, ..list::plain(name) }).await);
        }
        if old.is_some_and(|old| old.is_subscribed != row.is_subscribed) && hears(groups, row, OtherEvent::SubscriptionChange) {
            let attributes = if row.is_subscribed { vec![Attribute::Subscribed] } else { Vec::new() };
            told = told.and(tell_listed(talk, &row.name, |name| Listed { attributes, ..list::plain(name) }).await);
        }
        if selected != Some(*id) && group_of(groups, row).is_some_and(|group| group.hears_of(old, row)) {
            told = told.and(tell_status(talk, row).await);
        }
    }
    talk.news.registration = Some(registration);
    told
}

/// Tells of new messages in the open mailbox what the client wants to know of them at once.
///
/// # Errors
/// The store's, or the connection is of no more use.
pub(super) async fn tell_new(talk: &mut Talk, new: &Numbers) -> Result<(), Trouble> {
    let items = talk.news.registration.as_ref().and_then(|wanted| wanted.of_new());
    let (Some(items), Some(set)) = (items, SequenceSet::of(new)) else { return Ok(()) };
    let wanted = Fetch { numbering: Numbering::Uid, messages: Messages::Set(set), items, changed_since: None, partial: None };
    // A message that is gone meanwhile is told so as any other is.
    fetch::fetch(talk, wanted).await.map(drop)
}

fn selected(talk: &Talk) -> Option<MailboxId> {
    talk.selected.as_ref().and_then(|selected| selected.stored()).map(|row| row.id)
}

fn is_selected(filter: &Filter) -> bool {
    matches!(filter, Filter::Selected | Filter::SelectedDelayed)
}

/// RFC 5465 section 6: the first group that names a mailbox counts.
fn group_of<'a>(groups: &'a [EventGroup], row: &MailboxRow) -> Option<&'a EventGroup> {
    groups.iter().find(|group| names(&group.filter, row))
}

fn names(filter: &Filter, row: &MailboxRow) -> bool {
    let is = |name: &MailboxName| name.as_str() == row.name;
    let is_inside = |name: &MailboxName| row.name.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with(DELIMITER));
    match filter {
        Filter::Selected | Filter::SelectedDelayed => false,
        // Rules and plus-addresses deliver into any of them.
        Filter::Inboxes | Filter::Personal => true,
        Filter::Subscribed => row.is_subscribed,
        Filter::Subtree(roots) => roots.iter().any(|root| is(root) || is_inside(root)),
        Filter::Mailboxes(mailboxes) => mailboxes.iter().any(is),
    }
}

fn hears(groups: &[EventGroup], row: &MailboxRow, event: OtherEvent) -> bool {
    group_of(groups, row).is_some_and(|group| group.events.contains(&Event::Other(event)))
}

/// What a group wants.
trait Hears {
    /// Whether it is about messages.
    fn has_messages(&self) -> bool;
    /// Whether this change of a mailbox is to be told.
    fn hears_of(&self, old: Option<&MailboxRow>, now: &MailboxRow) -> bool;
}

impl Hears for EventGroup {
    fn has_messages(&self) -> bool {
        self.events.iter().any(|event| matches!(event, Event::MessageNew(_) | Event::Other(OtherEvent::FlagChange)))
    }

    fn hears_of(&self, old: Option<&MailboxRow>, now: &MailboxRow) -> bool {
        let Some(old) = old else { return now.messages > 0 && self.has_messages() };
        let has_new = now.uid_next != old.uid_next || now.uid_validity != old.uid_validity || now.messages != old.messages;
        let has_flags = now.modseq != old.modseq && self.events.contains(&Event::Other(OtherEvent::FlagChange));
        has_new && self.has_messages() || has_flags
    }
}

async fn tell_listed(talk: &mut Talk, name: &str, listed: impl FnOnce(MailboxName) -> Listed) -> Result<(), Trouble> {
    let Some(name) = MailboxName::new(name) else { return Ok(()) };
    talk.tell(&Data::List(listed(name))).await
}

async fn tell_status(talk: &mut Talk, row: &MailboxRow) -> Result<(), Trouble> {
    let Some(name) = MailboxName::new(&row.name) else { return Ok(()) };
    let mut items = vec![StatusItem::Messages, StatusItem::UidNext, StatusItem::UidValidity, StatusItem::Unseen];
    if talk.has(Extension::CondStore) {
        items.push(StatusItem::HighestModSeq);
    }
    let values = status::values(talk, row, &items);
    talk.tell(&Data::MailboxStatus(name, values)).await
}
