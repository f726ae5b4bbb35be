//! Contact attempts: what waits from senders nobody decided about, collapsed, ranked and capped.

use delivery::arrival::ArrivalEvent;
use delivery::consent::Who;
use delivery::contacts::{Acquaintance, Admission, Attempt, ContactKind, DomainTally, NEW_ROWS_WINDOW, Proof};
use delivery::contacts::{ROWS_MAX as CONTACTS_MAX, admit, collapse, network_of, rank};
use delivery::schedule::{Jitter, Timers};
use mail::address::{Domain, Mailbox};
use mail::id::{AccountId, Partition};
use mail::time::Timestamp;

use crate::backend::Tx;
use crate::destination::transition;
use crate::kept::{self, Kept};
use crate::{
    ArrivalRecord, Claimed, Contact, Evidence, Result, Store, StoreError, acquaintance, arrival_row, observed, params, statements,
};

/// Messages that one transaction puts away.
const ROWS_MAX: usize = 500;
/// Senders that are counted of a domain's attempts of a day: more than any cap.
const BEGUN_MAX: usize = 64;
/// Entries that are counted of a domain: more than any cap grows by.
const CORRESPONDENTS_MAX: usize = 512;

// BEGUN: a row is begun by who was not let in. Whoever is not decided yet has begun none: a crowd that comes within one decision's
// delay would else keep itself out whole.
statements! {
    BEGUN = "SELECT COUNT(*) FROM (SELECT DISTINCT sender_key FROM arrival WHERE part = ?1 AND account = ?2 AND origin = ?3 \
             AND noted_at > ?4 AND sender_key <> ?5 AND stage IN ('listed', 'dropped') LIMIT ?6) AS begun";
    CORRESPONDENTS = "SELECT COUNT(*) FROM (SELECT name FROM entry WHERE part = ?1 AND account = ?2 AND domain = ?3 \
                      AND list IN ('allow', 'replied-to') LIMIT ?4) AS known";
}

impl Store {
    /// The contact attempts of an account, collapsed by sender, best first.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn contacts(&self, account: AccountId, now: Timestamp) -> Result<Vec<Contact>> {
        let list = move |tx: &mut dyn Tx| Ok(ranked(tx, account, now)?.into_iter().map(|(_row, contact)| contact).collect());
        self.read(list).await
    }

    /// Puts away what waits from a sender (address or domain), without a decision about the sender: all of it, or what is
    /// of one kind.
    ///
    /// # Errors
    /// The store is not available. What was put away stays away.
    pub async fn dismiss_contact(&self, account: AccountId, who: &Who, of: Option<ContactKind>, now: Timestamp) -> Result<u32> {
        let is_meant = move |kind| of.is_none_or(|of| of == kind);
        let part = Partition::of(account);
        let mut dismissed = 0;
        loop {
            let (who, timers) = (who.clone(), self.timers());
            let dismiss = move |tx: &mut dyn Tx| {
                let mut count = 0;
                if is_meant(ContactKind::Notice) {
                    let listed = arrival_row::listed(tx, account)?;
                    for record in listed.into_iter().filter(|record| speaks_of(&who, record)).take(ROWS_MAX) {
                        transition(tx, record, ArrivalEvent::Dismissed, now, Jitter::NONE, &timers)?;
                        count += 1;
                    }
                }
                if is_meant(ContactKind::Legacy) {
                    count += kept::dismiss(tx, account, &who, now, ROWS_MAX - count)?;
                }
                if is_meant(ContactKind::Observed) {
                    count += observed::forget(tx, account, &who, now, ROWS_MAX - count)?;
                }
                Ok(count)
            };
            let count: usize = self.write(part, 0, dismiss).await?;
            dismissed += u32::try_from(count).unwrap_or(u32::MAX);
            if count < ROWS_MAX {
                return Ok(dismissed);
            }
        }
    }
}

/// The rows of an account's list, best first: as they are ranked, and as people read them. Behind them, who was only observed.
pub(crate) fn ranked(tx: &mut dyn Tx, account: AccountId, now: Timestamp) -> Result<Vec<(delivery::contacts::Contact, Contact)>> {
    let listed = arrival_row::listed(tx, account)?;
    let waiting: Vec<_> = listed.iter().filter(|record| now < record.arrival.expires).collect();
    let kept = kept::shown(tx, account, now)?;
    let attempts = attempts(tx, account, waiting.iter().copied())?;
    let rows = collapse(attempts.into_iter().chain(kept.iter().map(pushed)));
    let observed = observed::rows(tx, account, now)?;
    let best = rank(&rows).into_iter().chain(&observed).take(CONTACTS_MAX);
    Ok(best.map(|row| (row.clone(), contact(row, &waiting, &kept))).collect())
}

/// Whether a notice of theirs waits for a decision.
pub(crate) fn gave_notice(tx: &mut dyn Tx, account: AccountId, who: &Who, now: Timestamp) -> Result<bool> {
    Ok(arrival_row::listed(tx, account)?.iter().any(|record| now < record.arrival.expires && speaks_of(who, record)))
}

fn speaks_of(who: &Who, record: &ArrivalRecord) -> bool {
    who.speaks_of(&record.notice.from, record.notice.list.as_deref())
}

