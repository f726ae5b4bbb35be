//! Mail between two accounts of this server: the same steps as between servers, without a network in between.

use std::sync::Arc;

use delivery::arrival::{ArrivalEvent, Received, Stage};
use delivery::transfer::TransferEvent;
use futures_util::stream::{self, TryStreamExt as _};
use mail::status::Status;
use store::{ArrivalRecord, Delivered, Evidence, Lease, NewArrival, Settled, StoreError, TransferRecord, Writer};

use crate::addressees;
use crate::events::Event;
use crate::listen::retrievals::notice_of;
use crate::node::Node;
use crate::work::accept::{Provenance, judge};
use crate::work::retrieve::MAILBOX_FULL;

/// Messages under way at once: what they commit is committed together. Each holds at most a megabyte of content.
const AT_ONCE: usize = 32;

/// Gives notices of transfers to accounts of this server.
///
/// # Errors
/// The store's.
pub async fn notify(node: &Arc<Node>, lease: &Lease, records: Vec<TransferRecord>) -> Result<(), StoreError> {
    stream::iter(records.into_iter().map(Ok)).try_for_each_concurrent(AT_ONCE, |record| notify_one(node, lease, record)).await
}

async fn notify_one(node: &Arc<Node>, lease: &Lease, record: TransferRecord) -> Result<(), StoreError> {
    let now = node.world.now();
    let expires = record.transfer.notice_expires(node.moment());
    let notice = mail::notice::Notice { expires, ..notice_of(&record, node.moment()) };
    let Some(account) = addressees::account(node, &record.recipient.mailbox).await? else {
        if node.store.was_noted(&notice, now).await? {
            return settle(node, lease, &record, TransferEvent::NoticeAccepted, "noticed on this server".to_owned()).await.map(drop);
        }
        let text = format!("there is no mailbox {}", record.recipient.mailbox);
        let event = TransferEvent::NoticeRefused { status: Status::permanent(1, 1), text: text.clone() };
        return settle(node, lease, &record, event, text).await.map(drop);
    };
    let evidence = Evidence { rule: "local".to_owned(), detail: "an account of this server".to_owned(), address: None };
    let told = Event::Noted { transfer: record.id.clone(), from: notice.from.clone(), to: notice.to.clone() };
    node.store.record_notices(vec![NewArrival { account: account.id, notice, evidence, decide_at: now, now }]).await?;
    node.events.tell(&told);
    // It can be decided while the rest is recorded here.
    node.due.raise();
    settle(node, lease, &record, TransferEvent::NoticeAccepted, "noticed on this server".to_owned()).await?;
    node.events.tell(&Event::NoticeAccepted { transfer: record.id, host: node.settings.hostname.to_string() });
    Ok(())
}

/// Retrieves, confirms and declines what waits on this server itself. Those who come to this are wanted.
///
/// # Errors
/// The store's.
pub async fn retrieve(node: &Arc<Node>, lease: &Lease, records: Vec<ArrivalRecord>) -> Result<(), StoreError> {
    stream::iter(records.into_iter().map(Ok)).try_for_each_concurrent(AT_ONCE, |record| retrieve_one(node, lease, record)).await
}

async fn retrieve_one(node: &Arc<Node>, lease: &Lease, record: ArrivalRecord) -> Result<(), StoreError> {
    let done = match record.arrival.stage.clone() {
        Stage::Due { .. } => fetch(node, lease, &record).await,
        Stage::Stored { .. } => tell(node, lease, &record, TransferEvent::Confirmed).await,
        Stage::Declining { status, text, .. } => tell(node, lease, &record, TransferEvent::Declined { status, text }).await,
        Stage::Noted { .. } | Stage::Listed | Stage::Dropped { .. } | Stage::Ended(_) => Ok(()),
    };
    match done {
        Ok(()) => Ok(()),
        Err(StoreError::LeaseLost) => Err(StoreError::LeaseLost),
        // Trouble with one message puts it off, and must not hold up the others.
        Err(error) => put_off(node, lease, &record, &error).await,
    }
}

