//! What of a damaged store can be put right without guessing: what follows from other data that is whole.
//!
//! Nothing that somebody wrote or received is deleted: contents that no row names are put aside, and rows go only if they
//! are of nobody, or say what other rows say. Each repair is a transaction of its own, and repeatable.

use std::sync::Arc;

use delivery::arrival::Arrival;
use delivery::schedule::Jitter;
use delivery::transfer::Transfer;
use mail::id::{AccountId, Partition};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

use super::{RESERVED_MAX, names, objects, rows};
use crate::backend::{Sql, Tx, Value};
use crate::content::{ContentReader, Place, StoredContent};
use crate::lease::zero;
use crate::{Result, Store, StoreError, arrival_row, moment, params, statements, transfer_row};

/// Rows that are read, and mended, at once.
const PAGE: usize = 500;

statements! {
    TRANSFERS = "SELECT part, id, stage, due_at, state FROM transfer WHERE (part, id) > (?1, ?2) ORDER BY part, id LIMIT ?3";
    /// Only as it was read: somebody may have changed it since.
    SET_TRANSFER = "UPDATE transfer SET stage = ?3, due_at = ?4 WHERE part = ?1 AND id = ?2 AND state = ?5";
    ARRIVALS = "SELECT part, account, origin, id, recipient_key, expires, stage, due_at, state FROM arrival \
                WHERE (part, account, origin, id, recipient_key) > (?1, ?2, ?3, ?4, ?5) \
                ORDER BY part, account, origin, id, recipient_key LIMIT ?6";
    SET_ARRIVAL = "UPDATE arrival SET expires = ?6, stage = ?7, due_at = ?8 WHERE part = ?1 AND account = ?2 AND origin = ?3 AND id = ?4 \
                   AND recipient_key = ?5 AND state = ?9";
    DROP_ENTRIES = "DELETE FROM entry WHERE NOT EXISTS (SELECT 1 FROM account a WHERE a.part = entry.part AND a.id = entry.account)";
    DROP_ALIASES = "DELETE FROM alias WHERE NOT EXISTS (SELECT 1 FROM account a WHERE a.part = alias.part AND a.id = alias.account)";
    KEEP_NAMED = "DELETE FROM orphan WHERE EXISTS (SELECT 1 FROM message m WHERE m.part = orphan.part AND m.object = orphan.object) \
                  OR EXISTS (SELECT 1 FROM mail m WHERE m.part = orphan.part AND m.object = orphan.object) \
                  OR EXISTS (SELECT 1 FROM kept k WHERE k.part = orphan.part AND k.object = orphan.object)";
    /// What no arrival needs any more is nobody's: swept in a day, unless another row names it, in whatever
    /// partition.
    LET_PARTS_GO = "INSERT INTO orphan (part, object, since) SELECT p.part, p.object, CAST(?1 AS BIGINT) FROM partial p WHERE NOT EXISTS \
                    (SELECT 1 FROM arrival r WHERE r.part = p.part AND r.account = p.account AND r.origin = p.origin AND r.id = p.id \
                    AND r.recipient_key = p.recipient_key AND r.stage = 'due') \
                    AND NOT EXISTS (SELECT 1 FROM message m WHERE m.object = p.object) \
                    AND NOT EXISTS (SELECT 1 FROM mail m WHERE m.object = p.object) \
                    AND NOT EXISTS (SELECT 1 FROM kept k WHERE k.object = p.object) ON CONFLICT (part, object) DO NOTHING";
    DROP_PARTS = "DELETE FROM partial WHERE NOT EXISTS (SELECT 1 FROM arrival r WHERE r.part = partial.part AND r.account = partial.account \
                  AND r.origin = partial.origin AND r.id = partial.id AND r.recipient_key = partial.recipient_key AND r.stage = 'due')";
    DROP_LEASES = "DELETE FROM lease WHERE part < 0 OR part > 1023";
    OF_NOBODY = "SELECT DISTINCT r.account FROM arrival r WHERE r.stage <> 'noted' AND NOT EXISTS \
                 (SELECT 1 FROM account a WHERE a.part = r.part AND a.id = r.account) LIMIT ?1";
    DROP_NAME = "DELETE FROM directory WHERE part = ?1 AND name = ?2 AND account = ?3";
}

