//! Background jobs: finds what is due, groups it by peer, and has it done.
//!
//! The table of transfers and arrivals is the truth; what is held in memory only keeps a job from being begun
//! twice at a time. A job that is lost (a crash, a panic) is still due, and is found again.

pub mod accept;
pub mod decide;
mod errands;
mod fetch;
mod in_turn;
pub mod index;
pub mod local;
pub mod notify;
mod pending;
pub mod relay;
mod resume;
pub mod retrieve;
pub mod sweep;
pub mod under_way;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use delivery::arrival::{ArrivalEvent, ArrivalTask};
use delivery::transfer::{Transfer, TransferEvent};
use futures_util::future::join_all;
use mail::time::Timestamp;
use store::{ArrivalRecord, Errand, Lease, StoreError, TransferRecord, Writer};

use crate::node::{Happened, Node};
use crate::work::decide::Delays;
use crate::work::in_turn::{ByPeer, Walk, place_of_arrival, place_of_transfer};
use crate::work::under_way::UnderWay;
use crate::world::first;

/// How long a node may be silent before others take over its partitions.
const LEASE_LENGTH: Duration = Duration::from_mins(1);

/// How often the table is looked at, whatever was or was not said: covers lost words.
const POLL: Duration = Duration::from_secs(1);

/// Jobs of one sort looked at in one round: the first, and as many again on a walk over the rest.
const ROUND_MAX: usize = 1000;

/// Between two steps of such a walk.
const WALK_PAUSE: Duration = Duration::from_millis(20);

/// The longest rest after a round, and how many jobs must be under way for one.
const REST_MAX: Duration = Duration::from_millis(50);
const CROWD_MIN: usize = 32;

/// Between a job that the store gave up and its next attempt.
const JOB_PAUSE: Duration = Duration::from_secs(5);

/// Notices given over one connection, one after the other.
const NOTICES_PER_CONNECTION: usize = 200;

/// Ordinary messages passed on over one connection, before others have their turn.
const RELAYS_PER_CONNECTION: usize = 200;

/// Messages retrieved, confirmed or declined over one connection.
const RETRIEVALS_PER_CONNECTION: usize = 16;

/// Starts the jobs of this node.
pub fn start(node: &Arc<Node>) {
    node.world.spawn("work", Box::pin(run(Arc::clone(node))));
}

