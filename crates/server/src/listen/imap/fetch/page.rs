//! What the store has of some messages, asked for together.

use std::collections::{BTreeMap, BTreeSet};

use mail::id::{AccountId, MailId, MailboxId};
use mail::outline::{Outline, PackedOutline};
use mail::structure::Part;
use proto::imap::response::structure::ascii_text;
use store::{Item, KeptOutline, OutlineWant, Store, StoreError, StoredMail};
use tokio::sync::Semaphore;

use super::octets::Octets;
use super::plan::{Need, Plan};

/// Messages whose octets are held to make their outlines.
const OUTLINES_AT_ONCE: usize = 32;

/// A mailbox in the store.
pub(super) struct Shelf<'a> {
    pub(super) store: &'a Store,
    pub(super) account: AccountId,
    pub(super) mailbox: MailboxId,
    /// Who may hold a large message in memory.
    pub(super) large: &'a Semaphore,
}

/// What was asked for of one message.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) uid: u32,
    pub(super) item: Option<Item>,
    pub(super) outline: KeptOutline,
    pub(super) octets: Option<Octets>,
    /// The parts of a message whose octets are not held.
    pub(super) parts: Option<Box<Part>>,
    /// Why its octets could not be read, where that was needed.
    pub(super) unreadable: Option<StoreError>,
}

