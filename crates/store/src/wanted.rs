//! Whether what is due is still wanted, and has room: asked just before it is retrieved, for then it leaves its origin.
//!
//! An entry may have ended since the arrival became due, its owner may have changed their mind, and one entry that lets in a
//! few messages may have made many due at once. The transaction that stores asks again.

use std::collections::BTreeMap;

use delivery::arrival::Verdict;
use delivery::consent::decide;
use mail::address::Mailbox;
use mail::id::{AccountId, EntryId};
use mail::notice::Notice;
use mail::time::Timestamp;

use crate::backend::Tx;
use crate::consent::Asked;
use crate::quota::Quota;
use crate::{Result, Store, StoreError, accounts, consent, quota};

/// Whether a message that is due should be retrieved now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// It should.
    Now,
    /// The mailbox has no room for it.
    NoRoom,
    /// What lets it in lets in no more than others that are retrieved now; or it can't be read.
    Later,
    /// Nothing lets it in any more.
    NoLonger,
}

/// Messages that entries let in which count them, by entry.
type Counted = BTreeMap<EntryId, u32>;

impl Store {
    /// Which of these are still to be retrieved: one answer for each, in order. Those who are counted by one entry count
    /// together.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn wanted(&self, due: Vec<(AccountId, Notice)>, now: Timestamp) -> Result<Vec<Wanted>> {
        let default = self.quota();
        let ask = move |tx: &mut dyn Tx| {
            let mut counted = Counted::new();
            let ask = |(account, notice): &(AccountId, Notice)| wanted(tx, *account, notice, (&default, now), &mut counted);
            due.iter().map(ask).map(or_later).collect()
        };
        self.read(ask).await
    }
}

impl Store {
    /// Whether a mailbox lets in whatever this sender writes.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn lets_in(&self, account: AccountId, from: &Mailbox, to: &Mailbox, now: Timestamp) -> Result<bool> {
        let (from, to) = (from.clone(), to.clone());
        let ask = move |tx: &mut dyn Tx| {
            let Some(screening) = accounts::screening_of(tx, account)? else { return Ok(false) };
            let asked = Asked { sender: &from, recipient: &to, list: None, reference: None };
            let entries = asked.entries(tx, account)?;
            Ok(decide(&asked.question(&entries, screening, now)).verdict == Verdict::Retrieve)
        };
        self.read(ask).await
    }
}

/// What can't be read of one mailbox must not keep the others from what waits for them.
fn or_later(wanted: Result<Wanted>) -> Result<Wanted> {
    match wanted {
        Err(StoreError::Damaged(detail)) => {
            tracing::warn!(detail, "what is due waits: whether it is still wanted can't be read");
            Ok(Wanted::Later)
        }
        other => other,
    }
}

fn wanted(
    tx: &mut dyn Tx,
    account: AccountId,
    notice: &Notice,
    (default, now): (&Quota, Timestamp),
    counted: &mut Counted,
) -> Result<Wanted> {
    let Some(screening) = accounts::screening_of(tx, account)? else { return Ok(Wanted::NoLonger) };
    let (decision, entries) = consent::decision(tx, account, notice, screening, now)?;
    if decision.verdict != Verdict::Retrieve {
        return Ok(Wanted::NoLonger);
    }
    if !quota::admits(tx, account, default, 1, notice.size_octets)? {
        return Ok(Wanted::NoRoom);
    }
    let entry = decision.counted().and_then(|id| entries.iter().find(|entry| entry.id == id));
    if let Some((id, remaining)) = entry.and_then(|entry| Some((entry.id, entry.remaining?))) {
        let taken = counted.entry(id).or_default();
        if *taken >= remaining {
            return Ok(Wanted::Later);
        }
        *taken += 1;
    }
    Ok(Wanted::Now)
}
