//! The responsible address of a message: exactly one From field with exactly one mailbox.

use super::HeaderSection;
use super::address_list::{self, Address};
use crate::address::Mailbox;

/// Whom the message is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The one mailbox of the one From field.
    pub mailbox: Mailbox,
    /// Its display name: a claim.
    pub name: Option<String>,
}

/// Why a message has no single author: its writer's fault, final (550 5.6.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorError {
    /// RFC 5322 section 3.6 requires one.
    #[error("the message has no From field; exactly one with exactly one mailbox is expected")]
    NoFrom,
    /// Programs disagree on which counts.
    #[error("the message has {0} From fields; exactly one is expected")]
    SeveralFrom(usize),
    /// Not a list of addresses, or one that can be read in two ways.
    #[error("the From field is malformed; one mailbox is expected, such as Alice <alice@example.org>")]
    Malformed,
    /// An empty list.
    #[error("the From field names no mailbox; exactly one is expected")]
    NoMailbox,
    /// Several are responsible, and so nobody.
    #[error("the From field names {0} mailboxes; exactly one is expected")]
    SeveralMailboxes(usize),
    /// RFC 6854 allows it; nobody can be allowed by it.
    #[error("the From field names a group; exactly one mailbox is expected")]
    Group,
    /// See [`HeaderSection::has_bare_cr`].
    #[error("the header section has a bare CR, which programs read in different ways")]
    BareCr,
}

pub(super) fn read(section: &HeaderSection<'_>) -> Result<Author, AuthorError> {
    if section.has_bare_cr() {
        return Err(AuthorError::BareCr);
    }
    let mut fields = section.named("From");
    let field = fields.next().ok_or(AuthorError::NoFrom)?;
    let others = fields.count();
    if others > 0 {
        return Err(AuthorError::SeveralFrom(others + 1));
    }
    let list = address_list::read(field.value()).map_err(|_malformed| AuthorError::Malformed)?;
    match list.as_slice() {
        [] => Err(AuthorError::NoMailbox),
        [Address::Mailbox(one)] => Ok(Author { mailbox: one.mailbox.clone(), name: one.name.clone() }),
        [Address::Group { .. }] => Err(AuthorError::Group),
        several => Err(AuthorError::SeveralMailboxes(several.len())),
    }
}
