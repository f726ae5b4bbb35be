//! STORE: flags of messages change, under one new modification sequence for those of one transaction.

use std::collections::{BTreeMap, BTreeSet};

use delivery::synthetic::SentKeyword;
use mail::flag::{FlagChange, Flags, Keyword};
use mail::id::{AccountId, MailboxId, Partition};

use super::{Item, Tally, Target, change, hundred, hundreds, some, sorted, with};
use crate::backend::Tx;
use crate::mailboxes::{MAILBOX_KEYWORDS_MAX, MESSAGE_KEYWORDS_MAX, MailboxRow, by_id, keyword_text, keywords};
use crate::{Result, Store, params, statements};

/// Messages that one transaction changes.
const ITEMS_AT_ONCE: usize = 5_000;

statements! {
    SET = concat!("UPDATE item SET flags = ?104, keywords = ?105, modseq = ?106 WHERE uid IN (", hundred!(), ") \
                  AND part = ?101 AND account = ?102 AND mailbox = ?103");
    SET_KEYWORDS = "UPDATE mailbox SET keywords = ?4 WHERE part = ?1 AND account = ?2 AND id = ?3";
    KEYWORDS_IN_USE = "SELECT DISTINCT keywords FROM item WHERE part = ?1 AND account = ?2 AND mailbox = ?3 AND keywords <> ''";
}

/// What became of flags to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlagsSet {
    /// They are as asked for.
    Done {
        /// All messages that were asked for and not refused, as they are now, whether anything changed or not.
        items: Vec<Item>,
        /// Changed since, and left as they are.
        refused: Vec<u32>,
        /// Not there any more.
        missing: Vec<u32>,
        /// The one change of the mailbox that this was: it did nothing but change some of `items`. None, if nothing changed,
        /// or if it took several.
        modseq: Option<u64>,
    },
    /// The mailbox, or a message, would have more keywords than it may. Of many messages, the first may have changed.
    TooManyKeywords,
}

/// Whose act a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// Keywords that say what became of a sent message are not theirs, and stay as they are.
    Owner,
    /// It says what it has to say.
    Server,
}

impl By {
    fn apply(self, change: &FlagChange, before: &Flags) -> Flags {
        match self {
            Self::Owner => SentKeyword::kept(before, change.apply(before)),
            Self::Server => change.apply(before),
        }
    }
}

impl Store {
    /// Changes flags of messages as their owner's act: those that have not changed since `unchanged_since`. A few thousand at a time are one
    /// transaction.
    ///
    /// # Errors
    /// The store is not available. Some of the messages may have changed.
    pub async fn set_flags(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        uids: Vec<u32>,
        change: FlagChange,
        unchanged_since: Option<u64>,
    ) -> Result<FlagsSet> {
        let (mut all, mut all_refused, mut all_missing) = (Vec::new(), Vec::new(), Vec::new());
        let mut changes = Vec::new();
        for some in sorted(uids).chunks(ITEMS_AT_ONCE) {
            let (some, change) = (some.to_vec(), change.clone());
            match self
                .write(Partition::of(account), 0, move |tx| set(tx, account, mailbox, &some, &change, By::Owner, unchanged_since))
                .await?
            {
                FlagsSet::Done { items, refused, missing, modseq } => {
                    changes.extend(modseq);
                    all.extend(items);
                    all_refused.extend(refused);
                    all_missing.extend(missing);
                }
                FlagsSet::TooManyKeywords => return Ok(FlagsSet::TooManyKeywords),
            }
        }
        let modseq = if let [only] = changes.as_slice() { Some(*only) } else { None };
        Ok(FlagsSet::Done { items: all, refused: all_refused, missing: all_missing, modseq })
    }
}

