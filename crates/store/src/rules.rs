//! What the owner of a mailbox wants done with what comes: their rules and their absence reply, and who was given it.

use std::time::Duration;

use delivery::absence::{ANSWERED_MAX, Absence, DAYS_MAX};
use delivery::rules::{RULES_OCTETS_MAX, RuleSet, RulesError};
use mail::address::Mailbox;
use mail::id::{AccountId, Partition};
use mail::time::Timestamp;

use crate::backend::Tx;
use crate::codec::to_json;
use crate::{Result, Store, StoreError, accounts, params, statements};

/// Rows that one transaction forgets.
const PAGE: usize = 500;

statements! {
    LOAD = "SELECT rules, absence FROM rules WHERE part = ?1 AND account = ?2";
    SET_RULES = "INSERT INTO rules (part, account, rules) VALUES (?1, ?2, ?3) ON CONFLICT (part, account) DO UPDATE SET rules = excluded.rules";
    SET_ABSENCE = "INSERT INTO rules (part, account, absence) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (part, account) DO UPDATE SET absence = excluded.absence";
    ANSWERED_AT = "SELECT answered_at FROM answered WHERE part = ?1 AND account = ?2 AND sender_key = ?3";
    NOTE_ANSWER = "INSERT INTO answered (part, account, sender_key, answered_at) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (part, account, sender_key) DO UPDATE SET answered_at = excluded.answered_at";
    COUNT_ANSWERED = "SELECT COUNT(*) FROM answered WHERE part = ?1 AND account = ?2";
    FORGET_OLDEST = "DELETE FROM answered WHERE part = ?1 AND account = ?2 AND sender_key = (SELECT sender_key FROM answered \
                     WHERE part = ?1 AND account = ?2 ORDER BY answered_at, sender_key LIMIT 1)";
    FORGET_ALL = "DELETE FROM answered WHERE part = ?1 AND account = ?2";
    OVER = "SELECT part, account, sender_key FROM answered WHERE answered_at <= ?1 ORDER BY answered_at, part LIMIT ?2";
    FORGET = "DELETE FROM answered WHERE part = ?1 AND account = ?2 AND sender_key = ?3 AND answered_at <= ?4";
    ERASE = "DELETE FROM rules WHERE part = ?1 AND account = ?2";
}

/// What an owner wants done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wishes {
    /// Their rules.
    pub rules: RuleSet,
    /// What is said while they are away.
    pub absence: Option<Absence>,
}

/// What became of a change of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wished {
    /// It is as asked for.
    Done,
    /// The account is no more, or is being deleted.
    NoAccount,
    /// The rules can't be kept.
    Unfit(RulesError),
}