/// What is left, by how its sentence begins, and why.
const WHY_NOT: &[(&str, &str)] = &[
    ("a transfer has no message", "the message is not here; a backup may have it"),
    ("a message has no transfer", "nobody knows any more to whom it was to go; its content stays"),
    ("the content of a message was freed", "the octets are gone; a backup may have them"),
    ("the content of a message was not freed", "it takes room and does no harm; nothing is thrown away by a repair"),
    ("the content of a", "which of the two is right, the octets or what is said of them, nobody knows; a backup may have both"),
    ("the head of a mail", "which of the two is right, the octets or what is said of them, nobody knows"),
    ("a transfer under way has no account", "the account is not here; to end the transfer would be to guess that it was deleted"),
    ("a mailbox has no account", "mail lies in it, and the account is not here; a backup may have it"),
    ("a message lies in a mailbox that is not there", "the account is not here; a backup may have it"),
    ("a message in a mailbox shows a mail that is not there", "the octets are gone; a backup may have them"),
    ("a mail lies in no mailbox", "the account is not here; a backup may have it"),
    ("two mailboxes of an account have one use", "which of them it is, is for their owner to say"),
    ("an arrival was stored twice", "the reader may delete one"),
    ("a mail is of an arrival that was not stored", "the message may come a second time; nobody knows which row is right"),
    ("an object is named by a row, and is not there", "the octets are gone; a backup may have them"),
    ("an object is not", "what it holds is not what was stored; a backup may have it"),
    ("more contact attempts", "some can be dismissed with `twoway contacts`"),
    ("two accounts have one name", "to whom it belongs is for you to say: remove one alias"),
    ("an account has a name that does not lead to it", "another account has it"),
];

/// Why anything else is left.
const WHY_NOT_AT_ALL: &str = "what it should be cannot be told from other data";

/// What came of a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// Violations that are there no more.
    pub repaired: Vec<String>,
    /// Those that are, and why.
    pub left: Vec<(String, &'static str)>,
}

impl Store {
    /// Puts right what can be without guessing. Objects that nobody knows of are moved to `aside`.
    ///
    /// # Errors
    /// The store is not available. What was repaired stays repaired.
    pub async fn repair(&self, aside: &Arc<dyn ObjectStore>, jitter: Jitter) -> Result<Mended> {
        let before = self.check().await?;
        if !before.is_empty() {
            // First what others are looked up by; last what nobody names when all else is right.
            self.mend_transfers().await?;
            self.mend_arrivals().await?;
            let now = self.now();
            self.resume_accounts(now - RESERVED_MAX, now).await?;
            self.resume_redecisions(now, jitter).await?;
            self.mend_relations().await?;
            self.mend_names().await?;
            self.put_strays_aside(&before, aside).await?;
        }
        let after = self.check().await?;
        let repaired = before.into_iter().filter(|found| !after.contains(found)).collect();
        let left = after.into_iter().map(|found| {
            let why = WHY_NOT.iter().find(|(begins, _why)| found.starts_with(begins)).map_or(WHY_NOT_AT_ALL, |(_begins, why)| *why);
            (found, why)
        });
        Ok(Mended { repaired, left: left.collect() })
    }

    async fn mend_relations(&self) -> Result<()> {
        let now = self.now();
        let one = async |sql: Sql| self.write_whole(move |tx| tx.execute(sql, params![]).map(drop)).await;
        self.mend_mailboxes().await?;
        self.mend_index().await?;
        for sql in [DROP_ENTRIES, DROP_ALIASES, KEEP_NAMED, DROP_LEASES] {
            one(sql).await?;
        }
        let let_go = move |tx: &mut dyn Tx| {
            tx.execute(LET_PARTS_GO, params![now])?;
            tx.execute(DROP_PARTS, params![]).map(drop)
        };
        self.write_whole(let_go).await?;
        let of_nobody =
            self.read_whole(|tx: &mut dyn Tx| tx.query(OF_NOBODY, params![PAGE])?.into_iter().map(|mut row| row.text()).collect()).await;
        let of_nobody: Vec<String> = of_nobody?;
        for account in of_nobody.iter().filter_map(|account| account.parse::<AccountId>().ok()) {
            // As the jobs do it with an arrival that they find without an account.
            self.erase_arrivals(account, now).await?;
        }
        Ok(())
    }