pub(crate) fn set(
    tx: &mut dyn Tx,
    account: AccountId,
    mailbox: MailboxId,
    uids: &[u32],
    wanted: &FlagChange,
    by: By,
    unchanged_since: Option<u64>,
) -> Result<FlagsSet> {
    let Some(row) = by_id(tx, account, mailbox)? else {
        return Ok(FlagsSet::Done { items: Vec::new(), refused: Vec::new(), missing: uids.to_vec(), modseq: None });
    };
    let found = some(tx, account, mailbox, uids)?;
    let there: BTreeSet<u32> = found.iter().map(|item| item.uid).collect();
    let missing = uids.iter().copied().filter(|uid| !there.contains(uid)).collect();
    let is_fresh = |item: &Item| unchanged_since.is_none_or(|since| item.modseq <= since);
    let (mut items, refused): (Vec<_>, Vec<_>) = found.into_iter().partition(is_fresh);
    let refused = refused.iter().map(|item| item.uid).collect();
    if items.is_empty() {
        return Ok(FlagsSet::Done { items, refused, missing, modseq: None });
    }
    if !admits(tx, account, &row, std::slice::from_ref(wanted))? {
        return Ok(FlagsSet::TooManyKeywords);
    }
    let (mut tally, mut changed) = (Tally::default(), BTreeMap::<_, Vec<u32>>::new());
    let mut is_changed = Vec::with_capacity(items.len());
    for item in &mut items {
        let after = by.apply(wanted, &item.flags);
        if after.keywords.len() > MESSAGE_KEYWORDS_MAX {
            return Ok(FlagsSet::TooManyKeywords);
        }
        is_changed.push(after != item.flags);
        if after != item.flags {
            tally.remove(item.flags.system, item.size_octets);
            tally.add(after.system, item.size_octets);
            changed.entry((after.system.bits(), keyword_text(&after.keywords))).or_default().push(item.uid);
            item.flags = after;
        }
    }
    if changed.is_empty() {
        return Ok(FlagsSet::Done { items, refused, missing, modseq: None });
    }
    let part = Partition::of(account);
    // It was there a moment ago, in this transaction.
    let Some(after) = change(tx, account, Target::Id(mailbox), 0, &tally)? else {
        return Ok(FlagsSet::Done { items: Vec::new(), refused, missing: uids.to_vec(), modseq: None });
    };
    for ((flags, keywords), uids) in &changed {
        for list in hundreds(uids) {
            tx.execute(SET, &with(list, params![part, account, mailbox, u32::from(*flags), keywords, after.modseq]))?;
        }
    }
    for (item, _) in items.iter_mut().zip(is_changed).filter(|(_, is_changed)| *is_changed) {
        item.modseq = after.modseq;
    }
    Ok(FlagsSet::Done { items, refused, missing, modseq: Some(after.modseq) })
}

/// Whether a mailbox and its messages may have the keywords of these changes; then it knows them from now on.
pub(crate) fn admits(tx: &mut dyn Tx, account: AccountId, row: &MailboxRow, changes: &[FlagChange]) -> Result<bool> {
    let mut new = BTreeSet::new();
    for keywords in changes.iter().filter_map(FlagChange::new_keywords) {
        if keywords.len() > MESSAGE_KEYWORDS_MAX {
            return Ok(false);
        }
        new.extend(keywords.iter().cloned());
    }
    learn(tx, account, row, &new)
}

/// Adds keywords to those a mailbox knows. `false` if they would be too many.
pub(crate) fn learn(tx: &mut dyn Tx, account: AccountId, row: &MailboxRow, new: &BTreeSet<Keyword>) -> Result<bool> {
    let part = Partition::of(account);
    let unknown = |known: &[Keyword]| -> Vec<Keyword> { new.iter().filter(|keyword| !known.contains(keyword)).cloned().collect() };
    let mut known = row.keywords.clone();
    let mut added = unknown(&known);
    if added.is_empty() {
        return Ok(true);
    }
    if known.len() + added.len() > MAILBOX_KEYWORDS_MAX {
        // Some may be in use no more.
        let mut in_use = BTreeSet::<Keyword>::new();
        for mut row in tx.query(KEYWORDS_IN_USE, params![part, account, row.id])? {
            in_use.extend(keywords::<Vec<Keyword>>(&row.text()?)?);
        }
        known.retain(|keyword| in_use.contains(keyword));
        added = unknown(&known);
    }
    if known.len() + added.len() > MAILBOX_KEYWORDS_MAX {
        return Ok(false);
    }
    known.extend(added);
    tx.execute(SET_KEYWORDS, params![part, account, row.id, keyword_text(&known)])?;
    Ok(true)
}