impl Shelf<'_> {
    /// What a plan needs of these messages; of those that are still there.
    pub(super) async fn load(&self, uids: &[u32], plan: &Plan) -> Result<Vec<Loaded>, StoreError> {
        if plan.needs == Need::Nothing && plan.outline.is_none() {
            return Ok(uids.iter().map(|uid| Loaded { uid: *uid, ..Loaded::default() }).collect());
        }
        let mut loaded = BTreeMap::new();
        if reads_rows(plan) {
            for item in self.store.items_of(self.account, self.mailbox, uids.to_vec()).await? {
                loaded.insert(item.uid, Loaded { uid: item.uid, item: Some(item), ..Loaded::default() });
            }
        }
        if let Some(want) = plan.outline {
            self.add_outlines(uids, want, plan, &mut loaded).await?;
        }
        if plan.needs == Need::Octets {
            self.add_octets(plan.names_parts(), &mut loaded).await?;
        }
        Ok(loaded.into_values().collect())
    }

    async fn add_outlines(
        &self,
        uids: &[u32],
        want: OutlineWant,
        plan: &Plan,
        loaded: &mut BTreeMap<u32, Loaded>,
    ) -> Result<(), StoreError> {
        let has_rows = reads_rows(plan);
        let mut found = self.store.outlines(self.account, self.mailbox, uids.to_vec(), want).await?;
        found.retain(|(_, outline)| is_whole(outline, want));
        if has_rows {
            for (uid, outline) in found {
                if let Some(loaded) = loaded.get_mut(&uid) {
                    loaded.outline = outline;
                }
            }
        } else {
            *loaded = found.into_iter().map(|(uid, outline)| (uid, Loaded { uid, outline, ..Loaded::default() })).collect();
        }
        if !plan.makes_outlines {
            return Ok(());
        }
        let lacks = |uid: &u32| loaded.get(uid).is_none_or(|loaded| loaded.outline == KeptOutline::default());
        let missing: Vec<u32> = uids.iter().copied().filter(lacks).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let items = if has_rows {
            missing.iter().filter_map(|uid| loaded.get(uid).and_then(|loaded| loaded.item.clone())).collect()
        } else {
            self.store.items_of(self.account, self.mailbox, missing).await?
        };
        for (uid, made) in self.make_outlines(&items).await? {
            let loaded = loaded.entry(uid).or_insert_with(|| Loaded { uid, ..Loaded::default() });
            match made {
                Ok(Outline { envelope, fields, structure, preview }) => {
                    loaded.outline = KeptOutline {
                        envelope: Some(Box::new(envelope)),
                        fields: Some(fields),
                        structure: Some(Box::new(structure)),
                        preview: Some(preview),
                        told: None,
                    };
                }
                Err(error) => loaded.unreadable = Some(error),
            }
        }
        // What has a row and no mail is on its way out.
        loaded.retain(|_, loaded| loaded.unreadable.is_some() || loaded.outline != KeptOutline::default());
        Ok(())
    }

    /// Reads messages, and keeps their outlines for the next time; of those that cannot be read, says why.
    async fn make_outlines(&self, items: &[Item]) -> Result<Vec<(u32, Result<Outline, StoreError>)>, StoreError> {
        let mut made = Vec::with_capacity(items.len());
        for items in items.chunks(OUTLINES_AT_ONCE) {
            let mails = self.mails(items).await?;
            let mut outlines = BTreeMap::new();
            for (id, mail) in mails {
                let octets = Octets::of(mail);
                let outline = octets.whole(self.store, self.large).await.map(|whole| Outline::read(whole.octets()));
                outlines.insert(id, outline);
            }
            self.keep(&outlines).await;
            made.extend(items.iter().filter_map(|item| Some((item.uid, outlines.get(&item.mail)?.clone()))));
        }
        Ok(made)
    }

    async fn keep(&self, outlines: &BTreeMap<MailId, Result<Outline, StoreError>>) {
        let packed = outlines.iter().filter_map(|(id, outline)| Some((*id, packed(outline.as_ref().ok()?)))).collect();
        if let Err(error) = self.store.keep_outlines(self.account, packed).await {
            // They are made again the next time.
            tracing::warn!(%error, "outlines of messages were not kept");
        }
    }

    /// Adds octets; of large messages also their parts, where these are wanted.
    async fn add_octets(&self, names_parts: bool, loaded: &mut BTreeMap<u32, Loaded>) -> Result<(), StoreError> {
        let items: Vec<Item> = loaded.values().filter_map(|loaded| loaded.item.clone()).collect();
        let mails = self.mails(&items).await?;
        loaded.retain(|_, loaded| {
            let mail = loaded.item.as_ref().and_then(|item| mails.get(&item.mail));
            loaded.octets = mail.cloned().map(Octets::of);
            loaded.octets.is_some()
        });
        if !names_parts {
            return Ok(());
        }
        let is_large = |loaded: &&Loaded| loaded.octets.as_ref().is_some_and(|octets| octets.held().is_none());
        let large: Vec<Item> = loaded.values().filter(is_large).filter_map(|loaded| loaded.item.clone()).collect();
        if large.is_empty() {
            return Ok(());
        }
        let uids = large.iter().map(|item| item.uid).collect();
        for (uid, outline) in self.store.outlines(self.account, self.mailbox, uids, OutlineWant::Structure).await? {
            if let Some(loaded) = loaded.get_mut(&uid) {
                loaded.parts = outline.structure;
            }
        }
        let without = |item: &Item| loaded.get(&item.uid).is_some_and(|loaded| loaded.parts.is_none());
        let unread: Vec<Item> = large.into_iter().filter(without).collect();
        for (uid, made) in self.make_outlines(&unread).await? {
            if let Some(loaded) = loaded.get_mut(&uid) {
                match made {
                    Ok(outline) => loaded.parts = Some(Box::new(outline.structure)),
                    Err(error) => loaded.unreadable = Some(error),
                }
            }
        }
        Ok(())
    }

    async fn mails(&self, items: &[Item]) -> Result<BTreeMap<MailId, StoredMail>, StoreError> {
        let ids: BTreeSet<MailId> = items.iter().map(|item| item.mail).collect();
        let mails = self.store.mails(self.account, ids.into_iter().collect()).await?;
        Ok(mails.into_iter().map(|mail| (mail.row.id, mail)).collect())
    }
}

/// An outline as it is kept, with what is told of its structure.
pub fn packed(outline: &Outline) -> PackedOutline {
    PackedOutline { told: ascii_text(&outline.structure), ..outline.pack() }
}

/// Whether rows say who is here: a preview that need not be made is the only part of an outline that may be missing.
fn reads_rows(plan: &Plan) -> bool {
    plan.needs != Need::Nothing || !plan.makes_outlines
}

/// Whether all that was wanted of an outline is there.
fn is_whole(outline: &KeptOutline, want: OutlineWant) -> bool {
    match want {
        OutlineWant::Envelope => outline.envelope.is_some(),
        OutlineWant::Fields => outline.fields.is_some(),
        OutlineWant::Structure => outline.structure.is_some(),
        OutlineWant::Told => outline.told.is_some() || outline.structure.is_some(),
        OutlineWant::Preview => outline.preview.is_some(),
        OutlineWant::Whole => outline.envelope.is_some() && outline.fields.is_some() && outline.structure.is_some(),
    }
}
