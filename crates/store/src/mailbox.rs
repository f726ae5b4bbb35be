//! Messages come into mailboxes: UIDs and modification sequences are given in the transaction that appends.

use mail::flag::{Flags, SystemFlags};
use mail::id::{AccountId, MailId, MailboxId, Partition};
use mail::time::{Timestamp, Zone};

use crate::backend::{Row, Tx};
use crate::content::{Place, StoredContent};
use crate::items::{After, Tally, Target, change, hundreds, with};
use crate::made::Made;
use crate::mailboxes::{INBOX, keyword_text, keywords};
use crate::transfer_row::{content, fill, place_columns};
use crate::{ArrivalKey, MailRow, Result, Store, StoreError, StoredMail, items, orphans, outline, params, statements};

/// Rows that one transaction deletes.
const ROWS_MAX: usize = 500;

macro_rules! mail_columns {
    () => {
        "m.id, m.author, m.subject, m.received, m.head_octets, m.skip_octets, m.size_octets, m.digest, m.place, m.object"
    };
}

statements! {
    INSERT = "INSERT INTO mail (part, account, id, received, author, subject, skip_octets, head_octets, size_octets, \
              digest, place, object, origin, notice, recipient_key, head, octets) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) \
              ON CONFLICT (part, account, id) DO NOTHING";
    SHOW = "INSERT INTO item (part, account, mailbox, uid, mail, modseq, flags, keywords, received, zone_minutes, saved, size_octets) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    MOVE = "INSERT INTO mail (part, account, id, received, author, subject, skip_octets, head_octets, size_octets, \
            digest, place, object, head, octets) SELECT part, account, id, received, sender, subject, skip_octets, head_octets, \
            size_octets, digest, place, object, head, octets FROM kept WHERE part = ?1 AND account = ?2 AND id = ?3";
    MOVED = "DELETE FROM kept WHERE part = ?1 AND account = ?2 AND id = ?3 RETURNING received, size_octets + head_octets - skip_octets";
    LIST = concat!("SELECT b.name, i.flags, i.keywords, ", mail_columns!(), " FROM item i JOIN mailbox b ON b.part = i.part AND b.account = i.account AND b.id = i.mailbox \
                   JOIN mail m ON m.part = i.part AND m.account = i.account AND m.id = i.mail \
                   WHERE i.part = ?1 AND i.account = ?2 AND b.name IS NOT NULL AND b.id NOT IN (?3, ?4) ORDER BY m.received, m.id, b.name, i.uid");
    LOAD = concat!("SELECT b.name, i.flags, i.keywords, ", mail_columns!(), ", m.head, m.octets FROM mail m \
                   JOIN item i ON i.part = m.part AND i.account = m.account AND i.mail = m.id \
                   JOIN mailbox b ON b.part = i.part AND b.account = i.account AND b.id = i.mailbox \
                   WHERE m.part = ?1 AND m.account = ?2 AND m.id = ?3 AND b.name IS NOT NULL ORDER BY b.name, i.uid LIMIT 1");
    LOAD_SOME = concat!("SELECT '', 0, '', ", mail_columns!(), ", m.head, m.octets FROM mail m WHERE m.id IN (", items::hundred!(), ") \
                        AND m.part = ?101 AND m.account = ?102 ORDER BY m.id");
    UNSHOWN = "INSERT INTO discarded (part, account, mail) VALUES (?1, ?2, ?3) ON CONFLICT (part, account, mail) DO NOTHING";
    SOME = "SELECT id, object FROM mail WHERE part = ?1 AND account = ?2 LIMIT ?3";
    DELETE = "DELETE FROM mail WHERE part = ?1 AND account = ?2 AND id = ?3";
    HIDE = "DELETE FROM item WHERE part = ?1 AND account = ?2 AND mail = ?3";
}

