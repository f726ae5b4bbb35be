//! Whose mailbox an address is: the same answer for mail that is pushed, noticed, submitted, or stays on this server.

use std::iter::once;

use mail::address::Mailbox;
use store::{Account, Addressee, StoreError};

use crate::node::Node;

/// The account that receives for an address.
///
/// # Errors
/// The store is not available.
pub async fn account(node: &Node, recipient: &Mailbox) -> Result<Option<Account>, StoreError> {
    for mailbox in mailboxes(node, recipient) {
        if let Some(found) = node.store.resolve(&mailbox).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The same, and how mail is taken there that this network pushes.
///
/// # Errors
/// The store is not available.
pub async fn addressee(node: &Node, recipient: &Mailbox, network: &str) -> Result<Option<Addressee>, StoreError> {
    for mailbox in mailboxes(node, recipient) {
        if let Some(found) = node.store.addressee(&mailbox, network.to_owned()).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Where to look, best first. `postmaster` is somebody's in any case, if the administrator named anybody at all. The
/// recipient stays who the envelope names: consent, rules and the origin's own check go by that.
fn mailboxes(node: &Node, recipient: &Mailbox) -> impl Iterator<Item = Mailbox> {
    // RFC 5321 section 4.5.1: without a domain it is the server's, and it has to be taken.
    let is_postmaster = recipient.local().eq_ignore_ascii_case("postmaster");
    let elsewhere = node.settings.domains.iter().filter_map(|domain| Mailbox::new("postmaster", domain.clone()).ok());
    let named = elsewhere.chain(node.settings.postmaster.clone()).filter(move |_mailbox| is_postmaster);
    once(recipient.clone()).chain(named)
}
