//! What the owner of a mailbox brings along: messages appended by their own act, which are no arrivals.
//!
//! Consent has no say here, and no arrival is settled: nobody sent these messages now. Everything that comes from
//! outside goes through [`Store::deliver`].

use mail::digest::{ContentDigest, Digester};
use mail::id::{AccountId, MailId, Partition};
use mail::time::Timestamp;

use crate::backend::Tx;
use crate::content::{ContentReader, Place, StoredContent};
use crate::mailbox::NewMail;
use crate::{Result, Store, StoredMail, accounts, mailbox, orphans, params, statements};

/// Mailboxes of one account: more than people keep, and few enough to be listed at once.
pub const MAILBOXES_MAX: u64 = 1_000;

statements! {
    IS_THERE = "SELECT id FROM mail WHERE part = ?1 AND account = ?2 AND id = ?3";
    IS_MAILBOX = "SELECT name FROM mailbox WHERE part = ?1 AND account = ?2 AND name = ?3";
    MAILBOXES = "SELECT COUNT(*) FROM mailbox WHERE part = ?1 AND account = ?2";
}

/// A message that its owner brings along.
#[derive(Debug, Clone)]
pub struct Import {
    /// Whose.
    pub account: AccountId,
    /// Names the message in the mailbox.
    pub mail: MailId,
    /// Where it is to lie; made, if there is none of this name.
    pub mailbox: String,
    /// When it was received, wherever that was.
    pub received: Timestamp,
    /// From, for listings.
    pub from: String,
    /// Subject, decoded, for listings.
    pub subject: String,
    /// All its octets.
    pub content: StoredContent,
    /// Now.
    pub now: Timestamp,
}

/// What became of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// In the mailbox, now or already.
    Stored,
    /// The account is no more, or is being deleted.
    NoAccount,
    /// A mailbox more would be too many.
    TooManyMailboxes,
}

impl Store {
    /// Puts a message last in a mailbox, as the owner's own act. Repeatable by the message's id.
    ///
    /// # Errors
    /// The store is not available, or the content was swept.
    pub async fn import(&self, import: Import) -> Result<Imported> {
        let octets = match &import.content.place {
            Place::Row(octets) => octets.len(),
            Place::Object(_) | Place::Unread | Place::Freed => 0,
        };
        self.write(Partition::of(import.account), octets, move |tx| append(tx, &import)).await
    }

    /// The digest of a whole message, as it would be exported.
    ///
    /// # Errors
    /// The store is not available, or the content is not what was stored.
    pub async fn digest_of_mail(&self, mail: &StoredMail) -> Result<ContentDigest> {
        if mail.head.is_empty() && mail.skip_octets == 0 {
            return Ok(mail.content.digest);
        }
        let mut digester = Digester::new();
        digester.update(&mail.head);
        ContentReader::new(self, &mail.content, mail.skip_octets).each(|piece| digester.update(piece)).await?;
        Ok(digester.finish())
    }
}

fn append(tx: &mut dyn Tx, import: &Import) -> Result<Imported> {
    let (account, part) = (import.account, Partition::of(import.account));
    if accounts::screening_of(tx, part, account)?.is_none() {
        return Ok(Imported::NoAccount);
    }
    if tx.one(IS_THERE, params![part, account, import.mail])?.is_some() {
        // It was stored, and the answer was lost. The content offered again stays an orphan.
        return Ok(Imported::Stored);
    }
    if tx.one(IS_MAILBOX, params![part, account, import.mailbox.as_str()])?.is_none() {
        let mailboxes = tx.one(MAILBOXES, params![part, account])?.map_or(Ok(0), |mut row| row.count())?;
        if mailboxes >= MAILBOXES_MAX {
            return Ok(Imported::TooManyMailboxes);
        }
        mailbox::create(tx, part, account, &import.mailbox, import.now)?;
    }
    if let Place::Object(name) = &import.content.place {
        orphans::adopt(tx, part, name)?;
    }
    let mail = NewMail {
        account,
        id: import.mail,
        mailbox: &import.mailbox,
        received: import.received,
        author: &import.from,
        subject: &import.subject,
        head: b"",
        skip_octets: 0,
        content: &import.content,
        arrival: None,
    };
    mailbox::append(tx, part, &mail)?;
    Ok(Imported::Stored)
}
