//! `\Recent`: the first session that is told of a message, and no other (RFC 3501 section 2.3.2; gone with RFC 9051).
//!
//! Who was told is known at once to all sessions of this server, and written down when a mailbox is opened or left: a crash
//! between lets messages be recent once more, which is what that section wants of a server that can't know.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use mail::id::AccountId;
use proto::imap::command::mailbox::Access;
use proto::imap::server::Extension;
use proto::imap::view::View;
use store::{MailboxRow, StoreError};

use super::remembered::Key;
use super::talk::{Selected, Talk};
use crate::node::Node;

/// What sessions were told of in the mailboxes that are open: one entry for each.
#[derive(Default)]
pub struct Recents(Mutex<BTreeMap<Key, Entry>>);

#[derive(Default)]
struct Entry {
    /// The first UID that nobody was told of.
    from: u32,
    sessions: usize,
}

/// A mailbox that a session has open.
pub struct Place {
    recents: Arc<Recents>,
    key: Key,
    access: Access,
    /// What is written down.
    written: u32,
}

impl Recents {
    fn from(&self, key: Key) -> u32 {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(&key).map_or(0, |entry| entry.from)
    }

    /// Below `to`, the first UID that nobody was told of; with `Access::ReadWrite`, now somebody is.
    fn tell(&self, key: Key, to: u32, access: Access) -> u32 {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = entries.get_mut(&key) else { return to };
        let from = entry.from;
        if access == Access::ReadWrite {
            entry.from = entry.from.max(to);
        }
        from
    }
}

impl Place {
    fn open(recents: &Arc<Recents>, account: AccountId, row: &MailboxRow, access: Access) -> Self {
        let key = (account, row.id);
        let mut entries = recents.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.entry(key).or_default();
        entry.from = entry.from.max(row.recent_from);
        entry.sessions += 1;
        drop(entries);
        Self { recents: Arc::clone(recents), key, access, written: row.recent_from }
    }

    /// Takes what nobody was told of, as far as this client knows messages.
    fn take(&self, view: &mut View) {
        let Some(last) = view.contents().last().map(|message| message.uid) else { return };
        let Some(from) = NonZeroU32::new(self.recents.tell(self.key, last.get().saturating_add(1), self.access)) else { return };
        if from <= last {
            view.make_recent(from, last);
        }
    }

    /// Writes down what was told.
    async fn write(&mut self, node: &Node) -> Result<(), StoreError> {
        let from = self.recents.from(self.key);
        if self.access == Access::ReadWrite && from > self.written {
            node.store.told_below(self.key.0, self.key.1, from).await?;
            self.written = from;
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut entries = self.recents.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get_mut(&self.key) {
            entry.sessions -= 1;
            if entry.sessions == 0 {
                entries.remove(&self.key);
            }
        }
    }
}

/// A mailbox is opened: what of it is recent. `None`: the client does not know that word.
pub(super) async fn open(talk: &Talk, row: &MailboxRow, access: Access, view: &mut View) -> Option<Place> {
    if talk.has(Extension::Rev2) {
        return None;
    }
    let mut place = Place::open(&talk.node().imap.recents, talk.account.id, row, access);
    place.take(view);
    note(place.write(talk.node()).await);
    Some(place)
}

/// Messages came: which of them are recent. Whether there are such.
pub(super) fn take_new(selected: &mut Selected) -> bool {
    let Some(place) = &selected.recent else { return false };
    place.take(&mut selected.view);
    true
}

/// The mailbox is left.
pub(super) async fn leave(talk: &mut Talk) {
    let Some(mut place) = talk.selected.take().and_then(|selected| selected.recent) else { return };
    note(place.write(talk.node()).await);
}

/// How many messages nobody was told of.
pub(super) async fn count(talk: &Talk, row: &MailboxRow) -> Result<u32, StoreError> {
    let key = (talk.account.id, row.id);
    let from = talk.node().imap.recents.from(key).max(row.recent_from);
    if from >= row.uid_next { Ok(0) } else { talk.node().store.messages_from(key.0, key.1, from).await }
}

fn note(written: Result<(), StoreError>) {
    if let Err(error) = written {
        // Messages are recent once more.
        tracing::warn!(%error, "who was told of messages was not written down");
    }
}
