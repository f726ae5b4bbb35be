//! Messages that a client appends, all of them or none.

use mail::flag::{FlagChange, Flags};
use mail::id::{AccountId, MailId, MailboxId, Partition};
use mail::time::{Timestamp, Zone};

use super::{After, Target};
use crate::backend::Tx;
use crate::content::{Place, StoredContent};
use crate::mailbox::{self, NewMail};
use crate::mailboxes::by_id;
use crate::{MailboxRow, Result, Store, StoreError, items, made, orphans, params, quota, statements};

statements! {
    LIES_AT = "SELECT uid FROM item WHERE part = ?1 AND account = ?2 AND mail = ?3 AND mailbox = ?4 ORDER BY uid LIMIT 1";
}

/// A message to append.
#[derive(Debug, Clone)]
pub struct NewItem {
    /// Names the message.
    pub mail: MailId,
    /// Its flags.
    pub flags: Flags,
    /// When it was received: INTERNALDATE.
    pub received: Timestamp,
    /// In which zone that was said.
    pub zone: Zone,
    /// From, for listings.
    pub from: String,
    /// Subject, decoded, for listings.
    pub subject: String,
    /// Its Message-ID with angle brackets, if it has one: what it is found by, should it be one that was sent.
    pub internet_id: Option<String>,
    /// All its octets.
    pub content: StoredContent,
}

/// What became of messages to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// All of them lie there.
    Done {
        /// The mailbox's.
        uid_validity: u32,
        /// Theirs, in their order.
        uids: Vec<u32>,
    },
    /// None of them does.
    Refused(AppendRefusal),
}

/// Why messages can't be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendRefusal {
    /// The mailbox is not there.
    NoMailbox,
    /// The account has no room for them.
    OverQuota,
    /// The mailbox, or a message, would have more keywords than it may.
    TooManyKeywords,
}

impl Store {
    /// Appends messages as their owner's own act. Repeatable by their ids.
    ///
    /// # Errors
    /// The store is not available, or a content was swept.
    pub async fn append_messages(&self, account: AccountId, mailbox: MailboxId, new: Vec<NewItem>, now: Timestamp) -> Result<Appended> {
        let in_row = |item: &NewItem| match &item.content.place {
            Place::Row(octets) => octets.len(),
            Place::Object(_) | Place::Unread | Place::Freed => 0,
        };
        let octets = new.iter().map(in_row).sum();
        let default = self.quota();
        self.write(Partition::of(account), octets, move |tx| append(tx, account, mailbox, &new, now, &default)).await
    }

    /// Why these messages, none of which is there, could not be appended now; `None` if they could.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn append_refusal(&self, account: AccountId, mailbox: MailboxId, new: &[NewItem]) -> Result<Option<AppendRefusal>> {
        let octets = new.iter().map(|item| item.content.size_octets).sum();
        let wanted: Vec<_> = new.iter().map(|item| FlagChange::Add(item.flags.clone())).collect();
        let default = self.quota();
        self.read(move |tx| {
            let Some(row) = by_id(tx, account, mailbox)? else { return Ok(Some(AppendRefusal::NoMailbox)) };
            refusal(tx, account, &row, octets, &wanted, &default)
        })
        .await
    }
}

/// Whether there is room for so many messages with these flags, and so many octets.
fn refusal(
    tx: &mut dyn Tx,
    account: AccountId,
    row: &MailboxRow,
    octets: u64,
    wanted: &[FlagChange],
    default: &quota::Quota,
) -> Result<Option<AppendRefusal>> {
    if !wanted.is_empty() && !quota::admits(tx, account, default, wanted.len() as u64, octets)? {
        return Ok(Some(AppendRefusal::OverQuota));
    }
    if !items::flags::admits(tx, account, row, wanted)? {
        return Ok(Some(AppendRefusal::TooManyKeywords));
    }
    Ok(None)
}

fn append(
    tx: &mut dyn Tx,
    account: AccountId,
    mailbox: MailboxId,
    new: &[NewItem],
    now: Timestamp,
    default: &quota::Quota,
) -> Result<Appended> {
    let part = Partition::of(account);
    let Some(row) = by_id(tx, account, mailbox)? else { return Ok(Appended::Refused(AppendRefusal::NoMailbox)) };
    let mut uids = Vec::with_capacity(new.len());
    let mut fresh = Vec::new();
    for item in new {
        let uid =
            tx.one(LIES_AT, params![part, account, item.mail, mailbox])?.map(|mut row| crate::mailboxes::number(&mut row)).transpose()?;
        if uid.is_none() {
            fresh.push(item);
        }
        uids.push(uid);
    }
    let octets = fresh.iter().map(|item| item.content.size_octets).sum();
    let wanted: Vec<_> = fresh.iter().map(|item| FlagChange::Add(item.flags.clone())).collect();
    if let Some(refused) = refusal(tx, account, &row, octets, &wanted, default)? {
        return Ok(Appended::Refused(refused));
    }
    for (item, uid) in new.iter().zip(&mut uids) {
        if uid.is_some() {
            continue;
        }
        if let Place::Object(name) = &item.content.place {
            orphans::adopt(tx, part, name)?;
        }
        let mail = NewMail {
            account,
            id: item.mail,
            mailbox: Target::Id(mailbox),
            flags: &item.flags,
            received: item.received,
            zone: item.zone,
            saved: now,
            author: &item.from,
            subject: &item.subject,
            head: b"",
            skip_octets: 0,
            content: &item.content,
            arrival: None,
        };
        // Another mailbox may show a mail of this id: then the caller has used an id twice.
        let after =
            mailbox::append(tx, part, &mail)?.ok_or_else(|| StoreError::Damaged(format!("the mail {} is there already", item.mail)))?;
        *uid = Some(last_uid(after));
        if let Some(internet_id) = &item.internet_id {
            made::sent::note_appended(tx, account, item.mail, internet_id)?;
        }
    }
    Ok(Appended::Done { uid_validity: row.uid_validity, uids: uids.into_iter().flatten().collect() })
}

/// The UID given last.
pub(crate) const fn last_uid(after: After) -> u32 {
    after.uid_next.saturating_sub(1)
}
