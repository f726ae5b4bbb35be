//! The row of the destination's side: one for each notice, found by its key.

use delivery::arrival::{Arrival, Stage};
use delivery::schedule::Moment;
use mail::address::Mailbox;
use mail::id::{AccountId, Partition};
use mail::notice::Notice;
use mail::time::Timestamp;

use crate::backend::{Row, Sql, Tx};
use crate::{ArrivalKey, ArrivalRecord, Evidence, NewArrival, Result, StoreError, codec, orphans, params, statements};

/// The columns of an [`ArrivalRecord`], of the table under the name `a`.
macro_rules! arrival_columns {
    () => {
        "a.account, a.origin, a.id, a.recipient_key, a.sender, a.recipient, a.size_octets, a.date, a.expires, a.noted_at, a.body, \
         a.smtputf8, a.require_tls, a.kind, a.name, a.subject, a.reference, a.list, a.evidence_rule, a.evidence_detail, \
         a.evidence_address, a.detail, a.state"
    };
}

pub(crate) use arrival_columns;

statements! {
    INSERT = "INSERT INTO arrival (part, account, origin, id, recipient_key, sender, sender_key, recipient, size_octets, date, expires, \
              noted_at, body, smtputf8, require_tls, kind, name, subject, reference, list, evidence_rule, evidence_detail, \
              evidence_address, stage, due_at, detail, state, heard_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, \
              ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, '', ?26, ?12) ON CONFLICT (part, account, origin, id, recipient_key) DO NOTHING";
    LOAD = concat!("SELECT ", arrival_columns!(), " FROM arrival a WHERE a.part = ?1 AND a.account = ?2 AND a.origin = ?3 AND a.id = ?4 \
                   AND a.recipient_key = ?5");
    DUE = concat!("SELECT ", arrival_columns!(), " FROM arrival a JOIN lease l ON l.part = a.part \
                  WHERE a.due_at <= ?1 AND l.owner = ?2 AND l.epoch <= ?3 AND a.due_at >= ?4 AND (a.due_at, a.id) > (?4, ?5) \
                  ORDER BY a.due_at, a.id LIMIT ?6");
    /// The contact attempts of an account.
    LISTED = concat!("SELECT ", arrival_columns!(), " FROM arrival a WHERE a.part = ?1 AND a.account = ?2 AND a.stage = 'listed' \
                     ORDER BY a.noted_at, a.origin, a.id, a.recipient_key");
    /// Whether one sender has any.
    LISTED_OF = "SELECT id FROM arrival WHERE part = ?1 AND account = ?2 AND origin = ?3 AND sender_key = ?4 AND stage = 'listed' LIMIT 1";
    OF_ACCOUNT = concat!("SELECT ", arrival_columns!(), " FROM arrival a WHERE a.part = ?1 AND a.account = ?2 LIMIT ?3");
    UPDATE = "UPDATE arrival SET expires = ?6, stage = ?7, due_at = ?8, detail = ?9, state = ?10 WHERE part = ?1 AND account = ?2 \
              AND origin = ?3 AND id = ?4 AND recipient_key = ?5";
    /// The same within a stage: the index of contact attempts is left alone, which would make a repeat of theirs a write more.
    UPDATE_WITHIN = "UPDATE arrival SET expires = ?6, due_at = ?7, detail = ?8, state = ?9 WHERE part = ?1 AND account = ?2 \
                     AND origin = ?3 AND id = ?4 AND recipient_key = ?5";
    HEARD = "UPDATE arrival SET heard_at = ?6 WHERE part = ?1 AND account = ?2 AND origin = ?3 AND id = ?4 AND recipient_key = ?5";
    DELETE = "DELETE FROM arrival WHERE part = ?1 AND account = ?2 AND origin = ?3 AND id = ?4 AND recipient_key = ?5";
    PARTIALS = "SELECT object FROM partial WHERE part = ?1 AND account = ?2 AND origin = ?3 AND id = ?4 AND recipient_key = ?5";
    DELETE_PARTIALS = "DELETE FROM partial WHERE part = ?1 AND account = ?2 AND origin = ?3 AND id = ?4 AND recipient_key = ?5";
}

pub(crate) const DUE_ARRIVALS: Sql = DUE;

/// The name of a state, as the `stage` column has it.
pub(crate) fn stage(arrival: &Arrival) -> &'static str {
    match arrival.stage {
        Stage::Noted { .. } => "noted",
        Stage::Listed => "listed",
        Stage::Dropped { .. } => "dropped",
        Stage::Due { .. } => "due",
        Stage::Stored { .. } => "stored",
        Stage::Declining { .. } => "declining",
        Stage::Ended(_) => "ended",
    }
}

/// The key that a notice for this account has.
pub(crate) fn key_of(account: AccountId, notice: &Notice) -> ArrivalKey {
    ArrivalKey { account, origin: notice.from.domain().clone(), id: notice.id.clone(), recipient: notice.to.key() }
}

/// Inserts a row. `false` if its key is here already.
pub(crate) fn insert(tx: &mut dyn Tx, new: &NewArrival, arrival: &Arrival, at: Moment<'_>) -> Result<bool> {
    let NewArrival { account, notice, evidence, .. } = new;
    let values = params![
        Partition::of(*account),
        *account,
        notice.from.domain(),
        &notice.id,
        notice.to.key(),
        notice.from.to_string(),
        notice.from.key(),
        notice.to.to_string(),
        notice.size_octets,
        notice.date,
        arrival.expires,
        new.now,
        notice.body.as_str(),
        notice.smtputf8,
        notice.require_tls,
        notice.kind.as_str(),
        notice.name.as_deref(),
        notice.subject.as_deref(),
        notice.reference.as_ref(),
        notice.list.as_deref(),
        &evidence.rule,
        &evidence.detail,
        evidence.address.map(|address| address.to_string()),
        stage(arrival),
        arrival.due_at(at),
        codec::to_json(arrival)?,
    ];
    Ok(tx.execute(INSERT, values)? == 1)
}