/// A message to append.
#[derive(Clone, Copy)]
pub(crate) struct NewMail<'a> {
    pub(crate) account: AccountId,
    pub(crate) id: MailId,
    pub(crate) mailbox: Target<'a>,
    pub(crate) flags: &'a Flags,
    pub(crate) received: Timestamp,
    pub(crate) zone: Zone,
    pub(crate) saved: Timestamp,
    pub(crate) author: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) head: &'a [u8],
    pub(crate) skip_octets: u64,
    pub(crate) content: &'a StoredContent,
    /// What brought it, if not this server itself.
    pub(crate) arrival: Option<&'a ArrivalKey>,
}

impl NewMail<'_> {
    /// Of the whole message.
    pub(crate) fn size_octets(&self) -> u64 {
        self.head.len() as u64 + self.content.size_octets.saturating_sub(self.skip_octets)
    }
}

impl Store {
    /// What lies in the mailboxes of an account, oldest first: a message as often as it lies there.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn mail_list(&self, account: AccountId) -> Result<Vec<MailRow>> {
        let list = move |tx: &mut dyn Tx| {
            let [one, other] = Made::ALL.map(|made| made.id(account));
            let rows = tx.query(LIST, params![Partition::of(account), account, one, other])?;
            rows.into_iter().map(|mut row| mail(&mut row).map(|mail| mail.row)).collect()
        };
        self.read(list).await
    }

    /// One message of an account, if it lies in a mailbox.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn mail(&self, account: AccountId, id: MailId) -> Result<Option<StoredMail>> {
        let load = move |tx: &mut dyn Tx| {
            let Some(mut row) = tx.one(LOAD, params![Partition::of(account), account, id])? else { return Ok(None) };
            whole(&mut row).map(Some)
        };
        self.read(load).await
    }

    /// Those of these messages that are there, by id, with their octets up to 32 KiB, wherever they lie: `row.mailbox` and
    /// `row.flags` are empty. All of them are held in memory; ask for a hundred at most.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn mails(&self, account: AccountId, ids: Vec<MailId>) -> Result<Vec<StoredMail>> {
        let load = move |tx: &mut dyn Tx| {
            let mut found = Vec::new();
            for list in hundreds(&ids) {
                for mut row in tx.query(LOAD_SOME, &with(list, params![Partition::of(account), account]))? {
                    found.push(whole(&mut row)?);
                }
            }
            Ok(found)
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
                    tx.execute(HIDE, params![part, account, &id])?;
                    tx.execute(DELETE, params![part, account, &id])?;
                    outline::delete(tx, part, account, &id)?;
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

/// An item that is to show a mail.
struct Show<'a> {
    id: &'a str,
    mailbox: Target<'a>,
    flags: &'a Flags,
    received: Timestamp,
    zone: Zone,
    saved: Timestamp,
    size_octets: u64,
}

/// Gives the next UID of a mailbox to a mail.
fn show(tx: &mut dyn Tx, account: AccountId, show: &Show<'_>) -> Result<After> {
    let Show { id, mailbox, flags, received, zone, saved, size_octets } = *show;
    let mut tally = Tally::default();
    tally.add(flags.system, size_octets);
    let after = change(tx, account, mailbox, 1, &tally)?;
    // A mailbox is made with its account, and goes with it; whoever names another has looked for it in this transaction.
    let after = after.ok_or_else(|| StoreError::Damaged(format!("the account {account} has no mailbox {mailbox:?}")))?;
    let values = params![
        Partition::of(account),
        account,
        after.id,
        items::append::last_uid(after),
        id,
        after.modseq,
        u32::from(flags.system.bits()),
        keyword_text(&flags.keywords),
        received,
        zone.minutes(),
        saved,
        size_octets,
    ];
    tx.execute(SHOW, values)?;
    Ok(after)
}

