//! NOTIFY: which changes are told of which mailboxes, without being asked (RFC 5465).

use super::fetch::{self, FetchItem};
use crate::imap::cursor::{Cursor, Read};
use crate::imap::mailbox_name::MailboxName;
use crate::imap::words::words;
use crate::imap::writer::Writer;

/// NOTIFY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notify {
    /// `NONE`: nothing but what the protocol demands.
    Nothing,
    /// `SET`: this, in place of what was asked for before.
    Set {
        /// `STATUS`: begin with how each of the mailboxes is.
        status: bool,
        /// Which events of which mailboxes; the first that names a mailbox counts.
        groups: Vec<EventGroup>,
    },
}

/// Events of some mailboxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventGroup {
    /// Of which.
    pub filter: Filter,
    /// Which; none for `NONE`.
    pub events: Vec<Event>,
}

/// Which mailboxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// The selected one, at once.
    Selected,
    /// The selected one, messages that go only when numbers may change.
    SelectedDelayed,
    /// Those into which mail is delivered.
    Inboxes,
    /// The user's own.
    Personal,
    /// Those subscribed.
    Subscribed,
    /// These and what is inside them.
    Subtree(Vec<MailboxName>),
    /// These.
    Mailboxes(Vec<MailboxName>),
}

/// What happens to a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A message came; what is told of it, if it is in the selected mailbox.
    MessageNew(Vec<FetchItem>),
    /// Anything else.
    Other(OtherEvent),
    /// An event that RFC 5465 does not have: to be refused with those that are known (its section 3.1).
    Unknown(String),
}

words! {
    /// What happens to a mailbox, but for new messages.
    OtherEvent {
        /// A message is gone.
        MessageExpunge = "MessageExpunge",
        /// Flags have changed.
        FlagChange = "FlagChange",
        /// A name came, went or changed.
        MailboxName = "MailboxName",
        /// Subscriptions have changed.
        SubscriptionChange = "SubscriptionChange",
        /// Metadata of a mailbox has changed.
        MailboxMetadataChange = "MailboxMetadataChange",
        /// Metadata of the server has changed.
        ServerMetadataChange = "ServerMetadataChange",
        /// Annotations have changed; we have none.
        AnnotationChange = "AnnotationChange",
    }
}

const ONE_SELECTED: &str = "one of SELECTED and SELECTED-DELAYED";
const OF_MESSAGES: &str = "events of messages, of the selected mailbox";
const ITEMS: &str = "what is told of new messages beside SELECTED only";
const FORM: &str = "NONE, or SET and groups of mailboxes and events";
const FILTER: &str = "SELECTED, SELECTED-DELAYED, INBOXES, PERSONAL, SUBSCRIBED, SUBTREE or MAILBOXES";
const EVENT: &str = "an event of RFC 5465";

impl Notify {
    /// ```abnf
    /// notify      = "NOTIFY" SP ( "NONE" / "SET" [SP "STATUS"] 1*(SP event-group) )
    /// event-group = "(" filter-mailboxes SP ( "NONE" / "(" event *(SP event) ")" ) ")"
    /// filter-mailboxes = "SELECTED" / "SELECTED-DELAYED" / "INBOXES" / "PERSONAL" / "SUBSCRIBED"
    ///                  / ( "SUBTREE" / "MAILBOXES" ) SP ( mailbox / "(" mailbox *(SP mailbox) ")" )
    /// event       = "MessageNew" [SP "(" fetch-att *(SP fetch-att) ")"] / .. / atom
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        if cursor.take_word("NONE") {
            return Ok(Self::Nothing);
        }
        cursor.demand_word("SET", FORM)?;
        let status = cursor.take_space_and_word("STATUS");
        let mut groups = Vec::new();
        while !cursor.at_end() {
            cursor.space()?;
            groups.push(EventGroup::read(cursor)?);
        }
        // Section 6.1.
        if groups.iter().filter(|group| group.filter.is_selected()).count() > 1 {
            return cursor.expected(ONE_SELECTED);
        }
        if groups.is_empty() { cursor.expected(FORM) } else { Ok(Self::Set { status, groups }) }
    }

    pub(super) fn write(&self, out: &mut Writer) {
        match self {
            Self::Nothing => out.put("NONE").done(),
            Self::Set { status, groups } => {
                out.put(if *status { "SET STATUS " } else { "SET " }).spaced(groups, |out, group| group.write(out));
            }
        }
    }
}

