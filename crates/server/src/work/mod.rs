//! Background jobs: finds what is due, groups it by peer, and has it done.
//!
//! The table of transfers and arrivals is the truth; what is held in memory only keeps a job from being begun
//! twice at a time. A job that is lost (a crash, a panic) is still due, and is found again.

pub mod accept;
pub mod decide;
mod fetch;
pub mod local;
pub mod notify;
pub mod relay;
pub mod retrieve;
pub mod sweep;
pub mod under_way;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use delivery::arrival::{ArrivalEvent, ArrivalTask};
use delivery::transfer::TransferEvent;
use mail::address::Domain;
use mail::time::Timestamp;
use store::{ArrivalRecord, Lease, Settle, SettleArrival, StoreError, TransferRecord, Writer};

use crate::node::Node;
use crate::work::under_way::{Claim, UnderWay};
use crate::world::first;

/// How long a node may be silent before others take over its partitions.
const LEASE_LENGTH: Duration = Duration::from_mins(1);

/// How often the table is looked at, whatever was or was not said: covers lost words.
const POLL: Duration = Duration::from_secs(1);

/// Jobs of one sort looked at in one round.
const ROUND_MAX: usize = 1000;

/// Notices given over one connection, one after the other.
const NOTICES_PER_CONNECTION: usize = 200;

/// Messages retrieved, confirmed or declined over one connection.
const RETRIEVALS_PER_CONNECTION: usize = 16;

/// Starts the jobs of this node.
pub fn start(node: &Arc<Node>) {
    node.world.spawn("work", Box::pin(run(Arc::clone(node))));
}

/// Finds out how the store was left before the first lease changes that; then works.
async fn run(node: Arc<Node>) {
    let left = loop {
        match node.store.last_seen().await {
            Ok(left) => break left,
            Err(error) => tracing::warn!(%error, "jobs wait for the store"),
        }
        wait(&node, None).await;
        if node.stop.is_raised() {
            return;
        }
    };
    node.world.spawn("sweep", Box::pin(sweep::run(Arc::clone(&node), left)));
    dispatch(node).await;
}

/// Looks for what is due until the node stops.
async fn dispatch(node: Arc<Node>) {
    let owner = node.owner();
    let under_way = UnderWay::default();
    let mut lease: Option<Lease> = None;
    while !node.stop.is_raised() {
        node.due.lower();
        let round = async {
            let held = renew(&node, &owner, lease.take()).await?;
            dispatch_transfers(&node, &held, &under_way).await?;
            dispatch_arrivals(&node, &held, &under_way).await?;
            let next = node.store.next_due(&held).await?;
            Ok::<_, StoreError>((held, next))
        };
        let next = match round.await {
            Ok((held, next)) => {
                lease = Some(held);
                next
            }
            Err(error) => {
                tracing::warn!(%error, "jobs wait for the store");
                None
            }
        };
        wait(&node, next).await;
    }
    hand_back(&node, &under_way, lease).await;
}

/// Gives the partitions back once nothing that writes to them is under way: the next to hold them need not wait.
async fn hand_back(node: &Node, under_way: &UnderWay, lease: Option<Lease>) {
    loop {
        // The end of a job raises it.
        node.due.lower();
        if under_way.transfers() + under_way.arrivals() == 0 {
            break;
        }
        first(node.world.sleep_until(node.world.now() + POLL), node.due.raised()).await;
    }
    if let Some(lease) = lease
        && let Err(error) = node.store.release(&lease).await
    {
        tracing::warn!(%error, "the partitions stay ours until the lease ends");
    }
}

/// Waits until something is due, somebody says so, or the poll's time has come.
async fn wait(node: &Node, next: Option<Timestamp>) {
    let now = node.world.now();
    // What is due already and still there is under way; its end raises `due`.
    let until = next.filter(|next| now < *next).map_or(now + POLL, |next| next.min(now + POLL));
    first(node.world.sleep_until(until), first(node.due.raised(), node.stop.raised())).await;
}

/// The lease, renewed in its second half.
async fn renew(node: &Node, owner: &str, held: Option<Lease>) -> Result<Lease, StoreError> {
    let now = node.world.now();
    match held {
        Some(lease) if now + LEASE_LENGTH / 2 < lease.until => Ok(lease),
        _ => node.store.lease(owner, now, now + LEASE_LENGTH).await,
    }
}

