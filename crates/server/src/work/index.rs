//! The index of the mail is brought up to date: what lies in mailboxes, and was not read yet, is read once, after the commit
//! that put it there. Until then a search reads it itself, and so it does what cannot be read here: the rest goes on.

use std::collections::BTreeSet;
use std::sync::Arc;

use mail::id::{AccountId, MailId, MailboxId};
use mail::message::HeaderSection;
use mail::outline::Outline;
use mail::searchable::{self, Searchable};
use mail::structure::Part;
use mail::summary::Summary;
use store::content::{ContentReader, Place};
use store::search_index::{BODY_OCTETS_MAX, Behind, GramReader, Indexed, Sealing};
use store::{Lease, StoreError, StoredMail};
use tokio::sync::oneshot;

use crate::listen::imap::fetch;
use crate::node::Node;

/// Mailboxes looked at in one round.
const MAILBOXES_AT_ONCE: usize = 100;
/// Mailboxes that are put off in one run: where more have trouble, it is none of theirs.
const PUT_OFF_MAX: usize = 1_000;
/// Messages read at once; what their rows hold is 32 KiB each at most.
const MESSAGES_AT_ONCE: usize = 200;
/// Octets of messages read in one go.
const OCTETS_AT_ONCE: usize = 1 << 20;
/// Octets of text kept in one transaction.
const TEXT_OCTETS_AT_ONCE: usize = 2 << 20;
/// Octets of one message that are held in memory to be read; what stands behind them is looked at by the search itself.
const MESSAGE_OCTETS_MAX: usize = 64 << 20;

/// What keeps a mailbox behind.
enum Obstacle {
    /// The content of one of its messages, for now.
    Content(StoreError),
    /// The store.
    Store(StoreError),
}

impl From<StoreError> for Obstacle {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Reads what was not read, until there is nothing left that can be, or the node stops. A mailbox that cannot be caught up with
/// keeps no other waiting: the next run tries it again.
///
/// # Errors
/// The store's; the last of what some mailboxes were put off for.
pub async fn run(node: Arc<Node>, lease: Lease) -> Result<(), StoreError> {
    let (mut put_off, mut trouble) = (BTreeSet::new(), None);
    loop {
        // Those that were put off are still among them.
        let mut behind = node.store.index_behind(&lease, MAILBOXES_AT_ONCE + put_off.len()).await?;
        behind.retain(|mailbox| !put_off.contains(&(mailbox.account, mailbox.mailbox)));
        for mailbox in &behind {
            match catch_up(&node, &lease, mailbox).await {
                Ok(()) => {}
                // What is damaged may be rows of this mailbox alone.
                Err(Obstacle::Content(error) | Obstacle::Store(error @ StoreError::Damaged(_))) => {
                    tracing::warn!(account = %mailbox.account, %error, "a mailbox stays behind in the index");
                    put_off.insert((mailbox.account, mailbox.mailbox));
                    trouble = Some(error);
                }
                Err(Obstacle::Store(error)) => return Err(error),
            }
            if node.stop.is_raised() {
                return Ok(());
            }
        }
        while let Some(account) = node.store.index_thin_out(&lease).await? {
            seal(&node, &lease, account).await?;
            if node.stop.is_raised() {
                return Ok(());
            }
        }
        if behind.is_empty() || put_off.len() >= PUT_OFF_MAX {
            return trouble.map_or(Ok(()), Err);
        }
    }
}

async fn catch_up(node: &Arc<Node>, lease: &Lease, mailbox: &Behind) -> Result<(), Obstacle> {
    let (mut at, mut grams) = (mailbox.clone(), GramReader::default());
    while !node.stop.is_raised() {
        let unread = node.store.index_unread(&at, MESSAGES_AT_ONCE).await?;
        let is_last = unread.len() < MESSAGES_AT_ONCE;
        let up_to = unread.last().map_or(at.last_uid, |last| if is_last { at.last_uid.max(last.uid) } else { last.uid });
        let mails = unread.iter().map(|message| message.mail).collect();
        let mut due = node.store.mails(mailbox.account, mails).await?.into_iter();
        loop {
            let some = fetch_some(node, &mut due).await?;
            let is_end = due.as_slice().is_empty();
            let read = move || {
                let read = some.iter().map(|fetched| fetched.read(&mut grams)).collect();
                (read, grams)
            };
            let Some((read, reader)) = compute(node, read).await else { return Ok(()) };
            grams = reader;
            let caught_up = is_end.then_some((mailbox.mailbox, up_to));
            keep(node, lease, mailbox.account, read, caught_up).await?;
            if is_end {
                break;
            }
        }
        // Soon, while what was read is in memory.
        seal(node, lease, mailbox.account).await?;
        if is_last {
            return Ok(());
        }
        at.seen_uid = up_to;
    }
    Ok(())
}

/// Keeps what was read: mostly in one transaction.
async fn keep(
    node: &Node,
    lease: &Lease,
    account: AccountId,
    read: Vec<Indexed>,
    caught_up: Option<(MailboxId, u32)>,
) -> Result<(), StoreError> {
    let (mut some, mut octets) = (Vec::new(), 0);
    for indexed in read {
        octets += indexed.octets();
        some.push(indexed);
        // A letter may become eighteen when it is folded.
        if octets >= TEXT_OCTETS_AT_ONCE {
            node.store.index(lease, account, std::mem::take(&mut some), None).await?;
            octets = 0;
        }
    }
    node.store.index(lease, account, some, caught_up).await
}

/// Makes segments of an account's texts, as long as there are enough of them that are in none.
async fn seal(node: &Node, lease: &Lease, account: AccountId) -> Result<(), StoreError> {
    while !node.stop.is_raised() && node.store.index_is_loose(account).await? {
        let mut sealing = Sealing::default();
        loop {
            let page = node.store.index_loose(account, sealing.last()).await?;
            let add = move || {
                let goes_on = sealing.add(page);
                (sealing, goes_on)
            };
            let Some((added, goes_on)) = compute(node, add).await else { return Ok(()) };
            sealing = added;
            if !goes_on {
                break;
            }
        }
        let Some(Some(sealed)) = compute(node, move || sealing.finish()).await else { return Ok(()) };
        node.store.index_seal(lease, account, sealed).await?;
    }
    Ok(())
}

/// Has a processor do this, elsewhere. `None`: whoever was to do it was stopped.
async fn compute<T: Send + 'static>(node: &Node, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, found) = oneshot::channel();
    // Nobody waits any more if the node has stopped.
    node.world.compute(Box::new(move || drop(done.send(work())))).await;
    found.await.ok()
}

