//! What is remembered of other domains, and whom of them to ask after a downtime.

use delivery::consent::{Entry, EntryList, Who};
use mail::address::{Domain, Mailbox};
use mail::id::{AccountId, Partition};

use crate::backend::Tx;
use crate::{AllowedPair, Pin, Result, Store, params, statements};

statements! {
    PIN = "SELECT until FROM pin WHERE part = ?1 AND domain = ?2";
    SET_PIN = "INSERT INTO pin (part, domain, until) VALUES (?1, ?2, ?3) ON CONFLICT (part, domain) DO UPDATE SET until = excluded.until";
    CLEAR_PIN = "DELETE FROM pin WHERE part = ?1 AND domain = ?2";
    PAIRS = "SELECT e.part, e.account, e.name, a.address, e.entry FROM entry e JOIN account a ON a.part = e.part AND a.id = e.account \
             WHERE (e.part, e.account, e.name) > (?1, ?2, ?3) AND e.domain <> '' AND e.list IN ('allow', 'expected', 'replied-to') \
             AND a.stage = 'active' ORDER BY e.part, e.account, e.name, e.list LIMIT ?4";
}

impl Store {
    /// What is remembered of a domain.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn pin(&self, domain: &Domain) -> Result<Option<Pin>> {
        let domain = domain.clone();
        let load = move |tx: &mut dyn Tx| {
            let row = tx.one(PIN, params![Partition::of_name(domain.as_str()), &domain])?;
            row.map(|mut row| Ok(Pin { until: row.time()? })).transpose()
        };
        self.read(load).await
    }

    /// Remembers, or clears.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn set_pin(&self, domain: &Domain, pin: Option<Pin>) -> Result<()> {
        let (part, domain) = (Partition::of_name(domain.as_str()), domain.clone());
        let set = move |tx: &mut dyn Tx| {
            match pin {
                Some(Pin { until }) => tx.execute(SET_PIN, params![part, &domain, until])?,
                None => tx.execute(CLEAR_PIN, params![part, &domain])?,
            };
            Ok(())
        };
        self.write(part, 0, set).await
    }

    /// Pairs (sender, recipient) to ask PENDING for after a downtime or a restore, by page: whom an account lets
    /// in by address. A page may be shorter than `limit`; only an empty one is the last.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn allowed_pairs(&self, after: Option<&AllowedPair>, limit: usize) -> Result<Vec<AllowedPair>> {
        let after = after.cloned();
        self.read(move |tx| pairs(tx, after.as_ref(), limit)).await
    }
}

fn pairs(tx: &mut dyn Tx, after: Option<&AllowedPair>, limit: usize) -> Result<Vec<AllowedPair>> {
    let part = after.map_or(-1, |pair| i64::from(Partition::of(pair.account).number()));
    let account = after.map(|pair| pair.account.to_string()).unwrap_or_default();
    let sender = after.map_or("", |pair| pair.sender.as_str());
    let rows = tx.query(PAIRS, params![part, account, sender, limit])?;
    let mut pairs: Vec<AllowedPair> = Vec::with_capacity(rows.len());
    for mut row in rows {
        let (_part, account) = (row.int()?, row.parsed::<AccountId>()?);
        let (_name, address) = (row.text()?, row.parsed::<Mailbox>()?);
        let Some(sender) = let_in(&row.json()?) else { continue };
        let pair = AllowedPair { account, sender, recipient: address.key() };
        if pairs.last() != Some(&pair) {
            pairs.push(pair);
        }
    }
    Ok(pairs)
}

fn let_in(entry: &Entry) -> Option<String> {
    match (entry.list, &entry.who) {
        (EntryList::Allow | EntryList::Expected | EntryList::RepliedTo, Who::Address(sender)) => Some(sender.key()),
        _ => None,
    }
}
