//! Mailboxes and what lies in them: UIDs and modification sequences are given in the transaction that appends.

use mail::id::{AccountId, MailId, Partition};
use mail::time::Timestamp;

use crate::backend::{Row, Tx};
use crate::content::{Place, StoredContent};
use crate::transfer_row::{content, fill, place_columns};
use crate::{ArrivalKey, MailRow, Result, Store, StoreError, StoredMail, orphans, params, statements};

/// Where everything arrives.
pub(crate) const INBOX: &str = "INBOX";

/// Rows that one transaction deletes.
const ROWS_MAX: usize = 500;

macro_rules! mail_columns {
    () => {
        "id, mailbox, author, subject, received, head_octets, skip_octets, size_octets, digest, place, object"
    };
}

statements! {
    CREATE = "INSERT INTO mailbox (part, account, name, uidvalidity, uidnext, modseq) VALUES (?1, ?2, ?3, ?4, 1, 1) \
              ON CONFLICT (part, account, name) DO NOTHING";
    NEXT_UID = "UPDATE mailbox SET uidnext = uidnext + 1, modseq = modseq + 1 WHERE part = ?1 AND account = ?2 AND name = ?3 \
                RETURNING uidnext, modseq";
    INSERT = "INSERT INTO mail (part, account, id, mailbox, uid, modseq, received, author, subject, skip_octets, head_octets, size_octets, \
              digest, place, object, origin, notice, recipient_key, head, octets) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20) \
              ON CONFLICT (part, account, id) DO NOTHING";
    MOVE = "INSERT INTO mail (part, account, id, mailbox, uid, modseq, received, author, subject, skip_octets, head_octets, size_octets, \
            digest, place, object, head, octets) SELECT part, account, id, CAST(?4 AS TEXT), CAST(?5 AS BIGINT), CAST(?6 AS BIGINT), received, \
            sender, subject, skip_octets, head_octets, size_octets, digest, place, object, head, octets \
            FROM kept WHERE part = ?1 AND account = ?2 AND id = ?3";
    MOVED = "DELETE FROM kept WHERE part = ?1 AND account = ?2 AND id = ?3";
    LIST = concat!("SELECT ", mail_columns!(), " FROM mail WHERE part = ?1 AND account = ?2 ORDER BY received, id");
    LOAD = concat!("SELECT ", mail_columns!(), ", head, octets FROM mail WHERE part = ?1 AND account = ?2 AND id = ?3");
    SOME = "SELECT id, object FROM mail WHERE part = ?1 AND account = ?2 LIMIT ?3";
    DELETE = "DELETE FROM mail WHERE part = ?1 AND account = ?2 AND id = ?3";
}

/// A message to append.
pub(crate) struct NewMail<'a> {
    pub(crate) account: AccountId,
    pub(crate) id: MailId,
    pub(crate) mailbox: &'a str,
    pub(crate) received: Timestamp,
    pub(crate) author: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) head: &'a [u8],
    pub(crate) skip_octets: u64,
    pub(crate) content: &'a StoredContent,
    /// What brought it, if not this server itself.
    pub(crate) arrival: Option<&'a ArrivalKey>,
}

impl Store {
    /// The messages of an account, oldest first.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn mail_list(&self, account: AccountId) -> Result<Vec<MailRow>> {
        let list = move |tx: &mut dyn Tx| {
            let rows = tx.query(LIST, params![Partition::of(account), account])?;
            rows.into_iter().map(|mut row| mail(&mut row).map(|mail| mail.row)).collect()
        };
        self.read(list).await
    }

    /// One message of an account.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn mail(&self, account: AccountId, id: MailId) -> Result<Option<StoredMail>> {
        let load = move |tx: &mut dyn Tx| {
            let Some(mut row) = tx.one(LOAD, params![Partition::of(account), account, id])? else { return Ok(None) };
            let mut mail = mail(&mut row)?;
            mail.head = row.blob()?;
            fill(&mut mail.content, &mut row)?;
            Ok(Some(mail))
        };
        self.read(load).await
    }

    /// Deletes the mail of an account that is being deleted.
    pub(crate) async fn erase_mail(&self, account: AccountId, now: Timestamp) -> Result<()> {
        let part = Partition::of(account);
        loop {
            let erase = move |tx: &mut dyn Tx| {
                let some = tx.query(SOME, params![part, account, ROWS_MAX])?;
                let count = some.len();
                for mut row in some {
                    let (id, object) = (row.text()?, row.text_or_null()?);
                    tx.execute(DELETE, params![part, account, &id])?;
                    if let Some(object) = object {
                        orphans::note(tx, part, &object, now)?;
                    }
                }
                Ok(count)
            };
            if self.write(part, 0, erase).await? < ROWS_MAX {
                return Ok(());
            }
        }
    }
}

