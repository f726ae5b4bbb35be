//! What lies in mailboxes: a message under a UID, with its flags. Any number of items show one mail.

pub(crate) mod append;
pub(crate) mod changes;
pub(crate) mod copy;
pub(crate) mod expunge;
pub(crate) mod flags;

use mail::flag::{Flags, SystemFlags};
use mail::id::{AccountId, MailId, MailboxId, Partition};
use mail::time::{Timestamp, Zone};

use crate::backend::{Columns, Sql, Tx, Value};
use crate::mailboxes::{keywords, number};
use crate::{Result, Store, StoreError, params, statements};

pub use append::{AppendRefusal, Appended, NewItem};
pub use changes::Changes;
pub use copy::{Copied, Copying};
pub use expunge::EXPUNGED_ROWS_MAX;
pub use flags::FlagsSet;

/// What a list of values in a statement holds: always as many, the last one again where there are fewer.
pub(crate) const LIST: usize = 100;

/// The parameters of such a list.
macro_rules! hundred {
    () => {
        "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, \
         ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40, ?41, ?42, ?43, ?44, ?45, ?46, ?47, ?48, ?49, ?50, ?51, \
         ?52, ?53, ?54, ?55, ?56, ?57, ?58, ?59, ?60, ?61, ?62, ?63, ?64, ?65, ?66, ?67, ?68, ?69, ?70, ?71, ?72, ?73, ?74, ?75, ?76, \
         ?77, ?78, ?79, ?80, ?81, ?82, ?83, ?84, ?85, ?86, ?87, ?88, ?89, ?90, ?91, ?92, ?93, ?94, ?95, ?96, ?97, ?98, ?99, ?100"
    };
}

macro_rules! item_columns {
    () => {
        "uid, modseq, flags, keywords, mail, received, zone_minutes, saved, size_octets"
    };
}

pub(crate) use {hundred, item_columns};

statements! {
    PAGE = concat!("SELECT ", item_columns!(), " FROM item WHERE part = ?1 AND account = ?2 AND mailbox = ?3 AND uid > ?4 ORDER BY uid LIMIT ?5");
    SOME = concat!("SELECT ", item_columns!(), " FROM item WHERE uid IN (", hundred!(), ") AND part = ?101 AND account = ?102 AND mailbox = ?103 \
                   ORDER BY uid");
    SHOWN = "SELECT mailbox, uid FROM item WHERE part = ?1 AND account = ?2 AND mail = ?3 ORDER BY mailbox, uid";
    CHANGE = "UPDATE mailbox SET uidnext = uidnext + ?4, modseq = modseq + 1, messages = messages + ?5, unseen = unseen + ?6, \
              deleted = deleted + ?7, octets = octets + ?8, deleted_octets = deleted_octets + ?9 \
              WHERE part = ?1 AND account = ?2 AND id = ?3 AND name IS NOT NULL";
    CHANGE_NAMED = "UPDATE mailbox SET uidnext = uidnext + ?4, modseq = modseq + 1, messages = messages + ?5, unseen = unseen + ?6, \
                    deleted = deleted + ?7, octets = octets + ?8, deleted_octets = deleted_octets + ?9 \
                    WHERE part = ?1 AND account = ?2 AND name = ?3";
    CHANGED = "SELECT id, uidvalidity, uidnext, modseq FROM mailbox WHERE part = ?1 AND account = ?2 AND id = ?3";
    CHANGED_NAMED = "SELECT id, uidvalidity, uidnext, modseq FROM mailbox WHERE part = ?1 AND account = ?2 AND name = ?3";
}

/// Every statement about items.
pub(crate) fn all_statements() -> Vec<Sql> {
    [STATEMENTS, append::STATEMENTS, changes::STATEMENTS, copy::STATEMENTS, expunge::STATEMENTS, flags::STATEMENTS].concat()
}

/// A message in a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Names it in its mailbox, as long as the mailbox's UIDVALIDITY lasts.
    pub uid: u32,
    /// Which change of the mailbox was its last.
    pub modseq: u64,
    /// Its flags.
    pub flags: Flags,
    /// What it shows.
    pub mail: MailId,
    /// When the message was received: INTERNALDATE.
    pub received: Timestamp,
    /// In which zone that was said.
    pub zone: Zone,
    /// When it came into this mailbox.
    pub saved: Timestamp,
    /// Of the whole message.
    pub size_octets: u64,
}

/// Which of the items that are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    /// All of them.
    All,
    /// Those with `\Deleted`.
    Deleted,
}

impl Store {
    /// Messages of a mailbox with greater UIDs than this one, in their order.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn items(&self, account: AccountId, mailbox: MailboxId, after_uid: u32, max: usize) -> Result<Vec<Item>> {
        let page = move |tx: &mut dyn Tx| tx.list(PAGE, params![Partition::of(account), account, mailbox, after_uid, max], item);
        self.read(page).await
    }

    /// Those of these messages that are there, in the order of their UIDs.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn items_of(&self, account: AccountId, mailbox: MailboxId, uids: Vec<u32>) -> Result<Vec<Item>> {
        let uids = sorted(uids);
        self.read(move |tx| some(tx, account, mailbox, &uids)).await
    }

    /// Where a mail lies: mailboxes and UIDs.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn items_that_show(&self, account: AccountId, mail: MailId) -> Result<Vec<(MailboxId, u32)>> {
        let list = move |tx: &mut dyn Tx| {
            let rows = tx.query(SHOWN, params![Partition::of(account), account, mail])?;
            rows.into_iter().map(|mut row| Ok((row.parsed()?, number(&mut row)?))).collect()
        };
        self.read(list).await
    }
}

