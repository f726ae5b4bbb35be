//! Octets of one message for another that is put together of such (RFC 4469): what FETCH would tell of it, as it is stored.

use proto::imap::command::Numbering;
use proto::imap::command::fetch::{Fetch, FetchItem, Reading};
use proto::imap::section::{Partial, Section};
use proto::imap::sequence_set::Messages;
use store::{MailboxRow, StoreError};

use super::super::talk::Talk;
use super::octets::{Chunks, Octets, Pieces};
use super::opened::Opened;
use super::page::Shelf;
use super::plan::Plan;

/// Some octets of a message.
pub(in super::super) struct Excerpt {
    octets: Octets,
    chunks: Chunks,
}

/// Finds them; `None` if there is no such message, or no such part of it.
///
/// # Errors
/// The store's.
pub(in super::super) async fn excerpt(
    talk: &Talk,
    mailbox: &MailboxRow,
    uid: u32,
    section: Section,
    partial: Option<Partial>,
) -> Result<Option<Excerpt>, StoreError> {
    let node = talk.node();
    let shelf = Shelf { store: &node.store, account: talk.account.id, mailbox: mailbox.id, large: &node.imap.large_messages };
    let items = vec![FetchItem::Section { section: section.clone(), partial: None, reading: Reading::Peeks }];
    let fetch = Fetch { numbering: Numbering::Uid, messages: Messages::Saved, items, changed_since: None, partial: None };
    // As a client that has enabled all: nobody is to read it now, so nothing is made readable.
    let plan = Plan::new(&fetch, |_extension| true);
    let Some(loaded) = shelf.load(&[uid], &plan).await?.pop() else { return Ok(None) };
    let mut opened = Opened::new(&shelf, loaded, plan.reads_utf8);
    let Some(chunks) = opened.section(&section).await? else { return Ok(None) };
    let chunks = match partial {
        Some(partial) => chunks.cut(partial.offset, partial.octets_max),
        None => chunks,
    };
    Ok(Some(Excerpt { octets: opened.into_octets(), chunks }))
}

impl Excerpt {
    /// How many octets these are.
    pub(in super::super) fn count(&self) -> u64 {
        self.chunks.count()
    }

    /// These octets, piece by piece.
    pub(in super::super) fn pieces<'a>(&'a self, store: &'a store::Store) -> Pieces<'a> {
        self.chunks.clone().pieces(&self.octets, store)
    }
}
