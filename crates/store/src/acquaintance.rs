//! Domains that mail was fetched from for an account. Its mail says so while it is there; what goes leaves its domain behind,
//! or whoever keeps their mail elsewhere would find all whom they know among strangers.

use std::collections::BTreeSet;

use mail::address::Domain;
use mail::id::{AccountId, Partition};
use mail::time::Timestamp;

use crate::backend::Tx;
use crate::{Result, params, statements};

/// Domains of one account whose mail is all gone: more than a person deals with. The latest stay.
const GONE_MAX: usize = 2_000;
/// Rows that one transaction deletes.
const ROWS_MAX: usize = 500;

statements! {
    AGAIN = "UPDATE acquaintance SET noted = ?4 WHERE part = ?1 AND account = ?2 AND domain = ?3";
    FIRST = "INSERT INTO acquaintance (part, account, domain, noted) VALUES (?1, ?2, ?3, ?4)";
    FORGET = "DELETE FROM acquaintance WHERE part = ?1 AND account = ?2 AND domain IN (SELECT domain FROM acquaintance \
              WHERE part = ?1 AND account = ?2 ORDER BY noted DESC, domain LIMIT ?4 OFFSET ?3)";
    HAS_MAIL = "SELECT id FROM mail WHERE part = ?1 AND account = ?2 AND origin = ?3 LIMIT 1";
    HAD_MAIL = "SELECT domain FROM acquaintance WHERE part = ?1 AND account = ?2 AND domain = ?3";
    /// Of those whose contact attempts are listed.
    LISTED = "SELECT d.origin FROM (SELECT DISTINCT part, account, origin FROM arrival \
              WHERE part = ?1 AND account = ?2 AND stage = 'listed') AS d WHERE EXISTS \
              (SELECT 1 FROM mail m WHERE m.part = d.part AND m.account = d.account AND m.origin = d.origin) \
              OR EXISTS (SELECT 1 FROM acquaintance k WHERE k.part = d.part AND k.account = d.account AND k.domain = d.origin)";
}

/// A message that came from there goes.
pub(crate) fn note(tx: &mut dyn Tx, account: AccountId, domain: &str, now: Timestamp) -> Result<()> {
    let part = Partition::of(account);
    if tx.execute(AGAIN, params![part, account, domain, now])? == 0 {
        tx.execute(FIRST, params![part, account, domain, now])?;
        tx.execute(FORGET, params![part, account, GONE_MAX, ROWS_MAX])?;
    }
    Ok(())
}

/// Whether mail was fetched from there.
pub(crate) fn is_known(tx: &mut dyn Tx, account: AccountId, domain: &Domain) -> Result<bool> {
    let values = params![Partition::of(account), account, domain];
    Ok(tx.one(HAS_MAIL, values)?.is_some() || tx.one(HAD_MAIL, values)?.is_some())
}

/// Of the domains from which contact attempts are listed, those from which mail was fetched.
pub(crate) fn known_of_listed(tx: &mut dyn Tx, account: AccountId) -> Result<BTreeSet<String>> {
    let known = tx.query(LISTED, params![Partition::of(account), account])?;
    known.into_iter().map(|mut row| row.text()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::sqlite::Sqlite;

    #[test]
    fn as_many_domains_as_there_is_room_for_stay_known_and_the_latest_of_them() {
        let mut sqlite = Sqlite::in_memory().unwrap();
        crate::schema::migrate(&mut sqlite).unwrap();
        let (bob, dave) = (AccountId::new(Timestamp::from_millis(1), [1; 10]), AccountId::new(Timestamp::from_millis(1), [2; 10]));
        let domain = |number: usize| format!("d{number}.test");
        let at = |number: usize| Timestamp::from_millis(i64::try_from(number).unwrap());
        note(&mut sqlite, dave, &domain(0), at(0)).unwrap();
        for number in 0..GONE_MAX {
            note(&mut sqlite, bob, &domain(number), at(number)).unwrap();
        }
        // Mail of the first of all was deleted again: the second is now the one that was longest ago.
        note(&mut sqlite, bob, &domain(0), at(GONE_MAX)).unwrap();
        note(&mut sqlite, bob, &domain(GONE_MAX), at(GONE_MAX + 1)).unwrap();
        let mut knows = |account, number| is_known(&mut sqlite, account, &domain(number).parse().unwrap()).unwrap();
        assert_eq!([0, 1, 2, GONE_MAX].map(|number| knows(bob, number)), [true, false, true, true]);
        assert_eq!([0, 2].map(|number| knows(dave, number)), [true, false], "what one account forgets, another may know");
    }
}
