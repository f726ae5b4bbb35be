//! Where is looked, and what the store or the memory says of messages there.

use std::collections::BTreeMap;
use std::sync::Arc;

use mail::id::{AccountId, MailboxId};
use mail::message::HeaderSection;
use mail::summary::Summary;
use proto::imap::view::View;
use store::StoreError;
use store::search_index::{SortedBy, Stamps};

use super::answer::Hit;
use super::content;
use super::keys::Keys;
use crate::listen::imap::yielding;
use crate::node::Node;

/// What sorts messages, read at once.
const PAGE: usize = 2_000;
/// Of so many messages in a row of UIDs at least one is wanted, where all of them are read.
const SPARSE: u32 = 20;

/// Where is looked.
pub(in crate::listen::imap) struct Place {
    pub(super) node: Arc<Node>,
    pub(super) account: AccountId,
    pub(super) mailbox: MailboxId,
    pub(super) uid_validity: u32,
    pub(super) view: View,
}

/// Messages, and what sorts them.
pub(in crate::listen::imap) struct Keyed {
    /// What sorts them, and perhaps others.
    pub(in crate::listen::imap) keys: Arc<Keys>,
    /// Those that are there, in their order, and where in the keys.
    pub(in crate::listen::imap) hits: Vec<(Hit, usize)>,
}

impl Place {
    /// What the items of these messages say, in order, as the UIDs are; of those that are gone, nothing.
    pub(super) async fn stamps(&self, uids: &[u32]) -> Result<Vec<Stamps>, StoreError> {
        let mut found = Vec::with_capacity(uids.len());
        for page in uids.chunks(PAGE) {
            let (Some(first), Some(last)) = (page.first(), page.last()) else { continue };
            let count = u32::try_from(page.len()).unwrap_or(u32::MAX);
            if last - first < count.saturating_mul(SPARSE) {
                let span = usize::try_from(last - first).unwrap_or(usize::MAX).saturating_add(1);
                let all = self.node.store.stamps(self.account, self.mailbox, first.saturating_sub(1), span).await?;
                found.extend(all.into_iter().filter(|stamps| page.binary_search(&stamps.uid).is_ok()));
            } else {
                let items = self.node.store.items_of(self.account, self.mailbox, page.to_vec()).await?;
                found.extend(items.into_iter().map(|item| Stamps {
                    uid: item.uid,
                    mail: item.mail,
                    received: item.received,
                    zone: item.zone,
                    saved: item.saved,
                    size_octets: item.size_octets,
                }));
            }
        }
        Ok(found)
    }

    /// What is remembered of the mailbox. Whatever is not in it has to be asked for.
    pub(super) fn known(&self) -> Option<Arc<Keys>> {
        let (uid_validity, keys) = self.node.imap.keys.find((self.account, self.mailbox), self.node.world.now())?;
        (uid_validity == self.uid_validity).then_some(keys)
    }

    /// What sorts these messages, which are in the order of the mailbox.
    ///
    /// # Errors
    /// The store's.
    pub(in crate::listen::imap) async fn keyed(&self, hits: &[Hit]) -> Result<Keyed, StoreError> {
        let wanted = u32::try_from(hits.len()).unwrap_or(u32::MAX);
        let last = hits.last().map_or(0, |hit| hit.uid);
        let keys = match self.known() {
            Some(keys) if keys.last_uid() >= last => keys,
            known => {
                if known.is_some() || wanted.saturating_mul(SPARSE) >= self.view.count() {
                    drop(known);
                    self.all_keys().await?
                } else {
                    self.some_keys(hits).await?
                }
            }
        };
        let places = keys.places(hits.iter().map(|hit| hit.uid));
        let hits = hits.iter().copied().zip(places).filter_map(|(hit, place)| place.map(|place| (hit, place))).collect();
        Ok(Keyed { keys, hits })
    }

