//! Decides consent for notices a little after they were recorded: a job of its own, so that neither the
//! bytes nor the time of a reply to NOTICE tell of the allow list.

use std::sync::Arc;

use delivery::arrival::Stage;
use futures_util::future::join_all;
use store::{ArrivalKey, Lease, StoreError};

use crate::events::Event;
use crate::node::Node;

/// Decides them all, in as few commits as the store makes of it.
///
/// # Errors
/// The store's.
pub async fn run(node: &Arc<Node>, lease: &Lease, undecided: Vec<ArrivalKey>) -> Result<(), StoreError> {
    let decisions = undecided.iter().map(|key| node.store.decide(key, lease, node.world.now(), node.jitter()));
    let mut any_due = false;
    for decided in join_all(decisions).await {
        let record = match decided {
            Ok(Some(record)) => record,
            Ok(None) => continue,
            Err(StoreError::LeaseLost) => return Err(StoreError::LeaseLost),
            // One that can't be decided must not hold up the others.
            Err(error) => {
                tracing::warn!(%error, "consent is not decided yet");
                continue;
            }
        };
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