    /// The columns that transfers are found by say what their states say.
    async fn mend_transfers(&self) -> Result<()> {
        let mut after = (-1_i64, String::new());
        loop {
            let (part, id) = after.clone();
            let page = self.read(move |tx| tx.query(TRANSFERS, params![part, id.as_str(), PAGE])).await?;
            let is_last = page.len() < PAGE;
            for mut row in page {
                let (part, id, stage, due_at, state) = (row.int()?, row.text()?, row.text()?, row.time()?, row.text()?);
                after = (part, id.clone());
                let Ok(transfer) = serde_json::from_str::<Transfer>(&state) else { continue };
                if transfer_row::stage(&transfer) == stage && transfer.due_at() == due_at {
                    continue;
                }
                let set = move |tx: &mut dyn Tx| {
                    let values = params![part, id.as_str(), transfer_row::stage(&transfer), transfer.due_at(), state.as_str()];
                    tx.execute(SET_TRANSFER, values).map(drop)
                };
                self.write(partition(part)?, 0, set).await?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// The same of arrivals.
    async fn mend_arrivals(&self) -> Result<()> {
        let text = || Value::from("");
        let mut after = vec![Value::Int(-1), text(), text(), text(), text()];
        loop {
            let key = after.clone();
            let look = move |tx: &mut dyn Tx| {
                let values: Vec<_> = key.iter().cloned().chain([Value::from(PAGE)]).collect();
                tx.query(ARRIVALS, &values)
            };
            let page = self.read(look).await?;
            let is_last = page.len() < PAGE;
            for mut row in page {
                let part = row.int()?;
                let mut values = vec![Value::Int(part)];
                for _column in 0..4 {
                    values.push(Value::from(row.text()?));
                }
                after.clone_from(&values);
                let (expires, stage, due_at, state) = (row.time()?, row.text()?, row.time()?, row.text()?);
                let Ok(arrival) = serde_json::from_str::<Arrival>(&state) else { continue };
                let is_right =
                    arrival_row::stage(&arrival) == stage && arrival.expires == expires && rows::is_due_right(&arrival, due_at, expires);
                if is_right {
                    continue;
                }
                let due_at = arrival.due_at(moment(self.now(), Jitter::NONE, &self.timers()));
                values.extend([arrival.expires.into(), arrival_row::stage(&arrival).into(), due_at.into(), state.into()]);
                self.write(partition(part)?, 0, move |tx| tx.execute(SET_ARRIVAL, &values).map(drop)).await?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// The directory says what the accounts say.
    async fn mend_names(&self) -> Result<()> {
        let wrong = self.read_whole(names::wrong).await?;
        for (part, name, account) in wrong.strange {
            let drop_it = move |tx: &mut dyn Tx| tx.execute(DROP_NAME, params![part, name.as_str(), account.as_str()]).map(drop);
            self.write(zero(), 0, drop_it).await?;
        }
        for (name, account) in wrong.missing {
            let Ok(account) = account.parse::<AccountId>() else { continue };
            // If another has it, it stays theirs.
            if self.reserve_name(&name, account, self.now()).await?.account == account {
                self.activate_name(&name, account).await?;
            }
        }
        Ok(())
    }

    /// Objects that nobody knows of, to where somebody may look at them.
    async fn put_strays_aside(&self, before: &[String], aside: &Arc<dyn ObjectStore>) -> Result<()> {
        let unavailable = |error: object_store::Error| StoreError::Unavailable(error.to_string());
        for object in before.iter().filter_map(|found| objects::stray(found)) {
            let path = Path::from(object);
            let Ok(facts) = self.objects().head(&path).await else { continue };
            let content = StoredContent {
                size_octets: facts.size,
                digest: mail::digest::ContentDigest::of(b""),
                place: Place::Object(object.to_owned()),
            };
            let mut upload = aside.put_multipart(&path).await.map_err(unavailable)?;
            let mut reader = ContentReader::new(self, &content, 0);
            loop {
                let piece = reader.next().await?;
                if piece.is_empty() {
                    break;
                }
                upload.put_part(piece.into()).await.map_err(unavailable)?;
            }
            upload.complete().await.map_err(unavailable)?;
            self.remove_object(object).await?;
        }
        Ok(())
    }
}

fn partition(number: i64) -> Result<Partition> {
    let part = u16::try_from(number).ok().and_then(Partition::new);
    part.ok_or_else(|| StoreError::Damaged(format!("there is no partition {number}")))
}
