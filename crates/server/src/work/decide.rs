//! Decides consent for notices a little after they were recorded: a job of its own, so that neither the
//! bytes nor the time of a reply to NOTICE tell of the allow list.

use std::sync::Arc;

use delivery::arrival::Stage;
use futures_util::future::try_join_all;
use store::{ArrivalKey, Lease, StoreError};

use crate::events::Event;
use crate::node::Node;

/// Decides them all, in as few commits as the store makes of it.
///
/// # Errors
/// The store's.
pub async fn run(node: &Arc<Node>, lease: &Lease, undecided: Vec<ArrivalKey>) -> Result<(), StoreError> {
    let decisions = undecided.iter().map(|key| node.store.decide(key, lease, node.world.now(), node.jitter()));
    let decided = try_join_all(decisions).await?;
    let mut any_due = false;
    for record in decided.into_iter().flatten() {
        let (transfer, from, to) = (record.key.id, record.notice.from, record.notice.to);
        match record.arrival.stage {
            Stage::Listed => node.events.tell(&Event::Listed { transfer, from, to }),
            Stage::Due { .. } => {
                any_due = true;
                node.events.tell(&Event::Due { transfer, from, to });
            }
            // Dropped is silent here too: the log of a shared machine must not tell whom one blocks.
            Stage::Noted { .. } | Stage::Dropped { .. } | Stage::Stored { .. } | Stage::Declining { .. } | Stage::Ended(_) => {}
        }
    }
    if any_due {
        node.due.raise();
    }
    Ok(())
}
