//! SEARCH: which messages fit (RFC 9051 section 6.4.4), and what SORT and THREAD have in common with it.

mod answer;
mod content;
mod look;
mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;

use mail::id::{AccountId, MailboxId};
use mail::message::HeaderSection;
use mail::summary::Summary;
use proto::imap::command::Numbering;
use proto::imap::command::search::{Key, Search, SearchReturn};
use proto::imap::response::Status;
use proto::imap::response::code::CodeWord;
use proto::imap::server::Extension;
use proto::imap::view::View;
use store::StoreError;

use super::talk::{Talk, Trouble, no, ok};
use super::yielding;
use crate::node::Node;
use answer::Wanted;
use plan::Plan;

pub(super) use answer::{Hit, Ordering};
pub(super) use plan::Stamps;

/// Items, and what sorts them, read at once.
const PAGE: usize = 2_000;

/// Of so many messages in a row of UIDs at least one is wanted, where all of them are read.
const SPARSE: u32 = 20;

/// Where is looked.
pub(super) struct Place {
    node: Arc<Node>,
    account: AccountId,
    mailbox: MailboxId,
    view: View,
}

/// What was found.
pub(super) struct Finding {
    /// In the order of the mailbox.
    pub(super) hits: Vec<Hit>,
    /// Where.
    pub(super) place: Place,
    /// The greatest modification sequence is told, too.
    names_modseq: bool,
}

/// Looks for messages.
pub(super) async fn search(talk: &mut Talk, command: Search) -> Result<Status, Trouble> {
    // RFC 9051 section 6.4.4: who has enabled IMAP4rev2 hears ESEARCH only.
    let returns = command.returns.or_else(|| talk.has(Extension::Rev2).then(Vec::new));
    let found = find(talk, &command.keys, returns.as_deref()).await?;
    tell(talk, &found, command.numbering, returns.as_deref(), Ordering::Mailbox).await
}

/// Finds the messages that fit all keys.
pub(super) async fn find(talk: &mut Talk, keys: &[Key], returns: Option<&[SearchReturn]>) -> Result<Finding, Trouble> {
    let (node, account) = (Arc::clone(&talk.conversation.node), talk.account.id);
    let selected = talk.selected()?;
    // RFC 5182 section 2.1: if it fails, nothing is saved.
    let saves = returns.is_some_and(|returns| returns.contains(&SearchReturn::Save));
    let saved = if saves { std::mem::take(&mut selected.saved_search) } else { selected.saved_search.clone() };
    let Some(mailbox) = selected.stored().map(|row| row.id) else { return Err(no(CodeWord::Cannot, "not in this mailbox").into()) };
    let place = Place { node, account, mailbox, view: selected.view.clone() };
    let plan = Plan::new(keys, &place.view, &saved, place.node.world.now());
    let hits = look::matching(&place, &plan).await?;
    Ok(Finding { hits, place, names_modseq: plan.names_modseq })
}

/// Tells a result, and saves it if that was asked for.
pub(super) async fn tell(
    talk: &mut Talk,
    found: &Finding,
    numbering: Numbering,
    returns: Option<&[SearchReturn]>,
    ordering: Ordering,
) -> Result<Status, Trouble> {
    let tag = talk.conversation.session.tag().cloned();
    let wanted = Wanted { tag, numbering, returns, ordering, tells_modseq: found.names_modseq };
    let (data, saved) = answer::answer(&wanted, &found.hits);
    if let Some(saved) = saved {
        talk.selected()?.saved_search = saved;
    }
    if let Some(data) = data {
        talk.tell(&data).await?;
    }
    Ok(ok("searched"))
}

impl Place {
    /// What the items of these messages say; of those that are gone, nothing. The UIDs are in order.
    async fn stamps(&self, uids: &[u32]) -> Result<BTreeMap<u32, Stamps>, StoreError> {
        let mut found = BTreeMap::new();
        let mut due = uids;
        while let (Some(first), Some(last)) = (due.first(), due.get(..due.len().min(PAGE)).and_then(<[u32]>::last)) {
            let (page, rest) = due.split_at_checked(PAGE).unwrap_or((due, &[]));
            let count = u32::try_from(page.len()).unwrap_or(u32::MAX);
            let items = if last - first < count.saturating_mul(SPARSE) {
                let span = usize::try_from(last - first).unwrap_or(usize::MAX).saturating_add(1);
                self.node.store.items(self.account, self.mailbox, first.saturating_sub(1), span).await?
            } else {
                self.node.store.items_of(self.account, self.mailbox, page.to_vec()).await?
            };
            found.extend(items.into_iter().map(|item| {
                (item.uid, Stamps { mail: item.mail, received: item.received, saved: item.saved, size_octets: item.size_octets })
            }));
            due = rest;
        }
        Ok(found)
    }

    /// Shows what sorts these messages, and what their items say; not of those that are gone.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn summaries(&self, hits: &[Hit], mut take: impl FnMut(Hit, Stamps, Summary) + Send) -> Result<(), StoreError> {
        for page in hits.chunks(PAGE) {
            let uids: Vec<u32> = page.iter().map(|hit| hit.uid).collect();
            let stamps = self.stamps(&uids).await?;
            let mails = stamps.values().map(|item| item.mail).collect();
            let known = self.node.store.summaries(self.account, mails).await?;
            let mut unread = Vec::new();
            for hit in page {
                let Some(item) = stamps.get(&hit.uid) else { continue };
                match known.get(&item.mail) {
                    Some(summary) => take(*hit, *item, summary.clone()),
                    None => unread.push((*hit, *item)),
                }
            }
            for some in unread.chunks(content::MESSAGES_AT_ONCE) {
                let mails = some.iter().map(|(_, item)| item.mail).collect();
                let mut contents = content::Contents::of(&self.node, self.account, mails).await?;
                while let Some((mail, octets)) = contents.next(content::Part::Head).await? {
                    let summary = Summary::read(&HeaderSection::read(&octets));
                    for (hit, item) in some.iter().filter(|(_, item)| item.mail == mail) {
                        take(*hit, *item, summary.clone());
                    }
                }
            }
            yielding::others_first().await;
        }
        Ok(())
    }
}
