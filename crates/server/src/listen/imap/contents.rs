//! What lies in mailboxes, remembered: opening one again costs what changed since, not what lies there.

use std::collections::BTreeMap;
use std::sync::Arc;

use mail::id::{AccountId, MailboxId};
use proto::imap::numbers::Numbers;
use proto::imap::view::{Changes, Contents, Message};
use store::{Item, MailboxRow, StoreError};

use super::flags;
use crate::node::Node;

/// Messages that are remembered, of all mailboxes together: 24 octets each.
pub const MESSAGES_MAX: u64 = 2_000_000;
/// Messages that are read at once.
const PAGE: usize = 5_000;

/// What lies in a mailbox, and the mailbox as it is now. `None`: it is gone.
///
/// # Errors
/// The store's.
pub async fn open(node: &Node, account: AccountId, mailbox: MailboxId) -> Result<Option<(MailboxRow, Contents)>, StoreError> {
    let key = (account, mailbox);
    let opened = match node.imap.contents.find(key, node.world.now()) {
        Some((uid_validity, contents)) => go_on(node, account, mailbox, uid_validity, contents).await?,
        None => None,
    };
    let opened = if opened.is_some() {
        opened
    } else {
        // It may be another than it was, restored from a backup.
        drop(node.imap.keys.take(key));
        read_all(node, account, mailbox).await?
    };
    if let Some((row, contents)) = &opened {
        let weight = u64::from(contents.count());
        node.imap.contents.keep(key, row.uid_validity, contents.clone(), weight, node.world.now());
    }
    Ok(opened)
}

/// Adds what happened since. `None`: it can't be said any more.
async fn go_on(
    node: &Node,
    account: AccountId,
    mailbox: MailboxId,
    uid_validity: u32,
    mut contents: Contents,
) -> Result<Option<(MailboxRow, Contents)>, StoreError> {
    let Some(since) = since(node, account, mailbox, contents.modseq()).await? else { return Ok(None) };
    // A mailbox restored from a backup counts from where it was.
    if since.row.uid_validity != uid_validity || !since.is_complete || since.row.modseq < contents.modseq() {
        return Ok(None);
    }
    contents.apply(since.changes);
    Ok(Some((since.row, contents)))
}

async fn read_all(node: &Node, account: AccountId, mailbox: MailboxId) -> Result<Option<(MailboxRow, Contents)>, StoreError> {
    let Some(row) = node.store.mailbox_by_id(account, mailbox).await? else { return Ok(None) };
    let (mut contents, mut after) = (Contents::default(), 0);
    loop {
        let page = node.store.items(account, mailbox, after, PAGE).await?;
        let is_last = page.len() < PAGE;
        after = page.last().map_or(after, |item| item.uid);
        for item in &page {
            if let Some(message) = message(item) {
                contents.put(message);
            }
        }
        if is_last {
            break;
        }
    }
    // What happened while it was read is told again, and counts once.
    contents.reach(row.modseq);
    go_on(node, account, mailbox, row.uid_validity, contents).await
}

/// What happened in a mailbox, all of it.
pub struct Since {
    /// The mailbox as it is now.
    pub row: MailboxRow,
    /// What happened.
    pub changes: Changes,
    /// Whether this is known of messages that went: what went long ago is forgotten.
    pub is_complete: bool,
}

/// What happened in a mailbox after this change. `None`: it is gone.
///
/// # Errors
/// The store's.
pub async fn since(node: &Node, account: AccountId, mailbox: MailboxId, modseq: u64) -> Result<Option<Since>, StoreError> {
    let (mut changed, mut vanished, mut is_complete) = (BTreeMap::new(), Vec::new(), true);
    let mut from = modseq;
    loop {
        let Some(page) = node.store.changes(account, mailbox, from, PAGE).await? else { return Ok(None) };
        changed.extend(page.changed.iter().filter_map(message).map(|message| (message.uid, message)));
        vanished.extend(page.vanished.into_iter().filter_map(std::num::NonZeroU32::new));
        // Told only once it is whole: of messages that came, a greater UID may stand before a smaller one.
        is_complete = is_complete && page.is_complete;
        if page.has_more && page.until > from {
            from = page.until;
            continue;
        }
        let vanished: Numbers = vanished.into_iter().collect();
        changed.retain(|uid, _| !vanished.contains(uid.get()));
        let changes = Changes { changed: changed.into_values().collect(), vanished, modseq: page.until };
        return Ok(Some(Since { row: page.row, changes, is_complete }));
    }
}

/// A message of the store, as a view has it.
pub fn message(item: &Item) -> Option<Message> {
    let uid = std::num::NonZeroU32::new(item.uid)?;
    Some(Message { uid, modseq: item.modseq, flags: Arc::new(flags::told(&item.flags)) })
}
