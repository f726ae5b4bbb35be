//! The rows of the origin's side: a message, and a transfer for each of its recipients.

use delivery::transfer::Transfer;
use mail::digest::ContentDigest;
use mail::envelope::{Recipient, Way};
use mail::id::{AccountId, MessageId, NoticeId, Partition};
use mail::time::Timestamp;

use crate::backend::{Row, Sql, Tx};
use crate::content::{Place, StoredContent};
use crate::{Attempt, Keep, NewTransfer, Result, StoreError, TransferRecord, codec, params, statements};

/// The columns of a [`TransferRecord`] but for the octets of its content.
macro_rules! transfer_columns {
    () => {
        "t.id, t.account, t.message, t.recipient, t.report, t.original, t.state, t.since, t.detail, t.attempt, m.sender, m.reverse_path, m.kept, \
         m.body, m.smtputf8, m.envelope_id, m.returns, m.require_tls, m.twoway_only, m.subject, m.kind, \
         m.reference, m.list, m.size_octets, m.digest, m.place, m.object"
    };
}

macro_rules! transfer_with_message {
    () => {
        " FROM transfer t JOIN message m ON m.part = t.part AND m.id = t.message"
    };
}

statements! {
    INSERT_MESSAGE = "INSERT INTO message (part, id, account, kept, sender, reverse_path, envelope_id, returns, body, smtputf8, subject, \
                      size_octets, digest, place, object, header, octets, require_tls, twoway_only, \
                      internet_id, kind, list, reference) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23) \
                      ON CONFLICT (part, id) DO NOTHING";
    INSERT_TRANSFER = "INSERT INTO transfer (part, id, account, message, sender_key, recipient, recipient_key, report, original, stage, \
                       due_at, since, detail, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, '', ?13)";
    LOAD = concat!("SELECT ", transfer_columns!(), ", m.octets", transfer_with_message!(), " WHERE t.part = ?1 AND t.id = ?2");
    LOAD_BRIEFLY = concat!("SELECT ", transfer_columns!(), transfer_with_message!(), " WHERE t.part = ?1 AND t.id = ?2");
    SENT = concat!("SELECT ", transfer_columns!(), transfer_with_message!(), " WHERE t.part = ?1 AND t.account = ?2 \
                   ORDER BY m.kept DESC, t.message DESC, t.id");
    OPEN_OF_ACCOUNT = concat!("SELECT ", transfer_columns!(), transfer_with_message!(), " WHERE t.part = ?1 AND t.account = ?2 \
                              AND t.stage <> 'ended' ORDER BY t.id LIMIT ?3");
    DUE = concat!("SELECT ", transfer_columns!(), transfer_with_message!(), " JOIN lease l ON l.part = t.part \
                  WHERE t.due_at <= ?1 AND l.owner = ?2 AND l.epoch <= ?3 AND t.due_at >= ?4 AND (t.due_at, t.id) > (?4, ?5) \
                  ORDER BY t.due_at, t.id LIMIT ?6");
    WAITING = concat!("SELECT ", transfer_columns!(), transfer_with_message!(), " WHERE t.part = ?1 AND t.sender_key = ?2 \
                      AND t.recipient_key = ?3 AND t.id > ?4 AND t.stage IN ('notifying', 'waiting', 'served', 'uncertain') \
                      ORDER BY t.id LIMIT ?5");
    UPDATE = "UPDATE transfer SET stage = ?3, due_at = ?4, since = ?5, detail = ?6, state = ?7, attempt = ?8 WHERE part = ?1 AND id = ?2";
    DELETE = "DELETE FROM transfer WHERE part = ?1 AND id = ?2";
    SIBLINGS = "SELECT COUNT(*) FROM transfer WHERE part = ?1 AND message = ?2";
    OPEN_SIBLINGS = "SELECT COUNT(*) FROM transfer WHERE part = ?1 AND message = ?2 AND stage <> 'ended'";
    FREE = "UPDATE message SET place = 'freed', object = NULL, octets = NULL WHERE part = ?1 AND id = ?2";
    DELETE_MESSAGE = "DELETE FROM message WHERE part = ?1 AND id = ?2";
    ENVELOPE = "SELECT envelope_id, returns, header FROM message WHERE part = ?1 AND id = ?2";
    OCTETS = "SELECT octets FROM message WHERE part = ?1 AND id = ?2";
}

pub(crate) const DUE_TRANSFERS: Sql = DUE;
pub(crate) const WAITING_TRANSFERS: Sql = WAITING;
pub(crate) const SENT_TRANSFERS: Sql = SENT;
pub(crate) const OPEN_TRANSFERS: Sql = OPEN_OF_ACCOUNT;

