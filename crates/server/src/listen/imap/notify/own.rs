//! What a client does itself, and so is not told of (RFC 5465 section 5).

use proto::imap::command::Command;
use proto::imap::command::metadata::EntryName;
use proto::imap::mailbox_name::MailboxName;

use super::wanted::is_below;

/// What a command changes beside messages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Own {
    /// Names of mailboxes, or subscriptions.
    Names(Vec<MailboxName>),
    /// Entries of a mailbox, or of the server.
    Entries(Option<MailboxName>, Vec<EntryName>),
}

impl Own {
    /// Of this command, if it changes anything of the kind.
    pub(in crate::listen::imap) fn of(command: &Command) -> Option<Box<Self>> {
        let own = match command {
            Command::Create(create) => Self::Names(vec![create.mailbox.clone()]),
            Command::Delete(name) | Command::Subscribe(name) | Command::Unsubscribe(name) => Self::Names(vec![name.clone()]),
            Command::Rename(from, to) => Self::Names(vec![from.clone(), to.clone()]),
            Command::SetMetadata(set) => Self::Entries(set.mailbox.clone(), set.values.iter().map(|(name, _)| name.clone()).collect()),
            _ => return None,
        };
        Some(Box::new(own))
    }

    /// Whether it has to do with a name: it is named, or made or renamed with one that is.
    pub(super) fn has_named(&self, name: &str) -> bool {
        let Self::Names(names) = self else { return false };
        let is_inside = |one: &str, other: &str| one.strip_prefix(other).is_some_and(|rest| rest.is_empty() || is_below(rest));
        names.iter().any(|own| is_inside(name, own.as_str()) || is_inside(own.as_str(), name))
    }

    /// Whether it sets an entry.
    pub(super) fn has_set(&self, mailbox: Option<&str>, entry: &EntryName) -> bool {
        matches!(self, Self::Entries(own, entries) if own.as_ref().map(MailboxName::as_str) == mailbox && entries.contains(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_to_do_with_what_it_names() {
        let name = |name: &str| MailboxName::new(name).unwrap();
        let own = Own::of(&Command::Rename(name("a/b"), name("c"))).unwrap();
        for (other, is_own) in [("a/b", true), ("a/b/x", true), ("a", true), ("c", true), ("c/x", true), ("a/bc", false), ("d", false)] {
            assert_eq!(own.has_named(other), is_own, "{other}");
        }
        let entry = EntryName::new("/private/comment").unwrap();
        let own = Own::Entries(Some(name("a")), vec![entry.clone()]);
        assert!(own.has_set(Some("a"), &entry) && !own.has_set(None, &entry) && !own.has_named("a"));
        assert_eq!(Own::of(&Command::Noop), None);
    }
}