/// A message that is to be read.
struct Fetched {
    mail: MailId,
    octets: Vec<u8>,
    is_all: bool,
    /// Octets in front that its row has apart, and octets of the others there that are not the message's; none, if they are elsewhere.
    in_row: Option<(usize, u64)>,
}

/// The next of these messages, until there is enough to read at once. One whose content is damaged is passed over for good:
/// searches and whoever reads it hear of that, and the index has nothing to say about it.
async fn fetch_some(node: &Node, due: &mut impl Iterator<Item = StoredMail>) -> Result<Vec<Fetched>, Obstacle> {
    let (mut some, mut octets) = (Vec::new(), 0);
    while octets < OCTETS_AT_ONCE
        && let Some(stored) = due.next()
    {
        let mail = stored.row.id;
        match Fetched::fetch(node, stored).await {
            Ok(fetched) => {
                octets += fetched.octets.len();
                some.push(fetched);
            }
            Err(error @ StoreError::Damaged(_)) => tracing::warn!(%mail, %error, "a message is not in the index"),
            Err(error) => return Err(Obstacle::Content(error)),
        }
    }
    Ok(some)
}

impl Fetched {
    async fn fetch(node: &Node, stored: StoredMail) -> Result<Self, StoreError> {
        let mail = stored.row.id;
        let in_row = match &stored.content.place {
            Place::Row(_) => Some((stored.head.len(), stored.skip_octets)),
            Place::Object(_) | Place::Unread | Place::Freed => None,
        };
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
        Ok(Self { mail, octets, is_all, in_row })
    }

    fn read(&self, grams: &mut GramReader) -> Indexed {
        let structure = Part::read(&self.octets);
        let mut text = Searchable::of(&self.octets, &structure, BODY_OCTETS_MAX);
        text.is_whole &= self.is_all;
        let summary = Summary::read(&HeaderSection::read(&self.octets));
        let plain_at = self.in_row.and_then(|(head, skipped)| {
            let behind = searchable::plain_body(&self.octets, &structure)?.checked_sub(head)?;
            u64::try_from(behind).ok()?.checked_add(skipped)
        });
        let outline = self.is_all.then(|| fetch::packed(&Outline::of(&self.octets, structure)));
        Indexed::new(grams, self.mail, summary, text, outline, plain_at)
    }
}
