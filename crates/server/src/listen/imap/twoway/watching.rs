//! WATCH: a client is told when lists, contact attempts or modes change, by whomever.

use std::collections::BTreeMap;

use delivery::consent::EntryList;
use mail::id::AccountId;
use proto::imap::command::twoway::{Detail, Entry, Modes};
use proto::imap::response::Data;
use proto::imap::response::twoway::{Contact, Response};
use store::StoreError;

use super::words;
use crate::listen::imap::talk::{Talk, Trouble};
use crate::node::Node;

const LISTS: [EntryList; 5] = [EntryList::Allow, EntryList::Block, EntryList::Expected, EntryList::RepliedTo, EntryList::Site];

/// What a client that watches has been told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watching {
    modes: Option<Modes>,
    entries: BTreeMap<(&'static str, String), Entry>,
    contacts: BTreeMap<(&'static str, String), Contact>,
}

impl Watching {
    /// As it is now.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn begin(node: &Node, account: AccountId) -> Result<Self, StoreError> {
        let now = node.world.now();
        let Some(account) = node.store.account_by_id(account).await? else {
            return Ok(Self { modes: None, entries: BTreeMap::new(), contacts: BTreeMap::new() });
        };
        let mut entries = BTreeMap::new();
        for list in LISTS {
            for entry in node.store.entries(account.id, list).await?.into_iter().filter(|entry| entry.is_live(now)) {
                let entry = words::entry(entry);
                entries.insert((entry.list.as_str(), entry.who.clone()), entry);
            }
        }
        let contacts = node.store.contacts(account.id, now).await?.into_iter().map(|contact| {
            let contact = words::contact(contact, account.claims, Detail::Evidence);
            ((contact.kind.as_str(), contact.sender.clone()), contact)
        });
        Ok(Self { modes: Some(words::modes(&account)), entries, contacts: contacts.collect() })
    }

    /// What changed until it became `now`: modes, then what is gone, then what came or is other than it was.
    fn changes(&self, now: &Self) -> Vec<Response> {
        let mut told = Vec::new();
        told.extend(now.modes.filter(|_| now.modes != self.modes).map(Response::Modes));
        for (key, entry) in &self.entries {
            if !now.entries.contains_key(key) {
                told.push(Response::EntryGone(entry.list, entry.who.clone()));
            }
        }
        for (key, contact) in &self.contacts {
            if !now.contacts.contains_key(key) {
                told.push(Response::ContactGone(contact.kind, contact.sender.clone()));
            }
        }
        let entries = now.entries.iter().filter(|(key, entry)| self.entries.get(key) != Some(entry));
        told.extend(entries.map(|(_, entry)| Response::Entry(entry.clone())));
        let contacts = now.contacts.iter().filter(|(key, contact)| self.contacts.get(key) != Some(contact));
        told.extend(contacts.map(|(_, contact)| Response::Contact(contact.clone())));
        told
    }
}

/// Tells a client that watches what changed.
///
/// # Errors
/// The store's, or the connection is of no more use.
pub(in crate::listen::imap) async fn tell(talk: &mut Talk) -> Result<(), Trouble> {
    let Some(before) = &talk.watching else { return Ok(()) };
    let now = Watching::begin(&talk.conversation.node, talk.account.id).await?;
    let changes = before.changes(&now);
    talk.watching = Some(Box::new(now));
    for change in changes {
        talk.tell(&Data::Twoway(change)).await?;
    }
    Ok(())
}
