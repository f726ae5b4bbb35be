//! Segments are made of texts that are in none, when there are enough; and taken apart when most of their messages are gone, or if
//! an older program made them.

use std::collections::BTreeMap;
use std::sync::Arc;

use mail::id::{AccountId, MailId, Partition};

use super::looking::{self, Body, body_columns};
use super::segment::{MESSAGES_MAX, SegmentWriter};
use super::{FIRST, NEVER, grams};
use crate::backend::{Columns, Tx};
use crate::items::{LIST, hundred, hundreds, with};
use crate::{Lease, Result, Store, lease, params, statements};

/// Octets of texts that wait for a segment: a search reads them all, in some milliseconds.
const WAITING_OCTETS_MAX: i64 = 4 << 20;
/// Texts taken at once.
const PAGE: usize = LIST;
/// Of segments as they are made now, with the grams of heads and bodies apart. Statements of ours name it.
const FORM: i64 = 1;

statements! {
    WAITING = "SELECT COUNT(*), CAST(COALESCE(SUM(octets), 0) AS BIGINT) FROM search_text WHERE part = ?1 AND account = ?2 AND segment = -1000";
    LOOSE = "SELECT mail FROM search_text WHERE part = ?1 AND account = ?2 AND segment = -1000 AND mail > ?3 ORDER BY mail LIMIT ?4";
    TEXTS = concat!("SELECT t.mail, t.head, ", body_columns!(), " FROM search_text t WHERE t.mail IN (", hundred!(), ") AND t.part = ?101 \
                    AND t.account = ?102");
    LAST = "SELECT COALESCE(MAX(segment), 0) FROM search_segment WHERE part = ?1 AND account = ?2";
    ADD = "INSERT INTO search_segment (part, account, segment, messages, built, mails, form) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    ADD_SHARD = "INSERT INTO search_gram (part, account, segment, shard, postings) VALUES (?1, ?2, ?3, ?4, ?5)";
    MARK = "UPDATE search_text SET segment = ?4 WHERE part = ?1 AND account = ?2 AND mail = ?3";
    THIN = "SELECT g.account, g.segment FROM search_segment g JOIN lease l ON l.part = g.part \
            WHERE CASE WHEN g.messages * 2 < g.built OR g.form < 1 THEN 1 ELSE 0 END = 1 AND l.owner = ?1 AND l.epoch <= ?2 LIMIT 1";
    MAILS = "SELECT mails FROM search_segment WHERE part = ?1 AND account = ?2 AND segment = ?3";
    FREE = "UPDATE search_text SET segment = -1000 WHERE part = ?1 AND account = ?2 AND mail = ?3 AND segment = ?4";
    DROP_SHARDS = "DELETE FROM search_gram WHERE part = ?1 AND account = ?2 AND segment = ?3";
    DROP = "DELETE FROM search_segment WHERE part = ?1 AND account = ?2 AND segment = ?3";
}

/// A text that is in no segment: itself, or what a segment is to say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LooseText {
    /// Of which mail.
    pub mail: MailId,
    loose: Loose,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Loose {
    /// It was read a while ago.
    Grams(Arc<[u32]>),
    /// It was read now: its head and its body.
    Text(String, Body),
}

/// A segment that is being made. What is done here takes a while: not for a transaction.
#[derive(Debug, Default)]
pub struct Sealing {
    grams: grams::Reader,
    writer: SegmentWriter,
    mails: Vec<MailId>,
    unread: Vec<MailId>,
    last: Option<MailId>,
}

/// A segment, to be kept.
#[derive(Debug)]
pub struct Sealed {
    mails: Vec<MailId>,
    /// What it can say nothing about: is never in one.
    unread: Vec<MailId>,
    shards: BTreeMap<u32, Vec<u8>>,
}

impl Sealing {
    /// Adds the texts of a page. Whether there may be more of them, and room for those.
    pub fn add(&mut self, page: Vec<LooseText>) -> bool {
        let is_last = page.len() < PAGE;
        for LooseText { mail, loose } in page {
            let grams = match loose {
                Loose::Grams(grams) => Some(grams),
                Loose::Text(head, body) => body.into_text().map(|body| self.grams.of_message(&head, &body).into()),
            };
            match grams {
                None => self.unread.push(mail),
                Some(grams) if self.writer.add(&grams) => self.mails.push(mail),
                Some(_) => return false,
            }
            self.last = Some(mail);
        }
        !is_last
    }

    /// The mail whose text came last.
    pub fn last(&self) -> Option<MailId> {
        self.last
    }

    /// All that came; none, if nothing did.
    pub fn finish(self) -> Option<Sealed> {
        let Self { writer, mails, unread, last, .. } = self;
        last.map(|_last| Sealed { mails, unread, shards: writer.shards() })
    }
}

