//! Decides consent for notices a little after they were recorded: a job of its own, so that neither the
//! bytes nor the time of a reply to NOTICE tell of the allow list.

use std::sync::Arc;

use delivery::arrival::Stage;
use delivery::schedule::decision_delay;
use futures_util::future::join_all;
use mail::digest::Digester;
use mail::time::Timestamp;
use store::{ArrivalKey, ArrivalRecord, Lease, StoreError};

use crate::events::Event;
use crate::node::Node;

/// The random delays of decisions that were overdue when their partitions became ours (a restart, another node's end):
/// drawn anew, since then, or all would be made at once, at a time that anybody can tell.
pub(super) struct Delays {
    since: Timestamp,
    seed: [u8; 16],
}

impl Delays {
    /// For partitions that become ours now.
    pub(super) fn draw(node: &Node) -> Self {
        Self { since: node.world.now(), seed: node.world.random() }
    }

    /// When consent is decided for an arrival, if it is to be decided. The same at every look.
    pub(super) fn decide_at(&self, record: &ArrivalRecord) -> Option<Timestamp> {
        let decide_at = match record.arrival.stage {
            Stage::Noted { decide_at } => decide_at,
            _ => record.arrival.look_again_at?,
        };
        Some(if decide_at < self.since { self.anew(&record.key) } else { decide_at })
    }

    fn anew(&self, key: &ArrivalKey) -> Timestamp {
        let (origin, id) = (key.origin.as_str().as_bytes(), key.id.as_str().as_bytes());
        let digest = Digester::of_all([self.seed.as_slice(), origin, id, key.recipient.as_bytes()]);
        let chance = digest.as_bytes().first().copied().unwrap_or(0);
        self.since + decision_delay(chance)
    }
}

/// Decides them all, in as few commits as the store makes of it. Returns those that are to be retrieved.
///
/// # Errors
/// The store's.
pub async fn run(node: &Arc<Node>, lease: &Lease, undecided: Vec<ArrivalRecord>) -> Result<Vec<ArrivalRecord>, StoreError> {
    let decisions = undecided.iter().map(|record| node.store.decide(&record.key, lease, node.world.now(), node.jitter()));
    let mut due = Vec::new();
    for (before, decided) in undecided.iter().zip(join_all(decisions).await) {
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
        let (transfer, from, to) = (record.key.id.clone(), record.notice.from.clone(), record.notice.to.clone());
        match record.arrival.stage {
            // Its notice came again, and nothing has changed.
            Stage::Listed if before.arrival.stage == Stage::Listed => {}
            // Its own time comes, in the next round or later.
            Stage::Due { .. } if matches!(before.arrival.stage, Stage::Due { .. }) => node.due.raise(),
            Stage::Listed => node.events.tell(&Event::Listed { transfer, from, to }),
            Stage::Due { .. } => {
                node.events.tell(&Event::Due { transfer, from, to });
                due.push(record);
            }
            // Dropped is silent here too: the log of a shared machine must not tell whom one blocks.
            Stage::Noted { .. } | Stage::Dropped { .. } | Stage::Stored { .. } | Stage::Declining { .. } | Stage::Ended(_) => {}
        }
    }
    Ok(due)
}
