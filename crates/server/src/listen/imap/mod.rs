//! Sessions with mail programs, on ports 143 and 993: one file for each family of commands.
//!
//! `conversation` brings octets to and from the session of `proto`; `driver` answers its events, each command by one
//! function of its family; `talk` is what those functions have: the client, its account, the mailbox it has open. What
//! others do meanwhile is told by `news`.

pub mod append;
mod brought;
mod catenate;
pub mod contents;
pub mod conversation;
pub mod copy;
pub mod deflate;
mod driver;
pub mod elsewhere;
pub mod expunge;
pub mod fetch;
pub mod flags;
pub mod list;
pub mod mailboxes;
pub mod metadata;
pub mod news;
pub mod notify;
mod offers;
pub mod quota;
pub mod recent;
pub mod remembered;
pub mod requests;
mod resume;
mod search;
pub mod select;
mod sort;
pub mod special;
pub mod status;
pub mod store;
pub mod talk;
mod thread;
pub mod twoway;
mod uid_batches;
mod yielding;

use std::sync::Arc;

use mail::time::Timestamp;
use proto::imap::limits::{Limits, SORT_KEYS_IDLE_MAX, SORT_KEYS_OCTETS_MAX};
use proto::imap::server::Config;
use proto::imap::view::Contents;
use proto::smtp::server::Channel;
use tokio::sync::Semaphore;

use crate::node::{Node, Settings};
use crate::world::{Wire, WireError};
use conversation::Conversation;
use remembered::Remembered;

/// What all sessions of a server share.
pub struct Shared {
    config: Arc<Config>,
    /// What lies in the mailboxes that were opened of late.
    contents: Remembered<Contents>,
    /// What sorts the messages of those that were sorted of late.
    keys: Remembered<Arc<search::Keys>>,
    /// What clients were told of before.
    recents: Arc<recent::Recents>,
    /// Who may hold a large message in memory.
    large_messages: Semaphore,
}

impl Shared {
    /// Of a server of these settings.
    pub fn new(settings: &Settings) -> Self {
        let limits = Limits { message_octets_max: settings.limits.message_octets_max, ..Limits::default() };
        let config = Config { name: "Twoway".to_owned(), extensions: offers::extensions(&limits), limits };
        Self {
            config: Arc::new(config),
            contents: Remembered::new(contents::MESSAGES_MAX),
            keys: Remembered::new(SORT_KEYS_OCTETS_MAX),
            recents: Arc::default(),
            large_messages: Semaphore::new(fetch::LARGE_MESSAGES_AT_ONCE),
        }
    }

    /// Forgets what nobody has used for a while.
    pub fn forget_unused(&self, now: Timestamp) {
        self.keys.forget_before(now - SORT_KEYS_IDLE_MAX);
    }
}

/// Holds a session with a mail program; a channel that is TLS from the start is so already.
///
/// # Errors
/// The connection is of no more use.
pub async fn serve(node: Arc<Node>, wire: Box<dyn Wire>, channel: Channel) -> Result<(), WireError> {
    let config = Arc::clone(&node.imap.config);
    driver::serve(Conversation::new(node, wire, config, channel)).await
}