impl EventGroup {
    fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        cursor.demand(b'(', "( and mailboxes")?;
        let filter = Filter::read(cursor)?;
        cursor.space()?;
        let events = if cursor.take_word("NONE") { Vec::new() } else { cursor.list1(EVENT, Event::read)? };
        // RFC 5465 section 5.2 and 5.3: who hears of flags or of messages that go must hear of new ones and of those that go.
        let names = |other: OtherEvent| events.contains(&Event::Other(other));
        let new = events.iter().any(|event| matches!(event, Event::MessageNew(_)));
        let alone = names(OtherEvent::FlagChange) && !(new && names(OtherEvent::MessageExpunge));
        if alone || new != names(OtherEvent::MessageExpunge) {
            return cursor.expected("MessageNew and MessageExpunge together, and both beside FlagChange");
        }
        let is_of_mailbox = |event: &Event| matches!(event, Event::Other(other) if !other.is_of_messages());
        let has_items = |event: &Event| matches!(event, Event::MessageNew(items) if !items.is_empty());
        // Sections 6.1 and 8.
        if filter.is_selected() && events.iter().any(is_of_mailbox) {
            return cursor.expected(OF_MESSAGES);
        }
        if !filter.is_selected() && events.iter().any(has_items) {
            return cursor.expected(ITEMS);
        }
        cursor.demand(b')', ")")?;
        Ok(Self { filter, events })
    }

    fn write(&self, out: &mut Writer) {
        out.put("(");
        self.filter.write(out);
        if self.events.is_empty() {
            out.put(" NONE)");
            return;
        }
        out.put(" ").list(&self.events, |out, event| match event {
            Event::Other(other) => out.put(other).done(),
            Event::Unknown(name) => out.put(name.as_str()).done(),
            Event::MessageNew(items) if items.is_empty() => out.put("MessageNew").done(),
            Event::MessageNew(items) => out.put("MessageNew ").list(items, |out, item| item.write(out)).done(),
        });
        out.put(")");
    }
}

impl OtherEvent {
    /// Whether it happens to a message, and not to a mailbox.
    pub const fn is_of_messages(self) -> bool {
        matches!(self, Self::MessageExpunge | Self::FlagChange | Self::AnnotationChange)
    }
}

impl Filter {
    /// Whether it means the selected mailbox, and no other.
    pub const fn is_selected(&self) -> bool {
        matches!(self, Self::Selected | Self::SelectedDelayed)
    }

    fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let before = cursor.clone();
        let mailboxes = |cursor: &mut Cursor<'_>| {
            cursor.space()?;
            cursor.one_or_list("a mailbox name", Cursor::mailbox)
        };
        Ok(match cursor.keyword(FILTER)?.to_ascii_uppercase().as_str() {
            "SELECTED" => Self::Selected,
            "SELECTED-DELAYED" => Self::SelectedDelayed,
            "INBOXES" => Self::Inboxes,
            "PERSONAL" => Self::Personal,
            "SUBSCRIBED" => Self::Subscribed,
            "SUBTREE" => Self::Subtree(mailboxes(cursor)?),
            "MAILBOXES" => Self::Mailboxes(mailboxes(cursor)?),
            _ => return before.expected(FILTER),
        })
    }

    fn write(&self, out: &mut Writer) {
        let (word, names) = match self {
            Self::Selected => ("SELECTED", &[][..]),
            Self::SelectedDelayed => ("SELECTED-DELAYED", &[][..]),
            Self::Inboxes => ("INBOXES", &[][..]),
            Self::Personal => ("PERSONAL", &[][..]),
            Self::Subscribed => ("SUBSCRIBED", &[][..]),
            Self::Subtree(names) => ("SUBTREE ", &names[..]),
            Self::Mailboxes(names) => ("MAILBOXES ", &names[..]),
        };
        out.put(word);
        if !names.is_empty() {
            out.list(names, |out, name| out.mailbox(name).done());
        }
    }
}

impl Event {
    fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let word = cursor.keyword(EVENT)?;
        if !word.eq_ignore_ascii_case("MessageNew") {
            return Ok(OtherEvent::parse(word).map_or_else(|| Self::Unknown(word.to_owned()), Self::Other));
        }
        let mut ahead = cursor.clone();
        let mut items = Vec::new();
        if ahead.take(b' ') && ahead.peek() == Some(b'(') {
            items = fetch::items(&mut ahead)?;
            *cursor = ahead;
        }
        Ok(Self::MessageNew(items))
    }
}