/// Makes a mailbox, unless it is there.
pub(crate) fn create(tx: &mut dyn Tx, part: Partition, account: AccountId, name: &str, now: Timestamp) -> Result<()> {
    // RFC 9051 section 2.3.1.1: 32 bits, greater for each mailbox of the same name.
    let uidvalidity = (now.as_millis() / 1000).clamp(1, i64::from(u32::MAX));
    tx.execute(CREATE, params![part, account, name, uidvalidity]).map(drop)
}

/// The next UID of a mailbox, and its modification sequence.
fn next_uid(tx: &mut dyn Tx, part: Partition, account: AccountId, mailbox: &str) -> Result<(i64, i64)> {
    let row = tx.one(NEXT_UID, params![part, account, mailbox])?;
    // A mailbox is made with its account, and goes with it.
    let mut row = row.ok_or_else(|| StoreError::Damaged(format!("the account {account} has no {mailbox}")))?;
    Ok((row.int()? - 1, row.int()?))
}

/// Puts a message last that was kept aside, and is no longer: only its recipient's own act leads here (`kept::release`).
pub(crate) fn append_kept(tx: &mut dyn Tx, part: Partition, account: AccountId, id: &str) -> Result<()> {
    let (uid, modseq) = next_uid(tx, part, account, INBOX)?;
    tx.execute(MOVE, params![part, account, id, INBOX, uid, modseq])?;
    tx.execute(MOVED, params![part, account, id]).map(drop)
}

/// Puts a message last, unless it is there already. The one place where a mailbox grows, with [`append_kept`]; four lead
/// here: what arrived and was consented to (`Store::deliver`), what was pushed (`Store::receive`), what this server itself
/// reports (`report`), and what the owner brings along (`Store::import`).
pub(crate) fn append(tx: &mut dyn Tx, part: Partition, mail: &NewMail<'_>) -> Result<()> {
    let (uid, modseq) = next_uid(tx, part, mail.account, mail.mailbox)?;
    let (place, object, octets) = place_columns(mail.content)?;
    let values = params![
        part,
        mail.account,
        mail.id,
        mail.mailbox,
        uid,
        modseq,
        mail.received,
        mail.author,
        mail.subject,
        mail.skip_octets,
        mail.head.len(),
        mail.content.size_octets,
        mail.content.digest.as_bytes(),
        place,
        object,
        mail.arrival.map(|key| &key.origin),
        mail.arrival.map(|key| &key.id),
        mail.arrival.map(|key| key.recipient.as_str()),
        mail.head,
        octets,
    ];
    tx.execute(INSERT, values).map(drop)
}

/// A message as the listing's columns have it: without its head, and without octets in its row.
fn mail(row: &mut Row) -> Result<StoredMail> {
    let (id, mailbox, from, subject, received) = (row.parsed()?, row.text()?, row.text()?, row.text()?, row.time()?);
    let (head_octets, skip_octets, content) = (row.count()?, row.count()?, content(row)?);
    debug_assert!(!matches!(content.place, Place::Freed), "mail has its content");
    let size_octets = head_octets + content.size_octets.saturating_sub(skip_octets);
    let row = MailRow { id, mailbox, from, subject, size_octets, received };
    Ok(StoredMail { row, head: Vec::new(), content, skip_octets })
}