    /// Of all messages of the mailbox; what was not known yet is remembered.
    async fn all_keys(&self) -> Result<Arc<Keys>, StoreError> {
        let shelf = &self.node.imap.keys;
        let key = (self.account, self.mailbox);
        let known = shelf.take(key).filter(|(uid_validity, _)| *uid_validity == self.uid_validity).map(|(_, keys)| keys);
        // Of messages that went, nothing is kept for long.
        let count = usize::try_from(self.view.count()).unwrap_or(usize::MAX);
        let known = known.filter(|keys| keys.count() / 2 <= count);
        let mut keys = known.map(Arc::unwrap_or_clone).unwrap_or_default();
        let mut after = keys.last_uid();
        loop {
            let mut page: Page = self.node.store.sorted_by(self.account, self.mailbox, after, PAGE, Page::take).await?;
            page.put_in_order();
            after = page.last_uid.max(after);
            if !self.add(&mut keys, &page).await? || page.count < PAGE {
                break;
            }
            yielding::others_first().await;
        }
        keys.fit();
        let keys = Arc::new(keys);
        shelf.keep(key, self.uid_validity, Arc::clone(&keys), keys.octets(), self.node.world.now());
        Ok(keys)
    }

    /// Of these messages alone.
    async fn some_keys(&self, hits: &[Hit]) -> Result<Arc<Keys>, StoreError> {
        let mut keys = Keys::default();
        for page in hits.chunks(PAGE) {
            let uids: Vec<u32> = page.iter().map(|hit| hit.uid).collect();
            let stamps = self.stamps(&uids).await?;
            let mails = stamps.iter().map(|stamps| stamps.mail).collect();
            let known = self.node.store.summaries(self.account, mails).await?;
            let mut page = Page::default();
            for stamps in stamps {
                match known.get(&stamps.mail) {
                    Some(summary) => page.is_full |= !page.keys.push_read(stamps, summary),
                    None => page.unread.push(stamps),
                }
            }
            if !self.add(&mut keys, &page).await? {
                break;
            }
            yielding::others_first().await;
        }
        Ok(Arc::new(keys))
    }

    /// Adds messages; those that the index has not seen are read. `false`: there is no room for more.
    async fn add(&self, keys: &mut Keys, page: &Page) -> Result<bool, StoreError> {
        let mut read = BTreeMap::new();
        for some in page.unread.chunks(content::MESSAGES_AT_ONCE) {
            let mails = some.iter().map(|stamps| stamps.mail).collect();
            let mut contents = content::Contents::of(&self.node, self.account, mails).await?;
            while let Some((mail, octets)) = contents.next(content::Part::Head).await? {
                read.insert(mail, Summary::read(&HeaderSection::read(&octets)));
            }
            yielding::others_first().await;
        }
        let mut others = Keys::default();
        for stamps in &page.unread {
            // One that is in neither went meanwhile.
            let Some(summary) = read.get(&stamps.mail) else { continue };
            if !others.push_read(*stamps, summary) {
                return Ok(false);
            }
        }
        Ok(keys.append(&page.keys, &others) && !page.is_full)
    }
}

/// Messages that were looked up at once.
#[derive(Default)]
struct Page {
    /// Of those that the index has seen.
    keys: Keys,
    /// The others.
    unread: Vec<Stamps>,
    count: usize,
    last_uid: u32,
    /// There was no room for all.
    is_full: bool,
}

impl Page {
    /// They come in the order of their mail.
    fn put_in_order(&mut self) {
        self.keys.put_in_order();
        self.unread.sort_unstable_by_key(|stamps| stamps.uid);
    }

    fn take(&mut self, stamps: Stamps, sorted_by: Option<&SortedBy<'_>>) {
        self.count += 1;
        self.last_uid = self.last_uid.max(stamps.uid);
        match sorted_by {
            Some(sorted_by) => self.is_full |= !self.keys.push(stamps, sorted_by),
            None => self.unread.push(stamps),
        }
    }
}
