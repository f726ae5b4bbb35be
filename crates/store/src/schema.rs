//! The schema: numbered migrations, forward only, run at open; a newer schema than we know is refused.

use crate::backend::{Access, Backend, Trouble};
use crate::{OpenError, StoreError, params, statements};

/// In order; the first makes version 1. A migration that has been released is never edited.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
    include_str!("schema/0005.sql"),
    include_str!("schema/0006.sql"),
    include_str!("schema/0007.sql"),
    include_str!("schema/0008.sql"),
    include_str!("schema/0009.sql"),
    include_str!("schema/0010.sql"),
    include_str!("schema/0011.sql"),
    include_str!("schema/0012.sql"),
    include_str!("schema/0013.sql"),
    include_str!("schema/0014.sql"),
    include_str!("schema/0015.sql"),
    include_str!("schema/0016.sql"),
    include_str!("schema/0017.sql"),
    include_str!("schema/0018.sql"),
    include_str!("schema/0019.sql"),
    include_str!("schema/0020.sql"),
    include_str!("schema/0021.sql"),
    include_str!("schema/0022.sql"),
    include_str!("schema/0023.sql"),
];

const FIRST: &str = "CREATE TABLE IF NOT EXISTS migration (part BIGINT NOT NULL, version BIGINT NOT NULL, PRIMARY KEY (part, version))";

/// Two nodes may open a new store at the same moment; one of them is then told of a conflict.
const ATTEMPTS: u32 = 5;

statements! {
    VERSION = "SELECT COALESCE(MAX(version), 0) FROM migration WHERE part = 0";
    STEP = "INSERT INTO migration (part, version) VALUES (0, ?1)";
}

/// The version of the schema that this program writes.
pub fn version() -> u64 {
    MIGRATIONS.len() as u64
}

#[cfg(test)]
pub(crate) const fn scripts() -> &'static [&'static str] {
    MIGRATIONS
}

/// Brings the schema to [`version`].
///
/// # Errors
/// It is newer already, or the database is away.
pub fn migrate(backend: &mut dyn Backend) -> Result<(), OpenError> {
    let mut attempt = 1;
    loop {
        match in_one_transaction(backend) {
            Err(OpenError::Store(_)) if attempt < ATTEMPTS => {
                backend.rollback();
                let _last: Trouble = backend.trouble();
                attempt += 1;
            }
            done => return done,
        }
    }
}

fn in_one_transaction(backend: &mut dyn Backend) -> Result<(), OpenError> {
    backend.begin(Access::Write)?;
    // A step may write every row of the largest table, and one that is cut short would be at every start.
    backend.take_time()?;
    backend.run_script(FIRST)?;
    let found = found(backend)?;
    if found > version() {
        backend.rollback();
        return Err(OpenError::NewerSchema { found, known: version() });
    }
    for (index, script) in MIGRATIONS.iter().enumerate() {
        let step = index as u64 + 1;
        if step > found {
            backend.run_script(script)?;
            backend.execute(STEP, params![step])?;
        }
    }
    Ok(backend.commit()?)
}

fn found(backend: &mut dyn Backend) -> Result<u64, StoreError> {
    let rows = backend.query(VERSION, params![])?;
    rows.into_iter().next().map_or(Ok(0), |mut row| row.count())
}
