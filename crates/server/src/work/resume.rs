//! What an earlier life of this store left half done: restores, accounts, changes of consent.

use std::time::Duration;

use delivery::transfer::{Transfer, TransferEvent};
use futures_util::future::try_join_all;
use mail::time::Timestamp;
use store::{StoreError, TransferRecord, Writer};

use crate::node::Node;

/// Longer than anybody takes to add an account.
const ADDING_MAX: Duration = Duration::from_mins(10);

/// Transfers that are told of a restore at once.
const PAGE: usize = 500;

/// After a restore from a backup: what was done since is forgotten here, and remembered elsewhere. Before any job begins,
/// or one would act on what is not so any more. Once, and only of messages that were kept until then: one that is kept later,
/// while this goes on or after it, was never noticed by a life that is forgotten, and would be held back as if it might have been.
///
/// # Errors
/// The store's.
pub(super) async fn after_restore(node: &Node, kept_until: Timestamp) -> Result<(), StoreError> {
    for account in node.store.accounts().await? {
        let sent = node.store.sent(account.id).await?;
        let concerned = |record: &&TransferRecord| record.kept <= kept_until && !matches!(record.transfer, Transfer::Ended { .. });
        let open: Vec<_> = sent.iter().filter(concerned).collect();
        for page in open.chunks(PAGE) {
            let told = page.iter().map(|record| node.settle_event(&record.id, TransferEvent::Restored, None, Writer::Session));
            try_join_all(told).await?;
        }
    }
    node.store.note_restore_told().await
}

/// Accounts half added or half deleted, and changes of consent that are not applied to all that waits.
///
/// # Errors
/// The store's.
pub(super) async fn what_was_cut_short(node: &Node) -> Result<(), StoreError> {
    let now = node.world.now();
    node.store.resume_accounts(now - ADDING_MAX, now).await?;
    if node.store.resume_redecisions(now, node.jitter()).await? > 0 {
        node.due.raise();
    }
    Ok(())
}