/// The name of a state, as the `stage` column has it.
pub(crate) fn stage(transfer: &Transfer) -> &'static str {
    match transfer {
        Transfer::Notifying { .. } => "notifying",
        Transfer::Waiting { .. } => "waiting",
        Transfer::Served { .. } => "served",
        Transfer::Uncertain { .. } => "uncertain",
        Transfer::Relaying { .. } => "relaying",
        Transfer::Ended { .. } => "ended",
    }
}

/// The `place`, `object` and `octets` columns.
type PlaceColumns<'a> = (&'static str, Option<&'a str>, Option<&'a [u8]>);

/// Where content is, as its columns have it.
pub(crate) fn place_columns(content: &StoredContent) -> Result<PlaceColumns<'_>> {
    match &content.place {
        Place::Row(octets) => Ok(("row", None, Some(octets))),
        Place::Object(name) => Ok(("object", Some(name), None)),
        Place::Unread | Place::Freed => Err(StoreError::Damaged("content to store that is not there".to_owned())),
    }
}

/// Content from `size_octets`, `digest`, `place` and `object`; octets in a row are read later, or not at all.
pub(crate) fn content(row: &mut Row) -> Result<StoredContent> {
    let size_octets = row.count()?;
    let digest = row.blob()?.try_into().map_err(|_length| StoreError::Damaged("a digest of another length".to_owned()))?;
    let (place, object) = (row.text()?, row.text_or_null()?);
    let place = match (place.as_str(), object) {
        ("row", None) => Place::Unread,
        ("object", Some(name)) => Place::Object(name),
        ("freed", None) => Place::Freed,
        (other, object) => return Err(StoreError::Damaged(format!("content in place {other:?} with object {object:?}"))),
    };
    Ok(StoredContent { size_octets, digest: ContentDigest::from_bytes(digest), place })
}

/// Fills in octets from the last column of a row.
pub(crate) fn fill(content: &mut StoredContent, row: &mut Row) -> Result<()> {
    if content.place == Place::Unread {
        content.place = Place::Row(row.blob()?);
    }
    Ok(())
}

/// A message and its transfers, all of them new. `false` if the message is here already.
pub(crate) fn insert(tx: &mut dyn Tx, keep: &Keep, internet_id: &str, transfer: &Transfer) -> Result<bool> {
    let part = Partition::of(keep.account);
    let (place, object, octets) = place_columns(&keep.content)?;
    let reverse_path = keep.reverse_path.mailbox().map(ToString::to_string).unwrap_or_default();
    let values = params![
        part,
        keep.message,
        keep.account,
        keep.kept,
        keep.from.to_string(),
        reverse_path,
        keep.envelope_id.as_deref(),
        codec::returns_name(keep.returns),
        keep.body.as_str(),
        keep.smtputf8,
        &keep.subject,
        keep.content.size_octets,
        keep.content.digest.as_bytes(),
        place,
        object,
        &keep.header,
        octets,
        keep.way.require_tls,
        keep.way.twoway_only,
        internet_id,
        keep.kind.as_str(),
        keep.list.as_deref(),
        keep.reference.as_ref(),
    ];
    if tx.execute(INSERT_MESSAGE, values)? == 0 {
        return Ok(false);
    }
    tx.touch(keep.account);
    let (sender_key, state) = (keep.from.key(), codec::to_json(transfer)?);
    for NewTransfer { id, recipient } in &keep.transfers {
        if id.partition() != Some(part) {
            return Err(StoreError::Damaged(format!("the id {id} is of another partition than its account")));
        }
        let values = params![
            part,
            id,
            keep.account,
            keep.message,
            &sender_key,
            recipient.mailbox.to_string(),
            recipient.mailbox.key(),
            recipient.report.to_param(),
            recipient.original.as_deref(),
            stage(transfer),
            transfer.due_at(),
            keep.kept,
            &state,
        ];
        tx.execute(INSERT_TRANSFER, values)?;
    }
    Ok(true)
}

/// The transfer of this id, with the octets of small content.
pub(crate) fn load(tx: &mut dyn Tx, part: Partition, id: &NoticeId) -> Result<Option<TransferRecord>> {
    let Some(mut row) = tx.one(LOAD, params![part, id])? else { return Ok(None) };
    let mut record = record(&mut row)?;
    fill(&mut record.content, &mut row)?;
    Ok(Some(record))
}

/// The transfer of this id, without the octets.
pub(crate) fn load_briefly(tx: &mut dyn Tx, part: Partition, id: &NoticeId) -> Result<Option<TransferRecord>> {
    tx.one(LOAD_BRIEFLY, params![part, id])?.map(|mut row| record(&mut row)).transpose()
}

