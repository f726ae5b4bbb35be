//! What other processes over the same database do to mailboxes that are open here: asked for once a second.

use std::sync::Arc;
use std::time::Duration;

use crate::node::Node;
use crate::world::first;

/// How often. A client that listens waits this much longer for what another process has done.
const EVERY: Duration = Duration::from_secs(1);

/// Asks until the server stops. Nobody has to, where nobody shares the store.
pub async fn ask(node: Arc<Node>) {
    while node.store.is_shared() && !node.stop.is_raised() {
        if let Err(error) = node.store.ask_for_watched().await {
            tracing::warn!(%error, "what other processes did is not known");
        }
        first(node.stop.raised(), node.world.sleep_until(node.world.after(EVERY))).await;
    }
}