/// Finds out how the store was left before the first lease changes that; then works.
async fn run(node: Arc<Node>) {
    let left = loop {
        let look = async {
            let left = node.store.last_seen().await?;
            if let Some(kept_until) = left.untold {
                resume::after_restore(&node, kept_until).await?;
            }
            Ok::<_, StoreError>(left)
        };
        match look.await {
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
    // Of which epoch.
    let mut delays: Option<(i64, Delays)> = None;
    let (mut transfers_walk, mut arrivals_walk) = (Walk::default(), Walk::default());
    let mut indexing = Indexing::default();
    while !node.stop.is_raised() {
        node.due.lower();
        let begun = node.world.now();
        node.imap.forget_unused(begun);
        let round = async {
            let held = renew(&node, &owner, lease.take()).await?;
            under_way.begin_round();
            // One time for the whole round: what becomes due while it lasts is next, and not overlooked until the poll.
            let now = node.world.now();
            let due = node.store.due(&held, now, ROUND_MAX).await?;
            let transfers = dispatch_transfers(&node, &held, &under_way, &mut transfers_walk, now, due.transfers).await;
            // Trouble with one sort is no reason to leave the other.
            if delays.as_ref().is_some_and(|(epoch, _)| *epoch != held.epoch) {
                delays = None;
            }
            let (_, delays) = delays.get_or_insert_with(|| (held.epoch, Delays::draw(&node)));
            let decision = dispatch_arrivals(&node, &held, &under_way, &mut arrivals_walk, delays, now, due.arrivals).await?;
            transfers?;
            dispatch_errands(&node, &under_way, due.errands?);
            Ok::<_, StoreError>((held, due.next.into_iter().chain(decision).min()))
        };
        let next = match round.await {
            Ok((held, next)) => {
                indexing.go_on(&node, &held);
                lease = Some(held);
                let is_walking = transfers_walk.is_under_way() || arrivals_walk.is_under_way();
                let soon = is_walking.then(|| node.world.after(WALK_PAUSE));
                next.into_iter().chain(soon).min()
            }
            Err(error) => {
                tracing::warn!(%error, "jobs wait for the store");
                None
            }
        };
        if under_way.transfers() + under_way.arrivals() >= CROWD_MIN {
            rest(&node, begun).await;
        }
        wait(&node, next).await;
    }
    hand_back(&node, &under_way, lease).await;
}

/// The job that keeps the index up to date: one at a time, now and then.
#[derive(Default)]
struct Indexing {
    /// Whether it is under way.
    running: Arc<AtomicBool>,
    /// When it is begun again.
    next: Option<Timestamp>,
}

impl Indexing {
    fn go_on(&mut self, node: &Arc<Node>, lease: &Lease) {
        let now = node.world.now();
        if self.next.is_some_and(|next| now < next) || self.running.swap(true, Ordering::SeqCst) {
            return;
        }
        self.next = Some(now + POLL);
        let (node, lease, running) = (Arc::clone(node), lease.clone(), Arc::clone(&self.running));
        let world = Arc::clone(&node.world);
        let task = async move {
            // What panics lets go, too.
            let _ends = Ending(running);
            if let Err(error) = index::run(node, lease).await {
                tracing::warn!(%error, "the index stays behind for now; searches read what it lacks");
            }
        };
        world.spawn("index", Box::pin(task));
    }
}

struct Ending(Arc<AtomicBool>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// Gives the partitions back once nothing that writes to them is under way: the next to hold them need not wait.
async fn hand_back(node: &Node, under_way: &UnderWay, lease: Option<Lease>) {
    loop {
        // The end of a job raises it.
        node.due.lower();
        if under_way.transfers() + under_way.arrivals() + under_way.errands() == 0 {
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

/// Twice as long as the round took. It reads all that is due, and when much is, most of that is being worked on already;
/// each job that ends asks for the next round, so without a rest the store would do little else.
async fn rest(node: &Node, begun: Timestamp) {
    let now = node.world.now();
    let rest = (now.since(begun) * 2).min(REST_MAX);
    if !rest.is_zero() {
        first(node.world.sleep_until(now + rest), node.stop.raised()).await;
    }
}

/// Waits until something is due, somebody says so, or the poll's time has come.
async fn wait(node: &Node, next: Option<Timestamp>) {
    let now = node.world.now();
    let until = next.map_or(now + POLL, |next| next.min(now + POLL));
    first(node.world.sleep_until(until), first(node.due.raised(), node.stop.raised())).await;
}

/// The lease, renewed in its second half; and at once while nothing can be recorded, to learn when something can.
async fn renew(node: &Node, owner: &str, held: Option<Lease>) -> Result<Lease, StoreError> {
    let now = node.world.now();
    match held {
        Some(lease) if now + LEASE_LENGTH / 2 < lease.until && node.store.write_trouble().is_none() => Ok(lease),
        _ => {
            let lease = node.store.lease(owner, now, now + LEASE_LENGTH).await?;
            node.metrics.leased(lease.until);
            Ok(lease)
        }
    }
}

/// Looks at what is due among the transfers.
async fn dispatch_transfers(
    node: &Arc<Node>,
    lease: &Lease,
    under_way: &UnderWay,
    walk: &mut Walk,
    now: Timestamp,
    due: Result<Vec<TransferRecord>, StoreError>,
) -> Result<(), StoreError> {
    let mut due = due?;
    if let Some(place) = walk.next(due.len(), due.last().map(place_of_transfer)) {
        let rest = node.store.due_transfers_after(lease, now, &place, ROUND_MAX).await?;
        walk.came_to(rest.len(), rest.last().map(place_of_transfer));
        due.extend(rest);
    }
    due.retain(|record| !under_way.has_transfer(&record.id));
    let (mut notices, mut relays) = (ByPeer::default(), ByPeer::default());
    for record in let_time_pass(node, lease, due).await? {
        let domain = record.recipient.mailbox.domain();
        if record.transfer.wants_notice(now) {
            notices.add(domain.clone(), record);
        } else if record.transfer.wants_relay(now) {
            relays.add(relay::destination(node, domain), record);
        }
    }
    for (domain, mut records) in notices.in_order() {
        while !records.is_empty() {
            let batch: Vec<_> = records.drain(..records.len().min(NOTICES_PER_CONNECTION)).collect();
            let Some(claim) = under_way.claim_transfers(node, &domain, batch.iter().map(|record| record.id.clone())) else { break };
            spawn(node, "notify", claim, notify::run(Arc::clone(node), lease.clone(), domain.clone(), batch));
        }
    }
    for (destination, mut records) in relays.in_order() {
        // One transaction for all recipients of a message: they stay together as far as one connection goes.
        records.sort_by_key(|record| record.message);
        while !records.is_empty() {
            let batch: Vec<_> = records.drain(..records.len().min(RELAYS_PER_CONNECTION)).collect();
            let Some(claim) = under_way.claim_relays(node, &destination, batch.iter().map(|record| record.id.clone())) else { break };
            spawn(node, "relay", claim, relay::run(Arc::clone(node), lease.clone(), destination.clone(), batch));
        }
    }
    Ok(())
}

/// Has done what is to be sent because messages came.
fn dispatch_errands(node: &Arc<Node>, under_way: &UnderWay, due: Vec<Errand>) {
    let fresh: Vec<_> = due.into_iter().filter(|errand| !under_way.has_errand(errand.message)).collect();
    if !fresh.is_empty() {
        let claim = under_way.claim_errands(node, fresh.iter().map(|errand| errand.message));
        spawn(node, "errands", claim, errands::run(Arc::clone(node), fresh));
    }
}

/// Lets time pass for these transfers; recipients of one message together, so that one report tells of them all.
async fn let_time_pass(node: &Arc<Node>, lease: &Lease, mut due: Vec<TransferRecord>) -> Result<Vec<TransferRecord>, StoreError> {
    let mut passed = Vec::new();
    for record in &mut due {
        let (after, actions) = record.transfer.clone().on(TransferEvent::TimePassed, node.moment());
        let is_forgotten = matches!(after, Transfer::Ended { .. });
        if after != record.transfer || !actions.is_empty() || is_forgotten {
            passed.push(Happened::to(record, TransferEvent::TimePassed, None));
            record.transfer = after;
        }
    }
    let writer = Writer::Job(lease.clone());
    let groups = Happened::by_message(passed).into_iter().map(|group| async {
        let ids: Vec<_> = group.iter().map(|happened| happened.id.clone()).collect();
        (ids, node.settle_together(group, &writer).await)
    });
    for (ids, settled) in join_all(groups).await {
        match settled {
            Ok(_) => {}
            Err(StoreError::LeaseLost) => return Err(StoreError::LeaseLost),
            // One that can't be written must not hold up the others.
            Err(error) => {
                tracing::warn!(%error, "a transfer stays due");
                due.retain(|record| !ids.contains(&record.id));
            }
        }
    }
    Ok(due)
}

/// Looks at what is due among the arrivals. Returns when the next decision is to be made, of those that are delayed anew.
async fn dispatch_arrivals(
    node: &Arc<Node>,
    lease: &Lease,
    under_way: &UnderWay,
    walk: &mut Walk,
    delays: &Delays,
    now: Timestamp,
    due: Result<Vec<ArrivalRecord>, StoreError>,
) -> Result<Option<Timestamp>, StoreError> {
    let mut due = due?;
    let place_of = |record: &ArrivalRecord| place_of_arrival(record, node.moment());
    if let Some(place) = walk.next(due.len(), due.last().map(place_of)) {
        let rest = node.store.due_arrivals_after(lease, now, &place, ROUND_MAX).await?;
        walk.came_to(rest.len(), rest.last().map(place_of));
        due.extend(rest);
    }
    let (mut undecided, mut over, mut peers) = (Vec::new(), Vec::new(), ByPeer::default());
    let mut next_decision: Option<Timestamp> = None;
    for record in due.into_iter().filter(|record| !under_way.has_arrival(&record.key)) {
        match record.arrival.task(node.moment()) {
            Some(ArrivalTask::Decide) => match delays.decide_at(&record).filter(|at| now < *at) {
                Some(at) => next_decision = next_decision.into_iter().chain([at]).min(),
                None => undecided.push(record),
            },
            Some(ArrivalTask::Expire) => over.push(record),
            Some(ArrivalTask::Retrieve | ArrivalTask::Confirm | ArrivalTask::Decline) => peers.add(record.key.origin.clone(), record),
            None => {}
        }
    }
    let ended = over.iter().map(|record| node.settle_arrival(&record.key, ArrivalEvent::TimePassed, None, Writer::Job(lease.clone())));
    for ended in join_all(ended).await {
        match ended {
            Ok(_) => {}
            Err(StoreError::LeaseLost) => return Err(StoreError::LeaseLost),
            Err(error) => tracing::warn!(%error, "an arrival stays due"),
        }
    }
    for record in decide::run(node, lease, undecided).await? {
        peers.add(record.key.origin.clone(), record);
    }
    for (origin, mut records) in peers.in_order() {
        while !records.is_empty() {
            let batch: Vec<_> = records.drain(..records.len().min(RETRIEVALS_PER_CONNECTION)).collect();
            let Some(claim) = under_way.claim_arrivals(node, &origin, batch.iter().map(|record| record.key.clone())) else { break };
            spawn(node, "retrieve", claim, retrieve::run(Arc::clone(node), lease.clone(), origin.clone(), batch));
        }
    }
    Ok(next_decision)
}

/// Runs a job beside the others; its claim ends with it.
fn spawn(
    node: &Arc<Node>,
    name: &'static str,
    claim: impl Send + 'static,
    job: impl Future<Output = Result<(), StoreError>> + Send + 'static,
) {
    let paused = Arc::clone(node);
    let task = async move {
        if let Err(error) = job.await {
            tracing::warn!(job = name, %error, "a job was given up; what is still due is begun again");
            // It is due at once, and the store is not better at once: the peer would be dialled in a circle.
            first(paused.world.sleep_until(paused.world.after(JOB_PAUSE)), paused.stop.raised()).await;
        }
        drop(claim);
    };
    node.world.spawn(name, Box::pin(task));
}