impl Store {
    /// Whether enough of an account's texts are in no segment.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn index_is_loose(&self, account: AccountId) -> Result<bool> {
        let waiting = move |tx: &mut dyn Tx| {
            let Some(mut row) = tx.one(WAITING, params![Partition::of(account), account])? else { return Ok((0, 0)) };
            Ok((row.int()?, row.int()?))
        };
        let (messages, octets) = self.read(waiting).await?;
        Ok(messages >= i64::try_from(MESSAGES_MAX).unwrap_or(i64::MAX) || octets >= WAITING_OCTETS_MAX)
    }

    /// The texts of an account that are in no segment, after the one of this mail: a page of them.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn index_loose(&self, account: AccountId, after: Option<MailId>) -> Result<Vec<LooseText>> {
        let after = after.map_or_else(String::new, |mail| mail.to_string());
        let fresh = Arc::clone(&self.inner.fresh);
        let page = move |tx: &mut dyn Tx| {
            let part = Partition::of(account);
            let (mut page, mut unknown) = (Vec::new(), Vec::new());
            for mut row in tx.query(LOOSE, params![part, account, &after, PAGE])? {
                let mail = row.parsed()?;
                match fresh.get(account, mail) {
                    Some(grams) => page.push(LooseText { mail, loose: Loose::Grams(grams) }),
                    None => unknown.push(mail),
                }
            }
            for list in hundreds(&unknown) {
                let text = |row: &mut Columns<'_>| Ok(LooseText { mail: row.parsed()?, loose: Loose::Text(row.text()?, Body::read(row)?) });
                page.extend(tx.list(TEXTS, &with(list, params![part, account]), text)?);
            }
            page.sort_unstable_by_key(|text| text.mail);
            Ok(page)
        };
        self.read(page).await
    }

    /// Keeps a segment.
    ///
    /// # Errors
    /// The store is not available, or the lease is lost.
    pub async fn index_seal(&self, lease: &Lease, account: AccountId, sealed: Sealed) -> Result<()> {
        let (lease, part) = (lease.clone(), Partition::of(account));
        let octets = sealed.shards.values().map(Vec::len).sum();
        let mails = sealed.mails.clone();
        let add = move |tx: &mut dyn Tx| {
            lease::require(tx, part, &lease)?;
            let last = tx.one(LAST, params![part, account])?.map_or(Ok(0), |mut row| row.int())?;
            let segment = FIRST.max(last + 1);
            let mut here = 0_u64;
            for mail in &sealed.mails {
                // One that was deleted meanwhile is a place that nobody asks about.
                here += tx.execute(MARK, params![part, account, *mail, segment])?;
            }
            for mail in &sealed.unread {
                tx.execute(MARK, params![part, account, *mail, NEVER])?;
            }
            if here == 0 {
                return Ok(());
            }
            let ids: Vec<u8> = sealed.mails.iter().flat_map(|mail| mail.to_octets()).collect();
            tx.execute(ADD, params![part, account, segment, here, sealed.mails.len(), &ids, FORM])?;
            for (shard, postings) in &sealed.shards {
                tx.execute(ADD_SHARD, params![part, account, segment, *shard, postings])?;
            }
            Ok(())
        };
        self.write(part, octets, add).await?;
        self.inner.fresh.forget(account, &mails);
        Ok(())
    }

    /// Takes a segment apart most of whose messages are gone, or that has an older form. Returns whose it was: there may be enough
    /// for another one.
    ///
    /// # Errors
    /// The store is not available, or the lease is lost.
    pub async fn index_thin_out(&self, lease: &Lease) -> Result<Option<AccountId>> {
        let held = lease.clone();
        let find = move |tx: &mut dyn Tx| {
            let found = tx.one(THIN, params![&held.owner, held.epoch])?;
            found.map(|mut row| Ok((row.parsed()?, row.int()?))).transpose()
        };
        let found: Option<(AccountId, i64)> = self.read(find).await?;
        let Some((account, segment)) = found else { return Ok(None) };
        let (lease, part) = (lease.clone(), Partition::of(account));
        let take_apart = move |tx: &mut dyn Tx| {
            lease::require(tx, part, &lease)?;
            let Some(mut row) = tx.one(MAILS, params![part, account, segment])? else { return Ok(()) };
            for mail in looking::ids(&row.blob()?) {
                tx.execute(FREE, params![part, account, mail, segment])?;
            }
            drop_segment(tx, account, segment)
        };
        self.write(part, 0, take_apart).await.map(|()| Some(account))
    }
}

/// Deletes a segment; its texts are for the caller.
pub(super) fn drop_segment(tx: &mut dyn Tx, account: AccountId, segment: i64) -> Result<()> {
    let part = Partition::of(account);
    tx.execute(DROP_SHARDS, params![part, account, segment])?;
    tx.execute(DROP, params![part, account, segment]).map(drop)
}
