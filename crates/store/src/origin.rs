//! The origin's side: messages kept for their recipients, and what becomes of each transfer.

use delivery::schedule::Timers;
use delivery::transfer::Transfer;
use mail::address::{Domain, Mailbox};
use mail::id::{AccountId, NoticeId, Partition};
use mail::message::HeaderSection;
use mail::time::Timestamp;

use crate::backend::Tx;
use crate::content::Place;
use crate::queue::Haste;
use crate::{Keep, Result, Store, StoreError, TransferRecord};
use crate::{accounts, consent, made, moment, orphans, params, settle, transfer_row};

/// Rows that one transaction changes on behalf of one command.
const ROWS_MAX: usize = 200;

impl Store {
    /// Takes in a message: content, envelope and a transfer for each recipient. After this, 250.
    ///
    /// # Errors
    /// The store is not available, or the account is no more.
    pub async fn keep(&self, message: Keep) -> Result<()> {
        let (part, timers, host) = (Partition::of(message.account), self.timers(), self.host());
        let octets = match &message.content.place {
            Place::Row(octets) => octets.len(),
            Place::Object(_) | Place::Unread | Place::Freed => 0,
        };
        self.write_in(Haste::WithCrowd, part, octets + message.header.len(), move |tx| keep(tx, &message, &host, &timers)).await
    }

    /// The transfer of this id, whatever its state.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn transfer(&self, id: &NoticeId) -> Result<Option<TransferRecord>> {
        let Some(part) = id.partition() else { return Ok(None) };
        let id = id.clone();
        self.read(move |tx| transfer_row::load(tx, part, &id)).await
    }

    /// The same without the octets.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn transfer_briefly(&self, id: &NoticeId) -> Result<Option<TransferRecord>> {
        let Some(part) = id.partition() else { return Ok(None) };
        let id = id.clone();
        self.read(move |tx| transfer_row::load_briefly(tx, part, &id)).await
    }

    /// What waits from one address for another (PENDING), by id, after `after`. Without the octets.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn waiting(&self, from: &Mailbox, to: &Mailbox, after: Option<&NoticeId>, limit: usize) -> Result<Vec<TransferRecord>> {
        let Some(account) = self.recipient_account(from).await? else { return Ok(Vec::new()) };
        let (from, to) = (from.key(), to.key());
        let after = after.map(|id| id.as_str().to_owned()).unwrap_or_default();
        let list = move |tx: &mut dyn Tx| {
            let values = params![Partition::of(account), &from, &to, &after, limit];
            transfer_row::records(tx.query(transfer_row::WAITING_TRANSFERS, values)?)
        };
        self.read(list).await
    }

    /// All transfers of an account, latest first. Without the octets.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn sent(&self, account: AccountId) -> Result<Vec<TransferRecord>> {
        let list =
            move |tx: &mut dyn Tx| transfer_row::records(tx.query(transfer_row::SENT_TRANSFERS, params![Partition::of(account), account])?);
        self.read(list).await
    }

    /// Ends the transfers of an account that is being deleted. Its author is not there to be told.
    pub(crate) async fn end_transfers(&self, account: AccountId, now: Timestamp) -> Result<()> {
        let part = Partition::of(account);
        loop {
            let timers = self.timers();
            let end = move |tx: &mut dyn Tx| {
                let open = transfer_row::open_of_account(tx, account, ROWS_MAX)?;
                for record in &open {
                    settle::end_with_account(tx, part, record, now, &timers)?;
                }
                Ok(open.len())
            };
            if self.write(part, 0, end).await? < ROWS_MAX {
                return Ok(());
            }
        }
    }
}

fn keep(tx: &mut dyn Tx, message: &Keep, host: &Domain, timers: &Timers) -> Result<()> {
    let part = Partition::of(message.account);
    if accounts::screening_of(tx, message.account)?.is_none() {
        return Err(StoreError::Unavailable("the account is being deleted".to_owned()));
    }
    let first = Transfer::start(moment(message.kept, message.jitter, timers));
    // RFC 6409 section 8.3: what had none got this one.
    let internet_id = HeaderSection::read(&message.header).message_id().unwrap_or_else(|| format!("<{}@{host}>", message.message));
    if !transfer_row::insert(tx, message, &internet_id, &first)? {
        // Kept already; the answer was lost.
        return Ok(());
    }
    if let Place::Object(name) = &message.content.place {
        orphans::adopt(tx, part, name)?;
    }
    // Some programs put their copy into a mailbox first.
    made::sent::mark(tx, message.account, &internet_id)?;
    consent::note_replied_to(tx, message.account, &message.replied_to, message.jitter, timers)
}