/// In order, each once.
pub(crate) fn sorted(mut uids: Vec<u32>) -> Vec<u32> {
    uids.sort_unstable();
    uids.dedup();
    uids
}

/// Values in lists as statements take them, [`LIST`] at a time.
pub(crate) fn hundreds<T: Copy + Into<Value<'static>>>(all: &[T]) -> impl Iterator<Item = Vec<Value<'static>>> {
    all.chunks(LIST).map(|some| {
        let last = some.last().copied();
        some.iter().copied().chain(std::iter::repeat_n(last, LIST - some.len()).flatten()).map(Into::into).collect()
    })
}

/// A list with the parameters behind it.
pub(crate) fn with<'a>(list: Vec<Value<'a>>, others: &[Value<'a>]) -> Vec<Value<'a>> {
    list.into_iter().chain(others.iter().cloned()).collect()
}

/// Those of these items that are there, in the order of their UIDs; the list is.
pub(crate) fn some(tx: &mut dyn Tx, account: AccountId, mailbox: MailboxId, uids: &[u32]) -> Result<Vec<Item>> {
    let part = Partition::of(account);
    let mut found = Vec::with_capacity(uids.len());
    if let Some((first, last)) = in_a_row(uids) {
        found = tx.list(PAGE, params![part, account, mailbox, first.saturating_sub(1), uids.len()], item)?;
        found.retain(|item| item.uid <= last);
        return Ok(found);
    }
    for list in hundreds(uids) {
        let values = with(list, params![part, account, mailbox]);
        found.extend(tx.list(SOME, &values, item)?);
    }
    Ok(found)
}

/// The first and the last of UIDs that follow one another without a gap: they are read in a row.
pub(crate) fn in_a_row(uids: &[u32]) -> Option<(u32, u32)> {
    let (first, last) = (*uids.first()?, *uids.last()?);
    let has_no_gap = uids.windows(2).all(|pair| matches!(pair, [one, next] if one.checked_add(1) == Some(*next)));
    (first < last && has_no_gap).then_some((first, last))
}

pub(crate) fn item(row: &mut Columns<'_>) -> Result<Item> {
    Ok(Item {
        uid: number(row)?,
        modseq: row.count()?,
        flags: Flags { system: system(row)?, keywords: keywords(&row.text_here()?)? },
        mail: row.parsed()?,
        received: row.time()?,
        zone: zone(row)?,
        saved: row.time()?,
        size_octets: row.count()?,
    })
}

/// The zone of a column.
pub(crate) fn zone(row: &mut Columns<'_>) -> Result<Zone> {
    let minutes = row.int()?;
    Zone::from_minutes(minutes).ok_or_else(|| StoreError::Damaged(format!("a column holds {minutes} as a zone")))
}

/// The flags of a column.
pub(crate) fn system(row: &mut Columns<'_>) -> Result<SystemFlags> {
    let bits = row.int()?;
    let flags = u8::try_from(bits).ok().and_then(SystemFlags::from_bits);
    flags.ok_or_else(|| StoreError::Damaged(format!("a column holds {bits} as flags")))
}

/// By how much the counters of a mailbox change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    messages: i64,
    unseen: i64,
    deleted: i64,
    octets: i64,
    deleted_octets: i64,
}

impl Tally {
    /// An item comes.
    pub(crate) fn add(&mut self, flags: SystemFlags, size_octets: u64) {
        self.count(flags, size_octets, 1);
    }

    /// An item goes.
    pub(crate) fn remove(&mut self, flags: SystemFlags, size_octets: u64) {
        self.count(flags, size_octets, -1);
    }

    fn count(&mut self, flags: SystemFlags, size_octets: u64, sign: i64) {
        let octets = i64::try_from(size_octets).unwrap_or(i64::MAX).saturating_mul(sign);
        self.messages += sign;
        self.octets = self.octets.saturating_add(octets);
        if !flags.has(SystemFlags::SEEN) {
            self.unseen += sign;
        }
        if flags.has(SystemFlags::DELETED) {
            self.deleted += sign;
            self.deleted_octets = self.deleted_octets.saturating_add(octets);
        }
    }
}

/// A mailbox by its name or by its id.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'a> {
    Named(&'a str),
    Id(MailboxId),
}

/// A mailbox as it is after a change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct After {
    pub(crate) id: MailboxId,
    pub(crate) uid_validity: u32,
    pub(crate) uid_next: u32,
    pub(crate) modseq: u64,
}

/// Gives the next UIDs of a mailbox, `uids` of them, and its next modification sequence, and counts what changes. `None`:
/// the mailbox is not there, or is going.
pub(crate) fn change(tx: &mut dyn Tx, account: AccountId, target: Target<'_>, uids: usize, tally: &Tally) -> Result<Option<After>> {
    let Tally { messages, unseen, deleted, octets, deleted_octets } = *tally;
    let (sql, changed, name): (_, _, Value<'_>) = match target {
        Target::Named(name) => (CHANGE_NAMED, CHANGED_NAMED, name.into()),
        Target::Id(id) => (CHANGE, CHANGED, id.into()),
    };
    let part = Partition::of(account);
    let values = [
        part.into(),
        account.into(),
        name.clone(),
        uids.into(),
        messages.into(),
        unseen.into(),
        deleted.into(),
        octets.into(),
        deleted_octets.into(),
    ];
    // With RETURNING, SQLite copies each page that it changes first: several times what all the rest of it takes.
    if tx.execute(sql, &values)? == 0 {
        return Ok(None);
    }
    let Some(mut row) = tx.one(changed, &[part.into(), account.into(), name])? else { return Ok(None) };
    tx.touch(account);
    let after = After { id: row.parsed()?, uid_validity: number(&mut row)?, uid_next: number(&mut row)?, modseq: row.count()? };
    Ok(Some(after))
}
