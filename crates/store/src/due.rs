//! What the jobs look for: everything that is due, and when something will be, in one look at the database.

use mail::time::Timestamp;

use crate::backend::Tx;
use crate::{
    ArrivalRecord, DuePlace, Errand, Lease, Result, Store, TransferRecord, arrival_row, errands, params, statements, transfer_row,
};

statements! {
    NEXT_TRANSFER = "SELECT t.due_at FROM transfer t JOIN lease l ON l.part = t.part WHERE l.owner = ?1 AND l.epoch <= ?2 \
                     AND t.due_at > ?3 ORDER BY t.due_at LIMIT 1";
    NEXT_ARRIVAL = "SELECT a.due_at FROM arrival a JOIN lease l ON l.part = a.part WHERE l.owner = ?1 AND l.epoch <= ?2 \
                    AND a.due_at > ?3 ORDER BY a.due_at LIMIT 1";
    NEXT_ERRAND = "SELECT e.due_at FROM errand e JOIN lease l ON l.part = e.part WHERE l.owner = ?1 AND l.epoch <= ?2 \
                   AND e.due_at > ?3 ORDER BY e.due_at LIMIT 1";
}

/// What is due in leased partitions at one moment, earliest first. A row that is damaged spoils its own sort only.
#[derive(Debug)]
pub struct Due {
    /// Without the octets of their content.
    pub transfers: Result<Vec<TransferRecord>>,
    /// As many at most.
    pub arrivals: Result<Vec<ArrivalRecord>>,
    /// As many at most.
    pub errands: Result<Vec<Errand>>,
    /// The earliest `due_at` after that moment, of all of them.
    pub next: Option<Timestamp>,
}

impl Store {
    /// What is due by `now` in leased partitions, at most so many of each sort, and when the next will be.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn due(&self, lease: &Lease, now: Timestamp, limit: usize) -> Result<Due> {
        let lease = lease.clone();
        let due = move |tx: &mut dyn Tx| {
            let transfers = transfers(tx, &lease, now, &DuePlace::START, limit);
            let arrivals = arrivals(tx, &lease, now, &DuePlace::START, limit);
            let errands = errands::due(tx, &lease, now, limit);
            Ok(Due { transfers, arrivals, errands, next: next(tx, &lease, now)? })
        };
        self.read(due).await
    }

    /// More transfers that are due, behind a place in their order.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn due_transfers_after(&self, lease: &Lease, now: Timestamp, after: &DuePlace, limit: usize) -> Result<Vec<TransferRecord>> {
        let (lease, after) = (lease.clone(), after.clone());
        self.read(move |tx| transfers(tx, &lease, now, &after, limit)).await
    }

    /// More arrivals that are due, behind a place in their order.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn due_arrivals_after(&self, lease: &Lease, now: Timestamp, after: &DuePlace, limit: usize) -> Result<Vec<ArrivalRecord>> {
        let (lease, after) = (lease.clone(), after.clone());
        self.read(move |tx| arrivals(tx, &lease, now, &after, limit)).await
    }
}

fn transfers(tx: &mut dyn Tx, lease: &Lease, now: Timestamp, after: &DuePlace, limit: usize) -> Result<Vec<TransferRecord>> {
    let values = params![now, &lease.owner, lease.epoch, after.due_at, after.id.as_str(), limit];
    transfer_row::records(tx.query(transfer_row::DUE_TRANSFERS, values)?)
}

fn arrivals(tx: &mut dyn Tx, lease: &Lease, now: Timestamp, after: &DuePlace, limit: usize) -> Result<Vec<ArrivalRecord>> {
    let values = params![now, &lease.owner, lease.epoch, after.due_at, after.id.as_str(), limit];
    arrival_row::records(tx.query(arrival_row::DUE_ARRIVALS, values)?)
}

fn next(tx: &mut dyn Tx, lease: &Lease, now: Timestamp) -> Result<Option<Timestamp>> {
    let mut earliest = None;
    for sql in [NEXT_TRANSFER, NEXT_ARRIVAL, NEXT_ERRAND] {
        let due_at = tx.one(sql, params![&lease.owner, lease.epoch, now])?.map(|mut row| row.time()).transpose()?;
        earliest = earliest.into_iter().chain(due_at).min();
    }
    Ok(earliest)
}
