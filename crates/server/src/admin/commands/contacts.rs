//! `contacts`: who has written and was let in by nobody yet. To allow and to block them is to add an entry.

use delivery::consent::Who;
use mail::address::Mailbox;
use mail::time::Timestamp;
use serde::Serialize;
use store::{Contact, ContactKind};

use crate::admin::{AdminError, Desk, Response};

#[derive(Serialize)]
struct Row {
    sender: Mailbox,
    count: u32,
    first: Timestamp,
    last: Timestamp,
    size_octets: u64,
    expires: Timestamp,
    evidence: String,
    kind: &'static str,
}

pub(super) async fn list(desk: &Desk, address: &Mailbox) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let contacts = desk.store.contacts(account.id, desk.means.now()).await?;
    let row = |contact: Contact| Row {
        sender: contact.sender,
        count: contact.count,
        first: contact.first,
        last: contact.last,
        size_octets: contact.size_octets,
        expires: contact.expires,
        evidence: format!("{}: {}", contact.evidence.rule, contact.evidence.detail),
        kind: match contact.kind {
            ContactKind::Notice => "notice",
            ContactKind::Legacy => "legacy",
        },
    };
    Ok(Response::of(contacts.into_iter().map(row).collect::<Vec<_>>()))
}

pub(super) async fn dismiss(desk: &Desk, address: &Mailbox, who: &Who) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let dismissed = desk.store.dismiss_contact(account.id, who, desk.means.now()).await?;
    if dismissed == 0 {
        return Err(AdminError::refused("no-such-contact", format!("nothing waits from {who}")));
    }
    Ok(Response::of(serde_json::json!({ "who": who, "dismissed": dismissed })))
}