impl Store {
    /// What the owner of an account wants done with what comes.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn wishes(&self, account: AccountId) -> Result<Wishes> {
        self.read(move |tx| Ok(load(tx, account)?.unwrap_or_default())).await
    }

    /// Sets the rules of an account, all of them; they apply to what is delivered from then on.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn set_rules(&self, account: AccountId, rules: RuleSet) -> Result<Wished> {
        self.set_wishes(account, rules, None).await
    }

    /// Sets the rules of an account, all of them, and the absence reply if one is given: both or neither.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn set_wishes(&self, account: AccountId, rules: RuleSet, absence: Option<Absence>) -> Result<Wished> {
        let rules = match rules.checked() {
            Ok(rules) => rules,
            Err(error) => return Ok(Wished::Unfit(error)),
        };
        let json = if rules.rules.is_empty() { None } else { Some(to_json(&rules)?) };
        if json.as_ref().is_some_and(|json| json.len() > RULES_OCTETS_MAX) {
            return Ok(Wished::Unfit(RulesError::TooLong));
        }
        let absence = absence.as_ref().map(to_json).transpose()?;
        let set = move |tx: &mut dyn Tx, part: Partition| {
            tx.execute(SET_RULES, params![part, account, json.as_deref()])?;
            if let Some(absence) = &absence {
                tx.execute(FORGET_ALL, params![part, account])?;
                tx.execute(SET_ABSENCE, params![part, account, absence.as_str()])?;
            }
            Ok(())
        };
        self.set(account, set).await
    }

    /// Sets the absence reply of an account, or takes it away. Who was given the one before may be given this one.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn set_absence(&self, account: AccountId, absence: Option<Absence>) -> Result<Wished> {
        let json = absence.as_ref().map(to_json).transpose()?;
        let set = move |tx: &mut dyn Tx, part: Partition| {
            tx.execute(FORGET_ALL, params![part, account])?;
            tx.execute(SET_ABSENCE, params![part, account, json.as_deref()]).map(drop)
        };
        self.set(account, set).await
    }

    async fn set<F>(&self, account: AccountId, set: F) -> Result<Wished>
    where
        F: Fn(&mut dyn Tx, Partition) -> Result<()> + Send + 'static,
    {
        let part = Partition::of(account);
        let write = move |tx: &mut dyn Tx| {
            if accounts::screening_of(tx, account)?.is_none() {
                return Ok(Wished::NoAccount);
            }
            set(tx, part)?;
            Ok(Wished::Done)
        };
        self.write(part, 0, write).await
    }

    /// Forgets whom was answered so long ago that they would be answered again in any case.
    ///
    /// # Errors
    /// The store is not available. What was forgotten is.
    pub async fn sweep_answered(&self, now: Timestamp) -> Result<()> {
        let before = now - Duration::from_hours(24) * u32::from(DAYS_MAX);
        loop {
            let page = self.read(move |tx| over(tx, before)).await?;
            let is_last = page.len() < PAGE;
            for (part, account, sender) in page {
                self.write(part, 0, move |tx| tx.execute(FORGET, params![part, &account, &sender, before]).map(drop)).await?;
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

fn over(tx: &mut dyn Tx, before: Timestamp) -> Result<Vec<(Partition, String, String)>> {
    let rows = tx.query(OVER, params![before, PAGE])?;
    rows.into_iter()
        .map(|mut row| {
            let part = u16::try_from(row.int()?).ok().and_then(Partition::new);
            let part = part.ok_or_else(|| StoreError::Damaged("a partition of another number".to_owned()))?;
            Ok((part, row.text()?, row.text()?))
        })
        .collect()
}

/// What the owner wants done, if they ever said so.
pub(crate) fn load(tx: &mut dyn Tx, account: AccountId) -> Result<Option<Wishes>> {
    let Some(mut row) = tx.one(LOAD, params![Partition::of(account), account])? else { return Ok(None) };
    Ok(Some(Wishes { rules: row.json_or_null()?.unwrap_or_default(), absence: row.json_or_null()? }))
}

/// Notes that somebody is given an answer now. `false` if they were given one within that time, and are given none.
pub(crate) fn note_answer(tx: &mut dyn Tx, account: AccountId, to: &Mailbox, again_after: Duration, now: Timestamp) -> Result<bool> {
    let (part, key) = (Partition::of(account), to.key());
    match tx.one(ANSWERED_AT, params![part, account, &key])?.map(|mut row| row.time()).transpose()? {
        Some(at) if now < at + again_after => return Ok(false),
        Some(_) => {}
        None => {
            let known = tx.one(COUNT_ANSWERED, params![part, account])?.map_or(Ok(0), |mut row| row.count())?;
            if known >= ANSWERED_MAX as u64 {
                tx.execute(FORGET_OLDEST, params![part, account])?;
            }
        }
    }
    tx.execute(NOTE_ANSWER, params![part, account, &key, now])?;
    Ok(true)
}

/// Deletes what an account that is being deleted has here.
pub(crate) fn erase(tx: &mut dyn Tx, part: Partition, account: AccountId) -> Result<()> {
    tx.execute(FORGET_ALL, params![part, account])?;
    tx.execute(ERASE, params![part, account]).map(drop)
}
