//! What the store has answered for, and how it compares with what is there.

use std::collections::{BTreeMap, BTreeSet};

use delivery::arrival::Arrival;
use delivery::consent::EntryList;
use delivery::transfer::Transfer;
use mail::digest::ContentDigest;
use mail::id::{AccountId, MailId, NoticeId};
use store::check::Depth;
use store::content::{ContentReader, PartialContent, Place, StoredContent};
use store::{ArrivalKey, Store, StoreError};

use crate::fixture::Fixture;

/// What is known of a state: as it was answered, or that an operation on it was never answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known<T> {
    As(T),
    InFlight,
}

/// All that was answered for.
#[derive(Default)]
pub(super) struct Book {
    /// Whether an operation counts as answered when it is asked for.
    pub(super) answers_early: bool,
    /// Operations that were.
    pub(super) answered: u64,
    pub(super) accounts: BTreeMap<AccountId, String>,
    pub(super) transfers: BTreeMap<NoticeId, (Known<Transfer>, ContentDigest)>,
    pub(super) arrivals: BTreeMap<ArrivalKey, Known<Arrival>>,
    /// In mailboxes.
    pub(super) mail: BTreeMap<(AccountId, MailId), ContentDigest>,
    /// Kept aside, by account.
    pub(super) kept: BTreeMap<AccountId, u32>,
    pub(super) allowed: BTreeSet<(AccountId, String)>,
    /// Octets of a content that are here, of an arrival that is due.
    pub(super) parts: BTreeMap<ArrivalKey, u64>,
}

impl Book {
    /// What a program finds that starts again, it acts on: a state that was in flight must stay from then on.
    pub(super) async fn see(&mut self, store: &Store) {
        for (id, (known, _digest)) in &mut self.transfers {
            if let (Known::InFlight, Ok(Some(record))) = (&*known, store.transfer(id).await) {
                *known = Known::As(record.transfer);
            }
        }
    }

    /// Everything in which the store differs from what it has answered; and what its own check finds.
    pub(super) async fn compare(&mut self, it: &Fixture) -> Result<Vec<String>, StoreError> {
        let store = &it.store;
        let mut wrong = store.check_to(Depth::Digest).await?;
        self.compare_accounts(store, &mut wrong).await?;
        self.compare_transfers(store, &mut wrong).await?;
        self.compare_arrivals(store, &mut wrong).await?;
        self.compare_mail(it, &mut wrong).await?;
        Ok(wrong)
    }

    async fn compare_accounts(&self, store: &Store, wrong: &mut Vec<String>) -> Result<(), StoreError> {
        for (account, address) in &self.accounts {
            if store.account(&address.parse().unwrap()).await?.is_none_or(|found| found.id != *account) {
                wrong.push(format!("the account {address} is gone"));
            }
        }
        for (account, who) in &self.allowed {
            let entries = store.entries(*account, EntryList::Allow).await?;
            if !entries.iter().any(|entry| entry.who.to_string() == *who) {
                wrong.push(format!("{who} is not allowed any more"));
            }
        }
        Ok(())
    }

    async fn compare_transfers(&mut self, store: &Store, wrong: &mut Vec<String>) -> Result<(), StoreError> {
        for (id, (known, digest)) in &mut self.transfers {
            let Some(record) = store.transfer(id).await? else {
                wrong.push(format!("the transfer {id} is gone"));
                continue;
            };
            match known {
                Known::As(transfer) if *transfer != record.transfer => {
                    wrong.push(format!("{id} was {transfer:?}, is {:?}", record.transfer));
                }
                Known::As(_) | Known::InFlight => *known = Known::As(record.transfer),
            }
            if record.content.place != Place::Freed && digest_of(store, &record.content).await != Some(*digest) {
                wrong.push(format!("the content of the transfer {id} is not what it was"));
            }
        }
        Ok(())
    }

    async fn compare_arrivals(&mut self, store: &Store, wrong: &mut Vec<String>) -> Result<(), StoreError> {
        for (key, known) in &mut self.arrivals {
            let Some(record) = store.arrival(key).await? else {
                wrong.push(format!("the arrival {} is gone", key.id));
                continue;
            };
            match known {
                Known::As(arrival) if *arrival != record.arrival => {
                    wrong.push(format!("{} was {arrival:?}, is {:?}", key.id, record.arrival));
                }
                Known::As(_) | Known::InFlight => *known = Known::As(record.arrival),
            }
        }
        for (key, octets) in &self.parts {
            let here = PartialContent::open(store, key).await?.received_octets();
            if here < *octets {
                wrong.push(format!("{here} octets of {octets} are here of what {} announced", key.id));
            }
        }
        Ok(())
    }

    async fn compare_mail(&self, it: &Fixture, wrong: &mut Vec<String>) -> Result<(), StoreError> {
        for ((account, mail), digest) in &self.mail {
            match it.store.mail(*account, *mail).await? {
                None => wrong.push(format!("the mail {mail} is gone")),
                Some(found) if digest_of(&it.store, &found.content).await != Some(*digest) => {
                    wrong.push(format!("the mail {mail} is not what it was"));
                }
                Some(_) => {}
            }
        }
        for (account, count) in &self.kept {
            let shown: u32 = it.store.contacts(*account, it.now()).await?.iter().map(|contact| contact.count).sum();
            if shown < *count {
                wrong.push(format!("{shown} messages of {count} are kept aside"));
            }
        }
        Ok(())
    }
}

/// Of the octets that are there; none, if they cannot be read.
pub(super) async fn digest_of(store: &Store, content: &StoredContent) -> Option<ContentDigest> {
    let mut reader = ContentReader::new(store, content, 0);
    let mut octets = Vec::new();
    loop {
        let piece = reader.next().await.ok()?;
        if piece.is_empty() {
            return Some(ContentDigest::of(&octets));
        }
        octets.extend(piece);
    }
}
