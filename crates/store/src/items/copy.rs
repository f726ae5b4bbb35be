//! COPY and MOVE: more items of the same mail, whose octets nobody touches.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use mail::id::{AccountId, MailId, MailboxId, Partition};
use mail::time::Timestamp;

use super::{Item, Listed, Tally, Target, change, expunge, hundred, hundreds, some, sorted, with};
use crate::backend::Tx;
use crate::mailboxes::by_id;
use crate::{Result, Store, StoreError, params, quota, statements};

/// Messages that one transaction copies. RFC 9051 section 6.4.7 wants all or none, which this many are; beyond, what is
/// refused is refused before the first.
const ITEMS_AT_ONCE: usize = 20_000;

statements! {
    COPY = concat!("INSERT INTO item (part, account, mailbox, uid, mail, modseq, flags, keywords, received, zone_minutes, saved, size_octets) \
                   SELECT part, account, CAST(?104 AS TEXT), CAST(?105 AS BIGINT) + ROW_NUMBER() OVER (ORDER BY uid), mail, CAST(?106 AS BIGINT), \
                   flags, keywords, received, zone_minutes, CAST(?107 AS BIGINT), size_octets FROM item WHERE uid IN (", hundred!(), ") \
                   AND part = ?101 AND account = ?102 AND mailbox = ?103");
}

/// Whether the messages stay where they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copying {
    /// They do.
    Copy,
    /// They go, in the same transaction.
    Move,
}

/// What became of messages to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Copied {
    /// Those that were there lie there.
    Done {
        /// Of the mailbox they went to.
        uid_validity: u32,
        /// Their UIDs before and after, in their order.
        pairs: Vec<(u32, u32)>,
    },
    /// One of the mailboxes is not there.
    NoMailbox,
    /// The account has no room for them.
    OverQuota,
    /// The mailbox would have more keywords than it may.
    TooManyKeywords,
}

impl Store {
    /// Copies or moves messages to a mailbox of the same account, with their flags and dates. Up to 20,000 are one
    /// transaction.
    ///
    /// # Errors
    /// The store is not available. Of more than 20,000 messages, some may have been copied.
    pub async fn copy_items(
        &self,
        account: AccountId,
        from: MailboxId,
        uids: Vec<u32>,
        to: MailboxId,
        copying: Copying,
        now: Timestamp,
    ) -> Result<Copied> {
        let uids = sorted(uids);
        let (mut validity, mut all) = (0, Vec::new());
        let quota = self.quota();
        if copying == Copying::Copy && uids.len() > ITEMS_AT_ONCE {
            let all = uids.clone();
            if !self.read(move |tx| has_room(tx, account, from, &all, &quota)).await? {
                return Ok(Copied::OverQuota);
            }
        }
        let mut lists = uids.chunks(ITEMS_AT_ONCE);
        let mut next = Some(lists.next().unwrap_or_default());
        while let Some(uids) = next {
            let uids = uids.to_vec();
            let tried = Cell::new(None);
            let copy_once = move |tx: &mut dyn Tx| {
                let before: Option<Tried> = tried.take();
                let committed = before.as_ref().map_or(Ok(false), |before| before.is_committed(tx, account, to));
                tried.set(before.clone());
                if let (true, Some(Tried { copied, .. })) = (committed?, before) {
                    return Ok(copied);
                }
                let (copied, mails) = copy(tx, account, (from, to), &uids, copying, now, &quota)?;
                tried.set(Some(Tried { copied: copied.clone(), mails, saved: now }));
                Ok(copied)
            };
            match self.write(Partition::of(account), 0, copy_once).await? {
                Copied::Done { uid_validity, pairs } => {
                    validity = uid_validity;
                    all.extend(pairs);
                }
                refused => return Ok(refused),
            }
            next = lists.next();
        }
        Ok(Copied::Done { uid_validity: validity, pairs: all })
    }
}

/// What a transaction has copied that may have to be run again: its connection may have broken behind its commit.
#[derive(Debug, Clone)]
struct Tried {
    copied: Copied,
    /// In the order of the pairs.
    mails: Vec<MailId>,
    saved: Timestamp,
}

impl Tried {
    /// Whether it was committed: some of the items lie under the UIDs that were theirs, where another transaction would have put other
    /// mail, or at another time. All of them may be gone again already; then there is nothing by which to tell.
    fn is_committed(&self, tx: &mut dyn Tx, account: AccountId, to: MailboxId) -> Result<bool> {
        let Copied::Done { pairs, .. } = &self.copied else { return Ok(false) };
        let mails: BTreeMap<u32, MailId> = pairs.iter().map(|(_, uid)| *uid).zip(self.mails.iter().copied()).collect();
        let uids: Vec<u32> = mails.keys().copied().collect();
        let there = some(tx, account, to, &uids)?;
        Ok(there.iter().any(|item| item.saved == self.saved && mails.get(&item.uid) == Some(&item.mail)))
    }
}

fn has_room(tx: &mut dyn Tx, account: AccountId, from: MailboxId, uids: &[u32], quota: &quota::Quota) -> Result<bool> {
    let found = some(tx, account, from, uids)?;
    quota::admits(tx, account, quota, found.len() as u64, octets(&found))
}

fn octets(items: &[Item]) -> u64 {
    items.iter().fold(0, |octets, item| octets.saturating_add(item.size_octets))
}

fn copy(
    tx: &mut dyn Tx,
    account: AccountId,
    (from, to): (MailboxId, MailboxId),
    uids: &[u32],
    copying: Copying,
    now: Timestamp,
    quota: &quota::Quota,
) -> Result<(Copied, Vec<MailId>)> {
    let refused = |why| Ok((why, Vec::new()));
    let part = Partition::of(account);
    let (Some(_), Some(target)) = (by_id(tx, account, from)?, by_id(tx, account, to)?) else { return refused(Copied::NoMailbox) };
    let found = some(tx, account, from, uids)?;
    if found.is_empty() {
        return Ok((Copied::Done { uid_validity: target.uid_validity, pairs: Vec::new() }, Vec::new()));
    }
    if copying == Copying::Copy && !quota::admits(tx, account, quota, found.len() as u64, octets(&found))? {
        return refused(Copied::OverQuota);
    }
    let keywords: BTreeSet<_> = found.iter().flat_map(|item| item.flags.keywords.iter().cloned()).collect();
    if !super::flags::learn(tx, account, &target, &keywords)? {
        return refused(Copied::TooManyKeywords);
    }
    let mut tally = Tally::default();
    for item in &found {
        tally.add(item.flags.system, item.size_octets);
    }
    let gone = || StoreError::Damaged("a mailbox went within one transaction".to_owned());
    let after = change(tx, account, Target::Id(to), found.len(), &tally)?.ok_or_else(gone)?;
    let there: Vec<u32> = found.iter().map(|item| item.uid).collect();
    let mut last = u64::from(after.uid_next) - 1 - there.len() as u64;
    let mut pairs = Vec::with_capacity(there.len());
    for (list, uids) in hundreds(&there).zip(there.chunks(super::LIST)) {
        tx.execute(COPY, &with(list, params![part, account, from, to, last, after.modseq, now]))?;
        for uid in uids {
            last += 1;
            pairs.push((*uid, u32::try_from(last).map_err(|_range| gone())?));
        }
    }
    if copying == Copying::Move {
        expunge::remove(tx, account, from, &there, Listed::All, expunge::Mail::LiesElsewhere)?;
    }
    let mails = found.iter().map(|item| item.mail).collect();
    Ok((Copied::Done { uid_validity: after.uid_validity, pairs }, mails))
}
