//! How much an account may keep in its mailboxes, and how much it does: each copy of a message counts.

use mail::id::{AccountId, Partition};

use crate::backend::{Row, Tx};
use crate::made::Made;
use crate::{Result, Store, StoreError, params, statements};

statements! {
    LIMITS = "SELECT octets_max, messages_max FROM account WHERE part = ?1 AND id = ?2";
    USED = "SELECT CAST(COALESCE(SUM(octets), 0) AS BIGINT), CAST(COALESCE(SUM(messages), 0) AS BIGINT) FROM mailbox \
            WHERE part = ?1 AND account = ?2 AND name IS NOT NULL AND id NOT IN (?3, ?4)";
    SET_OCTETS = "UPDATE account SET octets_max = ?3 WHERE part = ?1 AND id = ?2 AND stage = 'active'";
    SET_MESSAGES = "UPDATE account SET messages_max = ?3 WHERE part = ?1 AND id = ?2 AND stage = 'active'";
}

/// Limits of what lies in the mailboxes of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// Of all messages.
    pub octets_max: Option<u64>,
    /// How many messages.
    pub messages_max: Option<u64>,
}

/// What lies in the mailboxes of one account, and what may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Of all messages.
    pub octets: u64,
    /// How many messages.
    pub messages: u64,
    /// How much of both there may be.
    pub quota: Quota,
}

/// A limit of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Limit {
    /// As configured for all accounts.
    Default,
    /// None.
    None,
    /// This.
    Of(u64),
}

impl Limit {
    /// As a column has it.
    fn column(self) -> Option<i64> {
        match self {
            Self::Default => None,
            Self::None => Some(-1),
            Self::Of(limit) => Some(i64::try_from(limit).unwrap_or(i64::MAX)),
        }
    }

    fn of_column(column: Option<i64>) -> Self {
        match column.map(u64::try_from) {
            None => Self::Default,
            Some(Err(_negative)) => Self::None,
            Some(Ok(limit)) => Self::Of(limit),
        }
    }

    fn or(self, default: Option<u64>) -> Option<u64> {
        match self {
            Self::Default => default,
            Self::None => None,
            Self::Of(limit) => Some(limit),
        }
    }
}

impl Usage {
    /// Whether so much more fits.
    pub fn admits(&self, messages: u64, octets: u64) -> bool {
        let fits = |used: u64, more: u64, max: Option<u64>| max.is_none_or(|max| used.saturating_add(more) <= max);
        fits(self.messages, messages, self.quota.messages_max) && fits(self.octets, octets, self.quota.octets_max)
    }
}

impl Store {
    /// The limits of accounts that have none of their own.
    pub(crate) fn quota(&self) -> Quota {
        self.inner.surroundings.quota
    }

    /// What lies in the mailboxes of an account, and what may.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn usage(&self, account: AccountId) -> Result<Usage> {
        let default = self.quota();
        self.read(move |tx| Ok(Usage { quota: limits(tx, account, default)?, ..used(tx, account)? })).await
    }

    /// Sets what is given. `false` if there is no such account.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn set_quota(&self, account: AccountId, octets: Option<Limit>, messages: Option<Limit>) -> Result<bool> {
        let part = Partition::of(account);
        let set = move |tx: &mut dyn Tx| {
            let mut is_there = crate::accounts::screening_of(tx, account)?.is_some();
            for (sql, limit) in [(SET_OCTETS, octets), (SET_MESSAGES, messages)] {
                if let Some(limit) = limit {
                    is_there = tx.execute(sql, params![part, account, limit.column()])? == 1;
                }
            }
            Ok(is_there)
        };
        self.write(part, 0, set).await
    }

    /// The limits that an account has of its own: octets, messages.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn own_limits(&self, account: AccountId) -> Result<(Limit, Limit)> {
        self.read(move |tx| own(tx, account)).await
    }
}

fn own(tx: &mut dyn Tx, account: AccountId) -> Result<(Limit, Limit)> {
    let Some(mut row) = tx.one(LIMITS, params![Partition::of(account), account])? else { return Ok((Limit::Default, Limit::Default)) };
    Ok((Limit::of_column(row.int_or_null()?), Limit::of_column(row.int_or_null()?)))
}

fn limits(tx: &mut dyn Tx, account: AccountId, default: Quota) -> Result<Quota> {
    let (octets, messages) = own(tx, account)?;
    Ok(Quota { octets_max: octets.or(default.octets_max), messages_max: messages.or(default.messages_max) })
}

fn used(tx: &mut dyn Tx, account: AccountId) -> Result<Usage> {
    let read = |mut row: Row| Ok::<_, StoreError>(Usage { octets: row.count()?, messages: row.count()?, quota: Quota::default() });
    // What the server makes is not its owner's to answer for.
    let [one, other] = Made::ALL.map(|made| made.id(account));
    tx.one(USED, params![Partition::of(account), account, one, other])?.map_or_else(|| Ok(Usage::default()), read)
}

impl Quota {
    /// With room for so much more.
    fn with_grace(self, messages: u64, octets: u64) -> Self {
        let Self { octets_max, messages_max } = self;
        let more = |max: Option<u64>, grace: u64| max.map(|max| max.saturating_add(grace));
        Self { octets_max: more(octets_max, octets), messages_max: more(messages_max, messages) }
    }
}

/// Whether an account has room for so much more. Where nothing is limited, nothing is counted.
pub(crate) fn admits(tx: &mut dyn Tx, account: AccountId, default: &Quota, messages: u64, octets: u64) -> Result<bool> {
    let quota = limits(tx, account, *default)?;
    admits_within(tx, account, quota, messages, octets)
}

/// Whether an account has room for one more message, if it may go over its limits by one of the largest.
pub(crate) fn admits_once_more(tx: &mut dyn Tx, account: AccountId, default: &Quota, octets: u64, largest_octets: u64) -> Result<bool> {
    let quota = limits(tx, account, *default)?.with_grace(1, largest_octets);
    admits_within(tx, account, quota, 1, octets)
}

fn admits_within(tx: &mut dyn Tx, account: AccountId, quota: Quota, messages: u64, octets: u64) -> Result<bool> {
    if quota == Quota::default() {
        return Ok(true);
    }
    Ok(Usage { quota, ..used(tx, account)? }.admits(messages, octets))
}
