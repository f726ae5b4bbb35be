//! What dates and sorts the messages of a mailbox: many in one transaction, each read where the one before it lay.

use mail::id::{AccountId, MailId, MailboxId, Partition};
use mail::sent::Sent;
use mail::time::{Timestamp, Zone};

use super::looking::{self, IN_A_ROW, summary_columns};
use crate::backend::{Columns, Tx};
use crate::items::{hundred, hundreds, with, zone};
use crate::mailboxes::number;
use crate::{Result, Store, params, statements};

statements! {
    BETWEEN = concat!("SELECT ", summary_columns!(), " FROM summary WHERE part = ?1 AND account = ?2 AND mail >= ?3 AND mail <= ?4 \
                      ORDER BY mail LIMIT ?5");
    SOME = concat!("SELECT ", summary_columns!(), " FROM summary WHERE mail IN (", hundred!(), ") AND part = ?101 AND account = ?102 \
                   ORDER BY mail");
    STAMPS = "SELECT uid, mail, received, zone_minutes, saved, size_octets FROM item WHERE part = ?1 AND account = ?2 AND mailbox = ?3 AND uid > ?4 \
              ORDER BY uid LIMIT ?5";
}

/// What never changes of a message in a mailbox, and is said without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamps {
    /// Its UID.
    pub uid: u32,
    /// Its mail.
    pub mail: MailId,
    /// INTERNALDATE.
    pub received: Timestamp,
    /// In which zone that was said.
    pub zone: Zone,
    /// SAVEDATE.
    pub saved: Timestamp,
    /// Of the whole message.
    pub size_octets: u64,
}

/// What sorts a message, where it lies: the columns of a [`Summary`](mail::summary::Summary).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortedBy<'a> {
    /// When it says it was sent.
    pub sent: Option<Sent>,
    /// Its subject says that it is a reply or a forward.
    pub is_reply: bool,
    /// The subject without that.
    pub subject: &'a str,
    /// Of the first address in From.
    pub from: &'a str,
    /// Of To.
    pub to: &'a str,
    /// Of Cc.
    pub cc: &'a str,
    /// The first name in From, or else its address.
    pub display_from: &'a str,
    /// The same of To.
    pub display_to: &'a str,
    /// Its own id.
    pub message_id: Option<&'a str>,
    /// The ids it refers to, with line ends between them.
    pub references: &'a str,
}

impl Store {
    /// What dates messages of a mailbox with greater UIDs than this one, in their order.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn stamps(&self, account: AccountId, mailbox: MailboxId, after_uid: u32, max: usize) -> Result<Vec<Stamps>> {
        let page = move |tx: &mut dyn Tx| tx.list(STAMPS, params![Partition::of(account), account, mailbox, after_uid, max], stamps);
        self.read(page).await
    }

    /// Gives `take` the same, in the order of their mail, with what sorts them: nothing of those that the index has not seen.
    /// Returns what it made of them.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn sorted_by<T, F>(&self, account: AccountId, mailbox: MailboxId, after_uid: u32, max: usize, take: F) -> Result<T>
    where
        T: Default + Send + 'static,
        F: Fn(&mut T, Stamps, Option<&SortedBy<'_>>) + Send + 'static,
    {
        let page = move |tx: &mut dyn Tx| {
            let mut taken = T::default();
            let page = tx.list(STAMPS, params![Partition::of(account), account, mailbox, after_uid, max], stamps)?;
            with_what_sorts(tx, account, page, |stamps, sorted_by| take(&mut taken, stamps, sorted_by))?;
            Ok(taken)
        };
        self.read(page).await
    }
}

/// Messages of a page, in the order of their mail, until all are met by their summaries or passed.
struct Due<'a, F> {
    page: &'a [Stamps],
    take: F,
}

impl<F: FnMut(Stamps, Option<&SortedBy<'_>>)> Due<'_, F> {
    /// The next summary, in the same order. Messages before it have none.
    fn meet(&mut self, row: &mut Columns<'_>) -> Result<()> {
        let mail = row.parsed()?;
        self.pass(self.page.iter().take_while(|stamps| stamps.mail < mail).count());
        // The same mail may be shown twice in a mailbox.
        let shown = self.page.iter().take_while(|stamps| stamps.mail == mail).count();
        if shown > 0 {
            let (met, rest) = self.page.split_at_checked(shown).unwrap_or((self.page, &[]));
            self.page = rest;
            with_summary(row, |sorted_by| met.iter().for_each(|stamps| (self.take)(*stamps, Some(sorted_by))))?;
        }
        Ok(())
    }

    fn pass(&mut self, count: usize) {
        let (passed, rest) = self.page.split_at_checked(count).unwrap_or((self.page, &[]));
        self.page = rest;
        for stamps in passed {
            (self.take)(*stamps, None);
        }
    }
}

fn with_what_sorts(
    tx: &mut dyn Tx,
    account: AccountId,
    mut page: Vec<Stamps>,
    take: impl FnMut(Stamps, Option<&SortedBy<'_>>),
) -> Result<()> {
    let part = Partition::of(account);
    page.sort_unstable_by_key(|stamps| stamps.mail);
    let (Some(first), Some(last)) = (page.first(), page.last()) else { return Ok(()) };
    // Mostly they lie side by side, as they came. Where much of other mailboxes lies between them, that is passed over.
    let (rows_max, mut rows) = (page.len() * IN_A_ROW, 0);
    let (first, last) = (first.mail, last.mail);
    let mut due = Due { page: &page, take };
    tx.each(BETWEEN, params![part, account, first, last, rows_max], &mut |row| {
        rows += 1;
        due.meet(row)
    })?;
    if rows == rows_max {
        let mails: Vec<MailId> = due.page.iter().map(|stamps| stamps.mail).collect();
        for list in hundreds(&mails) {
            tx.each(SOME, &with(list, params![part, account]), &mut |row| due.meet(row))?;
        }
    }
    due.pass(due.page.len());
    Ok(())
}

/// Reads the columns of a summary, where they lie.
fn with_summary(row: &mut Columns<'_>, take: impl FnOnce(&SortedBy<'_>)) -> Result<()> {
    let sent = looking::sent(row)?;
    let (subject, is_reply) = (row.text_here()?, row.flag()?);
    let (from, to, cc) = (row.text_here()?, row.text_here()?, row.text_here()?);
    let (display_from, display_to) = (row.text_here()?, row.text_here()?);
    let (message_id, references) = (row.text_here_or_null()?, row.text_here()?);
    take(&SortedBy {
        sent,
        is_reply,
        subject: &subject,
        from: &from,
        to: &to,
        cc: &cc,
        display_from: &display_from,
        display_to: &display_to,
        message_id: message_id.as_deref(),
        references: &references,
    });
    Ok(())
}

fn stamps(row: &mut Columns<'_>) -> Result<Stamps> {
    Ok(Stamps {
        uid: number(row)?,
        mail: row.parsed()?,
        received: row.time()?,
        zone: zone(row)?,
        saved: row.time()?,
        size_octets: row.count()?,
    })
}
