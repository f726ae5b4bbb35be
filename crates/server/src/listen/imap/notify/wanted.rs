//! Which events of which mailboxes a client wants to hear of (RFC 5465 section 6).

use proto::imap::command::fetch::FetchItem;
use proto::imap::command::notify::{Event, EventGroup, Filter, OtherEvent};
use proto::imap::mailbox_name::{DELIMITER, MailboxName};
use store::MailboxRow;

/// Groups, as the client has given them.
pub(super) struct Wanted(pub(super) Vec<EventGroup>);

impl Wanted {
    /// Of the open mailbox; nothing where nothing is told of it between commands.
    pub(super) fn of_selected(&self) -> Option<&EventGroup> {
        self.0.iter().find(|group| group.filter.is_selected() && !group.events.is_empty())
    }

    /// What is told at once of messages that come into the open mailbox.
    pub(super) fn of_new(&self) -> Option<Vec<FetchItem>> {
        let events = &self.of_selected()?.events;
        let items = events.iter().find_map(|event| if let Event::MessageNew(items) = event { Some(items) } else { None })?;
        (!items.is_empty()).then(|| items.clone())
    }

    /// Whether any group has this event, of whatever mailboxes.
    pub(super) fn has(&self, event: OtherEvent) -> bool {
        self.0.iter().any(|group| group.events.contains(&Event::Other(event)))
    }

    /// Whether this is to be told of a mailbox.
    pub(super) fn hears(&self, row: &MailboxRow, event: OtherEvent) -> bool {
        self.events(row).any(|wanted| *wanted == Event::Other(event))
    }

    /// Whether anything of the messages of a mailbox is to be told.
    pub(super) fn has_messages(&self, row: &MailboxRow) -> bool {
        self.events(row).any(|event| matches!(event, Event::MessageNew(_) | Event::Other(OtherEvent::FlagChange)))
    }

    /// Whether this change of a mailbox is to be told.
    pub(super) fn hears_of(&self, old: Option<&MailboxRow>, now: &MailboxRow) -> bool {
        let Some(old) = old else { return now.messages > 0 && self.has_messages(now) };
        let has_new = now.uid_next != old.uid_next || now.uid_validity != old.uid_validity || now.messages != old.messages;
        let has_flags = now.modseq != old.modseq && self.hears(now, OtherEvent::FlagChange);
        has_new && self.has_messages(now) || has_flags
    }

    /// Those of all groups that name a mailbox (section 6), up to one that wants nothing of it.
    fn events(&self, row: &MailboxRow) -> impl Iterator<Item = &Event> {
        let of_it = self.0.iter().filter(|group| names(&group.filter, row));
        of_it.take_while(|group| !group.events.is_empty()).flat_map(|group| &group.events)
    }
}

fn names(filter: &Filter, row: &MailboxRow) -> bool {
    let is = |name: &MailboxName| name.as_str() == row.name;
    let is_inside = |name: &MailboxName| row.name.strip_prefix(name.as_str()).is_some_and(is_below);
    match filter {
        Filter::Selected | Filter::SelectedDelayed => false,
        // Rules and plus-addresses deliver into any of them.
        Filter::Inboxes | Filter::Personal => true,
        Filter::Subscribed => row.is_subscribed,
        Filter::Subtree(roots) => roots.iter().any(|root| is(root) || is_inside(root)),
        Filter::Mailboxes(mailboxes) => mailboxes.iter().any(is),
    }
}

/// Whether what stands behind a mailbox's name makes it the name of one inside it.
pub(super) fn is_below(rest: &str) -> bool {
    rest.starts_with(DELIMITER)
}
