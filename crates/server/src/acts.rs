//! What the owner of a mailbox decides: lists, contact attempts, modes. One implementation, for the command line, for pages
//! and for mail programs; each says through what it was done.

mod entries;
mod modes;

use delivery::schedule::Jitter;
use mail::id::EntryId;
use store::{Account, Store};

use crate::admin::{AdminError, Means};
use crate::events::{Event, Events};
use crate::node::{Node, Signal};

pub(crate) use entries::verb;
pub use entries::{Changed, Wish};
pub use modes::Modes;

/// One owner at work.
pub struct Acts<'a> {
    /// What is durable.
    pub store: &'a Store,
    /// The clock and chance.
    pub means: &'a dyn Means,
    /// Who is told what happens.
    pub events: &'a Events,
    /// To be raised when something became due.
    pub due: &'a Signal,
    /// Whose lists and modes.
    pub account: &'a Account,
    /// Through what it is done: `cli`, `imap`.
    pub through: &'static str,
}

impl<'a> Acts<'a> {
    /// Of an owner in a session with a running server.
    pub fn of(node: &'a Node, account: &'a Account, through: &'static str) -> Self {
        Self { store: &node.store, means: &node.world, events: &node.events, due: &node.due, account, through }
    }

    /// Undoes a change; the latest that is not undone, if none is named. Returns which it was.
    ///
    /// # Errors
    /// There is none, it is too old, or its lists were changed again since; or the store is not available.
    pub async fn undo(&self, change: Option<EntryId>) -> Result<EntryId, AdminError> {
        let change = match change {
            Some(change) => change,
            None => self.latest_change().await?,
        };
        if !self.store.undo_consent(self.account.id, change, self.means.now()).await? {
            let address = &self.account.address;
            let message = format!("{change} can't be undone: it is older than 24 hours, undone already, or not a change of {address}");
            return Err(AdminError::refused("not-undoable", message));
        }
        self.due.raise();
        Ok(change)
    }

    async fn latest_change(&self) -> Result<EntryId, AdminError> {
        let history = self.store.consent_history(self.account.id).await?;
        let latest = history.into_iter().find(|item| !item.undone);
        latest.map(|item| item.id).ok_or_else(|| AdminError::refused("not-undoable", "there is no change that could be undone"))
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        let mut octets = [0; N];
        self.means.fill_random(&mut octets);
        octets
    }

    fn new_entry_id(&self) -> EntryId {
        EntryId::new(self.means.now(), self.random())
    }

    fn jitter(&self) -> Jitter {
        let [octet] = self.random::<1>();
        Jitter::new(octet)
    }

    fn tell(&self, change: String, released: u32) {
        self.events.tell(&Event::ConsentChanged { account: self.account.address.clone(), change, released });
    }
}