/// One row as people read it, with the best proof that came with it; with the latest word on where it was pushed from.
fn contact(row: &delivery::contacts::Contact, listed: &[&ArrivalRecord], kept: &[Kept]) -> Contact {
    let nothing = || Evidence { rule: Proof::Nothing.as_str().to_owned(), detail: String::new(), address: None };
    let delivery::contacts::Contact { sender, kind, count, first, last, size_octets, expires, proof, acquaintance, network } = row.clone();
    let evidence = match kind {
        ContactKind::Notice => {
            let of_sender = listed.iter().filter(|record| record.notice.from == row.sender);
            // The first of the best: `max_by_key` keeps the last.
            of_sender.rev().max_by_key(|record| worth(&record.evidence)).map(|record| record.evidence.clone())
        }
        ContactKind::Legacy => {
            let latest = kept.iter().rfind(|kept| kept.sender == row.sender);
            latest.map(|kept| Evidence { detail: kept.detail.clone(), address: kept.address, ..nothing() })
        }
        ContactKind::Observed => None,
    };
    let claimed = match kind {
        ContactKind::Notice => listed.iter().rfind(|record| record.notice.from == row.sender).map(|record| claimed(record)),
        // Anybody wrote it; what it says of itself is worth nothing.
        ContactKind::Legacy | ContactKind::Observed => None,
    };
    Contact {
        sender,
        count,
        first,
        last,
        size_octets,
        expires,
        evidence: evidence.unwrap_or_else(nothing),
        proof,
        acquaintance,
        network: network.map(|network| network.to_string()),
        claimed: claimed.unwrap_or_default(),
        kind,
    }
}

fn claimed(record: &ArrivalRecord) -> Claimed {
    Claimed { name: record.notice.name.clone(), subject: record.notice.subject.clone() }
}

/// A kept message as it is ranked: whoever pushed it proved nothing.
fn pushed(kept: &Kept) -> Attempt {
    Attempt {
        sender: kept.sender.clone(),
        kind: ContactKind::Legacy,
        at: kept.received,
        size_octets: kept.size_octets,
        expires: kept.due_at,
        proof: Proof::Nothing,
        acquaintance: Acquaintance::New,
        network: kept.address.and_then(network_of),
    }
}

/// Contact attempts as they are ranked. What we have had to do with a domain is what this account has.
fn attempts<'a>(tx: &mut dyn Tx, account: AccountId, listed: impl Iterator<Item = &'a ArrivalRecord>) -> Result<Vec<Attempt>> {
    let known = acquaintance::known_of_listed(tx, account)?;
    let acquaintance = |domain: &Domain| if known.contains(domain.as_str()) { Acquaintance::RetrievedFrom } else { Acquaintance::New };
    Ok(listed.map(|record| attempt(record, acquaintance(&record.key.origin))).collect())
}

fn attempt(record: &ArrivalRecord, acquaintance: Acquaintance) -> Attempt {
    Attempt {
        sender: record.notice.from.clone(),
        kind: ContactKind::Notice,
        at: record.noted_at,
        size_octets: record.notice.size_octets,
        expires: record.arrival.expires,
        proof: worth(&record.evidence),
        acquaintance,
        network: record.evidence.address.and_then(network_of),
    }
}

/// What a notice's evidence is worth. Nobody forges a notice from one account of this server to another.
fn worth(evidence: &Evidence) -> Proof {
    if evidence.rule == "local" { Proof::Assert } else { Proof::parse(&evidence.rule) }
}

fn acquaintance_with(tx: &mut dyn Tx, account: AccountId, domain: &Domain) -> Result<Acquaintance> {
    Ok(if acquaintance::is_known(tx, account, domain)? { Acquaintance::RetrievedFrom } else { Acquaintance::New })
}

/// Whether an arrival may be shown; another row may go for it.
pub(crate) fn make_room(tx: &mut dyn Tx, record: &ArrivalRecord, now: Timestamp, timers: &Timers) -> Result<bool> {
    let account = record.key.account;
    if arrival_row::is_listed(tx, account, &record.notice.from)? {
        // It adds to a row that is shown already.
        return Ok(true);
    }
    let listed = arrival_row::listed(tx, account)?;
    let rows = collapse(attempts(tx, account, listed.iter())?);
    let acquaintance = acquaintance_with(tx, account, &record.key.origin)?;
    let newcomer = delivery::contacts::Contact::of(attempt(record, acquaintance));
    match admit(&newcomer, &rows, tally(tx, account, &record.notice.from, now)?) {
        Admission::Shown => Ok(true),
        Admission::NotShown(reason) => {
            tracing::debug!(%account, arrival = %record.key.id, ?reason, "a contact attempt is not shown");
            Ok(false)
        }
        Admission::Replaces((sender, _kind)) => {
            for evicted in listed.into_iter().filter(|record| record.notice.from.key() == sender) {
                transition(tx, evicted, ArrivalEvent::Evicted, now, Jitter::NONE, timers)?;
            }
            Ok(true)
        }
    }
}

fn tally(tx: &mut dyn Tx, account: AccountId, sender: &Mailbox, now: Timestamp) -> Result<DomainTally> {
    let (part, domain) = (Partition::of(account), sender.domain());
    let begun = params![part, account, domain, now - NEW_ROWS_WINDOW, sender.key(), BEGUN_MAX];
    let rows_begun = count(tx.one(BEGUN, begun)?)?;
    let correspondents = count(tx.one(CORRESPONDENTS, params![part, account, domain, CORRESPONDENTS_MAX])?)?;
    Ok(DomainTally { correspondents, rows_begun })
}

fn count(row: Option<crate::backend::Row>) -> Result<u32> {
    let count = row.map_or(Ok(0), |mut row| row.count())?;
    u32::try_from(count).map_err(|_range| StoreError::Damaged(format!("{count} rows, where few were asked for")))
}
