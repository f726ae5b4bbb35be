//! How many transfers and arrivals are in which state, and since when; and how many rows each table has: for whoever watches
//! the server.

use std::collections::BTreeMap;

use mail::time::Timestamp;

use crate::backend::{Sql, Tx};
use crate::{Result, Store, params, statements};

statements! {
    TRANSFERS = "SELECT stage, COUNT(*), MIN(since) FROM transfer WHERE stage <> 'ended' GROUP BY stage ORDER BY stage";
    ARRIVALS = "SELECT stage, COUNT(*), MIN(noted_at) FROM arrival WHERE stage <> 'ended' GROUP BY stage ORDER BY stage";
    ROWS = "SELECT 'meta', COUNT(*) FROM meta \
            UNION ALL SELECT 'lease', COUNT(*) FROM lease \
            UNION ALL SELECT 'directory', COUNT(*) FROM directory \
            UNION ALL SELECT 'account', COUNT(*) FROM account \
            UNION ALL SELECT 'alias', COUNT(*) FROM alias \
            UNION ALL SELECT 'message', COUNT(*) FROM message \
            UNION ALL SELECT 'transfer', COUNT(*) FROM transfer \
            UNION ALL SELECT 'arrival', COUNT(*) FROM arrival \
            UNION ALL SELECT 'partial', COUNT(*) FROM partial \
            UNION ALL SELECT 'orphan', COUNT(*) FROM orphan \
            UNION ALL SELECT 'entry', COUNT(*) FROM entry \
            UNION ALL SELECT 'history', COUNT(*) FROM history \
            UNION ALL SELECT 'redecision', COUNT(*) FROM redecision \
            UNION ALL SELECT 'observed', COUNT(*) FROM observed \
            UNION ALL SELECT 'acquaintance', COUNT(*) FROM acquaintance \
            UNION ALL SELECT 'app_password', COUNT(*) FROM app_password \
            UNION ALL SELECT 'mailbox', COUNT(*) FROM mailbox \
            UNION ALL SELECT 'mail', COUNT(*) FROM mail \
            UNION ALL SELECT 'item', COUNT(*) FROM item \
            UNION ALL SELECT 'discarded', COUNT(*) FROM discarded \
            UNION ALL SELECT 'expunged', COUNT(*) FROM expunged \
            UNION ALL SELECT 'subscription', COUNT(*) FROM subscription \
            UNION ALL SELECT 'annotation', COUNT(*) FROM annotation \
            UNION ALL SELECT 'made', COUNT(*) FROM made \
            UNION ALL SELECT 'outline', COUNT(*) FROM outline \
            UNION ALL SELECT 'beat', COUNT(*) FROM beat \
            UNION ALL SELECT 'summary', COUNT(*) FROM summary \
            UNION ALL SELECT 'search_text', COUNT(*) FROM search_text \
            UNION ALL SELECT 'search_segment', COUNT(*) FROM search_segment \
            UNION ALL SELECT 'search_gram', COUNT(*) FROM search_gram \
            UNION ALL SELECT 'pin', COUNT(*) FROM pin \
            UNION ALL SELECT 'kept', COUNT(*) FROM kept \
            UNION ALL SELECT 'rules', COUNT(*) FROM rules \
            UNION ALL SELECT 'answered', COUNT(*) FROM answered \
            UNION ALL SELECT 'errand', COUNT(*) FROM errand \
            UNION ALL SELECT 'former_arrival', COUNT(*) FROM former_arrival";
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

    /// How many rows each table has, by its name: a walk over all of them.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn rows(&self) -> Result<BTreeMap<String, u64>> {
        self.read(|tx| tx.query(ROWS, params![])?.into_iter().map(|mut row| Ok((row.text()?, row.count()?))).collect()).await
    }
}

fn count(tx: &mut dyn Tx, sql: Sql) -> Result<Vec<InState>> {
    let rows = tx.query(sql, params![])?;
    rows.into_iter().map(|mut row| Ok(InState { state: row.text()?, count: row.count()?, since: row.time()? })).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_rows_of_every_table_are_counted() {
        let scripts = crate::schema::scripts().concat();
        let tables: Vec<_> = scripts.split("CREATE TABLE ").skip(1).filter_map(|rest| rest.split(' ').next()).collect();
        assert!(tables.len() > 10);
        for table in tables {
            assert!(super::ROWS.text().contains(&format!("SELECT '{table}', COUNT(*) FROM {table}")), "{table}");
        }
    }
}