async fn dispatch_transfers(node: &Arc<Node>, lease: &Lease, under_way: &UnderWay) -> Result<(), StoreError> {
    let limit = ROUND_MAX + under_way.transfers();
    let due = node.store.due_transfers(lease, node.world.now(), limit).await?;
    let mut notices: BTreeMap<Domain, Vec<TransferRecord>> = BTreeMap::new();
    for mut record in due {
        if under_way.has_transfer(&record.id) {
            continue;
        }
        let (after, actions) = record.transfer.clone().on(TransferEvent::TimePassed, node.moment());
        let is_forgotten = matches!(after, delivery::transfer::Transfer::Ended { .. });
        if after != record.transfer || !actions.is_empty() || is_forgotten {
            settle(node, lease, &record, TransferEvent::TimePassed, None).await?;
            record.transfer = after;
        }
        if record.transfer.wants_relay(node.world.now()) {
            relay::defer(node, lease, &record).await?;
        } else if record.transfer.wants_notice(node.world.now()) {
            notices.entry(record.recipient.mailbox.domain().clone()).or_default().push(record);
        }
    }
    for (domain, mut records) in notices {
        while !records.is_empty() {
            let batch: Vec<_> = records.drain(..records.len().min(NOTICES_PER_CONNECTION)).collect();
            let Some(claim) = under_way.claim_transfers(node, &domain, batch.iter().map(|record| record.id.clone())) else { break };
            spawn(node, "notify", claim, notify::run(Arc::clone(node), lease.clone(), domain.clone(), batch));
        }
    }
    Ok(())
}

async fn dispatch_arrivals(node: &Arc<Node>, lease: &Lease, under_way: &UnderWay) -> Result<(), StoreError> {
    let limit = ROUND_MAX + under_way.arrivals();
    let due = node.store.due_arrivals(lease, node.world.now(), limit).await?;
    let mut undecided = Vec::new();
    let mut peers: BTreeMap<Domain, Vec<ArrivalRecord>> = BTreeMap::new();
    for record in due {
        if under_way.has_arrival(&record.key) {
            continue;
        }
        match record.arrival.task(node.moment()) {
            Some(ArrivalTask::Decide) => undecided.push(record.key),
            Some(ArrivalTask::Expire) => {
                settle_arrival(node, lease, &record, ArrivalEvent::TimePassed, None).await?;
            }
            Some(ArrivalTask::Retrieve | ArrivalTask::Confirm | ArrivalTask::Decline) => {
                peers.entry(record.key.origin.clone()).or_default().push(record);
            }
            None => {}
        }
    }
    decide::run(node, lease, undecided).await?;
    for (origin, mut records) in peers {
        while !records.is_empty() {
            let batch: Vec<_> = records.drain(..records.len().min(RETRIEVALS_PER_CONNECTION)).collect();
            let Some(claim) = under_way.claim_arrivals(node, &origin, batch.iter().map(|record| record.key.clone())) else { break };
            spawn(node, "retrieve", claim, retrieve::run(Arc::clone(node), lease.clone(), origin.clone(), batch));
        }
    }
    Ok(())
}

/// Runs a job beside the others; its claim ends with it.
fn spawn(node: &Node, name: &'static str, claim: Claim, job: impl Future<Output = Result<(), StoreError>> + Send + 'static) {
    let task = async move {
        if let Err(error) = job.await {
            tracing::warn!(job = name, %error, "a job was given up; what is still due is begun again");
        }
        drop(claim);
    };
    node.world.spawn(name, Box::pin(task));
}

/// Records an event of a transfer, and tells what came of it.
async fn settle(
    node: &Node,
    lease: &Lease,
    record: &TransferRecord,
    event: TransferEvent,
    detail: Option<String>,
) -> Result<(), StoreError> {
    let settle = Settle {
        id: record.id.clone(),
        event,
        detail,
        report: node.new_mail_id(),
        now: node.world.now(),
        jitter: node.jitter(),
        writer: Writer::Job(lease.clone()),
    };
    node.settle(settle).await?;
    Ok(())
}

/// Records an event of an arrival.
async fn settle_arrival(
    node: &Node,
    lease: &Lease,
    record: &ArrivalRecord,
    event: ArrivalEvent,
    detail: Option<String>,
) -> Result<Option<ArrivalRecord>, StoreError> {
    let settle = SettleArrival {
        key: record.key.clone(),
        event,
        detail,
        now: node.world.now(),
        jitter: node.jitter(),
        writer: Writer::Job(lease.clone()),
    };
    node.store.settle_arrival(settle).await
}
