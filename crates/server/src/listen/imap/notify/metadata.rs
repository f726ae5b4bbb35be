//! Entries with values that others set are told by name (RFC 5465 sections 5.6 and 5.7, RFC 5464 section 4.4.2).

use std::collections::BTreeMap;

use mail::digest::ContentDigest;
use mail::id::MailboxId;
use proto::imap::command::metadata::EntryName;
use proto::imap::command::notify::OtherEvent;
use proto::imap::mailbox_name::MailboxName;
use proto::imap::response::Data;

use super::wanted::Wanted;
use super::{Own, Registration};
use crate::listen::imap::talk::{Talk, Trouble};
use crate::listen::imap::twoway;

/// Entries of mailboxes and of the account, each with what tells its value from others.
pub(super) type Marks = BTreeMap<(Option<MailboxId>, String), Vec<u8>>;

/// Those that there are now; none, if the client does not want to hear of them.
///
/// # Errors
/// The store's.
pub(super) async fn marks(talk: &Talk, wanted: &Wanted) -> Result<Marks, Trouble> {
    let of_server = wanted.has(OtherEvent::ServerMetadataChange);
    if !of_server && !wanted.has(OtherEvent::MailboxMetadataChange) {
        return Ok(Marks::new());
    }
    let annotations = talk.node().store.annotation_marks(talk.account.id).await?;
    let mut marks: Marks = annotations.into_iter().map(|(mailbox, name, mark)| ((mailbox, name), mark)).collect();
    if of_server {
        let said = twoway::metadata::entries(talk).await?;
        marks.extend(said.into_iter().map(|(name, value)| ((None, name), ContentDigest::of(&value).as_bytes().to_vec())));
    }
    Ok(marks)
}

/// Tells the names of those that are other than they were.
///
/// # Errors
/// The store's, or the connection is of no more use.
pub(super) async fn tell(talk: &mut Talk, registration: &Registration, before: &Marks, own: Option<&Own>) -> Result<(), Trouble> {
    let Registration { wanted, known, marks } = registration;
    let came = marks.iter().filter(|(key, mark)| before.get(key) != Some(mark)).map(|(key, _)| key);
    let went = before.keys().filter(|key| !marks.contains_key(key));
    let mut changed: BTreeMap<Option<MailboxId>, Vec<EntryName>> = BTreeMap::new();
    for (mailbox, name) in came.chain(went) {
        changed.entry(*mailbox).or_default().extend(EntryName::new(name));
    }
    for (mailbox, mut entries) in changed {
        let row = mailbox.and_then(|id| known.get(&id));
        let is_wanted = match (mailbox, row) {
            (None, _) => wanted.has(OtherEvent::ServerMetadataChange),
            (Some(_), Some(row)) => wanted.hears(row, OtherEvent::MailboxMetadataChange),
            // They went with their mailbox.
            (Some(_), None) => false,
        };
        let name = row.map(|row| row.name.as_str());
        entries.retain(|entry| !own.is_some_and(|own| own.has_set(name, entry)));
        entries.sort_unstable();
        if is_wanted && !entries.is_empty() {
            talk.tell(&Data::MetadataChanged(name.and_then(MailboxName::new), entries)).await?;
        }
    }
    Ok(())
}