async fn put_off(node: &Arc<Node>, lease: &Lease, record: &ArrivalRecord, error: &StoreError) -> Result<(), StoreError> {
    tracing::warn!(%error, id = %record.key.id, "a message between two accounts is put off");
    let event = match record.arrival.stage {
        Stage::Stored { .. } | Stage::Declining { .. } => ArrivalEvent::OriginUnreached,
        Stage::Due { .. } | Stage::Noted { .. } | Stage::Listed | Stage::Dropped { .. } | Stage::Ended(_) => {
            ArrivalEvent::Deferred { received: Received::Nothing }
        }
    };
    settle_arrival(node, lease, record, event, &error.to_string()).await
}

async fn fetch(node: &Arc<Node>, lease: &Lease, record: &ArrivalRecord) -> Result<(), StoreError> {
    let found = node.store.transfer(&record.key.id).await?;
    // As for a peer: the id alone is not enough, it must be that recipient's.
    let is_theirs = |transfer: &TransferRecord| transfer.recipient.mailbox == record.notice.to && transfer.from == record.notice.from;
    let Some(transfer) = found.filter(|transfer| is_theirs(transfer) && transfer.transfer.may_be_retrieved()) else {
        return settle_arrival(node, lease, record, ArrivalEvent::Vanished, "expired or withdrawn").await;
    };
    // A connection that retrieves this holds a lease; so do we.
    let lease_length = node.settings.timers.lease;
    let Some(_held) = node.retrievals.take(&transfer.id, node.world.now(), lease_length) else {
        let event = ArrivalEvent::Deferred { received: Received::Nothing };
        return settle_arrival(node, lease, record, event, "another connection is retrieving this").await;
    };
    let served = settle(node, lease, &transfer, TransferEvent::AboutToServeLastOctet, "handed to this server".to_owned()).await?;
    if !served.is_some_and(|settled| settled.after.last_octet_may_leave()) {
        return settle_arrival(node, lease, record, ArrivalEvent::Vanished, "expired or withdrawn").await;
    }
    let content = node.store.copy_content(&transfer.content, record.key.account).await?;
    let host = node.settings.hostname.to_string();
    let provenance = Provenance { host: &host, protocol: "LOCAL", reverse_path: &transfer.reverse_path };
    let size_octets = content.size_octets;
    match judge(node, record, &content, &provenance).await? {
        Ok(acceptable) => {
            let delivery = acceptable.into_delivery(node, lease, &record.key, content, host);
            match node.store.deliver(delivery).await? {
                Delivered::Stored => {
                    let (transfer, to) = (record.key.id.clone(), record.notice.to.clone());
                    node.events.tell(&Event::Stored { transfer, to, size_octets });
                    tell(node, lease, record, TransferEvent::Confirmed).await
                }
                Delivered::NotDue => Ok(()),
                Delivered::OverQuota => {
                    let event = ArrivalEvent::Deferred { received: Received::Octets };
                    settle_arrival(node, lease, record, event, MAILBOX_FULL).await
                }
            }
        }
        Err(refusal) => {
            let event = ArrivalEvent::ContentRefused { target: host, status: refusal.status, text: refusal.text.clone() };
            settle_arrival(node, lease, record, event, &refusal.text).await?;
            tell(node, lease, record, TransferEvent::Declined { status: refusal.status, text: refusal.text }).await
        }
    }
}

/// CONFIRM or DECLINE, and what their reply would do.
async fn tell(node: &Arc<Node>, lease: &Lease, record: &ArrivalRecord, event: TransferEvent) -> Result<(), StoreError> {
    if let Some(transfer) = node.store.transfer_briefly(&record.key.id).await? {
        let text = if event == TransferEvent::Confirmed { "stored on this server" } else { "refused by this server" };
        settle(node, lease, &transfer, event, text.to_owned()).await?;
    }
    settle_arrival(node, lease, record, ArrivalEvent::OriginKnows, "").await?;
    node.events.tell(&Event::Done { transfer: record.key.id.clone() });
    Ok(())
}

async fn settle(
    node: &Arc<Node>,
    lease: &Lease,
    record: &TransferRecord,
    event: TransferEvent,
    detail: String,
) -> Result<Option<Settled>, StoreError> {
    node.settle_event(&record.id, event, Some(detail), Writer::Job(lease.clone())).await
}

async fn settle_arrival(
    node: &Arc<Node>,
    lease: &Lease,
    record: &ArrivalRecord,
    event: ArrivalEvent,
    detail: &str,
) -> Result<(), StoreError> {
    node.settle_arrival(&record.key, event, Some(detail.to_owned()), Writer::Job(lease.clone())).await?;
    Ok(())
}
