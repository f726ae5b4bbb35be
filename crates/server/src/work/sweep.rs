//! What is done now and then: contents nobody names are removed; after a downtime or a restore, the servers of those
//! whom our users let in are asked what waits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mail::address::{Domain, Mailbox};
use store::{AllowedPair, LastSeen, StoreError};

use crate::node::Node;
use crate::work::{pending, resume};
use crate::world::first;

/// Between two removals of orphans.
const ORPHANS_EVERY: Duration = Duration::from_hours(1);

/// What is older was not adopted by a transaction that is still under way.
const ORPHAN_AGE_MIN: Duration = Duration::from_hours(24);

/// A downtime that may have cost notices: origins try for days, but one that began before us may have given up.
const DOWNTIME_MIN: Duration = Duration::from_hours(6);

/// Pairs read at once.
const PAGE: usize = 500;

/// Runs until the node stops. `left` is how the store was found at start.
pub async fn run(node: Arc<Node>, left: LastSeen) {
    if is_catch_up_due(&node, &left)
        && let Err(error) = catch_up(&node, &left).await
    {
        tracing::warn!(%error, "what waits elsewhere was not asked for");
    }
    while !node.stop.is_raised() {
        if let Err(error) = resume::what_was_cut_short(&node).await {
            tracing::warn!(%error, "what was cut short stays so for now");
        }
        match node.store.sweep_mailboxes(node.world.now()).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "mail that lies in no mailbox any more is deleted"),
            Err(error) => tracing::warn!(%error, "mail that lies in no mailbox any more stays for now"),
        }
        match node.store.sweep_orphans(node.world.now() - ORPHAN_AGE_MIN).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "contents that nobody names are removed"),
            Err(error) => tracing::warn!(%error, "orphans stay for now"),
        }
        match node.store.sweep_kept(node.world.now()).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "pushed mail that was kept aside is deleted: its time is over"),
            Err(error) => tracing::warn!(%error, "what was kept aside stays for now"),
        }
        if let Err(error) = node.store.sweep_answered(node.world.now()).await {
            tracing::warn!(%error, "whom absence replies were given long ago stays remembered for now");
        }
        if let Err(error) = node.store.sweep_former(node.world.now()).await {
            tracing::warn!(%error, "notices to mailboxes that are gone stay remembered for now");
        }
        first(node.world.sleep_until(node.world.after(ORPHANS_EVERY)), node.stop.raised()).await;
    }
}

fn is_catch_up_due(node: &Node, left: &LastSeen) -> bool {
    left.restored || left.at.is_some_and(|at| node.world.now().since(at) >= DOWNTIME_MIN)
}

/// Asks for what waits, for every pair of a sender who is let in and the mailbox that lets them in.
async fn catch_up(node: &Arc<Node>, left: &LastSeen) -> Result<(), StoreError> {
    let mut after: Option<AllowedPair> = None;
    loop {
        let page = node.store.allowed_pairs(after.as_ref(), PAGE).await?;
        let Some(last) = page.last().cloned() else {
            return if left.restored { node.store.forget_restore().await } else { Ok(()) };
        };
        let mut by_origin: BTreeMap<Domain, Vec<(Mailbox, Mailbox)>> = BTreeMap::new();
        for pair in page {
            let (Ok(from), Ok(to)) = (pair.sender.parse::<Mailbox>(), pair.recipient.parse::<Mailbox>()) else { continue };
            if !node.is_local(from.domain()) {
                by_origin.entry(from.domain().clone()).or_default().push((from, to));
            }
        }
        for (origin, pairs) in by_origin {
            if node.stop.is_raised() {
                return Ok(());
            }
            if let Err(reason) = pending::ask(node, &origin, &pairs).await {
                tracing::info!(%origin, reason, "not asked what waits; the origin gives its notices again by itself");
            }
        }
        after = Some(last);
    }
}
