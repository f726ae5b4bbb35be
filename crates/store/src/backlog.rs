//! Everything on its way, by when it is due, for an administrator to look through: page by page, over all accounts.
//!
//! A page walks the index of due times, whatever it meets there: so no page takes long, however much has ended and is
//! only remembered, and however few of the rows somebody looks for.

use mail::address::Domain;
use mail::id::{AccountId, NoticeId, Partition};
use mail::time::Timestamp;

use crate::backend::{Row, Tx};
use crate::{ArrivalKey, ArrivalRecord, Result, Store, TransferRecord, arrival_row, params, statements, transfer_row};

statements! {
    TRANSFERS = "SELECT due_at, part, id, stage, sender_key, recipient_key FROM transfer \
                 WHERE due_at >= ?1 AND (due_at, part, id) > (?1, ?2, ?3) ORDER BY due_at, part, id LIMIT ?4";
    ARRIVALS = "SELECT due_at, part, account, origin, id, recipient_key, stage, sender_key FROM arrival \
                WHERE due_at >= ?1 AND (due_at, part, account, origin, id, recipient_key) > (?1, ?2, ?3, ?4, ?5, ?6) \
                ORDER BY due_at, part, account, origin, id, recipient_key LIMIT ?7";
    OPEN_TRANSFERS = "SELECT COUNT(*) FROM transfer WHERE part = ?1 AND account = ?2 AND stage <> 'ended'";
    OPEN_ARRIVALS = "SELECT COUNT(*) FROM arrival WHERE part = ?1 AND account = ?2 AND stage IN ('noted', 'listed', 'due')";
    MAIL = "SELECT CAST(COALESCE(SUM(messages), 0) AS BIGINT) FROM mailbox WHERE part = ?1 AND account = ?2 AND name IS NOT NULL";
}

/// One transfer of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferLine {
    /// When it next needs a look.
    pub due_at: Timestamp,
    /// Names it.
    pub id: NoticeId,
    /// The name of its state: `notifying` .. `ended`.
    pub stage: String,
    /// `Mailbox::key` of the responsible address.
    pub sender: String,
    /// `Mailbox::key` of the recipient.
    pub recipient: String,
    part: i64,
}

/// One arrival of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivalLine {
    /// When it next needs a look.
    pub due_at: Timestamp,
    /// Names it.
    pub key: ArrivalKey,
    /// The name of its stage: `noted` .. `ended`.
    pub stage: String,
    /// `Mailbox::key` of the responsible address.
    pub sender: String,
    part: i64,
}

/// What an account has, and would lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Belongings {
    /// Transfers that have not ended.
    pub unsent: u64,
    /// Arrivals that are not in the mailbox, and still could be.
    pub uncollected: u64,
    /// Messages in its mailboxes.
    pub mail: u64,
}

impl Store {
    /// The next transfers in the order of their due times, of every state, behind a line of the page before.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn transfers_by_due(&self, after: Option<&TransferLine>, limit: usize) -> Result<Vec<TransferLine>> {
        let after = after.cloned();
        let page = move |tx: &mut dyn Tx| {
            let start = (Timestamp::EPOCH, -1, "");
            let (due_at, part, id) = after.as_ref().map_or(start, |line| (line.due_at, line.part, line.id.as_str()));
            tx.query(TRANSFERS, params![due_at, part, id, limit])?.into_iter().map(|mut row| transfer_line(&mut row)).collect()
        };
        self.read(page).await
    }

    /// The same of arrivals.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn arrivals_by_due(&self, after: Option<&ArrivalLine>, limit: usize) -> Result<Vec<ArrivalLine>> {
        let after = after.cloned();
        let page = move |tx: &mut dyn Tx| {
            let rows = match &after {
                None => tx.query(ARRIVALS, params![Timestamp::EPOCH, -1_i64, "", "", "", "", limit])?,
                Some(ArrivalLine { due_at, part, key: ArrivalKey { account, origin, id, recipient }, .. }) => {
                    tx.query(ARRIVALS, params![*due_at, *part, *account, origin, id, recipient, limit])?
                }
            };
            rows.into_iter().map(|mut row| arrival_line(&mut row)).collect()
        };
        self.read(page).await
    }

    /// The transfers of these ids that are there, without the octets of their content.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn transfers_of(&self, ids: Vec<NoticeId>) -> Result<Vec<TransferRecord>> {
        let load = move |tx: &mut dyn Tx| {
            let found = ids.iter().filter_map(|id| Some((id.partition()?, id)));
            found.filter_map(|(part, id)| transfer_row::load_briefly(tx, part, id).transpose()).collect()
        };
        self.read(load).await
    }

    /// The arrivals of these keys that are there.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn arrivals_of(&self, keys: Vec<ArrivalKey>) -> Result<Vec<ArrivalRecord>> {
        self.read(move |tx| keys.iter().filter_map(|key| arrival_row::load(tx, key).transpose()).collect()).await
    }

    /// What an account has, and would lose if it were deleted.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn belongings(&self, account: AccountId) -> Result<Belongings> {
        let part = Partition::of(account);
        let count = move |tx: &mut dyn Tx| {
            let mut of = |sql| tx.one(sql, params![part, account])?.map_or(Ok(0), |mut row| row.count());
            Ok(Belongings { unsent: of(OPEN_TRANSFERS)?, uncollected: of(OPEN_ARRIVALS)?, mail: of(MAIL)? })
        };
        self.read(count).await
    }
}

fn transfer_line(row: &mut Row) -> Result<TransferLine> {
    Ok(TransferLine {
        due_at: row.time()?,
        part: row.int()?,
        id: row.parsed()?,
        stage: row.text()?,
        sender: row.text()?,
        recipient: row.text()?,
    })
}

fn arrival_line(row: &mut Row) -> Result<ArrivalLine> {
    let (due_at, part) = (row.time()?, row.int()?);
    let (account, origin): (AccountId, Domain) = (row.parsed()?, row.parsed()?);
    let key = ArrivalKey { account, origin, id: row.parsed()?, recipient: row.text()? };
    Ok(ArrivalLine { due_at, key, stage: row.text()?, sender: row.text()?, part })
}
