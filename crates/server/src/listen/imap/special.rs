//! The mailboxes that mail programs look for: made when somebody logs in for the first time.

use mail::id::AccountId;
use mail::special_use::SpecialUse;
use store::StoreError;
use store::mailboxes::{CreateMailbox, Created, Subscription};

use crate::node::Node;

/// Where everything arrives.
const INBOX: &str = "INBOX";

/// What mail programs put messages into by themselves.
const MADE: [(&str, SpecialUse); 5] = [
    ("Drafts", SpecialUse::Drafts),
    ("Sent", SpecialUse::Sent),
    ("Junk", SpecialUse::Junk),
    ("Trash", SpecialUse::Trash),
    ("Archive", SpecialUse::Archive),
];

/// Makes those mailboxes for an account that has never had them, and subscribes to all there are.
///
/// # Errors
/// The store's. The next login goes on.
pub async fn make(node: &Node, account: AccountId) -> Result<(), StoreError> {
    if node.store.is_furnished(account).await? {
        return Ok(());
    }
    // What came by import, or was made on delivery.
    for mailbox in node.store.mailboxes(account).await?.into_iter().filter(|mailbox| mailbox.name != INBOX) {
        node.store.subscribe(account, &mailbox.name, Subscription::On).await?;
    }
    for (name, special_use) in MADE {
        let now = node.world.now();
        let create = CreateMailbox { id: node.new_mailbox_id(), name: name.to_owned(), special_use: Some(special_use), now };
        match node.store.create_mailbox(account, create).await? {
            // Made on delivery, before anybody had logged in.
            Created::Done(_) | Created::Exists | Created::UseTaken => {}
            other => {
                tracing::warn!(name, ?other, "a special folder was not made");
                return Ok(());
            }
        }
        node.store.subscribe(account, name, Subscription::On).await?;
    }
    node.store.subscribe(account, INBOX, Subscription::On).await?;
    // Last: whoever was cut short begins again, and whoever was not leaves to its owner what becomes of them.
    node.store.furnish(account).await
}
