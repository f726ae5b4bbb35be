//! What other processes did to accounts that somebody here waits for: asked of the database they share, once a second.

use std::sync::Arc;
use std::time::Duration;

use crate::node::Node;
use crate::world::first;

/// Between two questions: how late a change in another process is seen at most.
const EVERY: Duration = Duration::from_secs(1);

/// Runs until the node stops.
pub(super) async fn run(node: Arc<Node>) {
    let mut has_failed = false;
    while !node.stop.is_raised() {
        let asked = node.store.ask_for_watched().await;
        match &asked {
            Err(error) if !has_failed => tracing::warn!(%error, "what happens in other processes is not seen for now"),
            Ok(()) | Err(_) => {}
        }
        has_failed = asked.is_err();
        first(node.world.sleep_until(node.world.after(EVERY)), node.stop.raised()).await;
    }
}
