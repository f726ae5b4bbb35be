//! Mail for domains without the extension, by ordinary SMTP. Nothing is pushed yet: it waits, and its status says so.

use delivery::transfer::TransferEvent;
use store::{Lease, StoreError, TransferRecord, Writer};

use crate::node::Node;

/// The transfer's status until ordinary SMTP is spoken.
pub const NOT_PUSHED: &str = "the recipient's server does not speak two-way mail; nothing has been pushed to it";

/// Puts the attempt off.
///
/// # Errors
/// The store's.
pub async fn defer(node: &Node, lease: &Lease, record: &TransferRecord) -> Result<(), StoreError> {
    let (event, detail) = (TransferEvent::RelayDeferred, Some(NOT_PUSHED.to_owned()));
    node.settle_event(&record.id, event, detail, Writer::Job(lease.clone())).await.map(drop)
}