/// Puts a message last that was kept aside, and is no longer: only its recipient's own act leads here (`kept::release`).
/// `false` if it is not there.
pub(crate) fn append_kept(tx: &mut dyn Tx, account: AccountId, id: &str, copies: &[(MailboxId, Flags)], now: Timestamp) -> Result<bool> {
    let part = Partition::of(account);
    tx.execute(MOVE, params![part, account, id])?;
    let Some(mut row) = tx.one(MOVED, params![part, account, id])? else { return Ok(false) };
    let (received, size_octets) = (row.time()?, row.count()?);
    for (mailbox, flags) in copies {
        let item = Show { id, mailbox: Target::Id(*mailbox), flags, received, zone: Zone::UTC, saved: now, size_octets };
        show(tx, account, &item)?;
    }
    if copies.is_empty() {
        tx.execute(UNSHOWN, params![part, account, id])?;
    }
    Ok(true)
}

/// Puts a message last, unless it is there already: then nothing. The one place where a mailbox grows, with [`append_kept`]
/// and `items::copy`; five lead here: what arrived and was consented to (`Store::deliver`), what was pushed
/// (`Store::receive`), what this server itself reports (`report`), and what the owner brings along (`Store::import`) or a
/// client of theirs (`Store::append_messages`); a sixth makes messages of what the server knows (`made`).
pub(crate) fn append(tx: &mut dyn Tx, part: Partition, mail: &NewMail<'_>) -> Result<Option<After>> {
    if insert(tx, part, mail)? { show_also(tx, mail).map(Some) } else { Ok(None) }
}

/// Keeps a message that lies in no mailbox, for an errand, unless it is there already. The sweep takes it when that is done.
pub(crate) fn insert_unshown(tx: &mut dyn Tx, part: Partition, mail: &NewMail<'_>) -> Result<bool> {
    let is_new = insert(tx, part, mail)?;
    if is_new {
        tx.execute(UNSHOWN, params![part, mail.account, mail.id])?;
    }
    Ok(is_new)
}

/// Shows a message that is there in one more mailbox.
pub(crate) fn show_also(tx: &mut dyn Tx, mail: &NewMail<'_>) -> Result<After> {
    let id = mail.id.to_string();
    let item = Show {
        id: &id,
        mailbox: mail.mailbox,
        flags: mail.flags,
        received: mail.received,
        zone: mail.zone,
        saved: mail.saved,
        size_octets: mail.size_octets(),
    };
    show(tx, mail.account, &item)
}

fn insert(tx: &mut dyn Tx, part: Partition, mail: &NewMail<'_>) -> Result<bool> {
    let (place, object, octets) = place_columns(mail.content)?;
    let values = params![
        part,
        mail.account,
        mail.id,
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
    Ok(tx.execute(INSERT, values)? == 1)
}

/// Shows a mail that lies in no mailbox in its account's INBOX: for the repair.
pub(crate) fn show_again(tx: &mut dyn Tx, account: AccountId, id: &str, (received, size_octets): (Timestamp, u64)) -> Result<()> {
    let flags = Flags::from(SystemFlags::NONE);
    let item = Show { id, mailbox: Target::Named(INBOX), flags: &flags, received, zone: Zone::UTC, saved: received, size_octets };
    show(tx, account, &item).map(drop)
}

/// A message as the listing's columns have it: without its head, and without octets in its row.
fn mail(row: &mut Row) -> Result<StoredMail> {
    let (mailbox, flags) = (row.text()?, Flags { system: items::system(row)?, keywords: keywords(&row.text()?)? });
    let (id, from, subject, received) = (row.parsed()?, row.text()?, row.text()?, row.time()?);
    let (head_octets, skip_octets, content) = (row.count()?, row.count()?, content(row)?);
    debug_assert!(!matches!(content.place, Place::Freed), "mail has its content");
    let size_octets = head_octets + content.size_octets.saturating_sub(skip_octets);
    let row = MailRow { id, mailbox, from, subject, size_octets, received, flags };
    Ok(StoredMail { row, head: Vec::new(), content, skip_octets })
}

/// A message with its head, and the octets that are in its row.
fn whole(row: &mut Row) -> Result<StoredMail> {
    let mut mail = mail(row)?;
    mail.head = row.blob()?;
    fill(&mut mail.content, row)?;
    Ok(mail)
}