/// The records of a query with the columns of a transfer.
pub(crate) fn records(rows: Vec<Row>) -> Result<Vec<TransferRecord>> {
    rows.into_iter().map(|mut row| record(&mut row)).collect()
}

fn record(row: &mut Row) -> Result<TransferRecord> {
    Ok(TransferRecord {
        id: row.parsed()?,
        account: row.parsed()?,
        message: row.parsed()?,
        recipient: Recipient { mailbox: row.parsed()?, report: codec::report_wish(row)?, original: row.text_or_null()? },
        transfer: row.json()?,
        since: row.time()?,
        detail: row.text()?,
        attempt: row.json_or_null()?,
        from: row.parsed()?,
        reverse_path: row.parsed()?,
        kept: row.time()?,
        body: codec::body(&row.text()?)?,
        smtputf8: row.flag()?,
        envelope_id: row.text_or_null()?,
        returns: codec::returns(&row.text()?)?,
        way: Way { require_tls: row.flag()?, twoway_only: row.flag()? },
        subject: row.text()?,
        kind: codec::kind(&row.text()?)?,
        reference: codec::reference(row)?,
        list: row.text_or_null()?,
        content: content(row)?,
    })
}

/// How far a transfer has come, and the latest words on it.
pub(crate) struct Progress<'a> {
    pub(crate) transfer: &'a Transfer,
    pub(crate) since: Timestamp,
    pub(crate) detail: &'a str,
    pub(crate) attempt: Option<&'a Attempt>,
}

/// Writes how far a transfer has come.
pub(crate) fn update(tx: &mut dyn Tx, id: &NoticeId, part: Partition, progress: &Progress<'_>) -> Result<()> {
    let Progress { transfer, since, detail, attempt } = progress;
    let state = codec::to_json(transfer)?;
    let attempt = attempt.map(codec::to_json).transpose()?;
    tx.execute(UPDATE, params![part, id, stage(transfer), transfer.due_at(), *since, *detail, state, attempt])?;
    Ok(())
}

/// Frees a message's content, if none of its transfers needs it any more. Returns the object that nobody names then.
pub(crate) fn free_content(tx: &mut dyn Tx, part: Partition, record: &TransferRecord) -> Result<Option<String>> {
    if count(tx, OPEN_SIBLINGS, part, record.message)? > 0 {
        return Ok(None);
    }
    tx.execute(FREE, params![part, record.message])?;
    match &record.content.place {
        Place::Object(name) => Ok(Some(name.clone())),
        Place::Row(_) | Place::Unread | Place::Freed => Ok(None),
    }
}

/// Deletes a transfer, and its message if it was the last of it.
pub(crate) fn delete(tx: &mut dyn Tx, part: Partition, id: &NoticeId, message: MessageId) -> Result<()> {
    tx.execute(DELETE, params![part, id])?;
    if count(tx, SIBLINGS, part, message)? == 0 {
        tx.execute(DELETE_MESSAGE, params![part, message])?;
    }
    Ok(())
}

fn count(tx: &mut dyn Tx, sql: Sql, part: Partition, message: MessageId) -> Result<u64> {
    tx.one(sql, params![part, message])?.map_or(Ok(0), |mut row| row.count())
}

/// What of a message only a report needs.
pub(crate) struct Envelope {
    pub(crate) id: Option<String>,
    pub(crate) returns: Option<mail::envelope::ReturnWish>,
    pub(crate) header: Vec<u8>,
}

pub(crate) fn envelope(tx: &mut dyn Tx, part: Partition, message: MessageId) -> Result<Envelope> {
    let row = tx.one(ENVELOPE, params![part, message])?;
    let mut row = row.ok_or_else(|| StoreError::Damaged(format!("a transfer of the message {message}, which is not there")))?;
    Ok(Envelope { id: row.text_or_null()?, returns: codec::returns(&row.text()?)?, header: row.blob()? })
}

/// The octets of content that is in the message's row.
pub(crate) fn octets(tx: &mut dyn Tx, part: Partition, message: MessageId) -> Result<Option<Vec<u8>>> {
    tx.one(OCTETS, params![part, message])?.map_or(Ok(None), |mut row| row.blob_or_null())
}

/// The transfers of an account that have not ended, some of them.
pub(crate) fn open_of_account(tx: &mut dyn Tx, account: AccountId, limit: usize) -> Result<Vec<TransferRecord>> {
    records(tx.query(OPEN_TRANSFERS, params![Partition::of(account), account, limit])?)
}