/// Notes that the notice came again. Written each time, whatever became of it: a repeat that changes nothing would need
/// no sync, and its reply would come sooner.
pub(crate) fn heard(tx: &mut dyn Tx, key: &ArrivalKey, now: Timestamp) -> Result<()> {
    let ArrivalKey { account, origin, id, recipient } = key;
    tx.execute(HEARD, params![Partition::of(*account), *account, origin, id, recipient, now]).map(drop)
}

/// The arrival of this key.
pub(crate) fn load(tx: &mut dyn Tx, key: &ArrivalKey) -> Result<Option<ArrivalRecord>> {
    let ArrivalKey { account, origin, id, recipient } = key;
    tx.one(LOAD, params![Partition::of(*account), *account, origin, id, recipient])?.map(|mut row| record(&mut row)).transpose()
}

/// The records of a query with the columns of an arrival.
pub(crate) fn records(rows: Vec<Row>) -> Result<Vec<ArrivalRecord>> {
    rows.into_iter().map(|mut row| record(&mut row)).collect()
}

fn record(row: &mut Row) -> Result<ArrivalRecord> {
    let key = ArrivalKey { account: row.parsed()?, origin: row.parsed()?, id: row.parsed()?, recipient: row.text()? };
    let (from, to): (Mailbox, Mailbox) = (row.parsed()?, row.parsed()?);
    let (size_octets, date, expires, noted_at) = (row.count()?, row.time()?, row.time()?, row.time()?);
    let (body, smtputf8, require_tls) = (codec::body(&row.text()?)?, row.flag()?, row.flag()?);
    let (kind, name, subject) = (codec::kind(&row.text()?)?, row.text_or_null()?, row.text_or_null()?);
    let reference = codec::reference(row)?;
    let list = row.text_or_null()?;
    let (rule, detail, address) = (row.text()?, row.text()?, row.text_or_null()?);
    let address = address.map(|text| text.parse()).transpose();
    let address = address.map_err(|error| StoreError::Damaged(format!("an address in a column: {error}")))?;
    let evidence = Evidence { rule, detail, address };
    let id = key.id.clone();
    let notice = Notice { from, to, id, size_octets, date, expires, body, smtputf8, require_tls, name, subject, kind, reference, list };
    Ok(ArrivalRecord { key, notice, noted_at, evidence, detail: row.text()?, arrival: row.json()? })
}

/// Writes how far an arrival has come. Parts of the content go when they are of no use any more.
pub(crate) fn update(tx: &mut dyn Tx, record: &ArrivalRecord, before: &Arrival, at: Moment<'_>) -> Result<()> {
    let ArrivalKey { account, origin, id, recipient } = &record.key;
    let (part, arrival) = (Partition::of(*account), &record.arrival);
    let state = codec::to_json(arrival)?;
    let due_at = arrival.due_at(at);
    if stage(before) == stage(arrival) {
        tx.execute(UPDATE_WITHIN, params![part, *account, origin, id, recipient, arrival.expires, due_at, &record.detail, state])?;
    } else {
        let values = params![part, *account, origin, id, recipient, arrival.expires, stage(arrival), due_at, &record.detail, state];
        tx.execute(UPDATE, values)?;
    }
    // Not when it only expires later: a repeat of its notice would be a write more than one of what is not shown.
    if (before.stage == Stage::Listed) != (arrival.stage == Stage::Listed) {
        tx.touch(*account);
    }
    if matches!(before.stage, Stage::Due { .. }) && !matches!(arrival.stage, Stage::Due { .. }) {
        drop_partials(tx, &record.key, at.now)?;
    }
    Ok(())
}

/// Deletes a row, and the parts of its content.
pub(crate) fn delete(tx: &mut dyn Tx, key: &ArrivalKey, now: Timestamp) -> Result<()> {
    drop_partials(tx, key, now)?;
    let ArrivalKey { account, origin, id, recipient } = key;
    tx.execute(DELETE, params![Partition::of(*account), *account, origin, id, recipient]).map(drop)
}

/// What came of the content so far is of no use any more.
pub(crate) fn drop_partials(tx: &mut dyn Tx, key: &ArrivalKey, now: Timestamp) -> Result<()> {
    let ArrivalKey { account, origin, id, recipient } = key;
    let part = Partition::of(*account);
    let objects = tx.query(PARTIALS, params![part, *account, origin, id, recipient])?;
    if objects.is_empty() {
        return Ok(());
    }
    for mut row in objects {
        orphans::note(tx, part, &row.text()?, now)?;
    }
    tx.execute(DELETE_PARTIALS, params![part, *account, origin, id, recipient]).map(drop)
}

/// All contact attempts of an account, earliest first.
pub(crate) fn listed(tx: &mut dyn Tx, account: AccountId) -> Result<Vec<ArrivalRecord>> {
    records(tx.query(LISTED, params![Partition::of(account), account])?)
}

/// Whether a sender has contact attempts at an account.
pub(crate) fn is_listed(tx: &mut dyn Tx, account: AccountId, sender: &Mailbox) -> Result<bool> {
    Ok(tx.one(LISTED_OF, params![Partition::of(account), account, sender.domain(), sender.key()])?.is_some())
}

/// Arrivals of an account, some of them.
pub(crate) fn of_account(tx: &mut dyn Tx, account: AccountId, limit: usize) -> Result<Vec<ArrivalRecord>> {
    records(tx.query(OF_ACCOUNT, params![Partition::of(account), account, limit])?)
}
