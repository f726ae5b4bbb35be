//! The index of the mail is brought up to date: what lies in mailboxes, and was not read yet, is read once, after the commit
//! that put it there. Until then a search reads it itself.

use std::sync::Arc;

use mail::message::HeaderSection;
use mail::outline::Outline;
use mail::searchable::Searchable;
use mail::structure::Part;
use mail::summary::Summary;
use store::content::ContentReader;
use store::search_index::{BODY_OCTETS_MAX, Behind, Indexed};
use store::{Lease, StoreError, StoredMail};
use tokio::sync::oneshot;

use crate::listen::imap::fetch;
use crate::node::Node;

/// Mailboxes looked at in one round.
const MAILBOXES_AT_ONCE: usize = 100;
/// Messages read at once; what their rows hold is 32 KiB each at most.
const MESSAGES_AT_ONCE: usize = 200;
/// Octets of text kept in one transaction.
const OCTETS_AT_ONCE: usize = 2 << 20;
/// Octets of one message that are held in memory to be read; what stands behind them is looked at by the search itself.
const MESSAGE_OCTETS_MAX: usize = 64 << 20;

/// Reads what was not read, until there is nothing left or the node stops.
///
/// # Errors
/// The store's.
pub async fn run(node: Arc<Node>, lease: Lease) -> Result<(), StoreError> {
    loop {
        let behind = node.store.index_behind(&lease, MAILBOXES_AT_ONCE).await?;
        for mailbox in &behind {
            catch_up(&node, &lease, mailbox).await?;
            if node.stop.is_raised() {
                return Ok(());
            }
            while node.store.index_seal(&lease, mailbox.account).await? {}
        }
        while let Some(account) = node.store.index_thin_out(&lease).await? {
            while node.store.index_seal(&lease, account).await? {}
            if node.stop.is_raised() {
                return Ok(());
            }
        }
        if behind.is_empty() {
            return Ok(());
        }
    }
}

async fn catch_up(node: &Arc<Node>, lease: &Lease, mailbox: &Behind) -> Result<(), StoreError> {
    let mut at = mailbox.clone();
    while !node.stop.is_raised() {
        let unread = node.store.index_unread(&at, MESSAGES_AT_ONCE).await?;
        let is_last = unread.len() < MESSAGES_AT_ONCE;
        let up_to = unread.last().map_or(at.last_uid, |last| if is_last { at.last_uid.max(last.uid) } else { last.uid });
        let mails = unread.iter().map(|message| message.mail).collect();
        let mut kept: Vec<Indexed> = Vec::new();
        let mut octets = 0;
        for mail in node.store.mails(mailbox.account, mails).await? {
            let Some(indexed) = read(node, mail).await? else { return Ok(()) };
            octets += indexed.text.head.len() + indexed.text.body.len();
            kept.push(indexed);
            if octets >= OCTETS_AT_ONCE {
                node.store.index(lease, mailbox.account, std::mem::take(&mut kept), None).await?;
                octets = 0;
            }
        }
        node.store.index(lease, mailbox.account, kept, Some((mailbox.mailbox, up_to))).await?;
        if is_last {
            return Ok(());
        }
        at.seen_uid = up_to;
    }
    Ok(())
}

/// Reads a message. `None`: whoever was to do it was stopped.
async fn read(node: &Node, stored: StoredMail) -> Result<Option<Indexed>, StoreError> {
    let mail = stored.row.id;
    let mut octets = stored.head;
    let mut rest = ContentReader::new(&node.store, &stored.content, stored.skip_octets);
    let is_all = loop {
        let piece = rest.next().await?;
        if piece.is_empty() {
            break true;
        }
        octets.extend_from_slice(&piece);
        if octets.len() >= MESSAGE_OCTETS_MAX {
            break false;
        }
    };
    let (done, read) = oneshot::channel();
    let look = move || {
        let structure = Part::read(&octets);
        let mut text = Searchable::of(&octets, &structure, BODY_OCTETS_MAX);
        text.is_whole &= is_all;
        let summary = Summary::read(&HeaderSection::read(&octets));
        let outline = is_all.then(|| fetch::packed(&Outline::of(&octets, structure)));
        // Nobody waits any more if the node has stopped.
        drop(done.send(Indexed::new(mail, summary, text, outline)));
    };
    node.world.compute(Box::new(look)).await;
    Ok(read.await.ok())
}
