//! What the owner of a mailbox brings along: messages appended by their own act, which are no arrivals.
//!
//! Consent has no say here, and no arrival is settled: nobody sent these messages now. Everything that comes from
//! outside goes through [`Store::deliver`].

use mail::digest::{ContentDigest, Digester};
use mail::flag::{FlagChange, Flags};
use mail::id::{AccountId, MailId, MailboxId, Partition};
use mail::time::{Timestamp, Zone};

use crate::backend::Tx;
use crate::content::{ContentReader, Place, StoredContent};
use crate::items::Target;
use crate::made::Made;
use crate::mailbox::NewMail;
use crate::mailboxes::{CreateMailbox, Created, Subscription};
use crate::quota::Quota;
use crate::{Result, Store, StoredMail, accounts, items, mailbox, mailboxes, orphans, params, quota, statements};

statements! {
    IS_THERE = "SELECT id FROM mail WHERE part = ?1 AND account = ?2 AND id = ?3";
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
    /// Its flags. Where the mailbox can't have all these keywords, it gets none.
    pub flags: Flags,
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
    /// The account has no room for it.
    OverQuota,
    /// No mailbox can have this name: too long, too deep, empty parts.
    BadName,
    /// The server makes the messages of that mailbox, and it takes no others.
    Made,
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
        let id = self.mailbox_id(import.now);
        let superiors = self.superior_ids(&import.mailbox, import.now);
        let quota = self.quota();
        self.write(Partition::of(import.account), octets, move |tx| append(tx, &import, (id, &superiors), &quota)).await
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

fn append(tx: &mut dyn Tx, import: &Import, (id, superiors): (MailboxId, &[MailboxId]), quota: &Quota) -> Result<Imported> {
    let (account, part) = (import.account, Partition::of(import.account));
    if accounts::screening_of(tx, account)?.is_none() {
        return Ok(Imported::NoAccount);
    }
    if tx.one(IS_THERE, params![part, account, import.mail])?.is_some() {
        // It was stored, and the answer was lost. The content offered again stays an orphan.
        return Ok(Imported::Stored);
    }
    if !quota::admits(tx, account, quota, 1, import.content.size_octets)? {
        return Ok(Imported::OverQuota);
    }
    let mailbox = mailboxes::named(tx, account, &import.mailbox)?;
    if mailbox.as_ref().is_some_and(|mailbox| Made::of(account, mailbox.id).is_some()) {
        return Ok(Imported::Made);
    }
    let row = if let Some(row) = mailbox {
        row
    } else {
        let new = CreateMailbox { id, name: import.mailbox.clone(), special_use: None, now: import.now };
        let made = match mailboxes::make(tx, account, &new, superiors)? {
            Created::Done(made) => made,
            Created::TooMany => return Ok(Imported::TooManyMailboxes),
            Created::BadName | Created::Exists | Created::UseTaken => return Ok(Imported::BadName),
            Created::NoAccount => return Ok(Imported::NoAccount),
        };
        // Many programs show only what is subscribed to.
        mailboxes::subscribe(tx, account, &import.mailbox, Subscription::On)?;
        made
    };
    let mut flags = import.flags.clone();
    if !items::flags::admits(tx, account, &row, &[FlagChange::Add(flags.clone())])? {
        flags.keywords.clear();
    }
    if let Place::Object(name) = &import.content.place {
        orphans::adopt(tx, part, name)?;
    }
    let mail = NewMail {
        account,
        id: import.mail,
        mailbox: Target::Id(row.id),
        flags: &flags,
        received: import.received,
        zone: Zone::UTC,
        saved: import.now,
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
