//! The index is filled: which mailboxes have messages that it has not seen, which messages those are, and what of them is kept.

use std::sync::Arc;

use mail::id::{AccountId, MailId, MailboxId, Partition};

use super::{Indexed, LOOSE, NEVER};
use crate::backend::Tx;
use crate::queue::Haste;
use crate::{Lease, Result, Store, lease, outline, params, statements};

statements! {
    BEHIND = "SELECT b.account, b.id, b.indexed_uid, b.uidnext - 1 FROM mailbox b JOIN lease l ON l.part = b.part \
              WHERE CASE WHEN b.indexed_uid + 1 < b.uidnext AND b.name IS NOT NULL THEN 1 ELSE 0 END = 1 \
              AND l.owner = ?1 AND l.epoch <= ?2 LIMIT ?3";
    UNREAD = "SELECT i.uid, i.mail FROM item i WHERE i.part = ?1 AND i.account = ?2 AND i.mailbox = ?3 AND i.uid > ?4 \
              AND NOT EXISTS (SELECT 1 FROM search_text t WHERE t.part = i.part AND t.account = i.account AND t.mail = i.mail) \
              ORDER BY i.uid LIMIT ?5";
    IS_THERE = "SELECT id FROM mail WHERE part = ?1 AND account = ?2 AND id = ?3";
    KEEP_TEXT = "INSERT INTO search_text (part, account, mail, segment, is_whole, octets, head, body, body_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (part, account, mail) DO NOTHING";
    KEEP_SUMMARY = "INSERT INTO summary (part, account, mail, sent, sent_local, subject, is_reply, from_local, to_local, cc_local, \
                    display_from, display_to, message_id, mail_references) \
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) ON CONFLICT (part, account, mail) DO NOTHING";
    CAUGHT_UP = "UPDATE mailbox SET indexed_uid = ?4 WHERE part = ?1 AND account = ?2 AND id = ?3 AND indexed_uid < ?4";
}

/// A mailbox that has messages which the index has not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub mailbox: MailboxId,
    /// Up to this UID all is seen.
    pub seen_uid: u32,
    /// The greatest UID that was given.
    pub last_uid: u32,
}

/// A message that the index has not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread {
    /// Its UID.
    pub uid: u32,
    /// Its mail.
    pub mail: MailId,
}

impl Store {
    /// Mailboxes in leased partitions that have messages which the index has not seen, at most so many.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn index_behind(&self, lease: &Lease, max: usize) -> Result<Vec<Behind>> {
        let lease = lease.clone();
        let list = move |tx: &mut dyn Tx| {
            let rows = tx.query(BEHIND, params![&lease.owner, lease.epoch, max])?;
            let behind = rows.into_iter().map(|mut row| {
                let (account, mailbox) = (row.parsed()?, row.parsed()?);
                let uid = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
                Ok(Behind { account, mailbox, seen_uid: uid(row.count()?), last_uid: uid(row.count()?) })
            });
            behind.collect()
        };
        self.read(list).await
    }

    /// The first messages of such a mailbox that were not read, at most so many.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn index_unread(&self, behind: &Behind, max: usize) -> Result<Vec<Unread>> {
        let Behind { account, mailbox, seen_uid, .. } = *behind;
        let list = move |tx: &mut dyn Tx| {
            let rows = tx.query(UNREAD, params![Partition::of(account), account, mailbox, seen_uid, max])?;
            let unread =
                rows.into_iter().map(|mut row| Ok(Unread { uid: u32::try_from(row.count()?).unwrap_or(u32::MAX), mail: row.parsed()? }));
            unread.collect()
        };
        self.read(list).await
    }

    /// Keeps what was read of these messages of an account. Those that are gone meanwhile are not kept. With the UID up to
    /// which all of a mailbox is in the index then, if these are the last of them.
    ///
    /// # Errors
    /// The store is not available, or the lease is lost.
    pub async fn index(
        &self,
        lease: &Lease,
        account: AccountId,
        messages: Vec<Indexed>,
        caught_up: Option<(MailboxId, u32)>,
    ) -> Result<()> {
        let (lease, part) = (lease.clone(), Partition::of(account));
        let octets = messages.iter().map(Indexed::octets).sum();
        let fresh: Vec<_> = messages.iter().filter_map(|message| Some((message.mail, Arc::clone(message.grams.as_ref()?)))).collect();
        // One that came alone waits for company. Where there are more, more may be behind them: a new index is not to take a
        // moment longer for each page.
        let haste = if messages.len() > 1 { Haste::Now } else { Haste::WithNext };
        let keep = move |tx: &mut dyn Tx| {
            lease::require(tx, part, &lease)?;
            messages.iter().try_for_each(|message| keep(tx, account, message))?;
            match caught_up {
                Some((mailbox, uid)) => tx.execute(CAUGHT_UP, params![part, account, mailbox, uid]).map(drop),
                None => Ok(()),
            }
        };
        self.write_in(haste, part, octets, keep).await?;
        for (mail, grams) in fresh {
            self.inner.fresh.keep(account, mail, grams);
        }
        Ok(())
    }
}

fn keep(tx: &mut dyn Tx, account: AccountId, message: &Indexed) -> Result<()> {
    let Indexed { mail, summary, text, outline, grams, body_at } = message;
    let part = Partition::of(account);
    if tx.one(IS_THERE, params![part, account, *mail])?.is_none() {
        return Ok(());
    }
    if let Some(outline) = outline {
        outline::keep_one(tx, account, *mail, outline)?;
    }
    let segment = if grams.is_some() { LOOSE } else { NEVER };
    let octets = text.head.len() + text.body.len();
    tx.execute(KEEP_TEXT, params![part, account, *mail, segment, text.is_whole, octets, &text.head, message.kept_body(), *body_at])?;
    let values = params![
        part,
        account,
        *mail,
        summary.sent.map(|sent| sent.at),
        summary.sent.map(|sent| sent.local),
        &summary.subject.text,
        summary.subject.is_reply,
        &summary.from,
        &summary.to,
        &summary.cc,
        &summary.display_from,
        &summary.display_to,
        summary.message_id.as_ref(),
        // No id has a line end.
        summary.references.join("\n"),
    ];
    tx.execute(KEEP_SUMMARY, values).map(drop)
}
