//! How many transfers and arrivals are in which state, and since when: for whoever watches the server.

use mail::time::Timestamp;

use crate::backend::{Sql, Tx};
use crate::{Result, Store, params, statements};

statements! {
    TRANSFERS = "SELECT stage, COUNT(*), MIN(since) FROM transfer WHERE stage <> 'ended' GROUP BY stage ORDER BY stage";
    ARRIVALS = "SELECT stage, COUNT(*), MIN(noted_at) FROM arrival WHERE stage <> 'ended' GROUP BY stage ORDER BY stage";
}

/// All that are in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InState {
    /// Its name: `waiting`, `listed`.
    pub state: String,
    /// How many.
    pub count: u64,
    /// Since when the first of them: transfers in this state, arrivals here.
    pub since: Timestamp,
}

/// What is on its way. States that nothing is in are left out, and so is what has ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// As the origin sees it.
    pub transfers: Vec<InState>,
    /// As the destination sees it.
    pub arrivals: Vec<InState>,
}

impl Store {
    /// Counts everything: a walk over both tables, for once a minute.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn census(&self) -> Result<Census> {
        self.read(|tx| Ok(Census { transfers: count(tx, TRANSFERS)?, arrivals: count(tx, ARRIVALS)? })).await
    }
}

fn count(tx: &mut dyn Tx, sql: Sql) -> Result<Vec<InState>> {
    let rows = tx.query(sql, params![])?;
    rows.into_iter().map(|mut row| Ok(InState { state: row.text()?, count: row.count()?, since: row.time()? })).collect()
}
