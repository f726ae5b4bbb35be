//! METADATA: entries with values, of mailboxes and of the account (RFC 5464).

use std::collections::BTreeMap;

use proto::imap::command::metadata::{Depth, EntryName, GetMetadata, SetMetadata};
use proto::imap::mailbox_name::MailboxName;
use proto::imap::response::code::{Code, CodeWord};
use proto::imap::response::{Data, Status};
use store::annotations::{ANNOTATION_OCTETS_MAX, Annotated};

use super::talk::{Folder, Talk, Trouble, no, ok};
use super::twoway;

/// Entries by name.
pub(super) type Entries = BTreeMap<String, Vec<u8>>;

/// GETMETADATA.
pub(super) async fn show(talk: &mut Talk, command: GetMetadata) -> Result<Status, Trouble> {
    let mut entries = entries(talk, command.mailbox.as_ref()).await?;
    if command.mailbox.is_none() && command.entries.iter().any(|asked| twoway::metadata::is_asked_for(asked.as_str())) {
        entries.extend(twoway::metadata::entries(talk).await?);
    }
    let mut told = Vec::new();
    let mut longest = 0;
    for (name, value) in wanted(&entries, &command) {
        let octets = u32::try_from(value.as_ref().map_or(0, Vec::len)).unwrap_or(u32::MAX);
        if command.size_octets_max.is_some_and(|max| octets > max) {
            longest = longest.max(octets);
        } else {
            told.push((name, value));
        }
    }
    if !told.is_empty() {
        talk.tell(&Data::Metadata(command.mailbox, told)).await?;
    }
    let status = ok("these");
    // RFC 5464 section 4.2.1.
    Ok(if longest > 0 { status.with(Code::LongEntries(longest)) } else { status })
}

/// What is told: each entry that was asked for, with a value or without; and those below it that there are.
fn wanted(entries: &Entries, command: &GetMetadata) -> BTreeMap<EntryName, Option<Vec<u8>>> {
    let mut told = BTreeMap::new();
    for asked in &command.entries {
        let value = entries.get(asked.as_str());
        if value.is_some() || command.depth == Depth::Itself {
            told.insert(asked.clone(), value.cloned());
        }
        let below = format!("{}/", asked.as_str());
        let inside = entries.range(below.clone()..).map_while(|(name, value)| Some((name, name.strip_prefix(&below)?, value)));
        for (name, rest, value) in inside {
            let fits = match command.depth {
                Depth::Itself => false,
                Depth::One => !rest.contains('/'),
                Depth::Infinity => true,
            };
            if let Some(name) = EntryName::new(name).filter(|_| fits) {
                told.insert(name, Some(value.clone()));
            }
        }
    }
    told
}

/// SETMETADATA.
pub(super) async fn set(talk: &mut Talk, command: SetMetadata) -> Result<Status, Trouble> {
    let mailbox = match &command.mailbox {
        None => None,
        Some(name) => match talk.folder(name).await? {
            Folder::Stored(row) => Some(row.id),
        },
    };
    if let Some(refusal) = command.values.iter().find_map(|(name, _)| refusal(name)) {
        return Err(refusal.into());
    }
    let values = command.values.into_iter().map(|(name, value)| (name.as_str().to_owned(), value)).collect();
    let (modes, values) = if mailbox.is_none() { twoway::metadata::split(values)? } else { (None, values) };
    if let Some(modes) = modes {
        twoway::set_modes(talk, modes).await?;
    }
    Ok(match talk.node().store.set_annotations(talk.account.id, mailbox, values).await? {
        Annotated::Done => ok("kept"),
        Annotated::TooMany => no(Code::MetadataTooMany, "there are as many entries as there may be"),
        Annotated::TooLarge => {
            let octets = u32::try_from(ANNOTATION_OCTETS_MAX).unwrap_or(u32::MAX);
            no(Code::MetadataMaxSize(octets), "the value is larger than it may be")
        }
        Annotated::NoMailbox => no(CodeWord::NonExistent, "there is no mailbox of this name"),
    })
}

/// Why an entry cannot be set: it says what is so.
fn refusal(name: &EntryName) -> Option<Status> {
    // RFC 5464 section 6.2.1: the administrator's address.
    (name.as_str() == ADMIN).then(|| no(CodeWord::NoPerm, "this entry is not yours to set"))
}

const ADMIN: &str = "/shared/admin";

/// All entries of a mailbox, or of the account: those that were set, and those that say what is so.
async fn entries(talk: &Talk, mailbox: Option<&MailboxName>) -> Result<Entries, Trouble> {
    let node = talk.node();
    let id = match mailbox {
        None => None,
        Some(name) => match talk.folder(name).await? {
            Folder::Stored(row) => Some(row.id),
        },
    };
    let mut entries: Entries = node.store.annotations(talk.account.id, id).await?.into_iter().collect();
    if id.is_none()
        && let Some(postmaster) = &node.settings.postmaster
    {
        entries.insert(ADMIN.to_owned(), format!("mailto:{postmaster}").into_bytes());
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> EntryName {
        EntryName::new(name).unwrap()
    }

    #[test]
    fn entries_are_told_as_deep_as_was_asked() {
        let entries: Entries =
            ["/private/a", "/private/a/b", "/private/a/b/c", "/private/ab"].map(|name| (name.to_owned(), b"v".to_vec())).into();
        for (asked, depth, expected) in [
            ("/private/a", Depth::Itself, &["/private/a"][..]),
            ("/private/a", Depth::One, &["/private/a", "/private/a/b"]),
            ("/private/a", Depth::Infinity, &["/private/a", "/private/a/b", "/private/a/b/c"]),
            ("/private", Depth::One, &["/private/a", "/private/ab"]),
            ("/private/x", Depth::Itself, &["/private/x"]),
            ("/private/x", Depth::Infinity, &[]),
        ] {
            let command = GetMetadata { mailbox: None, size_octets_max: None, depth, entries: vec![entry(asked)] };
            let told = wanted(&entries, &command);
            assert_eq!(told.keys().map(EntryName::as_str).collect::<Vec<_>>(), expected, "{asked} {depth:?}");
            assert!(told.iter().all(|(name, value)| value.is_some() == entries.contains_key(name.as_str())));
        }
    }
}
