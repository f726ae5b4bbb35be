//! What the families of commands have at hand: the client, its account, and the mailbox it has open.

use std::collections::BTreeMap;

use proto::imap::command::Numbering;
use proto::imap::command::mailbox::Access;
use proto::imap::mailbox_name::MailboxName;
use proto::imap::response::code::{Code, CodeWord};
use proto::imap::response::{Condition, Data, Status};
use proto::imap::sequence_set::Messages;
use proto::imap::server::{Extension, Misuse};
use proto::imap::view::View;
use store::made::Request;
use store::{Account, MailboxRow, StoreError};

use super::append::Upload;
use super::conversation::{Conversation, misuse};
use super::news::News;
use super::search::update::Updated;
use super::twoway::watching::Watching;
use super::{recent, requests};
use crate::node::Node;
use crate::world::WireError;

/// A session of somebody who has authenticated.
pub struct Talk {
    /// With whom.
    pub conversation: Conversation,
    /// Whose mailboxes these are.
    pub account: Account,
    /// The mailbox that is open.
    pub selected: Option<Selected>,
    /// What happens meanwhile.
    pub news: News,
    /// Messages on their way in.
    pub upload: Option<Box<Upload>>,
    /// What a client that watches its lists has been told of them.
    pub watching: Option<Box<Watching>>,
}

/// A mailbox that is open.
pub struct Selected {
    /// Which.
    pub folder: Folder,
    /// What may be done to it.
    pub access: Access,
    /// What the client knows of it.
    pub view: View,
    /// The UIDs of the last search that was saved (RFC 5182).
    pub saved_search: Vec<u32>,
    /// Messages went that the client did not ask to see go: their numbers stay until it asks what is new.
    pub holds_numbers: bool,
    /// The client was told the last change after it said that it knows what that is.
    pub knows_modseq: bool,
    /// What its messages stand for, if they are contact requests.
    pub requests: BTreeMap<u32, Request>,
    /// Searches whose result is kept up to date.
    pub updated: Vec<Updated>,
    /// What of it is recent, for a client that knows the word.
    pub recent: Option<recent::Place>,
}

/// A mailbox, kept or made up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folder {
    /// The store has it.
    Stored(MailboxRow),
}

/// Why a command is not done.
#[derive(Debug)]
pub enum Trouble {
    /// The connection is of no more use.
    Wire(WireError),
    /// The store's; nothing of this command counts, unless an answer said so.
    Store(StoreError),
    /// It is refused, and the client is told why.
    Refused(Status),
}

impl Talk {
    /// The server.
    pub fn node(&self) -> &Node {
        &self.conversation.node
    }

    /// Tells something without a tag.
    ///
    /// # Errors
    /// It does not fit here, or the connection is of no more use.
    pub async fn tell(&mut self, data: &Data) -> Result<(), Trouble> {
        Ok(self.conversation.tell(data).await?)
    }

    /// Whether the client has enabled an extension.
    pub fn has(&self, extension: Extension) -> bool {
        self.conversation.session.has_enabled(extension)
    }

    /// The mailbox of this name.
    ///
    /// # Errors
    /// There is none, or the store's.
    pub async fn folder(&self, name: &MailboxName) -> Result<Folder, Trouble> {
        let found = self.node().store.mailbox_named(self.account.id, name.as_str()).await?;
        let row = found.ok_or_else(|| no(CodeWord::NonExistent, "there is no mailbox of this name"))?;
        Ok(Folder::Stored(requests::freshen(self.node(), self.account.id, row).await?))
    }

    /// The mailbox of this name, in which messages can be put; otherwise the client is told that it could create it.
    ///
    /// # Errors
    /// There is none, or the store's.
    pub async fn target(&self, name: &MailboxName) -> Result<Folder, Trouble> {
        match self.folder(name).await {
            Err(Trouble::Refused(status)) if status.code == Some(Code::Word(CodeWord::NonExistent)) => {
                Err(Status { code: Some(CodeWord::TryCreate.into()), ..status }.into())
            }
            other => other,
        }
    }

    /// The mailbox that is open.
    ///
    /// # Errors
    /// None is: the session should not have let this command through.
    pub fn selected(&mut self) -> Result<&mut Selected, Trouble> {
        self.selected.as_mut().ok_or_else(|| Status::new(Condition::Bad, "select a mailbox first").into())
    }
}

impl Selected {
    /// The UIDs of the messages that a command means, in order.
    ///
    /// # Errors
    /// A sequence number is that of no message.
    pub fn resolve(&self, messages: &Messages, numbering: Numbering) -> Result<Vec<u32>, Trouble> {
        let resolved = self.view.resolve(messages, numbering, &self.saved_search);
        resolved.map_err(|error| Status::new(Condition::Bad, error.to_string()).into())
    }

    /// The mailbox, if the store has it.
    pub fn stored(&self) -> Option<&MailboxRow> {
        match &self.folder {
            Folder::Stored(row) => Some(row),
        }
    }
}

impl Folder {
    /// The mailbox, if the store has it.
    pub fn stored(self) -> Option<MailboxRow> {
        match self {
            Self::Stored(row) => Some(row),
        }
    }
}

/// The command is done.
pub fn ok(text: &'static str) -> Status {
    Status::new(Condition::Ok, text)
}

/// The command is not done, and why.
pub fn no(code: impl Into<Code>, text: &'static str) -> Status {
    Status::new(Condition::No, text).with(code)
}

impl From<WireError> for Trouble {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Status> for Trouble {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

impl From<Misuse> for Trouble {
    fn from(error: Misuse) -> Self {
        Self::Wire(misuse(error))
    }
}

impl Trouble {
    /// What the client is told; if it can be told anything.
    ///
    /// # Errors
    /// The connection is of no more use.
    pub fn told(self) -> Result<Status, WireError> {
        match self {
            Self::Wire(error) => Err(error),
            Self::Refused(status) => Ok(status),
            Self::Store(error) => {
                tracing::warn!(%error, "the store did not answer");
                Ok(no_answer(&error))
            }
        }
    }
}

/// What a client is told where the store did not answer.
pub fn no_answer(error: &StoreError) -> Status {
    match error {
        StoreError::Full(_) => no(CodeWord::Unavailable, "the server has no room, try again later"),
        StoreError::Damaged(_) => no(CodeWord::Corruption, "what is stored is damaged; an administrator was told"),
        StoreError::Unavailable(_) | StoreError::LeaseLost => no(CodeWord::Unavailable, "local trouble, try again later"),
    }
}
