//! The octets of messages, one after the other: small ones some at once, large ones alone.

use mail::id::{AccountId, MailId};
use store::content::ContentReader;
use store::{StoreError, StoredMail};

use crate::node::Node;

/// Messages whose rows are read at once: each has at most 32 KiB in it.
pub(in crate::listen::imap) const MESSAGES_AT_ONCE: usize = 50;

/// Octets that are looked at of one message: more are in no message that a client or server brings.
const OCTETS_MAX: usize = 64 << 20;

/// How much of each message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::listen::imap) enum Part {
    /// As far as its header section goes, at least.
    Head,
    /// All of it.
    Whole,
}

/// The octets of some messages.
pub(in crate::listen::imap) struct Contents<'a> {
    node: &'a Node,
    mails: std::vec::IntoIter<StoredMail>,
}

impl<'a> Contents<'a> {
    /// Of these messages, at most [`MESSAGES_AT_ONCE`].
    pub(in crate::listen::imap) async fn of(node: &'a Node, account: AccountId, mails: Vec<MailId>) -> Result<Self, StoreError> {
        Ok(Self { node, mails: node.store.mails(account, mails).await?.into_iter() })
    }

    /// The next message.
    pub(in crate::listen::imap) async fn next(&mut self, part: Part) -> Result<Option<(MailId, Vec<u8>)>, StoreError> {
        let Some(mail) = self.mails.next() else { return Ok(None) };
        octets(self.node, mail, part).await.map(Some)
    }
}

async fn octets(node: &Node, mail: StoredMail, part: Part) -> Result<(MailId, Vec<u8>), StoreError> {
    let mut octets = mail.head;
    let mut rest = ContentReader::new(&node.store, &mail.content, mail.skip_octets);
    loop {
        let piece = rest.next().await?;
        octets.extend_from_slice(&piece);
        let is_enough = part == Part::Head && mail::message::HeaderSection::find_end(&octets).is_some();
        if piece.is_empty() || is_enough || octets.len() >= OCTETS_MAX {
            return Ok((mail.row.id, octets));
        }
    }
}
